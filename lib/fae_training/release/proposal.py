"""The proposal: one record of what was learned, how it did and what a yes does; its forms are made from nothing else.

spoken() is what Fae says aloud, proposal_page.py makes proposal.md and proposal.html, and proposal.json is the record
itself. The approval code is in no record: only the two texts that a person reads have it.
"""

import math
import re
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist, fmean, stdev

from fae_training.app import app_results
from fae_training.judgement import alternative, plain_words
from fae_training.judgement.alternative import Alternative
from fae_training.judgement.benchmark import GOAL, PASSED, REPORT, Benchmark, Example, Measure
from fae_training.judgement.evaluation import Evaluation
from fae_training.judgement.gate import BETTER, Decision
from fae_training.judgement.intervals import t_quantile
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.progress import reports, seconds_taken
from fae_training.lifecycle.runs import Run, all_runs
from fae_training.release import approval, rejection
from fae_training.release.deployment import Deployment, current
from fae_training.release.rejection import Rejection
from fae_training.store.state import Home, moment, read_json

SHOWN = 5
MOST_POINTS = 200
MOST_SPOKEN_WORDS = 60
QUESTION = "Say yes to switch, or no to keep things as they are."
# How Fae begins, by kind.
OPENINGS = {
    "sft": "I have learned from our conversations.",
    "dpo": "I have learned from your corrections.",
    "stt": "I have learned words that I had misheard.",
    "keyword": "I have learned to listen for my name and for stop.",
    "speech_verifier": "I have learned to tell speech from other sounds.",
}
# Of one model's mean on the page. The verdict does not rest on it but on the differences, whose bounds gate.py has.
CONFIDENCE = 0.95
WITHOUT_TRAINING = "A line in my directive would do as well; it is on the page."
LOST_NOTHING = "Nothing that I checked got noticeably worse."


@dataclass(frozen=True)
class Bar:
    """One model's score on a measure, from 0 to 1, and how far chance may have moved it; see benchmark.Measure.score."""

    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Bars:
    """The three models on one measure, which `count` units were measured for."""

    title: str
    role: str
    unit: str
    count: int
    candidate: Bar
    current: Bar
    base: Bar


@dataclass(frozen=True)
class Point:
    step: int
    loss: float


@dataclass(frozen=True)
class Curve:
    """The loss on training rows, and on those that chose the checkpoint of `best_step`."""

    training: tuple[Point, ...]
    validation: tuple[Point, ...]
    best_step: int | None

    @property
    def drawable(self) -> bool:
        return max(len(self.training), len(self.validation)) > 1


@dataclass(frozen=True)
class Topic:
    word: str
    count: int


