# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "numpy",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "tokenizers",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Training on a GPU: speed and memory compared with stock mlx-lm and with the plan, and the time of the first step.

    uv run --with 'mlx[cuda13]' benchmarks/bench_gpu.py --write docs/benchmarks.md     an NVIDIA GPU
    uv run benchmarks/bench_gpu.py --write docs/benchmarks.md                          a Mac
    uv run benchmarks/bench_gpu.py --tiny                                              anywhere, as a smoke test

Qwen3.5-2B and 4B with random weights, in bfloat16 and in 4 bits, train rank 16 on rows of equal length
without a shared prefix, with every token a target. Each case runs in its own process; one that does
not fit or takes too long is reported. Times are wall time. The first step includes compiling on a Mac; on NVIDIA no
side is compiled (mlx_on_linux.py says why). Results are kept in bench-out/gpu.json. Exit status: 0 done, 4 no GPU.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import page
import random_models
from fae_training.environment import mlx_on_linux
from fae_training.lifecycle import results
from training_sides import CONFIG, Ours, plain_rows, stock_mlx_lm

ROOT = Path(__file__).resolve().parent.parent
NO_GPU = 4
RANK, SCALE, SEED = 16, 2.0, 0
# So many steps are timed, fewer when they take longer than this together; at least one.
STEPS, ENOUGH_S = 5, 30.0
STOCK, OURS, CHECKPOINTED = "stock mlx-lm", "ours", "ours, layers checkpointed"


@dataclass(frozen=True)
class Case:
    """One way to train one model on rows of `tokens` tokens, `batch` at a time."""

    model: str
    bits: int
    side: str
    batch: int
    tokens: int

    def name(self) -> str:
        precision = "bf16" if self.bits == 16 else f"{self.bits} bits"
        return f"{self.model}, {precision}, {self.batch} x {self.tokens:,}, {self.side}"


def cases(tiny: bool) -> list[Case]:
    if tiny:
        return [Case("tiny", bits, s, 1, 64) for bits in (16, 4) for s in (STOCK, OURS)]
    shapes = [(STOCK, 1, 512), (OURS, 1, 512), (STOCK, 2, 1024), (OURS, 2, 1024)]
    shapes += [(CHECKPOINTED, 2, 1024), (OURS, 4, 2048), (CHECKPOINTED, 4, 2048)]
    return [
        Case(model, bits, *shape) for model in ("2B", "4B") for bits in (16, 4) for shape in shapes
    ]


