"""Removes what is to be forgotten from everything in the state directory, and marks the runs that learned it."""

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fae_training.calls.errors import Failed, Missing, SkillError
from fae_training.classifiers import recordings
from fae_training.conversations import forgetting
from fae_training.conversations.forgetting import Exclusions
from fae_training.lifecycle import learned, runs
from fae_training.lifecycle.provenance import (
    SOURCES_FILE,
    describe,
    files_of,
    keep_files,
    learned_from,
    read,
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
FORGOTTEN = "[forgotten]"
# Files of a run that are derived from its rows, and can be made again or are dispensable.
PAGES = ("proposal.md", "proposal.html", "proposal.json")
# Keys under which our JSON files contain or quote what was said.
QUOTES = frozenset(
    ["examples", "example", "details", "notes", "note", "figures", "items", "reason", "text", "say", "message", "hint", "traceback", "error", "results", "samples", "topics", "taken", "remarks", "warnings"]
)  # fmt: skip
TEXTS = (".json", ".jsonl", ".log", ".md", ".txt", ".html")
# Files that identify a run contain no text.
NOT_READ = (learned.FILE, SOURCES_FILE, approval.FILE, "run.json")
# The cached choice of the gated delta rule contains no text, and without it a resumed run might compute differently.
CACHE_WITHOUT_TEXT = "gated-delta-"


@dataclass(frozen=True)
class Purged:
    """The result of a purge, or of a preview.

    learned_by: ids of the runs trained on what is forgotten, now or in an earlier purge of the same; `active`: the one of
    them that Fae uses now. by_topic: rows_removed by topic; a row that mentions several counts for the first alone, so
    that the sum is rows_removed. copies: the rows removed from the runs' own copies, besides. corrections: misheard words
    and their recordings. texts: other files that mentioned it (proposals, evaluations, logs).
    """

    rows_removed: int
    learned_by: list[str]
    active: str | None
    by_topic: dict[str, int] = field(default_factory=dict)
    corrections: int = 0
    texts: int = 0
    copies: int = 0


def complete(home: Home) -> Purged | None:
    """Remove everything that forgetting.json names; None if nothing is to be forgotten.

    Waits for a running export. If interrupted, the next call starts again from the beginning.
    """
    pending = forgetting.pending(home)
    if pending == Exclusions():
        return None
    with _report_unfinished(), locks.exclusive(home.directory("data") / ".lock"):
        purged = _Purge(home, pending).run()
        with changing(home) as change:
            # Requests added in the meantime are left for the next purge.
            left = {
                name: tuple(each for each in entries if each not in getattr(pending, name))
                for name, entries in vars(forgetting.pending(home)).items()
            }
            change.write(home.file(forgetting.PENDING_FILE), left)
    return purged


def preview(home: Home, phrases: list[str]) -> Purged:
    """Preview forgetting these phrases and pending ones, without changing anything."""
    return _Purge(home, forgetting.pending(home).with_phrases(phrases), change=False).run()


def excluded(home: Home, place: Path) -> dict[str, int]:
    """How many rows of train.jsonl and valid.jsonl in `place` mention what exclusions.json leaves out, by topic."""
    looked = _Purge(home, forgetting.load(home), change=False)
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
            f"the request to forget this is saved, but not everything has been removed yet: {error}",
            "uv run scripts/export_data.py continues, as does every training before it starts",
        ) from error


