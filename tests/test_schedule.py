"""A night's run: the timer is the system's own, it begins only when the time is good, and it never deploys."""

import json
import os
import plistlib
import re
import runpy
import shlex
import shutil
import sys
import types

import pytest

import calls
import prepared
from fae_days import START, Days, plain
from fae_training.calls import calling
from fae_training.calls.errors import Failed, Missing, Refused
from fae_training.environment.machine import Probes
from fae_training.lifecycle import runs, schedule
from fae_training.store import consent, state


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """launchctl and systemctl that write down what they were told, and a HOME of its own."""
    for name in ("launchctl", "systemctl"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/told\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    return tmp_path / "told"


@pytest.mark.parametrize("system", ["darwin", "linux"])
def test_the_timer_is_installed_and_removed(home, programs, system):
    place = state.Home(home)
    written = schedule.install(place, system)
    assert all(path.is_file() for path in written)
    assert schedule.remove(system) == written and not any(p.exists() for p in written)
    launchctl, systemctl = f"launchctl {{}} gui/{os.getuid()}", "systemctl --user {}"
    expected = {
        # First bootout, as one that is loaded already would keep the earlier agent.
        "darwin": [launchctl.format(word) for word in ("bootout", "bootstrap", "bootout")],
        "linux": [
            systemctl.format(word)
            for word in ("daemon-reload", "enable --now", "disable --now", "daemon-reload")
        ],
    }
    told = programs.read_text().splitlines()
    assert [
        line
        for line, begins in zip(told, expected[system], strict=True)
        if not line.startswith(begins)
    ] == []
    assert "fae.training" in told[1] and "fae.training" in told[2]
    assert schedule.remove(system) == []


def test_the_agent_runs_the_script_at_night_with_low_priority(home, programs):
    (text,) = schedule.files(state.Home(home), "darwin").values()
    agent = plistlib.loads(text.encode())
    assert agent["ProgramArguments"][-1] == "--now" and agent["Nice"] == 10
    assert agent["StartCalendarInterval"] == {"Hour": 3, "Minute": 0}
    assert agent["ProcessType"] == "Background" and agent["LowPriorityIO"] is True
    _, timer = schedule.files(state.Home(home), "linux").values()
    assert "Persistent=true\n" in timer, "a night that the machine slept through is made up for"
    assert not agent.get("RunAtLoad")


def test_the_service_runs_the_same_words_whatever_they_hold(tmp_path, programs, monkeypatch):
    monkeypatch.setenv("FAE_APP_DIR", "/Volumes/50% of it/fae")
    place = state.Home(tmp_path / "a b $HOME 5%n")
    service, timer = schedule.files(place, "linux").values()
    (line,) = re.findall(r"^ExecStart=(.*)$", service, re.M)
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]
    assert words == schedule.command(place)
    assert line.count("%") == 2 and line.count("$") == 2, "both are doubled for systemd"
    assert 'Environment="FAE_APP_DIR=/Volumes/50%% of it/fae"\n' in service
    assert "OnCalendar=*-*-* 03:00:00" in timer
    (text,) = schedule.files(place, "darwin").values()
    agent = plistlib.loads(text.encode())
    assert agent["EnvironmentVariables"] == {"FAE_APP_DIR": "/Volumes/50% of it/fae"}
    assert agent["ProgramArguments"] == schedule.command(place)


def test_shown_it_installs_nothing(home, programs):
    told = calls.answer("schedule", home=home)
    assert told["status"] == "planned" and not programs.exists()
    # Nobody asked for it, so an agent that makes every next call does not install it.
    assert told["next"] is None
    got = calls.script("schedule", "--install", "--json", home=home)
    assert got.status == 3 and got.json["error"]["code"] == "no_consent" and not programs.exists()


class Free(Probes):
    def __init__(self, free: float = 100.0):
        self.free = free

    def output(self, *command):
        return ""

    def texts(self, pattern):
        return {}

    def free_gb(self, path):
        return self.free


class Saving(Free):
    """In low-power mode, as Linux and macOS say it."""

    def output(self, *command):
        return " lowpowermode         1\n" if command == ("pmset", "-g") else ""

    def texts(self, pattern):
        return {pattern: "low-power"} if "platform_profile" in pattern else {}


def spoken(tmp_path, turns: int):
    days = Days(tmp_path / "fae")
    for number in range(turns):
        days.talk(plain(number))
    return days.done()


