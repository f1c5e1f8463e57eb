# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-tune==0.6.0; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "numpy",
#   "tokenizers",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Speed and memory of LoRA training of a Qwen3.5: stock mlx-lm and mlx-tune compared with ours, part by part.

    uv run benchmarks/bench_train.py --quick
    uv run benchmarks/bench_train.py --write docs/benchmarks.md

One model with random weights, the same data, rank, batch, precision and BLAS for all; the sides
alternate, one step each per round, and each section runs in its own process. On the CPU a step's time
is its CPU time, which other programs disturb less than wall time; on a GPU it is wall time. A token
counts once for each row that it is in, shared or not, and padding never.
Stock steps that would need more than --memory-limit are left out and named.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fae_training.environment import mlx_on_linux
from page import write_section
from training_sides import (
    CONFIG,
    RANK,
    VOCABULARY,
    Ours,
    Side,
    make_model,
    personal_rows,
    plain_rows,
    stock_mlx_lm,
    stock_mlx_tune,
)

# Bytes per padded token that a stock step of this model needs: measured at 256 to 1,024 tokens,
# where it grew with their number because of the loop over tokens. Only used to leave out cases that cannot run.
STOCK_BYTES, STOCK_BYTES_PER_LENGTH = 1.4e6, 5.4e3


def compare(title: str, sides: list[Side], rounds: int) -> dict:
    """Run every side's first step, then `rounds` steps of each in turn, and make a table of them."""
    for side in sides:
        side.step()
        log(f"{title}: {side.name}: first step {side.first_seconds:.1f} s")
    for _ in range(rounds):
        for side in sides:
            side.step()
            log(f"{title}: {side.name}: {side.seconds[-1]:.2f} s, peak {side.peak / 1e6:.0f} MB")
    return {"title": title, "rows": [side.result() for side in sides]}


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parts(**on):
    from fae_training.language.fast_settings import FastSettings

    return FastSettings(**(FastSettings.off().as_dict() | on))


