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
from fae_training.lifecycle import experiments, learned, next_steps, provenance, runs, settings
from fae_training.lifecycle.kinds import KINDS
from fae_training.release import approval, deployment, dialog, rejection
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
        if (kind := OF_KIND.get(script)) and not called.arguments.dry_run:
            return trained(called, kind, gain)
        return led_on(called, script, SCRIPTS[script]["main"](called).data)
    except SkillError as error:
        asked = calling._asked(place, error)
        return with_next_call(error.as_dict() | asked) | {"exit_status": error.exit_status}


def led_on(called: calling.Call, script: str, data: dict) -> dict:
    return with_next_call(calling.led_on(called, script, data))


def trained(called: calling.Call, kind, gain: float) -> dict:
    consent.require(called.home, *kind.consents)
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
    assert answer["status"] == "no_run" and answer["say"] == "May I learn from our conversations?"
    assert answer["hint"] == "uv run scripts/setup.py --consent conversations"
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
    waiting = made(place, "check_status", {})
    assert waiting["next"] is None and waiting["hint"].endswith(f"deploy.py --run {run.id}")


def test_fae_is_not_led_to_a_training_that_the_house_rule_forbids(exported):
    place = exported
    made(place, "train", {"preset": "light"}, 0.0)
    run = evaluation.Run(place, next(place.file("runs").iterdir()).name)
    run.update(ended_at=state.now())
    words = [json.dumps({"kind": "sft"}), "--home", str(place.path)]
    for script in ("evaluate", "check_status"):
        called = calling.read_call(SCRIPTS[script]["build_parser"](), words, "fae")
        data = led_on(called, script, SCRIPTS[script]["main"](called).data)
        assert data["next"] is None and "7 days apart" in data["wait"] and "force" in data["wait"]
    learned.mark(run)
    words = [json.dumps({"run": "latest"}), "--home", str(place.path)]
    called = calling.read_call(SCRIPTS["propose"]["build_parser"](), words, "fae")
    with pytest.raises(SkillError) as refusal:
        SCRIPTS["propose"]["main"](called)
    assert refusal.value.hint.endswith("train.py --preset light"), "it learned what was forgotten"
    calling._asked(place, refusal.value, called)
    assert "7 days apart" in refusal.value.hint
    run.update(forgotten_at=None)
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


# Calls that can be tried out first, in some home.
TRIED = (
    ("export_data", {}), ("export_data", {"forget": ["the interview"]}), ("evaluate", {}), ("evaluate", {"rescore": True}),
    ("propose", {}), ("propose", {"reject": "too short"}), ("deploy", {"check": True}), ("rollback", {}), ("fuse", {"peft": True}),
    ("train", {"preset": "standard"}), ("extract_corrections", {}), ("add_correction", {"heard": "Marian", "meant": "Marion"}),
    ("schedule", {"remove": True}), ("setup", {"revoke": ["audio", "corrections"]}), ("experiment", {"action": "sweep", "grid": ["rank=2,4"]}),
)  # fmt: skip


@pytest.mark.parametrize("state_of_home", ["judged", "deployed"])
def test_after_a_dry_run_the_same_call_without_it_is_next(exported, state_of_home):
    consent.change(exported, ["corrections", "audio"], [])
    run = prepared.judged(exported, 1)
    prepared.learned(exported, run, "What do I feed a panda?")
    if state_of_home == "deployed":
        rolled_back(exported, run)
        prepared.deployed(exported, 2)
    tried = 0
    for script, params in TRIED:
        answer = made(exported, script, params | {"dry_run": True})
        if answer["status"] in calling.PLANNED:
            tried += 1
            given = {"script": script, "params": params}
            following = answer["next"]
            for name, value in params.items():
                if isinstance(value, list) and len(value) == 1:
                    given["params"] = given["params"] | {name: value[0]}
            assert following == given, answer
    assert tried > 8


def test_a_dry_run_never_repeats_the_approval_code_and_never_leads_to_a_deletion_or_a_consent(
    exported,
):
    run = prepared.judged(exported, 1)
    code = made(exported, "propose", {}) and calls.approval_code(exported.path, run.id)
    planned = made(exported, "deploy", {"code": code, "dry_run": True})
    assert planned["status"] == "planned" and code not in json.dumps(planned)
    assert planned["next"] is None and planned["hint"] == "uv run scripts/deploy.py"
    assert made(exported, "delete_data", {"data": True, "dry_run": True})["next"] is None
    asked = made(exported, "setup", {"consent": ["audio"], "dry_run": True})
    assert asked["next"] is None and asked["say"] == "May I use recordings of your voice?"


