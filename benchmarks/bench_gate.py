# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "numpy",
#   "matplotlib>=3.9",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Error rates of the gate, simulated with its own functions: useless candidates that pass, good ones that fail.

    uv run benchmarks/bench_gate.py
    uv run benchmarks/bench_gate.py --quick
    uv run benchmarks/bench_gate.py --write docs/judgement.md

It takes about half an hour on one core. Every candidate is the best of five checkpoints on a choose part of the same size, and is then judged
once. --write puts the tables into the page and the plot into docs/gate-power.svg.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

import page
from fae_training.judgement import gate, intervals
from fae_training.judgement.benchmark import Benchmark, Measure

SIZES = (5, 10, 20, 50, 200, 2000)
LOOKS = 10
CHECKPOINTS = 5
EFFECTS = (0.01, 0.02, 0.03, 0.05, 0.10, 0.20)
# How much a training without any mean effect changes a conversation's loss: measured on SmolLM2,
# light preset.
SPREAD = 0.08
# How much conversations' losses differ, as the standard deviation of their logarithms: measured there too.
SPREAD_OF_LOSSES = 0.33


def symmetric(rng, shape):
    return rng.normal(0, SPREAD, shape)


def heavy_tails(rng, shape):
    """Student's t with two degrees of freedom: its variance is infinite."""
    return rng.standard_t(2, shape) * SPREAD / 2


def skewed_to_losses(rng, shape):
    """Many small gains, few large losses."""
    return -(rng.lognormal(0, 1, shape) - np.exp(0.5)) * SPREAD / 2


def skewed_to_gains(rng, shape):
    return -skewed_to_losses(rng, shape)


def rare_losses(rng, shape):
    """19 of 20 conversations gain 2 %, the twentieth loses 38 %."""
    rare = rng.random(shape) < 0.05
    return np.where(rare, rng.normal(-0.38, 0.05, shape), rng.normal(0.02, 0.02, shape))


