"""Pretrained convolutions: the shipped file, the distillation from the speech embedding, and words that none was trained on."""

import os
import signal
from dataclasses import replace

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

import encoder_distillation
import make_audio_encoder
from classifier_sounds import convolutions_of, normalised
from fae_training.classifiers.classes import (
    CLASSIFIERS,
    ENSEMBLE_SIZE,
    LAYERS,
    ONE_SECOND,
    Pretrained,
)
from fae_training.classifiers.features import BANDS, LOG_FLOOR, mel_power
from fae_training.classifiers.network import pretrained
from fae_training.classifiers.runtime import Network
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.windows import held_out_windows

# None of them is among the made-up words that it was trained on.
SAID = ("computer", "kitchen", "hey fae", "volume", "banana", "good night")
WORDS, DISTILLED = Pretrained.MADE_UP_WORDS, Pretrained.SPEECH_EMBEDDING
VOICES = ("en-us+m2", "en-us+f4", "en+m6", "en-gb-scotland+f2", "en-gb-x-rp+m4", "en-us+f1")


def test_the_shipped_file_fits_the_network():
    arrays = pretrained(tuple(Pretrained))
    for member in range(len(Pretrained)):
        inputs = BANDS
        for number, layer in enumerate(LAYERS):
            weight = arrays[f"members.{member}.convolutions.{number}.weight"]
            assert weight.shape == (layer["width"] * inputs, layer["outputs"])
            inputs = layer["outputs"]
    assert len(arrays) == len(Pretrained) * len(LAYERS) * 3 + 2
    assert arrays["mean"].shape == arrays["deviation"].shape == (BANDS,)
    assert all(np.isfinite(a).all() for a in arrays.values())


def test_each_network_is_initialised_with_what_its_kind_names():
    assert all(len(kind.pretrained) == ENSEMBLE_SIZE for kind in CLASSIFIERS.values())
    words, distilled = (pretrained((n,)) for n in (WORDS, DISTILLED))
    both = pretrained((DISTILLED, WORDS))
    weight = "members.{}.convolutions.2.weight".format
    assert not np.array_equal(words[weight(0)], distilled[weight(0)])
    assert np.array_equal(both[weight(0)], distilled[weight(0)])
    assert np.array_equal(both[weight(1)], words[weight(0)])


def with_random_weights(network: Network) -> Network:
    random = np.random.default_rng(0)
    for number, layer in enumerate(network.layers):
        weight = random.normal(0, layer.weight.std(), layer.weight.shape).astype(np.float32)
        network.layers[number] = replace(layer, weight=weight)
    return network


@pytest.fixture(scope="module")
def spoken(espeak):
    """(samples, word, voice) of every word in every voice."""
    return [(espeak(w, v), w, v) for w in SAID for v in VOICES]


def share_distinguished(network: Network, x: np.ndarray, words: np.ndarray, voices: np.ndarray):
    """Each recording by the nearest mean of the words in the other voices, on what the convolutions give."""
    hidden = network.hidden(x)
    seen = np.concatenate([hidden.mean(axis=1), hidden.max(axis=1)], axis=1)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    right = []
    for one, word, voice in zip(seen, words, voices, strict=True):
        means = [seen[(words == w) & (voices != voice)].mean(axis=0) for w in SAID]
        right.append(SAID[int(np.argmax(means @ one))] == word)
    return np.mean(right)


@pytest.mark.parametrize("number", (WORDS, DISTILLED))
def test_words_that_it_was_not_trained_on_are_distinguished_in_any_voice(number, spoken):
    recordings = [Recording("wake", v, w, "synthesised", s) for s, w, v in spoken]

    class ClassifierKind:
        classes, triggers = ("wake",), ("wake",)

    power, _, used = held_out_windows(recordings, ClassifierKind, ONE_SECOND, most=1)
    assert len(power) == len(spoken)
    words = np.array([recording.name for recording in used])
    voices = np.array([recording.speaker for recording in used])
    x = normalised(np.log(power + LOG_FLOOR))
    found = share_distinguished(convolutions_of(number), x, words, voices)
    untrained = with_random_weights(convolutions_of(number))
    assert found > 0.9
    assert found > share_distinguished(untrained, x, words, voices) + 0.1


def test_the_teacher_s_embeddings_are_aligned_with_those_of_its_own_package(spoken):
    teacher = encoder_distillation.Teacher()
    samples = np.concatenate([s for s, *_ in spoken[:4]])
    found = teacher(samples)
    mel = teacher.mel((samples * 32_767).astype(np.float32))[0]
    # Five chunks of 36 ms are eighteen frames of 10 ms; what follows is as long as the package's own steps.
    theirs = teacher.embedding.extract_embeddings(mel[None], stride=18)[0]
    both = min(len(found[::5]), len(theirs))
    assert both > 10
    np.testing.assert_allclose(found[::5][:both], theirs[:both], atol=1e-3)


