"""What a train script found out before a run begins; it becomes part of run.json."""

from dataclasses import dataclass, field, replace
from typing import Any

from fae_training.settings import Settings

# What a piece of a row is.
CONTEXT, TRAINED, CUT = "context", "trained", "cut"


@dataclass(frozen=True)
class Data:
    """What there is to learn from: which it is, how much by what it is, and in words for the person.

    `left_out`: rows that cannot be used, by side, each with its line and why. `files`: the sounds that are learned from,
    SHA-256 by path relative to the state directory (provenance.keep_files).
    """

    fingerprint: str
    learned_from: str
    rows: dict[str, int]
    notes: tuple[str, ...] = ()
    left_out: dict[str, list[dict]] = field(default_factory=dict)
    files: dict[str, str] | None = None

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

    @property
    def language_model(self) -> Model:
        """The model of a kind that trains one of others. Raises ValueError for a kind that does not."""
        if self.model is None:
            raise ValueError("this kind trains no model of others")
        return self.model

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


@dataclass(frozen=True)
class Tokens:
    """How much a run has to learn from; `trained` are targets, `cut` are lost to max_length. `exact`: not from a sample."""

    rows: int
    tokens: int
    trained: int
    cut: int
    longest: int
    exact: bool


@dataclass(frozen=True)
class Piece:
    """A part of a row, of one kind: the text of each of its tokens."""

    kind: str
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class ShownRow:
    """A row in pieces, and its counts of tokens."""

    title: str
    pieces: tuple[Piece, ...]
    tokens: int
    trained: int
    cut: int


@dataclass(frozen=True)
class Preview:
    """What a plan says beyond settings. `minutes` is None where nothing was measured; measured_by says how it is known.

    memory: {"peak_memory_gb", "limit_gb", "batch_size", "gradient_accumulation", "checkpoint_layers", "note"}, the first
    None where there is no plan, with the reason in the note.
    """

    tokens: Tokens
    minutes: float | None
    measured_by: str
    memory: dict
    shown: tuple[ShownRow, ...] = ()
