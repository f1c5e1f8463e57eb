"""Estimates the memory of a training step, and changes the settings when the machine has less.

The peak is the sum of what stays (weights, adapter, gradients, optimizer), what each layer keeps
for its backward pass, and the larger of two working sets: that of one layer's backward pass and
that of the output layer. The number and widths of the arrays that a layer keeps and works with were
measured by changing one dimension at a time (docs/log.md); tests compare the formula with measured
peaks. Measured on the CPU backend, compiled; as fit runs there, not compiled, peaks are up to 12 %
higher than estimated and, in odd shapes, a third lower (docs/log.md). Not measured on Metal or
CUDA.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fae_training.app import fae_app
from fae_training.calls.counting import counted
from fae_training.calls.errors import Missing
from fae_training.language import attention, gated_delta, supervised_loss
from fae_training.language.fast_settings import FastSettings
from fae_training.language.layout import round_up
from fae_training.language.model_sizes import ModelSizes, read_directory

# Bytes per trainable parameter, float32: itself, its gradient, the accumulated gradient, Adam's two
# moments and the update.
ADAPTER_BYTES = 24
# The model types whose measured peaks were compared with the formula: Qwen3.5's kind, and those
# with Llama's layers (silu gates, one norm before attention and MLP). Others are not estimated.
LLAMAS = ("llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "smollm3")
# The weights on disk may differ this much from the sizes in config.json before those are distrusted.
WEIGHTS_OFF = 0.05
# The share of a machine's memory that macOS lets the GPU have, about; the rest is for Fae and other programs.
USABLE = 0.7


@dataclass(frozen=True)
class Arrays:
    """Number of arrays of each width, each with one number per token and unit of that width.

    hidden: of the hidden state. inner: of the MLP, all chosen experts together; routed: copies of
    the hidden state, one for each chosen expert. In linear attention values: all value heads; keys:
    all heads of queries and keys; states: the state of all heads, one per chunk. In full attention
    heads: all query heads; head_keys: all key heads.
    """

    hidden: float = 0.0
    values: float = 0.0
    keys: float = 0.0
    heads: float = 0.0
    head_keys: float = 0.0
    inner: float = 0.0
    routed: float = 0.0
    states: float = 0.0

    def of(self, widths: Mapping[str, float]) -> float:
        """Numbers per token, for layers of these widths."""
        return sum(getattr(self, name) * width for name, width in widths.items())


# Fitted numbers of arrays, in the type of the activations unless marked float32: least squares over
# 26 measured peaks (13 for Llama's layers), kept near the count in the code (docs/log.md, "The
# formula for memory"). benchmarks/bench_sizes.py compares the plan with the peaks of whole
# trainings, tests/test_memory_model.py with those of single steps, allowing 15 %.
# Kept by a layer of linear attention until its backward pass.
LINEAR_KEPT = Arrays(hidden=3.0, values=2.4, keys=6.4, inner=4.15, routed=1.0)
LINEAR_KEPT_FLOAT32 = Arrays(values=1.0, states=1.0)
# The working set of its backward pass: the layer around the rule; the rule, in float32, for one
# group of heads, and for all.
LINEAR_WORKING = Arrays(hidden=5.1, inner=0.8, routed=0.5)
RULE_WORKING_OF_A_GROUP = Arrays(values=18.9, keys=2.8, states=2.7)
RULE_WORKING = Arrays(values=15.3, keys=2.9)
# The same where the layer was checkpointed, and so is recomputed first.
LINEAR_REMADE = Arrays(hidden=3.1, inner=4.5, routed=0.5)
RULE_REMADE_OF_A_GROUP = Arrays(values=4.0, keys=8.3, states=2.7)
RULE_REMADE = Arrays(values=23.3, keys=6.7)
# Full attention: kept in Qwen3.5's layers with their gates, and in Llama's; working set; recomputed.
FULL_KEPT = Arrays(hidden=3.0, heads=10.0, inner=4.15, routed=1.0)
LLAMA_KEPT = Arrays(hidden=4.4, heads=2.7, head_keys=2.3, inner=3.1, routed=1.0)
FULL_WORKING = Arrays(hidden=5.1, heads=5.5, inner=0.8, routed=0.5)
FULL_REMADE = Arrays(hidden=3.1, heads=8.6, inner=4.5, routed=0.5)
# mlx-lm recomputes Llama's layers inside checkpoints, of which more than one is in flight: this
# factor, and this share of the memory that a layer keeps.
LLAMA_REMADE_FACTOR, LLAMA_REMADE_OF_KEPT = 1.15, 0.15
# Arrays of scores [heads, queries of a block, keys] in flight: the first, more for each block, at most.
SCORES_OF_ONE_BLOCK, SCORES_OF_EACH_BLOCK, MOST_SCORES = 1.9, 0.85, 12.7
# Arrays of logits [targets, entries of a tile] in flight: at least, for each tile, at most. Bytes
# of a logit in them when it is computed from 16 bits: float32 and a third more.
FEWEST_LOGITS, LOGITS_OF_EACH_TILE, MOST_LOGITS = 6.3, 1.54, 12.3
LOGIT_BYTES_16_BITS = 5.3


@dataclass(frozen=True)
class Estimate:
    """Bytes at the peak of a step. kept: by all layers together; working: the larger working set."""

    weights: int
    adapter: int
    kept: int
    working: int

    @property
    def peak(self) -> int:
        return self.weights + self.adapter + self.kept + self.working


@dataclass(frozen=True)
class Plan:
    """The settings to train with. batch_size x gradient_accumulation is the requested batch."""

    batch_size: int
    gradient_accumulation: int
    checkpoint_layers: bool
    estimate: Estimate
    fits: bool


def fit_to_machine(
    directory: str | Path, settings: dict, longest: int, fast: FastSettings, rows_each: int = 1
) -> tuple[dict, FastSettings, dict]:
    """(settings, fast, plan) that fit into this machine, with the requested batch.

    Of settings it reads and may change batch_size and gradient_accumulation. longest: tokens of the
    longest row; rows_each: rows of one item of a batch, 2 for preference pairs. Where there is no
    formula (another architecture, parts of the fast path switched off) peak_memory_gb is None, and
    the note says so. Raises Missing when not even one item at a time fits.
    """
    limit = round(USABLE * fae_app.memory_bytes())
    config = json.loads((Path(directory) / "config.json").read_text(encoding="utf-8-sig"))
    sizes, weights = read_directory(Path(directory)) if _has_formula(config, fast) else (None, 0)
    if sizes is None or not _believable(sizes, weights):
        note = (
            f"the memory that a {config.get('model_type')} model needs was not estimated: if it runs out, use a "
            "smaller --batch-size or --max-length"
        )
        return settings, fast, {"peak_memory_gb": None, "limit_gb": round(limit / 1e9, 2), "note": note}  # fmt: skip
    in_float32 = sizes.bits == 32 or weights > 3 * sizes.parameters()
    found = plan(
        sizes,
        weights,
        settings["rank"],
        settings["batch_size"],
        settings["gradient_accumulation"],
        longest,
        limit,
        4 if in_float32 else 2,
        settings["experts"],
        rows_each,
        fast.checkpoint_layers,
    )
    peak = round(found.estimate.peak / 1e9, 2)
    planned = {"peak_memory_gb": peak, "limit_gb": round(limit / 1e9, 2), "note": ""}
    if not found.fits:
        raise Missing(
            "not_enough_memory",
            f"one step on rows of {counted(longest, 'token')} needs about {peak} GB, and {planned['limit_gb']} GB "
            f"({USABLE:.0%} of this machine's memory) may be used",
            "train shorter rows (--max-length 512), a lower --rank, or a smaller --model",
        )
    if found.batch_size != settings["batch_size"]:
        planned["note"] = (
            f"to fit into memory, {found.batch_size} instead of {settings['batch_size']} at a time, "
            f"accumulated {counted(found.gradient_accumulation, 'time')}: the same batch"
        )
    changed = {
        "batch_size": found.batch_size,
        "gradient_accumulation": found.gradient_accumulation,
    }
    return settings | changed, replace(fast, checkpoint_layers=found.checkpoint_layers), planned


def _has_formula(config: dict, fast: FastSettings) -> bool:
    """The formula holds for the fast path only: the token by token recurrence, or whole logits,
    would need another."""
    if fast.gated_delta:
        return fast.supervised_only
    return config.get("model_type") in LLAMAS and fast.attention and fast.supervised_only


def _believable(sizes: ModelSizes, weights: int) -> bool:
    """Whether config.json describes these weights; Qwen3.5's include a vision part that the sizes
    do not count."""
    if sizes.gated:
        return True
    each = [16 / 8, 32 / 8] if sizes.bits >= 16 else [(sizes.bits + 0.5) / 8]
    return any(abs(weights / (sizes.parameters() * size) - 1) < WEIGHTS_OFF for size in each)


def plan(
    sizes: ModelSizes,
    weight_bytes: int,
    rank: int,
    batch_size: int,
    gradient_accumulation: int,
    tokens: int,
    limit_bytes: int,
    activation_bytes: int = 2,
    experts: bool = False,
    rows_each: int = 1,
    always_checkpoint: bool = False,
) -> Plan:
    """The first of these that fits into limit_bytes: the requested settings; layers checkpointed;
    then both with half the batch and twice the accumulation, down to one row at a time, which
    gives the same training. `fits` is False when none does; the plan is then the smallest.
    tokens is the longest row; activation_bytes is 2 for bfloat16 (a quantised model), else 4;
    rows_each: rows of one item of a batch."""
    found = None
    for rows in _divisors_down(batch_size):
        for checkpoint in (True,) if always_checkpoint else (False, True):
            needed = estimate(
                sizes,
                weight_bytes,
                rank,
                rows * rows_each,
                tokens,
                checkpoint,
                activation_bytes,
                experts,
            )
            found = Plan(
                rows,
                gradient_accumulation * batch_size // rows,
                checkpoint,
                needed,
                needed.peak <= limit_bytes,
            )
            if found.fits:
                return found
    assert found is not None  # one row at a time is always among them
    return found


def _divisors_down(count: int) -> list[int]:
    return [n for n in range(count, 0, -1) if count % n == 0]


def estimate(
    sizes: ModelSizes,
    weight_bytes: int,
    rank: int,
    rows: int,
    tokens: int,
    checkpoint: bool,
    activation_bytes: int = 2,
    experts: bool = False,
    supervised: int | None = None,
) -> Estimate:
    """The peak of a step on `rows` rows of `tokens` tokens without any shared prefix, the most that
    a batch can need.

    supervised: the number of target tokens, by default all.
    """
    width = round_up(tokens)
    count = rows * width
    full = _Layer.full(sizes, rows, width, activation_bytes)
    linear = _Layer.linear(sizes, count, activation_bytes) if sizes.linear_layers else full
    targets = round_up(supervised or rows * tokens, parts=8)
    output = _output_layer(sizes, targets, activation_bytes)
    if checkpoint:
        # Every layer keeps its input; everything else is recomputed one layer at a time.
        kept = sizes.layers * count * sizes.hidden * activation_bytes
        working = max(layer.kept + layer.remade for layer in (linear, full))
    else:
        # The last layer has full attention: when a linear one works, its memory has been freed.
        kept = sizes.linear_layers * linear.kept + sizes.full_layers * full.kept
        working = max(linear.working - full.kept if sizes.linear_layers else 0, full.working)
    return Estimate(
        weights=weight_bytes,
        adapter=ADAPTER_BYTES * sizes.adapter_parameters(rank, experts),
        kept=round(kept),
        working=round(max(working, output)),
    )


@dataclass(frozen=True)
class _Layer:
    """Bytes that one layer keeps until its backward pass, the additional working set of that pass,
    and its working set when it first recomputes everything that it did not keep."""

    kept: float
    working: float
    remade: float

    @classmethod
    def linear(cls, sizes: ModelSizes, count: int, item: int) -> "_Layer":
        states = sizes.values * sizes.key_head / gated_delta.CHUNK
        inner, routed = _mlp(sizes)
        widths = {"hidden": sizes.hidden, "values": sizes.values, "keys": 2 * sizes.keys}
        widths |= {"inner": inner, "routed": routed, "states": states}
        groups = gated_delta.head_groups(count * sizes.values, sizes.keys // sizes.key_head)
        kept = item * LINEAR_KEPT.of(widths) + 4 * LINEAR_KEPT_FLOAT32.of(widths)
        rule = RULE_WORKING_OF_A_GROUP.of(widths) / groups + RULE_WORKING.of(widths)
        working = 4 * rule + item * LINEAR_WORKING.of(widths)
        rule = RULE_REMADE_OF_A_GROUP.of(widths) / groups + RULE_REMADE.of(widths)
        remade = 4 * rule + item * LINEAR_REMADE.of(widths)
        return cls(count * kept, count * working, count * remade)

    @classmethod
    def full(cls, sizes: ModelSizes, rows: int, width: int, item: int) -> "_Layer":
        inner, routed = _mlp(sizes)
        widths = {"hidden": sizes.hidden, "heads": sizes.attention, "inner": inner}
        widths |= {"head_keys": sizes.attention_keys, "routed": routed}
        count, scores = rows * width * item, _scores(sizes, rows, width, item)
        kept = (FULL_KEPT if sizes.gated else LLAMA_KEPT).of(widths)
        again = count * FULL_REMADE.of(widths) + scores
        if not sizes.gated:
            again = LLAMA_REMADE_FACTOR * again + LLAMA_REMADE_OF_KEPT * count * kept
        return cls(count * kept, count * FULL_WORKING.of(widths) + scores, again)


def _scores(sizes: ModelSizes, rows: int, width: int, item: int) -> float:
    """Bytes of the scores of attention, in blocks of queries, half of them in float32."""
    rows_of_heads = rows * sizes.attention_heads
    queries = min(attention.block_of(rows_of_heads, width), width)
    blocks = -(-width // queries)
    under_way = min(SCORES_OF_ONE_BLOCK + SCORES_OF_EACH_BLOCK * blocks, MOST_SCORES)
    return rows_of_heads * queries * width * (4 + item) / 2 * under_way


def _mlp(sizes: ModelSizes) -> tuple[int, int]:
    """(inner width, copies of the input for chosen experts): a token passes the shared expert and
    its chosen ones."""
    inner = sizes.inner + sizes.experts_used * sizes.expert_inner
    return inner, sizes.experts_used * sizes.hidden


def _output_layer(sizes: ModelSizes, targets: int, item: int) -> float:
    """Bytes of the tiles of logits in flight, in float32."""
    rows = min(targets, supervised_loss.ROWS)
    width = min(supervised_loss.tile_width(targets), sizes.vocabulary)
    tiles = -(-sizes.vocabulary // width) * -(-targets // rows)
    bytes_each = 4 if item == 4 else LOGIT_BYTES_16_BITS
    under_way = min(max(FEWEST_LOGITS, LOGITS_OF_EACH_TILE * tiles), MOST_LOGITS)
    return rows * width * bytes_each * under_way
