"""Converts training rows in common formats to ours. Standard library only.

Conversations (data/sft): `messages`; `conversations` with from/value (ShareGPT); a prompt with a completion, response,
output or answer; instruction, input and output (Alpaca). Pairs (data/dpo): chosen and rejected, with a prompt in any of
these forms or, as in TRL, at the start of both. With an instruction: `context` (Dolly's name for input), and `history`,
earlier questions and answers. Everywhere: `system` and `tools` at the top level, a text or a list of messages, contents
as lists of text parts, roles in any case and under common aliases, tool call arguments as text or object.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field

from fae_training.calls.error_words import shown
from fae_training.judgement.parts import CHOOSE, JUDGE, group_of, part_of_held_out
from fae_training.rows.message_forms import (
    check_order,
    is_empty,
    is_target,
    json_value,
    messages_of,
    visible,
)

_CONVERSATIONS = ("messages", "conversations", "conversation")
_PROMPTS = ("prompt", "instruction", "question", "query", "input")
_ANSWERS = ("completion", "response", "output", "answer")
# A weight multiplies a loss in single precision; outside this range the product becomes 0 or infinite.
_WEIGHTS = (1e-6, 1e6)


@dataclass(frozen=True)
class Conversation:
    """A row of data/sft. Its assistant messages are trained on, except those with `"weight": 0`.

    messages are {"role", "content": text, "tool_calls"?, "weight"?: 0}, with tool call arguments as objects; source may have
    "ids" (a list of texts) and "session". part: choose or judge, if the file says so.
    """

    messages: list[dict]
    tools: list[dict] | None = None
    weight: float = 1.0
    source: dict = field(default_factory=dict)
    part: str | None = None
    file: str = ""
    line: int = 0

    @property
    def asked(self) -> list[str]:
        """What the user says."""
        return _said_by_user(self.messages)

    @property
    def group(self) -> str:
        """The id of the conversation that this is from."""
        return group_of(self.source, self.messages)

    @property
    def held_out_part(self) -> str:
        return self.part or part_of_held_out(self.group)

    @property
    def answers(self) -> int:
        """How many messages are learned from."""
        return sum(map(is_target, self.messages)) if self.weight else 0


@dataclass(frozen=True)
class PreferencePair:
    """A row of data/dpo: two answers, one assistant message each, to the same prompt."""

    prompt: list[dict]
    chosen: dict
    rejected: dict
    tools: list[dict] | None = None
    pattern: str = "unknown"
    weight: float = 1.0
    source: dict = field(default_factory=dict)
    part: str | None = None
    file: str = ""
    line: int = 0

    @property
    def asked(self) -> list[str]:
        """What the user says."""
        return _said_by_user(self.prompt)

    @property
    def group(self) -> str:
        """The id of the conversation that this is from."""
        return group_of(self.source, [self.prompt, self.chosen, self.rejected])

    @property
    def held_out_part(self) -> str:
        return self.part or part_of_held_out(self.group)

    @property
    def answers(self) -> int:
        return 2 if self.weight else 0

    def as_row(self) -> dict:
        """The row as written in data/dpo/train.jsonl."""
        row = {"prompt": self.prompt, "chosen": [self.chosen], "rejected": [self.rejected]}
        if self.tools:
            row["tools"] = self.tools
        row |= {"pattern": self.pattern, "weight": self.weight, "source": self.source}
        return row | {"part": self.part} if self.part else row


def _said_by_user(messages: list[dict]) -> list[str]:
    return [message["content"] for message in messages if message["role"] == "user"]


def conversation(given, file: str = "", line: int = 0) -> Conversation:
    """One row of data/sft in our form. Raises ValueError saying what was found and what was expected."""
    _object(given)
    name = next((name for name in _CONVERSATIONS if given.get(name) is not None), None)
    if name:
        if not isinstance(given[name], list):
            raise ValueError(f"{name} is {shown(given[name])}, expected a list of messages")
        messages = messages_of(given[name], None, name)
    elif "chosen" in given and "rejected" in given:
        raise ValueError("is a preference pair (chosen, rejected); those belong in data/dpo")
    else:
        answer = next((name for name in _ANSWERS if given.get(name) is not None), None)
        prompt = _prompt(given)
        if answer is None or not prompt:
            expected = "expected messages, or a prompt and its answer"
            if nothing := _nothing(given, (*_CONVERSATIONS, *_PROMPTS, *_ANSWERS)):
                raise ValueError(f"{nothing}, {expected}")
            raise ValueError(f"has no conversation ({_has(given)}); {expected}")
        # A prompt is context: only the completion is trained on.
        context = [m | {"weight": 0} if m["role"] == "assistant" else m for m in prompt]
        messages = context + _after(prompt, messages_of(given[answer], "assistant", answer))
    messages = _with_system(given, messages)
    check_order(messages)
    if not any(message["role"] == "assistant" for message in messages):
        raise ValueError("has no assistant message, so there is nothing to learn from")
    for number, message in enumerate(messages, 1):
        if is_target(message) and is_empty(message):
            raise ValueError(f"message {number}, the assistant's, is empty")
    return Conversation(
        messages,
        _tools(given),
        _weight(given),
        _source(given.get("source")),
        _part(given),
        file,
        line,
    )


def preference_pair(given, file: str = "", line: int = 0) -> PreferencePair:
    """One row of data/dpo in our form. Raises ValueError saying what was found and what was expected."""
    _object(given)
    if missing := [name for name in ("chosen", "rejected") if name not in given]:
        raise ValueError(f"has no {' and no '.join(missing)} ({_has(given)})")
    chosen, rejected = (
        [_without_weight(m) for m in messages_of(given[name], "assistant", name)]
        for name in ("chosen", "rejected")
    )
    name = next((name for name in _CONVERSATIONS if given.get(name) is not None), None)
    prompt = [
        _without_weight(m)
        for m in (messages_of(given[name], "user", name) if name else _prompt(given))
    ]
    if prompt:
        chosen, rejected = _after(prompt, chosen), _after(prompt, rejected)
    else:
        while len(chosen) > 1 and len(rejected) > 1 and chosen[0] == rejected[0]:
            prompt.append(chosen.pop(0))
            rejected.pop(0)
    prompt = _with_system(given, prompt)
    if not any(message["role"] == "user" for message in prompt):
        expected = ", ".join((*_PROMPTS, *_CONVERSATIONS[:2]))
        if nothing := _nothing(given, (*_PROMPTS, *_CONVERSATIONS)):
            raise ValueError(f"{nothing}, expected a text or a list of messages")
        raise ValueError(f"has no prompt ({_has(given)}); expected one of {expected}")
    for name, answer in (("chosen", chosen), ("rejected", rejected)):
        if len(answer) != 1 or answer[0]["role"] != "assistant":
            roles = ", ".join(message["role"] for message in answer[:5]) or "nothing"
            raise ValueError(f"{name} is {roles}; expected one assistant message")
        if is_empty(answer[0]):
            raise ValueError(f"{name} is empty")
    check_order([*prompt, *chosen])
    if chosen == rejected:
        raise ValueError("chosen and rejected are the same")
    if _trimmed(chosen[0]) == _trimmed(rejected[0]):
        raise ValueError(
            "the two answers are the same to the model: they differ only in surrounding spaces or invisible characters"
        )
    if _evenly_spaced(chosen[0]) == _evenly_spaced(rejected[0]):
        raise ValueError("the two answers differ only in the spaces between their words")
    pattern = given.get("pattern")
    return PreferencePair(
        prompt,
        chosen[0],
        rejected[0],
        _tools(given),
        pattern if isinstance(pattern, str) and pattern else "unknown",
        _weight(given),
        _source(given.get("source")),
        _part(given),
        file,
        line,
    )


def _object(given) -> None:
    if not isinstance(given, dict):
        raise ValueError(f"is {shown(given)}, expected a JSON object")
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ValueError(
            f"contains half of a character ({half}): the text was probably cut inside an emoji"
        ) from None


def _has(given: dict) -> str:
    names = ", ".join(given)
    return (
        f"it has: {names if len(names) <= 60 else names[:56] + '...'}" if given else "it is empty"
    )


def _nothing(given: dict, names: tuple[str, ...]) -> str | None:
    """A phrase naming the first of these keys that holds null or an empty text, or None."""
    name = next((name for name in names if name in given and given[name] in (None, "")), None)
    return name and f"{name} is {shown(given[name])}"


def _prompt(given: dict) -> list[dict]:
    """The messages of a separate prompt; [] if there is none."""
    name = next((name for name in _PROMPTS if given.get(name) not in (None, "")), None)
    if name is None:
        return []
    prompt = messages_of(given[name], "user", name)
    for other in ("input", "context"):
        extra = given.get(other)
        if name == other or extra is None:
            continue
        if not isinstance(extra, str):
            raise ValueError(f"{other} is {shown(extra)}, expected a text")
        if extra.strip():
            prompt[-1] |= {"content": f"{prompt[-1]['content']}\n{extra}"}
    return _history(given.get("history")) + prompt


def _history(value) -> list[dict]:
    """Earlier questions and answers, [[question, answer], ...], as messages."""
    turns = [] if value is None else value
    if not isinstance(turns, list) or not all(isinstance(t, list) and len(t) == 2 for t in turns):
        raise ValueError(f"history is {shown(value)}, expected a list of [question, answer]")
    return [
        message
        for question, answer in turns
        for text, role in ((question, "user"), (answer, "assistant"))
        for message in messages_of(text, role, "history")
    ]


def _after(prompt: list[dict], answer: list[dict]) -> list[dict]:
    """An answer without the prompt, which conversational forms may repeat."""
    repeated = len(answer) > len(prompt) and answer[: len(prompt)] == prompt
    return answer[len(prompt) :] if repeated else answer


def _with_system(given: dict, messages: list[dict]) -> list[dict]:
    """The messages, preceded by the row's top-level system message; a system message of their own takes precedence."""
    text = given.get("system", given.get("system_prompt"))
    if text is not None and not isinstance(text, str):
        raise ValueError(f"system is {shown(text)}, expected a text")
    if not text or not text.strip() or (messages and messages[0]["role"] == "system"):
        return messages
    return [{"role": "system", "content": text}, *messages]


