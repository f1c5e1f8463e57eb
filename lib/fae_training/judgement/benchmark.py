"""The measurements of candidate, current and base model on the same items, as the gate reads them.

Every kind returns the same records; gate.py decides without knowing what they mean.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fae_training.lifecycle.runs import Run
from fae_training.store import records

# Gains are clipped to this, so that a single unit cannot decide.
LARGEST_GAIN = 1.0
# Fewer units than this cannot tell better from worse.
FEWEST_UNITS = 5
GOAL, GUARD, REPORT = "goal", "guard", "report"
RATIO, DIFFERENCE, PASSED = "ratio", "difference", "passed"
# Whose values a measure has, as its fields are named.
MODELS = ("candidate", "current", "base")


@dataclass(frozen=True)
class Measure:
    """One value per unit (a conversation, a pair, an item of the suite, a recording) for each of the three models.

    role: a "goal" should improve, a "guard" must not get worse, a "report" is shown only.
    compare: how a unit's gain is computed from its two values. "ratio": the fall of its loss as a share of the mean old
    loss, so that the mean gain is that of the mean loss, and a unit that was predicted almost perfectly counts by what it
    lost, not by how many times that is; "difference": new - old, for shares of a unit; "passed": values are 0 or 1.
    margin: the largest mean loss that still counts as kept. least: the smallest mean gain that a person can notice, for
    goals. Both are in the unit of gains: 0.02 is 2 % of a loss, or 2 of 100 items.
    fewest: with fewer units nothing is judged.
    """

    name: str
    title: str
    unit: str
    value_unit: str
    better: str
    role: str
    compare: str
    margin: float
    least: float
    items: tuple[str, ...]
    candidate: tuple[float, ...]
    current: tuple[float, ...]
    base: tuple[float, ...]
    fewest: int = FEWEST_UNITS

    def __post_init__(self) -> None:
        """Raises ValueError for a margin or a least gain beyond what a gain can be."""
        for name in ("margin", "least"):
            if not 0 <= getattr(self, name) <= LARGEST_GAIN:
                raise ValueError(
                    f"{name} of {self.name} is {getattr(self, name)}, expected 0 to {LARGEST_GAIN}"
                )

    def gains(self, old: Sequence[float]) -> list[float]:
        """The candidate's gain over `old` on each unit; positive is better. Raises ValueError if a value is not finite."""
        if not len(self.candidate) == len(old) == len(self.items):
            raise ValueError(
                f"{self.title}: {len(self.candidate)} and {len(old)} values for {len(self.items)} {self.unit}"
            )
        sign = -1 if self.better == "lower" else 1
        values = (*self.candidate, *old)
        if not all(map(math.isfinite, values)):
            raise ValueError(f"{self.title}: a value is not a finite number")
        scale = 1.0
        if self.compare == RATIO and old:
            if min(values) <= 0:
                raise ValueError(f"{self.title}: a loss is {min(values)}, expected more than 0")
            scale = sum(old) / len(old)
        gains = [
            sign * (new - before) / scale for new, before in zip(self.candidate, old, strict=True)
        ]
        return [max(-LARGEST_GAIN, min(LARGEST_GAIN, gain)) for gain in gains]

    def relative_gains(self, old: Sequence[float]) -> list[float]:
        """Of a "ratio", the gain over `old` on each unit as a share of its own loss: the logarithm of old to new."""
        logarithms = (
            math.log(before / new) for new, before in zip(self.candidate, old, strict=True)
        )
        return [max(-LARGEST_GAIN, min(LARGEST_GAIN, gain)) for gain in logarithms]

    def room(self, old: Sequence[float]) -> tuple[float, float]:
        """The largest possible loss and gain of one unit over `old`: a share of 0.5 can fall by at most 0.5."""
        if self.compare == RATIO or not all(0 <= value <= 1 for value in old):
            return LARGEST_GAIN, LARGEST_GAIN
        fall, rise = max(old), 1 - min(old)
        return (fall, rise) if self.better == "higher" else (rise, fall)

    def score(self, values: Sequence[float]) -> float:
        """`values` as one number from 0 to 1, where higher is better: a share, or for a loss in nats exp(-loss)."""
        mean = sum(values) / len(values)
        if self.compare == RATIO:
            return math.exp(-mean)
        return min(max(mean if self.better == "higher" else 1 - mean, 0.0), 1.0)


def of_each(values: Callable[[str], Iterable[float]]) -> dict[str, Any]:
    """The arguments of Measure for the values of each model: values("candidate") and so on."""
    return {model: tuple(map(float, values(model))) for model in MODELS}


@dataclass(frozen=True)
class Figure:
    """One number for each of the three models, shown but not judged. `is_cost`: it is a cost of using the model."""

    name: str
    title: str
    unit: str
    candidate: float
    current: float
    base: float
    is_cost: bool = False

    @classmethod
    def of(
        cls, name: str, title: str, unit: str, values: Mapping[str, float], is_cost: bool = False
    ) -> "Figure":
        """values: those of "candidate", "current" and "base"."""
        return cls(
            name, title, unit, values["candidate"], values["current"], values["base"], is_cost
        )


@dataclass(frozen=True)
class Example:
    """The outputs of two models for the same prompt; `wanted` is what was actually said or meant."""

    prompt: str
    before: str
    after: str
    wanted: str | None = None


@dataclass(frozen=True)
class Benchmark:
    """`judged_apart`: no item of the judge part was trained on, or used to choose a checkpoint, threshold or weight.

    outputs, outputs_changed: how many outputs of current and candidate were compared, and how many differ.
    not_shown: sentences on promises that the data cannot confirm; with any of these the run does not pass. remedy: how a
    person can provide the data, with the commands.
    fingerprint: of the candidate's adapter, set by results.scored. current_fingerprint: of the current adapter, None for
    the base model and if another was deployed in the meantime.
    suite: version of the capability suite, None where the kind has none. details: results specific to the kind.
    """

    measures: tuple[Measure, ...]
    judged_apart: bool
    outputs: int
    outputs_changed: int
    current_run: str | None
    figures: tuple[Figure, ...] = ()
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()
    suite: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    not_shown: tuple[str, ...] = ()
    remedy: str = ""
    fingerprint: str | None = None
    current_fingerprint: str | None = None


def of_run(run: Run) -> Benchmark | None:
    """The benchmark in the run's train_metrics.json, None if it has none. Raises Failed for one written by another version."""
    kept = (run.result() or {}).get("benchmark")
    if kept is None:
        return None
    remedy = f"uv run scripts/evaluate.py --run {run.id} --rescore"
    return records.read_own(Benchmark, kept, run.file("train_metrics.json"), remedy)
