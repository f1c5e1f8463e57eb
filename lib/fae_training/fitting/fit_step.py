"""One optimizer update: summing over its micro-batches, and applying the sum."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_map

from fae_training.calls.errors import Failed
from fae_training.fitting.arrays import number
from fae_training.fitting.step_profile import StepProfile


@dataclass
class Sums:
    """Sums over the rows of a step, or over one machine's share of them. losses and weights: one per micro-batch.

    gradient: of the sum of the losses, in the shape of the trainable parameters; None without rows.
    """

    losses: list[float]
    weights: list[float]
    extras: dict[str, float] = field(default_factory=dict)
    gradient: Any = None

    @classmethod
    def zero(cls, micro_batches: int) -> "Sums":
        return cls([0.0] * micro_batches, [0.0] * micro_batches)

    def add(self, losses: list[float], weights: list[float], extras: dict[str, float]) -> None:
        """Add everything but the gradient."""
        self.losses = [a + b for a, b in zip(self.losses, losses, strict=True)]
        self.weights = [a + b for a, b in zip(self.weights, weights, strict=True)]
        names = {**self.extras, **extras}
        self.extras = {n: self.extras.get(n, 0.0) + extras.get(n, 0.0) for n in names}

    @property
    def scale(self) -> float:
        """The factor from sums to means. It must not be infinite for a step without supervised tokens, whose gradient is zero."""
        return 1 / max(sum(self.weights), 1e-12)

    def require_finite(self, step: int) -> None:
        """Raises Failed on a loss that is NaN or infinite."""
        if not math.isfinite(total := sum(self.losses)):
            raise Failed(
                "not_finite",
                f"step {step}: the loss is {total}; no adapter was saved",
                "train again with a lower --learning-rate",
            )


class FitStep:
    """The two halves of a step, for one model and optimizer. The arguments are those of fit.fit."""

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
        """The sums over `batches`: pairs of the micro-batch's number within the step, from 0, and its rows, or some of them."""
        sums, profile = Sums.zero(micro_batches), self.profile
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
        """The gradient of a machine that has no rows in a step."""
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
