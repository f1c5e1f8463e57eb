"""Runs and the one lock: a run is alive when, and only when, its worker holds the lock."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

import calls
from fae_training.calls.errors import Busy, Missing
from fae_training.lifecycle import runs
from fae_training.store import state

HOLD = """
import pathlib, sys, time
from fae_training.lifecycle import runs; from fae_training.store import state
lock = runs.take_lock(state.Home(pathlib.Path(sys.argv[1])), sys.argv[2])
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def place(home) -> state.Home:
    return state.Home(home)


@pytest.fixture
def holder_of():
    """Starts a process that holds the lock in the name of a run; ends them all afterwards."""
    started = []

    def hold(place, name):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(place.path), name], stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.wait()


def make(place, kind="sft", **record) -> runs.Run:
    run = runs.create(place, kind, {"settings": {}})
    run.update(**record)
    return run


def test_an_id_names_kind_and_time_and_is_short_enough_for_fae(place):
    assert re.fullmatch(r"sft-\d{8}-\d{4}-[a-z0-9]{2}", make(place).id)
    longest = make(place, "speech_verifier")
    assert longest.kind == "speech_verifier"
    assert max(len(word) for word in re.findall(r"[A-Za-z0-9]+", longest.id)) < 32


def test_many_runs_of_one_minute_have_different_ids(place):
    assert len({make(place).id for _ in range(30)}) == 30


def test_a_run_whose_worker_holds_the_lock_is_alive(place, holder_of):
    run = make(place, status="training")
    assert (run.is_alive(), run.status()) == (False, "interrupted")
    worker = holder_of(place, run.id)
    assert (run.is_alive(), run.status()) == (True, "training")
    worker.kill()
    worker.wait()
    assert (run.is_alive(), run.status()) == (False, "interrupted")


def test_a_reused_process_id_does_not_look_alive(place, holder_of):
    """run.json names a process that lives, with its true start, and another run holds the lock."""
    worker = {"pid": os.getpid(), "started": runs.process_start(os.getpid())}
    run, other = make(place), make(place)
    run.update(status="training", worker=worker)
    assert run.status() == "interrupted"
    holder_of(place, other.id)
    assert run.status() == "interrupted" and runs.holder(place) == other.id


def test_a_lock_file_left_by_a_restart_of_the_machine_holds_nothing(place):
    run = make(place)
    run.update(status="evaluating")
    place.file("lock").write_text(run.id)
    assert runs.holder(place) is None and run.status() == "interrupted"
    os.close(runs.take_lock(place, "next"))


@pytest.mark.parametrize("word", runs.ENDED)
def test_what_ended_stays_as_it_ended(place, word):
    run = make(place)
    run.update(status=word)
    assert runs.find(place).status() == word


def test_a_second_run_gets_the_name_of_the_running_one(place, holder_of):
    run = make(place)
    holder_of(place, run.id)
    with pytest.raises(Busy, match=f"{run.id} is running") as refused:
        runs.take_lock(place, "another")
    assert refused.value.exit_status == 5
    assert runs.holder(place) == run.id, "asking changed the holder"


def test_a_worker_that_has_written_its_final_status_is_waited_for(place, holder_of):
    """The status is written before the process has ended; the next command must not report that it is busy."""
    run = make(place, status="cancelled")
    worker = holder_of(place, run.id)
    threading.Timer(0.6, worker.kill).start()
    os.close(runs.take_lock(place, "next"))
    assert worker.wait() == -signal.SIGKILL


def test_a_run_is_waited_for_that_has_written_its_last_status_and_not_longer_than_asked(
    place, holder_of
):
    run = make(place, status="completed")
    worker = holder_of(place, run.id)
    assert not run.has_released_lock(0.1)
    threading.Timer(0.6, worker.kill).start()
    assert run.has_released_lock(30)
    worker.wait()


