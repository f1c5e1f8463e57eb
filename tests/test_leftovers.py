"""Pytest can be killed at any moment, and no process that its tests started survives."""

import os
import signal
import subprocess
import sys
import time

import pytest

import calls
import leftovers

# A test that starts a training in the background, and one with a bare environment, as Fae's are.
KILLED = """
import os, pathlib, subprocess, sys, time
import calls, classifier_sounds, leftovers
from fae_training.classifiers.classes import CLASSIFIERS

def test_that_is_killed(home):
    {start}
    pathlib.Path({mark!r}).write_text(os.environ[leftovers.VARIABLE].split()[-1])
    time.sleep(600)
"""
STARTS = {
    "a training": (
        "calls.answer('setup', '--consent', 'audio', home=home)\n"
        "    classifier_sounds.fill(home, 'keyword', CLASSIFIERS['keyword'].classes)\n"
        "    calls.answer('train_keyword', '--preset', 'smoke', '--steps', 5000, '--detach', home=home)"
    ),
    "a process of its own session": (
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)"
    ),
}


def pytest_with(tmp_path, start: str, *arguments: str) -> tuple[subprocess.Popen, str]:
    """Pytest, under way in the test above with this repository's conftest.py; and the mark of what it started."""
    test, mark = tmp_path / "test_killed.py", tmp_path / "mark"
    test.write_text(KILLED.format(start=start, mark=str(mark)))
    environment = {n: v for n, v in os.environ.items() if not n.startswith("PYTEST_")}
    path = os.pathsep.join(str(calls.ROOT / name) for name in ("tests", "lib"))
    places = ("--rootdir", tmp_path, "--basetemp", tmp_path / "tests")
    began = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "conftest", *places, *arguments, test],
        env=environment | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    end = time.monotonic() + 120
    while not (mark.exists() and mark.read_text()):
        assert began.poll() is None and time.monotonic() < end, began.communicate(timeout=60)[0]
        time.sleep(0.02)
    return began, mark.read_text()


@pytest.mark.parametrize(
    ("what", "number", "arguments"),
    [
        ("a training", signal.SIGKILL, ()),
        ("a process of its own session", signal.SIGTERM, ()),
        ("a process of its own session", signal.SIGKILL, ("-n", "1")),
    ],
)
def test_what_a_killed_pytest_started_ends_with_it(tmp_path, what, number, arguments):
    began, mark = pytest_with(tmp_path, STARTS[what], *arguments)
    assert leftovers.marked(mark), "a process in a session of its own was to be seen"
    another = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    began.send_signal(number)
    began.wait(timeout=60)
    end = time.monotonic() + 60
    while left := leftovers.marked(mark):
        assert time.monotonic() < end, left
        time.sleep(0.05)
    assert another.poll() is None, "what this pytest started is no business of that one"
    another.kill()
    another.wait()
