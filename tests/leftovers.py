"""When pytest ends, even by a kill, the processes that its tests started end too.

Workers are detached on purpose: they have a session of their own and outlive whoever started them. So each pytest marks
its environment, which all that it starts inherits, and a process of its own waits for the end of a pipe that pytest
alone holds open. Then it kills every process with the mark.

    python leftovers.py MARK     that process; the pipe is its standard input
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

VARIABLE = "STARTED_BY_TESTS"
# What forks while it is looked for is found the next time.
LOOKS, SECONDS_BETWEEN = 50, 0.1


def watch() -> None:
    """Mark this process's environment and have an eye kept on it. In a worker of pytest-xdist its parent has done so."""
    if VARIABLE in os.environ and "PYTEST_XDIST_WORKER" in os.environ:
        return
    mark = uuid.uuid4().hex
    unmarked = dict(os.environ)
    # Tests start pytest too: what that one starts belongs to both.
    os.environ[VARIABLE] = f"{unmarked.pop(VARIABLE, '')} {mark}".strip()
    watching = subprocess.Popen(
        [sys.executable, __file__, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=unmarked,
        start_new_session=True,
    )
    watch.pipe = watching.stdin  # it closes when this process ends


def marked(mark: str) -> list[int]:
    """The processes that have `mark` in the environment with which they were started."""
    if sys.platform == "darwin":
        listed = ["ps", "-A", "-E", "-ww", "-o", "pid=,command="]
        lines = subprocess.run(listed, capture_output=True, text=True, errors="replace").stdout
        found = [line.split(maxsplit=1) for line in lines.splitlines() if mark in line]
        return [int(pid) for pid, command in found if __file__ not in command]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or is somebody else's
            if mark.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def main() -> None:
    mark = sys.argv[1]
    sys.stdin.read()
    for _ in range(LOOKS):
        found = marked(mark)
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(SECONDS_BETWEEN)


if __name__ == "__main__":
    main()
