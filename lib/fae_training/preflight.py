"""What a train script found out before a run begins; it becomes part of run.json."""

from dataclasses import dataclass, field, replace
from typing import Any

from fae_training.settings import Settings


@dataclass(frozen=True)
class Data:
    """What there is to learn from: which it is, how much by what it is, and in words for the person.

    `left_out`: rows that cannot be used, by side, each with its line and why.
    """

    fingerprint: str
    learned_from: str
    rows: dict[str, int]
    notes: tuple[str, ...] = ()
    left_out: dict[str, list[dict]] = field(default_factory=dict)

    def noting(self, *notes: str) -> "Data":
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True)
class Model:
    """The model that a run adapts: its id, where it lies, why it was chosen, and which files it has."""

    id: str
    directory: str
    why: str
    fingerprint: str


@dataclass(frozen=True)
class Start:
    """The run whose adapter another one goes on from, and that adapter's fingerprint; None: the base model."""

    run: str | None
    fingerprint: str | None


@dataclass(frozen=True)
class Preflight:
    """A kind without a model of others has none; only DPO has a start.

    prompts: the version of what is rehearsed, of a kind that rehearses.
    """

    settings: Settings
    data: Data
    model: Model | None = None
    start: Start | None = None
    prompts: str | None = None

    def as_record(self) -> dict:
        """For run.json and for a plan."""
        record: dict[str, Any] = {
            "settings": dict(self.settings.values),
            "sources": dict(self.settings.sources),
            "rows": self.data.rows,
            "data_fingerprint": self.data.fingerprint,
            "learned_from": self.data.learned_from,
            "notes": list(self.data.notes),
        }
        if any(self.data.left_out.values()):
            record["rows_left_out"] = self.data.left_out
        if self.model:
            record["model"] = {
                name: getattr(self.model, name) for name in ("id", "directory", "why")
            }
            record["model_fingerprint"] = self.model.fingerprint
        if self.prompts:
            record["prompts_fingerprint"] = self.prompts
        if self.start:
            record["start"] = vars(self.start)
        return record
