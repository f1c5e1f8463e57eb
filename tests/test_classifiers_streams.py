"""Streams of sound, and the measures and thresholds that are taken on them."""

from dataclasses import replace

import numpy as np
import pytest

import classifier_sounds
from fae_training.classifiers import measures, streams, thresholds
from fae_training.classifiers.classes import CLASSIFIERS, LAYERS
from fae_training.classifiers.features import FRAMES_PER_CHUNK
from fae_training.classifiers.parts_of_sounds import Parts
from fae_training.classifiers.sound_files import Recording

KEYWORD = CLASSIFIERS["keyword"]


@pytest.fixture(scope="module")
def clips():
    random = np.random.default_rng(0)
    return [
        Recording(
            name,
            f"s{n}",
            f"{n}",
            "recorded",
            classifier_sounds.clip(name, random).astype(np.float32),
        )
        for name in KEYWORD.classes
        for n in range(4)
    ]


def test_a_stream_is_as_long_as_asked_and_has_triggers_only_when_asked(clips):
    quiet = streams.compose(clips, KEYWORD, 60, 0, with_events=False)
    spoken = streams.compose(clips, KEYWORD, 60, 0, with_events=True)
    assert quiet.events == []
    assert len(quiet.log_mel) == pytest.approx(60 / 0.012, rel=0.02)
    assert quiet.hours == pytest.approx(1 / 60, rel=0.02)
    assert len(spoken.events) == 10
    for name, first, end, group in spoken.events:
        assert name in KEYWORD.triggers
        assert group in {"speaker s0", "speaker s1", "speaker s2", "speaker s3"}
        inside = spoken.log_mel[first + 5 : end - 5].mean()
        before = spoken.log_mel[max(0, first - 20) : first].mean()
        assert inside > before + 0.5


def test_the_refractory_period_lasts_until_the_word_is_out_of_the_window():
    score = np.zeros(200)
    score[50:130] = 1.0
    assert thresholds.alarms(score, 0.5) == [50, 87, 124]
    for kind in CLASSIFIERS.values():
        if kind.triggers:
            assert kind.windows[-1] < thresholds.REFRACTORY_CHUNKS * FRAMES_PER_CHUNK


def test_a_chunk_completes_every_window():
    first = LAYERS[0]
    for kind in CLASSIFIERS.values():
        for frames in kind.windows:
            assert (frames - first["width"]) % first["stride"] == 0
            assert first["stride"] == FRAMES_PER_CHUNK


def test_smoothing_waits_for_its_chunks_and_averages_them():
    score = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    assert thresholds.smoothed(score, 3) == pytest.approx([0, 0, 2 / 3, 2 / 3, 2 / 3, 1])
    assert thresholds.smoothed(score, 1) is score


class Scores:
    """Given scores in the place of a classifier: what is tested is how thresholds follow from scores."""

    def __init__(self, by_stream):
        self.by_stream, self.classes, self.window = by_stream, ["wake", "rest"], 79
        self.spec = {"trigger_classes": ["wake"]}

    def over(self, log_mel):
        score = self.by_stream[len(log_mel)]
        return np.stack([score, 1 - score], axis=1)


def test_the_threshold_keeps_to_the_allowed_false_alarms_and_detects_what_is_above_it():
    random = np.random.default_rng(0)
    hours, chunks = 4, 4 * streams.CHUNKS_PER_HOUR
    calm = 0.5 * random.random(chunks)
    calm[5_000::20_000] = 0.8  # 20 false peaks in four hours
    spoken = np.full(10_000, 0.1)
    events = []
    for number in range(50):
        at = 100 + number * 190
        spoken[at : at + 7] = 0.95 if number < 48 else 0.3
        who = "speaker a" if number < 48 else "speaker b"
        events.append(streams.Event("wake", 3 * at + 20, 3 * at + 79, who))
    quiet = streams.StreamOfSound(np.zeros((3 * chunks, 1)))
    with_triggers = streams.StreamOfSound(np.zeros((30_000, 1)), events)
    scores = Scores({3 * chunks: calm, 30_000: spoken})
    chosen = thresholds.choose(scores, quiet, with_triggers, 1.0)["wake"]
    found = thresholds.measure(scores, {"quiet": quiet, "spoken": with_triggers}, {"wake": chosen})[
        "wake"
    ]
    assert quiet.hours == hours
    assert found.false_alarms.upper <= 1.0
    assert found.recall == pytest.approx(48 / 50)
    assert found.by_group == {"speaker a": 1.0, "speaker b": 0.0}
    assert found.false_reject_rate_at["1.0"] == pytest.approx(2 / 50)
    # From 20 frames after the start of the window that reaches the threshold to its end, and the smoothing.
    frames = 79 - 20 + 3 * (chosen["smoothing_chunks"] - 1)
    assert found.latency_ms == pytest.approx(12 * frames)


