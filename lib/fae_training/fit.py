"""The training loop, the same for the language model, the speech recogniser and the small ears.

One step is one update of the optimizer, made from `gradient_accumulation` micro-batches. Everything that decides
what a step does (parameters, optimizer state, random state, position in the data) is in the checkpoint, so a run
that died goes on to the same result as if it had not.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from fae_training.arrays import load_arrays, save_arrays
from fae_training.errors import BadRequest, Cancelled, Failed

SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class FitSettings:
    """How to train. `best` says whether the lowest or the highest `best_metric` of a validation is the best.

    validate_from: no validation before this step; while the rate is high a good one is luck, where few are held out.
    patience: end after so many validations without a better one; None: never.
    stop_when: called with the values of each validation; True ends the run early with the best so far.
    scoring: how long the scoring after the training takes, as a number of validations; for the time left.
    max_gradient_norm: the global norm that a gradient is scaled down to; None: never.
    compiled: whether mx.compile fuses the step; None: on a GPU. On a CPU it gains a few percent of a step, after a C++
    compiler has worked for up to minutes on each shape.
    """

    steps: int
    learning_rate: float
    gradient_accumulation: int = 1
    warmup_steps: int = 0
    schedule: str = "cosine"
    weight_decay: float = 0.01
    seed: int = 0
    report_every: int = 10
    validate_every: int = 50
    validate_from: int = 0
    save_every: int = 50
    max_gradient_norm: float | None = None
    best_metric: str = "val_loss"
    best: str = "lowest"
    patience: int | None = None
    stop_when: Callable[[dict], bool] | None = None
    scoring: float = 0.0
    compiled: bool | None = None

    def __post_init__(self):
        if self.schedule not in SCHEDULES:
            raise BadRequest(
                "unknown_schedule",
                f"there is no schedule {self.schedule!r}; expected one of {', '.join(SCHEDULES)}",
                "correct it in config.json",
            )


class Batches(Protocol):
    """Training data as a pure function of a counter, which is what makes resuming exact."""

    def batch_at(self, index: int) -> dict:
        """Micro-batch number `index` of an endless seeded stream: names -> mlx arrays."""

    def tokens(self, index: int) -> tuple[int, int]:
        """(real, supervised) tokens of that micro-batch, padding not counted."""


@dataclass
class FitResult:
    """`stopped` is completed, early (patience, stop_when) or cancelled. `best_parameters` maps names to arrays.

    The tokens a second are those of the steps alone, without validations.
    """

    best_parameters: dict
    best_step: int
    best_value: float | None
    first_value: float | None
    steps_done: int
    stopped: str
    loss: float | None
    tokens_per_s: float
    supervised_tokens_per_s: float
    peak_memory_gb: float
    applied: dict = field(default_factory=dict)


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
    import mlx.core as mx
    import mlx.nn as nn
    import mlx.optimizers as optim
    from mlx.utils import tree_flatten, tree_map

    mx.random.seed(settings.seed)
    optimizer = optim.AdamW(
        learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
    )
    optimizer.init(model.trainable_parameters())
    progress = _Progress(settings, run, session)
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

    def validated() -> dict:
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
            total_loss += loss_sum.item()
            total_weight += weight.item()
            extras = {name: extras.get(name, 0.0) + value.item() for name, value in extra.items()}
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
            extras["gradient_norm"] = norm.item()
        optimizer.learning_rate = learning_rate_at(step, settings)
        optimizer.update(model, gradient)
        mx.eval(model.trainable_parameters(), optimizer.state)
        progress.took("step", time.monotonic() - began)
        progress.stepped(step, total_loss * scale, optimizer.learning_rate.item(), extras)

    model.train()
    session.status("training")
    # A validation that a cancelled run left out is made up for before the next step.
    pending = validate is not None and progress.validation_pending
    stopped = "completed"
    mx.reset_peak_memory()
    with session.stage("training", settings.steps, left=progress.seconds_left):
        while True:
            if pending:
                try:
                    values = validated()
                except Cancelled:
                    stopped = "cancelled"
                    break
                pending = False
                if step == 0:
                    progress.first(values)
                else:
                    trained = dict(tree_flatten(model.trainable_parameters()))
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


class _Progress:
    """The book-keeping of fit: reports, checkpoints, the best so far."""

    def __init__(self, settings: FitSettings, run, session):
        self.settings, self.session = settings, session
        self.directory: Path = run.file("checkpoints")
        self.best_step, self.best_value, self.first_value = 0, None, None
        self.validations_since_best = 0
        self.loss: float | None = None
        self.seconds_before, self.started = 0.0, time.monotonic()
        self.step, self.first_step, self.saved_step = 0, 0, 0
        self.validation_pending = True
        self.tokens, self.supervised, self.step_seconds = 0, 0, 0.0
        self.durations: dict[str, list[float]] = {"step": [], "validation": []}
        self.window: list[tuple[float, dict]] = []

    def resume(self, model, optimizer) -> int:
        """Put back the newest checkpoint; returns its step, 0 where there is none."""
        import mlx.core as mx
        from mlx.utils import tree_unflatten

        path = self.directory / "latest.safetensors"
        if not path.exists():
            return 0
        arrays, kept = load_arrays(path)

        def part(name):
            return [
                (key.removeprefix(name + "/"), value)
                for key, value in arrays.items()
                if key.startswith(name + "/")
            ]

        model.load_weights(part("parameters"), strict=False)
        optimizer.state = tree_unflatten(part("optimizer"))
        high, low = arrays["random"].tolist()
        mx.random.seed((high << 32) | low)  # a key is its seed in two halves
        self.best_step, self.seconds_before = int(kept["best_step"]), float(kept["seconds"])
        self.best_value, self.first_value = (
            _number(kept["best_value"]),
            _number(kept["first_value"]),
        )
        self.validations_since_best = int(kept["validations_since_best"])
        self.loss = _number(kept["loss"])
        self.step = self.first_step = self.saved_step = int(kept["step"])
        self.validation_pending = kept.get("validation_pending") == "True"
        self.tokens, self.supervised = int(kept.get("tokens", 0)), int(kept.get("supervised", 0))
        self.step_seconds = float(kept.get("step_seconds", 0.0))
        self.session.log(f"going on from step {self.first_step}")
        return self.first_step

    def save(self, step: int, model, optimizer, validation_pending: bool) -> None:
        import mlx.core as mx
        from mlx.utils import tree_flatten

        arrays = {
            f"parameters/{name}": value
            for name, value in tree_flatten(model.trainable_parameters())
        }
        arrays |= {f"optimizer/{name}": value for name, value in tree_flatten(optimizer.state)}
        arrays["random"] = mx.random.state[0]
        names = ("best_step", "best_value", "first_value", "validations_since_best", "loss")
        kept = {name: str(getattr(self, name)) for name in names}
        kept |= {name: str(getattr(self, name)) for name in ("tokens", "supervised")}
        kept["step_seconds"] = str(self.step_seconds)
        save_arrays(
            self.directory / "latest.safetensors",
            arrays,
            kept
            | {"step": str(step), "seconds": str(self.seconds())}
            | {"validation_pending": str(validation_pending)},
        )
        self.saved_step = step

    def seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started

    def took(self, what: str, seconds: float) -> None:
        """One more step or validation, and how long it took in this process."""
        self.durations[what].append(seconds)
        if what == "step":
            self.step_seconds += seconds

    def seconds_left(self) -> float | None:
        """Of the steps, validations and scoring that are still to come; None before the first step."""
        steps, validations = self.durations["step"], self.durations["validation"]
        if not steps:
            return None
        left = sum(steps) / len(steps) * (self.settings.steps - self.step)
        if validations:
            every, first = self.settings.validate_every, self.settings.validate_from
            due = {*range(self.step + 1, self.settings.steps + 1)}
            to_come = sum(
                1 for s in due if (s % every == 0 and s >= first) or s == self.settings.steps
            )
            left += sum(validations) / len(validations) * (to_come + self.settings.scoring)
        return left

    def count(self, tokens: tuple[int, int]) -> None:
        self.tokens += tokens[0]
        self.supervised += tokens[1]

    def first(self, values: dict) -> None:
        """Where the training starts from: the reports show whether it got better at all."""
        self.first_value = values[self.settings.best_metric]
        self.session.report({"step": 0, "elapsed_s": round(self.seconds(), 1)} | values)

    def stepped(self, step: int, loss: float, learning_rate: float, extras: dict) -> None:
        import mlx.core as mx

        self.step, self.loss = step, loss
        self.window.append((loss, extras))
        if step % self.settings.report_every and step != self.settings.steps:
            return
        names = self.window[-1][1]
        means = {name: sum(e[name] for _, e in self.window) / len(self.window) for name in names}
        here = max(self.step_seconds, 1e-9)
        self.session.report(
            {
                "step": step,
                "loss": sum(loss for loss, _ in self.window) / len(self.window),
                "lr": learning_rate,
                "tokens_per_s": round(self.tokens / here, 1),
                "supervised_tokens_per_s": round(self.supervised / here, 1),
                "peak_memory_gb": round(mx.get_peak_memory() / 1e9, 3),
                "elapsed_s": round(self.seconds(), 1),
                "eta_s": round(self.seconds_left(), 1),
            }
            | means
        )
        self.window = []

    def validated(self, step: int, values: dict, parameters: dict) -> None:
        value = values[self.settings.best_metric]
        better = self.best_value is None or (
            (value < self.best_value) == (self.settings.best == "lowest")
            and value != self.best_value
        )
        if better:
            self.best_step, self.best_value, self.validations_since_best = step, value, 0
            save_arrays(self.directory / "best.safetensors", parameters)
        else:
            self.validations_since_best += 1
        self.session.report(
            {"step": step, "elapsed_s": round(self.seconds(), 1), "best_step": self.best_step}
            | values
        )

    def out_of_patience(self) -> bool:
        return (
            self.settings.patience is not None
            and self.validations_since_best >= self.settings.patience
        )

    def result(self, step: int, stopped: str, model, optimizer) -> FitResult:
        import mlx.core as mx
        from mlx.utils import tree_flatten

        best = self.directory / "best.safetensors"
        parameters = (
            load_arrays(best)[0]
            if self.best_step
            else dict(tree_flatten(model.trainable_parameters()))
        )
        here = max(self.step_seconds, 1e-9)
        return FitResult(
            best_parameters=parameters,
            best_step=self.best_step or step,
            best_value=self.best_value,
            first_value=self.first_value,
            steps_done=step,
            stopped=stopped,
            loss=self.loss,
            tokens_per_s=round(self.tokens / here, 1),
            supervised_tokens_per_s=round(self.supervised / here, 1),
            peak_memory_gb=round(mx.get_peak_memory() / 1e9, 3),
            # Read back from what trained, not from what was asked.
            applied={
                "optimizer": type(optimizer).__name__,
                "updates": int(optimizer.step.item()),
                "weight_decay": optimizer.weight_decay,
                "last_learning_rate": optimizer.learning_rate.item(),
                "gradient_accumulation": self.settings.gradient_accumulation,
                "trainable_parameters": sum(
                    a.size for _, a in tree_flatten(model.trainable_parameters())
                ),
            },
        )


def _number(text: str) -> float | None:
    return None if text == "None" else float(text)
