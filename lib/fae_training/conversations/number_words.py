"""Reads numbers in words, as speech-to-text writes them: "forty eight, twenty one" is 4821.

English, German, French and Spanish. Numbers read aloud in parts are joined into one row of digits,
as for a telephone number or a PIN; "one thousand nine hundred and eighty four" is the number that
it names.
"""

import re
from dataclasses import dataclass

from fae_training.patterns import lazy_pattern

_REPEATS = {"double": 2, "triple": 3, "treble": 3, "doppel": 2, "double-": 2, "doble": 2}


@dataclass(frozen=True)
class Language:
    """`values`: the value of each word; `joints`: words that join two of them, as in "veinte y uno"."""

    values: dict[str, int]
    joints: tuple[str, ...]


def _counted(words: str, first: int = 0, step: int = 1) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(words.split())}


_ENGLISH = (
    _counted(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen"
    )
    | _counted("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
    | {"oh": 0, "o": 0, "nought": 0, "hundred": 100, "thousand": 1000}
)
_GERMAN_UNITS = _counted("null eins zwei drei vier fünf sechs sieben acht neun") | {"zwo": 2}
_GERMAN_TENS = _counted(
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig", 20, 10
) | {"dreissig": 30}
_GERMAN = (
    _GERMAN_UNITS
    | _GERMAN_TENS
    | _counted("zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn", 10)
    | {
        f"{unit}und{ten}": one + many
        for unit, one in (_GERMAN_UNITS | {"ein": 1}).items()
        for ten, many in _GERMAN_TENS.items()
        if one
    }
)
_FRENCH = (
    _counted("zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze")
    | _counted("quinze seize", 15)
    | _counted("vingt trente quarante cinquante soixante", 20, 10)
    | {"septante": 70, "huitante": 80, "nonante": 90, "zero": 0}
)
_SPANISH = (
    _counted("cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce")
    | _counted(
        "quince dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés "
        "veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve",
        15,
    )
    | _counted("treinta cuarenta cincuenta sesenta setenta ochenta noventa", 30, 10)
)
LANGUAGES = (
    Language(_ENGLISH, ("and",)),
    Language(_GERMAN, ()),
    Language(_FRENCH, ("et",)),
    Language(_SPANISH, ("y",)),
)


def _run(language: Language) -> re.Pattern:
    """Two or more number words in a row."""
    words = sorted({*language.values, *_REPEATS}, key=len, reverse=True)
    word = rf"(?:{'|'.join(map(re.escape, words))})"
    joint = rf"(?:\s+(?:{'|'.join(language.joints)}))?" if language.joints else ""
    return lazy_pattern(rf"(?<![\w'-]){word}(?:{joint}[\s,.-]{{1,3}}{word})+(?![\w'])", re.I)


_RUNS = tuple((language, _run(language)) for language in LANGUAGES)
_WORDS = frozenset(word for language in LANGUAGES for word in language.values)
_LETTERS = lazy_pattern(r"[^\W\d_]+")


def _digits(words: list[str], values: dict[str, int]) -> str:
    """The digits of the number `words`, such as "48" "21" of forty eight twenty one."""
    if any(values.get(word, 0) >= 100 for word in words):
        return _cardinal(words, values)
    digits: list[str] = []
    repeat = 1
    for word in words:
        if word in _REPEATS:
            repeat = _REPEATS[word]
            continue
        if word not in values:
            continue
        value = values[word]
        before = int(digits[-1]) if digits and digits[-1][0] != "0" else 0
        if before == 4 and value == 20 and "vingt" in values:
            digits[-1] = "80"
        elif (before in (60, 80) and 10 <= value < 20 and "vingt" in values) or (
            before >= 20 and before % 10 == 0 and 1 <= value <= 9
        ):
            digits[-1] = str(before + value)
        else:
            digits += [str(value)] * repeat
        repeat = 1
    return "".join(digits)


def _cardinal(words: list[str], values: dict[str, int]) -> str:
    """The number named with hundreds and thousands."""
    total, part = 0, 0
    for word in words:
        value = values.get(word, 0)
        if value == 1000:
            total, part = total + max(part, 1) * 1000, 0
        elif value == 100:
            part = max(part, 1) * 100
        else:
            part += value
    return str(total + part)


def written(text: str) -> str:
    """`text` with each run of two or more number words as digits."""
    if _WORDS.isdisjoint(_LETTERS.findall(text.lower())):
        return text
    for language, run in _RUNS:
        text = run.sub(
            lambda found, values=language.values: _digits(
                _LETTERS.findall(found[0].lower()), values
            ),
            text,
        )
    return text
