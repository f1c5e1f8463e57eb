"""Experiments by hand: settings by name, runs like others, more steps, sweeps that count as looks, and the rows behind a jump of the loss.

The file is long because all ways to begin from another run share its trained run.
"""

import html.parser
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

import calls
import prepared
import small_runs
from fae_training.calls import calling
from fae_training.calls.errors import BadRequest, Missing
from fae_training.conversations import forgetting
from fae_training.fitting import spikes
from fae_training.fitting.fit_settings import FitSettings
from fae_training.judgement import looks
from fae_training.lifecycle import experiments, launch, learned, runs, settings
from fae_training.lifecycle.kinds import KINDS
from fae_training.store import consent, state

SFT = KINDS["sft"]
# So that a run of fewer steps is the beginning of one of more.
STEADY = (
    "--set", "schedule=constant", "--set", "warmup_ratio=0", "--set", "rehearsal=0",
    "--set", "learning_rate=3e-3", "--set", "batch_size=1", "--set", "rank=4",
)  # fmt: skip


def filled(home):
    """Data to train on, and hardly any to be judged by."""
    return small_runs.fill(home, choose=2, judge=5, tasks=5)


def resolve(home, *argv, kind=SFT) -> settings.Settings:
    parser = launch.build_parser("", kind)
    call = calling.read_call(parser, ["--home", str(home), *argv], "person")
    return settings.resolve(call, kind)


def earlier(home, kind="sft", **changed) -> runs.Run:
    found = resolve(home, "--preset", "standard", "--set", "weight_decay=0.5", kind=KINDS[kind])
    record = {"settings": dict(found.values) | changed, "sources": dict(found.sources)}
    return runs.create(state.Home(home), kind, record)


# Settings by name


def test_every_setting_can_be_set_by_its_name_also_one_without_a_flag(home):
    given = {"learning_rate": 3e-5, "schedule": "constant", "experts": True, "warmup_ratio": 0.0}
    argv = [
        word for name, value in given.items() for word in ("--set", f"{name}={str(value).lower()}")
    ]
    found = resolve(home, *argv)
    assert {name: found[name] for name in given} == given
    assert {found.sources[name] for name in given} == {"flag"}
    assert found["steps"] == SFT.defaults["steps"]
    assert resolve(home, "--set", "learning-rate = 3e-5")["learning_rate"] == 3e-5


