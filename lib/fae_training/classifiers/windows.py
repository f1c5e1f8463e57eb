"""Where the sound is: words in a recording of a trigger, and the stretches of a texture that are worth a window."""

import numpy as np

from fae_training.classifiers.features import FRAMES_PER_CHUNK, mel_power
from fae_training.classifiers.recordings import Recording

# Sound is what stands so far above the recording's quietest tenth, on the way up to its loudest frame, in decibels.
SHARE_OF_RANGE = 0.35
RANGE = 30.0
# Frames of 12 ms: a pause within a word, the shortest word, and what is left around one.
LONGEST_PAUSE = 22
SHORTEST_WORD = 10
MARGIN = 2


def levels(power: np.ndarray) -> np.ndarray:
    """[frames, 40] -> [frames] decibels, without the two lowest bands (hum), over three frames."""
    loudness = 10 * np.log10(power[:, 2:].sum(axis=1) + 1e-7)
    return np.convolve(np.pad(loudness, 1, mode="edge"), np.ones(3) / 3, "valid")


def utterances(power: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) frames of each stretch of sound; pauses of a quarter of a second divide them."""
    if len(power) < 3:
        return []
    loudness = levels(power)
    quiet, loud = np.percentile(loudness, 10), loudness.max()
    sounding = np.flatnonzero(loudness > max(quiet + SHARE_OF_RANGE * (loud - quiet), loud - RANGE))
    if sounding.size == 0:
        return []
    pauses = np.flatnonzero(np.diff(sounding) > LONGEST_PAUSE)
    firsts = sounding[np.concatenate([[0], pauses + 1])]
    ends = sounding[np.concatenate([pauses, [len(sounding) - 1]])] + 1
    found = [
        (max(0, int(first) - MARGIN), min(len(power), int(end) + MARGIN))
        for first, end in zip(firsts, ends, strict=True)
        if end - first >= SHORTEST_WORD
    ]
    return found or [(int(sounding[0]), int(sounding[-1]) + 1)]


def words(power: np.ndarray, window: int) -> list[tuple[int, int]]:
    """The utterances of a trigger, none longer than a window: of a longer one its end, where the decision falls.

    A recording of up to one and a half windows is one word, whatever its pauses ("hold on").
    """
    found = utterances(power)
    if found and len(power) < 1.5 * window:
        found = [(found[0][0], found[-1][1])]
    return [(max(first, end - window + FRAMES_PER_CHUNK), end) for first, end in found]


def held_out_windows(recordings: list[Recording], ear, window: int, most: int = 3) -> tuple:
    """(log-mel power [n, window, 40], labels [n], names): windows of each recording that hold what it is a sample of.

    A word is in the middle of its window; a texture gives its loudest windows, not overlapping.
    """
    made, labels, names = [], [], []
    for recording in recordings:
        power = padded(mel_power(recording.samples), window)
        if recording.class_name in ear.triggers:
            starts = [(first + end - window) // 2 for first, end in words(power, window)]
        else:
            blocks = len(power) // window
            energy = power[: blocks * window].reshape(blocks, -1).mean(axis=1)
            starts = [int(block) * window for block in np.argsort(-energy)]
        for start in starts[:most]:
            start = min(max(0, start), len(power) - window)
            made.append(power[start : start + window])
            labels.append(ear.classes.index(recording.class_name))
            names.append(f"{recording.speaker or ''}--{recording.name}")
    if not made:
        return np.zeros((0, window, 40), np.float32), np.zeros(0, np.int32), []
    return np.stack(made), np.array(labels, dtype=np.int32), names


def padded(power: np.ndarray, frames: int) -> np.ndarray:
    """At least `frames` frames: a shorter sound is set between copies of its quietest frame."""
    missing = frames - len(power)
    if missing <= 0:
        return power
    if len(power) == 0:
        return np.zeros((frames, 40), dtype=np.float32)
    quiet = power[power.sum(axis=1).argmin()]
    before = missing // 2
    return np.concatenate(
        [np.tile(quiet, (before, 1)), power, np.tile(quiet, (missing - before, 1))]
    )
