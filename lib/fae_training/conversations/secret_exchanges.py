"""Detects secrets spread over several turns: announced or requested in one, and said in the next."""

import re
from collections.abc import Sequence

from fae_training.conversations import secret_words as say
from fae_training.conversations.number_words import written
from fae_training.conversations.passwords import PASSWORD
from fae_training.conversations.secrets import NAMES, digits_of, is_another, numbers
from fae_training.conversations.spoken_secrets import is_value, names_account
from fae_training.conversations.text import STOPWORDS
from fae_training.patterns import lazy_pattern

_ANNOUNCED = lazy_pattern(rf"\b{say.ANNOUNCED}\b", re.I)
_UNFINISHED = lazy_pattern(say.UNFINISHED, re.I)
_ASKED = lazy_pattern(rf"\b{say.ASKED}\b", re.I)
_OWN = lazy_pattern(say.OWN, re.I)
_LOGIN = lazy_pattern(
    r"\b(?:log-?in|credentials|pass ?word|zugangsdaten|identifiants?|usuario)\b", re.I
)
_WHICH_PASSWORD = lazy_pattern(
    rf"\b(?:what(?:'s| is)|tell me|say|give me|enter|wie (?:ist|lautet)|was ist|quel est|c'est quoi|cuál es)\s(?:\w{{1,12}}\s){{0,2}}?(?:{say.PASSWORD})\s?[?:.]\s{{0,3}}$",
    re.I,
)
_REFUSES = lazy_pattern(
    rf"^(?:(?:it's|it is)\s(?:{say.TALK})|that|what|which|wait|none|not|the (?:same|usual|one|old)|same|h+m+|u+m+|well|i|i'm|i'll|i've|you|we|no|nope|yes|nothing|never|why|can|could|do|did|don't|sorry|thanks|forget|how|who|please|stop|cancel|"
    r"ich|du|nein|ja|nichts|das|warum|je|tu|non|oui|rien|pourquoi|yo|sí|nada)(?![\w'])",
    re.I,
)
_WHY = lazy_pattern(
    r"^(?:why|since when|how|when|what happened|oh|sorry|warum|seit wann|was ist|pourquoi|depuis|por qué|desde)\b",
    re.I,
)
_GO_ON = lazy_pattern(
    r"\b(?:go on|and then|next|continue|yes\?|ready|listening|weiter|ensuite|sigue)\b", re.I
)
# "Are you ready?" between what announces a secret and the secret.
_GO_ON_OR_YES = lazy_pattern(
    r"^(?:yes|yeah|sure|okay|ok|go|ready|ja|klar|oui|bien sûr|sí|claro)\b", re.I
)
_LONGEST_QUESTION = 6
# An answer is short; longer text is checked by itself or is something else.
_LONGEST_ANSWER = 14


def _names_one(text: str) -> tuple[bool, bool]:
    """Whether `text` names a secret that may be any word, and one that is a number."""
    number = any(
        not is_another(text[max(0, match.start() - 20) : match.start()], named)
        for named, pattern in NAMES
        for match in pattern.finditer(text)
    )
    return bool(PASSWORD.search(text)), number


def _reveals_account(before: tuple[str, str], user: str) -> bool:
    """Whether the turn before names an account, and this one a password for it: "it's marmalade"."""
    said, reply = before
    return names_account(said) and not _WHY.search(reply) and is_value(user)


def _answers_with_any_word(before: tuple[str, str], user: str) -> bool:
    """Whether a password was asked for by name, or "the password is" was left open, and what follows is a few words
    that do not refuse it."""
    said, reply = before
    left_open = PASSWORD.search(said) and re.search(rf"{say.IS}\W{{0,4}}$", said, re.I)
    asked = (left_open or _WHICH_PASSWORD.search(reply)) and len(user.split()) <= 4
    return bool(asked and not user.rstrip().endswith("?") and not _REFUSES.search(user.strip()))


def _opens(user: str, reply: str) -> tuple[bool, bool]:
    """Whether the next utterance may be a password, and whether it may be a number."""
    announced = _ANNOUNCED.search(user) or _UNFINISHED.search(user)
    word, number = _names_one(user) if announced else (False, False)
    word = word or bool(announced and _LOGIN.search(user))
    if _ASKED.search(reply) and reply.rstrip().endswith(("?", ":")):
        asked_word, asked_number = _names_one(reply)
        word, number = word or asked_word, number or asked_number
    return word, number


def _answers(text: str, word: bool, number: bool) -> bool:
    words = text.split()
    if len(words) > _LONGEST_ANSWER or text.rstrip().endswith("?"):
        return False
    if any(digits_of(value) >= 3 for value, _, _ in numbers(written(text))):
        return word or number
    if word and 4 <= len(words) <= 8 and not STOPWORDS & set(text.lower().split()):
        return True  # "correct horse battery staple"
    first = re.match(
        r"(?:(?:it's|it is|that's|so|well|okay|ok|es ist|c'est|es)\s+)?(\S+)", text.strip(), re.I
    )
    return bool(
        word
        and first
        and not re.match(
            rf"(?:{say.TALK}|no|yes|nothing|never|why|can|could|do|did|don't|sorry|thanks|forget)(?![\w'])",
            first[1],
            re.I,
        )
    )


def spread(turns: Sequence[tuple[str, str]]) -> set[int]:
    """The positions of the turns (said, answered) that reveal a secret only together."""
    found: set[int] = set()
    word = number = False
    for place, (user, reply) in enumerate(turns):
        if (word or number) and _answers(user, word, number):
            found |= {place - 1, place}
            if _GO_ON.search(reply) and len(reply.split()) < 6:
                continue
        if place and (
            _reveals_account(turns[place - 1], user)
            or _answers_with_any_word(turns[place - 1], user)
        ):
            found |= {place - 1, place}
        asks = _ASKED.search(user) and _OWN.search(user)
        if asks and _answers(reply, *_names_one(user)):
            found.add(place)
        opened = _opens(user, reply)
        asks_back = user.rstrip().endswith("?") and len(user.split()) <= _LONGEST_QUESTION
        if any(opened) or not (asks_back and _GO_ON_OR_YES.search(reply)):
            word, number = opened
    return found
