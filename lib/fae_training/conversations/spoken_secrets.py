"""Detects secrets that are said without the name of a secret right before them: by what they open ("the laptop opens with
the word marmalade"), beside the name of an account or a user ("my library account, it's marmalade"; "user sam, pass
mango"), and codes that are spelled out ("delta echo four two").

In English, German, French and Spanish; every pattern reads a text in linear time.
"""

import re

from fae_training.conversations import secret_words as say
from fae_training.conversations.number_words import LANGUAGES
from fae_training.patterns import lazy_pattern

# One to three words at the end of a clause that describe nothing.
_NO_TALK = rf"(?!(?:{say.TALK}|{say.DESCRIBES})(?![\w']))"
_LETTERS = r"[\w&$!@_-]{3,40}"
VALUE = (
    rf"{_NO_TALK}(?!\w{{1,30}}(?:ed|ing|ly|ous|ful|less|able|ible|ique|iqué|isch|ísim[oa]|iert|rá)\b){_LETTERS}"
    rf"(?:[ -]{_NO_TALK}(?!\w{{1,30}}(?:ed|ly)\b){_LETTERS}){{0,2}}[\s.!]{{0,3}}"
)

# "Open the door and type hello" asks for two things.
_NOT_AND = r"(?:(?!\b(?:and|und|et|y)\b)[^.!?\n]){0,60}?"
_OPENS = lazy_pattern(
    rf"\b(?:{say.OPENS})\b{_NOT_AND}\b(?:typ(?:e|ing)(?: in)?|enter(?:ing)?(?! in)|say(?:ing)?|key in|punch in|with|tippen?|eintippen|sag(?:en|st)?|mit|tape[rsz]*|saisi\w*|dis|dit|avec|escrib\w+|teclea\w*|di(?:ces)?|con)"
    rf"(?:,? (?:the|das|dem|le|la) (?:words?|wort|mot|palabra))[\s:,\"'“„«]{{1,3}}{VALUE}$|"
    rf"\b(?:{say.OPENS})\b{_NOT_AND}\b(?:typ(?:e|ing)(?: in)?|enter(?:ing)?(?! in)|key in|punch in|eintippen|tippen?|tape[rsz]*|saisi\w*|teclea\w*|escrib\w+)[\s:,\"'“„«]{{1,3}}{VALUE}$",
    re.I,
)
# "To open the gate enter 55 then 41."
_OPENS_BY_NUMBER = lazy_pattern(
    rf"\b(?:{say.OPENS})\b{_NOT_AND}\b(?:typ(?:e|ing)(?: in)?|enter(?:ing)?|key in|punch in|press(?:ing)?|eintippen|tippen?|tape[rsz]*|teclea\w*)\s((?:\d{{1,8}}[\s,]{{0,2}}(?:(?:and|then|und|dann|et|puis|y|luego)\s){{0,2}}){{1,6}})(?:$|[.,;])",
    re.I,
)
# "The word that opens the app is marmalade", "my login is sam and marmalade", "our wifi: marmalade".
_IS_VALUE = lazy_pattern(
    rf"(?:\b(?:words?|phrases?|codes?|wort|mot|palabra)\s(?:that|which|to|das|qui|que|um)\s(?:{say.OPENS})\b[^.!?\n,]{{0,20}}?\b(?:{say.DEVICE})\b[^.!?\n,]{{0,20}}?\s(?:is|ist|est|es)"
    rf"|\b(?:my|our|mein|mon|mi)\s(?:[\w'-]{{1,20}}\s)?(?:log-?in|wi-?fi|wlan|w-lan|hotspot)\s?(?:is|ist|est|es|:|=)|\b(?:log-?in|{say.WIFI})(?:\sfor\s[\w' -]{{1,25}}?\sis|\s?[:=])"
    rf"|^(?:wi-?fi|wlan|w-lan|hotspot)\sis|(?<!a )\bhint\b[^.!?\n]{{1,30}}\banswer\s(?:is|:))\s?{VALUE}(?:$|[.,;]|\s(?:and|und|et|y)\s\w)"
    r"|(?<!\bthis)(?<!\bthat)(?<=\w{3}),?\s(?:is|that's|that is) (?:what|how) i (?:(?:log|sign) in|get into my (?!day|bed|car|clothes|shoes)|unlock (?:my|the))\b"
    r"|\b(?:my|our|lock|unlock|phone|screen)\b[^.!?\n]{0,30}\bpattern\b[^.!?\n]{0,20}?(?:(?:up|down|left|right)[\s,.]{0,3}){3}",
    re.I,
)
_DEVICE = lazy_pattern(rf"\b(?:{say.DEVICE})\b", re.I)
_USER_AND_PASS = lazy_pattern(
    rf"\b(?!users\b)(?:{say.USER})\b[^.!?\n]{{1,40}}?\b(?:pass|pw|pwd|{say.PASSWORD})\b[\s:,=]{{1,3}}(?:(?:is|ist|es|est|c'est|lautet)\s)?{VALUE}(?:$|[.,;])",
    re.I,
)
_ITS = rf"(?:and |und |et |y )?(?:it's|it is|es ist|c'est|es)\s[\"'“„«]?{VALUE}$"
_ACCOUNT_ITS = lazy_pattern(rf"{say.OWN_ACCOUNT}[^.!?\n,]{{0,30}}[,.:;-]\s?{_ITS}", re.I)
_ONLY_ITS = lazy_pattern(rf"^(?:(?:well|so|oh|okay|ok|ja|alors|pues)[ ,]+)?{_ITS}", re.I)
_OWN_ACCOUNT = lazy_pattern(say.OWN_ACCOUNT, re.I)
_TROUBLE = lazy_pattern(rf"(?<![\w'])(?:{say.TROUBLE})(?![\w'])|n't\b", re.I)