class _Purge:
    """One pass over the state directory. The order matters: a run is marked before its rows go."""

    def __init__(self, home: Home, wanted: Exclusions, change: bool = True):
        self.home, self.wanted, self.change = home, wanted, change
        self.forgotten = forgetting.from_exclusions(wanted)
        self.by_topic: Counter[str] = Counter()
        self.copies = 0

    def run(self) -> Purged:
        home = self.home
        if self.change:
            self._sweep()
        removed, ids = 0, set()
        for kind in KINDS_OF_ROWS:
            found = self._take_rows(home.file("data", kind))
            removed += len(found)
            ids |= {str(name) for row in found for name in _listed(_source(row).get("ids"))}
            meta = home.file("data", kind, "meta.json")
            if found and self.change:
                if kind in training_rows.KINDS:
                    write_json(meta, (read_json(meta, {}) or {}) | _counted(home, kind))
                elif meta.exists():
                    meta.unlink()  # rebuilt from the rest before the next training
        corrections = self._take_corrections()
        learned_by = self._mark_runs(ids)
        texts = self._take_texts(learned_by)
        if self.change:
            self._clear_cache()
        active = [stack[-1].run for stack in deployments(home).values() if stack]
        in_use = next((name for name in active if name in learned_by), None)
        return Purged(
            removed, learned_by, in_use, dict(self.by_topic), corrections, texts, self.copies
        )

    def _sweep(self) -> None:
        """Remove the temporary files and incomplete directories of killed scripts."""
        places = [self.home.file("data"), self.home.file("stt"), self.home.file("results")]
        places += [self.home.file("data", kind) for kind in KINDS_OF_ROWS]
        for run in runs.all_runs(self.home):
            if not run.is_alive():
                places += [run.directory, *(p for p in run.file("data").glob("*") if p.is_dir())]
        for place in places:
            state.sweep(place)
        unfinished = state.unfinished_deletions(self.home)
        for left in (*unfinished, *self.home.file("data").glob(".work-*")):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    # Rows.

    def _take_rows(self, place: Path, count: bool = True) -> list[Any]:
        """Remove the rows that mention it from train.jsonl and valid.jsonl in `place`. Returns them; `count`: by topic."""
        gone = []
        for path in (place / f"{side}.jsonl" for side in SIDES):
            kept, found = [], []
            for row in _rows(path):
                (found if self._mentions(row, count) else kept).append(row)
            gone += found
            if found and self.change:
                write_jsonl(path, kept)
                for clip in (row.get("audio") for row in found if isinstance(row, dict)):
                    self._remove_clip(clip)
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
            write_jsonl(path, left)
            used = {line.get("audio") for line in left}
            for line in gone:
                if line.get("audio") not in used:
                    self._remove_clip(line.get("audio"))
        terms = (self.home.read(vocabulary.FILE, {}) or {}).get("terms", [])
        named = [term for term in terms if self._mentions(term)]
        if self.change and (gone or named):
            # Rebuild it, since a word learned only from such a correction may not contain the whole topic.
            kept = [entry.as_dict() for entry in vocabulary.keep(self.home, [])]
            kept = [term for term in kept if not self._mentions(term)]
            self.home.write(
                vocabulary.FILE, (self.home.read(vocabulary.FILE) or {}) | {"terms": kept}
            )
        return len(gone) + len(named)

    # Runs.

    def _mark_runs(self, ids: set[str]) -> list[str]:
        """Oldest first, so that a run comes after the one that it started from."""
        found: dict[str, None] = {}
        names = [*self.wanted.topics, *self.wanted.people]
        for run in runs.all_runs(self.home):
            own = run.file("data")
            kinds = [kind for kind in KINDS_OF_ROWS if (own / kind).is_dir()]
            rows = list(_rows(own / run.kind / "train.jsonl")) if run.kind in kinds else []
            sounds = files_of(run) or {}
            left = {name: digest for name, digest in sounds.items() if not self._names(name)}
            if (
                len(left) < len(sounds)
                or any(map(self._mentions, rows))
                or learned_from(run, ids | self.forgotten.ids)
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

    def _names(self, sound: str) -> bool:
        """Whether a sound's name contains a speaker or a recording that is to be forgotten."""
        return recordings.is_excluded(Path(sound), self.wanted)

    def _mark(self, run: Run, rows: list[Any], names: list[str]) -> None:
        if rows and not run.file(learned.FILE).exists():
            learned.keep(run, rows)
        learned.note(run, names)
        learned.mark(run)
        self._withdraw(run)
        if run.is_alive():
            run.request_stop()

    def _withdraw(self, run: Run) -> None:
        with changing(self.home) as change:
            approval.withdraw(change, run)

    # Texts about them.

    def _take_texts(self, learned_by: list[str]) -> int:
        changed = 0
        for run in runs.all_runs(self.home):
            for path in _texts_in(run.directory):
                if path.name not in PAGES:
                    changed += self._take_text(path)
                    continue
                # A page is about one result; if the run may be proposed it can be made again, with a new code.
                names_it = self._without_it(path) is not None
                changed += names_it
                if self.change and (names_it or run.id in learned_by):
                    path.unlink(missing_ok=True)
                    if not ((made := approval.readable(run)) and made.used_at):
                        self._withdraw(run)
        for path in _texts_in(self.home.file("results")):
            if self._without_it(path) is not None:
                changed += 1
                if self.change:
                    path.unlink()
        # exclusions.json says what must not be learned, also when it is damaged.
        damaged = [p for p in state.set_aside(self.home) if not p.name.startswith(forgetting.FILE)]
        experiments = _texts_in(self.home.file("experiments"))
        others = (self.home.file(name) for name in ("errors.jsonl", "setup.log", "schedule.log"))
        # They list the commonest words of the rows beside them.
        data = (self.home.file("data"), *(run.file("data") for run in runs.all_runs(self.home)))
        lists = (meta for place in data for meta in sorted(place.glob("*/meta.json")))
        for path in (*damaged, *experiments, *others, *lists):
            changed += self._take_text(path)
        return changed

    def _take_text(self, path: Path) -> bool:
        """Replace the parts that mention it: quoted strings in a JSON file, lines in any other file."""
        without = self._without_it(path) if path.is_file() and not path.is_symlink() else None
        if without is not None and self.change:
            write_text(path, without)
        return without is not None

    def _without_it(self, path: Path) -> str | None:
        """The text of a file without the parts that mention it; None if none do."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        if path.suffix == ".json":
            with contextlib.suppress(ValueError):  # a damaged file is text
                value = state.parsed(text)
                less = self._without(value)
                return (
                    None if less == value else json.dumps(less, indent=1, ensure_ascii=False) + "\n"
                )
        lines = text.splitlines()
        less = [self._without_line(line, path.suffix == ".jsonl") for line in lines]
        return None if less == lines else "\n".join(less) + "\n"

    def _without_line(self, line: str, is_json: bool) -> str:
        if not self.forgotten.mentioned_in(line):
            return line
        with contextlib.suppress(ValueError):
            return state.json_line(self._without(state.parsed(line))) if is_json else FORGOTTEN
        return json.dumps({"text": FORGOTTEN})

    def _without(self, value: object, quotes: bool = False) -> object:
        """`value` with matching quoted strings replaced by FORGOTTEN; the keys and terms of our own files stay."""
        if isinstance(value, str):
            return FORGOTTEN if quotes and self.forgotten.mentioned_in(value) else value
        if isinstance(value, list):
            return [self._without(item, quotes) for item in value]
        if isinstance(value, dict):
            return {
                (self._without(name, quotes)): self._without(item, quotes or name in QUOTES)
                for name, item in value.items()
            }
        return value

    def _clear_cache(self) -> None:
        """Remove cached tokens and answers: they must go with the text that they came from, even after a kill in between."""
        for cached in self.home.file("cache").glob("*"):
            if cached.is_file() and not cached.name.startswith(CACHE_WITHOUT_TEXT):
                cached.unlink(missing_ok=True)


def _texts_in(place: Path) -> Iterator[Path]:
    """Text files in a directory tree, except rows and weights, which are handled separately."""
    if not place.is_dir():
        return
    for path in sorted(place.iterdir()):
        if path.is_symlink() or path.name in NOT_READ:
            continue
        if path.is_dir() and path.name not in ("data", "adapters", "checkpoints", runs.STOPPED):
            yield from _texts_in(path)
        elif path.is_file() and path.suffix in TEXTS:
            yield path


def _rows(path: Path) -> Iterator[Any]:
    """The rows of a file in any accepted form. Lines that are not JSON are never trained on, and are
    removed when others are.
    """
    return (row for _, row in training_rows.values(path) if not isinstance(row, ValueError))


def _source(row: object) -> dict:
    source = row.get("source") if isinstance(row, dict) else None
    return source if isinstance(source, dict) else {}


def _listed(value: object) -> list:
    return value if isinstance(value, list) else []


def _counted(home: Home, kind: str) -> dict:
    """The counts in meta.json for the remaining files."""
    try:
        found = describe(home.file("data"), kind, "", *read(home.file("data"), kind))
    except Missing:
        return {"rows": dict.fromkeys(SIDES, 0), "data_fingerprint": None}
    return {"rows": found.rows, "data_fingerprint": found.fingerprint}
