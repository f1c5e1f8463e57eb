"""Removes what was forgotten from earlier exports and the runs' copies of them, and names the runs that learned it."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fae_training import locks, records, runs, state, training_rows
from fae_training.conversations import forgetting
from fae_training.conversations.forgetting import Exclusions, Forgotten
from fae_training.deployment import deployments
from fae_training.errors import Failed, Missing, SkillError
from fae_training.provenance import describe, learned_from, read
from fae_training.runs import Run
from fae_training.state import Home, read_json, write_json, write_jsonl
from fae_training.transactions import changing

KINDS_OF_TEXT = ("sft", "dpo")
SIDES = ("train", "valid")
# In run.json of a run that learned what was forgotten since: the exclusions that it was forgotten by.
MARK = "forgotten"


@dataclass(frozen=True)
class Purged:
    """The result of a purge. `learned_by`: ids of the runs trained on what was removed, now or by an earlier purge of
    the same; `active`: the one of them that Fae uses now.
    """

    rows_removed: int
    learned_by: list[str]
    active: str | None


def complete(home: Home) -> Purged | None:
    """Take what forgetting.json names out of every export, and of every run; None where nothing is to be forgotten.

    Waits for an export that is going on. When it is interrupted the next one does all of it again.
    """
    wanted = forgetting.pending(home)
    if wanted == Exclusions():
        return None
    with _unfinished_is_said(), locks.exclusive(home.directory("data") / ".lock"):
        purged = _purge(home, wanted)
        with changing(home) as change:
            # Another may have asked for more meanwhile: that stays for the next one.
            left = {
                name: tuple(each for each in entries if each not in getattr(wanted, name))
                for name, entries in vars(forgetting.pending(home)).items()
            }
            change.write(home.file(forgetting.PENDING_FILE), left)
    return purged


@contextlib.contextmanager
def _unfinished_is_said() -> Iterator[None]:
    """What goes wrong on the way is a Failed that says that the next command goes on."""
    try:
        yield
    except (OSError, SkillError) as error:
        raise Failed(
            "unfinished_forgetting",
            f"it is kept that this is to be forgotten, but not all of it is taken out yet: {error}",
            "uv run scripts/export_data.py goes on with it, as does every training before it begins",
        ) from error


def _purge(home: Home, wanted: Exclusions) -> Purged:
    forgotten = forgetting.from_exclusions(wanted)
    for kind in KINDS_OF_TEXT:
        for place in (home.file("data"), *(run.file("data") for run in runs.all_runs(home))):
            state.sweep(place / kind)
    removed, ids = 0, set()
    for kind in KINDS_OF_TEXT:
        found = _remove(home.file("data"), kind, forgotten)
        if found:
            removed += len(found)
            meta = home.file("data", kind, "meta.json")
            write_json(meta, (read_json(meta, {}) or {}) | _counted(home, kind))
        ids |= {str(episode) for row in found for episode in _source(row).get("ids") or []}
    learned: dict[str, None] = {}
    for run in runs.all_runs(home):
        if run.kind not in KINDS_OF_TEXT:
            continue
        own = run.file("data")
        in_rows = any(_mentions(row, forgotten) for row in _rows(own / run.kind / "train.jsonl"))
        started_from = (run.record.get("start") or {}).get("run")
        if in_rows or learned_from(run, ids) or _marked(run, forgotten) or started_from in learned:
            learned[run.id] = None
            # Before its rows go: afterwards nothing else would tell.
            _mark(run, wanted)
        for kind in KINDS_OF_TEXT:
            _remove(own, kind, forgotten)
    # Rows as tokens are kept beside the state; they must go with the text that they were made from, also where a kill
    # came between. What is kept of the gated delta rule holds no text, and without it a run that goes on might compute
    # with another rule.
    for cached in home.file("cache").glob("*.json") if removed or learned else ():
        if not cached.name.startswith("gated-delta-"):
            cached.unlink(missing_ok=True)
    active = [stack[-1].run for stack in deployments(home).values() if stack]
    return Purged(removed, list(learned), next((run for run in active if run in learned), None))


def _remove(place: Path, kind: str, forgotten: Forgotten) -> list[Any]:
    """Take the rows that mention it out of <kind>/ in `place`. Returns them."""
    gone = []
    for path in (place / kind / f"{side}.jsonl" for side in SIDES):
        found = [row for row in _rows(path) if _mentions(row, forgotten)]
        if found:
            gone += found
            write_jsonl(path, [row for row in _rows(path) if not _mentions(row, forgotten)])
    return gone


def _mark(run: Run, wanted: Exclusions) -> None:
    kept = asdict(_forgotten_by(run))
    more = {name: tuple(dict.fromkeys([*kept[name], *new])) for name, new in vars(wanted).items()}
    if more != kept:
        run.update(**{MARK: more})


def _marked(run: Run, forgotten: Forgotten) -> bool:
    """Whether an earlier purge of the same has marked it."""
    by = _forgotten_by(run)
    said = [*by.topics, *by.people]
    return not forgotten.ids.isdisjoint(by.ids) or any(map(forgotten.mentioned_in, said))


def _forgotten_by(run: Run) -> Exclusions:
    return records.read(Exclusions, run.record.get(MARK, {}), str(run.file("run.json")))


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
        found = describe(home.file("data"), kind, "", *read(home.file("data"), kind))
    except Missing:
        return {"rows": dict.fromkeys(SIDES, 0), "data_fingerprint": None}
    return {"rows": found.rows, "data_fingerprint": found.fingerprint}
