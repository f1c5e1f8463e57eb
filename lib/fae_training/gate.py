"""Whether a candidate may be proposed: at least as good as what runs now, on every gated measure.

The measures come from the scoring of each kind (train_metrics.json, "benchmark"); nothing here knows what they mean.
"""

import random

# Fewer held-out items than this cannot tell better from worse.
FEWEST_HELD_OUT = 5
RESAMPLES = 2000


def bootstrap_mean_difference(
    candidate: list[float], current: list[float], seed: int = 0
) -> tuple[float, float, float]:
    """(mean, low, high): the mean of candidate - current over paired items, with its 95 % percentile interval.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13: items are drawn with replacement.
    """
    if len(candidate) != len(current) or not candidate:
        raise ValueError(f"{len(candidate)} and {len(current)} items are not pairs")
    differences = [a - b for a, b in zip(candidate, current, strict=True)]
    generator = random.Random(seed)
    means = sorted(
        sum(generator.choices(differences, k=len(differences))) / len(differences)
        for _ in range(RESAMPLES)
    )
    mean = sum(differences) / len(differences)
    return mean, means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


def judge(measure: dict) -> dict:
    """One measure with `improvement` (positive is better), its interval where items are paired, and `outcome`.

    outcome: better (the interval is above 0), same (at least as good, not proven better), within tolerance, by chance
    (worse, but the interval reaches 0; only where the measure's gate is not_proven_worse), or worse.
    """
    sign = -1 if measure["better"] == "lower" else 1
    improvement = sign * (measure["candidate"] - measure["current"])
    judged = {name: value for name, value in measure.items() if name != "per_item"} | {
        "improvement": improvement
    }
    low = high = None
    if pairs := measure.get("per_item"):
        ends = bootstrap_mean_difference(pairs["candidate"], pairs["current"])[1:]
        low, high = sorted(sign * end for end in ends)
        judged["interval"] = [low, high]
    allowed = measure.get("tolerance", 0.0) * abs(measure["current"])
    if improvement >= 0:
        judged["outcome"] = "better" if improvement > 0 and low is not None and low > 0 else "same"
    elif -improvement <= allowed:
        judged["outcome"] = "within tolerance"
    else:
        by_chance = measure["gate"] == "not_proven_worse" and high is not None and high >= 0
        judged["outcome"] = "by chance" if by_chance else "worse"
    return judged


def decide(benchmark: dict) -> dict:
    """verdict (pass, fail, not_enough_evidence), reasons in plain words, proven_better, and the judged measures."""
    held_out = benchmark.get("held_out", {"count": 0, "what": "items"})
    measures = [judge(measure) for measure in benchmark.get("measures", [])]
    gated = [measure for measure in measures if measure["gate"] != "report"]
    worse = [measure for measure in gated if measure["outcome"] == "worse"]
    reasons = [in_words(measure) for measure in gated]
    if worse:
        verdict = "fail"
    elif not gated or held_out["count"] < FEWEST_HELD_OUT:
        verdict = "not_enough_evidence"
        reasons.append(
            f"{'only ' * (held_out['count'] > 0)}{held_out['count'] or 'no'} {held_out['what']} were held out; {FEWEST_HELD_OUT} are needed to tell better from worse"
        )
    else:
        verdict = "pass"
    proven = verdict == "pass" and any(measure["outcome"] == "better" for measure in gated)
    return {"verdict": verdict, "proven_better": proven, "reasons": reasons, "measures": measures}


def in_words(measure: dict) -> str:
    outcome = {
        "better": "better, and not by chance",
        "same": "at least as good",
        "within tolerance": "slightly worse, within what is allowed",
        "by chance": "slightly worse, no more than chance explains",
        "worse": "worse",
    }[measure["outcome"]]
    now, after = told_apart(measure["current"], measure["candidate"])
    return (
        f"{measure['title']}: {outcome} ({now} now, {after} after, {measure['better']} is better)"
    )


def told_apart(first: float, second: float) -> tuple[str, str]:
    """Two figures in four digits, or in as many more as it takes to see that they differ."""
    for digits in range(4, 17):
        texts = f"{first:.{digits}g}", f"{second:.{digits}g}"
        if texts[0] != texts[1] or first == second:
            break
    return texts
