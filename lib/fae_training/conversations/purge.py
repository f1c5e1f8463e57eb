"""Removes what was forgotten from earlier exports, and names the runs that were trained on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fae_training import runs, training_rows
from fae_training.conversations.forgetting import Forgotten
from fae_training.deployment import current
from fae_training.errors import Missing
from fae_training.kinds import KINDS
from fae_training.provenance import describe, learned_from, read
from fae_training.state import Home, read_json, write_json, write_jsonl

KINDS_OF_TEXT = ("sft", "dpo")
SIDES = ("train", "valid")


@dataclass(frozen=True)
class Purged:
    """The result of a purge. `learned_by`: ids of the runs trained on what was removed; `active`:
    the one of them that Fae uses now.
    """

    rows_removed: int
    learned_by: list[str]
    active: str | None


def purge(home: Home, forgotten: Forgotten) -> Purged:
    """Take every row that mentions `forgotten` out of data/sft and data/dpo, and the tokens made
    from them.
    """
    removed, ids = 0, set()
    for kind in KINDS_OF_TEXT:
        before = removed
        for path in (home.file("data", kind, f"{side}.jsonl") for side in SIDES):
            gone = [row for row in _rows(path) if _mentions(row, forgotten)]
            if gone:
                ids |= {str(episode) for row in gone for episode in _source(row).get("ids") or []}
                removed += len(gone)
                write_jsonl(path, [row for row in _rows(path) if not _mentions(row, forgotten)])
        if removed > before:
            meta = home.file("data", kind, "meta.json")
            write_json(meta, (read_json(meta, {}) or {}) | _counted(home, kind))
    if removed:
        # Rows as tokens are kept beside the state; they must go with the text that they were made
        # from. What is kept of the gated delta rule holds no text, and without it a run that goes
        # on might compute with another rule.
        for cached in home.file("cache").glob("*.json"):
            if not cached.name.startswith("gated-delta-"):
                cached.unlink(missing_ok=True)
    learned_by = [
        run.id
        for run in runs.all_runs(home)
        if run.kind in KINDS_OF_TEXT and learned_from(run, ids)
    ]
    active = current(home, KINDS["sft"].slot)
    return Purged(
        rows_removed=removed,
        learned_by=learned_by,
        active=active.run if active and active.run in learned_by else None,
    )


def _rows(path: Path) -> Iterator[Any]:
    """The rows of a file in any form that is trained on. What is no JSON is never trained on, and
    goes when others do.
    """
    return (row for _, row in training_rows.values(path) if not isinstance(row, ValueError))


def _source(row: object) -> dict:
    source = row.get("source") if isinstance(row, dict) else None
    return source if isinstance(source, dict) else {}


def _mentions(row: object, forgotten: Forgotten) -> bool:
    source = _source(row)
    ids = source.get("ids")
    known = {str(name) for name in [*(ids if isinstance(ids, list) else []), source.get("session")]}
    if not forgotten.ids.isdisjoint(known):
        return True
    return forgotten.mentioned_in("\n".join(_said(row))) is not None


def _said(value: object) -> Iterator[str]:
    """The texts of a row, wherever its form has them. soul.md and tools are Fae's, not something
    that was said.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _said(item)
    elif isinstance(value, dict) and "system" not in (value.get("role"), value.get("from")):
        for name, item in value.items():
            if name not in ("system", "tools", "source", "role", "from"):
                yield from _said(item)


def _counted(home: Home, kind: str) -> dict:
    """What meta.json says of the files that are left."""
    try:
        found = describe(home, kind, "", *read(home, kind))
    except Missing:
        return {"rows": dict.fromkeys(SIDES, 0), "data_fingerprint": None}
    return {"rows": found.rows, "data_fingerprint": found.fingerprint}
