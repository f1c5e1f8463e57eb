"""What must never be trained on: what the person asked Fae to forget, and what exclusions.json
names.

Fae's own forget reaches at most five records, so every conversation that mentions a forgotten topic
is left out here. Topics come from three places: exclusions.json, the person's own "forget ..." in
the session messages, and, where no such message is kept, the records that memory_audit says were
forgotten on request.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from fae_training import records
from fae_training.conversations.cues import Cue, one_of
from fae_training.conversations.text import (
    STOPWORDS,
    content_words,
    stem,
    without_wake_word,
    words,
)
from fae_training.errors import Failed, command_line
from fae_training.state import Home
from fae_training.transactions import changing

FILE = "exclusions.json"
PENDING_FILE = "forgetting.json"


@dataclass(frozen=True)
class Exclusions:
    """exclusions.json: what must never be learned, whoever said it."""

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


_BEFORE = one_of(
    "please, can you, could you, would you, will you, i want you to, i'd like you to, "
    "i need you to, you (?:can|should), just, now, so, ok, okay, no, also, and, actually, yes"
)
_POLITE = rf"(?:{_BEFORE}[\s,]+)*"
_SAID = one_of(
    "everything, anything, all, whatever, what, that, about, the fact that, "
    "i (?:just )?(?:said|told you|mentioned), (?:i've|i have) (?:said|told you), you know, "
    "you (?:have )?(?:heard|learned|learnt), i ever said"
)
_ABOUT = rf"(?:{_SAID}\s+)*"
# fmt: off
FORGET = (
    Cue("please forget the interview",
        rf"^{_POLITE}(?:forget|unlearn|erase|stop remembering|do not remember|don't remember|wipe)"
        r"(?!\s+to\b)\s+(?P<topic>.+)$"),
    Cue("delete the interview from your memory",
        rf"^{_POLITE}(?:delete|remove|clear)\s+(?P<topic>.+?)\s+from (?:your |the )?memory\b"),
    Cue("remove everything you know about the interview",
        rf"^{_POLITE}(?:delete|remove|clear) "
        r"(?:everything |all |what )?(?:you know |you remember )?about (?P<topic>.+)$"),
    Cue("I don't want you to remember the interview",
        r"\b(?:don't|do not) want you to (?:remember|learn|keep) (?P<topic>.+)$"),
)
# fmt: on
_FORGET = [re.compile(cue.pattern, re.I) for cue in FORGET]
_MAY_FORGET = re.compile(r"forget|unlearn|erase|remember|wipe|memory|\babout\b|want you to", re.I)
_EVERYTHING = re.compile(
    r"^(?:everything|all|all of it)"
    r"(?: (?:you know|(?:i've |i have |i )?(?:ever )?(?:told you|said)))?(?: about me)?$",
    re.I,
)
# "Forget the whole thing", "forget my last question": about this conversation, and no topic to look
# for elsewhere.
_NO_TOPIC = {
    stem(word)
    for word in """whole last first question conversation earlier before today yesterday answer
    message part bit previous asked time talk talked chat idea word sentence moment second mention
    mentioned bother matter rest""".split()  # noqa: SIM905
}
# Names that a conversation would be full of anyway, and the words of Fae's own record templates.
_NO_NAME = STOPWORDS | {
    "user",
    "assistant",
    "fae",
    "primary",
    "name",
    "says",
    "interested",
    "mr",
    "mrs",
    "ms",
    "dr",
    "van",
    "von",
    "de",
}


def forget_request(text: str) -> str | None:
    """What the person asks to forget, "" for "forget it", "everything", or None when it is no such
    request.
    """
    if not _MAY_FORGET.search(text):
        return None
    said = without_wake_word(text).replace("’", "'")
    for pattern in _FORGET:
        found = pattern.search(said)
        if found:
            # One clause: what follows a stop or a "but" is another matter.
            topic = re.split(r"[.,;!?]|\b(?:but|because|and then|instead)\b", found["topic"])[
                0
            ].strip()
            if _EVERYTHING.match(topic):
                return "everything"
            topic = re.sub(rf"^{_ABOUT}", "", topic + " ", flags=re.I).strip()
            return topic if _meaning(topic) - _NO_TOPIC else ""
    return None


def _meaning(phrase: str) -> frozenset[str]:
    return frozenset(content_words(phrase))


@dataclass(slots=True)
class Topic:
    """A topic is mentioned by a text that has `needed` of its words."""

    name: str
    words: frozenset[str]
    needed: int
    reason: str


@dataclass
class Forgotten:
    """Everything to leave out, indexed for searching. `everything_before` is in unix seconds."""

    topics: list[Topic] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    everything_before: int = 0
    _by_word: dict[str, list[Topic]] = field(default_factory=dict)
    _pattern: re.Pattern | None = None

    def add_topic(self, name: str, reason: str) -> None:
        """Two words must both be there; of more, two thirds: nobody repeats a long phrase word for
        word.
        """
        meaning = _meaning(name) or frozenset(stem(word) for word in words(name))
        if meaning:
            needed = len(meaning) if len(meaning) <= 2 else -(-2 * len(meaning) // 3)
            self._add(Topic(name, meaning, needed, reason))

    def add_person(self, name: str) -> None:
        """Any part of the name is a mention."""
        parts = frozenset(
            stem(word) for word in words(name) if word not in _NO_NAME and len(word) > 1
        )
        if parts:
            self._add(Topic(name, parts, 1, "excluded_person"))

    def _add(self, topic: Topic) -> None:
        if any(t.words == topic.words and t.needed <= topic.needed for t in self.topics):
            return
        self.topics.append(topic)
        for word in topic.words:
            self._by_word.setdefault(word, []).append(topic)
        # A stem is a prefix of its words but for y/ies: enough to pass over nearly every text
        # quickly.
        prefixes = sorted(
            {re.escape(word[:-1] if word.endswith("y") else word) for word in self._by_word}
        )
        self._pattern = re.compile(rf"\b(?:{'|'.join(prefixes)})", re.I)

    def mentioned_in(self, text: str) -> Topic | None:
        """The first topic that `text` mentions."""
        if self._pattern is None or not self._pattern.search(text):
            return None
        there = {stem(word) for word in words(text)}
        for word in there & self._by_word.keys():
            for topic in self._by_word[word]:
                if len(topic.words & there) >= topic.needed:
                    return topic
        return None


def load(home: Home) -> Exclusions:
    """exclusions.json, without entries where there is none. Raises Failed as long as it is damaged.

    Without it, a training would learn what the person excluded, so the person must repair or delete
    a file that was set aside before anything is read.
    """
    aside = sorted(home.path.glob(f"{FILE}.corrupt-*"))
    if aside and not home.file(FILE).exists():
        raise Failed(
            "exclusions_damaged",
            f"{FILE} was damaged and set aside as {aside[-1].name}; nothing is exported until it "
            "is known what to leave out",
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
    """Add to exclusions.json. What is to be forgotten is kept apart too, in the same step, until purge.complete has
    taken it out of what was exported before: also when this process is killed first.
    """
    with changing(home) as change:
        extended = load(home).with_phrases([*phrases, *forget])
        change.write(home.file(FILE), asdict(extended))
        if forget:
            change.write(home.file(PENDING_FILE), asdict(pending(home).with_phrases(forget)))


def pending(home: Home) -> Exclusions:
    """What is still to be taken out of earlier exports."""
    kept = home.read(PENDING_FILE, {}) or {}
    return records.read(Exclusions, kept, str(home.file(PENDING_FILE)))


def from_exclusions(exclusions: Exclusions) -> Forgotten:
    forgotten = Forgotten(ids=set(exclusions.ids))
    for topic in exclusions.topics:
        forgotten.add_topic(topic, "excluded_topic")
    for person in exclusions.people:
        forgotten.add_person(person)
    return forgotten


def add_requests(forgotten: Forgotten, messages: Iterable[tuple[str, int]]) -> list[int]:
    """Add the topics of the person's own requests to forget (text, unix seconds); returns the times
    of the requests.
    """
    times = []
    for text, at in messages:
        topic = forget_request(text)
        if topic == "everything":
            forgotten.everything_before = max(forgotten.everything_before, at)
        elif topic:
            forgotten.add_topic(topic, "forgotten_topic")
        if topic is not None:
            times.append(at)
    return times


def add_audited(
    forgotten: Forgotten, records: Iterable[tuple[str, int]], requests: list[int]
) -> None:
    """Add the topics of forgotten records (text, unix seconds) whose request is not among the
    session messages.

    One request forgets up to five records: what they have in common is the topic. Where that is
    nothing, each record's own names and words are.
    """
    groups: dict[int, list[str]] = {}
    for text, at in records:
        if not any(abs(at - request) <= 120 for request in requests):
            groups.setdefault(at // 5, []).append(re.sub(r"\b(?:User|Assistant):", ". ", text))
    for texts in groups.values():
        meanings = [frozenset(w for w in _meaning(text) if w not in _NO_NAME) for text in texts]
        common = frozenset.intersection(*meanings)
        if len(texts) > 1 and common:
            forgotten.add_topic(" ".join(sorted(common)), "forgotten_topic")
            continue
        for text, meaning in zip(texts, meanings, strict=True):
            # A capital inside a sentence is a name.
            for name in re.findall(r"(?<=[a-z,] )[A-Z][\w'-]+", text):
                if name.lower() not in _NO_NAME:
                    forgotten.add_topic(name, "forgotten_topic")
            if meaning:
                forgotten.add_topic(" ".join(sorted(meaning)), "forgotten_topic")
