"""The benchmark of a classifier: one value for each speaker or recording, and no claim that the data does not support."""

from dataclasses import replace

import numpy as np
import pytest

from fae_training.classifiers import scoring, triggers
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.features import FRAMES_PER_CHUNK
from fae_training.classifiers.streams import CHUNKS_PER_HOUR, SCENE_FRAMES, Event, StreamOfSound
from fae_training.classifiers.thresholds import Detections, Rate
from fae_training.classifiers.validation import Windows
from fae_training.judgement import gate
from fae_training.judgement.benchmark import Benchmark

KEYWORD = CLASSIFIERS["keyword"]


def windows(groups, labels, recorded=None):
    count = len(groups)
    given = np.ones(count, dtype=bool) if recorded is None else np.array(recorded)
    names = [f"{group} {number // 2}" for number, group in enumerate(groups)]
    spectra = np.zeros((count, 97, 40))
    return Windows(spectra, np.array(labels), np.array(names), np.array(groups), given)


def test_the_goal_has_one_value_for_each_speaker_and_made_sounds_do_not_count():
    held = windows(["b", "b", "b", "a", "robot"], [0, 0, 1, 2, 2], [True] * 4 + [False])
    classes = {
        "candidate": np.array([0, 0, 0, 2, 2]),
        "current": np.array([0, 1, 0, 1, 2]),
        "base": np.zeros(5, dtype=int),
    }
    found = scoring._right(97, held, classes, "goal")
    assert found.items == ("a", "b")
    assert found.candidate == pytest.approx((1, 2 / 3))
    assert found.current == pytest.approx((0, 1 / 3))
    assert found.gains(found.base) == pytest.approx([1, 0])
    assert (found.margin, found.least, found.compare) == (0.02, 0.01, "difference")


def test_a_recording_counts_as_changed_when_one_of_its_windows_is():
    held = windows(["a", "a", "b", "b", "c"], [0, 0, 1, 1, 2], [True] * 4 + [False])
    old, new = np.array([0, 0, 1, 1, 0]), np.array([0, 3, 1, 1, 4])
    assert scoring._outputs(held, old, new) == {("a 0", 0): True, ("b 1", 1): False}


def streams_of(hours, events=5):
    frames = round(hours * CHUNKS_PER_HOUR * FRAMES_PER_CHUNK)
    names = ["interrupt" if n == 1 else "wake" for n in range(events + 1)]
    said = [Event(name, 100 * n, 100 * n + 50, f"speaker {n}") for n, name in enumerate(names)]
    return {
        "quiet": StreamOfSound(np.zeros((frames, 1))),
        "spoken": StreamOfSound(np.zeros((1, 1)), said),
    }


def detections(heard, false=0, scenes=(), hours=1.0):
    return Detections(Rate(false, hours, 1.0), heard=list(heard), scenes_with_alarms=list(scenes))


def trigger_measures(candidate, hours=1.0, asked=1.0, people=True):
    nothing = detections([0] * 5)
    by = {"candidate": candidate, "current": nothing, "base": nothing}
    return triggers.measures_of("wake", by, streams_of(hours), asked, people)


def judged(*measures, not_shown=()):
    goal = scoring._right(
        97,
        windows([f"speaker {n}" for n in range(40)], [1] * 40),
        {"candidate": np.ones(40), "current": np.zeros(40), "base": np.zeros(40)},
        "goal",
    )
    return gate.decide(Benchmark((goal, *measures), True, 40, 40, None, not_shown=not_shown), 1)


def test_detections_guard_with_one_value_for_each_spoken_word():
    detected, silent = trigger_measures(detections([1, 1, 0, 1, 1]))
    assert detected.candidate == (1, 1, 0, 1, 1) and detected.current == detected.base == (0,) * 5
    assert detected.items[:2] == ("wake 0 by speaker 0", "wake 2 by speaker 2")
    assert (detected.role, detected.margin, detected.compare) == ("guard", 0.05, "passed")
    assert silent.role == "report" and len(silent.items) == 100_000 * 3 // SCENE_FRAMES
    assert judged(detected, silent).verdict == "pass"


def test_a_classifier_that_no_longer_detects_the_word_does_not_pass():
    missed, heard = detections([0] * 5), detections([1] * 5)
    by = {"candidate": missed, "current": heard, "base": missed}
    found = triggers.measures_of("wake", by, streams_of(1.0), 1.0, True)
    assert judged(*found).verdict == "fail"


@pytest.mark.parametrize(("alarms", "verdict"), [(0, "pass"), (3, "pass"), (4, "not_enough_evidence"), (40, "fail")])  # fmt: skip
def test_more_false_alarms_than_were_asked_for_never_pass_where_chance_does_not_explain_them(
    alarms, verdict
):
    """Of 3 alarms in an hour the lower bound is 0.82 an hour, of 4 it is 1.37."""
    candidate = detections([1] * 5, alarms, range(alarms))
    assert judged(*trigger_measures(candidate)).verdict == verdict
    assert judged(*trigger_measures(candidate, asked=60.0)).verdict == "pass"


