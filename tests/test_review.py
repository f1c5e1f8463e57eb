"""listen.py --save-alarms and review.py: detections are sorted, trained on with their origin, and never used to judge."""

import json
from typing import ClassVar

import numpy as np
import pytest
import soundfile

import calls
import classifier_sounds
from fae_training.classifiers import recordings, reviews, sound_files
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.listening import Heard as Listened
from fae_training.classifiers.parts_of_sounds import divided
from fae_training.classifiers.recordings import FALSE_ALARMS, MISSED
from fae_training.classifiers.sound_files import Recording
from fae_training.judgement.parts import JUDGE, TRAIN, part_of
from fae_training.store.state import Home, read_jsonl

KEYWORD = CLASSIFIERS["keyword"]


class GivenProbabilities:
    """Given probabilities in the place of a classifier: what is tested is which moments are kept."""

    classes: ClassVar = list(KEYWORD.classes)
    spec: ClassVar = {
        "triggers": {
            "wake": {"threshold": 0.8, "smoothing_chunks": 1, "refractory_chunks": 36},
        }
    }


@pytest.fixture
def heard(tmp_path):
    """A minute in which wake is detected at 20 s, nearly at 40 s, and far from it at 50 s."""
    times = np.arange(33, 1_666) * 0.036
    probabilities = np.zeros((len(times), 5), dtype=np.float32)
    probabilities[:, 4] = 0.05
    for at, wake, other in ((20, 0.9, 2), (40, 0.5, 4), (50, 0.3, 2)):
        row = int(np.searchsorted(times, at))
        probabilities[row, 1], probabilities[row, other] = wake, 1 - wake
    return Listened(times, probabilities, [], 0.1, 0.0)


@pytest.fixture
def folder(heard, tmp_path):
    samples = 0.1 * np.random.default_rng(0).standard_normal(60 * 16_000).astype(np.float32)
    reviews.save(tmp_path / "alarms", GivenProbabilities, heard, samples, "kitchen", "keyword-1")
    return tmp_path / "alarms"


@pytest.fixture
def allowed(home):
    calls.answer("setup", "--consent", "audio", home=home)
    return home


ALARM, NEAR = "kitchen wake 20.02.wav", "kitchen wake 40.03.wav"


def test_each_alarm_and_near_miss_is_kept_as_two_seconds_with_what_is_known_of_it(folder, heard):
    lines = read_jsonl(folder / "alarms.jsonl")
    alarm, near = lines
    assert (alarm["file"], alarm["detected"], alarm["otherwise"]) == (ALARM, True, "speech")
    assert (near["detected"], near["otherwise"], near["score"]) == (False, "noise", 0.5)
    assert near["file"] == NEAR and alarm["run"] == "keyword-1"
    assert soundfile.info(folder / ALARM).frames == 32_000
    assert (folder / ALARM).stat().st_mode & 0o777 == 0o600
    silent = np.zeros(60 * 16_000, dtype=np.float32)
    assert reviews.save(folder, GivenProbabilities, heard, silent, "kitchen", "keyword-2") == 0, (
        "known already"
    )


def test_what_was_sorted_becomes_samples_with_their_origin(allowed, folder):
    answer = calls.answer(
        "review", folder, "--false", ALARM, "--right", NEAR, "--speaker", "me", home=allowed
    )
    assert (answer["false"], answer["right"], answer["left"]) == (1, 1, 0)
    samples = allowed / "keyword" / "samples"
    (false,) = (samples / "speech" / FALSE_ALARMS).iterdir()
    (missed,) = (samples / "wake" / MISSED).iterdir()
    assert recordings.who(false.stem)[0] is None and recordings.who(missed.stem)[0] == "me"
    found, _ = sound_files.load(Home(allowed), KEYWORD, recordings.scan(Home(allowed), KEYWORD))
    assert {(r.class_name, r.source) for r in found} == {
        ("speech", FALSE_ALARMS),
        ("wake", MISSED),
    }
    again = calls.answer("review", folder, "--false", ALARM, home=allowed)
    assert sum(again["added"].values()) == 0
    answers = read_jsonl(folder / "reviewed.jsonl")
    assert [a["answer"] for a in answers] == ["right", "false", "false"]


def test_an_alarm_that_was_right_adds_nothing_and_a_dry_run_writes_nothing(allowed, folder):
    planned = calls.answer("review", folder, "--false", NEAR, "--dry-run", home=allowed)
    assert planned["added"]["noise"] == 1 and not (folder / "reviewed.jsonl").exists()
    answer = calls.answer("review", folder, "--right", ALARM, home=allowed)
    assert (sum(answer["added"].values()), answer["left"]) == (0, 1)
    assert not (allowed / "keyword" / "samples").exists()


def test_fae_s_missed_clips_are_added_in_the_same_way(allowed, tmp_path):
    clips = tmp_path / "missed"
    clips.mkdir()
    word = classifier_sounds.clip("wake", np.random.default_rng(0))
    soundfile.write(clips / "0931.wav", word, 16_000)
    calls.answer("review", clips, "--right", "0931.wav", home=allowed)
    assert len(list((allowed / "keyword" / "samples" / "wake" / MISSED).iterdir())) == 1


