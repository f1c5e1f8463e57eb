"""The items of the suite: the bundled ones in items/, and a person's own in benchmarks/ of the state directory.

One JSON object a line:

    {"id": "weather-tonight", "category": "tool choice", "tools": ["weather", "timer"],
     "messages": [{"role": "user", "content": "Will it rain tonight?"}], "check": {"calls": {"name": "weather"}}}

tools: names from items/tools.json, or whole function schemas in OpenAI's form. check: names from
checks.KINDS, each with its value; all must hold. Optional: "max_tokens" (the answer is cut there), "quick": true (also in the quick suite),
"good" and "bad" (answers that must pass and must fail; an object stands for a call).
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fae_training.calls.error_words import reason, shown
from fae_training.calls.errors import BadRequest, command_line
from fae_training.capabilities.checks import KINDS
from fae_training.capabilities.near_copies import NearCopies
from fae_training.capabilities.task import MAX_TOKENS, Check, Item
from fae_training.lifecycle.runs import Run
from fae_training.store import state
from fae_training.store.state import Home

BUNDLED = Path(__file__).with_name("items")
MOST_TOKENS = 2048
ROLES = ("system", "user", "assistant", "tool")
_FIELDS = {
    "id": str,
    "category": str,
    "messages": list,
    "check": dict,
    "tools": list,
    "max_tokens": int,
    "quick": bool,
    "good": list,
    "bad": list,
}
_REQUIRED = ("id", "category", "messages", "check")
# A rehearsal prompt is an item without checks.
_JUDGED = ("check", "quick", "good", "bad")
_NAMES = {
    str: "a text",
    list: "a list",
    dict: "an object",
    int: "a whole number",
    bool: "true or false",
}


@dataclass(frozen=True)
class Suite:
    """Items in a fixed order. version: 16 hexadecimal digits that change with anything an answer or
    its score depends on."""

    items: tuple[Item, ...]
    version: str

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item.category for item in self.items))

    def quick(self) -> "Suite":
        """A fixed subset of the items, marked in the data: the same number from each bundled category."""
        return of_items([item for item in self.items if item.is_quick])

    def near_copy(self, text: str) -> str | None:
        """The id of an item that `text` repeats, nearly or within a longer text; such a text must
        not be trained on."""
        return self._near_copies.of(text)

    @functools.cached_property
    def _near_copies(self) -> NearCopies:
        return NearCopies(
            (item.id, message["content"])
            for item in self.items
            for message in item.messages
            if message["role"] == "user"
        )


def chosen(home: Home, name: str) -> Suite:
    """The suite by which a run is judged: "full", "quick", or only a person's "own" items (see
    kinds.SUITES)."""
    if name == "own":
        return load(home, bundled=False)
    whole = load(home)
    return whole.quick() if name == "quick" else whole


def of_run(run: Run) -> Suite:
    """The one that a run is judged by; "full" for a run of a version that had no choice."""
    return chosen(run.home, run.settings.get("suite", "full"))


def load(home: Home | None = None, bundled: bool = True) -> Suite:
    """The bundled items and those of `home`. Raises BadRequest with file and line of an invalid
    item of the person's own."""
    directories = [BUNDLED] if bundled else []
    return of_items(read_items([*directories, *([home.file("benchmarks")] if home else [])]))


def read_items(directories: Iterable[Path], judged: bool = True) -> list[Item]:
    """The items in all files *.jsonl of some directories; without `judged`, rehearsal prompts.
    Raises BadRequest as load does."""
    items: dict[str, Item] = {}
    for path in (path for each in directories for path in sorted(each.glob("*.jsonl"))):
        for where, item in _read(path, judged):
            if item.id in items:
                raise _bad(where, f'the id "{item.id}" is taken by another item', "a unique id")
            items[item.id] = item
    return list(items.values())


def of_items(items: list[Item]) -> Suite:
    content = [
        [
            item.id,
            item.category,
            item.messages,
            item.tools,
            [[check.kind, check.value] for check in item.checks],
            item.max_tokens,
        ]
        for item in sorted(items, key=lambda item: item.id)
    ]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return Suite(tuple(items), hashlib.sha256(text.encode()).hexdigest()[:16])


@functools.cache
def catalogue() -> dict[str, dict]:
    """The schemas of the tools that items refer to, by name."""
    schemas = json.loads((BUNDLED / "tools.json").read_text(encoding="utf-8"))
    return {schema["function"]["name"]: schema for schema in schemas}


