"""Confidence bounds for paired comparisons, from a handful to thousands of units. Standard library only.

Both functions give a lower and an upper bound of the mean gain, each with error at most `alpha`.
benchmarks/bench_gate.py measures their actual error by simulation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean, stdev

# One imaginary unit is added, which lost (for the lower bound) or gained (for the upper bound) this much. Otherwise a few
# small, equal gains would seem to rule out a rare large loss, which a small sample is unlikely to contain.
IMAGINARY = 0.10
# From this many units on, neighbours are also grouped: conversations of one week share topics.
FEWEST_FOR_BLOCKS = 20


@dataclass(frozen=True)
class Estimate:
    """The mean gain over `count` units and its confidence bounds; positive is better."""

    mean: float
    low: float
    high: float
    count: int


def of_mean(
    gains: Sequence[float], alpha: float, largest_loss: float = 1.0, largest_gain: float = 1.0
) -> Estimate:
    """Bounds of the mean of `gains`: numbers from -largest_loss to largest_gain, in chronological order of their units.

    Student's t, corrected for skewed gains (P. Hall, "On the removal of skewness by transformation", J. R. Statist. Soc. B
    54, 1992), for rare large losses, by adding IMAGINARY units, and for units correlated in time (t of the means of about
    sqrt(n) neighbours: batch means, Law and Carson, Operations Research 27, 1979). Raises ValueError for no gains or
    non-finite ones.
    """
    if not gains or not all(map(math.isfinite, gains)):
        raise ValueError("gains are finite numbers, at least one")
    low = _lower_bound(list(gains), alpha, largest_loss)
    high = -_lower_bound([-gain for gain in gains], alpha, largest_gain)
    return Estimate(fmean(gains), low, high, len(gains))


def of_pass_rate(gained: int, lost: int, count: int, alpha: float) -> Estimate:
    """Bounds of the difference between two pass rates on the same `count` items.

    gained: items that only the new model passes; lost: those that only the old one does. A. Agresti and Y. Min, "Simple
    improved confidence intervals for comparing matched proportions", Statistics in Medicine 24 (2005): half an item is
    added to each of the four cells. Raises ValueError if the counts are inconsistent.
    """
    if count <= 0 or gained < 0 or lost < 0 or gained + lost > count:
        raise ValueError(f"{gained} gained and {lost} lost of {count} items")
    total, difference, changed = count + 2, gained - lost, gained + lost + 1
    center = difference / total
    half = NormalDist().inv_cdf(1 - alpha) * math.sqrt(changed - difference**2 / total) / total
    return Estimate(difference / count, max(center - half, -1.0), min(center + half, 1.0), count)


def _lower_bound(gains: list[float], alpha: float, largest_loss: float) -> float:
    units = [*gains, -IMAGINARY]
    by_t = _by_t(units, alpha)
    bound = max(
        min(by_t, _by_hall(units, alpha)),
        min(by_t, _with_unseen_losses(gains, alpha, largest_loss)),
    )
    if len(gains) < FEWEST_FOR_BLOCKS:
        return bound
    size = round(math.sqrt(len(gains)))
    blocks = [fmean(gains[i : i + size]) for i in range(0, len(gains) - size + 1, size)]
    return min(bound, fmean(gains) - fmean(blocks) + _by_t(blocks, alpha))


def _by_t(gains: list[float], alpha: float) -> float:
    error = stdev(gains) / math.sqrt(len(gains))
    return fmean(gains) - error * t_quantile(1 - alpha, len(gains) - 1)


def _by_hall(gains: list[float], alpha: float) -> float:
    count, mean, spread = len(gains), fmean(gains), stdev(gains)
    skewness = fmean(((gain - mean) / (spread or 1.0)) ** 3 for gain in gains)
    if abs(skewness) < 1e-6:  # the transformation is the identity there
        return _by_t(gains, alpha)
    quantile = t_quantile(1 - alpha, count - 1)
    inner = 1 + skewness * (quantile / math.sqrt(count) - skewness / (6 * count))
    root = math.copysign(abs(inner) ** (1 / 3), inner)
    return mean - spread * 3 / skewness * (root - 1)


def _with_unseen_losses(gains: list[float], alpha: float, largest_loss: float) -> float:
    """The mean if the largest possible losses occurred as often as is consistent with none among the gains.

    An event not seen in n units has, with error alpha, a probability of at most 1 - alpha^(1/n) (C. Clopper and E. Pearson,
    Biometrika 26, 1934). If the mean is still above 0, Hall's correction has nothing to add.
    """
    if min(gains) <= -largest_loss / 2:  # there is one
        return -largest_loss
    unseen = 1 - alpha ** (1 / len(gains))
    return (1 - unseen) * fmean(gains) - unseen * largest_loss


@cache
def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t distribution with `degrees` degrees of freedom, for a probability of at least 0.5."""
    low, high = 0.0, 1.0
    while _t_distribution(high, degrees) < probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if _t_distribution(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_distribution(t: float, degrees: int) -> float:
    """P(T <= t) for t >= 0 (Abramowitz and Stegun 26.7.1, by the incomplete beta function)."""
    return 1 - 0.5 * _incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (NIST DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges quickly
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + a * math.log(x)
        + b * math.log1p(-x)
        - math.log(a)
    )
    # Evaluated by the modified Lentz method (Thompson and Barnett 1986).
    tiny = 1e-300
    c, d, value = 1.0, 0.0, 1.0
    for i in range(1000):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d or tiny)
        c = 1 + term / c or tiny
        value *= c * d
        if i and abs(c * d - 1) < 1e-15:
            break
    return front * (value - 1)
