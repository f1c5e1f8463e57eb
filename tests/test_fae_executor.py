"""Every script, called exactly as Fae calls it, and the whole loop in that way."""

import hashlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

import calls
import installed_fae
import small_runs
from calls import LANGUAGE_MODEL, SCRIPTS
from fae_executor import checked, execute, make_person
from fae_training.environment import installation
from fae_training.store import state
from make_database import make_database

ALL_SCRIPTS = sorted(path.stem for path in SCRIPTS.glob("*.py"))


@pytest.fixture(scope="session")
def _prepared(tmp_path_factory) -> Path:
    """A person who installed the skill and let setup.py finish, as everybody does before Fae's first call."""
    person = make_person(tmp_path_factory.mktemp("prepared") / "sam")
    answer = checked(execute("setup", {"no_models": True}, person))
    assert answer["status"] == "installing"
    home = state.Home(person / ".fae/training")
    calls.wait_until(lambda: installation.installation_status(home) != "installing", 600)
    answer = checked(execute("check_status", {}, person))
    log = home.file("setup.log").read_text()
    assert answer["setup"] == "ready", log
    return person


@pytest.fixture(scope="session")
def few_conversations(tmp_path_factory):
    """A sample of Fae's directory that is small enough to learn from in seconds without a fast BLAS."""
    return make_database(tmp_path_factory.mktemp("few"), conversations=120, corrections=10)


@pytest.fixture
def person(_prepared, tmp_path) -> Path:
    """A person's HOME, with the environments prepared and no consent given."""
    return shutil.copytree(_prepared, tmp_path / "sam", symlinks=True)


@pytest.mark.parametrize("name", ALL_SCRIPTS)
def test_every_script_answers_an_empty_call_with_one_object(name, person):
    checked(execute(name, {}, person))


@pytest.mark.parametrize("name", ALL_SCRIPTS)
def test_every_script_answers_an_unknown_parameter_with_the_ones_it_knows(name, person):
    error = checked(execute(name, {"colour": "red"}, person))["error"]
    assert error["code"] == "unknown_parameter"
    assert "'colour'" in error["message"]
    assert "home" in error["hint"]


def test_without_consent_nothing_is_read(person, few_conversations):
    database = give_database(person, few_conversations)
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    answer = checked(execute("export_data", {}, person))
    assert answer["error"]["code"] == "no_consent"
    assert "setup.py --consent conversations" in answer["error"]["hint"]
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before


def test_fae_goes_through_the_whole_loop(person, few_conversations):
    """As Fae v0.8.105, from consent to deploy and back; it says what that version does with the result."""
    give_database(person, few_conversations)
    installed_fae.make(person, installed_fae.EARLY)
    use_sample_model(person)
    call = lambda name, **parameters: checked(execute(name, parameters, person))  # noqa: E731

    assert call("setup", consent=["conversations"])["consents"]["conversations"] is True
    exported = call("export_data")
    assert exported["status"] == "exported", exported
    started = call("train", preset="smoke", learning_rate=1e-3)
    assert started["status"] == "started"
    ended = wait(person, started["run"])
    assert ended["status"] == "completed"
    assert ended["step"] == 10

    evaluation = call("evaluate", run="latest", last_benchmark_score="none")
    assert evaluation["verdict"] == "pass"
    assert 0 < evaluation["previous_score"] < evaluation["score"] < 1
    proposal = call("propose")
    code = calls.approval_code(Path(proposal["proposal"]).parents[2], proposal["run"])
    assert code not in json.dumps(proposal)

    assert call("deploy")["error"]["code"] == "not_approved"
    assert call("deploy", code="AAA-AAA")["error"]["code"] == "wrong_code"
    deployed = call("deploy", code=code)
    assert deployed["status"] == "deployed"
    assert deployed["verification"]["changes_output"] is True
    assert deployed["app"]["use"] == "not_used" and "step" not in deployed["app"]
    assert "(0.8.105) cannot load adapters" in deployed["app"]["says"]
    assert Path(deployed["adapter_path"], "adapters.safetensors").is_file()
    assert not installed_fae.personal(person).exists()
    assert call("check_status")["active"] == {"language": started["run"]}

    undone = call("rollback")
    assert undone["active"] == "the original model" and undone["app"]["use"] == "nothing_to_do"
    assert call("rollback")["error"]["code"] == "nothing_to_undo"
    assert [run["run"] for run in call("list_runs")["runs"]] == [started["run"]]


