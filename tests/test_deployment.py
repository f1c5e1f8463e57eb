"""What is active and how to go back: decisions that survive a kill, and the approval that each deploy needs."""

import json
import signal
import subprocess
import sys

import pytest

from fae_training import deployment, runs, state
from fae_training.errors import Missing, Refused


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
    return entry and entry["run"]


def test_deploying_writes_what_is_active_for_whoever_reads_the_file(place):
    run = make(place)
    assert deployment.deploy(place, run) is None
    entry = state.read_json(place.file("active.json"))["sft"]
    assert entry["run"] == run.id and entry["adapter"] == f"runs/{run.id}/adapters"
    assert entry["fingerprint"] == deployment.fingerprint(run.file("adapters")) and entry["since"]
    assert deployment.current_run(place, "language").id == run.id


def test_runs_of_kinds_with_one_slot_replace_each_other_and_others_do_not(place):
    sft, dpo, keyword = make(place), make(place, "dpo"), make(place, "keyword")
    deployment.deploy(place, sft)
    deployment.deploy(place, keyword)
    assert deployment.deploy(place, dpo)["run"] == sft.id
    assert set(state.read_json(place.file("active.json"))) == {"schema", "dpo", "keyword"}
    assert (active(place), active(place, "keyword")) == (dpo.id, keyword.id)


def test_rollback_goes_back_step_by_step_to_the_base_model_and_deletes_nothing(place):
    first, second, third = (make(place) for _ in range(3))
    for run in (first, second, third):
        deployment.deploy(place, run)
    seen = []
    for _ in range(3):
        was, now = deployment.rollback(place, "language", "asked for")
        seen.append((was["run"], now and now["run"]))
    assert seen == [(third.id, second.id), (second.id, first.id), (first.id, None)]
    with pytest.raises(Refused, match="the base model is active for language"):
        deployment.rollback(place, "language", "asked for")
    assert all(run.file("adapters", "adapters.safetensors").exists() for run in (first, second, third))  # fmt: skip
    history = state.read_jsonl(place.file("history.jsonl"))
    assert [line["action"] for line in history] == ["deploy"] * 3 + ["rollback"] * 3


def test_after_going_back_a_new_deploy_stands_on_what_is_active(place):
    first, second, third = (make(place) for _ in range(3))
    deployment.deploy(place, first)
    deployment.deploy(place, second)
    deployment.rollback(place, "language", "")
    deployment.deploy(place, third)
    assert deployment.rollback(place, "language", "")[1]["run"] == first.id


def test_undo_is_about_the_newest_update_that_stands(place):
    with pytest.raises(Refused, match="every model is the base model"):
        deployment.last_slot(place)
    lines = [("2026-01-01", "sft", "language"), ("2026-01-02", "keyword", "keyword")]
    for at, kind, slot in lines:
        entry = {"at": at, "action": "deploy", "slot": slot, "kind": kind, "run": kind}
        state.append_jsonl(place.file("history.jsonl"), entry | {"fingerprint": "f"})
    assert deployment.last_slot(place) == "keyword"
    deployment.rollback(place, "keyword", "")
    assert deployment.last_slot(place) == "language"


KILLED = """
import os, pathlib, signal, sys
from fae_training import deployment, runs, state
place = state.Home(pathlib.Path(sys.argv[1]))

deployment._write_active = lambda home: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "rollback":
    deployment.rollback(place, "language", "")
else:
    deployment.deploy(place, runs.find(place, sys.argv[2]))
"""


def kill_between_the_two_writes(place, what: str) -> None:
    process = subprocess.run([sys.executable, "-c", KILLED, str(place.path), what])
    assert process.returncode == -signal.SIGKILL


def test_a_kill_after_the_decision_is_carried_out_by_the_next_one(place):
    first, second, third = (make(place) for _ in range(3))
    deployment.deploy(place, first)
    kill_between_the_two_writes(place, second.id)
    assert active(place) == first.id, "a half-made deploy is not seen"
    deployment.deploy(place, third)
    assert active(place) == third.id
    assert deployment.rollback(place, "language", "")[1]["run"] == second.id


def test_a_kill_in_a_deploy_can_be_undone(place):
    first, second = make(place), make(place)
    deployment.deploy(place, first)
    kill_between_the_two_writes(place, second.id)
    was, now = deployment.rollback(place, "language", "")
    assert (was["run"], now["run"]) == (second.id, first.id)


def test_a_kill_in_a_rollback_leaves_what_was_active_until_the_next_decision(place):
    first, second = make(place), make(place)
    deployment.deploy(place, first)
    deployment.deploy(place, second)
    kill_between_the_two_writes(place, "rollback")
    assert active(place) == second.id
    assert deployment.rollback(place, "language", "")[1] is None
    assert active(place) is None


def test_a_line_of_history_cut_off_by_a_kill_is_no_decision(place):
    first, second = make(place), make(place)
    deployment.deploy(place, first)
    path = place.file("history.jsonl")
    path.write_bytes(path.read_bytes() + b'{"at": "2026-01-01", "action": "dep')
    deployment.deploy(place, second)
    assert [line["run"] for line in state.read_jsonl(path)] == [first.id, second.id]
    assert active(place) == second.id


def test_a_lost_active_file_comes_back_with_the_next_decision(place):
    first, second = make(place), make(place, "keyword")
    deployment.deploy(place, first)
    place.file("active.json").unlink()
    deployment.deploy(place, second)
    assert (active(place), active(place, "keyword")) == (first.id, second.id)


