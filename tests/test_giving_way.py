"""Unattended runs give way: they start and continue only while the machine is free, with the same result."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

import calls
import classifier_sounds
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.environment.machine import (
    Probes,
    condition,
    fae_needs_it,
    kept_awake,
    smaller_pieces,
)
from fae_training.lifecycle import runs
from fae_training.lifecycle.session import Session
from fae_training.store import state

WAITING = "waiting: the machine is on battery"
SUPPLIES = "sys/class/power_supply"


class Machine:
    """A laptop, as `on_battery` sees it: power supplies as Linux has them, and pmset as macOS has it."""

    def __init__(self, directory: Path):
        self.directory = directory
        for name in ("AC", "BAT0"):
            (directory / SUPPLIES / name).mkdir(parents=True)
        (directory / SUPPLIES / "BAT0" / "status").write_text("Discharging\n")
        pmset = directory / "bin" / "pmset"
        pmset.parent.mkdir()
        pmset.write_text(f"#!/bin/sh\ncat '{directory}/told'\n")
        pmset.chmod(0o755)
        # Read by each Python before it runs anything: the supplies of this machine are those.
        (directory / "sitecustomize.py").write_text(
            "from pathlib import Path\nfrom fae_training.environment import machine; from fae_training.lifecycle import session\n"
            f"machine.Probes.root = Path({str(directory)!r})\nsession.SECONDS_BETWEEN_CHECKS = 0.2\n"
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
        state.write_text(self.directory / SUPPLIES / "AC" / "online", online)
        state.write_text(self.directory / "told", f"Now drawing from '{source}'\n")


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    made = Machine(tmp_path / "machine")
    monkeypatch.setattr(Probes, "root", made.directory)
    monkeypatch.setenv("PATH", made.environment["PATH"])
    return made


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_the_system_is_asked_what_feeds_the_machine(machine, system):
    assert condition(system=system).on_battery
    machine.plug_in()
    assert not condition(system=system).on_battery


class Recorded(Probes):
    """Answers in the forms that pmset and sysctl have (tests/data/probes), put together by hand: no Mac was there."""

    def __init__(self, name: str):
        path = Path(__file__).parent / "data" / "probes" / f"{name}.json"
        self.outputs = json.loads(path.read_text())

    def output(self, *command: str) -> str:
        return self.outputs[" ".join(command)]


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("macbook_on_power", []),
        ("macbook_on_battery", ["on battery"]),
        ("macbook_low_power", ["in low-power mode"]),
        ("older_low_power", ["in low-power mode"]),
        ("intel_hot", ["hot"]),
        ("intel_cool", []),
        ("short_of_memory", ["short of memory"]),
        ("desktop", []),
    ],
)
def test_the_output_of_a_mac_s_power_tools_is_understood(name, reasons):
    assert condition(Recorded(name), "darwin").reasons() == reasons


def mac_with(**outputs: str) -> Probes:
    """A Mac that is all right but for what is named: by the last word of the command."""

    class Mac(Probes):
        def output(self, *command: str) -> str:
            return outputs.get(command[-1].split(".")[-1].lstrip("-"), "")

    return Mac()


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ({"therm": "Thermal Warning Level = 1\n"}, ["hot"]),
        ({"therm": "Thermal Warning Level = 0\n CPU_Speed_Limit = 100\n"}, []),
        ({"memorystatus_vm_pressure_level": "2\n"}, ["short of memory"]),
        ({"memorystatus_vm_pressure_level": "1\n"}, []),
    ],
)
def test_the_mildest_thermal_warning_of_a_mac_counts(said, reasons):
    assert condition(mac_with(**said), "darwin").reasons() == reasons


def test_one_supply_of_several_is_enough(machine):
    second = machine.directory / SUPPLIES / "USB" / "online"
    state.write_text(second, "1")
    assert not condition(system="linux").on_battery
    second.write_text("0")
    assert condition(system="linux").on_battery


def test_linux_is_hot_near_a_critical_trip_and_says_its_profile(machine, tmp_path):
    machine.plug_in()
    zone = machine.directory / "sys/class/thermal/thermal_zone0"
    profile = machine.directory / "sys/firmware/acpi/platform_profile"
    for path, text in (
        (zone / "temp", "97000"),
        (zone / "trip_point_0_type", "critical"),
        (zone / "trip_point_0_temp", "105000"),
        (profile, "low-power"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert condition(system="linux").reasons() == ["in low-power mode", "hot"]
    (zone / "temp").write_text("61000\n")
    profile.write_text("balanced\n")
    assert condition(system="linux").reasons() == []


def test_a_machine_without_information_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(Probes, "root", tmp_path)
    assert condition(system="linux").reasons() == []
    assert (
        condition(type("Silent", (Probes,), {"output": lambda *_: ""})(), "darwin").reasons() == []
    )


def test_the_free_space_is_that_of_the_disk_where_a_directory_will_be(tmp_path):
    assert Probes().free_gb(tmp_path / "not" / "made" / "yet") > 0


def test_fae_needs_the_machine_while_somebody_is_talking_to_it(home, tmp_path, monkeypatch):
    monkeypatch.setenv("FAE_APP_DIR", str(tmp_path))
    place = state.Home(home)
    place.directory()
    assert fae_needs_it(place) is None
    log = tmp_path / "fae.db-wal"
    log.touch()
    assert fae_needs_it(place) is None, "reading a closed database leaves an empty log"
    log.write_text("what was said")
    assert fae_needs_it(place) == "in use by Fae"
    for moment in (-120, 3600):  # a clock that was set back makes nobody talk for an hour
        os.utime(log, (time.time() + moment,) * 2)
        assert fae_needs_it(place) is None
    place.file("pause").touch()
    assert "pause" in fae_needs_it(place)


def test_a_mac_is_kept_awake_while_it_works_and_no_longer(tmp_path, monkeypatch):
    program = tmp_path / "caffeinate"
    program.write_text(f"#!/bin/sh\necho $$ $@ > {tmp_path}/told\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "platform", "darwin")
    with kept_awake():
        end = time.monotonic() + 10
        while not (tmp_path / "told").exists() or not (tmp_path / "told").read_text():
            assert time.monotonic() < end
            time.sleep(0.01)
        pid, *given = (tmp_path / "told").read_text().split()
        assert given == ["-i", "-w", str(os.getpid())]
        os.kill(int(pid), 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_after_the_watchdog_ended_a_run_its_next_worker_has_smaller_pieces(tmp_path):
    log = tmp_path / "train.log"
    assert smaller_pieces(log) == {}
    ended = (
        "libc++abi: terminating due to uncaught exception of type std::runtime_error: [METAL] Command buffer execution "
        "failed: Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)\n"
    )
    sizes = []
    for _ in range(4):
        with log.open("a") as out:
            out.write(f"a line\n{ended}")
        sizes.append(int(smaller_pieces(log)["MLX_MAX_OPS_PER_BUFFER"]))
    assert sizes == [10, 4, 1, 1]


def waits(rule: str, home, monkeypatch, quiet_signals, after_a_look) -> int:
    """How often a session with that rule looked again before it went on; `after_a_look(count)` is what happens meanwhile."""
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        assert len(looks) < 10, "it waits for ever"
        after_a_look(len(looks))

    monkeypatch.setattr("fae_training.lifecycle.session.time.sleep", sleep)
    session = Session(runs.create(state.Home(home), "sft", {"settings": {}}), True, rule)
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
    answer = calls.answer("train_keyword", *given, home=home, **machine.environment, **environment)
    return answer["run"], home / "runs" / answer["run"] / "train.log"


def wait_until(holds, log: Path, patience_s: float = 120) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)


def learns(log: Path) -> bool:
    return any("loss" in row for row in state.read_jsonl(log.with_name("metrics.jsonl")))


def test_a_run_that_fae_started_waits_on_battery_and_continues_to_the_same_result(home, machine):
    run, log = started(home, machine, FAE_SKILL_NAME="training-orchestrator")
    wait_until(lambda: WAITING in log.read_text(), log)
    assert not learns(log)
    assert calls.answer("check_status", "--run", run, home=home)["status"] == "preparing"
    assert os.getpriority(os.PRIO_PROCESS, runs.Run(state.Home(home), run).record["worker"]["pid"]) >= 10  # fmt: skip
    machine.plug_in()
    wait_until(lambda: learns(log), log)
    machine.unplug()
    wait_until(lambda: adapter(log) or log.read_text().count(WAITING) == 2, log)
    machine.plug_in()
    wait_until(lambda: adapter(log), log)
    waited = adapter(log)
    calls.answer("cancel", "--force", home=home)
    given = ("--preset", "smoke", "--steps", 3, "--synthesise", "never", "--detach")
    other = calls.answer("train_keyword", *given, home=home, **machine.environment)["run"]
    log = home / "runs" / other / "train.log"
    wait_until(lambda: adapter(log), log)
    assert adapter(log) == waited, "as if it had never waited"
    calls.answer("cancel", "--force", home=home)


def adapter(log: Path) -> bytes | None:
    path = log.with_name("adapters") / "model.safetensors"
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize("whose", ["a person's", "Fae's, where config.json says so"])
def test_other_runs_continue_on_battery(home, machine, whose):
    environment = {}
    if whose != "a person's":
        environment["FAE_SKILL_NAME"] = "training-orchestrator"
        state.write_json(home / "config.json", {"on_battery": "train"})
    _, log = started(home, machine, **environment)
    wait_until(lambda: learns(log), log)
    assert WAITING not in log.read_text()
    calls.answer("cancel", "--force", home=home)
