"""Planted bad adapters: a measure detects what is wrong with each, and the gate refuses it.

Those that have to be trained are in benchmarks/bench_planted.py; one answer in place of a third of all is in test_repetition.py,
pairs that differ in spaces are in test_training_rows.py.
"""

import pytest

from fae_training.capabilities.checks import ToolCall, passed, written
from fae_training.capabilities.task import Item
from fae_training.judgement import gate
from fae_training.judgement.benchmark import Benchmark
from fae_training.language.capability_probe import Capabilities
from fae_training.language.scoring import PerModel
from fae_training.lifecycle import runs
from fae_training.store.state import Home
from test_gate import losses, measure

FORMATS = ("exact format", "JSON")


def good_answer(item: Item) -> str:
    answer = item.good[0]
    return answer if isinstance(answer, str) else written(ToolCall(**answer))


def judged(home, change) -> gate.Decision:
    """What the gate says of a candidate that predicts conversations better and answers as `change(item, answer)`."""
    run = runs.create(Home(home), "sft", {"settings": {"suite": "full"}})
    probe = Capabilities(run, tokenizer=None)
    usual = {item.id: passed(item, good_answer(item)) for item in probe.suite.items}
    changed = {item.id: passed(item, change(item, good_answer(item))) for item in probe.suite.items}
    report = probe.report(PerModel(changed, usual, usual))
    assert all(usual.values())
    return gate.decide(Benchmark((measure(*losses()), *report.measures), True, 5, 5, None), 1)


def outcome(decision: gate.Decision, name: str) -> str:
    (found,) = {one.outcome for one in decision.comparisons if one.measure == name}
    return found


def test_the_same_answers_are_kept_and_pass(home):
    assert judged(home, lambda item, answer: answer).verdict == gate.PASS


@pytest.mark.parametrize("start", ["Sure! ", "Here is what you asked for, Sam: "])
def test_an_adapter_that_chats_where_a_format_was_asked_for_is_refused(home, start):
    found = judged(
        home, lambda item, answer: start + answer if item.category in FORMATS else answer
    )
    assert found.verdict == gate.FAIL
    assert (outcome(found, "abilities"), outcome(found, "tools")) == (gate.WORSE, gate.KEPT)


def test_an_adapter_that_says_done_where_a_tool_is_needed_is_refused(home):
    found = judged(
        home, lambda item, answer: "Done, the reminder is set." if item.tools else answer
    )
    assert found.verdict == gate.FAIL and outcome(found, "tools") == gate.WORSE


def test_an_adapter_that_thinks_aloud_is_refused(home):
    found = judged(home, lambda item, answer: f"<think>\nLet me see.\n</think>\n{answer}")
    assert found.verdict == gate.FAIL
