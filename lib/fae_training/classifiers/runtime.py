"""The trained classifier in numpy: on windows, on a whole recording, and chunk by chunk as Fae captures sound.

This is the reference for a runtime in Swift. All three ways give the same numbers, because every
frame of every layer depends on a fixed range of input frames. Output frame t of a layer is

    relu(norm(concat(x[t * stride + i * dilation] for i in 0..<width) @ weight) * scale + offset)
    norm(y) = (y - mean(y)) / sqrt(variance(y) + epsilon)        over the channels

The pooled vector is concat(mean, sqrt(variance + epsilon), mean(|x[t+1] - x[t]|)) over the
normalised frames of the window, then concat(mean, sqrt(variance + epsilon), max) over its hidden
frames; the logits of a network are weight @ pooled + bias, and the probabilities softmax(mean of the
networks' logits / temperature).
"""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fae_training.calls.errors import Refused
from fae_training.classifiers.features import CHUNK_SAMPLES, FRAMES_PER_CHUNK, HOP, log_mel
from fae_training.fitting.arrays import load_arrays

# The version of model.json: 2 changed the pooling, 3 introduced the ensemble.
VERSION = 3
EPSILON = 1e-5
# Frames of a recording that are computed at once: a block that fits the cache, where an hour in one
# piece would take four times as long and gigabytes. A multiple of FRAMES_PER_CHUNK.
FRAMES_AT_ONCE = 2_046


