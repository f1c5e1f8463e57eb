"""The loss at the targets only, in chunks, against the plain loss over everything."""

import math
import random

import pytest

from fae_training.language import losses, supervised_loss
from fae_training.language.batches import collate
from fae_training.language.fast_settings import FastSettings
from fae_training.language.rows import TokenRow
from tiny_qwen import (
    VOCABULARY,
    conversation,
    difference,
    loss_and_gradients,
    make_model,
    tokens,
    with_adapter,
)

PLAIN = FastSettings(shared_prefix=False, supervised_only=False)
GATHERED = FastSettings(shared_prefix=False)


def some_rows():
    chooser = random.Random(0)
    return [
        TokenRow(tokens(chooser, 40), 25, weight=1.0),
        TokenRow(tokens(chooser, 70), 69, weight=0.5),
        TokenRow(tokens(chooser, 30), 0, weight=2.0),
    ]


@pytest.mark.parametrize("tied", [True, False])
def test_it_equals_the_loss_over_all_positions(tied):
    model = with_adapter(make_model(tie_word_embeddings=tied))
    batch = collate(some_rows(), share_prefix=False)
    plain, expected = loss_and_gradients(model, batch, PLAIN)
    loss, gradients = loss_and_gradients(model, batch, GATHERED)
    assert loss == pytest.approx(plain, rel=1e-6)
    assert difference(gradients, expected) < 1e-5


def test_it_is_the_weighted_mean_over_answers_that_a_person_would_compute():
    import mlx.core as mx

    model = with_adapter(make_model())
    rows = some_rows()
    total = weight = 0.0
    for row in rows:
        logits = model(mx.array([row.tokens[:-1]]))[0].astype(mx.float32)
        log_p = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        for position in range(max(row.supervised_from, 1), len(row.tokens)):
            total -= row.weight * log_p[position - 1, row.tokens[position]].item()
            weight += row.weight
    loss, _ = loss_and_gradients(model, collate(rows), FastSettings())
    assert loss == pytest.approx(total / weight, rel=1e-5)


def test_tiles_of_the_vocabulary_and_blocks_of_targets_change_nothing(monkeypatch):
    model = with_adapter(make_model())
    batch = collate(some_rows(), share_prefix=False)
    plain, expected = loss_and_gradients(model, batch, GATHERED)
    # 46 targets and their padding in blocks of 20, the 300 entries in tiles of 32, of which the last has 12.
    monkeypatch.setattr(supervised_loss, "LOGITS_BYTES", 1)
    monkeypatch.setattr(supervised_loss, "ROWS", 20)
    assert batch["targets"].shape[0] > 40 and VOCABULARY % supervised_loss.tile_width(20) == 12
    assert max(batch["targets"].tolist()) >= 288
    loss, gradients = loss_and_gradients(model, batch, GATHERED)
    assert loss == pytest.approx(plain, rel=1e-6)
    assert difference(gradients, expected) < 1e-5


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("tile", [1, 8 * 2**20])
def test_a_quantised_output_layer_gives_what_its_whole_logits_give(tied, tile, monkeypatch):
    import mlx.nn as nn

    model = make_model(tie_word_embeddings=tied)
    nn.quantize(model, group_size=32, bits=4)
    model = with_adapter(model)
    batch = collate(some_rows(), share_prefix=False)
    plain, expected = loss_and_gradients(model, batch, PLAIN)
    monkeypatch.setattr(supervised_loss, "LOGITS_BYTES", tile)
    loss, gradients = loss_and_gradients(model, batch, GATHERED)
    assert loss == pytest.approx(plain, rel=1e-6)
    assert difference(gradients, expected) < 1e-5


def test_a_bias_of_the_output_layer_is_in_the_loss():
    import mlx.core as mx
    import mlx.nn as nn

    head = nn.Linear(16, 100)
    head.bias = mx.random.normal((100,), key=mx.random.key(3))
    hidden, targets = mx.random.normal((5, 16), key=mx.random.key(4)), mx.array([0, 3, 50, 98, 99])
    ours, gradient = supervised_loss._in_blocks(head, hidden, targets, True)
    expected, (right,) = mx.vjp(
        lambda h: supervised_loss._log_probabilities(head(h), targets), [hidden], [mx.ones(5)]
    )
    assert mx.abs(ours - expected[0]).max().item() < 1e-5
    assert mx.abs(gradient - right).max().item() < 1e-5


