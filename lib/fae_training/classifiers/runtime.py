"""The trained classifier in numpy: over windows, over a whole recording, and chunk by chunk as Fae captures it.

This is the reference for a runtime in Swift: what it computes from model.safetensors and model.json, docs/classifiers.md says in
formulas. All three ways give the same numbers, for every frame of every layer depends on a fixed stretch of input.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fae_training.classifiers.features import CHUNK_SAMPLES, FRAMES_PER_CHUNK, HOP, log_mel
from fae_training.errors import Refused

# Of model.json: what is pooled changed with 2, members came with 3.
VERSION = 3
EPSILON = 1e-5


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
        """Input frames that one output frame depends on."""
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


class Member:
    """One of the networks whose logits are averaged: convolutions, and a linear layer over statistics of the window."""

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
        """[frames, bands] normalised, and the statistics of its windows -> [windows, classes] logits."""
        hidden = np.concatenate([self.hidden(block) for block in self._overlapping(x)])
        step = FRAMES_PER_CHUNK // int(np.prod([layer.stride for layer in self.layers]))
        view = np.lib.stride_tricks.sliding_window_view(hidden, self.hidden_frames(window), axis=0)[
            ::step
        ].swapaxes(-1, -2)
        logits = [
            self.head(statistics[i : i + 2_048], view[i : i + 2_048])
            for i in range(0, len(view), 2_048)
        ]
        return np.concatenate(logits)

    def _overlapping(self, x: np.ndarray):
        """Blocks of frames whose hidden frames are those of `x`, end to end: an hour at once would take gigabytes."""
        stride = int(np.prod([layer.stride for layer in self.layers]))
        reach = 1
        for layer in reversed(self.layers):
            reach = (reach - 1) * layer.stride + layer.reach
        size = 2_048
        total = self.hidden_frames(len(x))
        for first in range(0, total, size):
            count = min(size, total - first)
            yield x[first * stride : (first + count - 1) * stride + reach]


class Classifier:
    """Log-mel to probabilities. `spec` is model.json: classes, window_frames, members, layers, temperature, triggers."""

    def __init__(self, arrays: dict[str, np.ndarray], spec: dict):
        self.spec = spec
        self.classes: list[str] = spec["classes"]
        self.window: int = spec["window_frames"]
        self.temperature: float = spec["temperature"]
        self.mean, self.deviation = arrays["mean"], arrays["deviation"]
        own = [
            {name.removeprefix(f"members.{n}."): array for name, array in arrays.items()}
            for n in range(spec["members"])
        ]
        self.members = [Member(tensors, spec["layers"]) for tensors in own]
        self.parameters = sum(a.size for n, a in arrays.items() if n.startswith("members."))

    def hidden_frames(self, frames: int) -> int:
        return self.members[0].hidden_frames(frames)

    def normalised(self, x: np.ndarray) -> np.ndarray:
        """[..., frames, bands] log-mel, each band minus its mean by its deviation."""
        return (x - self.mean) / self.deviation

    def logits(self, x: np.ndarray) -> np.ndarray:
        """[windows, frames, bands] log-mel -> [windows, classes], in blocks that fit the cache."""
        blocks = [np.zeros((0, len(self.classes)), np.float32)]
        for first in range(0, len(x), 256):
            block = self.normalised(x[first : first + 256])
            statistics = frame_statistics(block)
            blocks.append(self.mean_of(m.head(statistics, m.hidden(block)) for m in self.members))
        return np.concatenate(blocks)

    def mean_of(self, logits) -> np.ndarray:
        """The members' logits, one array of each, as one."""
        return sum(logits) / len(self.members)

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        return softmax(self.logits(x) / self.temperature)

    def over(self, x: np.ndarray) -> np.ndarray:
        """[frames, bands] log-mel of a recording -> [chunks, classes]: row n is the window that starts at frame 3 n."""
        if len(x) < self.window:
            return np.zeros((0, len(self.classes)), dtype=np.float32)
        x = self.normalised(x)
        statistics = sliding_statistics(x, self.window)[::FRAMES_PER_CHUNK]
        logits = self.mean_of(m.over(x, statistics, self.window) for m in self.members)
        return softmax(logits / self.temperature)


