"""The evaluation of a run, stored in evaluation.json. Proposing and deploying decide again from the measures."""

import hashlib
import json
from dataclasses import asdict, dataclass

from fae_training.calls.errors import Missing, Refused, SkillError
from fae_training.judgement import benchmark, gate, looks, plain_words
from fae_training.judgement.benchmark import GOAL, Benchmark
from fae_training.judgement.gate import NOT_ENOUGH, PASS, Decision
from fae_training.lifecycle import learned, progress
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.patterns import lazy_pattern
from fae_training.release.deployment import check_unchanged, compared_with_another
from fae_training.store import consent, records
from fae_training.store.state import now, read_json
from fae_training.store.transactions import Change, changing

FILE = "evaluation.json"
# "Iter 20: Val loss 2.1", as mlx-lm prints it, and "step=20 ... val_loss=2.1", as our worker does.
_LOG_LINE = lazy_pattern(r"(?:Iter (\d+): Val loss|step=(\d+).{0,2000}?\bval_loss=)\s*([0-9.]+)")


@dataclass(frozen=True)
class Evaluation:
    """`source` is the file that the figures came from. `fingerprint` is of the measured adapter."""

    run: str
    kind: str
    evaluated_at: str
    source: str
    decision: Decision
    fingerprint: str | None
    figures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        return self.decision.verdict


def read(run: Run) -> Evaluation | None:
    """The stored evaluation, None if there is none. Raises Failed for one written by another version."""
    kept = read_json(run.file(FILE))
    if kept is None:
        return None
    remedy = f"uv run scripts/evaluate.py --run {run.id}"
    return records.read_own(Evaluation, kept, run.file(FILE), remedy)


def readable(run: Run) -> Evaluation | None:
    """As read, and None for one of another version too: for lists of runs, which one unreadable file must not stop."""
    try:
        return read(run)
    except SkillError:
        return None


def make(run: Run, measured_again: Benchmark | None = None) -> Evaluation:
    """Evaluate a run from its measurements, count the look, and write evaluation.json, all in one change.

    measured_again: a new benchmark, which replaces the one in train_metrics.json. Raises Refused if the adapter changed
    since it was measured, Missing if there is no record of how the run went.
    """
    with changing(run.home) as change:
        if measured_again:
            result = (run.result() or {}) | {"benchmark": asdict(measured_again)}
            change.write(run.file("train_metrics.json"), result)
        found = _judge(change, run, measured_again or benchmark.of_run(run))
        change.write(run.file(FILE), asdict(found))
    return found


def judged(run: Run) -> Evaluation:
    """The result of make(), without writing or counting a look. Raises as make() does."""
    return _judge(Change(run.home), run, benchmark.of_run(run))


def _judge(change: Change, run: Run, measured: Benchmark | None) -> Evaluation:
    if measured is None:
        source, decision = _from_progress(run)
        return Evaluation(run.id, run.kind, now(), source, decision, None)
    mark = _require_unchanged(run, measured)
    look = looks.count(change, KINDS[run.kind].slot, mark, _judged_items(measured))
    return Evaluation(
        run.id,
        run.kind,
        now(),
        "train_metrics.json",
        _decide(run, measured, look),
        mark,
        tuple(plain_words.of_figure(one) for one in measured.figures if not one.is_cost),
        measured.notes,
        tuple(plain_words.of_figure(one) for one in measured.figures if one.is_cost),
    )


def mark(run: Run) -> str:
    """The fingerprint of a run's evaluation: sixteen hexadecimal digits over the measurements and the decision.

    Quoted examples are excluded: forgetting removes them without a new measurement. Computed from the files as they are, so
    that a later version with other records finds the same.
    """
    kept = read_json(run.file(FILE)) or {}
    measured = (run.result() or {}).get("benchmark")
    if isinstance(measured, dict):
        measured = {n: v for n, v in measured.items() if n not in ("examples", "notes")}
    judged = [measured, kept.get("decision")]
    return hashlib.sha256(json.dumps(judged, sort_keys=True).encode()).hexdigest()[:16]


