"""Augmentation of examples: level, pitch and rooms on samples; tempo and rhythm on mel power.

Augmenting mel power is cheap enough to draw anew for every example.
"""

from dataclasses import dataclass

import numpy as np
import soxr

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.features import BANDS

# Smooth curves over the bands, from broad to narrow, imitate the coloration of microphones and rooms.
CURVES = np.stack(
    [np.cos(np.pi * n * (np.arange(BANDS) + 0.5) / BANDS) / n**0.5 for n in range(1, 5)]
)


@dataclass(frozen=True)
class Augmentation:
    """The amounts of augmentation. The effect of each was measured (docs/log.md); zero turns it off.

    pitches: variants of each word and each piece of speech at another pitch, more if a trigger has
    few recordings. mixing: share of examples with noise mixed in, 5 to 25 dB below them. gain:
    largest change of level, either way, in natural logarithms of power. curve: standard deviation
    of the smooth curves over the bands, in the same unit. partial: share of the speech examples
    that are pieces of a trigger. tempo: largest factor of words and speech, either way, in natural
    logarithms. rhythm: the same for stretching the parts of a word against each other. masks:
    share of examples with up to six bands masked, and share with up to eight frames masked
    (SpecAugment, Park et al. 2019).
    """

    pitches: int = 2
    mixing: float = 0.3
    gain: float = 1.8
    curve: float = 0.0
    partial: float = 0.25
    tempo: float = 0.1
    rhythm: float = 0.4
    masks: float = 0.2


# Measured (docs/log.md): curves help with music and harm words, masks do the opposite.
AUGMENTATIONS = {
    "keyword": Augmentation(),
    "speech_verifier": Augmentation(curve=0.5, masks=0.0),
}


def level(samples, decibels: float) -> np.ndarray:
    """float32 samples scaled to a root mean square of `decibels` relative to full scale."""
    root = np.sqrt(np.mean(np.square(samples))) + 1e-9
    return (samples * (10 ** (decibels / 20) / root)).astype(np.float32)


def at_pitch(samples: np.ndarray, pitch: float, tempo: float) -> np.ndarray:
    """The same words with pitch and formants multiplied by `pitch`, `tempo` times as fast.

    Resampled by soxr, whose low-pass filter prevents aliasing, then stretched by WSOLA (Verhelst
    and Roelands, ICASSP 1993) with pieces of 40 ms and a search of 7.5 ms either way.
    """
    shorter = soxr.resample(samples.astype(np.float32), pitch * SAMPLE_RATE, SAMPLE_RATE)
    return _time_stretched(shorter, tempo / pitch)


def in_another_voice(
    random, samples: np.ndarray, pitches=(0.85, 1.6), tempos=(0.88, 1.12)
) -> np.ndarray:
    """at_pitch with both factors drawn, up to a minor sixth: the voices of children and excited
    people, of whom there are few recordings."""
    pitch = np.exp(random.uniform(*np.log(pitches)))
    return at_pitch(samples, float(pitch), random.uniform(*tempos))


def _time_stretched(
    samples: np.ndarray, tempo: float, size: int = 640, reach: int = 120
) -> np.ndarray:
    hop = size // 2
    fade = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    length = int(len(samples) / tempo)
    out = np.zeros(length + size, dtype=np.float32)
    padded = np.pad(samples, (reach, 2 * size + reach))
    before = reach
    for at in range(0, length, hop):
        here = reach + int(at * tempo)
        if at:
            # The piece here that is most similar to the natural continuation of the previous piece.
            natural = padded[before + hop : before + hop + size]
            around = padded[here - reach : here + reach + size]
            here += int(np.correlate(around, natural, "valid").argmax()) - reach
        before = min(here, len(padded) - 2 * size)
        out[at : at + size] += padded[before : before + size] * fade
    return out[:length]


def echo(samples: np.ndarray, random) -> np.ndarray:
    """The sound of a loudspeaker recorded in the same room: little bass and treble, reverberation
    of 0.1 to 0.4 s."""
    length = int(random.uniform(0.1, 0.4) * SAMPLE_RATE)
    tail = random.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= 10 ** (random.uniform(-12, -3) / 20) / np.linalg.norm(tail)
    tail[0] = 1.0
    size = 1 << (len(samples) + length).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(tail, size)
    hertz = np.arange(len(spectrum)) * SAMPLE_RATE / size
    spectrum *= (hertz / (hertz + 200.0)) / (1.0 + (hertz / random.uniform(2_500, 6_000)) ** 2)
    return level(np.fft.irfft(spectrum, size)[: len(samples)], random.uniform(-35, -18))


def stretched_to(power: np.ndarray, frames: int) -> np.ndarray:
    """[n, 40] -> [frames, 40], linearly interpolated from the first frame to the last; n >= 2."""
    return _interpolated(power, np.linspace(0, len(power) - 1, frames))


def at_pace(power: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """([m, 40], times [n + 1]): `power` [n, 40] stretched so that frame i lasts lengths[i] frames and begins at times[i]; n >= 2."""
    times = np.concatenate([[0.0], np.cumsum(lengths)])
    frames = np.arange(int(times[-2]) + 1)
    return _interpolated(power, np.interp(frames, times[:-1], np.arange(len(power)))), times


def _interpolated(power: np.ndarray, at: np.ndarray) -> np.ndarray:
    # Power at fractional frame numbers.
    below = np.minimum(at.astype(int), len(power) - 2)
    above = (at - below)[:, None].astype(np.float32)
    return power[below] * (1 - above) + power[below + 1] * above
