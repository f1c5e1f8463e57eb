"""What a person sees, however they look at it: through a pipe that closes, on an ASCII terminal, and to paste again."""

import os
import re
import shlex
import subprocess
import sys

import calls
import pytest
from calls import ROOT, SCRIPTS

EVERY_SCRIPT = sorted(path.stem for path in SCRIPTS.glob("*.py"))


def into_a_closed_pipe(command: list, environment: dict, stream: str) -> tuple[int, str]:
    """(exit status, what came on the other stream) of a command whose `stream` nobody reads."""
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


@pytest.mark.parametrize("name", EVERY_SCRIPT)
def test_help_into_a_pipe_that_closes_is_no_failure(name, home):
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
        ("train", ("--model", "{}/no/model"), "{}/no/model"),
        ("train_stt", ("--model", "{}/no/model"), "{}/no/model"),
        ("export_data", ("--db", "{}/damaged.db"), "{}/damaged.db"),
    ],
)
def test_a_command_that_is_printed_can_be_pasted(name, arguments, path, tmp_path, home):
    place = tmp_path / AWKWARD
    place.mkdir()
    (place / "a file.wav").write_bytes(b"no sound")
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


def test_no_command_with_a_path_is_put_together_by_hand():
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


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_stream_that_the_caller_closed_is_no_failure_and_nothing_is_written_into_its_number(
    closed, home
):
    """The lock would get the number of a closed stream, which a worker's log takes the place of."""
    program = (
        "import os, sys\n"
        "from fae_training import calling\n"
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
