"""Stopping, dying and resuming: real trainings that are killed, cancelled in two ways, and resumed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import calls
import small_runs
from fae_training.lifecycle import runs
from fae_training.store import state


def worker_of(home, run) -> int:
    return small_runs.record(home, run)["worker"]["pid"]


def freeze_at(home, run, step) -> int:
    """Wait for the step, then stop the worker's process, so that what follows happens in mid-run. Its id."""
    small_runs.wait_for_step(home, run, step)
    worker = worker_of(home, run)
    os.kill(worker, signal.SIGSTOP)
    return worker


def thaw_when_cancelled(home, run, worker) -> None:
    """Let the worker continue once it has been asked to stop."""
    marker = home / "runs" / run / "cancel"
    while not marker.exists():
        time.sleep(0.01)
    os.kill(worker, signal.SIGCONT)


def status(home, *arguments) -> dict:
    return calls.answer("check_status", *arguments, home=home)


def refusal(name, *arguments, home, **environment) -> tuple[int, dict]:
    got = calls.script(name, *arguments, "--json", home=home, **environment)
    return got.status, got.json["error"]


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> dict:
    """One run that is killed, resumed, stopped with Ctrl-C, and resumed to its end.

    What each script said on the way is kept under names, for the tests to look at.
    """
    home = small_runs.fill(tmp_path_factory.mktemp("story") / "home")
    facts: dict = {"home": home}
    facts["run"] = run = small_runs.start(home)
    place = state.Home(home)

    worker = freeze_at(home, run, 3)
    facts["alive"] = status(home)
    facts["environment"] = environment_of(worker)
    facts["second"] = refusal(
        "train", "--preset", "smoke", "--model", calls.LANGUAGE_MODEL, home=home
    )
    facts["second_by_fae"] = calls.script(
        "train", "--preset", "smoke", "--model", calls.LANGUAGE_MODEL, home=home, FAE_SKILL_NAME="x"
    )
    facts["resume_alive"] = refusal("train", "--resume", "latest", home=home)
    facts["evaluate_alive"] = refusal("evaluate", home=home)
    os.kill(worker, signal.SIGKILL)
    while runs.holder(place):
        time.sleep(0.01)
    facts["killed"] = status(home)
    facts["evaluate_killed"] = calls.script("evaluate", "--json", home=home)
    facts["killed_home"] = shutil.copytree(home, home.parent / "killed")
    # Exported again meanwhile: the run has its own copy of its rows.
    for path in (home / "data" / "sft").iterdir():
        path.write_text(path.read_text().splitlines()[0] + "\n")
    # What a power cut leaves of a line.
    with (home / "runs" / run / "metrics.jsonl").open("ab") as metrics:
        metrics.write(b'{"step": 4, "lo')

    front = small_runs.in_front(home, "--resume", "latest")
    worker = freeze_at(home, run, 6)
    front.send_signal(signal.SIGINT)
    thaw_when_cancelled(home, run, worker)
    out, err = front.communicate(timeout=240)
    facts["ctrl_c"] = calls.Answer(front.returncode, out, err, 0)
    facts["stopped"] = status(home)
    facts["stopped_result"] = state.read_json(home / "runs" / run / "train_metrics.json")
    facts["stopped_adapter"] = small_runs.adapter(home, run)

    calls.answer("train", "--resume", "latest", home=home)
    facts["directory"] = small_runs.finish(home, run)
    facts["resume_completed"] = refusal("train", "--resume", run, home=home)
    return facts


def environment_of(process: int) -> dict[str, str] | None:
    path = Path(f"/proc/{process}/environ")
    if not path.exists():
        return None
    return dict(entry.split("=", 1) for entry in path.read_text().split("\0") if "=" in entry)


def test_a_run_that_was_killed_and_then_stopped_ends_in_the_same_adapter(story, _finished):
    [whole] = (_finished / "runs").iterdir()
    assert small_runs.adapter(story["home"], story["run"]) == small_runs.adapter(
        _finished, whole.name
    )
    mine, theirs = (
        state.read_json(directory / "train_metrics.json")
        for directory in (story["directory"], whole)
    )
    for name in (
        "best_step",
        "best_value",
        "first_value",
        "loss",
        "steps_done",
        "stopped",
        "asked",
    ):
        assert mine[name] == theirs[name], name
    assert mine["applied"]["updates"] == theirs["applied"]["updates"] == 10
    assert mine["benchmark"]["measures"] == theirs["benchmark"]["measures"]


def test_while_it_runs_the_status_is_training_with_its_progress(story):
    alive = story["alive"]
    assert alive["status"] == "training" and alive["run"] == story["run"]
    assert alive["step"] >= 3 and alive["steps"] == 10 and alive["loss"] > 0
    assert alive["next"] == {"script": "check_status", "params": {"run": story["run"]}}


