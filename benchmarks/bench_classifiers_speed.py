# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "librosa>=0.11",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "numpy",
#   "scipy>=1.14",
#   "soundfile",
#   "soxr",
#   "threadpoolctl",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Speed of the audio classifiers: features compared with librosa, and the light preset on 4,000 clips of one second.

    uv run benchmarks/bench_classifiers_speed.py

Needs no recordings. Features use every core, so they are measured in wall time and in CPU time, which is less sensitive to other programs.
"""

import os
import time

import librosa
import numpy as np
from threadpoolctl import threadpool_limits

from classifier_training import trained
from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers import features
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.sound_files import Recording
from fae_training.environment import mlx_on_linux
from fae_training.lifecycle.kinds import KINDS

CLIPS, CLIPS_FOR_LIBROSA = 256, 64
REPETITIONS = 7


def by_librosa(samples: np.ndarray) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=SAMPLE_RATE,
        n_fft=features.FFT_SIZE,
        win_length=features.WINDOW_SIZE,
        hop_length=features.HOP,
        center=False,
        n_mels=features.BANDS,
        fmin=features.LOWEST_HZ,
        fmax=features.HIGHEST_HZ,
        htk=True,
        norm=None,
    )
    return np.log(power + features.LOG_FLOOR)


def measure_features() -> None:
    random = np.random.default_rng(0)
    clips = (0.1 * random.standard_normal((CLIPS, SAMPLE_RATE))).astype(np.float32)
    clocks = {
        f"wall time, {os.cpu_count()} cores": time.perf_counter,
        "CPU time": time.process_time,
    }
    for what, clock in clocks.items():
        ratios = []
        # Idle threads of the matrix library would cost librosa's small products a hundred times their own time.
        with threadpool_limits(1):
            for _ in range(1 + REPETITIONS):
                began = clock()
                for samples in clips[:CLIPS_FOR_LIBROSA]:
                    by_librosa(samples)
                middle = clock()
                features.log_mel(clips)
                ratios.append((middle - began) / CLIPS_FOR_LIBROSA / ((clock() - middle) / CLIPS))
        ratios = ratios[1:]
        print(
            f"features: {np.median(ratios):.1f} times as fast as librosa clip by clip ({what}; "
            f"median of {REPETITIONS}, {min(ratios):.1f} to {max(ratios):.1f})"
        )


def measure_training() -> None:
    random = np.random.default_rng(0)
    kind, sounds = CLASSIFIERS["keyword"], []
    for number in range(4_000):
        name = kind.classes[number % len(kind.classes)]
        level = 1e-4 if name == "silence" else 0.1
        envelope = np.repeat(random.random(16), SAMPLE_RATE // 16)
        samples = (random.standard_normal(SAMPLE_RATE) * level * envelope).astype(np.float32)
        sounds.append(Recording(name, f"s{number % 50}", f"{number}", "recorded", samples))
    began, wall = time.process_time(), time.monotonic()
    trained(kind, sounds, KINDS["keyword"].presets["light"])
    print(
        f"light preset on 4,000 clips of a second: {time.process_time() - began:.0f} CPU s, "
        f"{time.monotonic() - wall:.0f} s of wall time"
    )


if __name__ == "__main__":
    mlx_on_linux.use_openblas()
    measure_features()
    measure_training()
