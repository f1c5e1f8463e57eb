"""The held-out data of a training: the validation set for choosing, and the windows and streams for judging."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from fae_training.classifiers.augmentation import AUGMENTATIONS
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.features import LOG_FLOOR
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.streams import Piece, StreamOfSound
from fae_training.classifiers.windows import held_out_windows
from fae_training.errors import Missing
from fae_training.fit_settings import FitSettings
from fae_training.runs import Run
from fae_training.state import atomic_file

FILE = "held_out.npz"
# Batches of augmented examples that are validated on besides whole recordings.
EXAMPLE_BATCHES = 3


@dataclass(frozen=True)
class Windows:
    """Log-mel [n, frames, 40], class numbers [n], and of each window: the name and the group of its
    recording, and whether it was recorded by a person [n]."""

    log_mel: np.ndarray
    labels: np.ndarray
    names: list[str]
    groups: list[str]
    recorded: np.ndarray

    @classmethod
    def of(
        cls, log_mel: np.ndarray, labels: np.ndarray, sounds: list[Recording], *more: np.ndarray
    ) -> Self:
        """`sounds`: the recording of each window; `more`: the fields that a subclass adds."""
        names = [f"{r.speaker or ''}--{r.name}" for r in sounds]
        recorded = np.array([r.origin == "recorded" for r in sounds], dtype=bool)
        return cls(log_mel, labels, names, [r.group for r in sounds], recorded, *more)

    def where(self, chosen: np.ndarray) -> Self:
        """The windows for which `chosen` [n] is true."""
        kept = np.flatnonzero(chosen)
        every = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(
            self,
            **{
                name: values[kept] if isinstance(values, np.ndarray) else [values[n] for n in kept]
                for name, values in every.items()
            },
        )


@dataclass(frozen=True)
class Segments(Windows):
    """The inputs of Fae's own network (fae_network.py): windows of ours, and the same sound as
    `fae` [n, 48, 128] of fae_features."""

    fae: np.ndarray


def schedule(settings: dict) -> FitSettings:
    """The intervals at which a classifier's training reports, validates and saves."""
    steps = settings["steps"]
    every = max(1, steps // 20)
    return FitSettings.of(
        settings,
        report_every=max(1, steps // 50),
        validate_every=every,
        validate_from=steps // 2,
        save_every=every,
        patience=settings["patience"],
    )


def by_people(sounds: list[Recording]) -> list[Recording]:
    """People's recordings, and generated sounds for a class that nobody recorded."""
    recorded = [r for r in sounds if r.origin == "recorded"]
    present = {r.class_name for r in recorded}
    return recorded + [r for r in sounds if r.class_name not in present]


def windows_of(sounds: list[Recording], kind: ClassifierKind) -> dict[int, Windows]:
    """The windows of by_people(sounds), by their length in frames."""
    used = by_people(sounds)
    found = {}
    for frames in kind.windows:
        power, labels, of = held_out_windows(used, kind, frames)
        found[frames] = Windows.of(np.log(power + LOG_FLOOR), labels, of)
    return found


class ValidationSet:
    """Windows of the `choose` recordings, and augmented examples of them: pieces of words, noise,
    any offset."""

    def __init__(self, sounds: list[Recording], kind: ClassifierKind, seed: int):
        self.windows = windows_of(sounds, kind)
        unpitched = replace(AUGMENTATIONS[kind.name], pitches=0)
        examples = Examples(sounds, kind, 256, seed + 1, unpitched)
        self.examples = [examples.arrays_at(index) for index in range(EXAMPLE_BATCHES)]

    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(log-mel, class numbers) of all windows of one length, and of each batch of examples."""
        windows = [(w.log_mel, w.labels) for w in self.windows.values() if len(w.labels)]
        return windows + self.examples


@dataclass(frozen=True)
class Judged:
    """The data on which a run is judged: windows by their length in frames, and for triggers a
    stream without them and one with them.

    `segments` are the inputs of Fae's own network; None for runs without it. Not `apart`: the same
    sounds chose the checkpoint, the temperature and the thresholds.
    """

    windows: dict[int, Windows]
    streams: dict[str, StreamOfSound]
    apart: bool
    segments: Segments | None = None


def save(run: Run, judged: Judged) -> None:
    """Write held_out.npz, in half precision."""
    arrays: dict[str, Any] = {"apart": np.array(judged.apart)}
    for frames, held in judged.windows.items():
        arrays |= _arrays(held, f"windows_{frames}", str(frames))
    if judged.segments:
        arrays |= _arrays(judged.segments, "segments", "segments")
        arrays["fae_segments"] = judged.segments.fae.astype(np.float16)
    for name, stream in judged.streams.items():
        arrays |= {
            f"stream_{name}": stream.log_mel.astype(np.float16),
            f"events_{name}": np.array([[str(v) for v in e] for e in stream.events], dtype=str),
            f"groups_{name}": np.array(stream.groups, dtype=str),
            f"firsts_{name}": np.array([piece.first for piece in stream.pieces], dtype=np.int32),
            f"pieces_{name}": np.array([piece[1:] for piece in stream.pieces], dtype=str),
        }
    with atomic_file(run.file(FILE)) as temporary, temporary.open("wb") as out:
        np.savez(out, **arrays)


def _arrays(held: Windows, log_mel: str, name: str) -> dict[str, np.ndarray]:
    return {
        log_mel: held.log_mel.astype(np.float16),
        f"labels_{name}": held.labels,
        f"names_{name}": np.array(held.names, dtype=str),
        f"groups_{name}": np.array(held.groups, dtype=str),
        f"recorded_{name}": held.recorded,
    }


def load(run: Run) -> Judged:
    """The contents of held_out.npz, in single precision and in the order of the windows' lengths.

    Raises Missing for a run of an earlier version, whose held-out sounds also chose its checkpoint
    and thresholds, or lack the recording of each moment.
    """
    arrays = np.load(run.file(FILE))
    if "apart" not in arrays.files or (
        "stream_quiet" in arrays.files and "firsts_quiet" not in arrays.files
    ):
        raise Missing(
            "no_judge_part",
            f"{run.id} was trained by an earlier version, which did not store the data for judging",
            f"uv run scripts/train_{run.kind}.py --preset {run.settings.get('preset', 'light')}",
        )

    def named(beginning: str) -> list[str]:
        return [n.removeprefix(beginning) for n in arrays.files if n.startswith(beginning)]

    def of(log_mel: str, name: str) -> tuple:
        return (
            arrays[log_mel].astype(np.float32),
            arrays[f"labels_{name}"],
            arrays[f"names_{name}"].tolist(),
            arrays[f"groups_{name}"].tolist(),
            arrays[f"recorded_{name}"],
        )

    numbers = sorted(map(int, named("windows_")))
    windows = {n: Windows(*of(f"windows_{n}", str(n))) for n in numbers}
    segments = None
    if "fae_segments" in arrays.files:
        fae = arrays["fae_segments"].astype(np.float32)
        segments = Segments(*of("segments", "segments"), fae=fae)
    streams = {
        name: StreamOfSound(
            arrays[f"stream_{name}"].astype(np.float32),
            [(label, int(first), int(end)) for label, first, end in arrays[f"events_{name}"]],
            groups=arrays[f"groups_{name}"].tolist(),
            pieces=[
                Piece(int(first), *map(str, columns))
                for first, columns in zip(
                    arrays[f"firsts_{name}"], arrays[f"pieces_{name}"], strict=True
                )
            ],
        )
        for name in named("stream_")
    }
    return Judged(windows, streams, bool(arrays["apart"]), segments)
