"""What both train scripts of the ears do in their worker: gather sounds, train, choose thresholds, save, measure."""

import numpy as np

from fae_training.ears import model_files, phrases, recordings, request, streams
from fae_training.ears.classes import EARS, LAYERS, Ear
from fae_training.ears.examples import Augmentation, Examples
from fae_training.ears.features import LOG_FLOOR
from fae_training.ears.measures import best_temperature, cross_entropy
from fae_training.ears.recordings import Recording
from fae_training.ears.runtime import Classifier
from fae_training.ears.windows import held_out_windows
from fae_training.state import write_json, write_jsonl

# Batches of examples whose frames give the mean and deviation of each band, and that validate beside whole recordings.
BATCHES_FOR_STATISTICS = 6
HELD_OUT_BATCHES = 3


def gather(home, ear: Ear, settings: dict, log) -> tuple[list[Recording], list[str]]:
    """Every recording that can be used, and what is synthesised and generated beside them. Notes in plain words."""
    from fae_training.speech.synthesis import find_synthesiser

    found = recordings.scan(home, ear)
    sounds, notes = recordings.load(home, ear, found)
    counts = {name: sum(r.class_name == name for r in sounds) for name in ear.classes}
    log(f"recordings: {counts}")
    synthesiser = find_synthesiser() if settings["synthesise"] == "auto" else None
    if synthesiser:
        said = request.phrases_of(settings, ear)
        sounds += phrases.synthesised(synthesiser, ear, said, counts, settings["seed"])
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

    def __init__(self, sounds: list[Recording], ear: Ear, seed: int):
        real = [r for r in sounds if r.origin == "recorded"]
        present = {r.class_name for r in real}
        # A class that nobody recorded is judged by what stands in for it.
        judged = real + [r for r in sounds if r.class_name not in present]
        self.windows = {}
        for frames in ear.windows:
            power, labels, names = held_out_windows(judged, ear, frames)
            self.windows[frames] = (np.log(power + LOG_FLOOR), labels, names)
        self.synthetic = sorted(set(ear.classes) - present)
        examples = Examples(sounds, ear, 256, seed + 1, Augmentation(pitches=0))
        self.examples = [examples.arrays_at(index) for index in range(HELD_OUT_BATCHES)]

    def all(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(x, y) for x, y, _ in self.windows.values() if len(y)] + self.examples


def train_classifier(train, valid, ear: Ear, settings: dict, run, session, augmentation=None):
    """(arrays, spec, Held, FitResult, Examples): what trained best, without calibration and thresholds yet."""
    import mlx.core as mx
    import mlx.nn as nn

    from fae_training.ears import network
    from fae_training.fit import FitSettings, fit

    examples = Examples(train, ear, settings["batch_size"], settings["seed"], augmentation)
    held = Held(valid, ear, settings["seed"])
    frames = np.concatenate(
        [examples.arrays_at(n)[0].reshape(-1, 40) for n in range(BATCHES_FOR_STATISTICS)]
    )
    mean, deviation = frames.mean(axis=0), frames.std(axis=0) + 1e-3
    mx.random.seed(settings["seed"])
    model = network.Classifier(
        list(LAYERS), len(ear.classes), 40, mean, deviation, settings["dropout"]
    )
    spec = model_files.specification(ear)
    smoothing = settings["label_smoothing"]

    def loss(model, batch):
        losses = nn.losses.cross_entropy(model(batch["x"]), batch["y"], label_smoothing=smoothing)
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    def validate() -> dict:
        # numpy's matrix products are fast everywhere; MLX's own on a processor are not.
        classifier = Classifier(parameters_of(model) | {"mean": mean, "deviation": deviation}, spec)
        losses = [cross_entropy(classifier.logits(x), y) for x, y in held.all()]
        return {"val_loss": float(np.mean(losses))}

    steps = settings["steps"]
    every = max(1, steps // 10)
    result = fit(
        model,
        FitSettings(
            steps=steps,
            learning_rate=settings["learning_rate"],
            gradient_accumulation=settings["gradient_accumulation"],
            warmup_steps=round(settings["warmup_ratio"] * steps),
            schedule=settings["schedule"],
            weight_decay=settings["weight_decay"],
            seed=settings["seed"],
            report_every=max(1, steps // 50),
            validate_every=every,
            save_every=every,
            max_gradient_norm=settings["max_gradient_norm"],
            patience=settings["patience"],
        ),
        loss,
        examples,
        validate,
        run,
        session,
    )
    arrays = {name: np.array(array) for name, array in result.best_parameters.items()}
    arrays |= {"mean": mean, "deviation": deviation}
    return arrays, spec, held, result, examples


def calibrated(arrays: dict, spec: dict, held: Held) -> dict:
    """The spec with the temperature that fits the held-out windows."""
    classifier = Classifier(arrays, spec)
    logits = [(classifier.logits(x), y) for x, y in held.all()]
    x, y = (np.concatenate(parts) for parts in zip(*logits, strict=True))
    return spec | {"temperature": best_temperature(x, y)}


def held_out_streams(valid, ear: Ear, minutes: float, seed: int) -> dict:
    """Streams to choose on and streams to measure on, each without and with triggers in them."""
    lengths = {"quiet": minutes * 60, "spoken": minutes * 30}
    return {
        f"{use}_{name}": streams.compose(
            valid, ear, seconds, seed * 10 + 2 * part + (name == "spoken"), name == "spoken"
        )
        for part, use in enumerate(("choose", "measure"))
        for name, seconds in lengths.items()
    }


def train(run, session) -> dict:
    """The worker's task "train", for both kinds."""
    # Setup
    ear, settings = EARS[run.kind], run.settings
    sounds, notes = gather(run.home, ear, settings, session.log)
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
    spec = calibrated(arrays, spec, held)
    made = {}
    if ear.triggers:
        made = held_out_streams(valid, ear, settings["stream_minutes"], settings["seed"])
        spec["triggers"] = streams.choose(
            Classifier(arrays, spec),
            made["choose_quiet"],
            made["choose_spoken"],
            settings["false_alarms_per_hour"],
        )
    save(run, ear, arrays, spec, valid)
    keep_held_out(run, held, made)

    # What was applied, read back from the objects
    from fae_training.worker import receipt

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


def count(sounds: list[Recording], ear: Ear) -> dict:
    return {
        name: {
            origin: found
            for origin in ("recorded", "synthesised", "generated")
            if (found := sum(r.class_name == name and r.origin == origin for r in sounds))
        }
        for name in ear.classes
    }


def write_rows(run, ear: Ear, training, valid, notes: list[str]) -> None:
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


def save(run, ear: Ear, arrays: dict, spec: dict, valid: list[Recording]) -> None:
    """adapters/: model.safetensors, model.json, self_test.safetensors, and model.onnx where onnx is installed."""
    from fae_training.ears.features import samples_for

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
        from fae_training.ears import onnx_export

        onnx_export.export(Classifier(arrays, spec), where / "model.onnx")
    except ImportError:
        (where / "model.onnx").unlink(missing_ok=True)


def keep_held_out(run, held: Held, made: dict) -> None:
    """held_out.npz: what every later comparison on this run's held-out sounds is made of, half precision."""
    from fae_training.state import atomic_file

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
