"""What the benchmarks of the classifiers share: options, training on given recordings without a worker, and writing a table."""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import page
from fae_training.classifiers import parts_of_sounds, training, training_data
from fae_training.classifiers.augmentation import Augmentation
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.parts_of_sounds import Parts
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.validation import ValidationSet
from fae_training.environment import mlx_on_linux
from fae_training.lifecycle import results, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.session import Session
from fae_training.speech.synthesis import find_synthesiser
from fae_training.store.state import Home

# The words of the benchmark's recordings that are used as triggers.
PHRASES = {"wake": ["computer"], "interrupt": ["snowboy"]}


class SilentSession(Session):
    def log(self, text: str) -> None:
        pass


def build_parser(description: str) -> argparse.ArgumentParser:
    """The options of every benchmark that writes a table about the classifiers."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, default=os.environ.get("FAE_BENCH_AUDIO"))
    parser.add_argument("--steps", type=int, default=1000, help="of each training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--write", type=Path, help="the document to write the table into")
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    arguments = parser.parse_args()
    if arguments.audio is None:
        parser.error("--audio DIR (or FAE_BENCH_AUDIO) is needed: a folder with recordings")
    arguments.audio = Path(arguments.audio)
    mlx_on_linux.use_openblas()
    return arguments


def write(arguments: argparse.Namespace, name: str, heading: str, text: str, table: list) -> None:
    """Print a table with its settings, and write both into the document that --write names."""
    seeds = ", ".join(map(str, arguments.seeds))
    settings = f"{arguments.steps} steps, seeds: {seeds}; {page.machine(results.versions())}."
    text = "\n".join([text, "", *table, "", settings])
    print(text)
    if arguments.write:
        page.write_section(arguments.write, name, heading, text)


def settings_of(kind: ClassifierKind, preset: Mapping, seed: int) -> dict:
    return {**KINDS[kind.name].defaults, **preset, "seed": seed}


def parts_of(kind: ClassifierKind, sounds: list[Recording], settings: dict) -> Parts:
    """The result of training_data.gather for them."""
    people = parts_of_sounds.divided(sounds, triggers=kind.triggers)
    return training_data.with_made(people, kind, PHRASES, settings, find_synthesiser())


def trained_on(
    parts: Parts, examples: Examples, held_out: ValidationSet, settings: dict
) -> tuple[Classifier, int]:
    """(classifier with temperature and thresholds, steps taken)."""
    kind = examples.kind
    with tempfile.TemporaryDirectory() as directory:
        run = runs.create(Home(Path(directory)), kind.name, {"settings": settings})
        arrays, result = training.fit_ensemble(
            examples, held_out, settings, run, SilentSession(run)
        )
    if result.stopped == "cancelled":
        # fit() treats Ctrl-C and SIGTERM as "stop after this step" and returns its result so far.
        raise SystemExit("stopped: a training that was cut short gives no figures")
    return training.ready(arrays, parts, held_out, kind, settings), result.steps_done


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
    classifier, steps = trained_on(parts, examples, held_out, settings)
    return classifier, time.process_time() - began, steps
