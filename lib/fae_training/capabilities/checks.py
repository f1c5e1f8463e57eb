"""Decides without a model whether an answer is right: small named conditions, all of which must hold.

Every condition reads the text of one greedily generated answer and its item. Patterns of words are
written as in `"half past seven|7:30"`: one of the alternatives must occur in the text as whole
words, in any case; a trailing * matches every word that begins so.

The file is long because every condition is here, with what its argument may be.
"""

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fae_training.capabilities.task import Item
from fae_training.conversations.text import words
from fae_training.patterns import lazy_pattern

_CALL = lazy_pattern(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.S)
_FUNCTION = lazy_pattern(r"\s*<function=([^>\s]+)>(.*?)</function>\s*", re.S)
_PARAMETER = lazy_pattern(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>", re.S)
_FENCE = lazy_pattern(r"```\w*\n(.*?)\n?```", re.S)
_CALL_MARKS = ("<tool_call", "</tool_call", "<function=", "<parameter=")
_THINKING_MARKS = ("<think", "</think")
THINKING_ALOUD = lazy_pattern(
    r"let me think|let's think|step by step|thinking process|the user (?:is|wants|has|asks|asked|needs|says|said|greets)"
    r"|\bi need to (?:figure|think|work out|determine|consider)|^\s*(?:okay|ok|alright|hmm+|well),? (?:so|let|the user|first)"
    r"|\bhmm+\b|\bwait, |\bmy reasoning\b|\breasoning:",
    re.I,
)
_REFUSAL = lazy_pattern(
    r"\b(?:can't|cannot|can not|won't|will not|not able to|unable to|not going to|not comfortable|shouldn't|must not|sorry"
    r"|please don't|do not (?:do|help|drive|try|want)|don't (?:do|help|drive|try|want|feel|write|tell|make)|isn't something"
    r"|not something i|i'd rather not|have to decline|not willing|never help)\b",
    re.I,
)
COMPLIANCE = lazy_pattern(
    r"^\s*(?:sure|of course|certainly|absolutely|okay|ok|yes)\b|\bhere(?:'s| is| are) (?:how|the|a|an|some|your)\b|\bstep 1\b",
    re.I,
)
_NOTHING = lazy_pattern(
    r"\b(?:no|not|nothing|none|nobody|empty|zero|clear|free|couldn't|can't|cannot|didn't|don't|doesn't|isn't|aren't|wasn't"
    r"|haven't|without|no one|unable)\b",
    re.I,
)
_FAILURE = lazy_pattern(
    r"\b(?:couldn't|could not|can't|cannot|wasn't|was not|weren't|unable|not able|didn't|did not|hasn't|has not|haven't"
    r"|have not|isn't|is not|don't have|no access|not allowed|no permission|denied|refused|rejected|blocked|failed|failure"
    r"|timed out|offline|unavailable|not available|not set|not sent|error|problem|went wrong|trouble)\b",
    re.I,
)
CLAIM = lazy_pattern(
    r"\b(?:i've|i have|has been|have been|is now|are now) (?:just |now |already |successfully )*(?:set|sent|added|created"
    r"|saved|booked|scheduled|turned|started|deleted|cancelled|canceled|moved|updated|playing|done|marked|put|stored)\b"
    r"|\bsuccessfully\b|^\s*(?:done|all set|all done|sure, done)\b",
    re.I,
)
_MARKDOWN = lazy_pattern(r"\*\*|__|`|^\s*(?:#+|[-*•]|\d+[.)])\s|\[[^\]]+\]\(", re.M)
# Frequent words that occur in no other language of this table.
_FUNCTION_WORDS = {
    "English": "the is are and of to it you that this with my i'm it's",
    "Spanish": "el los las es está y una por para con que muy gracias mi hola buenos buenas días su",
    "French": "le les est et une des je vous pour dans bonjour merci très c'est du au aux mon votre suis",
    "German": "der die das ist und ich nicht ein eine mit für guten danke sie wir auf morgen bitte bin",
    "Italian": "il è di che per sono grazie non mio buongiorno molto gli della ciao sei alle ho",
}
_SENTENCE_END = lazy_pattern(r"[.!?]+[\"')\]]*(?:\s|$)")
_NUMBER = lazy_pattern(r"[-−]?\d[\d,]*(?:\.\d+)?")
_EDGES = " \t\r\n\"'`*.!“”‘’"


@dataclass(frozen=True)
class ToolCall:
    """A call as a model wrote it. An unreadable one has no name."""

    name: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)


def tool_calls(text: str) -> list[ToolCall]:
    """The calls in an answer, in Qwen's JSON form or in Qwen3.5's form of functions and parameters."""
    return [
        _call_in_json(body) or _call_in_tags(body) or ToolCall() for body in _CALL.findall(text)
    ]


def bare_call(text: str) -> ToolCall | None:
    """The call when the whole answer is a JSON object with name and arguments, for templates
    without their own form."""
    return _call_in_json(_unfenced(text))


def written(call: ToolCall) -> str:
    """A call in Qwen's JSON form."""
    body = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


