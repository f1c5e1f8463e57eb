"""Every regular expression on conversation text takes time proportional to the length, not to its square."""

import importlib
import os
import pkgutil
import re
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from fae_training import conversations
from fae_training.patterns import LazyPattern

# 100,000 takes minutes. Quadratic time is visible at 8,000 as well.
LENGTH = int(os.environ.get("FAE_LINEAR_LENGTH", "8_000"))
# Tried at the beginning of a clause alone, not at each place of a text.
ANCHORED = "tool_requests._BEGINS[0]"
PART = 8
END = "\x00!"
# A unit that is repeated, and what ends it: what patterns with two repeats in a row, or with a repeat that can begin
# anywhere, are slow on.
UNITS = (
    " ", "\n", "a", "a ", "a.", "1", "1 ", "1-", "a1", "A1-", "x@", "-----BEGIN ", "one ", "my password is ",
    "forget about ", "the interview ", "delete a ", "my ", "is ", ", ", "call 0 ", "born ", "flat 1 ", "code? ", "_", "it's ", "-", ":", ",", ".,", ":-",
)  # fmt: skip


def patterns_in(value, seen: set[int]) -> Iterator[re.Pattern]:
    if isinstance(value, re.Pattern | LazyPattern):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from patterns_in(each, seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from patterns_in(each, seen)
    elif is_dataclass(value) and not isinstance(value, type) and id(value) not in seen:
        seen.add(id(value))
        for field in fields(value):
            yield from patterns_in(getattr(value, field.name), seen)


def all_patterns() -> dict[str, re.Pattern]:
    """Every pattern of the modules of conversations, by the module and its place; a lazy one is not compiled yet."""
    found = {}
    for module in pkgutil.iter_modules(conversations.__path__):
        loaded = importlib.import_module(f"{conversations.__name__}.{module.name}")
        for name, value in vars(loaded).items():
            for number, pattern in enumerate(patterns_in(value, set())):
                found[f"{module.name}.{name}[{number}]"] = pattern
    return found


PATTERNS = all_patterns()


def seconds(pattern: re.Pattern, text: str) -> float:
    began = time.process_time()
    if pattern is PATTERNS[ANCHORED]:
        pattern.match(text)
    else:
        for _ in pattern.finditer(text):
            pass
    return time.process_time() - began


def worst(pattern: re.Pattern, length: int) -> str:
    """A long text of the unit that takes `pattern` longest. Quadratic time is visible at 2,000 characters already."""
    units = sorted(
        UNITS, key=lambda unit: seconds(pattern, unit * (2000 // len(unit)) + END), reverse=True
    )
    return units[0] * (length // len(units[0])) + END


def is_linear(pattern: re.Pattern, length: int = LENGTH) -> bool:
    text = worst(pattern, length)
    part = seconds(pattern, text[: length // PART])
    # Twice over, before all of it is read: the square of the length would take minutes.
    twice = seconds(pattern, text[: length // PART * 2])
    return twice < 6 * part + 0.05 and seconds(pattern, text) < 3 * PART * part + 0.1


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_reads_a_long_text_in_time_that_grows_with_it(name):
    assert is_linear(PATTERNS[name])


def test_there_are_patterns_and_a_slow_one_is_found():
    assert len(PATTERNS) > 60 and {name.split(".")[0] for name in PATTERNS} >= {
        "secrets", "personal", "forget_requests", "filters", "number_words", "text", "tool_requests", "verdicts",
    }  # fmt: skip
    assert not is_linear(re.compile(r"\s+x"), 16_000)
    assert not is_linear(re.compile(r"\w+@"), 16_000)
