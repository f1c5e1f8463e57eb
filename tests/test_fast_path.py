"""All fast parts together: training gives the same result as without them."""

import random

import pytest

from fae_training.language import fast_path
from fae_training.language.batches import Batches, collate
from fae_training.language.fast_settings import FastSettings
from fae_training.language.rows import TokenRow
from fae_training.language.supervised_loss import language_loss
from tiny_qwen import make_model, tokens, with_adapter


def loss_curve(fast: FastSettings, steps: int) -> list[float]:
    """Losses of `steps` updates from the same start on the same rows."""
    import mlx.core as mx
    import mlx.nn as nn
    import mlx.optimizers as optim
    from mlx.utils import tree_map

    chooser = random.Random(0)
    system = tokens(chooser, 40)
    # All of one length, more than a chunk: each side is compiled once.
    rows = [TokenRow(system + tokens(chooser, 36), 52) for _ in range(6)]
    model = with_adapter(make_model())
    on, _ = fast_path.enable(model, fast)
    together = Batches(rows, 2, seed=0)
    optimizer = optim.AdamW(learning_rate=1e-3)
    value_and_gradient = nn.value_and_grad(model, lambda m, b: language_loss(m, b, on))
    state = [model.state, mx.random.state]
    step = mx.compile(lambda b: value_and_gradient(model, b), inputs=state, outputs=state)
    losses = []
    for index in range(steps):
        batch = collate(together.rows_at(index), on.shared_prefix)
        (loss, weight, _), gradient = step(batch)
        optimizer.update(model, tree_map(lambda g, w=weight: g / w, gradient))
        mx.eval(model.trainable_parameters(), optimizer.state)
        losses.append(loss.item() / weight.item())
    return losses


@pytest.mark.usefixtures("compiling")
def test_fifty_steps_give_the_losses_of_the_stock_path():
    stock, fast = loss_curve(FastSettings.off(), 50), loss_curve(FastSettings(), 50)
    assert stock[-1] < 0.5 * stock[0]
    worst = max(abs(a - b) / a for a, b in zip(stock, fast, strict=True))
    assert worst < 1e-3


@pytest.mark.parametrize(
    "part",
    [
        "gated_delta",
        "attention",
        "supervised_only",
        "shared_prefix",
        "by_length",
        "checkpoint_layers",
    ],
)
def test_each_part_can_be_switched_off_alone(part):
    from dataclasses import replace

    model = make_model()
    wanted = replace(FastSettings(checkpoint_layers=True), **{part: False})
    on, notes = fast_path.enable(model, wanted)
    if part == "gated_delta":
        assert on == replace(wanted, shared_prefix=False) and "they need" in notes[0]
    else:
        assert (on, notes) == (wanted, [])
