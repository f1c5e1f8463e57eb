"""Locks between processes: an flock on a file or a directory.

The system releases the lock when every copy of its descriptor is closed, and so also when the
holder dies for any reason. A child process that inherits the descriptor keeps holding the lock
after its parent has closed it.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from fae_training.calls.errors import Failed, command_line

LONGEST_NAME = 100  # bytes of the file that may name its holder


@contextlib.contextmanager
def exclusive(
    path: Path, flags: int = os.O_RDWR | os.O_CREAT, patience_s: float | None = None
) -> Iterator[int]:
    """Wait for the lock on `path` and hold it. Yields the descriptor, opened with `flags`. Raises
    OSError, TimeoutError after `patience_s` seconds, or Failed as _open does.
    """
    descriptor = _open(path, flags)
    try:
        if patience_s is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _take_within(descriptor, patience_s)
        yield descriptor
    finally:
        os.close(descriptor)


def _take_within(descriptor: int, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise TimeoutError(f"the lock was not free within {patience_s} s") from None
            time.sleep(0.002)


def try_exclusive(path: Path) -> int | None:
    """Take the lock without waiting. Returns its descriptor, held until closed, or None if another
    process holds it. Raises as `exclusive` does.
    """
    descriptor = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open(path: Path, flags: int) -> int:
    """Open a file, or a directory that exists, without waiting for the other end of a pipe. Raises OSError, and Failed for
    anything else in its place.
    """
    why = "a link to nothing"
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK, 0o600)
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
            return descriptor
        os.close(descriptor)
        why = "a pipe or a device"
    except OSError as error:
        if error.errno == errno.EISDIR:
            why = "a directory"
        elif not path.is_symlink():
            raise
    raise Failed(
        "not_a_file",
        f"{path} is {why}, expected a file",
        command_line("mv", path, f"{path}-moved-away"),
    )


def write_holder(descriptor: int, name: str) -> None:
    """Write the holder's name into the locked file."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, name.encode(), 0)


def holder(path: Path) -> str | None:
    """The name that the holder of the lock wrote into `path`, "" if none; None when the lock is
    free.
    """
    try:
        descriptor = _open(path, os.O_RDONLY)
    except (OSError, Failed):
        return None
    try:
        # Shared, so that two processes checking at once do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return os.pread(descriptor, LONGEST_NAME, 0).decode(errors="replace")
    finally:
        os.close(descriptor)
