"""The held-out data of a training: the validation set for choosing, and the windows and streams for judging."""

import json
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

import numpy as np

from fae_training.calls.errors import Missing
from fae_training.classifiers.augmentation import AUGMENTATIONS
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.features import LOG_FLOOR
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.streams import Event, Piece, StreamOfSound
from fae_training.classifiers.windows import held_out_windows
from fae_training.fitting.fit_settings import FitSettings
from fae_training.lifecycle.runs import Run
from fae_training.store.state import atomic_file

FILE = "held_out.npz"
# The version of the file's form: 2 introduced the fields' names.
FORM = 2
# Batches of augmented examples that are validated on besides whole recordings.
EXAMPLE_BATCHES = 3


@dataclass(frozen=True)
class Windows:
    """Log-mel [n, frames, 40], class numbers [n], and of each window [n]: the name and the group of
    its recording, and whether it was recorded by a person."""

    log_mel: np.ndarray
    labels: np.ndarray
    names: np.ndarray
    groups: np.ndarray
    recorded: np.ndarray

    @classmethod
    def of(
        cls, log_mel: np.ndarray, labels: np.ndarray, sounds: list[Recording], **more: np.ndarray
    ) -> Self:
        """`sounds`: the recording of each window; `more`: the fields that a subclass adds."""
        names = np.array([f"{r.speaker or ''}--{r.name}" for r in sounds], dtype=str)
        groups = np.array([r.group for r in sounds], dtype=str)
        recorded = np.array([r.origin == "recorded" for r in sounds], dtype=bool)
        return cls(log_mel, labels, names, groups, recorded, **more)

    def where(self, chosen: np.ndarray) -> Self:
        """The windows for which `chosen` [n] is true."""
        return replace(self, **{f.name: getattr(self, f.name)[chosen] for f in fields(self)})


AnyWindows = TypeVar("AnyWindows", bound=Windows)


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
    """Write held_out.npz: spectra in half precision, the contents of streams as JSON."""
    arrays: dict[str, Any] = {"form": np.array(FORM), "apart": np.array(judged.apart)}
    held = {f"windows {frames}": windows for frames, windows in judged.windows.items()}
    held |= {"segments": judged.segments} if judged.segments else {}
    held |= {f"stream {name}": stream for name, stream in judged.streams.items()}
    for name, one in held.items():
        for field in fields(one):
            value = getattr(one, field.name)
            array = np.array(json.dumps(value)) if isinstance(value, list) else value
            is_spectrum = array.dtype == np.float32
            arrays[f"{name} {field.name}"] = array.astype(np.float16) if is_spectrum else array
    with atomic_file(run.file(FILE)) as temporary, temporary.open("wb") as out:
        np.savez(out, **arrays)


def load(run: Run) -> Judged:
    """The contents of held_out.npz, in single precision. Raises Missing for a run of an earlier
    version."""
    arrays = np.load(run.file(FILE))
    if "form" not in arrays.files or arrays["form"] != FORM:
        raise Missing(
            "no_judge_part",
            f"{run.id} was trained by an earlier version, which did not store the data for judging in this form",
            f"uv run scripts/train_{run.kind}.py --preset {run.settings.get('preset', 'light')}",
        )

    def of(name: str, record: type) -> dict[str, Any]:
        found = {field.name: arrays[f"{name} {field.name}"] for field in fields(record)}
        return {n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in found.items()}

    def stream(name: str) -> StreamOfSound:
        found = of(name, StreamOfSound)
        events, pieces = (json.loads(str(found[n])) for n in ("events", "pieces"))
        return StreamOfSound(
            found["log_mel"],
            [Event(*event) for event in events],
            [Piece(*piece) for piece in pieces],
        )

    def named(what: str) -> list[str]:
        names = {n.rpartition(" ")[0] for n in arrays.files if n.startswith(what)}
        return sorted(names, key=lambda name: (len(name), name))

    return Judged(
        {int(name.split()[1]): Windows(**of(name, Windows)) for name in named("windows")},
        {name.split()[1]: stream(name) for name in named("stream")},
        bool(arrays["apart"]),
        Segments(**of("segments", Segments)) if named("segments") else None,
    )
