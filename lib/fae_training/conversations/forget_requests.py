"""Recognises requests to forget, in English, German, French and Spanish, and their topics.

A request is a sentence that tells the assistant to forget: an imperative ("forget the interview"),
a wish ("I want you to forget ..."), a statement of what must happen ("... should be forgotten"), or
a topic followed by a request ("my job, please forget that"), something private followed by one
("I told you about my job, don't keep it"), or that something is not to be mentioned any more
("stop talking about my job"). A sentence that only mentions forgetting matches none of
these forms.
"""

import re
from collections.abc import Container
from dataclasses import dataclass

from fae_training.conversations.confided_cues import ABOUT_IT, PRIVATE
from fae_training.conversations.cues import one_of
from fae_training.conversations.forget_cues import BEGINS_EN, CUES, ERASE
from fae_training.conversations.forget_cues_de_fr_es import BEGINS_DE, BEGINS_ES, BEGINS_FR
from fae_training.conversations.forget_topics import EVERYTHING, is_everyday, topics, without
from fae_training.conversations.forget_words import MEMORY, PLEASE
from fae_training.conversations.mention_cues import CUES as MENTION_CUES
from fae_training.conversations.mention_cues import TEXT_TASK
from fae_training.conversations.plain_speech import plain_speech
from fae_training.conversations.text import without_wake_word
from fae_training.patterns import lazy_pattern

# Longer sentences are not requests, and this bounds the time for long texts.
_LONGEST_SENTENCE = 300

