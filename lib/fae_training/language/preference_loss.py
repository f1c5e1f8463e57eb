"""The losses of preference training, each with the paper and equation that it implements.

All take sums of log-probabilities in nats over an answer's tokens (end token included, prompt
excluded), as fp32 arrays of shape [pairs], and return one loss per pair, so that the caller can
weight the pairs. `h` below is the log-ratio margin of Azar et al.:

    h = log pi(chosen)/ref(chosen) - log pi(rejected)/ref(rejected)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn

from fae_training.language.objective import Objective


class PairScores(NamedTuple):
    """The inputs of a loss for a batch of pairs; every field has shape [pairs]."""

    chosen: Any  # sum of log-probabilities under the policy, nats
    rejected: Any
    reference_chosen: Any  # the same under the reference; not read by orpo
    reference_rejected: Any
    chosen_tokens: Any  # number of summed tokens
    rejected_tokens: Any


def pair_losses(objective: Objective, scores: PairScores):
    """The loss of each pair, guard included, shape [pairs], fp32, nats (ipo: nats squared)."""
    if objective.loss == "orpo":
        return orpo(scores, objective.beta)
    if objective.loss == "ipo":
        losses = ipo(log_ratio_margin(scores), objective.beta)
    else:
        margin = log_ratio_margin(scores)
        if objective.guard == "dpop":
            margin = margin - objective.guard_weight * dpop_penalty(scores)
        losses = dpo(margin, objective.beta, objective.label_smoothing)
    if objective.guard == "rpo":
        losses = losses + objective.guard_weight * chosen_negative_log_likelihood(scores)
    return losses


def log_ratio_margin(scores: PairScores):
    """h of Azar et al., arXiv 2310.12036, section 5; beta * h is DPO's reward margin, in nats."""
    return (scores.chosen - scores.reference_chosen) - (scores.rejected - scores.reference_rejected)


def dpo(margin, beta: float, label_smoothing: float = 0.0):
    """-log sigmoid(beta h): Rafailov et al., arXiv 2305.18290, equation 7.

    With label_smoothing e: -(1-e) log sigmoid(beta h) - e log sigmoid(-beta h), the conservative
    DPO of Mitchell, "A note on DPO with noisy preferences and relationship to IPO" (2023),
    equation 3: it stops pushing once the model is as sure of a pair as its label is.
    """
    reward_margin = beta * margin
    losses = -(1 - label_smoothing) * nn.log_sigmoid(reward_margin)
    if label_smoothing:
        losses = losses - label_smoothing * nn.log_sigmoid(-reward_margin)
    return losses


def ipo(margin, beta: float):
    """(h - 1/(2 beta))^2: Azar et al., arXiv 2310.12036, equation 17 (their tau is beta).

    The margin is the paper's, over whole answers; some libraries divide it by the length.
    """
    return (margin - 1 / (2 * beta)) ** 2


def orpo(scores: PairScores, beta: float):
    """-log P(chosen) - beta log sigmoid(log odds ratio): Hong et al., arXiv 2403.07691, eq. 6, 7.

    P is the likelihood per token, exp of the mean log-probability (their equation 3), and
    odds P = P / (1 - P) (equation 4); beta is their lambda. There is no reference model.
    """
    chosen = scores.chosen / scores.chosen_tokens
    rejected = scores.rejected / scores.rejected_tokens
    log_odds_ratio = (chosen - rejected) - (
        _log_one_minus_exp(chosen) - _log_one_minus_exp(rejected)
    )
    return -chosen - beta * nn.log_sigmoid(log_odds_ratio)


def _log_one_minus_exp(x):
    """log(1 - exp(x)) for x < 0 without cancellation near 0."""
    # At 0 the value is -inf with an infinite gradient, which happens for an answer whose tokens all
    # have probability 1 in fp32.
    x = mx.minimum(x, -1e-6)
    return mx.log(-mx.expm1(x))


def dpop_penalty(scores: PairScores):
    """max(0, log ref(chosen)/pi(chosen)): Pal et al. (Smaug), arXiv 2402.13228, equation 3.

    Zero as long as the chosen answer is at least as likely as it was, so nothing is lost on pairs
    that go well, and the loss at the start is still ln 2.
    """
    return mx.maximum(scores.reference_chosen - scores.chosen, 0.0)


def chosen_negative_log_likelihood(scores: PairScores):
    """-log pi(chosen) / tokens: the added term of RPO, Pang et al., arXiv 2404.19733, equation 1."""
    return -scores.chosen / scores.chosen_tokens
