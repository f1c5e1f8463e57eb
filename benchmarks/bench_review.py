# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "numpy",
#   "scikit-learn>=1.7",
#   "scipy>=1.14",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Tests whether reviewing false alarms reduces them: five rounds of listening, sorting and training again.

    uv run benchmarks/bench_review.py --audio DIR --steps 300

DIR is as bench_classifiers.py describes it. Half of the groups of valid.csv are the home: each round the
classifier listens to another half an hour composed of them, and its alarms and near misses are sorted
(all are false: nobody says a trigger) and added to the training. Measured after each round, at the thresholds that detect 80 % of the triggers of valid.csv: false alarms in
two other hours of the home, and in two hours of the other half, which is never reviewed.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

from bench_classifiers import KEYWORD, KeywordData, print_head, print_row
from classifier_training import PHRASES, SilentSession
from fae_training import mlx_on_linux, runs
from fae_training.classifiers import (
    parts_of_sounds,
    reviews,
    streams,
    thresholds,
    training,
    training_data,
)
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.features import FRAMES_PER_CHUNK, LOG_FLOOR
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.validation import ValidationSet
from fae_training.kinds import KINDS
from fae_training.parts import place_of
from fae_training.speech.synthesis import find_synthesiser
from fae_training.state import Home

ROUNDS, RECALL = 5, 0.8
REVIEWED_SECONDS, MEASURED_SECONDS = 1_800, 2 * 3_600
# A clip of review.py has 163 frames, this many of which are after the window.
CLIP_FRAMES, FRAMES_AFTER = 163, 20


def reviewed(classifier: Classifier, stream: streams.StreamOfSound) -> list[tuple]:
    """(mel power [163, 40], class number) of each alarm and near miss, in the form for Examples."""
    probabilities = classifier.over(stream.log_mel)
    backgrounds = [KEYWORD.classes.index(name) for name in KEYWORD.backgrounds]
    found = []
    for name, trigger in classifier.spec["triggers"].items():
        column = probabilities[:, KEYWORD.classes.index(name)]
        score = thresholds.smoothed(column, trigger["smoothing_chunks"])
        for chunk, _ in reviews.moments(score, trigger["threshold"], trigger["refractory_chunks"]):
            end = chunk * FRAMES_PER_CHUNK + classifier.window + FRAMES_AFTER
            if CLIP_FRAMES <= end <= len(stream.log_mel):
                power = np.exp(stream.log_mel[end - CLIP_FRAMES : end]) - LOG_FLOOR
                best = max(backgrounds, key=lambda n: probabilities[chunk, n])
                found.append((np.maximum(power, 0).astype(np.float32), best))
    return found


def alarms_at_recall(classifier: Classifier, hours: dict, spoken) -> dict[tuple, float]:
    """{(trigger, hours): false alarms per hour at the threshold for that recall}."""
    with_triggers = classifier.over(spoken.log_mel)
    silent = {name: classifier.over(stream.log_mel) for name, stream in hours.items()}
    found = {}
    for trigger, settings in classifier.spec["triggers"].items():
        column, chunks = KEYWORD.classes.index(trigger), settings["smoothing_chunks"]
        score = thresholds.smoothed(with_triggers[:, column], chunks)
        best, _ = thresholds.scores_of_events(score, spoken.events, trigger, classifier.window)
        level = float(np.quantile(best, 1 - RECALL))
        for name, stream in hours.items():
            alarms = thresholds.alarms(thresholds.smoothed(silent[name][:, column], chunks), level)
            found[trigger, name] = len(alarms) / stream.hours
    return found


def five_rounds(
    data: KeywordData, preset: dict, seed: int, hours: dict, spoken, home: list
) -> None:
    settings = KINDS["keyword"].defaults | preset | {"seed": seed}
    people = parts_of_sounds.divided(data.train + data.others)
    parts = training_data.with_made(people, KEYWORD, PHRASES, settings, find_synthesiser())
    held_out = ValidationSet(parts.choose, KEYWORD, seed)
    choosing = streams.choosing_streams(parts.choose, KEYWORD, 60, seed)
    examples = Examples(parts.train, KEYWORD, settings["batch_size"], seed)
    with tempfile.TemporaryDirectory() as directory:
        state = Home(Path(directory))
        for number in range(ROUNDS + 1):
            run = runs.create(state, "keyword", {"settings": settings})
            session = SilentSession(run)
            if number == 0:
                examples.hard_negatives = training.mined(
                    examples, parts.train, settings, run, session
                )
            arrays, spec, _ = training.fit_ensemble(examples, held_out, settings, run, session)
            spec = training.calibrated(arrays, spec, held_out)
            spec["triggers"] = thresholds.choose(Classifier(arrays, spec), *choosing, 1.0)
            classifier = Classifier(arrays, spec)
            rates = alarms_at_recall(classifier, hours, spoken)
            print_row(
                f"{number} (seed {seed})",
                str(len(examples.false_alarms)),
                *(f"{rates[t, where]:.1f}" for t in KEYWORD.triggers for where in hours),
            )
            stream = streams.compose(home, KEYWORD, REVIEWED_SECONDS, 500 + number, False)
            examples.review(reviewed(classifier, stream))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, default=os.environ.get("FAE_BENCH_AUDIO"))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    arguments = parser.parse_args()
    if arguments.audio is None:
        parser.error("--audio DIR (or FAE_BENCH_AUDIO) is needed: a folder with recordings")
    mlx_on_linux.use_openblas()
    preset = dict(KINDS["keyword"].presets["light"]) | {"steps": arguments.steps}
    data = KeywordData(Path(arguments.audio))
    home = [r for r in data.sounds if place_of("home " + r.group) < 50]
    others = [r for r in data.sounds if place_of("home " + r.group) >= 50]
    hours = {
        "home": streams.compose(home, KEYWORD, MEASURED_SECONDS, 401, False),
        "elsewhere": streams.compose(others, KEYWORD, MEASURED_SECONDS, 402, False),
    }
    spoken = streams.compose(data.sounds, KEYWORD, 3_600, 403, True)
    print_head(
        f"rounds, at {RECALL:.0%} of the triggers", "sounds reviewed", "interrupt: false alarms an hour at home", "elsewhere", "wake: at home", "elsewhere"
    )  # fmt: skip
    for seed in arguments.seeds:
        five_rounds(data, preset, seed, hours, spoken, home)


if __name__ == "__main__":
    main()
