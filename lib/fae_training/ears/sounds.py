"""What is done to a sound: brought to a level, said at another pitch, heard through a loudspeaker and a room."""

import numpy as np

from fae_training.ears.features import SAMPLE_RATE

# The smooth envelope of a spectrum is what the first quefrencies of its cepstrum hold: 1.6 ms, so no pitch under 600 Hz.
ENVELOPE_FRAME, ENVELOPE_QUEFRENCIES = 512, 26


def level(samples, decibels: float) -> np.ndarray:
    """float32 samples whose root mean square is so many decibels over (under: negative) 1."""
    root = np.sqrt(np.mean(np.square(samples))) + 1e-9
    return (samples * (10 ** (decibels / 20) / root)).astype(np.float32)


def at_pitch(samples: np.ndarray, pitch: float, tempo: float) -> np.ndarray:
    """The same words with pitch and formants times `pitch` at `tempo` times the speed.

    Resampled by linear interpolation, then brought to its length by overlapping pieces where they fit best:
    WSOLA (Verhelst and Roelands, ICASSP 1993), pieces of 40 ms, searched 7.5 ms either way.
    """
    shorter = np.interp(
        np.arange(int(len(samples) / pitch)) * pitch, np.arange(len(samples)), samples
    )
    return _stretched(shorter.astype(np.float32), tempo / pitch)


def _stretched(samples: np.ndarray, tempo: float, size: int = 640, reach: int = 120) -> np.ndarray:
    hop = size // 2
    fade = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    length = int(len(samples) / tempo)
    out = np.zeros(length + size, dtype=np.float32)
    padded = np.pad(samples, (reach, 2 * size + reach))
    before = reach
    for at in range(0, length, hop):
        here = reach + int(at * tempo)
        if at:
            # What would follow naturally, looked for around where time has come to.
            natural = padded[before + hop : before + hop + size]
            around = padded[here - reach : here + reach + size]
            here += int(np.correlate(around, natural, "valid").argmax()) - reach
        before = min(here, len(padded) - 2 * size)
        out[at : at + size] += padded[before : before + size] * fade
    return out[:length]


def with_resonances(samples: np.ndarray, factor: float) -> np.ndarray:
    """The same words at the same pitch out of another mouth: the spectral envelope at `factor` times its frequencies.

    A child is not an adult played faster: its pitch is twice as high, its formants are not. The envelope is the liftered
    cepstrum of overlapping frames (Oppenheim and Schafer 1968), divided out and put back where it belongs.
    """
    from scipy.fft import irfft, rfft

    size, hop = ENVELOPE_FRAME, ENVELOPE_FRAME // 2
    # Its squares, half a frame apart, add up to one.
    window = np.sin(np.pi * np.arange(size) / size).astype(np.float32)
    padded = np.pad(samples.astype(np.float32), (hop, 2 * size - len(samples) % size))
    spectra = rfft(np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window)
    cepstra = irfft(np.log(np.abs(spectra) + 1e-5))
    cepstra[:, ENVELOPE_QUEFRENCIES : 1 - ENVELOPE_QUEFRENCIES] = 0
    envelope = rfft(cepstra).real
    highest = envelope.shape[1] - 1
    at = np.minimum(np.arange(highest + 1) / factor, highest)
    below = np.minimum(at.astype(int), highest - 1)
    share = (at - below).astype(np.float32)
    moved = envelope[:, below] * (1 - share) + envelope[:, below + 1] * share
    spectra *= np.exp(np.clip(moved - envelope, -4, 4))
    pieces = irfft(spectra) * window
    # Every second frame begins where the one before the last ended.
    even, odd = pieces[::2].reshape(-1), pieces[1::2].reshape(-1)
    return even[hop : hop + len(samples)] + odd[: len(samples)]


def echo(samples: np.ndarray, random) -> np.ndarray:
    """What a microphone hears of a loudspeaker in the same room: no bass, dull, with a tail of 0.1 to 0.4 s."""
    length = int(random.uniform(0.1, 0.4) * SAMPLE_RATE)
    tail = random.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= 10 ** (random.uniform(-12, -3) / 20) / np.linalg.norm(tail)
    tail[0] = 1.0
    size = 1 << (len(samples) + length).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(tail, size)
    hertz = np.arange(len(spectrum)) * SAMPLE_RATE / size
    spectrum *= (hertz / (hertz + 200.0)) / (1.0 + (hertz / random.uniform(2_500, 6_000)) ** 2)
    return level(np.fft.irfft(spectrum, size)[: len(samples)], random.uniform(-35, -18))
