"""Both classifiers trained for real on words made of tones: scripts, receipts, thresholds, and the loop up to rollback."""

import json
import os
import shutil

import numpy as np
import pytest
import soundfile

import calls
import classifier_sounds
import once
from fae_training.app import app_files
from fae_training.calls.errors import Missing
from fae_training.classifiers import scoring, training_data
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.parts_of_sounds import mark
from fae_training.classifiers.recordings import FALSE_ALARMS
from fae_training.classifiers.runtime import load
from fae_training.judgement import gate
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.release import deployment
from fae_training.store import state
from fae_training.store.state import Home
from fae_training.store.transactions import changing
from quiet_session import QuietSession

# A smoke run, but long enough to learn the tones, and with enough music and noise to choose thresholds by.
# The few minutes of its streams can show a high rate only.
ENOUGH = ("--preset", "smoke", "--steps", "200", "--synthesise", "never")
HIGH_RATE = ("--false-alarms-per-hour", "300")
GENERATED_SECONDS = 200
SMOKE = KINDS["keyword"].defaults | KINDS["keyword"].presets["smoke"] | {"synthesise": "never"}
FEW_STEPS = ("--steps", "20")


def trained(directory, kind, speakers=classifier_sounds.ENOUGH_SPEAKERS, *options):
    home = directory / "home"
    calls.answer("setup", "--consent", "audio", home=home)
    classifier_sounds.fill(home, kind, CLASSIFIERS[kind].classes, speakers, each=2)
    if speakers == classifier_sounds.ENOUGH_SPEAKERS:
        state.write_json(home / "config.json", {kind: {"generated_seconds": GENERATED_SECONDS}})
    started = calls.answer(f"train_{kind}", *ENOUGH, *options, home=home)
    ended = calls.wait_until_ended(started["run"], home)
    log = (home / "runs" / started["run"] / "train.log").read_text()
    assert ended["status"] == "completed", log
    return home, home / "runs" / started["run"]


@pytest.fixture(scope="module")
def keyword(tmp_path_factory):
    many = classifier_sounds.ENOUGH_SPEAKERS
    return trained(tmp_path_factory.mktemp("keyword"), "keyword", many, *HIGH_RATE)


def trained_verifier(tmp_path_factory):
    """For the tests here and in test_listen.py."""
    place = once.made(tmp_path_factory, "verifier", lambda place: trained(place, "speech_verifier"))
    [run] = (place / "home" / "runs").iterdir()
    return place / "home", run


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    return trained_verifier(tmp_path_factory)


@pytest.fixture(scope="module")
def of_two_people(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("two"), "keyword", 2, *FEW_STEPS)


def metrics(run):
    return json.loads((run / "train_metrics.json").read_text())


def measure(run, name):
    return next(m for m in metrics(run)["benchmark"]["measures"] if m["name"] == name)


def figure(run, name):
    return next(f for f in metrics(run)["benchmark"]["figures"] if f["name"] == name)


def test_the_keyword_classifier_recognises_words_of_unseen_speakers(keyword):
    home, run = keyword
    rows = {
        side: [
            row
            for row in map(json.loads, (home / "data" / "keyword" / f"{side}.jsonl").open())
            if row["speaker"]
        ]
        for side in ("train", "valid")
    }
    parts = {"train": {row["speaker"] for row in rows["train"]}}
    for part in ("choose", "judge"):
        parts[part] = {row["speaker"] for row in rows["valid"] if row["part"] == part}
    assert parts["judge"] == {"s9", "s15", "s18", "s22", "s27", "s31"}
    assert parts["choose"] == {"s0", "s4", "s17", "s19", "s30"}
    assert len(parts["train"]) == 21 and not parts["train"] & (parts["choose"] | parts["judge"])
    found = measure(run, "right_class_97_frames")
    assert {item for item in found["items"] if item.startswith("speaker ")} == {
        f"speaker {who}" for who in parts["judge"]
    }
    assert len(found["items"]) == 18, "each recording of silence and noise is judged by itself"
    assert np.mean(found["candidate"]) > 0.8
    assert found["base"] == found["current"] and np.mean(found["base"]) < 0.3
    result = figure(run, "macro_f1_97_frames")
    assert result["candidate"] > 0.8
    assert result["base"] < 0.2  # always the commonest class


def test_a_run_of_a_version_with_shorter_windows_is_still_judged(keyword, tmp_path):
    home, run = keyword
    copied = Home(tmp_path / "home")
    shutil.copytree(home, copied.path)
    kept = dict(np.load(run / "held_out.npz"))
    for name in [n for n in kept if n.startswith("windows 97 ")]:
        of_word = kept.pop(name)
        shorter = of_word[:, 9:88] if name.endswith(" log_mel") else of_word
        kept[name.replace(" 97 ", " 79 ")] = shorter
    np.savez(copied.path / "runs" / run.name / "held_out.npz", **kept)
    judged = scoring.score(Run(copied, run.name), QuietSession())
    found = {m.name: m.candidate for m in judged.measures}
    assert np.mean(found["right_class_79_frames"]) > 0.5 and "right_class_97_frames" not in found


