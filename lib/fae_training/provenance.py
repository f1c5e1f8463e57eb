"""The exported data of a kind, as the front process sees it: is it there, is it sound, how much, and which is it."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, overload

from fae_training import learned, training_rows
from fae_training.counting import counted
from fae_training.errors import Missing, Refused
from fae_training.preflight import Data
from fae_training.row_forms import PreferencePair
from fae_training.runs import Run
from fae_training.state import (
    Home,
    make_directory,
    read_json,
    read_jsonl,
    sync_file,
    unwritable,
    write_json,
)
from fae_training.training_rows import Problem, RowsRead
from fae_training.transactions import changing

SOURCES_FILE = "sources.json"
FILES_FILE = "files.json"
LEFT_OUT = "rows_left_out"


def rows_of(run: Run) -> Path:
    """The directory with the rows that a run works on, by kind: its own copy, or data/ for a run of an earlier version
    and for a kind that makes its rows itself.
    """
    return run.file("data") if has_own_rows(run) else run.home.file("data")


def has_own_rows(run: Run) -> bool:
    return run.file("data").is_dir()


def keep_files(run: Run, files: Mapping[str, str]) -> None:
    """Keep which sounds a run learns from: SHA-256 by path, relative to the state directory.

    A list and no copies. No script writes into a sound that is there, so a hash finds every change, and a voice is
    not kept in as many places as there are runs, each of which forgetting would have to reach.
    """
    write_json(run.file(FILES_FILE), {"files": dict(files)})


def files_of(run: Run | None) -> dict[str, str] | None:
    """What keep_files kept; None for a new run, and for one of an earlier version or kind that keeps none."""
    kept = read_json(run.file(FILES_FILE)) if run else None
    return kept and kept["files"]


def take_rows(run: Run, kinds: tuple[str, ...]) -> None:
    """Copy the rows of `kinds` into the run, so that nothing that happens to data/ reaches it. Once: a copy is kept.

    Copied, not linked: a file that is written to in place would change under the run. Raises Failed.
    """
    if run.file("data").is_dir():
        return
    half = make_directory(run.file(".data"))
    try:
        for kind in kinds:
            for name in ("train.jsonl", "valid.jsonl", "meta.json"):
                source = run.home.file("data", kind, name)
                if source.is_file():
                    copy = make_directory(half / kind) / name
                    shutil.copyfile(source, copy)
                    copy.chmod(0o600)
                    sync_file(copy)
        half.replace(run.file("data"))
    except OSError as error:
        raise unwritable(run.file("data"), error) from error


def require_taken(run: Run) -> None:
    """Raises Refused where the rows that a run took are not those that it was asked to learn."""
    expected = run.record.get("data_fingerprint")
    if (found := fingerprint(rows_of(run), run.kind)) != expected:
        raise Refused(
            "data_changed",
            f"the rows of {run.id} changed while it began: their fingerprint is {found}, expected {expected}",
            "run the same command again",
        )


@overload
def read(
    place: Path, kind: Literal["dpo"]
) -> tuple[RowsRead[PreferencePair], RowsRead[PreferencePair]]: ...
@overload
def read(place: Path, kind: str) -> tuple[RowsRead, RowsRead]: ...
def read(place: Path, kind: str) -> tuple[RowsRead, RowsRead]:
    """(rows to train on, rows held out) of <kind>/ in `place`. Raises Missing when a file cannot be read."""
    train, valid = (
        training_rows.read(place / kind / f"{side}.jsonl", kind) for side in ("train", "valid")
    )
    return train, valid


def check(home: Home, kind: str, export: str, keep: bool, run: Run | None = None) -> Data:
    """What data/<kind>/ holds, for a run that is to begin with it; of `run`, which goes on, what its own copy holds.

    Rows that cannot be used are named in the notes and, with `keep`, in data/<kind>/meta.json. `export` is the command
    that makes the data. Raises Missing where there is no row to train on, and as training_rows.require_usable does.
    """
    place = rows_of(run) if run else home.file("data")
    train, valid = read(place, kind)
    keep = keep and place == home.file("data")
    left_out = note_left_out(home, kind, train, valid) if keep else _by_side(train, valid)
    found = describe(place, kind, export, train, valid)
    training_rows.require_usable(train, valid, export)
    notes = (*training_rows.notes(train, valid), *judged_notes(home, train), *found.notes)
    return replace(found, notes=notes, left_out=left_out)


def judged_notes(home: Home, train: RowsRead) -> list[str]:
    """Names the rows to train on that ask nearly what a model is judged by; Fae's export and extraction leave them out."""
    from fae_training.capabilities import suite

    judged_by = suite.load(home)
    found = []
    for row in train.rows:
        if name := next(filter(None, map(judged_by.near_copy, row.asked)), None):
            found.append(Problem(row.file, row.line, f"is nearly the item {name}"))
    if not found:
        return []
    return [
        f"{len(found)} of {train.total} rows of {train.file} ask what the benchmark asks, so that it judges less well; "
        f"better remove them: {training_rows.listed(found)}"
    ]


