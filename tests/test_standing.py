"""A proposed or deployed run stays unchanged, or every script reports that it changed."""

import os
import runpy
import subprocess
import sys

import pytest

import calls
import prepared
from fae_training.calls import calling
from fae_training.calls.errors import Refused
from fae_training.judgement import evaluation
from fae_training.lifecycle import runs, worker
from fae_training.release import deployment
from fae_training.store import consent, state, transactions
from fae_training.store.transactions import changing


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


def spoil(run) -> None:
    (run.file("adapters") / "inner").mkdir()
    (run.file("adapters") / "inner" / ".more").write_text("something else")


def error(name: str, *arguments: str, home) -> tuple[int, str]:
    got = calls.script(name, *arguments, "--json", home=home)
    return got.status, got.json["error"]["code"]


def test_files_that_changed_after_deployment_are_reported_by_every_script(
    place, tmp_path, monkeypatch
):
    monkeypatch.setattr(calls, "SCRIPTS", prepared.scripts_beside(tmp_path))
    home, first = place.path, prepared.deployed(place, 1)
    second = prepared.deployed(place, 2)
    assert "remarks" not in calls.answer("check_status", home=home)
    spoil(second)
    (remark,) = calls.answer("check_status", home=home)["remarks"]
    assert f"{second.id} is active, but its files are not the ones that were deployed" in remark
    listed = {run["run"]: run for run in calls.answer("list_runs", home=home)["runs"]}
    assert "not the ones" in listed[second.id]["changed"] and "changed" not in listed[first.id]
    assert error("deploy", "--check", home=home) == (6, "changed_since")
    assert deployment.current(place, "language").run == second.id, "a check takes back no other"
    spoil(first)
    (remark,) = calls.answer("rollback", home=home)["remarks"]
    assert f"{first.id} is active, but its files" in remark


def test_files_that_changed_after_the_proposal_are_reported(place):
    run = prepared.judged(place)
    calls.answer("propose", home=place.path)
    spoil(run)
    assert error("propose", home=place.path) == (3, "changed_since")
    assert error("deploy", "--code", "AAA-AAA", home=place.path) == (3, "changed_since")
    (listed,) = calls.answer("list_runs", home=place.path)["runs"]
    assert "changed after the proposal" in listed["changed"]


def test_an_unverified_deployment_is_reported_until_it_is_verified(place, tmp_path):
    run = prepared.judged(place)
    with changing(place) as change:
        deployment.deploy(change, run, evaluation.mark(run))
    (remark,) = calls.answer("check_status", home=place.path)["remarks"]
    assert f"{run.id} is deployed but not verified" in remark
    planned = calls.answer("deploy", "--check", "--dry-run", home=place.path)
    assert planned["runs"] == [run.id] and planned["remarks"] == [remark]
    deployment.keep_verified(place, deployment.current(place, "language"))
    assert "remarks" not in calls.answer("check_status", home=place.path)


def test_a_deployed_run_that_was_judged_again_is_reported(place):
    run = prepared.deployed(place)
    mark = deployment.fingerprint(run.file("adapters"))
    worse = prepared.measured(3, gain=-0.3, fingerprint=mark)
    assert evaluation.make(run, worse).verdict == "fail"
    (remark,) = calls.answer("check_status", home=place.path)["remarks"]
    assert "was evaluated again after it was deployed, and it is now not recommended" in remark


def test_a_proposal_that_became_invalid_by_a_new_judgement_is_reported(place):
    run = prepared.judged(place)
    calls.answer("propose", home=place.path)
    assert "remarks" not in calls.answer("evaluate", home=place.path)
    mark = deployment.fingerprint(run.file("adapters"))
    evaluation.make(run, prepared.measured(3, fingerprint=mark))
    (remark,) = calls.answer("evaluate", home=place.path)["remarks"]
    assert "evaluated again after the proposal" in remark


@pytest.mark.parametrize("how", ["proposed", "deployed", "rolled back"])
def test_a_run_that_was_proposed_or_deployed_is_not_trained_on(place, how):
    run = prepared.judged(place)
    if how == "proposed":
        calls.answer("propose", home=place.path)
    else:
        with changing(place) as change:
            deployment.deploy(change, run)
    if how == "rolled back":
        deployment.rollback(place, "language", "")
    for status in ("cancelled", "interrupted", "training"):
        run.update(status=status)
        assert error("train", "--resume", run.id, home=place.path) == (3, "proposed_or_deployed")


