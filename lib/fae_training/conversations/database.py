"""Read-only access to Fae's SQLite database while Fae continues to write to it.

It is opened with mode=ro, not immutable, to include rows still in the write-ahead log. Where SQLite
cannot create the files that it needs beside the database, a private copy is read. One read
transaction is held from open to close, so every pass over the tables sees the same moment.
"""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote

from fae_training.calls.error_words import reason
from fae_training.calls.errors import Busy, Failed, Missing, command_line
from fae_training.conversations.mentions import folded
from fae_training.conversations.text import words
from fae_training.store import state

SCHEMAS = range(4, 10)
COPY_ATTEMPTS = 3
_NEEDED = {"id", "kind", "status", "text", "tags", "created_at"}


# SQLite keeps any type in any column (sqlite.org/flexibletypes.html), so every query says which type it wants.
def _text(column: str) -> str:
    return f"CAST({column} AS TEXT)"


def _id(table: str) -> str:
    """The id of a row; without one, its number identifies it."""
    return f"ifnull({_text(f'{table}.id')}, 'row ' || {table}.rowid)"


def _moment(column: str) -> str:
    """Whole unix seconds, also of a date that is kept as text; 0 for what is no time."""
    return (
        f"CASE WHEN typeof({column}) IN ('integer', 'real') THEN CAST({column} AS INTEGER) "
        f"ELSE ifnull(CAST(strftime('%s', {_text(column)}) AS INTEGER), 0) END"
    )


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about `path` into errors that a person can act on."""
    try:
        yield
    except sqlite3.OperationalError as error:
        message = str(error)
        if "locked" in message or "busy" in message:
            raise Busy(
                "database_locked",
                f"{path} is locked by another program and did not become free within 5 seconds",
                "run the same command again in a moment",
            ) from error
        if "unable to open" in message or "authorization" in message or "readonly" in message:
            raise Missing(
                "database_unreadable",
                f"{path} exists but cannot be opened ({message})",
                command_line("ls", "-l", path.parent),
            ) from error
        if "full" in message or "I/O" in message:
            raise Failed(
                "write_failed",
                f"{message}, while reading {path} and writing a temporary file; what was "
                "exported before is unchanged",
                "df -h shows whether a disk is full",
            ) from error
        raise _damaged(path, message) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, message: str) -> Failed:
    return Failed(
        "database_damaged",
        f"{path} cannot be read to its end ({message}); it is damaged or incomplete. Nothing "
        "was changed",
        f"{command_line('sqlite3', path, 'pragma integrity_check')} gives details; name an intact copy "
        "with --db",
    )


def _copy_file(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except PermissionError as error:
        raise Missing(
            "database_unreadable",
            f"{source} exists but cannot be opened ({reason(error)})",
            command_line("ls", "-l", source.parent),
        ) from error
    except OSError as error:
        raise Failed(
            "write_failed",
            f"{source} is in a directory that cannot be written, and copying it to "
            f"{target.parent} failed: {reason(error)}",
            command_line("df", "-h", target.parent),
        ) from error


def _copied(path: Path, directory: Path) -> Path:
    """A copy of the database at `path` and of SQLite's files beside it, all from one moment.

    immutable=1 would miss the rows in the log, and fail when another program writes. Raises Busy
    when the files change while they are copied, Missing where they cannot be read, and Failed where
    there is no room.
    """
    files = [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-journal"))]

    def state() -> list[tuple | None]:
        there = [file.stat() if file.exists() else None for file in files]
        return [found and (found.st_ino, found.st_size, found.st_mtime_ns) for found in there]

    for _ in range(COPY_ATTEMPTS):
        before = state()
        for file, found in zip(files, before, strict=True):
            (directory / file.name).unlink(missing_ok=True)
            if found:
                _copy_file(file, directory / file.name)
        if state() == before:
            return directory / path.name
    raise Busy(
        "database_locked",
        f"{path} is in a directory that cannot be written, so it is read from a copy, and it "
        "changed each of the "
        f"{COPY_ATTEMPTS} times that it was copied",
        "run the same command again in a moment",
    )


class FaeDatabase:
    """An open database, used as a context manager. Raises Missing, Busy or Failed as in `explained`."""

    def __init__(self, path: Path):
        # SQLite follows a link too: the files of a database are beside the real file.
        self.path = path.expanduser().resolve()
        if not self.path.is_file():
            raise Missing(
                "no_database",
                f"there is no Fae database at {self.path}",
                "start Fae once, or name the file: uv run scripts/export_data.py --db PATH/fae.db",
            )
        self._check_hard_link()
        # Checked before opening, because SQLite creates an empty log beside it.
        self.warning = self._missing_beside()
        with explained(self.path):
            self._copy: tempfile.TemporaryDirectory | None = None
            try:
                self._open(self.path, "ro")
            except sqlite3.OperationalError as error:
                if "readonly" not in str(error) and "unable to open" not in str(error):
                    raise
                # A write-ahead log, or the remains of a crash, can only be read where files can be
                # created beside it.
                self._copy = tempfile.TemporaryDirectory()
                try:
                    self._open(_copied(self.path, Path(self._copy.name)), "rw")
                except BaseException:
                    self._copy.cleanup()
                    raise
            self.schema_version = self._check_schema()

    def __enter__(self) -> "FaeDatabase":
        return self

    def __exit__(self, *_) -> None:
        self.connection.close()
        if self._copy:
            self._copy.cleanup()

    def _open(self, path: Path, mode: str) -> None:
        self.connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}",
            uri=True,
            timeout=5,
            isolation_level=None,
        )
        try:
            self.connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            self.connection.execute("PRAGMA query_only = 1")
            self.connection.execute("BEGIN")
            tables = self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            self.tables = {name for (name,) in tables}
        except sqlite3.Error:
            self.connection.close()
            raise

    @property
    def directory(self) -> Path:
        return self.path.parent

    def _check_hard_link(self) -> None:
        beside = ("speakers.json", "soul.md", f"{self.path.name}-wal")
        if self.path.stat().st_nlink > 1 and not any((self.directory / n).exists() for n in beside):
            raise Missing(
                "database_linked",
                f"{self.path} is a hard link to a file, and none of the other files of Fae's database are "
                f"beside it: {', '.join(beside)}",
                "name Fae's own file with --db, or a copy of its whole directory",
            )

    def _missing_beside(self) -> str | None:
        """What a copy without Fae's other files lacks; None where speakers.json is beside the database."""
        if (self.directory / "speakers.json").exists():
            return None
        try:
            with self.path.open("rb") as file:
                keeps_a_log = file.read(20)[18:20] == b"\x02\x02"  # sqlite.org/fileformat2.html
        except OSError:
            return None  # opening it says why
        if keeps_a_log and not self.path.with_name(f"{self.path.name}-wal").exists():
            return (
                f"there is no {self.path.name}-wal beside {self.path}: if it was copied while Fae was running, the latest "
                "conversations are missing; copy Fae's whole directory"
            )
        return None

    def names_voices(self) -> bool:
        """Whether any record names its speaker, which Fae records once a voice is enrolled."""
        return any(
            table in self.tables
            and "speaker_id" in self.columns(table)
            and self.connection.execute(
                f"SELECT 1 FROM {table} WHERE speaker_id IS NOT NULL AND speaker_id != '' LIMIT 1"
            ).fetchone()
            for table in ("memory_records", "session_messages")
        )

    def columns(self, table: str) -> set[str]:
        return {row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")}

    def _check_schema(self) -> int:
        if "schema_meta" not in self.tables or "memory_records" not in self.tables:
            raise Failed(
                "unknown_schema",
                f"{self.path} has none of Fae's tables (found: "
                f"{', '.join(sorted(self.tables)[:8]) or 'nothing'})",
                "name Fae's own file with --db; it is called fae.db",
            )
        row = self.connection.execute(
            "SELECT value FROM schema_meta WHERE key = 'schema_version'"
        ).fetchone()
        version = int(row[0]) if row and str(row[0]).isdecimal() else None
        missing = _NEEDED - self.columns("memory_records")
        if version is None or version < SCHEMAS[0] or missing:
            found = f"schema version {row[0] if row else 'none'}" + (
                f" without the columns {', '.join(sorted(missing))}" if missing else ""
            )
            raise Failed(
                "unknown_schema",
                f"{self.path} has {found}; this version reads {SCHEMAS[0]} and later ones",
                "update the skill",
            )
        if version not in SCHEMAS:
            newer = (
                f"{self.path} has the newer schema version {version} ({SCHEMAS[-1]} is known); everything needed is present, "
                "and new parts are ignored"
            )
            self.warning = "; ".join(filter(None, (self.warning, newer)))
        return version

    def count_episodes(self, since: int = -1) -> int:
        """Episodes after `since` (unix seconds); all by default."""
        return self.connection.execute(
            f"SELECT count(*) FROM memory_records WHERE kind = 'episode' AND {_moment('created_at')} > ?",
            (since,),
        ).fetchone()[0]

    def episodes(self) -> Iterator[tuple]:
        """(rowid, id, status, text, source_turn_id, tags, created_at, speaker_id) of each episode,
        oldest first.
        """
        there = self.columns("memory_records")
        turn, speaker = (
            _text(name) if name in there else "NULL" for name in ("source_turn_id", "speaker_id")
        )
        return self.connection.execute(
            f"SELECT rowid, {_id('memory_records')}, {_text('status')}, {_text('text')}, {turn}, "
            f"{_text('tags')}, {_moment('created_at')}, {speaker} FROM memory_records"
            " WHERE kind = 'episode' ORDER BY rowid"
        )

    def episode(self, rowid: int) -> tuple[str, str]:
        """(id, text) of one episode."""
        return self.connection.execute(
            f"SELECT {_id('memory_records')}, {_text('text')} FROM memory_records WHERE rowid = ?",
            (rowid,),
        ).fetchone()

    def messages(self) -> Iterator[tuple]:
        """(id, session_id, session kind, turn_id, role, speaker_id, tool_name, content,
        created_at), in the order of the conversation."""
        if not {"session_messages", "conversation_sessions"} <= self.tables:
            return iter(())
        texts = ("m.session_id", "s.kind", "m.turn_id", "m.role", "m.speaker_id", "m.tool_name", "m.content")  # fmt: skip
        return self.connection.execute(
            f"SELECT {_id('m')}, {', '.join(map(_text, texts))}, {_moment('m.created_at')}"
            " FROM session_messages m LEFT JOIN conversation_sessions s ON s.id = m.session_id "
            "ORDER BY m.rowid"
        )

    def user_messages(self) -> Iterator[tuple[str, int]]:
        """(content, unix seconds) of everything said to Fae."""
        if "session_messages" not in self.tables:
            return iter(())
        return self.connection.execute(
            f"SELECT {_text('content')}, {_moment('created_at')} FROM session_messages WHERE role = 'user'"
        )

    def audited_forgets(self) -> list[tuple[str, str | None, int]]:
        """(record id, its text where it is still kept, unix seconds) of each record forgotten on request.

        Fae's own removal of records older than 90 days sets the same status but leaves no audit
        row.
        """
        if "memory_audit" not in self.tables:
            return []
        return self.connection.execute(
            f"SELECT {_text('a.target_id')}, {_text('r.text')}, {_moment('a.at')} FROM memory_audit a"
            " LEFT JOIN memory_records r ON r.id = a.target_id"
            " WHERE a.op IN ('forget_soft', 'forget_hard')"
        ).fetchall()

    def corrections(self) -> Iterator[tuple[str, str | None]]:
        """(sentence, speaker) of each correction that newer versions of Fae noted, oldest first."""
        there = self.columns("memory_records")
        speaker = _text("speaker_id") if "speaker_id" in there else "NULL"
        if "tags" not in there:
            return iter(())
        return self.connection.execute(
            f"SELECT {_text('text')}, {speaker} FROM memory_records WHERE status = 'active' AND tags LIKE"
            " '%\"correction\"%' ORDER BY rowid"
        )

    def tool_runs(self) -> Iterator[tuple[str | None, str | None, int]]:
        """(turn_id, the user's goal, unix seconds) of each turn that called a tool."""
        if "workflow_runs" not in self.tables:
            return iter(())
        return self.connection.execute(
            f"SELECT {_text('turn_id')}, {_text('user_goal')}, {_moment('created_at')} FROM workflow_runs"
        )

    def has_record(self, name: str) -> bool:
        """Whether an episode or a memory has this id."""
        found = self.connection.execute(
            f"SELECT 1 FROM memory_records WHERE {_id('memory_records')} = ? LIMIT 1", (name,)
        )
        return found.fetchone() is not None

    def aliases(self, people: Collection[str]) -> list[str]:
        """The other names under which Fae knows these people; a given name is enough where only one person has it."""
        plain = lambda name: " ".join(map(folded, words(name)))  # noqa: E731
        whole = {person: plain(person) for person in people}
        names: list[str] = []
        by_given_name: dict[str, list[list[str]]] = {person: [] for person in people}
        for known in self._entities():
            said = [plain(name) for name in known]
            if any(name in said for name in whole.values()):
                names += known
                continue
            for person, name in whole.items():
                if any(name in each.split() for each in said):
                    by_given_name[person].append(known)
        names += (name for found in by_given_name.values() if len(found) == 1 for name in found[0])
        return [name for name in dict.fromkeys(names) if name and name not in people]

    def _entities(self) -> Iterator[list[str]]:
        """The names of each person, place and thing that Fae tracks, its canonical name first."""
        if "entities" not in self.tables:
            return
        for canonical, aliases in self.connection.execute(
            f"SELECT {_text('canonical_name')}, {_text('aliases')} FROM entities"
        ):
            try:
                others = state.parsed(aliases or "[]")
            except ValueError:
                others = []
            yield [canonical or "", *map(str, others if isinstance(others, list) else [])]

    def names(self) -> list[str]:
        """The names that Fae knows: the user's own, and those of people, places and things that it tracks."""
        rows = self.connection.execute(
            f"SELECT {_text('text')} FROM memory_records WHERE kind = 'profile' AND status = 'active'"
            " AND text LIKE 'Primary user name is %'"
        )
        found = [text[len("Primary user name is ") :].strip(" .") for (text,) in rows]
        for known in self._entities():
            found += known
        # An alias such as "my sister" is not a name; 李雷 and राजू are, in scripts without capitals.
        return sorted({name for name in found if name and not name[0].islower()})
