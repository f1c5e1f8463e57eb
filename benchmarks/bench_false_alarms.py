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
"""Tests whether a keyword classifier's promised rate of false alarms holds for sounds of an unseen source.

    uv run benchmarks/bench_false_alarms.py --audio DIR --write docs/classifiers-measured.md
    uv run benchmarks/bench_false_alarms.py --audio DIR --steps 200 --seeds 0 --folds 1 --hours 0.5 --minutes 60     a part of it

DIR is as bench_classifiers.py describes it. Each of twelve sources is left out of training and of choosing thresholds in turn
(four sources share a training, a fold). The threshold is chosen for one false alarm an hour on the `choose` recordings, and
judged on those of valid.csv; then hours are composed whose speech, or whose noise and music, is of the source left out alone.
A trial, of one source and one trigger, holds where these hours have no more than the requested false alarms per hour.
Writes its table into the document that --write names.
"""

from pathlib import Path

import page
from bench_classifiers import KEYWORD, VERIFIER, borrowed, print_row, rows
from classifier_training import build_parser, parse, trained, write
from fae_training.classifiers import streams, thresholds
from fae_training.classifiers.sound_files import Recording
from fae_training.lifecycle.kinds import KINDS

# Speakers of Picovoice's recordings who only say "alexa" count as a separate source.
FOLDS = (
    ("librispeech_resemblyzer", "gsc_background", "sonicpi_samples", "mdn_webaudio"),
    ("precise_community", "esc10", "efface_cc0_pack", "fsdd"),
    ("picovoice_alexa", "fsdkaggle_instruments", "picovoice_s2i", "librosa_data"),
)
ASKED = 1.0
LIGHT = KINDS["keyword"].presets["light"]
HEAD = (
    "left out",
    "interrupt: recall",
    "at most, as judged",
    "alarms an hour of what was left out",
    "wake: recall",
    "at most, as judged",
    "alarms an hour of what was left out",
)


def sounds(audio: Path, split: str) -> list[Recording]:
    """The recordings of a split as the keyword classifier uses them, with their sources."""
    made = []
    for kind in (KEYWORD, VERIFIER):
        for recording, source in rows(audio, kind, split):
            if (recording.speaker or "").startswith("al"):
                source = "picovoice_alexa"
            (here,) = borrowed(KEYWORD, [recording]) if kind is VERIFIER else [recording]
            made.append(
                Recording(
                    here.class_name, here.speaker, here.name, "recorded", here.samples, source
                )
            )
    return made


def trials(
    train: list[Recording],
    valid: list[Recording],
    fold: tuple,
    seed: int,
    preset: dict,
    hours: float,
) -> list[tuple[str, dict[str, tuple]]]:
    """Of each source: (its name, for each trigger: its detections, and the alarms per hour of the source)."""
    known = [r for r in train if r.source not in fold]
    classifier, _, _ = trained(KEYWORD, known, preset, seed=seed)
    judged = [r for r in valid if r.source not in fold]
    on = {
        "quiet": streams.compose(judged, KEYWORD, 7_200 * hours, 101, False),
        "spoken": streams.compose(judged, KEYWORD, 1_800, 102, True),
    }
    found = thresholds.measure(classifier, on, classifier.spec["triggers"])
    made = []
    for source in fold:
        alone = [r for r in train + valid if r.source == source]
        replaced = {r.class_name for r in alone}
        around = [r for r in judged if r.class_name not in replaced]
        heard = streams.compose(alone + around, KEYWORD, 3_600 * hours, 103, False)
        silent = classifier.over(heard.log_mel)
        rates = {}
        for trigger, settings in classifier.spec["triggers"].items():
            column = silent[:, KEYWORD.classes.index(trigger)]
            score = thresholds.smoothed(column, settings["smoothing_chunks"])
            alarms = thresholds.alarms(score, settings["threshold"])
            rates[trigger] = found[trigger], len(alarms) / heard.hours
        made.append((source, rates))
    return made


def main() -> None:
    parser = build_parser(__doc__)
    parser.add_argument("--folds", type=int, default=len(FOLDS), choices=range(1, len(FOLDS) + 1))
    parser.add_argument(
        "--hours", type=float, default=2.0, help="of each source; twice as many are judged"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=LIGHT["stream_minutes"],
        help="that thresholds are chosen on",
    )
    arguments = parse(parser)
    train, valid = (sounds(arguments.audio, split) for split in ("train", "valid"))
    preset = {**LIGHT, "steps": arguments.steps, "stream_minutes": arguments.minutes}
    made, every = [], []
    for seed in arguments.seeds:
        for fold in FOLDS[: arguments.folds]:
            for source, rates in trials(train, valid, fold, seed, preset, arguments.hours):
                row = [f"{source}, seed {seed}"]
                for detections, rate in rates.values():
                    row += [f"{detections.recall or 0:.2f}", f"{detections.false_alarms.upper:.1f}"]
                    row.append(f"{rate:.1f}")
                made.append(row)
                every += rates.values()
                print_row(*row)
    held = sum(rate <= ASKED for _, rate in every)
    shown = sum(found.false_alarms.upper <= ASKED for found, _ in every)
    hours = arguments.hours
    text = (
        f"At most one false alarm an hour was asked for; thresholds chosen on {arguments.minutes:g} minutes. Of {len(every)} trials {held} "
        f"hold: {hours:g} h of the source that was left out have no more. Before, {2 * hours:g} h of new recordings of the other "
        f"sources had shown the rate in {shown} of them."
    )
    table = page.table(list(HEAD), made)
    write(arguments, "bench-false-alarms", "False alarms that were promised", text, table)


if __name__ == "__main__":
    main()
