"""Output for people: through a pipe that closes, on an ASCII terminal, and commands that can be pasted."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

import calls
from calls import ROOT, SCRIPTS
from test_train_stt import needs_a_voice

EVERY_SCRIPT = sorted(path.stem for path in SCRIPTS.glob("*.py"))


def into_a_closed_pipe(command: list, environment: dict, stream: str) -> tuple[int, str]:
    """(exit status, what was written to the other stream) of a command whose `stream` nobody reads."""
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            **{stream: writing, other: subprocess.PIPE},
        )
    finally:
        os.close(writing)
    return done.returncode, getattr(done, other).decode()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_answer_that_cannot_be_written_to_a_full_disk_is_reported_in_a_sentence(home):
    environment = {**os.environ, "FAE_TRAINING_HOME": str(home)}
    command = [sys.executable, str(SCRIPTS / "check_status.py")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE)
    assert done.stderr.decode() == "the answer could not be written: No space left on device\n"


@pytest.mark.parametrize("name", EVERY_SCRIPT)
def test_help_into_a_closing_pipe_is_not_a_failure(name, home):
    environment = {**os.environ, "FAE_TRAINING_HOME": str(home)}
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), "--help"]
    assert into_a_closed_pipe(command, environment, "stdout") == (0, "")


def test_errors_and_objects_into_a_pipe_that_closes_keep_their_status(home):
    environment = {**os.environ, "FAE_TRAINING_HOME": str(home)}
    command = [sys.executable, str(SCRIPTS / "list_runs.py"), "--no-such-flag"]
    assert into_a_closed_pipe(command, environment, "stderr") == (2, "")
    assert into_a_closed_pipe([*command, "--json"], environment, "stdout") == (2, "")


def test_an_answer_into_a_closed_pipe_keeps_its_exit_status(fae_directory, home):
    calls.answer("setup", "--consent", "conversations", "--no-models", home=home)
    environment = {**os.environ, "FAE_TRAINING_HOME": str(home)}
    command = [sys.executable, str(SCRIPTS / "export_data.py"), "--db", str(fae_directory.database)]
    assert into_a_closed_pipe([*command, "--dry-run"], environment, "stdout") == (0, "")
    assert into_a_closed_pipe([*command, "--min-episodes", "999999"], environment, "stderr") == (
        4,
        "",
    )


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}],
)
def test_an_ascii_terminal_gets_question_marks(home, environment):
    calls.answer("setup", "--consent", "corrections", "--no-models", home=home)
    got = calls.script(
        "add_correction", "--heard", "Zoey", "--meant", "Zoë", home=home, **environment
    )
    assert (got.status, got.err) == (0, "")
    assert "meant 'Zo?'" in got.out.replace("ë", "?")
    got = calls.script("add_correction", "--file", home / "Zoë.jsonl", home=home, **environment)
    assert got.status == 4 and "Traceback" not in got.err and "no file" in got.err


AWKWARD = 'it\'s my "home" & more'


@pytest.mark.parametrize(
    "name, arguments, path",
    [
        ("add_correction", ("--file", "{}/gone.jsonl"), "{}"),
        ("add_samples", ("--class", "wake", "--files", "{}/gone.wav"), "{}"),
        ("add_samples", ("--files", "{}/a file.wav"), "{}/a file.wav"),
        ("add_samples", ("--table", "{}/gone.csv"), "{}"),
        ("listen", ("{}/gone.wav",), "{}"),
        ("train", ("--model", "{}/no/model"), "{}/no/models"),
        pytest.param("train_stt", ("--model", "{}/no/model"), "{}/no/models", marks=needs_a_voice),
        ("export_data", ("--db", "{}/damaged.db"), "{}/damaged.db"),
    ],
)
def test_a_command_that_is_printed_can_be_pasted(name, arguments, path, tmp_path, home):
    place = tmp_path / AWKWARD
    place.mkdir()
    (place / "a file.wav").write_bytes(b"no sound")
    (place / "no" / "models").mkdir(parents=True)  # spelled nearly like what is asked for
    (place / "no" / "models" / "config.json").write_text("{}")
    (place / "damaged.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    calls.answer(
        "setup", "--consent", "conversations", "corrections", "audio", "--no-models", home=home
    )
    if name == "train":
        import small_runs

        small_runs.fill(home)
    if name == "train_stt":
        calls.answer("add_correction", "--heard", "Marian", "--meant", "Marion", home=home)
    got = calls.script(name, *(a.replace("{}", str(place)) for a in arguments), "--json", home=home)
    error = got.json["error"]
    assert path.replace("{}", str(place)) in shlex.split(error["hint"]), error


def test_every_command_with_a_path_is_quoted_by_command_line():
    """A path goes through errors.command_line, which quotes it."""
    by_hand = re.compile(
        r"""f["'](?:look at )?(?:ls|mv|cp|rm|df|cat|tail|head|open|sqlite3)\b[^"']*\{"""
    )
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("scripts", "lib")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if by_hand.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("folder", [True, False])
def test_the_next_command_names_the_script_and_the_home_as_they_were_typed(tmp_path, folder):
    place, elsewhere = tmp_path / AWKWARD, tmp_path / "elsewhere"
    elsewhere.mkdir()
    path, cwd = ("scripts", ROOT) if folder else (SCRIPTS, elsewhere)
    refused = subprocess.run(
        [sys.executable, f"{path}/export_data.py", "--home", place],
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    command = refused.stderr.rpartition("next: ")[2]
    given = ["--home", str(place), "--consent", "conversations"]
    assert shlex.split(command) == ["uv", "run", f"{path}/setup.py", *given]
    done = subprocess.run([sys.executable, *shlex.split(command)[2:]], cwd=cwd)
    assert done.returncode == 0 and (place / "consent.json").exists()


def test_failures_of_setup_are_reported_where_a_newcomer_looks(home):
    home.mkdir(exist_ok=True)
    kept = {"schema": 1, "environments": {}, "errors": {"model of train.py": "no network"}}
    (home / "setup.json").write_text(json.dumps(kept))
    got = calls.script("check_status", home=home)
    assert "The model of train.py could not be prepared: no network." in got.out
    assert "Check the Internet connection and the free disk space, then: uv run" in got.out
    assert got.out.rstrip().endswith("/setup.py --consent conversations"), "still to be given"
    planned = calls.answer("setup", "--dry-run", home=home)["missing"]
    assert {"environment of train.py", "model of train.py"} <= set(planned)


def test_a_download_is_planned_and_not_done_by_a_dry_run(home):
    got = calls.script("train", "--model", "nobody/nothing-here", "--fetch", "--dry-run", home=home)
    assert (got.status, got.err) == (0, "") and got.out.startswith("Would download nobody/nothing")


def test_the_model_of_config_json_is_what_is_downloaded(home):
    home.mkdir(exist_ok=True)
    wanted = {"sft": {"model": "nobody/language"}, "stt": {"model": "nobody/speech"}}
    (home / "config.json").write_text(json.dumps(wanted))
    for script, model in (("train", "nobody/language"), ("train_stt", "nobody/speech")):
        assert calls.answer(script, "--fetch", "--dry-run", home=home)["model"] == model


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_stream_that_the_caller_closed_is_not_a_failure_and_nothing_is_written_into_its_number(
    closed, home
):
    """The lock would get the number of a closed stream, which a worker's log takes the place of."""
    program = (
        "import os, sys\n"
        "from fae_training.calls import calling\n"
        "def main(call):\n"
        "    opened = os.open(os.devnull, os.O_RDONLY)\n"
        "    return calling.Result({'status': 'done'}, 'done', 0 if opened > 2 else 1)\n"
        "calling.run(main, calling.parser('A script.'))\n"
    )
    for arguments in ((), ("--json",)):
        command = ["sh", "-c", f'"$@" {" ".join(f"{number}>&-" for number in closed)}', "sh"]
        command += [sys.executable, "-c", program, *arguments, "--home", str(home)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert ("done" in done.stdout) == (1 not in closed)
