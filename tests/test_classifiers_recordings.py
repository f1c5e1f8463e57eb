"""The files in the samples folders: found, read, and refused by name."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fae_training.calls.errors import BadRequest, Refused
from fae_training.classifiers import imports, recordings, sound_files
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.store import consent
from fae_training.store.state import Home

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


def test_a_folder_that_is_not_a_class_is_refused_with_the_valid_classes(home, samples):
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
    assert "1 file is a copy" in notes[0]


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


def test_clips_of_one_recording_are_one_group_by_the_name_that_add_samples_gives_them(home):
    first, second = sound(home / "a.wav", seed=1), sound(home / "b.wav", seed=2)
    clips_of_rain = [imports.Sample(path, "noise", None, "rain") for path in (first, second)]
    consent.change(Home(home), ["audio"], [])
    sound_files.keep(Home(home), "keyword", clips_of_rain)
    loaded, _ = load(home)
    assert len(loaded) == 2 and {r.group for r in loaded} == {"recording rain"}


def test_samples_of_the_other_kind_are_borrowed_under_the_class_that_they_are_here(home, samples):
    sound(samples / "wake" / "a.wav", seed=1)
    sound(home / "speech_verifier" / "samples" / "music" / "song.wav", seed=2)
    sound(home / "speech_verifier" / "samples" / "speech" / "the same as a.wav", seed=1)
    before = recordings.scan(Home(home), KEYWORD).fingerprint
    loaded, _ = load(home)
    assert {r.class_name for r in loaded} == {"wake", "noise"}
    sound(home / "speech_verifier" / "samples" / "music" / "another.wav", seed=3)
    assert recordings.scan(Home(home), KEYWORD).fingerprint != before


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


def test_a_run_resumes_with_the_recordings_that_it_started_with(home, samples):
    first = sound(samples / "wake" / "me--a.wav", seed=1)
    sound(home / "speech_verifier" / "samples" / "music" / "song.wav", seed=2)
    began = recordings.scan(Home(home), KEYWORD)
    assert set(began.digests) == {
        "keyword/samples/wake/me--a.wav", "speech_verifier/samples/music/song.wav"
    }  # fmt: skip
    sound(samples / "wake" / "me--b.wav", seed=3)
    again = recordings.scan(Home(home), KEYWORD, began.digests)
    assert again == began, "what came since is passed over"
    assert recordings.scan(Home(home), KEYWORD).fingerprint != began.fingerprint
    sound(first, seed=4)
    with pytest.raises(Refused, match=r"1 of 2 recordings .* keyword/samples/wake/me--a.wav"):
        recordings.scan(Home(home), KEYWORD, began.digests)
    first.unlink()
    with pytest.raises(Refused, match="were removed or changed"):
        recordings.scan(Home(home), KEYWORD, began.digests)
