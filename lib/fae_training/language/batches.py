"""Training rows as an endless, seeded stream of batches: every row is used, any batch can be
computed directly, and reruns match."""

import functools
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Generic, TypeVar

from fae_training.language.layout import as_arrays, lay_out
from fae_training.language.rows import Row, common_length

# Rows that share at least this many tokens form a family: they have the same system prompt.
FAMILY = 64
# Rows that share this much beyond the family's common part are turns of one conversation: a
# one-word question and the end of its turn are six tokens. Different conversations that start alike
# are grouped too, which does no harm.
CONVERSATION = 6
# The rows requested of a batch, where another machine does not compute some of them.
ALL = slice(None)


AnyRow = TypeVar("AnyRow", bound=Row)


class Batches(Generic[AnyRow]):
    """`batch_at(index)` is a pure function of the rows, the settings and the seed, so a run resumes exactly.

    Every epoch contains each row once, in ceil(rows / batch_size) batches; the last one holds the
    remainder and may be smaller. With share_prefix the turns of a conversation stay together; with
    by_length batches consist of rows of similar length. The grouping of rows and the order of
    batches change from epoch to epoch.
    """

    def __init__(
        self,
        rows: list[AnyRow],
        batch_size: int,
        seed: int,
        share_prefix: bool = True,
        by_length: bool = True,
    ):
        if not rows:
            raise ValueError("no rows to make batches of")
        self.rows, self.batch_size, self.seed = rows, min(batch_size, len(rows)), seed
        self.share_prefix, self.by_length = share_prefix, by_length
        self.groups = conversations(rows) if share_prefix else [[i] for i in range(len(rows))]

    @property
    def batches_per_epoch(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def rows_at(self, index: int) -> list[AnyRow]:
        return [self.rows[i] for i in self.indices_at(index)]

    def indices_at(self, index: int) -> list[int]:
        """The indices into `rows` of batch number `index`."""
        epoch, within = divmod(index, self.batches_per_epoch)
        return self._epoch(epoch)[within]

    def rows_in(self, index: int) -> int:
        return len(self.indices_at(index))

    def batch_at(self, index: int, part: slice = ALL) -> dict:
        return collate(self.rows_at(index)[part], self.share_prefix)

    def names(self, index: int) -> list[str]:
        """The source of each row of batch number `index`: a conversation or a recording."""
        return [row.source for row in self.rows_at(index)]

    def computed_tokens(self, index: int) -> int:
        """The tokens of a batch that go through the layers: shared ones once, padding included."""
        return sum(level.padded for level in lay_out(self.rows_at(index), self.share_prefix))

    def tokens(self, index: int) -> tuple[int, int]:
        """(real, supervised) tokens of a batch as its rows hold them: shared tokens count once for each row."""
        return count_tokens(self.rows_at(index))

    @functools.lru_cache(maxsize=4)  # noqa: B019  (an instance lives as long as its run)
    def _epoch(self, epoch: int) -> list[list[int]]:
        # A string seed gives the same sequence in every process, a tuple would not.
        chooser = random.Random(f"{self.seed}/{epoch}")
        groups = list(self.groups)
        chooser.shuffle(groups)
        if self.by_length:
            groups.sort(key=lambda group: max(len(self.rows[i].tokens) for i in group) // 32)
        order = [i for group in groups for i in group]
        size = self.batch_size
        batches = [order[i : i + size] for i in range(0, len(order), size)]
        chooser.shuffle(batches)
        return batches


def collate(rows: Sequence[Row], share_prefix: bool = True) -> dict:
    """The mlx arrays of one batch (see layout.as_arrays); row i of `rows` is row i of the result."""
    return as_arrays(rows, lay_out(rows, share_prefix))


def count_tokens(rows: Sequence[Row]) -> tuple[int, int]:
    """(real, supervised) tokens of these rows."""
    return (
        sum(len(row.tokens) for row in rows),
        sum(len(row.tokens) - max(row.supervised_from, 1) for row in rows),
    )


def conversations(rows: Sequence[Row]) -> list[list[int]]:
    """Groups of rows that share a history, found from the tokens alone."""
    order = sorted(range(len(rows)), key=lambda i: rows[i].tokens)
    shared = [common_length(rows[a].tokens, rows[b].tokens) for a, b in pairwise(order)]
    groups, start = [], 0
    for end in range(1, len(order) + 1):
        if end == len(order) or shared[end - 1] < FAMILY:
            groups += _split_family(order[start:end], shared[start : end - 1])
            start = end
    return groups


def _split_family(order: list[int], shared: list[int]) -> list[list[int]]:
    """Split where neighbours share little more than the whole family does."""
    base = min(shared, default=0)
    groups = [[order[0]]]
    for row, common in zip(order[1:], shared, strict=True):
        if common >= base + CONVERSATION:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups
