"""Personal details: addresses, telephone numbers, e-mail addresses, dates of birth, health.

Each kind has a setting in config.json that admits it to the training data; by default all are left
out. Secrets that must never be learned are in secrets.py. Numbers of shops and public people are
treated like private ones, except freephone numbers; a date of birth counts only where it is that of
the person or somebody close.
"""

import re
from collections.abc import Callable, Collection

from fae_training.conversations import personal_words as say
from fae_training.conversations.number_words import written
from fae_training.lifecycle.settings import PERSONAL_DETAILS
from fae_training.patterns import lazy_pattern, lower_case_pattern

# Countries whose telephone numbers are recognised without a prefix, and the digits that these start with.
REGIONS = {"GB": "0", "DE": "0", "FR": "0", "AT": "0", "CH": "0", "IE": "0", "AU": "0", "NL": "0", "US": "", "ES": ""}  # fmt: skip
_NEAR = 40

# Addresses.

_NUMBERED_STREET = lazy_pattern(
    rf"(?<![\w.,:/$€£])\d{{1,5}}[a-z]?,?\s{{1,2}}(?:(?:north|south|east|west|n|s|e|w)\.?\s)?(?:[\w'.-]{{1,20}}\s){{0,2}}?"
    rf"(?!\d{{4}})[\w'-]{{2,20}}\s(?P<street>{say.STREET})\b(?!'s)",
    re.I,
)
_SURE_STREET = lazy_pattern(
    r"(?:street|road|avenue|lane|drive|crescent|boulevard|terrace|court|blvd|ave|rd)$", re.I
)
_NO_STREET_NAME = lazy_pattern(rf"(?:{say.NO_STREET_NAME})$", re.I)
_NAMED_STREET = lazy_pattern(
    rf"\b(?:[A-Z][\w'.-]{{1,20}}\s){{1,3}}(?:{say.STREET})\b[^.!?\n]{{0,20}}\b(?:number|no\.?)?\s?\d{{1,4}}\b"
    rf"|\b(?:flat|apartment|apt|unit)\s(?:number\s)?\d{{1,4}}[a-z]?\b|\bnumber\s\d{{1,4}}[a-z]?,?\s(?:the\s)?[A-Z]\w+"
    rf"|\b\d{{1,4}}[a-z]?,?\s(?:the\s)?(?:[\w'.]{{2,20}}\s){{0,3}}?(?:{say.STREET})\b",
    re.I,
)
_GERMAN = lazy_pattern(rf"(?<!\w){say.GERMAN_STREET}\s{{0,2}}(?:Nr\.?\s?)?\d{{1,4}}\s?[a-z]?\b")
_GERMAN_ANY_CASE = lazy_pattern(
    r"\b[a-zäöüß-]{3,25}(?:straße|strasse|allee|gasse)\s\d{1,4}\s?[a-z]?\b", re.I
)
_FRENCH = lazy_pattern(
    rf"\b\d{{1,4}}\s?(?:bis|ter)?,?\s{say.FRENCH_STREET}\s(?:d\w{{0,2}}\s|d'|l'|la\s)?\w", re.I
)
_SPANISH = lazy_pattern(
    rf"(?<!\w){say.SPANISH_STREET}\s(?:[\w'.]{{1,20}},?\s){{1,6}}?(?:número\s|n\.?º\s?)?\d{{1,4}}\b",
    re.I,
)
_BOX = lazy_pattern(
    r"\b(?:p\.?\s?o\.?\s?box|postfach|boîte postale|apartado(?: de correos)?)\s(?:number\s)?\d",
    re.I,
)
_POSTCODE = lazy_pattern(
    r"\b(?:post ?code|zip(?: code)?|postleitzahl|plz|code postal|código postal)(?:'s|\s(?:is|was|for|of|my|our|here|number|the|house|ist|est|es|c'est)\b){0,4}\W{1,3}(?:[A-Z]{1,2}\d[\dA-Z]?\s?\d[A-Z]{2}|\d{4,5})\b"
    r"|\b[A-Z]{2}\s\d{5}(?:-\d{4})?\b", re.I
)  # fmt: skip
_LIVES = lazy_pattern(rf"(?<!\w)(?:{say.LIVES})(?!\w)", re.I)
_HOUSE = lazy_pattern(
    r"\b\d{1,5}[a-z]?\s(?:the\s)?[A-Z]\w{2,}(?:\s[A-Z]\w+)?|\b[A-Z]{1,2}\d[\dA-Z]?\s\d[A-Z]{2}\b"
)
_POSTCODE_UK = lazy_pattern(r"\b[A-Z]{1,2}\d[\dA-Z]?\s\d[ABD-HJLNP-UW-Z]{2}\b")


