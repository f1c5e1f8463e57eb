"""How often the same judge part has been looked at. Each look at it makes a false "better" likelier, so each is counted.

looks.jsonl has a line for each adapter that was judged, with hashes of what it was judged on. What was judged before
counts as a look at the same part when it holds at least half of what is judged on now.
"""

import hashlib
from collections.abc import Iterable

from fae_training.state import Home, now, read_jsonl
from fae_training.transactions import Change

FILE = "looks.jsonl"
SAME_PART = 0.5


def number(home: Home, slot: str, adapter: str, items: Iterable[str]) -> int:
    """Which look, from 1, judging this adapter (a fingerprint) on these items is. A repeated judgement is the same look."""
    marks = _marks(items)
    others: set[str] = set()
    for line in read_jsonl(home.file(FILE)):
        if line["slot"] != slot or len(marks & set(line["items"])) < SAME_PART * len(marks):
            continue
        if line["adapter"] == adapter:
            break
        others.add(line["adapter"])
    return 1 + len(others)


def count(change: Change, slot: str, adapter: str, items: Iterable[str]) -> int:
    """The same, and kept as a part of `change`, so that the next one counts it."""
    marks, home = _marks(items), change.home
    look = number(home, slot, adapter, items)
    kept = any(
        line["slot"] == slot and line["adapter"] == adapter and set(line["items"]) == marks
        for line in read_jsonl(home.file(FILE))
    )
    if not kept:
        line = {"at": now(), "slot": slot, "adapter": adapter, "items": sorted(marks)}
        change.append(home.file(FILE), line)
    return look


def _marks(items: Iterable[str]) -> set[str]:
    return {hashlib.sha256(item.encode()).hexdigest()[:12] for item in items}
