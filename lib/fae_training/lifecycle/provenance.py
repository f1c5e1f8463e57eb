"""The exported data of a kind, as the front process checks it: existence, validity, size and fingerprint."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, overload

from fae_training.calls.counting import counted
from fae_training.calls.errors import Missing, Refused
from fae_training.lifecycle import learned
from fae_training.lifecycle.preflight import Data
from fae_training.lifecycle.runs import Run
from fae_training.rows import training_rows
from fae_training.rows.row_forms import PreferencePair
from fae_training.rows.training_rows import Problem, RowsRead
from fae_training.store.state import (
    Home,
    make_directory,
    read_json,
    read_jsonl,
    sync_file,
    unwritable,
    write_json,
)
from fae_training.store.transactions import changing

SOURCES_FILE = "sources.json"
FILES_FILE = "files.json"
LEFT_OUT = "rows_left_out"
# The copy of a run's rows while it is made.
HALF_COPY = ".data"


def rows_of(run: Run) -> Path:
    """The directory with a run's rows, by kind: its own copy, or data/ for runs of earlier versions and for kinds that make
    their rows themselves.
    """
    return run.file("data") if has_own_rows(run) else run.home.file("data")


def has_own_rows(run: Run) -> bool:
    return run.file("data").is_dir()


def keep_files(run: Run, files: Mapping[str, str]) -> None:
    """Record the audio files that a run learns from: SHA-256 by path, relative to the state directory.

    The files are listed, not copied. Scripts never modify an existing file, so a hash detects every change, and a voice is
    not stored once per run, where forgetting would have to find every copy.
    """
    write_json(run.file(FILES_FILE), {"files": dict(files)})


def files_of(run: Run | None) -> dict[str, str] | None:
    """The result of keep_files; None for a new run, and for an earlier version or a kind that records none."""
    kept = read_json(run.file(FILES_FILE)) if run else None
    return kept and kept["files"]


def was_exported_again(run: Run) -> bool:
    """Whether a run with rows of its own has others than data/ now."""
    if run.kind not in training_rows.KINDS or not has_own_rows(run):
        return False
    return fingerprint(run.home.file("data"), run.kind) != fingerprint(rows_of(run), run.kind)


def take_rows(run: Run, kinds: tuple[str, ...], place: Path) -> None:
    """Copy the rows of `kinds` in `place` (data/, or another run's copy of it) into the run, so that later changes of data/ do
    not affect it. An existing copy is kept.

    Raises Refused if the rows change meanwhile, as forgetting changes them: it has not seen this copy, but sees a later one.
    They are copied, not linked, since a file modified in place would change the run. Raises Failed.
    """
    if run.file("data").is_dir():
        return
    half = make_directory(run.file(HALF_COPY))
    try:
        for kind in kinds:
            for name in ("train.jsonl", "valid.jsonl", "meta.json"):
                source = place / kind / name
                if source.is_file():
                    copy = make_directory(half / kind) / name
                    shutil.copyfile(source, copy)
                    copy.chmod(0o600)
                    sync_file(copy)
        half.replace(run.file("data"))
    except OSError as error:
        raise unwritable(run.file("data"), error) from error
    for kind in kinds:
        _require_same(run, fingerprint(place, kind), fingerprint(rows_of(run), kind))


def require_taken(run: Run) -> None:
    """Raises Refused if a run's copied rows are not those that it was asked to learn."""
    _require_same(run, fingerprint(rows_of(run), run.kind), run.record.get("data_fingerprint"))


def _require_same(run: Run, found: str, expected: str | None) -> None:
    if found != expected:
        raise Refused(
            "data_changed",
            f"the rows of {run.id} changed while it started: their fingerprint is {found}, expected {expected}",
            "run the same command again",
        )


@overload
def read(
    place: Path, kind: Literal["dpo"]
) -> tuple[RowsRead[PreferencePair], RowsRead[PreferencePair]]: ...
@overload
def read(place: Path, kind: str) -> tuple[RowsRead, RowsRead]: ...
def read(place: Path, kind: str) -> tuple[RowsRead, RowsRead]:
    """(training rows, held-out rows) of <kind>/ in `place`. Raises Missing if a file cannot be read."""
    train, valid = (
        training_rows.read(place / kind / f"{side}.jsonl", kind) for side in ("train", "valid")
    )
    return train, valid


def check(home: Home, kind: str, export: str, keep: bool, run: Run | None = None) -> Data:
    """The content of data/<kind>/ for a new run, or of the run's own copy for a `run` to resume.

    Unusable rows are listed in the notes and, with `keep`, in data/<kind>/meta.json. `export` is the command that makes the
    data. Raises Missing if there are no training rows, and as training_rows.require_usable does.
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
    """A note naming training rows that nearly equal a benchmark item; Fae's export and extraction leave such rows out."""
    from fae_training.capabilities import suite

    judged_by = suite.load(home)
    found = []
    for row in train.rows:
        if name := next(filter(None, map(judged_by.near_copy, row.asked)), None):
            found.append(Problem(row.file, row.line, f"resembles the item {name}"))
    if not found:
        return []
    return [
        f"{len(found)} of {train.total} rows of {train.file} resemble a question of the benchmark, which makes its result less reliable; "
        f"remove them if you can: {training_rows.listed(found)}"
    ]


def describe(place: Path, kind: str, export: str, train: RowsRead, valid: RowsRead) -> Data:
    """A description of the rows read from <kind>/ in `place`, counting usable rows. Raises Missing without training rows."""
    if not train.total:
        path = place / kind / "train.jsonl"
        raise Missing("no_data", f"{path} has no rows, expected at least 1", export)
    notes = []
    if not valid.usable:
        notes.append(
            "nothing is held out, so the last step counts as the best one and the run cannot be judged"
        )
    mark = fingerprint(place, kind)
    meta = read_json(place / kind / "meta.json") or {}
    # The export's description applies if these are the same rows and all are used.
    exported = meta.get("data_fingerprint", mark) == mark
    whole = exported and not train.left_out and not train.weightless
    return Data(
        mark,
        (whole and meta.get("summary")) or counted(train.usable, "row"),
        {"train": train.usable, "valid": valid.usable},
        tuple(notes),
    )


def counts(home: Home, kind: str) -> dict:
    """The entries of data/<kind>/meta.json that count the rows in the files beside it, after some were removed."""
    place = home.file("data")
    try:
        found = describe(place, kind, "", *read(place, kind))
    except Missing:
        return {"rows": {"train": 0, "valid": 0}, "data_fingerprint": None}
    return {"rows": found.rows, "data_fingerprint": found.fingerprint}


def fingerprint(place: Path, kind: str) -> str:
    """The fingerprint of the bytes of train.jsonl and valid.jsonl of <kind>/ in `place`."""
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
    """Record the unusable rows in data/<kind>/meta.json, next to the export's own entries. Returns them by side."""
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
    """Record the rows that the worker could not use after tokenising, in the run and in meta.json. Returns notes on them.

    train and valid are language.rows.EncodedFile or preference_batches.EncodedPairs. Raises Missing if too few of them are
    usable.
    """
    if fingerprint(run.home.file("data"), run.kind) == run.record.get("data_fingerprint"):
        left_out = note_left_out(run.home, run.kind, train, valid)
    else:  # data/ has been replaced since
        left_out = _by_side(train, valid)
    if any(left_out.values()):
        run.update(**{LEFT_OUT: left_out})
    training_rows.require_usable(train, valid, export)
    return training_rows.notes(train, valid)


def keep_sources(run: Run) -> None:
    """Record the ids of a run's source records, and keyed hashes of their words, so that forgetting finds the run."""
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
    """The number of Fae's answers in sft/train.jsonl in `place`; the language model learns from each of them."""
    path = place / "sft" / "train.jsonl"
    return sum(row.answers for row in training_rows.read(path, "sft").rows)


def batch_note(rows: int, settings) -> list[str]:
    """A note if there are fewer rows than a batch holds; batches are then smaller."""
    if rows >= settings["batch_size"]:
        return []
    return [
        f"{counted(rows, 'row is', 'rows are')} too few for batches of {settings['batch_size']}: the batch is {rows} instead"
    ]
