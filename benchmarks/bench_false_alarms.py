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

    uv run benchmarks/bench_false_alarms.py --audio DIR --steps 400

DIR is as bench_classifiers.py describes it. Each of twelve sources is left out of training and of choosing thresholds in turn
(four sources share a training). The threshold is chosen for one false alarm an hour on the `choose` recordings, and
judged on those of valid.csv; then two hours are composed whose speech, or whose noise and music, is of the source left out alone.
A trial, of one source and one trigger, holds where these hours have no more than the requested false alarms per hour.
"""

import argparse
import os
from pathlib import Path

from bench_classifiers import KEYWORD, VERIFIER, borrowed, print_head, print_row, rows
from classifier_training import trained
from fae_training import mlx_on_linux
from fae_training.classifiers import streams, thresholds
from fae_training.classifiers.sound_files import Recording
from fae_training.kinds import KINDS

# Speakers of Picovoice's recordings who only say "alexa" count as a separate source.
FOLDS = (
    ("librispeech_resemblyzer", "gsc_background", "sonicpi_samples", "mdn_webaudio"),
    ("precise_community", "esc10", "efface_cc0_pack", "fsdd"),
    ("picovoice_alexa", "fsdkaggle_instruments", "picovoice_s2i", "librosa_data"),
)
ASKED = 1.0
HOURS_JUDGED, HOURS_LEFT_OUT = 4, 2


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, default=os.environ.get("FAE_BENCH_AUDIO"))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    if arguments.audio is None:
        parser.error("--audio DIR (or FAE_BENCH_AUDIO) is needed: a folder with recordings")
    mlx_on_linux.use_openblas()
    train, valid = (sounds(Path(arguments.audio), split) for split in ("train", "valid"))
    preset = dict(KINDS["keyword"].presets["light"]) | {"steps": arguments.steps}
    print_head(
        "left out", "trigger", "threshold", "recall", "judged: alarms, overdispersion, at most", "left out: alarms an hour", "holds"
    )  # fmt: skip
    held, shown, shown_and_held, bounded, trials = 0, 0, 0, 0, 0
    for seed in arguments.seeds:
        for fold in FOLDS:
            known = [r for r in train if r.source not in fold]
            classifier, _, _ = trained(KEYWORD, known, preset, seed=seed)
            judged = [r for r in valid if r.source not in fold]
            on = {
                "quiet": streams.compose(judged, KEYWORD, 3_600 * HOURS_JUDGED, 101, False),
                "spoken": streams.compose(judged, KEYWORD, 1_800, 102, True),
            }
            found = thresholds.measure(classifier, on, classifier.spec["triggers"])
            for source in fold:
                alone = [r for r in train + valid if r.source == source]
                replaced = {r.class_name for r in alone}
                around = [r for r in judged if r.class_name not in replaced]
                hours = streams.compose(alone + around, KEYWORD, 3_600 * HOURS_LEFT_OUT, 103, False)
                silent = classifier.over(hours.log_mel)
                for trigger, settings in classifier.spec["triggers"].items():
                    score = thresholds.smoothed(
                        silent[:, KEYWORD.classes.index(trigger)], settings["smoothing_chunks"]
                    )
                    rate = len(thresholds.alarms(score, settings["threshold"])) / hours.hours
                    f = found[trigger]
                    trials += 1
                    held += rate <= ASKED
                    bounded += rate <= f["at_most"]
                    shown += f["at_most"] <= ASKED
                    shown_and_held += f["at_most"] <= ASKED and rate <= ASKED
                    print_row(
                        f"{source} (seed {seed})",
                        trigger,
                        f"{settings['threshold']:.3f}, {settings['smoothing_chunks']}",
                        f"{f['recall']:.2f}",
                        f"{f['false_alarms']}, {f['overdispersion']:.1f}, {f['at_most']:.1f}",
                        f"{rate:.1f}",
                        "yes" if rate <= ASKED else "no",
                    )
    print(
        f"\n{held} of {trials} trials hold; a rate was shown before it in {shown}, of which {shown_and_held} hold; "
        f"in {bounded} the rate is within the judged upper bound"
    )


if __name__ == "__main__":
    main()