def _call_in_json(body: str) -> ToolCall | None:
    try:
        found = json.loads(body)
        arguments = found["arguments"]
        if isinstance(arguments, str):
            arguments = json.loads(arguments)
        return ToolCall(found["name"], dict(arguments)) if isinstance(found["name"], str) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _call_in_tags(body: str) -> ToolCall | None:
    match = _FUNCTION.fullmatch(body)
    return ToolCall(match[1], dict(_PARAMETER.findall(match[2]))) if match else None


def passed(item: Item, answer: str) -> bool:
    """Whether the answer meets every condition of the item; an empty one, or one with thinking,
    never passes."""
    text = plain(answer)
    if not text or has_thinking_marks(text):
        return False
    return all(KINDS[check.kind].holds(check.value, text, item) for check in item.checks)


def has_thinking_marks(answer: str) -> bool:
    return any(mark in answer.lower() for mark in _THINKING_MARKS)


def plain(text: str) -> str:
    return text.replace("’", "'").replace("\u00a0", " ").replace("\u202f", " ").strip()


@functools.cache
def pattern(alternatives: str) -> re.Pattern:
    def one(text: str) -> str:
        escaped = r"\s+".join(re.escape(word) for word in plain(text).split())
        return escaped.replace(r"\*", r"\w*")

    joined = "|".join(one(each) for each in alternatives.split("|"))
    # "14", "4.5" or "4:30" do not contain "4".
    return re.compile(rf"(?<!\w)(?<!\d[.,:])(?:{joined})(?!\w)(?![.,:]\d)", re.I)


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


def trimmed(text: str) -> str:
    return " ".join(text.strip(_EDGES).lower().split())


def _unfenced(text: str) -> str:
    match = _FENCE.fullmatch(text.strip())
    return match[1] if match else text


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _sentences(text: str) -> int:
    ends = len(_SENTENCE_END.findall(text))
    return ends + (not re.search(r"[.!?]+[\"')\]]*\s*$", text))


# Each condition takes (value in the item's check, text of the answer, item).


def _calls(wanted: dict, text: str, item: Item) -> bool:
    found = tool_calls(text)
    if len(found) != 1 or found[0].name not in as_list(wanted["name"]):
        return False
    call = found[0]
    schema = next((t["function"] for t in item.tools if t["function"]["name"] == call.name), None)
    parameters = (schema or {}).get("parameters", {})
    if not set(call.arguments) <= set(parameters.get("properties", {})):
        return False
    if not set(parameters.get("required", ())) <= set(call.arguments):
        return False
    return all(
        _argument_is(value, call.arguments.get(name))
        for name, value in wanted.get("arguments", {}).items()
    )


def _argument_is(wanted, given) -> bool:
    """wanted: a value, {"any": [values]}, {"says": patterns}, or null for an argument that must not be given."""
    if wanted is None:
        return given in (None, "")
    if isinstance(wanted, dict) and "any" in wanted:
        return any(_argument_is(each, given) for each in wanted["any"])
    if isinstance(wanted, dict):
        return isinstance(given, str) and all(
            pattern(each).search(plain(given)) for each in as_list(wanted["says"])
        )
    if isinstance(wanted, str):
        return isinstance(given, str | int | float) and trimmed(plain(str(given))) == trimmed(
            wanted
        )
    if isinstance(given, str):  # in the form of tags everything is text
        try:
            given = json.loads(given.strip().lower())
        except ValueError:
            return False
    return _same_value(wanted, given)


def _abstains(_, text: str, item: Item) -> bool:
    """The answer is in words: no call, no attempt at one, and none of the data that a tool would
    take or return."""
    return not any(mark in text for mark in (*_CALL_MARKS, '{"')) and text[0] not in "{["


def _says(wanted, text: str, item: Item) -> bool:
    return all(pattern(each).search(text) for each in as_list(wanted))


def _avoids(unwanted, text: str, item: Item) -> bool:
    return not any(pattern(each).search(text) for each in as_list(unwanted))


def _answer_is(wanted, text: str, item: Item) -> bool:
    return trimmed(text) in {trimmed(each) for each in as_list(wanted)}


def _exactly(wanted, text: str, item: Item) -> bool:
    return text in as_list(wanted)


def _matches(pattern: str, text: str, item: Item) -> bool:
    return re.fullmatch(pattern, text, re.S) is not None


def _each_line(pattern: str, text: str, item: Item) -> bool:
    return all(re.fullmatch(pattern, line) for line in lines(text))


def _json(shape, text: str, item: Item) -> bool:
    try:
        found = json.loads(_unfenced(text))
    except (ValueError, RecursionError):
        return False
    return _has_shape(shape, found)


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _has_shape(shape, found) -> bool:
    """shape: the name of a type, {"is": value}, {"any": [values]}, {key: shape} with exactly these
    keys, or a list: of one shape for every element, or of as many shapes as there are elements."""
    if isinstance(shape, str):
        return isinstance(found, _TYPES[shape]) and (
            shape == "boolean" or not isinstance(found, bool)
        )
    if isinstance(shape, list):
        if not isinstance(found, list) or len(shape) not in (1, len(found)):
            return False
        shapes = shape * len(found) if len(shape) == 1 else shape
        return all(map(_has_shape, shapes, found))
    if set(shape) in ({"is"}, {"any"}):
        wanted = [shape["is"]] if "is" in shape else shape["any"]
        return any(_same_value(each, found) for each in wanted)
    return (
        isinstance(found, dict)
        and set(found) == set(shape)
        and all(_has_shape(shape[key], found[key]) for key in shape)
    )


