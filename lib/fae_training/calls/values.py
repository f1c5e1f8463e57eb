"""Types of setting values, from a flag, a parameter or config.json.

Each type parses a value, or raises ArgumentTypeError saying what was expected. argparse calls it with the text of a flag;
`from_json` takes a JSON value, where a text is never a number.
"""

import math
from argparse import ArgumentTypeError
from dataclasses import dataclass

from fae_training.calls.error_words import shown


@dataclass(frozen=True)
class Range:
    """Numbers from `least` to `most`; `open_below` and `open_above` exclude that end. `whole`: integers only."""

    least: float
    most: float
    whole: bool = False
    open_below: bool = False
    open_above: bool = False

    def __call__(self, given: str | float) -> int | float:
        """`given` as a number in this range. Raises ArgumentTypeError saying what was expected."""
        refusal = ArgumentTypeError(f"{given} is not {self}")
        if isinstance(given, bool):
            raise refusal
        try:
            value = float(given)
            if self.whole and math.isfinite(value):
                # Not through float, which rounds large integers.
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

    def from_json(self, given: object) -> int | float:
        if not isinstance(given, int | float):
            raise ArgumentTypeError(f"{shown(given)} is not {self}")
        return self(given)

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = f"above {self.least:,}" if self.open_below else f"from {self.least:,}"
        high = f"below {self.most:,}" if self.open_above else f"to {self.most:,}"
        return f"{kind} {low} {high}"


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def __call__(self, given: object) -> str:
        if not isinstance(given, str) or given not in self.words:
            raise ArgumentTypeError(f"{shown(given)} is not {self}")
        return given

    def from_json(self, given: object) -> str:
        return self(given)

    def __str__(self) -> str:
        return f"one of {', '.join(self.words)}"


@dataclass(frozen=True)
class Text:
    """Any non-empty text; `example` shows what it looks like."""

    example: str

    def __call__(self, given: object) -> str:
        if not isinstance(given, str) or not given.strip():
            raise ArgumentTypeError(f"{shown(given)} is not {self}")
        return given

    def from_json(self, given: object) -> str:
        return self(given)

    def __str__(self) -> str:
        return f"a text such as {self.example!r}"


@dataclass(frozen=True)
class YesNo:
    """True or false; as a flag it is present or absent, after --set it is one of the two words."""

    def __call__(self, given: str) -> bool:
        if given not in ("true", "false"):
            raise ArgumentTypeError(f"{shown(given)} is not {self}")
        return given == "true"

    def from_json(self, given: object) -> bool:
        if not isinstance(given, bool):
            raise ArgumentTypeError(f"{shown(given)} is not {self}")
        return given

    def __str__(self) -> str:
        return "true or false"


Value = Range | Choice | Text | YesNo


def count(most: int) -> Range:
    """A whole number, at least 1."""
    return Range(1, most, whole=True)
