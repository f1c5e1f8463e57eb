"""Changes of several state files: all of them or none, one after the other, completed by whoever comes next."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from fae_training.calls.errors import Busy, Failed
from fae_training.store import state, transactions
from fae_training.store.transactions import changing


@pytest.fixture
def place(home) -> state.Home:
    place = state.Home(home)
    with changing(place) as change:
        change.write(place.file("a.json"), {"value": 1})
        change.write(place.file("runs", "r", "b.json"), {"value": 1})
        change.append(place.file("c.jsonl"), {"value": 1})
    return place


def values(place) -> tuple:
    lines = [row["value"] for row in state.read_jsonl(place.file("c.jsonl"))]
    return place.read("a.json")["value"], place.read("runs/r/b.json")["value"], lines


def change_all(place) -> None:
    with changing(place) as change:
        change.write(place.file("a.json"), {"value": 2})
        change.write(place.file("runs", "r", "b.json"), {"value": 2})
        change.append(place.file("c.jsonl"), {"value": 2})


OLD, NEW = (1, 1, [1]), (2, 2, [1, 2])


def test_everything_is_written_and_nothing_staged_stays(place):
    change_all(place)
    assert values(place) == NEW
    assert not list(place.file(transactions.STAGED).iterdir())
    assert stat.S_IMODE(place.file("a.json").stat().st_mode) == 0o600


def test_an_exception_leaves_everything_as_it_was(place):
    with pytest.raises(KeyError), changing(place) as change:
        change.write(place.file("a.json"), {"value": 2})
        raise KeyError("no")
    assert values(place) == OLD
    change_all(place)
    assert values(place) == NEW


def test_a_directory_in_the_place_of_a_file_is_named_and_nothing_waits_for_it(place):
    place.file("a.json").unlink()
    place.file("a.json").mkdir()
    for _ in range(2):
        with pytest.raises(Failed, match=r"a\.json is a directory") as refused:
            change_all(place)
        assert "mv " in refused.value.hint
    assert state.read_jsonl(place.file("c.jsonl")) == [{"value": 1}]
    place.file("a.json").rmdir()
    change_all(place)
    assert values(place) == NEW


def test_a_text_and_a_large_file_written_elsewhere_are_one_change(place):
    with state.temporary_file(place.file("rows.jsonl")) as written:
        written.write_text("rows\n")
        with changing(place) as change:
            change.take(place.file("rows.jsonl"), written)
            change.write(place.file("a.json"), {"value": 2})
    assert place.file("rows.jsonl").read_text() == "rows\n" and not written.exists()
    assert place.read("a.json")["value"] == 2


@pytest.mark.parametrize("nth", range(1, 13))
def test_a_full_disk_at_any_flush_or_rename_leaves_all_old_or_says_that_it_counts(
    place, monkeypatch, nth
):
    calls = 0

    def failing(really):
        def call(*given, **named):
            nonlocal calls
            calls += 1
            if calls == nth:
                raise OSError(errno.ENOSPC, "no room")
            return really(*given, **named)

        return call

    monkeypatch.setattr(os, "fsync", failing(os.fsync))
    monkeypatch.setattr(os, "replace", failing(os.replace))
    try:
        change_all(place)
        told = None
    except Failed as failure:
        told = failure.code
    monkeypatch.undo()
    transactions.recover(place)
    if told == "write_failed":
        assert values(place) == OLD
        change_all(place)
    else:
        assert told == "unfinished_change" or calls < nth, told
    assert values(place) == NEW


KILLED = """
import os, pathlib, signal, sys
from fae_training.store import state, transactions
place = state.Home(pathlib.Path(sys.argv[1]))
transactions.settle_really = transactions.settle

def settle(home):
    transactions.settle_really(home)
    transactions.settle = lambda home: os.kill(os.getpid(), signal.SIGKILL)

transactions.settle = settle  # the first is at the beginning, the second would carry out the journal
with transactions.changing(place) as change:
    change.write(place.file("a.json"), {"value": 2})
    change.write(place.file("runs", "r", "b.json"), {"value": 2})
    change.append(place.file("c.jsonl"), {"value": 2})
"""


@pytest.mark.parametrize("next_one", ["reader", "writer"])
def test_what_has_its_journal_is_completed_by_the_next_reader_or_writer(place, next_one):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(place.path)])
    assert killed.returncode == -signal.SIGKILL and values(place) == OLD
    if next_one == "reader":
        transactions.recover(place)
    else:
        with changing(place) as change:
            assert values(place) == NEW, "a writer sees it before it changes anything"
            change.write(place.file("other.json"), {})
    assert values(place) == NEW and not list(place.file(transactions.STAGED).iterdir())


def test_a_journal_that_names_what_is_outside_is_refused(place, tmp_path):
    outside = tmp_path / "outside.json"
    staged = place.directory(transactions.STAGED)
    (staged / "0").write_text("{}")
    for name in ("../outside.json", str(outside)):
        moves = [{"from": f"{transactions.STAGED}/0", "to": name}]
        state.write_json(staged / transactions.JOURNAL, {"moves": moves})
        with pytest.raises(Failed, match="which is not in"):
            transactions.recover(place)
    assert not outside.exists()


def test_a_change_inside_of_a_change_is_a_mistake_and_not_a_deadlock(place):
    with changing(place), pytest.raises(RuntimeError), changing(place):
        pass
    change_all(place)


def test_many_at_once_lose_nothing(place):
    source = (
        "import pathlib, sys\nfrom fae_training.store import state, transactions\n"
        "place = state.Home(pathlib.Path(sys.argv[1]))\n"
        "for _ in range(20):\n"
        "    with transactions.changing(place) as change:\n"
        "        value = place.read('a.json')['value']\n"
        "        change.write(place.file('a.json'), {'value': value + 1})\n"
    )
    many = [subprocess.Popen([sys.executable, "-c", source, str(place.path)]) for _ in range(3)]
    assert [one.wait() for one in many] == [0, 0, 0]
    assert place.read("a.json")["value"] == 61


def test_who_is_stopped_in_the_middle_of_a_change_does_not_make_others_wait_for_ever(
    place, monkeypatch
):
    source = (
        "import os, pathlib, signal, sys\nfrom fae_training.store import state, transactions\n"
        "with transactions.changing(state.Home(pathlib.Path(sys.argv[1]))):\n"
        "    print('in it', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    command = [sys.executable, "-c", source, str(place.path)]
    stopped = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert stopped.stdout.readline() == "in it\n"
        monkeypatch.setattr(transactions, "PATIENCE_S", 0.2)
        with pytest.raises(Busy, match="has been changing"):
            change_all(place)
        assert values(place) == OLD, "who only reads does not wait"
    finally:
        stopped.kill()
        stopped.wait()
    change_all(place)
    assert values(place) == NEW
