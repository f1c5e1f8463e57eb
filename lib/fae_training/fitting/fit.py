"""The training loop, the same for the language model, the speech recogniser and the audio classifiers.

One step is one optimizer update from `gradient_accumulation` micro-batches. A checkpoint holds everything that
determines the next step (parameters, optimizer state, random state, position in the data), so a run that died resumes
to the same result.
"""

import math
import time
from collections.abc import Callable
from typing import Protocol

import mlx.core as mx
import mlx.optimizers as optim

from fae_training.calls.errors import Cancelled, Failed
from fae_training.distributed.alone import ALONE, Alone, Lost
from fae_training.fitting.arrays import flattened, number
from fae_training.fitting.fit_progress import FitProgress
from fae_training.fitting.fit_settings import FitResult, FitSettings
from fae_training.fitting.fit_step import FitStep
from fae_training.fitting.step_profile import StepProfile


class Batches(Protocol):
    """Training data as a pure function of a counter, which makes resuming exact.

    For training on several machines (ranks.py) there are also rows_in(index), the number of its rows, and
    batch_at(index, part), for some of the rows.
    """

    def batch_at(self, index: int) -> dict:
        """Micro-batch number `index` of an endless seeded stream: names -> mlx arrays."""

    def tokens(self, index: int) -> tuple[int, int]:
        """(real, supervised) tokens of that micro-batch, without padding."""


def learning_rate_at(step: int, settings: FitSettings) -> float:
    """The learning rate of update number `step` (from 1): linear warm-up, then cosine to 0 or constant.

    The warm-up starts at 1/warmup_steps of the rate: from 0, the first update would do nothing.
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
    machines: Alone = ALONE,
) -> FitResult:
    """Train the unfrozen parameters of `model`.

    loss(model, batch) -> (loss_sum, weight_sum, {name: scalar}): sums over the micro-batch. The gradient of a step is
    that of (sum of loss_sum) / (sum of weight_sum) over its micro-batches, so accumulation is equivalent to a larger
    batch; the named scalars are averaged and reported in the same way.
    validate(step) -> {best_metric: float, ...}; None without validation data: then the last step counts as the best.
    machines: share the work of each step; the result is the same up to rounding.
    Raises Failed on a NaN or infinite loss, before anything is published; Cancelled if stopped before the first step, when
    there is nothing to save; and Lost if another machine is lost, after saving a checkpoint.
    """
    mx.random.seed(settings.seed)
    optimizer = optim.AdamW(
        learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
    )
    optimizer.init(model.trainable_parameters())
    progress, profile = FitProgress(settings, run, session), StepProfile(settings.profile)
    step = progress.resume(model, optimizer)
    one_step = FitStep(
        model, optimizer, loss, settings.max_gradient_norm, settings.compiled, profile
    )
    micro_batches = settings.gradient_accumulation
    machines.begin(one_step, settings)

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
                f"step {step}: {values}; no adapter was saved",
                "train again with a lower --learning-rate",
            )
        return values

    def take_step(step: int) -> None:
        began, first = time.monotonic(), (step - 1) * micro_batches
        sums = machines.add_up(one_step, batches, first, micro_batches)
        for micro in range(micro_batches):
            progress.count(batches.tokens(first + micro))
        sums.require_finite(step)
        extras = {name: value * sums.scale for name, value in sums.extras.items()}
        rate = learning_rate_at(step, settings)
        gradient = machines.total(one_step, sums, rate)
        extras |= one_step.update(gradient, sums.scale, rate)
        progress.took("step", time.monotonic() - began)
        profile.steps += 1
        with profile.part("saving"):
            rate = number(optimizer.learning_rate)
            of_micro = [
                loss / max(weight, 1e-12)
                for loss, weight in zip(sums.losses, sums.weights, strict=True)
            ]
            progress.stepped(step, sum(sums.losses) * sums.scale, rate, extras, of_micro)

    model.train()
    session.status("training")
    # Make up for a validation that was skipped when the run was cancelled.
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
                # The state of stop_when is not in a checkpoint: a run resumed from its end calls it again.
                again = ended and validate is not None and settings.stop_when is not None
                with profile.part("saving"):
                    progress.save(step, model, optimizer, pending or again)
            if ended:
                break
            if session.should_stop():
                stopped = "cancelled"
                break
            step += 1
            try:
                take_step(step)
            except Lost:
                # The parameters are still those of the previous step.
                if step - 1 > progress.saved_step:
                    progress.save(step - 1, model, optimizer, False)
                raise
            session.progressed(step)
            due = step % settings.validate_every == 0 and step >= settings.validate_from
            pending = validate is not None and (due or step == settings.steps)
    if stopped == "cancelled":
        if step == 0:
            raise Cancelled()
        progress.save(step, model, optimizer, pending)
    machines.close()
    return progress.result(step, stopped, model, optimizer, profile.as_dict())
