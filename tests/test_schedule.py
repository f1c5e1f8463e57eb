"""A night's run: the timer is the system's own, it begins only when the time is good, and it never deploys."""

import json
import os
import plistlib
import re
import shlex

import pytest

import calls
import prepared
from fae_days import START, Days, plain
from fae_training import runs, schedule, state
from fae_training.errors import Refused
from fae_training.machine import Probes


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
    first = programs.read_text()
    assert ("bootstrap" if system == "darwin" else "enable --now fae.training.timer") in first
    assert schedule.remove(place, system) == written and not any(p.exists() for p in written)
    if system == "linux":
        assert first.splitlines()[0] == "systemctl --user daemon-reload", "before it is enabled"
    assert ("bootout" if system == "darwin" else "disable --now") in programs.read_text()
    assert schedule.remove(place, system) == []


def test_the_agent_runs_the_script_at_night_with_low_priority(home, programs):
    (text,) = schedule.files(state.Home(home), "darwin").values()
    agent = plistlib.loads(text.encode())
    assert agent["ProgramArguments"][-1] == "--now" and agent["Nice"] == 10
    assert agent["StartCalendarInterval"] == {"Hour": 3, "Minute": 0}
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
    with pytest.raises(Refused, match=r"0\.0 days ago, expected at least 7"):
        schedule.require_good_time(place, database, 7, Free())
    # One that came to no result does not count.
    runs.create(place, "sft", {"settings": {}}).update(ended_at="2020-01-01T00:00:00+00:00")
    with pytest.raises(Refused, match=f"{run.id} ended"):
        schedule.require_good_time(place, database, 7, Free())
    schedule.require_good_time(place, database, 0, Free())
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
    print(name, os.environ.get("FAE_TRAINING_SCHEDULED"), *sys.argv[4:], file=out)
print(json.dumps(json.loads((home / "answers.json").read_text())[name]))
'''


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_a_night_exports_trains_evaluates_and_proposes_and_never_deploys(place, tmp_path, verdict):
    run = prepared.finished(place, 1)
    scripts = prepared.scripts_beside(tmp_path)
    for name in ("export_data", "train", "evaluate", "propose", "deploy"):
        (scripts / f"{name}.py").write_text(STUB)
    answers = {"export_data": {"status": "exported"}, "train": {"status": "started", "run": run.id}}
    answers |= {"evaluate": {"status": "evaluated", "verdict": verdict}}
    answers |= {"propose": {"status": "proposed", "proposal": "page.html"}}
    place.file("answers.json").write_text(json.dumps(answers))
    spoken(tmp_path, 110)
    command = [calls.sys.executable, str(scripts / "schedule.py"), "--now", "--json"]
    probes = tmp_path / "sitecustomize.py"
    probes.write_text(
        "from pathlib import Path\nfrom fae_training import machine\n"
        f"machine.Probes.root = Path({str(tmp_path / 'nothing')!r})\nmachine.LEAST_FREE_GB = 0\n"
        "machine.FAE_TALKS_S = 0\n"
    )
    environment = {
        **os.environ,
        "FAE_TRAINING_HOME": str(place.path),
        "FAE_APP_DIR": str(tmp_path / "fae"),
        "PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}",
    }
    got = calls.process(command, environment)
    called = [line.split()[:2] for line in place.file("called").read_text().splitlines()]
    expected = ["export_data", "train", "evaluate"] + (["propose"] if verdict == "pass" else [])
    assert called == [[name, "1"] for name in expected], got.out + got.err
    assert got.json["status"] == ("proposed" if verdict == "pass" else "not_recommended")
