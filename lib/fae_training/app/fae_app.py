"""Fae's own files and settings, read-only."""

import os
import sys
from pathlib import Path

from fae_training.store import state

GIB = 2**30


def directory() -> Path:
    """Fae's own directory; FAE_APP_DIR overrides it, for a copy or a demo."""
    chosen = os.environ.get("FAE_APP_DIR")
    return Path(chosen or "~/Library/Application Support/fae").expanduser()


def database() -> Path:
    return directory() / "fae.db"


def system_prompt(beside: Path | None = None) -> str | None:
    """The text of soul.md, which Fae reads anew and puts before every turn; None where there is none.

    beside: the directory of another database than Fae's own.
    """
    try:
        return state.read_text((beside or directory()) / "soul.md").strip() or None
    except (OSError, ValueError):
        return None


def config() -> dict:
    """Fae's config.toml, {} if it is missing or unreadable."""
    path = directory() / "config.toml"
    if not path.is_file():
        return {}
    import tomllib

    try:
        return tomllib.loads(state.read_text(path))
    except (OSError, ValueError, RecursionError):
        return {}


def memory_bytes() -> int:
    """Physical memory of this machine. FAE_TRAINING_MEMORY_GB overrides it, to plan for another machine."""
    if planned := os.environ.get("FAE_TRAINING_MEMORY_GB"):
        return int(float(planned) * GIB)
    if sys.platform == "darwin":
        import ctypes
        import ctypes.util

        size = ctypes.c_uint64()
        length = ctypes.c_size_t(ctypes.sizeof(size))
        libc = ctypes.CDLL(ctypes.util.find_library("c"))
        libc.sysctlbyname(b"hw.memsize", ctypes.byref(size), ctypes.byref(length), None, 0)
        return size.value
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