def _trimmed(message: dict) -> dict:
    return message | {"content": unicodedata.normalize("NFC", visible(message["content"]))}


def _evenly_spaced(message: dict) -> dict:
    """A message with single spaces. Line breaks stay: a list is not the same as a sentence."""
    trimmed = _trimmed(message)
    return trimmed | {"content": re.sub(r"[^\S\n]+", " ", trimmed["content"])}


def _without_weight(message: dict) -> dict:
    return {name: value for name, value in message.items() if name != "weight"}


def _tools(given: dict) -> list[dict] | None:
    tools = given.get("tools")
    if isinstance(tools, str) and tools.strip():
        tools = json_value(tools, "the tools")
    if not tools:
        return None
    tools = [tools] if isinstance(tools, dict) else tools
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError(f"tools is {shown(given['tools'])}, expected a list of objects")
    return tools


def _weight(given: dict) -> float:
    weight = given.get("weight")
    if weight is None:
        return 1.0
    if type(weight) not in (int, float) or not (
        weight == 0 or _WEIGHTS[0] <= weight <= _WEIGHTS[1]
    ):
        raise ValueError(
            f"the weight is {shown(weight)}, expected 0 or a number from {_WEIGHTS[0]:f} to {_WEIGHTS[1]:,.0f}"
        )
    return float(weight)


def _part(given: dict) -> str | None:
    """The part that our export marks a held-out row with; other values of this key are ignored."""
    part = given.get("part")
    return part if part in (CHOOSE, JUDGE) else None


def _source(value) -> dict:
    """A row's source in our form; other programs store a name there, or nothing."""
    if not isinstance(value, dict):
        return {} if value is None else {"name": value if isinstance(value, str) else shown(value)}
    if "ids" not in value:
        return value
    ids = value["ids"] if isinstance(value["ids"], list) else [value["ids"]]
    return value | {"ids": [str(name) for name in ids if isinstance(name, str | int)]}
