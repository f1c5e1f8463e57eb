"""What tests of several files need is made once for all processes of pytest-xdist."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fae_training.store import locks


def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory for temporary files of this run of pytest, in which each process of pytest-xdist has its own."""
    place = tmp_path_factory.getbasetemp()
    return place.parent if "PYTEST_XDIST_WORKER" in os.environ else place


def made(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """The directory `name`, filled by make(directory) in the process that asks first. Not to be changed."""
    shared = shared_directory(tmp_path_factory)
    place, whole = shared / name, shared / f"{name}.whole"
    with locks.exclusive(shared / f"{name}.lock"):
        if not whole.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
            whole.touch()
    return place
