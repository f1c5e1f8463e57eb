"""The forms in which people keep training rows, brought to the one form that is trained on. Standard library only.

Conversations (data/sft): `messages`; `conversations` with from/value (ShareGPT); a prompt with a completion, response,
output or answer; instruction, input and output (Alpaca). Pairs (data/dpo): chosen and rejected, with a prompt in any of
these forms or, as TRL has it, at the start of both. Anywhere: `system` and `tools` beside the rest, a text or a list of
messages, contents as lists of text parts, roles in any case and by their usual other names, arguments of tool calls as
text or object.
"""

import json
from dataclasses import dataclass, field

ROLES = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter"),
    "assistant": (
        "assistant",
        "gpt",
        "bot",
        "model",
        "ai",
        "chatgpt",
        "function_call",
        "tool_call",
    ),
    "tool": ("tool", "observation", "function", "function_response", "tool_response", "ipython"),
}
_ROLE_OF = {alias: role for role, aliases in ROLES.items() for alias in aliases}
_CONVERSATIONS = ("messages", "conversations", "conversation")
_PROMPTS = ("prompt", "instruction", "question", "query", "input")
_ANSWERS = ("completion", "response", "output", "answer")
# A weight multiplies a loss in single precision: outside of this it becomes 0 or infinite there.
_WEIGHTS = (1e-6, 1e6)


@dataclass(frozen=True)
class Conversation:
    """A row of data/sft. Of its assistant messages those without `"weight": 0` are learned from.

    messages are {"role", "content": text, "tool_calls"?, "weight"?: 0}, arguments of tool calls being objects;
    source is an object that may hold "ids" (a list of texts) and "session".
    """

    messages: list[dict]
    tools: list[dict] | None = None
    weight: float = 1.0
    source: dict = field(default_factory=dict)
    file: str = ""
    line: int = 0

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
    file: str = ""
    line: int = 0

    @property
    def answers(self) -> int:
        return 2 if self.weight else 0

    @classmethod
    def from_row(cls, row: dict) -> "PreferencePair":
        """Of a row that is in our form already."""
        return cls(
            **row | {"chosen": row["chosen"][0], "rejected": row["rejected"][0]},
        )

    def as_row(self) -> dict:
        """As it stands in data/dpo/train.jsonl."""
        row = {"prompt": self.prompt, "chosen": [self.chosen], "rejected": [self.rejected]}
        if self.tools:
            row["tools"] = self.tools
        return row | {"pattern": self.pattern, "weight": self.weight, "source": self.source}


def is_target(message: dict) -> bool:
    return message["role"] == "assistant" and message.get("weight", 1) != 0


def conversation(given, file: str = "", line: int = 0) -> Conversation:
    """One row of data/sft in our form. Raises ValueError saying what it is and what was expected."""
    _object(given)
    name = next((name for name in _CONVERSATIONS if given.get(name) is not None), None)
    if name:
        if not isinstance(given[name], list):
            raise ValueError(f"{name} is {shown(given[name])}, expected a list of messages")
        messages = _messages(given[name], None, name)
    elif "chosen" in given and "rejected" in given:
        raise ValueError("is a preference pair (chosen, rejected); those belong in data/dpo")
    else:
        answer = next((name for name in _ANSWERS if given.get(name) is not None), None)
        prompt = _prompt(given)
        if answer is None or not prompt:
            raise ValueError(
                f"has no conversation ({_has(given)}); expected messages, or a prompt and its answer"
            )
        # What stands in a prompt is context: only the completion is to be imitated.
        context = [m | {"weight": 0} if m["role"] == "assistant" else m for m in prompt]
        messages = context + _after(prompt, _messages(given[answer], "assistant", answer))
    messages = _with_system(given, messages)
    _check_order(messages)
    if not any(message["role"] == "assistant" for message in messages):
        raise ValueError("has no assistant message, so there is nothing to learn from")
    for number, message in enumerate(messages, 1):
        if is_target(message) and _is_empty(message):
            raise ValueError(f"message {number}, the assistant's, is empty")
    return Conversation(
        messages, _tools(given), _weight(given), _source(given.get("source")), file, line
    )