def test_a_target_that_is_nearly_certain_keeps_its_small_gradient_in_bfloat16():
    """As W_t less the mean of all W, the target's own among them, the rounding of that mean is as large as what is left."""
    import mlx.core as mx
    import mlx.nn as nn

    head = nn.Linear(64, 200, bias=False)
    head.weight = mx.random.normal((200, 64), key=mx.random.key(5)).astype(mx.bfloat16)
    targets = mx.array([7, 150])
    hidden = (head.weight[targets] * 0.2).astype(mx.bfloat16)
    log_p, ours = supervised_loss._in_blocks(head, hidden, targets, True)
    assert -3e-3 < log_p[0].item() < -2e-3 and -0.05 < log_p[1].item() < -0.04
    wide = hidden.astype(mx.float32)
    weight = head.weight.astype(mx.float32)
    _, (right,) = mx.vjp(
        lambda h: supervised_loss._log_probabilities(h @ weight.T, targets), [wide], [mx.ones(2)]
    )
    error = mx.linalg.norm(ours - right, axis=-1) / mx.linalg.norm(right, axis=-1)
    assert error.max().item() < 0.05


def test_the_log_probabilities_of_rows_are_their_sums_with_and_without_a_gradient():
    import mlx.core as mx

    chooser = random.Random(1)
    rows = conversation(chooser, tokens(chooser, 60), 3)
    model = with_adapter(make_model())
    sums = supervised_loss.row_log_probabilities(model, collate(rows), FastSettings(), len(rows))
    alone = [
        supervised_loss.row_log_probabilities(model, collate([row]), FastSettings(), 1)[0].item()
        for row in rows
    ]
    assert sums.tolist() == pytest.approx(alone, rel=1e-5)
    model.eval()
    scored = supervised_loss.row_log_probabilities(model, collate(rows), FastSettings(), len(rows))
    assert mx.abs(sums - scored).max().item() < 1e-3
    assert all(-20 * len(row.tokens) < value < 0 for row, value in zip(rows, alone, strict=True))


@pytest.mark.parametrize(
    ("answers", "share"),
    [([1], False), ([1, 1, 1, 700], True), ([512, 513], True), ([1023, 1], False), ([1024], False), ([1025], False), ([1500, 549, 3], True), ([2000], False), ([2000, 2000, 49], True)],
)  # fmt: skip
def test_answers_of_any_length_are_scored_as_the_whole_logits_say(answers, share):
    """More targets than a block of the output layer holds, in training and in evaluation mode."""
    import mlx.core as mx

    chooser = random.Random(len(answers))
    prompt = tokens(chooser, 40)
    rows = [TokenRow(prompt + tokens(chooser, count), len(prompt)) for count in answers]
    model = with_adapter(make_model())
    expected = []
    for row in rows:
        logits = model(mx.array([row.tokens[:-1]]))[0, len(prompt) - 1 :].astype(mx.float32)
        log_p = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        targets = mx.array(row.tokens[len(prompt) :])[:, None]
        expected.append(mx.take_along_axis(log_p, targets, axis=-1).sum().item())
    batch = collate(rows, share)
    fast = FastSettings(shared_prefix=share)
    for mode in (model.train, model.eval):
        mode()
        sums = supervised_loss.row_log_probabilities(model, batch, fast, len(rows))
        assert sums.tolist() == pytest.approx(expected, rel=2e-5)
    found = losses.row_losses(model, rows, fast, batch_tokens=4096)
    assert [-total for total, _ in found] == pytest.approx(expected, rel=2e-5)
    assert [count for _, count in found] == answers
    model.train()
    loss, gradients = loss_and_gradients(model, batch, fast)
    assert loss == pytest.approx(-sum(expected) / sum(answers), rel=2e-5)
    plain = FastSettings(shared_prefix=False, supervised_only=False)
    assert difference(gradients, loss_and_gradients(model, collate(rows, False), plain)[1]) < 1e-4


def test_a_batch_without_a_target_has_no_loss_and_no_nan():
    model = with_adapter(make_model())
    import mlx.core as mx
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    batch = collate([TokenRow([3, 4, 5, 6], 4)])
    (loss, weight, _), gradients = nn.value_and_grad(
        model, lambda m, b: supervised_loss.language_loss(m, b, FastSettings())
    )(model, batch)
    assert loss.item() == 0 and weight.item() == 0
    assert all(mx.abs(g).max().item() == 0 for _, g in tree_flatten(gradients))


def test_an_output_layer_that_is_not_frozen_is_refused():
    model = make_model()
    model.train()
    with pytest.raises(ValueError, match="freeze it"):
        loss_and_gradients(model, collate(some_rows()), FastSettings())


def test_large_bfloat16_logits_are_summed_in_float32():
    import mlx.core as mx

    logits = mx.array([[100.0, 0.0, 99.0]], mx.bfloat16)
    value = supervised_loss._log_probabilities(logits, mx.array([0])).item()
    assert value == pytest.approx(-math.log(1 + math.exp(-1) + math.exp(-100)), abs=1e-5)