def seven_chunks(count, every, heights, rest):
    """[count] scores at `rest`, with a plateau of each height that no smoothing lowers."""
    score = np.full(count, rest)
    for number, height in enumerate(heights):
        score[100 + number * every :][:7] = height
    return score


def chosen_on(false_peaks, words, rate):
    """(choose's answer, what it gives on the same streams): four hours of quiet, and a word every two seconds."""
    chunks, length = 4 * streams.CHUNKS_PER_HOUR, 190 * len(words) + 200
    scores = Scores(
        {
            3 * chunks: seven_chunks(chunks, 15_000, false_peaks, 0.01),
            3 * length: seven_chunks(length, 190, words, 0.01),
        }
    )
    events = [
        streams.Event("wake", 3 * at + 20, 3 * at + 79, "speaker a")
        for at in range(100, 100 + 190 * len(words), 190)
    ]
    quiet = streams.StreamOfSound(np.zeros((3 * chunks, 1)))
    spoken = streams.StreamOfSound(np.zeros((3 * length, 1)), events)
    chosen = thresholds.choose(scores, quiet, spoken, rate)["wake"]
    return chosen, thresholds.measure(scores, {"quiet": quiet, "spoken": spoken}, {"wake": chosen})[
        "wake"
    ]


def test_the_upper_bound_of_false_alarms_stays_under_what_was_asked():
    """Nine alarms in four hours are at most 3.93 an hour with 95 % confidence, ten are at most 4.24."""
    heights = np.linspace(0.9, 0.71, 20)
    _, found = chosen_on(heights, np.linspace(0.99, 0.5, 150), rate=4.0)
    assert found.false_alarms.count == 9
    assert found.false_alarms.upper == pytest.approx(3.926, rel=1e-3)
    _, found = chosen_on(heights, np.linspace(0.99, 0.5, 150), rate=0.5)
    assert found.false_alarms.count == 0, "six hours would be needed"
    # The loudest moments lie 0.63 above the lowest of them on average, in logits, and the bound of none is 0.75 an hour.
    logits = np.log(heights / (1 - heights))
    beyond = logits[0] + (logits - logits[-1]).mean() * np.log(2.9957 / 4 / 0.5)
    score = np.zeros(4 * streams.CHUNKS_PER_HOUR)
    score[100 : 100 + 20 * 15_000 : 15_000] = heights
    hearers = thresholds.AudibleSources(streams.StreamOfSound(np.zeros((3 * len(score), 1))), 97)
    least = thresholds.lowest_threshold(score, hearers, 0.5)
    assert np.log(least / (1 - least)) == pytest.approx(beyond, abs=1e-3)


