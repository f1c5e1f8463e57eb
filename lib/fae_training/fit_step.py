"""One update of the optimizer: what is added up over its micro-batches, and what is done with the sum."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_map

from fae_training.arrays import number
from fae_training.errors import Failed
from fae_training.step_profile import StepProfile


@dataclass
class Sums:
    """Over the rows of a step, or of one machine's share of it. losses and weights: by micro-batch.

    gradient: of the sum of the losses, like the trainable parameters; None where there were no rows.
    """

    losses: list[float]
    weights: list[float]
    extras: dict[str, float] = field(default_factory=dict)
    gradient: Any = None

    @classmethod
    def of_nothing(cls, micro_batches: int) -> "Sums":
        return cls([0.0] * micro_batches, [0.0] * micro_batches)

    def add(self, losses: list[float], weights: list[float], extras: dict[str, float]) -> None:
        """All but a gradient."""
        self.losses = [a + b for a, b in zip(self.losses, losses, strict=True)]
        self.weights = [a + b for a, b in zip(self.weights, weights, strict=True)]
        names = {**self.extras, **extras}
        self.extras = {n: self.extras.get(n, 0.0) + extras.get(n, 0.0) for n in names}

    @property
    def scale(self) -> float:
        """Sums times this are means. A step in which nothing is supervised has no gradient; it must not become 0/0."""
        return 1 / max(sum(self.weights), 1e-12)

    def require_finite(self, step: int) -> None:
        """Raises Failed on a loss that is NaN or infinite."""
        if not math.isfinite(total := sum(self.losses)):
            raise Failed(
                "not_finite",
                f"step {step}: the loss is {total}; nothing was published",
                "train again with a lower --learning-rate",
            )


class FitStep:
    """The two halves of a step, for one model and optimizer; loss and the rest are as fit.fit has them."""

    def __init__(
        self,
        model,
        optimizer: optim.Optimizer,
        loss,
        max_gradient_norm: float | None = None,
        compiled: bool | None = None,
        profile: StepProfile | None = None,
    ):
        self.model, self.optimizer, self.max_gradient_norm = model, optimizer, max_gradient_norm
        self.profile = profile or StepProfile(False)
        self._state = [model.state, mx.random.state]
        value_and_gradient = nn.value_and_grad(model, loss)

        def micro_step(batch):
            (loss_sum, weight, extras), gradient = value_and_gradient(model, batch)
            return loss_sum, weight, extras, gradient

        if compiled is None:
            compiled = mx.default_device() == mx.Device(mx.gpu)
        if compiled:
            micro_step = mx.compile(micro_step, inputs=self._state, outputs=self._state)
        self._micro_step = micro_step

    def add_up(self, batches: Iterable[tuple[int, dict]], micro_batches: int) -> Sums:
        """The sums over `batches`, each with the number, from 0, of the micro-batch of the step that it is (a part of)."""
        sums, profile = Sums.of_nothing(micro_batches), self.profile
        batches = iter(batches)
        while True:
            with profile.part("batch"):
                micro, batch = next(batches, (0, None))
            if batch is None:
                return sums
            with profile.part("forward"):
                loss_sum, weight, extras, gradient = self._micro_step(batch)
                if profile.on:
                    mx.eval(loss_sum, weight, extras)
            with profile.part("backward"):
                if sums.gradient is not None:
                    gradient = tree_map(mx.add, sums.gradient, gradient)
                mx.eval(loss_sum, weight, extras, gradient, self._state)
            sums.gradient = gradient
            sums.losses[micro] += number(loss_sum)
            sums.weights[micro] += number(weight)
            for name, value in extras.items():
                sums.extras[name] = sums.extras.get(name, 0.0) + number(value)

    def no_gradient(self) -> Any:
        """Of a machine that has no row of a step."""
        return tree_map(mx.zeros_like, self.model.trainable_parameters())

    def update(self, gradient, scale: float, learning_rate: float) -> dict[str, float]:
        """Update the parameters with `scale` times the gradient; {"gradient_norm"} where it is clipped."""
        with self.profile.part("optimizer"):
            found = {}
            gradient = tree_map(partial(mx.multiply, scale), gradient)
            if self.max_gradient_norm is not None:
                gradient, norm = optim.clip_grad_norm(gradient, self.max_gradient_norm)
                found["gradient_norm"] = number(norm)
            self.optimizer.learning_rate = learning_rate
            self.optimizer.update(self.model, gradient)
            mx.eval(self.model.trainable_parameters(), self.optimizer.state)
        return found
