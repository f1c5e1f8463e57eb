"""Stretches of text that only one conversation of a person holds: names, numbers, addresses, unusual sequences of words.

A model that gives one of them again word for word learned it by heart. Standard library only.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from fae_training.message_forms import is_target

# Words of a string at most, and its characters at least: shorter ones are guessed too easily.
WORDS, CHARACTERS = 6, 12
# A number of so many digits is long enough by itself.
DIGITS = 4
# Of so many strings one is from a person's words, the others from the answers, which are what is trained.
ONE_OF_THE_PERSON = 4
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SENTENCE_END = re.compile(r"[.!?…]['\"”)]*\s|\n")


@dataclass(frozen=True)
class RareString:
    """`text` stands in message number `message` of the conversation number `conversation`.

    tells: 2 where a word that occurs in one conversation only is a name or has a digit, 1 where there is another such
    word, 0 where only the sequence of the words is rare.
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


def rare_strings(groups: Sequence[str], conversations: Sequence[list[dict]]) -> list[RareString]:
    """The rare strings of conversations (messages as training_rows reads them), in the order in which to take them.

    groups: the id of what each conversation is from. What occurs in two groups, or earlier in the same conversation (so
    that it could be copied from there), is not rare. Strings that tell more come first; among equal ones first one of every
    group, in the order of a hash of the id, then a second one, and so on. Every fourth is from a user's turn.
    """
    texts = [[_all_text(message) for message in messages] for messages in conversations]
    where: dict[tuple[str, ...] | str, str | None] = {}
    for group, own in zip(groups, texts, strict=True):
        for thing in {thing for text in own for thing in _things(text)}:
            where[thing] = group if where.get(thing, group) == group else None
    found: dict[str, list[RareString]] = {}
    for index, (group, messages) in enumerate(zip(groups, conversations, strict=True)):
        said: set = set()
        for number, message in enumerate(messages):
            is_answer = message["role"] == "assistant" and is_target(message)
            if is_answer or message["role"] == "user":
                new = {t for t in _things(message["content"]) if where[t] and t not in said}
                for text, tells in _stretches(message["content"], new):
                    one = RareString(index, number, text, is_answer, tells)
                    found.setdefault(group, []).append(one)
            said.update(_things(texts[index][number]))
    order = sorted(found, key=lambda group: hashlib.sha256(group.encode("utf-8", "replace")).digest())
    answers, asked = (
        _in_turns([[one for one in found[group] if one.is_answer == side] for group in order])
        for side in (True, False)
    )
    return list(_mixed(answers, asked))


def _all_text(message: dict) -> str:
    calls = message.get("tool_calls")
    return message["content"] + (json.dumps(calls, ensure_ascii=False) if calls else "")


def _things(text: str) -> set[tuple[str, ...] | str]:
    """The words of a text, and each three that follow each other."""
    words = [word.text for word in _words(text)]
    return {*words, *zip(words, words[1:], words[2:], strict=False)}


def _words(text: str) -> list[_Word]:
    return [_Word(m.group().casefold(), *m.span()) for m in _WORD.finditer(text)]


def _stretches(text: str, new: set) -> Iterator[tuple[str, int]]:
    """(string, what it tells) of a message that do not overlap; `new`: its words and triples that are rare."""
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
    """Whether it has a digit, or a capital letter that is not the sentence's."""
    return any(map(str.isdigit, word)) or any(map(str.isupper, word[1:] if is_first else word))


def _end(text: str, words: list[_Word], rare: list[bool], at: int, new: set) -> int | None:
    """The end of the string that begins at word `at`; None where none does.

    It begins with a rare word and ends with one where that is long enough, else it is WORDS words of which any three
    that follow each other are rare.
    """
    most = min(at + WORDS, len(words))
    if rare[at]:
        last = max(i for i in range(at, most) if rare[i])
        for end in range(last + 1, most + 1):
            string = text[words[at].start : words[end - 1].end]
            if len(string) >= CHARACTERS or sum(map(str.isdigit, string)) >= DIGITS:
                return end
        return None
    some = [word.text for word in words[at:most]]
    triples = list(zip(some, some[1:], some[2:], strict=False))
    if len(some) < WORDS or any(rare[at:most]) or not all(t in new for t in triples):
        return None
    return most


def _sentences(text: str) -> Iterator[list[_Word]]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    words = _words(text)
    for end in [*ends, len(text)]:
        sentence = [word for word in words if word.start < end]
        words = words[len(sentence) :]
        if sentence:
            yield sentence


def _in_turns(queues: list[list[RareString]]) -> list[RareString]:
    """Those that tell more before the others, and among equal ones the first of every queue before any second."""
    mixed = []
    for tells in (2, 1, 0):
        equal = [[one for one in queue if one.tells == tells] for queue in queues]
        mixed += [one for turn in zip_longest(*equal) for one in turn if one is not None]
    return mixed


def _mixed(answers: list[RareString], asked: list[RareString]) -> Iterator[RareString]:
    """Of ONE_OF_THE_PERSON strings one from a user's turn, as long as there are both."""
    answers, asked = answers[::-1], asked[::-1]
    number = 0
    while answers or asked:
        number += 1
        of_person = asked and (number % ONE_OF_THE_PERSON == 0 or not answers)
        yield (asked if of_person else answers).pop()
