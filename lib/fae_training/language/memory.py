"""How much memory a training step will need, and what to change when that is more than there is.

The peak is what stays (weights, adapter, gradients, optimizer), what each layer keeps for its backward pass, and the
larger of two working sets: that of one layer's backward pass and that of the output layer. How many arrays
of which width a layer keeps and works with was measured, by changing one dimension at a time (docs/log.md); tests
compare the formula with measured peaks. Measured on the CPU backend, compiled; as fit runs there, not compiled,
the peaks lie up to 12 % over and, in odd shapes, a third under it (docs/log.md). On Metal and CUDA it was not measured.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from fae_training import fae_app
from fae_training.errors import Missing
from fae_training.language import attention, gated_delta, supervised_loss
from fae_training.language.fast_settings import FastSettings
from fae_training.language.layout import round_up
from fae_training.language.model_sizes import ModelSizes, read_directory

# Bytes for each trainable parameter, float32: itself, its gradient, the sum of earlier ones, Adam's two
# moments and the update.
ADAPTER_BYTES = 24
# The model types for which the formula was compared with measured peaks: Qwen3.5's kind, and those whose layers are
# Llama's, all silu gates and one norm before attention and MLP. Of others nothing is estimated.
LLAMAS = ("llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "smollm3")
# How far the weights on disk may be from what the sizes in config.json say before those are not believed.
WEIGHTS_OFF = 0.05
# What macOS lets the GPU have of a machine's memory, about; the rest is Fae's and everyone else's.
USABLE = 0.7


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
    """What to train with. batch_size x gradient_accumulation is the batch that was asked for."""

    batch_size: int
    gradient_accumulation: int
    checkpoint_layers: bool
    estimate: Estimate
    fits: bool


def fit_to_machine(
    directory: str | Path, settings: dict, longest: int, fast: FastSettings, rows_each: int = 1
) -> tuple[dict, FastSettings, dict]:
    """(settings, fast, what was planned) that fit into this machine, with the batch that was asked for.

    Of settings it reads and may change batch_size and gradient_accumulation. longest: tokens of the longest row;
    rows_each: rows of one item of a batch, 2 for preference pairs. What there is no formula for (another architecture,
    parts of the fast path switched off) is not planned: peak_memory_gb is None, and the note says so. Raises Missing
    when not even one item at a time fits.
    """
    limit = round(USABLE * fae_app.memory_bytes())
    config = json.loads((Path(directory) / "config.json").read_text(encoding="utf-8-sig"))
    sizes, weights = read_directory(Path(directory)) if _has_formula(config, fast) else (None, 0)
    if sizes is None or not _believable(sizes, weights):
        note = (
            f"how much memory a {config.get('model_type')} model needs was not estimated: if it is too much, use a "
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
            f"one step on rows of {longest} tokens needs about {peak} GB, and {planned['limit_gb']} GB "
            f"({USABLE:.0%} of this machine's memory) may be used",
            "train shorter rows (--max-length 512), a lower --rank, or a smaller --model",
        )
    if found.batch_size != settings["batch_size"]:
        planned["note"] = (
            f"to fit into memory, {found.batch_size} instead of {settings['batch_size']} at a time, "
            f"accumulated {found.gradient_accumulation} times: the same batch"
        )
    changed = {
        "batch_size": found.batch_size,
        "gradient_accumulation": found.gradient_accumulation,
    }
    return settings | changed, replace(fast, checkpoint_layers=found.checkpoint_layers), planned


def _has_formula(config: dict, fast: FastSettings) -> bool:
    """The formula is that of the fast path: with the token by token recurrence, or whole logits, it would be another."""
    if fast.gated_delta:
        return fast.supervised_only
    return config.get("model_type") in LLAMAS and fast.attention and fast.supervised_only


def _believable(sizes: ModelSizes, weights: int) -> bool:
    """Whether config.json describes these weights; Qwen3.5's have a vision part beside what the sizes count."""
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
    """The first of these that fits into limit_bytes: as asked; layers checkpointed; then both with half the batch and
    twice the accumulation, down to one row at a time, which trains the same. `fits` is False when nothing does; the
    plan is then the smallest. tokens is the longest row; activation_bytes is 2 for bfloat16 (a quantised model), else 4;
    rows_each: rows that one item of a batch has.
    """
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
    """The peak of a step on `rows` rows of `tokens` tokens that share nothing, the most that a batch can need.

    supervised: how many tokens are targets, by default all.
    """
    width = round_up(tokens)
    count = rows * width
    full = _Layer.full(sizes, rows, width, activation_bytes)
    linear = _Layer.linear(sizes, count, activation_bytes) if sizes.linear_layers else full
    targets = round_up(supervised or rows * tokens, parts=8)
    output = _output_layer(sizes, targets, activation_bytes)
    if checkpoint:
        # Every layer keeps its input; of one at a time all the rest is made again.
        kept = sizes.layers * count * sizes.hidden * activation_bytes
        working = max(layer.kept + layer.remade for layer in (linear, full))
    else:
        # The last layer is one of full attention: when a linear one works, what that one kept is gone.
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
    """Bytes that one layer keeps until its backward pass, what that pass works with beside them, and what it works
    with when it first makes again what it did not keep."""

    kept: float
    working: float
    remade: float

    @classmethod
    def linear(cls, sizes: ModelSizes, count: int, item: int) -> "_Layer":
        states = sizes.values * sizes.key_head / gated_delta.CHUNK
        h, keys, values, (inner, routed) = sizes.hidden, 2 * sizes.keys, sizes.values, _mlp(sizes)
        groups = gated_delta.head_groups(count * values, sizes.keys // sizes.key_head)
        kept = item * (3.0 * h + 2.4 * values + 6.4 * keys + 4.15 * inner + routed)
        kept += 4 * (values + states)
        # What the rule works with is for one group of heads at a time, in float32; the layer's own is for all.
        rule = (18.9 * values + 2.8 * keys + 2.7 * states) / groups + 15.3 * values + 2.9 * keys
        working = 4 * rule + item * (5.1 * h + 0.8 * inner + 0.5 * routed)
        rule = (4.0 * values + 8.3 * keys + 2.7 * states) / groups + 23.3 * values + 6.7 * keys
        remade = 4 * rule + item * (3.1 * h + 4.5 * inner + 0.5 * routed)
        return cls(count * kept, count * working, count * remade)

    @classmethod
    def full(cls, sizes: ModelSizes, rows: int, width: int, item: int) -> "_Layer":
        h, heads, (inner, routed) = sizes.hidden, sizes.attention, _mlp(sizes)
        if sizes.gated:
            kept = 3.0 * h + 10.0 * heads + 4.15 * inner + routed
        else:
            kept = 4.4 * h + 2.7 * heads + 2.3 * sizes.attention_keys + 3.1 * inner + routed
        working = 5.1 * h + 5.5 * heads + 0.8 * inner + 0.5 * routed
        remade = 3.1 * h + 8.6 * heads + 4.5 * inner + 0.5 * routed
        count, scores = rows * width * item, _scores(sizes, rows, width, item)
        again = count * remade + scores
        if not sizes.gated:
            # Made again by mlx-lm's own layer inside of a checkpoint, of which more than one is under way.
            again = 1.15 * again + 0.15 * count * kept
        return cls(count * kept, count * working + scores, again)


def _scores(sizes: ModelSizes, rows: int, width: int, item: int) -> float:
    """Of each block of queries some arrays of scores, half of them in float32; more blocks than one are under way."""
    rows_of_heads = rows * sizes.attention_heads
    queries = min(attention.block_of(rows_of_heads, width), width)
    under_way = min(1.9 + 0.85 * -(-width // queries), 12.7)
    return rows_of_heads * queries * width * (4 + item) / 2 * under_way


def _mlp(sizes: ModelSizes) -> tuple[int, int]:
    """(inner width, copies of the input for chosen experts): a token goes through the shared expert and its chosen ones."""
    inner = sizes.inner + sizes.experts_used * sizes.expert_inner
    return inner, sizes.experts_used * sizes.hidden


def _output_layer(sizes: ModelSizes, targets: int, item: int) -> float:
    """Of the tiles of logits that are under way six to twelve arrays in float32; from another type a third more."""
    rows = min(targets, supervised_loss.ROWS)
    width = min(supervised_loss.tile_width(targets), sizes.vocabulary)
    tiles = -(-sizes.vocabulary // width) * -(-targets // rows)
    bytes_each = 4 if item == 4 else 5.3
    return rows * width * bytes_each * min(max(6.3, 1.54 * tiles), 12.3)
