"""The records of a training in progress: reports, checkpoints, and the best parameters so far."""

import time
from pathlib import Path
from typing import cast

import mlx.core as mx
from mlx.utils import tree_unflatten

from fae_training.fitting.arrays import flattened, load_arrays, number, save_arrays
from fae_training.fitting.fit_settings import FitResult, FitSettings


def state_of(model, optimizer) -> dict:
    """The trainable parameters and the optimizer's state, by name."""
    parts = {"parameters": model.trainable_parameters(), "optimizer": optimizer.state}
    return {
        f"{part}/{name}": value
        for part, tree in parts.items()
        for name, value in flattened(tree).items()
    }


def put_state(model, optimizer, arrays: dict) -> None:
    """Restore the result of state_of; other arrays are ignored."""

    def part(name):
        return [
            (key.removeprefix(name + "/"), value)
            for key, value in arrays.items()
            if key.startswith(name + "/")
        ]

    model.load_weights(part("parameters"), strict=False)
    optimizer.state = tree_unflatten(part("optimizer"))


class FitProgress:
    """Reports, checkpoints and the best parameters of one call of fit."""

    def __init__(self, settings: FitSettings, run, session):
        self.settings, self.session = settings, session
        self.directory: Path = run.file("checkpoints")
        self.best_step = 0
        self.best_value: float | None = None
        self.first_value: float | None = None
        self.validations_since_best = 0
        self.loss: float | None = None
        self.seconds_before, self.started = 0.0, time.monotonic()
        self.step, self.first_step, self.saved_step = 0, 0, 0
        self.validation_pending = True
        self.tokens, self.supervised, self.step_seconds = 0, 0, 0.0
        self.durations: dict[str, list[float]] = {"step": [], "validation": []}
        self.window: list[tuple[float, dict]] = []

    def resume(self, model, optimizer) -> int:
        """Restore the newest checkpoint. Returns its step, 0 if there is none."""
        path = self.directory / "latest.safetensors"
        if not path.exists():
            return 0
        arrays, kept = load_arrays(path)

        put_state(model, optimizer, arrays)
        high, low = arrays["random"].tolist()
        mx.random.seed((high << 32) | low)  # the key is the seed split into two halves
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
        self.session.log(f"resuming from step {self.first_step}")
        return self.first_step

    def save(self, step: int, model, optimizer, validation_pending: bool) -> None:
        arrays = state_of(model, optimizer)
        arrays["random"] = cast(list, mx.random.state)[0]  # one key
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
        """Count one step or validation and its duration in this process."""
        self.durations[what].append(seconds)
        if what == "step":
            self.step_seconds += seconds

    def seconds_left(self) -> float | None:
        """The estimated time for the remaining steps, validations and scoring; None before the first step."""
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
        """Report the values before the first step, against which improvement is measured."""
        self.first_value = values[self.settings.best_metric]
        self.session.report({"step": 0, "elapsed_s": round(self.seconds(), 1)} | values)

    def stepped(
        self,
        step: int,
        loss: float,
        learning_rate: float,
        extras: dict,
        micro_losses: list[float],
    ) -> None:
        """Count one step. micro_losses, one per micro-batch, are reported if every step is reported."""
        self.step, self.loss = step, loss
        self.window.append((loss, extras))
        if step % self.settings.report_every and step != self.settings.steps:
            return
        names = self.window[-1][1]
        means = {name: sum(e[name] for _, e in self.window) / len(self.window) for name in names}
        if self.settings.report_every == 1:
            means["micro_losses"] = [round(value, 5) for value in micro_losses]
        seconds, left = max(self.step_seconds, 1e-9), self.seconds_left()
        self.session.report(
            {
                "step": step,
                "loss": sum(loss for loss, _ in self.window) / len(self.window),
                "lr": learning_rate,
                "tokens_per_s": round(self.tokens / seconds, 1),
                "supervised_tokens_per_s": round(self.supervised / seconds, 1),
                "peak_memory_gb": round(mx.get_peak_memory() / 1e9, 3),
                "elapsed_s": round(self.seconds(), 1),
                "eta_s": None if left is None else round(left, 1),
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

    def result(
        self, step: int, stopped: str, model, optimizer, profile: dict | None = None
    ) -> FitResult:
        best = self.directory / "best.safetensors"
        parameters = (
            load_arrays(best)[0] if self.best_step else flattened(model.trainable_parameters())
        )
        seconds = max(self.step_seconds, 1e-9)
        return FitResult(
            best_parameters=parameters,
            best_step=self.best_step or step,
            best_value=self.best_value,
            first_value=self.first_value,
            steps_done=step,
            stopped=stopped,
            loss=self.loss,
            tokens_per_s=round(self.tokens / seconds, 1),
            supervised_tokens_per_s=round(self.supervised / seconds, 1),
            peak_memory_gb=round(mx.get_peak_memory() / 1e9, 3),
            profile=profile,
            # Read from the objects that trained, not from the request.
            applied={
                "optimizer": type(optimizer).__name__,
                "updates": int(number(optimizer.step)),
                "weight_decay": optimizer.weight_decay,
                "last_learning_rate": number(optimizer.learning_rate),
                "gradient_accumulation": self.settings.gradient_accumulation,
                "trainable_parameters": sum(
                    a.size for a in flattened(model.trainable_parameters()).values()
                ),
            },
        )


def _number(text: str) -> float | None:
    return None if text == "None" else float(text)
