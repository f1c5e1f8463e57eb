"""Measures how the time of a training step is spent, part by part. Standard library only."""

import contextlib
import time
from collections.abc import Iterator

# In the order of a step; "saving" is of reports and checkpoints. On several machines there is also "machines": waiting for
# the others and summing.
PARTS = ("batch", "forward", "backward", "optimizer", "saving")


class StepProfile:
    """Seconds for each of PARTS, over the steps of one process. Nothing is measured if `on` is False."""

    def __init__(self, on: bool):
        self.on = on
        self.steps = 0
        self.seconds = dict.fromkeys(PARTS, 0.0)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time of this block as `name`. MLX is lazy, so results must be evaluated inside the block."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def as_dict(self) -> dict | None:
        """{"steps", "seconds": {part: seconds of all steps}}, None if nothing was measured."""
        if not (self.on and self.steps):
            return None
        return {
            "steps": self.steps,
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }


def in_words(kept: dict) -> str:
    """The result of as_dict as a sentence."""
    seconds, total = kept["seconds"], sum(kept["seconds"].values())
    shares = [
        f"{name} {value / total:.0%}"
        for name, value in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    return f"A step took {total / kept['steps']:.3g} s: {', '.join(shares)}."
