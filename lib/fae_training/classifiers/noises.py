"""Generated noise: weather, mains hum and machines, knocks and clicks, animal calls and alarms, babble.

All functions take a numpy Generator, so that a seed gives the same sound, and return samples at SAMPLE_RATE.
"""

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.augmentation import level


def noise(random, seconds: float) -> np.ndarray:
    """[seconds * SAMPLE_RATE] float32 at -45 to -12 dB of full scale: one of the kinds below, or two mixed."""
    count = int(seconds * SAMPLE_RATE)
    kinds = (_hiss, _weather, _hum, _clicks, _machine, _knocks, _calls)
    samples = level(kinds[random.integers(len(kinds))](random, count), 0)
    if random.random() < 0.3:
        other = level(kinds[random.integers(len(kinds))](random, count), random.uniform(-20, 0))
        samples = samples + other
    return level(samples, random.uniform(-45, -12))


def _hiss(random, count: int) -> np.ndarray:
    """Power that falls with 0 to 6 dB an octave: white, pink, brown and between."""
    spectrum = np.fft.rfft(random.standard_normal(count))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** random.uniform(0, 1)
    return np.fft.irfft(spectrum, count)


def _coloured(random, count: int) -> np.ndarray:
    """Noise with a smooth random spectrum, as through a pipe, a window, a fan."""
    hertz = np.linspace(0, 1, count // 2 + 1)
    knots = np.linspace(0, 1, 12)
    curve = np.interp(hertz, knots**2, np.cumsum(random.normal(-0.3, 1.0, len(knots))))
    return np.fft.irfft(np.fft.rfft(random.standard_normal(count)) * np.exp(curve), count)


def _slow(random, count: int, hertz: float) -> np.ndarray:
    """A positive curve with about this many changes per second."""
    knots = random.normal(0, 0.7, max(2, int(count / SAMPLE_RATE * hertz) + 2))
    return np.exp(np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots))


def _weather(random, count: int) -> np.ndarray:
    """Rain, wind, waves, traffic: coloured noise of varying level."""
    return _coloured(random, count) * _slow(random, count, np.exp(random.uniform(-1.5, 3)))


def _hum(random, count: int) -> np.ndarray:
    time = np.arange(count) / SAMPLE_RATE
    base = random.choice([50.0, 60.0]) * random.choice([1, 2])
    tones = sum(
        random.uniform(0.1, 1) / n * np.sin(2 * np.pi * base * n * time + random.uniform(0, 6))
        for n in range(1, 12)
    )
    return tones + 0.05 * random.standard_normal(count)


def _clicks(random, count: int) -> np.ndarray:
    """Single clicks, or a fire's crackle."""
    samples = 0.01 * random.standard_normal(count)
    number = int(np.exp(random.uniform(0, np.log(60))))
    for start in random.integers(0, max(count - 400, 1), size=number):
        decay = np.exp(-np.arange(400) / random.uniform(5, 80)) * random.uniform(0.2, 1)
        samples[start : start + 400] += (decay * random.standard_normal(400))[: count - start]
    return samples


def _machine(random, count: int) -> np.ndarray:
    """An engine, a saw, a helicopter: 8 to 150 pulses a second, each with noise."""
    speed = np.exp(random.uniform(np.log(8), np.log(150))) * _slow(random, count, 1) ** 0.2
    turns = np.cumsum(speed) / SAMPLE_RATE
    stroke = (1 - turns % 1) ** random.uniform(1, 12)
    tone = np.fft.irfft(
        np.fft.rfft(stroke - stroke.mean()) * _filter(random, count // 2 + 1), count
    )
    hiss = _coloured(random, count) * stroke
    mixed = tone / (tone.std() + 1e-9) + random.uniform(0.1, 2) * hiss / (hiss.std() + 1e-9)
    return mixed * _slow(random, count, 0.5)


def _filter(random, bins: int) -> np.ndarray:
    hertz = np.linspace(0, SAMPLE_RATE / 2, bins)
    peaks = np.exp(random.uniform(np.log(150), np.log(5_000), 4))
    around = (1 / (1 + ((hertz - peak) / random.uniform(50, 400)) ** 2) for peak in peaks)
    return 0.05 + sum(around, start=np.zeros(bins))


def _knocks(random, count: int) -> np.ndarray:
    """Steps, a clock, doors, dishes: an object with three resonances that is struck, regularly or not."""
    time = np.arange(int(0.3 * SAMPLE_RATE)) / SAMPLE_RATE
    hit = random.uniform(0.1, 1) * random.standard_normal(len(time)) * np.exp(-time * 150)
    for _ in range(3):
        hertz = np.exp(random.uniform(np.log(80), np.log(4_000)))
        hit += np.sin(2 * np.pi * hertz * time) * np.exp(-time * random.uniform(15, 150))
    apart = np.exp(random.uniform(np.log(0.12), np.log(1.5)))
    regular = random.random() < 0.5
    samples, at = 0.003 * random.standard_normal(count), random.uniform(0, apart)
    while at * SAMPLE_RATE < count:
        first = int(at * SAMPLE_RATE)
        samples[first : first + len(hit)] += random.uniform(0.4, 1) * hit[: count - first]
        at += apart if regular else random.exponential(apart) + 0.03
    return samples


def _calls(random, count: int) -> np.ndarray:
    """Barks, birds, cries, beeps: short gliding tones with pauses."""
    samples, at = 0.003 * random.standard_normal(count), int(random.uniform(0, 0.5) * SAMPLE_RATE)
    hertz = np.exp(random.uniform(np.log(200), np.log(3_500)))
    glides, rough = random.uniform(-0.8, 0.8, 3), random.choice([0, 0, 0.3, 1])
    length, pause = np.exp(random.uniform(np.log(0.05), np.log(0.8))), random.uniform(0.03, 0.8)
    tilt = random.uniform(0.3, 2)
    while at < count:
        size = int(length * random.uniform(0.8, 1.2) * SAMPLE_RATE)
        bend = np.interp(np.linspace(0, 2, size), [0, 1, 2], glides)
        phase = 2 * np.pi * np.cumsum(hertz * np.exp(bend)) / SAMPLE_RATE
        highest = max(1, min(12, int(7_000 / (hertz * np.exp(glides.max())))))
        tone = sum(n**-tilt * np.sin(n * phase) for n in range(1, highest + 1))
        tone = tone + rough * tone * random.standard_normal(size)
        tone *= np.sin(np.pi * np.linspace(0, 1, size)) ** random.uniform(0.2, 1)
        samples[at : at + size] += tone[: count - at]
        at += size + int(pause * random.uniform(0.5, 1.5) * SAMPLE_RATE)
    return samples


def babble(random, seconds: float, voices: list[np.ndarray]) -> np.ndarray:
    """A room full of people: eight of the voices at once, each from a random offset, none of them
    intelligible."""
    count = int(seconds * SAMPLE_RATE)
    samples = np.zeros(count, dtype=np.float32)
    for number in random.integers(len(voices), size=8):
        # np.resize repeats a voice that is too short.
        voice = np.roll(np.resize(voices[number], count), random.integers(count))
        samples += voice / (voice.std() + 1e-6)
    return level(samples, random.uniform(-40, -15))
