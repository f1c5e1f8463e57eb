"""Turns conversations into token rows: one row for each turn of the assistant, in the model's own template."""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest
from fae_training.language.chat_encoder import (
    CannotEncode,
    ChatEncoder,
    NothingLeft,
    TemplateMismatch,
)
from fae_training.rows import training_rows
from fae_training.rows.message_forms import is_target
from fae_training.rows.row_forms import Conversation
from fae_training.rows.training_rows import Problem, RowsRead
from fae_training.store import state

# Part of the cache's key: raise it when the same conversation would give different rows.
FORMAT = 4
# A suggested --max-length is a multiple of this.
_LENGTH_STEP = 64


class Row(Protocol):
    """An element of a batch: tokens, of which those from supervised_from on are targets; weight
    multiplies their loss."""

    @property
    def tokens(self) -> list[int]: ...

    @property
    def supervised_from(self) -> int: ...

    @property
    def weight(self) -> float: ...

    @property
    def source(self) -> str: ...


@dataclass(frozen=True)
class TokenRow:
    """One training example. The targets are tokens[supervised_from:], the answer and its end token.

    weight multiplies each target's loss; `conversation` is the id of the row's conversation, `part`
    the use of a held-out row (parts.py); cut_tokens counts the tokens that were left out for the
    row to fit.
    """

    tokens: list[int]
    supervised_from: int
    weight: float = 1.0
    conversation: str = ""
    cut_tokens: int = 0
    part: str = ""

    @property
    def whole_tokens(self) -> int:
        return len(self.tokens) + self.cut_tokens

    @property
    def source(self) -> str:
        """The source of the row, for reports on a jump of the loss."""
        return self.conversation


@dataclass(frozen=True)
class EncodedFile:
    """The token rows of a file and a count of its conversations: `usable` of them are in the rows.

    left_out counts the others by reason, from the reader and from the template; remarks are
    sentences for a person.
    """

    file: str
    rows: list[TokenRow]
    usable: int
    left_out: list[Problem]
    total: int
    remarks: list[str]


@dataclass(frozen=True)
class CutReport:
    """The tokens that max_length cut off. nine_in_ten is the length that keeps nine rows of ten whole."""

    max_length: int
    rows: int
    cut_rows: int
    tokens: int
    cut_tokens: int
    nine_in_ten: int

    def sentence(self) -> str | None:
        """For a person; None where nothing was cut."""
        if not self.cut_rows:
            return None
        text = (
            f"{self.cut_rows:,} of {self.rows:,} rows are longer than {self.max_length} tokens and lost their oldest "
            f"part: {self.cut_tokens:,} of {self.tokens:,} tokens are not learned from"
        )
        if self.nine_in_ten > self.max_length:
            return f"{text}; --max-length {self.nine_in_ten} would keep nine rows in ten whole"
        return f"{text}; nine rows in ten are whole"


