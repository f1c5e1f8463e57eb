"""Recognises requests to forget, in English, German, French and Spanish, and their topics.

A request is a sentence that tells the assistant to forget: an imperative ("forget the interview"),
a wish ("I want you to forget ..."), a statement of what must happen ("... should be forgotten"), or
a topic followed by a request ("my job, please forget that"), or something private followed by one
("I told you about my job, don't keep it"). A sentence that only mentions forgetting matches none of
these forms.
"""

import re

from fae_training.conversations.forget_cues import (
    ABOUT_IT,
    BEGINS_DE,
    BEGINS_EN,
    BEGINS_ES,
    BEGINS_FR,
    CUES,
    ERASE,
    I_SAID,
    MEMORY,
    PRIVATE,
    REGARDING,
)
from fae_training.conversations.text import STOPWORDS, stem, without_wake_word, words
from fae_training.patterns import lazy_pattern

EVERYTHING = "everything"
# Longer sentences are not requests, and this bounds the time for long texts.
_LONGEST_SENTENCE = 300

# fmt: off
# "Forget fancy restaurants, what can I cook?" only changes the subject.
_ASIDE = lazy_pattern(
    r"^[^,]*, (?!please\b)(?:is|are|do|does|did|can|could|should|would|will|what|which|who|where|why|when|how|let's|tell|give|"
    r"show|wie|wer|wo|ist|kann|soll|quel|que|qu'est|comment|où|est|qué|cómo|dónde|cuál|"
    r"(?:i|we)(?:'m|'re|'ll| am| are| will)(?! (?:begging|asking|serious|telling|ashamed|embarrassed|sorry|done|over|not)\b))\b"
)
# "Don't keep the change, I told the waiter": said to somebody else.
_REPORTED = lazy_pattern(
    r", (?:i|he|she|they|we|mum|mom|dad|(?:my|her|his|our) \w+) (?:(?:always|just|then|once|had|keeps?) )?"
    r"(?:told|tells?|said|says?|asked|shouted|wrote|telling|saying)(?: (?!you\b)[\w']+){0,3}$"
)
# "Nobody knows, please don't remember ...": a request after what is not one; and who else may be asked.
_PLEASE = lazy_pattern(r", (?=(?:please|bitte|s'il te plaît|por favor) )")
_SPEAKS = lazy_pattern(
    r"\b(?:said|says?|told|tells?|asked|asks|wrote|writes?|sings?|sang|begged|sagt|sagte|schrieb|dit|disait|dijo|decía|decir|called|titled)\b"
)
# "Kevin and me are over. Forget him.": whom the sentence before is about.
_HIM = lazy_pattern(rf"{BEGINS_EN}(?:forget|unlearn|erase)(?: about)? (?:him|her|them)(?: please| now)?$")
_SUBJECT = lazy_pattern(
    r"^(?:(?i:my|our) [\w-]+(?: [\w-]+)?|(?!(?:It|That|This|He|She|They|There|We|I|You)\b)[A-Z][\w-]+)"
    r"(?=(?:'s| is| are| was| were| and| has| have| had| left| did| does| never)\b)"
)
# "Forget the loan, will you?" asks for nothing else.
_TAG = lazy_pattern(r",? (?:will|would|can|could|won't) you(?: please)?$")
# Requests without a topic of their own: they mean the current one.
_THIS = lazy_pattern(
    rf"{BEGINS_EN}(?:forget|unlearn|erase)(?: about)? (?:it|that|this)(?: please)?$|{BEGINS_EN}forget$|{BEGINS_EN}{ERASE} (?:it|that|this) (?:from|out of) {MEMORY}$|{BEGINS_DE}vergiss (?:es|das)(?: bitte)?$|{BEGINS_FR}(?:oublie|oubliez) ça$|"
    rf"{BEGINS_ES}(?:olvídalo|olvidalo|olvídelo)$"
)
# "My job. Please forget about it.": a sentence that only names something is the topic of the next one.
_FRAGMENT = lazy_pattern(
    r"^(?!.*\b(?i:is|are|was|were|will|would|can|has|have|had|do|does|did|went|goes|be)\b)"
    r"(?:(?i:about|as for|the|my|our|his|her|that)(?: [\w'-]+){1,4}|[A-Z][\w'-]*(?: [A-Z][\w'-]*){1,2})$"
)
_ALL = lazy_pattern(
    r"^(?:everything|all|all of (?:it|that)|all the (?:things|stuff)|every (?:single )?(?:thing|word))(?: (?:(?:that )?you(?:'ve| have)? (?:know|learned|learnt|ever heard)|(?:that )?(?:i've |i have |i )?(?:ever )?(?:told you|said)))?(?: about me)?$|"
    r"^alles(?:,? was (?:du (?:über mich )?weißt|du über mich gelernt hast|ich (?:dir )?(?:je |jemals |bisher )?(?:erzählt|gesagt) habe))?(?: über mich)?$|"
    r"^tout(?: ce que (?:tu sais|je t'ai (?:jamais )?dit))?(?: (?:sur|de) moi)?$|"
    r"^todo(?: lo que (?:sabes|te (?:he dicho|dije|conté)))?(?: (?:de|sobre) mí)?$"
)
_WHAT_WAS_SAID = (
    lazy_pattern(
        rf"^(?:(?:about|as for|everything|anything|nothing|none of|all|on(?= (?:the|my|our|his|her)\b)|whatever|what|that|the fact that|things|stuff|of it|thing|my conversation|"
        rf"the (?:whole )?(?:stuff|things?|part|bit|talk|conversation|story|business|matter|data)(?= (?:{REGARDING}|that|i)\b)|"
        rf"that (?:thing|stuff|bit|story|part)(?= (?:{REGARDING}|that|i)\b)|with|"
        rf"{I_SAID}|i (?:ever |just |once )?(?:said|told you|mentioned)|i shouldn't have (?:told you|said)|i should not have told you|"
        rf"(?:anything )?to do with|regarding|concerning|ever|you know|the)[ ,]+(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:alles|was|das|dass|die sache|die geschichte|dem gespräch|dem,|dem was|dinge|ich|je|dir|du|über|von|mit|bitte|nichts|mir|mich)[ ,]+(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:tout|ce que|ce qu'|je t'ai dit|je vous ai dit|j'ai dit|je te disais|tu sais|que|cette histoire|l'histoire|la conversation|à propos|au sujet|sur|de|d'|concernant|le fait)[ ,]*(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:todo|lo que|lo|que|te conté|te dije|le dije|te he dicho|dije|sabes|sobre|acerca de|del|de|a|la conversación|el hecho)[ ,]+(?=\w))+"
    ),
)
_TRAILING = lazy_pattern(
    r"(?:[ ,]{1,3}(?:please|(?:right )?now|right away|at once|immediately|for me|okay|ok|all right|alright|again|any ?more|fae|thanks|thank you|we (?:talked|spoke) about|(?:that )?i (?:told you|said|mentioned)|"
    r"(?:from|out of) (?:your|the) (?:memory|mind|head|training(?: data)?)|permanently|for good|for ever|forever|"
    r"yesterday|last (?:night|week|month|time|year)|earlier(?: today)?|this (?:morning|week)|the other day|before|anywhere|to anyone|gestern|neulich|vorhin|hier|ayer|antes|"
    r"hier soir|(?:aus|von) (?:deinem|dem) gedächtnis|bitte|(?:gesagt|erzählt|erwähnt) (?:habe|hab)|weißt|s'il (?:te|vous) plaît|stp|por favor|nunca más))+$"
)
_CLAUSE = lazy_pattern(r"[.,;!?]|\b(?:but|because|and then|instead|aber|weil|mais|parce que|pero|porque)\b")
# "Forget the whole thing", "my last question": these mean this conversation, and give no topic to
# search for elsewhere.
_NO_TOPIC = {
    stem(word)
    for word in ["whole", "last", "first", "question", "conversation", "earlier", "before", "today", "yesterday", "answer", "message", "part", "bit", "previous", "asked", "time", "talk", "talked", "chat", "idea", "word", "sentence", "moment", "second", "mention", "mentioned", "bother", "matter", "rest", "je", "j'", "es", "das", "dies", "dieses", "diese", "gespräch", "gerade", "eben", "ich", "gesagt", "habe", "frage", "letzte", "ça", "cela", "viens", "dire", "je", "question", "dernière", "lo", "acabo", "decir", "que", "conversación", "pregunta"]
}
# fmt: on
_PATTERNS = [(n, lazy_pattern(c.pattern)) for n, cues in enumerate(CUES.values()) for c in cues]
_ABOUT_IT = [
    (n, lazy_pattern(ABOUT_IT[language]), [lazy_pattern(cue.pattern) for cue in PRIVATE[language]])
    for n, language in enumerate(CUES)
]
_MAY_BE = lazy_pattern(
    r"forg[eo]t|unlearn|erase|expunge|banish|strike|cross|scratch|scrap|lose|dump|\bbin\b|disregard|throw|your head|remember|memor|wipe|scrub|purge|delete|remove|clear|drop|rid of|training|train |learn|mention|"
    r"bring|out of|talk|speak|refer|want to hear|keep|store|save|pretend|vergiss|vergess|vergi(?:ß|ss)t|tilge?|radier|wirf|schmeiß|lösch|streich|entfern|"
    r"merk|behalt|behält|trainier|lern|sprich|rede|erwähn|speicher|oubli|efface|supprim|retir|souvien|parle|mentionn|appren|"
    r"retien|raye|sors|chasse|ôte|saca|utilise|garde|olvid|olvíd|borra|bórra|elimina|recuerd|mencion|hables|aprend|guard[ea]|quita|hold on|hang on|kept|gone|to go\b|disappear|vanish|retain|record|log\b|repeat|nichts|raus|"
    r"gedächtnis|entendre|mémo|conserv|enregistr|disparaître|memori|reteng|acuerd|acord|quede|desaparec|almacen",
    re.I,
)


