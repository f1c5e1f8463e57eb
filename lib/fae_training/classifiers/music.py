"""Generated music: single instruments, drums, loops and bands.

A classifier trained on a few songs mistakes a solo cello or a drum loop for noise, and nobody has
recordings of everything. So each piece has random instruments (partials, decays, attacks, breath),
random drums, and a pattern that repeats. All functions take a numpy Generator, so that a seed gives
the same piece.
"""

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.augmentation import level

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 6, 7, 10), (0, 2, 4, 7, 9))
# Ratios of the partials of bars, bells and membranes (Fletcher and Rossing, The Physics of Musical Instruments).
INHARMONIC = (
    (1.0, 2.76, 5.40, 8.93),
    (0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 2.67, 4.0),
    (1.0, 1.59, 2.14, 2.30, 2.65, 2.92),
)
LONGEST_NOTE = 2.0
# Roles of an instrument: the share of steps with a note, and the octave in semitones.
ROLES = {"melody": (0.45, 12), "chords": (0.15, 0), "bass": (0.35, -12), "single notes": (0.1, 0)}
# The share of steps that a drum plays.
DRUMS = {
    "bass drum or tom": 0.2,
    "snare": 0.15,
    "hi-hat or shaker": 0.5,
    "cymbal": 0.1,
    "cowbell or claves": 0.15,
}


def piece(random, seconds: float) -> np.ndarray:
    """[seconds * SAMPLE_RATE] float32 at -35 to -12 dB of full scale: one instrument, drums alone, or a band."""
    step = 60 / random.uniform(60, 180) / random.choice([2, 4])
    kind = random.choice(["one instrument", "drums", "band"], p=[0.35, 0.2, 0.45])
    parts = []
    if kind == "one instrument":
        parts = [(_instrument(random), random.choice(list(ROLES)))]
    elif kind == "band":
        roles = random.permutation(["bass", "chords", "melody"])[: random.integers(1, 4)]
        parts = [(_instrument(random), role) for role in roles]
    samples = np.zeros(int((seconds + LONGEST_NOTE) * SAMPLE_RATE), dtype=np.float32)
    root, scale = random.uniform(40, 60), SCALES[random.integers(len(SCALES))]
    for play, role in parts:
        _play(random, samples, play, role, step, root, scale)
    if kind == "drums" or (kind == "band" and random.random() < 0.7):
        _drum(random, samples, step)
    return level(_produced(random, samples[: int(seconds * SAMPLE_RATE)]), random.uniform(-35, -12))


def _play(random, samples, play, role: str, step: float, root: float, scale) -> None:
    """Add the notes of one instrument to `samples`: a pattern of eight or sixteen steps that repeats with changes."""
    steps = int(random.choice([8, 16]))
    density, octave = ROLES[role]
    if role == "single notes":
        octave = 12 * int(random.integers(-1, 3))
    voices = int(random.integers(2, 5)) if role == "chords" else 1

    def drawn():
        if random.random() > density:
            return None
        notes = [octave + scale[random.integers(len(scale))] for _ in range(voices)]
        return notes, step * random.choice([1, 2, 4, 8]), random.uniform(0.4, 1.0)

    pattern = [drawn() for _ in range(steps)]
    pattern[0] = pattern[0] or ([octave], 4 * step, 1.0)
    loudness, made = random.uniform(0.3, 1.0), {}
    for number, at in enumerate(np.arange(0, len(samples) / SAMPLE_RATE - LONGEST_NOTE, step)):
        if number and random.random() < 0.05:
            pattern[number % steps] = drawn()
        if not (event := pattern[number % steps]):
            continue
        notes, length, strength = event
        for note in notes:
            key = note, length
            if key not in made:
                hertz = 440.0 * 2 ** ((root + note - 69) / 12)
                made[key] = play(hertz, min(length, LONGEST_NOTE))
            _add(samples, made[key], at, loudness * strength / len(notes) ** 0.5)


def _add(samples, sound, at: float, gain: float) -> None:
    first = int(at * SAMPLE_RATE)
    sound = sound[: len(samples) - first]
    samples[first : first + len(sound)] += np.float32(gain) * sound


