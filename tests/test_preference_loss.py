"""The preference losses against float64 NumPy and against a plain per-row model written separately."""

import math

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

import tiny_qwen
from fae_training.calls.errors import BadRequest
from fae_training.language import (
    fast_path,
    gated_delta_patch,
    preference_batches,
    preference_loss,
    preference_reference,
)
from fae_training.language.fast_settings import FastSettings
from fae_training.language.objective import Objective
from fae_training.language.preference_batches import Pair, PreferenceBatches
from fae_training.language.preference_loss import PairScores
from fae_training.language.rows import TokenRow

LN2 = math.log(2)


def random_scores(pairs=64, seed=0):
    """Sums as real answers have them: 3 to 120 tokens at 0.1 to 4 nats, the policy near the reference."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 120, (2, pairs)).astype(np.float64)
    reference = -lengths * rng.uniform(0.1, 4, (2, pairs))
    policy = np.minimum(reference + rng.normal(0, 6, (2, pairs)), -0.05 * lengths)
    return policy[0], policy[1], reference[0], reference[1], lengths[0], lengths[1]


def as_mlx(arrays):
    return PairScores(*(mx.array(a.astype(np.float32)) for a in arrays))


def written_out(objective, chosen, rejected, ref_chosen, ref_rejected, n_chosen, n_rejected):
    """The same losses in float64 from the papers' formulas, with probabilities and not their logs."""
    ratio = (chosen - ref_chosen) - (rejected - ref_rejected)
    nll = -chosen / n_chosen
    if objective.loss == "orpo":
        p, q = np.exp(chosen / n_chosen), np.exp(rejected / n_rejected)
        odds_ratio = (p / (1 - p)) / (q / (1 - q))
        return nll - objective.beta * np.log(odds_ratio / (1 + odds_ratio))
    if objective.loss == "ipo":
        loss = (ratio - 1 / (2 * objective.beta)) ** 2
    else:
        if objective.guard == "dpop":
            ratio = ratio - objective.guard_weight * np.maximum(0, ref_chosen - chosen)
        right = 1 / (1 + np.exp(-objective.beta * ratio))
        e = objective.label_smoothing
        loss = -(1 - e) * np.log(right) - e * np.log(1 - right)
    return loss + (objective.guard_weight * nll if objective.guard == "rpo" else 0)


OBJECTIVES = [
    Objective("dpo", 0.1),
    Objective("dpo", 0.3, label_smoothing=0.1),
    Objective("dpo", 0.1, guard="dpop", guard_weight=5.0),
    Objective("dpo", 0.1, guard="rpo", guard_weight=0.5),
    Objective("ipo", 0.2),
    Objective("ipo", 0.2, guard="rpo", guard_weight=1.0),
    Objective("orpo", 0.1),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_each_loss_equals_its_formula_in_float64(objective):
    arrays = random_scores()
    ours = np.array(preference_loss.pair_losses(objective, as_mlx(arrays)))
    # Sums reach 480 nats, where neighbouring fp32 numbers are 3e-5 apart.
    assert ours == pytest.approx(written_out(objective, *arrays), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_each_gradient_equals_central_differences_in_float64(objective):
    arrays = random_scores(seed=1)
    scores = as_mlx(arrays)

    def total(chosen, rejected):
        return preference_loss.pair_losses(
            objective, scores._replace(chosen=chosen, rejected=rejected)
        ).sum()

    ours = mx.grad(total, argnums=(0, 1))(scores.chosen, scores.rejected)
    step = 1e-5
    for side in (0, 1):
        up, down = list(arrays), list(arrays)
        up[side], down[side] = arrays[side] + step, arrays[side] - step
        wanted = (written_out(objective, *up) - written_out(objective, *down)) / (2 * step)
        assert np.array(ours[side]) == pytest.approx(wanted, rel=1e-3, abs=2e-5)


def test_at_the_start_dpo_is_ln_2_and_ipo_is_its_target_squared():
    _, _, chosen, rejected, n, m = random_scores()
    start = as_mlx((chosen, rejected, chosen, rejected, n, m))
    for objective in OBJECTIVES[:3]:
        assert np.array(preference_loss.pair_losses(objective, start)) == pytest.approx(
            LN2, abs=1e-6
        )
    ipo = preference_loss.pair_losses(Objective("ipo", 0.2), start)
    assert np.array(ipo) == pytest.approx(6.25, abs=1e-5)


def test_dpop_pushes_a_falling_chosen_answer_up_where_plain_dpo_lets_it_fall():
    # Both answers have lost likelihood, the rejected one more: DPO alone is content with that.
    scores = as_mlx(tuple(np.array([x]) for x in (-60.0, -100.0, -50.0, -50.0, 20.0, 20.0)))

    def gradient(guard, weight):
        objective = Objective("dpo", 0.1, guard=guard, guard_weight=weight)
        return mx.grad(
            lambda c: preference_loss.pair_losses(objective, scores._replace(chosen=c)).sum()
        )(scores.chosen).item()

    plain, guarded = gradient("none", 0.0), gradient("dpop", 5.0)
    assert plain == pytest.approx(-0.1 * 1 / (1 + math.exp(4.0)), rel=1e-4)
    assert guarded == pytest.approx(-0.6 * 1 / (1 + math.exp(4.0 - 5.0)), rel=1e-4)


def test_an_answer_that_the_model_is_sure_of_gives_orpo_a_finite_loss_and_gradient():
    scores = as_mlx(tuple(np.array([x]) for x in (0.0, -9.0, 0.0, 0.0, 5.0, 5.0)))
    value, slope = mx.value_and_grad(
        lambda c: preference_loss.pair_losses(
            Objective("orpo", 0.1), scores._replace(chosen=c)
        ).sum()
    )(scores.chosen)
    assert math.isfinite(value.item()) and math.isfinite(slope.item())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "sigmoid"}, "dpo, ipo, orpo"),
        ({"guard": "kl"}, "none, rpo, dpop"),
        ({"beta": 0.0}, "above 0"),
        ({"label_smoothing": 0.5}, "below 0.5"),
        ({"guard_weight": -1.0}, "at least 0"),
        ({"loss": "ipo", "label_smoothing": 0.1}, "belongs to the loss dpo"),
        ({"loss": "ipo", "guard": "dpop"}, "defined inside the loss dpo"),
        ({"loss": "orpo", "guard": "rpo"}, "orpo already includes"),
    ],
)
def test_a_meaningless_combination_is_refused_with_the_valid_choices(settings, words):
    with pytest.raises(BadRequest) as refusal:
        Objective(**settings)
    assert words in refusal.value.message + refusal.value.hint


