"""Topics and people, and which texts mention them: inflected, misspelt, with accents or without, inside compounds."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from fae_training.conversations.sounds import keys
from fae_training.conversations.text import STOPWORDS, content_words, names_in, stem, words
from fae_training.patterns import lazy_pattern

# Words whose topics are cached; people use few different ones.
_MOST_KEPT = 1 << 16
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
_TITLES = {"mr", "mrs", "ms", "dr", "herr", "herrn", "frau"}
# Shorter words match their inflections only: "Chris" is not in "Christmas". Longer ones also match
# at the start of another word, the longest anywhere in it, as in compounds.
_BEGINS_ANOTHER, _INSIDE_ANOTHER = 6, 7
_ENDINGS = frozenset("s es e en er n ern ed d ing ings ers in innen nen x".split())  # noqa: SIM905
# A word with this many letters matches with one wrong letter where it sounds the same; a longer one
# always does.
_ALIKE_FROM, _MISSPELT_FROM = 7, 8
# Japanese and Chinese put no spaces between words, and Korean none before particles: what was split at spaces may contain
# a topic of an ideograph, two kana or two syllables (as `folded` leaves them: four letters).
_WITHOUT_SPACES = lazy_pattern(
    r"[\u3040-\u30ff]*[\u3400-\u9fff\U00020000-\U0003ffff][\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]*"
    r"|[\u3040-\u30ff]{2,}|[\u1100-\u11ff]{4,}"
)
# "Mueller" is "Müller" from this length on; "goes" is not "Gös".
_UMLAUT_FROM = 5


@functools.lru_cache(maxsize=1 << 16)
def folded(word: str) -> str:
    """`word` without accents and without the elided article of French and Italian (l'entretien)."""
    word = re.sub(r"^(?:l|d|qu|j|m|n|s|t|c)'(?=\w\w)", "", word).replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", word)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _without_umlauts(word: str) -> str:
    """ "Müller", folded to "muller", and "Mueller" as one word."""
    return re.sub(r"(?<=\w)([aou])e(?=\w)", r"\1", word)


def plain_form(word: str) -> str:
    """The canonical form of a word, for places where only equal forms can be compared."""
    return stem(folded(word))


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
    if is_name and word in STOPWORDS and word != wanted:
        return False  # "same" is no form of Sam
    if stem(word) == stem(wanted):
        return True
    if min(len(word), len(wanted)) >= _UMLAUT_FROM and stem(_without_umlauts(word)) == stem(
        _without_umlauts(wanted)
    ):
        return True
    if wanted in word and _WITHOUT_SPACES.fullmatch(wanted):
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


# Words in lower case inside a name, as in "Vincent van Gogh".
_IN_NAMES = frozenset(["van", "von", "der", "den", "de", "del", "la", "di", "da", "y"])
# Names that a conversation would be full of anyway, and the words of Fae's own record templates.
NO_NAME = STOPWORDS | set(["user", "assistant", "fae", "primary", "name", "says", "interested", "mr", "mrs", "ms", "dr", "van", "von", "de"])  # fmt: skip

# Written with a capital, but no names of somebody.
CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december christmas easter english german french spanish""".split()  # noqa: SIM905
)


def meaning_of(phrase: str) -> frozenset[str]:
    """The words of a topic that a text must contain."""
    there = [folded(word) for word in words(phrase)]
    for around, only in zip(_AROUND, _ONLY_IN, strict=True):
        around_it = {folded(word) for word in around}
        is_in_it = there[:1] and (there[0] in around_it or {*map(folded, only)} & set(there))
        if is_in_it and set(there) - around_it:
            there = [word for word in there if word not in around_it]
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


def is_name_alone(name: str) -> bool:
    """Whether each word of a name stands for the person: not of "my best friend" or "Aunt May"."""
    said = [word for word in name.split() if word not in _IN_NAMES]
    return len(said) < 2 or all(
        not word[:1].islower() and word.lower() not in _RELATIONS | NO_NAME | CALENDAR
        for word in said
    )


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
        # Will is a name only where it has a capital inside a sentence.
        also_words = names_in(name, anywhere=True)
        parts = also_words | {
            folded(word)
            for word in words(name)
            if word not in NO_NAME and len(word) > 1 and f"^{word}" not in also_words
        }
        if parts:
            self._add(Topic(name, frozenset(parts), 1, "excluded_person", is_name=True))

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
            plain = folded(word)
            kept = tuple(
                (number, wanted)
                for number, topic in enumerate(self.topics)
                for wanted in topic.words
                if _means(wanted, plain, topic.is_name)
            )
            if len(self._matched) >= _MOST_KEPT:
                self._matched.clear()
            self._matched[word] = kept
        return kept
