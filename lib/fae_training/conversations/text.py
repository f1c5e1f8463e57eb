"""Splits texts into words and compares them. Speech-to-text gives mostly lower-case words without
punctuation."""

import functools
import hashlib
import re
import unicodedata

from fae_training.patterns import lazy_pattern

WORD = lazy_pattern(r"[^\W_]+(?:['’][^\W_]+)*")
# "Hey Fae, ..." in all the spellings that Fae accepts as its name.
_NAME = r"(?:fae|faye|fea|fee|fay|fey|fah|feh)"
_WAKE = lazy_pattern(
    rf"^\s*(?:(?:hey|hi|hello|yo|ok|okay)[\s,]+)?{_NAME}\b[\s,.!:;-]*|(?<![\s,])[\s,]+{_NAME}[\s.!?]*$",
    re.I,
)

STOPWORDS = frozenset(
    """a about after again all also am an and any are aren't as at be because been before being but by
    can can't cannot could couldn't did didn't do does doesn't doing don't down for from get give go got
    had has have he her here hers him his how i i'd i'll i'm i've if in into is isn't it it's its just
    let let's like ll make may me might mine more most much must my need no nor not now of off oh ok
    okay on one only or other our ours out over own please put really said say same she should so some
    such tell than thank thanks that that's the their them then there there's these they thing things
    think this those to too um up us very want was wasn't we well were what what's when where which
    while who who's why will with would yeah yes you you'd you'll you're you've your yours
    anything everything something nothing know""".split()  # noqa: SIM905
)


def words(text: str) -> list[str]:
    """The words of `text`, lower case, in order, however their accents are encoded and their lines were hyphenated."""
    return WORD.findall(visible(text).replace("’", "'").lower())


def visible(text: str) -> str:
    """`text` with composed accents and without characters that have no width."""
    return text if text.isascii() else unicodedata.normalize("NFC", text.translate(_INVISIBLE))


@functools.lru_cache(maxsize=1 << 15)  # people use few different words, repeatedly
def stem(word: str) -> str:
    """`word` without the commonest English endings, so that "pruned", "pruning" and "prune" match.
    A prefix of the word, except for "ies", which becomes "y"."""
    if word.endswith("'s"):
        word = word[:-2]
    for ending, shortest in (("ing", 6), ("ly", 6), ("ies", 5), ("ed", 5), ("es", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= shortest and not word.endswith("ss"):
            word = word[: -len(ending)] + ("y" if ending == "ies" else "")
            break
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word


def content_words(text: str) -> set[str]:
    """The stems of the words of `text` that are not stop words."""
    meaning = {stem(word) for word in words(text) if word not in STOPWORDS}
    return meaning - _STOPSTEMS


# Stop words that are names too, when they are written with a capital inside a sentence.
_ALSO_NAMES = lazy_pattern(r"\b(?:Will|May|Said)\b")
_BEFORE_A_NAME = lazy_pattern(r"[\w,;:'\")] $")


def names_in(text: str, anywhere: bool = False) -> set[str]:
    """The stop words in `text` that are names there, such as "^will": `anywhere` also where a sentence begins."""
    return {
        f"^{found[0].lower()}"
        for found in _ALSO_NAMES.finditer(text)
        if anywhere or _BEFORE_A_NAME.search(text[max(0, found.start() - 2) : found.start()])
    }


_CAPITALISED = lazy_pattern(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Þ][\w'-]+")
_IN_LOWER_CASE = lazy_pattern(r"(?<![\w'-])[a-zà-ÿ][\w'-]+")


def capitalised_in(text: str) -> list[str]:
    """The words with a capital inside a sentence, which marks a name (in German a noun as well)."""
    return _CAPITALISED.findall(text)


def lower_case_in(text: str) -> list[str]:
    """The words without a capital."""
    return _IN_LOWER_CASE.findall(text)


# The soft hyphen, and spaces without a width, within a word.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_STOPSTEMS = frozenset(stem(word) for word in STOPWORDS)


def without_wake_word(text: str) -> str:
    """`text` without a leading "Hey Fae" or a trailing "Fae"."""
    return _WAKE.sub("", text).strip()


def normalised(text: str) -> str:
    """The same string for texts that differ only in case, punctuation, spacing or the wake word."""
    return " ".join(words(without_wake_word(text)))


def fingerprint(text: str) -> int:
    """A 64-bit signed hash of `text`, the same on every machine and in every run."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def overlap(one: set, other: set) -> float:
    """Dice's coefficient of two sets, 0 to 1: twice the size of the intersection over the sum of the sizes."""
    if not one or not other:
        return 0.0
    return 2 * len(one & other) / (len(one) + len(other))


def shortened(text: str, longest: int) -> str:
    """`text` on one line, cut at a word before `longest` characters."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    return line[: longest - 1].rsplit(" ", 1)[0] + "…"