def make_model(case: Case):
    """(model with adapters, its config): random weights in bfloat16, quantised in groups of 64 on request."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx_lm.models import qwen3_5

    from fae_training.language import adapters

    if case.model == "tiny":
        config: dict[str, Any] = {
            "model_type": "qwen3_5",
            "text_config": dict(CONFIG, vocab_size=2000),
        }
    else:
        config = random_models.config_of(case.model)
    mx.random.seed(SEED)
    model = qwen3_5.Model(qwen3_5.ModelArgs.from_dict(config))
    model.set_dtype(mx.bfloat16)
    config["text_config"]["dtype"] = "bfloat16"
    if case.bits < 16:
        nn.quantize(model, group_size=64, bits=case.bits)
        config["quantization"] = {"group_size": 64, "bits": case.bits}
    adapters.add_lora(model, RANK, SCALE, 0.0, adapters.adapter_keys(model), SEED)
    model.train()
    mx.eval(model.parameters())
    return model, config


def measure(case: Case) -> dict:
    """Run and measure the steps of one side in this process."""
    import mlx.core as mx

    from fae_training.fitting.arrays import flattened
    from fae_training.language import fast_path, memory
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.model_sizes import read_sizes

    mlx_on_linux.set_up()
    model, config = make_model(case)
    rows = plain_rows(2 * case.batch, case.tokens)
    if case.model == "tiny":
        for row in rows:
            row.tokens[:] = [token % 2000 for token in row.tokens]
    weights = sum(
        value.nbytes
        for name, value in flattened(model.parameters()).items()
        if ".lora_" not in name
    )
    planned, notes = None, []
    if case.side == STOCK:
        side = stock_mlx_lm(case.side, model, rows, case.batch)
    else:
        fast, notes = fast_path.enable(
            model, FastSettings(checkpoint_layers=case.side == CHECKPOINTED)
        )
        side = Ours(case.side, model, rows, case.batch, fast)
        sizes = read_sizes(config)
        estimate = memory.estimate(
            sizes, weights, RANK, case.batch, case.tokens, fast.checkpoint_layers
        )
        planned = estimate.peak / 1e9
    began = time.monotonic()
    while len(side.seconds) < STEPS and not (side.seconds and time.monotonic() - began > ENOUGH_S):
        side.step()
    about = {
        "steps": len(side.seconds),
        "notes": notes,
        "planned_gb": planned,
        "weight_gb": weights / 1e9,
        "versions": results.versions(),
    }
    about["device"] = str(mx.device_info().get("device_name", mx.default_device()))
    return side.result() | about


def run_alone(case: Case, limit_s: float) -> dict:
    """Run the case in its own process; {"failed": the reason} where it fails or takes longer than `limit_s`."""
    command = [sys.executable, __file__, "--case", json.dumps(asdict(case))]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not finished after {limit_s:.0f} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"]
        return {"failed": lines[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def as_markdown(results: dict) -> str:
    measured = [found for found in results.values() if "failed" not in found]
    if not measured:
        return "Nothing could be measured: " + "; ".join(
            f"{name}: {found['failed']}" for name, found in results.items()
        )
    stock = {
        name.rpartition(", ")[0]: found["tokens_per_s"]
        for name, found in results.items()
        if name.endswith(STOCK) and "failed" not in found
    }
    rows = []
    for name, found in results.items():
        if "failed" in found:
            rows.append([name, *[""] * 6, found["failed"].replace("|", "/")[:100]])
            continue
        planned = found["planned_gb"]
        of_stock = stock.get(name.removesuffix(f", {OURS}").removesuffix(f", {CHECKPOINTED}"))
        faster = found["tokens_per_s"] / of_stock if of_stock else None
        peak = found["peak_mb"] / 1e3
        rows.append(
            [
                name,
                f"{found['tokens_per_s']:,.0f}",
                f"{faster:.1f}x" if faster and not name.endswith(STOCK) else "",
                f"{peak:.2f}",
                f"{planned:.2f}" if planned else "",
                f"{peak / planned - 1:+.0%}" if planned else "",
                f"{found['first_seconds']:.1f}",
                f"{found['step_seconds']:.3f}",
            ]
        )
    head = [
        "",
        "tokens/s",
        "of stock",
        "peak GB",
        "plan GB",
        "peak to plan",
        "first step s",
        "s a step",
    ]
    about = measured[0]
    return "\n".join(
        [
            f"{about['device']}; {page.machine(about['versions'])}. Random weights, rank {RANK}, rows of one length that share "
            "nothing, every token a target. Peak is MLX's own count, plan that of language/memory.py; times are wall "
            "time, medians of up to " + f"{STEPS} steps without the first.",
            "",
            *page.table(head, rows),
        ]
    )


def gpu_is_there() -> bool:
    import mlx.core as mx

    return mx.default_device() == mx.Device(mx.gpu)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="a tiny model, on any device")
    parser.add_argument(
        "--limit", type=float, default=300, metavar="S", help="seconds for a case (default: 300)"
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="the cases with this in their names; results of the others are kept",
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result in this page")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measure(Case(**json.loads(given.case)))))
        return
    if not given.tiny and not gpu_is_there():
        say(
            "MLX finds no GPU here. On a machine with an NVIDIA GPU: uv run --with 'mlx[cuda13]' "
            "benchmarks/bench_gpu.py; --tiny shows anywhere that the benchmark works."
        )
        sys.exit(NO_GPU)
    kept = ROOT / "bench-out" / ("gpu-tiny.json" if given.tiny else "gpu.json")
    kept.parent.mkdir(exist_ok=True)
    results = json.loads(kept.read_text()) if given.only and kept.exists() else {}
    names = [case.name() for case in cases(given.tiny)]
    for case in cases(given.tiny):
        if given.only not in case.name():
            continue
        results[case.name()] = found = run_alone(case, given.limit)
        said = found.get("failed") or f"{found['tokens_per_s']:,.0f} tokens/s"
        say(f"{case.name()}: {said}")
        kept.write_text(json.dumps(results, indent=1))
    text = as_markdown({name: results[name] for name in names if name in results})
    print(text)
    if given.write:
        page.write_section(given.write, "bench-gpu", "Training on a GPU", text)
        say(f"written to {given.write}")


if __name__ == "__main__":
    main()
