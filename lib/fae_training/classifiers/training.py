"""The training of both classifiers in the worker: gather sounds, train, choose operating thresholds, save."""

import functools
from typing import NamedTuple

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten

from fae_training import provenance, runs
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
from fae_training.classifiers.classes import (
    CLASSIFIERS,
    ENSEMBLE_SIZE,
    FAE_FORM,
    LAYERS,
    ClassifierKind,
)
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.features import BANDS, FRAMES_PER_CHUNK
from fae_training.classifiers.measures import best_temperature, brier_score
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.validation import Judged, ValidationSet
from fae_training.counting import counted
from fae_training.fit import fit
from fae_training.fit_settings import FitResult
from fae_training.parts import CHOOSE, JUDGE, TRAIN
from fae_training.results import receipt
from fae_training.runs import Run
from fae_training.state import atomic_file

# The first model, which finds the hard negatives, is trained for this share of the steps.
FIRST_MODEL_SHARE = 0.33
# Hard negatives of each trigger, from a stream of this share of the minutes that thresholds are chosen on.
HARD_NEGATIVES = 800
MINING_SHARE = 0.3
# Extra frames on either side of a window, so that training can cut it at several offsets.
SLACK = 3
# At most one window from this many chunks (0.3 s), because neighbouring windows are nearly the same.
APART = 8
CLASS_OF_SCENE = {"quiet": "silence", "noise": "noise", "music": "noise"}


class Fitted(NamedTuple):
    """The tensors with the lowest validation loss, and model.json without temperature and thresholds."""

    arrays: dict[str, np.ndarray]
    spec: dict
    result: FitResult


def train(run: Run, session) -> dict:
    """The worker's task "train", for both kinds; returns the receipt."""
    kind, settings = CLASSIFIERS[run.kind], run.settings
    seed = settings["seed"]

    # Gather, and divide before anything is derived from a recording
    with session.stage("gathering sounds"):
        kept = parts_of_sounds.before(run)
        parts = training_data.gather(
            run.home, kind, settings, kept, session.log, provenance.files_of(run)
        )
        parts_of_sounds.keep(run, parts)
        session.check()
    notes = list(parts.notes)
    training_data.write_rows(run, kind, parts)
    session.log(
        f"{counted(len(parts.train), 'sound')} to train on, {len(parts.choose)} to choose by, {len(parts.judge)} to judge by"
    )

    # Train
    held_out = ValidationSet(parts.choose, kind, seed)
    examples = Examples(parts.train, kind, settings["batch_size"], seed)
    arrays, spec, result = fit_with_hard_negatives(
        examples, parts.train, held_out, settings, run, session
    )

    # Calibrate and choose operating thresholds
    with session.stage("choosing thresholds"):
        spec = calibrated(arrays, spec, held_out)
        if kind.triggers:
            quiet, spoken = streams.choosing_streams(
                parts.choose, kind, settings["stream_minutes"], seed
            )
            session.check()
            spec["triggers"] = thresholds.choose(
                Classifier(arrays, spec), quiet, spoken, settings["false_alarms_per_hour"]
            )

    # Train Fae's own network, which the app loads
    for_fae = None
    if result.stopped != "cancelled":
        second = SecondRun(run, session, "fae", "Fae's own network")
        teacher = Classifier(arrays, spec)
        for_fae = fae_network.distilled(teacher, parts, kind, settings, second, second)

    # Save both, and the sounds that they will be judged on
    place = ("runs", run.id, runs.saves_to(result.stopped))
    where = run.home.directory(*place)
    if for_fae:
        fae_network.save(run.home.directory(*place, FAE_FORM), for_fae, kind)
    model_files.save(where, arrays, spec, model_files.self_test_samples(parts.train, spec))
    judged = validation.windows_of(parts.judge, kind)
    made = {}
    if kind.triggers:
        minutes = settings["stream_minutes"]
        made = streams.judging_streams(parts, kind, minutes, seed)
    segments = fae_network.held_out(parts.judge, kind, seed)
    validation.save(run, Judged(judged, made, parts.apart, segments))

    # The settings applied, read back from the objects
    applied = result.applied | {
        "batch_size": examples.batch_size,
        "augmentation": vars(examples.augmentation),
        "temperature": spec["temperature"],
        "triggers": spec["triggers"],
        "sounds": {
            part: training_data.count(sounds, kind)
            for part, sounds in ((TRAIN, parts.train), (CHOOSE, parts.choose), (JUDGE, parts.judge))
        },
    }
    return receipt(run, result, applied, notes)


def fit_with_hard_negatives(
    examples: Examples,
    training: list[Recording],
    held_out: ValidationSet,
    settings: dict,
    run,
    session,
) -> Fitted:
    """Train one classifier. With triggers a first model is trained before it, whose hard negatives
    are added to the examples."""
    if examples.kind.triggers and examples.augmentation.hard_negatives:
        examples.hard_negatives = mined(examples, training, settings, run, session)
    return fit_ensemble(examples, held_out, settings, run, session)