@pytest.mark.skipif(
    not Path("/proc").exists(), reason="the environment of a process is read in /proc"
)
def test_the_worker_is_offline_and_knows_nothing_of_fae(story):
    environment = story["environment"]
    assert environment["HF_HUB_OFFLINE"] == environment["TRANSFORMERS_OFFLINE"] == "1"
    assert "FAE_SKILL_NAME" not in environment


def test_a_second_run_is_refused_with_the_name_of_the_running_one(story):
    code, error = story["second"]
    assert code == 5 and error["code"] == "busy"
    assert error["message"].startswith(f"{story['run']} is running")
    assert story["second_by_fae"].status == 0
    assert story["second_by_fae"].json["error"]["code"] == "busy"
    assert len(list((story["home"] / "runs").iterdir())) == 1, "a run was made for nothing"


def test_a_running_run_can_be_neither_resumed_nor_judged(story):
    for code, error in (story["resume_alive"], story["evaluate_alive"]):
        assert code == 3 and error["code"] == "still_running"


def test_a_run_whose_worker_was_killed_is_interrupted(story):
    assert story["killed"]["status"] == "interrupted"
    assert story["killed"]["next"] == {"script": "train", "params": {"resume": story["run"]}}


def test_a_killed_run_is_judged_by_its_reports_and_never_passes(story):
    got = story["evaluate_killed"]
    assert got.status == 3 and got.json["source"] == "metrics.jsonl"
    assert got.json["verdict"] == "not_enough_evidence" and got.json["recommendation"] == "skip"
    assert got.json["reasons"][0].startswith("Read from metrics.jsonl: validation loss ")
    assert "best " in got.json["reasons"][0] and "--rescore" not in got.json["reasons"][0]


def test_ctrl_c_keeps_the_best_checkpoint_and_says_how_to_resume(story):
    got, result = story["ctrl_c"], story["stopped_result"]
    assert got.status == 0
    assert "stopping ..." in got.err
    assert f"{story['run']}: cancelled after" in got.out
    assert f"scripts/train.py --resume {story['run']}" in got.out
    assert story["stopped"]["status"] == "cancelled"
    assert result["stopped"] == "cancelled" and 6 <= result["steps_done"] < 10
    assert 2 <= result["best_step"] <= result["steps_done"] and "benchmark" not in result
    assert result["best_value"] < result["first_value"]
    assert len(story["stopped_adapter"]) > 1000


def test_a_person_at_the_front_sees_the_steps(story):
    assert "resuming from" not in story["ctrl_c"].out
    for words in ("training", "validation loss", "tokens/s", "GB", "left"):
        assert words in story["ctrl_c"].err


def test_a_finished_run_is_not_resumed(story):
    code, error = story["resume_completed"]
    assert code == 3 and error["code"] == "already_complete" and "evaluate.py" in error["hint"]
    # A finished run is not extended; the error has the command to type instead.
    assert f"uv run scripts/train.py --resume {story['run']} --more-steps 10" in error["hint"]
    assert "train_dpo.py --from" in error["hint"]


def test_each_step_was_made_and_its_reports_are_whole_lines(story):
    rows = state.read_jsonl(story["directory"] / "metrics.jsonl")
    steps = [row["step"] for row in rows if "loss" in row]
    assert set(steps) == set(range(1, 11)) and steps[-1] == 10
    record = small_runs.record(story["home"], story["run"])
    assert record["status"] == "completed" and len(record["resumed_at"]) == 2


@pytest.fixture
def killed_home(story, home) -> Path:
    """A state directory with the interrupted run."""
    return shutil.copytree(story["killed_home"], home)


def test_resuming_with_other_data_than_it_began_with_is_refused(killed_home):
    [valid] = (killed_home / "runs").glob("*/data/sft/valid.jsonl")
    valid.write_text(valid.read_text() + valid.read_text().splitlines()[0] + "\n")
    code, error = refusal("train", "--resume", "latest", home=killed_home)
    assert code == 3 and error["code"] == "changed_since"
    assert "the rows have changed since" in error["message"]
    assert status(killed_home)["status"] == "interrupted"


def test_resuming_with_other_prompts_to_rehearse_is_refused(killed_home):
    prompts = killed_home / "rehearsal" / "world.jsonl"
    prompts.write_text(prompts.read_text().replace("in French, please?", "in Spanish, please?"))
    code, error = refusal("train", "--resume", "latest", home=killed_home)
    assert code == 3 and "prompts that are rehearsed have changed" in error["message"]