@dataclass(frozen=True)
class Learned:
    """What a run learned from. `rows` by their use; topics only while data/<kind>/ is what the run was trained on."""

    summary: str
    trained_on: int | None = None
    held_out: int | None = None
    left_out: int = 0
    topics: tuple[Topic, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What the training took and what its adapter takes; None where the run has not told. `figures`: of using it, in words."""

    adapter_bytes: int
    seconds: float | None
    peak_memory_gb: float | None
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What proposal.json holds. `replaces` is the run that is deployed now, None for the base model.

    after_yes: what happens in Fae if the person approves, by its version and the model that it runs.
    rejected_before: the person's last rejection of this run, or of an earlier one of its slot.
    alternative: what was tried instead of the training, where something was.
    """

    run: str
    kind: str
    title: str
    date: str
    verdict: str
    learned: Learned
    model: str | None
    replaces: str | None
    decision: Decision
    judged_on: str
    bars: tuple[Bars, ...]
    curve: Curve
    figures: tuple[str, ...]
    outputs: int
    outputs_changed: int
    examples: tuple[Example, ...]
    cost: Cost
    notes: tuple[str, ...]
    fingerprint: str | None
    after_yes: str
    rejected_before: Rejection | None = None
    alternative: Alternative | None = None


def build(run: Run, judged: Evaluation, measured: Benchmark) -> Proposal:
    """The proposal of a run that passed."""
    active = current(run.home, KINDS[run.kind].slot)
    differing = [one for one in measured.examples if one.before != one.after]
    return Proposal(
        run=run.id,
        kind=run.kind,
        title=f"An update for your {KINDS[run.kind].title}",
        date=date.today().isoformat(),
        verdict=plain_words.in_one_sentence(judged.decision),
        learned=learned(run),
        model=(run.record.get("model") or {}).get("id"),
        replaces=active.run if active else None,
        decision=judged.decision,
        judged_on=_judged_on(judged.decision),
        bars=tuple(_bars(measure) for measure in measured.measures if measure.role != REPORT),
        curve=curve(run),
        figures=judged.figures,
        outputs=measured.outputs,
        outputs_changed=measured.outputs_changed,
        examples=tuple(differing[:SHOWN]),
        cost=_cost(run, measured),
        notes=tuple(
            dict.fromkeys(
                (
                    *app_results.of_both_forms(run, measured),
                    *measured.notes,
                    *run.record.get("notes", []),
                )
            )
        ),
        fingerprint=judged.fingerprint,
        after_yes=app_results.after_yes(run),
        rejected_before=rejection.last_of(run) or _earlier_rejection(run, active),
        alternative=alternative.of(run, measured),
    )


def _earlier_rejection(run: Run, active: Deployment | None) -> Rejection | None:
    """The last rejection of another run of its slot, if nothing was approved since."""
    refusal = rejection.newest(run.home, KINDS[run.kind].slot)
    return (
        None
        if refusal is None or (active and moment(active.since) > moment(refusal.rejected_at))
        else refusal
    )


def spoken(proposal: Proposal) -> str:
    """What Fae says: at most MOST_SPOKEN_WORDS words; a sentence that has no room is left out."""
    now = [one for one in proposal.decision.comparisons if one.against == "current"]
    better = [one for one in now if one.outcome == BETTER]
    sentences = [
        OPENINGS.get(proposal.kind, f"I have an update for your {KINDS[proposal.kind].title}.")
    ]
    if proposal.alternative and proposal.alternative.as_good:
        sentences.insert(0, WITHOUT_TRAINING)
    sentences += [_with_small_numbers(plain_words.of_comparison(one).sentence) for one in better]
    if len(now) > len(better):
        sentences.append(LOST_NOTHING)
    text = QUESTION
    for sentence in sentences[::-1]:
        if len(f"{sentence} {text}".split()) <= MOST_SPOKEN_WORDS:
            text = f"{sentence} {text}"
    return text


def _with_small_numbers(sentence: str) -> str:
    """The sentence with "in about 7 of 10" for shares of a thousand and more, which nobody can follow by ear."""
    found = re.search(r"in ([\d,]+) of (\d+,[\d,]+)", sentence)
    if not found:
        return sentence
    part, whole = (int(number.replace(",", "")) for number in found.groups())
    about = sentence.replace(found[0], f"in about {round(10 * part / whole)} of 10")
    return re.sub(r" \([^)]*\d[^)]*\)", "", about)


def learned(run: Run) -> Learned:
    """From run.json, and from data/<kind>/meta.json where that still describes what the run was trained on."""
    rows = run.record.get("rows") or {}
    summary = run.record.get("learned_from", "")
    meta = read_json(run.home.file("data", run.kind, "meta.json")) or {}
    if meta.get("data_fingerprint") != run.record.get("data_fingerprint"):
        meta = {}
    return Learned(
        summary,
        rows.get("train"),
        rows.get("valid"),
        sum((meta.get("excluded") or {}).values()),
        tuple(Topic(str(word), int(count)) for word, count in meta.get("topics") or ()),
    )


def curve(run: Run) -> Curve:
    """The run's reports; a value that is not finite is left out."""
    found = reports(run)
    training, validation = (
        [
            Point(report["step"], report[name])
            for report in found
            if isinstance(report.get(name), int | float) and math.isfinite(report[name])
        ]
        for name in ("loss", "val_loss")
    )
    best = (run.result() or {}).get("best_step")
    return Curve(_thinned(training), _thinned(validation), best)


def _thinned(points: list[Point]) -> tuple[Point, ...]:
    """At most MOST_POINTS: neighbours as their mean, at the last step of them."""
    size = -(-len(points) // MOST_POINTS) or 1
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return tuple(Point(group[-1].step, fmean(point.loss for point in group)) for group in groups)


def _judged_on(decision: Decision) -> str:
    goal = next(one for one in decision.comparisons if one.role == GOAL)
    return plain_words.of_look(decision.look, goal.count, goal.unit)


def _bars(measure: Measure) -> Bars:
    candidate, now_, base = (
        _bar(measure, values) for values in (measure.candidate, measure.current, measure.base)
    )
    return Bars(
        measure.title, measure.role, measure.unit, len(measure.items), candidate, now_, base
    )


def _bar(measure: Measure, values: tuple[float, ...]) -> Bar:
    """The mean's interval by Student's t; E. B. Wilson's for shares that are passed (JASA 22, 1927)."""
    count, mean = len(values), fmean(values)
    if measure.compare == PASSED:
        z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
        center = (mean + z * z / (2 * count)) / (1 + z * z / count)
        half = z / (1 + z * z / count) * math.sqrt(mean * (1 - mean) / count + (z / count / 2) ** 2)
        low, high = center - half, center + half
    else:
        half = (
            t_quantile(0.5 + CONFIDENCE / 2, count - 1) * stdev(values, mean) / math.sqrt(count)
            if count > 1
            else 0.0
        )
        low, high = mean - half, mean + half
    scores = sorted(measure.score([bound]) for bound in (low, high))
    return Bar(measure.score([mean]), *scores)


def _cost(run: Run, measured: Benchmark) -> Cost:
    # The size is taken from the files themselves.
    costs = [one for one in measured.figures if one.is_cost and one.name != "adapter_mb"]
    figures = tuple(map(plain_words.of_figure, costs))
    result = run.result() or {}
    files = run.file("adapters").iterdir() if run.file("adapters").is_dir() else ()
    size = sum(path.stat().st_size for path in files if path.is_file())
    return Cost(size, seconds_taken(result), result.get("peak_memory_gb"), figures)


def newest_proposed(home: Home, kind: str | None) -> Run | None:
    """The run of the newest proposal that still stands: what a person means who says only yes or no."""
    proposed = [run for run in all_runs(home, kind) if run.file(approval.FILE).exists()]
    return max(proposed, key=lambda run: run.file(approval.FILE).stat().st_mtime, default=None)
