"""A worker's communication while it works: it reports progress and receives requests to stop.

Work is divided into stages (loading, tokenising, training, validating, scoring). progress.json has the current stage, its
progress, the estimated time left, and the seconds that each stage has taken.
"""

import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fae_training.calls.errors import Cancelled
from fae_training.distributed.alone import ALONE, Alone
from fae_training.environment import machine
from fae_training.lifecycle.runs import PROGRESS_FILE, Run
from fae_training.store.state import append_jsonl, now, read_json, write_json

# Seconds between writes of progress.json, which are flushed to disk.
SECONDS_BETWEEN_WRITES = 0.5
# Seconds between checks of the machine, each of which takes a few hundredths of a second; also while waiting.
SECONDS_BETWEEN_CHECKS = 5
# The last stage of a run, so its pace gives the time left for the run.
LAST_STAGE = "scoring"
# The part of it that answers the capability suite, whose time does not depend on the training's.
ABILITIES_STAGE = "testing abilities"


@dataclass
class _Stage:
    name: str
    total: int | None = None
    done: int = 0
    began: float = 0.0
    left: Callable[[], float | None] | None = None

    def seconds_left(self) -> float | None:
        """From `left` if given; otherwise, for a last stage, from its pace so far. None before the first step."""
        if self.left:
            return self.left()
        if self.name != LAST_STAGE or not self.total or not self.done:
            return None
        return (time.monotonic() - self.began) / self.done * (self.total - self.done)


class Session:
    """One worker's session of a run. The seconds of earlier workers of a resumed run are included."""

    def __init__(self, run: Run, gives_way: bool = False, on_battery: str = "wait"):
        """gives_way: an unattended run, which waits while the machine or Fae is needed for other things. on_battery:
        "train" if it need not wait for mains power.
        """
        self.run = run
        self.machines: Alone = ALONE
        self._stop = False
        self._gives_way, self._trains_on_battery = gives_way, on_battery == "train"
        self._checked_at = -math.inf
        self._awake = contextlib.ExitStack()
        kept = read_json(run.file(PROGRESS_FILE)) or {}
        self.seconds: dict[str, float] = kept.get("seconds", {})
        self._stages: list[_Stage] = []
        self._counted_until = time.monotonic()
        self._wrote_at = 0.0
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number: int, frame) -> None:
        self._stop = True

    def should_stop(self) -> bool:
        """Whether a stop was requested. A run that gives way waits here as long as it has to."""
        if self._gives_way:
            self._give_way()
        return self._asked_to_stop()

    def _asked_to_stop(self) -> bool:
        return self._stop or self.run.file("cancel").exists()

    def check(self) -> None:
        """Raises Cancelled if a stop was requested."""
        if self.should_stop():
            raise Cancelled()

    def keep_awake(self) -> None:
        """Keep the machine awake until the worker ends or waits."""
        self._awake.enter_context(machine.kept_awake())

    def _give_way(self) -> None:
        """Wait in place: everything stays in memory, so the run continues to the same result."""
        if time.monotonic() - self._checked_at < SECONDS_BETWEEN_CHECKS:
            return
        logged = None
        while (why := self._why_wait()) and not self._asked_to_stop():
            if why != logged:
                self.log(f"waiting: the machine is {why}")
                self._awake.close()
            logged = why
            time.sleep(SECONDS_BETWEEN_CHECKS)
        if logged:
            self.log("continuing")
            self.keep_awake()
        self._checked_at = time.monotonic()

    def _why_wait(self) -> str | None:
        found = machine.condition()
        if self._trains_on_battery:
            found = replace(found, on_battery=False)
        needs = machine.fae_needs_it(self.run.home)
        return ", ".join([*found.reasons(), *([needs] if needs else [])]) or None

    @contextlib.contextmanager
    def stage(
        self,
        name: str,
        total: int | None = None,
        left: Callable[[], float | None] | None = None,
        done: int = 0,
    ) -> Iterator[None]:
        """A block whose time is counted under `name`; a nested stage pauses the outer one's count.

        total: the number of items, if known; done: how many of them earlier stages finished. left: returns the
        seconds left for the whole run; by default these are known only in the last stage, from its pace.
        """
        self._count_seconds()
        self._stages.append(_Stage(name, total, done, began=time.monotonic(), left=left))
        self._write()
        try:
            yield
        finally:
            self._count_seconds()
            self._stages.pop()
            self._write()

    def advance(self, done: int, total: int | None = None) -> None:
        """Report `done` finished items of the innermost stage. Raises Cancelled if a stop was requested."""
        self.progressed(done, total)
        self.check()

    def progressed(self, done: int, total: int | None = None) -> None:
        """As `advance`, for a stage that checks should_stop itself."""
        stage = self._stages[-1]
        if done < stage.done:  # the same work on the next file
            stage.began = time.monotonic()
        announced = total is not None and total != stage.total
        stage.done, stage.total = done, stage.total if total is None else total
        if announced or time.monotonic() - self._wrote_at >= SECONDS_BETWEEN_WRITES:
            self._count_seconds()
            self._write()

    def _count_seconds(self) -> None:
        time_now = time.monotonic()
        if self._stages:
            name = self._stages[-1].name
            self.seconds[name] = self.seconds.get(name, 0.0) + time_now - self._counted_until
        self._counted_until = time_now

    def _write(self) -> None:
        self._wrote_at = time.monotonic()
        seconds = {name: round(value, 2) for name, value in self.seconds.items()}
        data: dict = {"seconds": seconds}
        if self._stages:
            stage = self._stages[-1]
            left = stage.seconds_left()
            data |= {"stage": stage.name, "done": stage.done, "total": stage.total}
            data["eta_s"] = None if left is None else round(left, 1)
        write_json(self.run.file(PROGRESS_FILE), data)

    def status(self, status: str) -> None:
        self.run.update(status=status)

    def report(self, values: dict) -> None:
        """Append one line to metrics.jsonl."""
        append_jsonl(self.run.file("metrics.jsonl"), values)
        self.log(" ".join(f"{name}={value}" for name, value in values.items()))

    def log(self, text: str) -> None:
        print(f"{now()} {text}", file=sys.stderr, flush=True)