def test_a_row_of_the_distillation_is_a_sound_and_the_teachers_embedding_of_it(spoken):
    sounds = [("recorded", np.pad(s, 8_000)) for s, *_ in spoken[:6]]
    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    batches = encoder_distillation.SpeechBatches(
        [*sounds, ("no speech", 0.01 * noise)], held=2, seed=3
    )
    one, again, other = batches.batch_at(5), batches.batch_at(5), batches.batch_at(6)
    assert np.array_equal(one["x"], again["x"]) and not np.array_equal(one["x"], other["x"])
    frames = encoder_distillation.FRAMES + 3 * (encoder_distillation.ROW - 1)
    assert one["x"].shape == (encoder_distillation.ROWS, frames, BANDS)
    assert one["y"].shape == (
        encoder_distillation.ROWS,
        encoder_distillation.ROW,
        encoder_distillation.EMBEDDING,
    )
    # No row's targets are those of a held-out sound.
    held = [np.array(y)[0] for _, y in batches.held_out()]
    assert len(held) == 2
    rows = np.array(one["y"]).reshape(-1, encoder_distillation.EMBEDDING)
    distance = np.linalg.norm(rows[:, None] - np.concatenate(held)[None], axis=-1)
    assert distance.min() > 0.1


def test_the_sound_of_a_row_is_that_of_its_targets_at_the_same_time(spoken):
    sounds = [("recorded", np.pad(s, 12_000)) for s, *_ in spoken[:4]]
    noise = 0.01 * np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    batches = encoder_distillation.SpeechBatches([*sounds, ("no speech", noise)], held=0, seed=4)
    batch = batches.batch_at(0)
    frames = batch["x"].shape[1]
    nearest = []
    for x, y in zip(np.array(batch["x"]), np.array(batch["y"]), strict=True):
        found = [np.square(batches._scaled(e) - y[0]).sum(axis=1) for *_, e in batches.sounds]
        number = int(np.argmin([distance.min() for distance in found]))
        if number == len(sounds):  # noise sounds alike at all times
            continue
        chunk, power = int(found[number].argmin()), batches.sounds[number][1]
        shifts = [k for k in (-2, -1, 0, 1, 2) if 0 <= 3 * (chunk + k) <= len(power) - frames]
        stretches = [np.log(power[3 * (chunk + k) :][:frames] + LOG_FLOOR) for k in shifts]
        alike = [((x - x.mean()) * (z - z.mean())).mean() / (z.std() + 1e-6) for z in stretches]
        nearest.append(shifts[int(np.argmax(alike))])
    assert len(nearest) > 20 and np.mean(np.array(nearest) == 0) > 0.9


def test_the_distilled_convolutions_explain_more_of_the_teacher_than_those_trained_on_words(spoken):
    teacher = encoder_distillation.Teacher()
    inputs, targets = [], []
    for samples, *_ in spoken:
        padded = np.pad(samples, (6_000, 14_000))
        embeddings, power = teacher(padded), mel_power(padded)
        count = min(len(embeddings), (len(power) - encoder_distillation.FRAMES) // 3 + 1)
        inputs.append(
            normalised(np.log(power[: encoder_distillation.FRAMES + 3 * (count - 1)] + LOG_FLOOR))
        )
        targets.append(embeddings[:count])
    # The words in two voices are held out.
    voices = np.repeat([voice in VOICES[:2] for *_, voice in spoken], [len(t) for t in targets])
    y = np.concatenate(targets)
    y = (y - y.mean(axis=0)) / (y.std(axis=0) + 1e-6)

    def share_explained(network: Network) -> float:
        view = [
            np.lib.stride_tricks.sliding_window_view(
                network.hidden(x), encoder_distillation.HIDDEN_FRAMES, axis=0
            )
            for x in inputs
        ]
        x = np.concatenate([v.reshape(len(v), -1) for v in view])
        x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
        known, unknown = x[~voices], x[voices]
        weights = np.linalg.solve(
            known.T @ known + 30 * np.eye(known.shape[1]), known.T @ y[~voices]
        )
        missed = np.square(unknown @ weights - y[voices]).mean() / np.square(y[voices]).mean()
        return 1 - missed

    first, second = (share_explained(convolutions_of(number)) for number in (WORDS, DISTILLED))
    assert second > first + 0.05


def test_an_interrupted_pretraining_writes_no_file():
    class Batches:
        asked = 0

        def batch_at(self, index):
            self.asked += 1
            if index == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return {"x": mx.ones((4, 2))}

        def tokens(self, index):
            return 4, 4

    def loss(model, batch):
        return model(batch["x"]).square().sum(), mx.array(4.0), {}

    batches = Batches()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with pytest.raises(SystemExit, match="nothing was written"):
            make_audio_encoder.fitted(nn.Linear(2, 1), batches, loss, 50, 0)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert 2 < batches.asked < 10


def tone_at(hertz):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000)).astype(np.float32)


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1, 1.25])
def test_a_tone_moves_to_where_the_tone_of_the_other_pitch_is(factor):
    moved = encoder_distillation.with_formants(mel_power(tone_at(1_000)), factor).mean(axis=0)
    there = mel_power(tone_at(1_000 * factor)).mean(axis=0)
    assert abs(int(moved.argmax()) - int(there.argmax())) <= 1
    assert moved.argmax() != mel_power(tone_at(1_000)).mean(axis=0).argmax()


def test_another_vocal_tract_leaves_power_power_and_the_factor_one_changes_nothing():
    power = mel_power(np.random.default_rng(1).standard_normal(8_000).astype(np.float32))
    assert (encoder_distillation.with_formants(power, 1.2) >= 0).all()
    assert np.allclose(encoder_distillation.with_formants(power, 1.0), power)