def preference_pair(given, file: str = "", line: int = 0) -> PreferencePair:
    """One row of data/dpo in our form. Raises ValueError saying what it is and what was expected."""
    _object(given)
    if missing := [name for name in ("chosen", "rejected") if name not in given]:
        raise ValueError(f"has no {' and no '.join(missing)} ({_has(given)})")
    chosen, rejected = (
        [_without_weight(m) for m in _messages(given[name], "assistant", name)]
        for name in ("chosen", "rejected")
    )
    name = next((name for name in _CONVERSATIONS if given.get(name) is not None), None)
    prompt = [
        _without_weight(m)
        for m in (_messages(given[name], "user", name) if name else _prompt(given))
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
        raise ValueError(f"has no prompt ({_has(given)}); expected one of {expected}")
    for name, answer in (("chosen", chosen), ("rejected", rejected)):
        if len(answer) != 1 or answer[0]["role"] != "assistant":
            roles = ", ".join(message["role"] for message in answer[:5]) or "nothing"
            raise ValueError(f"{name} is {roles}; expected one assistant message")
        if _is_empty(answer[0]):
            raise ValueError(f"{name} is empty")
    _check_order([*prompt, *chosen])
    if chosen == rejected:
        raise ValueError("chosen and rejected are the same")
    if _trimmed(chosen[0]) == _trimmed(rejected[0]):
        raise ValueError(
            "the two answers are the same to the model: they differ only in spaces around them"
        )
    pattern = given.get("pattern")
    return PreferencePair(
        prompt,
        chosen[0],
        rejected[0],
        _tools(given),
        pattern if isinstance(pattern, str) and pattern else "unknown",
        _weight(given),
        _source(given.get("source")),
        file,
        line,
    )


def shown(value) -> str:
    """A JSON value in a few words, for a sentence that says what stands where something else was expected."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    text = text if len(text) <= 40 else f"{text[:36]}..."
    return f"the number {text}" if type(value) in (int, float) else text


def _object(given) -> None:
    if not isinstance(given, dict):
        raise ValueError(f"is {shown(given)}, expected a JSON object")
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ValueError(
            f"holds half of a character ({half}): the text was cut inside an emoji or the like"
        ) from None


def _has(given: dict) -> str:
    names = ", ".join(given)
    return (
        f"it has: {names if len(names) <= 60 else names[:56] + '...'}" if given else "it is empty"
    )


def _prompt(given: dict) -> list[dict]:
    """The messages of a prompt that stands beside its answer; [] where there is none."""
    name = next((name for name in _PROMPTS if given.get(name) not in (None, "")), None)
    if name is None:
        return []
    prompt = _messages(given[name], "user", name)
    extra = given.get("input")
    if name == "input" or extra is None:
        return prompt
    if not isinstance(extra, str):
        raise ValueError(f"input is {shown(extra)}, expected a text")
    if extra.strip():
        prompt[-1] |= {"content": f"{prompt[-1]['content']}\n{extra}"}
    return prompt


def _after(prompt: list[dict], answer: list[dict]) -> list[dict]:
    """An answer without the prompt, which conversational forms may repeat in it."""
    repeated = len(answer) > len(prompt) and answer[: len(prompt)] == prompt
    return answer[len(prompt) :] if repeated else answer


def _with_system(given: dict, messages: list[dict]) -> list[dict]:
    """The messages after the system message that stands beside them; their own system message goes before it."""
    text = given.get("system", given.get("system_prompt"))
    if text is not None and not isinstance(text, str):
        raise ValueError(f"system is {shown(text)}, expected a text")
    if not text or not text.strip() or (messages and messages[0]["role"] == "system"):
        return messages
    return [{"role": "system", "content": text}, *messages]


def _messages(value, role: str | None, name: str) -> list[dict]:
    """A text of `role`, a message or a list of messages in our form; without a role, a text is no message."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list) or not items:
        what = "an empty list" if items == [] else shown(value)
        raise ValueError(f"{name} is {what}, expected a text or a list of messages")
    of = "" if name in _CONVERSATIONS else f" of {name}"
    return [_message(item, role, f"message {n}{of}") for n, item in enumerate(items, 1)]


def _message(given, role: str | None, where: str) -> dict:
    if isinstance(given, str) and role:
        given = {"content": given}
    if not isinstance(given, dict):
        raise ValueError(f"{where} is {shown(given)}, expected an object with role and content")
    speaker = given.get("role", given.get("from", role))
    alias = speaker.strip().lower() if isinstance(speaker, str) else None
    if alias not in _ROLE_OF:
        what = (
            f"{where} has no role"
            if speaker is None
            else f"the role of {where} is {shown(speaker)}"
        )
        raise ValueError(f"{what}, expected one of {', '.join(ROLES)}")
    content, calls = given.get("content", given.get("value")), given.get("tool_calls")
    if alias in ("function_call", "tool_call") and not calls:
        # ShareGPT: the call is the message's text.
        calls, content = _json(content, where), None
        calls = [calls] if isinstance(calls, dict) else calls
    elif given.get("function_call") and not calls:
        calls = [given["function_call"]]
    message = {"role": _ROLE_OF[alias]}
    message["content"] = _text(content, where, message["role"], bool(calls))
    if calls:
        if message["role"] != "assistant":
            raise ValueError(f"{where} is the {message['role']}'s and has tool calls")
        message["tool_calls"] = _tool_calls(calls, where)
    message |= {n: given[n] for n in ("name", "tool_call_id") if isinstance(given.get(n), str)}
    weight = given.get("weight")
    if message["role"] == "assistant" and weight is not None:
        if isinstance(weight, bool) or weight not in (0, 1):
            raise ValueError(f"the weight of {where} is {shown(weight)}, expected 0 or 1")
        if weight == 0:
            message["weight"] = 0
    return message


def _text(content, where: str, role: str, has_calls: bool) -> str:
    """A content as text; of a tool any JSON value, which stands for its text."""
    if isinstance(content, str):
        return content
    if content is None and has_calls:
        return ""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        if all(isinstance(part, str) for part in parts):
            return "\n".join(parts)
    if role == "tool" and content is not None:
        return json.dumps(content, ensure_ascii=False)
    if isinstance(content, list):
        other = next(
            given for given, part in zip(content, parts, strict=True) if not isinstance(part, str)
        )
        what = (
            f"a part of type {shown(other.get('type'))}"
            if isinstance(other, dict)
            else shown(other)
        )
        raise ValueError(f"{where} holds {what}, expected text")
    what = (
        f"{where} has no content"
        if content is None
        else f"the content of {where} is {shown(content)}"
    )
    raise ValueError(f"{what}, expected a text")


def _tool_calls(calls, where: str) -> list[dict]:
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise ValueError(f"{where} has tool calls that are no list of objects")
    parsed = []
    for call in calls:
        function = call.get("function", call)
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str) or not _is_name(name):
            raise ValueError(f"{where} calls a tool by the name {shown(name)}, expected a word")
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            arguments = _json(arguments or "{}", f"{where}: the arguments of {name}")
        if not isinstance(arguments, dict | None):
            raise ValueError(
                f"{where} calls {name} with {shown(arguments)}, expected an object of arguments"
            )
        if bad := next((key for key in arguments or {} if not _is_name(key)), None):
            raise ValueError(f"{where} calls {name} with an argument by the name {shown(bad)}")
        known = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
        parsed.append(
            known | {"type": "function", "function": {"name": name, "arguments": arguments or {}}}
        )
    return parsed


