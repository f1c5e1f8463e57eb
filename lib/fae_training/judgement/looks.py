"""Counts how often the same judge part has been used. Each look makes a false "better" more likely.

looks.jsonl has a line for each adapter that was judged, with hashes of the items. An earlier judgement counts as a look
at the same part if it covers at least half of the current items.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from fae_training.store import records
from fae_training.store.state import Home, now, read_jsonl
from fae_training.store.transactions import Change

FILE = "looks.jsonl"
SAME_PART = 0.5


@dataclass(frozen=True)
class Look:
    """A line of looks.jsonl. adapter: a fingerprint; items: sorted hashes of the items that it was judged on."""

    at: str
    slot: str
    adapter: str
    items: tuple[str, ...]


def number(home: Home, slot: str, adapter: str, items: Iterable[str]) -> int:
    """The number, from 1, of the look at these items by this adapter (a fingerprint). Judging again is the same look."""
    marks = _marks(items)
    others: set[str] = set()
    for look in _kept(home):
        if look.slot != slot or len(marks.intersection(look.items)) < SAME_PART * len(marks):
            continue
        if look.adapter == adapter:
            break
        others.add(look.adapter)
    return 1 + len(others)


def count(change: Change, slot: str, adapter: str, items: Iterable[str]) -> int:
    """`number`, recorded as part of `change` so that later looks count it."""
    marks, home = _marks(items), change.home
    look = number(home, slot, adapter, items)
    new = Look(now(), slot, adapter, tuple(sorted(marks)))
    if not any(replace(kept, at=new.at) == new for kept in _kept(home)):
        change.append(home.file(FILE), asdict(new))
    return look


def _kept(home: Home) -> list[Look]:
    path = home.file(FILE)
    return [
        records.read(Look, line, f"line {number} of {path}")
        for number, line in enumerate(read_jsonl(path), 1)
    ]


def _marks(items: Iterable[str]) -> set[str]:
    return {hashlib.sha256(item.encode(errors="replace")).hexdigest()[:12] for item in items}