def require_pass(run: Run) -> Evaluation:
    """The evaluation of a run that may be proposed and deployed, decided again from its measures.

    Raises Missing if it was never evaluated, Refused if it does not pass, if its adapter changed since, if it was
    compared with a model other than the current one, or if the person no longer allows what it learned from.
    """
    learned.require_unmarked(run)
    consent.require_for_use(run.home, run.id, *KINDS[run.kind].consents)
    again = f"uv run scripts/evaluate.py --run {run.id}"
    kept, measured = read(run), benchmark.of_run(run)
    if kept is None:
        raise Missing("not_evaluated", f"{run.id} has not been evaluated yet", again)
    if measured is None:
        raise Refused("gate_not_passed", f"{run.id} was never compared with another model", again)
    _require_unchanged(run, measured)
    if stale := _compared_with_another(run, measured):
        raise Refused("compared_with_another", f"{run.id}: {stale}", f"{again} --rescore")
    decision = _decide(run, measured, kept.decision.look)
    for judged in (kept.decision, decision):
        if judged.verdict != PASS:
            raise Refused(
                "gate_not_passed",
                f"{run.id} is not recommended. {' '.join(plain_words.what_stopped(judged))} {measured.remedy}".rstrip(),
                again,
            )
    return kept


def _require_unchanged(run: Run, measured: Benchmark) -> str:
    """The fingerprint of the measured adapter. Raises Refused if the files do not match it."""
    if measured.fingerprint is None:
        raise Refused(
            "changed_since",
            f"the measurements of {run.id} do not identify the adapter that was measured",
            f"uv run scripts/evaluate.py --run {run.id} --rescore",
        )
    check_unchanged(run, measured.fingerprint)
    return measured.fingerprint


def stale(run: Run) -> bool:
    """Whether the run has to be measured again, because the current model or the tasks are no longer those of its scoring."""
    measured = benchmark.of_run(run)
    return measured is not None and _stale(run, measured) is not None


def _compared_with_another(run: Run, measured: Benchmark) -> str | None:
    return compared_with_another(run, measured.current_run, measured.current_fingerprint)


def _judged_items(measured: Benchmark) -> list[str]:
    """The items of the goals only: a guard's items, such as the capability suite, are the same for every run."""
    return [
        f"{measure.unit} {item}"
        for measure in measured.measures
        if measure.role == GOAL
        for item in measure.items
    ]


def _decide(run: Run, measured: Benchmark, look: int) -> Decision:
    decision = gate.decide(measured, look)
    if why := _stale(run, measured):
        reasons = (*decision.reasons, f"{why}: use --rescore.")
        decision = gate.Decision(
            NOT_ENOUGH, reasons, look, decision.comparisons, decision.score, decision.previous_score
        )
    return decision


def _stale(run: Run, measured: Benchmark) -> str | None:
    if another := _compared_with_another(run, measured):
        return another
    if measured.suite:
        from fae_training.capabilities import suite

        if measured.suite != suite.of_run(run).version:
            return "the tasks that it was measured on have changed"
    return None


def _from_progress(run: Run) -> tuple[str, Decision]:
    """For a run without a benchmark: whether its validation loss fell. Its log is read only if there are no reports."""
    values = [
        (report["step"], report["val_loss"])
        for report in progress.reports(run)
        if report.get("val_loss") is not None
    ]
    source, log = "metrics.jsonl", run.file("train.log")
    if not values and log.is_file():
        found = _LOG_LINE.findall(log.read_text(encoding="utf-8", errors="replace"))
        source, values = "train.log", [(int(a or b), float(loss)) for a, b, loss in found]
    if not values:
        raise Missing(
            "nothing_to_judge",
            f"{run.id} ended before anything was measured ({run.status()}), so there is nothing to judge",
            (run.record.get("error") or {}).get("hint")
            or f"to go on with the training: {KINDS[run.kind].command(f'--resume {run.id}')}",
        )
    best_step, best = min(values, key=lambda value: value[1])
    reason = (
        f"Read from {source}: validation loss {values[0][1]:.3f} at step {values[0][0]}, best {best:.3f} at step "
        f"{best_step}. Nothing was compared with the current model."
    )
    if run.result() is not None:
        reason += " evaluate.py --rescore does it."
    return source, Decision(NOT_ENOUGH, (reason,), 0, (), None, None)
