"""Runs: their settings, their results, and whether they are still running.

A run is alive if and only if the lock is held and names it. The lock is an flock that the worker inherits from the script
that started it. The system releases it when the worker dies for any reason, so neither a reused process id nor a reboot
can make a dead run look alive.
"""

import contextlib
import os
import random
import shutil
import signal
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from fae_training.calls.errors import Busy, Failed, Missing, Refused, command_line
from fae_training.lifecycle import first_steps
from fae_training.lifecycle.kinds import KINDS
from fae_training.patterns import lazy_pattern
from fae_training.store import locks
from fae_training.store.state import Home, make_directory, moment, read_json
from fae_training.store.transactions import Change, changing

ACTIVE = ("queued", "installing", "preparing", "training", "evaluating")
ENDED = ("completed", "failed", "cancelled", "interrupted")
# The requesters of unattended runs, which give way to everything else.
UNASKED = ("fae", "schedule")
# Seconds that a process may take to end after writing its final status.
LAST_WORD_S = 10
# The worker's current stage and progress, written by session.py.
PROGRESS_FILE = "progress.json"
# The folders that a training saves to. Later Fae waits for adapters/, which must not hold a stopped training's model.
ADAPTERS, STOPPED = "adapters", "stopped"
# A name, not a path; names that begin with a dot are temporary files.
_ID = lazy_pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class Run:
    """One training, in runs/<id>/. Only its worker writes run.json once it has started."""

    def __init__(self, home: Home, run_id: str):
        """Raises Refused if `run_id` is a path, not a run id, or if its directory is a link."""
        if not _ID.fullmatch(run_id):
            raise Refused(
                "bad_run_id",
                f"{run_id!r} is not a run id; expected one such as sft-20261122-0914-k3",
                "uv run scripts/list_runs.py",
            )
        if home.file("runs", run_id).is_symlink():
            raise Refused(
                "linked_run",
                f"{home.file('runs', run_id)} is a link; a run must be a real directory",
                command_line("ls", "-l", home.file("runs", run_id)),
            )
        self.home = home
        self.id = run_id
        self.directory = home.file("runs", run_id)
        self.record = read_json(self.directory / "run.json") or {}
        self.kind = self.record.get("kind", run_id.rsplit("-", 3)[0])
        if "kind" in self.record and self.kind not in KINDS:
            raise Failed(
                "state_corrupt",
                f"{self.file('run.json')}: 'kind' is {self.kind!r:.60}, expected one of {', '.join(KINDS)}",
                f"correct it, or move {self.directory} away",
            )

    @property
    def settings(self) -> dict:
        return self.record.get("settings", {})

    def file(self, *parts: str) -> Path:
        return self.directory.joinpath(*parts)

    def update(self, **fields) -> None:
        with changing(self.home) as change:
            self.change(change, **fields)

    def change(self, change: Change, **fields) -> None:
        """`update` as part of `change`, applied to the current run.json."""
        self.refresh()
        self.record |= fields
        change.write(self.file("run.json"), self.record)

    def refresh(self) -> None:
        """Read run.json again, which the worker may have changed."""
        self.record = read_json(self.file("run.json")) or {}

    def is_alive(self) -> bool:
        return holder(self.home) == self.id

    def has_released_lock(self, patience_s: float) -> bool:
        """Whether the run's process has released the lock, now or within that time (s). The worker writes its final status first."""
        end = time.monotonic() + patience_s
        while self.is_alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def status(self) -> str:
        """The status word; `interrupted` if it says that the run is active but the worker has ended."""
        alive = self.is_alive()
        self.refresh()  # after checking the lock: a worker writes its final status before it releases it
        status = self.record.get("status", "interrupted")
        return "interrupted" if status in ACTIVE and not alive else status

    def result(self) -> dict | None:
        """train_metrics.json, None if it has not been written yet."""
        return read_json(self.file("train_metrics.json"))

    def request_stop(self) -> None:
        """Ask the worker to stop after the current step, by a marker file, which persists, and a signal, which is fast."""
        self.file("cancel").touch(mode=0o600)
        process = self.record.get("worker") or {}
        if process and process_start(process["pid"]) == process["started"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process["pid"], signal.SIGTERM)

    def set_aside(self) -> None:
        """Before training resumes: the saved model is no longer the run's result."""
        self._move(ADAPTERS, STOPPED)

    def take_stopped(self) -> None:
        """Make the model of a stopped training the run's result, as the person asked for it."""
        if not self.file(ADAPTERS).exists():
            self._move(STOPPED, ADAPTERS)

    def _move(self, source: str, target: str) -> None:
        if self.file(source).exists():
            shutil.rmtree(self.file(target), ignore_errors=True)
            self.file(source).rename(self.file(target))

    def title(self) -> str:
        return KINDS[self.kind].title


