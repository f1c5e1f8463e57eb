"""Other speakers, other tempos and other rhythms out of mel power, fast enough to be drawn anew for every example."""

import functools

import numpy as np

from fae_training.classifiers.features import (
    BANDS,
    HIGHEST_HZ,
    LOWEST_HZ,
    hertz_of_mel,
    mel_of_hertz,
)

# Factors are rounded to this many steps per unit of their natural logarithm, so that few matrices are ever made.
STEPS = 80


def with_formants(power: np.ndarray, factor: float) -> np.ndarray:
    """[frames, 40] mel power with every frequency times `factor`: a shorter or a longer vocal tract.

    Vocal tract length perturbation (Jaitly and Hinton, ICML workshop 2013), on the bands instead of the spectrum.
    """
    return power @ _moves(round(np.log(factor) * STEPS))


@functools.cache
def _moves(step: int) -> np.ndarray:
    # [40, 40]: band j takes what is at its centre's frequency over the factor, linearly between two neighbours.
    lowest, highest = mel_of_hertz(LOWEST_HZ), mel_of_hertz(HIGHEST_HZ)
    centres = np.linspace(lowest, highest, BANDS + 2)[1:-1]
    sources = mel_of_hertz(hertz_of_mel(centres) / np.exp(step / STEPS))
    at = np.clip((sources - centres[0]) / (centres[1] - centres[0]), 0, BANDS - 1)
    below = np.minimum(at.astype(int), BANDS - 2)
    matrix = np.zeros((BANDS, BANDS), dtype=np.float32)
    bands = np.arange(BANDS)
    matrix[below, bands] = 1 - (at - below)
    matrix[below + 1, bands] += at - below
    return matrix


def resampled(power: np.ndarray, frames: int) -> np.ndarray:
    """[n, 40] -> [frames, 40], from the first frame to the last, linearly between neighbours; n is at least 2."""
    return _between(power, np.linspace(0, len(power) - 1, frames))


def at_pace(power: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """([m, 40], times [n + 1]): power [n, 40] in which frame i lasts lengths[i] frames and begins at times[i]; n is at least 2."""
    times = np.concatenate([[0.0], np.cumsum(lengths)])
    frames = np.arange(int(times[-2]) + 1)
    return _between(power, np.interp(frames, times[:-1], np.arange(len(power)))), times


def _between(power: np.ndarray, at: np.ndarray) -> np.ndarray:
    # What is at these frames, whole or not, linearly between two neighbours.
    below = np.minimum(at.astype(int), len(power) - 2)
    above = (at - below)[:, None].astype(np.float32)
    return power[below] * (1 - above) + power[below + 1] * above