def test_words_that_nobody_recorded_are_no_evidence():
    found = judged(*trigger_measures(detections([1] * 5), people=False))
    assert found.verdict == "not_enough_evidence"
    assert found.reasons == (
        "wake said by people: no speakers were held out; 5 are needed to tell better from worse.",
    )


def test_a_rate_that_is_not_shown_does_not_pass_and_the_reason_is_the_sentence():
    heard = trigger_measures(detections([1] * 5))
    sentence = promise(0, 0.5).text
    found = judged(*heard, not_shown=(sentence,))
    assert found.verdict == "not_enough_evidence" and sentence in found.reasons


def test_the_bounds_of_false_alarms_are_garwoods():
    for count, hours, lower, upper in (
        (0, 3.0, 0, 2.9957 / 3),
        (3, 1.0, 0.8177, 7.7537),
        (10, 0.5, 10.8508, 33.9247),
    ):
        rate = Rate(count, hours, 1.0)
        assert (rate.lower, rate.upper) == pytest.approx((lower, upper), rel=1e-4)
    clustered = Rate(0, 6.0, 2.0)
    assert clustered.upper == pytest.approx(2.9957 / 3, rel=1e-4)
    assert clustered.hours_needed(1.0) == pytest.approx(2 * 2.9957, rel=1e-4)


def promise(false, hours, asked=1.0, groups=9, dispersion=1.0):
    found = Detections(Rate(false, hours, dispersion), groups=groups)
    return triggers.promise("wake", found, asked)


def test_it_reports_the_hours_of_sound_and_whether_the_rate_is_shown():
    assert promise(0, 0.5) == (
        False,
        "wake: 0 false alarms in 0.50 hours of sound without triggers, so at most 6 an hour with 95% confidence; "
        "the requested 1 is not shown (held-out recordings for 3.0 hours without one would show it).",
    )
    shown, text = promise(0, 3.0)
    assert shown and "at most 1 an hour with 95% confidence, as requested (1)." in text
    assert not promise(0, 3.0, dispersion=2.0).shown and not promise(0, 3.0, groups=4).shown
    assert "1 false alarm in 0.50 hours" in promise(1, 0.5).text
    assert (
        "at least 5.4 an hour with 95% confidence, more than the requested 1"
        in promise(10, 1.0).text
    )
    assert promise(1, 0.5, asked=0.0).text.endswith("more than the requested 0.")
    assert promise(0, 0.5, asked=0.0).text.endswith("the requested 0 is not shown.")


def test_it_names_the_commands_that_would_show_a_rate():
    advice = triggers.advice_on_rates([Rate(0, 3.0, 3.0), Rate(1, 3.0, 2.0)], 1.0)
    assert "record about 9 hours of ordinary sound" in advice and "at least 5 recordings" in advice
    assert "add_samples.py --class noise --to-judge --files RECORDINGS" in advice
    assert advice.endswith("scripts/train_keyword.py --false-alarms-per-hour 3")
    too_many = triggers.advice_on_rates([Rate(30, 3.0, 1.0), Rate(0, 3.0, 1.0)], 1.0)
    assert "--to-judge" not in too_many and too_many.endswith("-per-hour 13.6")


def test_recall_is_reported_for_held_out_people_each_person_and_the_owner():
    found = replace(
        detections([1, 1, 1, 1, 0, 0, 0, 0]),
        by_group={"speaker anna": 0.25, "speaker li": 1.0},
        latency_ms=640.0,
        own=0.75,
    )
    notes = triggers.notes_of("wake", found)
    assert notes == [
        "wake, said by people like the held-out ones: 50% of 8 detected, 640 ms after its start (li 100%, anna 25%).",
        "wake, said by you: 75% detected, in recordings of yours that were not trained on.",
    ]
    never = replace(found, heard=[0] * 8, latency_ms=None, own=None)
    assert "0% of 8 detected (" in triggers.notes_of("wake", never)[0]
    assert triggers.notes_of("wake", replace(found, heard=[])) == []


def test_recall_is_a_figure_only_where_somebody_said_the_word():
    by = dict.fromkeys(("candidate", "current", "base"), detections([1, 0], false=3, hours=2.0))
    by = {who: replace(d, false_reject_rate_at={"1.0": 0.25}) for who, d in by.items()}
    found = {figure.name: figure.candidate for figure in triggers.figures_of("wake", by)}
    assert found == {"wake_false_alarms": 1.5, "wake_missed": 0.25, "wake_recall": 0.5}
    nobody = dict.fromkeys(by, detections([], false=3, hours=2.0))
    assert [figure.name for figure in triggers.figures_of("wake", nobody)] == ["wake_false_alarms"]
