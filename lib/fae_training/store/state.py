"""The state directory (~/.fae/training), which is all that the scripts share.

Directories are 0700 and files 0600. A JSON file is written to a temporary file in the same
directory, flushed to disk and renamed, so it can be read at any time, even while another script
runs or after it was killed.
"""

import contextlib
import contextvars
import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from fae_training.calls.error_words import reason, shown
from fae_training.calls.errors import Failed, Missing, command_line
from fae_training.patterns import lazy_pattern
from fae_training.store import locks, state_shapes

SCHEMA = 1
# In the names of what is being deleted, and of damaged files that were set aside.
DELETED, CORRUPT = ".deleted-", ".corrupt-"
_dry_run: contextvars.ContextVar[bool] = contextvars.ContextVar("dry_run", default=False)
# The names that tempfile.mkstemp creates in temporary_file().
_TEMPORARY = lazy_pattern(r"\..+\.(?:json|jsonl|md|html|safetensors)\.[a-z0-9_]{8}")


def default_home() -> Path:
    """FAE_TRAINING_HOME, else ~/.fae/training."""
    return Path(os.environ.get("FAE_TRAINING_HOME") or "~/.fae/training").expanduser()


def now() -> str:
    """The time as ISO 8601 with the local offset, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def moment(text: str | None) -> float:
    """A time as now() wrote it in seconds since 1970, so that times with other offsets compare; 0 for what is none."""
    try:
        return datetime.fromisoformat(text or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


class Home:
    """The state directory. `file("runs", run_id, "run.json")` is a path; `read` and `write` handle
    JSON.
    """

    def __init__(self, path: Path):
        self.path = path.expanduser().absolute()

    def file(self, *parts: str) -> Path:
        return self.path.joinpath(*parts)

    def directory(self, *parts: str) -> Path:
        """The directory at `parts`, created (0700) if necessary."""
        return make_directory(self.file(*parts))

    def read(self, name: str, default: dict | None = None) -> dict | None:
        return read_json(self.file(name), default)

    def write(self, name: str, data: dict) -> None:
        write_json(self.file(name), data)


def make_directory(path: Path) -> Path:
    """Create the directory `path`, accessible only to its owner. Raises Failed if that is not possible."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    try:
        for directory in reversed(missing):
            directory.mkdir(mode=0o700, exist_ok=True)
        if not path.is_dir():
            raise NotADirectoryError(f"{path} is a file")
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def read_json(path: Path, default: dict | None = None) -> dict | None:
    """The object in `path`, or `default` when there is no such file.

    A file that is not a JSON object is renamed to set it aside, never overwritten; within changing_nothing() it
    stays where it is. Raises Failed naming both files, and for an unknown schema.
    """
    try:
        data = parsed(read_text(path), object_pairs_hook=_without_repeated_keys)
    except FileNotFoundError:
        return default
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise _set_aside(path, f"is not JSON ({reason(error)})") from error
    if not isinstance(data, dict):
        raise _set_aside(path, f"is {shown(data)}, expected an object")
    if wrong := state_shapes.wrong(path.name, data):
        raise Failed(
            "state_corrupt",
            f"{path}: {wrong}",
            f"correct {path}, or move it away to continue without it",
        )
    if data.get("schema", SCHEMA) != SCHEMA:
        raise Failed(
            "state_schema",
            f"{path} has schema {shown(data['schema'])}, but this version reads schema {SCHEMA}",
            "update the skill, or move the file away",
        )
    return data


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> dict:
    """The object of these pairs. Raises ValueError for a key that is there twice, of which json.loads drops the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} is there twice")
    return found


def parsed(text: str | bytes, **options: Any) -> object:
    """The value of a JSON text; options of json.loads. Raises ValueError, also if it is nested too deeply for Python."""
    try:
        return json.loads(text, **options)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_line(value: object, indent: int | None = None) -> str:
    """`value` as JSON, on one line without `indent`, not ASCII-escaped except for lone surrogates, which UTF-8 cannot encode."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


@contextlib.contextmanager
def changing_nothing(active: bool = True) -> Iterator[None]:
    """For a dry run, and for a script that only looks: damaged files are reported, but not renamed. Does nothing unless `active`."""
    before = _dry_run.set(active)
    try:
        yield
    finally:
        _dry_run.reset(before)


def _set_aside(path: Path, what: str) -> Failed:
    if _dry_run.get():
        return Failed(
            "state_corrupt",
            f"{path} {what}; nothing was changed, and nothing more can be said before it is "
            "repaired",
            f"repair it, or move it away to continue without it: {command_line('mv', path, f'{path}.damaged')}",
        )
    aside = path.with_name(f"{path.name}{CORRUPT}{datetime.now():%Y%m%d-%H%M%S}")
    with contextlib.suppress(OSError):
        path.rename(aside)
    return Failed(
        "state_corrupt",
        f"{path} {what}; it was set aside as {aside.name}",
        f"repair it and rename it to {path.name}, or remove it to continue without it: {command_line('rm', aside)}",
    )


def write_json(path: Path, data: dict) -> None:
    """Write `data` to `path`, atomically and with mode 0600, adding the schema number."""
    write_text(path, as_json(data))


def as_json(data: dict) -> str:
    """`data` as the text of a JSON state file, with the schema number added."""
    return json_line({"schema": SCHEMA} | data, indent=1) + "\n"