# fmt: off
# "Forget fancy restaurants, what can I cook?" only changes the subject.
_ASIDE = lazy_pattern(
    r"^[^,]*, (?!please\b|do not\b)(?:is|are|do|does|did|can|could|should|would|will|what|which|who|where|why|when|how|let's|tell|give|"
    r"show|play|help|find|explain|teach|recommend|suggest|wie|wer|wo|ist|kann|soll|welche[rsn]?|wann|warum|lass uns|"
    r"was (?:kann|könnte|soll|sollte|gibt|ist|wäre|macht|koche?|esse?)|erzähl|spiel|zeig|hilf|sag|quel|que|qu'est|comment|où|est|qué|cómo|dónde|cuál|"
    r"(?:i|we)(?:'m|'re|'ll| am| are| will)(?! (?:begging|asking|serious|telling|ashamed|embarrassed|sorry|done|over|not)\b))\b|"
    # "Forget traffic, the trains are even worse", "forget maths, English instead".
    r"^[^,]*, .*\b(?:is|are|was|were) (?:even |much |far |way |just as )\w+|^[^,]*, (?!please\b).*\binstead$"
)
# "Forget the pizza and order sushi", "forget the coffee make it tea".
_INSTEAD = lazy_pattern(
    r"\b(?:forget|drop|strike|scratch|vergiss|oublie|olvida)\b.*(?:(?:,|\b(?:and|then|und|et|y)) (?:just |then |lieber |plutôt |mejor )?(?:order|book|add|use|set|buy|cook|watch|try|pick|choose|bestell\w*|commande|achète|pide|compra)\b|"
    r"\b(?:make it|set it (?:to|for)|(?:i'll|i will|we'll|we will) (?:have|take|go|get))\b)"
)
# "The milk should not be kept in the door", "you are not allowed to keep chickens": nothing that was said.
_KEEPS = lazy_pattern(r"\b(?:keep|kept|stored?|saved?|record(?:ed)?|retain(?:ed)?|logged|repeat(?:ed)?)\b")
_TALK = lazy_pattern(
    r"\b(?:remember\w*|memor\w+|learn\w*|train\w*|forg[eo]t\w*|mention\w*|mind|head|brain|notes|files|logs|anywhere|said|told|tell|say|about|anything|everything|whatever|what|nothing|"
    r"(?:my|our|me|i|i'm|i've|we|you know|you have)(?!.* (?:in|at|on|with|near|under|by|to|from) (?:the|a|an)\b)|in your \w+)\b"
)
# "Don't train on Sundays", "keep weights out of training", "stop using treats for training".
_SPORT = lazy_pattern(
    r"^(?!.*\b(?:your|data)\b).*\b(?:train|training|exercis\w+|learn(?:ing)?)\b"
)
_OF_SPORT = lazy_pattern(
    r"\b(?:weights?|dumbbells?|kettlebells?|treadmill|bike|bikes|gym|treats?|dogs?|pupp(?:y|ies)|horses?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|weekdays?|weekends?|"
    r"rest|stomach|legs?|arms?|muscles?|marathon|races?|coach|concrete|asphalt|hills?|grass|sand|court|pitch|machines?|shoes|music|phones?|mistakes?|youtube|tiktok|injur\w+|knee)\b"
)
# "I'd prefer it if you didn't repeat everything": not all. "Delete all" may be the alarms; "everything can be forgotten".
_NOT_ALL = lazy_pattern(
    r"^(?!.*\b(?:me|you|i|our|mich|du|ich|moi|tu|je|mí|sabes|dije)\b|.*'(?:ve|ai)\b).*\b(?:delete|wipe|purge|lösche?|efface|supprime|borra|elimina|quita)\b|"
    r"(?:\b(?:not|never|nicht|nie|pas|no (?:recuerdes|guardes|aprendas|memorices))|n't)\b[^,]*\b(?:everything|all|alles|tout|todo)\b|^(?:everything|all) can\b"
)
# "Oh, can you forget the interview" changes no subject.
_BEGINS = lazy_pattern(BEGINS_EN)
# "Don't keep the change, I told the waiter": said to somebody else.
_REPORTED = lazy_pattern(
    r", (?:i|he|she|they|we|mum|mom|dad|(?:my|her|his|our) \w+) (?:(?:always|just|then|once|had|keeps?) )?"
    r"(?:told|tells?|said|says?|asked|shouted|wrote|telling|saying)(?: (?!you\b)[\w']+){0,3}$|"
    r", (?:says|said|goes|sagt|sagte|meint|dit|disait|dice|dijo) (?:(?:the|my|our|his|her|die|der|das|mein\w*|le|la|mon|ma|el|mi) )?[\w' -]{2,20}$"
)
# "Nobody knows it yet, please don't remember ...": a request after what is none. A bare imperative counts there only with
# something of one's own or what was said: "drink tea and forget the world".
_CLAUSE = lazy_pattern(r"(?:,|;) (?:and |but |so |then |und |aber |et |mais |y |pero )?| (?:and|but|so|und|et|y) ", re.I)
_BEGINS_A_REQUEST = lazy_pattern(
    rf"^(?:{PLEASE}|can|could|would|will|may|don't|do not|never|stop|i'd|i would|i want|i don't|i do not|nothing|kannst|könntest|"
    r"ich will|ich möchte|merk|behalte|speichere|erwähne|sprich|no (?:guardes|recuerdes|menciones|me)|ne )\b|"
    r"^(?:(?:just|simply|also|then) )*(?:forget|unlearn|erase|delete|wipe|remove|drop|scrub|purge|lose|scratch|vergiss|lösch\w*|streich\w*|oublie|"
    r"efface|supprime|olvida|borra|olvídate|elimina)(?: about| de| del)? (?:what|everything|anything|whatever|all|that i|my|our|me|the (?:whole )?(?:thing|stuff|part|bit|story)|"
    r"was|alles|das mit|mein\w*|die (?:sache|geschichte)|das (?:gespräch|thema)|ce que|tout|mon|ma|mes|notre|lo|todo|mi|mis|nuestr\w+)\b",
    re.I,
)
_SPEAKS = lazy_pattern(
    r"\b(?:said|says?|told|(?<!don't )(?<!never )tells?|asked|asks|wrote|writes?|sings?|sang|begged|sagt|sagte|schrieb|dit|disait|dijo|decía|decir|called|titled)\b"
)
# "Kevin and me are over. Forget him.": whom the sentence before is about.
_HIM = lazy_pattern(rf"{BEGINS_EN}(?:forget|unlearn|erase)(?: about)? (?:him|her|them)(?: please| now)?$")
_SUBJECT = lazy_pattern(
    r"^(?:(?i:my|our) [\w-]+(?: [\w-]+)?|(?!(?:It|That|This|He|She|They|There|We|I|You)\b)[A-Z][\w-]+)"
    r"(?=(?:'s| is| are| was| were| and| has| have| had| left| did| does| never)\b)"
)
# "Forget the loan, will you?" asks for nothing else.
_TAG = lazy_pattern(
    rf"(?:,? (?:will|would|can|could|won't) you(?: please)?|,? {PLEASE}|"
    r", (?:okay|ok|all ?right|deal|understood|got it|thanks|thank you(?: (?:so|very) much)?|"
    r"d'accord|ja|danke|merci|vale|gracias))$"
)
# Requests without a topic of their own: they mean the current one.
_THIS = lazy_pattern(
    rf"{BEGINS_EN}(?:forget|unlearn|erase)(?: about)? (?:it|that|this)(?: ever happened| all)?(?: please)?$|{BEGINS_EN}forget$|"
    rf"{BEGINS_EN}{ERASE} (?:it|that|this) (?:from|out of) {MEMORY}$|"
    rf"{BEGINS_DE}vergiss (?:es|das)(?: bitte)?$|{BEGINS_FR}(?:oublie|oubliez) ça$|"
    rf"{BEGINS_ES}(?:olvídalo|olvidalo|olvídelo)$"
)
# "My job. Please forget about it.": a sentence that only names something is the topic of the next one.
_FRAGMENT = lazy_pattern(
    r"^(?!.*\b(?i:is|are|was|were|will|would|can|has|have|had|do|does|did|went|goes|be)\b)"
    r"(?:(?i:about|as for|the|my|our|his|her|that)(?: [\w'-]+){1,4}|[A-Z][\w'-]*(?: [A-Z][\w'-]*){1,2})$"
)
# fmt: on
_PATTERNS, _MENTIONS = (
    {language: [lazy_pattern(c.pattern) for c in cues] for language, cues in table.items()}
    for table in (CUES, MENTION_CUES)
)
_TEXT_TASK = lazy_pattern(TEXT_TASK)
# "Forget the milk? No, I have it.": a question about it, unless it asks politely.
_ECHO = lazy_pattern(
    r"^(?:forget|vergiss|oublie|olvida)\b(?!.*\b(?:please|okay|ok|all right|alright|you|bitte|ja|s'il te plaît|d'accord|por favor|vale)\?$)[^,]*\?$",
    re.I,
)
_ABOUT_IT = [
    (language, lazy_pattern(about_it), [lazy_pattern(cue.pattern) for cue in PRIVATE[language]])
    for language, about_it in ABOUT_IT.items()
]
# Parts of words of which every request in a language has one: most messages are read no further, and the others only for
# the forms of the languages that they may be in.
_PARTS = {
    "en": r"forg[eo]t, unlearn, eras, expunge, banish, strike, cross, scratch, scrap, lose, lost, dump, \bbin\b, disregard, throw, exclud, "
    r"includ, your (?:own )?mind, brain, holding, regarding, concerning, \btak(?:e|ing)\b, \bget\b, head, remember, memor, wip(?:e|ing), scrub, purg, delet, remov, clear, drop, rid of, train, fine-?tun, learn, notes, files?\b, data, logs?\b, "
    r"logged, to do with, \bput\b, mention, bring, brought, shut up, give it a rest, nothing about, thing on, nothing on, nothing more, nothing of, thing of, enough, "
    r"lay off, quit, knock it, out of, leave, no more, no talk, word, subject, topic, matter, discuss, rais, ask, used, "
    r"question, issue, limits, taboo, no[- ]go, off the table, sore, speak, spoken, talk, refer, hear, know, think, keep, stor, sav, pretend, act as, "
    r"act like, behave as, imagine, remind, hold on, hang on, go on, going on, harp, get over, drag, avoid, stay away, stop, end it, "
    r"want you, you to have, kept, gone, to go\b, must go, should go, no place, get all, get every, thing about, thing on, disappear, vanish, retain, record, repeat",
    "de": "vergiss, vergess, vergi(?:ß|ss)t, tilge?, radier, wirf, werf, schmeiß, lösch, streich, entfern, merk, behalt, behält, aufheb, "
    "wort mehr, silbe, fang, komm, bring, thema, lass, tu so, tu bitte so, frag, sag, erzähl, schneid, nenn, halt, trainier, lern, sprich, sprech, "
    "red, erwähn, wissen, denken, speicher, nichts, raus, aufh[öo]r, hör, nie wieder, nie mehr, nicht mehr, ich nicht, gedächtnis, erinner, "
    "daten, kopf, training",
    "fr": r"oubli, entraîn, effac, supprim, retir, souvien, parl, mention, plus rien, évoqu, mot\b, laisse, sujet, comme si, rappel, "
    r"appren, retien, reten, raye, sors, sort, chasse, ôte, utilise, enl[eè]v, mets, mett, tête, garde, arrête, cesse, entendre, mémo, conserv, enregistr, disparaître",
    "es": "saca, saque, salir, entren, olvid, olvíd, borr, bórr, elimin, elimín, recuerd, record, memor, mencion, habl, nombr, vuelvas, "
    "palabra, deja, deje, uses, utili, tengas, haya, mant, tema, asunto, como si, cuentes, preguntes, aprend, guard[ea], quita, basta, "
    "quiero, reten, retuv, conserv, acuerd, acord, qued, desaparec, almacen, estar, esté, permanec, seguir, registr, no más, nada más",
}
_MAY_BE = lazy_pattern(one_of(", ".join(_PARTS.values())))
_MAY_BE_IN = {language: lazy_pattern(one_of(parts)) for language, parts in _PARTS.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """A sentence that asks to forget something: its topics, () for "forget it", (EVERYTHING,) for all."""

    sentence: str
    topics: tuple[str, ...]


def requests_in(text: str, names: Container[str] = ()) -> list[Asked]:
    """The sentences of `text` in which the person asks to forget something.

    names: words that are names also in lower case, in which speech is often written.
    """
    if not _MAY_BE.search(text.lower()):
        return []
    for_a_text = bool(_TEXT_TASK.search(text.lower()))
    found, before = [], ""
    for said in _sentences(without_wake_word(text)):
        sentence = plain_speech(said)
        about = _confided(sentence, before)
        if about is None:
            about = _of_sentence(sentence, for_a_text, names)
        if about == () and _FRAGMENT.search(before):
            about = topics(before, "en")
        elif about == () and _HIM.search(sentence.lower()) and (who := _SUBJECT.search(before)):
            about = topics(who[0], "en")
        if about is not None:
            found.append(Asked(said, about))
        before = sentence
    return found


def forget_request(text: str) -> tuple[str, ...] | None:
    """The topics that the person asks to forget, () for "forget it", (EVERYTHING,), or None when this
    is no such request.
    """
    found = requests_in(text)
    if not found:
        return None
    return tuple(dict.fromkeys(topic for asked in found for topic in asked.topics))


def _sentences(text: str) -> list[str]:
    plain = " ".join(text.replace("’", "'").lstrip("¿¡ ").split())
    parts = re.split(r"(?<=[.!?;])\s+[¿¡]?", plain)
    # "The interview: please forget that", "my payslip - delete that" may also be written with a comma.
    parts = [
        re.sub(r" ?[:–—] | - ", ", ", part)
        for part in parts
        if len(part) <= _LONGEST_SENTENCE and not _ECHO.search(part)
    ]
    return [part.strip(" .!?;:,") for part in parts]


def _of_sentence(sentence: str, for_a_text: bool, names: Container[str]) -> tuple[str, ...] | None:
    """As forget_request, for one sentence. `for_a_text`: the message is about something to be written."""
    sentence = without(_TAG, sentence)
    lower = sentence.lower()
    if _THIS.search(lower):
        return ()
    if _ASIDE.search(_BEGINS.sub("", lower)) or _INSTEAD.search(lower) or _REPORTED.search(lower):
        return None
    languages = [name for name, parts in _MAY_BE_IN.items() if parts.search(lower)]
    for language in languages:
        for pattern in _PATTERNS[language]:
            if found := pattern.search(lower):
                if _is_of_things(found, sentence):
                    return None
                return _topics_in(found, sentence, language)
    if not for_a_text and (about := _not_to_hear_of(sentence, languages, names)):
        return about
    for mark in _CLAUSE.finditer(sentence):
        before, after = sentence[: mark.start()], sentence[mark.end() :]
        if _BEGINS_A_REQUEST.search(after) and not _SPEAKS.search(before.lower()):
            return _of_sentence(after, for_a_text, names)
    return None


def _not_to_hear_of(sentence: str, languages: list[str], names: Container[str]) -> tuple[str, ...]:
    """The topics that the person does not want to hear of any more; who says so names them."""
    lower = sentence.lower()
    for language in languages:
        for pattern in _MENTIONS[language]:
            found = pattern.search(lower)
            # The group `name` marks a form that is a request only with a name.
            if not found or ("name" in found.groupdict() and not _is_name(found, sentence, names)):
                continue
            if _is_of_things(found, sentence):
                return ()
            about = _topics_in(found, sentence, language)
            return tuple(topic for topic in about if topic != EVERYTHING)
    return ()


def _is_name(found: re.Match, sentence: str, names: Container[str]) -> bool:
    """Whether the topic is written as a name, or begins with a word that is known as one."""
    start, end = found.span("topic")
    return sentence[start:][:1].isupper() or found.string[start:end].split()[0] in names


def _confided(sentence: str, before: str) -> tuple[str, ...] | None:
    """What something private is about, when "it" is to be forgotten: in one sentence, or in the one before."""
    clauses = [sentence.rpartition(mark) for mark in (", ", " and ", " so ")]
    for private, request in ((before, sentence), *((told, asked) for told, _, asked in clauses)):
        for language, about_it, patterns in _ABOUT_IT:
            if not about_it.search(without(_TAG, request).lower()):
                continue
            while (shorter := private.rpartition(", "))[1] and about_it.search(shorter[2].lower()):
                private = shorter[0]
            for pattern in patterns:
                if found := pattern.search(private.lower()):
                    return _topics_in(found, private, language)
    return None


def _is_of_things(found: re.Match, sentence: str) -> bool:
    """Whether what is kept, or trained with, is a thing and not what somebody said."""
    lower, (start, end) = found.string, found.span("topic")
    if _SPORT.search(lower) and _OF_SPORT.search(lower[start:end]):
        return True
    around = f"{lower[:start].removeprefix('i ')} {lower[end:]}"
    return bool(
        _KEEPS.search(around)
        and not _TALK.search(lower[start:])
        and not re.search(r"(?<!^)\b[A-Z]", sentence[start:])
        and not _TALK.search(lower[:start].split(" ", 1)[-1])
    )


def _topics_in(found: re.Match, sentence: str, language: str) -> tuple[str, ...]:
    """The topics in a match of the sentence's lower case."""
    start, end = found.span("topic")
    # Lower case may be longer than the original (İ): then the lower-case form is used.
    said = sentence if len(sentence) == len(sentence.lower()) else sentence.lower()
    about = topics(said[start:end], language)
    if EVERYTHING in about and _NOT_ALL.search(found.string):
        return ()
    return tuple(topic for topic in about if topic == EVERYTHING or not is_everyday(topic))
