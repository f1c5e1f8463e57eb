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
"""Tests whether reviewing false alarms reduces them: rounds of listening, sorting and training again.

    uv run benchmarks/bench_review.py --audio DIR --write docs/classifiers-measured.md
    uv run benchmarks/bench_review.py --audio DIR --steps 150 --seeds 0 --rounds 2 --hours 0.5     a part of it

DIR is as bench_classifiers.py describes it. Half of the groups of valid.csv are the home: each round the
classifier listens to another half an hour composed of them, and its alarms and near misses are sorted
(all are false: nobody says a trigger) and added to the training. Measured after each round, at the thresholds that
detect 80 % of the triggers of valid.csv: false alarms in other hours of the home, and in hours of the other half,
which is never reviewed. Writes its table into the document that --write names.
"""

import numpy as np

import page
from bench_classifiers import KEYWORD, KeywordData, print_row
from classifier_training import build_parser, parse, parts_of, settings_of, trained_on, write
from fae_training.classifiers import reviews, streams, thresholds
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.features import FRAMES_PER_CHUNK, LOG_FLOOR
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.validation import ValidationSet
from fae_training.judgement.parts import place_of
from fae_training.lifecycle.kinds import KINDS

RECALL = 0.8
REVIEWED_SECONDS = 1_800
# A clip of review.py has 163 frames, this many of which are after the window.
CLIP_FRAMES, FRAMES_AFTER = 163, 20
HEAD = ("round", "sounds reviewed", "interrupt at home", "elsewhere", "wake at home", "elsewhere")


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


def reviewing(
    data: KeywordData, preset: dict, seed: int, rounds: int, hours: dict, spoken, home: list
) -> list[list[str]]:
    """A row for each round: the sounds reviewed before it, and the false alarms per hour after it."""
    settings = settings_of(KEYWORD, preset, seed)
    parts = parts_of(KEYWORD, data.train + data.others, settings)
    held_out = ValidationSet(parts.choose, KEYWORD, seed)
    examples = Examples(parts.train, KEYWORD, settings["batch_size"], seed)
    made = []
    for number in range(rounds + 1):
        classifier, _ = trained_on(parts, examples, held_out, settings)
        rates = alarms_at_recall(classifier, hours, spoken)
        of_each = [f"{rates[t, where]:.1f}" for t in KEYWORD.triggers for where in hours]
        made.append([f"{number}, seed {seed}", str(len(examples.false_alarms)), *of_each])
        print_row(*made[-1])
        stream = streams.compose(home, KEYWORD, REVIEWED_SECONDS, 500 + number, False)
        examples.false_alarms += reviewed(classifier, stream)
    return made


def main() -> None:
    parser = build_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hours", type=float, default=2.0, help="measured at each of both places")
    arguments = parse(parser)
    # Few minutes to choose thresholds on: they only decide what is reviewed.
    preset = dict(KINDS["keyword"].presets["light"])
    preset |= {"steps": arguments.steps, "stream_minutes": 60}
    data = KeywordData(arguments.audio)
    home = [r for r in data.sounds if place_of("home " + r.group) < 50]
    others = [r for r in data.sounds if place_of("home " + r.group) >= 50]
    seconds = 3_600 * arguments.hours
    hours = {
        "home": streams.compose(home, KEYWORD, seconds, 401, False),
        "elsewhere": streams.compose(others, KEYWORD, seconds, 402, False),
    }
    spoken = streams.compose(data.sounds, KEYWORD, 3_600, 403, True)
    made = [
        row
        for seed in arguments.seeds
        for row in reviewing(data, preset, seed, arguments.rounds, hours, spoken, home)
    ]
    text = (
        f"False alarms an hour at the thresholds that detect {RECALL:.0%} of the triggers, in {arguments.hours:g} h of the home and "
        f"in {arguments.hours:g} h of sounds that are never reviewed; {REVIEWED_SECONDS // 60} minutes of the home are heard in each round."
    )
    write(arguments, "bench-review", "Learning from use", text, page.table(list(HEAD), made))


if __name__ == "__main__":
    main()
