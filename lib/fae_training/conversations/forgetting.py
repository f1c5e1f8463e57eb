"""Topics that must never be trained on: those that the person asked Fae to forget, and those in
exclusions.json.

Fae's own forget reaches at most five records, so every conversation that mentions a forgotten topic
is left out here. Topics come from three places: exclusions.json, the person's own "forget ..." in
the session messages, and, where no such message is kept, the records that were forgotten on request
according to memory_audit.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field

from fae_training import records
from fae_training.conversations.forget_requests import forget_request
from fae_training.conversations.forget_topics import EVERYTHING, named_topics
from fae_training.conversations.sounds import keys
from fae_training.conversations.text import STOPWORDS, content_words, names_in, stem, words
from fae_training.errors import BadRequest, Failed, command_line
from fae_training.state import CORRUPT, Home
from fae_training.transactions import changing

FILE = "exclusions.json"
PENDING_FILE = "forgetting.json"
# A guess counts as rare in at most this many turns, or in at most this share of them.
RARE_TURNS, RARE_SHARE = 3, 0.02
# Words whose topics are cached; people use few different ones.
_MOST_KEPT = 1 << 16
_CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december christmas easter english german french spanish""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Exclusions:
    """exclusions.json: topics, people and ids that must never be learned, whoever mentioned them."""

    topics: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    def with_phrases(self, phrases: Iterable[str]) -> "Exclusions":
        """These and each phrase: "person:NAME", "id:ID", or WORDS for a topic."""
        kinds = {"person": "people", "id": "ids", "topic": "topics"}
        extended = {name: list(entries) for name, entries in asdict(self).items()}
        for phrase in phrases:
            prefix, colon, rest = phrase.partition(":")
            kind = kinds.get(prefix.strip().lower()) if colon else None
            entries, value = extended[kind or "topics"], (rest if kind else phrase).strip()
            if value and value not in entries:
                entries.append(value)
        return Exclusions(**{name: tuple(entries) for name, entries in extended.items()})


# Words around a topic that nobody repeats with it, by language; a phrase is read in the language of
# its first word here, because "die" means something in English, or of a word of _ONLY_IN.
_AROUND = (
    {"der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "mein", "meine", "meinen", "meinem",
     "meiner", "unser", "unsere", "über", "von", "vom", "mit", "im", "in", "und", "zu", "zum", "zur", "ich", "dass"},
    {"le", "la", "les", "l", "un", "une", "mon", "ma", "mes", "de", "du", "des", "notre", "nos", "à", "avec", "sur", "en", "et"},
    {"el", "la", "los", "las", "lo", "un", "una", "mi", "mis", "de", "del", "nuestra", "nuestro", "a", "con", "sobre", "en", "y"},
)  # fmt: skip
_ONLY_IN = (
    {"der", "das", "eine", "einen", "einem", "einer", "mein", "meine", "meinen", "meinem", "meiner", "über", "vom", "und", "zum", "zur", "ich", "dass"},
    {"avec", "mon", "mes", "une", "notre", "nos"},
    {"del", "mis", "una", "nuestra", "nuestro", "sobre"},
)  # fmt: skip
# "My brother Anton" is Anton, who is hardly ever called a brother again. Only what can have nobody but one name after it.
_RELATIONS = frozenset(
    """brother sister mother father mum mom dad son daughter wife husband uncle aunt cousin nephew niece grandma grandpa
    grandmother grandfather friend girlfriend boyfriend partner fiancé fiancée ex boss colleague neighbour neighbor
    therapist doctor bruder schwester mutter vater sohn tochter frau mann onkel tante freund freundin chef chefin kollege
    kollegin nachbar nachbarin frère sœur soeur mère père fils fille mari femme oncle ami amie collègue voisin voisine
    hermano hermana madre padre hijo hija esposa esposo marido tío tía primo prima amigo amiga jefe jefa vecino vecina""".split()  # noqa: SIM905
)
_TITLES = {"mr", "mrs", "ms", "dr", "herr", "frau"}
# Shorter words match their inflections only: "Chris" is not in "Christmas". Longer ones also match
# at the start of another word, the longest anywhere in it, as in compounds.
_BEGINS_ANOTHER, _INSIDE_ANOTHER = 6, 7
_ENDINGS = frozenset("s es e en er n ern ed d ing ings ers in innen nen x".split())  # noqa: SIM905
# A word with this many letters matches with one wrong letter where it sounds the same; a longer one
# always does.
_ALIKE_FROM, _MISSPELT_FROM = 7, 8


@functools.lru_cache(maxsize=1 << 16)
def _folded(word: str) -> str:
    """`word` without accents and without the elided article of French and Italian (l'entretien)."""
    word = re.sub(r"^(?:l|d|qu|j|m|n|s|t|c)'(?=\w\w)", "", word).replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", word)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def plain_form(word: str) -> str:
    """The canonical form of a word, for places where only equal forms can be compared."""
    return stem(_folded(word))


def _one_letter_wrong(one: str, other: str) -> bool:
    """Whether one letter inserted, deleted or replaced, or two swapped, turns `one` into `other`."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    a, b = one[same:], other[same:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _means(wanted: str, word: str, is_name: bool) -> bool:
    """Whether `word` is a form of `wanted`: inflected, in a compound, or slightly misspelt."""
    if stem(word) == stem(wanted):
        return True
    root = stem(wanted) if len(wanted) > 4 else wanted
    if len(root) >= 4 and word.startswith(root) and word[len(root) :] in _ENDINGS:
        return True
    if word[:1] == wanted[:1] and _one_letter_wrong(wanted, word):
        if len(wanted) >= _MISSPELT_FROM:
            return True
        one_goes_on = wanted.startswith(word) or word.startswith(wanted)  # Martin, Martini
        if (
            not one_goes_on
            and len(wanted) >= (5 if is_name else _ALIKE_FROM)
            and keys(wanted) & keys(word) - {""}
        ):
            return True
    if is_name:
        return False
    return (len(root) >= _BEGINS_ANOTHER and word.startswith(root)) or (
        len(root) >= _INSIDE_ANOTHER and root in word
    )


# Names that a conversation would be full of anyway, and the words of Fae's own record templates.
_NO_NAME = STOPWORDS | set(["user", "assistant", "fae", "primary", "name", "says", "interested", "mr", "mrs", "ms", "dr", "van", "von", "de"])  # fmt: skip


def meaning_of(phrase: str) -> frozenset[str]:
    """The words of a topic that a text must contain."""
    there = [_folded(word) for word in words(phrase)]
    for around, only in zip(_AROUND, _ONLY_IN, strict=True):
        folded = {_folded(word) for word in around}
        is_in_it = there[:1] and (there[0] in folded or {*map(_folded, only)} & set(there))
        if is_in_it and set(there) - folded:
            there = [word for word in there if word not in folded]
            break
    meant = {word for word in there if word not in STOPWORDS and not _is_stop(word)}
    meant = meant - _TITLES or meant
    return frozenset(meant or names_in(phrase, anywhere=True) or there)


def named_relation(phrase: str) -> str | None:
    """The name in "my brother Anton", "my best friend Lea Berg": one or two capitalised words after somebody's relation."""
    said = phrase.split()
    relations = [place for place, word in enumerate(said) if word.lower() in _RELATIONS]
    name = said[relations[-1] + 1 :] if relations and relations[-1] > 0 else []
    is_name = len(name) in (1, 2) and all(word.istitle() for word in name)
    return " ".join(name) if is_name else None


def _is_stop(word: str) -> bool:
    return not content_words(word)


@dataclass(slots=True)
class Topic:
    """A text mentions a topic when it has `needed` of its words, in any form (of a name only
    inflected or misspelt).

    guessed: derived from a forgotten record, not said by the person.
    """

    name: str
    words: frozenset[str]
    needed: int
    reason: str
    is_name: bool = False
    guessed: bool = False


@dataclass
class Forgotten:
    """Everything to leave out, indexed for searching. `everything_before` is in unix seconds."""

    topics: list[Topic] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    everything_before: int = 0
    _matched: dict[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)

    def add_topic(
        self, name: str, reason: str, is_name: bool = False, guessed: bool = False
    ) -> None:
        """Of two words both must occur; of more, two thirds: nobody repeats a long phrase word for word.

        Of "my brother Anton" the name is enough.
        """
        if person := named_relation(name):
            self._add(Topic(name, meaning_of(person), 1, reason, is_name=True, guessed=guessed))
            return
        meaning = meaning_of(name)
        if meaning:
            needed = len(meaning) if len(meaning) <= 2 else -(-2 * len(meaning) // 3)
            self._add(Topic(name, meaning, needed, reason, is_name, guessed))

    def add_person(self, name: str) -> None:
        """Any part of the name counts as a mention."""
        parts = frozenset(
            _folded(word) for word in words(name) if word not in _NO_NAME and len(word) > 1
        ) | names_in(name, anywhere=True)
        if parts:
            self._add(Topic(name, parts, 1, "excluded_person", is_name=True))

    def _add(self, topic: Topic) -> None:
        if any(t.words == topic.words and t.needed <= topic.needed for t in self.topics):
            return
        self.topics.append(topic)
        self._matched.clear()

    def mentioned_in(self, text: str) -> Topic | None:
        """The first topic that `text` mentions."""
        return next(iter(self.all_mentioned_in(text)), None)

    def all_mentioned_in(self, text: str) -> Iterator[Topic]:
        """Every topic that `text` mentions."""
        if not self.topics:
            return
        found: dict[int, set[str]] = {}
        for word in {*words(text), *names_in(text)}:
            for number, wanted in self._matches(word):
                found.setdefault(number, set()).add(wanted)
        for number in sorted(found):
            if len(found[number]) >= self.topics[number].needed:
                yield self.topics[number]

    def _matches(self, word: str) -> tuple[tuple[int, str], ...]:
        """(number of the topic, its word) for each topic word of which `word` is a form."""
        kept = self._matched.get(word)
        if kept is None:
            folded = _folded(word)
            kept = tuple(
                (number, wanted)
                for number, topic in enumerate(self.topics)
                for wanted in topic.words
                if _means(wanted, folded, topic.is_name)
            )
            if len(self._matched) >= _MOST_KEPT:
                self._matched.clear()
            self._matched[word] = kept
        return kept


def load(home: Home) -> Exclusions:
    """The contents of exclusions.json; empty without such a file. Raises Failed as long as it is damaged.

    Without it, a training would learn topics that the person excluded, so the person must repair or
    delete a file that was set aside before anything is read.
    """
    aside = sorted(home.path.glob(f"{FILE}{CORRUPT}*"))
    if aside and not home.file(FILE).exists():
        raise Failed(
            "exclusions_damaged",
            f"{FILE} was damaged and set aside as {aside[-1].name}; nothing is exported until "
            "it is repaired, because the topics to leave out are not known",
            f"repair it and: {command_line('mv', aside[-1], home.file(FILE))} (or delete it to "
            "have no exclusions)",
        )
    data = home.read(FILE, {}) or {}
    data.pop("schema", None)
    path = home.file(FILE)
    exclusions = records.read(Exclusions, data, str(path))
    for name, entries in data.items():
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise Failed(
                "exclusions_damaged",
                f"{name!r} in {path} is {str(entries)[:60]!r}, expected a list of strings",
                f"correct {path}",
            )
    return exclusions


def exclude(home: Home, phrases: list[str], forget: list[str]) -> None:
    """Add to exclusions.json. Topics to forget are recorded separately too, in the same step, until
    purge.complete has removed them from earlier exports, even when this process is killed first."""
    with changing(home) as change:
        extended = load(home).with_phrases([*phrases, *forget])
        change.write(home.file(FILE), asdict(extended))
        if forget:
            change.write(home.file(PENDING_FILE), asdict(pending(home).with_phrases(forget)))


def require_topics(home: Home, phrases: Iterable[str]) -> None:
    """Raises BadRequest for a phrase that gives nothing to search for: "it" is in nearly every conversation; Failed if
    exclusions.json is damaged."""
    load(home)
    for phrase in phrases:
        found = from_exclusions(Exclusions().with_phrases([phrase]))
        if found.ids or any(map(content_words, (" ".join(t.words) for t in found.topics))):
            continue
        if any(word.startswith("^") for topic in found.topics for word in topic.words):
            continue
        raise BadRequest(
            "no_topic",
            f"{phrase!r} names no topic: expected a word that not every conversation has, such as "
            "'the interview', or person:NAME or id:ID",
            "to forget everything: delete_data.py --everything",
        )


def pending(home: Home) -> Exclusions:
    """Topics that still have to be removed from earlier exports."""
    kept = home.read(PENDING_FILE, {}) or {}
    return records.read(Exclusions, kept, str(home.file(PENDING_FILE)))


def from_exclusions(exclusions: Exclusions) -> Forgotten:
    forgotten = Forgotten(ids=set(exclusions.ids))
    for phrase in exclusions.topics:
        # A phrase that is one topic keeps the name that the person gave it.
        named = named_topics(phrase)
        as_given = len(named) == 1 and meaning_of(named[0]) == meaning_of(phrase)
        for topic in (phrase,) if as_given else named:
            forgotten.add_topic(topic, "excluded_topic")
    for person in exclusions.people:
        forgotten.add_person(person)
    return forgotten


def add_requests(forgotten: Forgotten, messages: Iterable[tuple[str, int]]) -> list[int]:
    """Add the topics of the person's own requests to forget (text, unix seconds); returns the times
    of the requests."""
    times = []
    for text, at in messages:
        topics = forget_request(text)
        for topic in topics or ():
            if topic == EVERYTHING:
                forgotten.everything_before = max(forgotten.everything_before, at)
            else:
                forgotten.add_topic(topic, "forgotten_topic")
        if topics is not None:
            times.append(at)
    return times


def add_guesses(
    forgotten: Forgotten,
    records: Iterable[tuple[str, int]],
    requests: list[int],
    talk: Callable[[], Iterator[str]],
) -> dict[str, int]:
    """Add topics guessed from forgotten records (text, unix seconds) whose request is not kept.

    One request forgets up to five records: the words that they have in common are the topic,
    otherwise the names in each. A guess counts only where it is rare in this person's conversations
    (`talk()` gives the texts of all turns), because it removes every conversation that mentions it.
    Returns the guesses that were too common, with the number of turns that mention them.
    """
    groups: dict[int, list[str]] = {}
    for text, at in records:
        if not any(abs(at - request) <= 120 for request in requests):
            groups.setdefault(at // 5, []).append(re.sub(r"\b(?:User|Assistant):", ". ", text))
    guesses = Forgotten()
    for texts in groups.values():
        meanings = [
            frozenset(w for w in content_words(text) if w not in _NO_NAME) for text in texts
        ]
        common = frozenset.intersection(*meanings)
        if len(texts) > 1 and common:
            guesses.add_topic(" ".join(sorted(common)), "forgotten_topic", guessed=True)
            continue
        for text, meaning in zip(texts, meanings, strict=True):
            # A capital inside a sentence marks a name.
            for name in re.findall(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Þ][\w'-]+", text):
                if name.lower() not in _NO_NAME | _CALENDAR:
                    guesses.add_topic(name, "forgotten_topic", is_name=True, guessed=True)
            # The whole record, to match texts that say nearly the same.
            if len(meaning) > 2:
                guesses.add_topic(" ".join(sorted(meaning)), "forgotten_topic", guessed=True)
    if not guesses.topics:
        return {}
    counted, turns = Counter(), 0
    ordinary: Counter[str] = Counter()
    names = {topic.name.lower() for topic in guesses.topics if topic.is_name}
    for text in talk():
        turns += 1
        counted.update(topic.name for topic in guesses.all_mentioned_in(text))
        if names:
            ordinary.update(names.intersection(re.findall(r"(?<![\w'-])[a-zà-ÿ][\w'-]+", text)))
    most = max(RARE_TURNS, RARE_SHARE * turns)
    common_ones = {}
    for topic in guesses.topics:
        # A word that also occurs without a capital is not a name ("number"), unless all text is
        # lower case, as speech often is.
        a_word = topic.is_name and ordinary[topic.name.lower()] > max(1, counted[topic.name] // 2)
        if counted[topic.name] > most or a_word:
            common_ones[topic.name] = counted[topic.name]
        else:
            forgotten._add(topic)
    return common_ones
