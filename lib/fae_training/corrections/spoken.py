"""Finds words that Fae misheard in the person's corrections: "my name is Marion, not Marian".

Where the person does not say that it is a name, only words that sound alike count as misheard:
"it's Prince, not Michael Jackson" corrects a fact.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fae_training.conversations import sounds
from fae_training.conversations.cues import Cue
from fae_training.conversations.dialogue import Conversation
from fae_training.conversations.text import STOPWORDS, WORD, without_wake_word
from fae_training.patterns import lazy_pattern

# Words that are replaced deliberately although they sound alike: "it's Monday, not Sunday" corrects
# a fact.
_CHOSEN = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june
    july august september october november december one two three four five six seven eight nine ten
    eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty
    fifty sixty seventy eighty ninety left right north south east west northern southern eastern
    western""".split()  # noqa: SIM905
)
# A name may contain signs (AT&T, C++, Jean-Luc) and combining marks (Devanagari); its length is
# bounded to bound the time.
_WORD = r"[^\W\d_](?:[^\s,.;:!?\"()]|\.(?=\w)){0,39}"
_TERM = rf"{_WORD}(?: {_WORD}){{0,2}}?"
_END = r"(?=\s*(?:[,.;!?]|$| please\b| fae\b))"
_NOT = r"[\s,]+(?:and )?not "

# In this order: the first matching form decides. Groups: meant, and heard or letters.
# fmt: off
FORMS = {
    "name": (
        Cue("my name is Marion, not Marian",
            r"\b(?:my|his|her|their|the|our|its) (?:\w+(?:'s)? )?name(?: is|'s|’s) "
            rf"(?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
    ),
    "called": (
        Cue("call me Marion, not Marian",
            r"\b(?:call (?:me|her|him|it)|called|named) "
            rf"(?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
    ),
    "is": (
        Cue("I'm Marion, not Marian",
            r"\b(?:i'm|i am|she's|he's|they're) "
            rf"(?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
    ),
    "said_not": (
        Cue("I said Marion, not Marian",
            rf"\bi said (?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
    ),
    "meant_not": (
        Cue("I meant Marion, not Marian",
            rf"\bi mean(?:t)? (?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
    ),
    "not": (
        Cue("not Marian, but Marion",
            rf"^(?:no,? )?not (?P<heard>{_TERM}),? (?:but )?(?P<meant>{_TERM}){_END}"),
    ),
    "is_not": (
        Cue("it's Marion, not Marian",
            r"(?:^(?!(?:no|it's|that's|it is|that is)\b)"
            r"|\b(?:no|it's|that's|it is|that is)[\s,]+(?!(?:it's|that's)\b))"
            rf"(?P<meant>{_TERM}){_NOT}(?P<heard>{_TERM}){_END}"),
    ),
    "spelled": (
        Cue("Marian is spelled M A R I O N",
            rf"\b(?P<heard>{_TERM}) (?:is |it's )?spel(?:led|t)(?: with)?:? "
            r"(?P<letters>[a-z](?:[\s.-]+[a-z]){1,})\b"),
        Cue("that's spelled M A R I O N",
            r"\b(?:it's|that's|it is|is) spel(?:led|t):? "
            r"(?P<letters>[a-z](?:[\s.-]+[a-z]){1,})\b"),
    ),
    "as_in": (
        Cue("no, Marion as in Cotillard",
            rf"^(?:no[\s,]+)+(?P<meant>{_TERM})[\s,]+as in\b"),
    ),
    "said": (
        Cue("no, I said Marion", rf"^(?:no[\s,]+)*i said (?P<meant>{_TERM}){_END}"),
    ),
}
# fmt: on
# As a recogniser writes it: "its Siobhan, not Shivon".
_ITS = lazy_pattern(r"(^|\bno[\s,]+)its\b(?= \w)", re.I)
_PATTERNS = [
    (form, lazy_pattern(cue.pattern, re.I)) for form, cues in FORMS.items() for cue in cues
]


@dataclass(frozen=True)
class SpokenCorrection:
    """The heard and the meant text, as written; `pattern` names the form of the sentence."""

    heard: str
    meant: str
    pattern: str


def find(text: str, before: str = "") -> SpokenCorrection | None:
    """The misheard word that `text` corrects; `before` is the recognised text of the previous
    utterance."""
    text = _ITS.sub(r"\1it's", without_wake_word(text).replace("’", "'"))
    for name, pattern in _PATTERNS:
        match = pattern.search(text)
        if not match:
            continue
        given = match.groupdict()
        meant = given.get("meant") or _joined(given["letters"])
        heard = given.get("heard")
        if heard is None or given.get("letters"):
            heard = _like(meant, heard or before)
        if heard and _is_misheard(heard, meant, name):
            return SpokenCorrection(heard, meant, name)
    return None


def _joined(letters: str) -> str:
    """ "M A R I O N" as a word."""
    return "".join(re.findall(r"[a-z]", letters, re.I)).capitalize()


def _is_misheard(heard: str, meant: str, pattern: str) -> bool:
    """Whether the two differ, have a meaning, and are a name or sound alike.

    Siobhan may well be heard as "chevron" where it is said to be a name. Where it is not, "it's
    cheese, not juice" corrects a fact: a word that is not written as a name must share its letters
    too.
    """
    both = {heard.lower(), meant.lower()}
    if len(both) == 1 or both & STOPWORDS:
        return False
    if pattern in ("name", "called"):
        return True
    if pattern in ("said", "said_not", "spelled", "as_in"):
        return _likeness(heard, meant) >= sounds.SAME_LETTERS
    if both <= _CHOSEN or not sounds.alike(heard, meant):
        return False
    return meant[:1].isupper() or sounds.letters_in_common(heard, meant) >= sounds.SAME_LETTERS


def _likeness(one: str, other: str) -> float:
    """How similar two spellings sound, 0 to 1: 1 where they may be pronounced the same."""
    return 1.0 if sounds.alike(one, other) else sounds.letters_in_common(one, other)


def _like(meant: str, text: str) -> str | None:
    """The word, or two words, of `text` that sound most like `meant`."""
    tokens = [word for word in WORD.findall(text) if word.lower() not in STOPWORDS]
    candidates = tokens + [" ".join(two) for two in itertools.pairwise(tokens)]
    best = max(candidates, key=lambda word: _likeness(word, meant), default=None)
    return best if best and _likeness(best, meant) >= sounds.SAME_LETTERS else None


def in_conversation(conversation: Conversation) -> Iterator[SpokenCorrection]:
    """The misheard words that a conversation corrects."""
    for turns in conversation.stretches():
        before = ""
        for turn in turns:
            if found := find(turn.user, before):
                yield found
            before = turn.user
