"""The state directory: whole files at any moment, nobody else's to read, nothing corrupt passed over in silence."""

import json
import os
import stat
import subprocess
import sys

import pytest

from fae_training.calls.errors import Failed, Missing
from fae_training.store import state


def python(source: str, *arguments) -> subprocess.Popen:
    """A process of its own that runs `source`; sys.argv[1:] are `arguments`."""
    return subprocess.Popen(
        [sys.executable, "-c", source, *map(str, arguments)], stderr=subprocess.PIPE
    )


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_0600_and_directories_0700_whatever_the_umask(home):
    before = os.umask(0)
    try:
        state.write_json(home / "runs" / "a" / "run.json", {})
        state.write_jsonl(home / "rows.jsonl", [{}])
        state.append_jsonl(home / "history.jsonl", {})
        state.write_text(home / "proposal.md", "")
    finally:
        os.umask(before)
    found = {path.name: mode(path) for path in home.rglob("*")} | {"home": mode(home)}
    assert found == {
        "home": 0o700,
        "runs": 0o700,
        "a": 0o700,
        "run.json": 0o600,
        "rows.jsonl": 0o600,
        "history.jsonl": 0o600,
        "proposal.md": 0o600,
    }


def test_json_files_carry_the_schema_and_leave_no_temporary_file(home):
    state.Home(home).write("config.json", {"language": "Français"})
    assert json.loads((home / "config.json").read_bytes()) == {"schema": 1, "language": "Français"}
    assert state.Home(home).read("config.json")["language"] == "Français"
    assert os.listdir(home) == ["config.json"]


def test_a_file_is_on_disk_before_it_has_its_name_and_its_directory_after(home, monkeypatch):
    """A power cut between any two of these leaves the old file or the new one, whole."""
    path, synced = home / "run.json", []
    state.write_json(path, {"step": 1})
    really = os.fsync

    def fsync(handle: int) -> None:
        about = os.fstat(handle)
        synced.append((about.st_ino, about.st_size, state.read_json(path)["step"]))
        really(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    state.write_json(path, {"step": 2, "padding": "x" * 100_000})
    (file, size, before), (directory, _, after) = synced
    assert (file, size, before) == (path.stat().st_ino, path.stat().st_size, 1)
    assert (directory, after) == (home.stat().st_ino, 2)


@pytest.mark.parametrize(
    "text, what",
    [("{'a': 1}", "is not JSON"), ("", "is not JSON"), ("[1]", "is a list, expected an object"), ('{"a"', "is not JSON")],
)  # fmt: skip
def test_a_corrupt_file_is_named_and_set_aside_with_its_contents(home, text, what):
    path = home / "active.json"
    home.mkdir()
    path.write_text(text)
    with pytest.raises(Failed) as refused:
        state.read_json(path)
    assert refused.value.code == "state_corrupt"
    assert str(path) in refused.value.message and what in refused.value.message
    [aside] = home.iterdir()
    assert aside.name.startswith("active.json.corrupt-") and aside.name in refused.value.message
    assert aside.read_text() == text
    assert state.read_json(path, {"new": True}) == {"new": True}


def test_a_file_of_a_later_schema_is_refused_and_stays_where_it_is(home):
    path = home / "consent.json"
    home.mkdir()
    path.write_text('{"schema": 2}')
    with pytest.raises(Failed, match="has schema 2, but this version reads schema 1"):
        state.read_json(path)
    assert path.read_text() == '{"schema": 2}'


def test_a_file_is_whole_at_every_moment_though_its_writer_is_killed(home):
    path = home / "run.json"
    state.write_json(path, {"number": -1, "padding": ""})
    source = (
        "import sys, pathlib\nfrom fae_training.store import state\n"
        "for n in range(10**9): state.write_json(pathlib.Path(sys.argv[1]), {'number': n, 'padding': 'x' * 500000})"
    )
    seen = []
    for _ in range(4):
        writer = python(source, path)
        start = state.read_json(path)["number"]
        while state.read_json(path)["number"] in (start, 0):
            assert writer.poll() is None, writer.stderr.read()
        writer.kill()
        writer.wait()
        seen.append(state.read_json(path)["number"])
    assert min(seen) > 0


FULL_DISK = """
import json, pathlib, resource, sys
from fae_training.store import state
from fae_training.calls.errors import SkillError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    {call}
except SkillError as error:
    print(json.dumps(error.as_dict()["error"]), file=sys.stderr)
"""


def test_a_full_disk_leaves_what_was_there_before_and_no_rest(home):
    path = home / "run.json"
    state.write_json(path, {"step": 1})
    call = "state.write_json(pathlib.Path(sys.argv[1]), {'padding': 'x' * 300_000})"
    error = json.loads(python(FULL_DISK.format(call=call), path).communicate()[1])
    assert error["code"] == "write_failed" and str(path) in error["message"]
    assert state.read_json(path) == {"schema": 1, "step": 1}
    assert os.listdir(home) == ["run.json"]


def test_a_disk_that_fills_up_in_mid_line_is_an_error_and_the_next_line_is_whole(home):
    path = home / "metrics.jsonl"
    state.append_jsonl(path, {"step": 1, "padding": "x" * 99_000})
    call = "state.append_jsonl(pathlib.Path(sys.argv[1]), {'step': 2, 'padding': 'y' * 5_000})"
    error = json.loads(python(FULL_DISK.format(call=call), path).communicate()[1])
    assert error["code"] == "write_failed"
    assert path.stat().st_size == 100_000, "half a line is there"
    assert [row["step"] for row in state.read_jsonl(path)] == [1]
    state.append_jsonl(path, {"step": 3})
    assert [row["step"] for row in state.read_jsonl(path)] == [1, 3]


def test_a_place_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Missing) as refused:
        state.write_json(tmp_path / "file" / "run.json", {})
    assert refused.value.code == "home_not_writable" and "--home" in refused.value.hint
    with pytest.raises(Missing):
        state.append_jsonl(tmp_path / "file" / "history.jsonl", {})


