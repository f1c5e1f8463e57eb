"""Secrets and personal identifiers in spoken or typed text, found with nothing but the standard library.

What a model has learned it can say again to anyone, so a turn with a key, a password, a one-time code, a card, an
account or a telephone number, an e-mail or a postal address is left out whole, not masked: a mask would be learned
as well. Speech-to-text spells some digits as words, so runs of number words are read as digits too.
"""

import math
import re
from collections import Counter

_DIGITS = {word: str(digit) for digit, word in enumerate(
    "zero one two three four five six seven eight nine".split())} | {"oh": "0", "o": "0", "nought": "0"}  # fmt: skip # noqa: SIM905
_SPOKEN_DIGIT = rf"(?:(?:double|triple)\s+)?(?:{'|'.join(_DIGITS)})"
_SPOKEN_NUMBER = re.compile(rf"\b{_SPOKEN_DIGIT}(?:[\s,-]+{_SPOKEN_DIGIT}){{3,}}\b", re.I)

# Nothing below can match a text without one of these, and most texts have none: the scan stays cheap.
_SUSPICIOUS = re.compile(
    r"\d[\s().-]*\d[\s().-]*\d[\s().-]*\d|@|\bat\s+\w+\s+dot\s+com|-----|\bpass|\bpin\b|secret|token|api[\s_-]?key"
    r"|phrase|\bkey\b|login|ssh-|\d\w*\s+(?:\w+\s+){1,3}(?:street|road|avenue|lane|drive|close|crescent|boulevard)\b"
    r"|[A-Za-z0-9+/=_-]{16}",
    re.I,
)

# What follows "the password is" in talk about passwords rather than in one being given.
_NO_PASSWORD = (
    r"(?!(?:not?|too|very|so|really|what|why|how|the|a|an|in|on|at|being|been|wrong|right|correct|incorrect|invalid"
    r"|expired|safe|secure|strong|weak|long|short|important|needed|required|stored|saved|working|still|always|never"
    r"|something|case|correctly|supposed|going|good|bad|better|different|same|that|this|it|my|your|their|enough"
    r"|like|just|probably|already|easy|hard)\b)"
)
_STREET = r"(?:street|road|avenue|lane|drive|close|crescent|boulevard)"


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

    A slug such as "state-of-the-art-2024" has its digits apart from its letters, so pieces are judged by themselves.
    """
    for piece in re.split(r"[-_/.]", match[0]):
        mixed = re.search(r"[A-Za-z]", piece) and re.search(r"\d", piece)
        if len(piece) >= 16 and mixed and entropy(piece) >= (3.0 if len(piece) >= 32 else 3.3):
            return True
    return False


_RULES = [
    (kind, re.compile(pattern, flags), check)
    for kind, pattern, flags, check in [
        ("private_key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|AGE-SECRET-KEY-1|ssh-(?:rsa|ed25519|dss)\s+AAAA", 0, None),
        (
            "api_key",
            r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
            r"|\bxox[abeprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bA(?:KI|SI)A[0-9A-Z]{16}\b|\b(?:hf|npm|pypi)[-_][A-Za-z0-9]{20,}"
            r"|\bya29\.[\w-]{20,}|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}|\b\d{8,10}:[\w-]{35}\b|\bbearer\s+[\w.~+/-]{16,}"
            r"|\bhttps?://[^\s/:@]+:[^\s/@]+@",
            re.I,
            None,
        ),
        ("api_key", r"\b(?:api[\s_-]?key|access\s+key|auth\w*\s+token|token|secret)\s*(?:is|[:=])\s*(?=\S*\d)\S{6,}", re.I, None),
        (
            "password",
            r"\b(?:pass(?:word|code|phrase)|login)(?:\s+(?:for|to|of|on|at)\s+[\w\s']{1,40}?)?\s*(?:(?:is|was|to|will be)\s+|[:=]\s*)"
            + _NO_PASSWORD
            + r"\S+|\bpass(?:word|code)\s+(?=\S*\d)\S{4,}",
            re.I,
            None,
        ),
        ("pin", r"\bpin\b(?:\s+(?:code|number))?(?:\s+(?:for|to|of|on)\s+[\w\s']{1,30}?)?\s*(?:is|was|[:=])?\s*\d(?:[\s-]?\d){3,7}\b", re.I, None),
        (
            "one_time_code",
            r"\b(?<!area )(?<!error )(?<!dress )(?<!exit )(?<!status )(?:code|otp|2fa|authenticator|one[- ]time \w+)\b[^.?!\n]{0,40}?(?<![\d.])\d(?:[ -]?\d){3,7}(?![\d.]\d)"
            r"|(?<![\d.])\d(?:[ -]?\d){3,7}\s+is\s+(?:my|the|your)\s+(?:\w+\s+){0,3}(?:code|pin|passcode)\b",
            re.I,
            None,
        ),
        ("card_number", r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d)", 0, _is_card),
        ("account_number", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b", re.I, _is_iban),
        (
            "account_number",
            r"\b(?:account|routing|sort code|passport|licen[cs]e|national insurance|social security|tax|insurance|policy|membership)"
            r"(?:\s+(?:number|code|no\.?|id))*\b[^.?!\n]{0,20}?\b(?=[A-Z]{0,3}\d)[A-Z0-9]{0,3}\d(?:[ -]?\d){4,}[A-Z]?\b",
            re.I,
            None,
        ),
        ("national_id", r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])", 0, None),
        ("national_id", r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", 0, None),
        ("seed_phrase", r"\b(?:seed|recovery|backup|mnemonic)\s+phrase\b\W+(?:is\W+)?(?:[a-z]{3,8}\W+){11,}", re.I, None),
        ("email", r"[\w.+-]+@[\w-]+\.[\w.]+|\b[\w.]+\s+at\s+\w+\s+dot\s+(?:com|org|net|co|de|uk)\b", re.I, None),
        ("telephone", r"(?<![\w.,])\+?\(?\d{1,5}\)?(?:[ .-]?\(?\d{2,5}\)?){1,5}(?![\w]|[.,]\d)", 0, _is_telephone),
        ("telephone", r"(?<![\w-])\d{3}-\d{4}(?![\w-])", 0, None),
        (
            "postal_address",
            rf"\b\d{{1,4}}[a-z]?\s+(?:\w+\s+){{0,2}}(?!(?:the|a|this|that|my|our|to|of|from|along|across|cross|per|on|down)\b)\w+\s+{_STREET}\b",
            re.I,
            None,
        ),
        ("random_token", r"[A-Za-z0-9+/=_-]{20,}", 0, _is_random),
    ]
]  # fmt: skip


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
    """The kind of the first secret or identifier in `text`, such as "card_number"; None where there is none."""
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
