"""The training loop, the same for the language model, the speech recogniser and the audio classifiers.

One step is one update of the optimizer, made from `gradient_accumulation` micro-batches. Everything that decides
what a step does (parameters, optimizer state, random state, position in the data) is in the checkpoint, so a run
that died goes on to the same result as if it had not.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_map

from fae_training.arrays import flattened, number
from fae_training.errors import Cancelled, Failed
from fae_training.fit_progress import FitProgress
from fae_training.fit_settings import FitResult, FitSettings


class Batches(Protocol):
    """Training data as a pure function of a counter, which is what makes resuming exact."""

    def batch_at(self, index: int) -> dict:
        """Micro-batch number `index` of an endless seeded stream: names -> mlx arrays."""

    def tokens(self, index: int) -> tuple[int, int]:
        """(real, supervised) tokens of that micro-batch, padding not counted."""


def learning_rate_at(step: int, settings: FitSettings) -> float:
    """The learning rate of update number `step` (from 1): linear warm-up, then cosine to 0 or constant.

    The warm-up starts at 1/warmup_steps of the rate, not at 0, where the first update would do nothing.
    """
    if step <= settings.warmup_steps:
        return settings.learning_rate * step / settings.warmup_steps
    if settings.schedule == "constant":
        return settings.learning_rate
    done = (step - 1 - settings.warmup_steps) / max(settings.steps - settings.warmup_steps, 1)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def fit(
    model,
    settings: FitSettings,
    loss: Callable,
    batches: Batches,
    validate: Callable | None,
    run,
    session,
) -> FitResult:
    """Train the trainable parameters of `model`; the caller has frozen the rest.

    loss(model, batch) -> (loss_sum, weight_sum, {name: scalar}): sums over the micro-batch. The gradient of a step is
    that of (sum of loss_sum) / (sum of weight_sum) over its micro-batches, so accumulation equals the large batch; the
    named scalars are divided and reported in the same way.
    validate(step) -> {best_metric: float, ...}; None when there is nothing held out: then the last step is the best.
    Raises Failed on a loss that is NaN or infinite, before anything is published, and Cancelled when the run is
    stopped before its first step: there is nothing to keep then.
    """
    mx.random.seed(settings.seed)
    optimizer = optim.AdamW(
        learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
    )
    optimizer.init(model.trainable_parameters())
    progress = FitProgress(settings, run, session)
    step = progress.resume(model, optimizer)
    state = [model.state, mx.random.state]
    value_and_gradient = nn.value_and_grad(model, loss)

    def micro_step(batch):
        (loss_sum, weight, extras), gradient = value_and_gradient(model, batch)
        return loss_sum, weight, extras, gradient

    compiled = settings.compiled
    if compiled is None:
        compiled = mx.default_device() == mx.Device(mx.gpu)
    if compiled:
        micro_step = mx.compile(micro_step, inputs=state, outputs=state)

    def validated(validate: Callable[[int], dict]) -> dict:
        model.eval()
        try:
            with session.stage("validating", left=progress.seconds_left):
                began = time.monotonic()
                values = validate(step)
                progress.took("validation", time.monotonic() - began)
        finally:
            model.train()
        if not all(math.isfinite(value) for value in values.values()):
            raise Failed(
                "not_finite",
                f"step {step}: {values}; nothing was published",
                "train again with a lower --learning-rate",
            )
        return values

    def take_step(step: int) -> None:
        began = time.monotonic()
        total_gradient, total_loss, total_weight, extras = None, 0.0, 0.0, {}
        for micro in range(settings.gradient_accumulation):
            index = (step - 1) * settings.gradient_accumulation + micro
            loss_sum, weight, extra, gradient = micro_step(batches.batch_at(index))
            if total_gradient is not None:
                gradient = tree_map(mx.add, total_gradient, gradient)
            mx.eval(loss_sum, weight, extra, gradient, state)
            total_gradient = gradient
            total_loss += number(loss_sum)
            total_weight += number(weight)
            extras = {name: extras.get(name, 0.0) + number(value) for name, value in extra.items()}
            progress.count(batches.tokens(index))
        if not math.isfinite(total_loss):
            raise Failed(
                "not_finite",
                f"step {step}: the loss is {total_loss}; nothing was published",
                "train again with a lower --learning-rate",
            )
        # A step in which nothing is supervised has no gradient; it must not become 0/0.
        scale = 1 / max(total_weight, 1e-12)
        gradient = tree_map(partial(mx.multiply, scale), total_gradient)
        extras = {name: value * scale for name, value in extras.items()}
        if settings.max_gradient_norm is not None:
            gradient, norm = optim.clip_grad_norm(gradient, settings.max_gradient_norm)
            extras["gradient_norm"] = number(norm)
        optimizer.learning_rate = learning_rate_at(step, settings)
        optimizer.update(model, gradient)
        mx.eval(model.trainable_parameters(), optimizer.state)
        progress.took("step", time.monotonic() - began)
        progress.stepped(step, total_loss * scale, number(optimizer.learning_rate), extras)

    model.train()
    session.status("training")
    # A validation that a cancelled run left out is made up for before the next step.
    pending = validate is not None and progress.validation_pending
    stopped = "completed"
    mx.reset_peak_memory()
    with session.stage("training", settings.steps, left=progress.seconds_left):
        while True:
            if validate is not None and pending:
                try:
                    values = validated(validate)
                except Cancelled:
                    stopped = "cancelled"
                    break
                pending = False
                if step == 0:
                    progress.first(values)
                else:
                    trained = flattened(model.trainable_parameters())
                    progress.validated(step, values, trained)
                    if settings.stop_when and settings.stop_when(values):
                        stopped = "early"
            if progress.out_of_patience():
                stopped = "early"
            ended = step == settings.steps or stopped == "early"
            if step and (step % settings.save_every == 0 or ended) and step > progress.saved_step:
                # What stop_when has seen is not in a checkpoint: a run that goes on from its end shows it again.
                again = ended and validate is not None and settings.stop_when is not None
                progress.save(step, model, optimizer, pending or again)
            if ended:
                break
            if session.should_stop():
                stopped = "cancelled"
                break
            step += 1
            take_step(step)
            session.progressed(step)
            due = step % settings.validate_every == 0 and step >= settings.validate_from
            pending = validate is not None and (due or step == settings.steps)
    if stopped == "cancelled":
        if step == 0:
            raise Cancelled()
        progress.save(step, model, optimizer, pending)
    return progress.result(step, stopped, model, optimizer)
