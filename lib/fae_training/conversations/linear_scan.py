"""Finds by learned weights what the rules miss: a linear classifier of short texts.

The rules (forget_requests.py, secrets.py) are precise, but people say the same thing in more ways than a table of forms
can hold. A text's score is the log-odds of a logistic regression over its words, pairs of words, and groups of letters in
words: the sum of their weights. tools/learn_scans.py fits the weights to the labelled sentences in tests/data; the files
in weights/ can be read, and hold nothing but words of those sentences.
"""

import functools
import itertools
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from fae_training.conversations.text import visible
from fae_training.patterns import lazy_pattern

WEIGHTS = Path(__file__).parent / "weights"
# Sentences are read together up to this many characters, as long as the texts that the weights were learned from.
_LONGEST_PART = 240
# Words in a window of a longer sentence; each begins half a window after the one before.
WINDOW = 12
_TOKEN = lazy_pattern(r"[^\W_]+(?:'[^\W_]+)*|[?!:,.;]")
_BREAK = lazy_pattern(r"(?<=[.!?;])\s+|\n+")
_PIECE = lazy_pattern(rf"\S.{{0,{_LONGEST_PART - 2}}}(?!\S)|\S{{1,{_LONGEST_PART}}}")
_APOSTROPHES = dict.fromkeys(map(ord, "’‘´"), "'")
_STEM = 4
_GROUPS = (2, 3, 4)
START, END = "^", "$"
# Different words that are kept with their scores: more than a person uses in a year.
_WORDS_KEPT = 1 << 16


@dataclass(frozen=True)
class Found:
    """A sentence that may be of a scan's kind, the highest score of any part of it, and whether it likely is."""

    sentence: str
    score: float
    is_likely: bool


@dataclass(frozen=True, eq=False)
class Scan:
    """A learned classifier. learned_from: fingerprint of the labelled sentences (tools/learn_scans.py). likely, possible:
    the log-odds that very few, and few, ordinary sentences exceed. weights: of words and pairs of words; letters: of groups
    of letters."""

    learned_from: str
    likely: float
    possible: float
    intercept: float
    weights: dict[str, float]
    letters: dict[str, float]

    def score(self, text: str) -> float:
        """The log-odds that `text`, a sentence or two, is of the kind."""
        words = words_of(text)
        exact = (
            self.intercept
            + sum(self.weights.get(name, 0.0) for name in features(words))
            + sum(_score_of_letters(self, word) for word in set(words))
        )
        # Weights and thresholds have two decimals. Without rounding, the order in which a set is summed up, which differs
        # from process to process, decides where a score equals a threshold.
        return round(exact, 2)

    def found_in(self, text: str) -> list[Found]:
        """The sentences of `text` that may be of the kind, the likeliest first, and after as likely ones those that only may
        be together."""
        best: dict[Part, Found] = {}
        for part in parts(text):
            score, whole = self.score(part.text), replace(part, text=part.sentence)
            if score > self.possible and (whole not in best or score > best[whole].score):
                best[whole] = Found(part.sentence, score, score > self.likely)
        ordered = sorted(
            best, key=lambda w: (best[w].is_likely, not w.is_several, best[w].score), reverse=True
        )
        return [best[whole] for whole in ordered]

    def highest(self, text: str) -> float:
        """The highest score of any part of `text`."""
        return max(self.score(part.text) for part in parts(text))


@functools.cache
def scan(name: str) -> Scan:
    """The classifier whose weights are in weights/<name>.json."""
    return Scan(**json.loads((WEIGHTS / f"{name}.json").read_text("utf-8")))


@dataclass(frozen=True)
class Part:
    """A piece of a text that is scored. sentence: the one that it is a window of, or itself; is_several: several together."""

    text: str
    sentence: str
    is_several: bool = False


def parts(text: str) -> list[Part]:
    """`text` in the pieces that are scored: each sentence, sentences that follow each other up to a length, and of a
    sentence with many words also windows, because speech has no full stops.

    Each word of a piece counts, so that a request among ordinary sentences is hardly seen in all of them together.
    """
    sentences = [s for line in _BREAK.split(text.strip()) for s in _PIECE.findall(line)] or [""]
    together = [sentences[:1]]
    for sentence in sentences[1:]:
        if sum(map(len, together[-1])) + len(together[-1]) + len(sentence) > _LONGEST_PART:
            together.append([])
        together[-1].append(sentence)
    found = [Part(sentence, sentence) for sentence in sentences]
    found += [Part(" ".join(some), " ".join(some), True) for some in together if len(some) > 1]
    for sentence in sentences:
        if len(sentence.split()) > WINDOW + WINDOW // 2:
            found += [Part(window, sentence) for window in windows(sentence)]
    return list(dict.fromkeys(found))


def windows(sentence: str) -> list[str]:
    """Every twelve words of a sentence that begin half as many after the ones before."""
    words = sentence.split()
    starts = range(0, max(1, len(words) - WINDOW // 2), WINDOW // 2)
    return [" ".join(words[at : at + WINDOW]) for at in starts]


def words_of(text: str) -> list[str]:
    """The words and signs of `text`, in lower case.

    Numbers count by their length, and letters mixed with digits by their shape, so that no weight holds anybody's number.
    """
    return [_shape(token) for token in _TOKEN.findall(_plain(text))]


def features(words: list[str]) -> set[str]:
    """What the weights know of a text of these words: each of them, neighbours, also by their first letters, and words
    with one between them."""
    tokens = [START, *words, END]
    stems = [f"~{token[:_STEM]}" for token in tokens]
    found = set(tokens)
    found.update(f"{one} {two}" for one, two in itertools.pairwise(tokens))
    found.update(f"{one} {two}" for one, two in itertools.pairwise(stems))
    found.update(f"{one} _ {two}" for one, two in zip(tokens, tokens[2:], strict=False))
    return found


def letter_groups(word: str) -> list[str]:
    """The groups of two to four letters in a word, which begins and ends with a space."""
    spaced = f" {word} "
    return [spaced[at : at + n] for n in _GROUPS for at in range(len(spaced) - n + 1)]


@functools.lru_cache(maxsize=_WORDS_KEPT)
def _score_of_letters(scan: Scan, word: str) -> float:
    return sum(scan.letters.get(group, 0.0) for group in letter_groups(word))


def _plain(text: str) -> str:
    return visible(text).translate(_APOSTROPHES).lower()


def _shape(token: str) -> str:
    if token.isalpha() or not any(char.isdigit() for char in token):
        return token
    return (
        "0" * min(len(token), 6)
        if token.isdigit()
        else re.sub(r"\D", "a", re.sub(r"\d", "0", token))
    )
