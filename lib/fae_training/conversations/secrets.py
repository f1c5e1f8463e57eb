"""Detects secrets that must never be learned: passwords, PINs, codes, keys, and numbers of
accounts, cards and documents.

A model can repeat its training data to anyone, so a turn with a secret is left out as a whole, and
no setting changes that. Masking would not help: the mask would be learned too. Personal details,
which a setting may admit, are in personal.py. docs/data.md lists what is found and what is not.

Every pattern reads a text in linear time: repetitions have an upper bound, and the context of a
word is taken from a piece of text of bounded length.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from fae_training.conversations import secret_words as say
from fae_training.conversations.number_words import written
from fae_training.conversations.passwords import REACH, password
from fae_training.conversations.spoken_secrets import spoken
from fae_training.conversations.text import STOPWORDS
from fae_training.patterns import lazy_pattern, lower_case_pattern


def _stdnum(name: str, number: str) -> bool:
    """Whether `number` is valid for a module of python-stdnum, imported here because only an export
    needs it."""
    import importlib

    return importlib.import_module(f"stdnum.{name}").is_valid(number)


def is_card(found: re.Match) -> bool:
    """Whether `number` is a card number, by its length and checksum (ISO/IEC 7812-1, annex B)."""
    digits = re.sub(r"\D", "", found[0])
    return (
        13 <= len(digits) <= 19
        and digits[0] in "23456"
        and len(set(digits)) > 1
        and _stdnum("luhn", digits)
    )


def is_iban(found: re.Match) -> bool:
    return _stdnum("iban", found[0])


def is_document(found: re.Match) -> bool:
    """Whether it is the number of a Spanish (DNI, NIE) or French (NIR) document, by its check
    digits."""
    number = re.sub(r"[\s.-]", "", found[0])
    return any(_stdnum(name, number) for name in ("es.dni", "es.nie", "fr.nir"))


def entropy(text: str) -> float:
    """Shannon entropy of the characters of `text`, in bits per character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def is_random(found: re.Match) -> bool:
    """Whether a long word looks machine-generated: letters and digits mixed, and few repeats.

    In a slug such as "state-of-the-art-2024" digits are apart from letters, so the pieces are
    judged separately.
    """
    for piece in re.split(r"[-_/.]", found[0]):
        mixed = re.search(r"[A-Za-z]", piece) and re.search(r"\d", piece)
        if len(piece) >= 16 and mixed and entropy(piece) >= (3.0 if len(piece) >= 32 else 3.3):
            return True
    return False


def is_product_key(found: re.Match) -> bool:
    """Groups of mixed capitals and digits, as in a licence key."""
    return len(re.findall(r"\d", found[0])) >= 3 and len(re.findall(r"[A-Z]", found[0])) >= 3


def is_seed_phrase(found: re.Match) -> bool:
    """Ten or more words in a row that may be in a phrase: content words and the function words that are in
    the list of BIP 39. A sentence has others between them.
    """
    longest = run = 0
    for word in re.findall(r"[a-z]+", found[0][-200:].lower()):
        may_be = word in say.SEED_WORDS or word not in STOPWORDS
        run = run + 1 if 3 <= len(word) <= 8 and may_be else 0
        longest = max(longest, run)
    return longest >= 10


@dataclass(frozen=True)
class Rule:
    """A form of secret that needs no context: a match of `pattern` that passes `check`, where there
    is one."""

    kind: str
    example: str
    pattern: str
    flags: re.RegexFlag = re.I
    check: Callable[[re.Match], bool] | None = None


