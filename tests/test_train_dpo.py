"""train_dpo.py as it is called: what it refuses, what a run learns and stores, and continuing from another adapter."""

import math
import random
import runpy
import shutil
from dataclasses import replace
from statistics import fmean as mean

import mlx.core as mx
import numpy as np
import pytest

import calls
import small_runs
import world
from fae_training.calls import calling
from fae_training.judgement import benchmark, gate
from fae_training.language import drift_monitor, preference_preflight
from fae_training.language.drift_monitor import DriftMonitor
from fae_training.lifecycle import runs
from fae_training.lifecycle.session import Session
from fae_training.store import consent, state

LN2 = math.log(2)
# The sample model has a million weights, less than a thousandth of the smallest real one, and needs larger steps; with
# these it has learned what there is to learn after 30 of them.
LARGER = ("--learning-rate", "3e-4", "--steps", "60", "--gradient-accumulation", "2")


def pairs(count, seed, held_out):
    """Corrections by a user who always wants it shorter, about the sample model's world."""
    chooser, found = random.Random(seed), []
    for _ in range(count):
        asked, long, _, short = world.correction(chooser, "shorter", held_out=held_out).messages
        found.append(
            {"prompt": [asked], "chosen": [short], "rejected": [long], "pattern": "shorter"}
        )
    return found


def conversations(count, seed, held_out):
    chooser = random.Random(seed)
    return [
        {
            "messages": world.small_conversation(chooser, held_out=held_out).messages,
            "source": {"ids": [i]},
        }
        for i in range(count)
    ]


def make_home(path, train, valid=()):
    """A state directory with consent, these corrections, and conversations of the sample model's world."""
    home = state.Home(path)
    consent.change(home, ["conversations", "corrections"], [])
    for name, rows in (("train", train), ("valid", valid)):
        state.write_jsonl(home.directory("data", "dpo") / f"{name}.jsonl", rows)
        talk = conversations(30, len(name), held_out=name == "valid")
        state.write_jsonl(home.directory("data", "sft") / f"{name}.jsonl", talk)
    return path


def train_dpo(home, *arguments):
    return calls.script(
        "train_dpo", "--model", calls.LANGUAGE_MODEL, "--json", *arguments, home=home
    )


def error(home, *arguments):
    got = train_dpo(home, *arguments)
    assert got.json["status"] == "error", got.out
    return got.status, got.json["error"]["message"] + " | " + got.json["error"]["hint"]


def plan(home, *arguments):
    """What a dry run says, whole: a dry run saves no file for an answer over 2,000 characters."""
    script = runpy.run_path(str(calls.SCRIPTS / "train_dpo.py"))
    given = ("--home", home, "--model", calls.LANGUAGE_MODEL, "--dry-run", *arguments)
    call = calling.read_call(script["build_parser"](), list(map(str, given)), "program")
    planned = script["main"](call).data
    assert planned["status"] == "planned", planned
    return planned


# What is refused


@pytest.mark.parametrize("missing", ["conversations", "corrections"])
def test_without_consent_for_both_sources_nothing_is_read(home, missing):
    make_home(home, pairs(4, 0, False))
    consent.change(state.Home(home), [], [missing])
    status, words = error(home)
    assert status == 3 and f"setup.py --consent {missing}" in words


def test_without_any_correction_it_says_what_would_count_as_one(home):
    consent.change(state.Home(home), ["conversations", "corrections"], [])
    for _ in range(2):
        status, words = error(home)
        assert status == 4 and "no, I meant" in words and "extract_corrections.py" in words
        state.write_jsonl(state.Home(home).directory("data", "dpo") / "train.jsonl", [])


def test_one_pair_can_be_trained_on_and_is_called_too_few(home):
    planned = plan(make_home(home, pairs(1, 0, False)))
    assert planned["rows"] == {"train": 1, "valid": 0}
    notes = " ".join(planned["notes"])
    assert "Too few: 1 pair to" in notes and "batch is 1" in notes and "cannot be judged" in notes