def frame_statistics(x: np.ndarray) -> np.ndarray:
    """[..., frames, bands] -> [..., 3 * bands]: mean, deviation and mean absolute change from frame to frame."""
    deviation = np.sqrt(x.var(axis=-2) + EPSILON)
    change = np.abs(np.diff(x, axis=-2)).mean(axis=-2)
    return np.concatenate([x.mean(axis=-2), deviation, change], axis=-1)


def sliding_statistics(x: np.ndarray, window: int) -> np.ndarray:
    """[frames, bands] -> [frames - window + 1, 3 * bands]: frame_statistics of the window that starts at each frame."""

    def means(values: np.ndarray, length: int) -> np.ndarray:
        # Differences of running sums, in 64 bits: they are small beside the sums.
        sums = np.cumsum(values, axis=0, dtype=np.float64)
        sums = np.concatenate([np.zeros((1, values.shape[1])), sums])
        return (sums[length:] - sums[:-length]) / length

    blocks = []
    # So many windows at once stay in the cache: an hour takes a quarter of the time that it takes as a whole.
    for first in range(0, len(x) - window + 1, 2_048):
        block = x[first : first + 2_048 + window - 1]
        mean = means(block, window)
        variance = means(np.square(block, dtype=np.float64), window) - np.square(mean)
        deviation = np.sqrt(np.maximum(variance, 0) + EPSILON)
        change = means(np.abs(np.diff(block, axis=0)), window - 1)
        blocks.append(np.concatenate([mean, deviation, change], axis=1, dtype=np.float32))
    return np.concatenate(blocks)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def load(directory: Path) -> Classifier:
    """The classifier in a run's adapters/ directory. Raises Refused where another version of this skill made it."""
    import mlx.core as mx

    spec = json.loads((directory / "model.json").read_text())
    if spec["version"] != VERSION:
        raise Refused(
            "other_version",
            f"{directory} holds version {spec['version']} of the classifier; this skill computes version {VERSION}",
            f"uv run scripts/rollback.py --kind {spec['kind']} if it is active, then uv run scripts/train_{spec['kind']}.py",
        )
    arrays = mx.load(str(directory / "model.safetensors"))
    return Classifier({name: np.array(array) for name, array in arrays.items()}, spec)


class MemberStream:
    """A member's convolutions on frames as they come: each layer keeps the frames that its next output still needs."""

    def __init__(self, member: Member, window: int):
        self.member, self.length = member, member.hidden_frames(window)
        self.waiting = [np.zeros((0, 0), dtype=np.float32)] * len(member.layers)
        self.hidden = np.zeros((0, 0), dtype=np.float32)

    def push(self, x: np.ndarray) -> np.ndarray | None:
        """[new frames, bands] normalised -> [hidden frames, channels] of the newest window, None before there is one."""
        for number, layer in enumerate(self.member.layers):
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

    Keeps the last samples, the frames of the window, and what each member needs of what came before, so a chunk costs three
    spectra, one new frame a layer and the statistics of the window.
    """

    def __init__(self, classifier: Classifier):
        self.classifier = classifier
        self.samples = np.zeros(0, dtype=np.float32)
        self.window = np.zeros((0, len(classifier.mean)), dtype=np.float32)
        self.members = [MemberStream(member, classifier.window) for member in classifier.members]

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
        hidden = [stream.push(x) for stream in self.members]
        if hidden[0] is None:
            return None
        statistics = frame_statistics(self.window)
        members = zip(model.members, hidden, strict=True)
        logits = model.mean_of(member.head(statistics, kept) for member, kept in members)
        return softmax(logits / model.temperature)


class Trigger:
    """When a class counts as heard: its mean probability over some chunks reaches the threshold; then deaf for a while."""

    def __init__(self, spec: dict):
        self.threshold, self.smoothing = spec["threshold"], spec["smoothing_chunks"]
        self.refractory = spec["refractory_chunks"]
        self.recent: list[float] = []
        self.deaf = 0

    def push(self, probability: float) -> bool:
        self.recent = [*self.recent, probability][-self.smoothing :]
        if self.deaf:
            self.deaf -= 1
            return False
        if len(self.recent) < self.smoothing or np.mean(self.recent) < self.threshold:
            return False
        self.deaf = self.refractory
        return True
