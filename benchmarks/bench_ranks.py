# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-tune==0.6.0; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Training on 1, 2 and 4 ranks of this machine: the losses, which must be equal, and the speed of the steps.

    uv run benchmarks/bench_ranks.py
    uv run benchmarks/bench_ranks.py --write docs/machines.md

Each training runs in its own process with its own ranks, over loopback (tests/on_ranks.py); in each
round 1, 2 and 4 take turns, and the fastest round counts. All ranks share the cores of one machine, so
this shows the cost of sharing, not the gain of a second machine: by the processor time of all ranks
together, which other programs hardly change, and by wall time, which they do.
"""

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import page
from random_models import TOKENIZER, TOKENIZER_FILES, write_model
from training_sides import CONFIG

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
import on_ranks

RANKS = (1, 2, 4)


def measure(task: on_ranks.Task, rounds: int, place: Path) -> dict[int, dict]:
    """The results of on_ranks.in_a_process for each number of ranks, from the round with the fastest steps."""
    best: dict[int, dict] = {}
    for number in range(rounds):
        for ranks in RANKS:
            home = place / f"{task.kind}-{ranks}-{number}"
            answer = on_ranks.in_a_process(replace(task, ranks=ranks, home=str(home)))
            assert answer["error"] is None, answer["error"]
            speed = answer["reports"][-1]["tokens_per_s"]
            print(f"{task.kind}, ranks {ranks}: {speed:.0f} tokens/s", file=sys.stderr, flush=True)
            if ranks not in best or speed > best[ranks]["reports"][-1]["tokens_per_s"]:
                best[ranks] = answer
    return best


def curves(name: str, found: dict[int, dict]) -> list[str]:
    """A table of the losses, and the largest difference from one rank, as a share."""
    losses = {ranks: [report["loss"] for report in found[ranks]["reports"]] for ranks in RANKS}
    rows = [
        [str(step), *(f"{losses[ranks][step - 1]:.6f}" for ranks in RANKS)]
        for step in range(1, len(losses[1]) + 1)
    ]
    worst = max(
        abs(b - a) / abs(a)
        for ranks in RANKS
        for a, b in zip(losses[1], losses[ranks], strict=True)
    )
    head = [f"{name}, step", *(f"{ranks} rank{'s' * (ranks > 1)}" for ranks in RANKS)]
    return [*page.table(head, rows), "", f"Largest difference from one rank: {worst:.1e}.", ""]


def efficiency(found: dict[int, dict]) -> list[str]:
    speeds = {ranks: answer["reports"][-1]["tokens_per_s"] for ranks, answer in found.items()}
    work = {
        ranks: answer["processor_s"] / (len(answer["reports"]) - 1)
        for ranks, answer in found.items()
    }
    rows = [
        [str(n), f"{work[n]:.1f}", f"{work[1] / work[n]:.0%}", f"{speeds[n]:.0f}", f"{speeds[n] / speeds[1] / n:.0%}"]
        for n in found
    ]  # fmt: skip
    head = ["ranks", "CPU s per step", "efficiency", "tokens/s", "efficiency by wall time"]
    return page.table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the section of FILE")
    given = parser.parse_args()
    from fae_training.lifecycle import results

    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        model = place / "model"
        write_model(model, {"model_type": "qwen3_5", "text_config": CONFIG})
        for name in TOKENIZER_FILES:
            shutil.copy(TOKENIZER / name, model)
        sft = on_ranks.Task("", steps=4, batch_size=4, gradient_accumulation=4, rows=48, tokens=120, rank=8, model=str(model))  # fmt: skip
        conversations = measure(sft, given.rounds, place)
        preferences = measure(replace(sft, kind="dpo", tokens=60, batch_size=2), 1, place)
    lines = [
        *curves("SFT", conversations),
        *curves("DPO", preferences),
        f"Steps of SFT, {sft.batch_size * sft.gradient_accumulation} rows of about {sft.tokens + 17} tokens each, a model of 4 layers and "
        f"random weights, rank {sft.rank}:",
        "",
        *efficiency(conversations),
        "",
        "The first efficiency is the CPU time of a step with one rank divided by that of all ranks together; it shows the cost of "
        "smaller batches and of waiting in the ring. The second is by wall time, with all ranks sharing the cores of one machine; "
        "if other programs use them too, more processes get a larger share. "
        f"{page.machine(results.versions())}; load {os.getloadavg()[1]:.0f} over five minutes.",
    ]
    text = "\n".join(lines)
    print(text)
    if given.write:
        page.write_section(given.write, "bench-ranks", "Measured", text)


if __name__ == "__main__":
    main()
