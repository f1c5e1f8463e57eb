"""Shared prefixes are computed once, and nothing else changes: losses and gradients equal the plain computation."""

import random

import pytest

from fae_training.language.fast_settings import FastSettings
from fae_training.language.layout import Level, as_arrays, lay_out
from fae_training.language.rows import TokenRow
from tiny_qwen import (
    conversation,
    difference,
    loss_and_gradients,
    make_model,
    tokens,
    with_adapter,
)


def system_prompt_rows():
    chooser = random.Random(0)
    system = tokens(chooser, 130)
    return [conversation(chooser, system, 1)[0] for _ in range(4)]


def one_conversation():
    chooser = random.Random(1)
    return conversation(chooser, tokens(chooser, 90), 5)


def two_conversations_under_one_prompt():
    chooser = random.Random(2)
    system = tokens(chooser, 200)
    long = [conversation(chooser, system + tokens(chooser, 60), 3) for _ in range(2)]
    return [*long[0], *long[1], conversation(chooser, system, 1)[0]]


def conversations_that_share_nothing():
    chooser = random.Random(3)
    return conversation(chooser, tokens(chooser, 90), 3) + conversation(
        chooser, tokens(chooser, 70), 2
    )


CASES = [
    (system_prompt_rows, 2),
    (one_conversation, 2),
    (two_conversations_under_one_prompt, 3),
    (conversations_that_share_nothing, 2),
]


@pytest.mark.parametrize(("make_rows", "levels"), CASES)
def test_the_levels_hold_every_row_in_fewer_tokens(make_rows, levels):
    rows = make_rows()
    plan = lay_out(rows, share=True)
    assert len(plan) == levels
    for i, row in enumerate(rows):
        assert path_of(plan, i) == row.tokens[:-1]
    plain = lay_out(rows, share=False)
    assert sum(level.padded for level in plan) < 0.75 * plain[0].padded


def path_of(plan: list[Level], row: int) -> list[int]:
    """All tokens on the way from the root to the end of a row."""
    path, level, reached = [], len(plan) - 1, None
    while True:
        here = plan[level]
        path = here.sequences[row][:reached] + path
        if level == 0:
            return path
        assert here.start[row] == len(path_of(plan[:level], here.parent[row])) - (
            len(plan[level - 1].sequences[here.parent[row]]) - here.branch[row]
        )
        row, reached, level = here.parent[row], here.branch[row], level - 1


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize(("make_rows", "levels"), CASES)
def test_loss_and_gradients_equal_the_plain_computation(make_rows, levels, checkpoint):
    rows = make_rows()
    model = with_adapter(make_model())
    plain, expected = loss_and_gradients(
        model, as_arrays(rows, lay_out(rows, share=False)), FastSettings(shared_prefix=False)
    )
    shared, gradients = loss_and_gradients(
        model,
        as_arrays(rows, lay_out(rows, share=True)),
        FastSettings(checkpoint_layers=checkpoint),
    )
    assert shared == pytest.approx(plain, rel=1e-6)
    assert difference(gradients, expected) < 1e-5


@pytest.mark.parametrize("kind", ["moe", "next"])
def test_it_holds_for_a_mixture_of_experts_and_for_qwen3_next(kind):
    rows = two_conversations_under_one_prompt()
    model = with_adapter(make_model(kind), experts=True)
    plain, expected = loss_and_gradients(
        model, as_arrays(rows, lay_out(rows, share=False)), FastSettings(shared_prefix=False)
    )
    shared, gradients = loss_and_gradients(
        model, as_arrays(rows, lay_out(rows, share=True)), FastSettings()
    )
    assert shared == pytest.approx(plain, rel=1e-6)
    assert difference(gradients, expected) < 1e-5


def test_a_gradient_reaches_the_shared_part():
    """Rows that are all prefix but for their last tokens still train what the prefix goes through."""
    chooser = random.Random(4)
    prompt = tokens(chooser, 100)
    rows = [TokenRow([*prompt, 10 + i, 20 + i], 101) for i in range(3)]
    assert [len(level.sequences) for level in lay_out(rows, share=True)] == [1, 3]
    model = with_adapter(make_model())
    _, expected = loss_and_gradients(
        model, as_arrays(rows, lay_out(rows, share=False)), FastSettings(shared_prefix=False)
    )
    _, gradients = loss_and_gradients(
        model, as_arrays(rows, lay_out(rows, share=True)), FastSettings()
    )
    assert difference(gradients, expected) < 1e-5


def test_rows_that_are_all_the_same_and_rows_of_two_tokens_are_laid_out_too():
    chooser = random.Random(5)
    prompt = tokens(chooser, 100)
    same = [TokenRow(prompt, 50)] * 3
    assert [path_of(lay_out(same, True), i) for i in range(3)] == [prompt[:-1]] * 3
    short = [TokenRow([7, 8], 1), TokenRow([7, 9], 1)]
    assert [path_of(lay_out(short, True), i) for i in range(2)] == [[7], [7]]


def test_short_common_starts_are_not_shared():
    chooser = random.Random(6)
    start = tokens(chooser, 20)
    rows = [TokenRow(start + tokens(chooser, 60), 30) for _ in range(4)]
    assert len(lay_out(rows, share=True)) == 1
