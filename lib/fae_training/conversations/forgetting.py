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
from dataclasses import asdict, dataclass, replace

from fae_training.calls.errors import BadRequest, Failed, command_line
from fae_training.conversations.forget_topics import named_topics
from fae_training.conversations.mentions import CALENDAR, NO_NAME, Forgotten, meaning_of
from fae_training.conversations.spoken_requests import ID, Kept, SpokenRequests, is_about
from fae_training.conversations.text import (
    STOPWORDS,
    capitalised_in,
    content_words,
    lower_case_in,
    shortened,
    words,
)
from fae_training.patterns import lazy_pattern
from fae_training.store import records
from fae_training.store.state import CORRUPT, Home, now
from fae_training.store.transactions import changing

FILE = "exclusions.json"
PENDING_FILE = "forgetting.json"
# A guess counts as rare in at most this many turns, or in at most this share of them.
RARE_TURNS, RARE_SHARE = 3, 0.02


@dataclass(frozen=True)
class Exclusions:
    """exclusions.json: topics, people and ids that must never be learned, whoever mentioned them; and `keep`, what was read
    as a request to forget and was none."""

    topics: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    keep: tuple[Kept, ...] = ()

    def with_phrases(self, phrases: Iterable[str]) -> "Exclusions":
        """These and each phrase: "person:NAME", "id:ID", or WORDS for a topic."""
        extended = {name: list(getattr(self, name)) for name in LISTS}
        kept = self.keep
        for phrase in phrases:
            name, value = _read_phrase(phrase)
            if value and value not in extended[name]:
                extended[name].append(value)
            # A kept "id:ID" is that of a conversation, never a topic.
            what = f"{ID}{value}" if name == "ids" else value
            kept = tuple(each for each in kept if not is_about(what, each.what))
        return Exclusions(**{name: tuple(extended[name]) for name in LISTS}, keep=kept)

    def keeping(self, phrases: Iterable[str], at: str) -> "Exclusions":
        """These without what each phrase excludes, and with what it keeps of requests said up to `at`, an ISO time."""
        left = self
        for phrase in phrases:
            name, value = _read_phrase(phrase)
            others = tuple(each for each in getattr(left, name) if not _is_same(name, value, each))
            kept = tuple(each for each in left.keep if not is_about(value, each.what))
            # An excluded id is only taken back; another may be that of a conversation with what may be a request.
            if name != "ids":
                kept += (Kept(value, at),)
            elif len(others) == len(getattr(left, name)):
                kept += (Kept(f"{ID}{value}", at),)
            left = replace(left, **{name: others, "keep": kept})
        return left

    def not_in(self, other: "Exclusions") -> list[tuple[str, str]]:
        """(list, entry) of what these leave out and `other` does not."""
        return [
            (name, each)
            for name in LISTS
            for each in getattr(self, name)
            if each not in getattr(other, name)
        ]

    def without(self, other: "Exclusions") -> "Exclusions":
        """What these leave out and `other` does not."""
        left = {
            name: tuple(each for each in getattr(self, name) if each not in getattr(other, name))
            for name in LISTS
        }
        return Exclusions(**left)


LISTS = ("topics", "ids", "people")
_PREFIXES = {"person": "people", "people": "people", "id": "ids", "ids": "ids", "topic": "topics", "topics": "topics"}  # fmt: skip
_PREFIX_OF = {"people": "person", "ids": "id", "topics": "topic"}
_LIKE_A_PREFIX = lazy_pattern(r"^\s*([a-z]+)\s*:(?=[^\W\d_])", re.I)


def _read_phrase(phrase: str) -> tuple[str, str]:
    """The list of Exclusions that a phrase is for, and what it names."""
    prefix, colon, rest = phrase.partition(":")
    kind = _PREFIXES.get(prefix.strip().lower()) if colon else None
    return kind or "topics", (rest if kind else phrase).strip()


def _is_same(name: str, one: str, other: str) -> bool:
    return one == other if name == "ids" else is_about(one, other)


@dataclass(frozen=True)
class Edit:
    """What one call changes in exclusions.json."""

    exclude: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.exclude or self.forget or self.keep)

    def applied_to(self, exclusions: Exclusions) -> Exclusions:
        return exclusions.with_phrases([*self.exclude, *self.forget]).keeping(self.keep, now())

    def takes_back(self, exclusions: Exclusions) -> list[str]:
        """What `keep` removes from these exclusions."""
        return [each for _, each in exclusions.not_in(exclusions.keeping(self.keep, now()))]


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
    for name in LISTS:
        entries = data.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise Failed(
                "exclusions_damaged",
                f"{name!r} in {path} is {str(entries)[:60]!r}, expected a list of strings",
                f"correct {path}",
            )
    for entry in exclusions.topics:
        name, value = _read_phrase(entry)
        if name != "topics":
            raise Failed(
                "exclusions_damaged",
                f"{entry!r} is among the topics in {path}, where it excludes nothing; expected {value!r} in {name!r}",
                f"correct {path}",
            )
    return exclusions


def exclude(home: Home, phrases: Iterable[str], forget: Iterable[str]) -> None:
    """Add to exclusions.json, as `record` does."""
    record(home, Edit(tuple(phrases), tuple(forget)))