FAST = FastSettings()


def tiny_model(dtype=mx.float32):
    """Linear-attention layers and a full one, random, with an adapter that is not zero."""
    model = tiny_qwen.with_adapter(tiny_qwen.make_model())
    model.set_dtype(dtype)
    fast_path.enable(model, FAST)
    return model


def random_pairs(count=4, seed=3):
    rng = np.random.default_rng(seed)

    def tokens(low, high):
        return rng.integers(1, tiny_qwen.VOCABULARY, rng.integers(low, high)).tolist()

    # Long enough that the shared system prompt is computed once, and answers cross a chunk's end.
    system, pairs = tokens(40, 41), []
    for i in range(count):
        prompt = system + tokens(5, 20)
        rows = [TokenRow(prompt + tokens(3, 30), len(prompt)) for _ in range(2)]
        pairs.append(Pair(*rows, weight=1.0 + 0.5 * (i % 2), pattern="shorter", key=str(i)))
    return pairs


def plain_log_probability(model, row):
    """One row by itself through mlx-lm's own forward pass: no padding, no sharing, no chunks."""
    logits = model(mx.array([row.tokens[:-1]])).astype(mx.float32)[0]
    log_p = logits - mx.log(mx.exp(logits).sum(-1, keepdims=True))
    wanted = row.tokens[row.supervised_from :]
    return sum(log_p[row.supervised_from - 1 + i, token] for i, token in enumerate(wanted))


def plain_dpo(model, pairs, references, beta):
    """Weighted mean of log(1 + exp(-beta h)), pair by pair."""
    total = 0.0
    for pair, (ref_chosen, ref_rejected) in zip(pairs, references, strict=True):
        h = plain_log_probability(model, pair.chosen) - ref_chosen
        h = h - (plain_log_probability(model, pair.rejected) - ref_rejected)
        total = total + pair.weight * mx.log(1 + mx.exp(-beta * h))
    return total / sum(pair.weight for pair in pairs)


def references_for(pairs, seed=5):
    rng = np.random.default_rng(seed)
    return {p.key: (-rng.uniform(60, 120), -rng.uniform(60, 120)) for p in pairs}


