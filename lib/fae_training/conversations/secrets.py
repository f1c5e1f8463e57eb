"""What must never be learned: passwords, PINs, codes, keys, and the numbers of accounts, cards and documents.

A model can repeat what it was trained on to anyone, so a turn with one of these is left out as a whole, and there is
no setting for it. Masking is no alternative: the mask would be learned too. Details of people, which a setting may let
in, are in personal.py. docs/data.md says what is found and what is not.

Every pattern reads a text in time that grows with its length: what may repeat has an upper bound. What stands around
a word is read from a piece of the text of bounded length.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fae_training.conversations import secret_words as say
from fae_training.conversations.number_words import written
from fae_training.conversations.text import STOPWORDS

# How far from its name a secret is looked for, in characters.
REACH = 60


def _stdnum(name: str, number: str) -> bool:
    """Whether `number` is valid for a module of python-stdnum. Imported here: only an export needs it."""
    import importlib

    return importlib.import_module(f"stdnum.{name}").is_valid(number)


def is_card(found: re.Match) -> bool:
    """A card number by its length and its checksum (ISO/IEC 7812-1, annex B)."""
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
    """A number of a Spanish (DNI, NIE) or French (NIR) document, by its check digits."""
    number = re.sub(r"[\s.-]", "", found[0])
    return any(_stdnum(name, number) for name in ("es.dni", "es.nie", "fr.nir"))


def is_insurance_number(found: re.Match) -> bool:
    """A German insurance number by its checksum: two digits of a region, a date of birth, a letter, three digits."""
    return _stdnum("de.svnr", re.sub(r"\s", "", found[0])) if _has("de.svnr") else True


def _has(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(f"stdnum.{name}") is not None


def entropy(text: str) -> float:
    """Shannon's entropy of the characters of `text`, in bits a character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def is_random(found: re.Match) -> bool:
    """Whether a long word looks drawn by a machine: letters and digits mixed, and few repeats.

    A slug such as "state-of-the-art-2024" has its digits apart from its letters, so pieces are
    judged by themselves.
    """
    for piece in re.split(r"[-_/.]", found[0]):
        mixed = re.search(r"[A-Za-z]", piece) and re.search(r"\d", piece)
        if len(piece) >= 16 and mixed and entropy(piece) >= (3.0 if len(piece) >= 32 else 3.3):
            return True
    return False


def is_product_key(found: re.Match) -> bool:
    """Groups of capitals and digits mixed, as of a licence."""
    return len(re.findall(r"\d", found[0])) >= 3 and len(re.findall(r"[A-Z]", found[0])) >= 3


def is_seed_phrase(found: re.Match) -> bool:
    """Ten words or more in a row that bear a meaning: a sentence has others between."""
    longest = run = 0
    for word in re.findall(r"[a-z]+", found[0][-160:].lower()):
        run = run + 1 if 3 <= len(word) <= 8 and word not in STOPWORDS else 0
        longest = max(longest, run)
    return longest >= 10


@dataclass(frozen=True)
class Rule:
    """A form of secret that is known by itself: what matches `pattern` is one where `check` says so, or without a
    check.
    """

    kind: str
    example: str
    pattern: str
    flags: re.RegexFlag = re.I
    check: Callable[[re.Match], bool] | None = None