def forget_request(text: str) -> str | None:
    """The topic that the person asks to forget, "" for "forget it", EVERYTHING, or None when this
    is no such request.

    Of several requests in one text the first that names something counts.
    """
    if not _MAY_BE.search(text):
        return None
    found, before = None, ""
    for sentence in _sentences(without_wake_word(text)):
        about = _confided(sentence, before) or _of_sentence(sentence)
        if about == "" and _FRAGMENT.search(before):
            about = _topic(before, 0)
        elif about == "" and _HIM.search(sentence.lower()) and (who := _SUBJECT.search(before)):
            about = _topic(who[0], 0)
        if about:
            return about
        found, before = about if about is not None else found, sentence
    return found


def _sentences(text: str) -> list[str]:
    plain = " ".join(text.replace("’", "'").lstrip("¿¡ ").split())
    parts = re.split(r"(?<=[.!?;])\s+[¿¡]?", plain)
    # "The interview: please forget that", "my payslip - delete that" may also be written with a comma.
    parts = [
        re.sub(r" ?[:–—] | - ", ", ", part) for part in parts if len(part) <= _LONGEST_SENTENCE
    ]
    return [part.strip(" .!?;:,") for part in parts]


def _of_sentence(sentence: str) -> str | None:
    sentence = _without(_TAG, sentence)
    lower = sentence.lower()
    if _THIS.search(lower):
        return ""
    if _ASIDE.search(lower) or _REPORTED.search(lower):
        return None
    for language, pattern in _PATTERNS:
        if found := pattern.search(lower):
            return _topic_in(found, sentence, language)
    before, *after = _PLEASE.split(sentence, maxsplit=1)
    return _of_sentence(after[0]) if after and not _SPEAKS.search(before.lower()) else None


