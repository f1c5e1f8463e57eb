"""Trains a classifier as scripts/train_*.py do, on given recordings and without a worker."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from fae_training import runs
from fae_training.classifiers import parts_of_sounds, streams, thresholds, training, training_data
from fae_training.classifiers.augmentation import Augmentation
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.parts_of_sounds import Parts
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.validation import ValidationSet
from fae_training.kinds import KINDS
from fae_training.session import Session
from fae_training.speech.synthesis import find_synthesiser
from fae_training.state import Home

# The words of the benchmark's recordings that are used as triggers.
PHRASES = {"wake": ["computer"], "interrupt": ["snowboy"]}


class SilentSession(Session):
    def log(self, text: str) -> None:
        pass


def settings_of(kind: ClassifierKind, preset: Mapping, seed: int) -> dict:
    return {**KINDS[kind.name].defaults, **preset, "seed": seed}


def parts_of(kind: ClassifierKind, sounds: list[Recording], settings: dict) -> Parts:
    """The result of training_data.gather for them."""
    people = parts_of_sounds.divided(sounds, triggers=kind.triggers)
    return training_data.with_made(people, kind, PHRASES, settings, find_synthesiser())


def trained(
    kind: ClassifierKind,
    sounds: list[Recording],
    preset: Mapping,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> tuple[Classifier, float, int]:
    """(classifier with temperature and thresholds, CPU seconds, steps taken), trained as
    training.train does."""
    settings = settings_of(kind, preset, seed)
    began = time.process_time()
    parts = parts_of(kind, sounds, settings)
    held_out = ValidationSet(parts.choose, kind, seed)
    examples = Examples(parts.train, kind, settings["batch_size"], seed, augmentation)
    with tempfile.TemporaryDirectory() as directory:
        run = runs.create(Home(Path(directory)), kind.name, {"settings": settings})
        arrays, spec, result = training.fit_with_hard_negatives(
            examples, parts.train, held_out, settings, run, SilentSession(run)
        )
    if result.stopped == "cancelled":
        # fit() treats Ctrl-C and SIGTERM as "stop after this step" and returns its result so far.
        raise SystemExit("stopped: a training that was cut short gives no figures")
    spec = training.calibrated(arrays, spec, held_out)
    if kind.triggers:
        quiet, spoken = streams.choosing_streams(
            parts.choose, kind, settings["stream_minutes"], seed
        )
        spec["triggers"] = thresholds.choose(Classifier(arrays, spec), quiet, spoken, 1.0)
    return Classifier(arrays, spec), time.process_time() - began, result.steps_done
