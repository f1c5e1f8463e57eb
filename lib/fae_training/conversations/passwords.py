"""Detects passwords, which may be any words, by their context, and distinguishes them from talk
about passwords."""

import re

from fae_training.conversations import secret_words as say
from fae_training.conversations.spoken_secrets import VALUE
from fae_training.conversations.text import STOPWORDS
from fae_training.patterns import lazy_pattern

# The distance from its name within which a secret is searched, in characters.
REACH = 60
# A word unlike any in ordinary speech: letters and digits mixed, or joined by a sign.
_STRONG = lazy_pattern(
    r"(?<!\S)(?![\d.,:/-]+(?!\S))(?!https?:|www\.)(?=[^\s\d]{0,40}\d)(?=[^\sA-Za-z]{0,40}[A-Za-z])(?!\d+(?:st|nd|rd|th|am|pm|gb|mb|ghz|[km])\b)[^\s,;?]{6,60}"
    r"|(?<!\S)\w{2,20}(?:_\w{2,20})+|(?<!\S)\w{2,20}[&$!@]\w{2,20}",
    re.I,
)
_PASS = rf"(?<!\w)(?:{say.PASSWORD})(?!\w){say.NO_PASSWORD}"
PASSWORD = lazy_pattern(_PASS, re.I)
# Words that may come between the name of a password and "is": "for the bank", "to the kids'
# tablet", "? Oh". Each word is matched whole (possessive), otherwise backtracking over a long one
# would take too long.
_GAP = (
    r"(?:\s(?:that\s)?(?:i|we|he|she|they)(?:'ve|\shave)?\s(?:always\s|just\s)?(?:used?|chose|chosen|picked|set|have|made|created))?"
    rf"(?:[\s,?]{{0,3}}(?!{say.CLAUSE}(?![\w']))[\w'&-]{{1,25}}+(?![\w'&-])){{0,8}}?[\s,?]{{0,3}}"
)
_SAID = lazy_pattern(
    rf"(?:{_GAP}{say.IS}|[^.!\n]{{0,{REACH}}}?{say.IT_IS})\s{{0,3}}[\"'“„«]?(?!{say.TALK}(?![\w'])|{say.MEASURED}|[a-z]+(?:ed|ing)\b|[a-z]{{3,30}}ly\s[a-z])\w\S{{0,40}}",
    re.I,
)
_PASSPHRASE = lazy_pattern(
    rf"{_GAP}{say.IS}\s{{1,3}}((?:[a-z]{{3,12}}\s){{3,7}}[a-z]{{3,12}})\s?(?:[.,;!?]|$)", re.I
)
_PASSPHRASE_BEFORE = lazy_pattern(
    r"(?:^|[.,;:!?]\s)((?:[a-z]{3,12}\s){3,7}[a-z]{3,12})\s(?:is|was|ist|est|es)\s(?:my|the|our|mein|das|mon|le|mi|la)\s(?:[\w'-]{1,20}\s){0,3}?$",
    re.I,
)
_SET_TO = lazy_pattern(
    r"\b(?:set|chang|reset|switch|updat|ma[dk]|turn|renam|änder|stell)\w{0,4}\b", re.I
)
_TO = lazy_pattern(
    rf"[^.!?\n]{{0,30}}?\b(?:to|auf|à|en|a|por)\s+(?!{say.TALK}(?![\w']))\w{{3}}", re.I
)
_NAMED_BEFORE = lazy_pattern(
    rf"(?:^|[.,;:!?…]\s{{0,3}}|\b(?:and|so|that|ok|okay|use|used|try|type|typed|enter|is|chose|picked|put|with|made|have)\s)(?!{say.TALK}(?![\w'])|your\b|what|where|which|who)"
    r"[\w'&$!@_-]{3,40}(?:\s[\w'&$!@_-]{1,20}){0,4}?,?\s+"
    r"(?:is|was|as|that's|that is|ist|est|c'est|es|als|comme|como)\s+(?:my|the|our|his|her|a|mein|das|mon|le|mi|la)\s(?:[\w'-]{1,20}\s){0,3}?$",
    re.I,
)
_CALLED_THAT = lazy_pattern(
    r"\S\W{1,3}(?:that's|that is|das ist|c'est|esa es)\s(?:my|the|our|his|her|das|mein|mon|le|mi|la)\s(?:[\w'-]{1,20}\s){0,3}?$",
    re.I,
)
_IN_APPOSITION = lazy_pattern(
    rf"\b(?:is|it's|are|ist|est|es)\s(?!{say.TALK}(?![\w']))[\w'&$!@_-]{{3,40}}(?:\s[\w'-]{{1,20}}){{0,3}}?,\s(?:my|the|our|mein|mon|mi)\s(?:[\w'-]{{1,20}}\s){{0,3}}?$",
    re.I,
)
# "It is hunter two with a capital H, my password": nothing else is said of the password.
_LONG_APPOSITION = lazy_pattern(
    rf"\b(?:is|it's|ist|est|es)\s(?!(?:{say.TALK}|{say.DESCRIBES})(?![\w'])|\w{{1,30}}(?:ed|ing)\b)[\w'&$!@_-]{{3,40}}(?:\s[\w'-]{{1,20}}){{0,9}}?,\s(?:my|the|our|mein|mon|mi)\s(?:[\w'-]{{1,20}}\s){{0,3}}?$",
    re.I,
)
_ENDS = lazy_pattern(r"^\s{0,3}(?:$|[.!,;])")
# "Password swordfish", with nothing but what it is for before it.
_BARE_BEFORE = lazy_pattern(
    r"(?:^|[.,;:!?]\s{0,3}|\b(?:and|und|et|y|remember|note|save|use|try|enter|type|with|mit|avec|con)\s)(?:(?:my|the|our|new|mein\w{0,2}|das|neues|mon|le|nouveau|mi|la|nueva)\s)?(?:[\w'-]{1,20}\s){0,2}?$",
    re.I,
)
_FOR_WHAT = r"(?:\s(?:for|to|of|für|vom|zum|zur|du|de|del|pour)(?:\s(?:the|my|our|das|den|die|mein\w{0,2}|la|le|mon|ma|el|mi|mum's))?\s[\w'-]{1,20})"
_BARE = lazy_pattern(
    rf"^(?:[\s\"'“„«]{{1,3}}|{_FOR_WHAT}{{0,2}}\s?[,:]\s[\"'“„«]?|\s(?:for|für|du|del|pour)\s(?:(?:the|my|le|la|el)\s)?{say.WIFI}\s){VALUE}(?:$|[.!,;\"'”»]|(?:for|to open|für|pour|para)\b)",
    re.I,
)
_NO_STATEMENT = lazy_pattern(
    r"\b(?:forg[eo]t\w*|lost|need|want|chang\w+|reset|know|remember your|guess|hate|wrong|which|what|whose|no|any|is|are|a|or|than)\s[^.!?]{0,20}$",
    re.I,
)
# "I always pick my son's name Tobias as password", not "never use your name as a password".
_USED_AS = lazy_pattern(
    r"(?<!should )(?<!can )(?<!could )(?<!do )(?<!did )\b(?:i|we|ich|je|j'|yo)\s?(?:(?:always|just|simply|still|usually|immer|toujours|siempre)\s)?(?:use|pick|choose|chose|took|take|have|put|used|nehme|benutze|utilise|uso)\s"
    r"(?!(?:an?|the same|it|that|this|different|only|long|short|the)\b)(?:[\w'-]{1,20}\s){1,6}?(?:as|als|comme|como)\s(?:(?:my|the|mein|mon|mi)\s)?(?:[\w'-]{1,20}\s){0,2}?$",
    re.I,
)
# "Password is the dog's name, Rover"; "my password is my birthday".
_DESCRIBED = lazy_pattern(
    rf"^(?:[\s,]{{0,3}}(?:for|to|of)(?:\s[\w'-]{{1,20}}){{1,3}}?)?\s{{0,3}}{say.IS}\s{{0,3}}(?:just\s)?(?:the|my|our|his|her|their|der|die|das|mein\w{{0,2}}|le|la|mon|ma|el|mi)\s(?:[\w'-]{{1,20}}\s){{0,3}}?"
    r"(?:(?:nick|sur|last |first |maiden |middle )?names?|birthday|birth ?date|date of birth|anniversary|favou?rite \w{2,20}|same as my|spitzname|name|geburtstag|nom|prénom|anniversaire|nombre|cumpleaños)(?![\w'])",
    re.I,
)
_COMMON = lazy_pattern(
    r"\b(?:common|typical|popular|worst|example|häufigste\w*|what|which|whose|no|any|every)\s*$|"
    r"\bin (?:the|this|that|an?|every|harry) (?:\w{1,20} )?(?:film|movie|book|story|novel|play|tale|series|show|potter)\b[^.!?]{0,40}$",
    re.I,
)
_BESIDE_USER = lazy_pattern(
    r"\b(?:mother'?s|user ?name|user|login|log ?in|admin|network|account|e-?mail)\b", re.I
)
_DIRECT = lazy_pattern(
    rf"\s{{0,3}}[:=]?\s{{0,3}}(?!{say.TALK}(?![\w'])|\w{{1,40}}(?:ed|ing|s)\b)\w[^\s.,!?]{{3,40}}[\s.!]{{0,3}}$",
    re.I,
)
_LOG_IN_WITH = lazy_pattern(r"\b(?:log|sign) ?in with\b|\buser ?name\b|\bcredentials?\b", re.I)
_WIFI = lazy_pattern(rf"\b{say.WIFI}\b", re.I)


def password(text: str) -> bool:
    """Whether `text` contains a password, which may be any word."""
    for match in PASSWORD.finditer(text):
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
        phrase = _PASSPHRASE.match(after) or _PASSPHRASE_BEFORE.search(before)
        if phrase and not any(word in STOPWORDS for word in phrase[1].lower().split()):
            return True
        if _SET_TO.search(before) and _TO.match(after):
            return True
        if _DESCRIBED.match(after) or (_LONG_APPOSITION.search(before) and _ENDS.match(after)):
            return True
        is_one = not match[0].lower().endswith(("words", "phrases", "wörter", "s de passe"))
        is_bare = _BARE_BEFORE.search(before) and not _NO_STATEMENT.search(before)
        if is_one and is_bare and _BARE.match(after):
            return True
        if _USED_AS.search(before):
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