def test_loss_and_all_gradients_equal_a_plain_row_by_row_implementation():
    model, pairs = tiny_model(), random_pairs()
    references = references_for(pairs)
    batch = preference_batches.collate_pairs(pairs, references, FAST)
    loss = preference_batches.loss_function(Objective("dpo", 0.05), FAST)

    def mean(model):
        loss_sum, weight, _ = loss(model, batch)
        return loss_sum / weight

    value, gradient = nn.value_and_grad(model, mean)(model)
    gated_delta_patch.remove()
    expected, expected_gradient = nn.value_and_grad(
        model, lambda m: plain_dpo(m, pairs, [references[p.key] for p in pairs], 0.05)
    )(model)
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    gradient, expected = dict(tree_flatten(gradient)), dict(tree_flatten(expected_gradient))
    assert len(gradient) > 40 and gradient.keys() == expected.keys()
    assert tiny_qwen.difference(gradient, expected) < 1e-4
    for name, wanted in expected.items():
        assert tiny_qwen.difference({name: gradient[name]}, {name: wanted}) < 1e-3, name


def test_the_order_of_rows_changes_nothing_and_exchanged_sides_change_the_sign():
    model, pairs = tiny_model(), random_pairs()
    references = references_for(pairs)

    def margins(pairs, references):
        batch = preference_batches.collate_pairs(pairs, references, FAST)
        return np.array(
            preference_loss.log_ratio_margin(preference_batches.pair_scores(model, batch, FAST))
        )

    straight = margins(pairs, references)
    assert margins(pairs[::-1], references)[::-1] == pytest.approx(straight, abs=2e-3, rel=1e-4)
    swapped = [Pair(p.rejected, p.chosen, p.weight, p.pattern, p.key) for p in pairs]
    other = {key: values[::-1] for key, values in references.items()}
    assert margins(swapped, other) == pytest.approx(-straight, abs=2e-3, rel=1e-4)


@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float32], ids=["bf16", "fp32"])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_before_the_first_update_every_batch_has_loss_ln_2(tmp_path, dtype, batch_size):
    model, pairs = tiny_model(dtype), random_pairs(4)
    batches = PreferenceBatches(pairs, batch_size, 0, FAST)
    batches.reference = preference_reference.measure(
        model, batches.first(100), tmp_path / "reference.json", "start", FAST
    )
    loss = preference_batches.loss_function(Objective(), FAST)
    for index in range(5):
        loss_sum, weight, shown = loss(model, batches.batch_at(index))
        assert (loss_sum / weight).item() == pytest.approx(LN2, abs=1e-4)
        assert (shown["chosen_change"] / weight).item() == pytest.approx(0, abs=1e-3)


def test_the_reference_is_measured_for_the_batches_of_the_run_alone_and_kept(tmp_path):
    model, pairs = tiny_model(), random_pairs(12)
    batches, path = PreferenceBatches(pairs, 2, 0, FAST), tmp_path / "reference.json"
    three = preference_reference.measure(model, batches.first(3), path, "start", FAST)
    assert set(three) == {p.key for index in range(3) for p in batches.pairs_at(index)}
    assert path.stat().st_mode & 0o777 == 0o600
    for pair in (p for p in pairs if p.key in three):
        gated_delta_patch.remove()
        plain = plain_log_probability(model, pair.chosen).item()
        assert three[pair.key][0] == pytest.approx(plain, rel=1e-5, abs=1e-3)
    gated_delta_patch.install()
    # What is there is not measured again: a false value put there stays.
    path.write_text(path.read_text().replace(str(three[pair.key][0]), "-1.0"))
    again = preference_reference.measure(model, batches.first(6), path, "start", FAST)
    assert len(again) == 12 and -1.0 in [values[0] for values in again.values()]
    # Another reference is another measurement.
    fresh = preference_reference.measure(model, batches.first(3), path, "other", FAST)
    assert -1.0 not in [values[0] for values in fresh.values()]


def test_every_pair_is_in_every_epoch_and_batches_are_a_function_of_seed_and_index():
    pairs = random_pairs(7)
    one, two = (PreferenceBatches(pairs, 2, 9, FAST) for _ in range(2))
    keys = [[p.key for p in one.pairs_at(i)] for i in range(8)]
    assert keys == [[p.key for p in two.pairs_at(i)] for i in range(8)]
    for epoch in (keys[:4], keys[4:]):
        assert sorted(key for batch in epoch for key in batch) == sorted(p.key for p in pairs)
    assert keys[:4] != keys[4:]
    assert keys != [
        [p.key for p in PreferenceBatches(pairs, 2, 8, FAST).pairs_at(i)] for i in range(8)
    ]