def test_invalid_ids_and_links_are_refused_and_reported(place, tmp_path):
    run = prepared.judged(place)
    (place.file("runs") / "sft-20990101-0000-zz").symlink_to(run.directory)
    for name in ("../runs", f"../runs/{run.id}", "/etc", "..", ".", "a b"):
        assert error("check_status", "--run", name, home=place.path) == (3, "bad_run_id"), name
    for script in ("check_status", "evaluate", "propose"):
        assert error(script, "--run", "sft-20990101-0000-zz", home=place.path) == (3, "linked_run")
    assert calls.answer("check_status", home=place.path)["run"] == run.id, "latest is no link"
    listed = calls.answer("list_runs", home=place.path)
    assert listed["count"] == 1 and "runs/sft-20990101-0000-zz is a link" in listed["remarks"][0]


def test_an_active_file_without_history_is_reported_and_a_pipe_in_its_place_does_not_hang(place):
    state.write_json(place.file("active.json"), {"sft": {"run": "../../../../etc"}})
    answer = calls.answer("check_status", home=place.path)
    assert answer["active"] == {} and "cannot be right" in answer["remarks"][0]
    place.file("active.json").unlink()
    os.mkfifo(place.file("active.json"))
    answer = calls.answer("check_status", home=place.path)
    assert answer["active"] == {} and "cannot be right" in answer["remarks"][0]
    os.mkfifo(place.file("history.jsonl"))
    assert error("check_status", home=place.path) == (6, "state_unreadable")


def test_consents_given_and_withdrawn_at_once_are_both_kept(place):
    """Twenty pairs: a process that gives one and a process that takes another back."""
    source = (
        "import pathlib, sys\nfrom fae_training.store import consent, state\n"
        "place = state.Home(pathlib.Path(sys.argv[1]))\n"
        "for _ in range(20): consent.change(place, *eval(sys.argv[2]))\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", source, str(place.path), given])
        for given in ("(['audio'], [])", "([], ['conversations'])")
    ]
    assert [one.wait() for one in both] == [0, 0]
    assert consent.granted(place, "audio") and not consent.granted(place, "conversations")


def test_corrections_that_are_added_at_once_are_all_kept_and_all_in_the_vocabulary(place):
    consent.change(place, ["corrections"], [])
    source = (
        "import pathlib, sys\nfrom fae_training.store import state\n"
        "from fae_training.speech import misheard, vocabulary\n"
        "place = state.Home(pathlib.Path(sys.argv[1]))\n"
        "for n in range(12): vocabulary.keep(place, "
        "[misheard.checked(place, 'Marian', f'{sys.argv[2]}{chr(97 + n)}')])\n"
    )
    several = [
        subprocess.Popen([sys.executable, "-c", source, str(place.path), name])
        for name in ("Siobhan", "Niamh", "Aoife")
    ]
    assert [one.wait() for one in several] == [0, 0, 0]
    assert len(state.read_jsonl(place.file("stt", "corrections.jsonl"))) == 36
    assert len(place.read("stt/vocabulary.json")["terms"]) == 36


def test_a_worker_does_not_train_a_run_that_was_proposed(place):
    run = prepared.judged(place)
    calls.answer("propose", home=place.path)
    before = deployment.fingerprint(run.file("adapters"))
    with pytest.raises(Refused, match="was proposed, so it can no longer be changed"):
        worker._train(run, None, lambda run, session: pytest.fail("it trained"))
    assert deployment.fingerprint(run.file("adapters")) == before


def test_a_proposal_of_what_changed_while_it_was_drawn_is_not_made(place, monkeypatch):
    run = prepared.judged(place)
    propose = runpy.run_path(str(calls.SCRIPTS / "propose.py"))
    mark = deployment.fingerprint(run.file("adapters"))

    def drawn(proposal, code, cache):
        assert not transactions.is_changing(place), "nobody waits for a picture"
        evaluation.make(run, prepared.measured(5, fingerprint=mark))
        return "a page"

    monkeypatch.setitem(propose["main"].__globals__, "as_html", drawn)
    call = calling.read_call(propose["build_parser"](), ["--home", str(place.path)], "program")
    with pytest.raises(Refused, match="changed while the proposal was being written"):
        propose["main"](call)
    assert not run.file("approval.json").exists() and not run.file("proposal.html").exists()


def test_the_same_run_with_other_files_is_another_comparison(place):
    first = prepared.deployed(place, 1)
    second = prepared.judged(place, 2)
    assert evaluation.require_pass(runs.find(place, second.id))
    (first.file("adapters") / "adapters.safetensors").write_text("others")
    assert error("propose", "--run", second.id, home=place.path) == (3, "compared_with_another")
