"""The classifier network of newer versions of Fae, distilled from ours; it is the one that the app loads.

Fae classifies a segment of speech as a whole: 48 frames of fae_features.py, 128 -> 64 -> 128 -> 128
channels of convolutions of width three, the mean over time, a linear layer. So it is trained on
segments of the training recordings, cut as Fae cuts them. Its targets are half the true class and
half the probabilities of our classifier on the same segment (Hinton, Vinyals and Dean 2015).
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.augmentation import in_another_voice, level
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.fae_features import BANDS, FLOOR, FRAMES, fae_mel
from fae_training.classifiers.features import BANDS as OUR_BANDS
from fae_training.classifiers.features import HOP, LOG_FLOOR, mel_power, samples_for
from fae_training.classifiers.measures import best_temperature, brier_score, macro_f1
from fae_training.classifiers.parts_of_sounds import Parts
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.validation import Segments, by_people, schedule
from fae_training.classifiers.windows import padded, words
from fae_training.fitting.arrays import flattened, load_arrays, save_arrays
from fae_training.fitting.fit import fit
from fae_training.judgement.benchmark import MODELS, Figure
from fae_training.store.state import write_json

# Seconds of a segment: a keyword's is as long as the utterance, the other classifier uses its first second.
SECONDS = {"keyword": (0.5, 1.0), "speech_verifier": (1.0, 1.0)}
# The most sound that a segment has before and after a word.
AROUND_SECONDS = 0.2
# Segments to train on for each step of the training, and at most.
SEGMENTS_PER_STEP, MOST_SEGMENTS = 16, 8_000
# Shares: of a trigger's and a background's segments that are of people where some were recorded; of
# speech that are pieces of a trigger; at another pitch; with noise mixed in.
OWN = {True: 0.5, False: 0.7}
PIECES, PITCHED, MIXED = 0.15, 0.5, 0.3
HELD_OUT_SEGMENTS = 3
TEACHER_SHARE = 0.5
# The largest change of level of a training example, in natural logarithms of magnitude.
GAIN = 0.9


class FaeNetwork(nn.Module):
    """[batch, frames, 128] of fae_features -> [batch, classes] logits. The parameters have the
    names that Fae loads.

    `mean`, `deviation`: normalise the input in training; Fae does not normalise, so as_fae_loads
    folds them into conv1.
    """

    def __init__(self, classes: int, mean=0.0, deviation=1.0, dropout: float = 0.0):
        super().__init__()
        self._mean, self._deviation = mx.array(mean), mx.array(deviation)
        self.conv1 = nn.Conv1d(BANDS, 64, 3)
        self.conv2 = nn.Conv1d(64, 128, 3)
        self.conv3 = nn.Conv1d(128, 128, 3)
        self.classifier = nn.Linear(128, classes)
        self.dropout = nn.Dropout(dropout)

    def __call__(self, x):
        # The padding zeros are normalised like the input, so that folding is exact.
        x = (_padded(x) - self._mean) / self._deviation
        x = _convolved(x, self.conv1, 2)
        x = _convolved(_padded(x), self.conv2, 2)
        x = _convolved(_padded(x), self.conv3, 1)
        return self.classifier(self.dropout(x.mean(axis=1)))

    def logits(self, segments: np.ndarray) -> np.ndarray:
        """As __call__, in numpy."""
        return np.array(self(mx.array(segments, dtype=mx.float32)))


def _padded(x):
    return mx.pad(x, [(0, 0), (1, 1), (0, 0)])


def _convolved(x, layer: nn.Conv1d, stride: int):
    """The layer and ReLU, every `stride`-th frame; shifted slices and one product, for the reason
    given in network.Convolution."""
    frames = (x.shape[1] - 3) // stride + 1
    slices = [x[:, i : i + (frames - 1) * stride + 1 : stride] for i in range(3)]
    weight = layer.weight.reshape(layer.weight.shape[0], -1)
    return nn.relu(mx.concatenate(slices, axis=-1) @ weight.T + layer.bias)


def to_train_on(sounds: list[Recording], kind: ClassifierKind, count: int, seed: int) -> Segments:
    """`count` segments of `sounds`, by the kind's shares of classes, at other pitches and with
    noise as in examples.py."""
    random = np.random.default_rng((seed, 4))
    by: dict[tuple, list] = {(name, own): [] for name in kind.classes for own in (True, False)}
    for recording in sounds:
        by[recording.class_name, recording.origin == "recorded"].append(recording)
    present = [name for name in kind.classes if by[name, True] or by[name, False]]
    share = np.array([kind.shares[name] for name in present])
    triggers = [name for name in kind.triggers if name in present]

    def drawn(name: str) -> Recording:
        people, made = by[name, True], by[name, False]
        own = people and (not made or random.random() < OWN[name in kind.triggers])
        chosen = people if own else made
        return chosen[random.integers(len(chosen))]

    found = []
    for name in random.choice(present, size=count, p=share / share.sum()):
        piece = name == "speech" and triggers and random.random() < PIECES
        recording = drawn(triggers[random.integers(len(triggers))] if piece else name)
        samples = _segment(random, recording, kind, not piece)
        if name in (*triggers, "speech") and random.random() < PITCHED:
            samples = in_another_voice(random, samples)
        if name not in ("silence", "noise") and "noise" in present and random.random() < MIXED:
            noise = np.resize(_segment(random, drawn("noise"), kind), len(samples))
            below = 20 * np.log10(samples.std() + 1e-6) - random.uniform(5, 25)
            samples = samples + level(noise, below)
        found.append((samples, kind.classes.index(name), recording))
    return _of(found, kind)


def held_out(sounds: list[Recording], kind: ClassifierKind, seed: int) -> Segments:
    """Up to HELD_OUT_SEGMENTS of each of by_people(sounds), unchanged."""
    random = np.random.default_rng((seed, 5))
    found = []
    for recording in by_people(sounds):
        several = len(recording.samples) > 2 * SECONDS[kind.name][1] * SAMPLE_RATE
        for _ in range(HELD_OUT_SEGMENTS if several else 1):
            samples = _segment(random, recording, kind)
            found.append((samples, kind.classes.index(recording.class_name), recording))
    return _of(found, kind)


def _segment(random, recording: Recording, kind: ClassifierKind, whole: bool = True) -> np.ndarray:
    """A word of a trigger with its surroundings, or a piece of at most 60 % of one; of other sound
    the louder of two excerpts."""
    samples = recording.samples
    shortest, longest = (round(seconds * SAMPLE_RATE) for seconds in SECONDS[kind.name])
    if recording.class_name not in kind.triggers:
        length = min(len(samples), random.integers(shortest, longest + 1))
        places = random.integers(0, len(samples) - length + 1, size=2)
        found = [samples[at : at + length] for at in places]
        return _at_least(max(found, key=lambda part: np.square(part).sum()))
    bounds = words(mel_power(samples), kind.windows[0]) or [(0, len(samples) // HOP)]
    first, end = (frame * HOP for frame in bounds[random.integers(len(bounds))])
    around = random.uniform(0, AROUND_SECONDS, size=2) * SAMPLE_RATE
    first, end = max(0, round(first - around[0])), min(len(samples), round(end + around[1]))
    if not whole:
        visible = round((end - first) * random.uniform(0.2, 0.6))
        first, end = (first, first + visible) if random.random() < 0.5 else (end - visible, end)
    return _at_least(samples[max(first, end - samples_for(kind.windows[0])) : end])


def _at_least(samples: np.ndarray) -> np.ndarray:
    """With silence appended where it is too short for Fae to classify."""
    return np.pad(samples, (0, max(0, SAMPLE_RATE // 5 - len(samples))))


def _of(found: list[tuple[np.ndarray, int, Recording]], kind: ClassifierKind) -> Segments:
    window = kind.windows[0]
    log_mel_inputs = [padded(mel_power(samples), window)[:window] for samples, _, _ in found]
    fae_inputs = [fae_mel(samples).astype(np.float16) for samples, _, _ in found]
    labels = np.array([label for _, label, _ in found], dtype=np.int32)
    log_mel = np.log(np.array(log_mel_inputs).reshape(-1, window, OUR_BANDS) + LOG_FLOOR)
    fae = np.array(fae_inputs, dtype=np.float16).reshape(-1, FRAMES, BANDS)
    return Segments.of(log_mel, labels, [recording for *_, recording in found], fae=fae)


class _Batches:
    """For fit(): segments with the targets of their class and of the teacher, at other levels."""

    def __init__(self, segments: np.ndarray, targets: np.ndarray, batch_size: int, seed: int):
        self.segments, self.targets = segments, targets
        self.batch_size, self.seed = batch_size, seed

    def batch_at(self, index: int) -> dict:
        random = np.random.default_rng((self.seed, index))
        rows = random.integers(len(self.targets), size=self.batch_size)
        gain = random.uniform(-GAIN, GAIN, size=(self.batch_size, 1, 1))
        x = np.maximum(self.segments[rows] + gain, np.log(FLOOR)).astype(np.float32)
        return {"x": mx.array(x), "y": mx.array(self.targets[rows])}

    def tokens(self, index: int) -> tuple[int, int]:
        return self.batch_size, self.batch_size


def distilled(
    teacher: Classifier, parts: Parts, kind: ClassifierKind, settings: dict, run, session
) -> dict[str, mx.array]:
    """The parameters that Fae loads, from the best checkpoint on the `choose` part, calibrated there.

    Raises Cancelled on request.
    """
    seed = settings["seed"]
    with session.stage("gathering segments for"):
        count = min(MOST_SEGMENTS, SEGMENTS_PER_STEP * settings["steps"])
        segments = to_train_on(parts.train, kind, count, seed)
        chosen = held_out(parts.choose, kind, seed)
        session.check()
    truth = np.eye(len(kind.classes), dtype=np.float32)[segments.labels]
    teacher_probabilities = teacher.probabilities(segments.log_mel).astype(np.float32)
    targets = (1 - TEACHER_SHARE) * truth + TEACHER_SHARE * teacher_probabilities
    mean, deviation = segments.fae.mean((0, 1), np.float32), segments.fae.std((0, 1), np.float32)
    mx.random.seed(seed)
    model = FaeNetwork(len(kind.classes), mean, deviation, settings["dropout"])

    def loss(model, batch):
        losses = nn.losses.cross_entropy(model(batch["x"]), batch["y"])
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    def validate(step: int) -> dict:
        logits = model.logits(chosen.fae)
        temperature = best_temperature(logits, chosen.labels)
        return {"val_loss": brier_score(logits, chosen.labels, temperature)}

    result = fit(
        model,
        schedule(settings),
        loss,
        _Batches(segments.fae, targets, settings["batch_size"], seed),
        validate,
        run,
        session,
    )
    session.check()
    model.load_weights(list(result.best_parameters.items()))
    model.eval()
    logits = model.logits(chosen.fae)
    return as_fae_loads(model, best_temperature(logits, chosen.labels))


def as_fae_loads(model: FaeNetwork, temperature: float) -> dict[str, mx.array]:
    """The parameters with the normalisation folded into conv1, the temperature into the last layer."""
    found = flattened(model.parameters())
    weight = found["conv1.weight"] / model._deviation
    found["conv1.bias"] = found["conv1.bias"] - (weight * model._mean).sum(axis=(1, 2))
    found["conv1.weight"] = weight
    for name in ("classifier.weight", "classifier.bias"):
        found[name] = found[name] / temperature
    return found


def save(directory: Path, parameters: dict[str, mx.array], kind: ClassifierKind) -> None:
    """Write model.safetensors and config.json, with every key that some version of Fae requires."""
    save_arrays(directory / "model.safetensors", parameters)
    config = {
        "num_classes": len(kind.classes),
        "label_names": list(kind.classes),
        "input_features": BANDS,
        "n_mels": BANDS,
        "target_frames": FRAMES,
        "sample_rate": SAMPLE_RATE,
    }
    write_json(directory / "config.json", config)


def load(directory: Path, kind: ClassifierKind) -> FaeNetwork:
    """As Fae does: an unknown or missing tensor is an error."""
    model = FaeNetwork(len(kind.classes))
    model.load_weights(list(load_arrays(directory / "model.safetensors")[0].items()))
    model.eval()
    return model


def figures(
    held: Segments,
    networks: Mapping[str, FaeNetwork],
    models: Mapping[str, Classifier],
    kind: ClassifierKind,
) -> list[Figure]:
    """Both forms of the candidate and the current classifier on the same segments; the base always
    answers the commonest class.

    networks, models: by "candidate" and "current", which may be missing. No figure without a
    candidate.
    """
    count, own = len(kind.classes), "Fae's own network"
    if "candidate" not in networks or not len(held.labels):
        return []
    commonest = np.full(len(held.labels), np.bincount(held.labels, minlength=count).argmax())
    by_fae = {who: network.logits(held.fae).argmax(1) for who, network in networks.items()}
    by_us = {who: model.logits(held.log_mel).argmax(1) for who, model in models.items()}

    def figure(name: str, title: str, unit: str, by: Mapping[str, np.ndarray], value) -> Figure:
        found = {who: value(by.get(who, commonest)) for who in MODELS}
        return Figure.of(name, title, unit, found)

    def f1(predicted: np.ndarray) -> float:
        return macro_f1(held.labels, predicted, count)

    of = "macro-F1 on segments as Fae hears them"
    found = [
        figure("fae_macro_f1", f"{of}: {own}", "F1", by_fae, f1),
        figure("segments_macro_f1", f"{of}: the classifier it was distilled from", "F1", by_us, f1),
    ]
    for name in kind.triggers:
        number = kind.classes.index(name)
        said = held.labels == number
        if said.any() and not said.all():
            for what, title, rows in (
                ("heard", f"{name}: its segments detected by {own}", said),
                ("mistaken", f"{name}: other segments mistaken for it by {own}", ~said),
            ):
                share = functools.partial(_share, number, rows)
                found.append(figure(f"fae_{name}_{what}", title, "share", by_fae, share))
    return found


def _share(number: int, rows: np.ndarray, predicted: np.ndarray) -> float:
    """Of these rows, those that were taken for class `number`."""
    return float((predicted[rows] == number).mean())