def test_resuming_with_another_model_in_its_place_is_refused(killed_home, story, tmp_path):
    model = shutil.copytree(calls.LANGUAGE_MODEL, tmp_path / "model")
    path = killed_home / "runs" / story["run"] / "run.json"
    record = state.read_json(path)
    record["settings"]["model"] = str(model)
    state.write_json(path, record)
    config = model / "config.json"
    config.write_text(config.read_text() + " ")
    code, error = refusal("train", "--resume", "latest", home=killed_home)
    assert code == 3 and "files of the model have changed" in error["message"]


def test_a_run_of_a_version_without_some_setting_is_refused_and_it_is_named(killed_home, story):
    path = killed_home / "runs" / story["run"] / "run.json"
    record = state.read_json(path)
    for name in ("fast", "suite"):
        del record["settings"][name]
    state.write_json(path, record)
    code, error = refusal("train", "--resume", "latest", "--dry-run", home=killed_home)
    assert code == 3 and error["code"] == "other_version"
    assert "fast, suite" in error["message"] or "suite, fast" in error["message"]


def test_settings_cannot_change_on_the_way(killed_home):
    code, error = refusal("train", "--resume", "latest", "--steps", "20", home=killed_home)
    assert code == 2 and error["message"].startswith("steps cannot be changed")


def test_resuming_needs_consent_too(killed_home):
    calls.answer("setup", "--revoke", "conversations", home=killed_home)
    code, error = refusal("train", "--resume", "latest", home=killed_home)
    assert code == 3 and error["code"] == "no_consent"


def test_a_worker_started_by_hand_needs_consent_too(killed_home, story):
    calls.answer("setup", "--revoke", "conversations", home=killed_home)
    for task in ("train", "score"):
        got = calls.script(
            "train", "--json", "--worker", story["run"], "--task", task, home=killed_home
        )
        assert got.status == 3 and got.json["error"]["code"] == "no_consent"


def test_resuming_what_does_not_exist_names_what_does(killed_home, story):
    code, error = refusal("train", "--resume", "sft-20200101-0000-aa", home=killed_home)
    assert code == 4 and story["run"] in error["message"]


def test_cancel_when_nothing_runs_is_not_an_error(home):
    assert calls.answer("cancel", home=home) == {
        "status": "no_run",
        "message": "nothing is running",
        "next": {"script": "check_status", "params": {}},
    }


WORKER = """
import pathlib, sys, time
from fae_training.lifecycle import runs; from fae_training.store import state
from fae_training.lifecycle.session import Session
run = runs.find(state.Home(pathlib.Path(sys.argv[1])))
lock = runs.take_lock(run.home, run.id)
session = Session(run)
print("at work", flush=True)
while sys.argv[2] == "deaf" or not session.should_stop():
    time.sleep(0.01)
run.update(status="cancelled")
"""


@pytest.fixture
def at_work(home):
    """Starts a worker that does nothing but wait for the end: (run, process)."""
    started = []

    def start(how):
        run = runs.create(state.Home(home), "sft", {"settings": {}})
        command = [sys.executable, "-c", WORKER, str(home), how]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"at work\n"
        worker = {"pid": process.pid, "started": runs.process_start(process.pid)}
        run.update(status="training", worker=worker)
        return run, process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_cancel_stops_the_run_and_says_how_to_resume(at_work, home):
    run, process = at_work("listening")
    assert calls.answer("cancel", "--dry-run", home=home) == {
        "status": "planned",
        "run": run.id,
        "next": {"script": "cancel", "params": {}},
    }
    assert process.poll() is None
    answer = calls.answer("cancel", home=home)
    assert answer == {
        "status": "cancelled",
        "run": run.id,
        "next": None,
        "say": "The training is stopped. Tell me if I should go on with it.",
        "hint": f"uv run scripts/train.py --resume {run.id}",
    }
    assert process.wait() == 0 and status(home)["status"] == "cancelled"


def test_withdrawing_consent_stops_the_run_that_learns_from_it(at_work, home):
    run, process = at_work("listening")
    calls.answer("setup", "--consent", "conversations", "audio", home=home)
    assert "stopping" not in calls.answer("setup", "--revoke", "audio", home=home)
    assert process.poll() is None
    assert calls.answer("setup", "--revoke", "conversations", home=home)["stopping"] == run.id
    assert process.wait() == 0 and run.status() == "cancelled"


def test_a_worker_that_does_not_respond_is_killed(at_work, home):
    run, process = at_work("deaf")
    answer = calls.answer("cancel", "--force", home=home)
    assert answer["status"] == "interrupted" and answer["next"] is None
    assert answer["hint"] == f"uv run scripts/train.py --resume {run.id}"
    assert process.wait() == -signal.SIGKILL


def test_force_never_kills_a_process_that_only_has_the_worker_s_id(at_work, home):
    run, process = at_work("deaf")
    run.update(worker={"pid": process.pid, "started": "another time"})
    code, error = refusal("cancel", "--force", home=home)
    assert code == 6 and error["code"] == "no_worker"
    assert process.poll() is None
