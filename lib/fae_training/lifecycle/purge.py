"""Removes what is to be forgotten from everything in the state directory, and marks the runs that learned it."""

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fae_training.calls.errors import Failed, SkillError, command_line
from fae_training.classifiers import recordings
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.conversations import forgetting
from fae_training.conversations.forgetting import Exclusions
from fae_training.lifecycle import forgotten_texts, learned, runs
from fae_training.lifecycle.provenance import (
    HALF_COPY,
    counts,
    files_of,
    keep_files,
    learned_from,
)
from fae_training.lifecycle.runs import Run
from fae_training.release import approval
from fae_training.release.deployment import deployments
from fae_training.rows import training_rows
from fae_training.speech import misheard, vocabulary
from fae_training.store import locks, state
from fae_training.store.state import (
    Home,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
    write_text,
)
from fae_training.store.transactions import changing

KINDS_OF_ROWS = ("sft", "dpo", "stt")
SIDES = ("train", "valid")
# Files of a run that are derived from its rows, and can be made again or are dispensable.
PAGES = ("proposal.md", "proposal.html", "proposal.json")
# The cached choice of the gated delta rule contains no text, and without it a resumed run might compute differently.
CACHE_WITHOUT_TEXT = "gated-delta-"


@dataclass(frozen=True)
class Purged:
    """The result of a purge, or of a preview.

    learned_by: ids of the runs trained on what is forgotten, now or in an earlier purge of the same; `active`: those of
    them that Fae uses now, by kind. by_topic: rows_removed by topic; a row that mentions several counts
    for the first alone, so that the sum is rows_removed. copies: the rows removed from the runs' own copies, besides.
    corrections: misheard words and their recordings. recordings: samples of a person's voice. texts: other files that
    mentioned it (proposals, evaluations, logs, damaged rows).
    """

    rows_removed: int
    learned_by: list[str]
    active: dict[str, str] = field(default_factory=dict)
    by_topic: dict[str, int] = field(default_factory=dict)
    corrections: int = 0
    texts: int = 0
    copies: int = 0
    recordings: int = 0


def complete(home: Home) -> Purged | None:
    """Remove everything that forgetting.json names; None if nothing is to be forgotten.

    Waits for a running export. If interrupted, the next call starts again from the beginning; so it does while a run is
    alive, which may still write what it read before. Raises Failed.
    """
    pending = forgetting.pending(home)
    if pending == Exclusions():
        return None
    with _report_unfinished(), locks.exclusive(home.directory("data") / ".lock"):
        may_write = runs.holder(home) is not None
        purge = _Purge(home, pending)
        purged = purge.run()
        purge.require_all_marked()
        if may_write:
            return purged
        with changing(home) as change:
            # Requests added in the meantime are left for the next purge.
            left = forgetting.pending(home).without(pending)
            change.write(home.file(forgetting.PENDING_FILE), asdict(left))
    return purged


def preview(home: Home, phrases: list[str]) -> Purged:
    """Preview forgetting these phrases and pending ones, without changing anything."""
    return _Purge(home, forgetting.pending(home).with_phrases(phrases), change=False).run()


def excluded(home: Home, place: Path) -> dict[str, int]:
    """How many rows of train.jsonl and valid.jsonl in `place` mention what exclusions.json leaves out, by topic. Not counted
    is what is still to be forgotten, which happens before anything is trained."""
    left_out = forgetting.load(home).without(forgetting.pending(home))
    if left_out == Exclusions():
        return {}
    looked = _Purge(home, left_out, change=False)
    looked._take_rows(place)
    return dict(looked.by_topic)


@contextlib.contextmanager
def _report_unfinished() -> Iterator[None]:
    """Turn an error into a Failed that says that the next command continues."""
    try:
        yield
    except (OSError, SkillError) as error:
        raise Failed(
            "unfinished_forgetting",
            f"the request is saved, but not everything is removed yet, which the next export or training does first: {error}",
            error.hint if isinstance(error, SkillError) else "uv run scripts/export_data.py",
        ) from error


