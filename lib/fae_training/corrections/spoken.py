"""Words that Fae misheard, found in what the person said about them: "my name is Marion, not Marian".

Where the person does not say that it is a name, only words that sound alike are taken for misheard ones: "it's
Prince, not Michael Jackson" corrects a fact.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from fae_training.conversations.dialogue import Conversation
from fae_training.conversations.text import STOPWORDS, WORD, without_wake_word

SOUNDS_ALIKE = 0.55
_TERM = r"[^\W\d_][\w'’-]*(?: [^\W\d_][\w'’-]*){0,2}?"
_END = r"(?=\s*(?:[,.;!?]|$| please\b| fae\b))"
_NOT = r"[\s,]+(?:and )?not "

_PATTERNS = [
    (name, re.compile(pattern, re.I))
    for name, pattern in [
        ("name", rf"\b(?:my|his|her|their|the|our|its) (?:\w+(?:'s)? )?name(?: is|'s|’s) (?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
        ("called", rf"\b(?:call (?:me|her|him|it)|called|named) (?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
        ("is", rf"\b(?:i'm|i am|she's|he's|they're) (?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
        ("said", rf"\bi said (?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
        ("not", rf"^(?:no,? )?not (?P<heard>{_TERM}),? (?:but )?(?P<meant>{_TERM}){_END}"),
        ("is_not", rf"(?:^|\b(?:no|it's|that's|it is|that is)[\s,]+)(?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
        ("spelled", rf"\b(?P<heard>{_TERM}) (?:is |it's )?spel(?:led|t)(?: with)?:? (?P<letters>[a-z](?:[\s.-]+[a-z]){{1,}})\b"),
        ("spelled", r"\b(?:it's|that's|it is|is) spel(?:led|t):? (?P<letters>[a-z](?:[\s.-]+[a-z]){1,})\b"),
        ("as_in", rf"^(?:no[\s,]+)+(?P<meant>{_TERM})[\s,]+as in\b"),
        ("said", rf"^(?:no[\s,]+)*i said (?P<meant>{_TERM}){_END}"),
    ]
]  # fmt: skip


@dataclass(frozen=True)
class SpokenCorrection:
    """What was heard and what was meant, as written; `pattern` names the form in which it was said."""

    heard: str
    meant: str
    pattern: str


def find(said: str, before: str = "") -> SpokenCorrection | None:
    """The misheard word that `said` corrects; `before` is what the person was heard to say just before."""
    said = without_wake_word(said)
    for name, pattern in _PATTERNS:
        match = pattern.search(said)
        if not match:
            continue
        given = match.groupdict()
        meant = given.get("meant") or _joined(given["letters"])
        heard = given.get("heard")
        if heard is None or given.get("letters"):
            heard = _like(meant, heard or before)
        if heard and _is_misheard(heard, meant, said_to_be_a_name=name in ("name", "called")):
            return SpokenCorrection(heard, meant, name)
    return None


def _joined(letters: str) -> str:
    """ "M A R I O N" as a word."""
    return "".join(re.findall(r"[a-z]", letters, re.I)).capitalize()


def _is_misheard(heard: str, meant: str, said_to_be_a_name: bool) -> bool:
    """Whether the two differ, carry meaning, and sound alike: but Siobhan may well be heard as "chevron"."""
    if heard.lower() == meant.lower() or {heard.lower(), meant.lower()} & STOPWORDS:
        return False
    return said_to_be_a_name or _alike(heard, meant) >= SOUNDS_ALIKE


def _alike(one: str, other: str) -> float:
    """How alike two spellings sound, 0 to 1: their letters, with those that English confuses made one."""
    return SequenceMatcher(None, _sound(one), _sound(other)).ratio()


def _sound(text: str) -> str:
    letters = re.sub(r"[^a-z]", "", text.lower())
    for spelled, heard in (("ph", "f"), ("ck", "k"), ("ght", "t"), ("kn", "n"), ("wr", "r"), ("c", "k"), ("z", "s"), ("y", "i")):  # fmt: skip
        letters = letters.replace(spelled, heard)
    return re.sub(r"(.)\1", r"\1", letters)


def _like(meant: str, text: str) -> str | None:
    """The word, or two words, of `text` that sound most like `meant`."""
    tokens = [word for word in WORD.findall(text) if word.lower() not in STOPWORDS]
    candidates = tokens + [" ".join(two) for two in itertools.pairwise(tokens)]
    best = max(candidates, key=lambda word: _alike(word, meant), default=None)
    return best if best and _alike(best, meant) >= SOUNDS_ALIKE else None


def in_conversation(conversation: Conversation) -> Iterator[SpokenCorrection]:
    """The misheard words that a conversation corrects."""
    for turns in conversation.stretches():
        before = ""
        for turn in turns:
            if found := find(turn.user, before):
                yield found
            before = turn.user
