"""Only what Fae starts waits for the power, and only where config.json does not say otherwise."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

import calls
import classifier_sounds
from fae_training import processes, runs, state
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.session import Session

WAITING = "on battery: waiting for the power to come back"


class Machine:
    """A laptop, as `on_battery` sees it: power supplies as Linux has them, and pmset as macOS has it."""

    def __init__(self, directory: Path):
        self.directory = directory
        for name in ("AC", "BAT0"):
            (directory / "supplies" / name).mkdir(parents=True)
        (directory / "supplies" / "BAT0" / "status").write_text("Discharging\n")
        pmset = directory / "bin" / "pmset"
        pmset.parent.mkdir()
        pmset.write_text(f"#!/bin/sh\ncat '{directory}/told'\n")
        pmset.chmod(0o755)
        # Read by each Python before it runs anything: the supplies of this machine are those.
        (directory / "sitecustomize.py").write_text(
            "from pathlib import Path\nfrom fae_training import processes\n"
            f"processes.POWER_SUPPLIES = Path({str(directory / 'supplies')!r})\n"
        )
        self.unplug()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PYTHONPATH": os.pathsep.join((str(self.directory), os.environ["PYTHONPATH"])),
            "PATH": os.pathsep.join((str(self.directory / "bin"), os.environ["PATH"])),
        }

    def unplug(self) -> None:
        self._say("0", "Battery Power")

    def plug_in(self) -> None:
        self._say("1", "AC Power")

    def _say(self, online: str, source: str) -> None:
        state.write_text(self.directory / "supplies" / "AC" / "online", online)
        state.write_text(self.directory / "told", f"Now drawing from '{source}'\n")


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    made = Machine(tmp_path / "machine")
    monkeypatch.setattr(processes, "POWER_SUPPLIES", made.directory / "supplies")
    monkeypatch.setenv("PATH", made.environment["PATH"])
    return made


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_the_system_is_asked_what_feeds_the_machine(machine, monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    assert processes.on_battery()
    machine.plug_in()
    assert not processes.on_battery()


def test_a_machine_without_a_battery_is_on_power(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(processes, "POWER_SUPPLIES", tmp_path)
    assert not processes.on_battery()


def waits(rule: str, home, monkeypatch, quiet_signals, after_a_look) -> int:
    """How often a session with that rule looked again before it went on; `after_a_look(count)` is what happens meanwhile."""
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        assert len(looks) < 10, "it waits for ever"
        after_a_look(len(looks))

    monkeypatch.setattr("fae_training.session.time.sleep", sleep)
    session = Session(runs.create(state.Home(home), "sft", {"settings": {}}), rule)
    session.should_stop()
    return len(looks)


@pytest.fixture
def quiet_signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("rule", "looks"), [("wait", 3), ("train", 0)])
def test_a_session_waits_until_the_power_is_back(
    machine, home, monkeypatch, quiet_signals, rule, looks
):
    def third_time(count: int) -> None:
        if count == 3:
            machine.plug_in()

    assert waits(rule, home, monkeypatch, quiet_signals, third_time) == looks


def test_a_cancel_ends_the_waiting(machine, home, monkeypatch, quiet_signals):
    def cancel(count: int) -> None:
        [run] = runs.all_runs(state.Home(home))
        run.file("cancel").touch()

    assert waits("wait", home, monkeypatch, quiet_signals, cancel) == 1


def started(home: Path, machine: Machine, **environment) -> tuple[str, Path]:
    """A training of the smallest kind that there is: (run's id, its log)."""
    calls.answer("setup", "--consent", "audio", home=home)
    classifier_sounds.fill(home, "keyword", CLASSIFIERS["keyword"].classes)
    given = ("--preset", "smoke", "--steps", 3, "--synthesise", "never", "--detach")
    told = calls.answer("train_keyword", *given, home=home, **machine.environment, **environment)
    return told["run"], home / "runs" / told["run"] / "train.log"


def wait_until(holds, log: Path, patience_s: float = 120) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)


def learns(log: Path) -> bool:
    return any("loss" in row for row in state.read_jsonl(log.with_name("metrics.jsonl")))


def test_a_run_that_fae_started_waits_on_battery_and_goes_on_after(home, machine):
    run, log = started(home, machine, FAE_SKILL_NAME="training-orchestrator")
    wait_until(lambda: WAITING in log.read_text(), log)
    assert not learns(log)
    assert calls.answer("check_status", "--run", run, home=home)["status"] == "preparing"
    machine.plug_in()
    wait_until(lambda: learns(log), log)
    calls.answer("cancel", "--force", home=home)


@pytest.mark.parametrize("whose", ["a person's", "Fae's, where config.json says so"])
def test_other_runs_go_on_on_battery(home, machine, whose):
    environment = {}
    if whose != "a person's":
        environment["FAE_SKILL_NAME"] = "training-orchestrator"
        state.write_json(home / "config.json", {"on_battery": "train"})
    _, log = started(home, machine, **environment)
    wait_until(lambda: learns(log), log)
    assert WAITING not in log.read_text()
    calls.answer("cancel", "--force", home=home)