def test_the_first_call_of_a_personal_copy_makes_its_environment_and_the_second_finds_it(person):
    """Cold and warm, with the copy that Fae prefers to its own; both within Fae's timeout."""
    skill = installed_fae.directory(person) / "skills/training-orchestrator"
    for part in ("scripts", "lib"):
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(calls.ROOT / part, skill / part, ignore=ignored)
    for name, status in (("check_status", "no_run"), ("check_status", "no_run"), ("list_runs", "no_run")):  # fmt: skip
        assert checked(execute(name, {}, person, skill / "scripts"))["status"] == status
    assert not list(skill.rglob("__pycache__"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the worker in /proc")
def test_the_worker_outlives_the_call_without_its_limits_or_its_streams(person, few_conversations):
    give_database(person, few_conversations)
    use_sample_model(person)
    checked(execute("setup", {"consent": ["conversations"]}, person))
    checked(execute("export_data", {}, person))
    started = checked(execute("train", {"steps": 100_000}, person))
    assert started["status"] == "started", started
    worker = worker_process(person, started["run"])
    try:
        # Fae's process group is gone when execute() returns; the worker leads or shares another session.
        assert os.getsid(worker) != os.getsid(0)
        streams = [os.readlink(f"/proc/{worker}/fd/{number}") for number in (0, 1, 2)]
        assert streams[0] == "/dev/null"
        assert all(stream.endswith("/train.log") for stream in streams[1:])
        limits = Path(f"/proc/{worker}/limits").read_text()
        soft = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
        assert soft["Max cpu time"] == "unlimited"
        assert soft["Max address space"] == "unlimited"
        assert int(soft["Max open files"]) > 64
        environment = Path(f"/proc/{worker}/environ").read_bytes()
        assert b"FAE_SKILL_NAME" not in environment
        assert b"HF_HUB_OFFLINE=1" in environment
        # uv's own environment of the script has the fast library, and the worker has loaded it.
        assert "/libscipy_openblas.so" in Path(f"/proc/{worker}/maps").read_text()

        second = checked(execute("train", {}, person))
        assert second["error"]["code"] == "busy"
        assert started["run"] in second["error"]["message"]
    finally:
        cancelled = checked(execute("cancel", {}, person))
    assert cancelled["status"] in ("cancelled", "cancelling")
    assert wait(person, started["run"])["status"] == "cancelled"


def test_a_killed_worker_is_interrupted_and_not_running(person, few_conversations):
    give_database(person, few_conversations)
    use_sample_model(person)
    checked(execute("setup", {"consent": ["conversations"]}, person))
    checked(execute("export_data", {}, person))
    started = checked(execute("train", {"steps": 100_000}, person))
    assert started["status"] == "started", started
    os.kill(worker_process(person, started["run"]), signal.SIGKILL)
    ended = wait(person, started["run"])
    assert ended["status"] == "interrupted"
    assert ended["next"] == {"script": "train", "params": {"resume": started["run"]}}


def give_database(person: Path, few_conversations) -> Path:
    """Fae's directory in a HOME; nobody has talked with Fae for an hour; otherwise a training would wait."""
    fae = person / "Library" / "Application Support" / "fae"
    shutil.copytree(few_conversations.directory, fae, dirs_exist_ok=True)
    for path in fae.glob("fae.db*"):
        os.utime(path, (time.time() - 3600,) * 2)
    return fae / "fae.db"


def use_sample_model(person: Path) -> None:
    """By config.json: Fae would blank out a long path in a parameter. It is judged by tasks that take moments."""
    home = state.Home(person / ".fae" / "training")
    home.directory()
    small_runs.judge_by_own_items(home, copies=3)
    home.write("config.json", {"sft": {"model": str(LANGUAGE_MODEL), "suite": "own"}})


def wait(person: Path, run: str) -> dict:
    """What check_status says once it has ended."""
    calls.wait_until(lambda: calls.has_ended(run, person / ".fae" / "training"), 240)
    return checked(execute("check_status", {"run": run}, person))


def worker_process(person: Path, run: str) -> int:
    """The process that trains, once it is past its start."""
    record = person / ".fae" / "training" / "runs" / run / "run.json"
    calls.wait_until(lambda: json.loads(record.read_text())["status"] in ("training", "failed"))
    stored = json.loads(record.read_text())
    assert stored["status"] == "training", stored
    return stored["worker"]["pid"]