def personal(model, limit: float, rounds: int, system: int) -> dict:
    """Personal rows, batch 4, switching on one part after the other."""
    rows = personal_rows(16, system)
    one = dict.fromkeys(["gated_delta"], True)
    two = one | {"supervised_only": True}
    three = two | {"by_length": True}
    four = three | {"shared_prefix": True}
    longest = -(-max(len(row.tokens) for row in rows) // 32) * 32
    sides: list[Side] = []
    # As many rows at a time as fit: for the recurrence fewer are better, so this never makes stock slower.
    for size in (4, 2, 1):
        if stock_fits(size, longest, limit):
            at_a_time = "" if size == 4 else f", batch {size}"
            sides.append(stock_mlx_lm(f"stock mlx-lm{at_a_time}", model, rows, size))
            sides.append(stock_mlx_tune(f"stock mlx-tune{at_a_time}", model, rows, size))
            break
    sides += [
        stock_mlx_lm("+ chunkwise gated delta rule", model, rows, 4, patched=True),
        Ours("+ output layer at targets only", model, rows, 4, parts(**two)),
        Ours("+ batches by length", model, rows, 4, parts(**three)),
        Ours("+ shared prefix once (all on)", model, rows, 4, parts(**four)),
        Ours("all on, layers checkpointed", model, rows, 4, parts(**four, checkpoint_layers=True)),
        Ours("all on, batch 16", model, rows, 16, parts(**four)),
    ]
    title = f"Personal rows (all share a system prompt of {system} tokens), batch 4"
    return compare(title, sides, rounds)


def plain(model, limit: float, rounds: int, length: int, batch: int = 1) -> dict:
    """Rows of equal length without a shared prefix, with every token a target."""
    rows = plain_rows(8, length)
    everything = parts(gated_delta=True, supervised_only=True, by_length=True, shared_prefix=True)
    sides: list[Side] = []
    if stock_fits(batch, length + 32, limit):
        sides.append(stock_mlx_lm("stock mlx-lm", model, rows, batch))
        sides.append(stock_mlx_tune("stock mlx-tune", model, rows, batch))
    if batch == 1:
        sides.append(Ours("ours", model, rows, batch, everything))
    checkpointed = parts(**(everything.as_dict() | {"checkpoint_layers": True}))
    sides.append(Ours("ours, layers checkpointed", model, rows, batch, checkpointed))
    return compare(f"Plain rows of {length:,} tokens, batch {batch}", sides, rounds)


def stock_fits(rows: int, width: int, limit: float) -> bool:
    needed = rows * width * (STOCK_BYTES + STOCK_BYTES_PER_LENGTH * width)
    if needed > limit * 1e9:
        log(f"stock left out: {rows} rows of {width} tokens need about {needed / 1e9:.0f} GB")
    return needed <= limit * 1e9


def same_losses(steps: int) -> dict:
    """The same rows through mlx-lm's layers and recurrence and through all fast parts, step by step."""
    from fae_training.language import gated_delta_patch
    from fae_training.language.batches import Batches, collate
    from fae_training.language.fast_settings import FastSettings

    # Small and short because of the recurrence, but longer than a chunk.
    small = {"vocab_size": 2000, "linear_key_head_dim": 32, "linear_value_head_dim": 32}
    rows = personal_rows(48, 50, (5, 15), (10, 25), vocabulary=2000)
    curves = []
    for fast in (FastSettings.off(), FastSettings()):
        (gated_delta_patch.install if fast.gated_delta else gated_delta_patch.remove)()
        side = Ours("", make_model(**small), rows, 4, fast)
        # Both sides use the same rows in a step; only layout and computation differ.
        together = Batches(rows, 4, seed=0)
        curves.append(
            [side.run(collate(together.rows_at(i), fast.shared_prefix)) for i in range(steps)]
        )
        log(f"losses: {curves[-1][0]:.4f} ... {curves[-1][-1]:.4f}")
    worst = max(abs(a - b) / abs(a) for a, b in zip(*curves, strict=True))
    return {"steps": steps, "first": curves[0][0], "last": curves[0][-1], "largest": worst}


def matrix_products(rows: int, width: int, targets: int) -> float:
    """Floating-point operations of one step's matrix products, forward and backward, for [rows, width] plain rows.

    A frozen matrix costs one product forward and one for the gradient of its input. The output layer costs the
    same two; the gated delta rule about three times its forward products, which its backward pass makes again;
    attention two forward and five backward, of each block of queries with the keys that it may see.
    """
    from fae_training.language.attention import block_of
    from fae_training.language.gated_delta import CHUNK as chunk

    c, tokens = CONFIG, rows * width
    hidden, inner = c["hidden_size"], c["intermediate_size"]
    heads, kv = c["num_attention_heads"] * c["head_dim"], c["num_key_value_heads"] * c["head_dim"]
    key = c["linear_num_key_heads"] * c["linear_key_head_dim"]
    value = c["linear_num_value_heads"] * c["linear_value_head_dim"]
    mlp = 3 * hidden * inner
    linear = hidden * (2 * key + 2 * value) + value * hidden + mlp
    full = hidden * (2 * heads + 2 * kv) + heads * hidden + mlp
    delta = 2 * key * chunk + value * (3 * chunk + 3 * c["linear_key_head_dim"])
    seen = (width + min(block_of(rows * c["num_attention_heads"], width), width)) / 2
    per_token = 3 * (2 * linear + 3 * delta) + 2 * full + 7 * heads * seen
    return 2 * (tokens * per_token + 2 * targets * hidden * c["vocab_size"])


def roofline(table: dict, length: int) -> dict:
    """The time of the matrix products alone at the rate of a large product, and the share of that
    rate that is reached."""
    import mlx.core as mx

    a, b = mx.random.normal((2048, 2048)), mx.random.normal((2048, 2048))
    rates = []
    for _ in range(5):
        mx.eval(a, b)
        clock = time.process_time if mx.default_device() == mx.cpu else time.perf_counter
        started = clock()
        mx.eval(a @ b)
        rates.append(2 * 2048**3 / (clock() - started))
    work = matrix_products(1, length, length)
    ours = next(row for row in table["rows"] if row["name"] == "ours")["step_seconds"]
    return {
        "gflops": max(rates) / 1e9,
        "seconds": work / max(rates),
        "ours": ours,
        "length": length,
    }


def as_markdown(results: dict) -> str:
    """The page made from the measurements, without sections that were not measured."""
    about = next(iter(results.values()))["facts"]
    lines = [
        f"{about['machine']}, {about['device']}, mlx {about['mlx']}, mlx-lm {about['mlx_lm']}, "
        f"mlx-tune {about['mlx_tune']}, float32, BLAS: {about['blas']}, freed memory: {about['memory']}. A model of 4 layers (3 linear attention, 1 full), "
        f"hidden size 256, 4 value heads of 128, vocabulary {VOCABULARY:,}, LoRA rank {RANK}. Each section ran in a separate process. {about['clock']}",
        "",
    ]
    tables = [results[name] for name in SECTIONS[1:] if name in results]
    for table in tables:
        first = table["rows"][0]
        compared = first["name"].startswith("stock")
        head = "| | s per step | tokens/s | supervised tokens/s | peak MB | s to the first step |"
        lines += [f"**{table['title']}**", "", head + (" speed | memory |" if compared else "")]
        lines.append("|---|" + "---:|" * (7 if compared else 5))
        for row in table["rows"]:
            line = (
                f"| {row['name']} | {row['step_seconds']:.2f} | {row['tokens_per_s']:,.0f} | "
                f"{row['supervised_per_s']:,.0f} | {row['peak_mb']:,.0f} | {row['first_seconds']:.1f} |"
            )
            if compared:
                speed = row["tokens_per_s"] / first["tokens_per_s"]
                line += f" {speed:.1f}x | 1/{first['peak_mb'] / row['peak_mb']:.1f} |"
            lines.append(line)
        lines.append("")
    if losses := results.get("losses"):
        lines += [
            f"**Same result.** {losses['steps']} steps with all parts on and with all parts off, same rows and initial weights: "
            f"loss {losses['first']:.3f} to {losses['last']:.3f}, largest relative difference {losses['largest']:.1e}.",
            "",
        ]
    for roof in (table["roofline"] for table in tables if "roofline" in table):
        share = roof["seconds"] / roof["ours"]
        lines += [
            f"**Roofline, {roof['length']:,} plain tokens.** A large matrix product runs at {roof['gflops']:.0f} GFLOP/s here. At that "
            f"rate the matrix products of one step would take {roof['seconds']:.2f} s; the step takes {roof['ours']:.2f} s: {share:.0%}.",
            "",
        ]
    return "\n".join(lines + planned()).rstrip() + "\n"


def planned() -> list[str]:
    """The presets on the real models, by the formula of language/memory.py: rows at a time x accumulation, and the peak."""
    from fae_training.language.memory import USABLE, plan
    from fae_training.language.model_sizes import read_sizes
    from fae_training.lifecycle.kinds import KINDS

    lines = [
        f"**The presets on real models**, from the memory formula, not measured: rows per micro-batch x accumulation and the "
        f"planned peak, within {USABLE:.0%} of the memory that the model map requires. Layers are checkpointed unless it says plain.",
        "",
        "| | " + " | ".join(KINDS["sft"].presets) + " |",
        "|---|" + "---|" * len(KINDS["sft"].presets),
    ]
    configs = Path(__file__).resolve().parent.parent / "tests" / "data" / "model_configs"
    for name, gigabytes in (("2B", 8), ("4B", 16), ("9B", 32), ("35B-A3B", 48)):
        sizes = read_sizes(json.loads((configs / f"Qwen3.5-{name}.json").read_text()))
        cells = []
        for preset in KINDS["sft"].presets.values():
            found = plan(
                sizes,
                sizes.weight_bytes(),
                preset["rank"],
                preset["batch_size"],
                preset["gradient_accumulation"],
                preset["max_length"],
                round(USABLE * gigabytes * 2**30),
            )
            peak = f"{found.estimate.peak / 1e9:.1f} GB" if found.fits else "does not fit"
            plain_layers = "" if found.checkpoint_layers else ", plain"
            cells.append(
                f"{found.batch_size} x {found.gradient_accumulation}{plain_layers}: {peak}"
            )
        lines.append(f"| Qwen3.5-{name} 4-bit, {gigabytes} GB | " + " | ".join(cells) + " |")
    return [*lines, ""]


def facts() -> dict:
    from importlib.metadata import version

    import mlx.core as mx

    on_cpu = mx.default_device() == mx.cpu
    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "device": "CPU backend" if on_cpu else str(mx.device_info().get("device_name", "GPU")),
        "mlx": version("mlx"),
        "mlx_lm": version("mlx-lm"),
        "mlx_tune": version("mlx-tune"),
        "blas": mlx_on_linux.use_openblas()
        or ("the one in MLX" if on_cpu else "none, products run on the GPU"),
        "memory": "kept by the C library"
        if "MALLOC_TRIM_THRESHOLD_" in os.environ
        else "returned to the system as the C library does by default",
        "clock": "Times are CPU seconds; the first step is wall time and includes compilation. No GPU was measured."
        if on_cpu
        else "Times are wall time; the first step includes compilation.",
    }