def test_a_run_of_a_version_without_a_test_set_says_to_train_again(keyword, tmp_path):
    home, run = keyword
    copied = Home(tmp_path / "home")
    shutil.copytree(home, copied.path)
    arrays = dict(np.load(run / "held_out.npz"))
    arrays.pop("form")
    np.savez(copied.path / "runs" / run.name / "held_out.npz", **arrays)
    with pytest.raises(Missing, match="did not store the data for judging") as missing:
        scoring.score(Run(copied, run.name), QuietSession())
    assert missing.value.hint == "uv run scripts/train_keyword.py --preset smoke"


def test_what_the_deployed_classifier_was_trained_on_is_not_judged_on(keyword, tmp_path):
    home = Home(tmp_path / "home")
    shutil.copytree(keyword[0], home.path)
    run = Run(home, keyword[1].name)
    with changing(home) as change:
        deployment.deploy(change, run)
    with_itself = scoring.score(run, QuietSession())
    assert with_itself.current_run == run.id
    assert (with_itself.outputs > 0, with_itself.outputs_changed) == (True, 0)
    refused = gate.decide(with_itself, 1)
    assert refused.verdict == "fail" and "Nothing changed" in refused.reasons[-1]

    parts = state.read_json(run.file("parts.json"))
    known = [mark("speaker s9"), mark("recording noise 23")]
    state.write_json(run.file("parts.json"), parts | {"trained_on": parts["trained_on"] + known})
    found = scoring.score(run, QuietSession())
    (before, *_), (goal, *guards) = with_itself.measures, found.measures
    assert set(before.items) - set(goal.items) == {"speaker s9", "recording noise 23"}
    assert not any("speaker s9" in item for measure in guards for item in measure.items)
    fewer = with_itself.outputs - found.outputs
    assert f"{fewer} held-out recordings were not used for judging" in " ".join(found.notes)

    run.file("parts.json").unlink()
    old = scoring.score(run, QuietSession())
    assert "does not record what it was trained on" in " ".join(old.notes)
    assert old.measures[0].items == before.items


def test_an_alarm_on_a_stream_is_saved_sorted_and_trained_on_with_its_origin(keyword, tmp_path):
    """From listen.py over review.py to what the next training gathers."""
    home = Home(shutil.copytree(keyword[0], tmp_path / "home"))
    random = np.random.default_rng(3)
    names = ("noise", "wake", "noise", "wake", "noise")
    sounds = np.concatenate([classifier_sounds.clip(name, random) for name in names])
    soundfile.write(tmp_path / "kitchen.wav", sounds, 16_000)
    alarms = tmp_path / "alarms"
    heard = calls.answer(
        "listen", tmp_path / "kitchen.wav", "--save-alarms", alarms, home=home.path
    )
    detected = [e for e in heard["events"] if e["class"] == "wake"]
    assert detected and heard["saved"] >= len(detected)
    lines = [json.loads(line) for line in (alarms / "alarms.jsonl").open()]
    file = next(line["file"] for line in lines if line["detected"])
    assert file.startswith("kitchen wake ")
    calls.answer("review", alarms, "--false", file, home=home.path)
    kind = CLASSIFIERS["keyword"]
    parts = training_data.gather(home, kind, SMOKE, {}, lambda text: None)
    (reviewed,) = [r for r in parts.train if r.source == FALSE_ALARMS]
    assert reviewed.class_name == next(x["otherwise"] for x in lines if x["file"] == file)
    assert not any(r.source for r in parts.held_out)
    assert len(Examples(parts.train, kind, 8, 0).false_alarms) >= 1


def test_the_receipt_says_what_was_applied(keyword):
    applied = metrics(keyword[1])["applied"]
    assert applied["updates"] == metrics(keyword[1])["steps_done"]
    assert applied["batch_size"] == 32
    assert applied["trainable_parameters"] == 76_186
    assert applied["sounds"]["train"]["wake"]["recorded"] == 2 * 21
    assert set(applied["triggers"]) == {"interrupt", "wake"}
    assert 0.3 <= applied["triggers"]["wake"]["threshold"] < 1