def test_two_writers_never_mix_their_lines(home):
    path = home / "history.jsonl"
    source = (
        "import sys, pathlib\nfrom fae_training.store import state\n"
        "for n in range(300): state.append_jsonl(pathlib.Path(sys.argv[1]), {'who': sys.argv[2], 'n': n, 'padding': sys.argv[2] * 3000})"
    )
    writers = [python(source, path, who) for who in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    rows = state.read_jsonl(path)
    for who in "ab":
        assert [row["n"] for row in rows if row["who"] == who] == list(range(300))


@pytest.mark.parametrize("cut", [3, 4, 9])
def test_a_last_line_cut_off_by_a_kill_is_left_out_and_the_next_one_is_whole(home, cut):
    """4 bytes: in the middle of a character of three."""
    path = home / "metrics.jsonl"
    state.write_jsonl(path, [{"step": 1}, {"step": 2, "price": "€"}])
    path.write_bytes(path.read_bytes()[:-cut])
    assert [row["step"] for row in state.read_jsonl(path)] == [1]
    state.append_jsonl(path, {"step": 3})
    assert [row["step"] for row in state.read_jsonl(path)] == [1, 3]


def test_line_separators_inside_a_text_do_not_end_a_row(home):
    text = "one\u2028two\u2029three\x85four\x0bfive\rsix"
    state.write_jsonl(home / "train.jsonl", [{"text": text}, {"text": "next"}])
    assert state.read_jsonl(home / "train.jsonl") == [{"text": text}, {"text": "next"}]


def test_a_broken_line_in_the_middle_is_named_by_its_number(home):
    home.mkdir()
    (home / "history.jsonl").write_text('{"a": 1}\nbroken\n{"a": 3}\n')
    with pytest.raises(Failed, match=r"line 2 of .*history\.jsonl is not JSON"):
        state.read_jsonl(home / "history.jsonl")


def test_rows_are_written_from_a_generator_and_not_at_all_when_it_fails(home):
    path = home / "train.jsonl"
    state.write_jsonl(path, [{"old": True}])

    def rows():
        yield {"new": True}
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        state.write_jsonl(path, rows())
    assert state.read_jsonl(path) == [{"old": True}] and os.listdir(home) == ["train.jsonl"]


def test_the_default_home_is_the_environments_else_in_the_users_directory(monkeypatch):
    monkeypatch.setenv("FAE_TRAINING_HOME", "/somewhere/else")
    assert str(state.default_home()) == "/somewhere/else"
    monkeypatch.setenv("FAE_TRAINING_HOME", "")
    monkeypatch.setenv("HOME", "/home/sam")
    assert str(state.default_home()) == "/home/sam/.fae/training"


@pytest.mark.parametrize("name", ["config.json", "exclusions.json", "consent.json"])
def test_a_mark_before_the_text_is_passed_over(tmp_path, name):
    """As Windows editors save UTF-8."""
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + b'{"schema": 1, "topics": ["Z\xc3\xbcrich"]}')
    assert state.read_json(path)["topics"] == ["Zürich"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_is_there_twice_is_not_read_as_the_last_one(tmp_path):
    """json.loads would drop the first: what a person excluded would be exported."""
    path = tmp_path / "exclusions.json"
    path.write_text('{"schema": 1, "topics": ["clinic"], "topics": []}')
    with pytest.raises(Failed, match="the key 'topics' is there twice"):
        state.read_json(path)
