"""Detects harm by preference training that its own loss does not show, at each validation.

It checks four things: whether the accepted answers become less likely, whether a few corrections
produce the mean margin, the length of the model's own answers, and the loss on the user's
conversations.
"""

import contextlib
import math
from collections.abc import Callable

from fae_training.language import losses, validation_set
from fae_training.language.chat_encoder import CannotEncode
from fae_training.language.fast_settings import FastSettings
from fae_training.language.generation import generate
from fae_training.language.preference_batches import Pair
from fae_training.language.rows import TokenRow, encode_conversation
from fae_training.language.validation_set import CHEAP_TOKENS, ValidationPlan
from fae_training.lifecycle import provenance
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import Session
from fae_training.rows import training_rows

# Pairs whose prompts the model answers at a validation: a few show how long its answers become.
ANSWERED_PROMPTS = 4
# Conversations on which the loss is measured.
CONVERSATIONS = 16
# The loss only asks for a distance between two answers, so it can fall while both become unlikely.
# Below this change the chosen answers' tokens are half as likely as they were (ln 2 nats): the
# model unlearns them.
CHOSEN_MAY_FALL = 0.69
# From here on the report mentions a fall.
CHOSEN_FALL_WORTH_SAYING = 0.1
# A mean margin of 1 means e times the odds; if fewer pairs than this are right, a few pairs produce the mean.
LARGE_MARGIN = 1.0
FEWEST_RIGHT = 0.6
# The largest relative rise of the loss on the user's conversations in a preference run.
CONVERSATION_TOLERANCE = 0.02
ABOVE_ANY_LOSS = 1000.0
# Answers may become as short, or as long, as the accepted and the earlier ones; this factor beyond is drift.
LENGTH_FACTOR = 2.0