def test_a_night_s_run_needs_new_episodes_room_and_a_week(place, tmp_path):
    database = spoken(tmp_path, 120)
    schedule.require_good_time(place, database, 7, Free())
    with pytest.raises(Refused, match=r"3\.0 GB are free, expected at least 10"):
        schedule.require_good_time(place, database, 7, Free(3.0))
    run = prepared.finished(place, 1)
    run.update(ended_at=state.now())
    with pytest.raises(Refused, match="ended 1 minute ago, expected at least 7 days"):
        schedule.require_good_time(place, database, 7, Free())
    run.update(ended_at="2099-01-01T00:00:00+00:00")  # by a wrong clock
    schedule.require_good_time(place, database, 7, Free())
    run.update(ended_at=state.now())
    # One that came to no result does not count.
    runs.create(place, "sft", {"settings": {}}).update(ended_at="2020-01-01T00:00:00+00:00")
    with pytest.raises(Refused, match=f"{run.id} ended"):
        schedule.require_good_time(place, database, 7, Free())
    schedule.require_good_time(place, database, 0, Free())
    prepared.finished(place, 2).update(ended_at="2020-01-01T00:00:00+00:00")
    schedule.require_good_time(place, database, 7, Free())
    shutil.rmtree(runs.find(place).directory)
    state.write_json(run.file("data", "sft", "meta.json"), {"newest_episode": START + 3600 * 60})
    with pytest.raises(Refused, match=r"\d\d new episodes, expected at least 100"):
        schedule.require_good_time(place, database, 0, Free())
    with pytest.raises(Refused, match="the machine is in low-power mode"):
        schedule.require_good_time(place, database, 0, Saving())
    place.file("pause").touch()
    with pytest.raises(Refused, match="paused by"):
        schedule.require_good_time(place, database, 0, Free())


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


STUB = '''"""Answers as the script of its name, and writes down how it was called."""
import json, os, pathlib, sys
name = pathlib.Path(sys.argv[0]).stem
home = pathlib.Path(sys.argv[sys.argv.index("--home") + 1])
with (home / "called").open("a") as out:
    print(name, os.environ.get("FAE_TRAINING_SCHEDULED"), *sys.argv[3:], file=out)
answer = json.loads((home / "answers.json").read_text())[name]
print(json.dumps(answer))
sys.exit(answer.get("exit", 0))
'''
PROBES = """
from pathlib import Path
from fae_training.environment import machine
machine.Probes.root = Path({root!r})
machine.LEAST_FREE_GB = 0
machine.FAE_TALKS_S = 0
"""


@pytest.fixture
def night(place, tmp_path):
    """Run schedule.py --now with these answers of the scripts. Gives (what it said, how each was called)."""
    run = prepared.finished(place, 1)
    scripts = prepared.scripts_beside(tmp_path)
    for name in ("export_data", "train", "evaluate", "propose", "deploy"):
        (scripts / f"{name}.py").write_text(STUB)
    (tmp_path / "sitecustomize.py").write_text(PROBES.format(root=str(tmp_path / "nothing")))
    environment = {
        **os.environ,
        "FAE_TRAINING_HOME": str(place.path),
        "FAE_APP_DIR": str(tmp_path / "fae"),
        "PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}",
    }

    def ends(*arguments, turns: int = 110, **answers):
        shutil.rmtree(tmp_path / "fae", ignore_errors=True)
        spoken(tmp_path, turns)
        usual = {
            "export_data": {"status": "exported"},
            "train": {"status": "started", "run": run.id},
            "evaluate": {"status": "evaluated", "verdict": "pass"},
            "propose": {"status": "proposed", "proposal": "page.html"},
        }
        place.file("answers.json").write_text(json.dumps(usual | answers))
        place.file("called").unlink(missing_ok=True)
        command = [
            calls.sys.executable,
            str(scripts / "schedule.py"),
            "--now",
            "--json",
            *arguments,
        ]
        got = calls.process(command, environment)
        called = place.file("called")
        return got, called.read_text().splitlines() if called.exists() else []

    return ends


EVERY = ["export_data", "train", "evaluate", "propose"]


@pytest.mark.parametrize("verdict", ["pass", "fail", "not_enough_evidence"])
def test_a_night_exports_trains_evaluates_and_proposes_and_never_deploys(night, verdict):
    got, called = night(evaluate={"status": "evaluated", "verdict": verdict})
    expected = EVERY if verdict == "pass" else EVERY[:-1]
    assert [line.split()[:2] for line in called] == [[name, "1"] for name in expected], got.out
    assert "--preset light --detach" in called[1]
    assert got.json["status"] == ("proposed" if verdict == "pass" else "not_recommended")
    assert got.status == (0 if verdict == "pass" else 3)