def cut_report(rows, max_length: int) -> CutReport:
    """Of token rows or pairs, both having whole_tokens and cut_tokens."""
    lengths = sorted(row.whole_tokens for row in rows)
    ninth = lengths[-(-9 * len(lengths) // 10) - 1] if lengths else 0
    return CutReport(
        max_length,
        len(lengths),
        sum(row.cut_tokens > 0 for row in rows),
        sum(lengths),
        sum(row.cut_tokens for row in rows),
        ninth if ninth <= max_length else -(-ninth // _LENGTH_STEP) * _LENGTH_STEP,
    )


def encode_conversation(
    tokenizer,
    messages: list[dict],
    tools: list[dict] | None = None,
    max_tokens: int = 2048,
    weight: float = 1.0,
    conversation: str = "",
    part: str = "",
) -> list[TokenRow]:
    """A row for each assistant turn, with everything before it as its prompt. Messages are as
    training_rows reads them.

    The prompt is the one that Fae's runtime sends for that turn (enable_thinking=False), so the
    model is trained on the text that it will see. The answer is the template's form of the turn:
    its text, or its tool calls in the model's native form. A conversation that is too long loses
    its oldest turns, then the start of the remainder, but keeps the system message; an answer that
    is too long loses its end, and with it the end token. An answer that the template renders as
    nothing is no target. `tokenizer` is a tokenizer or a ChatEncoder. Raises CannotEncode when the
    template does not render it, renders a turn differently from its own prompt, or leaves no
    target.
    """
    encoder = _encoder(tokenizer)
    messages, tools = encoder.plain(messages), encoder.plain(tools)
    rows: list[TokenRow] = []
    nothing_left: list[NothingLeft] = []
    for index, message in enumerate(messages):
        # A weight of 0 on an answer, as in chat fine-tuning files, makes it context, not a target.
        if is_target(message):
            until = messages[: index + 1]
            try:
                rows.append(_encode_turn(encoder, until, tools, max_tokens))
            except NothingLeft as nothing:
                nothing_left.append(nothing)
    if nothing_left and not rows:
        raise nothing_left[-1]
    encoder.skipped += len(nothing_left)
    return [replace(row, weight=weight, conversation=conversation, part=part) for row in rows]


def encode_answer(
    tokenizer,
    prompt: list[dict],
    answer: dict,
    tools: list[dict] | None = None,
    max_tokens: int = 2048,
) -> TokenRow:
    """The one row of an answer, an assistant message, to a prompt, as preference pairs have them."""
    encoder = _encoder(tokenizer)
    messages, tools = encoder.plain([*prompt, answer]), encoder.plain(tools)
    return _encode_turn(encoder, messages, tools, max_tokens)


def encode_prompt(tokenizer, messages: list[dict], tools: list[dict] | None = None) -> list[int]:
    """The whole prompt that Fae's runtime sends for these messages."""
    encoder = _encoder(tokenizer)
    return encoder.prompt(encoder.plain(messages), encoder.plain(tools))


def _encoder(tokenizer) -> ChatEncoder:
    return tokenizer if isinstance(tokenizer, ChatEncoder) else ChatEncoder(tokenizer)


def _encode_turn(encoder: ChatEncoder, messages, tools, max_tokens) -> TokenRow:
    prompt, answer = encoder.turn(messages, tools)
    whole = len(prompt) + len(answer)
    if whole > max_tokens:
        # An answer longer than half of the room is cut to the space left by a prompt that is cut to
        # the other half.
        answer = answer[: max(max_tokens - len(prompt), max_tokens - max_tokens // 2)]
        prompt = _shortened_prompt(encoder, messages[:-1], prompt, tools, max_tokens - len(answer))
    return TokenRow(
        tokens=prompt + answer,
        supervised_from=len(prompt),
        cut_tokens=whole - len(prompt) - len(answer),
    )


def _shortened_prompt(encoder: ChatEncoder, messages, whole, tools, room: int) -> list[int]:
    """`whole`, the prompt of these messages, without its oldest turns; if it is still too long, the
    start of the text after the system message is cut."""
    system = [message for message in messages[:1] if message["role"] == "system"]
    rest = messages[len(system) :]
    # The template needs a question, so turns are dropped up to a user's message. Fewer turns give
    # fewer tokens.
    starts = [i for i, message in enumerate(rest) if not i or message["role"] == "user"]

    def prompt_from(index: int) -> list[int]:
        return encoder.prompt(system + rest[starts[index] :], tools) if index else whole

    fits = bisect_left(range(len(starts)), True, key=lambda i: len(prompt_from(i)) <= room)
    if fits < len(starts):
        return prompt_from(fits)
    prompt = prompt_from(len(starts) - 1)
    start = common_length(prompt, _system_tokens(encoder, system, tools))
    if start > room // 2:
        start = 0
    return prompt[:start] + prompt[len(prompt) - (room - start) :]


def _system_tokens(encoder: ChatEncoder, system, tools) -> list[int]:
    """Compared with a prompt with the same start and another question: the common part is the
    system message."""
    other = [{"role": "user", "content": "\u2042"}]
    return encoder.prompt(system + other, tools) if system or tools else []


def common_length(a: list[int], b: list[int]) -> int:
    """The number of tokens that two rows share at their start."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def encode_file(
    tokenizer,
    path: Path,
    max_tokens: int,
    cache_directory: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> EncodedFile:
    """The rows of all conversations in a file of data/sft, in any form that training_rows.read knows.

    With a cache_directory they are kept there (0600) under a hash of the file, the tokenizer and
    max_tokens, and older rows of a file with this name are removed, so that nothing outlives its
    data. progress(conversations done, total) is called before each and at the end; an exception
    that it raises ends the work. A missing file gives no rows. Raises Missing when it cannot be
    read, BadRequest when the template suits no conversation.
    """
    cache = None
    if cache_directory is not None and path.is_file():
        stem = f"{path.parent.name}-{path.stem}-"
        key = _fingerprint(path.read_bytes(), tokenizer, max_tokens)
        cache = cache_directory / f"{stem}{key}.json"
        kept = state.read_json(cache)
        if kept is not None:
            return _from_cache(kept)
        for old in cache_directory.glob(f"{stem}*.json"):
            old.unlink()
    found = _encode_all(
        ChatEncoder(tokenizer), training_rows.read(path, "sft"), max_tokens, progress
    )
    if cache is not None:
        # write_json puts each token on a line, which would take as long as tokenising.
        parts = {
            name: [vars(item) for item in getattr(found, name)] for name in ("rows", "left_out")
        }
        state.write_text(cache, json.dumps(vars(found) | parts))
    return found


def _from_cache(kept: dict) -> EncodedFile:
    kept = {name: value for name, value in kept.items() if name != "schema"}
    rows = [TokenRow(**row) for row in kept["rows"]]
    left_out = [Problem(**problem) for problem in kept["left_out"]]
    return EncodedFile(**(kept | {"rows": rows, "left_out": left_out}))


def _encode_all(
    encoder: ChatEncoder, read: RowsRead[Conversation], max_tokens: int, progress
) -> EncodedFile:
    rows: list[TokenRow] = []
    bad, marked = [], []
    mismatch: TemplateMismatch | None = None
    for done, conversation in enumerate(read.rows):
        progress(done, len(read.rows))
        encoder.found.clear()
        try:
            rows += encode_conversation(
                encoder,
                conversation.messages,
                conversation.tools,
                max_tokens,
                conversation.weight,
                conversation.group,
                conversation.held_out_part,
            )
        except CannotEncode as error:
            mismatch = error if isinstance(error, TemplateMismatch) else None
            bad.append(Problem(conversation.file, conversation.line, str(error)))
        else:
            marked += control_tokens_found(encoder, conversation)
    progress(len(read.rows), len(read.rows))
    if bad and not rows and mismatch:
        raise BadRequest(
            "template_mismatch",
            str(mismatch),
            "correct chat_template.jinja in the model's directory, or choose another --model",
        )
    return EncodedFile(
        read.file,
        rows,
        read.usable - len(bad),
        sorted([*read.left_out, *bad], key=lambda problem: problem.line),
        read.total,
        [*read.remarks, *_skipped(encoder, read.file), *control_token_remarks(read.file, marked)],
    )


def _skipped(encoder: ChatEncoder, file: str) -> list[str]:
    if not encoder.skipped:
        return []
    return [
        f"{counted(encoder.skipped, 'answer')} in {file} {'is' if encoder.skipped == 1 else 'are'} not learned from: the model's chat template renders them as nothing, "
        "for example tool calls that it does not support"
    ]


def control_tokens_found(encoder: ChatEncoder, row) -> list[Problem]:
    """The control tokens that a conversation or pair, just encoded, holds as text; none or one."""
    held = " and ".join(sorted(encoder.found))
    return [Problem(row.file, row.line, f"holds {held}")] if held else []


def control_token_remarks(file: str, marked: list[Problem]) -> list[str]:
    if not marked:
        return []
    return [
        f"{counted(len(marked), 'row')} of {file} with control tokens of the model as text; they are learned as plain characters: "
        + training_rows.listed(marked)
    ]


def _fingerprint(content: bytes, tokenizer, max_tokens: int) -> str:
    """A hash of everything that determines the rows: data, template, vocabulary, length."""
    vocabulary = hashlib.sha256()
    for token, index in sorted(tokenizer.get_vocab().items()):
        vocabulary.update(f"{token}\0{index}\n".encode())
    whole = hashlib.sha256(content)
    whole.update(str(tokenizer.chat_template).encode() + vocabulary.digest())
    whole.update(f"{tokenizer.eos_token} {max_tokens} {FORMAT}".encode())
    return whole.hexdigest()[:16]
