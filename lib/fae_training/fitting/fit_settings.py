"""The settings and the result of fit.fit. Standard library only."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fae_training.calls.errors import BadRequest
from fae_training.lifecycle.kinds import SCHEDULES


@dataclass(frozen=True)
class FitSettings:
    """How to train. `best` says whether the lowest or the highest `best_metric` is the best.

    validate_from: the first step that is validated. With few held-out rows, a good validation at a high rate is luck.
    patience: stop after this many validations without improvement; None: never.
    stop_when: called with the values of each validation; True ends the run early with the best so far.
    scoring: duration of the scoring after training, in validations; used for the time left.
    max_gradient_norm: clip the gradient to this global norm; None: never.
    compiled: whether to mx.compile the step; None: only on a GPU. On a CPU it saves a few percent per step, but a C++
    compiler first takes up to minutes for each shape.
    profile: time the parts of each step separately, which makes it slightly slower.
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

        differences: fields that a kind sets itself, such as how often it reports, validates and saves.
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

    Tokens per second exclude validations. profile: as from StepProfile.as_dict.
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
