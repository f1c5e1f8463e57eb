"""The part of each sound (train, choose, judge): by a hash of its group, before augmentation, and permanent."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import classifier_sounds
from fae_training.classifiers import (
    parts_of_sounds,
    synthetic_sounds,
    training_data,
)
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.parts_of_sounds import divided, mark
from fae_training.classifiers.sound_files import Recording
from fae_training.judgement.parts import CHOOSE, JUDGE, TRAIN, part_of, place_of
from fae_training.lifecycle import runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.store.state import Home

KEYWORD = CLASSIFIERS["keyword"]
SETTINGS = KINDS["keyword"].defaults | KINDS["keyword"].presets["smoke"] | {"synthesise": "never"}


def made(class_name, speaker, count, origin="recorded"):
    return [
        Recording(class_name, speaker, f"{class_name} {speaker} {n}", origin, np.zeros(1))
        for n in range(count)
    ]


def by_people(people, each=2, classes=("wake", "speech")):
    return [r for who in people for c in classes for r in made(c, who, each)]


def hashed(part, count, skip=0):
    """Names of speakers whom the hash puts in that part."""
    names = (f"p{n}" for n in range(10_000))
    found = [name for name in names if part_of(f"speaker {name}") == part]
    return found[skip : skip + count]


def groups(sounds):
    return {r.group for r in sounds}


def held_out(parts):
    return groups(parts.choose) | groups(parts.judge)


def test_a_group_is_in_the_part_given_by_its_hash_and_in_no_other():
    people = [f"p{n}" for n in range(200)]
    parts = divided(by_people(people) + made("noise", None, 300))
    for sounds, part in ((parts.train, TRAIN), (parts.choose, CHOOSE), (parts.judge, JUDGE)):
        assert {part_of(group) for group in groups(sounds)} == {part}
    assert len(parts.train) + len(parts.choose) + len(parts.judge) == 1_100
    assert (parts.apart, parts.notes) == (True, [])
    assert parts.by_group[mark("speaker p0")] == part_of("speaker p0")


@pytest.mark.parametrize("skip", range(0, 30, 6))
def test_if_the_hash_leaves_a_part_without_a_class_the_nearest_groups_move_there(skip):
    people = hashed(TRAIN, 6, skip)
    parts = divided(by_people(people))
    nearest = sorted((f"speaker {who}" for who in people), key=place_of)
    assert [groups(parts.judge), groups(parts.choose)] == [{nearest[0]}, {nearest[1]}]
    assert len(groups(parts.train)) == 4 and parts.apart


def test_training_gives_up_a_group_before_the_other_held_out_part_does():
    judge = hashed(JUDGE, 2)
    parts = divided(by_people(judge + hashed(TRAIN, 5)))
    assert groups(parts.judge) == {f"speaker {who}" for who in judge}
    assert len(groups(parts.choose)) == 1 and len(groups(parts.train)) == 4


def test_every_class_of_three_groups_is_in_every_part():
    for shift in range(30):
        people = [f"q{shift + n}" for n in range(3)]
        parts = divided(by_people(people) + made("noise", None, 3))
        for sounds in (parts.train, parts.choose, parts.judge):
            assert {r.class_name for r in sounds} == {"wake", "speech", "noise"}, shift


def test_more_people_and_recordings_move_no_held_out_person_into_training():
    """With the parts that each run keeps, as training does."""
    random = np.random.default_rng(0)
    for trial in range(20):
        people = [f"t{trial} {n}" for n in random.permutation(40)]
        kept, before = {}, set()
        for count in (3, 4, 5, 7, 10, 20, 40):
            sounds = by_people(people[:count], classes=("wake", "speech", "interrupt"))
            parts = divided(sounds + made("noise", None, 2 * count), kept)
            assert not before & groups(parts.train), (trial, count)
            assert parts.apart and parts.train
            before |= held_out(parts)
            kept |= {group: part for group, part in parts.by_group.items() if part != TRAIN}


def test_a_new_class_of_one_person_removes_nobody_from_the_held_out_parts():
    people = [*hashed(TRAIN, 5), *hashed(JUDGE, 2), *hashed(CHOOSE, 2)]
    first = divided(by_people(people))
    judge = hashed(JUDGE, 1)[0]
    new = made("interrupt", judge, 4) + made("interrupt", people[0], 4)
    second = divided(by_people(people) + new, first.by_group)
    assert f"speaker {judge}" in held_out(second) - groups(second.train)
    assert not second.apart and "interrupt: recordings of fewer than 3" in second.notes[0]


def test_a_speaker_with_more_than_half_of_a_class_is_trained_on():
    owner = hashed(JUDGE, 1)[0]
    others = hashed(TRAIN, 6)
    parts = divided(by_people(others, each=2) + made("wake", owner, 13))
    assert f"speaker {owner}" in groups(parts.train)
    parts = divided(by_people(others, each=2) + made("wake", owner, 12))
    assert f"speaker {owner}" in groups(parts.judge)


@pytest.mark.parametrize("people", [("anna",), ("anna", "ben")])
def test_a_class_of_one_or_two_people_is_divided_by_recording_and_serves_for_both(people):
    sounds = [r for who in people for r in made("wake", who, 20 // len(people))]
    people_parts = divided(sounds + made("noise", None, 20))
    assert not people_parts.apart
    assert "validation, also used to choose" in people_parts.notes[0]
    parts = parts_of_sounds.together(people_parts, divided(made("noise", None, 9, "generated")))
    assert parts.choose == parts.judge
    wake = [r for r in parts.judge if r.class_name == "wake"]
    assert 1 <= len(wake) <= 10
    assert not {r.name for r in wake} & {r.name for r in parts.train}


def test_a_single_recording_stays_in_training_with_a_note_and_the_rest_is_judged_apart():
    parts = divided(made("silence", None, 1) + by_people([f"p{n}" for n in range(20)]))
    assert any(r.class_name == "silence" for r in parts.train)
    assert parts.apart
    assert parts.notes == [
        "no recording of silence could be held out, so there is no separate figure for silence"
    ]


def test_recordings_for_judging_are_in_no_other_part_and_stay_there():
    people = by_people([f"p{n}" for n in range(20)], classes=("wake", "speech", "noise"))
    days = [replace(r, source="to-judge") for r in made("noise", None, 6)]
    of_a_speaker = [replace(r, source="to-judge") for r in made("noise", groups_of(people)[0], 1)]
    parts = divided(people + days + of_a_speaker)
    assert parts.ordinary == days
    assert not groups(days) & groups(parts.train + parts.choose + parts.judge)
    assert any("1 recording of --to-judge left out" in note for note in parts.notes)
    assert {parts.by_group[mark(r.group)] for r in days} == {JUDGE}
    # Added again as anything else, they are still held out.
    later = divided(people + [replace(r, source="") for r in days], parts.by_group)
    assert groups(days) <= groups(later.judge)


def groups_of(sounds):
    """The speakers who are trained on."""
    return sorted({r.speaker for r in divided(sounds).train if r.speaker})


def test_a_synthesised_voice_is_not_held_out_in_the_place_of_a_person():
    people = divided([r for who in hashed(TRAIN, 5) for r in made("wake", who, 4)])
    robots = [r for n in range(90) for r in made("wake", f"robot {n}", 1, "synthesised")]
    parts = parts_of_sounds.together(people, divided(robots))
    for sounds in (parts.choose, parts.judge):
        assert len({r.speaker for r in sounds if r.origin == "recorded"}) == 1
        assert any(r.origin == "synthesised" for r in sounds)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    home = tmp_path_factory.mktemp("parts") / "home"
    classifier_sounds.fill(home, "keyword", KEYWORD.classes, speakers=12, each=1)
    return home


def gathered(home, kept=None):
    return training_data.gather(Home(home), KEYWORD, SETTINGS, kept or {}, lambda text: None)


def assert_same(ours, theirs):
    assert [replace(r, samples=None) for r in ours] == [replace(r, samples=None) for r in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one.samples, other.samples), one


def test_other_recordings_of_those_held_out_leave_every_training_example_as_it_was(
    recorded, tmp_path, monkeypatch
):
    """With all that is made of recordings: babble, echo, near misses and other pitches."""
    monkeypatch.setattr(training_data, "find_synthesiser", Robot)
    monkeypatch.setitem(SETTINGS, "synthesise", "auto")
    monkeypatch.setattr(synthetic_sounds, "NEAR_MISS_CLIPS", 8)
    monkeypatch.setattr(synthetic_sounds, "RUNNING_SPEECH_CLIPS", 8)
    home = shutil.copytree(recorded, tmp_path / "home")
    before = gathered(home)
    assert {r.origin for r in before.train} == {"recorded", "synthesised", "generated"}
    random = np.random.default_rng(7)
    for path in (home / "keyword" / "samples").rglob("*.wav"):
        who, _, rest = path.stem.rpartition("--")
        group = f"speaker {who}" if who else f"recording {rest}"
        if group in held_out(before):
            soundfile.write(path, random.standard_normal(24_000) * 0.1, 16_000)
    after = gathered(home)
    assert_same(after.train, before.train)
    assert any(r.name.startswith("babble") for r in after.train)
    examples = [Examples(parts.train, KEYWORD, 64, 0) for parts in (before, after)]
    for index in range(3):
        ours, theirs = (made.arrays_at(index) for made in examples)
        assert ours[0].tobytes() == theirs[0].tobytes() and np.array_equal(ours[1], theirs[1])
    # The swap was noticed where it should be, in babble too.
    for old, new in ((before.choose, after.choose), (before.judge, after.judge)):
        babble = [[r.samples for r in s if r.name.startswith("babble")] for s in (old, new)]
        assert any(not np.array_equal(*both) for both in zip(*babble, strict=True))


def test_the_babble_of_a_part_is_mixed_from_the_speech_of_that_part(recorded, monkeypatch):
    from fae_training.classifiers import generators

    mixed = []
    monkeypatch.setattr(generators, "babble", lambda random, seconds, voices: mixed.append(voices))
    parts = gathered(recorded)
    speech = [
        [id(r.samples) for r in sounds if r.class_name == "speech"]
        for sounds in (parts.train, parts.judge, parts.choose)
    ]
    assert [[id(v) for v in voices] for voices in {id(v[0]): v for v in mixed}.values()] == speech


class Robot:
    """A synthesiser with forty voices; what is tested is how often it is asked."""

    program = "robot"

    def voices(self):
        return [f"voice {number}" for number in range(40)]

    def speak(self, text, voice):
        return np.random.default_rng(len(text)).standard_normal(8_000).astype(np.float32) * 0.1


def test_how_much_is_synthesised_follows_from_what_there_is_to_train_on():
    names = hashed(TRAIN, 74) + hashed(JUDGE, 4) + hashed(CHOOSE, 2)
    people = divided(by_people(names))
    assert sum(r.class_name == "wake" for r in people.train) < synthetic_sounds.ENOUGH_RECORDINGS
    phrases = {name: list(listed) for name, listed in KEYWORD.phrases.items()}
    settings = SETTINGS | {"clips_per_trigger": 40, "generated_seconds": 4}
    parts = training_data.with_made(people, KEYWORD, phrases, settings, Robot())
    listed = {
        part: {r.speaker for r in sounds if r.origin == "synthesised"}
        for part, sounds in ((TRAIN, parts.train), (CHOOSE, parts.choose), (JUDGE, parts.judge))
    }
    assert all(listed.values())
    assert (
        not listed[TRAIN] & (listed[CHOOSE] | listed[JUDGE]) and not listed[CHOOSE] & listed[JUDGE]
    )
    made = [r for r in parts.train + parts.held_out if r.origin == "synthesised"]
    assert sum(r.class_name == "wake" for r in made) == 40, "160 recordings, but 148 to train on"


def run_with(home, parts):
    run = runs.create(home, "keyword", {})
    parts_of_sounds.keep(run, parts)
    return run


def test_a_run_keeps_its_parts_and_the_next_one_leaves_the_held_out_ones_there(home):
    people = hashed(TRAIN, 6)
    first = run_with(Home(home), divided(by_people(people)))
    text = first.file("parts.json").read_text()
    assert not any(who in text for who in people), "names of people are kept as hashes"
    assert len(json.loads(text)["trained_on"]) == 4
    later = runs.create(Home(home), "keyword", {})
    kept = parts_of_sounds.before(later)
    assert sorted(kept.values()) == [CHOOSE, JUDGE]
    assert parts_of_sounds.before(first) == json.loads(text)["parts"], "it goes on with its own"
    assert parts_of_sounds.before(runs.create(Home(home), "speech_verifier", {})) == {}


def test_recordings_of_a_speaker_trained_on_count_as_known_even_when_some_were_held_out(home):
    parts = divided(made("wake", "anna", 20) + made("noise", None, 20))
    run = run_with(Home(home), parts)
    assert mark("speaker anna") in parts_of_sounds.trained_on(run)
    assert parts_of_sounds.trained_on(runs.create(Home(home), "keyword", {})) is None