def test_the_streams_of_the_benchmark_count_recall_and_false_alarms(keyword):
    streams = metrics(keyword[1])["benchmark"]["details"]["streams"]
    for name in ("wake", "interrupt"):
        assert len(streams[name]["heard"]) >= 3
        assert np.mean(streams[name]["heard"]) == figure(keyword[1], f"{name}_recall")["candidate"]
        alarms = streams[name]["false_alarms"]
        rate = figure(keyword[1], f"{name}_false_alarms")["candidate"]
        assert rate == pytest.approx(alarms["count"] / alarms["hours"])
        detected = measure(keyword[1], f"{name}_detected")
        assert detected["candidate"] == streams[name]["heard"]
        assert set(detected["base"]) == {0.0} and detected["role"] == "guard"
        assert measure(keyword[1], f"{name}_no_false_alarm")["role"] == "report"


def test_all_that_a_runtime_needs_is_in_adapters(keyword):
    adapters = keyword[1] / "adapters"
    assert {p.name for p in adapters.iterdir()} == {
        "model.safetensors",
        "model.json",
        "self_test.safetensors",
        "fae",
    }
    spec = json.loads((adapters / "model.json").read_text())
    assert spec["classes"] == ["interrupt", "wake", "speech", "silence", "noise"]
    assert spec["self_test"]["vectors"] == 10


def test_what_later_fae_loads_is_there_and_was_measured_beside_ours(keyword):
    app_files.check_classifier(keyword[1] / "adapters" / "fae", 5)
    both = [figure(keyword[1], name) for name in ("fae_macro_f1", "segments_macro_f1")]
    assert min(one["candidate"] for one in both) > 0.6
    assert max(one["current"] for one in both) < 0.2, "nothing is deployed: the commonest class"
    assert figure(keyword[1], "fae_wake_heard")["candidate"] > 0.5
    assert figure(keyword[1], "fae_wake_mistaken")["candidate"] < 0.2


def test_the_same_seed_gives_the_same_classifier(of_two_people, tmp_path):
    home = shutil.copytree(of_two_people[0], tmp_path / "home")
    started = calls.answer("train_keyword", *ENOUGH, *FEW_STEPS, home=home)
    assert calls.wait_until_ended(started["run"], home)["status"] == "completed"
    ours, theirs = (home / "runs" / run for run in (of_two_people[1].name, started["run"]))
    assert state.read_json(ours / "parts.json") == state.read_json(theirs / "parts.json")
    one, other = (load(run / "adapters") for run in (ours, theirs))
    assert np.array_equal(one.networks[0].layers[0].weight, other.networks[0].layers[0].weight)
    assert one.spec == other.spec
    of_fae = [(run / "adapters/fae/model.safetensors").read_bytes() for run in (ours, theirs)]
    assert of_fae[0] == of_fae[1]


def test_a_classifier_goes_through_evaluation_approval_deployment_and_back(keyword, tmp_path):
    home = shutil.copytree(keyword[0], tmp_path / "home")
    evaluated = calls.answer("evaluate", "--run", keyword[1].name, home=home)
    assert evaluated["verdict"] == "pass"
    calls.answer("propose", "--run", keyword[1].name, home=home)
    text = (home / "runs" / keyword[1].name / "proposal.md").read_text()
    assert "An update for your wake and stop words" in text
    assert "hours of sound without triggers" in text and "as requested (300)" in text
    assert "said by people like the held-out ones" in text
    assert "Which of its two forms Fae uses is not known: there is no Fae.app" in text
    code = calls.approval_code(home, keyword[1].name)
    calls.answer("deploy", "--run", keyword[1].name, "--code", code, home=home)
    active = json.loads((home / "active.json").read_text())
    assert active["keyword"]["run"] == keyword[1].name
    calls.answer("rollback", home=home)
    assert "keyword" not in json.loads((home / "active.json").read_text())


def test_a_rate_that_these_hours_cannot_show_is_answered_with_the_commands_that_would(
    keyword, tmp_path
):
    home = shutil.copytree(keyword[0], tmp_path / "home")
    record = home / "runs" / keyword[1].name / "run.json"
    kept = state.read_json(record)
    state.write_json(record, kept | {"settings": kept["settings"] | {"false_alarms_per_hour": 1.0}})
    asked = ("evaluate", "--run", keyword[1].name, "--rescore")
    answer = calls.script(*asked, "--json", home=home)
    assert (answer.status, answer.json["verdict"]) == (3, "not_enough_evidence")
    assert "the requested 1 is not shown" in json.dumps(
        state.read_json(home / "runs" / keyword[1].name / "evaluation.json")
    )
    refused = calls.script("propose", "--run", keyword[1].name, "--json", home=home)
    assert refused.status == 3
    shown = calls.script(*asked[:-1], home=home).out
    for text in (answer.json["what_helps"], shown, refused.json["error"]["message"]):
        assert "hours of ordinary sound in which nobody says these words" in text
        assert "--class noise --to-judge --files RECORDINGS" in text
        assert "--false-alarms-per-hour " in text


