"""Log-probabilities of the answers under the reference, measured once for the rows that a run needs
and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlx.core as mx

from fae_training.fitting.arrays import numbers
from fae_training.language.fast_settings import FastSettings
from fae_training.language.preference_batches import (
    Pair,
    answer_log_probabilities,
    collate_pairs,
)
from fae_training.store import state

# Saved after this many batches, so that a run that crashes in between does not start over.
BATCHES_BETWEEN_SAVES = 16


def measure(
    model,
    batches: list[list[Pair]],
    path: Path,
    reference_fingerprint: str,
    fast: FastSettings,
    finished: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[float]]:
    """{pair key: [chosen, rejected]}, the log-probabilities of the two answers in nats, for the
    pairs of `batches`, under `model` in its present state.

    `model` is the reference: the base, or the base with the adapter that the run starts from.
    Earlier results in `path` are reused when they have the same reference_fingerprint. Measured in
    training mode, since mlx-lm computes linear-attention layers differently in evaluation mode:
    with the same rounding on both sides the loss starts at ln 2. finished(batches done, total) may
    raise to end the work; the results so far are kept.
    """
    kept = state.read_json(path) or {}
    known = kept["pairs"] if kept.get("reference") == reference_fingerprint else {}
    missing = [pairs for pairs in batches if any(pair.key not in known for pair in pairs)]

    def keep():
        state.write_json(path, {"reference": reference_fingerprint, "pairs": known})

    model.train()
    for count, pairs in enumerate(missing, 1):
        batch = collate_pairs(pairs, None, fast)
        chosen, rejected = answer_log_probabilities(model, batch, fast)
        mx.eval(chosen, rejected)
        for pair, c, r in zip(pairs, numbers(chosen), numbers(rejected), strict=True):
            known[pair.key] = [c, r]
        if count % BATCHES_BETWEEN_SAVES == 0 or count == len(missing):
            keep()
        finished(count, len(missing))
    return known
