"""Batches: no row dropped, the same sequence each time, rows of similar length and of one conversation together."""

import random
from collections import Counter

import pytest

from fae_training.language.batches import Batches, count_tokens
from fae_training.language.layout import lay_out, round_up
from fae_training.language.rows import TokenRow
from tiny_qwen import conversation, tokens


def mixed_rows():
    """Five conversations of one to four turns under one system prompt, and twenty rows of all lengths."""
    chooser = random.Random(0)
    system = tokens(chooser, 150)
    rows = [row for turns in (1, 2, 4, 4, 3) for row in conversation(chooser, system, turns)]
    rows += [TokenRow(tokens(chooser, chooser.randint(20, 600)), 10) for _ in range(20)]
    chooser.shuffle(rows)
    return rows


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("by_length", [True, False])
@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_every_epoch_has_each_row_exactly_once(share, by_length, batch_size):
    rows = mixed_rows()
    batches = Batches(rows, batch_size, 5, share, by_length)
    for epoch in range(3):
        start = epoch * batches.batches_per_epoch
        seen = [i for n in range(batches.batches_per_epoch) for i in batches.indices_at(start + n)]
        assert Counter(seen) == Counter(range(len(rows)))


def test_a_batch_is_a_function_of_seed_and_index_alone():
    import mlx.core as mx

    first, again = Batches(mixed_rows(), 4, 7), Batches(mixed_rows(), 4, 7)
    for index in (40, 3, 17):
        one, other = first.batch_at(index), again.batch_at(index)
        assert one.keys() == other.keys()
        assert all(mx.array_equal(one[name], other[name]) for name in one)
    other_seed = Batches(mixed_rows(), 4, 8)
    assert [first.indices_at(i) for i in range(8)] != [other_seed.indices_at(i) for i in range(8)]


def test_epochs_differ_in_order_and_in_the_composition_of_batches():
    batches = Batches(mixed_rows(), 4, 0)
    count = batches.batches_per_epoch
    epochs = [[sorted(batches.indices_at(e * count + n)) for n in range(count)] for e in range(2)]
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0]) != sorted(epochs[1])


def test_rows_of_similar_length_share_a_batch():
    chooser = random.Random(1)
    rows = [TokenRow(tokens(chooser, chooser.randint(20, 1000)), 10) for _ in range(64)]

    def padded(by_length):
        batches = Batches(rows, 4, 0, share_prefix=False, by_length=by_length)
        return sum(lay_out(batches.rows_at(n), False)[0].padded for n in range(16))

    real = count_tokens(rows)[0]
    assert padded(True) < 1.2 * real
    assert padded(False) > 1.4 * real


def test_the_turns_of_a_conversation_share_a_batch_and_their_history():
    chooser = random.Random(2)
    system = tokens(chooser, 100)
    rows = [row for _ in range(8) for row in conversation(chooser, system, 4)]
    order = list(range(len(rows)))
    chooser.shuffle(order)
    batches = Batches([rows[i] for i in order], 4, 0)
    for n in range(8):
        conversations = {order[i] // 4 for i in batches.indices_at(n)}
        assert len(conversations) == 1
    computed = sum(
        level.padded for n in range(8) for level in lay_out(batches.rows_at(n), share=True)
    )
    assert computed < 0.7 * count_tokens(rows)[0]


def test_the_tokens_of_a_batch_are_its_real_and_supervised_ones():
    rows = [TokenRow([1, 2, 3, 4, 5], 3), TokenRow([1, 2, 3], 0)]
    batches = Batches(rows, 2, 0)
    assert batches.tokens(0) == (8, 2 + 2)
    assert (batches.batch_at(0)["weights"] > 0).sum().item() == 4


def test_there_are_few_batch_widths_and_little_padding():
    widths = {round_up(n) for n in range(1, 2049)}
    assert len(widths) == 20
    assert all(n <= round_up(n) <= max(32, 1.25 * n + 1) or n < 128 for n in range(1, 2049))


def test_a_batch_size_above_the_number_of_rows_gives_one_batch_of_all_rows():
    rows = [TokenRow([1, 2, 3, 4], 2)] * 3
    assert sorted(Batches(rows, 16, 0).indices_at(5)) == [0, 1, 2]


def test_no_rows_at_all_is_an_error():
    with pytest.raises(ValueError, match="no rows"):
        Batches([], 4, 0)
