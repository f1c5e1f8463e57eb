"""Confidence bounds of paired comparisons: compared with scipy, their direction, and when they must be wide."""

import math
import random

import pytest
from scipy import stats

from fae_training.judgement import intervals


@pytest.mark.parametrize("degrees", [1, 2, 4, 9, 29, 199, 1999])
def test_the_quantiles_of_t_are_scipys(degrees):
    for probability in (0.5, 0.9, 0.95, 0.975, 0.99, 0.9999, 1 - 1e-6):
        ours, theirs = intervals.t_quantile(probability, degrees), stats.t.ppf(probability, degrees)
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_for_many_units_the_bounds_are_students():
    rng = random.Random(0)
    gains = [rng.gauss(0.05, 0.08) for _ in range(5000)]
    found = intervals.of_mean(gains, 0.025)
    low, high = stats.t.interval(0.95, 4999, stats.tmean(gains), stats.sem(gains))
    assert (found.low, found.high) == (pytest.approx(low, abs=2e-4), pytest.approx(high, abs=2e-4))
    assert found.mean == pytest.approx(stats.tmean(gains)) and found.count == 5000


def test_a_gain_is_a_loss_with_the_sides_exchanged():
    gains = [0.3, -0.1, 0.05, 0.2, 0.01, -0.02]
    there, back = (intervals.of_mean([sign * g for g in gains], 0.05) for sign in (1, -1))
    assert (there.mean, there.low, there.high) == pytest.approx((-back.mean, -back.high, -back.low))
    there, back = intervals.of_pass_rate(7, 2, 60, 0.05), intervals.of_pass_rate(2, 7, 60, 0.05)
    assert (there.mean, there.low, there.high) == pytest.approx((-back.mean, -back.high, -back.low))


def test_many_small_gains_do_not_rule_out_a_large_loss_that_few_units_cannot_show():
    small = [0.02 + 0.001 * (n % 3) for n in range(10)]
    assert stats.ttest_1samp(small, 0).pvalue < 1e-6, "t alone is sure"
    assert intervals.of_mean(small, 0.025).low < 0
    assert intervals.of_mean(small * 20, 0.025).low > 0


def test_a_gain_of_every_unit_is_proven_by_twenty_of_them():
    rng = random.Random(1)
    assert intervals.of_mean([rng.gauss(0.1, 0.08) for _ in range(20)], 0.025).low > 0


def test_a_dozen_units_that_all_gained_much_prove_it_and_five_do_not():
    assert intervals.of_mean([0.67, 0.9, 1.0, 0.8] * 3, 0.0125).low > 0.2
    assert intervals.of_mean([0.67, 0.7, 0.8, 0.75, 0.7], 0.0125).low < 0


def test_a_share_that_can_only_fall_by_half_needs_fewer_units_to_show_that_it_rose():
    """Seven of seven that rose from 0.5 to 1: by chance one time in 128; six of six, one in 64, which is more than 1.25 %."""
    assert intervals.of_mean([0.5] * 7, 0.0125).low < 0
    assert intervals.of_mean([0.5] * 7, 0.0125, largest_loss=0.5).low > 0
    assert intervals.of_mean([0.5] * 6, 0.0125, largest_loss=0.5).low < 0
    assert intervals.of_mean([0.5] * 9 + [-0.5], 0.0125, largest_loss=0.5).low < 0


@pytest.mark.parametrize("count", [5, 6, 8, 12, 20, 60])
def test_bounds_of_halves_that_rise_and_fall_alike_are_seldom_wrong(count):
    rng = random.Random(count)
    trials = [
        intervals.of_mean([rng.choice((-0.5, 0.5)) for _ in range(count)], 0.025, 0.5, 0.5)
        for _ in range(1500)
    ]
    assert sum(found.low > 0 for found in trials) / 1500 <= 0.035
    assert sum(found.high < 0 for found in trials) / 1500 <= 0.035


def test_equal_answers_prove_no_gain_and_bound_the_loss():
    found = intervals.of_mean([0.0] * 100, 0.025)
    assert found.mean == 0 and -0.02 < found.low < 0 < found.high < 0.02
    found = intervals.of_pass_rate(0, 0, 100, 0.025)
    assert found.mean == 0 and -0.03 < found.low < 0 < found.high < 0.03


def test_the_bounds_of_a_pass_rate_are_agrestis_and_mins():
    """By their formula: half an item in each cell, 10 and 5 of 100 changed."""
    found = intervals.of_pass_rate(10, 5, 100, 0.025)
    center, spread = 5 / 102, math.sqrt(16 - 25 / 102) / 102
    assert found.low == pytest.approx(center - 1.959964 * spread)
    assert found.high == pytest.approx(center + 1.959964 * spread)
    assert found.mean == pytest.approx(0.05)


@pytest.mark.parametrize("gains", [[], [0.1, math.nan], [math.inf, 0.0]])
def test_what_is_not_finite_has_no_bounds(gains):
    with pytest.raises(ValueError, match="finite"):
        intervals.of_mean(gains, 0.025)


@pytest.mark.parametrize("counts", [(1, 1, 0), (3, 3, 5), (-1, 0, 5)])
def test_counts_that_do_not_fit_together_are_an_error(counts):
    with pytest.raises(ValueError, match="items"):
        intervals.of_pass_rate(*counts, 0.025)
