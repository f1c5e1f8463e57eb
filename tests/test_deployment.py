"""Deployments and rollback: decisions that survive a kill, and files that are exactly the deployed ones."""

import itertools
import os
import signal
import subprocess
import sys

import pytest

from fae_training.calls.errors import Failed, Missing, Refused
from fae_training.lifecycle import runs
from fae_training.release import deployment
from fae_training.store import state
from fae_training.store.transactions import changing


@pytest.fixture
def place(home) -> state.Home:
    return state.Home(home)


def make(place, kind="sft", weights="weights") -> runs.Run:
    """A run with an adapter; nothing here reads what is in it."""
    run = runs.create(place, kind, {"settings": {}})
    directory = state.make_directory(run.file("adapters"))
    (directory / "adapters.safetensors").write_text(f"{weights} of {run.id}")
    (directory / "adapter_config.json").write_text("{}")
    return run


def active(place, slot="language") -> str | None:
    entry = deployment.current(place, slot)
    return entry and entry.run


def deploy(place, run) -> deployment.Deployment | None:
    """What it replaced."""
    with changing(place) as change:
        return deployment.deploy(change, run)[1]


def test_deploying_writes_the_active_run_to_active_json(place):
    run = make(place)
    assert deploy(place, run) is None
    entry = state.read_json(place.file("active.json"))["sft"]
    assert entry["run"] == run.id and entry["adapter"] == f"runs/{run.id}/adapters"
    assert entry["fingerprint"] == deployment.fingerprint(run.file("adapters")) and entry["since"]
    assert deployment.current_run(place, "language").id == run.id


def test_runs_of_kinds_with_one_slot_replace_each_other_and_others_do_not(place):
    sft, dpo, keyword = make(place), make(place, "dpo"), make(place, "keyword")
    deploy(place, sft)
    deploy(place, keyword)
    assert deploy(place, dpo).run == sft.id
    assert set(state.read_json(place.file("active.json"))) == {"schema", "dpo", "keyword"}
    assert (active(place), active(place, "keyword")) == (dpo.id, keyword.id)


def test_rollback_goes_back_step_by_step_to_the_base_model_and_deletes_nothing(place):
    first, second, third = (make(place) for _ in range(3))
    for run in (first, second, third):
        deploy(place, run)
    seen = []
    for _ in range(3):
        was, now = deployment.rollback(place, "language", "asked for")
        seen.append((was.run, now and now.run))
    assert seen == [(third.id, second.id), (second.id, first.id), (first.id, None)]
    with pytest.raises(Refused, match="nothing to undo"):
        deployment.rollback(place, "language", "asked for")
    assert all(run.file("adapters", "adapters.safetensors").exists() for run in (first, second, third))  # fmt: skip
    history = state.read_jsonl(place.file("history.jsonl"))
    assert [line["action"] for line in history] == ["deploy"] * 3 + ["rollback"] * 3


def test_after_a_rollback_a_new_deployment_replaces_the_active_run(place):
    first, second, third = (make(place) for _ in range(3))
    deploy(place, first)
    deploy(place, second)
    deployment.rollback(place, "language", "")
    deploy(place, third)
    assert deployment.rollback(place, "language", "")[1].run == first.id


def test_undo_refers_to_the_newest_deployment_not_rolled_back(place):
    with pytest.raises(Refused, match="no update is in use"):
        deployment.newest(place)
    lines = [("2026-01-01", "sft", "language"), ("2026-01-02", "keyword", "keyword")]
    for at, kind, slot in lines:
        entry = {"at": at, "action": "deploy", "slot": slot, "kind": kind, "run": kind}
        state.append_jsonl(place.file("history.jsonl"), entry | {"fingerprint": "f"})
    assert deployment.newest(place).slot == "keyword"
    deployment.rollback(place, "keyword", "")
    assert deployment.newest(place).slot == "language"


DECIDE = """
import os, pathlib, signal, sys
from fae_training.release import deployment; from fae_training.lifecycle import runs; from fae_training.store import state, transactions
place = state.Home(pathlib.Path(sys.argv[1]))

def at(name):
    if sys.argv[3:] == [name]:
        os.kill(os.getpid(), signal.SIGKILL)

replace = pathlib.Path.replace
def replacing(path, target):
    at(f"before {target.name}")
    replace(path, target)
    at(f"after {target.name}")
pathlib.Path.replace = replacing

if sys.argv[2] == "rollback":
    deployment.rollback(place, "language", "")
else:
    with transactions.changing(place) as change:
        deployment.deploy(change, runs.find(place, sys.argv[2]))
"""