def test_alarms_that_lie_in_few_recordings_count_as_fewer_hours():
    chunks = 4 * streams.CHUNKS_PER_HOUR
    pieces = [
        streams.Piece(n * 3 * chunks // 40, f"source {n % 8}", f"speaker {n % 20}", f"{n}")
        for n in range(40)
    ]
    quiet = streams.StreamOfSound(np.zeros((3 * chunks, 1)), pieces=pieces)
    hearers = thresholds.AudibleSources(quiet, 97)
    length = chunks // 40
    everywhere = [n * length + 50 for n in range(40)]
    assert hearers.overdispersion(everywhere) == 1.0 == hearers.overdispersion([])
    one_recording = [50 + 100 * n for n in range(20)]
    # Resampled by recording: 20 alarms of one among 40.
    expected = (19.5**2 + 39 * 0.5**2) * 40 / 39 / 20
    assert hearers.overdispersion(one_recording) == pytest.approx(expected, rel=0.02)
    one_source = [n * length + 50 for n in range(0, 40, 8)]
    assert hearers.overdispersion(one_source) == pytest.approx(
        ((5 - 5 / 8) ** 2 + 7 * (5 / 8) ** 2) * 8 / 7 / 5, rel=0.02
    )
    score = np.zeros(chunks)
    score[one_recording] = np.linspace(0.8, 0.6, 20)
    rate = hearers.rate(score, 0.9)
    assert rate.count == 0 and rate.overdispersion == pytest.approx(expected, rel=0.02)
    assert rate.upper == pytest.approx(2.9957 / 4 * rate.overdispersion, rel=1e-3)


def test_the_threshold_rises_where_that_costs_less_than_one_point_of_recall():
    words = np.linspace(0.99, 0.5, 150)
    fifth = 0.86  # of the false peaks: what the rate allows lies above it
    chosen, found = chosen_on(np.linspace(0.9, 0.71, 20), words, rate=2.3)
    above = int((words > fifth).sum())
    # A point of 150 words is one and a half: one may be given up.
    assert found.recall == (above - 1) / 150
    assert words[above - 1] < chosen["threshold"] < words[above - 2]
    # However sure it is of every word, half of the way up to 1 is left for the words of other days.
    chosen, found = chosen_on([], np.full(150, 0.99), rate=2.0)
    assert (chosen["threshold"], found.recall) == (0.65, 1.0)


def test_measures_on_windows_have_their_textbook_values():
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 1, 0])
    table = measures.confusion(labels, predicted, 3)
    assert table.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert measures.f1_of_classes(table) == pytest.approx([2 / 3, 0.8, 0])
    assert measures.macro_f1(labels, predicted, 3) == pytest.approx((2 / 3 + 0.8) / 3)
    assert measures.macro_f1(labels[:5], predicted[:5], 3) == pytest.approx((0.8 + 0.8) / 2)
    assert measures.area_under_roc(np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.4, 0.5])) == 0.75
    assert measures.area_under_roc(np.array([0, 1]), np.array([0.5, 0.5])) == 0.5


def test_temperature_calibrates_an_overconfident_model():
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 4_000)
    honest = random.normal(0, 1, (4_000, 3))
    honest[np.arange(4_000), truth] += 1.0
    # For unit normals one apart, these are the exact log-odds.
    boastful = 3.0 * honest
    found = measures.best_temperature(boastful, truth)
    assert found == pytest.approx(3.0, rel=0.15)
    before = measures.calibration_error(measures.softmax(boastful), truth)
    after = measures.calibration_error(measures.softmax(boastful / found), truth)
    assert after < 0.03 < before


def test_one_clip_with_a_wrong_label_costs_the_brier_score_two_at_most():
    logits = np.array([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 30.0]])
    right, wrong = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    assert measures.brier_score(logits, right) < 1e-4
    # Two classes count the same: two thirds of class 0 are right, all of class 1.
    assert measures.brier_score(logits, wrong) == pytest.approx((2 / 3 + 0) / 2, abs=1e-3)
    assert measures.cross_entropy(logits, wrong) > 4


ONE_MINUTE = {"stream_minutes": 1.0, "seed": 0}


