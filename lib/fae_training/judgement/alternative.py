"""The alternative to training: a line in Fae's directive (her standing instructions), made from the person's traits.

It is measured on the same judge part, with the base model. A line can be read, and removed at once; so where it does as well,
the proposal says that first. Standard library only.
"""

from dataclasses import dataclass

from fae_training.calls.counting import counted
from fae_training.judgement.benchmark import Benchmark
from fae_training.judgement.gate import BETTER, KEPT, WORSE
from fae_training.lifecycle.runs import Run
from fae_training.store import records

# Its place in Benchmark.details.
NAME = "directive"


@dataclass(frozen=True)
class TraitReached:
    """How strongly a trait shows in the answers of the base model, of the base model with the line, and of the trained one."""

    title: str
    unit: str
    history: float
    base: float
    line: float
    trained: float


@dataclass(frozen=True)
class Alternative:
    """`line` against the training on `count` conversations: mean nats a token, and the line's gain with its bounds.

    outcome: as gate.Comparison has it, of the line against the training: "better" or "kept" is as good.
    """

    line: str
    count: int
    base: float
    with_line: float
    trained: float
    gain: float
    low: float
    high: float
    outcome: str
    traits: tuple[TraitReached, ...] = ()

    @property
    def as_good(self) -> bool:
        return self.outcome in (BETTER, KEPT)

    @property
    def sentence(self) -> str:
        """What was found, for the proposal and for evaluate.py."""
        if self.as_good:
            return (
                f'The line "{self.line}" in Fae\'s directive does as well as this update, without any training. You can read '
                "it, and remove it at any time."
            )
        tried = f'The line "{self.line}" in Fae\'s directive was tried instead of training'
        if self.outcome == WORSE:
            return f"{tried}; training predicts your conversations better."
        return f"{tried}; it is not certain that the line does as well as training."

    @property
    def loss_figures(self) -> str:
        """The numbers that decided."""
        return (
            f"nats a token on {counted(self.count, 'conversation')}: original {self.base:.3f}, with the line {self.with_line:.3f}, "
            f"trained {self.trained:.3f}"
        )

    @property
    def figures(self) -> str:
        """All the numbers behind the sentence."""
        text = self.loss_figures
        for one in self.traits:
            text += f"; {one.title}: original {one.base:.0f}, with the line {one.line:.0f}, trained {one.trained:.0f} {one.unit}"
        return text


def of(run: Run, measured: Benchmark | None) -> Alternative | None:
    """What the scoring of a run found, None where nothing was tried. Raises Failed for one of another version."""
    kept = measured.details.get(NAME) if measured else None
    if kept is None:
        return None
    remedy = f"uv run scripts/evaluate.py --run {run.id} --rescore"
    return records.read_own(Alternative, kept, run.file("train_metrics.json"), remedy)
