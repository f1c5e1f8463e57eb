"""Calling the scripts as real processes: by this interpreter, or exactly as Fae's executor does."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fae_training.lifecycle import runs
from fae_training.store.state import Home

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
LANGUAGE_MODEL = ROOT / "samples" / "language-model"
# uv says where it is to what it runs; without that, our scripts start each other by the same interpreter.
# The processes of pytest-xdist come later than that was taken away, so they get it under another name.
UV = os.environ.pop("UV", None) or os.environ.get("UV_OF_THE_TESTS") or shutil.which("uv")
os.environ["UV_OF_THE_TESTS"] = UV or ""
if UV and not shutil.which("uv"):  # as on a machine where a person installed it
    os.environ["PATH"] += os.pathsep + os.path.dirname(UV)
os.environ.pop("UV_RUN_RECURSION_DEPTH", None)


@dataclass(frozen=True)
class Answer:
    """What a script printed, and its exit status."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> dict:
        """The one JSON object on standard output; anything beside it is an error here."""
        return json.loads(self.out)


def script(name: str, *arguments, home: Path, stdin: str = "", cwd=None, **environment) -> Answer:
    """Run scripts/<name>.py in the state directory `home`; `environment` is added to this process's own."""
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, arguments)]
    return process(
        command, {**os.environ, "FAE_TRAINING_HOME": str(home), **environment}, stdin, cwd
    )


def answer(name: str, *arguments, home: Path, **given) -> dict:
    """The JSON answer of a script that must succeed."""
    got = script(name, *arguments, "--json", home=home, **given)
    assert got.status == 0, got.out + got.err
    return got.json


def approval_code(home: Path, run: str) -> str:
    """What a person reads at the end of the proposal."""
    text = (home / "runs" / run / "proposal.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"\*\*([A-Z2-9]{3}-[A-Z2-9]{3})\*\*", text)
    return code


def process(command, environment, stdin="", cwd=None, patience_s=None) -> Answer:
    """Run to the end of its output, as Fae does: a child that keeps the pipe open counts as not having ended.

    Standard error is read after standard output, also as Fae does. Past `patience_s` the group is killed and
    subprocess.TimeoutExpired raised.
    """
    began = time.monotonic()
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=cwd,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = child.communicate(stdin, timeout=patience_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    return Answer(child.returncode, out, err, time.monotonic() - began)


def at_a_terminal(
    script: Path, *arguments: str, home: Path, typed: str, asked: Callable[[], object] | None = None
) -> tuple[int, str]:
    """Exit status and what a person saw who typed that at a terminal; `asked` is done first, once a question is there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, str(script), *arguments]
    environment = {**os.environ, "FAE_TRAINING_HOME": str(home)}
    person = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    if asked:
        while not seen.endswith(b"] "):
            seen += os.read(ours, 4096)
        asked()
    os.write(ours, typed.encode())
    while True:
        if not select.select([ours], [], [], 60)[0]:
            person.kill()
            raise AssertionError(f"it waits for more than was typed; seen: {seen.decode()}")
        try:
            read = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not read:
            break
        seen += read
    os.close(ours)
    return person.wait(), seen.decode()


def wait_until_ended(run: str, home: Path, patience_s: float = 300) -> dict:
    """The last answer of check_status for a run in the background."""
    wait_until(lambda: has_ended(run, home), patience_s)
    return answer("check_status", "--run", run, home=home)


def has_ended(run: str, home: Path) -> bool:
    """Read in this process: a script that is started again and again takes a core from the worker."""
    return runs.Run(Home(home), run).status() in ("completed", "failed", "cancelled", "interrupted")


def wait_until(holds: Callable[[], bool], patience_s: float = 300) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, f"waited for {patience_s} s"
        time.sleep(0.05)
