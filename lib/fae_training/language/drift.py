"""What the preference loss does not see while it falls: the length of the model's own answers, and how it talks otherwise."""

import math

from fae_training.language import preference_scoring, scoring
from fae_training.language.fast_path import FastSettings
from fae_training.language.preference_batches import Pair
from fae_training.language.validation_set import CHEAP_TOKENS, Looks


class Drift:
    """Measures both at each validation, within the tokens that `looks` leaves for them.

    Answers are generated at every validation when there is time, else at every second, third and so on.
    """

    def __init__(
        self, model, tokenizer, held_out: list[Pair], run, fast: FastSettings, looks: Looks, session
    ):
        self.model, self.tokenizer, self.fast = model, tokenizer, fast
        self.looks, self.session = looks, session
        self.watched = preference_scoring.watched(held_out)
        part = max(looks.validating_tokens // 4, CHEAP_TOKENS)
        self.probed = preference_scoring.probed_conversations(run, tokenizer, part)
        self.every = 1
        if self.watched:
            generated = len(self.watched) * preference_scoring.longest_answer(self.watched)
            self.every = max(1, math.ceil(generated / max(part, 1)))
        self.done = 0

    def begin(self, items: int) -> None:
        """A validation of so many items begins, those of `probed` among them."""
        self.done = 0
        self.session.advance(0, items)

    def finished(self, count: int) -> None:
        """`count` more of them are done. Raises Cancelled when somebody asked for the end."""
        self.done += count
        self.session.advance(self.done)

    def measure(self, validation: int) -> dict:
        """{"val_answer_tokens"?, "val_conversation_loss"?} of validation number `validation`, from 0."""
        values = {}
        if self.watched and validation % self.every == 0:
            values["val_answer_tokens"] = preference_scoring.answer_tokens(
                self.model, self.tokenizer, self.watched, self.session.check
            )
        if self.probed:
            losses = scoring.row_losses(
                self.model, self.probed, self.fast, self.looks.batch_tokens, self.finished
            )
            values["val_conversation_loss"] = scoring.mean_loss(losses)
        return values