def record(home: Home, edit: Edit, other_names: Iterable[str] = ()) -> None:
    """Change exclusions.json. Topics to forget are recorded separately too, in the same step, until
    purge.complete has removed them from earlier exports, even when this process is killed first.

    other_names: phrases for the other names of the people who are named (source.other_names), which what is stored may
    have. Fae's database has them for a later export, so exclusions.json does not."""
    with changing(home) as change:
        excluded = load(home)
        left = edit.applied_to(excluded)
        change.write(home.file(FILE), asdict(left))
        # What is still excluded is still to be forgotten, whatever else was kept.
        gone = [f"{_PREFIX_OF[name]}:{value}" for name, value in excluded.not_in(left)]
        others = tuple(other_names) if edit.forget or gone else ()
        before = pending(home)
        forget = (*edit.forget, *(others if edit.forget else ()))
        keep = (*gone, *(() if edit.forget else others))
        after = replace(before.with_phrases(forget).keeping(keep, now()), keep=())
        if after != before:
            change.write(home.file(PENDING_FILE), asdict(after))


def require_topics(home: Home, phrases: Iterable[str]) -> None:
    """Raises BadRequest for a phrase that gives nothing to search for: "it" is in nearly every conversation; Failed if
    exclusions.json is damaged."""
    load(home)
    for phrase in phrases:
        _require_known_prefix(phrase)
        found = from_exclusions(Exclusions().with_phrases([phrase]))
        if found.ids or any(map(content_words, (" ".join(t.words) for t in found.topics))):
            continue
        # "Sam" has the stem of "same", but as a name it is not in every conversation.
        if any(topic.is_name and not STOPWORDS.issuperset(topic.words) for topic in found.topics):
            continue
        if any(word.startswith("^") for topic in found.topics for word in topic.words):
            continue
        raise BadRequest(
            "no_topic",
            f"there is no topic in {shortened(phrase, 60)!r}: expected a word that not every conversation has, such as "
            "'the interview', or person:NAME or id:ID",
            "to forget everything: delete_data.py --everything",
        )


def _require_known_prefix(phrase: str) -> None:
    """Raises BadRequest for "speaker:Ana" or "persn:Ana", which would be searched for as it stands."""
    found = _LIKE_A_PREFIX.match(phrase)
    if found and found[1].lower() not in _PREFIXES:
        raise BadRequest(
            "unknown_prefix",
            f"{found[1]!r} in {shortened(phrase, 60)!r} is not known, expected person:NAME, id:ID or topic:WORDS",
            f"to leave out the words as they are: {command_line('uv', 'run', 'scripts/export_data.py', '--exclude', f'topic:{phrase}')}",
        )


def require_kept(edit: Edit) -> None:
    """Raises BadRequest for something to be kept that names nothing, or that is to be left out in the same call."""
    left_out = (*edit.exclude, *edit.forget)
    for phrase in edit.keep:
        name, value = _read_phrase(phrase)
        if not words(value):
            raise BadRequest(
                "no_topic",
                f"there is no topic in {shortened(phrase, 60)!r}: expected one that is left out, such as 'work', or the "
                "sentence that was read as a request to forget; a dry run lists them",
                "uv run scripts/export_data.py --dry-run",
            )
        if any(
            _is_same(name, value, other) for n, other in map(_read_phrase, left_out) if n == name
        ):
            raise BadRequest(
                "kept_and_left_out",
                f"{shortened(value, 60)!r} is both to be kept and to be left out",
                "name it with --keep, or with --exclude or --forget",
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


def add_guesses(
    forgotten: Forgotten,
    records: Iterable[tuple[str, int]],
    requests: SpokenRequests,
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
        if not any(abs(at - request) <= 120 for request in requests.times):
            groups.setdefault(at // 5, []).append(re.sub(r"\b(?:User|Assistant):", ". ", text))
    guesses = Forgotten()

    def guess(topic: str, at: int, is_name: bool = False) -> None:
        if not requests.keeps(topic, at):
            guesses.add_topic(topic, "forgotten_topic", is_name, guessed=True)

    for at, texts in ((group * 5, texts) for group, texts in groups.items()):
        meanings = [frozenset(w for w in content_words(text) if w not in NO_NAME) for text in texts]
        common = frozenset.intersection(*meanings)
        if len(texts) > 1 and common:
            guess(" ".join(sorted(common)), at)
            continue
        for text, meaning in zip(texts, meanings, strict=True):
            for name in capitalised_in(text):
                if name.lower() not in NO_NAME | CALENDAR:
                    guess(name, at, is_name=True)
            # The whole record, to match texts that say nearly the same.
            if len(meaning) > 2:
                guess(" ".join(sorted(meaning)), at)
    if not guesses.topics:
        return {}
    counted, turns = Counter(), 0
    ordinary: Counter[str] = Counter()
    names = {topic.name.lower() for topic in guesses.topics if topic.is_name}
    for text in talk():
        turns += 1
        counted.update(topic.name for topic in guesses.all_mentioned_in(text))
        if names:
            ordinary.update(names.intersection(lower_case_in(text)))
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