def decide(place, what: str, *killed: str) -> int:
    """Deploy a run or roll back in a separate process, killed before or after a file is renamed."""
    return subprocess.run([sys.executable, "-c", DECIDE, str(place.path), what, *killed]).returncode


@pytest.mark.parametrize(
    "killed, counts",
    [
        ("before journal.json", False),
        ("after journal.json", True),
        ("before history.jsonl", True),
        ("after history.jsonl", True),
        ("after active.json", True),
    ],
)
@pytest.mark.parametrize("what", ["deploy", "rollback"])
def test_a_kill_anywhere_in_a_decision_leaves_the_old_or_the_new_state(place, what, killed, counts):
    first, second = make(place), make(place)
    deploy(place, first)
    if what == "rollback":
        deploy(place, second)
    before, after = (first.id, second.id) if what == "deploy" else (second.id, first.id)
    assert decide(place, second.id if what == "deploy" else what, killed) == -signal.SIGKILL
    assert active(place) == (after if counts else before), "a reader completes it"
    entry = state.read_json(place.file("active.json"))["sft"]
    assert entry["run"] == active(place), "and active.json says the same"
    # Exactly one step was made, so as many rollbacks lead to the base model as deploys are left.
    steps = {"deploy": 1 + counts, "rollback": 2 - counts}[what]
    for _ in range(steps):
        deployment.rollback(place, "language", "")
    assert active(place) is None
    with pytest.raises(Refused, match="nothing to undo"):
        deployment.rollback(place, "language", "")


def test_an_active_file_that_disagrees_is_repaired_by_the_next_reader(place):
    first, second = make(place), make(place)
    deploy(place, first)
    entry = state.read_json(place.file("active.json"))
    for content in ({}, {"sft": entry["sft"] | {"run": second.id}}, {"sft": {"run": "../../etc"}}):
        state.write_json(place.file("active.json"), content)
        assert active(place) == first.id
        assert state.read_json(place.file("active.json")) == entry


def test_an_active_file_without_any_history_is_named_and_left_alone(place):
    state.write_json(place.file("active.json"), {"sft": {"run": "../../../../etc"}})
    assert active(place) is None
    assert "cannot be right" in deployment.unexplained(place)
    assert state.read_json(place.file("active.json"))["sft"]["run"] == "../../../../etc"


@pytest.mark.parametrize(
    "spoiled",
    [{"run": None}, {"run": "../x"}, {"slot": []}, {"slot": "keyword"}, {"kind": "tts"}, {"fingerprint": None}, {"at": 1}, None],
)  # fmt: skip
def test_an_invalid_line_of_history_is_named(place, spoiled):
    deploy(place, make(place))
    path = place.file("history.jsonl")
    (line,) = state.read_jsonl(path)
    state.append_jsonl(path, line | spoiled if spoiled else {"action": "deploy"})
    with pytest.raises(Failed, match=r"line 2 of .*history\.jsonl is not valid"):
        active(place)


def test_what_is_active_already_is_not_deployed_twice(place):
    run = make(place)
    deploy(place, run)
    with pytest.raises(Refused, match="is already active"):
        deploy(place, run)
    assert len(state.read_jsonl(place.file("history.jsonl"))) == 1


def test_a_failed_check_rolls_back_only_the_deployment_it_checked(place):
    first, second = make(place), make(place)
    deploy(place, first)
    checked = deployment.current(place, "language")
    deploy(place, second)
    with pytest.raises(Refused, match=f"{first.id} is no longer active; {second.id} is"):
        deployment.rollback(place, "language", "verification failed", only=checked)
    deployment.keep_verified(place, checked)
    assert active(place) == second.id and deployment.current(place, "language").verified is None
    deployment.rollback(place, "language", "")
    deployment.rollback(place, "language", "")
    deploy(place, first)  # the same run, deployed again, is another deployment
    with pytest.raises(Refused):
        deployment.rollback(place, "language", "verification failed", only=checked)


def test_a_verified_deployment_stays_verified_when_another_comes_and_goes(place):
    first, second = make(place), make(place)
    deploy(place, first)
    assert state.read_json(place.file("active.json"))["sft"]["verified"] is None
    deployment.keep_verified(place, deployment.current(place, "language"))
    assert state.read_json(place.file("active.json"))["sft"]["verified"]
    deploy(place, second)
    assert deployment.current(place, "language").verified is None
    deployment.rollback(place, "language", "")
    assert deployment.current(place, "language").verified


