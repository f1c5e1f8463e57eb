"""listen.py: a recording as a stream of chunks, and a classifier that was really trained."""

import numpy as np
import pytest
import soundfile

import calls
import classifier_sounds
from fae_training.classifiers.listening import SHADES
from test_train_classifiers import trained_verifier


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    return trained_verifier(tmp_path_factory)[0]


@pytest.fixture
def recording(tmp_path):
    """Four seconds of noise, then four of a chord."""
    random = np.random.default_rng(5)
    noise = 0.1 * random.standard_normal(64_000)
    music = np.concatenate([classifier_sounds.clip("music", random) for _ in range(4)])
    soundfile.write(tmp_path / "kitchen.wav", np.concatenate([noise, music]), 16_000)
    return tmp_path / "kitchen.wav"


def test_it_reports_what_it_detects_when_and_that_the_stream_is_exact(verifier, recording):
    heard = calls.answer("listen", recording, "--kind", "speech_verifier", home=verifier)
    assert heard["status"] == "heard"
    assert heard["difference_to_batch"] < 1e-4
    assert heard["milliseconds_a_chunk"] > 0
    first, last = heard["segments"][0], heard["segments"][-1]
    assert (first["class"], last["class"]) == ("noise", "music")
    assert 4 < last["from_s"] < 6.5


def test_a_drawing_has_a_row_for_each_class(verifier, recording):
    answer = calls.script("listen", recording, "--kind", "speech_verifier", "--plot", home=verifier)
    assert answer.status == 0
    rows = {}
    for line in answer.out.splitlines():
        name, _, drawn = line.partition(" ")
        rows[name] = np.array([SHADES.index(c) for c in drawn if c in SHADES])
    heights = np.stack([rows["noise"], rows["music"]])
    noise_first, music_last = heights[:, : heights.shape[1] // 3], heights[:, -10:]
    assert noise_first[0].mean() > noise_first[1].mean()
    assert music_last[1].mean() > music_last[0].mean()


def test_an_unusable_recording_is_an_error(verifier, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(8_000), 16_000)
    for arguments, status, says in (
        ((), 2, "no recording was given"),
        ((tmp_path / "none.wav",), 4, "there is no file"),
        ((tmp_path / "short.wav", "--kind", "speech_verifier"), 2, "lasts 0.50 s"),
        ((tmp_path / "short.wav",), 4, "no keyword classifier is trained"),
    ):
        answer = calls.script("listen", *arguments, "--json", home=verifier)
        assert answer.status == status, answer.out
        assert says in answer.json["error"]["message"]
