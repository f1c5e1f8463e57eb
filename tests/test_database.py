"""Fae's database where nothing can be made beside it: in a directory of somebody else's, or on a read-only volume."""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest

from fae_training.calls.errors import Busy, Missing
from fae_training.conversations import database
from fae_training.conversations.database import FaeDatabase

NOBODY = 65534


@pytest.fixture
def logged(fae_directory):
    """(a directory with fae.db and fae.db-wal, in which one episode is in the log alone, how many there are with it)."""
    place = Path(tempfile.mkdtemp())  # not tmp_path, whose parents are closed to others
    writing = place / "writing"
    writing.mkdir()
    shutil.copy(fae_directory.database, writing / "fae.db")
    connection = sqlite3.connect(writing / "fae.db")
    assert connection.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(memory_records)")]
    values = ", ".join("'in-the-log'" if name == "id" else name for name in columns)
    connection.execute(
        f"INSERT INTO memory_records ({', '.join(columns)}) SELECT {values} FROM memory_records WHERE kind = 'episode' LIMIT 1"
    )
    connection.commit()
    count = connection.execute(
        "SELECT count(*) FROM memory_records WHERE kind = 'episode'"
    ).fetchone()[0]
    found = place / "found"
    found.mkdir()
    for name in (
        "fae.db",
        "fae.db-wal",
    ):  # as a backup has them; the index of the log is not part of it
        shutil.copyfile(writing / name, found / name)
        (found / name).chmod(0o444)
    connection.close()
    place.chmod(0o755)
    found.chmod(0o555)
    yield found, count
    found.chmod(0o755)
    shutil.rmtree(place)


@pytest.fixture
def without_rights():
    """Not as root, whom no permission stops."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(user)


def test_rows_in_the_log_are_read_where_the_directory_cannot_be_written(logged, without_rights):
    found, count = logged
    with FaeDatabase(found / "fae.db") as opened:
        assert opened.count_episodes() == count
        assert opened.directory == found
        copy = Path(opened._copy.name)
        assert copy.stat().st_mode & 0o777 == 0o700
    assert not copy.exists()
    assert sorted(path.name for path in found.iterdir()) == ["fae.db", "fae.db-wal"]


@pytest.mark.parametrize("writes", [1, 3])
def test_a_database_that_changes_while_it_is_copied_is_copied_again_or_not_read(
    logged, tmp_path, monkeypatch, writes
):
    path = Path(shutil.copytree(logged[0], tmp_path / "theirs")) / "fae.db"
    path.parent.chmod(0o755)
    log = path.with_name("fae.db-wal")
    log.chmod(0o644)
    copy_file, left = database._copy_file, [writes]

    def while_somebody_writes(source, target):
        copy_file(source, target)
        if source == log and left[0]:
            left[0] -= 1
            log.write_bytes(log.read_bytes() + b"more")

    monkeypatch.setattr(database, "_copy_file", while_somebody_writes)
    (tmp_path / "copy").mkdir()
    if writes == 3:
        with pytest.raises(Busy, match="changed each of the 3 times"):
            database._copied(path, tmp_path / "copy")
    else:
        database._copied(path, tmp_path / "copy")
        assert (tmp_path / "copy" / "fae.db-wal").read_bytes() == log.read_bytes()


def test_a_database_that_may_not_be_read_is_said_to_be_there(logged, without_rights):
    found, _ = logged
    os.seteuid(0) if os.getuid() == 0 else None
    (found / "fae.db").chmod(0)
    os.seteuid(NOBODY) if os.getuid() == 0 else None
    with pytest.raises(Missing, match="exists but cannot be opened"):
        FaeDatabase(found / "fae.db")


def test_names_of_every_script_are_names_and_other_words_for_somebody_are_not(
    fae_directory, tmp_path
):
    path = shutil.copy(fae_directory.database, tmp_path / "fae.db")
    connection = sqlite3.connect(path)
    name = connection.execute("SELECT canonical_name FROM entities LIMIT 1").fetchone()[0]
    aliases = '["my sister", "李雷", "राजू", "محمد", "Жанна", "3M", ""]'
    connection.execute("UPDATE entities SET aliases = ? WHERE canonical_name = ?", (aliases, name))
    connection.commit()
    connection.close()
    with FaeDatabase(Path(path)) as opened:
        names = opened.names()
    assert {"李雷", "राजू", "محمد", "Жанна", "3M", name} <= set(names)
    assert "my sister" not in names and "" not in names
