"""The gate: at least as good as what runs now, on every gated measure, and only with something to judge by."""

import math

import pytest

from fae_training import gate


def measure(candidate, current, better="lower", **more) -> dict:
    return {
        "name": "held_out_loss",
        "title": "predicting",
        "better": better,
        "gate": "no_worse",
        "candidate": candidate,
        "current": current,
    } | more


def benchmark(*measures, count=20) -> dict:
    return {"held_out": {"count": count, "what": "conversations"}, "measures": list(measures)}


def paired(candidate, current) -> dict:
    return {"per_item": {"candidate": candidate, "current": current}}


def test_the_interval_of_a_constant_difference_is_that_difference():
    assert gate.bootstrap_mean_difference([3.0, 5.0, 9.0], [2.0, 4.0, 8.0]) == (1.0, 1.0, 1.0)


def test_the_interval_is_the_one_of_the_mean():
    """For a spread s over n items the 95 % interval of the mean is about 1.96 s / sqrt(n) to each side."""
    differences = [math.sin(i) for i in range(200)]
    mean, low, high = gate.bootstrap_mean_difference(differences, [0.0] * 200)
    spread = math.sqrt(sum((d - mean) ** 2 for d in differences) / 200)
    assert mean == pytest.approx(sum(differences) / 200)
    assert mean - low == pytest.approx(1.96 * spread / math.sqrt(200), rel=0.1)
    assert high - mean == pytest.approx(1.96 * spread / math.sqrt(200), rel=0.1)


def test_the_same_seed_gives_the_same_interval():
    a, b = [0.1, 0.4, 0.2, 0.9], [0.3, 0.2, 0.2, 0.5]
    assert gate.bootstrap_mean_difference(a, b, 1) == gate.bootstrap_mean_difference(a, b, 1)


@pytest.mark.parametrize("pairs", [([1.0], [1.0, 2.0]), ([], [])])
def test_items_that_are_no_pairs_are_an_error(pairs):
    with pytest.raises(ValueError, match="are not pairs"):
        gate.bootstrap_mean_difference(*pairs)


@pytest.mark.parametrize(
    "given, outcome, verdict",
    [
        (measure(1.9, 2.0), "same", "pass"),
        (measure(2.0, 2.0), "same", "pass"),
        (measure(2.0001, 2.0), "worse", "fail"),
        (measure(0.8, 0.9, "higher"), "worse", "fail"),
        (measure(0.9, 0.8, "higher"), "same", "pass"),
        (measure(2.01, 2.0, tolerance=0.01), "within tolerance", "pass"),
        (measure(2.03, 2.0, tolerance=0.01), "worse", "fail"),
        (measure(float("nan"), 2.0), "worse", "fail"),
        (measure(1.0, 2.0, **paired([1.0] * 6, [2.0] * 6)), "better", "pass"),
        (measure(0.9, 0.5, "higher", **paired([0.9] * 6, [0.5] * 6)), "better", "pass"),
        (measure(1.9, 2.0, **paired([0, 0, 0, 0, 11.4], [2.0] * 5)), "same", "pass"),
        (measure(2.1, 2.0, gate="not_proven_worse", **paired([0, 0, 0, 0, 12.5], [2.4] * 5)), "by chance", "pass"),
        (measure(2.1, 2.0, gate="not_proven_worse", **paired([2.1] * 6, [2.0] * 6)), "worse", "fail"),
    ],
)  # fmt: skip
def test_outcomes_and_verdicts(given, outcome, verdict):
    decided = gate.decide(benchmark(given))
    assert decided["measures"][0]["outcome"] == outcome
    assert decided["verdict"] == verdict
    assert decided["proven_better"] == (outcome == "better")


def test_one_worse_measure_is_enough_and_a_reported_one_does_not_count():
    better, worse = measure(1.0, 2.0), measure(3.0, 2.0, name="tools", title="calling tools")
    assert gate.decide(benchmark(better, worse))["verdict"] == "fail"
    decided = gate.decide(benchmark(better, worse | {"gate": "report"}))
    assert decided["verdict"] == "pass" and "tools" not in " ".join(decided["reasons"])


def test_too_little_held_out_is_not_enough_evidence_but_worse_is_still_worse():
    decided = gate.decide(benchmark(measure(1.0, 2.0), count=4))
    assert decided["verdict"] == "not_enough_evidence" and not decided["proven_better"]
    assert "only 4 conversations were held out; 5 are needed" in decided["reasons"][-1]
    assert gate.decide(benchmark(measure(1.0, 2.0), count=5))["verdict"] == "pass"
    assert gate.decide(benchmark(measure(3.0, 2.0), count=4))["verdict"] == "fail"


@pytest.mark.parametrize("empty", [benchmark(), benchmark(count=0), {}])
def test_nothing_measured_is_never_a_pass(empty):
    assert gate.decide(empty)["verdict"] == "not_enough_evidence"


def test_the_reason_has_both_numbers():
    [reason] = gate.decide(benchmark(measure(1.9, 2.25)))["reasons"]
    assert reason == "predicting: at least as good (2.25 now, 1.9 after, lower is better)"


def test_figures_that_differ_are_shown_so_that_it_is_seen():
    assert gate.told_apart(1.9876, 0.24241) == ("1.988", "0.2424")
    assert gate.told_apart(10.3208, 10.3201) == ("10.321", "10.32")
    assert gate.told_apart(0.5, 0.5) == ("0.5", "0.5")