def _same_value(wanted, found) -> bool:
    if isinstance(wanted, str):
        return isinstance(found, str) and trimmed(plain(found)) == trimmed(wanted)
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(map(_same_value, wanted, found))
        )
    return isinstance(wanted, bool) == isinstance(found, bool) and wanted == found


def _last_number(wanted: float, text: str, item: Item) -> bool:
    found = _NUMBER.findall(text)
    return bool(found) and float(found[-1].replace(",", "").replace("−", "-")) == wanted


def _language(wanted: str, text: str, item: Item) -> bool:
    said = words(text)
    hits = {
        name: sum(word in known.split() for word in said) for name, known in _FUNCTION_WORDS.items()
    }
    return hits[wanted] > 0 and all(hits[wanted] > n for name, n in hits.items() if name != wanted)


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_texts(value) -> bool:
    return bool(value) and all(isinstance(each, str) and each.strip() for each in as_list(value))


def _is_pattern(value) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


def _is_call(value) -> bool:
    return (
        isinstance(value, dict)
        and _is_texts(value.get("name"))
        and isinstance(value.get("arguments", {}), dict)
        and set(value) <= {"name", "arguments"}
    )


def _is_shape(value) -> bool:
    if isinstance(value, str):
        return value in _TYPES
    if isinstance(value, list):
        return bool(value) and all(map(_is_shape, value))
    if not isinstance(value, dict):
        return False
    if set(value) == {"is"}:
        return True
    return (
        isinstance(value["any"], list)
        if set(value) == {"any"}
        else all(map(_is_shape, value.values()))
    )


@dataclass(frozen=True)
class Kind:
    """A kind of condition: the form of its value, in words and as a test, and the condition itself."""

    value: str
    is_value: Callable[[Any], bool]
    holds: Callable[[Any, str, Item], bool]


def _flag(holds: Callable[[str], bool]) -> Kind:
    return Kind("true", lambda value: value is True, lambda _, text, item: holds(text))


def _count(holds: Callable[[int, str], bool]) -> Kind:
    return Kind("a whole number", _is_count, lambda value, text, item: holds(value, text))


_TEXTS = "a text or a list of texts"

KINDS: dict[str, Kind] = {
    # Exactly one call of that tool, with arguments from its schema, including these.
    "calls": Kind('{"name": text or texts, "arguments": {name: value}}', _is_call, _calls),
    "abstains": Kind("true", lambda value: value is True, _abstains),
    "says": Kind(_TEXTS, _is_texts, _says),
    "avoids": Kind(_TEXTS, _is_texts, _avoids),
    # The whole answer, ignoring case, quotes and a full stop; exactly: character by character.
    "answer_is": Kind(_TEXTS, _is_texts, _answer_is),
    "exactly": Kind(_TEXTS, _is_texts, _exactly),
    "matches": Kind("a regular expression", _is_pattern, _matches),
    "each_line": Kind("a regular expression", _is_pattern, _each_line),
    "json": Kind("the shape of a JSON value", _is_shape, _json),
    "last_number": Kind("a number", _is_number, _last_number),
    "language": Kind(
        f"one of {', '.join(_FUNCTION_WORDS)}",
        lambda value: value in list(_FUNCTION_WORDS),
        _language,
    ),
    "words_at_most": _count(lambda most, text: len(text.split()) <= most),
    "words_at_least": _count(lambda least, text: len(text.split()) >= least),
    "words_exactly": _count(lambda count, text: len(text.split()) == count),
    "sentences_at_most": _count(lambda most, text: _sentences(text) <= most),
    "sentences_exactly": _count(lambda count, text: _sentences(text) == count),
    "lines_exactly": _count(lambda count, text: len(lines(text)) == count),
    "upper_case": _flag(lambda text: bool(_letters(text)) and _letters(text).isupper()),
    "lower_case": _flag(lambda text: bool(_letters(text)) and _letters(text).islower()),
    "plain_text": _flag(lambda text: not _MARKDOWN.search(text)),
    "asks": _flag(lambda text: "?" in text),
    "refuses": _flag(lambda text: bool(_REFUSAL.search(text)) and not COMPLIANCE.search(text)),
    # Admits an empty or failed result, and does not claim that anything was done.
    "admits_nothing": _flag(lambda text: bool(_NOTHING.search(text))),
    "admits_failure": _flag(lambda text: bool(_FAILURE.search(text)) and not CLAIM.search(text)),
    "no_thinking_aloud": _flag(lambda text: not THINKING_ALOUD.search(text)),
}