class DriftMonitor:
    """Measures drift and decides when it ends a run.

    answer_tokens() -> mean tokens of the model's own answers; conversation_loss(finished) -> nats
    per token on `conversations` rows, where finished(count) is called as in losses.row_losses. None
    where there is nothing to measure them on. accepted_tokens: mean tokens of the accepted answers.
    Answers are generated at every `answers_every`th validation.
    """

    def __init__(
        self,
        answer_tokens: Callable[[], float] | None = None,
        conversation_loss: Callable[[Callable[[int], None]], float] | None = None,
        accepted_tokens: float | None = None,
        conversations: int = 0,
        answers_every: int = 1,
    ):
        self.answer_tokens, self.conversation_loss = answer_tokens, conversation_loss
        self.accepted_tokens, self.conversations = accepted_tokens, conversations
        self.answers_every = answers_every
        self.start: dict[str, float] = {}
        self.stopped_by: str | None = None
        self.noted: dict[str, str] = {}

    @classmethod
    def of(
        cls,
        model,
        tokenizer,
        held_out: list[Pair],
        run: Run,
        fast: FastSettings,
        validation_plan: ValidationPlan,
        session: Session,
    ) -> "DriftMonitor":
        """A monitor for a run, within the tokens that `validation_plan` leaves: a quarter of a validation's
        for each measurement.

        Answers are generated at every validation when there is time, otherwise at every second,
        third and so on.
        """
        quarter = max(validation_plan.validating_tokens // 4, CHEAP_TOKENS)
        asked, rows = answered(held_out), conversation_rows(run, tokenizer, quarter)

        def conversation_loss(finished) -> float:
            found = losses.row_losses(model, rows, fast, validation_plan.batch_tokens, finished)
            return losses.mean_loss(found)

        generated = len(asked) * longest_answer(asked) if asked else 0
        return cls(
            (lambda: answer_tokens(model, tokenizer, asked, session.check)) if asked else None,
            conversation_loss if rows else None,
            mean_chosen_tokens(held_out) if held_out else None,
            len(rows),
            max(1, math.ceil(generated / quarter)),
        )

    def begin(self, finished: Callable[[int], None] = lambda count: None) -> None:
        """Measure the model before its first step, as the baseline of every later measurement."""
        self.start = self.measure(0, finished)

    def measure(
        self, validation: int, finished: Callable[[int], None] = lambda count: None
    ) -> dict[str, float]:
        """{"val_answer_tokens"?, "val_conversation_loss"?} of validation number `validation`, from 0."""
        values = {}
        if self.answer_tokens and validation % self.answers_every == 0:
            values["val_answer_tokens"] = self.answer_tokens()
        if self.conversation_loss:
            values["val_conversation_loss"] = self.conversation_loss(finished)
        return values

    def ends(self, values: dict) -> bool:
        """Whether these values of a validation end the run; `notes` then gives the reason.

        values: those of preference_validation.validation_values, and those of `measure`.
        """
        problems = (
            self._chosen(values)
            + self._margin(values)
            + self._length(values)
            + self._conversations(values)
        )
        for name, sentence, ends in problems:
            self.noted[name] = sentence
            if ends and not self.stopped_by:
                self.stopped_by = name
        return self.stopped_by is not None

    def conversation_rise(self, values: dict) -> float:
        """The relative rise of the loss on conversations; 0 where it is not measured."""
        loss = values.get("val_conversation_loss")
        before = self.start.get("val_conversation_loss")
        return loss / before - 1 if loss is not None and before else 0.0

    def judged_loss(self, values: dict) -> float:
        """The value by which the best checkpoint is chosen: the held-out preference loss, unless
        conversations suffer.

        A checkpoint that got worse at conversations ranks below every one that did not, the lower
        the more it lost.
        """
        rise = self.conversation_rise(values)
        return values["val_loss"] if rise <= CONVERSATION_TOLERANCE else ABOVE_ANY_LOSS + rise

    @property
    def notes(self) -> list[str]:
        return [
            sentence + ("; the run was ended there" if name == self.stopped_by else "")
            for name, sentence in self.noted.items()
        ]

    def _chosen(self, values: dict) -> list[tuple[str, str, bool]]:
        change = values.get("val_chosen_change", 0.0)
        if change >= -CHOSEN_FALL_WORTH_SAYING:
            self.noted.pop("chosen_falls", None)
            return []
        sentence = (
            f"the accepted answers themselves became less likely, by {-change:.2f} nats a token "
            f"(allowed {CHOSEN_MAY_FALL})"
        )
        return [("chosen_falls", sentence, change < -CHOSEN_MAY_FALL)]

    def _margin(self, values: dict) -> list[tuple[str, str, bool]]:
        margin, accuracy = values["val_margin"], values["val_accuracy"]
        if margin < LARGE_MARGIN or accuracy >= FEWEST_RIGHT:
            return []
        sentence = (
            f"the mean margin on held-out corrections is {margin:.2f}, but only {accuracy:.0%} of them are right "
            f"(expected {FEWEST_RIGHT:.0%}): a few corrections produce the mean"
        )
        return [("margin_without_accuracy", sentence, True)]

    def _length(self, values: dict) -> list[tuple[str, str, bool]]:
        tokens, before = values.get("val_answer_tokens"), self.start.get("val_answer_tokens")
        if tokens is None or before is None or self.accepted_tokens is None:
            return []
        low = min(before, self.accepted_tokens) / LENGTH_FACTOR
        high = max(before, self.accepted_tokens) * LENGTH_FACTOR
        if low <= tokens <= high:
            return []
        what = "shrank" if tokens < low else "grew"
        sentence = (
            f"answers {what} to {tokens:.0f} tokens on average (before {before:.0f}, "
            f"accepted ones {self.accepted_tokens:.0f}, allowed {low:.0f} to {high:.0f})"
        )
        return [(f"length_{what}", sentence, True)]

    def _conversations(self, values: dict) -> list[tuple[str, str, bool]]:
        rise = self.conversation_rise(values)
        if rise <= CONVERSATION_TOLERANCE:
            return []
        sentence = (
            f"the loss on your conversations rose by {rise:.1%} (allowed {CONVERSATION_TOLERANCE:.0%}): "
            "the model was getting worse at everything else"
        )
        return [("conversations_forgotten", sentence, True)]


def answered(held_out: list[Pair]) -> list[Pair]:
    """The pairs whose prompts are answered at every validation: always the same few."""
    return sorted(held_out, key=lambda pair: pair.key)[:ANSWERED_PROMPTS]


def longest_answer(pairs: list[Pair]) -> int:
    """An answer that reaches twice the longest known one counts as grown, however long it would become."""
    return 2 * max(_answer_length(side) for pair in pairs for side in (pair.chosen, pair.rejected))


def answer_tokens(model, tokenizer, pairs: list[Pair], check=lambda: None) -> float:
    """Mean length, end token included, of the model's own most likely answers to these pairs' prompts.

    check is called after each token and may raise to end the work.
    """
    limit = longest_answer(pairs)
    model.eval()
    prompts = [pair.chosen.tokens[: pair.chosen.supervised_from] for pair in pairs]
    answers = generate(model, tokenizer, prompts, limit, check)
    return sum(min(len(answer) + 1, limit) for answer in answers) / len(pairs)


def _answer_length(row) -> int:
    return len(row.tokens) - row.supervised_from


def mean_chosen_tokens(pairs: list[Pair]) -> float:
    return sum(_answer_length(pair.chosen) for pair in pairs) / len(pairs)


def conversation_rows(run: Run, tokenizer, tokens: int) -> list[TokenRow]:
    """A few answers of the user's conversations, which show during training whether the model gets
    worse at them.

    They are from the SFT training data: preference training does not read it, and the held-out data
    is for the score. About `tokens` tokens in total.
    """
    read = training_rows.read(provenance.rows_of(run) / "sft" / "train.jsonl", "sft")
    found: list[TokenRow] = []
    for row in read.rows[:CONVERSATIONS]:
        with contextlib.suppress(CannotEncode):
            found += encode_conversation(
                tokenizer,
                row.messages,
                row.tools,
                run.settings["max_length"],
                conversation=row.group,
            )
    return validation_set.choose(found, tokens, validation_set.FEWEST_VALIDATED)
