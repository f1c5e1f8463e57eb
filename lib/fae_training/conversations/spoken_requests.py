"""The requests to forget that a person made in talk, less those that the person said were none (`export_data.py --keep`).

A misread sentence leaves out conversations, so each is kept with what it took: the answer of export_data names it. A
sentence that is likely a request (linear_scan.py) leaves out its own conversation until the person answers; one that is
possibly a request is not learned itself.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from fae_training.conversations.forget_requests import Asked, forget_request, requests_in
from fae_training.conversations.forget_topics import EVERYTHING, named_topics
from fae_training.conversations.linear_scan import WINDOW, Found, parts, scan, windows
from fae_training.conversations.mentions import (
    CALENDAR,
    NO_NAME,
    Forgotten,
    meaning_of,
    named_relation,
)
from fae_training.conversations.text import (
    capitalised_in,
    lower_case_in,
    normalised,
    shortened,
    words,
)
from fae_training.store.state import moment

# A topic that takes more than both is asked about, unless it is a name: a person's work, home or health may be in a third
# of the talk, and a sentence of talk that is misread would silently take that much.
ASK_FROM_CONVERSATIONS, ASK_FROM_SHARE = 5, 0.10
# Of a longer sentence a part is shown; a part of fewer words names no sentence.
LONGEST_SHOWN, _FEWEST_WORDS = 80, 3
# A phrase of more words may be a sentence.
LONGEST_TOPIC = 4


# What `--keep` names in order to keep every sentence that only may be a request.
ALL_POSSIBLE = "all"
ID = "id:"


@dataclass(frozen=True)
class Kept:
    """A topic, or a sentence, that was no request to forget where it was said up to `at`, an ISO time: what is said later
    is a new request. "id:" and an id is for what only may be a request in that conversation, ALL_POSSIBLE in every one."""

    what: str
    at: str


def is_about(one: str, other: str) -> bool:
    """Whether two phrases name the same topics, or are the same sentence but for case and punctuation."""
    return _is_same_sentence(one, other) or bool(_meanings(one) & _meanings(other))


def _is_same_sentence(one: str, other: str) -> bool:
    """Whether two texts differ at most in case, punctuation and spaces, and in that one is cut off with "…", as
    a long sentence is shown."""
    return (
        normalised(one) == normalised(other) or _is_cut_from(one, other) or _is_cut_from(other, one)
    )


def _is_cut_from(shown: str, said: str) -> bool:
    start, end = shown.lstrip().startswith("…"), shown.rstrip().endswith("…")
    cut, whole = f"{normalised(shown)} ", f"{normalised(said)} "
    if not (start or end) or cut.count(" ") < _FEWEST_WORDS:
        return False
    return f" {cut}" in f" {whole}" if start else whole.startswith(cut)


def shown(sentence: str) -> str:
    """A sentence as the person is asked about it: of a long one the words that most look like a request."""
    if len(sentence) > LONGEST_SHOWN and len(sentence.split()) > WINDOW:
        sentence = f"…{max(windows(sentence), key=scan('forget_requests').score)}…"
    return shortened(sentence, LONGEST_SHOWN)


def _meanings(phrase: str) -> set[frozenset[str]]:
    """What a phrase is about; nothing for a sentence that only may be a request, which stands for itself alone: its
    words are no topic."""
    if phrase.lower() == ALL_POSSIBLE or phrase.startswith(ID):
        return set()
    asked = forget_request(phrase)
    if (
        asked is None
        and scan("forget_requests").found_in(phrase)
        and len(words(phrase)) > LONGEST_TOPIC
    ):
        return set()
    return {meaning_of(topic) for topic in (asked or named_topics(phrase))}


class SpokenRequests:
    """What was asked in talk. `times`: unix seconds of every request, also of those that are kept. `said`: the newest
    sentence about each topic. `possible`: the score of each sentence that may be a request. `kept`: how many requests each phrase of
    --keep took back."""

    def __init__(self, keep: Iterable[Kept] = ()):
        self._keep = [(each, _meanings(each.what), moment(each.at)) for each in keep]
        self.times: list[int] = []
        self.said: dict[str, str] = {}
        self.kept: Counter[str] = Counter()
        self.possible: dict[str, float] = {}
        self._named: dict[frozenset[str], str] = {}
        self._are_names: set[str] = set()
        self._names: frozenset[str] = frozenset()
        # The texts in which a request was found if any word may be a name: the others are read once.
        self._may_request: set[str] = set()

    def add(
        self,
        forgotten: Forgotten,
        messages: Iterable[tuple[str, int]],
        talk: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Add the topics of the requests in `messages`, (text, unix seconds), to what is forgotten. `talk` gives the texts of
        all turns, in which a name has its capital."""
        # What the person excluded is settled, whoever also asked for it in talk.
        self._named = {topic.words: topic.name for topic in forgotten.topics}
        excluded = set(self._named.values())
        possible = [(text, at) for text, at in messages if requests_in(text, _ANY_WORD)]
        self._may_request.update(text for text, _ in possible)
        if possible:
            said = {word for text, _ in possible for word in lower_case_in(text)}
            self._names = names_in_lower_case(said, talk())
        for text, at in possible:
            asked = self._requests_in(text)
            if not asked:
                continue
            self.times.append(at)
            for request in self._in_force(asked, at, self.kept):
                for topic in request.topics:
                    if topic == EVERYTHING:
                        forgotten.everything_before = max(forgotten.everything_before, at)
                    else:
                        forgotten.add_topic(topic, "forgotten_topic")
                        self._named.setdefault(meaning_of(topic), topic)
                named = map(self.name_of, request.topics or (request.sentence,))
                for what in (name for name in named if name not in excluded):
                    self.said[what] = request.sentence
                    if _is_name(what) or {*words(what)} <= self._names:
                        self._are_names.add(what)

    def asked(self, text: str, at: int) -> str | None:
        """What a text that was added asks to forget, in words; None if nothing."""
        found = self._in_force(self._requests_in(text), at, Counter())
        about = [self.name_of(topic) for asked in found for topic in asked.topics]
        if found and not about:
            return found[0].sentence
        return ", ".join(dict.fromkeys(about)) or None

    def may_ask(self, text: str, at: int, said_in: str) -> Found | None:
        """The sentence of a text that may be a request to forget something; None if there is none, or a request in force that
        was recognised, which decides. A likely one is noted, to be asked about. said_in: the id of the session or record."""
        recognised = self._requests_in(text)
        if self._in_force(recognised, at, Counter()):
            return None
        found = self._not_settled(text, at, said_in, bool(recognised))
        if not found:
            return None
        [first, *_] = found
        if first.is_likely:
            self.possible[first.sentence] = first.score
            self.said[first.sentence] = shown(first.sentence)
        return first

    def _not_settled(self, text: str, at: int, said_in: str, recognised: bool) -> list[Found]:
        """The sentences of a text that may be requests, scored without those that were kept: what was recognised was kept, and
        so was what the person said about a sentence."""
        while found := scan("forget_requests").found_in(text):
            settled = [
                part.text
                for each in found
                if self._is_kept(each.sentence, at, said_in)
                or (recognised and requests_in(each.sentence, self._names))
                for part in parts(each.sentence)
                if not part.is_several
            ]
            left = text
            for sentence in sorted(settled, key=len, reverse=True):
                left = left.replace(sentence, "\n")
            if left == text:
                break
            text = left
        return found

    def _requests_in(self, text: str) -> list[Asked]:
        return requests_in(text, self._names) if text in self._may_request else []

    def keeps(self, guess: str, at: int) -> bool:
        """Whether the person said after `at`, in unix seconds, that something in a guessed topic is to be kept."""
        for each, meanings, until in self._keep:
            if at <= until and any(kept <= meaning_of(guess) for kept in meanings):
                self.kept[each.what] += 1
                return True
        return False

    def name_of(self, topic: str) -> str:
        """The name under which a topic is counted: of "my work" and "work" the first that was said."""
        return self._named.get(meaning_of(topic), topic)

    def undecided(self, taken: dict[str, int], total: int) -> list[str]:
        """Topics of requests that take so many of all conversations that they may be misread, and sentences that may be
        requests, the likeliest first. They are left out until the person answers, because what was learned by mistake cannot be unlearned, and
        what was left out can be learned later."""
        most = max(ASK_FROM_CONVERSATIONS, ASK_FROM_SHARE * total)
        misread = [
            what
            for what, conversations in taken.items()
            if conversations > most
            and what in self.said
            and what not in self._are_names
            and what not in self.possible
        ]
        possible = [what for what in taken if what in self.possible]
        return misread + sorted(possible, key=self.possible.__getitem__, reverse=True)

    def _in_force(self, requests: Collection[Asked], at: int, kept: Counter[str]) -> list[Asked]:
        found = []
        for asked in requests:
            topics = tuple(topic for topic in asked.topics if not self._kept(topic, at, kept))
            if topics if asked.topics else not self._kept(asked.sentence, at, kept):
                found.append(Asked(asked.sentence, topics))
        return found

    def _is_kept(self, sentence: str, at: int, said_in: str) -> bool:
        """Whether the person kept a sentence that only may be a request, alone or with others around it."""
        for each, _, until in self._keep:
            if at <= until and (
                each.what.lower() == ALL_POSSIBLE
                or each.what == f"{ID}{said_in}"
                or normalised(each.what) in (normalised(sentence), normalised(shown(sentence)))
            ):
                self.kept[each.what] += 1
                return True
        return False

    def _kept(self, what: str, at: int, kept: Counter[str]) -> bool:
        for each, meanings, until in self._keep:
            if at <= until and (_is_same_sentence(what, each.what) or meaning_of(what) in meanings):
                kept[each.what] += 1
                return True
        return False


class _AnyWord:
    def __contains__(self, word: object) -> bool:
        return True


_ANY_WORD = _AnyWord()


def names_in_lower_case(said: set[str], talk: Iterable[str]) -> frozenset[str]:
    """Those of the words in `said` that are names: in these texts hardly ever without a capital inside a sentence. Speech is
    often all lower case, but what Fae answers is not."""
    with_capital: Counter[str] = Counter()
    without: Counter[str] = Counter()
    wanted = said - NO_NAME - CALENDAR
    for text in talk:
        with_capital.update(wanted.intersection(word.lower() for word in capitalised_in(text)))
        without.update(wanted.intersection(lower_case_in(text)))
    return frozenset(word for word, n in with_capital.items() if 2 * n >= without[word])


def _is_name(topic: str) -> bool:
    """Whether a topic is written as a name: each word with a capital, and no article as before a German noun."""
    return named_relation(topic) is not None or all(word[:1].isupper() for word in topic.split())
