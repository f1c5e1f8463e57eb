"""What a worker tells the world while it works, and what it is told.

Work is divided into stages (loading, tokenising, training, validating, scoring). progress.json says which one is
going on, how far it is, how long what is still to come will take, and how many seconds each stage has taken.
"""

import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fae_training import machine
from fae_training.alone import ALONE, Alone
from fae_training.errors import Cancelled
from fae_training.runs import PROGRESS_FILE, Run
from fae_training.state import append_jsonl, now, read_json, write_json

# Between two writes of progress.json, which are flushed to disk.
SECONDS_BETWEEN_WRITES = 0.5
# Between two looks at the machine, which take some hundredths of a second; a run that waits looks as often.
SECONDS_BETWEEN_LOOKS = 5
# Its end is the end of the run, so its pace says how long the run still takes.
LAST_STAGE = "scoring"


@dataclass
class _Stage:
    name: str
    total: int | None = None
    done: int = 0
    began: float = 0.0
    left: Callable[[], float | None] | None = None

    def seconds_left(self) -> float | None:
        """By `left` where the stage knows better; of a last stage, at the pace so far. Before the first step nobody knows."""
        if self.left:
            return self.left()
        if self.name != LAST_STAGE or not self.total or not self.done:
            return None
        return (time.monotonic() - self.began) / self.done * (self.total - self.done)


class Session:
    """One worker's side of a run. A run that goes on adds to the seconds that its earlier workers took."""

    def __init__(self, run: Run, gives_way: bool = False, on_battery: str = "wait"):
        """gives_way: nobody asked for this run, so it waits while the machine or Fae has other needs. on_battery:
        "train" where it need not wait for the power.
        """
        self.run = run
        self.machines: Alone = ALONE
        self._stop = False
        self._gives_way, self._trains_on_battery = gives_way, on_battery == "train"
        self._looked_at = -math.inf
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
        """Whether somebody asked for the end. A run that gives way waits here as long as it has to."""
        if self._gives_way:
            self._give_way()
        return self._asked_to_stop()

    def _asked_to_stop(self) -> bool:
        return self._stop or self.run.file("cancel").exists()

    def check(self) -> None:
        """Raises Cancelled when somebody asked for the end."""
        if self.should_stop():
            raise Cancelled()

    def keep_awake(self) -> None:
        """Until the worker ends or waits."""
        self._awake.enter_context(machine.kept_awake())

    def _give_way(self) -> None:
        """Wait in place: everything stays in memory, so the run goes on to the same result."""
        if time.monotonic() - self._looked_at < SECONDS_BETWEEN_LOOKS:
            return
        said = None
        while (why := self._why_wait()) and not self._asked_to_stop():
            if why != said:
                self.log(f"waiting: the machine is {why}")
                self._awake.close()
            said = why
            time.sleep(SECONDS_BETWEEN_LOOKS)
        if said:
            self.log("going on")
            self.keep_awake()
        self._looked_at = time.monotonic()

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
    ) -> Iterator[None]:
        """A piece of work whose seconds count as `name`; inside another stage it interrupts that one's.

        total: how many items it has, where that is known. left: says how many seconds are still to come for the whole
        run; by default known of the last stage alone, by its pace so far.
        """
        self._count_seconds()
        self._stages.append(_Stage(name, total, began=time.monotonic(), left=left))
        self._write()
        try:
            yield
        finally:
            self._count_seconds()
            self._stages.pop()
            self._write()

    def advance(self, done: int, total: int | None = None) -> None:
        """`done` items of the innermost stage are finished. Raises Cancelled when somebody asked for the end."""
        self.progressed(done, total)
        self.check()

    def progressed(self, done: int, total: int | None = None) -> None:
        """As `advance`, for a stage that looks at should_stop itself."""
        stage = self._stages[-1]
        if done < stage.done:  # the same work on the next file
            stage.began = time.monotonic()
        announced = total is not None and total != stage.total
        stage.done, stage.total = done, stage.total if total is None else total
        if announced or time.monotonic() - self._wrote_at >= SECONDS_BETWEEN_WRITES:
            self._count_seconds()
            self._write()

    def _count_seconds(self) -> None:
        here = time.monotonic()
        if self._stages:
            name = self._stages[-1].name
            self.seconds[name] = self.seconds.get(name, 0.0) + here - self._counted_until
        self._counted_until = here

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

    def status(self, word: str) -> None:
        self.run.update(status=word)

    def report(self, values: dict) -> None:
        """One line of metrics.jsonl."""
        append_jsonl(self.run.file("metrics.jsonl"), values)
        self.log(" ".join(f"{name}={value}" for name, value in values.items()))

    def log(self, text: str) -> None:
        print(f"{now()} {text}", file=sys.stderr, flush=True)
