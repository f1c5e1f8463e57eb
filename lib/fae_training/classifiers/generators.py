"""Generated music and noise, for what nobody has recordings of.

A classifier trained on a few songs mistakes a solo cello or a drum loop for noise. So each piece of
music draws its own instruments, drums and pattern, and each noise its own objects and machines. All
functions take a numpy Generator, so that a seed gives the same sound.
"""

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.augmentation import echo, level

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 6, 7, 10), (0, 2, 4, 7, 9))
# Ratios of the partials of bars, bells and membranes (Fletcher and Rossing, The Physics of Musical
# Instruments).
INHARMONIC = (
    (1.0, 2.76, 5.40, 8.93),
    (0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 2.67, 4.0),
    (1.0, 1.59, 2.14, 2.30, 2.65, 2.92),
)
LONGEST_NOTE = 2 * SAMPLE_RATE
# What an instrument plays: the share of steps with a note, the octave in semitones, and the voices.
ROLES = {"melody": (0.45, 12, 1), "chords": (0.15, 0, 3), "bass": (0.35, -12, 1)}


def music(random, seconds: float) -> np.ndarray:
    """[seconds * SAMPLE_RATE] float32 at -35 to -12 dB of full scale: an instrument, drums, or a band."""
    count = int(seconds * SAMPLE_RATE)
    samples = np.zeros(count + LONGEST_NOTE, dtype=np.float32)
    step = 60 / random.uniform(60, 180) / random.choice([2, 4]) * SAMPLE_RATE
    root, scale = random.uniform(40, 60), SCALES[random.integers(len(SCALES))]
    kind = random.choice(["one instrument", "drums", "band"], p=[0.35, 0.2, 0.45])
    instruments = {"one instrument": 1, "drums": 0, "band": random.integers(1, 4)}[kind]
    has_drums = kind == "drums" or (kind == "band" and random.random() < 0.7)
    drums = random.integers(1, 6) if has_drums else 0
    for role in random.permutation(list(ROLES))[:instruments]:
        density, octave, voices = ROLES[role]
        play = _instrument(random)

        def chord(play=play, octave=octave, voices=voices) -> np.ndarray:
            notes = root + octave + random.choice(scale, size=voices, replace=False) - 69
            length = min(LONGEST_NOTE, int(step * random.choice([1, 2, 4, 8])))
            return np.sum([play(440.0 * 2 ** (note / 12), length) for note in notes], axis=0)

        _repeat(random, samples, step, density, chord)
    for _ in range(drums):
        stroke = _stroke(random)
        _repeat(random, samples, step, random.uniform(0.05, 0.6), lambda stroke=stroke: stroke)
    samples = samples[:count]
    if random.random() < 0.5:
        samples = echo(samples, random)
    return level(samples, random.uniform(-35, -12))


def _repeat(random, samples: np.ndarray, step: float, density: float, sound) -> None:
    """Add a pattern of eight or sixteen steps to `samples`, repeated with changes, of what sound() draws."""
    steps = random.choice([8, 16])
    pattern = [sound() if not n or random.random() < density else None for n in range(steps)]
    loudness = random.uniform(0.3, 1.0)
    for number, at in enumerate(np.arange(0, len(samples) - LONGEST_NOTE, step).astype(int)):
        if number and random.random() < 0.05:
            pattern[number % steps] = sound() if random.random() < density else None
        if (one := pattern[number % steps]) is not None:
            one = one[: len(samples) - at]
            samples[at : at + len(one)] += np.float32(loudness * random.uniform(0.6, 1.0)) * one


def _instrument(random):
    """play(hertz, count) -> [count] samples with a root mean square of about 1; draws the timbre."""
    ratios = np.arange(1.0, 25)
    if random.random() < 0.2:
        ratios = np.array(INHARMONIC[random.integers(len(INHARMONIC))])
    elif random.random() < 0.2:
        ratios = ratios[::2]  # a pipe that is closed at one end
    strengths = ratios ** -random.uniform(0.3, 2.5) * np.exp(random.normal(0, 0.5, len(ratios)))
    struck = random.random() < 0.5
    decay = np.exp(random.uniform(np.log(0.5), np.log(12))) if struck else 0.0
    faster = random.uniform(0, 0.5)
    attack = random.uniform(0.001, 0.01) if struck else random.uniform(0.02, 0.2)
    vibrato, trill = random.choice([0, 0.003, 0.008]), random.uniform(4, 7)
    breath = 0.0 if struck else random.choice([0, 0.02, 0.1])

    def play(hertz: float, count: int) -> np.ndarray:
        time = np.arange(count, dtype=np.float32) / SAMPLE_RATE
        swaying = time + vibrato / trill * np.sin(2 * np.pi * trill * time)
        phase = (2 * np.pi * hertz * swaying).astype(np.float32)
        tone = np.zeros_like(time)
        for ratio, strength in zip(ratios, strengths, strict=True):
            if ratio * hertz < 0.47 * SAMPLE_RATE:
                fall = np.exp(-time * np.float32(decay * (1 + faster * ratio)))
                tone += (
                    np.float32(strength)
                    * fall
                    * np.sin(np.float32(ratio) * phase + np.float32(ratio))
                )
        tone /= np.sqrt(np.mean(np.square(tone[:3_200]))) + 1e-6
        tone += np.float32(breath) * random.standard_normal(count).astype(np.float32)
        return tone * np.minimum(1, time / np.float32(attack)) * np.minimum(1, time[::-1] / 0.04)

    return play


