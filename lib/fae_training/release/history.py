"""The history of every run for list_runs: settings, evaluation, and deployments."""

from dataclasses import dataclass

from fae_training.calls.errors import SkillError
from fae_training.judgement import benchmark, evaluation
from fae_training.judgement.benchmark import Measure
from fae_training.judgement.evaluation import Evaluation
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.progress import seconds_taken
from fae_training.lifecycle.runs import Run, all_runs
from fae_training.release import approval, rejection
from fae_training.release.deployment import current, decisions
from fae_training.store.state import Home


@dataclass(frozen=True)
class Deployed:
    """A period in which a run was in use; `until` is None while it still is."""

    since: str
    until: str | None
    why_ended: str = ""


@dataclass(frozen=True)
class Entry:
    """One run. `number` counts all runs from 1. `chosen`: settings that come from neither the preset nor a default.

    note: its purpose. descends_from: the run whose adapter or final checkpoint it started from. resumed: when it was
    resumed. verdict: "unreadable" if evaluation.json cannot be read. rejected: the person's reason, while the rejection
    stands.
    """

    number: int
    run: Run
    status: str
    note: str | None
    preset: str | None
    chosen: tuple[tuple[str, object], ...]
    steps: int | None
    best_value: float | None
    seconds: float | None
    descends_from: str | None
    resumed: tuple[str, ...]
    verdict: str | None
    evaluation: Evaluation | None
    proposed: bool
    rejected: str | None
    deployed: tuple[Deployed, ...]

    @property
    def active(self) -> bool:
        return bool(self.deployed) and self.deployed[-1].until is None

    @property
    def score(self) -> float | None:
        return self.evaluation.decision.score if self.evaluation else None

    @property
    def previous_score(self) -> float | None:
        """The score, on the same items, of the model in use when it was judged."""
        return self.evaluation.decision.previous_score if self.evaluation else None


def entries(home: Home, kind: str | None = None) -> list[Entry]:
    """Oldest first, numbered among the runs of all kinds."""
    used = periods(home)
    return [
        _entry(number, run, used.get(run.id, ()))
        for number, run in enumerate(all_runs(home), 1)
        if kind in (None, run.kind)
    ]


def _entry(number: int, run: Run, used: tuple[Deployed, ...]) -> Entry:
    result, sources = run.result() or {}, run.record.get("sources", {})
    try:
        judged = evaluation.read(run)
        verdict = judged.verdict if judged else None
    except SkillError:  # from an earlier version; list the other runs anyway
        judged, verdict = None, "unreadable"
    refusal = rejection.standing(run)
    return Entry(
        number=number,
        run=run,
        status=run.status(),
        note=run.record.get("note"),
        preset=run.settings.get("preset"),
        chosen=tuple(
            (name, value)
            for name, value in run.settings.items()
            if name != "preset"
            and not str(sources.get(name, "default")).startswith(("default", "preset"))
        ),
        steps=result.get("steps_done"),
        best_value=result.get("best_value"),
        seconds=seconds_taken(result),
        descends_from=(run.record.get("continues") or run.record.get("start") or {}).get("run"),
        resumed=tuple(run.record.get("resumed_at", [])),
        verdict=verdict,
        evaluation=judged,
        proposed=run.file(approval.FILE).exists(),
        rejected=refusal.reason if refusal else None,
        deployed=used,
    )


def periods(home: Home) -> dict[str, tuple[Deployed, ...]]:
    """The periods in which each run was in use, replayed from history.jsonl."""
    found: dict[str, list[Deployed]] = {}
    stacks: dict[str, list[str]] = {}

    def ends(run: str | None, at: str, why: str) -> None:
        if run:
            found[run][-1] = Deployed(found[run][-1].since, at, why)

    def begins(run: str | None, at: str) -> None:
        if run:
            found.setdefault(run, []).append(Deployed(at, None))

    for line in decisions(home):
        stack = stacks.setdefault(line.slot, [])
        before = stack[-1] if stack else None
        if line.action == "deploy":
            ends(before, line.at, f"replaced by {line.run}")
            stack.append(line.run)
            begins(line.run, line.at)
        elif line.action == "rollback" and stack:
            ends(stack.pop(), line.at, line.reason or "")
            begins(stack[-1] if stack else None, line.at)
    return {run: tuple(times) for run, times in found.items()}


def now_in_use(home: Home) -> dict[str, str | None]:
    """The deployed run of each slot, None for the original model."""
    slots = dict.fromkeys(kind.slot for kind in KINDS.values())
    active = {slot: current(home, slot) for slot in slots}
    return {slot: entry.run if entry else None for slot, entry in active.items()}


def details(run: Run) -> dict:
    """Settings and results under flat names."""
    result = run.result() or {}
    flat = {
        "status": run.status(),
        "note": run.record.get("note"),
        "model": (run.record.get("model") or {}).get("id"),
        "data": run.record.get("data_fingerprint"),
    }
    flat |= {f"setting {name}": value for name, value in run.settings.items()}
    for name in (
        "steps_done",
        "best_step",
        "best_value",
        "loss",
        "tokens_per_s",
        "peak_memory_gb",
    ):
        value = result.get(name)
        flat[name] = round(value, 4) if isinstance(value, float) else value
    flat["seconds"] = seconds_taken(result)
    judged = evaluation.readable(run)
    for measure in _measures_of(run):
        if measure.candidate:
            mean = sum(measure.candidate) / len(measure.candidate)
            flat[f"measured {measure.name}"] = round(mean, 4)
    return flat | {"verdict": judged and judged.verdict}


def _measures_of(run: Run) -> tuple[Measure, ...]:
    """What was measured; nothing of a run that another version of this skill measured."""
    try:
        measured = benchmark.of_run(run)
    except SkillError:
        return ()
    return measured.measures if measured else ()
