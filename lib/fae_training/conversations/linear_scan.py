"""Finds by learned weights what the rules miss: a linear classifier of short texts.

The rules (forget_requests.py, secrets.py) are precise, but people say the same thing in more ways than a table of forms
can hold. A text's score is the log-odds of a logistic regression over its words, pairs of words and beginnings of words:
the sum of their weights. tools/learn_scans.py fits the weights to the labelled sentences in tests/data; the files in
weights/ can be read, and hold nothing but words of those sentences.
"""

import functools
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path

from fae_training.patterns import lazy_pattern

WEIGHTS = Path(__file__).parent / "weights"
# A longer text is read in parts of about this many characters, as long as the sentences that the weights were learned from.
_LONGEST_PART = 240
_TOKEN = lazy_pattern(r"[^\W_]+(?:'[^\W_]+)*|[?!:,.;]")
_BREAK = lazy_pattern(r"(?<=[.!?;])\s+|\n+")
_PIECE = lazy_pattern(rf"\S.{{0,{_LONGEST_PART - 2}}}(?!\S)|\S{{1,{_LONGEST_PART}}}")
_STEM = 4
START, END = "^", "$"


@dataclass(frozen=True)
class Found:
    """The part of a text that may be of a scan's kind, and whether it likely is."""

    text: str
    is_likely: bool


@dataclass(frozen=True)
class Scan:
    """A learned classifier. learned_from: fingerprint of the labelled sentences (tools/learn_scans.py). likely, possible:
    the log-odds that very few, and few, ordinary sentences exceed."""

    learned_from: str
    likely: float
    possible: float
    intercept: float
    weights: dict[str, float]

    def score(self, text: str) -> float:
        """The log-odds that `text`, a sentence or two, is of the kind."""
        return self.intercept + sum(self.weights.get(name, 0.0) for name in features(text))

    def found_in(self, text: str) -> Found | None:
        """The part of `text` that is the likeliest to be of the kind; None if that is not possible for any."""
        part, score = max(((p, self.score(p)) for p in parts(text)), key=lambda each: each[1])
        return Found(part, score > self.likely) if score > self.possible else None


@functools.cache
def scan(name: str) -> Scan:
    """The classifier whose weights are in weights/<name>.json."""
    return Scan(**json.loads((WEIGHTS / f"{name}.json").read_text("utf-8")))


def parts(text: str) -> list[str]:
    """`text` in parts of whole sentences; a sentence that is longer than a part is cut between words."""
    found, part = [], ""
    for sentence in _BREAK.split(text.strip()):
        for piece in _PIECE.findall(sentence):
            if part and len(part) + len(piece) >= _LONGEST_PART:
                found.append(part)
                part = ""
            part = f"{part} {piece}".strip()
    return [*found, part]


def features(text: str) -> set[str]:
    """What of `text` the weights know: words, neighbours, words with one between them, and beginnings of words.

    Numbers count by their length, and letters mixed with digits by their shape, so that no weight holds anybody's number.
    """
    tokens = [START, *(_shape(token) for token in _TOKEN.findall(_plain(text))), END]
    stems = [f"~{token[:_STEM]}" for token in tokens]
    found = {*tokens, *stems}
    found.update(f"{one} {two}" for one, two in itertools.pairwise(tokens))
    found.update(f"{one} {two}" for one, two in itertools.pairwise(stems))
    found.update(f"{one} _ {two}" for one, two in zip(tokens, tokens[2:], strict=False))
    return found


def _plain(text: str) -> str:
    return text.replace("’", "'").lower()


def _shape(token: str) -> str:
    if token.isalpha() or not any(char.isdigit() for char in token):
        return token
    return (
        "0" * min(len(token), 6)
        if token.isdigit()
        else re.sub(r"\D", "a", re.sub(r"\d", "0", token))
    )