class _Purge:
    """One pass over the state directory. The order matters where a kill can come between: a run is marked before the rows go
    by which it is found, and a recording goes before the row that names it.
    """

    def __init__(self, home: Home, wanted: Exclusions, change: bool = True):
        self.home, self.wanted, self.change = home, wanted, change
        self.forgotten = forgetting.from_exclusions(wanted)
        self.by_topic: Counter[str] = Counter()
        self.copies = self.texts = 0
        self.unmarked: list[Run] = []

    def run(self) -> Purged:
        home = self.home
        if self.change:
            self._sweep()
        learned_by = self._mark_runs()
        removed = 0
        for kind in KINDS_OF_ROWS:
            found = self._take_rows(home.file("data", kind))
            removed += len(found)
            meta = home.file("data", kind, "meta.json")
            if found and self.change:
                if kind in training_rows.KINDS:
                    write_json(meta, (read_json(meta, {}) or {}) | counts(home, kind))
                elif meta.exists():
                    meta.unlink()  # rebuilt from the rest before the next training
        corrections, recorded = self._take_corrections(), self._take_recordings()
        self._take_texts(learned_by)
        if self.change:
            self._clear_cache()
        in_use = [stack[-1].run for stack in deployments(home).values() if stack]
        return Purged(
            rows_removed=removed,
            learned_by=learned_by,
            active={Run(home, name).kind: name for name in in_use if name in learned_by},
            by_topic=dict(self.by_topic),
            corrections=corrections,
            texts=self.texts,
            copies=self.copies,
            recordings=recorded,
        )

    def require_all_marked(self) -> None:
        """Raises Failed for a run that learned it, but has no run.json to say so: once repaired, it could be used again."""
        for run in self.unmarked:
            raise Failed(
                "run_damaged",
                f"{run.id} learned it, but cannot be marked, because its run.json is missing or was set aside",
                f"repair its run.json, or delete it: {command_line('rm', '-r', run.directory)}",
            )

    def _sweep(self) -> None:
        """Remove the temporary files and incomplete directories of killed scripts."""
        places = [self.home.file("data"), self.home.file("stt"), self.home.file("results")]
        places += [self.home.file("data", kind) for kind in KINDS_OF_ROWS]
        unfinished = state.unfinished_deletions(self.home)
        for run in self._runs():
            if not run.is_alive():
                places += [run.directory, *(p for p in run.file("data").glob("*") if p.is_dir())]
                unfinished.append(run.file(HALF_COPY))
        for place in places:
            state.sweep(place)
        for left in (*unfinished, *self.home.file("data").glob(".work-*")):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)

    def _runs(self) -> list[Run]:
        """Every run, oldest first, and then the damaged ones, whose rows are there all the same."""
        return [*runs.all_runs(self.home), *runs.without_record(self.home)]

    # Rows.

    def _take_rows(self, place: Path, count: bool = True) -> list[Any]:
        """Remove the rows that mention it from train.jsonl and valid.jsonl in `place`. Returns them; `count`: by topic."""
        gone = []
        for path in (place / f"{side}.jsonl" for side in SIDES):
            kept, found, damaged = [], [], False
            for _, row in training_rows.values(path):
                if isinstance(row, ValueError):
                    damaged = True
                else:
                    (found if self._mentions(row, count) else kept).append(row)
            gone += found
            # Lines that are not JSON are never trained on, and removed with the others, or where one may mention it.
            damaged = damaged and not found and forgotten_texts.named_in(self.forgotten, path)
            self.texts += damaged
            if (found or damaged) and self.change:
                for clip in (row.get("audio") for row in found if isinstance(row, dict)):
                    self._remove_clip(clip)
                write_jsonl(path, kept)
        return gone

    def _mentions(self, row: object, count: bool = False) -> bool:
        source = _source(row)
        known = {str(name) for name in [*_listed(source.get("ids")), source.get("session")]}
        known |= {str(source.get("speaker")), str(source.get("voice"))} & self.forgotten.ids
        by = next(iter(self.forgotten.ids & known), None)
        if by is None:
            topic = self.forgotten.mentioned_in("\n".join(learned.said_in(row)))
            by = topic.name if topic else None
        if by and count:
            self.by_topic[by] += 1
        return by is not None

    def _remove_clip(self, relative: object) -> None:
        """Remove a recording or synthesised clip in the state directory."""
        if isinstance(relative, str) and relative and ".." not in Path(relative).parts:
            path = self.home.file(relative)
            if path.is_file() and not path.is_symlink():
                path.unlink()

    # Misheard words.

    def _take_corrections(self) -> int:
        path = self.home.file(*misheard.FILE)
        lines = read_jsonl(path)
        gone = [line for line in lines if self._mentions(line)]
        if self.change and gone:
            left = [line for line in lines if line not in gone]
            used = {line.get("audio") for line in left}
            for line in gone:
                if line.get("audio") not in used:
                    self._remove_clip(line.get("audio"))
            write_jsonl(path, left)
        terms = (self.home.read(vocabulary.FILE, {}) or {}).get("terms", [])
        named = [term for term in terms if self._mentions(term)]
        if self.change and terms:
            # Rebuild it, since a word learned only from such a correction, which a killed purge may have removed, need not
            # contain the whole topic.
            kept = [entry.as_dict() for entry in vocabulary.keep(self.home, [])]
            kept = [term for term in kept if not self._mentions(term)]
            self.home.write(
                vocabulary.FILE, (self.home.read(vocabulary.FILE) or {}) | {"terms": kept}
            )
        return len(gone) + len(named)

    def _take_recordings(self) -> int:
        """Samples for the classifiers that are named after a person, or by an id."""
        found = [
            path
            for kind in CLASSIFIERS
            for path in recordings.directory(self.home, kind).rglob("*")
            if path.is_file() and self._names(path.name)
        ]
        for path in found if self.change else ():
            path.unlink()
        return len(found)

    # Runs.

    def _mark_runs(self) -> list[str]:
        """Oldest first, so that a run comes after the one that it started from."""
        found: dict[str, None] = {}
        ids = self.forgotten.ids | self._ids()
        names = [*self.wanted.topics, *self.wanted.people]
        for run in self._runs():
            own = run.file("data")
            kinds = [kind for kind in KINDS_OF_ROWS if (own / kind).is_dir()]
            rows = _rows(own / run.kind / "train.jsonl")
            sounds = files_of(run) or {}
            left = {name: digest for name, digest in sounds.items() if not self._names(name)}
            if (
                len(left) < len(sounds)
                or any(map(self._mentions, rows))
                or learned_from(run, ids)
                or learned.mentions(run, self.forgotten)
                or (run.record.get("start") or {}).get("run") in found
            ):
                found[run.id] = None
                if self.change:
                    self._mark(run, rows, names)
            if len(left) < len(sounds) and self.change:
                keep_files(run, left)
            for kind in kinds:
                self.copies += len(self._take_rows(own / kind, count=False))
        return list(found)

    def _ids(self) -> set[str]:
        """The records of the rows in data/ that mention it, by which a run of an earlier version is found."""
        places = [self.home.file("data", k, f"{s}.jsonl") for k in KINDS_OF_ROWS for s in SIDES]
        found = (row for path in places for row in _rows(path) if self._mentions(row))
        return {str(name) for row in found for name in _listed(_source(row).get("ids"))}

    def _names(self, sound: str) -> bool:
        """Whether a sound's name contains a speaker or a recording that is to be forgotten."""
        return recordings.is_excluded(Path(sound), self.wanted)

    def _mark(self, run: Run, rows: list[Any], names: list[str]) -> None:
        if rows and not run.file(learned.FILE).exists():
            learned.keep(run, rows)
        learned.note(run, names)
        if not runs.is_run(run.directory):
            self.unmarked.append(run)
            return
        learned.mark(run)
        if run.is_alive():
            run.request_stop()

    # Texts about them.

    def _take_texts(self, learned_by: list[str]) -> None:
        for run in self._runs():
            texts = list(forgotten_texts.texts_in(run.directory))
            pages = [path for path in texts if path.name in PAGES]
            for path in (path for path in texts if path not in pages):
                self._take_text(path)
            # They are about one result; if the run may be proposed they can be made again, with a new code.
            names_it = any([self._named_in(path) for path in pages])
            if pages and self.change and (names_it or run.id in learned_by):
                # The code first: the pages are how a killed purge finds it again.
                if not ((made := approval.readable(run)) and made.used_at):
                    with changing(self.home) as change:
                        approval.withdraw(change, run)
                for path in pages:
                    path.unlink(missing_ok=True)
            self._take_note(run)
        for path in forgotten_texts.texts_in(self.home.file("results")):
            if self._named_in(path) and self.change:
                path.unlink()
        # exclusions.json says what must not be learned, also when it is damaged.
        damaged = [p for p in state.set_aside(self.home) if not p.name.startswith(forgetting.FILE)]
        experiments = forgotten_texts.texts_in(self.home.file("experiments"))
        others = (self.home.file(name) for name in ("errors.jsonl", "setup.log", "schedule.log"))
        # They list the commonest words of the rows beside them.
        data = (self.home.file("data"), *(run.file("data") for run in self._runs()))
        lists = (meta for place in data for meta in sorted(place.glob("*/meta.json")))
        for path in (*damaged, *experiments, *others, *lists):
            self._take_text(path)

    def _named_in(self, path: Path) -> bool:
        found = forgotten_texts.named_in(self.forgotten, path)
        self.texts += found
        return found

    def _take_text(self, path: Path) -> None:
        """Replace the parts that mention it: quoted strings in a JSON file, lines in any other file."""
        if not path.is_file() or path.is_symlink():
            return
        without = forgotten_texts.without(self.forgotten, path)
        self.texts += without is not None
        if without is not None and self.change:
            write_text(path, without)

    def _take_note(self, run: Run) -> None:
        """The same in run.json, which has the note of the person and the error of a failed run."""
        less = forgotten_texts.value_without(self.forgotten, run.record)
        changed = {name: value for name, value in less.items() if value != run.record.get(name)}
        self.texts += bool(changed)
        if changed and self.change:
            run.update(**changed)

    def _clear_cache(self) -> None:
        """Remove cached tokens and answers: they must go with the text that they came from, even after a kill in between."""
        for cached in self.home.file("cache").glob("*"):
            if cached.is_file() and not cached.name.startswith(CACHE_WITHOUT_TEXT):
                cached.unlink(missing_ok=True)


def _rows(path: Path) -> list[Any]:
    """The rows of a file in any accepted form, without lines that are not JSON."""
    return [row for _, row in training_rows.values(path) if not isinstance(row, ValueError)]


def _source(row: object) -> dict:
    source = row.get("source") if isinstance(row, dict) else None
    return source if isinstance(source, dict) else {}


def _listed(value: object) -> list:
    return value if isinstance(value, list) else []
