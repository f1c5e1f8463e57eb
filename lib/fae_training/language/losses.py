"""The loss of held-out answers, as used by validation during training and by scoring."""

from collections.abc import Callable

import mlx.core as mx

from fae_training.fitting.arrays import numbers
from fae_training.language import validation_set
from fae_training.language.batches import collate
from fae_training.language.fast_settings import FastSettings
from fae_training.language.rows import TokenRow
from fae_training.language.supervised_loss import token_log_probabilities


def row_losses(
    model,
    rows: list[TokenRow],
    fast: FastSettings,
    batch_tokens: int,
    finished: Callable[[int], None] = lambda count: None,
) -> list[tuple[float, int]]:
    """(sum of -log p in nats, supervised tokens) of each row, in the order given.

    batch_tokens: about how many tokens are computed at a time. finished(count) is called after each batch of `count`
    rows and may raise to end the work.
    """
    found: list = [None] * len(rows)
    for chosen in validation_set.in_batches(rows, batch_tokens):
        batch = collate([rows[i] for i in chosen], fast.shared_prefix)
        log_p = mx.where(batch["weights"] > 0, token_log_probabilities(model, batch, fast), 0.0)
        sums = mx.zeros((len(chosen),)).at[batch["row"]].add(-log_p)
        counts = (
            mx.zeros((len(chosen),)).at[batch["row"]].add((batch["weights"] > 0).astype(mx.float32))
        )
        for i, total, count in zip(chosen, numbers(sums), numbers(counts), strict=True):
            found[i] = (total, int(count))
        finished(len(chosen))
    return found


def mean_loss(losses: list[tuple[float, int]]) -> float:
    """Nats per supervised token, over all rows."""
    return sum(total for total, _ in losses) / max(sum(count for _, count in losses), 1)


def counting(session, total: int) -> Callable[[int], None]:
    """finished(count): marks `count` more of the `total` items of a session's stage as done; raises
    Cancelled on request."""
    done = 0
    session.progressed(0, total)

    def finished(count: int) -> None:
        nonlocal done
        done += count
        session.advance(done, total)

    return finished


def validation_loss(model, rows: list[TokenRow], fast: FastSettings, batch_tokens: int, session):
    """mean_loss of `rows` as a session's stage, with progress and cancellation."""
    finished = counting(session, len(rows))
    return mean_loss(row_losses(model, rows, fast, batch_tokens, finished))


def conversation_losses(rows: list[TokenRow], losses: list[tuple[float, int]]) -> dict[str, float]:
    """Nats per token of each conversation, by its id, in order of first appearance; its turns are
    counted together."""
    totals: dict[str, list[float]] = {}
    for row, (total, count) in zip(rows, losses, strict=True):
        sums = totals.setdefault(row.conversation, [0.0, 0])
        sums[0] += total
        sums[1] += count
    return {name: total / max(count, 1) for name, (total, count) in totals.items()}
