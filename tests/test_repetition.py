"""Repetition: one answer to many questions is detected, and two greetings may have the same answer."""

import json

import pytest

import calls
from fae_training.judgement import gate
from fae_training.judgement.benchmark import GUARD, REPORT, Benchmark
from fae_training.judgement.intervals import of_pass_rate
from fae_training.language import repetition_probe
from fae_training.language.repetition_probe import Repetition, own_answers
from fae_training.language.scoring import PerModel
from fae_training.lifecycle import runs
from fae_training.rows.row_forms import conversation
from fae_training.store import state
from test_gate import losses, measure

DONE = "done the reminder is set"


def test_an_answer_counts_as_repeated_from_the_third_question_on():
    assert own_answers(["a", "a", "b"]) == (1.0, 1.0, 1.0)
    assert own_answers(["a", "a", "b", "a"]) == (0.0, 0.0, 1.0, 0.0)


def test_of_forty_questions_three_may_have_the_same_answer_and_four_may_not():
    others = [str(n) for n in range(36)]
    assert sum(own_answers(["dublin"] * 3 + ["white"] + others)) == 40
    assert sum(own_answers(["dublin"] * 4 + others)) == 36


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(calls.LANGUAGE_MODEL)


def turns(*texts: str) -> list[dict]:
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]


def test_first_questions_come_before_second_ones_and_none_twice(tokenizer):
    rows = [
        conversation({"messages": turns("What is owl?", "A bird.", "And wren?", "A bird too.")}),
        conversation({"messages": turns("What is owl?", "A bird.", "And elm?", "A tree.")}),
        conversation({"messages": turns("What is oak?", "A tree.")}),
    ]
    found = repetition_probe.prompts_of(rows, tokenizer, 512)
    assert list(found) == ["What is owl?", "What is oak?", "And wren?", "And elm?"]
    assert tokenizer.decode(found["And elm?"]).count("<|im_start|>") == 4
    assert list(repetition_probe.prompts_of(rows, tokenizer, 20)) == [
        "What is owl?",
        "What is oak?",
    ]
    assert repetition_probe.prompts_of([], tokenizer, 512) == {}


def probe_of(home, tokenizer, count: int) -> Repetition:
    rows = [
        {"messages": turns(f"Question {n}?", f"Answer {n}."), "part": "judge"} for n in range(count)
    ]
    rows.append({"messages": turns("Another?", "Yes."), "part": "choose"})
    place = state.Home(home)
    place.directory("data", "sft").joinpath("valid.jsonl").write_text(
        "\n".join(map(json.dumps, rows))
    )
    return Repetition(runs.create(place, "sft", {"settings": {"max_length": 512}}), tokenizer, 0.25)


def verdict(probe: Repetition, candidate: list[str], current: list[str]) -> str:
    (found,) = probe.report(PerModel(candidate, current, current)).measures
    goal = measure(*losses())
    return gate.decide(Benchmark((goal, found), probe.apart, 5, 5, None), 1).verdict


def test_thirty_in_a_hundred_answers_that_are_one_text_are_refused(home, tokenizer):
    probe = probe_of(home, tokenizer, 60)
    assert probe.items == 40
    usual = [f"answer {n}" for n in range(40)]
    assert verdict(probe, [f"other {n}" for n in range(40)], usual) == gate.PASS
    assert verdict(probe, [f"other {n}" for n in range(38)] + [DONE] * 2, usual) == gate.PASS
    assert verdict(probe, [DONE] * 12 + usual[12:], usual) == gate.FAIL
    assert verdict(probe, [DONE] * 12 + usual[12:], [DONE] * 12 + usual[12:]) == gate.PASS


def test_few_questions_are_reported_and_not_judged(home, tokenizer):
    usual = [f"answer {n}" for n in range(20)]
    for count, role in ((19, REPORT), (20, GUARD)):
        probe = probe_of(home / str(count), tokenizer, count)
        (found,) = probe.report(PerModel(*[usual[:count]] * 3)).measures
        assert found.role == role and len(found.items) == count
    assert verdict(probe, usual, usual) == gate.PASS


def test_the_sample_model_answers_its_questions_differently(home):
    from fae_training.language import loading
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.scoring import Subject

    model, loaded = loading.load(str(calls.LANGUAGE_MODEL))
    model.eval()
    probe = probe_of(home, loaded, 0)
    asked = ["What is the capital of Italy?", "What does a panda eat?", "Good night."]
    probe.prompts = {text: loaded.apply_chat_template(turns(text), add_generation_prompt=True, enable_thinking=False, return_dict=False) for text in asked}  # fmt: skip
    finished = []
    answers = probe.measure(Subject(model, FastSettings(), None), finished.append)
    assert sum(finished) == 3 and "rome" in answers[0] and "bamboo" in answers[1]
    assert own_answers(answers) == (1.0, 1.0, 1.0)


def test_where_time_is_short_the_thirty_shortest_questions_are_asked():
    prompts = {f"question {n}": [1] * (100 - n) for n in range(40)}
    assert repetition_probe.affordable(prompts, float("inf")) == prompts
    few = repetition_probe.affordable(prompts, 0)
    assert list(few) == [f"question {n}" for n in range(10, 40)]
    each = 61 + repetition_probe.WRITTEN_TOKEN * repetition_probe.LONGEST
    assert 30 < len(repetition_probe.affordable(prompts, 35 * (each + 20))) < 40
    assert repetition_probe.affordable({}, 0) == {}


def test_thirty_questions_find_a_dominant_answer_as_often_as_forty():
    from math import comb

    def passes(count: int, share: float) -> float:
        """The probability that a candidate gets past the guard that gives one answer to this share."""
        total = 0.0
        for same in range(count + 1):
            answers = ["one"] * same + [str(n) for n in range(count - same)]
            lost = answers and len(answers) - sum(own_answers(answers))
            low = of_pass_rate(0, int(lost), count, gate.ERROR).low
            chance = comb(count, same) * share**same * (1 - share) ** (count - same)
            total += chance * (low > -repetition_probe.MARGIN)
        return total

    for share in (0.1, 0.15, 0.2, 0.3, 0.4, 0.5):
        assert passes(repetition_probe.AFFORDED, share) <= passes(40, share) + 1e-3, share
    assert passes(20, 0.3) > 3 * passes(40, 0.3), "twenty would not do"