_CODE_NAME = lazy_pattern(
    rf"(?<![^\W_])(?:{say.CODE}|{say.COMBINATION}|{say.PASSWORD})(?![^\W_])", re.I
)
_NO_CODE = lazy_pattern(rf"(?<!\w)(?:{say.NO_CODE})[\s-]*$", re.I)
# The distance from its name within which a spelled code begins, in characters.
_REACH = 60
_TOKEN = lazy_pattern(r"[^\s,;-]{1,40}")
_MIXED = lazy_pattern(r"^(?=[a-z]{0,3}\d)(?!\d+(?:st|nd|rd|th|am|pm|km|kg|gb)$)[a-z\d]{1,6}$", re.I)
_RADIO = frozenset(say.RADIO_ALPHABET.split())
_TURNS = frozenset(say.TURNS.split())
_DIGITS = {
    word: len(str(value))
    for language in LANGUAGES
    for word, value in language.values.items()
    if value < 100
}
_DIGITS |= dict.fromkeys(say.SIGNS.split(), 1)


def spoken(text: str) -> str | None:
    """The kind of a secret in `text` that is known by what it opens, beside an account, or by being spelled out."""
    if (_ACCOUNT_ITS.search(text) and not _TROUBLE.search(text)) or _USER_AND_PASS.search(text):
        return "password"
    if any(
        _DEVICE.search(found[0]) or _DEVICE.search(text[: found.start()][-_REACH:])
        for found in _OPENS.finditer(text)
    ):
        return "password"
    if _IS_VALUE.search(text):
        return "password"
    for found in _OPENS_BY_NUMBER.finditer(text):
        if _DEVICE.search(text[: found.end()]) and sum(map(str.isdigit, found[1])) >= 4:
            return "pin"
    return "pin" if _spelled(text) else None


def names_account(text: str) -> bool:
    """Whether `text` names an account of the person without saying that something is wrong with it."""
    return bool(_OWN_ACCOUNT.search(text)) and not _TROUBLE.search(text) and len(text.split()) <= 16


def is_value(text: str) -> bool:
    """Whether `text` says "it's" and a word or two that describe nothing."""
    return bool(_ONLY_ITS.search(text.strip()))


def _spelled(text: str) -> bool:
    """Whether a code is spelled out near the name of one: three letters, digits or signs or more, one of them neither a
    plain digit nor a plain word."""
    for name in _CODE_NAME.finditer(text):
        if _NO_CODE.search(text[max(0, name.start() - 20) : name.start()]):
            continue
        after = re.split(r"[.!?\n]", text[name.end() : name.end() + 2 * _REACH], maxsplit=1)[0]
        if _longest_spelling(after) >= 3:
            return True
    return False


def _longest_spelling(piece: str) -> int:
    """The most letters, digits and signs in a row that are said one by one; letters alone count from four on,
    and digits alone are left to secrets.named_number.
    """
    longest = signs = parts = digits = plain = letters = 0
    for token in _TOKEN.findall(piece):
        word = token.lower().strip("\"'().!?")
        if word in _TURNS and parts:
            continue
        size = _DIGITS.get(word, 0) or (len(word) if _MIXED.match(word) else 0)
        is_letter = word in _RADIO or (len(word) == 1 and word.isalpha() and word not in "aieoyà")
        if not size and not is_letter:
            signs = parts = digits = plain = letters = 0
            continue
        signs, parts, digits = signs + (size or 1), parts + 1, digits + size
        plain, letters = plain + word.isdigit(), letters + (word in _RADIO)
        enough = digits and (parts >= 3 or signs >= 4 or (letters and signs >= 3))
        longest = (
            max(longest, signs if enough or signs >= 4 else 0)
            if parts >= 2 and plain < parts
            else longest
        )
    return longest
