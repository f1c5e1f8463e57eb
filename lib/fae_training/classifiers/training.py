"""What both train scripts of the ears do in their worker: gather sounds, train, choose thresholds, save, measure."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from fae_training.classifiers import (
    encoder,
    hard_negatives,
    model_files,
    phrases,
    preflight,
    recordings,
    streams,
)
from fae_training.classifiers.classes import CLASSIFIERS, LAYERS, MEMBERS, ClassifierKind
from fae_training.classifiers.examples import AUGMENTATIONS, Examples
from fae_training.classifiers.features import BANDS, LOG_FLOOR
from fae_training.classifiers.measures import best_temperature, brier_score
from fae_training.classifiers.recordings import Recording
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.sounds import at_pitch
from fae_training.classifiers.windows import held_out_windows
from fae_training.state import atomic_file, write_json, write_jsonl

# Batches of examples that validate beside whole recordings.
HELD_OUT_BATCHES = 3
# The first network, whose mistakes are examples for the second, takes this share of the steps.
FIRST_SHARE = 0.33
# How many mistakes of each trigger, in a stream of how many times the minutes that thresholds are chosen on.
MISTAKES = 800
MINING_LENGTH = 2


def gather(home, ear: ClassifierKind, settings: dict, log) -> tuple[list[Recording], list[str]]:
    """Every recording that can be used, and what is synthesised and generated beside them. Notes in plain words."""
    from fae_training.speech.synthesis import find_synthesiser

    found = recordings.scan(home, ear)
    sounds, notes = recordings.load(home, ear, found)
    counts = {name: sum(r.class_name == name for r in sounds) for name in ear.classes}
    log(f"recordings: {counts}")
    synthesiser = find_synthesiser() if settings["synthesise"] == "auto" else None
    if synthesiser:
        said = preflight.phrases_of(settings, ear)
        each = settings["clips_per_trigger"] if ear.triggers else 0
        sounds += phrases.synthesised(synthesiser, ear, said, counts, each, settings["seed"])
    else:
        notes.append("no speech was synthesised: running speech comes from recordings alone")
    speech = [r.samples for r in sounds if r.class_name == "speech"]
    sounds += phrases.generated(
        ear, speech, counts, settings["generated_seconds"], settings["seed"]
    )
    return sounds, notes


def parameters_of(model) -> dict[str, np.ndarray]:
    from mlx.utils import tree_flatten

    return {name: np.array(array) for name, array in tree_flatten(model.trainable_parameters())}


class Held:
    """What validates: windows of held-out recordings, and examples made of them (pieces of words, noise, any offset)."""

    def __init__(self, sounds: list[Recording], ear: ClassifierKind, seed: int):
        real = [r for r in sounds if r.origin == "recorded"]
        present = {r.class_name for r in real}
        # A class that nobody recorded is judged by what stands in for it.
        judged = real + [r for r in sounds if r.class_name not in present]
        self.windows = {}
        for frames in ear.windows:
            power, labels, names = held_out_windows(judged, ear, frames)
            self.windows[frames] = (np.log(power + LOG_FLOOR), labels, names)
        self.synthetic = sorted(set(ear.classes) - present)
        unpitched = replace(AUGMENTATIONS[ear.kind], pitches=0)
        examples = Examples(sounds, ear, 256, seed + 1, unpitched)
        self.examples = [examples.arrays_at(index) for index in range(HELD_OUT_BATCHES)]

    def all(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(x, y) for x, y, _ in self.windows.values() if len(y)] + self.examples


class FirstNetwork:
    """What fit() asks of a run and of a session, for the network before the real one: own checkpoints, told in the log."""

    def __init__(self, run, session):
        self.session = session
        self.run, self.should_stop, self.log = run, session.should_stop, session.log
        self.progressed = session.progressed

    def stage(self, name: str, total: int | None = None, left=None):
        return self.session.stage(f"{name} a first network", total)

    def file(self, *parts: str):
        return self.run.file("first", *parts)

    def status(self, word: str) -> None:
        self.log(f"first network, whose mistakes are examples for the real one: {word}")

    def report(self, values: dict) -> None:
        self.log("first network: " + " ".join(f"{name}={value}" for name, value in values.items()))


def train_classifier(
    train, valid, ear: ClassifierKind, settings: dict, run, session, augmentation=None
):
    """(arrays, spec, Held, FitResult, Examples): what trained best, without calibration and thresholds yet.

    With triggers a first network is trained for a third of the steps, and the real one on its mistakes too.
    """
    examples = Examples(train, ear, settings["batch_size"], settings["seed"], augmentation)
    held = Held(valid, ear, settings["seed"])
    if ear.triggers and examples.augmentation.mined:
        examples.mistakes = mistakes_of_a_first_network(examples, train, settings, run, session)
    arrays, spec, result = fitted(examples, held, settings, run, session)
    return arrays, spec, held, result, examples


def mistakes_of_a_first_network(examples: Examples, train, settings: dict, run, session):
    """What hard_negatives.mistakes returns; kept in the run, so that a resumed one goes on with the same. None: cancelled."""
    kept = run.file("mistakes.npz")
    if kept.exists():
        found = np.load(kept)
        return found["windows"], found["labels"]
    first = FirstNetwork(run, session)
    steps = max(1, round(FIRST_SHARE * settings["steps"]))
    arrays, spec, result = fitted(examples, None, settings | {"steps": steps}, first, first)
    if result.stopped == "cancelled":
        return None
    seconds = MINING_LENGTH * 60 * settings["stream_minutes"]
    windows, labels = hard_negatives.mistakes(
        Classifier(arrays, spec), train, examples.ear, seconds, MISTAKES, settings["seed"] + 1
    )
    session.log(f"{len(labels)} windows that the first network took for a trigger are examples now")
    with atomic_file(kept) as temporary, temporary.open("wb") as out:
        np.savez(out, windows=windows, labels=labels)
    return windows, labels


def fitted(examples: Examples, held: Held | None, settings: dict, run, session):
    """(arrays, spec, FitResult) of one classifier, from the encoder's convolutions on, each member from its own."""
    import mlx.core as mx
    import mlx.nn as nn

    from fae_training.classifiers import network
    from fae_training.fit import fit
    from fae_training.fit_settings import FitSettings

    ear = examples.ear
    start = encoder.load(ear.beginnings)
    mean, deviation = start.pop("mean"), start.pop("deviation")
    mx.random.seed(settings["seed"])
    model = network.Classifier(
        list(LAYERS), len(ear.classes), BANDS, MEMBERS, mean, deviation, settings["dropout"]
    )
    model.load_weights([(name, mx.array(array)) for name, array in start.items()], strict=False)
    spec = model_files.specification(ear)
    smoothing = settings["label_smoothing"]

    def loss(model, batch):
        logits = model.apart(batch["x"])
        losses = nn.losses.cross_entropy(logits, batch["y"], label_smoothing=smoothing)
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    def validate(step: int) -> dict:
        # numpy's matrix products are fast everywhere; MLX's own on a processor are not. The loss is the Brier score at its
        # best temperature, which the result will have: a network that is only too sure of itself is not worse.
        classifier = Classifier(parameters_of(model) | {"mean": mean, "deviation": deviation}, spec)
        losses = [
            brier_score(logits, y, best_temperature(logits, y))
            for logits, y in ((classifier.logits(x), y) for x, y in held.all())
        ]
        return {"val_loss": float(np.mean(losses))}

    steps = settings["steps"]
    every = max(1, steps // 20)
    result = fit(
        model,
        FitSettings.of(
            settings,
            report_every=max(1, steps // 50),
            validate_every=every,
            validate_from=steps // 2,
            save_every=every,
            patience=settings["patience"],
        ),
        loss,
        examples,
        validate if held else None,
        run,
        session,
    )
    arrays = {name: np.array(array) for name, array in result.best_parameters.items()}
    return arrays | {"mean": mean, "deviation": deviation}, spec, result


def calibrated(arrays: dict, spec: dict, held: Held) -> dict:
    """The spec with the temperature that fits the held-out windows."""
    classifier = Classifier(arrays, spec)
    logits = [(classifier.logits(x), y) for x, y in held.all()]
    x, y = (np.concatenate(parts) for parts in zip(*logits, strict=True))
    return spec | {"temperature": best_temperature(x, y)}


def held_out_streams(valid, ear: ClassifierKind, minutes: float, seed: int) -> dict:
    """Streams to choose on and streams to measure on, each without and with triggers in them.

    What thresholds must not let through is heard in other voices too, and twice as long: a few held-out speakers are not
    all that will ever talk beside Fae.
    """
    others = valid + in_other_voices(valid, seed)
    seconds, first = minutes * 60, seed * 10
    asked = {
        "choose_quiet": (others, ear, 2 * seconds, first, False),
        "choose_spoken": (valid, ear, seconds / 2, first + 1, True),
        "measure_quiet": (valid, ear, seconds, first + 2, False),
        "measure_spoken": (valid, ear, seconds / 2, first + 3, True),
    }
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda arguments: streams.compose(*arguments), asked.values())
        return dict(zip(asked, made, strict=True))


def in_other_voices(recordings: list[Recording], seed: int) -> list[Recording]:
    """Each recording of speech at two other pitches and tempos."""
    random = np.random.default_rng(seed)
    return [
        replace(
            recording,
            samples=at_pitch(
                recording.samples,
                float(np.exp(random.uniform(np.log(0.8), np.log(1.5)))),
                random.uniform(0.85, 1.15),
            ),
        )
        for recording in recordings
        if recording.class_name == "speech"
        for _ in range(2)
    ]


def train(run, session) -> dict:
    """The worker's task "train", for both kinds."""
    # Setup
    ear, settings = CLASSIFIERS[run.kind], run.settings
    with session.stage("gathering sounds"):
        sounds, notes = gather(run.home, ear, settings, session.log)
        session.check()
    training, valid, about_split = recordings.split(
        sounds, settings["held_out_share"], settings["seed"]
    )
    notes += about_split
    write_rows(run, ear, training, valid, notes)
    session.log(f"{len(training)} sounds to train on, {len(valid)} held out")

    # Train
    arrays, spec, held, result, examples = train_classifier(
        training, valid, ear, settings, run, session
    )

    # Calibrate, choose thresholds, save
    with session.stage("choosing thresholds"):
        spec = calibrated(arrays, spec, held)
        made = {}
        if ear.triggers:
            made = held_out_streams(valid, ear, settings["stream_minutes"], settings["seed"])
            session.check()
            spec["triggers"] = streams.choose(
                Classifier(arrays, spec),
                made["choose_quiet"],
                made["choose_spoken"],
                settings["false_alarms_per_hour"],
            )
    save(run, ear, arrays, spec, valid)
    keep_held_out(run, held, made)

    # What was applied, read back from the objects
    from fae_training.results import receipt

    applied = result.applied | {
        "batch_size": examples.batch_size,
        "augmentation": vars(examples.augmentation),
        "temperature": spec["temperature"],
        "triggers": spec["triggers"],
        "sounds": {"train": count(training, ear), "valid": count(valid, ear)},
    }
    if held.synthetic:
        notes.append(
            f"nothing recorded of {', '.join(held.synthetic)} was held out: judged by synthesised or generated sounds"
        )
    return receipt(run, result, applied, notes)


def count(sounds: list[Recording], ear: ClassifierKind) -> dict:
    return {
        name: {
            origin: found
            for origin in ("recorded", "synthesised", "generated")
            if (found := sum(r.class_name == name and r.origin == origin for r in sounds))
        }
        for name in ear.classes
    }


def write_rows(run, ear: ClassifierKind, training, valid, notes: list[str]) -> None:
    """data/<kind>/: which sounds are on which side."""
    where = run.home.directory("data", ear.kind)
    for side, sounds in (("train", training), ("valid", valid)):
        write_jsonl(
            where / f"{side}.jsonl",
            [
                {
                    "class": r.class_name,
                    "speaker": r.speaker,
                    "recording": r.name,
                    "origin": r.origin,
                    "seconds": round(len(r.samples) / 16_000, 2),
                }
                for r in sounds
            ],
        )
    sides = {"train": count(training, ear), "valid": count(valid, ear)}
    write_json(where / "meta.json", sides | {"notes": notes, "run": run.id})


def save(run, ear: ClassifierKind, arrays: dict, spec: dict, valid: list[Recording]) -> None:
    """adapters/: model.safetensors, model.json, self_test.safetensors, and model.onnx where onnx is installed."""
    from fae_training.classifiers.features import samples_for

    where = run.home.directory("runs", run.id, "adapters")
    length = samples_for(spec["window_frames"])
    # As many classes as there are, in turn.
    by_class = [[r for r in valid if r.class_name == name] for name in ear.classes]
    by_class = [sounds for sounds in by_class if sounds]
    chosen = []
    for number in range(model_files.SELF_TESTS):
        sounds = by_class[number % len(by_class)]
        samples = sounds[number // len(by_class) % len(sounds)].samples[:length]
        chosen.append(np.pad(samples, (0, length - len(samples))))
    model_files.save(where, arrays, spec, np.stack(chosen))
    try:
        from fae_training.classifiers import onnx_export

        onnx_export.export(Classifier(arrays, spec), where / "model.onnx")
    except ImportError:
        (where / "model.onnx").unlink(missing_ok=True)


def keep_held_out(run, held: Held, made: dict) -> None:
    """held_out.npz: what every later comparison on this run's held-out sounds is made of, half precision."""
    kept = {}
    for frames, (x, labels, names) in held.windows.items():
        kept |= {
            f"windows_{frames}": x.astype(np.float16),
            f"labels_{frames}": labels,
            f"names_{frames}": np.array(names, dtype=str),
        }
    for name, stream in made.items():
        if name.startswith("measure"):
            kept[f"stream_{name}"] = stream.log_mel.astype(np.float16)
            kept[f"events_{name}"] = np.array(
                [[str(v) for v in e] for e in stream.events], dtype=str
            )
    with atomic_file(run.file("held_out.npz")) as temporary, temporary.open("wb") as out:
        np.savez(out, **kept)
