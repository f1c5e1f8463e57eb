"""Preference pairs as rows {"prompt", "chosen", "rejected", "tools"?, "pattern", "weight", "source"}, whoever wrote them.

A prompt is a list of messages, an answer a list of one assistant message. Accepted and brought to that form: plain
strings; `chosen` and `rejected` as whole conversations with the prompt in both (TRL); `conversations` with
from/value (ShareGPT, LLaMA-Factory); `instruction`, `input` or `question` for the prompt; `system` beside any of them;
and contents as lists of text parts.
"""

import json
from pathlib import Path

from fae_training.errors import BadRequest, Missing

_ROLES = {"human": "user", "gpt": "assistant", "model": "assistant", "function_call": "assistant"}
_PROMPTS = ("prompt", "question", "instruction", "query", "conversations", "messages")
_NAMES_SHOWN = 5


def load(path: Path) -> list[dict]:
    """The pairs of a JSONL or JSON file, in the file's order. Raises BadRequest naming the rows that are no pairs and
    why, Missing when there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Missing(
            "no_corrections",
            f"{path} is not there",
            "make it: uv run scripts/extract_corrections.py",
        ) from None
    rows, problems = [], []
    for number, given in _objects(text):
        try:
            rows.append(as_pair(given))
        except ValueError as problem:
            problems.append(f"row {number}: {problem}")
    if problems:
        more = f"; and {len(problems) - _NAMES_SHOWN} more" if len(problems) > _NAMES_SHOWN else ""
        raise BadRequest(
            "bad_pairs",
            f"{len(problems)} of {len(rows) + len(problems)} rows in {path} are no preference pairs: "
            + "; ".join(problems[:_NAMES_SHOWN])
            + more,
            "correct or remove these rows, or make the file again: uv run scripts/extract_corrections.py",
        )
    return rows


def _objects(text: str):
    """(number from 1, object) of a JSON array or of JSON lines; None for a line that is not JSON."""
    if text.lstrip().startswith("["):
        try:
            yield from enumerate(json.loads(text), 1)
            return
        except ValueError:
            pass
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError:
                yield number, None


def as_pair(given: dict | None) -> dict:
    """One row in our form. Raises ValueError saying what is missing or wrong."""
    if not isinstance(given, dict):
        raise ValueError("is not a JSON object")
    missing = [name for name in ("chosen", "rejected") if not given.get(name)]
    if missing:
        raise ValueError(
            f"has no {' and no '.join(missing)} (it has: {', '.join(given) or 'nothing'})"
        )
    chosen, rejected = (
        _messages(given[name], "assistant", name) for name in ("chosen", "rejected")
    )
    source = next((given[name] for name in _PROMPTS if given.get(name)), None)
    if source is None:
        prompt = []
        while len(chosen) > 1 and len(rejected) > 1 and chosen[0] == rejected[0]:
            prompt.append(chosen.pop(0))
            rejected.pop(0)
    else:
        prompt = _messages(source, "user", "prompt")
        if isinstance(given.get("input"), str) and given["input"].strip():
            prompt[-1]["content"] += "\n" + given["input"]
        # TRL's conversational form may repeat the prompt in both answers.
        chosen, rejected = (
            a[len(prompt) :] if a[: len(prompt)] == prompt else a for a in (chosen, rejected)
        )
    if (
        isinstance(given.get("system"), str)
        and given["system"].strip()
        and prompt
        and prompt[0]["role"] != "system"
    ):
        prompt.insert(0, {"role": "system", "content": given["system"]})
    if not any(message["role"] == "user" for message in prompt):
        raise ValueError(
            f"has no prompt (it has: {', '.join(given)}); expected one of {', '.join(_PROMPTS)}"
        )
    for name, answer in (("chosen", chosen), ("rejected", rejected)):
        if len(answer) != 1 or answer[0]["role"] != "assistant":
            roles = ", ".join(message["role"] for message in answer) or "nothing"
            raise ValueError(f"{name} is {roles}; expected one assistant message")
        if not answer[0]["content"].strip() and not answer[0].get("tool_calls"):
            raise ValueError(f"{name} is empty")
    if chosen == rejected:
        raise ValueError("chosen and rejected are the same")
    row = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    if given.get("tools"):
        row["tools"] = given["tools"]
    weight = given.get("weight", 1.0)
    if (
        isinstance(weight, bool)
        or not isinstance(weight, int | float)
        or not 0 <= weight < float("inf")
    ):
        raise ValueError(f"weight is {weight!r}, expected a number from 0")
    pattern = given.get("pattern") or "unknown"
    return row | {
        "pattern": str(pattern),
        "weight": float(weight),
        "source": given.get("source", {}),
    }


def _messages(value, role: str, name: str) -> list[dict]:
    """A string, a message or a list of messages as a list of {"role", "content", "tool_calls"?...}."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    messages = []
    for message in [value] if isinstance(value, dict) else value:
        if isinstance(message, str):
            message = {"role": role, "content": message}
        if not isinstance(message, dict):
            raise ValueError(f"{name} holds a {type(message).__name__}, expected messages")
        kept = {k: v for k, v in message.items() if k in ("tool_calls", "name", "tool_call_id")}
        speaker = message.get("role", message.get("from", role))
        content = message.get("content", message.get("value"))
        messages.append(
            {"role": _ROLES.get(speaker, speaker), "content": _text(content, name)} | kept
        )
    return messages


def _text(content, name: str) -> str:
    if isinstance(content, list):
        return "\n".join(p if isinstance(p, str) else str(p.get("text", "")) for p in content)
    if content is None or isinstance(content, str):
        return content or ""
    raise ValueError(f"a content of {name} is a {type(content).__name__}, expected text")
