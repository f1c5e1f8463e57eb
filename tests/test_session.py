"""A worker's reports: the stage, its progress and the time left; and that it can be cancelled."""

import contextlib
import json
import os
import signal

import pytest

from fae_training.calls.errors import Cancelled
from fae_training.lifecycle import progress, runs
from fae_training.lifecycle.session import Session
from fae_training.store import state


@pytest.fixture
def run(home):
    return runs.create(state.Home(home), "sft", {"settings": {"steps": 50}})


@pytest.fixture
def session(run, monkeypatch):
    """Progress is written at once; signal handlers are restored afterwards."""
    monkeypatch.setattr("fae_training.lifecycle.session.SECONDS_BETWEEN_WRITES", 0)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    yield Session(run)
    for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
        signal.signal(number, handler)


def progress_of(run) -> dict:
    return json.loads(run.file("progress.json").read_text())


def test_the_innermost_stage_is_reported_with_its_progress(run, session):
    with session.stage("training", 50):
        session.progressed(20)
        with session.stage("validating"):
            session.advance(120, 385)
            assert (progress_of(run)["stage"], progress_of(run)["done"], progress_of(run)["total"]) == ("validating", 120, 385)  # fmt: skip
        assert (progress_of(run)["stage"], progress_of(run)["done"], progress_of(run)["total"]) == (
            "training",
            20,
            50,
        )
        with session.stage("testing abilities", 572, done=60):
            assert (progress_of(run)["done"], progress_of(run)["total"]) == (60, 572)
    assert "stage" not in progress_of(run)


def test_the_seconds_of_a_stage_do_not_count_for_the_one_around_it(run, session, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("fae_training.lifecycle.session.time.monotonic", lambda: clock[0])
    session._counted_until = clock[0]
    with session.stage("training", 10):
        clock[0] += 3
        with session.stage("validating", 4):
            clock[0] += 20
        clock[0] += 5
    clock[0] += 100
    assert progress_of(run)["seconds"] == {"training": 8.0, "validating": 20.0}
    # A resumed worker adds to them.
    again = Session(run)
    with again.stage("training", 10):
        clock[0] += 2
    assert progress_of(run)["seconds"]["training"] == 10.0


def test_the_time_left_follows_the_pace_or_what_the_stage_knows(run, session, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("fae_training.lifecycle.session.time.monotonic", lambda: clock[0])
    with session.stage("tokenising", 100):
        clock[0] += 10
        session.advance(25)
        assert progress_of(run)["eta_s"] is None  # the whole training is still to come
    with session.stage("scoring", 100):
        clock[0] += 10
        session.advance(25)
        assert progress_of(run)["eta_s"] == 30.0
    with session.stage("training", 100, left=lambda: 77.0):
        session.progressed(1)
        assert progress_of(run)["eta_s"] == 77.0


def test_the_pace_is_that_of_the_file_that_is_worked_on(run, session, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("fae_training.lifecycle.session.time.monotonic", lambda: clock[0])
    with session.stage("scoring", 10):
        clock[0] += 100
        session.advance(10)
        session.advance(0, 20)  # the next file
        clock[0] += 10
        session.advance(10)
        assert progress_of(run)["eta_s"] == 10.0


def test_a_run_that_waits_lets_the_machine_sleep_and_keeps_it_awake_again(run, session, monkeypatch):  # fmt: skip
    happened = []

    @contextlib.contextmanager
    def kept_awake():
        happened.append("awake")
        yield
        happened.append("may sleep")

    reasons = iter(["hot", "hot", None])
    monkeypatch.setattr("fae_training.lifecycle.session.SECONDS_BETWEEN_CHECKS", 0)
    monkeypatch.setattr("fae_training.lifecycle.session.machine.kept_awake", kept_awake)
    monkeypatch.setattr(Session, "_why_wait", lambda self: next(reasons))
    waiting = Session(run, gives_way=True)
    waiting.keep_awake()
    assert not waiting.should_stop() and happened == ["awake", "may sleep", "awake"]


def test_the_total_is_reported_before_the_first_item_is_done(run, session, monkeypatch):
    monkeypatch.setattr("fae_training.lifecycle.session.SECONDS_BETWEEN_WRITES", 3600)
    with session.stage("validating"):
        session.advance(0, 385)
        assert (progress_of(run)["done"], progress_of(run)["total"]) == (0, 385)
        session.advance(8)
        assert progress_of(run)["done"] == 0, "not every item is written"


@pytest.mark.parametrize("how", ["marker", signal.SIGTERM, signal.SIGINT])
def test_a_stage_ends_at_the_next_item_when_it_is_cancelled(run, session, how):
    with pytest.raises(Cancelled), session.stage("validating", 10):
        session.advance(1)
        if how == "marker":
            run.file("cancel").touch()
        else:
            os.kill(os.getpid(), how)
        session.advance(2)
    assert "stage" not in progress_of(run)


def test_a_line_says_the_stage_and_the_bar_is_of_that_stage(run, session):
    run.update(status="training")
    with session.stage("validating"):
        session.advance(120, 480)
        text = progress.line(run, 200)
    assert "validating 120/480" in text and text.startswith("[=====               ]")
    run.update(status="completed")
    session.report({"step": 50, "loss": 1.25})
    assert "completed 50/50  loss 1.250" in progress.line(run, 200)


class Pipe:
    """Standard error that is not a terminal; with `closed` its reader has gone."""

    def __init__(self, closed: bool = False):
        self.lines, self.closed = [], closed

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> None:
        if self.closed:
            raise BrokenPipeError
        self.lines.append(text)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("closed", [False, True])
def test_without_a_terminal_a_line_is_printed_at_most_every_tenth_of_the_way(run, session, monkeypatch, closed):  # fmt: skip
    pipe = Pipe(closed)
    monkeypatch.setattr("sys.stderr", pipe)
    done = iter(range(1000))
    run.update(status="training")
    stage = contextlib.ExitStack()
    stage.enter_context(session.stage("validating"))

    def next_look(seconds: float) -> None:
        count = next(done)
        if count <= 400:
            session.progressed(count, 400)
        else:
            stage.close()
            run.update(status="completed")

    monkeypatch.setattr("fae_training.lifecycle.progress.time.sleep", next_look)
    monkeypatch.setattr(runs.Run, "is_alive", lambda self: True)
    assert progress.follow(run) == "completed"
    if not closed:
        validating = [text for text in pipe.lines if "validating" in text]
        assert 10 <= len(validating) <= 12 and len(pipe.lines) <= 14
        assert all(text.endswith("\n") and "\r" not in text for text in pipe.lines)


def test_the_lines_without_a_terminal_are_the_tenths_of_a_stage_and_no_more(run, session, monkeypatch):  # fmt: skip
    pipe, done = Pipe(), iter(range(102))
    monkeypatch.setattr("sys.stderr", pipe)
    run.update(status="training")
    stage = contextlib.ExitStack()
    stage.enter_context(session.stage("validating", 100))

    def next_look(seconds: float) -> None:
        if (count := next(done)) <= 100:
            session.progressed(count)
        else:
            stage.close()
            run.update(status="completed")

    monkeypatch.setattr("fae_training.lifecycle.progress.time.sleep", next_look)
    monkeypatch.setattr(runs.Run, "is_alive", lambda self: True)
    assert progress.follow(run) == "completed"
    counts = [text.partition("validating ")[2].strip() for text in pipe.lines[:-1]]
    assert counts == [f"{count}/100" for count in range(0, 101, 10)]
    assert "completed" in pipe.lines[-1]