def test_what_is_set_by_name_is_a_parameter_too(home):
    argv = ['{"set": ["rank=7", "seed=3"]}', "--home", str(home)]
    call = calling.read_call(launch.build_parser("", SFT), argv, "program")
    found = settings.resolve(call, SFT)
    assert (found["rank"], found["seed"], found.sources["rank"]) == (7, 3, "parameter")


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--set", "learning_rat=1"], "did you mean 'learning_rate'"),
        (["--set", "learning_rate"], "has no value, expected KEY=VALUE"),
        (["--set", "rank=0"], "rank: 0 is not a whole number from 1 to 1,024"),
        (["--set", "schedule=linear"], "expected one of|is not one of cosine, constant"),
        (["--set", "experts=yes"], "'yes' is not true or false"),
        (["--set", "rank=8", "--set", "rank=9"], "rank is given twice"),
        (["--set", "rank=8", "--rank", "9"], "rank is given twice"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_near_one_or_what_was_expected(home, argv, words):
    with pytest.raises(BadRequest, match=words):
        resolve(home, *argv)


# Like another run


def test_a_run_like_another_has_all_its_settings_and_what_is_given_beats_them(home):
    state.write_json(home / "config.json", {"sft": {"steps": 9, "seed": 4}})
    run = earlier(home)
    state.write_json(home / "config.json", {"sft": {"steps": 11, "seed": 5}})
    found = resolve(home, "--like", run.id, "--set", "rank=5", "--seed", "8")
    assert found.values == run.settings | {"rank": 5, "seed": 8}
    assert found["steps"] == 9 and found["weight_decay"] == 0.5 and found["preset"] == "standard"
    assert found.sources["steps"] == f"config.json, as {run.id}"
    assert resolve(home, "--like", "latest").values == run.settings


def test_a_run_like_none_or_like_one_of_another_kind_or_with_another_preset_is_refused(home):
    with pytest.raises(Missing, match="no run"):
        resolve(home, "--like", "latest")
    run = earlier(home, "dpo")
    with pytest.raises(Missing, match="there is no run"):
        resolve(home, "--like", run.id)
    with pytest.raises(BadRequest, match="its preset 'standard', so --preset cannot be given too"):
        resolve(home, "--like", earlier(home).id, "--preset", "light")


# More steps, and where the time of a step goes


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """A home with a run of six steps, one of three, and the one that went on from the latter with a profile."""
    home = filled(tmp_path_factory.mktemp("steady") / "home")

    def trained(*arguments) -> str:
        answer = calls.answer("train", *arguments, "--detach", home=home)
        small_runs.finish(home, answer["run"])
        return answer["run"]

    model = ("--preset", "smoke", "--model", str(calls.LANGUAGE_MODEL))
    six = trained(*model, "--set", "steps=6", *STEADY, "--note", "in one go")
    three = trained(*model, "--set", "steps=3", *STEADY)
    before = (home / "runs" / three / "run.json").read_bytes()
    small_runs.fill(home, train=5, choose=2, judge=5, tasks=5)  # as a night's export in between
    more = trained("--resume", three, "--more-steps", "3", "--note", "further", "--profile")
    assert (home / "runs" / three / "run.json").read_bytes() == before
    return home, six, three, more


def losses(home, run) -> dict[int, float]:
    rows = state.read_jsonl(home / "runs" / run / "metrics.jsonl")
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def test_more_steps_end_where_a_run_of_all_the_steps_ends_and_the_lineage_is_kept(steady):
    home, six, three, more = steady
    assert losses(home, more) == losses(home, six) and len(losses(home, three)) == 3
    ends = [(home / "runs" / run / "checkpoints" / "latest.safetensors") for run in (six, more)]
    import mlx.core as mx

    first, second = (mx.load(str(path)) for path in ends)
    assert first.keys() == second.keys()
    assert all(mx.array_equal(first[name], second[name]).item() for name in first)
    record = small_runs.record(home, more)
    assert record["continues"] == {"run": three, "step": 3} and record["settings"]["steps"] == 6
    assert record["sources"]["steps"] == f"3 more than {three}"
    (line,) = [line for line in calls.answer("list_runs", home=home)["runs"] if line["run"] == more]
    assert line["from"] == three and line["note"] == "further"
    modes = {path.stat().st_mode & 0o777 for path in (home / "runs" / more).rglob("*.*")}
    assert modes <= {0o600, 0o700}


def test_the_time_of_each_part_of_a_step_is_measured_and_reported(steady):
    home, six, _, more = steady
    kept = state.read_json(home / "runs" / more / "train_metrics.json")["profile"]
    assert kept["steps"] == 3
    assert set(kept["seconds"]) == {"batch", "forward", "backward", "optimizer", "saving"}
    assert all(value > 0 for value in kept["seconds"].values())
    answer = calls.answer("check_status", "--run", more, home=home)
    assert answer["profile"].startswith("A step took ") and "backward" in answer["profile"]
    assert state.read_json(home / "runs" / six / "train_metrics.json")["profile"] is None
    assert "profile" not in calls.answer("check_status", "--run", six, home=home)


def test_runs_are_put_side_by_side_with_their_loss_curves(steady, tmp_path):
    home, six, three, more = steady
    page = tmp_path / "curves.html"
    answer = calls.answer("list_runs", "--compare", six, three, more, "--html", page, home=home)
    assert answer["runs"] == [six, three, more] and answer["page"] == str(page)
    assert answer["differing"]["setting steps"] == ["6", "3", "6"]
    assert "setting rank" not in answer["differing"]
    texts: list[str] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag == "svg":
                texts.append(dict(attrs)["aria-label"])

    text = page.read_text()
    Reader().feed(text)
    (about,) = texts
    assert all(run in about for run in (six, three, more)) and "<script" not in text


def test_more_steps_learn_the_run_s_own_rows_whatever_was_exported_since(steady):
    home, _, three, more = steady
    earlier, later = (runs.find(state.Home(home), name) for name in (three, more))
    own = earlier.file("data", "sft", "train.jsonl").read_bytes()
    assert later.file("data", "sft", "train.jsonl").read_bytes() == own
    assert (home / "data" / "sft" / "train.jsonl").read_bytes() != own
    planned = calls.answer("train", "--resume", three, "--more-steps", "4", "--dry-run", home=home)
    assert planned["rows"]["train"] == planned["tokens"]["rows"] == 8, "not the five of data/"
    (note,) = [note for note in later.record["notes"] if "has changed since" in note]
    assert f"--like {three}" in note


def test_what_was_excluded_or_forgotten_since_is_not_learned_by_more_steps(home, steady):
    source, _, three, _ = steady
    shutil.copytree(source, home)
    place = state.Home(home)
    run = runs.find(place, three)
    rows = state.read_jsonl(run.file("data", "sft", "train.jsonl"))
    said = rows[0]["messages"][0]["content"]
    word = max(said.replace(".", " ").split(), key=len).strip("?!,")
    given = ("train", "--resume", three, "--more-steps", "3", "--dry-run", "--json")
    forgetting.exclude(place, [word], [])
    got = calls.script(*given, home=home)
    assert (got.status, got.json["error"]["code"]) == (3, "excluded_since"), got.out
    assert repr(word) in got.json["error"]["message"] and f"--like {three}" in got.out
    # An interrupted run is not resumed with it either.
    run.update(status="interrupted")
    got = calls.script("train", "--resume", three, "--dry-run", "--json", home=home)
    assert (got.status, got.json["error"]["code"]) == (3, "excluded_since"), got.out
    run.update(status="completed")
    place.file("exclusions.json").unlink()
    learned.mark(run)
    got = calls.script(*given, home=home)
    assert (got.status, got.json["error"]["code"]) == (3, "learned_what_was_forgotten"), got.out


def test_more_steps_are_refused_if_there_is_nothing_to_continue_from(home, steady):
    source, _, three, _ = steady
    shutil.copytree(source, home)
    cases = [
        (("--more-steps", "3"), 2, "more_steps_of_what"),
        (("--resume", three, "--more-steps", "0"), 2, "bad_flags"),
        (("--resume", three, "--more-steps", "3", "--rank", "8"), 2, "settings_with_resume"),
    ]
    for given, status, code in cases:
        got = calls.script("train", *given, "--json", home=home)
        assert (got.status, got.json["error"]["code"]) == (status, code), given
    run = runs.find(state.Home(home), three)
    shutil.rmtree(run.file("checkpoints"))
    got = calls.script("train", "--resume", three, "--more-steps", "3", "--json", home=home)
    assert (got.status, got.json["error"]["code"]) == (4, "no_checkpoint")
    run.update(status="cancelled")
    got = calls.script("train", "--resume", three, "--more-steps", "3", "--json", home=home)
    assert (got.status, got.json["error"]["code"]) == (3, "not_finished")
    planned = calls.answer(
        "train", "--resume", steady[1], "--more-steps", "4", "--dry-run", home=home
    )
    assert planned["settings"]["steps"] == 10


# What made the loss jump


class Named:
    def names(self, index: int) -> list[str]:
        return [f"s{index}", f"s{index}", f"t{index}"]


def reported(place: state.Home, losses: list[float], micro: int = 2) -> runs.Run:
    """A run with these losses, whose second micro-batch has the worse one."""
    run = prepared.finished(place)
    for step, loss in enumerate(losses, 1):
        found = {"step": step, "loss": loss, "micro_losses": [loss - 0.1, loss + 0.1][:micro]}
        state.append_jsonl(run.file("metrics.jsonl"), found)
    spikes.keep(run, Named(), FitSettings(len(losses), 1e-3, gradient_accumulation=micro))
    return run


USUAL = [2.0, 2.1, 1.9, 2.0, 2.05, 1.95, 2.0, 2.1]


def test_a_jump_names_the_rows_of_the_worst_micro_batch_by_id(home):
    place = prepared.allowed(home)
    run = reported(place, [*USUAL, 5.0, 2.0, 2.0])
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Question {name}?"},
                {"role": "assistant", "content": "I see."},
            ],
            "source": {"ids": [f"episode-{name}"], "session": name},
        }
        for name in ("s16", "s17", "t17")
    ]
    state.write_jsonl(run.file("data", "sft", "train.jsonl"), rows)
    (spike,) = spikes.find(run)
    assert (spike.step, spike.loss, spike.usual, spike.worst) == (9, 5.0, 2.0, 5.1)
    assert [(row.name, row.line, row.ids) for row in spike.rows] == [
        ("s17", 2, ("episode-s17",)),
        ("t17", 3, ("episode-t17",)),
    ]
    answer = calls.answer("check_status", "--spikes", home=home)
    assert answer["spikes"][0]["ids"] == ["episode-s17", "episode-t17"]
    assert answer["next"]["params"]["exclude"] == "id:episode-s17"
    text = calls.script("check_status", "--spikes", home=home).out
    assert "step 9: loss 5.000, usually 2.000" in text
    assert 's17, line 2 of train.jsonl: "Question s17?"' in text


