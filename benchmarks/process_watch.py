"""The cost of a command with all processes that it starts: time, processor time, and peak memory."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

SECONDS_BETWEEN_CHECKS = 0.2


@dataclass(frozen=True)
class Usage:
    """peak_bytes: resident memory of the whole process tree when it was largest."""

    status: int
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int

    def as_dict(self) -> dict:
        return asdict(self)


def run(command: list[str], log: Path, environment: dict[str, str]) -> Usage:
    """Run a command to its end, append its output to `log`, and sample its process tree meanwhile.

    Processes that the system already assigned to another parent are missed, so a training must stay
    in the foreground.
    """
    import psutil

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    began = time.monotonic()
    with log.open("a", encoding="utf-8") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    tree, cpu, peak = psutil.Process(child.pid), {}, 0
    ended = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.wait(SECONDS_BETWEEN_CHECKS):
            resident = 0
            with contextlib.suppress(psutil.Error):
                for process in [tree, *tree.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        times = process.cpu_times()
                        cpu[process.pid] = times.user + times.system
                        resident += process.memory_info().rss
            peak = max(peak, resident)

    watcher = threading.Thread(target=sample, daemon=True)
    watcher.start()
    try:
        status = child.wait()
    except BaseException:
        _end(tree)
        raise
    finally:
        ended.set()
        watcher.join()
    return Usage(status, time.monotonic() - began, sum(cpu.values()), peak)


def _end(tree) -> None:
    """Ask every process of the tree to stop, so that nothing of an interrupted benchmark remains."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for process in [*tree.children(recursive=True), tree]:
            with contextlib.suppress(psutil.Error):
                process.terminate()
