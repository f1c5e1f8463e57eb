"""The layout of a batch in which a prefix that rows share is computed once.

A batch has up to three levels of sequences. The sequences of level 0 start from nothing; each
sequence of a later level branches off from one of the level before, after any number of its tokens,
and continues from there. Plain rows are one level. A shared system prompt with an answer for each
row is two levels. So is a conversation: its history is one long sequence, and each of the
assistant's turns branches off where it was spoken. Several conversations under one system prompt
are three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import mlx.core as mx
import numpy as np

from fae_training.language.rows import Row, common_length

# Sharing less than this saves less than a further level costs.
SHORTEST_SHARED = 32
# The cost of a level besides its tokens, in tokens: smaller products, one more pass of each layer.
LEVEL_COST = 32


@dataclass
class Level:
    """Sequences of token ids. parent[i] is the sequence before it that sequence i branches off from, after
    branch[i] of the parent's own tokens; start[i] is the position of its first token in the whole row."""

    sequences: list[list[int]]
    parent: list[int]
    branch: list[int]
    start: list[int]

    @property
    def width(self) -> int:
        return round_up(max(len(sequence) for sequence in self.sequences))

    @property
    def padded(self) -> int:
        return self.width * len(self.sequences)


def round_up(count: int, step: int = 32, parts: int = 4) -> int:
    """The next larger of a few widths: multiples of `step`, then always `parts` between a power of
    two and the next.

    Each width is compiled once, so there should be few; with parts=4 at most a fifth is padding.
    """
    power = step
    while power * parts * 2 <= count:
        power *= 2
    return -(-max(count, 1) // power) * power


def lay_out(rows: Sequence[Row], share: bool) -> list[Level]:
    """The levels that hold all rows with the fewest padded tokens; row i ends in sequence i of the
    last level."""
    inputs = [row.tokens[:-1] for row in rows]
    plans: list[list[Level] | None] = [_plain(inputs)]
    if share and len(rows) > 1:
        clusters = _clusters(inputs)
        for parts in {tuple(map(tuple, clusters)), (tuple(range(len(inputs))),)}:
            plans.append(_trunks(inputs, parts))
            common = _common_of_all(inputs)
            if common >= SHORTEST_SHARED and len(parts) > 1:
                plans.append(_below_a_root(inputs, parts, common))
    return min((plan for plan in plans if plan), key=_cost)


def _cost(levels: list[Level]) -> int:
    return sum(level.padded for level in levels) + LEVEL_COST * (len(levels) - 1)


def _plain(inputs) -> list[Level]:
    zeros = [0] * len(inputs)
    return [Level(inputs, zeros, zeros, zeros)]


def _trunks(inputs, clusters, offset: int = 0) -> list[Level] | None:
    """Two levels: the shared tokens of each cluster, then the rest of each row. The first `offset`
    tokens are left out."""
    trunks = [_trunk(inputs, cluster, offset) for cluster in clusters]
    longest = max(len(trunk) for trunk in trunks)
    if longest < SHORTEST_SHARED:
        return None
    leaves: list = [None] * len(inputs)
    for index, (cluster, trunk) in enumerate(zip(clusters, trunks, strict=True)):
        if len(cluster) == 1:
            # A row on its own shares nothing; the part of it that would be padding anyway is placed
            # beside the trunks.
            own = inputs[cluster[0]][offset:]
            trunks[index] = trunk = own[: min(longest, len(own) - 1)]
        for row in cluster:
            own = inputs[row][offset:]
            at = min(common_length(own, trunk), len(own) - 1)
            leaves[row] = (own[at:], index, at)
    zeros = [0] * len(clusters)
    return [
        Level(trunks, zeros, zeros, [offset] * len(clusters)),
        Level(
            [leaf for leaf, _, _ in leaves],
            [index for _, index, _ in leaves],
            [at for _, _, at in leaves],
            [offset + at for _, _, at in leaves],
        ),
    ]


def _below_a_root(inputs, clusters, common: int) -> list[Level] | None:
    """Three levels: the tokens shared by all rows, those shared within a cluster, and the rest of each row."""
    if any(len(row) < common + 2 for row in inputs):
        return None
    levels = _trunks(inputs, clusters, common)
    if levels is None:
        return None
    levels[0].branch = [common] * len(clusters)
    return [Level([inputs[0][:common]], [0], [0], [0]), *levels]


def _trunk(inputs, cluster, offset: int) -> list[int]:
    """The longest path that more than one row of the cluster follows, from `offset`."""
    best, total = [], -1
    for row in cluster:
        shared = [
            common_length(inputs[row][offset:], inputs[other][offset:])
            for other in cluster
            if other != row
        ]
        if sum(shared) > total:
            best, total = inputs[row][offset : offset + max(shared, default=0)], sum(shared)
    return best


def _clusters(inputs) -> list[list[int]]:
    """Groups of rows that share clearly more with each other than all rows do, as the turns of one
    conversation."""
    order = sorted(range(len(inputs)), key=lambda row: inputs[row])
    shared = [common_length(inputs[a], inputs[b]) for a, b in pairwise(order)]
    base = min(shared, default=0)
    clusters = [[order[0]]]
    for row, common in zip(order[1:], shared, strict=True):
        if common >= base + SHORTEST_SHARED // 2:
            clusters[-1].append(row)
        else:
            clusters.append([row])
    return clusters


def _common_of_all(inputs) -> int:
    return min(common_length(inputs[0], other) for other in inputs[1:])


def as_arrays(rows: Sequence[Row], levels: list[Level], pad: int = 0) -> dict:
    """The batch as mlx arrays, everything that the model and the loss need.

    tokens_0 [n, width]; for each further level l tokens_l, parent_l, branch_l, start_l [n]; and for
    every supervised token: predictors (the index of the hidden state that predicts it, counted
    through all levels row by row), targets, weights (0 for padding) and row [supervised, rounded
    up].
    """
    batch, offsets, total = {}, [], 0
    for index, level in enumerate(levels):
        tokens = np.full((len(level.sequences), level.width), pad, dtype=np.int32)
        for i, sequence in enumerate(level.sequences):
            tokens[i, : len(sequence)] = sequence
        batch[f"tokens_{index}"] = mx.array(tokens)
        if index:
            for name in ("parent", "branch", "start"):
                batch[f"{name}_{index}"] = mx.array(np.array(getattr(level, name), np.int32))
        offsets.append(total)
        total += level.padded
    predictors, targets, weights, owners = [], [], [], []
    for i, row in enumerate(rows):
        for position in range(max(row.supervised_from, 1), len(row.tokens)):
            predictors.append(_flat_index(levels, offsets, i, position - 1))
            targets.append(row.tokens[position])
            weights.append(row.weight)
            owners.append(i)
    missing = round_up(len(targets), parts=8) - len(targets)
    batch["predictors"] = mx.array(np.array(predictors + [0] * missing, np.int32))
    batch["targets"] = mx.array(np.array(targets + [0] * missing, np.int32))
    batch["weights"] = mx.array(np.array(weights + [0.0] * missing, np.float32))
    batch["row"] = mx.array(np.array(owners + [0] * missing, np.int32))
    return batch


def _flat_index(levels: list[Level], offsets: list[int], row: int, position: int) -> int:
    """Where token `position` of a row is computed: in its own sequence, or in one that it branched off from."""
    level = len(levels) - 1
    while position < levels[level].start[row]:
        row, level = levels[level].parent[row], level - 1
    here = levels[level]
    return offsets[level] + row * here.width + position - here.start[row]
