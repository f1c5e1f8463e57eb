"""The sounds that a classifier is trained on: gathered, split into training and validation, and listed in data/<kind>/."""

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers import preflight, recordings, sound_files, synthetic_sounds
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.sound_files import Recording
from fae_training.speech.synthesis import find_synthesiser
from fae_training.state import write_json, write_jsonl

# With fewer speakers of a class than this, holding one out takes a third or more of its voices from training.
FEWEST_SPEAKERS = 4


def gather(home, kind: ClassifierKind, settings: dict, log) -> tuple[list[Recording], list[str]]:
    """(sounds, notes): every recording that can be used, and what is synthesised and generated in addition."""
    found = recordings.scan(home, kind)
    sounds, notes = sound_files.load(home, kind, found)
    counts = {name: sum(r.class_name == name for r in sounds) for name in kind.classes}
    log(f"recordings: {counts}")
    synthesiser = find_synthesiser() if settings["synthesise"] == "auto" else None
    if synthesiser:
        said = preflight.phrases_of(settings, kind)
        each = settings["clips_per_trigger"] if kind.triggers else 0
        sounds += synthetic_sounds.synthesised(
            synthesiser, kind, said, counts, each, settings["seed"]
        )
    else:
        notes.append("no speech was synthesised: all running speech is from recordings")
    speech = [r.samples for r in sounds if r.class_name == "speech"]
    sounds += synthetic_sounds.generated(
        kind, speech, counts, settings["generated_seconds"], settings["seed"]
    )
    return sounds, notes


def split(recordings: list[Recording], share: float, seed: int) -> tuple[list, list, list[str]]:
    """(train, valid, notes): about `share` of each class is held out, whole speakers or whole recordings at a time.

    What people recorded is split apart from what was synthesised or generated, so that no synthetic voice is held out in
    place of a person's. A class with fewer than FEWEST_SPEAKERS is split by recording, with a note that its figures are
    optimistic.
    """
    recorded = [r for r in recordings if r.origin == "recorded"]
    made = [r for r in recordings if r.origin != "recorded"]
    train, valid, notes = _split(recorded, share, seed)
    others = _split(made, share, seed)
    return train + others[0], valid + others[1], notes


def _split(recordings: list[Recording], share: float, seed: int) -> tuple[list, list, list[str]]:
    notes = []
    groups: dict[str, list[Recording]] = {}
    for recording in recordings:
        groups.setdefault(recording.group, []).append(recording)
    classes = sorted({r.class_name for r in recordings})
    total = {c: sum(r.class_name == c for r in recordings) for c in classes}
    for name in classes:
        few = {r.group for r in recordings if r.class_name == name}
        speakers = [group for group in few if group.startswith("speaker ")]
        if len(few) < FEWEST_SPEAKERS and speakers and total[name] > 1:
            # An optimistic figure is still better than none, and training cannot spare a voice.
            for group in sorted(few):
                for recording in groups.pop(group, []):
                    groups.setdefault(f"{group} {recording.name}", []).append(recording)
            who = "one speaker" if len(few) == 1 else f"{len(few)} speakers"
            notes.append(
                f"all recordings of {name} are of {who}: the figures are optimistic for anyone else"
            )
    counts = {
        g: {c: sum(r.class_name == c for r in rs) for c in classes} for g, rs in groups.items()
    }
    order = sorted(groups)
    np.random.default_rng(seed).shuffle(order)
    held, chosen = dict.fromkeys(classes, 0), set()
    for name in sorted(classes, key=lambda c: total[c]):
        left = sum(counts[g][name] > 0 for g in order)
        for group in order:
            size = counts[group][name]
            if held[name] >= share * total[name] or left < 2:
                break
            # A group that holds more than half of a class stays in training.
            if group in chosen or not size or held[name] + size > 0.5 * total[name]:
                continue
            chosen.add(group)
            left -= 1
            for other in classes:
                held[other] += counts[group][other]
    train = [r for group in order if group not in chosen for r in groups[group]]
    valid = [r for group in order if group in chosen for r in groups[group]]
    for name in classes:
        if not held[name]:
            notes.append(
                f"no recording of {name} could be held out: {name} has no figure of its own"
            )
    return train, valid, notes


def count(sounds: list[Recording], kind: ClassifierKind) -> dict[str, dict[str, int]]:
    """{class: {origin: number of sounds}}."""
    return {
        name: {
            origin: found
            for origin in ("recorded", "synthesised", "generated")
            if (found := sum(r.class_name == name and r.origin == origin for r in sounds))
        }
        for name in kind.classes
    }


def write_rows(run, kind: ClassifierKind, training, valid, notes: list[str]) -> None:
    """Write data/<kind>/train.jsonl, valid.jsonl and meta.json: which sound is on which side of the split."""
    where = run.home.directory("data", kind.name)
    for side, sounds in (("train", training), ("valid", valid)):
        write_jsonl(
            where / f"{side}.jsonl",
            [
                {
                    "class": r.class_name,
                    "speaker": r.speaker,
                    "recording": r.name,
                    "origin": r.origin,
                    "seconds": round(len(r.samples) / SAMPLE_RATE, 2),
                }
                for r in sounds
            ],
        )
    sides = {"train": count(training, kind), "valid": count(valid, kind)}
    write_json(where / "meta.json", sides | {"notes": notes, "run": run.id})