def test_with_few_people_a_run_is_not_recommended_and_says_why(of_two_people):
    home, run = of_two_people
    judged = calls.script("evaluate", "--run", run.name, "--json", home=home)
    assert (judged.status, judged.json["verdict"]) == (3, "not_enough_evidence")
    assert "too little data for a separate test set" in judged.json["reasons"][0]
    assert any("validation, also used to choose" in note for note in metrics(run)["notes"])
    assert calls.script("propose", "--run", run.name, "--json", home=home).status == 3
    rows = [json.loads(line) for line in (home / "data" / "keyword" / "valid.jsonl").open()]
    assert {row["part"] for row in rows} == {"judge"}


def test_the_verifier_distinguishes_speech_music_and_noise(verifier):
    _, run = verifier
    assert np.mean(measure(run, "right_class_79_frames")["candidate"]) > 0.8
    goals = {m["name"] for m in metrics(run)["benchmark"]["measures"] if m["role"] == "goal"}
    assert goals == {"right_class_163_frames"}
    spec = json.loads((run / "adapters" / "model.json").read_text())
    assert (spec["window_frames"], spec["triggers"]) == (163, {})


def refused(home, *arguments, **environment):
    answer = calls.script("train_keyword", *arguments, "--json", home=home, **environment)
    return answer.status, answer.json["error"]


def test_a_class_with_nothing_in_it_says_what_to_record(home, tmp_path):
    calls.answer("setup", "--consent", "audio", home=home)
    classifier_sounds.fill(home, "keyword", ("speech", "noise"), speakers=1, each=1)
    status, error = refused(home, "--synthesise", "never")
    assert status == 4
    assert "interrupt has no samples" in error["message"] and "20 recordings" in error["message"]
    assert "add_samples.py --kind keyword --class interrupt" in error["hint"]


def test_an_unknown_folder_and_missing_consent_are_refused_before_anything_starts(home):
    classifier_sounds.fill(home, "keyword", ("wake",), speakers=1, each=1)
    (home / "keyword" / "samples" / "wakeup").mkdir()
    assert refused(home)[0] == 3
    calls.answer("setup", "--consent", "audio", home=home)
    status, error = refused(home)
    assert (status, error["code"]) == (2, "unknown_class")
    assert not (home / "runs").exists() or not os.listdir(home / "runs")


def test_phrases_without_a_word_are_refused(home):
    calls.answer("setup", "--consent", "audio", home=home)
    status, error = refused(home, "--wake-phrases", " , ")
    assert (status, error["code"]) == (2, "no_phrases")


def test_a_person_s_own_phrase_is_not_a_near_miss():
    from fae_training.classifiers.synthetic_sounds import NEAR_MISSES, near_misses

    ours = [phrase for phrases in CLASSIFIERS["keyword"].phrases.values() for phrase in phrases]
    assert near_misses(ours) == list(NEAR_MISSES)
    assert set(NEAR_MISSES) - set(near_misses(["Hold it", "hey"])) == {
        *("hold it", "hey", "hey there", "hey fred")
    }


@pytest.mark.skipif(
    not shutil.which("espeak-ng") and not shutil.which("say"), reason="nothing here can speak"
)
def test_missing_words_are_synthesised_in_many_voices():
    from fae_training.classifiers import synthetic_sounds
    from fae_training.speech.synthesis import find_synthesiser

    kind = CLASSIFIERS["keyword"]
    before = synthetic_sounds.NEAR_MISS_CLIPS, synthetic_sounds.RUNNING_SPEECH_CLIPS
    synthetic_sounds.NEAR_MISS_CLIPS, synthetic_sounds.RUNNING_SPEECH_CLIPS = 6, 4
    try:
        made = synthetic_sounds.synthesised(
            find_synthesiser(), kind, dict(kind.phrases), {"wake": 500}, each=12, seed=0
        )
    finally:
        synthetic_sounds.NEAR_MISS_CLIPS, synthetic_sounds.RUNNING_SPEECH_CLIPS = before
    by_class = {name: [r for r in made if r.class_name == name] for name in kind.classes}
    assert len(by_class["interrupt"]) == 12 and len(by_class["speech"]) == 10
    assert by_class["wake"] == []  # 500 recordings are enough
    assert len({r.speaker for r in by_class["interrupt"]}) >= 5
    assert all(0.15 < len(r.samples) / 16_000 < 5 for r in made)


def test_no_checkpoint_is_chosen_while_the_learning_rate_is_high(keyword):
    reports = [json.loads(line) for line in (keyword[1] / "metrics.jsonl").read_text().splitlines()]
    judged = [report["step"] for report in reports if "val_loss" in report and report["step"]]
    assert min(judged) == int(ENOUGH[ENOUGH.index("--steps") + 1]) // 2 < max(judged)