def _confided(sentence: str, before: str) -> str | None:
    """What something private is about, when "it" is to be forgotten: in one sentence, or in the one before."""
    clauses = [sentence.rpartition(mark) for mark in (", ", " and ")]
    for private, request in ((before, sentence), *((told, asked) for told, _, asked in clauses)):
        for language, about_it, patterns in _ABOUT_IT:
            if not about_it.search(request.lower()):
                continue
            for pattern in patterns:
                if found := pattern.search(private.lower()):
                    return _topic_in(found, private, language)
    return None


def _topic_in(found: re.Match, sentence: str, language: int) -> str:
    """The topic in a match of the sentence's lower case."""
    start, end = found.span("topic")
    # Lower case may be longer than the original (İ): then the lower-case form is used.
    said = sentence if len(sentence) == len(sentence.lower()) else sentence.lower()
    return _topic(said[start:end], language)


def _topic(said: str, language: int) -> str:
    """The topic of a request, without the words around it."""
    if _ALL.search(_plain(said)):
        return EVERYTHING
    said = _without(_TRAILING, said)
    if _ALL.search(_plain(said)):
        return EVERYTHING
    if around := _WHAT_WAS_SAID[language].match(said.lower()):
        said = said[around.end() :]
    said = _without(_TRAILING, _CLAUSE.split(said, maxsplit=1)[0]).strip()
    meaning = {stem(word) for word in words(said) if word not in STOPWORDS}
    return said if meaning - _NO_TOPIC else ""


def _plain(said: str) -> str:
    return said.lower().strip(" ,.!?")


def _without(pattern: re.Pattern, said: str) -> str:
    found = pattern.search(said.lower())
    return said[: found.start()] if found else said
