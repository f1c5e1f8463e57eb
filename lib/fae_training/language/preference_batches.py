"""Preference pairs as token rows and batches: both answers of a pair follow exactly the same prompt."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import mlx.core as mx

from fae_training.calls.counting import counted
from fae_training.language import rows as token_rows
from fae_training.language.batches import ALL, Batches, collate, count_tokens
from fae_training.language.chat_encoder import CannotEncode, ChatEncoder
from fae_training.language.fast_settings import FastSettings
from fae_training.language.preference_loss import (
    Objective,
    PairScores,
    log_ratio_margin,
    pair_losses,
)
from fae_training.language.rows import TokenRow, encode_answer
from fae_training.language.supervised_loss import row_log_probabilities
from fae_training.rows.row_forms import PreferencePair
from fae_training.rows.training_rows import Problem, RowsRead


@dataclass(frozen=True)
class Pair:
    """One correction as tokens. `key` identifies its tokens; the rows' own weights are 1, `weight`
    is the pair's.

    `conversation` is the id of its conversation, `part` the use of a held-out pair (parts.py).
    """

    chosen: TokenRow
    rejected: TokenRow
    weight: float
    pattern: str
    key: str
    conversation: str = ""
    part: str = ""

    @property
    def cut_tokens(self) -> int:
        return max(self.chosen.cut_tokens, self.rejected.cut_tokens)

    @property
    def computed_tokens(self) -> int:
        """Tokens of the prompt, which both answers share, and of both answers."""
        return len(self.chosen.tokens) + len(self.rejected.tokens) - self.chosen.supervised_from

    @property
    def whole_tokens(self) -> int:
        return max(self.chosen.whole_tokens, self.rejected.whole_tokens)


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as tokens, in the order of their rows, and the reasons for omitting others, as in
    rows.EncodedFile."""

    file: str
    pairs: list[Pair]
    rows: list[PreferencePair]
    left_out: list[Problem]
    total: int
    remarks: list[str]

    @property
    def usable(self) -> int:
        return len(self.pairs)