def test_pairs_that_are_all_held_out_too_start_no_run_of_no_rows(home):
    same = pairs(3, 0, False)
    status, message = error(make_home(home, same, same))
    assert status == 4 and not list(home.glob("runs/*"))
    assert (
        "none of 3 pairs" in message and "nearly repeated" in message and "Too few" not in message
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"chosen": [{"role": "assistant", "content": "Red."}], "rejected": "Red."},
            "are the same",
        ),
        ({"rejected": None}, "lines 3, 4, 5 and 6: rejected is nothing (null), expected a text"),
        ({"chosen": []}, "lines 3, 4, 5 and 6: chosen is an empty list"),
        ({"prompt": []}, "lines 3, 4, 5 and 6: prompt is an empty list"),
    ],
)
def test_rows_that_are_no_pairs_are_named_and_nothing_starts_if_they_are_too_many(
    home, change, words
):
    rows = pairs(6, 0, False)
    for row in rows[2:]:
        row |= change
    status, message = error(make_home(home, rows))
    assert status == 4 and words in message and not list(home.glob("runs/*"))


def test_formats_of_other_tools_are_read(home):
    """Plain strings, TRL's whole conversations, and ShareGPT's from/value."""
    ask, yes, no = (
        "What is the capital of Peru?",
        "Lima.",
        "The capital of Peru is the city of Lima.",
    )
    turn = [{"role": "user", "content": "What colour is snow?"}]
    rows = [
        {"prompt": ask, "chosen": yes, "rejected": no},
        {
            "chosen": [*turn, {"role": "assistant", "content": "White."}],
            "rejected": [*turn, {"role": "assistant", "content": "It is white, as snow is."}],
        },
        {
            "conversations": [{"from": "human", "value": "How do I make tea?"}],
            "chosen": {"from": "gpt", "value": "Three minutes in hot water."},
            "rejected": {"from": "gpt", "value": "I would rather not say."},
        },
    ]
    planned = plan(make_home(home, rows))
    assert planned["rows"]["train"] == 3
    train, _, _ = preference_preflight.corrections(home / "data")
    assert train.rows[0].chosen == {"role": "assistant", "content": yes}
    assert [row.prompt[-1]["role"] for row in train.rows] == ["user"] * 3


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--preset", "deep"], 2, "smoke"),
        (["--loss", "kto"], 2, "dpo"),
        (["--loss", "ipo", "--label-smoothing", "0.1"], 2, "belongs to the loss dpo"),
        (["--loss", "orpo", "--guard", "rpo"], 2, "orpo already includes"),
        (["--beta", "0"], 2, "above 0"),
        (["--from", "sft-20200101-0000-aa"], 4, "there is no run"),
        (["--model", "/nowhere"], 4, "not on this machine"),
    ],
)
def test_a_request_that_cannot_work_is_refused_before_a_run_is_made(home, arguments, status, words):
    got, message = error(make_home(home, pairs(4, 0, False)), *arguments)
    assert got == status and words in message and not list(home.glob("runs/*"))


def test_every_setting_says_where_it_came_from(home):
    make_home(home, pairs(4, 0, False))
    state.write_json(home / "config.json", {"dpo": {"beta": 0.2}})
    planned = plan(home, "--preset", "smoke", "--loss", "ipo")
    settings, sources = planned["settings"], planned["sources"]
    assert (settings["beta"], sources["beta"]) == (0.2, "config.json")
    assert (settings["rank"], sources["rank"]) == (8, "preset smoke")
    assert (settings["guard"], sources["guard"]) == ("none", "default for loss ipo")
    assert settings["from"] == "base"


# Drift


def ends(monitor, **values):
    return monitor.ends({"val_margin": 0.5, "val_accuracy": 0.9} | values)


def test_a_run_whose_accepted_answers_become_unlikely_is_ended():
    monitor = DriftMonitor()
    assert not ends(monitor, val_chosen_change=-0.05) and monitor.notes == []
    assert not ends(monitor, val_chosen_change=-0.3) and "by 0.30 nats" in monitor.notes[0]
    assert ends(monitor, val_chosen_change=-0.7) and monitor.stopped_by == "chosen_falls"
    assert "the run was ended there" in monitor.notes[0]


def test_a_fall_that_is_made_good_again_is_not_reported():
    monitor = DriftMonitor()
    ends(monitor, val_chosen_change=-0.3)
    ends(monitor, val_chosen_change=0.1)
    assert monitor.notes == []


def test_a_margin_that_few_corrections_make_ends_the_run():
    assert not ends(DriftMonitor(), val_margin=3.0, val_accuracy=0.6)
    assert not ends(DriftMonitor(), val_margin=0.9, val_accuracy=0.4)
    monitor = DriftMonitor()
    assert ends(monitor, val_margin=1.0, val_accuracy=0.55)
    assert "only 55% of them are right" in monitor.notes[0]