# The examples of keys are in two parts, so that repository scanners do not take them for real ones.
# fmt: off
RULES = (
    Rule("private_key", "-----BEGIN OPENSSH " "PRIVATE KEY-----",
         r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY", re.NOFLAG),
    Rule("private_key", "AGE-SECRET-" "KEY-1QQQ", r"AGE-SECRET-KEY-1", re.NOFLAG),
    Rule("private_key", "ssh-ed25519 AAAAC3Nza", r"\bssh-(?:rsa|ed25519|dss)\s{1,3}AAAA", re.NOFLAG),
    Rule("api_key", "sk-" "abcdefghijklmnopqrst", r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16}"),
    Rule("api_key", "ghp_" "abcdefghijklmnopqrstu", r"\bgh[pousr]_[A-Za-z0-9]{20}"),
    Rule("api_key", "github_pat_" "abcdefghijklmnopqrstu", r"\bgithub_pat_\w{20}"),
    Rule("api_key", "glpat-" "abcdefghijklmnopqr", r"\bglpat-[\w-]{16}"),
    Rule("api_key", "xoxb-" "abcdefghijkl", r"\bxox[abeprs]-[\w-]{10}"),
    Rule("api_key", "AIza" "abcdefghijklmnopqrstuvwxyzabcdefg", r"\bAIza[\w-]{30}"),
    Rule("api_key", "AKIA" "ABCDEFGHIJKLMNOP", r"\bA(?:KI|SI)A[0-9A-Z]{16}\b"),
    Rule("api_key", "hf_" "abcdefghijklmnopqrstu", r"\b(?:hf|npm|pypi)[-_][A-Za-z0-9]{20}"),
    Rule("api_key", "ya29." "abcdefghijklmnopqrstu", r"\bya29\.[\w-]{20}"),
    Rule("api_key", "eyJhbGciOiJIUzI1NiJ9." "eyJzdWIiOiIxMjM0In0", r"\beyJ[\w-]{8,200}\.eyJ[\w-]{8}"),
    Rule("api_key", "123456789:" "abcdefghijklmnopqrstuvwxyzabcdefghi", r"\b\d{8,10}:[\w-]{35}\b"),
    Rule("api_key", "Bearer abcdefghijklmnop", r"\bbearer\s{1,3}[\w.~+/-]{16}"),
    Rule("api_key", "https://ana:tulips@example.org", r"://[^\s/:@]{1,80}:[^\s/@]{1,80}@"),
    Rule("api_key", "the secret access key is wJalrXUtnFEMI/abcdef",
         rf"\b{say.ACCESS}\W{{0,3}}(?:is|to|=|:)?\W{{0,3}}[\w/+=-]{{16}}"),
    Rule("api_key", "the token is a1b2c3",
         rf"\b(?:{say.ACCESS}|token|secret)\s{{0,3}}(?:is|[:=])\s{{0,3}}(?=[^\s\d]{{0,40}}\d)\S{{6}}"),
    Rule("licence_key", "ABC12-DEF34-GHI56",
         r"(?<![\w-])[A-Z0-9]{4,6}(?:-[A-Z0-9]{4,6}){2,9}(?![\w-])", re.NOFLAG, is_product_key),
    Rule("seed_phrase", "recovery phrase: river lamp stone cloud apple chair table horse green music bread window",
         rf"{say.SEED}[^.!?\n]{{20,200}}", re.I, is_seed_phrase),
    Rule("card_number", "4111 1111 1111 1111", r"(?<![\d.])\d(?:(?:[ .,;_/\u00a0\u00b7\u2010-\u2015\u2022-]{0,2}|(?<=\d{4})[ ,.-]{0,2}(?:\r?\n|\t|\u2028){1,2}[ ]{0,4}(?=\d{4}))\d){12,18}(?![\d.]\d)",
         re.NOFLAG, is_card),
    Rule("account_number", "DE89 3704 0044 0532 0130 00",
         r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b", re.I, is_iban),
    Rule("national_id", "078-05-1120",
         r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])", re.NOFLAG),
    Rule("national_id", "AB 12 34 56 C",
         r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", re.NOFLAG),
    Rule("national_id", "12345678Z",
         r"\b(?:[XYZ]-?)?\d{7,8}-?[A-Z]\b|\b[12] ?\d\d ?[01]\d ?\d[\dAB] ?\d{3} ?\d{3}(?: ?\d\d)\b",
         re.I, is_document),
    Rule("random_token", "A9xK2pQ7vL4mN8zR1tB6",
         r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{20,400}", re.NOFLAG, is_random),
)
# fmt: on


@dataclass(frozen=True)
class Named:
    """A secret known by its name: a number with `digits` or more digits near `name`."""

    kind: str
    example: str
    name: str
    digits: int
    most: int = 40
    loose: bool = (
        False  # also with other words between, as in "enter 4821 when it asks for the code"
    )


NAMED = (
    Named("one_time_code", "they texted me 493 221", say.VERIFICATION, 6, 8),
    Named(
        "one_time_code",
        "the backup codes are 8392 1174 and 5520 9981",
        r"(?:back-?up|recovery) codes",
        4,
        200,
    ),
    Named("pin", "the code for the gate is 4821", say.CODE, 4, 12, loose=True),
    Named("card_number", "the CVV is 737", say.CARD_CODE, 3, 4, loose=True),
    Named("account_number", "my account number is 12345678", say.ACCOUNT, 5),
    Named("card_number", "my bank card ends in 4821 7730", say.CARD, 4),
    Named("national_id", "my passport number is 533401372", say.IDENTITY, 4),
    Named("own_number", "my customer number is 7003345", say.NUMBERED, 5),
    Named("combination", "the combination is 32 left, 14 right, 7 left", say.COMBINATION, 4, 12),
    Named("licence_key", "the product key is A77 4K21", say.LICENCE, 4),
)
NAMES = [(named, lazy_pattern(rf"(?<![^\W_])(?:{named.name})(?![^\W_])", re.I)) for named in NAMED]
_NO_CODE = lazy_pattern(rf"(?<!\w)(?:{say.NO_CODE})[\s-]*$", re.I)
_NO_CARD = lazy_pattern(rf"(?<!\w)(?:{say.NO_CARD})[\s-]*$", re.I)
_RULES = [(rule, lazy_pattern(rule.pattern, rule.flags)) for rule in RULES]

_TOKEN = lazy_pattern(r"\S{1,40}")
_QUANTITY = lazy_pattern(
    r"[$€£¥]|%|\d{1,2}:\d\d|^\d{1,3}(?:,\d{3})+$|^\d{1,3}(?:st|nd|rd|th)$|^\d+(?:[kKmM]|km|kg|mm|cm|ml|GB|MB|TB)$"
)
_VALUE = lazy_pattern(r"^[A-Za-z0-9*#/._()'-]{1,40}$")
_UNIT = lazy_pattern(rf"(?:{say.UNITS})$", re.I)
_PLURAL = lazy_pattern(r"\b[a-z]{2,40}(?<!s)s$")
_VERBS = frozenset(
    [
        "is",
        "was",
        "as",
        "this",
        "works",
        "opens",
        "unlocks",
        "gets",
        "plus",
        "does",
        "his",
        "its",
        "les",
        "des",
        "has",
        "yes",
    ]
)
_TURNS = frozenset("left right then and links rechts dann und star hash".split())  # noqa: SIM905
_AFTER_VALUE = lazy_pattern(
    r"[\s,;:.!-]{0,4}(?:(?:oh|so|and|und|et|y)\s)?"
    r"(?:is|was|as|ist|est|es|for|that's|that is|that was|which is|das ist|c'est|esa? es|this is)?\s{0,2}"
    r"(?:my|the|our|your|his|her|their|mein\w{0,2}|der|die|das|mon|ma|le|la|mi|el)\s"
    r"(?:[\w'-]{1,20}\s){0,3}?$",
    re.I,
)


def numbers(piece: str) -> list[tuple[str, int, int]]:
    """(letters and digits, start, end) of each number in `piece` that is not a quantity, date,
    price or year."""
    found: list[tuple[str, int, int]] = []
    tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(piece)]
    place = 0
    while place < len(tokens):
        run, start = "", tokens[place][1]
        before = tokens[place - 1][0].lower().strip(".,;:!?'\"") if place else ""
        first = place
        while place < len(tokens):
            bare = tokens[place][0].strip(".,;:!?'\"«»()")
            joins = run and (
                bare.lower() in _TURNS or (len(bare) <= 3 and bare.isalpha() and bare.isupper())
            )
            if (
                any(char.isdigit() for char in bare)
                and _VALUE.match(bare)
                and not _QUANTITY.search(bare)
            ):
                run += bare
            elif (not joins and bare not in ("-", "/", ",")) or not run:
                break
            place += 1
        if place == first:
            place += 1
            continue
        after = tokens[place][0].lower().strip(".,;:!?'\"") if place < len(tokens) else ""
        digits = [char for char in run if char.isdigit()]
        quantity = (
            _UNIT.match(after) or (_PLURAL.search(after) and after not in _VERBS)
        ) and tokens[place - 1][0][-1] not in ".,;!?"
        if not (quantity or (before in say.NO_VALUE_AFTER and len(digits) <= 5)):
            found.append((run, start, tokens[place - 1][2]))
    return found


def digits_of(number: str) -> int:
    """The number of digits in `number`; with capitals mixed in, such as C4VPXJR93, half of its
    length where that is more."""
    digits = sum(char.isdigit() for char in number)
    return max(digits, len(number) // 2) if digits >= 2 and number.isupper() else digits


def is_another(before: str, named: Named) -> bool:
    """Whether the word before a name changes its meaning: "error code", "library card"."""
    return bool(_NO_CODE.search(before) or (named.name == say.CARD and _NO_CARD.search(before)))


def named_number(text: str) -> str | None:
    """The kind of a number near the name of a secret."""
    for named, pattern in NAMES:
        for match in pattern.finditer(text):
            if is_another(text[max(0, match.start() - 20) : match.start()], named):
                continue
            after = re.split(
                r"[!\n]|\.\s+(?!(?:it|that|they)\b)",
                text[match.end() : match.end() + REACH],
                maxsplit=1,
                flags=re.I,
            )[0]
            if any(
                named.digits <= digits_of(number) <= named.most for number, _, _ in numbers(after)
            ):
                return named.kind
            before = text[max(0, match.start() - REACH) : match.start()]
            for number, _, end in numbers(before):
                joined = _AFTER_VALUE.match(before[end:]) or (
                    named.loose and re.fullmatch(r"[^.!?\n]{0,40}", before[end:])
                )
                if joined and named.digits <= digits_of(number) <= named.most:
                    return named.kind
    return None


# Full-width digits, as Japanese and Chinese keyboards write them.
_PLAIN_DIGITS = {0xFF10 + digit: str(digit) for digit in range(10)}
_ADDRESS_OF_A_PAGE = lazy_pattern(r"\b(?:https?://|www\.)\S{1,400}")
# No rule can match a text without a digit, a name of a secret or a long word; most texts have none.
_SUSPICIOUS = lower_case_pattern(
    rf"\d|-----|://|{say.PASSWORD}|{say.SEED}|(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{{16}}|ssh-|log ?in with|{say.OWN_ACCOUNT}|\b(?:{say.WIFI}|hint|{say.USER}|{say.OPENS}|{say.CODE}|{say.COMBINATION}|{say.VERIFICATION})\b",
)


def find(text: str) -> str | None:
    """The kind of the first secret in `text`, such as "card_number"; None where there is none."""
    text = written(text.replace("’", "'").translate(_PLAIN_DIGITS))
    if not _SUSPICIOUS.search(text.lower()):
        return None
    for rule, pattern in _RULES:
        for match in pattern.finditer(text):
            if rule.check is None or rule.check(match):
                return rule.kind
    if password(text):
        return "password"
    return spoken(text) or named_number(_ADDRESS_OF_A_PAGE.sub(" ", text))
