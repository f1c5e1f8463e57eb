"""The decision whether a candidate may be proposed: proven better at its goals, and proven not to have lost anything.

docs/judgement.md explains the rule and its error rates, from simulation (benchmarks/bench_gate.py). It fails safe:
missing, non-finite or insufficient measurements never pass.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from fae_training.judgement.benchmark import (
    GOAL,
    LARGEST_GAIN,
    PASSED,
    RATIO,
    REPORT,
    Benchmark,
    Measure,
)
from fae_training.judgement.intervals import Estimate, of_mean, of_pass_rate

MOST_UNITS = 10**9
# Bounds in files of earlier versions were beyond the largest gain, but not beyond this.
FURTHEST_BOUND = 100.0
# The largest probability that a useless run is recommended by chance, over all looks at the same judge part together.
ERROR = 0.025

PASS, FAIL, NOT_ENOUGH = "pass", "fail", "not_enough_evidence"
BETTER, KEPT, NOT_SHOWN, WORSE = "better", "kept", "not_shown", "worse"


@dataclass(frozen=True)
class Comparison:
    """The candidate compared with one other model on one measure: means, the gain with its bounds, and units by direction.

    outcome: "better" (a gain that is proven and large enough to notice), "kept" (a loss beyond the margin is ruled
    out), "worse" (a loss is proven), "not_shown" (neither). plain_words.py says it in words.
    """

    measure: str
    title: str
    unit: str
    value_unit: str
    role: str
    compare: str
    margin: float
    against: str
    new: float
    old: float
    gain: float
    low: float
    high: float
    count: int
    improved: int
    worsened: int
    outcome: str

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that no comparison can have, which an edited or damaged file may hold."""
        gains = (self.gain, self.low, self.high, self.margin)
        largest_mean = 1.0 if self.compare == PASSED else sys.float_info.max
        if (
            not all(abs(gain) <= FURTHEST_BOUND for gain in gains)
            or not all(abs(mean) <= largest_mean for mean in (self.new, self.old))
            or not 0 <= self.improved + self.worsened <= self.count <= MOST_UNITS
        ):
            raise ValueError(f"{self.measure}: its numbers are not those of a comparison")


@dataclass(frozen=True)
class Decision:
    """`reasons`: other grounds besides the comparisons; plain_words.of_decision describes both.

    `look`: how many times this judge part has been used, this time included. Scores are from 0 to 1.
    """

    verdict: str
    reasons: tuple[str, ...]
    look: int
    comparisons: tuple[Comparison, ...]
    score: float | None
    previous_score: float | None

    def __post_init__(self) -> None:
        """Raises ValueError for a look or a score out of range."""
        if not 0 <= self.look <= MOST_UNITS:
            raise ValueError(f"look is {self.look}, expected a count")
        for score in (self.score, self.previous_score):
            if score is not None and not 0 <= score <= 1:
                raise ValueError(f"a score is {score}, expected 0 to 1")


def error_of_look(look: int) -> float:
    """The error probability allowed at look number `look` (from 1) at the same judge part; over all looks it sums to ERROR."""
    look = max(look, 1)
    return ERROR / (look * (look + 1))


def compare(measure: Measure, against: str, alpha: float) -> Comparison:
    """Raises ValueError if a value is missing or not finite."""
    old = getattr(measure, against)
    gains = measure.gains(old)
    improved, worsened = sum(g > 0 for g in gains), sum(g < 0 for g in gains)
    if measure.compare == PASSED:
        bounds = of_pass_rate(improved, worsened, len(gains), alpha)
    else:
        bounds = of_mean(gains, alpha, *measure.room(old))
    return Comparison(
        measure.name,
        measure.title,
        measure.unit,
        measure.value_unit,
        measure.role,
        measure.compare,
        measure.margin,
        against,
        sum(measure.candidate) / len(gains),
        sum(old) / len(gains),
        bounds.mean,
        # No mean of gains is beyond the largest gain, although Student's t may say so for few units.
        max(bounds.low, -LARGEST_GAIN),
        min(bounds.high, LARGEST_GAIN),
        bounds.count,
        improved,
        worsened,
        _outcome(measure, old, bounds, alpha),
    )


def _outcome(measure: Measure, old: Sequence[float], bounds: Estimate, alpha: float) -> str:
    """A goal that is a loss must be better in its mean, and also where every unit counts alike: neither a few conversations
    with a large loss nor many with a small one are enough."""
    is_better = measure.role == GOAL and bounds.low > 0 and bounds.mean >= measure.least
    if is_better and measure.compare == RATIO:
        is_better = of_mean(measure.relative_gains(old), alpha).low > 0
    if is_better:
        return BETTER
    if bounds.low > -measure.margin:
        return KEPT
    return WORSE if bounds.high < 0 else NOT_SHOWN


def decide(benchmark: Benchmark, look: int) -> Decision:
    """The verdict on a candidate at look number `look` at its judge part.

    pass: at least one goal is better than the current model's, and every goal and guard is kept against both the current
    and the base model, so that small losses cannot add up over many updates. fail: a loss is proven, or nothing changed
    noticeably. Anything else is not enough evidence.
    """
    judged = [measure for measure in benchmark.measures if measure.role != REPORT]
    goals = [measure for measure in judged if measure.role == GOAL]
    if missing := _missing(benchmark, judged, goals):
        return Decision(NOT_ENOUGH, (missing,), look, (), None, None)
    # A useless candidate passes if any goal errs, so the goals share this look's error. A guard's items, such as the suite,
    # may be the same in every update, so its bound does not depend on the look.
    alpha = error_of_look(look) / len(goals)
    try:
        compared = [
            compare(measure, against, alpha if measure.role == GOAL else ERROR)
            for measure in judged
            for against in ("current", "base")
        ]
    except ValueError as problem:
        return Decision(FAIL, (f"It could not be judged. {problem}.",), look, (), None, None)
    now = [one for one in compared if one.against == "current"]
    reasons = []
    outcomes = {one.outcome for one in compared}
    if WORSE in outcomes:
        verdict = FAIL
    elif not benchmark.outputs_changed:
        verdict = FAIL
        reasons.append(
            f"Nothing changed that you could notice: all {benchmark.outputs} outputs that were compared are the same."
        )
    elif NOT_SHOWN in outcomes or benchmark.not_shown:
        verdict = NOT_ENOUGH
        reasons += benchmark.not_shown
    elif not any(one.outcome == BETTER for one in now):
        verdict = NOT_ENOUGH
        reasons.append(
            "Nothing got worse, but no improvement is proven that is large enough to notice."
        )
    else:
        verdict = PASS
    scores = [
        sum(measure.score(getattr(measure, who)) for measure in goals) / len(goals)
        for who in ("candidate", "current")
    ]
    return Decision(verdict, tuple(reasons), look, tuple(compared), *scores)


def _missing(benchmark: Benchmark, judged: list[Measure], goals: list[Measure]) -> str | None:
    """Why nothing can be judged at all, or None."""
    if not goals:
        return "Nothing was held out, so it cannot be judged."
    if not benchmark.judged_apart:
        return "There is too little data for a separate test set: the held-out data was also used to choose the result."
    for measure in judged:
        if len(measure.items) < measure.fewest:
            count = len(measure.items)
            return f"{measure.title}: {'only ' if count else ''}{count or 'no'} {measure.unit} were held out; {measure.fewest} are needed to tell better from worse."
    return None