@pytest.mark.parametrize(
    "values, steps",
    [
        ([*USUAL, 2.3, 2.0], []),  # within the usual spread
        ([5.0, 4.0, 3.0, 2.5, 2.2, 2.0, 1.9, 1.8], []),  # falling
        ([1.0, 3.0, 1.1, 2.9, 0.9, 3.1, 1.0, 3.0, 1.0, 3.2], []),  # a restless one
        ([2.0, 2.0, 9.0], []),  # too early to say
        ([*USUAL, 4.0, 2.0, 4.5], [9, 11]),
        ([0.1] * 8 + [0.2], [9]),
    ],
)
def test_a_jump_is_far_above_the_usual_loss(home, values, steps):
    run = reported(prepared.allowed(home), values)
    assert [spike.step for spike in spikes.find(run)] == steps


def test_a_real_run_says_which_rows_each_of_its_micro_batches_had(steady):
    home, six, *_ = steady
    kept = state.read_json(home / "runs" / six / spikes.FILE)
    named = [name for rows in kept["rows"] for name in rows]
    assert len(kept["rows"]) == 6 and set(named) <= {f"train-{n}" for n in range(8)}
    reports = state.read_jsonl(home / "runs" / six / "metrics.jsonl")
    assert all(len(row["micro_losses"]) == 1 for row in reports if "loss" in row)
    assert calls.answer("check_status", "--run", six, "--spikes", home=home)["spikes"] == []


