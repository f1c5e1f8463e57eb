"""The facts that a train script determines before a run begins; they become part of run.json."""

from dataclasses import dataclass, field, replace
from typing import Any

from fae_training.lifecycle.settings import Settings

# The kinds of a piece of a row.
CONTEXT, TRAINED, CUT = "context", "trained", "cut"


@dataclass(frozen=True)
class Data:
    """The training data: its fingerprint, its row counts, and a description for the person.

    `left_out`: unusable rows by side, each with its line and the reason. `files`: the audio files, SHA-256 by path relative
    to the state directory (provenance.keep_files).
    """

    fingerprint: str
    learned_from: str
    rows: dict[str, int]
    notes: tuple[str, ...] = ()
    left_out: dict[str, list[dict]] = field(default_factory=dict)
    files: dict[str, str] | None = None

    def noting(self, *notes: str) -> "Data":
        """A copy with more notes."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True)
class Model:
    """The model that a run adapts: its id, directory, reason for the choice, and fingerprint."""

    id: str
    directory: str
    why: str
    fingerprint: str


@dataclass(frozen=True)
class Start:
    """The run whose adapter is the starting point, and that adapter's fingerprint; None: the base model."""

    run: str | None
    fingerprint: str | None


@dataclass(frozen=True)
class Preflight:
    """`model` is None for kinds that train no pretrained model; only DPO has a `start`.

    prompts: the version of the rehearsal prompts, for kinds that rehearse.
    """

    settings: Settings
    data: Data
    model: Model | None = None
    start: Start | None = None
    prompts: str | None = None

    @property
    def language_model(self) -> Model:
        """The pretrained model. Raises ValueError for kinds without one."""
        if self.model is None:
            raise ValueError("this kind trains no pretrained model")
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
    """Token counts; `trained` are targets, `cut` are lost to max_length. `exact`: not estimated from a sample."""

    rows: int
    tokens: int
    trained: int
    cut: int
    longest: int
    exact: bool


@dataclass(frozen=True)
class Piece:
    """A part of a row, all of one kind: the text of each of its tokens."""

    kind: str
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class ShownRow:
    """A row in pieces, with its token counts."""

    title: str
    pieces: tuple[Piece, ...]
    tokens: int
    trained: int
    cut: int


@dataclass(frozen=True)
class Preview:
    """A plan's estimates. `minutes` is None if nothing was measured; measured_by describes the source.

    memory: {"peak_memory_gb", "limit_gb", "batch_size", "gradient_accumulation", "checkpoint_layers", "note"}, the first
    None if there is no plan, with the reason in the note.
    """

    tokens: Tokens
    minutes: float | None
    measured_by: str
    memory: dict
    shown: tuple[ShownRow, ...] = ()
