"""What a worker tells the world while it works, and what it is told."""

import signal
import sys
import time

from fae_training.processes import on_battery
from fae_training.runs import Run
from fae_training.state import append_jsonl, now


class Session:
    """What a worker tells the world while it works."""

    def __init__(self, run: Run, battery_rule: str = "train"):
        self.run = run
        self._stop = False
        self._battery_rule = battery_rule
        self._looked_at_power = 0.0
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number: int, frame) -> None:
        self._stop = True

    def should_stop(self) -> bool:
        """Whether somebody asked for the end. On battery it waits here until the power is back, as config.json says."""
        self._wait_for_power()
        return self._stop or self.run.file("cancel").exists()

    def _wait_for_power(self) -> None:
        if self._battery_rule != "wait" or time.monotonic() - self._looked_at_power < 60:
            return
        while on_battery() and not self._stop and not self.run.file("cancel").exists():
            self.log("on battery: waiting for the power to come back")
            time.sleep(5)
        self._looked_at_power = time.monotonic()

    def status(self, word: str) -> None:
        self.run.update(status=word)

    def report(self, values: dict) -> None:
        """One line of metrics.jsonl."""
        append_jsonl(self.run.file("metrics.jsonl"), values)
        self.log(" ".join(f"{name}={value}" for name, value in values.items()))

    def log(self, text: str) -> None:
        print(f"{now()} {text}", file=sys.stderr, flush=True)
