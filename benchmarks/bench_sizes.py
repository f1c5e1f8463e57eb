# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "psutil>=6",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Memory of training at real sizes: the measured peak of the process tree compared with the plan.

    uv run benchmarks/bench_sizes.py --memory 4 --only 2B
    uv run benchmarks/bench_sizes.py --write docs/benchmarks.md

Qwen3.5-2B, 4B with half of its layers, and as many layers of 35B-A3B as fit, with random weights in float32, take two
steps of the smoke preset and one of light through scripts/train.py, on rows of the preset's whole length,
with validation, but without rehearsal and without answers to score: written answers need less memory than a step,
and a model of this size would write them for hours on a CPU. --memory: gigabytes that a plan may need; a model that does not fit loses
layers, or is left out with a note. Models are in bench-out/sizes while they are measured, one at a time.
Results are kept in bench-out/sizes/results.json and not measured again without --again.
"""

import argparse
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import page
import process_watch
import random_models
from fae_training.app import fae_app
from fae_training.language import memory, model_sizes
from fae_training.lifecycle.kinds import KINDS
from fae_training.store import consent, state

ROOT = Path(__file__).resolve().parent.parent
# Qwen3.5's layers come in groups of four: three of linear attention and one of full attention.
PERIOD = 4
# A measured peak that deviates from the plan by more than this share is marked.
ALLOWED = 0.15
# What the answers of the rows consist of.
ANSWERS = {"train": ("again", "once more", "and so on", "over and over"), "valid": ("still",)}


@dataclass(frozen=True)
class Case:
    """A model; `layers`: the most that it may keep, None for all."""

    name: str
    layers: int | None = None


CASES = (Case("2B"), Case("4B", 16), Case("35B-A3B"))
RUNS = (("smoke", 2), ("light", 1))


def layers_that_fit(case: Case, limit_bytes: float) -> int:
    """The most layers, in whole periods where one fits, with which the larger preset fits; 0: not
    even one layer."""
    whole = random_models.config_of(case.name)["text_config"]["num_hidden_layers"]
    most = min(case.layers or whole, whole)
    for layers in [*range(most, PERIOD - 1, -1), 3, 2, 1]:
        if layers > PERIOD and layers % PERIOD and layers != most:
            continue
        sizes = model_sizes.read_sizes(random_models.config_of(case.name, layers))
        needed = [
            memory.plan(
                sizes,
                sizes.weight_bytes(),
                preset["rank"],
                preset["batch_size"],
                preset["gradient_accumulation"],
                preset["max_length"],
                round(limit_bytes),
                activation_bytes=4,
            )
            for preset in (KINDS["sft"].presets[name] for name, _ in RUNS)
        ]
        if all(plan.fits for plan in needed):
            return layers
    return 0


def make_home(home: Path) -> None:
    """Rows so long that every preset cuts them to its whole length, with nearly all tokens a target.

    They hold no rare string that a model could have memorised, so that scoring writes little.
    """
    place = state.Home(home)
    consent.change(place, ["conversations"], [])
    longest = max(KINDS["sft"].presets[name]["max_length"] for name, _ in RUNS)
    for side, answers in ANSWERS.items():
        rows = []
        for number, words in enumerate(answers):
            messages = [{"role": "user", "content": "Repeat it."}]
            messages.append({"role": "assistant", "content": " ".join([words] * longest)})
            source = {"ids": [f"{side}-{number}"], "session": f"{side}-{number}"}
            rows.append({"messages": messages, "weight": 1.0, "source": source})
        state.write_jsonl(place.file("data", "sft", f"{side}.jsonl"), rows)
    state.write_json(place.file("data", "sft", "meta.json"), {"summary": "repeated words"})


def measure(directory: Path, preset: str, steps: int) -> dict:
    """One training of the model in `directory`, started as a person would."""
    home, log_file = directory.parent / "home", directory.parent / "bench.log"
    shutil.rmtree(home, ignore_errors=True)
    make_home(home)
    uv = os.environ.get("UV") or shutil.which("uv") or sys.exit("uv was not found")
    command = [uv, "run", "--quiet", "--script", str(ROOT / "scripts" / "train.py")]
    command += ["--preset", preset, "--steps", str(steps), "--model", str(directory)]
    command += ["--rehearsal", "0", "--suite", "own"]
    environment = os.environ | {"FAE_TRAINING_HOME": str(home), "NO_COLOR": "1"}
    usage = process_watch.run(command, log_file, environment)
    (run,) = (home / "runs").glob("*/")
    if usage.status:
        tail = log_file.read_text().splitlines()[-8:]
        sys.exit("\n".join([f"train.py ended with status {usage.status}", *tail]))
    receipt = json.loads((run / "train_metrics.json").read_text())
    applied = receipt["applied"]
    return {
        "usage": usage.as_dict(),
        "mlx_peak_gb": receipt["peak_memory_gb"],
        "planned": applied["planned"],
        "longest": applied["max_length"],
        "checkpointed": applied["fast"]["checkpoint_layers"],
        "batch_size": applied["batch_size"],
        "versions": receipt["versions"],
    }


def run(directory: Path, limit_gb: float, only: list[str]) -> dict:
    """The cases named in `only`; those already in results.json are not measured again."""
    kept = directory / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    for case in (case for case in CASES if case.name in only):
        whole = random_models.config_of(case.name)["text_config"]["num_hidden_layers"]
        layers = layers_that_fit(case, limit_gb * 1e9)
        missing = [r for r in RUNS if f"{case.name} {layers} {r[0]}" not in results]
        if not missing:
            continue
        if not layers:
            log(f"{case.name}: not even one layer fits into {limit_gb:g} GB")
            continue
        log(f"{case.name}: {layers} of {whole} layers")
        model = directory / f"Qwen3.5-{case.name}"
        size = random_models.write_model(model, random_models.config_of(case.name, layers))
        for preset, steps in missing:
            log(f"   {preset}, {steps} steps")
            about = {"name": case.name, "layers": layers, "of": whole, "weight_gb": size / 1e9}
            about |= {"preset": preset, "steps": steps}
            about |= measure(model, preset, steps)
            results[f"{case.name} {layers} {preset}"] = about
            kept.write_text(json.dumps(results, indent=1))
        shutil.rmtree(model)
    return results


def as_markdown(results: dict) -> str:
    rows, worst, outside = [], 0.0, []
    for found in results.values():
        planned, measured = found["planned"].get("peak_memory_gb"), tree_gb(found)
        difference = measured / planned - 1 if planned else None
        if difference is not None:
            worst = max(worst, abs(difference), key=abs)
            if abs(difference) > ALLOWED:
                outside.append(f"Qwen3.5-{found['name']}, {found['preset']}")
        rows.append(
            [
                f"Qwen3.5-{found['name']}, {found['layers']} of {found['of']} layers, {found['preset']}",
                f"{found['weight_gb']:.2f}",
                f"{found['batch_size']} x {found['longest']:,}"
                + (", checkpointed" if found["checkpointed"] else ""),
                f"{planned:.2f}" if planned else "not estimated",
                f"{found['mlx_peak_gb']:.2f}",
                f"{measured:.2f}",
                "" if difference is None else f"{difference:+.0%}",
                f"{found['usage']['wall_seconds'] / 60:.1f}",
            ]
        )
    machine = page.machine(next(iter(results.values()))["versions"])
    verdict = (
        f"Outside of {ALLOWED:.0%}: {'; '.join(outside)}."
        if outside
        else f"Every peak is within {ALLOWED:.0%} of its plan; the largest difference is {worst:.0%}."
    )
    head = ["", "weights GB", "rows", "plan GB", "MLX GB", "process tree GB", "tree to plan"]
    return "\n".join(
        [
            f"{machine}. Random weights in float32, rows of the preset's whole length through scripts/train.py, validation "
            "included, without written answers (rehearsal, scoring). The process tree's peak is what all its processes had resident at one moment.",
            "",
            *page.table([*head, "minutes"], rows),
            "",
            verdict,
        ]
    )


def tree_gb(found: dict) -> float:
    return found["usage"]["peak_bytes"] / 1e9


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usable = memory.USABLE * fae_app.memory_bytes() / 1e9
    parser.add_argument(
        "--memory", type=float, default=usable, metavar="GB", help=f"default: {usable:.1f}"
    )
    names = [case.name for case in CASES]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, help="some of the models"
    )
    parser.add_argument("--again", action="store_true", help="forget what was measured")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result in this page")
    given = parser.parse_args()
    directory = ROOT / "bench-out" / "sizes"
    if given.again:
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    results = run(directory, min(given.memory, usable), given.only)
    if not results:
        sys.exit(f"nothing fits into {given.memory:g} GB")
    text = as_markdown(results)
    print(text)
    if given.write:
        page.write_section(given.write, "bench-sizes", "Memory at real sizes", text)
        log(f"written to {given.write}")


if __name__ == "__main__":
    main()