def test_a_completed_run_that_is_rescored_shows_its_progress_and_the_command_after_a_cancel(
    place, holder_of
):
    run = make(place, status="completed")
    state.write_json(
        run.file(runs.PROGRESS_FILE),
        {"seconds": {}, "stage": "scoring", "done": 3, "total": 24, "eta_s": 7.0},
    )
    assert "stage" not in calls.answer("check_status", home=place.path)
    worker = holder_of(place, run.id)
    answer = calls.answer("check_status", home=place.path)
    assert (
        answer["status"],
        answer["stage"],
        answer["done"],
        answer["total"],
        answer["eta_s"],
    ) == (
        "completed",
        "scoring",
        3,
        24,
        7.0,
    )

    def obey():
        while not run.file("cancel").exists():
            time.sleep(0.01)
        worker.kill()

    threading.Thread(target=obey, daemon=True).start()
    stopped = calls.answer("cancel", home=place.path)
    # It is complete, so --resume would be refused.
    assert stopped["status"] == "completed"
    assert stopped["next"] == {"script": "evaluate", "params": {"run": run.id}}


def test_reading_the_lock_does_not_keep_anybody_from_taking_it(place):
    """check_status reads the lock often; a run that starts meanwhile must not find it busy."""
    os.close(runs.take_lock(place, "first"))
    look = (
        "import pathlib, sys\nfrom fae_training.lifecycle import runs; from fae_training.store import state\n"
        "home = state.Home(pathlib.Path(sys.argv[1]))\nruns.holder(home)\nprint('looking', flush=True)\n"
        "while True: runs.holder(home)"
    )
    command = [sys.executable, "-c", look, str(place.path)]
    watchers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        assert [watcher.stdout.readline() for watcher in watchers] == ["looking\n"] * 2
        for _ in range(100):
            os.close(runs.take_lock(place, "again"))  # raises Busy where somebody seems to hold it
        assert [watcher.poll() for watcher in watchers] == [None, None], "they looked to the end"
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.wait()


def test_a_worker_that_inherits_the_lock_keeps_it_after_its_starter_is_gone(place):
    with runs.locked(place, "run-1") as lock:
        worker = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[lock]
        )
    assert runs.holder(place) == "run-1"
    worker.kill()
    worker.wait()
    assert runs.holder(place) is None


def test_a_child_that_the_lock_is_not_handed_to_does_not_keep_it(place):
    with runs.locked(place, "run-1"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert runs.holder(place) is None
    child.kill()
    child.wait()


def test_the_name_of_the_holder_is_not_mixed_with_a_longer_one_before_it(place):
    with runs.locked(place, "a run that is about to start") as lock:
        runs.name_holder(lock, "sft-1")
        assert runs.holder(place) == "sft-1"


def test_latest_is_the_newest_of_its_kind_and_an_unknown_id_names_the_newest(place):
    first, second = (
        make(place, created_at="2026-01-01"),
        make(place, "stt", created_at="2026-01-02"),
    )
    assert runs.find(place).id == second.id and runs.find(place, "latest", "sft").id == first.id
    assert [run.id for run in runs.all_runs(place)] == [first.id, second.id]
    with pytest.raises(Missing, match=f"no run 'sft-0'; the newest are: {first.id}, {second.id}"):
        runs.find(place, "sft-0")


def test_if_nothing_was_trained_the_next_command_is_given(place):
    with pytest.raises(Missing) as nothing:
        runs.find(place, "latest", "stt")
    assert nothing.value.hint == "uv run scripts/setup.py --consent corrections"


def test_a_directory_without_run_json_is_not_a_run(place):
    run = make(place)
    place.directory("runs", "sft-20260101-0000-zz")
    assert [found.id for found in runs.all_runs(place)] == [run.id]


def test_the_start_time_distinguishes_two_processes_with_one_id():
    mine = runs.process_start(os.getpid())
    assert mine and mine == runs.process_start(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert runs.process_start(child.pid) is None
