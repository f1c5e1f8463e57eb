"""Secrets and personal identifiers in spoken or typed text, found with nothing but the standard
library.

A model can repeat what it was trained on to anyone, so a turn with a key, a password, a one-time
code, a card, account or telephone number, an e-mail or a postal address is left out as a whole.
Masking is no alternative: the mask would be learned too. Speech-to-text spells some digits as
words, so runs of number words are read as digits too.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from fae_training.conversations.cues import one_of

_DIGITS = {word: str(digit) for digit, word in enumerate(
    "zero one two three four five six seven eight nine".split())} | {"oh": "0", "o": "0", "nought": "0"}  # fmt: skip # noqa: SIM905
_SPOKEN_DIGIT = rf"(?:(?:double|triple)\s+)?(?:{'|'.join(_DIGITS)})"
_SPOKEN_NUMBER = re.compile(rf"\b{_SPOKEN_DIGIT}(?:[\s,-]+{_SPOKEN_DIGIT}){{3,}}\b", re.I)

# Nothing below can match a text without one of these, and most texts have none: the scan stays
# cheap.
_SUSPICIOUS = re.compile(
    r"\d[\s().-]*\d[\s().-]*\d[\s().-]*\d|@|\bat\s+\w+\s+dot\s+com|-----|\bpass|\bpin\b|secret|token"
    r"|api[\s_-]?key|phrase|\bkey\b|login|ssh-"
    r"|\d\w*\s+(?:\w+\s+){1,3}(?:street|road|avenue|lane|drive|close|crescent|boulevard)\b"
    r"|[A-Za-z0-9+/=_-]{16}",
    re.I,
)

# What follows "the password is" in talk about passwords rather than in one being given.
_TALK = one_of(
    "not?, too, very, so, really, what, why, how, the, a, an, in, on, at, being, been, wrong, "
    "right, "
    "correct, incorrect, invalid, expired, safe, secure, strong, weak, long, short, important, "
    "needed, required, stored, saved, working, still, always, never, something, case, correctly, "
    "supposed, going, good, bad, better, different, same, that, this, it, my, your, their, enough, "
    "like, just, probably, already, easy, hard"
)
_NO_PASSWORD = rf"(?!{_TALK}\b)"
_STREET = one_of("street, road, avenue, lane, drive, close, crescent, boulevard")
# "12 miles down the road" is no address.
_NO_STREET_NAME = one_of(
    "the, a, this, that, my, our, to, of, from, along, across, cross, per, on, down"
)
_ACCOUNT = one_of(
    "account, routing, sort code, passport, licen[cs]e, national insurance, social security, tax, "
    "insurance, policy, membership"
)


def _luhn(digits: str) -> bool:
    """The checksum of card numbers (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_card(match: re.Match) -> bool:
    digits = re.sub(r"\D", "", match[0])
    return (
        13 <= len(digits) <= 19 and digits[0] in "23456" and len(set(digits)) > 1 and _luhn(digits)
    )


def _is_iban(match: re.Match) -> bool:
    """The checksum of account numbers (ISO 13616): the number, rearranged, is 1 modulo 97."""
    account = match[0].replace(" ", "").upper()
    if not 15 <= len(account) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in account[4:] + account[:4])) % 97 == 1


def _is_telephone(match: re.Match) -> bool:
    digits = re.sub(r"\D", "", match[0])
    return 10 <= len(digits) <= 13 or (match[0].startswith("+") and 8 <= len(digits) <= 15)


