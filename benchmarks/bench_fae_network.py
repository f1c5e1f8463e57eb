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
"""Compares Fae's own classifier network with ours, its teacher, on people and recordings not seen in training.

    uv run benchmarks/bench_fae_network.py --audio DIR --write docs/classifiers-measured.md

DIR is as bench_classifiers.py describes it. Trains both kinds on train.csv for each seed, distils them (once without the teacher too),
and measures all on the same segments of valid.csv, cut as Fae's are. Writes its table into the document.
"""

import tempfile
from pathlib import Path

import page
from bench_classifiers import KEYWORD, VERIFIER, borrowed, recordings
from classifier_training import (
    SilentSession,
    build_parser,
    parse,
    parts_of,
    settings_of,
    trained,
    write,
)
from fae_training.classifiers import fae_network
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.runtime import Classifier
from fae_training.lifecycle import runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.store.state import Home

# Thresholds have no effect here.
STREAM_MINUTES = 8
COLUMNS = {
    "macro_f1": "macro-F1",
    "interrupt_heard": "interrupt: put there",
    "interrupt_mistaken": "others put there",
    "wake_heard": "wake: put there",
    "wake_mistaken": "others put there",
}


def rows(audio: Path, kind: ClassifierKind, other: ClassifierKind, steps: int, seed: int) -> list:
    sounds = recordings(audio, kind, "train") + borrowed(kind, recordings(audio, other, "train"))
    preset = {**KINDS[kind.name].presets["light"], "steps": steps, "stream_minutes": STREAM_MINUTES}
    settings = settings_of(kind, preset, seed)
    teacher, _, _ = trained(kind, sounds, preset, seed=seed)
    parts = parts_of(kind, sounds, settings)
    held = fae_network.held_out(recordings(audio, kind, "valid"), kind, 0)
    made = []
    for what, share in (
        ("Fae's own, distilled", fae_network.TEACHER_SHARE),
        ("without a teacher", 0.0),
    ):
        before, fae_network.TEACHER_SHARE = fae_network.TEACHER_SHARE, share
        with tempfile.TemporaryDirectory() as directory:
            run = runs.create(Home(Path(directory)), kind.name, {"settings": settings})
            session = SilentSession(run)
            parameters = fae_network.distilled(teacher, parts, kind, settings, run, session)
            folder = run.home.directory("fae")
            fae_network.save(folder, parameters, kind)
            network = fae_network.load(folder, kind)
            seconds = sum(session.seconds.values())
        fae_network.TEACHER_SHARE = before
        found = figures(held, network, teacher, kind)
        if not made:
            made.append(_row(f"{kind.name}, seed {seed}, ours", found, "segments"))
            print(" | ".join(made[-1]), flush=True)
        made.append(_row(f"{kind.name}, seed {seed}, {what}", found, "fae"))
        print(" | ".join(made[-1]), f"({seconds:.0f} s)", flush=True)
    return made


def figures(held, network, teacher: Classifier, kind: ClassifierKind) -> dict[str, float]:
    found = fae_network.figures(held, {"candidate": network}, {"candidate": teacher}, kind)
    return {one.name: one.candidate for one in found}


def _row(what: str, found: dict[str, float], form: str) -> list[str]:
    values = [found.get(f"{form}_{name}") for name in COLUMNS]
    return [what, *("" if value is None else f"{value:.3f}" for value in values)]


def main() -> None:
    arguments = parse(build_parser(__doc__))
    made = [
        row
        for kind, other in ((KEYWORD, VERIFIER), (VERIFIER, KEYWORD))
        for seed in arguments.seeds
        for row in rows(arguments.audio, kind, other, arguments.steps, seed)
    ]
    table = page.table(["classifier, on segments", *COLUMNS.values()], made)
    write(arguments, "bench-fae-network", "Fae's own network", "For each network:", table)


if __name__ == "__main__":
    main()
