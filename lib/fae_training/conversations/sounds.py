"""Compares spellings by sound: Siobhan and Shivon, Niamh and Neve, Xavier and Zavier.

Common letters are not a measure of it (Siobhan, Shivon: 0.46; Monday, Sunday: 0.67). When a name is
spelled by ear its consonants remain, apart from those that English spelling confuses. So each
spelling has a few keys, with one letter for each group of consonants; where a spelling has two
pronunciations ("g" in Gerard and Gilbert) it has two keys. The rules are those of English, of
Irish, and of the English pronunciation of foreign names, without any dictionary.
"""

import re
import unicodedata
from difflib import SequenceMatcher

# The share of common letters from which two spellings count as one word, where their keys nearly agree too.
SAME_LETTERS = 0.55
# The share of common consonant groups required together with it.
SAME_KEY = 0.8

# Applied in order; the replacement is the pronunciation in every word.
_ALWAYS = (
    (r"^(?:kn|gn|pn|mn)", "n"),  # Knight
    (r"^wr", "r"),  # Wreath
    (r"^ps", "s"),  # Psalm
    (r"^pf", "f"),  # Pfeiffer
    (r"^x", "s"),  # Xavier
    (r"^rh", "r"),  # Rhys
    (r"^isl", "il"),  # Islay
    (r"^wh", "w"),  # White
    (r"mb$", "m"),  # Lamb
    (r"mn$", "m"),  # Autumn
    (r"cester", "ster"),  # Worcester
    (r"sch|tch|dg(?=e|i|y)|cz|sz|sh|tsch", "S"),  # Schmidt
    (r"(?<=.)ti(?=on|a)", "S"),  # Tatiana
    (r"ph", "f"),  # Philip
    (r"[bm]h", "v"),  # Siobhan
    (r"fh", ""),  # Fhionn
    (r"th", "t"),  # Thea
    (r"d?gh(?=[^aeiou]|$)|gh", ""),  # Vaughn
    (r"dh", ""),  # Sadhbh
    (r"ck", "k"),  # Jack
    (r"qu?", "k"),  # Quinn
    (r"gu(?=[ei])", "k"),  # Guido
    (r"x", "ks"),  # Max
)
# Spellings with two pronunciations, each of which gives its own keys.
_EITHER = (
    (r"ch", ("S", "k")),
    (r"g(?=[eiy])", ("S", "k", "")),
    (r"j", ("S", "")),
    (r"c(?=[eiy])", ("s", "k")),
    (r"ll", ("l", "")),
    (r"^w", ("", "f")),
    (r"^ng", ("n", "g", "")),
    (r"(?<=[ao])l(?=[kmf])", ("l", "")),
    (r"r(?=[^aeiouywh]|$)", ("r", "")),
    (r"ng(?=$|[^aeiou])", ("n", "nk")),
    (r"p(?=t)|t(?=s)", ("p", "")),
)
_GROUPS = str.maketrans("bdvzgcS", "ptfskks")
MOST_KEYS = 32


def _letters(text: str) -> str:
    """`text` in lower case without accents, spaces and punctuation; letters of other scripts are kept."""
    parts = unicodedata.normalize(
        "NFKD",
        text.lower().replace("ß", "ss").replace("ø", "o").replace("æ", "e").replace("ł", "l"),
    )
    return "".join(letter for letter in parts if letter.isalnum())


def keys(text: str) -> set[str]:
    """Possible sounds of `text`: strings of consonant groups; {""} where it is all vowels."""
    word = _letters(text)
    for spelled, replacement in _ALWAYS:
        word = re.sub(spelled, replacement, word)
    found = {word}
    for spelled, ways in _EITHER:
        found = {re.sub(spelled, replacement, one) for one in found for replacement in ways}
        found = set(sorted(found)[:MOST_KEYS])
    return {_key(word) for word in found}


def _key(word: str) -> str:
    consonants = re.sub(r"[aeiouywh]", "", word.translate(_GROUPS))
    return re.sub(r"(.)\1+", r"\1", consonants)


def letters_in_common(one: str, other: str) -> float:
    """Share of the letters that two spellings have in common, in order, 0 to 1."""
    return SequenceMatcher(None, _letters(one), _letters(other)).ratio()


def alike(one: str, other: str) -> bool:
    """Whether `one` and `other` may be two spellings of the same spoken word."""
    ones, others = keys(one), keys(other)
    if (ones & others) - {""}:
        return True
    if letters_in_common(one, other) < SAME_LETTERS:
        return False
    return any(
        a[:1] == b[:1] and SequenceMatcher(None, a, b).ratio() >= SAME_KEY
        for a in ones
        for b in others
    )
