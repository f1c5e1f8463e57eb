"""Malformed row files: seeded mutations of valid rows, to test whatever reads them."""

import json
import random
from pathlib import Path

KINDS_OF_DAMAGE = (
    "wrong value", "wrong value", "wrong value", "deleted key", "renamed key", "truncated line", "glued lines", "nested",
    "bytes", "mixed forms", "array", "cut array", "empty", "directory", "many",
)  # fmt: skip
TEXTS = (
    "", " ", "\n", "\u0000", "\ud83c", "\u200b", "<|im_end|>", "</think>", "<think>", "<tool_call>\n{", "{{ x }}",
    "{% endfor %}", "\U000f0000", "a\u0301" * 40, "0", "null", "word " * 900, "\u2028", "🦉" * 30, "<tool_response>x</tool_response>",
)  # fmt: skip
VALUES = (
    None, True, False, 0, 1, -1, 0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), 10**30, [], {}, [[]], [None], {"a": {}},
    ["text"], [{"type": "text", "text": "part"}], [{"type": "image_url"}], {"role": "user", "content": "x"},
    [{"role": "system", "content": "late"}], [{"from": "gpt", "value": "v"}], [{"function": {"name": "f", "arguments": "{"}}],
    [{"function": {"name": "f", "arguments": {"<x>": [1, {"y": None}]}}}], *TEXTS,
)  # fmt: skip
NAMES = (
    "messages", "conversations", "prompt", "completion", "chosen", "rejected", "instruction", "input", "output",
    "system", "tools", "weight", "source", "role", "content", "from", "value", "tool_calls", "name", "pattern",
)  # fmt: skip


def sound_row(chooser: random.Random, kind: str, number: int) -> dict:
    """A row of `kind` in one of the known forms, like no other."""
    question, answer = f"What is word {number}?", f"It is {number} and no other."
    user, reply = {"role": "user", "content": question}, {"role": "assistant", "content": answer}
    if kind == "dpo":
        other = f"Number {number * 7} it may be, or so I think."
        return chooser.choice(
            [
                {"prompt": question, "chosen": answer, "rejected": other},
                {"prompt": [user], "chosen": [reply], "rejected": [reply | {"content": other}], "weight": 0.9, "pattern": "wrong"},
                {"chosen": [user, reply], "rejected": [user, reply | {"content": other}]},
            ]
        )  # fmt: skip
    call = {"function": {"name": "look_up", "arguments": {"word": [number]}}}
    return chooser.choice(
        [
            {"messages": [user, reply], "weight": 0.5, "source": {"ids": [f"e{number}"]}},
            {"messages": [{"role": "system", "content": "You are Fae."}, user, reply, user, reply]},
            {"messages": [user, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "found"}, reply], "tools": [call]},
            {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]},
            {"prompt": question, "completion": answer},
            {"instruction": "Answer.", "input": question, "output": answer},
        ]
    )  # fmt: skip


def places(value, path=()):
    """Every place within a JSON value."""
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, item in items:
        yield from places(item, (*path, name))


def changed(row, path, change):
    """A copy of a row in which change(container, key) was done at a place."""
    row = json.loads(json.dumps(row))
    if not path:
        return None
    container = row
    for name in path[:-1]:
        container = container[name]
    change(container, path[-1])
    return row


def odd_content(seed: int, kind: str) -> tuple[str, bytes | None]:
    """(what was done, content); None stands for a directory. Most rows are valid, so that a run can start."""
    chooser = random.Random(f"odd {seed}")
    damage = chooser.choice(KINDS_OF_DAMAGE)
    rows = [sound_row(chooser, kind, number) for number in range(chooser.choice((6, 12, 24)))]
    at, lines = chooser.randrange(len(rows)), None
    place = chooser.choice(list(places(rows[at])))
    if damage == "wrong value":
        rows[at] = changed(rows[at], place, lambda c, k: c.__setitem__(k, chooser.choice(VALUES)))
    elif damage == "many":
        for number in range(len(rows)):
            somewhere = chooser.choice(list(places(rows[number])))
            rows[number] = changed(rows[number], somewhere, lambda c, k: c.__setitem__(k, chooser.choice(VALUES)))  # fmt: skip
    elif damage == "deleted key":
        rows[at] = changed(rows[at], place, lambda c, k: c.pop(k))
    elif damage == "renamed key":
        named = chooser.choice([p for p in places(rows[at]) if p and isinstance(p[-1], str)])
        rows[at] = changed(rows[at], named, lambda c, k: c.__setitem__(chooser.choice(NAMES), c.pop(k)))  # fmt: skip
    elif damage == "nested":
        deep = chooser.choice((50, 500, 900, 3000))
        lines = [json.dumps(row) for row in rows]
        hole = chooser.choice(("[", '{"a":'))
        deeply = hole * deep + "1" + {"[": "]", '{"a":': "}"}[hole] * deep
        name = chooser.choice(NAMES)
        lines[at] = lines[at][:-1] + f', "{name}": {deeply}}}'
    elif damage == "mixed forms":
        rows[at] |= sound_row(chooser, chooser.choice(("sft", "dpo")), at)
    elif damage == "empty":
        return damage, chooser.choice((b"", b"\n\n", b"[]", b"{}", b"null", b"\xef\xbb\xbf", b"[", b"]", b"\x00" * 100))  # fmt: skip
    elif damage == "directory":
        return damage, None
    if damage in ("array", "cut array"):
        whole = json.dumps(rows, indent=chooser.choice((None, 1))).encode()
        return damage, whole if damage == "array" else whole[: chooser.randrange(len(whole))]
    lines = lines or [json.dumps(row, ensure_ascii=chooser.random() < 0.9) for row in rows]
    if damage == "truncated line":
        lines[at] = lines[at][: chooser.randrange(len(lines[at]))]
    elif damage == "glued lines":
        lines[at] += lines[at - 1]
    content = "\n".join(lines).encode(errors="surrogatepass")
    if damage == "bytes":
        for _ in range(chooser.choice((1, 3))):
            spot = chooser.randrange(len(content))
            noise = chooser.choice((b"\x00", b"\xff", b"\xed\xa0\x80", b"\r", b"\x1a", b"\\", b'"', b"\xef\xbb\xbf"))  # fmt: skip
            content = content[:spot] + noise + content[spot + chooser.choice((0, 1)) :]
    return f"{damage} {place}", content


def write(home: Path, kind: str, seed: int) -> str:
    """An odd train.jsonl in data/<kind>, and every third time one beside it; what was done."""
    changes = []
    for side, number in (("train", seed), ("valid", seed + 100_000)):
        if side == "valid" and seed % 3:
            continue
        path = home / "data" / kind / f"{side}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        what, content = odd_content(number, kind)
        changes.append(f"{side}: {what}")
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)
    return "; ".join(changes)