def write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_jsonl(path: Path, rows: Iterable[dict]) -> None:
    """Write one JSON object per line, atomically and with mode 0600, without holding the rows in memory."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json_line(row) + "\n")


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, which is renamed to `path` once it is on disk, and removed if
    anything fails.

    Raises Failed naming the path if the disk is full or the directory cannot be written.
    """
    with temporary_file(path) as temporary:
        yield temporary
        sync_file(temporary)
        temporary.replace(path)
    try:
        sync_directory(path.parent)
    except OSError as error:
        raise Failed(
            "not_confirmed",
            f"{path} was written, but could not be flushed to disk: {reason(error)}",
            command_line("df", "-h", path.parent),
        ) from error


@contextlib.contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """A temporary file (0600) beside `path`, to be renamed to it; removed at the end if it still exists. An OSError in the
    block becomes a Failed that names the path.
    """
    make_directory(path.parent)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)  # mkstemp creates it with mode 0600
        temporary = Path(name)
        yield temporary
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def temporary_files(directory: Path) -> list[Path]:
    """The temporary files in a directory, of writers that write now or were killed."""
    found = directory.glob(".*.*") if directory.is_dir() else ()
    return [path for path in found if _TEMPORARY.fullmatch(path.name)]


def sweep(directory: Path) -> None:
    """Remove the temporary files of killed writers; the caller must know that no one is writing there."""
    for path in temporary_files(directory):
        path.unlink(missing_ok=True)


def unfinished_deletions(home: Home) -> list[Path]:
    """What a killed deletion left: directories that were renamed, but not yet removed."""
    places = [home.path, *(path for path in home.path.glob("*") if path.is_dir())]
    return sorted(path for place in places for path in place.glob(f"{DELETED}*"))


def set_aside(home: Home) -> list[Path]:
    """The damaged files that read_json renamed, also in a directory of ours that is a link to another disk."""
    linked = [home.file(name) for name in ("data", "results", "runs", "stt")]
    places = [home.path, *(path for path in linked if path.is_symlink())]
    found = (path for place in places for path in place.rglob(f"*{CORRUPT}*"))
    return sorted(path for path in found if not path.is_symlink())


def sync_file(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())


def sync_directory(directory: Path) -> None:
    """Flush a directory, so that a rename survives a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_jsonl(path: Path, row: dict) -> None:
    """Append one line; one writer at a time.

    An incomplete last line, left by a kill or a full disk, is removed first: the new line would
    otherwise be appended to it.
    """
    make_directory(path.parent)
    line = (json_line(row) + "\n").encode()
    try:
        with locks.exclusive(path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as handle:
            _drop_unfinished_line(handle)
            if os.write(handle, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise unwritable(path, error) from error


def _drop_unfinished_line(handle: int) -> None:
    """Truncate an open file after its last line end; complete files are left alone."""
    end = os.fstat(handle).st_size
    if not end or os.pread(handle, 1, end - 1) == b"\n":
        return
    whole = os.pread(handle, end, 0)
    os.ftruncate(handle, whole.rfind(b"\n") + 1)


def read_jsonl(path: Path) -> list[dict]:
    """The objects in `path`, [] if there is no file. A truncated last line, left by a kill, is ignored."""
    try:
        # Not splitlines(), which also splits at Unicode line separators inside JSON strings.
        lines = read_bytes(path).removesuffix(b"\n").split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(path, error) from error
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            value = parsed(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise _no_object(path, number, f"is not JSON ({reason(error)})") from error
        if not isinstance(value, dict):
            raise _no_object(path, number, f"is {shown(value)}, expected an object")
        rows.append(value)
    return rows


def _no_object(path: Path, number: int, why: str) -> Failed:
    return Failed(
        "state_corrupt",
        f"line {number} of {path} {why}",
        f"check line {number} of {path}; remove the line to continue without it",
    )


def read_lines(path: Path) -> str:
    """The complete lines of a text file, "" if there is no file. A truncated last line is ignored."""
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        return content[: content.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError as error:
        raise Failed(
            "state_corrupt",
            f"{path}: {reason(error)}",
            f"correct {path}, or move it away",
        ) from error


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file. Raises OSError for a directory, pipe or device."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file")
    with open(handle, "rb") as file:
        return file.read()


def read_text(path: Path) -> str:
    """The UTF-8 text of a regular file. Raises OSError, and UnicodeDecodeError, which is a ValueError."""
    return read_bytes(path).decode("utf-8-sig")  # some editors write a byte order mark


def _unreadable(path: Path, error: OSError) -> Failed | Missing:
    if isinstance(error, NotADirectoryError):  # the state directory is a file
        return unwritable(path, error)
    return Failed(
        "state_unreadable",
        f"{path} cannot be read: {reason(error)}",
        command_line("ls", "-l", path),
    )


def unwritable(path: Path, error: OSError) -> Failed | Missing:
    if isinstance(error, PermissionError | NotADirectoryError) or error.errno == errno.EROFS:
        return Missing(
            "home_not_writable",
            f"{path} cannot be written: {reason(error)}",
            "choose a directory that you can write: --home DIR or FAE_TRAINING_HOME",
        )
    return Failed(
        "write_failed",
        f"writing {path} failed: {reason(error)}; the previous content is unchanged",
        command_line("df", "-h", path.parent),
    )
