"""Augmentation on mel power: what a change of tempo moves, by how much, and what stays."""

import numpy as np
import pytest

from fae_training.classifiers.augmentation import at_pace, at_pitch, stretched_to
from fae_training.classifiers.features import mel_power


def tone(hertz):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000)).astype(np.float32)


def test_stretching_to_the_same_length_changes_nothing():
    power = mel_power(np.random.default_rng(0).standard_normal(8_000).astype(np.float32))
    assert np.allclose(stretched_to(power, len(power)), power)


def test_a_stretched_sound_keeps_its_start_its_end_and_its_slope():
    ramp = np.repeat(np.arange(11, dtype=np.float32)[:, None], 40, axis=1)
    slow = stretched_to(ramp, 21)
    assert slow.shape == (21, 40)
    assert np.allclose(slow[:, 0], np.arange(21) / 2)
    assert np.allclose(stretched_to(slow, 11), ramp)


def test_a_frame_lasts_as_long_as_requested():
    ramp = np.repeat(np.arange(10, dtype=np.float32)[:, None], 40, axis=1)
    same, times = at_pace(ramp, np.ones(10))
    assert np.array_equal(same, ramp) and np.array_equal(times, np.arange(11))
    # The first half at half the speed, the second as it was.
    drawn, times = at_pace(ramp, np.repeat([2.0, 1.0], 5))
    assert times.tolist() == [0, 2, 4, 6, 8, 10, 11, 12, 13, 14, 15]
    assert np.allclose(drawn[:10, 0], np.arange(10) / 2)
    assert np.allclose(drawn[10:, 0], np.arange(5, 10))


def test_changing_the_pitch_causes_no_aliasing():
    """7 kHz at 1.6 times is 11.2 kHz, which a resampling without a low-pass turns into 4.8 kHz at -5 dB."""
    high = at_pitch(tone(7_000), 1.6, 1.0)
    assert 20 * np.log10(high.std() / tone(7_000).std()) < -60
    low = at_pitch(tone(1_000), 1.6, 1.0)
    spectrum = np.abs(np.fft.rfft(low * np.hanning(len(low))))
    assert spectrum.argmax() * 16_000 / len(low) == pytest.approx(1_600, rel=0.01)
    assert len(low) == pytest.approx(16_000, abs=2)
