"""--dry-run changes nothing anywhere: the state directory is the same before and after."""

import hashlib
import re

import numpy
import pytest
import soundfile

import calls
import prepared
from fae_training.store import consent, state

SCRIPTS = sorted(
    path.stem
    for path in calls.SCRIPTS.glob("*.py")
    if re.search(r"dry_run=True|launch\.build_parser", path.read_text())
)
GIVEN = {
    "add_correction": [
        ["--heard", "Marian", "--meant", "Marion"],
        ["--heard", "Marian", "--meant", "Marion", "--clip", "{sound}"],
        ["--file", "{corrections}"],
    ],
    "add_samples": [["--class", "speech", "--kind", "keyword", "--files", "{sound}"]],
    "deploy": [["--code", "{code}"], ["--code", "AAA-AAA"], ["--check"], []],
    "export_data": [["--db", "{database}", "--exclude", "x", "--forget", "weather"]],
    "evaluate": [["--run", "{ready}"], ["--run", "{ready}", "--rescore"]],
    "extract_corrections": [["--db", "{database}"]],
    "propose": [["--run", "{ready}"], ["--reject", "no"]],
    "rollback": [[], ["--kind", "keyword"]],
    "setup": [["--consent", "audio"], ["--revoke", "conversations"], ["--no-models"]],
    "train": [["--model", str(calls.LANGUAGE_MODEL)], ["--resume", "latest"]],
    "train_dpo": [["--model", str(calls.LANGUAGE_MODEL)]],
}


def picture(home) -> dict:
    """Of everything below `home`, itself included: kind, mode, time and contents."""
    found = {}
    for path in (home, *sorted(home.rglob("*"))):
        about = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        found[str(path)] = (about.st_mode, about.st_mtime_ns, content)
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A home with something to do for every script, and its approval code."""
    home = tmp_path_factory.mktemp("dry") / "home"
    place = prepared.allowed(home)
    consent.change(place, ["corrections", "audio"], [])
    prepared.deployed(place, 1)
    proposed = prepared.judged(place, 2)
    calls.answer("propose", "--run", proposed.id, home=home)
    code = calls.approval_code(home, proposed.id)
    prepared.learned(place, prepared.finished(place, 3), "What is the weather?", "And the news?")
    state.append_jsonl(home / "data" / "sft" / "train.jsonl", {"messages": "cannot be used"})
    noise = tmp_path_factory.mktemp("given") / "noise.wav"
    soundfile.write(noise, numpy.random.default_rng(1).normal(0, 0.1, 16_000), 16_000)
    rows = noise.with_name("corrections.jsonl")
    rows.write_text('{"heard": "Marian", "meant": "Marion", "clip": "noise.wav"}\n')
    ready = prepared.finished(place, 4)
    return {"home": home, "code": code, "sound": noise, "corrections": rows, "ready": ready.id}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_dry_run_changes_nothing(filled, fae_directory, script, tmp_path):
    home = filled["home"]
    before = picture(home)
    for given in GIVEN.get(script, [[]]):
        given = [each.format(**filled, database=fae_directory.database) for each in given]
        got = calls.script(script, *given, "--dry-run", "--json", home=home, cwd=tmp_path)
        assert got.json.get("error", {}).get("code") != "unexpected", got.out
        assert picture(home) == before, given


def test_the_first_dry_run_of_all_makes_no_state_directory(home):
    for script in SCRIPTS:
        calls.script(script, "--dry-run", "--json", home=home)
        assert not home.exists(), script


def test_every_script_has_it_except_those_that_only_read():
    reads = {"check_status", "doctor", "list_runs", "listen", "mcp_server"}
    assert {path.stem for path in calls.SCRIPTS.glob("*.py")} - set(SCRIPTS) == reads


@pytest.mark.parametrize(
    ("script", "damaged"),
    [
        ("export_data", "exclusions.json"),
        ("export_data", "forgetting.json"),
        ("train", "consent.json"),
    ],
)
def test_a_dry_run_leaves_a_damaged_file_where_it_is(tmp_path, script, damaged):
    home = tmp_path / "home"
    home.mkdir()
    (home / damaged).write_text('{"schema": 1, ')
    given = [each.format(database="none", code="AAA-AAA") for each in GIVEN[script][0]]
    before = picture(home)
    got = calls.script(script, *given, "--dry-run", "--json", home=home)
    assert picture(home) == before, got.out
    assert "nothing was changed, and nothing more can be said" in got.json["error"]["message"]
    # Without it the file is set aside.
    assert calls.script(script, *given, "--json", home=home).json["status"] == "error"
    assert not (home / damaged).exists() and list(home.glob(f"{damaged}.corrupt-*"))
