"""Signal processing of speech: resampling, trimming silence, and simulating another room."""

import numpy
import soxr

from fae_training.audio import SAMPLE_RATE


def resample(samples, rate: int):
    """Samples of shape (n,) at `rate` Hz -> 16 kHz, float32."""
    if rate == SAMPLE_RATE:
        return numpy.asarray(samples, dtype=numpy.float32)
    return soxr.resample(samples, rate, SAMPLE_RATE).astype(numpy.float32)


def trim_silence(samples, threshold: float = 0.01, margin_seconds: float = 0.05):
    """Cut both ends down to `margin_seconds` before the first and after the last sample above the threshold."""
    loud = numpy.flatnonzero(numpy.abs(samples) > threshold)
    if loud.size == 0:
        return samples
    margin = int(margin_seconds * SAMPLE_RATE)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def roughen(samples, random):
    """The same words in another room: speed within 5 %, a short echo, noise at 15 to 40 dB, gain within 12 dB.

    `random` is a numpy Generator; the result is float32 in [-1, 1].
    """
    speed = random.uniform(0.95, 1.05)
    if abs(speed - 1) > 0.01:
        positions = numpy.arange(0, len(samples) - 1, speed)
        samples = numpy.interp(positions, numpy.arange(len(samples)), samples)
    if random.random() < 0.5:
        samples = _in_a_room(samples, random)
    power = float(numpy.mean(numpy.square(samples))) + 1e-12
    noise = random.standard_normal(len(samples))
    if random.random() < 0.5:
        # A running mean turns white noise into the hum of a room.
        noise = numpy.convolve(noise, numpy.ones(16) / 4, mode="same")
    samples = samples + noise * numpy.sqrt(power / 10 ** (random.uniform(1.5, 4.0)))
    peak = float(numpy.abs(samples).max()) + 1e-12
    return (samples * (0.9 / peak) * 10 ** (random.uniform(-12, 0) / 20)).astype(numpy.float32)


def _in_a_room(samples, random):
    """Convolve with an exponentially decaying noise tail of 30 to 120 ms, 6 to 20 dB below the direct sound."""
    length = int(random.uniform(0.03, 0.12) * SAMPLE_RATE)
    tail = random.standard_normal(length) * numpy.exp(-6.9 * numpy.arange(length) / length)
    tail *= 10 ** (random.uniform(-20, -6) / 20) / numpy.linalg.norm(tail)
    tail[0] = 1.0
    size = 1 << (len(samples) + length).bit_length()
    product = numpy.fft.rfft(samples, size) * numpy.fft.rfft(tail, size)
    return numpy.fft.irfft(product, size)[: len(samples)]
