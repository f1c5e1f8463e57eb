"""The exported data of a kind, as the front process sees it: is it there, how much, and which is it."""

import hashlib
from pathlib import Path

from fae_training.errors import Missing
from fae_training.runs import Run
from fae_training.state import Home, read_json, read_jsonl, write_json


def facts(home: Home, kind: str, export: str) -> dict:
    """{"rows": {"train", "valid"}, "data_fingerprint", "learned_from", "notes"} of data/<kind>/.

    `export` is the command that makes the data. Raises Missing when there is no row to train on.
    """
    directory = home.file("data", kind)
    digest = hashlib.sha256()
    rows = {name: _count(directory / f"{name}.jsonl", digest) for name in ("train", "valid")}
    if not rows["train"]:
        raise Missing(
            "no_data", f"{directory / 'train.jsonl'} has no rows, expected at least 1", export
        )
    notes = []
    if not rows["valid"]:
        notes.append(
            "nothing is held out: the last step counts as the best one, and the run cannot be judged"
        )
    meta = read_json(directory / "meta.json") or {}
    found = {"rows": rows, "data_fingerprint": digest.hexdigest()[:16], "notes": notes}
    return found | {"learned_from": meta.get("summary") or f"{rows['train']} rows"}


def _count(path: Path, digest) -> int:
    """Lines that hold something; their bytes go into the digest."""
    count = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                digest.update(line)
                count += bool(line.strip())
    except FileNotFoundError:
        digest.update(b"absent")
    return count


SOURCES_FILE = "sources.json"


def keep_sources(run: Run) -> None:
    """Keep the ids of the records that a run learns from, so that forgetting one later finds the run."""
    path = run.home.file("data", run.kind, "train.jsonl")
    rows = read_jsonl(path)
    ids = {str(name) for row in rows for name in (row.get("source") or {}).get("ids", [])}
    write_json(run.file(SOURCES_FILE), {"ids": sorted(ids)})


def learned_from(run: Run, ids: set[str]) -> bool:
    """Whether a run was trained on one of these records."""
    return not ids.isdisjoint((read_json(run.file(SOURCES_FILE)) or {}).get("ids", []))


def answers(home: Home) -> int:
    """How many answers of Fae's are in data/sft/train.jsonl: the language model learns from each of them."""
    rows = read_jsonl(home.file("data", "sft", "train.jsonl"))
    return sum(
        message["role"] == "assistant" and message.get("weight", 1) != 0
        for row in rows
        for message in row["messages"]
    )


def batch_note(rows: int, settings) -> list[str]:
    """Says when there are fewer rows than a batch holds; batches are then made smaller."""
    if rows >= settings["batch_size"]:
        return []
    return [
        f"there are {rows} rows for batches of {settings['batch_size']}: the batch is {rows} instead"
    ]