def correlated(rng, shape):
    """Conversations of a week share a topic: half of a difference is common to four of them."""
    groups = rng.normal(0, SPREAD, (*shape[:-1], -(-shape[-1] // 4)))
    return (np.repeat(groups, 4, axis=-1)[..., : shape[-1]] + rng.normal(0, SPREAD, shape)) / 2**0.5


NO_EFFECT: dict[str, Callable] = {
    "symmetric": symmetric,
    "heavy tails": heavy_tails,
    "skewed to losses": skewed_to_losses,
    "skewed to gains": skewed_to_gains,
    "rare large losses": rare_losses,
    "correlated by four": correlated,
}


def benchmark(rng, gains: np.ndarray) -> Benchmark:
    """Losses of conversations, each of which falls by its gain as a share of itself, at most by 99 %."""
    losses = 2.0 * np.exp(rng.normal(0, SPREAD_OF_LOSSES, len(gains)))
    current = tuple(losses.tolist())
    candidate = tuple((losses * (1 - np.minimum(gains, 0.99))).tolist())
    items = tuple(map(str, range(len(gains))))
    measure = Measure(
        "conversation_loss", "Losses", "conversations", "nats a token", "lower", "goal", "ratio",
        0.02, 0.01, items, candidate, current, current,
    )  # fmt: skip
    return Benchmark((measure,), True, 10, 10, None)


def recommended(rng, gains: np.ndarray, look: int) -> bool:
    return gate.decide(benchmark(rng, gains), look).verdict == gate.PASS


def candidates(rng, draw: Callable, looks: int, size: int, effect: float = 0.0) -> np.ndarray:
    """[looks, size]: the gain on the judge part of the best of CHECKPOINTS on the choose part, for
    each candidate.

    Half of each difference is the conversation's own and common to all candidates.
    """
    common = draw(rng, (1, 1, 2 * size))
    own = draw(rng, (looks, CHECKPOINTS, 2 * size))
    gains = (common + own) / 2 + effect
    best = gains[:, :, :size].mean(axis=-1).argmax(axis=1)
    return gains[np.arange(looks), best, size:]


def false_passes(rng, draw: Callable, size: int, rounds: int) -> tuple[float, float]:
    """The shares of rounds in which the first of LOOKS useless candidates passes, and in which any
    of them does."""
    first = some = 0
    for _ in range(rounds):
        found = [
            recommended(rng, gains, look)
            for look, gains in enumerate(candidates(rng, draw, LOOKS, size), 1)
        ]
        first += found[0]
        some += any(found)
    return first / rounds, some / rounds


def coverage(rng, draw: Callable, size: int, rounds: int) -> float:
    """How often the bounds at 2.5 % each contain a true mean of 0."""
    held = 0
    for gains in draw(rng, (rounds, size)):
        measure = benchmark(rng, gains).measures[0]
        found = intervals.of_mean(measure.gains(measure.current), 0.025)
        held += found.low <= 0 <= found.high
    return held / rounds


def coverage_of_passes(rng, size: int, changed: float, rounds: int) -> float:
    """The same for items that pass or fail: `changed` of them differ, as often one way as the other."""
    held = 0
    for counts in rng.multinomial(size, [changed / 2, changed / 2, 1 - changed], rounds):
        found = intervals.of_pass_rate(int(counts[0]), int(counts[1]), size, 0.025)
        held += found.low <= 0 <= found.high
    return held / rounds


def power(rng, size: int, effect: float, rounds: int) -> float:
    found = [
        recommended(rng, candidates(rng, symmetric, 1, size, effect)[0], 1) for _ in range(rounds)
    ]
    return sum(found) / rounds


def rounds_of(size: int, quick: bool) -> int:
    """Fewer where a round takes long; a twentieth for --quick."""
    rounds = min(2000, 800_000 // size)
    return rounds // 20 if quick else rounds


def measured(quick: bool) -> dict:
    rng = np.random.default_rng(20261126)
    found: dict = {"false": {}, "coverage": {}, "passes": {}, "power": {}}
    for name, draw in NO_EFFECT.items():
        for size in SIZES:
            rounds = rounds_of(size, quick)
            found["false"][name, size] = false_passes(rng, draw, size, rounds)
            found["coverage"][name, size] = coverage(rng, draw, size, rounds)
        print(name, [f"{found['false'][name, size][1]:.3f}" for size in SIZES], flush=True)
    for changed in (0.02, 0.1, 0.4):
        for size in SIZES:
            found["passes"][changed, size] = coverage_of_passes(rng, size, changed, 2000)
    for effect in EFFECTS:
        for size in SIZES:
            found["power"][effect, size] = power(rng, size, effect, rounds_of(size, quick) // 4)
    return found


def in_words(found: dict, quick: bool) -> str:
    sizes = [f"n = {size:,}" for size in SIZES]
    percent = lambda share: f"{100 * share:.1f} %"  # noqa: E731
    worst = max(some for _, some in found["false"].values())
    lines = [
        f"**False positives.** Candidates without any effect (mean gain 0), each the best of {CHECKPOINTS} checkpoints by the "
        f"validation set: share recommended at the first look / at any of {LOOKS} looks at the same test set of n units. "
        f"Highest: {percent(worst)}. {rounds_of(5, quick):,} rounds at the smallest n, {rounds_of(2000, quick):,} at the largest.",
        "",
        *page.table(
            ["differences", *sizes],
            [
                [name, *(" / ".join(map(percent, found["false"][name, s])) for s in SIZES)]
                for name in NO_EFFECT
            ],
        ),
        "",
        "**Coverage.** How often an interval with 2.5 % error on each side contains the true mean (nominal: 95 %):",
        "",
        *page.table(
            ["differences", *sizes],
            [
                *([n, *(percent(found["coverage"][n, s]) for s in SIZES)] for n in NO_EFFECT),
                *(
                    [f"passed or failed, {changed:.0%} differ", *(percent(found["passes"][changed, s]) for s in SIZES)]
                    for changed in (0.02, 0.1, 0.4)
                ),
            ],
        ),
        "",
        f"**Power.** How often a candidate that truly lowers the loss (standard deviation {SPREAD:.0%}) is recommended at the first look:",
        "",
        *page.table(
            ["true gain", *sizes],
            [
                [f"{effect:.0%}", *(percent(found["power"][effect, s]) for s in SIZES)]
                for effect in EFFECTS
            ],
        ),
        "",
        "![How likely a true gain is to be recommended, by the number of held-out conversations](gate-power.svg)",
    ]  # fmt: skip
    return "\n".join(lines)


def plot(found: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "gate"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for effect in EFFECTS:
        axes.plot(
            SIZES, [found["power"][effect, size] for size in SIZES], "o-", label=f"{effect:.0%}"
        )
    axes.set(xscale="log", ylim=(-0.02, 1.02), xticks=SIZES, xticklabels=[f"{s:,}" for s in SIZES])
    axes.set(xlabel="held-out conversations", ylabel="share that is recommended")
    axes.minorticks_off()
    axes.legend(title="true gain", frameon=False)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rounds")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page to write into")
    arguments = parser.parse_args()
    found = measured(arguments.quick)
    text = in_words(found, arguments.quick)
    print(text)
    if arguments.write:
        page.write_section(arguments.write, "bench-gate", "How often the gate is wrong", text)
        plot(found, arguments.write.with_name("gate-power.svg"))


if __name__ == "__main__":
    main()