def describe(place: Path, kind: str, export: str, train: RowsRead, valid: RowsRead) -> Data:
    """What was read of <kind>/ in `place`; the usable rows count. Raises Missing where there is no row to train on."""
    if not train.total:
        path = place / kind / "train.jsonl"
        raise Missing("no_data", f"{path} has no rows, expected at least 1", export)
    notes = []
    if not valid.usable:
        notes.append(
            "nothing is held out: the last step counts as the best one, and the run cannot be judged"
        )
    mark = fingerprint(place, kind)
    meta = read_json(place / kind / "meta.json") or {}
    # What the export said of its rows holds for these when they are the same and all are used.
    exported = meta.get("data_fingerprint", mark) == mark
    whole = exported and not train.left_out and not train.weightless
    return Data(
        mark,
        (whole and meta.get("summary")) or counted(train.usable, "row"),
        {"train": train.usable, "valid": valid.usable},
        tuple(notes),
    )


def fingerprint(place: Path, kind: str) -> str:
    """Of the bytes of train.jsonl and valid.jsonl of <kind>/ in `place`."""
    digest = hashlib.sha256()
    for side in ("train", "valid"):
        try:
            with (place / kind / f"{side}.jsonl").open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except FileNotFoundError:
            digest.update(b"absent")
    return digest.hexdigest()[:16]


def note_left_out(home: Home, kind: str, train, valid) -> dict[str, list[dict]]:
    """Keep which rows cannot be used in data/<kind>/meta.json, beside what the export wrote there. Returns them by side."""
    found = _by_side(train, valid)
    path = home.file("data", kind, "meta.json")
    with changing(home) as change:
        meta = read_json(path) or {}
        kept = meta.pop(LEFT_OUT, None)
        if any(found.values()):
            if kept != found:
                change.write(path, meta | {LEFT_OUT: found})
        elif kept is not None:
            change.write(path, meta)
    return found


def _by_side(train, valid) -> dict[str, list[dict]]:
    return {
        side: [problem.as_dict() for problem in file.left_out]
        for side, file in (("train", train), ("valid", valid))
    }


def settle(run: Run, train, valid, export: str) -> list[str]:
    """What the worker found out about rows once they were tokens: kept in the run and in meta.json, and said.

    train and valid are language.rows.EncodedFile or preference_batches.EncodedPairs. Raises Missing when too few of
    them can be used.
    """
    if fingerprint(run.home.file("data"), run.kind) == run.record.get("data_fingerprint"):
        left_out = note_left_out(run.home, run.kind, train, valid)
    else:  # data/ holds others by now
        left_out = _by_side(train, valid)
    if any(left_out.values()):
        run.update(**{LEFT_OUT: left_out})
    training_rows.require_usable(train, valid, export)
    return training_rows.notes(train, valid)


def keep_sources(run: Run) -> None:
    """Keep the ids of the records that a run learns from, and keyed hashes of their words, so that forgetting finds it."""
    path = rows_of(run) / run.kind / "train.jsonl"
    write_json(run.file(SOURCES_FILE), {"ids": sorted(_source_ids(path, run.kind))})
    learned.keep(run, (row for _, row in training_rows.values(path)))


def _source_ids(path: Path, kind: str) -> set[str]:
    if kind in training_rows.KINDS:
        sources = [row.source for row in training_rows.read(path, kind).rows]
    else:
        sources = [row.get("source") or {} for row in read_jsonl(path)]
    return {str(name) for source in sources for name in source.get("ids", [])}


def learned_from(run: Run, ids: set[str]) -> bool:
    """Whether a run was trained on one of these records."""
    return not ids.isdisjoint((read_json(run.file(SOURCES_FILE)) or {}).get("ids", []))


def answers(place: Path) -> int:
    """How many answers of Fae's are in sft/train.jsonl in `place`: the language model learns from each of them."""
    path = place / "sft" / "train.jsonl"
    return sum(row.answers for row in training_rows.read(path, "sft").rows)


def batch_note(rows: int, settings) -> list[str]:
    """Says when there are fewer rows than a batch holds; batches are then made smaller."""
    if rows >= settings["batch_size"]:
        return []
    return [
        f"{counted(rows, 'row is', 'rows are')} too few for batches of {settings['batch_size']}: the batch is {rows} instead"
    ]