@dataclass(frozen=True)
class _Line:
    path: Path
    number: int
    judged: bool


def _code(judged: bool) -> str:
    return "benchmark_item" if judged else "rehearsal_prompt"


def _bad(where: _Line, what: str, expected: str) -> BadRequest:
    return BadRequest(
        _code(where.judged),
        f"{where.path}, line {where.number}: {what}; expected {expected}",
        f"correct or remove the line: {command_line('open', where.path)}",
    )


def _read(path: Path, judged: bool) -> Iterator[tuple[_Line, Item]]:
    try:
        text = state.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(
            _code(judged),
            f"{path} cannot be read ({reason(error)}); expected a file of lines in UTF-8",
            f"correct it or move it away: {command_line('open', path)}",
        ) from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = _Line(path, number, judged)
            yield where, _item(where, line)


def _item(where: _Line, line: str) -> Item:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad(where, f"not JSON ({reason(error)})", "one JSON object") from error
    if not isinstance(given, dict):
        raise _bad(where, shown(given), "one JSON object")
    fields, required = (
        [name for name in names if where.judged or name not in _JUDGED]
        for names in (_FIELDS, _REQUIRED)
    )
    if missing := [name for name in required if name not in given]:
        raise _bad(where, f"no {' and no '.join(missing)}", f"at least {', '.join(required)}")
    if unknown := sorted(set(given) - set(fields)):
        raise _bad(where, f'the unknown field "{unknown[0]}"', f"some of {', '.join(fields)}")
    for name, value in given.items():
        is_right = isinstance(value, _FIELDS[name]) and (
            _FIELDS[name] is bool or not isinstance(value, bool)
        )
        if not is_right or (isinstance(value, str) and not value.strip()):
            raise _bad(where, f"{name} is {shown(value)}", _NAMES[_FIELDS[name]])
    limit = given.get("max_tokens", MAX_TOKENS)
    if not 1 <= limit <= MOST_TOKENS:
        raise _bad(where, f"max_tokens is {limit}", f"1 to {MOST_TOKENS}")
    return Item(
        id=given["id"],
        category=given["category"],
        messages=tuple(_messages(where, given["messages"])),
        tools=tuple(_tool(where, tool) for tool in given.get("tools", ())),
        checks=tuple(_checks(where, given["check"])) if where.judged else (),
        max_tokens=limit,
        is_quick=given.get("quick", False),
        good=tuple(_answers(where, "good", given)),
        bad=tuple(_answers(where, "bad", given)),
    )


def _messages(where: _Line, messages: list) -> list[dict]:
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise _bad(
                where, f"the message {json.dumps(message)[:60]}", f"a role of {', '.join(ROLES)}"
            )
        if not isinstance(message.get("content"), str):
            raise _bad(where, f"the message {json.dumps(message)[:60]}", "a text as its content")
    if not messages or messages[-1]["role"] not in ("user", "tool"):
        raise _bad(
            where, "messages do not end in a turn to answer", "a last message of user or tool"
        )
    if not any(message["role"] == "user" for message in messages):
        raise _bad(where, "no message of the user", "at least one")
    return messages


def _tool(where: _Line, tool: Any) -> dict:
    if isinstance(tool, str):
        if tool not in catalogue():
            raise _bad(
                where, f'the unknown tool "{tool}"', f"a schema, or one of {', '.join(catalogue())}"
            )
        return catalogue()[tool]
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise _bad(
            where,
            f"the tool {json.dumps(tool)[:60]}",
            '{"type": "function", "function": {"name": ...}}',
        )
    return tool


def _checks(where: _Line, check: dict) -> Iterator[Check]:
    if not check:
        raise _bad(where, "an empty check", f"some of {', '.join(KINDS)}")
    for kind, value in check.items():
        if kind not in KINDS:
            raise _bad(where, f'the unknown check "{kind}"', f"some of {', '.join(KINDS)}")
        if not KINDS[kind].is_value(value):
            raise _bad(where, f"the check {kind} has {json.dumps(value)[:60]}", KINDS[kind].value)
        yield Check(kind, value)


def _answers(where: _Line, name: str, given: dict) -> Iterator[str | dict]:
    for answer in given.get(name, ()):
        is_call = isinstance(answer, dict) and set(answer) == {"name", "arguments"}
        if not isinstance(answer, str) and not is_call:
            raise _bad(
                where,
                f"{name} has {json.dumps(answer)[:60]}",
                "texts, or calls with name and arguments",
            )
        yield answer
