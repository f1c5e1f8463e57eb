"""What a training asks of the machines that share its steps, and the answer where it has none. Standard library only."""

from typing import Any

from fae_training.errors import Failed


class Lost(Failed):
    """Another machine is gone, or the connection to it."""


class Alone:
    """A training in this process only: every step is computed here. ranks.Machines shares it with others.

    step: a fit_step.FitStep; sums: a fit_step.Sums; settings: those of the run, or in begin() its FitSettings.
    """

    def load(self, settings: dict, fast) -> None:
        """Let the others load the model, with the fast parts that are on here; begin() waits for it."""

    def begin(self, step, settings) -> None:
        """Connect with the others and give them the parameters and the optimizer's state as they are here."""

    def add_up(self, step, batches, first: int, micro_batches: int):
        """The sums over the rows of a step, which begins with micro-batch number `first`; the gradient is that of the rows
        that are computed here.
        """
        own = ((micro, batches.batch_at(first + micro)) for micro in range(micro_batches))
        return step.add_up(own, micro_batches)

    def total(self, step, sums, learning_rate: float) -> Any:
        """The gradient over all rows of a step; the others make the update, too. Raises Lost."""
        return sums.gradient

    def close(self) -> None:
        """Let the others end; without them this process goes on alone."""


ALONE = Alone()
