"""Forgetting that reaches what was exported before, and names the runs that have learned it."""

import json
from pathlib import Path

from fae_training import runs
from fae_training.conversations.forgetting import Forgotten
from fae_training.dataset import facts, learned_from
from fae_training.deployment import current
from fae_training.errors import Missing
from fae_training.kinds import KINDS
from fae_training.state import Home, read_json, read_jsonl, write_json, write_jsonl

KINDS_OF_TEXT = ("sft", "dpo")


def purge(home: Home, forgotten: Forgotten) -> dict:
    """Take every row that mentions `forgotten` out of data/sft and data/dpo, and the tokens made from them.

    Returns {"rows_removed", "learned_by": [run ids], "active": the one that Fae uses now, or None}.
    """
    removed, ids = 0, set()
    for kind in KINDS_OF_TEXT:
        for side in ("train", "valid"):
            path = home.file("data", kind, f"{side}.jsonl")
            rows = read_jsonl(path)
            gone = [row for row in rows if _mentions(row, forgotten)]
            if gone:
                ids |= {str(i) for row in gone for i in (row.get("source") or {}).get("ids", [])}
                removed += len(gone)
                write_jsonl(path, [row for row in rows if not _mentions(row, forgotten)])
                _note_change(home, kind)
    if removed:
        # Rows as tokens are kept beside the state; they would outlive the text they were made from.
        for cached in home.file("cache").glob("*.json"):
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


def _fingerprint(home: Home, kind: str) -> str | None:
    try:
        return facts(home, kind, "")["data_fingerprint"]
    except Missing:
        return None


def _note_change(home: Home, kind: str) -> None:
    """Keep meta.json true to the files."""
    path: Path = home.file("data", kind, "meta.json")
    meta = read_json(path, {}) or {}
    counts = {
        side: len(read_jsonl(home.file("data", kind, f"{side}.jsonl")))
        for side in ("train", "valid")
    }
    write_json(
        path,
        json.loads(json.dumps(meta))
        | {"rows": counts, "data_fingerprint": _fingerprint(home, kind)},
    )
