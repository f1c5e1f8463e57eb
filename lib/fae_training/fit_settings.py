"""What a training asks of fit.fit, and what it gets back. Standard library only."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fae_training.errors import BadRequest
from fae_training.kinds import SCHEDULES


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
    profile: measure the parts of each step one after the other, which makes it a little slower.
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
    profile: bool = False

    @classmethod
    def of(cls, settings: dict, **differences) -> "FitSettings":
        """From the settings of a run, which every kind has under the same names.

        differences: the fields that a kind decides itself: how often it reports, validates and saves, what is best.
        """
        shared = ("steps", "learning_rate", "gradient_accumulation", "schedule", "weight_decay")
        shared += ("seed", "max_gradient_norm")
        warmup_steps = round(settings["warmup_ratio"] * settings["steps"])
        return cls(
            **{name: settings[name] for name in shared}, warmup_steps=warmup_steps, **differences
        )

    def __post_init__(self):
        if self.schedule not in SCHEDULES:
            raise BadRequest(
                "unknown_schedule",
                f"there is no schedule {self.schedule!r}; expected one of {', '.join(SCHEDULES)}",
                "correct it in config.json",
            )


@dataclass
class FitResult:
    """`stopped` is completed, early (patience, stop_when) or cancelled. `best_parameters` maps names to arrays.

    The tokens a second are those of the steps alone, without validations. profile: as StepProfile.as_dict gives it.
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
    profile: dict | None = None
