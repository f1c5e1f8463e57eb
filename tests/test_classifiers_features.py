"""Log-mel frames: librosa's numbers, whatever the shape in which samples come."""

import numpy as np
import pytest

import quick_librosa
from fae_training.classifiers import features


@pytest.fixture(scope="module")
def sounds():
    """[3, 40000]: noise, a falling tone, and digital silence with one click."""
    random = np.random.default_rng(0)
    time = np.arange(40_000) / features.SAMPLE_RATE
    tone = 0.1 * np.sin(2 * np.pi * (3_000 - 900 * time) * time)
    click = np.zeros(40_000)
    click[20_000] = 0.9
    return np.stack([0.1 * random.standard_normal(40_000), tone, click]).astype(np.float32)


def librosa_log_mel(samples):
    power = quick_librosa.melspectrogram(
        y=samples,
        sr=16_000,
        n_fft=512,
        win_length=400,
        hop_length=192,
        window="hann",
        center=False,
        power=2.0,
        n_mels=40,
        fmin=60,
        fmax=7_600,
        htk=True,
        norm=None,
    )
    return np.log(power + features.LOG_FLOOR).T


def test_the_frames_are_those_of_librosa(sounds):
    found = features.log_mel(sounds)
    assert found.shape == (3, 206, 40)
    for ours, samples in zip(found, sounds, strict=True):
        assert np.abs(ours - librosa_log_mel(samples)).max() < 1e-4


def test_a_clip_alone_in_a_batch_and_in_a_long_recording_gives_the_same_frames(sounds):
    alone = features.log_mel(sounds[0])
    assert np.abs(features.log_mel(sounds)[0] - alone).max() < 1e-5
    minute = np.tile(sounds[0], 24)  # 5,000 frames: several blocks
    assert np.abs(features.log_mel(minute)[:206] - alone).max() < 1e-5


def test_a_chunk_of_36_ms_completes_three_frames():
    counts = [features.frame_count(576 * n) for n in range(1, 30)]
    assert counts[0] == 1
    assert set(np.diff(counts)) == {3}


def test_a_second_holds_81_frames_and_two_hold_165():
    assert features.frame_count(16_000) == 81
    assert features.frame_count(32_000) == 165
    assert features.frame_count(features.samples_for(81)) == 81
    assert features.frame_count(features.samples_for(81) - 1) == 80


def test_a_sound_too_short_for_a_frame_has_none():
    assert features.log_mel(np.zeros(511, np.float32)).shape == (0, 40)
    assert features.log_mel(np.zeros((2, 0), np.float32)).shape == (2, 0, 40)


def test_digital_silence_is_the_floor():
    assert features.log_mel(np.zeros(512, np.float32)) == pytest.approx(np.log(1e-4))
