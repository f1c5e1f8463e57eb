"""What `next` leads to: followed from an empty home it ends in a proposal or with nothing left to do, never in a loop."""

import json
import runpy
import shutil

import pytest

import calls
import prepared
from fae_training.calls import calling
from fae_training.calls.answering import with_next_call
from fae_training.calls.errors import SkillError
from fae_training.environment import installation
from fae_training.judgement import evaluation
from fae_training.lifecycle import next_steps, provenance, settings
from fae_training.lifecycle.kinds import KINDS
from fae_training.release import deployment, rejection
from fae_training.store import consent, state, transactions
from make_database import make_database

SCRIPTS = {path.stem: runpy.run_path(str(path)) for path in sorted(calls.SCRIPTS.glob("*.py"))}
OF_KIND = {kind.script.removesuffix(".py"): kind for kind in KINDS.values()}


@pytest.fixture
def place(home, tmp_path, monkeypatch) -> state.Home:
    """An empty state directory, beside a database of Fae's."""
    monkeypatch.setenv("FAE_APP_DIR", str(tmp_path / "fae"))
    make_database(tmp_path / "fae", conversations=12)
    place = state.Home(home)
    place.write(
        "config.json", {kind: {"model": str(calls.LANGUAGE_MODEL)} for kind in ("sft", "dpo")}
    )
    monkeypatch.setattr(installation, "start_if_needed", lambda home: False)
    return place


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """What export_data writes, made once."""
    folder = tmp_path_factory.mktemp("exported")
    place = prepared.allowed(folder / "home")
    database = make_database(folder / "fae", conversations=12).database
    called = calling.read_call(
        SCRIPTS["export_data"]["build_parser"](),
        ["--db", str(database), "--home", str(place.path)],
        "program",
    )
    SCRIPTS["export_data"]["main"](called)
    return place.file("data")


@pytest.fixture
def exported(place, rows) -> state.Home:
    """The person has allowed it, and the conversations are exported."""
    consent.change(place, ["conversations"], [])
    shutil.copytree(rows, place.file("data"))
    return place


def made(place: state.Home, script: str, params: dict, gain: float = 0.3) -> dict:
    """A program's answer. A training is checked as before its start, and ends at once with the given gain."""
    called = calling.read_call(
        SCRIPTS[script]["build_parser"](),
        [json.dumps(params), "--home", str(place.path)],
        "program",
    )
    transactions.recover(place)
    try:
        if kind := OF_KIND.get(script):
            return trained(called, kind, gain)
        return with_next_call(SCRIPTS[script]["main"](called).data)
    except SkillError as error:
        return with_next_call(error.as_dict()) | {"exit_status": error.exit_status}


def trained(called: calling.Call, kind, gain: float) -> dict:
    consent.require(called.home, kind.consent)
    chosen = settings.resolve(called, kind)
    SCRIPTS[kind.script.removesuffix(".py")]["prepare"](called, chosen, None)
    mark = provenance.fingerprint(called.home.file("data"), kind.name)
    run = prepared.finished(called.home, len(list(called.home.file("runs").glob("*"))), kind.name)
    run.update(settings=dict(chosen.values), sources=dict(chosen.sources), data_fingerprint=mark)
    run.update(model={"id": chosen["model"]})
    result = run.result()
    measured = prepared.measured(1, gain, fingerprint=result["benchmark"]["fingerprint"])
    run.file("train_metrics.json").write_text(
        json.dumps(result | {"benchmark": evaluation.asdict(measured)})
    )
    return {"status": "started", "next": {"script": "check_status", "params": {"run": run.id}}}


def followed(place: state.Home, gain: float, most: int = 12) -> list[tuple[str, dict]]:
    """The calls and their answers from check_status on, until a proposal or until there is no next call."""
    script, params, path = "check_status", {}, []
    while len(path) < most:
        answer = made(place, script, params, gain)
        assert answer["status"] != "error", answer
        path.append((f"{script} {json.dumps(params)}", answer))
        if answer["status"] == "proposed" or answer["next"] is None:
            made_calls = [call for call, _ in path]
            again = {call for call in made_calls if made_calls.count(call) > 1}
            assert again <= {"export_data {}"}, (
                "what was said since is asked for twice, nothing else"
            )
            return path
        script, params = answer["next"]["script"], answer["next"]["params"]
    raise AssertionError([call for call, _ in path])


def test_an_empty_home_asks_for_the_consent_that_only_the_person_gives(place):
    ((_, answer),) = followed(place, 0.3)
    assert answer["status"] == "no_run" and "May I learn" in answer["say"]
    got = calls.script("check_status", home=place.path)
    assert got.out.rstrip().endswith("setup.py --consent conversations")


def test_what_follows_from_an_empty_home_ends_in_a_proposal(place):
    consent.change(place, ["conversations"], [])
    path = followed(place, 0.3)
    assert [call.split()[0] for call, _ in path] == [
        "check_status", "export_data", "train", "check_status", "evaluate", "propose"
    ]  # fmt: skip


def test_a_training_without_an_effect_is_tried_longer_and_then_ends_with_nothing_new_to_learn(
    place,
):
    consent.change(place, ["conversations"], [])
    path = followed(place, 0.0)
    presets = [
        json.loads(call.split(" ", 1)[1])["preset"] for call, _ in path if call.startswith("train ")
    ]
    assert presets == ["light", "standard", "deep"]
    assert path[-1][0].startswith("export_data") and path[-1][1]["nothing_new_since"]


