"""The topics of a request to forget: what is left of "the whole thing with my job, and my salary, please" without the
words around them, in English, German, French and Spanish.

Each thing that a person lists is a topic of its own, because a topic removes a conversation only if its words occur there
together.
"""

import re

from fae_training.conversations.text import STOPWORDS, content_words, names_in, stem, words
from fae_training.patterns import lazy_pattern

EVERYTHING = "everything"
ENGLISH, GERMAN, FRENCH, SPANISH = range(4)

# fmt: off
I_SAID = (
    r"(?:that )?(?:i(?:'ve| have)?|you(?:'ve| have)?|we(?:'ve| have)?) (?:\w+ )?"
    r"(?:told you|tell you|said|mentioned|talked|spoke|know|remember|learned|learnt|heard|stored|kept|have|got)"
)
REGARDING = r"(?:about|on|regarding|concerning|to do with|with|of|from|for|to)"
_ALL = lazy_pattern(
    r"^(?:everything|all|all of (?:it|that)|all the (?:things|stuff)|every (?:single )?(?:thing|word))(?: (?:(?:that )?you(?:'ve| have)? (?:know|learned|learnt|ever heard)|(?:that )?(?:i've |i have |i )?(?:ever )?(?:told you|said)))?(?: about me)?$|"
    r"^alles(?:,? was (?:du (?:über mich )?weißt|du über mich gelernt hast|ich (?:dir )?(?:je |jemals |bisher )?(?:erzählt|gesagt) habe))?(?: über mich)?$|"
    r"^tout(?: ce que (?:tu sais|je t'ai (?:jamais )?dit))?(?: (?:sur|de) moi)?$|"
    r"^todo(?: lo que (?:sabes|te (?:he dicho|dije|conté)))?(?: (?:de|sobre) mí)?$"
)
# "the whole thing with", "what happened at": words that stand before a topic and are not part of it.
_MATTER = r"(?:stuff|things?|part|bit|talk|conversation|story|business|matter|data|situation|affair|issue|mess|subject|topic|question|episode|drama|nonsense)"
_BEFORE = (
    lazy_pattern(
        rf"^(?:(?:about|as for|everything|anything|nothing|none of|all|both|either|on(?= (?:the|my|our|his|her)\b)|whatever|that|the fact that|things|stuff|of(?= (?:the|my|our|his|her|it)\b)|it(?= about)|thing|"
        rf"(?:(?:the|this|that|all (?:the|this|that|of the)) )?(?:(?:whole|entire|silly|stupid|damn|bloody) )?{_MATTER}(?= (?:{REGARDING}|around|between|that|i)\b)|"
        r"(?:the |that |this |all (?:the|that) )?(?:whole|entire)|"
        r"what(?:ever)? (?:(?:has |had |all )?happened|went (?:on|down|wrong))(?: (?:at|with|to|in|on|between|during|after|around|over))?|what|"
        r"how (?:badly|terribly|awfully)|how (?:it|things|that) went(?: (?:at|with|in|on))?|how (?:much )?(?:i|we) (?:feel|felt|think|thought|love|loved|hate|hated)(?: (?:about|of|for))?|"
        r"(?:my |our |all my )?(?:conversations?|feelings?|thoughts?|worr(?:y|ies)|complaints?|opinions?|comments?|remarks?)(?= (?:about|for|on|over|of|regarding|with)\b)|for(?= (?:the|my|our|his|her)\b)|"
        r"the (?:time|day|night|evening|moment)(?= (?:when|that|where|i|we)\b)|when(?= (?:i|we)\b)|"
        r"(?:(?:all|any|every|the) )?(?:records?|memor(?:y|ies)|traces?|mentions?|details?)(?: (?:that )?you have)?(?= (?:about|of|on)\b)|"
        rf"{I_SAID}|i (?:ever |just |once )?(?:said|told you|mentioned)|i shouldn't have (?:told you|said)|i should not have told you|with|over(?= (?:the|my|our)\b)|"
        r"(?:anything )?to do with|(?:having |has |have )?to do with|related to|relating to|involving|regarding|concerning|ever|also|you know|the)[ ,]+(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:alles|beides?|sowohl|was|das(?= (?:mit|um|über|von|vom|zu|zum|zur|in|im|bei|beim)\b)|dass|(?:diese|die|den|der|dem|das|dieser|diesen)? ?(?:ganzen? )?(?:sache|geschichte|angelegenheit|kram|zeug|gerede|thema|vorfall)(?= (?:mit|um|über|von|vom|zu|zum|zur|der|des|in|bei)\b)|(?:das )?thema|"
        r"ganzen?|dem gespräch|dem,|dinge|ich|je|dir|du|über|von|vom|mit|um|in|im|auf|bei|beim|zu|zum|zur|damals|rund um|bitte|nichts|mir|mich|heute|jetzt|mal|endlich|auch|noch)[ ,]+(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:(?:tou(?:te?s?|s)|ce qui (?:s'est passé|est arrivé|concerne|touche)|ce que|ce qui|je t'ai dit|je vous ai dit|j'ai dit|je te disais|tu sais|que|(?:cette|cet|ce|l'|la|le) ?(?:histoire|affaire|truc|sujet)|(?:histoire|affaire|truc|sujet)|la conversation|"
        r"à propos|au sujet|à la fois|aussi|sur|de|du|des|avec|à|au|aux|chez|dans|lors|concernant|le fait)[ ,]+|(?:ce qu|d)')(?=\w))+"
    ),
    lazy_pattern(
        r"^(?:(?:tod[oa]s?|lo que (?:pasó|ocurrió|sucedió|ha pasado|tiene que ver)|(?:lo )?relacionado|lo que|lo|que|te conté|te dije|le dije|te he dicho|dije|sabes|sobre|acerca de|en|con|del|de|al?|la conversación|el hecho|tanto|también|"
        r"(?:(?:el|la|es[ea]|est[ea]) )?(?:asunto|tema|historia|cosa|lío)(?= (?:de|del|con|sobre)\b))[ ,]+(?=\w))+"
    ),
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_AFTER = lazy_pattern(
    r"(?:[ ,]{1,3}(?:please|(?:right )?now|right away|at once|immediately|for me|to me|with me|around me|okay|ok|all right|alright|again|any ?more|any longer|ever(?: again)?|fae|thanks(?: a lot)?|thank you(?: (?:so|very) much)?|"
    r"if you (?:can|could|would|please|don't mind)|would you|will you|can you|we (?:talked|spoke) about|(?:that )?i (?:told you|said|mentioned)|(?:that )?you (?:know|have|remember)|"
    r"(?:from|out of) (?:your|the) (?:memory|mind|head|training(?: data)?)|permanently|completely|entirely|altogether|at all|once and for all|for good|for ever|forever|from now on|in (?:the )?future|as well|too|every (?:few |couple of |\w+ )?(?:minutes?|hours?|seconds?|times?)|"
    rf"today|tonight|yesterday|tomorrow|(?:last|this|next) (?:night|week|weekend|month|time|year|morning|afternoon|evening|summer|winter|spring|autumn|{_WEEKDAY})|on {_WEEKDAY}|a while ago|earlier(?: today)?|the other day|before|back then|anywhere|to anyone|"
    r"went|all the time|constantly|so much|every day|for now|and (?:so on|stuff|all that|everything|such|the like|things like that)|"
    r"gestern|neulich|vorhin|heute|jetzt|wieder|damals|hier|danke(?: schön)?|endgültig|für immer|hoy|ahora|ayer|antes|gracias|para siempre|también|"
    r"(?:passiert|geschehen|gewesen|vorgefallen) ist|los war|(?:aus|von) (?:deinem|dem) gedächtnis|bitte|(?:gesagt|erzählt|erwähnt) (?:habe|hab)|weißt|"
    r"hier soir|aujourd'hui|maintenant|désormais|merci|pour toujours|aussi|s'il (?:te|vous) plaît|stp|por favor|nunca más))+$"
)
# "the mortgage thing"; "that mortgage business", but not "my business" or "the family business".
_MATTER_AFTER = lazy_pattern(r"(?<=\w)[ -](?:thing|stuff|situation|nonsense|ordeal|fiasco|debacle|topic|subject)$")
_BUSINESS_AFTER = lazy_pattern(r"(?<=\w)[ -](?:business|story|affair|matter|issue|mess|saga|drama|incident|conversation|talk)$")
_EMPHATIC = lazy_pattern(r"^(?:all )?(?:that|this|those|these|the whole|the entire|all the|whole|entire)\b")
_CLAUSE = lazy_pattern(r"[.;!?]|\b(?:but|because|and then|instead|aber|weil|mais|parce que|pero|porque)\b")

# "Paul, please, and his dog"; and when it was: "the argument I had yesterday with my brother".
_ASIDE = lazy_pattern(r",? (?:please|you know|bitte|s'il te plaît|por favor),", re.I)
_WHEN = lazy_pattern(
    r"(?<!\w)(?:(?:last (?:week|night|month|year)|yesterday|today)'s|yesterday|today|tonight|recently|completely|entirely|totally|gestern|heute|neulich|vorhin|hier|komplett|vollständig|"
    r"hier soir|aujourd'hui|complètement|totalement|entièrement|ayer|anoche|hoy|por completo|completamente|totalmente)(?!\w) ?", re.I
)
# A list: "my job, and my salary", "sowohl Anna als auch mein Knie".
_SEPARATOR = lazy_pattern(
    r"(?P<comma>,)?\s*(?:(?<![\w'])(?P<and>and also|and|as well as|along with|plus|or|nor|&|und auch|und|sowie|als auch|oder|noch|et aussi|et|ainsi que|ou|ni|y también|y|e|así como|o|u|como)(?![\w']))?\s*", re.I
)
# "Bed and breakfast" is one thing, and so is what is between two people.
_ONE_THING = lazy_pattern(
    r"\b(?:between|zwischen|entre)\b|\b(?:bed and breakfast|rock and roll|drum and bass|trial and error|fish and chips|salt and pepper|gin and tonic|"
    r"mac and cheese|romeo and juliet|black and white|research and development|arts and crafts|pros and cons|up and down)\b"
)
# "Anna and Tom's wedding" is one thing, too.
_OWNED = lazy_pattern(r"^[\w-]+'s \w")
_BEGINS_A_THING = lazy_pattern(
    r"^(?:the|my|our|his|her|their|your|that|this|those|these|all|everything|anything|what|about|of|with|any|both|"
    r"der|die|das|den|dem|mein\w*|unser\w*|dein\w*|alles|l'|le|la|les|mon|ma|mes|notre|nos|ce|cette|ces|de|du|el|los|las|mi|mis|nuestr\w+|es[ea]|lo|al?|del)(?:\b|(?<='))"
)
_IS_A_CLAUSE = lazy_pattern(
    r"^(?:i|i'm|i'll|i've|i'd|you|you're|we|we're|he|he's|she|she's|it|it's|they|who|which|where|when|why|if|so|then|"
    r"ich|du|wir|er|sie|es|wer|wie|wo|je|j'\w+|tu|il|elle|on|nous|vous|yo|tú|él|ella|"
    r"tell|play|set|show|give|start|let|let's|move on|help|remind|call|turn|do|make|go|open|read|find|put|add|stop|talk|ask|check|please|focus|think|"
    r"order|book|watch|look|use|set|try|buy|cook|bake|eat|drink|walk|write|send|pick|choose|enjoy|relax|dance|sleep|smile|just|"
    r"bestell\w*|nimm|koch|commande|prends|achète|pide|compra|toma|"
    r"concentrate|switch|pretend|never|don't|come|get|be|keep|delete|erase|forget|remember|no|yes|sorry|"
    r"erzähl\w*|spiel\w*|sag|zeig\w*|mach\w*|lass|hilf|dis|joue|montre|parle|raconte|fais|dime|pon|cuenta|haz|"
    r"my (?:dear|love|friend|darling)|dear|honey|darling|man|buddy)\b|"
    r"\b(?:is|are|isn't|aren't|was|were|wasn't|will|won't|would|can|can't|could|should|must|don't|didn't|ist|sind|war|wird|est|sont|était|está|son|era)\b"
)
_LONGEST_ITEM = 7
# "My last question", "the whole thing" mean this conversation, and give no topic to search for elsewhere.
_NO_TOPIC = {
    stem(word)
    for word in ["whole", "last", "first", "question", "conversation", "earlier", "before", "today", "yesterday", "answer", "message", "part", "bit", "previous", "asked", "time", "talk", "talked", "chat", "idea", "word", "sentence", "moment", "second", "mention", "mentioned", "bother", "matter", "rest", "subject", "topic", "happened", "je", "j'", "es", "das", "dies", "dieses", "diese", "gespräch", "gerade", "eben", "ich", "gesagt", "habe", "frage", "letzte", "sache", "alles", "dem", "nichts", "tout", "de", "todo", "ça", "cela", "viens", "dire", "je", "question", "dernière", "histoire", "lo", "acabo", "decir", "que", "conversación", "pregunta", "asunto", "tema", "else", "mir", "dir", "uns", "euch", "ihm", "ihr", "ihn", "ihnen", "sie", "er", "wir", "spät", "schnell", "laut", "hause", "lui", "elle", "eux", "moi", "toi", "nous", "vous", "jamais", "il", "ils", "elles", "él", "ella", "ellos", "ellas", "eso", "esto", "mí", "ti", "nosotros", "nunca", "nada", "ever"]
}
# What an assistant is asked for every day, and words for times and numbers: "forget the alarm" changes a plan, and as
# a topic such a word would remove conversations that have nothing to do with it.
_EVERYDAY = {
    stem(word)
    for word in """
    alarm timer reminder list playlist song music track joke weather forecast recipe option step number plan rule others other one lot guy
    name title way thing stuff night morning afternoon evening day week weekend month year minute hour second tomorrow monday tuesday wednesday
    thursday friday saturday sunday two three four five six seven eight nine ten eleven twelve third next breakfast lunch dinner supper
    going go trying try making make using use helping help coming come getting get putting taking asking saying speaking doing feeling feel people
    coffee traffic past manner small big good bad new old think thinking look photo image picture file alright word line sentence paragraph page
    wecker timer erinnerung liste lied musik witz wetter rezept nummer plan regel tag woche wochenende monat jahr minute stunde morgen abend nacht montag
    dienstag mittwoch donnerstag freitag samstag sonntag zwei drei vier fünf sechs sieben acht neun zehn frühstück mittagessen abendessen kaffee name wort
    alarme réveil minuteur rappel liste chanson musique blague météo recette numéro jour semaine mois année minute heure demain matin soir nuit lundi
    mardi mercredi jeudi vendredi samedi dimanche deux trois quatre cinq six sept huit neuf dix café nom mot
    alarma temporizador recordatorio lista canción música chiste tiempo receta número día semana mes año minuto hora mañana tarde noche lunes martes
    miércoles jueves viernes sábado domingo dos tres cuatro cinco seis siete ocho nueve diez nombre palabra
    """.split()  # noqa: SIM905
}
_ARTICLES = frozenset("der die das den dem des le la les l'un une el los las un una mon ma mes mi mis mein meine meinen".split())  # noqa: SIM905
# "Everything I ever said and start again"; "all of that and sing" is not all.
_WHO_SAID_IT = lazy_pattern(r"^(?:everything|all)\b.* (?:i|i've|you|you've|me)\b")
# "Anna and Will."
_NAME = lazy_pattern(r"^(?:Will|May|Said)(?=$| [A-Z])")
# "It, understand it": what "it" is has to be named next.
_PRONOUN = lazy_pattern(r"^(?:it|that|this|them|him|her|es|das|ihn|sie|ça|cela|lo|eso|esto)$")
# fmt: on


def is_everyday(topic: str) -> bool:
    """Whether `topic` has only words that half of all conversations may have."""
    if names_in(topic, anywhere=True):
        return False
    meaning = {stem(word) for word in words(topic) if word not in STOPWORDS | _ARTICLES}
    return all(word in _EVERYDAY | _NO_TOPIC or word.isdigit() for word in meaning)


def topics(said: str, language: int | None = None) -> tuple[str, ...]:
    """The topics in `said`, what is to be forgotten in the words of a request; (EVERYTHING,) if all is
    meant, () if nothing is named.

    `language`: one of this module's numbers; None to try all four.
    """
    if _ALL.search(_plain(said)):
        return (EVERYTHING,)
    said = without(_AFTER, said)
    if _ALL.search(_plain(said)):
        return (EVERYTHING,)
    said = _CLAUSE.split(_ASIDE.sub(",", said), maxsplit=1)[0]
    if _WHO_SAID_IT.search(said.lower()) and _ALL.search(_plain(re.split(r",| and ", said)[0])):
        return (EVERYTHING,)
    found = (_bare(item, language) for item in _listed(said, language))
    return tuple(dict.fromkeys(topic for topic in found if _means_something(topic)))


def named_topics(phrase: str) -> tuple[str, ...]:
    """The topics that somebody names outside of a sentence, as for --forget; the phrase itself if
    it names none."""
    found = topics(phrase)
    return (phrase,) if found in ((), (EVERYTHING,)) else found


def _listed(said: str, language: int | None) -> list[str]:
    """The things in a list, without what follows that is no longer part of it."""
    marks = [mark for mark in _SEPARATOR.finditer(said) if _separates(mark, language)]
    lower = said.lower()
    one_thing = _ONE_THING.search(lower)
    is_list = any(mark["and"] for mark in marks)
    items, start, joint = [], 0, None
    for mark in [*marks, None]:
        if mark and mark["and"]:
            if one_thing or (mark["and"].lower() == "como" and not re.search(r"\btanto\b", lower)):
                continue
            next_word = said[mark.end() :]
            if (
                not mark["comma"]
                and _OWNED.search(next_word)
                and _is_bare(said[start : mark.start()])
            ):
                continue
        item = said[start : mark.start() if mark else len(said)].strip()
        if (
            mark
            and _PRONOUN.search(_bare(item, language).lower())
            and not _BEGINS_A_THING.search(said[mark.end() :].lower())
        ):
            break
        if mark and not mark["and"] and not _means_something(_bare(item, language)):
            continue  # "alles, was ich über die Klinik sagte"
        if joint is not None and not _is_item(item, joint, is_list):
            break
        if item:
            items.append(item)
        if mark:
            start, joint = mark.end(), mark
    return items


def _separates(mark: re.Match, language: int | None) -> bool:
    """Whether it parts two things; a single letter does so in Spanish only, and "X and Y" are names."""
    is_letter = len(mark["and"] or "") == 1 and mark["and"].isalpha()
    if is_letter and not mark["comma"]:
        return mark["and"].islower() and language in (None, SPANISH)
    return bool(mark["comma"] or mark["and"])


def _is_bare(item: str) -> bool:
    return len(item.split()) == 1


def _is_item(item: str, joint: re.Match, is_list: bool) -> bool:
    """Whether what follows a comma or an "and" is a further thing, not another clause."""
    lower, length = _NAME.sub("", item).lower(), len(item.split())
    if not 0 < length <= _LONGEST_ITEM or _IS_A_CLAUSE.search(lower):
        return False
    begins = _BEGINS_A_THING.search(lower) or item[0].isupper()
    return bool(joint["and"] or begins or (is_list and length <= 3))


def _bare(item: str, language: int | None) -> str:
    """One thing without the words around it."""
    item, emphatic = without(_AFTER, item), _EMPHATIC.search(item.lower())
    undated = _WHEN.sub("", item)
    item = undated if _means_something(undated) else item
    for pattern in _BEFORE if language is None else (_BEFORE[language],):
        if around := pattern.match(item.lower()):
            item = item[around.end() :]
    shorter = without(_MATTER_AFTER, without(_AFTER, item))
    if emphatic:
        shorter = without(_BUSINESS_AFTER, shorter)
    return (shorter if _means_something(shorter) else item).strip(" ,")


def _means_something(topic: str) -> bool:
    meaning = {stem(word) for word in content_words(topic)}
    return bool(meaning - _NO_TOPIC) or bool(names_in(topic, anywhere=True))


def _plain(said: str) -> str:
    return said.lower().strip(" ,.!?")


def without(pattern: re.Pattern, said: str) -> str:
    """`said` up to where `pattern` is found in its lower case."""
    found = pattern.search(said.lower())
    return said[: found.start()] if found else said
