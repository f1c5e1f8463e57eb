"""Sounds that nobody has to record: noises, simple music, a room, and another pitch of the same words.

All take a numpy Generator, so that a seed makes the same sound, and give float32 at 16 kHz.
"""

import numpy as np

from fae_training.ears.features import SAMPLE_RATE

# Chords in semitones above their root: major, minor, suspended, seventh.
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 7), (0, 4, 7, 10))


def _level(samples, decibels: float) -> np.ndarray:
    root = np.sqrt(np.mean(np.square(samples))) + 1e-9
    return (samples * (10 ** (decibels / 20) / root)).astype(np.float32)


def noise(random, seconds: float) -> np.ndarray:
    """White, pink, brown, hum of the mains or clicks, at -45 to -12 dB of full scale."""
    count = int(seconds * SAMPLE_RATE)
    kind = random.integers(5)
    if kind < 3:
        # Power falling with 0, 3 and 6 dB an octave: white, pink and brown.
        spectrum = np.fft.rfft(random.standard_normal(count))
        spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** (0.5 * kind)
        samples = np.fft.irfft(spectrum, count)
    elif kind == 3:
        base = random.choice([50.0, 60.0]) * random.choice([1, 2])
        time = np.arange(count) / SAMPLE_RATE
        samples = sum(
            random.uniform(0.1, 1) / n * np.sin(2 * np.pi * base * n * time + random.uniform(0, 6))
            for n in range(1, 12)
        ) + 0.05 * random.standard_normal(count)
    else:
        samples = 0.01 * random.standard_normal(count)
        for start in random.integers(0, max(count - 400, 1), size=random.integers(1, 8)):
            decay = np.exp(-np.arange(400) / random.uniform(5, 80))
            samples[start : start + 400] += (decay * random.standard_normal(400))[: count - start]
    return _level(samples, random.uniform(-45, -12))


def babble(random, seconds: float, voices: list[np.ndarray]) -> np.ndarray:
    """A room full of people: eight of the voices at once, from anywhere in them, none of them to be understood."""
    count = int(seconds * SAMPLE_RATE)
    samples = np.zeros(count, dtype=np.float32)
    for number in random.integers(len(voices), size=8):
        # np.resize repeats a voice that is too short.
        voice = np.roll(np.resize(voices[number], count), random.integers(count))
        samples += voice / (voice.std() + 1e-6)
    return _level(samples, random.uniform(-40, -15))


def music(random, seconds: float) -> np.ndarray:
    """Chords, a melody and sometimes drums, of tones with a random timbre: plucked, blown or bowed."""
    count = int(seconds * SAMPLE_RATE)
    samples = np.zeros(count + 2 * SAMPLE_RATE, dtype=np.float32)
    beat = random.uniform(0.2, 0.7)
    root = random.uniform(45, 68)
    timbre = random.uniform(0.5, 2.5)
    plucked, vibrato = random.random() < 0.6, random.uniform(0, 0.006)
    voices = random.integers(1, 4)
    for number, start in enumerate(np.arange(0, seconds, beat)):
        chord = CHORDS[random.integers(len(CHORDS))]
        for voice in range(voices):
            note = root + chord[random.integers(len(chord))] + 12 * random.integers(-1, 2)
            length = beat * random.choice([0.5, 1, 2, 4] if plucked else [1, 2])
            tone = _tone(random, note, length, timbre, plucked, vibrato)
            first = int(start * SAMPLE_RATE)
            tone = tone[: len(samples) - first]
            samples[first : first + len(tone)] += tone * random.uniform(0.3, 1) / (voice + 1)
        if random.random() < 0.3 * (number % 2 == 0) + 0.2 * (voices > 1):
            first = int(start * SAMPLE_RATE)
            hit = random.standard_normal(1_600) * np.exp(
                -np.arange(1_600) / random.uniform(60, 500)
            )
            samples[first : first + 1_600] += 0.4 * hit[: len(samples) - first].astype(np.float32)
    return _level(samples[:count], random.uniform(-35, -12))


def _tone(random, note, seconds, timbre, plucked, vibrato) -> np.ndarray:
    """One note (MIDI number) of harmonics that fall as n ** -timbre."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = 440.0 * 2 ** ((note - 69) / 12)
    phase = 2 * np.pi * hertz * (time + vibrato / 5.5 * np.sin(2 * np.pi * 5.5 * time))
    highest = max(1, min(16, int(7_000 / hertz)))
    tone = sum(n**-timbre * np.sin(n * phase) for n in range(1, highest + 1))
    attack = np.minimum(1, time / random.uniform(0.003, 0.02 if plucked else 0.12))
    release = np.minimum(1, (seconds - time) / 0.03)
    body = np.exp(-time * random.uniform(1, 8)) if plucked else 1.0
    return (tone * attack * release * body).astype(np.float32)


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
    return _level(np.fft.irfft(spectrum, size)[: len(samples)], random.uniform(-35, -18))