def test_a_training_that_makes_it_worse_ends_with_nothing_new_to_learn(place):
    consent.change(place, ["conversations"], [])
    path = followed(place, -0.3)
    assert path[-1][0].startswith("export_data"), path[-1]


def rejected(place, run):
    rejection.keep(run, "too short", asked=True)


def rolled_back(place, run):
    with transactions.changing(place) as change:
        deployment.deploy(change, run, evaluation.mark(run))
    deployment.rollback(place, "language", "asked for")


@pytest.mark.parametrize("undo", [rejected, rolled_back])
def test_what_the_person_took_back_is_not_proposed_again_by_whoever_follows_next(exported, undo):
    place = exported
    made(place, "train", {"preset": "light"})
    run = evaluation.Run(place, next(place.file("runs").iterdir()).name)
    evaluation.make(run)
    undo(place, run)
    following = made(place, "check_status", {})["next"]
    assert following == {"script": "export_data", "params": {}}
    assert next_steps.unless_learned(place, "sft", "train.py --preset light") is None
    for script in ("propose", "deploy"):
        refused = made(place, script, {"run": "latest"})
        assert refused["error"]["code"] in ("rejected", "rolled_back")
    assert made(place, "propose", {"run": run.id})["status"] == "proposed", "by its name it is"
    assert made(place, "check_status", {})["next"] == {
        "script": "propose",
        "params": {"run": run.id},
    }


def test_fae_is_not_led_to_a_training_that_the_house_rule_forbids(exported):
    place = exported
    made(place, "train", {"preset": "light"}, 0.0)
    run = evaluation.Run(place, next(place.file("runs").iterdir()).name)
    run.update(ended_at=state.now())
    words = [json.dumps({"kind": "sft"}), "--home", str(place.path)]
    for script in ("evaluate", "check_status"):
        called = calling.read_call(SCRIPTS[script]["build_parser"](), words, "fae")
        data = SCRIPTS[script]["main"](called).data
        assert data["next"] is None and "7 days apart" in data["wait"] and "force" in data["wait"]
    person = calls.script("evaluate", home=place.path).out
    assert person.rstrip().endswith("train.py --preset standard")


def test_a_run_that_can_never_be_recommended_says_what_to_train_instead(exported):
    place = exported
    model = str(calls.LANGUAGE_MODEL)
    for chosen, following, says in (
        ({"preset": "smoke", "model": model}, {"preset": "light", "model": model}, "only shows"),
        ({"preset": "smoke"}, {"preset": "light"}, "only shows that training works"),
        (
            {"preset": "light", "suite": "quick"},
            {"preset": "light", "suite": "full"},
            "too few tasks",
        ),
    ):
        made(place, "train", chosen, 0.0)
        answer = made(place, "evaluate", {})
        assert answer["next"] == {"script": "train", "params": following}
        assert says in answer["what_helps"]


# Calls that are refused in some home, with what they need filled in.
ASKED = (
    ("evaluate", {}), ("propose", {}), ("propose", {"reject": "no"}), ("deploy", {"code": "AAA-AAA"}), ("deploy", {}),
    ("rollback", {}), ("check_status", {"run": "sft-1"}), ("check_status", {"spikes": True}), ("list_runs", {"compare": ["latest"]}),
    ("cancel", {}), ("export_data", {}), ("extract_corrections", {}), ("add_correction", {"heard": "Marian", "meant": "Marion"}),
    ("fuse", {"dry_run": True}), ("train", {"preset": "light"}), ("train_dpo", {"preset": "light"}), ("evaluate", {"run": "../x"}),
    ("add_samples", {"missed_wakes": True}), ("delete_data", {"runs": ["sft-1"]}), ("schedule", {}),
)  # fmt: skip


@pytest.mark.parametrize("state_of_home", ["empty", "allowed", "exported", "judged", "undone"])
def test_the_call_in_a_refusal_is_accepted_and_not_refused_for_the_same_reason(
    place, rows, state_of_home
):
    if state_of_home != "empty":
        consent.change(place, ["conversations", "corrections", "audio"], [])
    if state_of_home in ("exported", "judged", "undone"):
        shutil.copytree(rows, place.file("data"))
    if state_of_home in ("judged", "undone"):
        run = prepared.judged(place, 1)
        if state_of_home == "undone":
            rolled_back(place, run)
    refused = 0
    for script, params in ASKED:
        answer = made(place, script, params)
        if answer["status"] != "error":
            continue
        refused += 1
        assert answer["error"]["code"] != "unexpected" and answer["error"]["hint"]
        if following := answer.get("next"):
            then = made(place, following["script"], following["params"])
            code = then.get("error", {}).get("code")
            assert then.get("exit_status") != 2 and code != answer["error"]["code"], (
                script,
                params,
                answer,
                then,
            )
    assert refused > 2


def test_after_forgetting_without_consent_no_training_is_next(exported):
    consent.change(exported, [], ["conversations"])
    answer = made(exported, "export_data", {"forget": ["the interview"]})
    assert answer["status"] == "forgotten" and answer["next"] is None
