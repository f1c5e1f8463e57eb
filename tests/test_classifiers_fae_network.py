"""Later Fae's own classifier: its features against a slow formula, its network against its definition, its files as Fae loads them."""

import random

import mlx.core as mx
import numpy as np
import pytest

import classifier_sounds
import slow_fae_features
from fae_training.app import app_files
from fae_training.classifiers import fae_network, runtime
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.fae_features import fae_mel
from fae_training.classifiers.fae_network import FaeNetwork, as_fae_loads
from fae_training.classifiers.sound_files import Recording
from fae_training.fitting.arrays import load_arrays

KEYWORD = CLASSIFIERS["keyword"]


@pytest.fixture(scope="module")
def vectors():
    arrays, _ = load_arrays(slow_fae_features.DATA)
    return {name: np.array(array) for name, array in arrays.items()}


def test_the_vectors_are_what_the_slow_formula_gives(vectors):
    samples = slow_fae_features.sound()
    assert vectors["samples"].tolist() == samples
    slow = slow_fae_features.Slow(samples)
    assert slow.count == 29, "0.35 s are 29 frames"
    draw = random.Random(0)
    for frame, band in [(0, 0), (47, 127), *((draw.randrange(48), draw.randrange(128)) for _ in range(12))]:  # fmt: skip
        assert vectors["mel"][frame, band] == pytest.approx(slow.at(frame, band), abs=1e-5)


def test_the_features_are_those_of_the_vectors(vectors):
    found = fae_mel(vectors["samples"].astype(np.float32) / 32_768)
    assert found.shape == (48, 128) and found.dtype == np.float32
    assert np.abs(found - vectors["mel"]).max() < 2e-3
    assert vectors["mel"].min() == np.float32(np.log(1e-5)), "the floor is in them"


def test_a_sound_is_stretched_however_long_it_is_and_not_classified_when_too_short():
    tone = 0.1 * np.sin(2 * np.pi * 1_000 * np.arange(32_000) / 16_000)
    short, long = fae_mel(tone[:6_000]), fae_mel(tone)
    assert short.shape == long.shape == (48, 128)
    assert np.abs(short - long).max(axis=0)[short[0].argmax()] < 0.05
    with pytest.raises(ValueError, match="too short"):
        fae_mel(tone[:1_100])


def by_definition(x: np.ndarray, tensors: dict) -> np.ndarray:
    """[frames, 128] -> [classes] logits: zero padding, every second frame after two of the convolutions, the mean."""
    for number, step in ((1, 2), (2, 2), (3, 1)):
        weight, bias = tensors[f"conv{number}.weight"], tensors[f"conv{number}.bias"]
        padded = np.pad(x, ((1, 1), (0, 0)))
        frames = [np.einsum("oki,ki->o", weight, padded[t : t + 3]) for t in range(len(x))]
        x = np.maximum(np.array(frames) + bias, 0)[::step]
    return tensors["classifier.weight"] @ x.mean(axis=0) + tensors["classifier.bias"]


@pytest.mark.parametrize("frames", [48, 47])
def test_what_fae_loads_is_the_trained_network_with_normalisation_and_temperature_inside(frames):
    mx.random.seed(1)
    draw = np.random.default_rng(0)
    mean, deviation = draw.normal(-5, 1, 128), draw.uniform(1, 3, 128)
    model = FaeNetwork(5, mean.astype(np.float32), deviation.astype(np.float32), dropout=0.5)
    model.eval()
    x = draw.normal(mean, deviation, (2, frames, 128)).astype(np.float32)
    tensors = {name: np.array(array) for name, array in as_fae_loads(model, 1.7).items()}
    expected = model.logits(x) / 1.7
    found = np.stack([by_definition(one, tensors) for one in x])
    assert np.ptp(expected) > 0.01
    assert np.allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("kind", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_its_files_are_what_the_app_loads(kind, tmp_path):
    model = FaeNetwork(len(kind.classes))
    fae_network.save(tmp_path, as_fae_loads(model, 1.0), kind)
    app_files.check_classifier(tmp_path, len(kind.classes))
    assert {p.name for p in tmp_path.iterdir()} == {"model.safetensors", "config.json"}
    x = np.random.default_rng(0).normal(-5, 2, (3, 48, 128))
    assert np.allclose(fae_network.load(tmp_path, kind).logits(x), model.logits(x), atol=1e-4)


def sounds(people: int, each: int = 2) -> list[Recording]:
    random = np.random.default_rng(0)
    return [
        Recording(name, f"s{person}", f"{name} {n}", "recorded", classifier_sounds.clip(name, random).astype(np.float32))
        for name in KEYWORD.classes
        for person in range(people)
        for n in range(each)
    ]  # fmt: skip


def test_segments_to_train_on_have_the_shares_of_the_classes_and_hold_the_words():
    found = fae_network.to_train_on(sounds(2), KEYWORD, 200, seed=3)
    assert found.fae.shape == (200, 48, 128) and found.log_mel.shape == (200, 97, 40)
    assert np.isfinite(found.fae).all()
    share = np.bincount(found.labels, minlength=5) / 200
    assert np.abs(share - [KEYWORD.shares[c] for c in KEYWORD.classes]).max() < 0.1
    again = fae_network.to_train_on(sounds(2), KEYWORD, 200, seed=3)
    assert np.array_equal(found.fae, again.fae) and np.array_equal(found.labels, again.labels)
    # A word rises in pitch: the loudest band of wake goes up, that of interrupt down.
    held = fae_network.held_out(sounds(3), KEYWORD, seed=1)
    for name, sign in (("wake", 1), ("interrupt", -1)):
        of = held.fae[held.labels == KEYWORD.classes.index(name)].astype(np.float32)
        loudest = of.argmax(axis=2)[:, [16, 32]]
        assert (sign * np.diff(loudest, axis=1) > 0).mean() > 0.7


def test_figures_compare_both_forms_on_the_same_segments():
    held = fae_network.held_out(sounds(2), KEYWORD, seed=1)

    class Knows(FaeNetwork):
        def logits(self, segments):
            return np.eye(5)[held.labels]

    class Silent(runtime.Classifier):
        def __init__(self):
            pass

        def logits(self, x):
            return np.eye(5)[np.full(len(x), 3)]

    by = {f.name: f for f in fae_network.figures(held, {"candidate": Knows(5)}, {"candidate": Silent()}, KEYWORD)}  # fmt: skip
    assert (by["fae_macro_f1"].candidate, by["segments_macro_f1"].candidate < 0.2) == (1.0, True)
    assert by["fae_macro_f1"].current == by["fae_macro_f1"].base < 0.2, "nothing is deployed"
    assert (by["fae_wake_heard"].candidate, by["fae_wake_mistaken"].candidate) == (1.0, 0.0)
    assert fae_network.figures(held, {}, {}, KEYWORD) == []
