"""The features of newer versions of Fae's own classifiers, in numpy: the same numbers as its Swift code.

The formula, step by step: 16 kHz to 24 kHz by linear interpolation; frames of 1,024 samples every
256, unpadded, under a periodic Hann window; magnitudes; 128 triangular bands of unit area on HTK's
mel scale from 0 to 12,000 Hz; the natural logarithm; each band stretched to the same number of
frames, however long the sound is. Nothing is normalised. tests/data/fae_features.safetensors has
test vectors from an independent slow implementation (tests/slow_fae_features.py).
"""

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.features import hertz_of_mel, mel_of_hertz

RATE = 24_000
FFT_SIZE, HOP = 1024, 256
BANDS = 128
# The number of frames to which a sound is stretched (target_frames of config.json).
FRAMES = 48
FLOOR = 1e-5
# Apple's vDSP: its normalised Hann window is sqrt(2/3) (1 - cos), and its real FFT is twice the
# plain transform.
SCALE = 2 * (2 / 3) ** 0.5
# A sound with fewer frames is not classified.
FEWEST_FRAMES = 4


def fae_mel(samples: np.ndarray, frames: int = FRAMES) -> np.ndarray:
    """[samples] at 16 kHz -> [frames, 128] float32. Raises ValueError for a sound that Fae would not classify."""
    count = len(samples) * RATE // SAMPLE_RATE
    if (count - FFT_SIZE) // HOP + 1 < FEWEST_FRAMES:
        raise ValueError(
            f"a sound of {len(samples) / SAMPLE_RATE:.3f} s is too short for {FEWEST_FRAMES} frames"
        )
    at = np.linspace(0, len(samples) - 1, count)
    faster = np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
    magnitude = np.abs(rfft(sliding_window_view(faster, FFT_SIZE)[::HOP] * _window()))
    mel = np.log(np.maximum(magnitude @ _filterbank(), FLOOR))
    at = np.linspace(0, len(mel) - 1, frames)
    below = np.minimum(at.astype(int), len(mel) - 2)
    above = (at - below)[:, None]
    return (mel[below] * (1 - above) + mel[below + 1] * above).astype(np.float32)


@functools.cache
def _window() -> np.ndarray:
    turn = 2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE
    return (SCALE * (1 - np.cos(turn))).astype(np.float32)


@functools.cache
def _filterbank() -> np.ndarray:
    """[513, 128] weights of the bins in each band."""
    edges = hertz_of_mel(np.linspace(0, mel_of_hertz(RATE / 2), BANDS + 2))
    bins = np.arange(FFT_SIZE // 2 + 1)[:, None] * RATE / FFT_SIZE
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - left) / (middle - left), (right - bins) / (right - middle))
    return (np.maximum(triangles, 0) * 2 / (right - left)).astype(np.float32)
