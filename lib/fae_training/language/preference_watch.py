"""The ways in which preference training goes wrong without the loss showing it, and when each ends a run."""

from __future__ import annotations

from dataclasses import dataclass, field

# The loss only asks for a distance between two answers; it is also content when both become unlikely. Below
# this change the chosen answers' tokens are half as likely as they were (ln 2 nats): the model unlearns them.
CHOSEN_MAY_FALL = 0.69
# From here on a fall is said in the report.
CHOSEN_FALL_WORTH_SAYING = 0.1
# A mean margin of 1 means e times the odds; with fewer pairs right than this, a few pairs make the mean.
LARGE_MARGIN = 1.0
FEWEST_RIGHT = 0.6
# A preference run may cost this share of the loss on conversations; more is forgetting how to talk.
CONVERSATION_TOLERANCE = 0.02
ABOVE_ANY_LOSS = 1000.0
# Answers may become as short, or as long, as what was chosen and what was said before; so far beyond is drift.
LENGTH_FACTOR = 2.0


@dataclass
class Watch:
    """Looks at every validation: values val_margin, val_accuracy and, where there are such, val_chosen_change,
    val_answer_tokens and val_conversation_loss. The three numbers are those of the start and of the accepted
    answers, None where nothing is held out: mean tokens of the reference's own answers and of the accepted
    ones, and the loss on conversations (nats a token)."""

    start_tokens: float | None = None
    chosen_tokens: float | None = None
    start_conversation_loss: float | None = None
    stopped_by: str | None = None
    said: dict[str, str] = field(default_factory=dict)

    def look(self, values: dict) -> bool:
        """Whether the run has to end; `notes` then says why."""
        problems = (
            self._chosen(values)
            + self._margin(values)
            + self._length(values)
            + self._conversations(values)
        )
        for name, sentence, ends in problems:
            self.said[name] = sentence
            if ends and not self.stopped_by:
                self.stopped_by = name
        return self.stopped_by is not None

    def conversation_rise(self, values: dict) -> float:
        """How much the loss on conversations has risen, as a share; 0 where none is measured."""
        loss = values.get("val_conversation_loss")
        if loss is None or not self.start_conversation_loss:
            return 0.0
        return loss / self.start_conversation_loss - 1

    def judged_loss(self, values: dict) -> float:
        """What the best checkpoint is chosen by: the held-out preference loss, unless conversations suffer.

        A checkpoint that forgets how to talk is worse than any that does not, the worse the more it forgot.
        """
        rise = self.conversation_rise(values)
        return values["val_loss"] if rise <= CONVERSATION_TOLERANCE else ABOVE_ANY_LOSS + rise

    @property
    def notes(self) -> list[str]:
        return [
            sentence + ("; the run was ended there" if name == self.stopped_by else "")
            for name, sentence in self.said.items()
        ]

    def _chosen(self, values: dict) -> list[tuple[str, str, bool]]:
        change = values.get("val_chosen_change", 0.0)
        if change >= -CHOSEN_FALL_WORTH_SAYING:
            self.said.pop("chosen_falls", None)
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
            f"(expected {FEWEST_RIGHT:.0%}): a few corrections make the mean"
        )
        return [("margin_without_accuracy", sentence, True)]

    def _length(self, values: dict) -> list[tuple[str, str, bool]]:
        tokens = values.get("val_answer_tokens")
        if tokens is None or self.start_tokens is None or self.chosen_tokens is None:
            return []
        low = min(self.start_tokens, self.chosen_tokens) / LENGTH_FACTOR
        high = max(self.start_tokens, self.chosen_tokens) * LENGTH_FACTOR
        if low <= tokens <= high:
            return []
        what = "shrank" if tokens < low else "grew"
        sentence = (
            f"answers {what} to {tokens:.0f} tokens on average (before {self.start_tokens:.0f}, "
            f"accepted ones {self.chosen_tokens:.0f}, allowed {low:.0f} to {high:.0f})"
        )
        return [(f"length_{what}", sentence, True)]

    def _conversations(self, values: dict) -> list[tuple[str, str, bool]]:
        rise = self.conversation_rise(values)
        if rise <= CONVERSATION_TOLERANCE:
            return []
        sentence = (
            f"the loss on your conversations rose by {rise:.1%} (allowed {CONVERSATION_TOLERANCE:.0%}): "
            "it began to forget how to talk"
        )
        return [("conversations_forgotten", sentence, True)]
