"""The features of later Fae's own classifiers by their definition, in plain Python: sums in place of an FFT and a matrix.

    uv run tests/slow_fae_features.py

writes tests/data/fae_features.safetensors: `samples` (16 bits, 16 kHz, divide by 32768) and `mel` [48, 128]. About ten seconds.
"""

import json
import math
import struct
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data" / "fae_features.safetensors"
SAMPLES, FRAMES, BANDS = 5_600, 48, 128  # 0.35 s


def sound() -> list[int]:
    """A gliding tone with an overtone, noise of a linear congruential generator, and digital silence: the same on every machine."""
    state, made = 1, []
    for n in range(SAMPLES):
        state = (1_103_515_245 * state + 12_345) % 2**31
        phase = 2 * math.pi * (200 * n / 16_000 + 900 * (n / 16_000) ** 2)
        tone = 6_000 * math.sin(phase) + 2_000 * math.sin(9 * phase) + 400 * (state / 2**30 - 1)
        made.append(0 if 2_000 < n < 3_200 else round(tone))
    return made


class Slow:
    """The features of `samples`, integers of 16 bits: at(frame, band) is the value of one frame and band."""

    def __init__(self, samples: list[int]):
        count = len(samples) * 3 // 2
        step = (len(samples) - 1) / (count - 1)
        self.sound = []
        for n in range(count):
            below = min(int(n * step), len(samples) - 2)
            part = n * step - below
            between = (1 - part) * samples[below] + part * samples[below + 1]
            self.sound.append(between / 32_768)
        self.count = (count - 1024) // 256 + 1
        self.edges = [700 * (10 ** (mel / 2595) - 1) for mel in self._mels()]
        self.magnitude = cache(self._magnitude)
        self.band = cache(self._band)

    @staticmethod
    def _mels() -> list[float]:
        highest = 2595 * math.log10(1 + 12_000 / 700)
        return [highest * n / (BANDS + 1) for n in range(BANDS + 2)]

    def _magnitude(self, frame: int, number: int) -> float:
        real = imaginary = 0.0
        for k in range(1024):
            window = math.sqrt(2 / 3) * (1 - math.cos(2 * math.pi * k / 1024))
            value = 2 * window * self.sound[256 * frame + k]
            real += value * math.cos(2 * math.pi * number * k / 1024)
            imaginary -= value * math.sin(2 * math.pi * number * k / 1024)
        return math.hypot(real, imaginary)

    def _band(self, frame: int, band: int) -> float:
        left, middle, right = self.edges[band : band + 3]
        total = 0.0
        for number in range(513):
            hertz = number * 24_000 / 1024
            if left < hertz < right:
                rising, falling = (
                    (hertz - left) / (middle - left),
                    (right - hertz) / (right - middle),
                )
                total += 2 / (right - left) * min(rising, falling) * self.magnitude(frame, number)
        return math.log(max(total, 1e-5))

    def at(self, frame: int, band: int) -> float:
        place = frame * (self.count - 1) / (FRAMES - 1)
        below = min(int(place), self.count - 2)
        part = place - below
        return (1 - part) * self.band(below, band) + part * self.band(below + 1, band)


def main() -> None:
    samples = sound()
    slow = Slow(samples)
    mel = [slow.at(frame, band) for frame in range(FRAMES) for band in range(BANDS)]
    data = struct.pack(f"<{SAMPLES}h", *samples) + struct.pack(f"<{len(mel)}f", *mel)
    ends = 2 * SAMPLES, len(data)
    header = {
        "samples": {"dtype": "I16", "shape": [SAMPLES], "data_offsets": [0, ends[0]]},
        "mel": {"dtype": "F32", "shape": [FRAMES, BANDS], "data_offsets": list(ends)},
    }
    text = json.dumps(header).encode()
    DATA.write_bytes(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    main()