# The examples of keys are in two parts, so that no scanner of repositories takes them for real ones.
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
    Rule("card_number", "4111 1111 1111 1111", r"(?<![\d.])\d(?:[ .-]?\d){12,18}(?![\d.]\d)",
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
    """A secret that is known by its name: a number with `digits` digits or more near `name`."""

    kind: str
    example: str
    name: str
    digits: int
    most: int = 40
    loose: bool = (
        False  # also where other words stand between, as in "enter 4821 when it asks for the code"
    )


NAMED = (
    Named("one_time_code", "they texted me 493 221", say.VERIFICATION, 6, 8),
    Named("pin", "the code for the gate is 4821", say.CODE, 4, 12, loose=True),
    Named("card_number", "the CVV is 737", say.CARD_CODE, 3, 4, loose=True),
    Named("account_number", "my account number is 12345678", say.ACCOUNT, 5),
    Named("card_number", "my bank card ends in 4821 7730", say.CARD, 4),
    Named("national_id", "my passport number is 533401372", say.IDENTITY, 4),
    Named("own_number", "my customer number is 7003345", say.NUMBERED, 5),
    Named("combination", "the combination is 32 left, 14 right, 7 left", say.COMBINATION, 4, 12),
    Named("licence_key", "the product key is A77 4K21", say.LICENCE, 4),
)
_NAMED = [(named, re.compile(rf"(?<![^\W_])(?:{named.name})(?![^\W_])", re.I)) for named in NAMED]
_NO_CODE = re.compile(rf"(?<!\w)(?:{say.NO_CODE})[\s-]*$", re.I)
_NO_CARD = re.compile(rf"(?<!\w)(?:{say.NO_CARD})[\s-]*$", re.I)
_RULES = [(rule, re.compile(rule.pattern, rule.flags)) for rule in RULES]

_TOKEN = re.compile(r"\S{1,40}")
_QUANTITY = re.compile(
    r"[$€£¥]|%|\d{1,2}:\d\d|^\d{1,3}(?:,\d{3})+$|^\d{1,3}(?:st|nd|rd|th)$|^\d+(?:[kKmM]|km|kg|mm|cm|ml|GB|MB|TB)$"
)
_VALUE = re.compile(r"^[A-Za-z0-9*#/._()'-]{1,40}$")
_UNIT = re.compile(rf"(?:{say.UNITS})$", re.I)
_PLURAL = re.compile(r"[a-z]{2,}(?<!s)s$")
_VERBS = frozenset(
    ["is", "was", "as", "this", "works", "opens", "unlocks", "gets", "plus", "does", "his", "its", "les", "des", "has", "yes"]
)
_TURNS = frozenset("left right then and links rechts dann und star hash".split())  # noqa: SIM905
_AFTER_VALUE = re.compile(
    r"[\s,;:.!-]{0,4}(?:(?:oh|so|and|und|et|y)\s)?"
    r"(?:is|was|as|ist|est|es|for|that's|that is|that was|which is|das ist|c'est|esa? es|this is)?\s{0,2}"
    r"(?:my|the|our|your|his|her|their|mein\w{0,2}|der|die|das|mon|ma|le|la|mi|el)\s"
    r"(?:[\w'-]{1,20}\s){0,3}?$",
    re.I,
)


def _numbers(piece: str) -> list[tuple[str, int, int]]:
    """(letters and digits, start, end) of each number in `piece` that is no quantity, date, price or year."""
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


def _digits(number: str) -> int:
    """How many digits `number` has; of a mix with capitals, such as C4VPXJR93, half of its length where that is more."""
    digits = sum(char.isdigit() for char in number)
    return max(digits, len(number) // 2) if digits >= 2 and number.isupper() else digits


def _is_another(before: str, named: Named) -> bool:
    """Whether the word before a name makes it another thing: "error code", "library card"."""
    return bool(_NO_CODE.search(before) or (named.name == say.CARD and _NO_CARD.search(before)))


def named_number(text: str) -> str | None:
    """The kind of a number that stands near the name of a secret."""
    for named, pattern in _NAMED:
        for match in pattern.finditer(text):
            if _is_another(text[max(0, match.start() - 20) : match.start()], named):
                continue
            after = re.split(
                r"[!\n]|\.\s+(?!(?:it|that|they)\b)",
                text[match.end() : match.end() + REACH],
                maxsplit=1,
                flags=re.I,
            )[0]
            if any(
                named.digits <= _digits(number) <= named.most for number, _, _ in _numbers(after)
            ):
                return named.kind
            before = text[max(0, match.start() - REACH) : match.start()]
            for number, _, end in _numbers(before):
                joined = _AFTER_VALUE.match(before[end:]) or (
                    named.loose and re.fullmatch(r"[^.!?\n]{0,40}", before[end:])
                )
                if joined and named.digits <= _digits(number) <= named.most:
                    return named.kind
    return None


_STRONG = re.compile(
    r"(?<!\S)(?![\d.,:/-]+(?!\S))(?!https?:|www\.)(?=[^\s\d]{0,40}\d)(?=[^\sA-Za-z]{0,40}[A-Za-z])(?!\d+(?:st|nd|rd|th|am|pm|gb|mb|ghz|[km])\b)[^\s,;?]{6,60}"
    r"|(?<!\S)\w{2,20}(?:_\w{2,20})+|(?<!\S)\w{2,20}[&$!@]\w{2,20}",
    re.I,
)
_PASS = rf"(?<!\w)(?:{say.PASSWORD})(?!\w){say.NO_PASSWORD}"
_PASSWORD = re.compile(_PASS, re.I)
# What may stand between the name of a password and "is": "for the bank", "to the kids' tablet", "? Oh".
_GAP = rf"(?:[\s,?]{{0,3}}(?!{say.CLAUSE}(?![\w']))[\w'&-]{{1,25}}){{0,8}}?[\s,?]{{0,3}}"
_SAID = re.compile(
    rf"(?:{_GAP}{say.IS}|[^.!\n]{{0,{REACH}}}?{say.IT_IS})\s{{0,3}}[\"'“„«]?(?!{say.TALK}(?![\w'])|{say.MEASURED}|[a-z]+(?:ed|ing)\b)\w\S{{0,40}}",
    re.I,
)
_PASSPHRASE = re.compile(
    rf"{_GAP}{say.IS}\s{{1,3}}((?:[a-z]{{3,12}}\s){{3,7}}[a-z]{{3,12}})\W{{0,2}}$", re.I
)
_SET_TO = re.compile(
    r"\b(?:set|chang|reset|switch|updat|ma[dk]|turn|renam|änder|stell)\w{0,4}\b", re.I
)
_TO = re.compile(
    rf"[^.!?\n]{{0,30}}?\b(?:to|auf|à|en|a|por)\s+(?!{say.TALK}(?![\w']))\w{{3}}", re.I
)
_NAMED_BEFORE = re.compile(
    rf"(?:^|[.,;:!?…]\s{{0,3}}|\b(?:and|so|that|ok|okay|use|used|try|type|typed|enter|is|chose|picked|put|with|made|have)\s)(?!{say.TALK}(?![\w'])|what|where|which|who)"
    r"[\w'&$!@_-]{3,40}(?:\s[\w'&$!@_-]{1,20}){0,4}?,?\s+"
    r"(?:is|was|as|that's|that is|ist|est|c'est|es|als|comme|como)\s+(?:my|the|our|his|her|a|mein|das|mon|le|mi|la)\s(?:[\w'-]{1,20}\s){0,3}?$",
    re.I,
)
_CALLED_THAT = re.compile(
    r"\S\W{1,3}(?:that's|that is|das ist|c'est|esa es)\s(?:my|the|our|his|her|das|mein|mon|le|mi|la)\s(?:[\w'-]{1,20}\s){0,3}?$",
    re.I,
)
_IN_APPOSITION = re.compile(
    rf"\b(?:is|it's|are|ist|est|es)\s(?!{say.TALK}(?![\w']))[\w'&$!@_-]{{3,40}}(?:\s[\w'-]{{1,20}}){{0,3}}?,\s(?:my|the|our|mein|mon|mi)\s(?:[\w'-]{{1,20}}\s){{0,3}}?$",
    re.I,
)
_COMMON = re.compile(
    r"\b(?:common|typical|popular|worst|example|häufigste\w*|what|which|whose|no|any|every)\s*$",
    re.I,
)
_BESIDE_USER = re.compile(
    r"\b(?:mother'?s|user ?name|user|login|log ?in|admin|network|account|e-?mail)\b", re.I
)
_DIRECT = re.compile(
    rf"\s{{0,3}}[:=]?\s{{0,3}}(?!{say.TALK}(?![\w'])|\w+(?:ed|ing|s)\b)\w[^\s.,!?]{{3,40}}[\s.!]{{0,3}}$",
    re.I,
)
_LOG_IN_WITH = re.compile(r"\b(?:log|sign) ?in with\b|\buser ?name\b|\bcredentials?\b", re.I)
_WIFI = re.compile(rf"\b{say.WIFI}\b", re.I)


def password(text: str) -> bool:
    """Whether `text` says a password, which may be any word."""
    for match in _PASSWORD.finditer(text):
        before, after = (
            text[max(0, match.start() - REACH) : match.start()],
            text[match.end() : match.end() + 2 * REACH],
        )
        near = (
            re.split(r"[.!?\n]\s", before)[-1]
            + " "
            + re.split(r"[.!\n]\s", after, maxsplit=1)[0][:REACH]
        )
        if _COMMON.search(before):
            continue
        if _SAID.match(after) or _STRONG.search(near):
            return True
        if phrase := _PASSPHRASE.match(after):
            if not any(word in STOPWORDS for word in phrase[1].lower().split()):
                return True
        if _SET_TO.search(before) and _TO.match(after):
            return True
        if any(form.search(before) for form in (_NAMED_BEFORE, _CALLED_THAT, _IN_APPOSITION)):
            return True
        if _BESIDE_USER.search(before) and _DIRECT.match(after):
            return True
    for pattern in (_LOG_IN_WITH, _WIFI):
        for match in pattern.finditer(text):
            if _STRONG.search(text[match.end() : match.end() + REACH]):
                return True
    return False


_ADDRESS_OF_A_PAGE = re.compile(r"\b(?:https?://|www\.)\S{1,400}")
# Nothing here can match a text without a digit, a name of a secret or a long word; most texts have none.
_SUSPICIOUS = re.compile(
    rf"\d|-----|://|{say.PASSWORD}|{say.SEED}|(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{{16}}|ssh-|log ?in with",
    re.I,
)


def find(text: str) -> str | None:
    """The kind of the first secret in `text`, such as "card_number"; None where there is none."""
    text = written(text.replace("’", "'"))
    if not _SUSPICIOUS.search(text):
        return None
    for rule, pattern in _RULES:
        for match in pattern.finditer(text):
            if rule.check is None or rule.check(match):
                return rule.kind
    if password(text):
        return "password"
    return named_number(_ADDRESS_OF_A_PAGE.sub(" ", text))


# A secret that is said in one turn after it was announced in another.

_ANNOUNCED = re.compile(rf"\b{say.ANNOUNCED}\b", re.I)
_UNFINISHED = re.compile(say.UNFINISHED, re.I)
_ASKED = re.compile(rf"\b{say.ASKED}\b", re.I)
_OWN = re.compile(say.OWN, re.I)
_PURE = re.compile(r"^[\W\d]{2,60}$|^\w[\w'-]{1,30}(?:\s[\w'-]{1,30}){0,3}\W?$")
_GO_ON = re.compile(
    r"\b(?:go on|and then|next|continue|yes\?|ready|listening|weiter|ensuite|sigue)\b", re.I
)
# An answer is short: what is longer is found by itself or is something else.
_LONGEST_ANSWER = 14


def _names_one(text: str) -> tuple[bool, bool]:
    """Whether `text` has the name of a secret that may be any word, and of one that is a number."""
    number = any(
        not _is_another(text[max(0, match.start() - 20) : match.start()], named)
        for named, pattern in _NAMED
        for match in pattern.finditer(text)
    )
    return bool(_PASSWORD.search(text)), number


def _opens(user: str, reply: str) -> tuple[bool, bool]:
    """Whether the next thing said may be a password, and whether it may be a number."""
    announced = _ANNOUNCED.search(user) or _UNFINISHED.search(user)
    word, number = _names_one(user) if announced else (False, False)
    if _ASKED.search(reply) and reply.rstrip().endswith(("?", ":")):
        asked_word, asked_number = _names_one(reply)
        word, number = word or asked_word, number or asked_number
    return word, number


def _answers(text: str, word: bool, number: bool) -> bool:
    said = text.split()
    if len(said) > _LONGEST_ANSWER or text.rstrip().endswith("?"):
        return False
    if any(_digits(value) >= 3 for value, _, _ in _numbers(written(text))):
        return word or number
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
    """The places of the turns (said, answered) that say a secret together and not each by itself."""
    found: set[int] = set()
    word = number = False
    for place, (user, reply) in enumerate(turns):
        if (word or number) and _answers(user, word, number):
            found |= {place - 1, place}
            if _GO_ON.search(reply) and len(reply.split()) < 6:
                continue
        asks = _ASKED.search(user) and _OWN.search(user)
        if asks and _answers(reply, *_names_one(user)):
            found.add(place)
        word, number = _opens(user, reply)
    return found
