"""Rehearsal: training rows whose targets are the base model's own answers, so that training
preserves its behaviour there.

Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal" (1995), with prompts written by
people in place of random ones. The answers are generated once for each model, before its first
training, and kept in cache/.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from fae_training.capabilities import answering, prompts, suite
from fae_training.capabilities.answering import Prompted
from fae_training.capabilities.checks import has_thinking_marks
from fae_training.capabilities.task import Item
from fae_training.fitting.spikes import REHEARSAL
from fae_training.language.batches import ALL, Batches
from fae_training.language.rows import TokenRow
from fae_training.lifecycle.runs import Run
from fae_training.store.state import read_json, write_json


@dataclass(frozen=True)
class Rehearsal:
    """The rows, one for each prompt that was answered. left_out: number of prompts by the reason
    for leaving them out.

    share: the fraction of micro-batches made of these rows; 0 where there are none. available: the
    number of prompts.
    """

    share: float
    rows: list[TokenRow]
    left_out: dict[str, int]
    available: int

    def receipt(self) -> dict:
        return {
            "share": self.share,
            "prompts": len(self.rows),
            "left_out": self.left_out,
            "available": self.available,
        }

    def sentence(self) -> str | None:
        """For a person; None where no rehearsal was requested."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        if not self.rows:
            return (
                reasons and f"nothing was rehearsed, because every prompt was left out: {reasons}"
            )
        text = (
            f"{self.share:.0%} of the training rehearsed the model's own earlier answers to {len(self.rows)} prompts (tools, "
            "formats and the like), so that it does not forget them"
        )
        return f"{text}; left out: {reasons}" if reasons else text


# So many answers are written to disk together: as many as a killed process loses.
KEPT_TOGETHER = 8
NOTHING = Rehearsal(0.0, [], {}, 0)


class MixedBatches:
    """A run's own batches with evenly interspersed micro-batches of rehearsal rows; see Batches."""

    def __init__(self, own: Batches[TokenRow], rehearsal: Rehearsal, seed: int):
        self.own, self.share = own, rehearsal.share
        self.rehearsed = (
            Batches(rehearsal.rows, own.batch_size, seed, own.share_prefix, own.by_length)
            if rehearsal.rows
            else own
        )
        self.rows, self.batch_size = own.rows, own.batch_size

    @property
    def batches_per_epoch(self) -> int:
        """The number of batches in which each of the run's own rows occurs once."""
        return math.ceil(self.own.batches_per_epoch / (1 - self.share))

    def rows_in(self, index: int) -> int:
        batches, index = self._place(index)
        return batches.rows_in(index)

    def batch_at(self, index: int, part: slice = ALL) -> dict:
        batches, index = self._place(index)
        return batches.batch_at(index, part)

    def tokens(self, index: int) -> tuple[int, int]:
        batches, index = self._place(index)
        return batches.tokens(index)

    def names(self, index: int) -> list[str]:
        """As Batches.names, with REHEARSAL for rehearsal rows."""
        batches, within = self._place(index)
        return [name or REHEARSAL for name in batches.names(within)]

    def computed_tokens(self, index: int) -> int:
        batches, index = self._place(index)
        return batches.computed_tokens(index)

    def _place(self, index: int) -> tuple[Batches[TokenRow], int]:
        """Which of the two streams micro-batch number `index` comes from, and its number there."""
        before = rehearsed_before(index, self.share)
        if rehearsed_before(index + 1, self.share) > before:
            return self.rehearsed, before
        return self.own, index - before


def rehearsed_before(index: int, share: float) -> int:
    """The number of rehearsal micro-batches among 0 to index - 1."""
    return math.floor(index * share)


def rehearse(run: Run, model, tokenizer, session) -> Rehearsal:
    """The rows that a run rehearses, as a session's stage: answered by `model` in its present
    state, which must be the base.

    No more prompts are answered than the run has rows.
    """
    settings = run.settings
    share = settings.get(
        "rehearsal", 0.0
    )  # a run that an earlier version started has no such setting
    micro_batches = settings["steps"] * settings["gradient_accumulation"]
    needed = rehearsed_before(micro_batches, share) * settings["batch_size"]
    if not needed:
        return NOTHING
    found = prompts.load(run.home, suite.chosen(run.home, settings["suite"]))
    items = list(islice(found.items, needed))
    sent = answering.prompted(tokenizer, items)
    left_out: Counter[str] = Counter()
    answerable = []
    for item, prompt in zip(items, sent, strict=True):
        if not prompt.tokens:
            left_out["that the model's template cannot write"] += 1
        elif len(prompt.tokens) + item.max_tokens > settings["max_length"]:
            left_out["longer than a row"] += 1
        else:
            answerable.append((item, prompt))
    rows = []
    for (item, prompt), answer in zip(
        answerable, _answers(run, model, tokenizer, answerable, session), strict=True
    ):
        if why := broken(item, tokenizer.decode(answer), len(answer)):
            left_out[why] += 1
        else:
            tokens = [*prompt.tokens, *answer, tokenizer.eos_token_id]
            rows.append(TokenRow(tokens, len(prompt.tokens)))
    if found.judged:
        left_out["nearly the same as an item of the benchmark"] += len(found.judged)
    return Rehearsal(share if rows else 0.0, rows, dict(left_out), len(found.items))


def broken(item: Item, text: str, tokens: int) -> str | None:
    """The reason why an answer with these tokens is unfit for rehearsal."""
    if tokens >= item.max_tokens:
        return "without a complete answer"
    if not text.strip():
        return "with an empty answer"
    return "with thinking in the answer" if has_thinking_marks(text) else None


def _answers(
    run: Run, model, tokenizer, asked: Sequence[tuple[Item, Prompted]], session
) -> list[list[int]]:
    """The answers' tokens without the end token, kept for each model by what it was sent."""
    path = run.home.directory("cache") / f"rehearsal-{run.record['model_fingerprint']}.json"
    kept = (read_json(path) or {}).get("answers", {})
    keys = [_key(item, prompt) for item, prompt in asked]
    missing = [each for each, key in zip(asked, keys, strict=True) if key not in kept]
    if missing:
        items, sent = (list(part) for part in zip(*missing, strict=True))
        session.progressed(0, len(items))
        model.eval()
        new: dict[str, list[int]] = {}
        try:
            for number, answer in answering.finished(
                model, tokenizer, items, sent, lambda: session.advance(len(new))
            ):
                new[_key(*missing[number])] = answer
                if len(new) % KEPT_TOGETHER == 0:
                    write_json(path, {"answers": kept | new})
        finally:
            kept |= new
            write_json(path, {"answers": kept})
    return [kept[key] for key in keys]


def _key(item: Item, prompt: Prompted) -> str:
    """The prompt's tokens reflect its text, its tools and the template."""
    text = f"{prompt.tokens} {item.max_tokens}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]