def test_a_step_that_fails_ends_the_night_with_its_error_and_a_refusal_to_judge_recommends_nothing(
    night, place
):
    full = {
        "status": "error",
        "error": {"code": "write_failed", "message": "the disk is full", "hint": "df -h"},
    }
    got, called = night(export_data=full | {"exit": 6})
    assert (got.status, got.json["error"]["code"], len(called)) == (6, "write_failed", 1)
    assert got.json["error"]["message"] == "export_data: the disk is full"
    got, called = night(evaluate=full | {"exit": 6})
    assert (got.status, len(called)) == (6, 3)
    got, called = night(evaluate=full | {"exit": 3})
    assert (got.status, got.json["status"], len(called)) == (3, "not_recommended", 3)
    got, called = night(train=full | {"exit": 5})
    assert (got.status, len(called)) == (5, 2)
    runs.find(place).update(status="cancelled")  # by the person, in the morning
    got, called = night()
    assert (got.status, got.json["error"]["code"], len(called)) == (6, "not_trained", 2)


def test_a_night_begins_only_with_consent_and_in_good_time_and_a_dry_run_begins_nothing(
    night, place
):
    got, called = night("--dry-run")
    assert (got.json["status"], called) == ("planned", [])
    got, called = night(turns=20)
    assert (got.status, got.json["error"]["code"], called) == (3, "not_now", [])
    consent.change(place, [], ["conversations"])
    got, called = night()
    assert (got.status, got.json["error"]["code"], called) == (3, "no_consent", [])


def test_fae_does_not_wait_for_a_night(place):
    script = runpy.run_path(str(calls.SCRIPTS / "schedule.py"))
    call = calling.read_call(
        script["build_parser"](), ["--now", "--home", str(place.path)], "program"
    )
    call.caller = "fae"
    with pytest.raises(Refused, match="Fae waits only 30 s"):
        script["main"](call)


def test_a_dry_run_neither_installs_nor_removes(place, programs):
    calls.answer("schedule", "--install", "--dry-run", home=place.path)
    assert not programs.exists()
    written = schedule.install(place)
    before = programs.read_text()
    calls.answer("schedule", "--remove", "--dry-run", home=place.path)
    assert all(path.is_file() for path in written) and programs.read_text() == before
    told = calls.answer("schedule", "--remove", home=place.path)
    assert told["files"] == [str(path) for path in written] and not written[0].exists()


def left_by_hand(system: str) -> None:
    for path in schedule.paths(system):
        path.write_text("")


def test_a_timer_that_cannot_be_started_is_said(place, programs, tmp_path, monkeypatch):
    for name in ("launchctl", "systemctl"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\necho no bus >&2; exit 1\n")
    for system in ("darwin", "linux"):
        with pytest.raises(Failed, match="no bus"):
            schedule.install(place, system)
        assert not any(path.exists() for path in schedule.paths(system)), "or it starts one day"
        left_by_hand(system)
        assert schedule.remove(system), "what cannot be stopped is removed all the same"
    for name in ("launchctl", "systemctl"):
        (tmp_path / "bin" / name).unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("UV", sys.executable)
    for system, program in (("darwin", "launchctl"), ("linux", "systemctl")):
        with pytest.raises(Missing, match=f"{program} was not found"):
            schedule.install(place, system)
        left_by_hand(system)
        monkeypatch.setattr(schedule, "find_uv", lambda: pytest.fail("it needs uv"))
        assert schedule.remove(system)
        monkeypatch.setattr(schedule, "find_uv", lambda: "uv")


WATCHDOG = "[METAL] Command buffer execution failed: Caused GPU Timeout Error\n"


@pytest.mark.parametrize(
    ("story", "resumes", "ends"),
    [
        (["completed"], 0, None),
        (["watchdog", "watchdog", "completed"], 2, None),
        (["watchdog", "failed"], 1, "status failed"),
        (["failed"], 0, "status failed"),
        (["cancelled"], 0, "status cancelled"),
        (["watchdog"] * 9, 4, "status failed"),
    ],
)
def test_a_run_that_the_watchdog_killed_is_resumed_a_few_times(place, story, resumes, ends):
    run = prepared.finished(place, 1)
    run.file("train.log").write_text(WATCHDOG)  # of an earlier night
    run.update(status="training")
    left, told = iter(story), []

    def what_happens(_seconds):
        event = next(left)
        if event == "watchdog":
            with run.file("train.log").open("a") as log:
                log.write(WATCHDOG)
        run.update(status="failed" if event == "watchdog" else event)

    def step(_call, *words):
        told.append(words)
        run.update(status="training")

    script = runpy.run_path(str(calls.SCRIPTS / "schedule.py"))
    waits = script["train_to_the_end"]
    waits.__globals__.update(step=step, time=types.SimpleNamespace(sleep=what_happens))
    with runs.locked(place, run.id):  # as its worker does
        if ends:
            with pytest.raises(Failed, match=ends):
                waits(None, run)
        else:
            waits(None, run)
    assert told == [("train", "--resume", run.id, "--detach")] * resumes