SECTIONS = ("losses", "personal", "256", "512", "1024", "2048", "2048x4")


def measure(section: str, model, limit: float, rounds: int, quick: bool) -> dict:
    if section == "losses":
        return same_losses(5 if quick else 50)
    if section == "personal":
        return personal(model, limit, rounds, system=100 if quick else 400)
    if section == "2048x4":
        return plain(model, limit, 1, 2048, batch=4)
    table = plain(model, limit, rounds, int(section))
    if section in ("256", "1024"):
        table["roofline"] = roofline(table, int(section))
    return table


def run_alone(section: str, arguments) -> None:
    """Run a section in its own process, as a training is: memory left behind by one changes the
    speed of the next."""
    command = [sys.executable, __file__, "--sections", section, "--rounds", f"{arguments.rounds}"]
    command += ["--memory-limit", f"{arguments.memory_limit}"] + ["--quick"] * arguments.quick
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short rows and one round")
    parser.add_argument("--rounds", type=int, default=3, help="measured steps of each side")
    parser.add_argument("--memory-limit", type=float, default=12, metavar="GB")
    parser.add_argument(
        "--sections",
        metavar="NAMES",
        help=f"only some of {','.join(SECTIONS)}, or none; the others as they were measured last",
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result in this page")
    arguments = parser.parse_args()
    # More BLAS threads than free cores wait for each other, which counts as CPU time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # mx.compile keeps compiled code of earlier runs there; a first step must not find it.
    own = tempfile.TemporaryDirectory(prefix="bench-train-")
    os.environ["TMPDIR"] = own.name
    mlx_on_linux.use_openblas()
    rounds = 1 if arguments.quick else arguments.rounds
    sections = ("losses", "personal", "256") if arguments.quick else SECTIONS
    kept = Path("bench-out") / f"bench_train{'_quick' if arguments.quick else ''}.json"
    kept.parent.mkdir(exist_ok=True)
    if not arguments.sections:
        kept.unlink(missing_ok=True)

    chosen = arguments.sections.split(",") if arguments.sections else sections
    if unknown := set(chosen) - {*SECTIONS, "none"}:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    if len(chosen) > 1:
        for section in chosen:
            run_alone(section, arguments)
    elif chosen != ["none"]:
        result = measure(chosen[0], make_model(), arguments.memory_limit, rounds, arguments.quick)
        results = json.loads(kept.read_text()) if kept.exists() else {}
        results[chosen[0]] = result | {"facts": facts()}
        kept.write_text(json.dumps(results, indent=1))
    page = as_markdown(json.loads(kept.read_text()))
    print(page)
    if arguments.write:
        write_section(arguments.write, "bench-train", "Training the language model", page)
        log(f"written to {arguments.write}")


if __name__ == "__main__":
    main()