@dataclass(frozen=True)
class Layer:
    """One convolution: weight [width * inputs, outputs], then layer norm with scale and offset [outputs], then ReLU."""

    weight: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    width: int
    stride: int
    dilation: int

    @property
    def reach(self) -> int:
        """The number of input frames that one output frame depends on."""
        return (self.width - 1) * self.dilation + 1

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[..., frames, inputs] -> [..., (frames - reach) // stride + 1, outputs]."""
        frames = (x.shape[-2] - self.reach) // self.stride + 1
        last = (frames - 1) * self.stride + 1
        slices = [
            x[..., i * self.dilation : i * self.dilation + last : self.stride, :]
            for i in range(self.width)
        ]
        y = np.concatenate(slices, axis=-1) @ self.weight
        y -= y.mean(axis=-1, keepdims=True)
        y *= self.scale / np.sqrt(np.square(y).mean(axis=-1, keepdims=True) + EPSILON)
        y += self.offset
        return np.maximum(y, 0, out=y)


class Network:
    """One network of the ensemble: convolutions, and a linear layer on statistics of the window."""

    def __init__(self, arrays: dict[str, np.ndarray], layers: list[dict]):
        self.layers = [
            Layer(
                arrays[f"convolutions.{n}.weight"],
                arrays[f"convolutions.{n}.scale"],
                arrays[f"convolutions.{n}.offset"],
                layer["width"],
                layer["stride"],
                layer["dilation"],
            )
            for n, layer in enumerate(layers)
        ]
        self.weight, self.bias = arrays["output.weight"], arrays["output.bias"]

    def hidden_frames(self, frames: int) -> int:
        for layer in self.layers:
            frames = (frames - layer.reach) // layer.stride + 1
        return frames

    def hidden(self, x: np.ndarray) -> np.ndarray:
        """[..., frames, bands] normalised -> [..., hidden frames, channels]."""
        for layer in self.layers:
            x = layer(x)
        return x

    def head(self, statistics: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """[..., 3 * bands] of frame_statistics() and [..., hidden frames, channels] -> [..., classes] logits."""
        deviation = np.sqrt(hidden.var(axis=-2) + EPSILON)
        pooled = [statistics, hidden.mean(axis=-2), deviation, hidden.max(axis=-2)]
        return np.concatenate(pooled, axis=-1) @ self.weight.T + self.bias

    def over(self, x: np.ndarray, statistics: np.ndarray, window: int) -> np.ndarray:
        """[frames, bands] normalised, and frame_statistics of its windows -> [windows, classes] logits."""
        step = FRAMES_PER_CHUNK // int(np.prod([layer.stride for layer in self.layers]))
        windows = sliding_window_view(self.hidden(x), self.hidden_frames(window), axis=0)[::step]
        return self.head(statistics, windows.swapaxes(-1, -2))


class Classifier:
    """An ensemble: log-mel to probabilities. `spec` is the content of model.json."""

    def __init__(self, arrays: dict[str, np.ndarray], spec: dict):
        self.spec = spec
        self.classes: list[str] = spec["classes"]
        self.window: int = spec["window_frames"]
        self.temperature: float = spec["temperature"]
        self.mean, self.deviation = arrays["mean"], arrays["deviation"]
        tensors = [
            {name.removeprefix(f"members.{n}."): array for name, array in arrays.items()}
            for n in range(spec["members"])
        ]
        self.networks = [Network(own, spec["layers"]) for own in tensors]
        self.parameters = sum(a.size for n, a in arrays.items() if n.startswith("members."))

    def normalised(self, x: np.ndarray) -> np.ndarray:
        """[..., frames, bands] log-mel with zero mean and unit variance in each band, by the stored mean and deviation."""
        return (x - self.mean) / self.deviation

    def logits(self, x: np.ndarray) -> np.ndarray:
        """[windows, frames, bands] log-mel -> [windows, classes], in blocks that fit the cache."""
        blocks = [np.zeros((0, len(self.classes)), np.float32)]
        for first in range(0, len(x), 256):
            block = self.normalised(x[first : first + 256])
            statistics = frame_statistics(block)
            blocks.append(self.mean_of(n.head(statistics, n.hidden(block)) for n in self.networks))
        return np.concatenate(blocks)

    def mean_of(self, logits: Iterable[np.ndarray]) -> np.ndarray:
        """The mean of the networks' logits, given as one array for each network."""
        return functools.reduce(np.add, logits) / len(self.networks)

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        return softmax(self.logits(x) / self.temperature)

    def over(self, x: np.ndarray) -> np.ndarray:
        """[frames, bands] log-mel of a recording -> [chunks, classes]: row n is the window that starts at frame 3 n."""
        blocks = [np.zeros((0, len(self.classes)), dtype=np.float32)]
        for first in range(0, len(x) - self.window + 1, FRAMES_AT_ONCE):
            block = self.normalised(
                x[first : first + FRAMES_AT_ONCE - FRAMES_PER_CHUNK + self.window]
            )
            statistics = sliding_statistics(block, self.window)[::FRAMES_PER_CHUNK]
            logits = self.mean_of(n.over(block, statistics, self.window) for n in self.networks)
            blocks.append(softmax(logits / self.temperature))
        return np.concatenate(blocks)


def frame_statistics(x: np.ndarray) -> np.ndarray:
    """[..., frames, bands] -> [..., 3 * bands]: mean, deviation and mean absolute change from frame to frame."""
    deviation = np.sqrt(x.var(axis=-2) + EPSILON)
    change = np.abs(np.diff(x, axis=-2)).mean(axis=-2)
    return np.concatenate([x.mean(axis=-2), deviation, change], axis=-1)


def sliding_statistics(x: np.ndarray, window: int) -> np.ndarray:
    """[frames, bands] -> [frames - window + 1, 3 * bands]: frame_statistics of the window that starts at each frame."""

    def means(values: np.ndarray, length: int) -> np.ndarray:
        # Differences of running sums, which are small compared with the sums, so they are in 64 bits.
        sums = np.cumsum(values, axis=0, dtype=np.float64)
        sums = np.concatenate([np.zeros((1, values.shape[1])), sums])
        return (sums[length:] - sums[:-length]) / length

    mean = means(x, window)
    variance = means(np.square(x, dtype=np.float64), window) - np.square(mean)
    deviation = np.sqrt(np.maximum(variance, 0) + EPSILON)
    change = means(np.abs(np.diff(x, axis=0)), window - 1)
    return np.concatenate([mean, deviation, change], axis=1, dtype=np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def load(directory: Path) -> Classifier:
    """The classifier in a run's adapters/ directory. Raises Refused if another version of this
    skill wrote it."""
    spec = json.loads((directory / "model.json").read_text())
    if spec["version"] != VERSION:
        raise Refused(
            "other_version",
            f"{directory} holds version {spec['version']} of the classifier; this skill runs version {VERSION}",
            f"uv run scripts/rollback.py --kind {spec['kind']} if it is active, then uv run scripts/train_{spec['kind']}.py",
        )
    arrays, _ = load_arrays(directory / "model.safetensors")
    return Classifier({name: np.array(array) for name, array in arrays.items()}, spec)


class NetworkStream:
    """A network's convolutions on frames as they arrive: each layer keeps the frames that its next
    output needs."""

    def __init__(self, network: Network, window: int):
        self.network, self.length = network, network.hidden_frames(window)
        self.waiting = [np.zeros((0, 0), dtype=np.float32)] * len(network.layers)
        self.hidden = np.zeros((0, 0), dtype=np.float32)

    def push(self, x: np.ndarray) -> np.ndarray | None:
        """[new frames, bands] normalised -> [hidden frames, channels] of the newest window, None before there is one."""
        for number, layer in enumerate(self.network.layers):
            x = joined(self.waiting[number], x)
            outputs = max(0, (len(x) - layer.reach) // layer.stride + 1)
            self.waiting[number] = x[outputs * layer.stride :]
            if not outputs:
                return None
            x = layer(x)
        self.hidden = joined(self.hidden, x)[-self.length :]
        return self.hidden if len(self.hidden) == self.length else None


def joined(kept: np.ndarray, new: np.ndarray) -> np.ndarray:
    return np.concatenate([kept, new]) if len(kept) else new


class Stream:
    """The classifier on one microphone: push() each chunk of 576 samples.

    It keeps the last samples, the frames of the window and the state of each network, so a chunk
    costs three spectra, one new frame in each layer and the statistics of the window.
    """

    def __init__(self, classifier: Classifier):
        self.classifier = classifier
        self.samples = np.zeros(0, dtype=np.float32)
        self.window = np.zeros((0, len(classifier.mean)), dtype=np.float32)
        self.networks = [NetworkStream(n, classifier.window) for n in classifier.networks]

    def push(self, chunk: np.ndarray) -> np.ndarray | None:
        """[576] samples -> [classes] probabilities of the newest whole window, None before there is one."""
        if chunk.shape != (CHUNK_SAMPLES,):
            raise ValueError(f"a chunk is ({CHUNK_SAMPLES},), not {chunk.shape}")
        self.samples = np.concatenate([self.samples, chunk])
        x = log_mel(self.samples)
        self.samples = self.samples[len(x) * HOP :]
        model = self.classifier
        x = model.normalised(x)
        self.window = np.concatenate([self.window, x])[-model.window :]
        # All networks have the same layers, so all or none of them have a whole window.
        newest = (stream.push(x) for stream in self.networks)
        hidden = [kept for kept in newest if kept is not None]
        if not hidden:
            return None
        statistics = frame_statistics(self.window)
        heads = zip(model.networks, hidden, strict=True)
        logits = model.mean_of(network.head(statistics, kept) for network, kept in heads)
        return softmax(logits / model.temperature)


class Trigger:
    """Decides when a class is detected: its smoothed probability reaches the operating threshold.

    A refractory period follows each detection, so that one word is detected once.
    """

    def __init__(self, spec: dict):
        self.threshold, self.smoothing = spec["threshold"], spec["smoothing_chunks"]
        self.refractory_chunks = spec["refractory_chunks"]
        self.recent: list[float] = []
        self.refractory_left = 0

    def push(self, probability: float) -> bool:
        """Whether the class is detected at this chunk, whose probability is given."""
        self.recent = [*self.recent, probability][-self.smoothing :]
        if self.refractory_left:
            self.refractory_left -= 1
            return False
        if len(self.recent) < self.smoothing or np.mean(self.recent) < self.threshold:
            return False
        self.refractory_left = self.refractory_chunks
        return True