def test_two_who_decide_at_once_end_with_one_truth(place):
    found = [make(place), make(place)]
    source = (
        "import pathlib, sys\nfrom fae_training import deployment, runs, state\n"
        "place = state.Home(pathlib.Path(sys.argv[1]))\nrun = runs.find(place, sys.argv[2])\n"
        "for _ in range(25): deployment.deploy(place, run)"
    )
    deciders = [
        subprocess.Popen([sys.executable, "-c", source, str(place.path), run.id]) for run in found
    ]
    assert [process.wait() for process in deciders] == [0, 0]
    history = state.read_jsonl(place.file("history.jsonl"))
    assert len(history) == 50
    assert active(place) == history[-1]["run"]


DECIDE = """
import pathlib, sys
from fae_training import deployment, runs, state
place = state.Home(pathlib.Path(sys.argv[1]))
run = runs.find(place, sys.argv[2])
if sys.argv[3] == "slowly":
    write = state.Home.write
    state.Home.write = lambda *given: (print("decided", flush=True), sys.stdin.readline(), write(*given))
else:
    print("begins", flush=True)
deployment.deploy(place, run)
"""


def test_who_decides_second_waits_until_the_first_decision_is_carried_out(place):
    """Else the first would write what was right before the second one."""
    deciders = []
    for how in ("slowly", "at once"):
        command = [sys.executable, "-c", DECIDE, str(place.path), make(place).id, how]
        deciders.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        deciders[-1].stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        deciders[1].wait(timeout=0.5)
    deciders[0].communicate(b"go on\n")
    deciders[1].communicate()
    history = state.read_jsonl(place.file("history.jsonl"))
    assert len(history) == 2 and active(place) == history[-1]["run"]


def test_an_active_run_whose_files_are_gone_is_named(place):
    run = make(place)
    deployment.deploy(place, run)
    run.file("adapters").rename(run.file("elsewhere"))
    with pytest.raises(Missing, match=f"{run.id} is active but its files are gone"):
        deployment.current_run(place, "language")


def test_the_fingerprint_is_of_names_and_contents_and_ignores_rests_of_a_kill(place):
    run = make(place)
    adapter = run.file("adapters")
    marks = [deployment.fingerprint(adapter)]
    (adapter / ".adapters.safetensors.xyz").write_text("half")
    assert deployment.fingerprint(adapter) == marks[0]
    (adapter / "adapters.safetensors").write_text(f"weighty of {run.id}")
    marks.append(deployment.fingerprint(adapter))
    (adapter / "adapter_config.json").write_text("[]")
    marks.append(deployment.fingerprint(adapter))
    (adapter / "adapter_config.json").rename(adapter / "config.json")
    marks.append(deployment.fingerprint(adapter))
    assert len(set(marks)) == 4 and all(len(mark) == 16 for mark in marks)
    with pytest.raises(Missing, match="holds no adapter"):
        deployment.fingerprint(run.file("nothing"))


def refused(run, code) -> Refused:
    with pytest.raises(Refused) as caught:
        deployment.check_approval(run, code)
    return caught.value


def test_a_code_is_needed_and_must_be_the_one_of_the_newest_proposal(place):
    run, other = make(place), make(place)
    assert refused(run, "ABC-DEF").code == "not_proposed"
    old = deployment.new_approval(run)
    code = deployment.new_approval(run)
    assert refused(run, None).code == refused(run, "").code == "not_approved"
    assert refused(run, old).code == "wrong_code"
    assert refused(run, deployment.new_approval(other)).code == "wrong_code"
    assert deployment.check_approval(run, f" {code.lower()} ")["used_at"] is None


def test_a_code_serves_once(place):
    run = make(place)
    code = deployment.new_approval(run)
    deployment.use_approval(run, deployment.check_approval(run, code))
    assert refused(run, code).code == "code_used"
    deployment.check_approval(run, deployment.new_approval(run))


def test_a_code_is_for_the_files_as_they_were_proposed(place):
    run = make(place)
    code = deployment.new_approval(run)
    weights = run.file("adapters", "adapters.safetensors")
    before = weights.read_text()
    weights.write_text(before.replace("weights", "Weights"))
    assert refused(run, code).code == "changed_since"
    weights.write_text(before)
    deployment.check_approval(run, code)


def test_what_is_kept_of_a_code_does_not_give_it_away(place):
    run = make(place)
    code = deployment.new_approval(run)
    kept = run.file("approval.json").read_text()
    assert code not in kept and code.replace("-", "") not in kept
    assert len(code) == 7 and set(code.replace("-", "")) <= set(deployment.CODE_LETTERS)
    # Knowing the hash of another run's code does not help: it is tied to the fingerprint.
    other = make(place)
    state.write_json(other.file("approval.json"), json.loads(kept))
    assert refused(other, code).code == "changed_since"


def test_codes_differ(place):
    run = make(place)
    assert len({deployment.new_approval(run) for _ in range(20)}) == 20


def test_what_a_run_was_compared_with_is_what_runs_now_or_it_is_said(place):
    first, second = make(place), make(place)
    assert deployment.compared_with_another(second, None) is None
    deployment.deploy(place, first)
    stale = deployment.compared_with_another(second, None)
    assert stale == f"it was compared with the base model, but {first.id} runs now"
    assert deployment.compared_with_another(second, first.id) is None
    deployment.rollback(place, "language", "")
    stale = deployment.compared_with_another(second, first.id)
    assert stale == f"it was compared with {first.id}, but the base model runs now"
    deployment.deploy(place, second)
    assert deployment.compared_with_another(second, first.id) is None, "it runs itself"