def address(text: str) -> bool:
    for found in _NUMBERED_STREET.finditer(text):
        between = found[0].split()[1:-1]
        if any(_NO_STREET_NAME.match(word) for word in between):
            continue
        if _SURE_STREET.search(found["street"]) or all(word[0].isupper() for word in between):
            return True
    if (
        _GERMAN.search(text) or _GERMAN_ANY_CASE.search(text) or _FRENCH.search(text)
        or _SPANISH.search(text) or _BOX.search(text) or _POSTCODE_UK.search(text)
    ):  # fmt: skip
        return True
    if (found := _POSTCODE.search(text)) and (
        found[0][:2].isupper() or not found[0][:2].isalpha() or len(found[0]) > 8
    ):
        return True
    for found in _LIVES.finditer(text):
        after = text[found.end() : found.end() + 2 * _NEAR]
        if _NAMED_STREET.search(after) or _HOUSE.search(after):
            return True
    return False


# Telephone numbers.

_NUMBER = lazy_pattern(
    r"(?<![\w.,:/€$£#=-])(?:plus\s)?\+?\(?\d{1,15}\)?(?:[ ./-]{1,3}\(?\d{1,8}\)?){0,8}(?![\w%]|[.,:]\d)",
    re.I,
)
_TELEPHONE = lazy_pattern(rf"(?<!\w)(?:{say.TELEPHONE})(?!\w)", re.I)
_STRONG_TELEPHONE = lazy_pattern(rf"(?<!\w)(?:{say.STRONG_TELEPHONE})(?!\w)", re.I)
_THOUSANDS = lazy_pattern(r"^[1-9]\d{0,2}(?:[ .]\d{3})+$")
_DATES = lazy_pattern(
    r"^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{4}\s?[-/]\s?\d{2,4}|(?:\d{1,3}\.){3}\d{1,3})$"
)


def _counts(digits: str) -> bool:
    """Whether `digits` count up or down, as 12345678910 does."""
    return digits.lstrip("0") in "1234567891011121314151617181920" or digits in "109876543210"


def _is_telephone(number: str, near: str) -> bool:
    digits = "".join(filter(str.isdigit, number))
    international = (
        number.startswith("+") or number.lower().startswith("plus") or digits.startswith("00")
    )
    groups = re.findall(r"\d+", number)
    if (
        not 7 <= len(digits) <= 15
        or _counts(digits)
        or _DATES.match(number.strip())
        or all(len(g) == 1 for g in groups)
    ):
        return False
    strong = bool(_STRONG_TELEPHONE.search(near))
    if _THOUSANDS.match(number) and not strong:
        return False
    if len(groups) > 3 and not international and max(map(len, groups)) <= 2 and digits[0] != "0":
        return False
    if strong or (_TELEPHONE.search(near) and (len(digits) >= 9 or len(groups) > 1)):
        return not _is_freephone(digits, international)
    # Without a word about telephones, a number must be formatted as one and be valid somewhere.
    if len(groups) == 1 and digits[0] != "0" and not international:
        return False
    return _is_valid(digits, international, groups)


def _is_valid(digits: str, international: bool, groups: list[str]) -> bool:
    if international:
        return _parsed(f"+{digits.removeprefix('00')}", None, possible=True)
    shape = [len(group) for group in groups]
    for region, trunk in REGIONS.items():
        if trunk and not digits.startswith(trunk):
            continue
        if region == "US" and shape not in ([3, 3, 4], [1, 3, 3, 4]):
            continue
        if region == "ES" and (digits[0] not in "6789" or shape not in ([3, 3, 3], [3, 2, 2, 2])):
            continue
        if _parsed(digits, region, possible=bool(trunk) and len(digits) >= 9):
            return not _is_freephone(digits, international)
    return False


