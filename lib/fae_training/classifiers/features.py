"""Log-mel frames in numpy, as librosa defines them: the same numbers in training, on a stream and in Swift.

A frame is 512 samples, the middle 400 of them under a periodic Hann window; the next frame starts
192 samples (12 ms) later, so that each 36 ms chunk of Fae's capture (576 samples) completes exactly
three frames. There is no padding: frame t depends on samples 192 t to 192 t + 511 alone, so a
stream and a file give the same frames.
"""

import functools
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft  # numpy's takes twice as long

from fae_training.audio import SAMPLE_RATE

CHUNK_SAMPLES = 576
FFT_SIZE = 512
WINDOW_SIZE = 400
MARGIN = (FFT_SIZE - WINDOW_SIZE) // 2
HOP = 192
FRAMES_PER_CHUNK = CHUNK_SAMPLES // HOP
BANDS = 40
LOWEST_HZ = 60.0
HIGHEST_HZ = 7_600.0
# White noise at -68 dB of full scale has about this power in a band; anything quieter is silence.
# With a lower floor the rounding errors of 32-bit spectra become visible (1e-3 beside a loud tone).
LOG_FLOOR = 1e-4

# A block of frames that fits a core's cache: 0.7 MB of samples and as much of spectra, four clips
# of a second. A whole hour would take 600 MB.
FRAMES_AT_ONCE = 324


def frame_count(samples: int) -> int:
    """The number of whole frames in `samples` samples."""
    return max(0, (samples - FFT_SIZE) // HOP + 1)


def samples_for(frames: int) -> int:
    """The number of samples that `frames` frames span."""
    return (frames - 1) * HOP + FFT_SIZE


@functools.cache
def window() -> np.ndarray:
    """[512] periodic Hann window of 400 samples, zero-padded on both sides (librosa's `win_length=400, n_fft=512`)."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW_SIZE) / WINDOW_SIZE)
    return np.pad(hann, MARGIN).astype(np.float32)


def mel_of_hertz(hertz):
    """HTK's mel scale, 2595 log10(1 + f / 700)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)


def hertz_of_mel(mel):
    return 700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0)


@functools.cache
def mel_filterbank(
    bands: int = BANDS, lowest: float = LOWEST_HZ, highest: float = HIGHEST_HZ
) -> np.ndarray:
    """[257, bands] triangular filters with a peak of 1, spaced evenly on HTK's mel scale."""
    edges = hertz_of_mel(np.linspace(mel_of_hertz(lowest), mel_of_hertz(highest), bands + 2))
    bins = np.arange(FFT_SIZE // 2 + 1) * SAMPLE_RATE / FFT_SIZE
    rising = (bins[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    falling = (edges[None, 2:] - bins[:, None]) / np.diff(edges)[None, 1:]
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def mel_power(samples: np.ndarray) -> np.ndarray:
    """[samples] or [clips, samples] in -1 to 1 -> [frames, 40] or [clips, frames, 40]: the power in each mel band."""
    if samples.ndim == 1:
        return mel_power(samples[None])[0]
    frames = frame_count(samples.shape[1])
    out = np.empty((len(samples), frames, BANDS), dtype=np.float32)
    if out.size == 0:
        return out
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    framed = sliding_window_view(samples, FFT_SIZE, axis=1)[:, ::HOP]
    clips = max(1, FRAMES_AT_ONCE // frames)

    def compute(blocks: Iterator[tuple[int, int]]) -> None:
        for clip, start in blocks:
            held = slice(clip, clip + clips), slice(start, start + FRAMES_AT_ONCE)
            _bands(framed[held], out[held])

    blocks = itertools.product(range(0, len(out), clips), range(0, frames, FRAMES_AT_ONCE))
    if len(out) * frames <= FRAMES_AT_ONCE:
        compute(blocks)
    else:  # the threads share one iterator of blocks: a future for each block would cost a tenth more
        list(_threads().map(compute, [blocks] * (os.cpu_count() or 1)))
    return out


@functools.cache
def _threads() -> ThreadPoolExecutor:
    # FFTs and matrix products release Python's lock, so threads compute blocks in parallel.
    return ThreadPoolExecutor(os.cpu_count())


def log_mel(samples: np.ndarray) -> np.ndarray:
    """The natural logarithm of the power in each band plus LOG_FLOOR."""
    power = mel_power(samples)
    power += LOG_FLOOR
    return np.log(power, out=power)


def _bands(framed: np.ndarray, out: np.ndarray) -> None:
    """The power of [clips, frames, 512] samples into `out`, [clips, frames, 40]."""
    windowed = (framed * window()).reshape(-1, FFT_SIZE)
    squares = rfft(windowed).view(np.float32)
    np.square(squares, out=squares)
    power = out.reshape(-1, BANDS)
    for bins, bands, weights in _groups_of_bands():
        np.matmul(squares[:, bins], weights, out=power[:, bands])


@functools.cache
def _groups_of_bands() -> list[tuple[slice, slice, np.ndarray]]:
    # The filterbank is a band matrix, so eight bands at a time are multiplied with only the bins
    # that they span. Each bin of the spectrum is two numbers, real and imaginary, whose squares both count.
    filterbank, groups = mel_filterbank(), []
    for first in range(0, BANDS, 8):
        bands = slice(first, first + 8)
        spanned = np.flatnonzero(filterbank[:, bands].any(axis=1))
        first_bin, end = int(spanned[0]), int(spanned[-1]) + 1
        weights = np.repeat(filterbank[first_bin:end, bands], 2, axis=0)
        groups.append((slice(2 * first_bin, 2 * end), bands, weights))
    return groups
