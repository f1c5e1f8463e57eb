"""State directories as versions of 23 to 26 November 2026 left them: nothing in them is lost or breaks commands about other runs."""

from dataclasses import asdict

import pytest

import calls
import prepared
from fae_training.calls.errors import Failed
from fae_training.capabilities import suite
from fae_training.judgement import evaluation
from fae_training.lifecycle import runs, schedule
from fae_training.release import approval, deployment, rejection, standing
from fae_training.store import state

OLD_BENCHMARK = {
    "held_out": {"count": 60, "what": "conversations"},
    "measures": [
        {
            "name": "loss", "title": "Held-out loss", "better": "lower", "gate": "not_proven_worse",
            "candidate": 1.0, "current": 1.5, "base": 1.5,
            "per_item": {"candidate": [1.0], "current": [1.5]},
        }
    ],
    "current_run": None,
}  # fmt: skip
OLD_EVALUATION = {
    "verdict": "pass",
    "proven_better": True,
    "reasons": [],
    "held_out": {"count": 60},
}
OLD_APPROVAL = {"fingerprint": "2682769fb254785b", "salt": "00", "hash": "00", "made_at": "2026-11-23T03:27:00+00:00"}  # fmt: skip


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


def old(place, seed=0):
    """A run that was trained, judged and proposed by a version that kept it in other shapes."""
    run = prepared.finished(place, seed)
    mark = {"fingerprint": deployment.fingerprint(run.file("adapters"))}
    result = {"steps_done": 10, "loss": 1.0, "seconds": 35.4, "benchmark": OLD_BENCHMARK | mark}
    state.write_json(run.file("train_metrics.json"), result)
    state.write_json(run.file("evaluation.json"), OLD_EVALUATION | mark)
    state.write_json(run.file("approval.json"), OLD_APPROVAL | {"used_at": None})
    return run


def deployed(place, run, replaced):
    """A line as the first versions wrote it: `replaced` is all that active.json said of the run before."""
    entry = replaced and {"kind": "sft", "run": replaced.id, "fingerprint": "00", "since": "now"}
    line = {"at": state.now(), "action": "deploy", "slot": "language", "kind": "sft", "run": run.id}
    line |= {"fingerprint": deployment.fingerprint(run.file("adapters")), "replaced": entry}
    state.append_jsonl(place.file("history.jsonl"), line)


def test_what_an_earlier_version_deployed_stays_active_and_is_left_step_by_step(place):
    first, second = old(place, 1), old(place, 2)
    deployed(place, first, None)
    deployed(place, second, first)
    assert deployment.current(place, "language").run == second.id
    assert deployment.decisions(place)[1].replaced == first.id
    assert deployment.rollback(place, "language", "asked for")[1].run == first.id
    assert deployment.rollback(place, "language", "asked for")[1] is None


def test_a_run_of_an_earlier_version_does_not_break_the_lists_of_all_runs(place, home):
    run, new = old(place), prepared.judged(place, 1)
    status = calls.answer("check_status", "--run", run.id, home=home)
    assert status["next"] == {"script": "evaluate", "params": {"run": run.id}}
    listed = {line["run"]: line for line in calls.answer("list_runs", home=home)["runs"]}
    assert listed[run.id]["verdict"] == "unreadable" and listed[new.id]["verdict"] == "pass"
    assert "written by another version" in listed[run.id]["changed"]
    compared = calls.answer("list_runs", "--compare", run.id, new.id, home=home)
    assert compared["differing"]["measured conversations"][0] == ""
    assert compared["differing"]["seconds"] == ["35.4", ""]


def test_a_run_of_an_earlier_version_is_named_with_the_call_that_measures_it_again(place):
    run = old(place)
    with pytest.raises(Failed, match="written by another version") as raised:
        evaluation.require_pass(run)
    assert raised.value.hint == f"uv run scripts/evaluate.py --run {run.id}"
    with pytest.raises(Failed, match="written by another version") as raised:
        evaluation.make(run)
    assert raised.value.hint == f"uv run scripts/evaluate.py --run {run.id} --rescore"
    assert suite.of_run(run).version == suite.load(place).version


def test_the_person_can_reject_what_an_earlier_version_proposed(place):
    run = old(place)
    assert rejection.keep(run, "too short answers").reason == "too short answers"
    assert approval.read(run) is None and rejection.standing(run)


def test_the_mark_of_a_judgement_does_not_depend_on_the_records_of_a_version(place):
    run = prepared.deployed(place)
    assert standing.of_home(place) == []
    kept = state.read_json(run.file("evaluation.json"))
    state.write_json(run.file("evaluation.json"), kept | {"of_a_later_version": 1})
    assert standing.of_home(place) == []
    changed = kept | {"decision": kept["decision"] | {"verdict": "fail"}}
    state.write_json(run.file("evaluation.json"), changed)
    assert "evaluated again after it was deployed" in standing.of_home(place)[0]


def test_the_newest_run_and_rejection_are_found_across_time_zones(place):
    """A person who flies west writes the smaller hour later."""
    early, late = prepared.finished(place, 1), prepared.finished(place, 2)
    early.update(created_at="2026-11-26T14:00:00+02:00")
    late.update(created_at="2026-11-26T12:30:00+00:00")
    assert runs.find(place).id == late.id
    for run, at in ((early, "2026-11-26T15:00:00+02:00"), (late, "2026-11-26T13:30:00+00:00")):
        state.write_json(
            run.file(rejection.FILE), asdict(rejection.Rejection(run.id, at, "no", None))
        )
    assert rejection.newest(place, "language").run == late.id
    line = {"at": "2026-11-26T13:40:00+00:00", "action": "deploy", "slot": "language"}
    line |= {"kind": "sft", "run": early.id, "fingerprint": "00"}
    state.append_jsonl(place.file("history.jsonl"), line)
    assert rejection.standing(early) is None and rejection.standing(late)


@pytest.mark.parametrize("spoiled", ["yesterday", "2026-11-27", ""])
def test_an_edited_time_stops_nothing(place, home, spoiled):
    prepared.finished(place).update(created_at=spoiled, ended_at=spoiled)
    assert calls.answer("doctor", home=home)["status"] in ("fine", "attention", "broken")
    assert schedule.last_learned(place) and runs.find(place)


def test_a_process_that_cannot_measure_says_why(place, home):
    run = prepared.finished(place)
    run.update(model={"directory": str(home / "moved")}, model_fingerprint="44420dcb70e02749")
    got = calls.script("evaluate", "--run", run.id, "--rescore", "--json", home=home)
    error = got.json["error"]
    assert f"the model in {home / 'moved'} has fingerprint missing" in error["message"]
    assert error["hint"] == "train again, or restore the model that the run was made for"
