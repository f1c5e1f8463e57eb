"""Speech in the plain form that the tables of requests to forget read: chat spellings written out, one form of address, no
small words.

"pls dont keep it" is "please don't keep it", "würden Sie das bitte löschen" is "kannst du das löschen", and "podrías olvidar"
is "olvida". The example of each rewriting says what becomes of it; the tests run them.
"""

import re
from dataclasses import dataclass

from fae_training.conversations.cues import one_of
from fae_training.patterns import lazy_pattern


@dataclass(frozen=True)
class Rewriting:
    """An example "before -> after", the pattern of what is rewritten, and what by, as for re.sub."""

    example: str
    pattern: str
    by: str


# fmt: off
_DE_ASKED = one_of("würden, könnten, können, wollen, möchten, könntet, könnt, würdet")
# Verbs that a person uses to an assistant who remembers, by their stems.
_FR_VERBS = "(oubli|effac|supprim|retir|enlev|arrêt|cess|laiss|évit)"
_FR_ASKED = (
    r"(?:est-ce que )?(?:peux-tu|pourrais-tu|tu peux|tu pourrais|tu veux bien|pouvez-vous|pourriez-vous|vous pouvez|vous pourriez|"
    r"(?:je te prie|je vous prie|je te demande|je vous demande|merci|il faut|il faudrait) (?:de |d'))"
)
_FR_WISH = (
    r"(?:je (?:veux|voudrais|préfère|préférerais|souhaite|souhaiterais|te demande)|j'aimerais(?: bien| mieux| autant)?|il faut|il faudrait|"
    r"il vaut mieux|il vaudrait mieux|ça m'arrangerait|ce serait bien) qu(?:e (?:tu|vous)|')"
)
_ES_VERBS = "(olvid|borr|elimin|quit|dej|sac)"
_ES_ASKED = r"(?:puedes|podrías|puede|podría|pueden|quieres|te importaría|le importaría|deberías|tienes que|hazme el favor de|te ruego|le ruego)"
_ES_WISH = (
    r"(?:quiero|quisiera|querría|prefiero|preferiría|me gustaría|necesito|te pido|le pido|es mejor|sería mejor|mejor|ojalá|te agradecería|"
    r"le agradecería) que"
)
ENGLISH = (
    Rewriting("pls dont keep it -> pls don't keep it", r"\b(do|does|did|is|was|wo|ca|would|could|should|must|have|had)nt\b", r"\1n't"),
    Rewriting("pls keep it -> please keep it", r"\b(?:pl[sz]|plss|pleas|pleease|plz)\b", "please"),
    Rewriting("i dont want u to keep it -> i dont want you to keep it", r"\bu\b", "you"),
    Rewriting("dinnae keep it -> don't keep it", r"\b(?:dinnae|dinna|doan't|don t|don`t)\b", "don't"),
    Rewriting("what I told ya -> what I told you", r"(?<=\btold )(?:ya|ye)\b", "you"),
    Rewriting("un-learn it -> unlearn it", r"\bun-(?=learn|remember)", "un"),
    Rewriting("unremember it -> forget it", r"\b(?:unremember|un-remember|disremember|dismiss from memory)\b", "forget"),
    Rewriting("don't want nothing about it -> don't want anything about it", r"\b((?:don't|do not|never)(?: \w+)?) nothing\b", r"\1 anything"),
    Rewriting("you please remove it -> please remove it", r"(?:^|(?<=, ))you (?=(?:please|kindly)\b)", ""),
    Rewriting("I no longer want you to know -> i don't want you to know", r"\bi no longer (want|like)\b", r"i don't \1"),
    Rewriting("forget it abt jim -> forget it about jim", r"\b(?:abt|'bout)\b", "about"),
    Rewriting("forget what ive said -> forget what i've said", r"\b(i|you|we|they)ve\b", r"\1've"),
    # "I want that you forget", "you must to forget": as people say it whose first language is another one.
    Rewriting("I want that you forget it -> I want you to forget it", r"\b(i (?:want|would like|need|wish)) that you (?:to )?", r"\1 you to "),
    Rewriting("you must to forget it -> you must forget it", r"\b(must|should|can|could) to\b", r"\1"),
    Rewriting("I not want you save it -> i don't want you save it", r"\bi (?:not|no) (want|like)\b", r"i don't \1"),
    Rewriting("I don't want that you keep it -> I don't want you to keep it",
              r"\b(i (?:don't|do not|never) (?:want|like)) (?:that )?you (?:to )?(?=(?:remember|keep|save|store|learn|know|mention|talk|have|bring|hold)\b)", r"\1 you to "),
    Rewriting("I don't want you knowing about it -> I don't want you to know about it",
              r"\b(i (?:don't|do not|never) (?:want|like)) (?:you|your) (?:to be )?(remember|keep|stor|sav|learn|know|mention|hold)(?:ing)\b", r"\1 you to \2"),
    Rewriting("all what I told -> what I told", r"\ball (?:of )?(?=what\b)", ""),
    Rewriting("Please you forget it -> Please forget it", r"\b(please) you (?!to\b)", r"\1 "),
)
GERMAN = (
    Rewriting("des mit dem Unfall -> das mit dem Unfall", r"\bdes(?= (?:mit|von|vom|über|wegen|mim)\b)", "das"),
    Rewriting("was i gsagt hab -> was ich gsagt hab", r"\bi(?= (?:hab|gsagt|dir|über|vom|von)\b)", "ich"),
    Rewriting("vergisses -> vergiss es", r"\bvergiss?es\b", "vergiss es"),
    Rewriting("das vergisst wieder -> das vergisst du wieder", r"\b(das|die|den) vergisst (?=wieder|ganz|schnell|$)", r"\1 vergisst du "),
    Rewriting("vergessen Sie das -> vergiss das", r"(?:^|(?<=[,;] )|(?<=\bbitte )|(?<=\bund ))vergessen [Ss]ie\b|vergessen Sie\b", "vergiss"),
    Rewriting("Merken Sie sich nichts -> merk dir nichts", r"\bmerken [Ss]ie sich\b", "merk dir"),
    *(
        Rewriting(f"{formal} Sie das -> {plain} das", rf"(?:^|(?<=[,;] )|(?<=\bbitte )){formal} [Ss]ie\b|\b{formal} Sie\b", plain)
        for formal, plain in (
            ("löschen", "lösch"), ("streichen", "streich"), ("entfernen", "entferne"), ("behalten", "behalte"),
            ("speichern", "speichere"), ("sprechen", "sprich"), ("reden", "rede"), ("erwähnen", "erwähne"),
            ("erzählen", "erzähl"), ("hören", "hör"), ("lassen", "lass"), ("lernen", "lerne"), ("trainieren", "trainiere"),
            ("tun", "tu"), ("fangen", "fang"), ("kommen", "komm"), ("nennen", "nenne"), ("nehmen", "nimm"), ("fragen", "frag"),
        )
    ),
    Rewriting("Würden Sie das vergessen -> kannst du das vergessen", rf"\b{_DE_ASKED} (?:[Ss]ie|ihr)\b", "kannst du"),
    Rewriting("wenn Sie das vergessen -> wenn du das vergessen", r"\b(wenn|dass|daß) Sie\b", r"\1 du"),
    # The small words between a verb and what it is about.
    *(
        Rewriting(f"vergiss {small} das -> vergiss das", rf"(?<=\w) {small}(?= \w|$)", "")
        for small in ("bitte", "mal", "einfach", "doch", "endlich", "ruhig", "halt", "eben", "bitteschön")
    ),
    Rewriting("Bitte vergiss das -> vergiss das", r"^(?:ey|also|ach|mensch|alter|na|naja|hey|geh|so|okay|ok|bitte|und|du,|sag mal|hör mal|pass auf|weißt du was|mei|hm+|äh+m?)[ ,]+(?=\w)", ""),
)
FRENCH = (
    Rewriting("Pourriez-vous oublier ça -> oublie ça", rf"{_FR_ASKED} ?{_FR_VERBS}er\b", r"\1e"),
    Rewriting("J'aimerais que tu oublies ça -> oublie ça", rf"{_FR_WISH} {_FR_VERBS}(?:es|iez|ez)\b", r"\1e"),
    Rewriting("T'oublies ce que j'ai dit -> oublie ce que j'ai dit", r"(?:^|(?<=, ))(?:tu |t')(oubli|effac|supprim)es (?=ce que (?:je|j')|tout\b|ça\b|mon\b|ma\b|mes\b)", r"\1e "),
    Rewriting("Oubliez ça -> Oublie ça", rf"\b{_FR_VERBS}(?:ez|iez)\b", r"\1e"),
    Rewriting("peux-tu ne plus parler de ça -> ne parle plus de ça",
              rf"{_FR_ASKED} ?ne (pas|plus|plus jamais|jamais|rien) (parl|mentionn|gard|enregistr|mémoris|conserv|reparl)er\b", r"ne \2e \1"),
    Rewriting("Ne gardez pas ça -> Ne garde pas ça", r"\b(n[e'] ?(?:me )?(?:parl|mentionn|gard|enregistr|mémoris|conserv|reparl|évoqu))ez\b", r"\1e"),
)
SPANISH = (
    Rewriting("Podrías olvidarte de eso -> olvídate de eso", rf"{_ES_ASKED} olvidar(?:te|se) de(l?)\b", r"olvídate de\1"),
    Rewriting("Podría borrar eso -> borra eso", rf"{_ES_ASKED} {_ES_VERBS}ar(?=\b)", r"\1a"),
    Rewriting("Quiero que te olvides de eso -> olvídate de eso", rf"{_ES_WISH} (?:te|se) olvid(?:es|e|aras|ara)(?: ya)? de(l?)\b", r"olvídate de\1"),
    Rewriting("Me gustaría que borraras eso -> borra eso", rf"{_ES_WISH} {_ES_VERBS}(?:es|e|aras|ara|ases)\b", r"\1a"),
    Rewriting("Bórrame eso -> borra eso", r"\b(?:bórra|borra)(?:me|nos)\b", "borra"),
    Rewriting("Olvídame eso -> olvida eso", r"\b(?:olvída|olvida)(?:me|nos)\b", "olvida"),
    Rewriting("Ya olvídate de eso -> olvídate de eso", r"^(?:ya|ándale|órale|oye|bueno|pues|mira|fíjate|porfa)[ ,]+(?=\w)", ""),
    Rewriting("Olvídese de eso -> olvídate de eso", r"\bolv[íi]dese de", "olvídate de"),
    Rewriting("No me hable más de eso -> No me hables más de eso", r"\b(no (?:me )?)(habl|cuent|mencion|nombr|pregunt|record|guard|us)e\b", r"\1\2es"),
    Rewriting("Borre eso -> Borra eso", r"^(borr|olvid|elimin|quit)e\b", r"\1a"),
)
# fmt: on
# Which language a sentence may be in, so that no word of another one is taken for a small word.
_LANGUAGES = (
    (None, ENGLISH),
    (
        r"\b(?:ich|nicht|nichts|über|vergiss|vergessen|vergisst|lösch\w*|merke?n?|streich\w*|behalt\w*|hör|rede|sprich|die|das|der|sie|mit)\b",
        GERMAN,
    ),
    (r"\b(?:je|tu|vous|ne|ça|plus|de|ce|oubli\w+|effac\w+|supprim\w+)\b|\b[jnlc]'", FRENCH),
    (r"\b(?:que|no|de|lo|mi|el|la|olvid\w+|borr\w+)\b", SPANISH),
)
_READ = [
    (
        lazy_pattern(sign, re.I) if sign else None,
        [(lazy_pattern(each.pattern, re.I), each.by) for each in table],
    )
    for sign, table in _LANGUAGES
]


def plain_speech(sentence: str) -> str:
    """`sentence` in plain form; what it names keeps its spelling."""
    for sign, rewritings in _READ:
        if sign is None or sign.search(sentence):
            for pattern, by in rewritings:
                sentence = pattern.sub(by, sentence)
    return sentence
