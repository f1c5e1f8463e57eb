"""The sounds that a classifier is trained on: gathered, divided, supplemented, and listed in data/<kind>/.

People's recordings are divided first (parts_of_sounds.py). Derived sounds depend on the training
part alone or stay in the part that they were made from.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers import (
    parts_of_sounds,
    preflight,
    recordings,
    sound_files,
    synthetic_sounds,
)
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.features import mel_power, samples_for
from fae_training.classifiers.parts_of_sounds import Parts
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.streams import FEWEST
from fae_training.classifiers.windows import utterances
from fae_training.judgement.parts import CHOOSE, JUDGE
from fae_training.lifecycle.runs import Run
from fae_training.speech.synthesis import Synthesiser, find_synthesiser
from fae_training.store.state import Home, write_json, write_jsonl

# Phrases that are too long for a window are reported from this share of them.
LONG_SHARE = 0.2


def gather(
    home: Home,
    kind: ClassifierKind,
    settings: Mapping,
    kept: Mapping[str, str],
    log: Callable[[str], None],
    only: Mapping[str, str] | None = None,
) -> Parts:
    """Every usable recording, and the synthesised and generated sounds in addition, by part.

    `kept`: parts_of_sounds.before. `only`: the recordings that the run started with
    (recordings.scan).
    """
    found = recordings.scan(home, kind, only)
    sounds, notes = sound_files.load(home, kind, found)
    log(f"recordings: {count(sounds, kind)}")
    people = parts_of_sounds.divided(sounds, kept, kind.triggers)
    synthesiser = find_synthesiser() if settings["synthesise"] == "auto" else None
    if not synthesiser:
        notes.append("no speech was synthesised: all running speech is from recordings")
    phrases = preflight.phrases_of(settings, kind)
    parts = with_made(people, kind, phrases, settings, synthesiser)
    notes += too_long(parts.train, kind)
    if 0 < (few := len({r.group for r in parts.ordinary})) < FEWEST:
        notes.append(
            f"a false-alarm rate needs at least {FEWEST} recordings from --to-judge and there {'is' if few == 1 else 'are'} "
            f"{few}, so it was counted on composed streams"
        )
    return replace(parts, notes=found.notes + notes + parts.notes)


def too_long(sounds: list[Recording], kind: ClassifierKind) -> list[str]:
    """A note about phrases that do not fit into a window, which misses their first part."""
    notes = []
    for name in kind.triggers:
        lengths = [
            max(end - first for first, end in found)
            for r in sounds
            if r.class_name == name and (found := utterances(mel_power(r.samples)))
        ]
        longer = sum(length > kind.windows[0] for length in lengths)
        if longer > LONG_SHARE * len(lengths):
            seconds = samples_for(kind.windows[0]) / SAMPLE_RATE
            notes.append(
                f"{longer} of {len(lengths)} sounds of {name} are longer than the {seconds:.2f} s that the classifier hears at "
                f"once: only the end of the phrase decides. A shorter phrase is detected more reliably"
            )
    return notes


def with_made(
    people: Parts,
    kind: ClassifierKind,
    phrases: dict[str, list[str]],
    settings: Mapping,
    synthesiser: Synthesiser | None,
) -> Parts:
    """People's recordings, and the synthesised, generated and mixed sounds that are added to each part.

    How many are generated depends on the training part. Voices and pieces are divided separately,
    so that none is held out in place of a person. The babble of a part is mixed from the speech of
    that part.
    """
    seed = settings["seed"]
    counts = {name: sum(r.class_name == name for r in people.train) for name in kind.classes}
    made = []
    if synthesiser:
        each = settings["clips_per_trigger"] if kind.triggers else 0
        made += synthetic_sounds.synthesised(synthesiser, kind, phrases, counts, each, seed)
    made += synthetic_sounds.generated(kind, counts, settings["generated_seconds"], seed)
    parts = parts_of_sounds.together(people, parts_of_sounds.divided(made))
    train, judge, choose = (
        sounds + synthetic_sounds.babble(sounds, 10 * seed + number)
        for number, sounds in enumerate((parts.train, parts.judge, parts.choose))
    )
    return replace(parts, train=train, choose=choose if parts.apart else judge, judge=judge)


def count(sounds: list[Recording], kind: ClassifierKind) -> dict[str, dict[str, int]]:
    """{class: {origin: number of sounds}}."""
    return {
        name: dict(Counter(r.origin for r in sounds if r.class_name == name))
        for name in kind.classes
    }


def write_rows(run: Run, kind: ClassifierKind, parts: Parts) -> None:
    """Write data/<kind>/train.jsonl, valid.jsonl and meta.json, which list the sounds of each part."""
    where = run.home.directory("data", kind.name)
    write_jsonl(where / "train.jsonl", [_row(r) for r in parts.train])
    judge = [_row(r) | {"part": JUDGE} for r in parts.judge + parts.own + parts.ordinary]
    choose = [_row(r) | {"part": CHOOSE} for r in parts.choose] if parts.apart else []
    write_jsonl(where / "valid.jsonl", choose + judge)
    sides = {"train": count(parts.train, kind), "valid": count(parts.held_out, kind)}
    write_json(where / "meta.json", sides | {"notes": parts.notes, "run": run.id})


def _row(sound: Recording) -> dict:
    return {
        "class": sound.class_name,
        "speaker": sound.speaker,
        "recording": sound.name,
        "origin": sound.origin,
        "source": sound.source,
        "seconds": round(len(sound.samples) / SAMPLE_RATE, 2),
    }
