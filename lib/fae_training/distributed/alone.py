"""The interface through which a training shares its steps, and its single-process implementation. Standard library only."""

from typing import Any

from fae_training.calls.errors import Failed


class Lost(Failed):
    """Another machine, or the connection to it, was lost."""


class Alone:
    """Single-process training: every step is computed here. ranks.Machines distributes it over several machines.

    step: a fit_step.FitStep; sums: a fit_step.Sums; settings: the run's own, or its FitSettings in begin().
    """

    def load(self, settings: dict, fast) -> None:
        """Have the other machines load the model with the same fast parts as here; begin() waits for them."""

    def begin(self, step, settings) -> None:
        """Connect to the other machines and send them this process's parameters and optimizer state."""

    def add_up(self, step, batches, first: int, micro_batches: int):
        """The sums over the rows of a step, which begins with micro-batch number `first`. The gradient covers only the rows
        computed here.
        """
        own = ((micro, batches.batch_at(first + micro)) for micro in range(micro_batches))
        return step.add_up(own, micro_batches)

    def total(self, step, sums, learning_rate: float) -> Any:
        """The gradient over all rows of a step; the other machines apply the same update. Raises Lost."""
        return sums.gradient

    def close(self) -> None:
        """Shut the other machines down; this process continues alone."""


ALONE = Alone()
