"""The topics of a request to forget: what is left of "the whole thing with my job, and my salary, please" without the
words around them (topic_cues.py), in English, German, French and Spanish.

Each thing that a person lists is a topic of its own, because a topic removes a conversation only if its words occur there
together.
"""

import re
from collections.abc import Iterable, Mapping

from fae_training.conversations import topic_cues
from fae_training.conversations.cues import Cue, any_of
from fae_training.conversations.text import STOPWORDS, content_words, names_in, stem, words
from fae_training.patterns import lazy_pattern

EVERYTHING = "everything"
_LONGEST_ITEM = 7


def _any(table: Mapping[str, Iterable[Cue]]) -> str:
    """An expression that matches any cue of any language."""
    return rf"(?:{any_of(cue for cues in table.values() for cue in cues).pattern})"


_ALL = lazy_pattern(rf"^{_any(topic_cues.EVERYTHING)}$")
_BEFORE = {
    language: lazy_pattern(rf"^(?:(?:{any_of(cues).pattern})(?:[ ,]+|(?<='))(?=\w))+")
    for language, cues in topic_cues.BEFORE.items()
}
_AFTER = lazy_pattern(rf"(?:[ ,]{{1,3}}(?:{_any(topic_cues.AFTER)}|{_any(topic_cues.ANYWHERE)}))+$")
_ANYWHERE = lazy_pattern(rf"(?<!\w){_any(topic_cues.ANYWHERE)}(?!\w) ?", re.I)
_CALLED, _CALLED_EMPHATICALLY = (
    lazy_pattern(rf"(?<=\w)[ -]{cue.pattern}$")
    for cue in (topic_cues.CALLED, topic_cues.CALLED_EMPHATICALLY)
)
_EMPHATIC = lazy_pattern(rf"^{topic_cues.EMPHATIC}\b")
_ASIDE = lazy_pattern(rf",? (?:{topic_cues.ASIDE.pattern}),", re.I)
_SEPARATOR = lazy_pattern(
    rf"(?P<comma>,)?\s*(?:(?<![\w'])(?P<and>{_any(topic_cues.AND)})(?![\w']))?\s*", re.I
)
_ONE_THING = lazy_pattern(rf"\b{_any(topic_cues.ONE_THING)}\b")
# "Anna and Tom's wedding" is one thing, too.
_OWNED = lazy_pattern(r"^[\w-]+'s \w")
_BEGINS_A_THING = lazy_pattern(rf"^{_any(topic_cues.BEGINS_A_THING)}(?:\b|(?<='))")
_ENDS = lazy_pattern(rf"[.;!?]|\b{_any(topic_cues.ENDS)}\b")
_IS_A_CLAUSE = lazy_pattern(
    rf"^{_any(topic_cues.BEGINS_A_CLAUSE)}\b|\b{_any(topic_cues.IS_IN_A_CLAUSE)}\b"
)
_NO_TOPIC = {word for listed in topic_cues.NO_TOPIC.values() for word in listed.split(", ")}
_NO_TOPIC_STEMS = {stem(word) for word in _NO_TOPIC}
# "Tim" is no "time", whose stem it is.
_SHORTEST_STEMMED = 4

# fmt: off
# What an assistant is asked for every day, and words for times and numbers: "forget the alarm" changes a plan, and as
# a topic such a word would remove conversations that have nothing to do with it.
_EVERYDAY: set[str] = set(
    """
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
)
_EVERYDAY_STEMS = {stem(word) for word in _EVERYDAY}
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
    meaning = {word for word in words(topic) if word not in STOPWORDS | _ARTICLES}
    return all(
        _is_in(word, _EVERYDAY, _EVERYDAY_STEMS)
        or _is_in(word, _NO_TOPIC, _NO_TOPIC_STEMS)
        or word.isdigit()
        for word in meaning
    )


def _is_in(word: str, listed: set[str], stems: set[str]) -> bool:
    return word in listed or (len(word) >= _SHORTEST_STEMMED and stem(word) in stems)


def topics(said: str, language: str | None = None) -> tuple[str, ...]:
    """The topics in `said`, what is to be forgotten in the words of a request; (EVERYTHING,) if all is
    meant, () if nothing is named.

    `language`: "en", "de", "fr" or "es"; None to try all four.
    """
    if _ALL.search(_plain(said)):
        return (EVERYTHING,)
    said = without(_AFTER, said)
    if _ALL.search(_plain(said)):
        return (EVERYTHING,)
    said = _ENDS.split(_ASIDE.sub(",", said), maxsplit=1)[0]
    if _WHO_SAID_IT.search(said.lower()) and _ALL.search(_plain(re.split(r",| and ", said)[0])):
        return (EVERYTHING,)
    found = (_bare(item, language) for item in _listed(said, language))
    return tuple(dict.fromkeys(topic for topic in found if _means_something(topic)))


def named_topics(phrase: str) -> tuple[str, ...]:
    """The topics that somebody names outside of a sentence, as for --forget; the phrase itself if
    it names none."""
    found = topics(phrase)
    return (phrase,) if found in ((), (EVERYTHING,)) else found


def _listed(said: str, language: str | None) -> list[str]:
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


def _separates(mark: re.Match, language: str | None) -> bool:
    """Whether it parts two things; a single letter does so in Spanish only, and "X and Y" are names."""
    is_letter = len(mark["and"] or "") == 1 and mark["and"].isalpha()
    if is_letter and not mark["comma"]:
        return mark["and"].islower() and language in (None, "es")
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


def _bare(item: str, language: str | None) -> str:
    """One thing without the words around it."""
    item, emphatic = without(_AFTER, item), _EMPHATIC.search(item.lower())
    undated = _ANYWHERE.sub("", item)
    item = undated if _means_something(undated) else item
    for pattern in _BEFORE.values() if language is None else (_BEFORE[language],):
        if around := pattern.match(item.lower()):
            item = item[around.end() :]
    shorter = without(_CALLED, without(_AFTER, item))
    if emphatic:
        shorter = without(_CALLED_EMPHATICALLY, shorter)
    return (shorter if _means_something(shorter) else item).strip(" ,")


def _means_something(topic: str) -> bool:
    meaning = [word for word in words(topic) if content_words(word)]
    return any(not _is_in(word, _NO_TOPIC, _NO_TOPIC_STEMS) for word in meaning) or bool(
        names_in(topic, anywhere=True)
    )


def _plain(said: str) -> str:
    return said.lower().strip(" ,.!?")


def without(pattern: re.Pattern, said: str) -> str:
    """`said` up to where `pattern` is found in its lower case."""
    found = pattern.search(said.lower())
    return said[: found.start()] if found else said