def _instrument(random):
    """play(hertz, seconds) -> samples with a root mean square of about 1. The timbre is drawn here."""
    struck, modulated = random.random() < 0.5, random.random() < 0.2
    ratios = np.arange(1, 25, dtype=np.float64)
    if random.random() < 0.2:
        ratios = np.array(INHARMONIC[random.integers(len(INHARMONIC))])
    elif random.random() < 0.2:
        ratios = ratios[::2]  # a pipe that is closed at one end
    stiffness = random.choice([0, 0, 1e-4, 5e-4])
    ratios = ratios * np.sqrt(1 + stiffness * ratios**2)
    strengths = ratios ** -random.uniform(0.3, 2.5) * np.exp(random.normal(0, 0.5, len(ratios)))
    decay, faster = np.exp(random.uniform(np.log(0.5), np.log(12))), random.uniform(0, 0.5)
    attack = random.uniform(0.001, 0.01) if struck else random.uniform(0.02, 0.2)
    vibrato, trill = random.choice([0, 0.003, 0.008]), random.uniform(4, 7)
    breath = random.choice([0, 0.02, 0.1]) if not struck else 0.0
    detuned = random.choice([0, 0, 0.004])
    index, ratio = random.uniform(0.5, 6), random.choice([0.5, 1, 2, 3, 1.41])

    def play(hertz: float, seconds: float) -> np.ndarray:
        time = np.arange(int((LONGEST_NOTE if struck else seconds) * SAMPLE_RATE), dtype=np.float32)
        time /= SAMPLE_RATE
        swaying = time + vibrato / trill * np.sin(2 * np.pi * trill * time)
        phase = (2 * np.pi * hertz * swaying).astype(np.float32)
        if modulated:
            # Frequency modulation (Chowning 1973): the depth of the modulation is the brightness, and decays.
            depth = index * np.exp(-time * (decay if struck else 0.5))
            tone = np.sin(phase + depth * np.sin(np.float32(ratio) * phase))
            tone *= np.exp(-time * decay) if struck else 1.0
        else:
            audible = ratios * hertz < 0.47 * SAMPLE_RATE
            tone = np.zeros_like(time)
            for partial, strength in zip(ratios[audible], strengths[audible], strict=True):
                wave = np.sin(np.float32(partial) * phase + np.float32(partial))
                if struck:
                    wave *= np.exp(-time * np.float32(decay * (1 + faster * partial)))
                tone += np.float32(strength) * wave
        if detuned:
            tone = tone + np.interp(time * (1 + detuned), time, tone).astype(np.float32)
        tone = tone / (np.sqrt(np.mean(np.square(tone[:3_200]))) + 1e-6)
        if breath:
            tone = tone + np.float32(breath) * random.standard_normal(len(tone)).astype(np.float32)
        envelope = np.minimum(1, time / np.float32(attack))
        if not struck:
            envelope *= np.minimum(1, (seconds - time) / 0.04)
        return (tone * envelope).astype(np.float32)

    return play


def _drum(random, samples, step: float) -> None:
    """Add a kit of one to five drums to `samples`, each with a pattern that repeats."""
    steps = int(random.choice([8, 16]))
    for kind in random.permutation(list(DRUMS))[: random.integers(1, 6)]:
        sound = _hit(random, kind)
        pattern = random.random(steps) < DRUMS[kind] * random.uniform(0.5, 2)
        pattern[0] = True
        loudness = random.uniform(0.3, 1.0)
        for number, at in enumerate(np.arange(0, len(samples) / SAMPLE_RATE - LONGEST_NOTE, step)):
            if pattern[number % steps]:
                _add(samples, sound, at, loudness * random.uniform(0.6, 1.0))


def _hit(random, kind: str) -> np.ndarray:
    """One stroke of a drum of DRUMS, with a root mean square of about 1."""
    time = np.arange(int(random.uniform(0.15, 1.0) * SAMPLE_RATE)) / SAMPLE_RATE
    noise = random.standard_normal(len(time))
    fall = np.exp(-time * random.uniform(6, 25))
    if kind == "bass drum or tom":
        start, end = random.uniform(100, 400), random.uniform(40, 150)
        hertz = end + (start - end) * np.exp(-time * random.uniform(20, 80))
        sound = np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE) * fall
        sound += 0.3 * noise * np.exp(-time * 200)
    elif kind == "snare":
        tone = np.sin(2 * np.pi * random.uniform(150, 280) * time) * np.exp(-time * 30)
        sound = random.uniform(0.3, 1) * noise * fall + random.uniform(0, 1) * tone
    elif kind == "cowbell or claves":
        partials = random.uniform(400, 3_000) * np.array([1.0, 1.48, 2.3])
        sound = sum(np.sin(2 * np.pi * hertz * time) for hertz in partials) * fall
    else:
        # Differences remove the low frequencies.
        times = int(random.integers(1, 3))
        sound = np.diff(noise, n=times, prepend=np.zeros(times))
        sound *= fall**0.5 if kind == "cymbal" else np.exp(-time * random.uniform(30, 120))
    return (sound / (np.sqrt(np.mean(np.square(sound[:1_600]))) + 1e-6)).astype(np.float32)


def _produced(random, samples: np.ndarray) -> np.ndarray:
    """Simulate a loudspeaker in a room: reverberation, less treble or bass, and distortion, each in
    some of the pieces."""
    if random.random() < 0.5:
        length = int(random.uniform(0.1, 0.8) * SAMPLE_RATE)
        tail = random.standard_normal(length) * np.exp(-np.arange(length) / length * 6)
        size = len(samples) + length
        wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
        wet = wet[: len(samples)]
        samples = samples + random.uniform(0.05, 0.6) * wet * (samples.std() / (wet.std() + 1e-9))
    if random.random() < 0.5:
        spectrum = np.fft.rfft(samples)
        hertz = np.linspace(0, SAMPLE_RATE / 2, len(spectrum))
        if random.random() < 0.5:
            spectrum /= np.sqrt(1 + (hertz / random.uniform(1_000, 6_000)) ** 4)
        else:
            spectrum *= hertz / np.sqrt(hertz**2 + random.uniform(80, 500) ** 2)
        samples = np.fft.irfft(spectrum, len(samples))
    if random.random() < 0.3:
        samples = np.tanh(samples / (samples.std() + 1e-9) * random.uniform(0.5, 2))
    return samples