def test_a_line_of_history_cut_off_by_a_kill_is_not_a_decision(place):
    first, second = make(place), make(place)
    deploy(place, first)
    path = place.file("history.jsonl")
    path.write_bytes(path.read_bytes() + b'{"at": "2026-01-01", "action": "dep')
    deploy(place, second)
    assert [line["run"] for line in state.read_jsonl(path)] == [first.id, second.id]
    assert active(place) == second.id


def test_two_deployments_at_once_end_in_one_consistent_state(place):
    found = [make(place), make(place)]
    source = (
        "import pathlib, sys\nfrom fae_training.release import deployment; from fae_training.calls import errors; from fae_training.lifecycle import runs; from fae_training.store import state, transactions\n"
        "place = state.Home(pathlib.Path(sys.argv[1]))\nrun = runs.find(place, sys.argv[2])\nmade = 0\n"
        "while made < 15:\n"
        "    try:\n"
        "        with transactions.changing(place) as change: deployment.deploy(change, run)\n"
        "        made += 1\n"
        "    except errors.Refused: pass\n"
    )
    deciders = [
        subprocess.Popen([sys.executable, "-c", source, str(place.path), run.id]) for run in found
    ]
    # They take turns, for what is already active is refused.
    assert [process.wait() for process in deciders] == [0, 0]
    history = state.read_jsonl(place.file("history.jsonl"))
    assert len(history) == 30
    assert all(one["run"] != other["run"] for one, other in itertools.pairwise(history))
    assert active(place) == state.read_jsonl(place.file("history.jsonl"))[-1]["run"]


def test_an_active_run_whose_files_are_gone_is_named(place):
    run = make(place)
    deploy(place, run)
    run.file("adapters").rename(run.file("elsewhere"))
    with pytest.raises(Missing, match=f"{run.id} is active but its files are missing"):
        deployment.current_run(place, "language")


def test_the_fingerprint_is_of_every_file_of_the_adapter(place):
    run = make(place)
    adapter = run.file("adapters")
    marks = [deployment.fingerprint(adapter)]
    (adapter / ".hidden").write_text("half")
    marks.append(deployment.fingerprint(adapter))
    (adapter / "inner").mkdir()
    assert deployment.fingerprint(adapter) == marks[-1], "an empty directory holds nothing"
    (adapter / "inner" / "code.py").write_text("1")
    marks.append(deployment.fingerprint(adapter))
    (adapter / "inner" / "code.py").write_text("2")
    marks.append(deployment.fingerprint(adapter))
    (adapter / "adapters.safetensors").write_text(f"weighty of {run.id}")
    marks.append(deployment.fingerprint(adapter))
    (adapter / "adapter_config.json").rename(adapter / "config.json")
    marks.append(deployment.fingerprint(adapter))
    assert len(set(marks)) == 6 and all(len(mark) == 16 for mark in marks)
    with pytest.raises(Missing, match="holds no adapter"):
        deployment.fingerprint(run.file("nothing"))


@pytest.mark.parametrize("what", ["file", "directory", "adapters", "pipe"])
def test_an_adapter_with_a_link_or_a_pipe_is_refused(place, tmp_path, what):
    run = make(place)
    adapter = run.file("adapters")
    if what == "pipe":
        os.mkfifo(adapter / "pipe")
    elif what == "adapters":
        adapter.rename(tmp_path / "elsewhere")
        adapter.symlink_to(tmp_path / "elsewhere")
    else:
        (adapter / "more").symlink_to(
            adapter / "adapter_config.json" if what == "file" else tmp_path
        )
    with pytest.raises(Refused, match="is a link or a device"):
        deployment.fingerprint(adapter)


def test_a_run_compared_with_a_model_that_is_not_current_is_reported(place):
    first, second = make(place), make(place)
    mark = deployment.fingerprint(first.file("adapters"))

    def stale(run, *compared):
        return deployment.compared_with_another(run, *compared)

    assert stale(second, None, None) is None
    deploy(place, first)
    assert stale(second, None, None) == (
        f"it was compared with the original model, but {first.id} is in use now"
    )
    assert stale(second, first.id, mark) is None
    assert "it was compared with" in stale(second, first.id, "another")
    (first.file("adapters") / "adapters.safetensors").write_text("other weights")
    assert "have changed since" in stale(second, first.id, mark), "the same run, with other files"
    deployment.rollback(place, "language", "")
    assert stale(second, first.id, mark) == (
        f"it was compared with {first.id}, but the original model is in use now"
    )
    deploy(place, second)
    assert stale(second, first.id, mark) is None, "it runs itself"