def test_a_proposal_is_the_persons_turn_and_no_call_that_is_refused_without_the_code(
    exported, monkeypatch
):
    run = prepared.judged(exported, 1)
    for script in ("propose", "check_status", "evaluate", "check_status"):
        answer = made(exported, script, {})
        assert answer["next"] is None and answer["say"], answer
        assert answer["hint"] == f"uv run scripts/deploy.py --run {run.id}"
    assert made(exported, "evaluate", {})["say"].startswith("It got better at"), "what was asked"
    code = calls.approval_code(exported.path, run.id)
    assert approval.check(run, code), "looking at it again left the code valid"
    person = calls.script("check_status", home=exported.path).out
    assert person.rstrip().endswith(f"deploy.py --run {run.id}")
    # On a Mac, Fae's call opens a dialog; that of another program does not.
    monkeypatch.setattr(dialog, "available", lambda: True)
    call = calling.read_call(SCRIPTS["propose"]["build_parser"](), ["{}"], "fae")
    assert calling.led_on(call, "propose", {"status": "proposed", "next": "deploy.py"})["next"]
    assert made(exported, "check_status", {})["next"] is None
    # Once the tries are used up, the code is no answer any more.
    for _ in range(approval.MOST_TRIES):
        made(exported, "deploy", {"code": "AAA-AAA"})
    following = made(exported, "check_status", {})["next"]
    assert following == {"script": "propose", "params": {"run": run.id}}


def test_a_proposal_that_was_compared_with_another_than_the_current_run_is_measured_again(exported):
    run = prepared.judged(exported, 1)
    made(exported, "propose", {})
    prepared.deployed(exported, 2)
    following = next_steps.of(run, "completed")
    assert following == f"evaluate.py --run {run.id} --rescore"


def test_a_run_in_use_is_explained_and_not_proposed_again(exported):
    run = prepared.deployed(exported, 1)
    answer = made(exported, "propose", {})
    assert (answer["status"], answer["next"]) == ("in_use", None)
    assert answer["say"].startswith("This update has been in use since 20") and answer["results"]
    assert approval.read(run) is None, "no code is made for it"
    shown = calls.script("propose", home=exported.path).out
    assert run.id in shown and "rollback.py --kind sft" in shown.splitlines()[-1]


def test_what_was_learned_from_a_consent_that_was_withdrawn_is_not_used_before_it_is_given_again(
    exported,
):
    run = prepared.judged(exported, 1)
    made(exported, "propose", {})
    code = calls.approval_code(exported.path, run.id)
    said = made(exported, "setup", {"revoke": ["conversations"]})
    assert "do not use the update that I proposed" in said["say"] and said["next"] is None
    for script, params in (
        ("propose", {"run": run.id}), ("deploy", {"run": run.id, "code": code}), ("deploy", {"code": code, "dry_run": True}),
    ):  # fmt: skip
        refused = made(exported, script, params)
        assert refused["error"]["code"] == "no_consent" and "next" not in refused
        assert (
            run.id in refused["error"]["message"] and "withdrawn on" in refused["error"]["message"]
        )
        assert refused["say"].startswith("You no longer allow me")
    assert deployment.current(exported, "language") is None
    for script in ("check_status", "evaluate"):
        answer = made(exported, script, {})
        assert answer["next"] is None and answer["hint"].endswith("--consent conversations")
    no = {"run": run.id, "reject": "too short"}
    planned = made(exported, "propose", no | {"dry_run": True})
    assert planned["next"] == {"script": "propose", "params": no}, "a no needs no permission"
    assert made(exported, "propose", no)["status"] == "rejected"


def test_a_rejected_run_that_learned_what_was_forgotten_is_not_offered_by_its_name(exported):
    run = prepared.judged(exported, 1)
    rejected(exported, run)
    learned.mark(run)
    for script in ("propose", "deploy"):
        assert made(exported, script, {})["error"]["code"] == "learned_what_was_forgotten"


def test_given_again_a_consent_makes_the_same_proposal_valid_again(exported):
    run = prepared.judged(exported, 1)
    made(exported, "propose", {})
    code = calls.approval_code(exported.path, run.id)
    for grant, revoke in (([], ["conversations"]), (["conversations"], [])):
        consent.change(exported, grant, revoke)
    assert made(exported, "deploy", {"code": code, "dry_run": True})["status"] == "planned"


@pytest.mark.parametrize("is_active", [False, True])
def test_what_needs_a_consent_that_was_withdrawn_is_the_persons_turn(exported, is_active):
    run = prepared.deployed(exported, 1) if is_active else prepared.judged(exported, 1)
    learned.mark(run)
    consent.change(exported, [], ["conversations"])
    if is_active:
        assert made(exported, "check_status", {})["next"]["script"] == "rollback"
        made(exported, "rollback", {})
    for script, params in (("check_status", {}), ("evaluate", {}), ("train", {"preset": "light"})):
        answer = made(exported, script, params)
        assert answer.get("next") is None, answer
        assert answer["say"].startswith("You no longer allow me to learn from our conversations")
    shown = calls.script("check_status", home=exported.path).out.splitlines()
    assert shown[-2].startswith("You withdrew your permission for this on 20")
    assert shown[-1].endswith("setup.py --consent conversations")


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_leads_to_a_training_that_lacks_a_consent(place, kind):
    """Each source by itself: a kind that needs two asks for both."""
    for source in consent.SOURCES:
        consent.change(place, [source], [one for one in consent.SOURCES if one != source])
        answer = made(place, "check_status", {"kind": kind})
        if following := answer["next"]:
            lacking = consent.missing(place, KINDS[kind].consents)
            assert not lacking and following["script"] in (
                KINDS[kind].script.removesuffix(".py"),
                KINDS[kind].material.split(".")[0],
            )
        elif consent.missing(place, KINDS[kind].consents):
            assert answer["say"].startswith("You no longer allow") or "May I" in answer["say"]
        else:
            assert (kind, source) == ("stt", "corrections") and "--heard HEARD" in answer["hint"]


