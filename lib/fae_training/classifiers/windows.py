"""Chooses windows: the words in a recording of a trigger, the loudest parts of any other recording."""

import numpy as np

from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.features import BANDS, FRAMES_PER_CHUNK, mel_power
from fae_training.classifiers.sound_files import Recording

# A frame contains sound if its level is this share of the way from the quietest tenth of the
# recording to its loudest frame, and within RANGE decibels of the loudest.
SHARE_OF_RANGE = 0.35
RANGE = 30.0
# In frames of 12 ms: the longest pause within a word, the shortest word, and the margin left around a word.
LONGEST_PAUSE = 22
SHORTEST_WORD = 10
MARGIN = 2


def levels(power: np.ndarray) -> np.ndarray:
    """[frames, 40] -> [frames] level in decibels, averaged over three frames, without the two lowest bands (mains hum)."""
    loudness = 10 * np.log10(power[:, 2:].sum(axis=1) + 1e-7)
    return np.convolve(np.pad(loudness, 1, mode="edge"), np.ones(3) / 3, "valid")


def utterances(power: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) frames of each run of sound, separated by pauses of over a quarter of a second."""
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
    """(first, end) frames of each word of a trigger. One longer than a window keeps its end, where
    the decision is made.

    A recording of up to one and a half windows counts as one word, whatever pauses it has ("hold
    on").
    """
    found = utterances(power)
    if found and len(power) < 1.5 * window:
        found = [(found[0][0], found[-1][1])]
    return [(max(first, end - window + FRAMES_PER_CHUNK), end) for first, end in found]


def held_out_windows(
    recordings: list[Recording], kind: ClassifierKind, window: int, most: int = 3
) -> tuple[np.ndarray, np.ndarray, list[Recording]]:
    """(mel power [n, window, 40], class numbers [n], recording of each): up to `most` windows of each.

    A word is in the middle of its window; recordings of background classes give their loudest windows,
    without overlap.
    """
    made, labels, sources = [], [], []
    for recording in recordings:
        power = padded(mel_power(recording.samples), window)
        if recording.class_name in kind.triggers:
            starts = [(first + end - window) // 2 for first, end in words(power, window)]
        else:
            blocks = len(power) // window
            energy = power[: blocks * window].reshape(blocks, -1).mean(axis=1)
            starts = [int(block) * window for block in np.argsort(-energy)]
        for start in starts[:most]:
            start = min(max(0, start), len(power) - window)
            made.append(power[start : start + window])
            labels.append(kind.classes.index(recording.class_name))
            sources.append(recording)
    if not made:
        return np.zeros((0, window, BANDS), np.float32), np.zeros(0, np.int32), []
    return np.stack(made), np.array(labels, dtype=np.int32), sources


def padded(power: np.ndarray, frames: int) -> np.ndarray:
    """`power` with at least `frames` frames: a shorter sound is padded with copies of its quietest
    frame on both sides."""
    missing = frames - len(power)
    if missing <= 0:
        return power
    if len(power) == 0:
        return np.zeros((frames, BANDS), dtype=np.float32)
    quiet = power[power.sum(axis=1).argmin()]
    before = missing // 2
    return np.concatenate(
        [np.tile(quiet, (before, 1)), power, np.tile(quiet, (missing - before, 1))]
    )