def test_thresholds_are_chosen_against_speech_in_other_voices_too(clips, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(streams, "_composed", lambda *asked: asked)
        (sounds, *_), _ = streams.choosing_streams(clips, KEYWORD, ONE_MINUTE)
    more, speech = sounds[len(clips) :], [r for r in clips if r.class_name == "speech"]
    assert len(more) == 2 * len(speech) and {r.class_name for r in more} == {"speech"}
    assert all(not np.array_equal(m.samples, r.samples) for m in more for r in speech)
    quiet, spoken = streams.choosing_streams(clips, KEYWORD, ONE_MINUTE)
    as_they_are = streams.compose(clips, KEYWORD, 60, 0, with_events=False)
    assert not np.array_equal(quiet.log_mel, as_they_are.log_mel)
    measured = streams.judging_streams(to_judge(clips), KEYWORD, ONE_MINUTE)
    as_they_are = streams.compose(clips, KEYWORD, 60, 2, with_events=False)
    assert np.array_equal(measured["quiet"].log_mel, as_they_are.log_mel)
    assert quiet.hours == measured["quiet"].hours and "own" not in measured
    assert quiet.events == measured["quiet"].events == []
    assert len(spoken.events) > 0 and len(measured["spoken"].events) == 2


def to_judge(judge, ordinary=()):
    return Parts([], [], judge, True, ordinary=list(ordinary))


def test_false_alarms_are_counted_on_ordinary_sound_as_it_is_where_there_is_enough_of_it(clips):
    random = np.random.default_rng(0)
    days = [
        Recording("noise", None, f"day {n}", "recorded", 0.1 * random.standard_normal(16_000 * seconds), "to-judge")
        for n, seconds in enumerate((13, 25, 13, 13, 13, 5))
    ]  # fmt: skip
    found = streams.judging_streams(to_judge(clips, days), KEYWORD, ONE_MINUTE)
    quiet, scene = found["quiet"], streams.SCENE_FRAMES
    assert len(quiet.log_mel) == 6 * scene, "whole scenes; five seconds are none"
    assert [piece.first // scene for piece in quiet.pieces] == [0, 1, 3, 4, 5]
    assert np.array_equal(quiet.log_mel[:scene], streams.log_mel(days[0].samples)[:scene])
    assert len(found["spoken"].events) > 0
    few = streams.judging_streams(to_judge(clips, days[:4]), KEYWORD, ONE_MINUTE)["quiet"]
    assert {piece.source for piece in few.pieces} == {""}


def test_triggers_are_measured_as_people_say_them_where_anybody_does(clips):
    robots = [
        replace(r, speaker="robot", origin="synthesised") for r in clips if r.class_name == "wake"
    ]
    people = streams.judging_streams(
        to_judge(clips + robots), KEYWORD, ONE_MINUTE | {"stream_minutes": 2.0}
    )["spoken"]
    assert "speaker robot" not in {event.group for event in people.events}
    nobody = [r for r in clips if r.class_name != "wake"]
    spoken = streams.judging_streams(
        to_judge(nobody + robots), KEYWORD, ONE_MINUTE | {"stream_minutes": 2.0}
    )["spoken"]
    wake = {event.group for event in spoken.events if event.trigger == "wake"}
    assert wake == {"speaker robot"}


def test_a_stream_knows_the_source_of_each_sound_and_can_exclude_it(clips, monkeypatch):
    scenes, made = [], streams._scene
    monkeypatch.setattr(
        streams, "_scene", lambda random, scene, by: scenes.append(scene) or made(random, scene, by)
    )
    classes = [replace(r, name=f"{r.class_name} {r.name}", speaker=r.class_name) for r in clips]
    quiet = streams.compose(classes, KEYWORD, 240, 0, with_events=False)
    firsts = [piece.first for piece in quiet.pieces]
    assert firsts == sorted(firsts) and {p.group for p in quiet.pieces} == {
        "speaker speech",
        "speaker noise",
        "speaker silence",
    }
    of = {"speech": "speech", "over noise": "speech", "noise": "noise", "quiet": "silence"}
    for piece in quiet.pieces:
        scene = scenes[min(piece.first // streams.SCENE_FRAMES, len(scenes) - 1)]
        named = {r.name: r.class_name for r in classes}
        assert named[piece.recording] == of[scene]
    fewer = quiet.without(lambda group: group == "speaker speech")
    rest = [n for n, scene in enumerate(scenes) if of[scene] != "speech"]
    assert len(fewer.log_mel) == len(rest) * streams.SCENE_FRAMES
    assert {p.group for p in fewer.pieces} == {"speaker noise", "speaker silence"}
    begins = rest[1] * streams.SCENE_FRAMES
    second = next(p for p in fewer.pieces if p.first >= streams.SCENE_FRAMES)
    assert second.first == streams.SCENE_FRAMES
    assert np.array_equal(
        fewer.log_mel[second.first : second.first + 50], quiet.log_mel[begins : begins + 50]
    )


def test_generated_noise_does_not_fill_hours_where_noise_was_recorded(clips):
    made = [replace(r, origin="generated") for r in clips]
    kept = streams.as_recorded(clips + made, KEYWORD)
    assert {r.class_name for r in kept if r.origin == "generated"} == {"wake", "interrupt"}
    assert streams.as_recorded(made, KEYWORD) == made


def test_an_alarm_belongs_to_the_scene_that_its_window_ends_in():
    window, size = 79, streams.SCENE_FRAMES
    score = np.zeros((3 * size - window) // 3 + 1)
    # It begins in the first scene and ends in the second.
    score[(size - window) // 3 + 1] = score[-1] = 1.0
    scores = Scores({3 * size: score, 300: np.zeros(100)})
    quiet = streams.StreamOfSound(np.zeros((3 * size, 1)))
    spoken = streams.StreamOfSound(np.zeros((300, 1)))
    trigger = {"threshold": 0.5, "smoothing_chunks": 1, "refractory_chunks": 36}
    found = thresholds.measure(scores, {"quiet": quiet, "spoken": spoken}, {"wake": trigger})[
        "wake"
    ]
    assert (found.false_alarms.count, found.scenes_with_alarms) == (2, [1, 2])
