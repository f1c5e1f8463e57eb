"""The preference losses against float64 NumPy and against a plain per-row model written separately."""

import math

import mlx.core as mx
import numpy as np
import pytest

from fae_training.errors import BadRequest
from fae_training.language import preference_loss
from fae_training.language.preference_loss import Objective, PairScores

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
        ({"loss": "orpo", "guard": "rpo"}, "orpo holds"),
    ],
)
def test_a_combination_without_meaning_is_refused_with_the_valid_choices(settings, words):
    with pytest.raises(BadRequest) as refusal:
        Objective(**settings)
    assert words in refusal.value.message + refusal.value.hint
