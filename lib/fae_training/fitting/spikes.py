"""Finds steps at which the loss jumped, and the rows trained on there. Standard library only.

The training records in advance which rows each micro-batch holds, and reports the loss of each micro-batch.
"""

from dataclasses import dataclass
from statistics import median

from fae_training.fitting.fit_settings import FitSettings
from fae_training.lifecycle import progress, provenance
from fae_training.lifecycle.runs import Run
from fae_training.rows import training_rows
from fae_training.store.state import read_json, write_json

FILE = "micro_batches.json"
# A loss is compared with those of this many earlier steps, of which there must be a few.
BEFORE, FEWEST_BEFORE = 10, 5
# It has jumped if it exceeds their median by this many deviations and by at least this share of it. A deviation is 1.4826
# times the median absolute deviation, which equals the standard deviation of a normal distribution. If two kinds of
# batches alternate, some earlier losses are as high, so it must also exceed this quantile of them by the same share.
DEVIATIONS, LEAST_SHARE, QUANTILE = 4.0, 0.25, 0.8
MEDIAN_TO_DEVIATION = 1.4826
REHEARSAL = "rehearsal"
_SHOWN_LETTERS = 60


@dataclass(frozen=True)
class Row:
    """A row: its conversation or pair, its line, its source records, and the user's question."""

    name: str
    line: int | None = None
    ids: tuple[str, ...] = ()
    asked: str = ""


@dataclass(frozen=True)
class Spike:
    """The `loss` of a step, the `usual` loss before it, and `worst`, the rows of its micro-batch with the highest loss."""

    step: int
    loss: float
    usual: float
    worst: float
    rows: tuple[Row, ...]


def keep(run: Run, batches, settings: FitSettings) -> None:
    """Record the groups of the rows in a run's micro-batches, as given by batches.names(index)."""
    accumulation = settings.gradient_accumulation
    rows = [batches.names(index) for index in range(settings.steps * accumulation)]
    write_json(run.file(FILE), {"gradient_accumulation": accumulation, "rows": rows})


def find(run: Run) -> list[Spike]:
    """The jumps of a run's loss, in order; empty if too few single steps were reported."""
    reports = {
        report["step"]: report for report in progress.reports(run) if report.get("loss") is not None
    }
    kept = read_json(run.file(FILE)) or {"gradient_accumulation": 1, "rows": []}
    found, known = [], None
    for step in sorted(reports):
        before = [reports[s]["loss"] for s in range(step - BEFORE, step) if s in reports]
        loss = reports[step]["loss"]
        if len(before) < FEWEST_BEFORE or not _jumped(loss, before):
            continue
        if known is None:
            known = _by_name(run)
        micro_losses = reports[step].get("micro_losses") or [loss]
        worst = max(range(len(micro_losses)), key=micro_losses.__getitem__)
        index = (step - 1) * kept["gradient_accumulation"] + worst
        names = kept["rows"][index] if index < len(kept["rows"]) else []
        rows = tuple(known.get(name, Row(name)) for name in dict.fromkeys(names))
        found.append(Spike(step, loss, median(before), micro_losses[worst], rows))
    return found


def _jumped(loss: float, before: list[float]) -> bool:
    usual = median(before)
    deviation = MEDIAN_TO_DEVIATION * median(abs(value - usual) for value in before)
    high = sorted(before)[int(QUANTILE * (len(before) - 1))]
    far = loss - usual > max(DEVIATIONS * deviation, LEAST_SHARE * abs(usual))
    return far and loss - high > LEAST_SHARE * abs(high)


def _by_name(run: Run) -> dict[str, Row]:
    """The first row of each of a run's groups (conversations or pairs), by the group's id."""
    found: dict[str, Row] = {}
    if run.kind not in training_rows.KINDS:
        return found
    for row in training_rows.read(
        provenance.rows_of(run) / run.kind / "train.jsonl", run.kind
    ).rows:
        asked = " ".join((row.asked or [""])[0].split())[:_SHOWN_LETTERS]
        ids = tuple(map(str, row.source.get("ids", ())))
        found.setdefault(row.group, Row(row.group, row.line, ids, asked))
    return found
