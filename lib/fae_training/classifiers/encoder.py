"""Where the classifiers start from: convolutions that already know words, or sounds, taught in three ways.

A person records twenty clips, and no network learns from these what vowels and consonants are. The first
convolutions have learned to tell made-up words apart, which espeak-ng says in hundreds of voices; the second ones to give the
numbers that a network trained on the speech of very many people gives; the last two those of a network that can name 521 kinds
of sound. samples/make_audio_encoder.py makes them, docs/classifiers.md says what each gave. The file holds the convolutions of network.py
and the mean and deviation of each band.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("encoder.safetensors")


def load(beginnings: tuple[int, ...]) -> dict[str, np.ndarray]:
    """members.<m>.convolutions.<n>.{weight, scale, offset}, mean [40] and deviation [40].

    `beginnings`: for each member of a classifier, which of the file's it begins with (classes.py).
    """
    import mlx.core as mx

    arrays = {name: np.array(array) for name, array in mx.load(str(PATH)).items()}
    chosen = {name: arrays[name] for name in ("mean", "deviation")}
    for member, number in enumerate(beginnings):
        of, own = f"members.{number}.", f"members.{member}."
        chosen |= {own + n.removeprefix(of): a for n, a in arrays.items() if n.startswith(of)}
    return chosen
