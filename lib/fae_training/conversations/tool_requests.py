"""Recognises requests that only a tool can meet: things that Fae looks up, keeps, sends, plays or switches.

A word such as "email" decides nothing: "email Sam that I'm late" needs a tool, "how do I write a
good email" does not. So a request is split into clauses, each is stripped of its "could you
please", and a cue (tool_cues.py) must be at the start of a clause. All patterns are for lower case.
"""

import re
from collections.abc import Iterable, Mapping

from fae_training.conversations import tool_cues
from fae_training.conversations.cues import Cue
from fae_training.patterns import lower_case_pattern

# Only the start of a clause is searched, because a cue must be there.
LONGEST_CLAUSE = 240

_SENTENCE = lower_case_pattern(r"[.!?]+(?:\s|$)|\n+")
_CLAUSE = lower_case_pattern(r"[,;:]\s|\s(?:and|but|then)\s")


def _any(cues: Iterable[Cue]) -> re.Pattern:
    return lower_case_pattern("|".join(cue.pattern for cue in cues))


def _all(cues: Mapping[str, tuple[Cue, ...]]) -> re.Pattern:
    return _any(cue for of_one_tool in cues.values() for cue in of_one_tool)


_BEGINS = _all(tool_cues.CUES)
_PRESENT = _all(tool_cues.PRESENT)
_HOLDS = _all(tool_cues.ANYWHERE)
_DELIVERED = _any(tool_cues.DELIVERED)
_GIVEN = _any(tool_cues.GIVEN)
_NOT_A_TEXT = lower_case_pattern(rf"(?:{_any(tool_cues.NOT_A_TEXT).pattern})\b")
_POLITE = lower_case_pattern(
    "(?:(?:"
    + "|".join([_any(tool_cues.POLITE).pattern, *tool_cues.POLITE_WORDS.split(", ")])
    + r")(?:[\s,]+|$))*",
)
_IS_TEXT = lower_case_pattern(
    "|".join(re.escape(opener) + r"\b" for opener in tool_cues.TEXTS.split(", "))
    + r"|(?:make|change|improve|fix|shorten|lengthen|polish|finish|retrieve|check) "
    r"(?:this|the|these) (?:\w+ )?(?:e-?mail|text|message|sentence|paragraph|letter|note|poem|list"
    r"|line|response|reply|tone|word|wording|grammar|spelling|information)s?\b",
)
# A clause that makes a statement is not a request.
_TELLS = lower_case_pattern(
    r"(?:i|i'm|i've|my|our|we|he|she|they|it|it's|this is|there|the|his|her|their|people|everyone"
    r"|someone|some)\b(?! weather| forecast| temperature| current)",
)


def needs_tool(request: str) -> bool:
    """Whether `request` asks for something that only a tool can do or know."""
    paragraphs = [
        part for part in re.split(r"\n\s*\n", request.replace("’", "'").lower()) if part.strip()
    ]
    if not paragraphs:
        return False
    sentences = _sentences(paragraphs[0])
    # The last line of a letter may ask for something ("Add this to my calendar"); anything longer
    # is the letter itself.
    last = paragraphs[-1].strip()
    if len(paragraphs) > 1 and "\n" not in last and not any(map(_is_about_a_text, sentences)):
        sentences += _sentences(last)
    for sentence in sentences:
        if _DELIVERED.search(sentence):
            return True
        if _is_about_a_text(sentence):
            # "Rewrite this: Send me the report. Call the office." The words after the colon are the text.
            if ":" in sentence or _GIVEN.search(sentence):
                return False
            continue
        clauses = _CLAUSE.split(sentence)
        if any(map(_asks, clauses if len(clauses) == 1 else [*clauses, sentence])):
            return True
    return False


def _sentences(paragraph: str) -> list[str]:
    whole = (" ".join(part.split()) for part in _SENTENCE.split(paragraph))
    return [part for part in whole if part]


def _is_about_a_text(sentence: str) -> bool:
    if _GIVEN.search(sentence):
        return True
    asked = _asked(sentence)
    return bool(_IS_TEXT.match(asked)) and not _NOT_A_TEXT.match(asked)


def _asked(clause: str) -> str:
    """`clause` without words of politeness and wishing before the request."""
    polite = _POLITE.match(clause + " ")
    assert polite is not None  # it also matches no words at all
    return clause[polite.end() :][:LONGEST_CLAUSE].strip()


def _asks(clause: str) -> bool:
    asked = _asked(clause)
    if _HOLDS.search(clause[:LONGEST_CLAUSE]):
        return True
    if _TELLS.match(asked):
        return False
    return bool(_BEGINS.match(asked) or _PRESENT.search(asked))
