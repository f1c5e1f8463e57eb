"""The linter of preference pairs: the problems that it finds and repairs."""

from dataclasses import replace

import pytest

from fae_days import plain
from fae_training.calls.counting import counted
from fae_training.corrections import lint
from fae_training.rows.row_forms import PreferencePair


def pair(
    number: int, chosen: str | None = None, rejected: str | None = None, weight=1.0
) -> PreferencePair:
    question, reply = plain(number)
    return PreferencePair(
        [{"role": "user", "content": question}],
        {"role": "assistant", "content": chosen or f"{reply} Or so I hear from those who know."},
        {"role": "assistant", "content": rejected or reply},
        pattern="longer",
        weight=weight,
    )


def swapped(row: PreferencePair) -> PreferencePair:
    return replace(row, chosen=row.rejected, rejected=row.chosen)


def balanced(count: int) -> list[PreferencePair]:
    """Half with a longer chosen answer, half with a shorter one."""
    rows = [pair(number) for number in range(count)]
    return [swapped(row) if number % 2 else row for number, row in enumerate(rows)]


def test_a_sound_set_passes_unchanged():
    rows, held_out, report = lint.check(balanced(40), [pair(99)])
    assert rows == balanced(40) and held_out == [pair(99)]
    assert report.remarks == [] and report.weight_factor == 1.0
    assert (report.chosen_shorter, report.chosen_longer) == (20, 20)


@pytest.mark.parametrize("count", [1, 19])
def test_too_few_pairs_are_reported_with_both_numbers(count):
    rows, _, report = lint.check(balanced(count), [pair(99)])
    assert len(rows) == count
    assert any(
        f"{counted(count, 'pair')} to train on, expected at least 20" in remark
        for remark in report.remarks
    )


def test_near_duplicates_are_kept_once():
    rows, _, report = lint.check(balanced(30) + balanced(30)[:5], [pair(99)])
    assert rows == balanced(30) and report.dropped == {"near_duplicate": 5}
    assert any(remark.startswith("5 nearly repeated another") for remark in report.remarks)


def test_a_pair_on_both_sides_stays_on_the_held_out_side():
    rows, held_out, report = lint.check(balanced(30), [pair(4), pair(99)])
    assert held_out == [pair(4), pair(99)] and len(rows) == 29
    assert report.dropped == {"near_duplicate": 1}


def test_of_two_that_contradict_each_other_the_newer_is_kept():
    old = pair(50, chosen="A long answer, with all that there is to say.", rejected="A short one.")
    new = swapped(old)
    rows, _, report = lint.check([old, *balanced(30), new], [pair(99)])
    assert old not in rows and new in rows
    assert report.dropped == {"contradiction": 1}


def test_a_bias_to_short_answers_is_weighted_down_and_reported_with_its_ratio():
    rows = [pair(number) for number in range(40)]
    shorter = [swapped(row) for row in rows[:36]]
    checked, _, report = lint.check(shorter + rows[36:], [pair(99)])
    weight = {True: 0.0, False: 0.0}
    for number, row in enumerate(checked):
        weight[number < 36] += row.weight
    # 36 of 40 becomes, with the factor held at 0.3, 10.8 of 14.8.
    assert report.weight_factor == 0.3
    assert weight[True] / sum(weight.values()) == pytest.approx(10.8 / 14.8, abs=1e-3)
    (remark,) = [remark for remark in report.remarks if remark.startswith("Length bias")]
    assert (
        "in 36 of 40 pairs of different length the answer that you accepted is the shorter one"
        in remark
    )
    assert "73% of the training instead of 90%" in remark and "the longer answer would" in remark


def test_a_bias_that_nothing_balances_is_reported_without_shares_that_stay_the_same():
    _, _, report = lint.check([swapped(pair(number)) for number in range(20)], [pair(99)])
    (remark,) = [remark for remark in report.remarks if remark.startswith("Length bias")]
    assert "in 20 of 20 pairs" in remark and "%" not in remark
    assert "Corrections in which you accept the longer answer would balance it." in remark


def test_a_milder_bias_comes_down_to_the_limit():
    rows = [pair(number) for number in range(40)]
    shorter = [swapped(row) for row in rows[:30]]
    checked, _, report = lint.check(shorter + rows[30:], [pair(99)])
    share = sum(r.weight for r in checked[:30]) / sum(r.weight for r in checked)
    assert share == pytest.approx(0.65, abs=1e-3)
    assert report.weight_factor == pytest.approx(0.65 / 0.35 * 10 / 30, abs=1e-3)


def test_an_empty_held_out_set_is_reported():
    _, held_out, report = lint.check(balanced(30), [])
    assert held_out == [] and any("No pair is held out" in remark for remark in report.remarks)
