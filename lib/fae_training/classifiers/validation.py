"""The validation set of a run: it chooses the checkpoint and the temperature, and its windows and streams judge later runs."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fae_training.classifiers.augmentation import AUGMENTATIONS
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.features import LOG_FLOOR
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.streams import StreamOfSound
from fae_training.classifiers.windows import held_out_windows
from fae_training.state import atomic_file

# Batches of augmented examples that are validated on beside whole recordings.
EXAMPLE_BATCHES = 3


@dataclass(frozen=True)
class Windows:
    """Log-mel [n, frames, 40], class numbers [n], and the names of the recordings that the windows are from."""

    log_mel: np.ndarray
    labels: np.ndarray
    names: list[str]


class ValidationSet:
    """Windows of held-out recordings, and augmented examples of them: pieces of words, noise, any offset."""

    def __init__(self, sounds: list[Recording], kind: ClassifierKind, seed: int):
        recorded = [r for r in sounds if r.origin == "recorded"]
        present = {r.class_name for r in recorded}
        # A class without recordings is validated on synthetic sounds.
        used = recorded + [r for r in sounds if r.class_name not in present]
        self.windows: dict[int, Windows] = {}
        for frames in kind.windows:
            power, labels, names = held_out_windows(used, kind, frames)
            self.windows[frames] = Windows(np.log(power + LOG_FLOOR), labels, names)
        self.synthetic = sorted(set(kind.classes) - present)
        unpitched = replace(AUGMENTATIONS[kind.name], pitches=0)
        examples = Examples(sounds, kind, 256, seed + 1, unpitched)
        self.examples = [examples.arrays_at(index) for index in range(EXAMPLE_BATCHES)]

    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(log-mel, class numbers) of all windows of one length, and of each batch of examples."""
        windows = [(w.log_mel, w.labels) for w in self.windows.values() if len(w.labels)]
        return windows + self.examples


def save(path: Path, windows: dict[int, Windows], streams: dict[str, StreamOfSound]) -> None:
    """Write held_out.npz, in half precision: windows by their length in frames, and the streams to measure on."""
    arrays = {}
    for frames, held in windows.items():
        arrays |= {
            f"windows_{frames}": held.log_mel.astype(np.float16),
            f"labels_{frames}": held.labels,
            f"names_{frames}": np.array(held.names, dtype=str),
        }
    for name, stream in streams.items():
        arrays[f"stream_{name}"] = stream.log_mel.astype(np.float16)
        arrays[f"events_{name}"] = np.array([[str(v) for v in e] for e in stream.events], dtype=str)
    with atomic_file(path) as temporary, temporary.open("wb") as out:
        np.savez(out, **arrays)


def load(path: Path) -> tuple[dict[int, Windows], dict[str, StreamOfSound]]:
    """What `save` wrote, in single precision and in the order of the windows' lengths."""
    arrays = np.load(path)
    lengths = sorted(
        int(n.removeprefix("windows_")) for n in arrays.files if n.startswith("windows_")
    )
    windows = {
        frames: Windows(
            arrays[f"windows_{frames}"].astype(np.float32),
            arrays[f"labels_{frames}"],
            arrays[f"names_{frames}"].tolist(),
        )
        for frames in lengths
    }
    streams = {
        name: StreamOfSound(
            arrays[f"stream_{name}"].astype(np.float32),
            [(label, int(first), int(end)) for label, first, end in arrays[f"events_{name}"]],
        )
        for name in (n.removeprefix("stream_") for n in arrays.files if n.startswith("stream_"))
    }
    return windows, streams
