"""Locks between processes, with real processes."""

import os
import subprocess
import sys
import time

from fae_training.store import locks


def holding(path, name: str = "") -> subprocess.Popen:
    """Another process that holds the lock on `path`, and wrote its name there, until it is killed."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom fae_training.store import locks\n"
        "descriptor = locks.try_exclusive(Path(sys.argv[1]))\n"
        "locks.write_holder(descriptor, sys.argv[2])\n"
        "print('held', flush=True)\ntime.sleep(600)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path), name], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    return other


def stop(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_lock_has_one_holder_and_is_free_when_it_dies(tmp_path):
    path = tmp_path / "lock"
    assert locks.holder(path) is None
    other = holding(path, "run-7")
    assert locks.try_exclusive(path) is None
    assert locks.holder(path) == "run-7"
    stop(other)
    assert locks.holder(path) is None
    descriptor = locks.try_exclusive(path)
    assert descriptor is not None
    os.close(descriptor)


def test_a_holder_without_a_name_is_distinguished_from_a_free_lock(tmp_path):
    descriptor = locks.try_exclusive(tmp_path / "lock")
    assert locks.holder(tmp_path / "lock") == ""
    os.close(descriptor)


def test_a_shorter_name_replaces_a_longer_one(tmp_path):
    descriptor = locks.try_exclusive(tmp_path / "lock")
    locks.write_holder(descriptor, "a run that is about to start")
    locks.write_holder(descriptor, "sft-1")
    assert locks.holder(tmp_path / "lock") == "sft-1"
    os.close(descriptor)


def test_a_process_that_asks_for_the_lock_waits_until_it_is_free(tmp_path):
    """Also on a directory, which cannot be opened for writing."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom fae_training.store import locks\n"
        "print('asks', flush=True)\n"
        "with locks.exclusive(Path(sys.argv[1]), os.O_RDONLY):\n"
        "    print('has it', Path(sys.argv[1], 'released').exists(), flush=True)\n"
    )
    with locks.exclusive(tmp_path, os.O_RDONLY):
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout.readline() == "asks\n"
        time.sleep(0.3)
        assert other.poll() is None
        (tmp_path / "released").touch()
    assert other.communicate(timeout=60)[0] == "has it True\n"


def test_a_child_that_inherits_the_descriptor_keeps_the_lock(tmp_path):
    path = tmp_path / "lock"
    with locks.exclusive(path) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[descriptor]
        )
    assert locks.holder(path) == ""
    child.kill()
    child.wait()
    assert locks.holder(path) is None


def test_a_file_made_for_a_lock_can_be_read_by_its_owner_alone(tmp_path):
    os.close(locks.try_exclusive(tmp_path / "lock"))
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