def _is_name(text: str) -> bool:
    """Templates write names between the brackets of their markup."""
    return bool(text.strip()) and not any(c in "<>\r\n" for c in text)


def _json(text, where: str):
    if not isinstance(text, str):
        raise ValueError(f"{where} is {shown(text)}, expected a JSON text")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} are not JSON ({error})") from None


def _check_order(messages: list[dict]) -> None:
    """What every chat template asks for: the system first, an answer after a question, a result after a call."""
    asked, before = False, None
    for number, message in enumerate(messages, 1):
        role = message["role"]
        if role == "system" and number > 1:
            raise ValueError(f"message {number} is the system's, which can only be the first")
        if role == "tool" and before not in ("assistant", "tool"):
            raise ValueError(
                f"message {number} is a tool's, but the assistant called none before it"
            )
        asked = asked or (role == "user" and bool(message["content"].strip()))
        if role == "assistant" and not asked:
            raise ValueError(
                f"message {number} is the assistant's, but no question comes before it"
            )
        before = role


def _is_empty(message: dict) -> bool:
    return not message["content"].strip() and not message.get("tool_calls")


def _trimmed(message: dict) -> dict:
    return message | {"content": message["content"].strip()}


def _without_weight(message: dict) -> dict:
    return {name: value for name, value in message.items() if name != "weight"}


def _tools(given: dict) -> list[dict] | None:
    tools = given.get("tools")
    if isinstance(tools, str) and tools.strip():
        tools = _json(tools, "the tools")
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


def _source(value) -> dict:
    """Where a row is from, in our form: other programs keep a name there, or nothing."""
    if not isinstance(value, dict):
        return {} if value is None else {"name": value if isinstance(value, str) else shown(value)}
    if "ids" not in value:
        return value
    ids = value["ids"] if isinstance(value["ids"], list) else [value["ids"]]
    return value | {"ids": [str(name) for name in ids if isinstance(name, str | int)]}
