"""What each number may be, wherever it comes from: a flag, a parameter or config.json.

A range is the type of its option (argparse calls it with text), and settings.py calls it with what config.json holds.
"""

import math
from argparse import ArgumentTypeError
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """The numbers from `least` to `most`; `open_below` and `open_above` leave that end out. `whole`: no fractions."""

    least: float
    most: float
    whole: bool = False
    open_below: bool = False
    open_above: bool = False

    def __call__(self, given: str | float) -> int | float:
        """`given` as a number of this range. Raises ArgumentTypeError, which says what was expected."""
        refusal = ArgumentTypeError(f"{given} is not {self}")
        if isinstance(given, bool):
            raise refusal
        try:
            value = float(given)
            if self.whole and math.isfinite(value):
                # Not through float, which rounds long numbers.
                value = (
                    int(given)
                    if isinstance(given, str) and given.strip().lstrip("+-").isdigit()
                    else value
                )
        except (ValueError, TypeError, OverflowError):
            raise refusal from None
        inside = self.least <= value <= self.most
        at_open_end = (self.open_below and value == self.least) or (
            self.open_above and value == self.most
        )
        if not inside or at_open_end or (self.whole and value != int(value)):
            raise refusal
        return int(value) if self.whole else value

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = f"above {self.least:,}" if self.open_below else f"from {self.least:,}"
        high = f"below {self.most:,}" if self.open_above else f"to {self.most:,}"
        return f"{kind} {low} {high}"


def _count(most: int) -> Range:
    return Range(1, most, whole=True)


RANGES = {
    # Every training.
    "steps": _count(1_000_000),
    "batch_size": _count(4096),
    "gradient_accumulation": _count(4096),
    "learning_rate": Range(0, 1, open_below=True),
    "seed": Range(0, 2**32 - 1, whole=True),
    "warmup_ratio": Range(0, 1),
    "weight_decay": Range(0, 1),
    "max_gradient_norm": Range(0, 1_000_000, open_below=True),
    # Adapters.
    "rank": _count(1024),
    "lora_scale": Range(0, 1000, open_below=True),
    "max_length": _count(1_000_000),
    # Preferences.
    "beta": Range(0, 1000, open_below=True),
    "label_smoothing": Range(0, 0.5, open_above=True),
    "guard_weight": Range(0, 1000),
    # Speech and audio classifiers.
    "clips_per_term": _count(10_000),
    "clips_per_trigger": _count(100_000),
    "generated_seconds": _count(100_000),
    "stream_minutes": _count(10_000),
    "false_alarms_per_hour": Range(0, 3600),
    "dropout": Range(0, 1, open_above=True),
    "patience": _count(1_000_000),
    "held_out_share": Range(0, 1, open_below=True, open_above=True),
    # The rest.
    "min_episodes": _count(1_000_000_000),
    "min_days_between_runs": Range(0, 3650),
}
