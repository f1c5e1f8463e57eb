"""The preference loss and its margins on held-out corrections during training: choosing, batching
and measuring the pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mlx.core as mx

from fae_training.language.fast_settings import FastSettings
from fae_training.language.preference_batches import (
    Pair,
    chosen_change,
    collate_pairs,
    pair_scores,
    reward_margin,
)
from fae_training.language.preference_loss import Objective, pair_losses


def in_batches(pairs: list[Pair], tokens: int) -> list[list[Pair]]:
    """All pairs in batches of about `tokens` computed tokens, with pairs of similar length together."""
    order = sorted(pairs, key=lambda p: (len(p.chosen.tokens) + len(p.rejected.tokens), p.key))
    batches: list[list[Pair]] = []
    room = 0
    for pair in order:
        if not batches or pair.computed_tokens > room:
            batches.append([])
            room = tokens
        batches[-1].append(pair)
        room -= pair.computed_tokens
    return batches


def choose(pairs: list[Pair], tokens: int, fewest: int) -> list[Pair]:
    """As many of the pairs, in their order, as fit into `tokens` computed tokens, but at least `fewest`.

    The choice depends on their keys, so adding corrections changes only the last ones chosen.
    """
    chosen: set[str] = set()
    for pair in sorted(pairs, key=lambda pair: pair.key):
        tokens -= pair.computed_tokens
        if tokens < 0 and len(chosen) >= fewest:
            break
        chosen.add(pair.key)
    return [pair for pair in pairs if pair.key in chosen]


def validation_values(
    model,
    batches: list[list[Pair]],
    reference: Mapping[str, Sequence[float]] | None,
    objective: Objective,
    fast: FastSettings,
    finished=lambda count: None,
) -> dict:
    """val_loss, val_margin, val_accuracy and, with a reference, val_chosen_change: means over the pairs.

    In training mode, like the reference, for the same rounding on both sides. finished(count) is
    called after each batch of `count` pairs and may raise to end the work.
    """
    model.train()
    sums: dict[str, float] = {}
    for pairs in batches:
        batch = collate_pairs(pairs, reference, fast)
        scores = pair_scores(model, batch, fast)
        margin = reward_margin(objective, scores)
        values = {
            "val_loss": pair_losses(objective, scores),
            "val_margin": margin,
            "val_accuracy": (margin > 0).astype(mx.float32) + 0.5 * (margin == 0),
        }
        if objective.needs_reference:
            values["val_chosen_change"] = chosen_change(scores)
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value.sum().item()
        finished(len(pairs))
    model.eval()
    count = sum(len(pairs) for pairs in batches)
    return {name: total / count for name, total in sums.items()}
