"""Where both classifiers start from: convolutions that already tell hundreds of made-up words apart.

A person records twenty clips, and no network learns from these what vowels and consonants are. espeak-ng can say any
string of phonemes in dozens of voices, so that is what samples/make_ear_encoder.py has taught it; docs/ears.md says what
it gave. The file holds the convolutions of network.py and the mean and deviation of each band.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("encoder.safetensors")


def load() -> dict[str, np.ndarray]:
    """convolutions.<n>.{weight, scale, offset}, mean [40] and deviation [40]."""
    import mlx.core as mx

    return {name: np.array(array) for name, array in mx.load(str(PATH)).items()}
