"""The classifiers' network: convolutions over log-mel frames, then statistics over the window of both.

No convolution is padded, so each output frame depends on a fixed stretch of input frames and on nothing else:
a stream can compute each frame once, keep it, and get exactly what a whole window gives. The statistics pooling
is what tells a word from running speech on few recordings (the maximum: did it happen; the deviation: how
unevenly). The statistics of the frames themselves are what tells music from noise (how much each band changes from frame
to frame); docs/classifiers.md says what they gave.
"""

import mlx.core as mx
import mlx.nn as nn

# Added to a variance before its root: far under a channel's variance, enough for a constant channel's gradient.
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
        # Shifted slices beside each other and one matrix product: MLX's own convolution on a processor takes
        # several times as long in training (benchmarks/bench_classifiers.py measures both).
        reach = (frames - 1) * self._stride + 1
        starts = [i * self._dilation for i in range(self._width)]
        x = mx.concatenate([x[:, s : s + reach : self._stride] for s in starts], axis=-1)
        # Layer norm: the mean over the channels goes with the weights' own, once, instead of with each frame's.
        centred = self.weight - self.weight.mean(axis=1, keepdims=True)
        return mx.maximum(mx.fast.rms_norm(x @ centred, self.scale, EPSILON) + self.offset, 0)


def convolutions(layers: list, bands: int) -> list[Convolution]:
    """`layers` is a list of {"outputs", "width", "stride", "dilation"}."""
    sizes = [bands] + [layer["outputs"] for layer in layers]
    return [Convolution(inputs, **layer) for inputs, layer in zip(sizes[:-1], layers, strict=True)]


def hidden_statistics(x) -> list:
    """[batch, hidden frames, channels] -> mean, deviation and maximum over the frames, [batch, channels] each."""
    return [x.mean(axis=1), mx.sqrt(x.var(axis=1) + EPSILON), x.max(axis=1)]


class Member(nn.Module):
    """One network: [batch, frames, bands] normalised frames and their statistics -> [batch, classes] logits."""

    def __init__(self, layers: list, classes: int, bands: int, dropout: float):
        super().__init__()
        self.convolutions = convolutions(layers, bands)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(3 * bands + 3 * layers[-1]["outputs"], classes)

    def __call__(self, x, pooled: list):
        for convolution in self.convolutions:
            x = convolution(x)
        return self.output(self.dropout(mx.concatenate(pooled + hidden_statistics(x), axis=-1)))


class Classifier(nn.Module):
    """[batch, frames, bands] log-mel -> [batch, classes] logits, the mean of `members` networks.

    `mean` and `deviation` [bands] are those of the encoder's training frames and stay as they are.
    """

    def __init__(
        self, layers: list, classes: int, bands: int, members: int, mean, deviation, dropout=0.2
    ):
        super().__init__()
        self._mean, self._deviation = mx.array(mean), mx.array(deviation)
        self.members = [Member(layers, classes, bands, dropout) for _ in range(members)]
        # On a processor each of MLX's streams is a thread: one a member. A GPU fills itself with one.
        device = mx.default_device()
        self._streams = [mx.default_stream(device)] * members
        if device == mx.Device(mx.cpu):
            self._streams[1:] = [mx.new_stream(device) for _ in range(members - 1)]

    def __call__(self, x):
        x, pooled = self._statistics(x)
        return sum(member(x, pooled) for member in self.members) / len(self.members)

    def apart(self, x):
        """As in training: row n is the logits of member n % members alone, so that each learns from rows of its own.

        On a processor the members are computed side by side, and so are their gradients.
        """
        x, pooled = self._statistics(x)
        count = len(self.members)
        logits = []
        for number, member in enumerate(self.members):
            with mx.stream(self._streams[number]):
                own = [statistic[number::count] for statistic in pooled]
                logits.append(member(x[number::count], own))
        return mx.stack(logits, axis=1).reshape(len(x), -1)

    def _statistics(self, x) -> tuple:
        x = (x - self._mean) / self._deviation
        change = mx.abs(x[:, 1:] - x[:, :-1]).mean(axis=1)
        return x, [x.mean(axis=1), mx.sqrt(x.var(axis=1) + EPSILON), change]
