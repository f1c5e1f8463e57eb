"""Other speakers and other tempos out of mel power, fast enough to be drawn anew for every example."""

import functools

import numpy as np

from fae_training.ears.features import BANDS, HIGHEST_HZ, LOWEST_HZ, hertz_of_mel, mel_of_hertz

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
    at = np.linspace(0, len(power) - 1, frames)
    below = np.minimum(at.astype(int), len(power) - 2)
    above = (at - below)[:, None].astype(np.float32)
    return power[below] * (1 - above) + power[below + 1] * above
