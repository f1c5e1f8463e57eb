"""Faults at the n-th change that this process makes in a directory: it is killed or ended there, or the disk is full,
or a flush fails.

Changes are what a power cut or a full disk can come between: making a directory or a file, a write, a flush to disk,
a rename, a removal, cutting a file. What the code under test does otherwise is its own.
"""

import builtins
import errno
import io
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

KILL, TERMINATE, FULL, UNFLUSHED = "kill", "terminate", "full", "unflushed"
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# What needs no room on a disk succeeds on a full one too.
_NEEDS_ROOM = ("mkdir", "open", "write", "fsync", "replace")


@dataclass
class Injector:
    """at: which change of the process, from 1; 0 injects nothing and only counts. `counted` has how many of each sort it met."""

    under: Path
    at: int
    kind: str
    count: int = 0
    counted: Counter = field(default_factory=Counter)
    tell: Callable[[str], None] = lambda text: None

    def install(self) -> None:
        self._wrap("mkdir", "rmdir", "unlink", "remove")
        self._wrap("replace", "rename", target=1)
        self._wrap_descriptors("fsync", "ftruncate")
        self._wrap_write()
        self._wrap_open()

    def reached(self, what: str, path: str) -> bool:
        """Whether the fault is to happen at this change."""
        if not path.startswith(str(self.under)):
            return False
        if self.kind == UNFLUSHED and what != "fsync":
            return False
        self.count += 1
        self.counted.update((what, "all"))
        if self.count != self.at:
            return False
        self.tell(f"{what} {os.path.relpath(path, self.under)}")
        return True

    def strike(self, what: str) -> None:
        if self.kind == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == TERMINATE:  # which a script may answer in its own way
            return os.kill(os.getpid(), signal.SIGTERM)
        if self.kind == UNFLUSHED:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        # From now on the disk stays full, as real ones do, until the process ends.
        self.at = self.count + 1
        if what in _NEEDS_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _wrap(self, *names: str, target: int = 0) -> None:
        for name in names:
            really = getattr(os, name)
            what = "replace" if target else name

            def wrapped(*given, really=really, what=what, **named):
                path = os.path.abspath(os.fspath(given[target]))
                if self.reached(what, path):
                    self.strike(what)
                return really(*given, **named)

            setattr(os, name, wrapped)

    def _wrap_descriptors(self, *names: str) -> None:
        for name in names:
            really = getattr(os, name)

            def wrapped(handle, *given, really=really, name=name):
                if self.reached(name, path_of(handle)):
                    self.strike(name)
                return really(handle, *given)

            setattr(os, name, wrapped)

    def _wrap_write(self) -> None:
        really = os.write

        def write(handle, data):
            if self.reached("write", path_of(handle)):
                really(handle, bytes(data)[: len(data) // 2])
                self.strike("write")
            return really(handle, data)

        os.write = write

    def _wrap_open(self) -> None:
        really_open, really_os_open = io.open, os.open

        def os_open(path, flags, *given, **named):
            # Flags that do not make a file write into one that is there.
            if flags & os.O_CREAT and self.reached("open", os.path.abspath(os.fspath(path))):
                self.strike("open")
            return really_os_open(path, flags, *given, **named)

        def opened(file, mode="r", *given, **named):
            writes = any(letter in mode for letter in "wax+")
            path = path_of(file) if isinstance(file, int) else os.path.abspath(os.fspath(file))
            if writes and not isinstance(file, int) and self.reached("open", path):
                self.strike("open")
            stream = really_open(file, mode, *given, **named)
            if writes and path.startswith(str(self.under)):
                really_write = stream.write

                def write(data):
                    if self.reached("write", path):
                        really_write(data[: len(data) // 2])
                        stream.flush()
                        self.strike("write")
                    return really_write(data)

                stream.write = write
            return stream

        os.open, io.open, builtins.open = os_open, opened, opened


def path_of(handle: int) -> str:
    """Where the open file lies, "" where the system does not say."""
    try:
        if sys.platform == "linux":
            return os.readlink(f"/proc/self/fd/{handle}")
        import fcntl

        return fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0").decode()
    except OSError:
        return ""
