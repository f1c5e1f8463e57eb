"""Where both classifiers start from: convolutions that already know words, each member's from another teacher.

A person records twenty clips, and no network learns from these what vowels and consonants are. The first member's
convolutions have learned to tell made-up words apart, which espeak-ng says in hundreds of voices; the second's to give the
numbers that a network trained on the speech of very many people gives. samples/make_ear_encoder.py makes them, docs/ears.md
says what each gave. The file holds the convolutions of network.py and the mean and deviation of each band.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("encoder.safetensors")


def load() -> dict[str, np.ndarray]:
    """members.<m>.convolutions.<n>.{weight, scale, offset}, mean [40] and deviation [40]."""
    import mlx.core as mx

    return {name: np.array(array) for name, array in mx.load(str(PATH)).items()}
