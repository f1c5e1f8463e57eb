"""Text that occurs in only one conversation of a person: names, numbers, addresses, unusual sequences of words.

A model that reproduces one of them word for word has memorised it. Standard library only.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fae_training.patterns import lazy_pattern
from fae_training.rows.message_forms import is_target

# The most words of a string, and its fewest characters: shorter ones are too easy to guess.
WORDS, CHARACTERS = 6, 8
# A number with this many digits is long enough by itself.
DIGITS = 4
# Strings of one conversation that are best tested together: the text before the last holds all the others.
TOGETHER = 4
ENOUGH = 60
_WORD = lazy_pattern(r"\w+(?:['’]\w+)*")
_SENTENCE_END = lazy_pattern(r"[.!?…]['\"”)]*\s|\n")


@dataclass(frozen=True)
class RareString:
    """`text` is in message number `message` of the conversation number `conversation`.

    tells: 2 where a word found in one conversation only is a name or has a digit, 1 where there is
    another such word, 0 where only the sequence of the words is rare.
    """

    conversation: int
    message: int
    text: str
    is_answer: bool
    tells: int


@dataclass(frozen=True)
class _Word:
    text: str
    start: int
    end: int


def rare_strings(
    groups: Sequence[str], conversations: Sequence[list[dict]]
) -> list[list[RareString]]:
    """The rare strings of each conversation that has any (messages as training_rows reads them), in
    a fixed order.

    groups: the id of each conversation's group. A string that occurs in two groups, or earlier in
    the same conversation (where it could be copied from), is not rare. Conversations with the most
    telling strings come first, equal ones in the order of a hash of the id. Within a conversation
    the more telling strings come first; every fourth is from a user's turn where there is one, the
    others from answers, which are the training targets. Strings that only have a rare sequence of
    common words are given only where there are fewer than ENOUGH others.
    """
    texts = [[_all_text(message) for message in messages] for messages in conversations]
    where: dict[tuple[str, ...] | str, str | None] = {}
    for group, own in zip(groups, texts, strict=True):
        for thing in {thing for text in own for thing in _things(text)}:
            where[thing] = group if where.get(thing, group) == group else None
    found: list[list[RareString]] = []
    for index, messages in enumerate(conversations):
        seen: set = set()
        own = []
        for number, message in enumerate(messages):
            is_answer = is_target(message)
            if is_answer or message["role"] == "user":
                new = {t for t in _things(message["content"]) if where[t] and t not in seen}
                for text, tells in _stretches(message["content"], new):
                    own.append(RareString(index, number, text, is_answer, tells))
            seen.update(_things(texts[index][number]))
        found.append(own)
    if sum(one.tells > 0 for own in found for one in own) >= ENOUGH:
        found = [[one for one in own if one.tells] for own in found]
    found = [_mixed(sorted(own, key=lambda one: -one.tells)) for own in found if own]
    return sorted(
        found,
        key=lambda own: (
            -sum(one.tells for one in own[:TOGETHER]),
            _hash(groups[own[0].conversation]),
        ),
    )


def _mixed(strings: list[RareString]) -> list[RareString]:
    """The strings in their order, with one of every TOGETHER from a user's turn and the others from
    answers, while both last."""
    answers = [one for one in reversed(strings) if one.is_answer]
    asked = [one for one in reversed(strings) if not one.is_answer]
    mixed: list[RareString] = []
    while answers and asked:
        mixed.append((asked if len(mixed) % TOGETHER == TOGETHER - 1 else answers).pop())
    return mixed + answers[::-1] + asked[::-1]


def _hash(group: str) -> bytes:
    return hashlib.sha256(group.encode("utf-8", "replace")).digest()


def _all_text(message: dict) -> str:
    calls = message.get("tool_calls")
    return message["content"] + (json.dumps(calls, ensure_ascii=False) if calls else "")


def _things(text: str) -> set[tuple[str, ...] | str]:
    """The words of a text, and every three consecutive ones."""
    words = [word.text for word in _words(text)]
    return {*words, *zip(words, words[1:], words[2:], strict=False)}


def _words(text: str) -> list[_Word]:
    return [_Word(m.group().casefold(), *m.span()) for m in _WORD.finditer(text)]


def _stretches(text: str, new: set) -> Iterator[tuple[str, int]]:
    """(string, its `tells`) of a message, not overlapping; `new`: its rare words and triples."""
    for sentence in _sentences(text):
        counts = Counter(word.text for word in sentence)
        rare = [word.text in new and counts[word.text] == 1 for word in sentence]
        at = 0
        while at < len(sentence):
            end = _end(text, sentence, rare, at, new)
            if end is None:
                at += 1
                continue
            named = any(
                rare[i] and _is_name(text[sentence[i].start : sentence[i].end], is_first=not i)
                for i in range(at, end)
            )
            yield text[sentence[at].start : sentence[end - 1].end], 2 if named else int(rare[at])
            at = end


def _is_name(word: str, is_first: bool) -> bool:
    """Whether it has a digit, or a capital letter that does not just start a sentence."""
    return any(map(str.isdigit, word)) or any(map(str.isupper, word[1:] if is_first else word))


def _end(text: str, words: list[_Word], rare: list[bool], at: int, new: set) -> int | None:
    """The end of the string that begins at word `at`; None where none does.

    It begins and ends with a rare word and has no two other words in a row, or it has WORDS words
    of which any three consecutive ones are rare. A final word that is frequent in this person's
    answers would make it a matter of style.
    """
    most = min(at + WORDS, len(words))
    if rare[at]:
        end = at + 1
        for i in range(at + 1, most):
            if rare[i] and i - end < 2:
                end = i + 1
        string = text[words[at].start : words[end - 1].end]
        is_long = len(string) >= CHARACTERS or sum(map(str.isdigit, string)) >= DIGITS
        return end if is_long else None
    some = [word.text for word in words[at:most]]
    triples = list(zip(some, some[1:], some[2:], strict=False))
    if len(some) < WORDS or any(rare[at:most]) or not all(t in new for t in triples):
        return None
    return most


def _sentences(text: str) -> Iterator[list[_Word]]:
    ends = iter([*(match.end() for match in _SENTENCE_END.finditer(text)), len(text) + 1])
    end, sentence = next(ends), []
    for word in _words(text):
        while word.start >= end:
            end = next(ends)
            if sentence:
                yield sentence
                sentence = []
        sentence.append(word)
    if sentence:
        yield sentence