def entropy(text: str) -> float:
    """Shannon's entropy of the characters of `text`, in bits a character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _is_random(match: re.Match) -> bool:
    """Whether a long word looks drawn by a machine: letters and digits mixed, and few repeats.

    A slug such as "state-of-the-art-2024" has its digits apart from its letters, so pieces are
    judged by themselves.
    """
    for piece in re.split(r"[-_/.]", match[0]):
        mixed = re.search(r"[A-Za-z]", piece) and re.search(r"\d", piece)
        if len(piece) >= 16 and mixed and entropy(piece) >= (3.0 if len(piece) >= 32 else 3.3):
            return True
    return False


@dataclass(frozen=True)
class Rule:
    """A form of secret: what matches `pattern` is one where `check` says so, or without a check."""

    kind: str
    example: str
    pattern: str
    flags: re.RegexFlag = re.I
    check: Callable[[re.Match], bool] | None = None


# The first rule that finds something names the kind. The examples of keys are in two parts, so that
# no scanner of repositories takes them for real ones.
# fmt: off
RULES = (
    Rule("private_key", "-----BEGIN OPENSSH " "PRIVATE KEY-----",
         r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY", re.NOFLAG),
    Rule("private_key", "AGE-SECRET-" "KEY-1QQQ", r"AGE-SECRET-KEY-1", re.NOFLAG),
    Rule("private_key", "ssh-ed25519 AAAAC3Nza", r"ssh-(?:rsa|ed25519|dss)\s+AAAA", re.NOFLAG),
    Rule("api_key", "sk-" "abcdefghijklmnopqrst", r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}"),
    Rule("api_key", "ghp_" "abcdefghijklmnopqrstu", r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    Rule("api_key", "github_pat_" "abcdefghijklmnopqrstu", r"\bgithub_pat_\w{20,}"),
    Rule("api_key", "glpat-" "abcdefghijklmnopqr", r"\bglpat-[\w-]{16,}"),
    Rule("api_key", "xoxb-" "abcdefghijkl", r"\bxox[abeprs]-[\w-]{10,}"),
    Rule("api_key", "AIza" "abcdefghijklmnopqrstuvwxyzabcdefg", r"\bAIza[\w-]{30,}"),
    Rule("api_key", "AKIA" "ABCDEFGHIJKLMNOP", r"\bA(?:KI|SI)A[0-9A-Z]{16}\b"),
    Rule("api_key", "hf_" "abcdefghijklmnopqrstu", r"\b(?:hf|npm|pypi)[-_][A-Za-z0-9]{20,}"),
    Rule("api_key", "ya29." "abcdefghijklmnopqrstu", r"\bya29\.[\w-]{20,}"),
    Rule("api_key", "eyJhbGciOiJIUzI1NiJ9." "eyJzdWIiOiIxMjM0In0", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}"),
    Rule("api_key", "123456789:" "abcdefghijklmnopqrstuvwxyzabcdefghi", r"\b\d{8,10}:[\w-]{35}\b"),
    Rule("api_key", "Bearer abcdefghijklmnop", r"\bbearer\s+[\w.~+/-]{16,}"),
    Rule("api_key", "https://ana:tulips@example.org", r"\bhttps?://[^\s/:@]+:[^\s/@]+@"),
    Rule("api_key", "the token is a1b2c3",
         r"\b(?:api[\s_-]?key|access\s+key|auth\w*\s+token|token|secret)\s*(?:is|[:=])\s*"
         r"(?=\S*\d)\S{6,}"),
    Rule("password", "my password for the bank is tulips",
         r"\b(?:pass(?:word|code|phrase)|login)(?:\s+(?:for|to|of|on|at)\s+[\w\s']{1,40}?)?"
         rf"\s*(?:(?:is|was|to|will be)\s+|[:=]\s*){_NO_PASSWORD}\S+"),
    Rule("password", "passcode tulips99", r"\bpass(?:word|code)\s+(?=\S*\d)\S{4,}"),
    Rule("pin", "the pin for the card is 4821",
         r"\bpin\b(?:\s+(?:code|number))?(?:\s+(?:for|to|of|on)\s+[\w\s']{1,30}?)?"
         r"\s*(?:is|was|[:=])?\s*\d(?:[\s-]?\d){3,7}\b"),
    Rule("one_time_code", "the code is 493 221",
         r"\b(?<!area )(?<!error )(?<!dress )(?<!exit )(?<!status )"
         r"(?:code|otp|2fa|authenticator|one[- ]time \w+)\b"
         r"[^.?!\n]{0,40}?(?<![\d.])\d(?:[ -]?\d){3,7}(?![\d.]\d)"),
    Rule("one_time_code", "493221 is my login code",
         r"(?<![\d.])\d(?:[ -]?\d){3,7}\s+is\s+(?:my|the|your)\s+(?:\w+\s+){0,3}"
         r"(?:code|pin|passcode)\b"),
    Rule("card_number", "4111 1111 1111 1111", r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d)",
         re.NOFLAG, _is_card),
    Rule("account_number", "DE89 3704 0044 0532 0130 00",
         r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b", re.I, _is_iban),
    Rule("account_number", "my account number is 12345678",
         rf"\b{_ACCOUNT}(?:\s+(?:number|code|no\.?|id))*\b"
         r"[^.?!\n]{0,20}?\b(?=[A-Z]{0,3}\d)[A-Z0-9]{0,3}\d(?:[ -]?\d){4,}[A-Z]?\b"),
    Rule("national_id", "078-05-1120",
         r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])", re.NOFLAG),
    Rule("national_id", "AB 12 34 56 C",
         r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", re.NOFLAG),
    Rule("seed_phrase", "recovery phrase: river lamp stone cloud apple chair table horse green "
         "music bread window", r"\b(?:seed|recovery|backup|mnemonic)\s+phrase\b\W+(?:is\W+)?"
         r"(?:[a-z]{3,8}\W+){11,}"),
    Rule("email", "sam@example.org", r"[\w.+-]+@[\w-]+\.[\w.]+"),
    Rule("email", "sam at example dot com",
         r"\b[\w.]+\s+at\s+\w+\s+dot\s+(?:com|org|net|co|de|uk)\b"),
    Rule("telephone", "020 7946 0958",
         r"(?<![\w.,])\+?\(?\d{1,5}\)?(?:[ .-]?\(?\d{2,5}\)?){1,5}(?![\w]|[.,]\d)",
         re.NOFLAG, _is_telephone),
    Rule("telephone", "555-0142", r"(?<![\w-])\d{3}-\d{4}(?![\w-])", re.NOFLAG),
    Rule("postal_address", "12 Green Park Road",
         rf"\b\d{{1,4}}[a-z]?\s+(?:\w+\s+){{0,2}}(?!{_NO_STREET_NAME}\b)\w+\s+{_STREET}\b"),
    Rule("random_token", "A9xK2pQ7vL4mN8zR1tB6", r"[A-Za-z0-9+/=_-]{20,}", re.NOFLAG, _is_random),
)
# fmt: on
_RULES = [(rule.kind, re.compile(rule.pattern, rule.flags), rule.check) for rule in RULES]


def _digits_for_words(match: re.Match) -> str:
    digits, repeat = "", 1
    for word in re.findall(r"\w+", match[0].lower()):
        if word in ("double", "triple"):
            repeat = 2 if word == "double" else 3
        else:
            digits += _DIGITS[word] * repeat
            repeat = 1
    return digits


def find(text: str) -> str | None:
    """The kind of the first secret or identifier in `text`, such as "card_number"; None where there
    is none.
    """
    spoken = _SPOKEN_NUMBER.search(text)
    if spoken:
        text = _SPOKEN_NUMBER.sub(_digits_for_words, text)
    if not (spoken or _SUSPICIOUS.search(text)):
        return None
    for kind, pattern, check in _RULES:
        for match in pattern.finditer(text):
            if check is None or check(match):
                return kind
    return None
