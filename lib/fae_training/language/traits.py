"""Traits of answers that a person's own history shows, and how far other answers show them. Standard library only.

A trait is something to tell, not to judge by: whether it is liked better is for the person to say.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from fae_training.patterns import lazy_pattern

# Fewer answers show no habits; a habit shows in this share of them, and in so many at least.
FEWEST_ANSWERS, HABIT, FEWEST_TIMES = 10, 10.0, 5
# What is in fewer answers than this is avoided.
AVOIDED = 2.0
# The largest number of traits to report.
MOST = 5
_OPENING_WORDS, _CLOSING_WORDS = 4, 8
# What is in fewer answers than this is no advice; from the second on it is "always".
_ADVISED, _NEARLY_ALWAYS = 40.0, 80.0
_CALLED = lazy_pattern(r",\s+(\w[\w'’-]*)\s*(?=[.!?,]|$)")
_LIST_LINE = lazy_pattern(r"^[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)
_MARKDOWN = lazy_pattern(r"\*\*\S|^#{1,6} |`[^`]+`|\[[^][\n]{1,200}\]\(", re.MULTILINE)
_EMOJI = lazy_pattern("[\U0001f300-\U0001faff\u2600-\u27bf]")
_SENTENCE = lazy_pattern(r"(?<=[.!?…])\s+|\n+")


@dataclass(frozen=True)
class Trait:
    """`of` gives one answer's value in `unit`; `history` is the mean over the person's answers.

    avoided: the history hardly has it, which is reported only if another model does it. advice: what to tell a
    model that is to show it, as a sentence.
    """

    name: str
    title: str
    unit: str
    history: float
    of: Callable[[str], float]
    avoided: bool = False
    advice: str = ""

    def mean(self, answers: Sequence[str]) -> float:
        """Raises StatisticsError where there is no answer."""
        return fmean(map(self.of, answers))


def of_history(answers: Sequence[str]) -> list[Trait]:
    """The traits that a person's answers show. None where there are too few of them."""
    answers = [answer for answer in answers if answer.strip()]
    if len(answers) < FEWEST_ANSWERS:
        return []
    length = fmean(map(_words, answers))
    found = [
        Trait(
            "answer_words",
            f"Length of answers (about {length:.0f} words in your conversations)",
            "words",
            length,
            _words,
            advice=f"Answer in about {length:.0f} words.",
        )
    ]
    for name, what, thing, of in _HABITS:
        share = fmean(map(of, answers))
        title = f"{what} ({share:.0f} % in your conversations)"
        if _is_habit(share, len(answers)) or share <= AVOIDED:
            avoided = share <= AVOIDED
            advice = f"Do not {thing}." if avoided else _advice(share, thing)
            found.append(Trait(name, title, "% of answers", share, of, avoided, advice))
    for name, what, thing, phrase_of in (
        ("called", "Calling you", "call the user", _called),
        ("opening", "Answers that open with", "begin with", _opening),
        ("closing", "Answers that close with", "end with", _closing),
    ):
        phrase = _most_common([phrase_of(answer) for answer in answers])
        if phrase is None:
            continue
        of = _says(phrase) if name == "called" else _same(phrase_of, phrase)
        share = fmean(map(of, answers))
        name_or_quote = phrase if name == "called" else f'"{phrase}"'
        if _is_habit(share, len(answers)):
            title = f"{what} {name_or_quote} ({share:.0f} % of the answers in your conversations)"
            advice = _advice(share, f"{thing} {name_or_quote}")
            found.append(Trait(name, title, "% of answers", share, of, advice=advice))
    return found


def most_telling(traits: Sequence[Trait], answers: Sequence[str]) -> list[Trait]:
    """Of the traits the few in which `answers`, another model's, are furthest from the history."""
    if not answers:
        return []

    def distance(trait: Trait) -> float:
        mean = trait.mean(answers)
        if trait.unit == "words":
            return min(abs(math.log((mean + 1) / (trait.history + 1))), 1.0)
        return abs(mean - trait.history) / 100

    applicable = [one for one in traits if not one.avoided or one.mean(answers) >= HABIT]
    return sorted(applicable, key=distance, reverse=True)[:MOST]


def _advice(share: float, thing: str) -> str:
    """What to tell a model for a habit that shows in this share of the answers; "" where it is no rule."""
    if share < _ADVISED:
        return ""
    return f"{'Always' if share >= _NEARLY_ALWAYS else 'Often'} {thing}."


def _is_habit(share: float, answers: int) -> bool:
    return share >= HABIT and share * answers / 100 >= FEWEST_TIMES


def _percent(holds: Callable[[str], object]) -> Callable[[str], float]:
    return lambda answer: 100.0 * bool(holds(answer))


_HABITS = (
    (
        "lists",
        "Answers with a list",
        "use lists",
        _percent(lambda answer: len(_LIST_LINE.findall(answer)) > 1),
    ),
    ("markdown", "Answers with Markdown", "use Markdown", _percent(_MARKDOWN.search)),
    ("emoji", "Answers with an emoji", "use emoji", _percent(_EMOJI.search)),
    (
        "exclamations",
        "Answers with an exclamation mark",
        "use exclamation marks",
        _percent(lambda answer: "!" in answer),
    ),
    (
        "questions",
        "Answers that end in a question",
        "end with a question",
        _percent(lambda answer: answer.rstrip().endswith("?")),
    ),
)


def _words(answer: str) -> float:
    return float(len(answer.split()))


def _called(answer: str) -> str | None:
    """The name in "Done, Sam." or "Hello, Sam, ..."."""
    names = [name for name in _CALLED.findall(answer) if name[0].isupper()]
    return names[-1] if names else None


def _opening(answer: str) -> str | None:
    """The first clause where it is short ("Great question"), else the first three words."""
    clause = re.split(r"[,.!?;:\n—]", answer.strip(), maxsplit=1)[0].split()
    return " ".join(clause if len(clause) <= _OPENING_WORDS else clause[:3]) or None


def _closing(answer: str) -> str | None:
    """The last sentence where it is short ("Anything else?"), else the last three words."""
    sentences = _SENTENCE.split(answer.strip())
    words = sentences[-1].split()
    if len(sentences) == 1 and len(words) <= _CLOSING_WORDS:
        return None  # the whole answer
    return " ".join(words if len(words) <= _CLOSING_WORDS else words[-3:]) or None


def _most_common(phrases: list[str | None]) -> str | None:
    counts = Counter(_plain(phrase) for phrase in phrases if phrase)
    if not counts:
        return None
    (plain, _), *_ = counts.most_common(1)
    return Counter(p for p in phrases if p and _plain(p) == plain).most_common(1)[0][0]


def _plain(phrase: str) -> str:
    return phrase.casefold().strip(" .!?,;:")


def _same(phrase_of: Callable[[str], str | None], phrase: str) -> Callable[[str], float]:
    return _percent(lambda answer: _plain(phrase_of(answer) or "") == _plain(phrase))


def _says(name: str) -> Callable[[str], float]:
    return _percent(re.compile(rf"\b{re.escape(name)}\b").search)
