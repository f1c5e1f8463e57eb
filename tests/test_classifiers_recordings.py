"""What lies in the samples folders: found, refused by name, and split so that no speaker is on both sides."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fae_training.classifiers import recordings, sound_files, training_data
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.sound_files import Recording
from fae_training.errors import BadRequest
from fae_training.state import Home

KEYWORD = CLASSIFIERS["keyword"]


def sound(path, seconds=1.0, rate=16_000, channels=1, level=0.1, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    soundfile.write(path, level * random.standard_normal((int(seconds * rate), channels)), rate)
    return path


@pytest.fixture
def samples(home):
    return home / "keyword" / "samples"


def load(home):
    home = Home(home)
    found = recordings.scan(home, KEYWORD)
    loaded, notes = sound_files.load(home, KEYWORD, found)
    return loaded, found.notes + notes


def test_a_folder_that_is_no_class_is_refused_with_the_classes_that_there_are(home, samples):
    sound(samples / "stop" / "a.wav")
    with pytest.raises(BadRequest, match="interrupt, wake, speech, silence, noise") as refused:
        recordings.scan(Home(home), KEYWORD)
    assert refused.value.code == "unknown_class"


def test_the_same_file_in_two_classes_is_named_and_left_out_of_both(home, samples):
    sound(samples / "wake" / "anna--1.wav", seed=1)
    sound(samples / "speech" / "mistake.wav", seed=1)
    sound(samples / "wake" / "anna--2.wav", seed=2)
    loaded, notes = load(home)
    assert [r.name for r in loaded] == ["2"]
    assert "wake/anna--1.wav" in notes[0] and "speech/mistake.wav" in notes[0]


def test_a_copy_in_the_same_class_counts_once(home, samples):
    sound(samples / "wake" / "a.wav", seed=1)
    sound(samples / "wake" / "b.wav", seed=1)
    loaded, notes = load(home)
    assert len(loaded) == 1
    assert "1 files are copies" in notes[0]


def test_corrupt_and_empty_files_are_named_and_the_rest_is_used(home, samples):
    sound(samples / "noise" / "good.wav")
    (samples / "noise" / "empty.wav").touch()
    (samples / "noise" / "corrupt.wav").write_bytes(b"RIFF" + bytes(range(200)))
    sound(samples / "noise" / "short.wav", seconds=0.05)
    loaded, notes = load(home)
    assert [r.name for r in loaded] == ["good"]
    text = " ".join(notes)
    assert "empty files were left out: noise/empty.wav" in text
    assert "cannot be read as audio" in text and "corrupt.wav" in text
    assert "less than 0.1 s" in text and "short.wav" in text


def test_silence_filed_as_speech_is_left_out_and_as_silence_is_kept(home, samples):
    sound(samples / "speech" / "nothing.wav", level=1e-4, seed=1)
    sound(samples / "silence" / "room.wav", level=1e-4, seed=2)
    loaded, notes = load(home)
    assert [r.class_name for r in loaded] == ["silence"]
    assert "is filed as speech" in notes[0] and "nothing.wav" in notes[0]


def test_eight_kilohertz_and_stereo_become_sixteen_and_mono(home, samples):
    sound(samples / "noise" / "telephone.wav", rate=8_000)
    sound(samples / "noise" / "stereo.wav", rate=44_100, channels=2)
    loaded, notes = load(home)
    assert [len(r.samples) for r in loaded] == [16_000, 16_000]
    assert notes == [
        "recordings with a sample rate below 16,000 Hz, without the highest frequencies: 1"
    ]


def test_the_name_before_two_hyphens_is_the_speaker(home, samples):
    sound(samples / "wake" / "anna--kitchen.wav", seed=1)
    sound(samples / "wake" / "kitchen-2.wav", seed=2)
    loaded, _ = load(home)
    assert [(r.speaker, r.group) for r in loaded] == [
        ("anna", "speaker anna"),
        (None, "recording kitchen-2"),
    ]


def test_samples_of_the_other_kind_are_borrowed_under_the_class_that_they_are_here(home, samples):
    sound(samples / "wake" / "a.wav", seed=1)
    sound(home / "speech_verifier" / "samples" / "music" / "song.wav", seed=2)
    before = recordings.scan(Home(home), KEYWORD).fingerprint
    loaded, _ = load(home)
    assert {r.class_name for r in loaded} == {"wake", "noise"}
    sound(home / "speech_verifier" / "samples" / "music" / "another.wav", seed=3)
    assert recordings.scan(Home(home), KEYWORD).fingerprint != before


def made(class_name, speaker, count, seed=0):
    return [
        Recording(class_name, speaker, f"{class_name} {speaker} {n}", "recorded", np.zeros(1))
        for n in range(count)
    ]


def test_no_speaker_and_no_recording_is_on_both_sides():
    everything = [r for s in range(12) for c in ("wake", "speech") for r in made(c, f"s{s}", 5)]
    everything += made("noise", None, 30)
    for seed in range(5):
        train, valid, notes = training_data.split(everything, 0.2, seed)
        assert not {r.group for r in train} & {r.group for r in valid}
        assert len(train) + len(valid) == 150
        for name, total in (("wake", 60), ("speech", 60), ("noise", 30)):
            held = sum(r.class_name == name for r in valid)
            assert 0.15 * total <= held <= 0.4 * total, (seed, name, held)
        assert notes == []


def test_at_most_half_of_a_class_is_held_out():
    """Whoever recorded more than that stays in training; exactly half may go."""
    most = [
        r for who, n in zip("abcde", (60, 5, 5, 5, 5), strict=True) for r in made("wake", who, n)
    ]
    half = [
        r for who, n in zip("abcd", (40, 20, 10, 10), strict=True) for r in made("wake", who, n)
    ]
    held = {"most": set(), "half": set()}
    for seed in range(20):
        for name, everything in (("most", most), ("half", half)):
            _, valid, _ = recordings.split(everything, 0.2, seed)
            held[name] |= {len(valid)}
            assert "a" not in {r.speaker for r in valid} or len(valid) == 40
    assert held["most"] == {20} and max(held["half"]) == 40


def test_one_speaker_alone_is_split_by_recording_and_the_figure_called_optimistic():
    everything = made("wake", "anna", 20) + made("noise", None, 20)
    _, valid, notes = training_data.split(everything, 0.2, 0)
    assert sum(r.class_name == "wake" for r in valid) == 4
    assert "all recordings of wake are of one speaker: the figures are optimistic" in notes[0]


def test_a_synthesised_voice_is_not_held_out_in_the_place_of_a_person():
    everything = [r for s in range(5) for r in made("wake", f"s{s}", 4)]
    spoken = [
        Recording("wake", f"robot {n % 9}", f"{n}", "synthesised", np.zeros(1)) for n in range(90)
    ]
    _, valid, _ = training_data.split(everything + spoken, 0.2, 0)
    assert sum(r.origin == "recorded" for r in valid) == 4
    assert sum(r.origin == "synthesised" for r in valid) >= 18


def test_two_speakers_are_split_by_recording_and_the_figure_called_optimistic():
    everything = made("wake", "anna", 10) + made("wake", "ben", 10)
    _, valid, notes = training_data.split(everything, 0.2, 0)
    assert len(valid) == 4
    assert "all recordings of wake are of 2 speakers: the figures are optimistic" in notes[0]


def test_ten_clips_beside_ten_thousand_still_have_two_held_out():
    everything = [r for s in range(5) for r in made("wake", f"w{s}", 2)]
    everything += [r for s in range(200) for r in made("speech", f"s{s}", 50)]
    _, valid, _ = training_data.split(everything, 0.2, 0)
    assert sum(r.class_name == "wake" for r in valid) == 2
    assert 1_800 <= sum(r.class_name == "speech" for r in valid) <= 2_200


def test_a_class_with_one_recording_stays_in_training_and_says_so():
    everything = made("wake", "anna", 1) + made("noise", None, 20)
    train, _, notes = training_data.split(everything, 0.2, 0)
    assert any(r.class_name == "wake" for r in train)
    assert "no recording of wake could be held out" in notes[0]


LIGHT = """
import sys
from fae_training import audio
from fae_training.classifiers import classes, imports, preflight, recordings
print(sorted({"mlx", "numpy", "scipy", "soundfile", "soxr"} & set(sys.modules)))
"""


def test_what_the_front_process_imports_is_standard_library_only():
    command = [sys.executable, "-c", LIGHT]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "name", ["add_samples", "listen", "train_keyword", "train_speech_verifier"]
)
def test_a_script_answers_help_without_importing_array_libraries(name):
    script = Path(__file__).parent.parent / "scripts" / f"{name}.py"
    command = [sys.executable, "-X", "importtime", script, "--help"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "usage:" in answer.stdout
    imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert "fae_training.classifiers.classes" in imported
    assert not {"mlx.core", "numpy", "scipy", "soundfile", "soxr"} & imported