def mined(examples: Examples, training: list[Recording], settings: dict, run, session):
    """The result of mine() for a first model, or None if the run is cancelled before.

    Kept in hard_negatives.npz, so that a resumed run continues with the same examples.
    """
    kept = run.file("hard_negatives.npz")
    if kept.exists():
        found = np.load(kept)
        return found["windows"], found["labels"]
    first = SecondRun(run, session, "first", "a first model")
    steps = max(1, round(FIRST_MODEL_SHARE * settings["steps"]))
    arrays, spec, result = fit_ensemble(examples, None, settings | {"steps": steps}, first, first)
    if result.stopped == "cancelled":
        return None
    seconds = MINING_SHARE * 60 * settings["stream_minutes"]
    windows, labels = mine(
        Classifier(arrays, spec),
        training,
        examples.kind,
        seconds,
        HARD_NEGATIVES,
        settings["seed"] + 1,
    )
    session.log(
        f"{len(labels)} hard negatives of the first model are added to the training examples"
    )
    with atomic_file(kept) as temporary, temporary.open("wb") as out:
        np.savez(out, windows=windows, labels=labels)
    return windows, labels


def mine(
    classifier: Classifier,
    recordings: list[Recording],
    kind: ClassifierKind,
    seconds: float,
    most: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(log-mel [n, window + 6, 40], class numbers [n]): for each trigger the `most` windows with
    its highest probability.

    A stream has words across the borders of clips, speech over music, and pieces of words at every
    offset, which single clips lack (Sung and Poggio 1998, "bootstrapping"; openWakeWord does the
    same with hours of recorded radio). The stream of `seconds` has no triggers in it. A window gets
    the class of its scene; speech over something else is speech.
    """
    stream = streams.compose(recordings, kind, seconds, seed, with_events=False)
    probability = classifier.over(stream.log_mel)
    scenes = [kind.classes.index(CLASS_OF_SCENE.get(scene, "speech")) for scene in stream.scenes]
    windows, labels = [], []
    for name in kind.triggers:
        blocks = probability[: len(probability) // APART * APART, kind.classes.index(name)]
        blocks = blocks.reshape(-1, APART)
        for block in np.argsort(-blocks.max(axis=1), kind="stable")[:most]:
            chunk = int(block) * APART + int(blocks[block].argmax())
            frame = FRAMES_PER_CHUNK * chunk
            first, end = frame - SLACK, frame + classifier.window + SLACK
            if first >= 0 and end <= len(stream.log_mel):
                windows.append(stream.log_mel[first:end])
                labels.append(scenes[frame // streams.SCENE_FRAMES])
    return np.stack(windows), np.array(labels, dtype=np.int32)


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


def fit_ensemble(
    examples: Examples, held_out: ValidationSet | None, settings: dict, run, session
) -> Fitted:
    """Train an ensemble from its pretrained convolutions; without a validation set the last step is
    the result."""
    kind = examples.kind
    start = network.pretrained(kind.pretrained)
    mean, deviation = start.pop("mean"), start.pop("deviation")
    mx.random.seed(settings["seed"])
    model = network.Ensemble(
        list(LAYERS), len(kind.classes), BANDS, ENSEMBLE_SIZE, mean, deviation, settings["dropout"]
    )
    model.load_weights([(name, mx.array(array)) for name, array in start.items()], strict=False)
    spec = model_files.specification(kind)
    smoothing = settings["label_smoothing"]

    def loss(model, batch):
        logits = model.in_turn(batch["x"])
        losses = nn.losses.cross_entropy(logits, batch["y"], label_smoothing=smoothing)
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    def validate(held_out: ValidationSet, step: int) -> dict:
        # In numpy, whose matrix products are fast on every machine. The loss is the Brier score at
        # its best temperature, which the result is given afterwards, so that overconfidence alone
        # does not count as worse.
        parameters = tree_flatten(model.trainable_parameters())
        arrays = {name: np.array(array) for name, array in parameters}
        classifier = Classifier(arrays | {"mean": mean, "deviation": deviation}, spec)
        losses = [
            brier_score(logits, y, best_temperature(logits, y))
            for logits, y in ((classifier.logits(x), y) for x, y in held_out.batches())
        ]
        return {"val_loss": float(np.mean(losses))}

    result = fit(
        model,
        validation.schedule(settings),
        loss,
        examples,
        functools.partial(validate, held_out) if held_out else None,
        run,
        session,
    )
    arrays = {name: np.array(array) for name, array in result.best_parameters.items()}
    return Fitted(arrays | {"mean": mean, "deviation": deviation}, spec, result)


def calibrated(arrays: dict[str, np.ndarray], spec: dict, held_out: ValidationSet) -> dict:
    """The spec with the temperature that fits the validation set best."""
    classifier = Classifier(arrays, spec)
    logits = [(classifier.logits(x), y) for x, y in held_out.batches()]
    x, y = (np.concatenate(parts) for parts in zip(*logits, strict=True))
    return spec | {"temperature": best_temperature(x, y)}