def test_answers_may_become_as_short_as_wanted_but_not_collapse_or_run_away():
    # 40 tokens before, 8 wanted: 4 to 80 is allowed.
    for tokens, ended in ((8, False), (4, False), (3, True), (80, False), (81, True)):
        monitor = DriftMonitor(lambda: 40.0, accepted_tokens=8.0)
        monitor.begin()
        assert ends(monitor, val_answer_tokens=tokens) == ended, tokens
    assert "grew to 81 tokens" in monitor.notes[0]


def test_degraded_conversations_end_the_run_and_are_never_the_best_checkpoint():
    monitor = DriftMonitor(conversation_loss=lambda finished: 2.0)
    monitor.begin()
    good, bad = {"val_loss": 0.5}, {"val_loss": 0.1}
    assert monitor.judged_loss(good | {"val_conversation_loss": 2.03}) == 0.5
    assert monitor.judged_loss(bad | {"val_conversation_loss": 2.05}) > 100
    assert not ends(monitor, val_conversation_loss=2.03)
    assert ends(monitor, val_conversation_loss=2.05) and "rose by 2.5%" in monitor.notes[0]
    assert drift_monitor.CONVERSATION_TOLERANCE == 0.02


# What a run learns and keeps


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A state directory with one finished run, from a sample database's own corrections, and the run."""
    from make_database import make_database

    fae = make_database(tmp_path_factory.mktemp("fae"), conversations=200, corrections=120)
    home = tmp_path_factory.mktemp("dpo") / "home"
    calls.answer("setup", "--consent", "conversations", "corrections", home=home)
    small_runs.judge_by_own_items(state.Home(home))
    for script in ("export_data", "extract_corrections"):
        calls.answer(script, "--db", fae.database, home=home, FAE_APP_DIR=fae.directory)
    started = calls.answer(
        "train_dpo", "--preset", "standard", "--model", calls.LANGUAGE_MODEL,
        *LARGER, home=home,
    )  # fmt: skip
    ended = calls.wait_until_ended(started["run"], home, patience_s=1200)
    run = runs.find(state.Home(home), started["run"])
    assert ended["status"] == "completed", run.file("train.log").read_text()[-3000:]
    return home, run


def measures_of(run):
    return {measure["name"]: measure for measure in run.result()["benchmark"]["measures"]}


def test_a_run_learns_the_preference_without_degrading_conversations(trained):
    _, run = trained
    measures = measures_of(run)
    accuracy, talk = measures["preference_accuracy"], measures["conversation_loss"]
    assert set(accuracy["base"]) == {0.5} and mean(accuracy["candidate"]) >= 0.75
    assert mean(talk["candidate"]) <= 1.02 * mean(talk["base"]) and talk["margin"] == 0.02


def test_it_starts_at_ln_2_and_reports_margin_and_accuracy(trained):
    _, run = trained
    reports = state.read_jsonl(run.file("metrics.jsonl"))
    steps = [report for report in reports if "lr" in report]
    validated = [report for report in reports if "val_loss" in report]
    assert steps[0]["loss"] == pytest.approx(LN2, abs=1e-4)
    assert validated[0]["val_loss"] == pytest.approx(LN2, abs=1e-4)
    assert steps[-1]["margin"] > 0.5 and steps[-1]["accuracy"] > 0.9
    assert validated[-1]["val_conversation_loss"] > 0 and validated[-1]["val_answer_tokens"] > 0


def test_the_receipt_says_what_was_asked_and_what_was_applied(trained):
    _, run = trained
    result = run.result()
    applied = result["applied"]
    assert applied["trainer"] == "fae_training.language.dpo_repairs.RepairedDPOTrainer"
    assert applied["extends"] == "mlx_tune.rl_trainers.DPOTrainer"
    assert applied["loop"] == "fae_training.fitting.fit.fit"
    assert applied["objective"]["loss"] == "dpo" and applied["objective"]["guard"] == "dpop"
    assert applied["updates"] == result["steps_done"]
    assert applied["lora"]["linear_attention_modules"] > 0 and applied["lora"]["rank"] == [16]
    assert applied["started_from"] == {"run": None, "fingerprint": None}