def ended(place, status: str, **record) -> runs.Run:
    run = runs.create(place, "sft", {"settings": {"preset": "light", "steps": 10}})
    run.update(status=status, **record)
    return run


def test_whoever_follows_next_does_not_go_on_with_what_the_person_cancelled(exported):
    run = ended(exported, "cancelled")
    for script in ("check_status", "evaluate", "propose"):
        answer = made(exported, script, {})
        while answer.get("next"):
            assert answer["next"]["script"] != "train", answer
            answer = made(exported, answer["next"]["script"], answer["next"]["params"])
    assert made(exported, "check_status", {})["hint"].endswith(f"train.py --resume {run.id}")
    shown = calls.script("check_status", home=exported.path).out
    assert f"To go on with it: uv run {calls.SCRIPTS}/train.py --resume {run.id}" in shown


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_that_ends_early_again_and_again_is_not_resumed_for_ever(exported, status):
    run = ended(exported, status)
    resume = {"script": "train", "params": {"resume": run.id}}
    assert made(exported, "check_status", {})["next"] == resume
    run.update(resumed_at=["2026-11-27T10:00:00+00:00"] * next_steps.MOST_RESUMES)
    answer = made(exported, "check_status", {})
    assert answer["next"] is None and answer["say"] and answer["hint"]


def test_a_failed_set_up_is_the_persons_turn_only_where_a_training_needs_it(exported):
    failed = {"model of train.py": "mlx-community/x could not be downloaded: no network"}
    exported.write(installation.FILE, {"environments": {}, "errors": failed})
    answer = made(exported, "check_status", {})
    assert answer["next"] is None and "no network. Please check the Internet" in answer["say"]
    assert "check the Internet connection" in answer["hint"]
    looked = made(exported, "doctor", {})
    assert looked["next"] is None and looked["say"] == answer["say"]
    shutil.rmtree(exported.file("data"))
    assert made(exported, "check_status", {})["next"] == {"script": "export_data", "params": {}}
    prepared.judged(exported, 1)
    assert made(exported, "check_status", {})["next"]["script"] == "propose"


def test_an_example_in_a_hint_is_not_a_call(place):
    """It would teach the example's words, or train eight models that nobody asked for."""
    consent.change(place, ["corrections", "audio", "conversations"], [])
    for script, params in (
        ("train_stt", {}), ("experiment", {"action": "show"}), ("experiment", {"action": "sweep"})
    ):  # fmt: skip
        answer = made(place, script, params)
        assert answer["status"] == "error" and "next" not in answer, answer
        assert answer["error"]["hint"].startswith("for example: uv run scripts/")


def test_a_sweep_without_consent_is_refused_and_one_that_stopped_says_why(exported):
    grid = {"action": "sweep", "grid": ["rank=2,4"]}
    consent.change(exported, [], ["conversations"])
    assert made(exported, "experiment", grid)["error"]["code"] == "no_consent"
    experiment = experiments.plan(exported, KINDS["sft"], ["rank=2,4"], [])
    experiments.keep(exported, experiment)
    log = exported.file(experiments.DIRECTORY, f"{experiment.id}.log")
    log.write_text('noise\n{"status": "error", "error": {"message": "the disk is full"}}\n')
    answer = made(exported, "experiment", {"action": "show"})
    assert (answer["next"], answer["why"]) == (None, "the disk is full")
    assert answer["hint"].endswith(f"sweep --resume {experiment.id}")


def test_fae_says_that_what_was_asked_for_was_done(exported):
    run = prepared.judged(exported, 1)
    prepared.learned(exported, run, "What do I feed a panda?")
    for params, says in (
        ({"exclude": ["my job"]}, "I do not learn from conversations that mention it."),
        ({"keep": ["my job"]}, "I no longer take that for a request to forget."),
        ({"forget": ["panda"]}, "taken that out of all that I learn from. No update that had"),
    ):
        assert says in made(exported, "export_data", params)["say"]
        planned = made(exported, "export_data", params | {"dry_run": True})
        assert says not in planned.get("say", ""), "nothing was changed"
    consent.change(exported, [], ["conversations"])
    assert "taken that out" in made(exported, "export_data", {"forget": ["panda"]})["say"]


def test_after_forgetting_without_consent_no_training_is_next(exported):
    consent.change(exported, [], ["conversations"])
    answer = made(exported, "export_data", {"forget": ["the interview"]})
    assert answer["status"] == "forgotten" and answer["next"] is None
