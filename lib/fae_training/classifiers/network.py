"""The classifiers' network in MLX: convolutions over log-mel frames, then statistics of both over the window.

No convolution is padded, so each output frame depends on a fixed range of input frames: a stream
computes each frame once and gets exactly the result of a whole window. Statistics pooling
distinguishes a word from running speech with few recordings (maximum: does it occur; deviation: how
unevenly). The statistics of the input frames distinguish music from noise (how much each band
changes from frame to frame). docs/log.md has the measurements.

A person records twenty clips, which are too few to learn vowels and consonants from. So the
convolutions are initialised with pretrained ones from encoder.safetensors (classes.Pretrained;
samples/make_audio_encoder.py).
"""

from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from fae_training.classifiers.classes import ENSEMBLE_SIZE
from fae_training.fitting.arrays import load_arrays

# The convolutions of several networks, and the mean and deviation of each band over the frames that
# they were trained on.
PRETRAINED = Path(__file__).with_name("encoder.safetensors")

# Added to a variance before its square root: far below that of a channel, and enough for the
# gradient of a constant one.
EPSILON = 1e-5


class Convolution(nn.Module):
    """[batch, frames, inputs] -> [batch, (frames - (width-1) dilation - 1) // stride + 1, outputs], then normalised, then ReLU."""

    def __init__(self, inputs: int, outputs: int, width: int, stride: int, dilation: int):
        super().__init__()
        self._width, self._stride, self._dilation = width, stride, dilation
        # [width * inputs, outputs], He initialisation for ReLU; row i * inputs + c weighs channel c, i * dilation frames in.
        self.weight = mx.random.normal((width * inputs, outputs)) * (2 / (width * inputs)) ** 0.5
        self.scale = mx.ones(outputs)
        self.offset = mx.zeros(outputs)

    def __call__(self, x):
        frames = (x.shape[1] - (self._width - 1) * self._dilation - 1) // self._stride + 1
        # Shifted slices, concatenated, and one matrix product: on a CPU MLX's own convolution takes several times as long
        # in training.
        reach = (frames - 1) * self._stride + 1
        starts = [i * self._dilation for i in range(self._width)]
        x = mx.concatenate([x[:, s : s + reach : self._stride] for s in starts], axis=-1)
        # Layer norm: centring the weights once over the channels replaces centring every frame.
        centred = self.weight - self.weight.mean(axis=1, keepdims=True)
        return mx.maximum(mx.fast.rms_norm(x @ centred, self.scale, EPSILON) + self.offset, 0)


def convolutions(layers: list, bands: int) -> list[Convolution]:
    """`layers` is a list of {"outputs", "width", "stride", "dilation"}."""
    sizes = [bands] + [layer["outputs"] for layer in layers]
    return [Convolution(inputs, **layer) for inputs, layer in zip(sizes[:-1], layers, strict=True)]


def hidden_statistics(x) -> list:
    """[batch, hidden frames, channels] -> mean, deviation and maximum over the frames, [batch, channels] each."""
    return [x.mean(axis=1), mx.sqrt(x.var(axis=1) + EPSILON), x.max(axis=1)]


class Network(nn.Module):
    """One network of the ensemble: [batch, frames, bands] normalised frames and their statistics -> [batch, classes] logits."""

    def __init__(self, layers: list, classes: int, bands: int, dropout: float):
        super().__init__()
        self.convolutions = convolutions(layers, bands)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(3 * bands + 3 * layers[-1]["outputs"], classes)

    def __call__(self, x, pooled: list):
        for convolution in self.convolutions:
            x = convolution(x)
        return self.output(self.dropout(mx.concatenate(pooled + hidden_statistics(x), axis=-1)))


class Ensemble(nn.Module):
    """[batch, frames, bands] log-mel -> [batch, classes] logits, the mean over `networks` networks.

    `mean` and `deviation` [bands] come with the pretrained convolutions and are not trained.
    """

    def __init__(
        self, layers: list, classes: int, mean, deviation, networks=ENSEMBLE_SIZE, dropout=0.2
    ):
        super().__init__()
        bands = len(mean)
        self._mean, self._deviation = mx.array(mean), mx.array(deviation)
        # The attribute's name is part of the file format: tensors are called members.<number>.<...>.
        self.members = [Network(layers, classes, bands, dropout) for _ in range(networks)]
        # On a CPU each MLX stream is a thread: one for each network. One stream keeps a GPU busy.
        device = mx.default_device()
        self._streams = [mx.default_stream(device)] * networks
        if device == mx.Device(mx.cpu):
            self._streams[1:] = [mx.new_stream(device) for _ in range(networks - 1)]

    def __call__(self, x):
        x, pooled = self._statistics(x)
        return sum(network(x, pooled) for network in self.members) / len(self.members)

    def in_turn(self, x):
        """As in training: row n is the logits of network n % networks alone, so that each network
        learns from its own rows.

        On a CPU the networks and their gradients are computed in parallel.
        """
        x, pooled = self._statistics(x)
        count = len(self.members)
        logits = []
        for number, network in enumerate(self.members):
            with mx.stream(self._streams[number]):
                own = [statistic[number::count] for statistic in pooled]
                logits.append(network(x[number::count], own))
        return mx.stack(logits, axis=1).reshape(len(x), -1)

    def _statistics(self, x) -> tuple:
        x = (x - self._mean) / self._deviation
        change = mx.abs(x[:, 1:] - x[:, :-1]).mean(axis=1)
        return x, [x.mean(axis=1), mx.sqrt(x.var(axis=1) + EPSILON), change]


def pretrained(initialisations: tuple[int, ...]) -> dict[str, np.ndarray]:
    """members.<n>.convolutions.<layer>.{weight, scale, offset} of an ensemble, and mean [40] and
    deviation [40].

    `initialisations`: the convolutions of the file for each network of the ensemble
    (classes.Pretrained).
    """
    kept, _ = load_arrays(PRETRAINED)
    arrays = {name: np.array(array) for name, array in kept.items()}
    chosen = {name: arrays[name] for name in ("mean", "deviation")}
    for network, number in enumerate(initialisations):
        source, target = f"members.{number}.", f"members.{network}."
        chosen |= {
            target + n.removeprefix(source): a for n, a in arrays.items() if n.startswith(source)
        }
    return chosen
