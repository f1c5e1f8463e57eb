"""The training of both classifiers in the worker: gather sounds, train, choose operating thresholds, save."""

from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten

from fae_training.calls.counting import counted
from fae_training.classifiers import (
    fae_network,
    model_files,
    network,
    parts_of_sounds,
    streams,
    thresholds,
    training_data,
    validation,
)
from fae_training.classifiers.classes import CLASSIFIERS, FAE_FORM, LAYERS, ClassifierKind
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.measures import best_temperature, brier_score
from fae_training.classifiers.parts_of_sounds import Parts
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.validation import Judged, ValidationSet
from fae_training.fitting.fit import fit
from fae_training.fitting.fit_settings import FitResult
from fae_training.judgement.parts import CHOOSE, JUDGE, TRAIN
from fae_training.lifecycle import provenance, runs
from fae_training.lifecycle.results import receipt
from fae_training.lifecycle.runs import Run


def train(run: Run, session) -> dict:
    """The worker's task "train", for both kinds; returns the receipt."""
    kind, settings = CLASSIFIERS[run.kind], run.settings
    seed = settings["seed"]

    # Gather, and divide before anything is derived from a recording
    with session.stage("gathering sounds"):
        kept = parts_of_sounds.before(run)
        only = provenance.files_of(run)
        parts = training_data.gather(run.home, kind, settings, kept, session.log, only)
        parts_of_sounds.keep(run, parts)
        session.check()
    training_data.write_rows(run, kind, parts)
    session.log(
        f"{counted(len(parts.train), 'sound')} to train on, {len(parts.choose)} to choose by, {len(parts.judge)} to judge by"
    )

    # Train, calibrate and choose operating thresholds
    held_out = ValidationSet(parts.choose, kind, seed)
    examples = Examples(parts.train, kind, settings["batch_size"], seed)
    arrays, result = fit_ensemble(examples, held_out, settings, run, session)
    with session.stage("choosing thresholds"):
        classifier = ready(arrays, parts, held_out, kind, settings, session.check)

    # Train Fae's own network, which the app loads
    for_fae = None
    if result.stopped != "cancelled":
        second = SecondRun(run, session, "fae", "Fae's own network")
        for_fae = fae_network.distilled(classifier, parts, kind, settings, second, second)

    # Save both, and the sounds that they will be judged on
    place = ("runs", run.id, runs.saves_to(result.stopped))
    where = run.home.directory(*place)
    if for_fae:
        fae_network.save(run.home.directory(*place, FAE_FORM), for_fae, kind)
    spec = classifier.spec
    model_files.save(where, arrays, spec, model_files.self_test_samples(parts.train, spec))
    windows = validation.windows_of(parts.judge, kind)
    made = streams.judging_streams(parts, kind, settings) if kind.triggers else {}
    segments = fae_network.held_out(parts.judge, kind, seed)
    validation.save(run, Judged(windows, made, parts.apart, segments))

    # The settings applied, read back from the objects
    sides = {TRAIN: parts.train, CHOOSE: parts.choose, JUDGE: parts.judge}
    applied = result.applied | {
        "batch_size": examples.batch_size,
        "augmentation": vars(examples.augmentation),
        "temperature": spec["temperature"],
        "triggers": spec["triggers"],
        "sounds": {part: training_data.count(sounds, kind) for part, sounds in sides.items()},
    }
    return receipt(run, result, applied, list(parts.notes))


class Fitted(NamedTuple):
    """The tensors with the lowest validation loss, and the result of fit()."""

    arrays: dict[str, np.ndarray]
    result: FitResult


def fit_ensemble(
    examples: Examples, held_out: ValidationSet, settings: dict, run, session
) -> Fitted:
    """Train an ensemble from its pretrained convolutions."""
    kind = examples.kind
    start = network.pretrained(kind.pretrained)
    normalisation = {name: start.pop(name) for name in ("mean", "deviation")}
    mx.random.seed(settings["seed"])
    model = network.Ensemble(
        list(LAYERS), len(kind.classes), **normalisation, dropout=settings["dropout"]
    )
    model.load_weights([(name, mx.array(array)) for name, array in start.items()], strict=False)
    spec = model_files.specification(kind)
    smoothing = settings["label_smoothing"]

    def loss(model, batch):
        logits = model.in_turn(batch["x"])
        losses = nn.losses.cross_entropy(logits, batch["y"], label_smoothing=smoothing)
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    def validate(step: int) -> dict:
        # In numpy, whose matrix products are fast on every machine. The loss is the Brier score at
        # its best temperature, which the result is given afterwards, so that overconfidence alone
        # does not count as worse.
        parameters = tree_flatten(model.trainable_parameters())
        arrays = {name: np.array(array) for name, array in parameters}
        classifier = Classifier(arrays | normalisation, spec)
        losses = []
        for x, y in held_out.batches():
            logits = classifier.logits(x)
            losses.append(brier_score(logits, y, best_temperature(logits, y)))
        return {"val_loss": float(np.mean(losses))}

    result = fit(model, validation.schedule(settings), loss, examples, validate, run, session)
    arrays = {name: np.array(array) for name, array in result.best_parameters.items()}
    return Fitted(arrays | normalisation, result)


def ready(
    arrays: dict[str, np.ndarray],
    parts: Parts,
    held_out: ValidationSet,
    kind: ClassifierKind,
    settings: dict,
    check: Callable[[], None] = lambda: None,
) -> Classifier:
    """The classifier of these tensors with the temperature that fits the validation set best, and
    thresholds that promise the rate of false alarms that was asked for."""
    spec = model_files.specification(kind)
    classifier = Classifier(arrays, spec)
    logits = [(classifier.logits(x), y) for x, y in held_out.batches()]
    x, y = (np.concatenate(both) for both in zip(*logits, strict=True))
    spec["temperature"] = best_temperature(x, y)
    if kind.triggers:
        quiet, spoken = streams.choosing_streams(parts.choose, kind, settings)
        check()
        asked = settings["false_alarms_per_hour"]
        spec["triggers"] = thresholds.choose(Classifier(arrays, spec), quiet, spoken, asked)
    return Classifier(arrays, spec)


class SecondRun:
    """Run and session of a second model for fit(): with its own checkpoints, and reporting only to the log.

    `folder`: of its checkpoints; `what`: its name for people.
    """

    def __init__(self, run, session, folder: str, what: str):
        self.run, self.session, self.folder, self.what = run, session, folder, what
        self.should_stop, self.check, self.log = session.should_stop, session.check, session.log
        self.progressed = session.progressed

    def stage(self, name: str, total: int | None = None, left=None):
        return self.session.stage(f"{name} {self.what}", total)

    def file(self, *parts: str):
        return self.run.file(self.folder, *parts)

    def status(self, status: str) -> None:
        self.log(f"{self.what}: {status}")

    def report(self, values: dict) -> None:
        self.log(f"{self.what}: " + " ".join(f"{name}={value}" for name, value in values.items()))
