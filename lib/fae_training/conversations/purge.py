"""Forgetting that reaches what was exported before, and names the runs that have learned it."""

import json
from collections.abc import Iterator
from pathlib import Path

from fae_training import runs
from fae_training.conversations.forgetting import Forgotten
from fae_training.dataset import facts, learned_from
from fae_training.deployment import current
from fae_training.errors import Missing
from fae_training.kinds import KINDS
from fae_training.state import Home, read_json, write_json, write_jsonl

KINDS_OF_TEXT = ("sft", "dpo")
SIDES = ("train", "valid")


def purge(home: Home, forgotten: Forgotten) -> dict:
    """Take every row that mentions `forgotten` out of data/sft and data/dpo, and the tokens made from them.

    Returns {"rows_removed", "learned_by": [run ids], "active": the one that Fae uses now, or None}.
    """
    removed, ids = 0, set()
    for kind in KINDS_OF_TEXT:
        before = removed
        for path in (home.file("data", kind, f"{side}.jsonl") for side in SIDES):
            gone = [row.get("source") or {} for row in _rows(path) if _mentions(row, forgotten)]
            if gone:
                ids |= {str(episode) for source in gone for episode in source.get("ids", [])}
                removed += len(gone)
                write_jsonl(path, (row for row in _rows(path) if not _mentions(row, forgotten)))
        if removed > before:
            meta = home.file("data", kind, "meta.json")
            write_json(meta, (read_json(meta, {}) or {}) | _counted(home, kind))
    if removed:
        # Rows as tokens are kept beside the state; they would outlive the text that they were made from. What is kept of
        # the gated delta rule holds no text, and without it a run that goes on might compute with another rule.
        for cached in home.file("cache").glob("*.json"):
            if not cached.name.startswith("gated-delta-"):
                cached.unlink(missing_ok=True)
    learned_by = [
        run.id
        for run in runs.all_runs(home)
        if run.kind in KINDS_OF_TEXT and learned_from(run, ids)
    ]
    active = current(home, KINDS["sft"].slot)
    return {
        "rows_removed": removed,
        "learned_by": learned_by,
        "active": active["run"] if active and active["run"] in learned_by else None,
    }


def _rows(path: Path) -> Iterator[dict]:
    """The rows of a file one at a time; none where there is no file."""
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())


def _mentions(row: dict, forgotten: Forgotten) -> bool:
    source = row.get("source") or {}
    if not forgotten.ids.isdisjoint([*source.get("ids", []), source.get("session")]):
        return True
    messages = [
        m for name in ("messages", "prompt", "chosen", "rejected") for m in row.get(name, [])
    ]
    # soul.md is Fae's, not something that was said.
    said = "\n".join(str(m.get("content") or "") for m in messages if m["role"] != "system")
    return forgotten.mentioned_in(said) is not None


def _counted(home: Home, kind: str) -> dict:
    """What meta.json says of the files that are left."""
    try:
        found = facts(home, kind, "")
    except Missing:
        return {"rows": dict.fromkeys(SIDES, 0), "data_fingerprint": None}
    return {name: found[name] for name in ("rows", "data_fingerprint")}
