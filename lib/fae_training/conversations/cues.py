"""Cues: phrases that show what a person means, as regular expressions with an example each.

The tables are data (tool_cues.py, forget_cues.py, topic_cues.py, verdict_cues.py, the claims in
filters.py); the tests run every example.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fae_training.patterns import lazy_pattern


@dataclass(frozen=True)
class Cue:
    """An example sentence, and the regular expression that recognises it and similar ones."""

    example: str
    pattern: str


def one_of(words: str) -> str:
    """A group that matches any of `words`, which are separated by a comma and a space."""
    return f"(?:{'|'.join(words.split(', '))})"


def any_of(cues: Iterable[Cue]) -> re.Pattern:
    """A pattern that matches any of several cues; where several match at the same place, the first wins."""
    return lazy_pattern("|".join(cue.pattern for cue in cues))