# Sweeps


def test_a_grid_is_every_combination_and_each_is_checked_before_the_first(home):
    place = state.Home(home)
    grid = ["learning_rate=1e-5, 3e-5", "rank=8,32"]
    made = experiments.plan(place, SFT, grid, ["--preset", "smoke"])
    assert [cell.settings for cell in made.cells] == [
        ("learning_rate=1e-5", "rank=8"),
        ("learning_rate=1e-5", "rank=32"),
        ("learning_rate=3e-5", "rank=8"),
        ("learning_rate=3e-5", "rank=32"),
    ]
    assert made.note(2) == f"{made.id}, 3 of 4: learning_rate=3e-5 rank=8"
    experiments.keep(place, made)
    assert experiments.find(place, "latest") == made
    for wrong, words in (
        (["rnak=8,9"], "did you mean 'rank'"),
        (["rank=8,0"], "0 is not a whole number"),
        (["rank"], "expected KEY=VALUE,VALUE"),
        (["rank=8", "rank=9"], "in the grid twice"),
        (["max_length=512,1024"], "not comparable"),
        ([f"seed={','.join(map(str, range(101)))}"], "101 combinations, expected at most 100"),
    ):
        with pytest.raises(BadRequest, match=words):
            experiments.plan(place, SFT, wrong, [])
    with pytest.raises(Missing, match="the newest are: sweep-"):
        experiments.find(place, "sweep-1")


