"""Where the time of a training step goes, measured part by part. Standard library only."""

import contextlib
import time
from collections.abc import Iterator

# In the order of a step; saving is of reports and checkpoints. On several machines there is "machines" too: waiting for the
# others and adding up.
PARTS = ("batch", "forward", "backward", "optimizer", "saving")


class StepProfile:
    """Seconds by part of PARTS, over the steps of one process. With `on` False nothing is measured."""

    def __init__(self, on: bool):
        self.on = on
        self.steps = 0
        self.seconds = dict.fromkeys(PARTS, 0.0)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What is done inside counts as `name`; it must have been computed when it ends, which MLX puts off."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def as_dict(self) -> dict | None:
        """{"steps", "seconds": {part: seconds of all steps}}, None where nothing was measured."""
        if not (self.on and self.steps):
            return None
        return {
            "steps": self.steps,
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }


def in_words(kept: dict) -> str:
    """One sentence of what as_dict gave."""
    seconds, total = kept["seconds"], sum(kept["seconds"].values())
    shares = [
        f"{name} {value / total:.0%}"
        for name, value in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    return f"A step took {total / kept['steps']:.3g} s: {', '.join(shares)}."
