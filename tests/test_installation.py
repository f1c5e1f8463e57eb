"""Messages while environments and models are being prepared, and when that failed."""

import contextlib
import os

import pytest

import calls
from fae_training.environment import installation
from fae_training.store import locks, state

MODEL = ("--model", "nobody/nothing")


@pytest.fixture
def place(small_home) -> state.Home:
    return state.Home(small_home)


@contextlib.contextmanager
def being_prepared(place: state.Home):
    """As while setup.py's worker lives."""
    descriptor = locks.try_exclusive(place.file("setup.lock"))
    try:
        yield
    finally:
        os.close(descriptor)


def as_fae(name: str, *given, place: state.Home) -> dict:
    return calls.script(name, *given, home=place.path, FAE_SKILL_NAME="training-orchestrator").json


def test_while_models_are_downloaded_train_reports_the_progress_and_says_to_try_again(place):
    step = {"number": 7, "total": 9, "what": "model of train.py"}
    place.write(installation.FILE, {"environments": {}, "errors": {}, "step": step})
    with being_prepared(place):
        answer = as_fae("train", *MODEL, place=place)
        assert answer["error"]["code"] == "still_downloading"
        assert "still downloading, 7 of 9, the model of train.py. Try again" in answer["error"]["message"]  # fmt: skip
        assert answer["next"] == {"script": "check_status", "params": {}}
        status = as_fae("check_status", place=place)
        assert status["status"] == "installing" and "7 of 9, the model of train.py" in status["say"]
        assert calls.script("train", *MODEL, home=place.path).status == 5
    # The step of a worker that was killed is not one that is going on.
    assert as_fae("train", *MODEL, place=place)["error"]["code"] == "no_model"


def test_if_the_model_could_not_be_downloaded_the_reason_and_fae_s_next_call_are_reported(place):
    errors = {"model of train.py": "nobody/nothing could not be downloaded: no route to host"}
    place.write(installation.FILE, {"environments": {}, "errors": errors})
    answer = as_fae("train", *MODEL, place=place)
    assert "no route to host" in answer["error"]["message"]
    assert "next" not in answer, "without a network it fails again"
    assert "check the Internet connection" in answer["error"]["hint"]
    status = as_fae("check_status", place=place)
    assert status["setup"] == "failed" and "no route to host" in status["say"]
    assert status["next"] is None and status["hint"] == answer["error"]["hint"]
    # A person can fetch it at once.
    assert "--fetch" in calls.script("train", *MODEL, home=place.path).err


UV_OFFLINE = """error: Failed to download `numpy==2.4.6`
  cause: Failed to fetch: https://files.example.org/numpy-2.4.6.whl
  cause: client error (Connect)
  cause: Connection refused (os error 111)

hint: `numpy` (v2.4.6) was included because `matplotlib` (v3.11.2) depends on `numpy`
"""


def test_the_reason_of_a_failure_is_uvs_error_and_its_innermost_cause_not_its_hint():
    said = installation._reason(UV_OFFLINE)
    assert said == "Failed to download `numpy==2.4.6`: Connection refused (os error 111)"
    assert installation._reason("Traceback\nKeyError: 3\n") == "KeyError: 3"
    assert installation._reason("") == "no message"


def test_the_worker_records_its_current_step_and_removes_it_at_the_end(place, monkeypatch):
    seen = []

    def run(command, **_):
        seen.append((place.read(installation.FILE) or {}).get("step"))
        return calls.subprocess.CompletedProcess(command, 0, "{}", "")

    monkeypatch.setattr(installation.subprocess, "run", run)
    monkeypatch.setattr("sys.argv", [str(calls.SCRIPTS / "setup.py")])
    monkeypatch.setenv("UV", "/bin/true")
    installation.prepare(place, models=True)
    numbers = [step["number"] for step in seen]
    total = seen[0]["total"]
    assert numbers == sorted(numbers) and numbers[0] == 1 and numbers[-1] == total
    assert "step" not in place.read(installation.FILE)