def test_a_killed_sweep_resumes_and_its_best_run_is_judged_last(home):
    place = state.Home(filled(home))
    given = (
        "--preset",
        "smoke",
        "--model",
        str(calls.LANGUAGE_MODEL),
        "--grid",
        "learning_rate=3e-3,1e-6",
    )
    given += ("--set", "steps=4", "--set", "rehearsal=0", "--set", "rank=4", "--set", "gradient_accumulation=2")  # fmt: skip
    environment = {**os.environ, "FAE_TRAINING_HOME": str(home)}
    command = [sys.executable, str(calls.SCRIPTS / "experiment.py"), "sweep", *given]
    sweeping = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )  # fmt: skip
    end = time.monotonic() + 120
    while not runs.all_runs(place) and time.monotonic() < end:
        time.sleep(0.02)
    os.killpg(sweeping.pid, signal.SIGKILL)
    sweeping.communicate()
    # As if it had been killed before it could write down which run that is.
    kept = experiments.find(place, "latest")
    experiments.keep(place, experiments._with(kept, 0, experiments.Cell(kept.cells[0].settings)))
    busy = calls.script("experiment", "sweep", "--resume", "latest", "--grid", "rank=1", home=home)
    assert busy.status == 2 and "cannot be changed" in busy.err
    got = calls.script("experiment", "sweep", "--resume", "latest", home=home)
    assert got.status == 0, got.err
    first, second = runs.all_runs(place)
    assert [run.settings["learning_rate"] for run in (first, second)] == [3e-3, 1e-6]
    assert {run.status() for run in (first, second)} == {"completed"}
    values = [run.result()["best_value"] for run in (first, second)]
    assert values[0] < values[1] and f"* learning_rate=3e-3: {first.id}" in got.out
    answer = calls.answer("experiment", home=home)
    assert answer["status"] == "swept" and answer["best"] == first.id and answer["look"] == 2
    judged = [line["adapter"] for line in state.read_jsonl(place.file(looks.FILE))]
    marks = [run.result()["benchmark"]["fingerprint"] for run in (second, first)]
    assert judged == marks, "the best one is judged last, so that the other is paid for"
    assert answer["next"]["script"] in ("propose", "list_runs")
    # Done already: nothing is trained again.
    assert calls.script("experiment", "sweep", "--resume", "latest", home=home).status == 0
    assert len(runs.all_runs(place)) == 2


def test_one_sweep_at_a_time_and_a_wrong_one_begins_nothing(home):
    place = state.Home(home)
    for given, status in ((("sweep",), 2), (("sweep", "--grid", "colour=red"), 2), (("show",), 4)):
        got = calls.script("experiment", *given, "--json", home=home)
        assert got.status == status and got.json["error"]["hint"], got.out
    assert not place.file("runs").exists()
    planned = calls.answer("experiment", "sweep", "--grid", "rank=4,8", "--dry-run", home=home)
    assert planned["runs"] == ["rank=4", "rank=8"] and not home.exists()
    consent.change(place, ["conversations"], [])
    with experiments.sweeping(place, "sweep-20261126-120000"):
        got = calls.script("experiment", "sweep", "--grid", "rank=4,8", "--json", home=home)
        assert (got.status, got.json["error"]["code"]) == (5, "busy")
    assert json.loads(got.out)["error"]["message"].startswith("sweep-20261126-120000 is running")


def test_a_sweep_without_consent_says_what_the_script_says(home):
    got = calls.script("experiment", "sweep", "--grid", "rank=4,8", home=home)
    assert got.status == 3 and "this needs your permission to use your conversations" in got.err
