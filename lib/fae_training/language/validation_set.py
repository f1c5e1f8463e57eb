"""Chooses and batches the held-out answers to measure: enough to judge by, few enough to leave the
time for training.

The time of a measurement is known beforehand from the tokens that it computes. So the choice
depends on the data, the settings and a stable hash alone, never on the clock, and a run that is
repeated or resumed chooses the same answers.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fae_training.language.batches import conversations
from fae_training.language.rows import TokenRow, common_length

# What all validations together, and the scoring of one model, may compute, as a share of the tokens
# trained on. A trained token costs at least 2.3 computed ones (forward and backward; the least was
# measured with SmolLM2). With up to three models scored (candidate, current, base), and the base
# once more with a line in its directive, measuring takes at most (0.15 + 4 x 0.15) / 2.3 = a third
# of the training's time: a quarter of both. The capability suite, whose time does not depend on the
# training's, comes on top.
VALIDATING_SHARE = 0.15
SCORING_SHARE = 0.15
# Fewer answers are not informative; with a short training they may take longer than their share.
FEWEST_VALIDATED, FEWEST_SCORED = 4, 12
# A measurement that computes no more than this is too cheap to be reduced.
CHEAP_TOKENS = 1024
# Where this share of all answers fits, all are measured.
NEARLY_ALL = 0.9
# More tokens at a time are no faster, and a cancelled run ends after its batch.
LARGEST_BATCH = 4096
# Rows that share a prefix compute it once per batch; the share of tokens that this saves.
SHARED_IN_A_BATCH = 7 / 8


@dataclass(frozen=True)
class ValidationPlan:
    """The budget of measurements: a validation every `validate_every` steps, the tokens of one validation
    and of one model's scoring, and the number of tokens computed at a time."""

    validate_every: int
    validating_tokens: int
    scoring_tokens: int
    batch_tokens: int

    @property
    def scoring_in_validations(self) -> float:
        """The time of scoring two models, as a number of validations."""
        return 2 * self.scoring_tokens / max(self.validating_tokens, 1)


def plan_validation(
    batches,
    steps: int,
    gradient_accumulation: int,
    most_validations: int,
    fewest_tokens: int,
    batch_tokens: int,
) -> ValidationPlan:
    """The plan that a training with this many steps on these batches leaves room for.

    batches: has batches_per_epoch and computed_tokens(index). fewest_tokens: computed by a
    validation of FEWEST_VALIDATED items; where it is not cheap there are fewer validations, at
    least one at the end. batch_tokens: of the largest micro-batch that is trained on, for which
    memory was planned: without gradients the same number of tokens needs less.
    """
    sampled = min(16, batches.batches_per_epoch)
    mean = sum(batches.computed_tokens(index) for index in range(sampled)) / sampled
    trained = mean * steps * gradient_accumulation
    validations = most_validations
    if fewest_tokens > CHEAP_TOKENS:
        # One more is made before the first step.
        affordable = round(VALIDATING_SHARE * trained / fewest_tokens) - 1
        validations = min(max(affordable, 1), most_validations)
    return ValidationPlan(
        validate_every=max(1, steps // validations),
        validating_tokens=max(round(VALIDATING_SHARE * trained / (validations + 1)), CHEAP_TOKENS),
        scoring_tokens=max(round(SCORING_SHARE * trained), CHEAP_TOKENS),
        batch_tokens=min(batch_tokens, LARGEST_BATCH),
    )


def tokens_of(rows: Sequence[TokenRow]) -> int:
    return sum(len(row.tokens) for row in rows)


def choose(rows: Sequence[TokenRow], tokens: int, fewest: int) -> list[TokenRow]:
    """Some of `rows`, in their order: one from every conversation before a second from any, about
    `tokens` computed tokens.

    At least `fewest`. A hash of the conversation decides, so adding data changes only the last ones
    chosen.
    """
    by_conversation: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        by_conversation.setdefault(row.conversation or str(index), []).append(index)
    queues = [
        sorted(indices, key=lambda i: _hash(f"{name} {indices.index(i)}"))
        for name, indices in sorted(by_conversation.items(), key=lambda item: _hash(item[0]))
    ]
    chosen: list[int] = []
    spent = 0.0
    last: TokenRow | None = None
    for turn in range(max((len(queue) for queue in queues), default=0)):
        for queue in queues:
            if turn >= len(queue):
                continue
            row = rows[queue[turn]]
            known = [common_length(rows[i].tokens, row.tokens) for i in queue[:turn]]
            shared = SHARED_IN_A_BATCH * common_length(last.tokens, row.tokens) if last else 0.0
            cost = len(row.tokens) - max([shared, *known])
            if spent + cost > tokens and len(chosen) >= fewest:
                nearly_all = len(chosen) >= NEARLY_ALL * len(rows)
                return list(rows) if nearly_all else [rows[i] for i in sorted(chosen)]
            chosen.append(queue[turn])
            spent += cost
            last = row
    return list(rows)


def in_batches(rows: Sequence[TokenRow], tokens: int) -> Iterator[list[int]]:
    """The rows as batches of indices, each of about `tokens` computed tokens and at least one row.

    Rows of one conversation are in one batch, where they share its history; conversations of
    similar length are together.
    """
    groups = conversations(rows)
    groups.sort(key=lambda group: max(len(rows[i].tokens) for i in group))
    batch: list[int] = []
    computed = 0
    for index in (i for group in groups for i in group):
        known = max((common_length(rows[i].tokens, rows[index].tokens) for i in batch), default=0)
        cost = len(rows[index].tokens) - known
        if batch and computed + cost > tokens:
            yield batch
            batch, cost, computed = [], len(rows[index].tokens), 0
        batch.append(index)
        computed += cost
    if batch:
        yield batch


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