def _parsed(number: str, region: str | None, possible: bool) -> bool:
    """Whether `number` is valid in `region`, or at least of a possible length. phonenumbers is
    imported here because only an export needs it."""
    import phonenumbers

    try:
        found = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(found) or (
        possible and phonenumbers.is_possible_number(found)
    )


def _is_freephone(digits: str, international: bool) -> bool:
    import phonenumbers

    for region in (None,) if international else REGIONS:
        try:
            found = phonenumbers.parse(
                f"+{digits.removeprefix('00')}" if international else digits, region
            )
        except phonenumbers.NumberParseException:
            continue
        if (
            phonenumbers.is_valid_number(found)
            and phonenumbers.number_type(found) == phonenumbers.PhoneNumberType.TOLL_FREE
        ):
            return True
    return False


def _is_book(number: str, near: str) -> bool:
    """Whether it is the number of a book: called so, or written as one. Of all telephone numbers with ten digits one in
    eleven has the check digit of an ISBN too, so that digit alone says nothing."""
    from stdnum import isbn

    if "isbn" in near.lower():
        return True
    digits, groups = "".join(filter(str.isdigit, number)), re.findall(r"\d+", number)
    written_as_one = len(digits) == 13 or (len(groups) == 4 and len(groups[-1]) == 1)
    return written_as_one and not number.startswith("+") and isbn.is_valid(digits)


_SHORT = lazy_pattern(r"(?<![\w-])\d{3}-\d{4}(?![\w-])")


def telephone(text: str) -> bool:
    for found in _NUMBER.finditer(text):
        near = text[max(0, found.start() - _NEAR) : found.end() + _NEAR // 2]
        if _is_telephone(found[0], near) and not _is_book(found[0], near):
            return True
    return bool(_SHORT.search(text))


# E-mail addresses.

_EMAIL = lazy_pattern(
    rf"(?<![\w.+-])[\w.+-]{{1,64}}@[\w-]{{1,63}}\.[\w.]{{2,60}}"
    rf"|(?<!\w)(?!(?:it|me|us|them|him|her|look|visit|available|see|online|site|page|here|more|find|is|are|found|that|this)\s)"
    rf"\w[\w.-]{{0,40}}{say.AT}(?!(?:the|a|an|my|your|this|that)\s)\w[\w-]{{1,40}}(?:\s{say.JOINT}\s\w{{1,30}}){{0,3}}"
    rf"{say.DOT}{say.DOMAIN}\b(?!\s(?:office|line|product|notation))"
    rf"|(?<!\w)\w[\w.-]{{1,40}}{say.AT}{say.MAILERS}\b",
    re.I,
)


def email(text: str) -> bool:
    return bool(_EMAIL.search(text))


# Dates of birth.

_DATE = (
    rf"(?:\b\d{{1,2}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?\d{{2,4}}\b|\b\d{{4}}-\d\d-\d\d\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s|de\s)?{say.MONTH}\b|\b{say.MONTH}\s(?:the\s)?\d{{1,2}}(?:st|nd|rd|th)?\b"
    rf"|\b{say.MONTH}\s(?:the\s)?\w{{3,12}}(?:st|nd|rd|th)\b|\b\w{{3,12}}(?:st|nd|rd|th)\sof\s{say.MONTH}\b"
    rf"|\b\w{{3,14}}(?:te|ter|ten)\s{say.MONTH}\b|\b(?:primero|premier|1er)\s(?:de\s)?{say.MONTH}\b"
    rf"|\b{say.HOLIDAY}(?:\s(?:eve|day))?\b)"
)
_DATE_OF_BIRTH = lower_case_pattern(
    rf"\b{say.BIRTHDAY}\b[^.!?\n]{{0,40}}?{_DATE}|{_DATE}[^.!?\n]{{0,25}}?\b{say.BIRTHDAY}\b"
)
_CLOSE = rf"(?:\b(?:i|i'm|we|we're|he|she|they|me|mum|mom|dad|gran|both)\b|\b(?:my|our|his|her|their)\s(?:[\w'-]{{1,20}}\s){{0,2}}?{say.RELATIVE}\b)"
_BORN = lower_case_pattern(
    rf"{_CLOSE}[^.!?\n]{{0,30}}?\b(?:born|turn(?:s|ed|ing)?\s(?:\d+|\w*(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|teen|ty)\b)|baby)\b[^.!?\n]{{0,30}}?{_DATE}"
    rf"|\bborn\s[^.!?\n]{{0,30}}?{_DATE}[^.!?\n]{{0,20}}?\bme\b"
    rf"|\bi'm an? {say.MONTH} (?:baby|child|kid)\b"
    rf"|\b(?:ich|wir|er|sie|mein\w*\s\w+|unser\w*\s\w+)\s[^.!?\n]{{0,30}}?{_DATE}[^.!?\n]{{0,20}}?\b(?:geboren|geburtstag)\b"
    rf"|\b(?:je\ssuis|il\sest|elle\sest|m[ao]n?\s\w+\sest|nous\ssommes)\snée?s?\b[^.!?\n]{{0,20}}?{_DATE}"
    rf"|\b(?:nací|nacimos|mis?\s\w+\snació|mi\s\w+\snació)\b[^.!?\n]{{0,20}}?{_DATE}",
)
_FAMOUS = lower_case_pattern(r"\bwhose?\b|\bwho (?:is|was|were)\b|\b1[0-8]\d\d\b")


def birth_date(text: str) -> bool:
    text = text.lower()
    for pattern in (_DATE_OF_BIRTH, _BORN):
        for found in pattern.finditer(text):
            if not _FAMOUS.search(found[0] + text[found.end() : found.end() + 8]):
                return True
    return False


# Health.

_CONDITION = lazy_pattern(rf"(?<!\w)(?:{say.CONDITION}|{say.MEDICINE})(?!\w)", re.I)
# Most texts name none.
_MAY_BE_CONDITION = lower_case_pattern(rf"(?<!\w)(?:{say.CONDITION}|{say.MEDICINE})(?!\w)")
_PERSON = lazy_pattern(rf"(?<![\w'])(?:{say.PERSON}|{say.RELATIVE})(?!\w)", re.I)
_SUFFERS = lazy_pattern(rf"(?<![\w'])(?:{say.SUFFERS})(?!\w)", re.I)
_NO_CONDITION = lazy_pattern(rf"\b(?:{say.NO_CONDITION})\b", re.I)
_CARE = lazy_pattern(
    r"\b(?:my|his|her|our) (?:therapist|psychiatrist|oncologist|cardiologist|gyn\w+|psychologist|neurologist|dialysis)\b"
    r"|\bmein\w* (?:therapeut\w*|psychiater\w*)\b|\bmon psy\w*\b|\bmi (?:psiquiatra|psicólog[oa]|terapeuta)\b",
    re.I,
)


def health(text: str) -> bool:
    named = _CONDITION.finditer(text) if _MAY_BE_CONDITION.search(text.lower()) else ()
    for found in named:
        before = re.split(r"[.!?\n]", text[max(0, found.start() - 60) : found.start()])[-1]
        after = re.split(r"[.!?\n]", text[found.end() : found.end() + 40], maxsplit=1)[0]
        if _NO_CONDITION.search(before + found[0] + after) or before.endswith("about "):
            continue
        person = _PERSON.search(before)
        if person and (_SUFFERS.search(before) or _SUFFERS.search(after)):
            return True
    return bool(_CARE.search(text))


# In the order of settings.PERSONAL_DETAILS.
KINDS: dict[str, Callable[[str], bool]] = dict(
    zip(PERSONAL_DETAILS, (address, telephone, email, birth_date, health), strict=True)
)


def find(text: str, allowed: Collection[str] = ()) -> str | None:
    """The first of KINDS in `text` that is not in `allowed`; None where there is none."""
    text = written(text.replace("’", "'"))
    return next(
        (kind for kind, holds in KINDS.items() if kind not in allowed and holds(text)), None
    )