def encode_pairs(
    tokenizer,
    read: RowsRead[PreferencePair],
    max_tokens: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> EncodedPairs:
    """The pairs of a file as tokens, without those that the template refuses or whose answers are
    the same tokens.

    A pair longer than max_tokens loses the start of its prompt, as encode_answer cuts it, and both
    answers get the shorter of the two prompts: if they were cut differently, the pair would compare
    prompts. progress(pairs done, total) is called before each and at the end; an exception that it
    raises ends the work.
    """
    encoder, pairs, rows, bad, marked = ChatEncoder(tokenizer), [], [], [], []
    for done, row in enumerate(read.rows):
        progress(done, len(read.rows))
        encoder.found.clear()
        try:
            pairs.append(_encode_pair(encoder, row, max_tokens))
            rows.append(row)
        except CannotEncode as error:
            bad.append(Problem(row.file, row.line, str(error)))
        else:
            marked += token_rows.control_tokens_found(encoder, row)
    progress(len(read.rows), len(read.rows))
    left_out = sorted([*read.left_out, *bad], key=lambda problem: problem.line)
    remarks = [*read.remarks, *token_rows.control_token_remarks(read.file, marked)]
    return EncodedPairs(read.file, pairs, rows, left_out, read.total, remarks)


def _encode_pair(encoder: ChatEncoder, row: PreferencePair, max_tokens: int) -> Pair:
    chosen, rejected = (
        encode_answer(encoder, row.prompt, answer, row.tools, max_tokens)
        for answer in (row.chosen, row.rejected)
    )
    shorter = min(chosen, rejected, key=lambda side: side.supervised_from)
    prompt = shorter.tokens[: shorter.supervised_from]
    chosen, rejected = _after(prompt, chosen), _after(prompt, rejected)
    if chosen.tokens == rejected.tokens:
        cut = f" in the first {counted(max_tokens, 'token')}" if chosen.cut_tokens else ""
        raise CannotEncode(f"the two answers are the same to the model{cut}")
    tokens = f"{prompt} {chosen.tokens} {rejected.tokens}"
    key = hashlib.sha256(tokens.encode()).hexdigest()[:16]
    return Pair(chosen, rejected, row.weight, row.pattern, key, row.group, row.held_out_part)


def _after(prompt: list[int], row: TokenRow) -> TokenRow:
    answer = row.tokens[row.supervised_from :]
    cut = row.cut_tokens + row.supervised_from - len(prompt)
    return replace(row, tokens=prompt + answer, supervised_from=len(prompt), cut_tokens=cut)


class PreferenceBatches:
    """An endless seeded stream of batches of pairs for fit(): a pure function of pairs, settings and seed.

    The pairs of a batch are fixed once, and only the order of the batches changes from epoch to
    epoch. So the reference is measured in the same batches that are trained on; rounding in bf16
    depends on a batch's shape, and this way the loss starts at exactly ln 2 in any precision.
    """

    def __init__(self, pairs: list[Pair], batch_size: int, seed: int, fast: FastSettings):
        """`reference` is the result of preference_reference.measure, set before the first batch is made."""
        self.fast, self.seed = fast, seed
        self.reference: Mapping[str, Sequence[float]] | None = None
        longer = [max(p.chosen, p.rejected, key=lambda row: len(row.tokens)) for p in pairs]
        order = Batches(longer, batch_size, seed, fast.shared_prefix, fast.by_length)
        self.batch_size = order.batch_size
        self.epoch = [
            [pairs[i] for i in order.indices_at(index)] for index in range(order.batches_per_epoch)
        ]

    def pairs_at(self, index: int) -> list[Pair]:
        epoch, within = divmod(index, len(self.epoch))
        order = list(range(len(self.epoch)))
        random.Random(f"{self.seed}/{epoch}").shuffle(order)
        return self.epoch[order[within]]

    def rows_in(self, index: int) -> int:
        return len(self.pairs_at(index))

    def batch_at(self, index: int, part: slice = ALL) -> dict:
        return collate_pairs(self.pairs_at(index)[part], self.reference, self.fast)

    def tokens(self, index: int) -> tuple[int, int]:
        return count_tokens([row for p in self.pairs_at(index) for row in (p.chosen, p.rejected)])

    def names(self, index: int) -> list[str]:
        """The conversation that each pair of batch number `index` is from."""
        return [pair.conversation for pair in self.pairs_at(index)]

    @property
    def batches_per_epoch(self) -> int:
        return len(self.epoch)

    def computed_tokens(self, index: int) -> int:
        """Tokens of a batch that go through the layers, about."""
        return sum(pair.computed_tokens for pair in self.pairs_at(index))

    def first(self, count: int) -> list[list[Pair]]:
        """The distinct batches among the first `count`: those whose reference a run reads."""
        return [self.pairs_at(index) for index in range(min(count, len(self.epoch)))]


def collate_pairs(
    pairs: list[Pair], reference: Mapping[str, Sequence[float]] | None, fast: FastSettings
) -> dict:
    """The arrays of one batch: rows 0..n-1 are the chosen answers, n..2n-1 the rejected ones of the same pairs.

    Besides those of layout.as_arrays: pair_weights, chosen_tokens, rejected_tokens and, with a
    reference, reference_chosen and reference_rejected (sums in nats), all fp32 of shape [pairs].
    """
    # The prompt of a pair is computed once for both answers, and a shared system prompt once for all.
    rows = [p.chosen for p in pairs] + [p.rejected for p in pairs]
    batch = collate(rows, fast.shared_prefix)
    batch["pair_weights"] = mx.array([p.weight for p in pairs])
    for side in ("chosen", "rejected"):
        counts = [count_tokens([getattr(p, side)])[1] for p in pairs]
        batch[f"{side}_tokens"] = mx.array(counts, dtype=mx.float32)
    if reference is not None:
        batch["reference_chosen"] = mx.array([reference[p.key][0] for p in pairs])
        batch["reference_rejected"] = mx.array([reference[p.key][1] for p in pairs])
    return batch


def answer_log_probabilities(model, batch: dict, fast: FastSettings):
    """(chosen, rejected): each answer's summed log-probability under `model`, nats, fp32 [pairs], prompt excluded."""
    count = batch["pair_weights"].shape[0]
    sums = row_log_probabilities(model, batch, fast, 2 * count)
    return sums[:count], sums[count:]


def pair_scores(model, batch: dict, fast: FastSettings) -> PairScores:
    """The inputs of the losses for the pairs of a batch; without a reference in the batch its fields are 0."""
    chosen, rejected = answer_log_probabilities(model, batch, fast)
    none = mx.zeros_like(chosen)
    return PairScores(
        chosen,
        rejected,
        batch.get("reference_chosen", none),
        batch.get("reference_rejected", none),
        batch["chosen_tokens"],
        batch["rejected_tokens"],
    )


def loss_function(objective: Objective, fast: FastSettings):
    """The loss for fit(): (weighted sum over the pairs, sum of weights, further values for each report).

    The further values are weighted sums too: `margin`, beta times the log-ratio margin (for orpo,
    without a reference, the difference of log-probability per token); `accuracy`, the share of
    pairs with a margin above 0, ties counting half; `chosen_change`, the change of the chosen
    answers' log-probability per token.
    """

    def loss(model, batch):
        scores, weights = pair_scores(model, batch, fast), batch["pair_weights"]
        margin = reward_margin(objective, scores)
        right = (margin > 0).astype(mx.float32) + 0.5 * (margin == 0).astype(mx.float32)
        shown = {"margin": margin, "accuracy": right}
        if objective.needs_reference:
            shown["chosen_change"] = chosen_change(scores)
        sums = {name: mx.stop_gradient((value * weights).sum()) for name, value in shown.items()}
        return (pair_losses(objective, scores) * weights).sum(), weights.sum(), sums

    return loss


def reward_margin(objective: Objective, scores: PairScores):
    """How much more the policy favours the chosen answers, [pairs]."""
    if not objective.needs_reference:
        return scores.chosen / scores.chosen_tokens - scores.rejected / scores.rejected_tokens
    return objective.beta * log_ratio_margin(scores)


def chosen_change(scores: PairScores):
    """Change of the chosen answers' log-probability against the reference, nats per token, [pairs]."""
    return (scores.chosen - scores.reference_chosen) / scores.chosen_tokens
