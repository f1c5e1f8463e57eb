"""Locks between processes: an flock on a file or a directory.

The system releases such a lock when every copy of its descriptor is closed, so also when the holder
dies, however it dies. A child process that inherits the descriptor goes on holding the lock after
its parent has closed it.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

LONGEST_NAME = 100  # bytes of the file that may name its holder


@contextlib.contextmanager
def exclusive(
    path: Path, flags: int = os.O_RDWR | os.O_CREAT, patience_s: float | None = None
) -> Iterator[int]:
    """Wait for the lock on `path` and hold it; yields the descriptor, opened with `flags`. Raises
    OSError, after `patience_s` a TimeoutError.
    """
    descriptor = os.open(path, flags, 0o600)
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
    """The descriptor of a lock that is held until it is closed; None, without waiting, when another
    holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def write_holder(descriptor: int, name: str) -> None:
    """Write into the locked file who holds it."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, name.encode(), 0)


def holder(path: Path) -> str | None:
    """What the holder of the lock wrote into `path`, "" where it wrote nothing; None when the lock
    is free.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        # Shared, so that two processes that look at once do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return os.pread(descriptor, LONGEST_NAME, 0).decode()
    finally:
        os.close(descriptor)
