"""Decides from the beginning of an answer that the rest cannot make it right, so that the rest need not be written.

An answer can be proven wrong early, but never right: a <think> at its end fails it. Each rule takes (value in the item's
check, beginning, item) and holds only if the condition of checks.py fails for every answer that begins so; a condition
without a rule is always decided at the end.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from fae_training.capabilities import checks
from fae_training.capabilities.task import Item
from fae_training.patterns import lazy_pattern

# A match of a pattern stays one when so many characters follow: patterns look no further behind their end.
LOOKAHEAD = 2
_FENCE_START = lazy_pattern(r"```\w*")
_SENTENCE_END = lazy_pattern(r"[.!?]+[\"')\]]*\s")
# The characters with which a value that json.loads reads, or a fence around it, begins.
_JSON_STARTS = '{["-0123456789tfnNI`'


def is_wrong(item: Item, beginning: str, native: bool) -> bool:
    """Whether checks.passed is false for every answer that begins so. native: as answering.Prompted."""
    # The last character may be half of one.
    text = checks.plain(beginning.rstrip("�"))
    if not text:
        return False
    if checks.has_thinking_marks(text):
        return True
    rules = RULES
    if not native:
        # A JSON object may become a call, which is written anew; anything else is no call.
        rules = {"json": _json} if text[0] in "{`" else RULES | {"calls": lambda *given: True}
    return any(
        check.kind in rules and rules[check.kind](check.value, text, item) for check in item.checks
    )


def _stays(pattern: re.Pattern, text: str) -> bool:
    """Whether the pattern matches whatever follows."""
    return any(match.end() + LOOKAHEAD <= len(text) for match in pattern.finditer(text))


def _calls(wanted: dict, text: str, item: Item) -> bool:
    """More than one call, or a complete one that is wrong."""
    return len(checks.tool_calls(text)) > 1 or (
        "</tool_call>" in text and not checks.KINDS["calls"].holds(wanted, text, item)
    )


def _avoids(unwanted, text: str, item: Item) -> bool:
    return any(_stays(checks.pattern(each), text) for each in checks.as_list(unwanted))


def _answer_is(wanted, text: str, item: Item) -> bool:
    said, *right = (
        # At the end of a word the lower case of a sigma is another one.
        checks.trimmed(each).replace("ς", "σ")
        for each in (text, *checks.as_list(wanted))
    )
    return not any(each.startswith(said) for each in right)


def _exactly(wanted, text: str, item: Item) -> bool:
    return not any(each.startswith(text) for each in checks.as_list(wanted))


def _each_line(pattern: str, text: str, item: Item) -> bool:
    complete = (line.strip() for line in text.splitlines()[:-1])
    return any(line and not re.fullmatch(pattern, line) for line in complete)


def _json(shape, text: str, item: Item) -> bool:
    """It begins as no JSON does, or something follows the complete value."""
    body = text
    if text[0] == "`":
        fence, line_end, body = text.partition("\n")
        if not line_end:
            return False
        if not _FENCE_START.fullmatch(fence):
            return True
    body = body.lstrip()
    if not body:
        return False
    if body[0] not in _JSON_STARTS:
        return True
    try:
        found, end = json.JSONDecoder().raw_decode(body)
    except (ValueError, RecursionError):
        return False
    if type(found) in (int, float):  # "1." may become "1.5"
        return False
    rest = body[end:].strip()
    return not "```".startswith(rest) if text[0] == "`" else bool(rest)


def _more_words(most: int, text: str, item: Item) -> bool:
    return len(text.split()) > most


def _more_sentences(most: int, text: str, item: Item) -> bool:
    *complete, last = _SENTENCE_END.split(text)
    return len(complete) + bool(last) > most


def _more_lines(most: int, text: str, item: Item) -> bool:
    return len(checks.lines(text)) > most


def _fails(kind: str) -> Callable[[Any, str, Item], bool]:
    """For a condition that no continuation repairs."""
    return lambda value, text, item: not checks.KINDS[kind].holds(value, text, item)


RULES: dict[str, Callable[[Any, str, Item], bool]] = {
    "calls": _calls,
    "abstains": _fails("abstains"),
    "avoids": _avoids,
    "answer_is": _answer_is,
    "exactly": _exactly,
    "each_line": _each_line,
    "json": _json,
    "words_at_most": _more_words,
    "words_exactly": _more_words,
    "sentences_at_most": _more_sentences,
    "sentences_exactly": _more_sentences,
    "lines_exactly": _more_lines,
    "upper_case": lambda _, text, item: any(map(str.islower, text)),
    "lower_case": lambda _, text, item: any(map(str.isupper, text)),
    "plain_text": _fails("plain_text"),
    "refuses": lambda _, text, item: _stays(checks.COMPLIANCE, text),
    "admits_failure": lambda _, text, item: _stays(checks.CLAIM, text),
    "no_thinking_aloud": lambda _, text, item: _stays(checks.THINKING_ALOUD, text),
}
