"""Topics that must never be trained on: those that the person asked Fae to forget, and those in
exclusions.json.

Fae's own forget reaches at most five records, so every conversation that mentions a forgotten topic
is left out here. Topics come from three places: exclusions.json, the person's own "forget ..." in
the session messages, and, where no such message is kept, the records that were forgotten on request
according to memory_audit.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from fae_training.calls.errors import BadRequest, Failed, command_line
from fae_training.conversations.forget_requests import forget_request
from fae_training.conversations.forget_topics import EVERYTHING, named_topics
from fae_training.conversations.mentions import NO_NAME, Forgotten, meaning_of
from fae_training.conversations.text import content_words
from fae_training.store import records
from fae_training.store.state import CORRUPT, Home
from fae_training.store.transactions import changing

FILE = "exclusions.json"
PENDING_FILE = "forgetting.json"
# A guess counts as rare in at most this many turns, or in at most this share of them.
RARE_TURNS, RARE_SHARE = 3, 0.02
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
            f"there is no topic in {phrase!r}: expected a word that not every conversation has, such as "
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
        meanings = [frozenset(w for w in content_words(text) if w not in NO_NAME) for text in texts]
        common = frozenset.intersection(*meanings)
        if len(texts) > 1 and common:
            guesses.add_topic(" ".join(sorted(common)), "forgotten_topic", guessed=True)
            continue
        for text, meaning in zip(texts, meanings, strict=True):
            # A capital inside a sentence marks a name.
            for name in re.findall(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Þ][\w'-]+", text):
                if name.lower() not in NO_NAME | _CALENDAR:
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
