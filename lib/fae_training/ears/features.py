"""Log-mel frames, in numpy, by librosa's definitions: the same numbers in training, in a stream and in Swift.

A frame is 512 samples, the middle 400 of them under a periodic Hann window; the next frame starts 192 samples (12 ms)
later, so that one 36 ms chunk of Fae's capture (576 samples) completes three frames, always. Nothing is
padded: frame t depends on samples 192 t to 192 t + 511 alone, which is why a stream gives what a file gives.
"""

import functools
import itertools

import numpy as np

SAMPLE_RATE = 16_000
CHUNK_SAMPLES = 576
FFT_SIZE = 512
WINDOW_SIZE = 400
HOP = 192
FRAMES_PER_CHUNK = CHUNK_SAMPLES // HOP
BANDS = 40
LOWEST_HZ = 60.0
HIGHEST_HZ = 7_600.0
# White noise 68 dB under full scale has about this power in a band: whatever is quieter is silence. A lower floor would let
# the rounding of 32-bit spectra show (1e-3 beside a loud tone).
LOG_FLOOR = 1e-4

# A block of frames that stays in the processor's cache: 1 MB; an hour framed at once would be 600.
FRAMES_AT_ONCE = 512


def frame_count(samples: int) -> int:
    """How many whole frames `samples` samples hold."""
    return max(0, (samples - FFT_SIZE) // HOP + 1)


def samples_for(frames: int) -> int:
    """How many samples `frames` frames span."""
    return (frames - 1) * HOP + FFT_SIZE


@functools.cache
def window() -> np.ndarray:
    """[512] periodic Hann of 400 samples, centred between zeros (librosa's `win_length=400, n_fft=512`)."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW_SIZE) / WINDOW_SIZE)
    margin = (FFT_SIZE - WINDOW_SIZE) // 2
    return np.pad(hann, margin).astype(np.float32)


def mel_of_hertz(hertz):
    """HTK's mel scale."""
    return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)


def hertz_of_mel(mel):
    return 700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0)


@functools.cache
def mel_filterbank() -> np.ndarray:
    """[257, 40] triangles that peak at 1, spaced evenly on HTK's mel scale, 2595 log10(1 + f / 700)."""

    edges = hertz_of_mel(np.linspace(mel_of_hertz(LOWEST_HZ), mel_of_hertz(HIGHEST_HZ), BANDS + 2))
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
    samples = np.asarray(samples, dtype=np.float32)
    clips = max(1, FRAMES_AT_ONCE // frames)
    for clip in range(0, len(out), clips):
        for start in range(0, frames, FRAMES_AT_ONCE):
            end = min(start + FRAMES_AT_ONCE, frames)
            block = samples[clip : clip + clips, start * HOP : (end - 1) * HOP + FFT_SIZE]
            out[clip : clip + clips, start:end] = _bands(block, end - start)
    return out


def log_mel(samples: np.ndarray) -> np.ndarray:
    """The natural logarithm of the power in each band plus LOG_FLOOR."""
    return np.log(mel_power(samples) + LOG_FLOOR)


def _bands(samples: np.ndarray, frames: int) -> np.ndarray:
    import mlx.core as mx

    # mlx transforms many frames per instruction; numpy takes them one by one, four times as long.
    with mx.stream(mx.cpu):
        held = mx.contiguous(mx.array(samples))
        shape, strides = (len(samples), frames, FFT_SIZE), (samples.shape[1], HOP, 1)
        spectrum = mx.fft.rfft(mx.as_strided(held, shape, strides) * mx.array(window()))
        squares = np.square(np.asarray(spectrum).view(np.float32))
    squares = squares.reshape(len(samples) * frames, -1)
    power = np.zeros((len(squares), BANDS), dtype=np.float32)
    for bins, bands, weights in _blocks_of_bins():
        power[:, bands] += squares[:, bins] @ weights
    return power.reshape(len(samples), frames, BANDS)


@functools.cache
def _blocks_of_bins() -> list[tuple[slice, slice, np.ndarray]]:
    # The filterbank is a band matrix: in four blocks half of its zeros are never multiplied. Each bin of the spectrum is two
    # numbers, real and imaginary: both squares go to the bin's bands.
    filterbank, blocks = mel_filterbank(), []
    edges = np.linspace(0, len(filterbank), 5).astype(int)
    for first, end in itertools.pairwise(edges):
        bands = np.flatnonzero(filterbank[first:end].any(axis=0))
        bands = slice(int(bands[0]), int(bands[-1]) + 1)
        weights = np.repeat(filterbank[first:end, bands], 2, axis=0)
        blocks.append((slice(2 * first, 2 * end), bands, weights))
    return blocks