def test_what_cannot_be_sorted_says_why(home, folder, tmp_path):
    refused = calls.script("review", folder, "--false", ALARM, "--json", home=home)
    assert (refused.status, refused.json["error"]["code"]) == (3, "no_consent")
    calls.answer("setup", "--consent", "audio", home=home)
    (tmp_path / "empty").mkdir()
    for arguments, status, says in (
        ((), 2, "no folder was given"),
        ((folder,), 2, "2 sounds are left to sort, but there is no terminal"),
        ((folder, "--false", "x.wav"), 2, "has no x.wav; it has kitchen wake"),
        ((tmp_path / "nowhere",), 4, "there is no folder"),
        ((tmp_path / "empty",), 4, "contains no sounds"),
    ):
        answer = calls.script("review", *arguments, "--json", home=home)
        assert (answer.status, says in answer.json["error"]["message"]) == (status, True), answer


def recorded(class_name, speaker, number, source=""):
    sound = classifier_sounds.clip(class_name, np.random.default_rng(number)).astype(np.float32)
    return Recording(class_name, speaker, f"{class_name} {number}", "recorded", sound, source)


@pytest.fixture
def people():
    names = [n for n in map("p{}".format, range(200)) if part_of(f"speaker {n}") == TRAIN][:6]
    return [recorded(c, who, n) for c in KEYWORD.classes for n, who in enumerate(names)]


def test_what_was_sorted_is_trained_on_and_never_judges(people):
    judging = next(n for n in map("r{}".format, range(999)) if part_of(f"recording {n}") == JUDGE)
    alarms = [
        Recording("speech", None, judging, "recorded", np.ones(9, np.float32), FALSE_ALARMS),
        recorded("wake", None, 900, MISSED),
    ]
    before, parts = divided(people), divided(people + alarms)
    assert [id(r) for r in parts.train] == [id(r) for r in before.train + alarms]
    assert list(map(id, parts.held_out)) == list(map(id, before.held_out))
    held = before.judge[0].speaker
    parts = divided([*people, recorded("wake", held, 901, MISSED)])
    assert not any(r.source for r in parts.train + parts.held_out)
    assert "1 sound that you sorted is of people or recordings that are held out" in parts.notes[-1]


def test_false_alarms_are_weighted_and_missed_words_count_more_than_once(people):
    alarms = [recorded("speech", None, 900 + n, FALSE_ALARMS) for n in range(10)]
    plain = Examples(people, KEYWORD, 64, 0)
    with_alarms = Examples(people + alarms, KEYWORD, 1_000, 0)
    assert plain.false_alarms == [] and len(with_alarms.false_alarms) == 30
    assert len(with_alarms.backgrounds["speech"][0].power) == len(
        plain.backgrounds["speech"][0].power
    ), "they are no part of the running speech"
    marked = (np.full((97, 40), 7.0, np.float32), 4)
    for count, share in ((0, 0.0), (30, 0.1), (300, 0.18)):
        with_alarms.false_alarms = [marked] * count
        x, y = with_alarms.arrays_at(0)
        flat = np.ptp(x, axis=(1, 2)) == 0
        assert flat.mean() == pytest.approx(share, abs=0.03) and set(y[flat]) <= {4}
    missed = recorded("wake", None, 950, MISSED)
    more = Examples([*people, missed], KEYWORD, 8, 0).words["wake"]
    variants = 1 + 10
    assert len(more) == len(plain.words["wake"]) + 3 * variants


def test_own_recordings_are_set_aside_from_eight_on_and_stay_so(people):
    def own(count, kept=None, others=()):
        mine = [recorded("wake", "me", n) for n in range(100, 100 + count)]
        return divided([*people, *others, *mine], kept, KEYWORD.triggers)

    assert own(7).own == [] and {r.speaker for r in own(8).own} == {"me"}
    two = [recorded("wake", "she", n) for n in (200, 201)]
    assert own(8, others=two).own == [], "half of the recordings are somebody else's"
    parts, kept = own(8), {}
    names = {r.name for r in parts.own}
    assert 2 <= len(names) <= 4 and all(r.class_name == "wake" for r in parts.own)
    for count in (8, 12, 30):
        parts = own(count, kept)
        assert names <= {r.name for r in parts.own}
        assert not {id(r) for r in parts.own} & {id(r) for r in parts.train + parts.held_out}
        kept = {group: part for group, part in parts.by_group.items() if part != TRAIN}
        names = {r.name for r in parts.own}
    assert len(names) < 15


def test_excluded_recordings_are_not_trained_on_whoever_the_speaker_is(allowed, folder):
    calls.answer(
        "review", folder, "--false", ALARM, "--right", NEAR, "--speaker", "Anna", home=allowed
    )
    home = Home(allowed)

    def left(**exclusions):
        home.file("exclusions.json").write_text(json.dumps({"schema": 1, **exclusions}))
        found = recordings.scan(home, KEYWORD)
        return [path.parent.name for paths in found.files.values() for path in paths], found.notes

    assert sorted(left()[0]) == [FALSE_ALARMS, MISSED]
    files, notes = left(people=["anna"])
    assert files == [FALSE_ALARMS] and notes[0].startswith("1 recording was left out, because")
    assert left(ids=["kitchen"])[0] == []


def test_at_a_terminal_each_sound_is_asked_about(allowed, folder):
    import os
    import pty
    import subprocess
    import sys

    main, terminal = pty.openpty()
    os.write(main, b"what?\nn\n\n")
    answer = subprocess.run(
        [sys.executable, str(calls.SCRIPTS / "review.py"), str(folder)],
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FAE_TRAINING_HOME": str(allowed), "PATH": "/nowhere"},
    )
    os.close(terminal), os.close(main)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Neither afplay nor aplay is installed" in answer.stdout
    assert "1 false, 0 right, 0 not sorted yet" in answer.stdout
    assert [line["answer"] for line in read_jsonl(folder / "reviewed.jsonl")] == [
        "false",
        "skipped",
    ]