def test_evaluate_and_propose_read_a_dpo_run_like_any_other(trained):
    home, run = trained
    """It is judged by all its measures; on this little data the sample model's own suite is beyond proof."""
    got = calls.script("evaluate", "--run", run.id, "--json", home=home).json
    assert got["status"] == "evaluated" and 0.5 == got["previous_score"] < got["score"]
    proposed = calls.script("propose", "--run", run.id, "--json", home=home).json
    assert (proposed["status"] == "proposed") == (got["verdict"] == "pass")


def test_a_run_that_degrades_conversations_fails_the_gate(trained):
    _, run = trained
    measured = benchmark.of_run(run)
    (talk,) = [m for m in measured.measures if m.name == "conversation_loss"]
    others = tuple(m for m in measured.measures if m.name != "conversation_loss")
    forgetful = replace(talk, candidate=tuple(value * 1.2 for value in talk.current))
    assert gate.decide(replace(measured, measures=(*others, forgetful)), 1).verdict == "fail"


# Going on


@pytest.fixture
def again(trained, tmp_path):
    """A copy of the trained home."""
    return shutil.copytree(trained[0], tmp_path / "again"), trained[1].id


def prepared(home, **given):
    """A run as the front process makes it, and its session, for training in this process."""
    import importlib.util

    from fae_training.calls import calling
    from fae_training.lifecycle import settings

    path = calls.SCRIPTS / "train_dpo.py"
    spec = importlib.util.spec_from_file_location("train_dpo", path)
    train_dpo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train_dpo)
    flags = [
        word
        for name, value in given.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    argv = ["--home", str(home), "--model", str(calls.LANGUAGE_MODEL), "--preset", "smoke", *flags]
    call = calling.read_call(train_dpo.build_parser(), argv, "person")
    chosen = settings.resolve(call, train_dpo.KIND)
    run = runs.create(call.home, "dpo", train_dpo.prepare(call, chosen, None).as_record())
    return train_dpo, run


def test_from_a_run_the_reference_is_its_adapter_and_the_result_holds_both(again):
    home, before = again
    train_dpo, run = prepared(home, **{"from": before, "steps": 2, "learning_rate": 1e-12})
    assert (
        run.settings["rank"] == 16 and run.record["sources"]["rank"] == f"the adapter of {before}"
    )
    result = train_dpo.train(run, Session(run)).receipt
    assert result["loss"] == pytest.approx(LN2, abs=1e-4)
    first, second = (
        mx.load(str(home / "runs" / name / "adapters" / "adapters.safetensors"))
        for name in (before, run.id)
    )
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert np.array(second[name]) == pytest.approx(np.array(value), abs=1e-9)


def test_another_rank_than_the_adapters_is_refused(again):
    home, before = again
    status, words = error(home, "--from", before, "--rank", "4")
    assert status == 2 and "has 16" in words and "--from base" in words


def test_an_adapter_of_another_base_model_is_refused(again):
    home, before = again
    run = runs.find(state.Home(home), before)
    run.update(model_fingerprint="another", model={"id": "another/model"})
    status, words = error(home, "--from", before)
    assert status == 3 and "another/model" in words


def test_a_run_that_was_stopped_continues_to_the_same_adapter(tmp_path):
    home = make_home(tmp_path / "home", pairs(12, 1, False), pairs(4, 2, True))

    class StopsAtTheThirdStep(Session):
        """The third step is followed by a validation, which is not finished."""

        step = 0

        def report(self, values):
            super().report(values)
            self.step = values["step"]

        def should_stop(self):
            return self.step >= 3

    settings = {"steps": 6, "learning_rate": 2e-4}
    train_dpo, whole = prepared(home, **settings)
    assert train_dpo.train(whole, Session(whole)).receipt["steps_done"] == 6
    _, parts = prepared(home, **settings)
    assert train_dpo.train(parts, StopsAtTheThirdStep(parts)).receipt["stopped"] == "cancelled"
    reference = parts.file("reference.json").read_bytes()
    assert train_dpo.train(parts, Session(parts)).receipt["steps_done"] == 6
    assert parts.file("reference.json").read_bytes() == reference
    adapters = [run.file("adapters", "adapters.safetensors") for run in (whole, parts)]
    assert adapters[0].read_bytes() == adapters[1].read_bytes()