def _stroke(random) -> np.ndarray:
    """A falling tone and noise: a stroke of a drum, bell or cymbal; its root mean square is about 1."""
    time = np.arange(int(random.uniform(0.15, 1.0) * SAMPLE_RATE)) / SAMPLE_RATE
    lowest = np.exp(random.uniform(np.log(40), np.log(1_500)))
    hertz = lowest * (1 + random.uniform(0, 3) * np.exp(-time * random.uniform(20, 80)))
    tone = np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE) * np.exp(
        -time * random.uniform(6, 30)
    )
    # Differences remove the low frequencies.
    times = random.integers(0, 3)
    noise = np.diff(random.standard_normal(len(time)), n=times, prepend=np.zeros(times))
    noise *= np.exp(-time * np.exp(random.uniform(np.log(4), np.log(120))))
    sound = tone + 10 ** random.uniform(-1.5, 1) * noise
    return (sound / (np.sqrt(np.mean(np.square(sound[:1_600]))) + 1e-6)).astype(np.float32)


def noise(random, seconds: float) -> np.ndarray:
    """[seconds * SAMPLE_RATE] float32 at -45 to -12 dB of full scale: one of these kinds, or two mixed."""
    count = int(seconds * SAMPLE_RATE)
    kinds = (_weather, _machine, _strokes, _calls)
    samples = level(kinds[random.integers(len(kinds))](random, count), 0)
    if random.random() < 0.3:
        other = level(kinds[random.integers(len(kinds))](random, count), random.uniform(-20, 0))
        samples = samples + other
    return level(samples, random.uniform(-45, -12))


def _smooth(random, count: int, knots: int, deviation: float) -> np.ndarray:
    """[count] a positive curve through random values at evenly spaced knots."""
    values = random.normal(0, deviation, knots)
    return np.exp(np.interp(np.linspace(0, knots - 1, count), np.arange(knots), values))


def _weather(random, count: int) -> np.ndarray:
    """Hiss, rain, wind, waves, traffic, a fan: noise with a random spectrum, of varying level."""
    spectrum = np.fft.rfft(random.standard_normal(count))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** random.uniform(0, 1.5)
    spectrum *= _smooth(random, len(spectrum), 12, random.uniform(0, 1.5))
    changes = int(count / SAMPLE_RATE * np.exp(random.uniform(-1.5, 3))) + 2
    return np.fft.irfft(spectrum, count) * _smooth(random, count, changes, random.uniform(0, 0.7))


def _machine(random, count: int) -> np.ndarray:
    """Mains hum, an engine, a saw, a helicopter: 8 to 150 pulses a second, of tones and noise."""
    speed = np.exp(random.uniform(np.log(8), np.log(150))) * _smooth(
        random, count, 8, random.choice([0, 0.1])
    )
    pulse = (1 - np.cumsum(speed) / SAMPLE_RATE % 1) ** random.uniform(1, 12)
    spectrum = np.fft.rfft(pulse - pulse.mean())
    tone = np.fft.irfft(spectrum * _smooth(random, len(spectrum), 30, 1.5), count)
    return level(tone, 0) + level(_weather(random, count) * pulse, random.uniform(-30, 6))


def _strokes(random, count: int) -> np.ndarray:
    """Clicks, steps, a clock, doors, dishes: an object that is struck, regularly or not."""
    samples = 0.003 * random.standard_normal(count)
    stroke = _stroke(random)[: int(random.uniform(0.005, 1.0) * SAMPLE_RATE)]
    apart = np.exp(random.uniform(np.log(0.05), np.log(1.5)))
    regular, at = random.random() < 0.5, random.uniform(0, apart)
    while (first := int(at * SAMPLE_RATE)) < count:
        samples[first : first + len(stroke)] += random.uniform(0.4, 1) * stroke[: count - first]
        at += apart if regular else random.exponential(apart) + 0.03
    return samples


def _calls(random, count: int) -> np.ndarray:
    """Barks, birds, cries, beeps: short gliding tones with pauses."""
    samples, at = 0.003 * random.standard_normal(count), int(random.uniform(0, 0.5) * SAMPLE_RATE)
    hertz = np.exp(random.uniform(np.log(200), np.log(3_500)))
    glides, rough = random.uniform(-0.8, 0.8, 3), random.choice([0, 0, 0.3, 1])
    length, pause = np.exp(random.uniform(np.log(0.05), np.log(0.8))), random.uniform(0.03, 0.8)
    tilt, highest = (
        random.uniform(0.3, 2),
        max(1, min(12, int(7_000 / (hertz * np.exp(glides.max()))))),
    )
    while at < count:
        size = int(length * random.uniform(0.8, 1.2) * SAMPLE_RATE)
        bend = np.interp(np.linspace(0, 2, size), [0, 1, 2], glides)
        phase = 2 * np.pi * np.cumsum(hertz * np.exp(bend)) / SAMPLE_RATE
        tone = sum(n**-tilt * np.sin(n * phase) for n in range(1, highest + 1))
        tone = tone * (1 + rough * random.standard_normal(size)) * np.hanning(size)
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
