"""Converts messages in common formats to {"role", "content": text, "tool_calls"?, "weight"?: 0}.

Accepts roles in any case and under common aliases, contents as lists of text parts, and tool call arguments as text or
object. Standard library only.
"""

import json
import unicodedata
from typing import Any

from fae_training.calls.error_words import reason, shown

ROLES = {
    "system": ("system", "developer", "systemmessage"),
    "user": ("user", "human", "prompter", "customer", "humanmessage"),
    "assistant": (
        "assistant",
        "gpt",
        "bot",
        "model",
        "ai",
        "chatgpt",
        "chatbot",
        "bing",
        "bard",
        "claude",
        "agent",
        "aimessage",
        "fae",
        "function_call",
        "tool_call",
    ),
    "tool": ("tool", "observation", "function", "function_response", "tool_response", "ipython"),
}
_ROLE_OF = {alias: role for role, aliases in ROLES.items() for alias in aliases}


def is_target(message: dict) -> bool:
    return message["role"] == "assistant" and message.get("weight", 1) != 0


def messages_of(value, role: str | None, name: str) -> list[dict]:
    """`value` as messages in our form: a text said by `role`, a message, or a list of messages. Without a role, a text is
    refused."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list) or not items:
        what = "an empty list" if items == [] else shown(value)
        raise ValueError(f"{name} is {what}, expected a text or a list of messages")
    of = f" of {name}" if role else ""
    return [_message(item, role, f"message {n}{of}") for n, item in enumerate(items, 1)]


def _message(given, role: str | None, where: str) -> dict:
    if isinstance(given, str) and role:
        given = {"content": given}
    if not isinstance(given, dict):
        raise ValueError(f"{where} is {shown(given)}, expected an object with role and content")
    speaker = given.get("role", given.get("from", role))
    alias = speaker.strip().rstrip(":").lower() if isinstance(speaker, str) else None
    if alias not in _ROLE_OF:
        what = (
            f"{where} has no role"
            if speaker is None
            else f"the role of {where} is {shown(speaker)}"
        )
        raise ValueError(f"{what}, expected one of {', '.join(ROLES)}")
    content, calls = given.get("content", given.get("value")), given.get("tool_calls")
    if alias in ("function_call", "tool_call") and not calls:
        # In ShareGPT the call is the message's text.
        calls, content = json_value(content, where), None
        calls = [calls] if isinstance(calls, dict) else calls
    elif given.get("function_call") and not calls:
        calls = [given["function_call"]]
    kept_role = _ROLE_OF[alias]
    message: dict[str, Any] = {
        "role": kept_role,
        "content": _text(content, where, kept_role, bool(calls)),
    }
    if calls:
        if kept_role != "assistant":
            raise ValueError(f"{where} is the {kept_role}'s, but has tool calls")
        message["tool_calls"] = _tool_calls(calls, where)
    message |= {n: given[n] for n in ("name", "tool_call_id") if isinstance(given.get(n), str)}
    weight = given.get("weight")
    if kept_role == "assistant" and weight is not None:
        if isinstance(weight, bool) or weight not in (0, 1):
            raise ValueError(f"the weight of {where} is {shown(weight)}, expected 0 or 1")
        if weight == 0:
            message["weight"] = 0
    return message


def _text(content, where: str, role: str, has_calls: bool) -> str:
    """A content as text; a tool's content may be any JSON value, which becomes its JSON text."""
    if isinstance(content, str):
        return content
    if content is None and has_calls:
        return ""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(parts):
            return "\n".join(texts)
        if role == "tool":
            return json.dumps(content, ensure_ascii=False)
        other = next(
            given for given, part in zip(content, parts, strict=True) if not isinstance(part, str)
        )
        what = (
            f"a part of type {shown(other.get('type'))}"
            if isinstance(other, dict)
            else shown(other)
        )
        raise ValueError(f"{where} holds {what}, expected text")
    if role == "tool" and content is not None:
        return json.dumps(content, ensure_ascii=False)
    what = (
        f"{where} has no content"
        if content is None
        else f"the content of {where} is {shown(content)}"
    )
    raise ValueError(f"{what}, expected a text")


def _tool_calls(calls, where: str) -> list[dict]:
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise ValueError(f"the tool calls of {where} are not a list of objects")
    parsed = []
    for call in calls:
        function = call.get("function", call)
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str) or not _is_name(name):
            raise ValueError(f"{where} calls a tool named {shown(name)}, expected a word")
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            arguments = json_value(arguments or "{}", f"{where}: the arguments of {name}")
        if not isinstance(arguments, dict | None):
            raise ValueError(
                f"{where} calls {name} with {shown(arguments)}, expected an object of arguments"
            )
        if bad := next((key for key in arguments or {} if not _is_name(key)), None):
            raise ValueError(f"{where} calls {name} with an argument named {shown(bad)}")
        known = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
        parsed.append(
            known | {"type": "function", "function": {"name": name, "arguments": arguments or {}}}
        )
    return parsed


def _is_name(text: str) -> bool:
    """Templates put names inside markup brackets."""
    return bool(text.strip()) and not any(c in "<>\r\n" for c in text)


def json_value(text, where: str):
    if not isinstance(text, str):
        raise ValueError(f"{where} is {shown(text)}, expected a JSON text")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} are not JSON ({reason(error)})") from None


def check_order(messages: list[dict]) -> None:
    """Raises ValueError for an order that chat templates refuse: system first, answer after question, result after call."""
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


def visible(text: str) -> str:
    """`text` stripped of surrounding spaces and of invisible characters, such as zero-width spaces and byte order marks."""
    return "".join(
        c for c in text if unicodedata.category(c) not in ("Cc", "Cf") or c in "\n\t"
    ).strip()


def is_empty(message: dict) -> bool:
    return not visible(message["content"]) and not message.get("tool_calls")
