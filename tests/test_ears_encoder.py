"""What both ears start from: the shipped convolutions, which tell words apart that they were never taught."""

import shutil

import numpy as np
import pytest
from fae_training.ears import encoder
from fae_training.ears.classes import LAYERS, ONE_SECOND
from fae_training.ears.features import BANDS, LOG_FLOOR
from fae_training.ears.recordings import Recording
from fae_training.ears.runtime import Member
from fae_training.ears.windows import held_out_windows
from fae_training.speech.synthesis import Synthesiser, Voice

# None of them is among the made-up words that it was trained on.
WORDS = ("computer", "kitchen", "hey fae", "volume", "banana", "good night")
VOICES = ("en-us+m2", "en-us+f4", "en+m6", "en-gb-scotland+f2", "en-gb-x-rp+m4", "en-us+f1")


def test_the_shipped_file_fits_the_network():
    arrays = encoder.load()
    inputs = BANDS
    for number, layer in enumerate(LAYERS):
        weight = arrays[f"convolutions.{number}.weight"]
        assert weight.shape == (layer["width"] * inputs, layer["outputs"])
        inputs = layer["outputs"]
    assert arrays["mean"].shape == arrays["deviation"].shape == (BANDS,)
    assert all(np.isfinite(a).all() for a in arrays.values())


def share_told_apart(arrays: dict, log_mel: np.ndarray, words: np.ndarray, voices: np.ndarray):
    """Each recording by the nearest mean of the words in the other voices, on what the convolutions give."""
    output = {"output.weight": np.zeros((0, 0)), "output.bias": np.zeros(0)}
    network = Member(arrays | output, list(LAYERS))
    hidden = network.hidden((log_mel - arrays["mean"]) / arrays["deviation"])
    seen = np.concatenate([hidden.mean(axis=1), hidden.max(axis=1)], axis=1)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    right = []
    for one, word, voice in zip(seen, words, voices, strict=True):
        means = [seen[(words == w) & (voices != voice)].mean(axis=0) for w in WORDS]
        right.append(WORDS[int(np.argmax(means @ one))] == word)
    return np.mean(right)


def test_words_that_it_never_heard_are_told_apart_whoever_says_them():
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng is missing: apt install espeak-ng, or brew install espeak-ng")
    synthesiser = Synthesiser("espeak-ng", program)
    spoken = [(w, v, synthesiser.speak(w, Voice(v, 160, 50))) for w in WORDS for v in VOICES]
    recordings = [Recording("wake", v, w, "synthesised", s) for w, v, s in spoken]

    class Ear:
        classes, triggers = ("wake",), ("wake",)

    power, _, names = held_out_windows(recordings, Ear, ONE_SECOND, most=1)
    assert len(power) == len(spoken)
    words = np.array([name.split("--")[1] for name in names])
    voices = np.array([name.split("--")[0] for name in names])
    trained = encoder.load()
    random = np.random.default_rng(0)
    untrained = {
        name: random.normal(0, array.std(), array.shape).astype(np.float32)
        if name.endswith("weight")
        else array
        for name, array in trained.items()
    }
    log_mel = np.log(power + LOG_FLOOR)
    found = share_told_apart(trained, log_mel, words, voices)
    assert found > 0.9
    assert found > share_told_apart(untrained, log_mel, words, voices) + 0.1
