"""A classifier trained as scripts/train_*.py do it, on given recordings and without a worker."""

import tempfile
import time
from pathlib import Path

from fae_training import runs
from fae_training.classifiers import (
    preflight,
    streams,
    synthetic_sounds,
    training,
    training_data,
)
from fae_training.classifiers.augmentation import Augmentation
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.validation import ValidationSet
from fae_training.session import Session
from fae_training.speech.synthesis import find_synthesiser
from fae_training.state import Home

# The words of the benchmark's recordings that are used as triggers.
PHRASES = {"wake": ["computer"], "interrupt": ["snowboy"]}


class SilentSession(Session):
    def log(self, text: str) -> None:
        pass


def trained(
    kind: ClassifierKind,
    sounds: list[Recording],
    preset: dict,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> tuple[Classifier, float, int]:
    """(classifier with temperature and thresholds, CPU seconds, steps taken), trained as training.train does."""
    settings = preflight.defaults(kind.name, preset) | {"seed": seed}
    began = time.process_time()
    counts = {name: sum(r.class_name == name for r in sounds) for name in kind.classes}
    if synthesiser := find_synthesiser():
        each = settings["clips_per_trigger"]
        sounds = sounds + synthetic_sounds.synthesised(
            synthesiser, kind, PHRASES, counts, each, seed
        )
    speech = [r.samples for r in sounds if r.class_name == "speech"]
    seconds = settings["generated_seconds"]
    sounds = sounds + synthetic_sounds.generated(kind, speech, counts, seconds, seed)
    train, valid, _ = training_data.split(sounds, settings["held_out_share"], seed)
    held_out = ValidationSet(valid, kind, seed)
    examples = Examples(train, kind, settings["batch_size"], seed, augmentation)
    with tempfile.TemporaryDirectory() as directory:
        run = runs.create(Home(Path(directory)), kind.name, {"settings": settings})
        arrays, spec, result = training.fit_with_hard_negatives(
            examples, train, held_out, settings, run, SilentSession(run)
        )
    if result.stopped == "cancelled":
        # fit() takes Ctrl-C and SIGTERM for "stop after this step" and returns what it has.
        raise SystemExit("stopped: a training that was cut short gives no figures")
    spec = training.calibrated(arrays, spec, held_out)
    if kind.triggers:
        made = streams.held_out_streams(valid, kind, settings["stream_minutes"], seed)
        spec["triggers"] = streams.choose_thresholds(
            Classifier(arrays, spec), made["choose_quiet"], made["choose_spoken"], 1.0
        )
    return Classifier(arrays, spec), time.process_time() - began, result.steps_done
