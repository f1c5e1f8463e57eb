"""Atomic changes of the state directory: read, change and write under one lock, safe against kills and full disks.

New contents are written to .staged/ and flushed. A change of several files then gets a journal that lists the staged
files and their targets. The change is committed once the journal has its final name; only the renames are left, and if
the process is killed in between, the next reader or writer completes them. Without a journal nothing was committed, and
the contents of .staged/ are removed.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from fae_training.calls.error_words import reason
from fae_training.calls.errors import Busy, Failed, command_line
from fae_training.store import locks
from fae_training.store.state import (
    Home,
    as_json,
    json_line,
    make_directory,
    read_json,
    read_lines,
    sync_directory,
    sync_file,
    unwritable,
)

STAGED = ".staged"
JOURNAL = "journal.json"
# Seconds to wait for the lock. A change takes milliseconds; Fae waits 30 s in all.
PATIENCE_S = 15
_held = threading.local()


class Change:
    """A set of writes that are made together, when changing() calls `commit`."""

    def __init__(self, home: Home):
        self.home = home
        self._texts: dict[Path, str] = {}
        self._taken: dict[Path, Path] = {}
        self._removed: list[Path] = []

    def take(self, path: Path, written: Path) -> None:
        """Move `written`, a complete file in the state directory, to `path`; for content too large for a string."""
        self._taken[path] = written

    def remove(self, path: Path) -> None:
        """Remove `path`, if it exists."""
        self._removed.append(path)

    def write(self, path: Path, data: dict) -> None:
        self._texts[path] = as_json(data)

    def write_text(self, path: Path, text: str) -> None:
        self._texts[path] = text

    def append(self, path: Path, *rows: dict) -> None:
        """Append lines to a JSONL file, by rewriting it; for short files."""
        if rows:
            before = self._texts[path] if path in self._texts else read_lines(path)
            added = (json_line(row) + "\n" for row in rows)
            self._texts[path] = before + "".join(added)

    def commit(self) -> None:
        """Write everything. Raises Failed or Missing; the message says whether the change was committed."""
        texts, self._texts = self._texts, {}
        taken, self._taken = self._taken, {}
        removed, self._removed = self._removed, []
        if not texts and not taken and not removed:
            return
        for path in (*texts, *taken, *removed):
            _require_no_directory(path)
        staged = make_directory(self.home.file(STAGED))
        journal = staged / JOURNAL
        path = staged
        try:
            for number, (path, text) in enumerate(texts.items()):
                taken[path] = staged / str(number)
                _write(taken[path], text)
            for path, written in taken.items():
                sync_file(written)
                make_directory(path.parent)
            sync_directory(staged)
            moves = [
                {name: str(at.relative_to(self.home.path)) for name, at in pair}
                for pair in ([("from", written), ("to", path)] for path, written in taken.items())
            ]
            gone = [str(path.relative_to(self.home.path)) for path in removed]
            if len(moves) > 1 or gone:
                _write(staged / "journal", as_json({"moves": moves, "removed": gone}))
                sync_file(staged / "journal")
                (staged / "journal").replace(journal)
                sync_directory(staged)
            else:
                written.replace(path)
        except OSError as error:
            # Removing the journal undoes the commit; if even that fails, the change stays committed.
            with contextlib.suppress(OSError):
                journal.unlink(missing_ok=True)
            if not journal.exists():
                _sweep(staged)
                raise unwritable(path, error) from error
            raise _unfinished(error) from error
        try:
            if taken:
                sync_directory(path.parent)
            settle(self.home)
        except OSError as error:
            raise _unfinished(error) from error


@contextlib.contextmanager
def changing(home: Home) -> Iterator[Change]:
    """Hold the state's lock, complete any interrupted change, and commit this change at the end.

    An exception leaves everything unchanged. Calls cannot be nested: the lock is not reentrant.
    """
    homes = _held.__dict__.setdefault("homes", set())
    if home.path in homes:
        raise RuntimeError(f"{home.path} is already being changed by this thread")
    home.directory()
    try:
        # Lock the directory itself: a lock file could be deleted or replaced.
        with locks.exclusive(home.path, os.O_RDONLY, PATIENCE_S):
            homes.add(home.path)
            try:
                settle(home)
                change = Change(home)
                yield change
                change.commit()
            finally:
                homes.discard(home.path)
    except TimeoutError as error:
        raise Busy(
            "state_locked",
            f"another script has been changing {home.path} for more than {PATIENCE_S} s; "
            "it may be suspended",
            "end it and run the same command again, which completes or undoes the interrupted change",
        ) from error
    except OSError as error:
        raise unwritable(home.path, error) from error


def is_changing(home: Home) -> bool:
    """Whether this thread holds the lock."""
    return home.path in _held.__dict__.get("homes", ())


def recover(home: Home) -> None:
    """Complete an interrupted change, before reading. Waits for a change in progress."""
    if is_changing(home) or not home.file(STAGED, JOURNAL).exists():
        return
    with changing(home):
        pass


def settle(home: Home) -> None:
    """Under the lock: carry out the journal if there is one, and remove other staged files."""
    staged = home.file(STAGED)
    if not staged.is_dir():
        return
    moves, removed = _read_journal(home, staged / JOURNAL)
    for name in removed:
        home.file(name).unlink(missing_ok=True)
        if home.file(name).parent.is_dir():
            sync_directory(home.file(name).parent)
    for source, target in moves:
        source, target = home.file(source), home.file(target)
        if source.exists():  # otherwise it was already renamed
            _require_no_directory(target)
            make_directory(target.parent)
            source.replace(target)
            sync_directory(target.parent)
    _sweep(staged)


def _require_no_directory(path: Path) -> None:
    if path.is_dir():
        raise Failed(
            "not_a_file",
            f"{path} is a directory, but a file with that name has to be written",
            command_line("mv", path, f"{path}-directory"),
        )


def _read_journal(home: Home, path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """The (from, to) names to rename, and the names to remove. Raises Failed for an invalid journal, and for a name outside
    the state directory.
    """
    journal = read_json(path) or {"moves": []}
    try:
        moves = [(move["from"], move["to"]) for move in journal["moves"]]
        removed = list(journal.get("removed", []))
        names = [Path(name) for name in (*removed, *(name for move in moves for name in move))]
    except (KeyError, TypeError) as problem:
        raise Failed(
            "state_corrupt",
            f"{path} is not a valid journal of changes ({reason(problem)})",
            f"look at {path}, and remove it",
        ) from problem
    for name in names:
        if ".." in name.parts or name.is_absolute():
            raise Failed(
                "state_corrupt",
                f"{path} names {str(name)!r}, which is not in {home.path}",
                f"look at {path}, and remove it",
            )
    return moves, removed


def _sweep(staged: Path) -> None:
    """Remove everything staged; the journal last, since the change is committed as long as it exists."""
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(staged.iterdir(), key=lambda path: path.name == JOURNAL):
            if path.name == JOURNAL:
                sync_directory(staged)
            path.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="utf-8") as out:
        out.write(text)


def _unfinished(error: OSError) -> Failed:
    return Failed(
        "unfinished_change",
        f"the change is committed, but writing it was interrupted ({reason(error)}); "
        "the next command completes it",
        "uv run scripts/check_status.py",
    )