def saves_to(stopped: str) -> str:
    """The folder that a training saves to, by the way in which it ended (FitResult.stopped)."""
    return STOPPED if stopped == "cancelled" else ADAPTERS


def create(home: Home, kind: str, record: dict) -> Run:
    """Create a run with the status queued. Its id is short enough to survive Fae's redaction of long words."""
    letters = string.ascii_lowercase + string.digits
    while True:
        run_id = f"{kind}-{datetime.now():%Y%m%d-%H%M}-{''.join(random.choices(letters, k=2))}"
        if not home.file("runs", run_id).exists():
            break
    make_directory(home.file("runs", run_id))
    run = Run(home, run_id)
    run.kind = kind
    # With fractions of a second, so that "latest" is unambiguous for two runs in the same second.
    made = datetime.now().astimezone().isoformat(timespec="microseconds")
    run.update(id=run_id, kind=kind, status="queued", created_at=made, **record)
    return run


def all_runs(home: Home, kind: str | None = None) -> list[Run]:
    """Every run, oldest first."""
    directory = home.file("runs")
    names = [p.name for p in directory.iterdir() if is_run(p)] if directory.is_dir() else []
    runs = [Run(home, name) for name in names]
    runs.sort(key=lambda run: (moment(run.record.get("created_at")), run.id))
    return [run for run in runs if kind in (None, run.kind)]


def without_record(home: Home) -> list[Run]:
    """Directories of runs whose run.json is missing, because it was damaged and set aside."""
    places = sorted(home.file("runs").glob("*"))
    names = [p.name for p in places if _ID.fullmatch(p.name) and p.is_dir() and not p.is_symlink()]
    return [Run(home, name) for name in names if not is_run(home.file("runs", name))]


def is_run(path: Path) -> bool:
    """Whether a path in runs/ is a run: a directory, not a link, with a valid name."""
    named = _ID.fullmatch(path.name) and not path.is_symlink()
    return bool(named) and (path / "run.json").is_file()


def find(home: Home, run_id: str = "latest", kind: str | None = None) -> Run:
    """The run with that id; "latest" is the newest (of `kind`). Raises Missing, and Refused as Run does."""
    runs = all_runs(home, kind)
    if run_id in ("latest", None):
        if runs:
            return runs[-1]
        what = f" of kind {kind}" if kind else ""
        raise Missing(
            "no_run",
            f"nothing has been trained yet: there is no run{what} in {home.path}",
            f"uv run scripts/{first_steps.of(home, kind)}",
        )
    Run(home, run_id)  # raises the specific error for a path or a link
    for run in runs:
        if run.id == run_id:
            return run
    newest = ", ".join(run.id for run in runs[-3:])
    raise Missing(
        "unknown_run",
        f"there is no run {run_id!r}; "
        + (f"the newest are: {newest}" if newest else "nothing has been trained yet"),
        "uv run scripts/list_runs.py",
    )


def take_lock(home: Home, run_id: str) -> int:
    """Take the lock for `run_id`. Returns its file descriptor. Raises Busy, naming the holder."""
    home.directory()
    started = time.monotonic()
    while (descriptor := locks.try_exclusive(home.file("lock"))) is None:
        other = holder(home) or "another run"
        # A script that checks the lock holds it for microseconds; a worker that has written its final
        # status holds it until its interpreter exits.
        if time.monotonic() - started > (LAST_WORD_S if _has_ended(home, other) else 0.2):
            raise Busy(
                "busy",
                f"{other} is running, and only one training can run at a time",
                "uv run scripts/check_status.py",
            )
        time.sleep(0.01)
    name_holder(descriptor, run_id)
    return descriptor


def _has_ended(home: Home, run_id: str) -> bool:
    path = home.file("runs", run_id)
    return is_run(path) and Run(home, run_id).record.get("status") in ENDED


@contextlib.contextmanager
def locked(home: Home, name: str) -> Iterator[int]:
    """Hold the lock; a worker that inherits the descriptor keeps holding it."""
    descriptor = take_lock(home, name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def name_holder(descriptor: int, run_id: str) -> None:
    """Write the id of its run into the lock, which the caller holds."""
    locks.write_holder(descriptor, run_id)


def holder(home: Home) -> str | None:
    """The id of the run that holds the lock, None if it is free."""
    return locks.holder(home.file("lock")) or None


def running(home: Home) -> Run | None:
    """The run that holds the lock, None if the lock is free or its holder has no run yet."""
    name = holder(home)
    if name is None or not is_run(home.file("runs", name)):
        return None
    return Run(home, name)


def process_start(pid: int) -> str | None:
    """The start time of process `pid` in the system's format, None if there is none; with the id it identifies a process."""
    if sys.platform == "linux":
        try:
            # Field 22 of /proc/PID/stat, counted after the name, which may contain spaces (proc(5)).
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        except OSError:
            return None
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return found.stdout.strip() or None
