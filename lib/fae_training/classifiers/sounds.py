"""What is done to a sound: brought to a level, said at another pitch, heard through a loudspeaker and a room."""

import numpy as np

from fae_training.classifiers.features import SAMPLE_RATE


def level(samples, decibels: float) -> np.ndarray:
    """float32 samples whose root mean square is so many decibels over (under: negative) 1."""
    root = np.sqrt(np.mean(np.square(samples))) + 1e-9
    return (samples * (10 ** (decibels / 20) / root)).astype(np.float32)


def at_pitch(samples: np.ndarray, pitch: float, tempo: float) -> np.ndarray:
    """The same words with pitch and formants times `pitch` at `tempo` times the speed.

    Resampled by linear interpolation, then brought to its length by overlapping pieces where they fit best:
    WSOLA (Verhelst and Roelands, ICASSP 1993), pieces of 40 ms, searched 7.5 ms either way.
    """
    shorter = np.interp(
        np.arange(int(len(samples) / pitch)) * pitch, np.arange(len(samples)), samples
    )
    return _stretched(shorter.astype(np.float32), tempo / pitch)


def _stretched(samples: np.ndarray, tempo: float, size: int = 640, reach: int = 120) -> np.ndarray:
    hop = size // 2
    fade = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    length = int(len(samples) / tempo)
    out = np.zeros(length + size, dtype=np.float32)
    padded = np.pad(samples, (reach, 2 * size + reach))
    before = reach
    for at in range(0, length, hop):
        here = reach + int(at * tempo)
        if at:
            # What would follow naturally, looked for around where time has come to.
            natural = padded[before + hop : before + hop + size]
            around = padded[here - reach : here + reach + size]
            here += int(np.correlate(around, natural, "valid").argmax()) - reach
        before = min(here, len(padded) - 2 * size)
        out[at : at + size] += padded[before : before + size] * fade
    return out[:length]


def echo(samples: np.ndarray, random) -> np.ndarray:
    """What a microphone hears of a loudspeaker in the same room: no bass, dull, with a tail of 0.1 to 0.4 s."""
    length = int(random.uniform(0.1, 0.4) * SAMPLE_RATE)
    tail = random.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= 10 ** (random.uniform(-12, -3) / 20) / np.linalg.norm(tail)
    tail[0] = 1.0
    size = 1 << (len(samples) + length).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(tail, size)
    hertz = np.arange(len(spectrum)) * SAMPLE_RATE / size
    spectrum *= (hertz / (hertz + 200.0)) / (1.0 + (hertz / random.uniform(2_500, 6_000)) ** 2)
    return level(np.fft.irfft(spectrum, size)[: len(samples)], random.uniform(-35, -18))
