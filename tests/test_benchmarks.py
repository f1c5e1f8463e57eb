"""The benchmarks: sections of the page, the rule for corrections, and judgements from numbers."""

import json
import sys

import pytest

import calls
from fae_training.judgement.parts import TRAIN, part_of
from fae_training.store import state

sys.path.append(str(calls.ROOT / "benchmarks"))
import page
import random_models
import real_data
import real_page


def test_a_section_is_replaced_and_the_other_text_stays(tmp_path):
    path = tmp_path / "benchmarks.md"
    page.write_section(path, "bench-train", "Training", "first")
    page.write_section(path, "bench-real", "A real model", "second")
    page.write_section(path, "bench-train", "Training", "third")
    text = path.read_text()
    assert text.startswith("# Benchmarks\n")
    assert "first" not in text and text.index("third") < text.index("second")
    assert text.count("## Training") == text.count("## A real model") == 1
    page.write_section(path, "bench-real", "A real model", "second")
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("Sure. It leaves on Monday at noon. Shall I book it?", "It leaves on Monday at noon."),
        ("It costs $402 per passenger.", None),
        ("Okay. Where and what time do you want to travel to Paris?", None),
        ("", None),
    ],
)
def test_a_correction_keeps_the_longest_sentence_of_an_answer_that_gets_shorter_by_it(
    answer, chosen
):
    assert real_data.main_sentence(answer) == chosen


def dialogue(name: str, answers: int = 2) -> dict:
    messages = []
    for number in range(answers):
        messages.append({"role": "user", "content": f"Question {number} of {name}?"})
        text = f"Sure. Number {number} of {name} is a long one. Anything else today?"
        messages.append({"role": "assistant", "content": text})
    return {"id": name, "tools": [{"type": "function"}], "messages": messages}


def test_a_dialogue_and_its_corrections_are_on_the_side_of_the_project_s_own_split(tmp_path):
    given = [dialogue(f"d{number}") for number in range(40)]
    given.append(dialogue("long", answers=real_data.MOST_ANSWERS + 1))
    counts = real_data.write_home(tmp_path / "home", given)
    for kind in ("sft", "dpo"):
        for side in ("train", "valid"):
            rows = list(state.read_jsonl(tmp_path / "home" / "data" / kind / f"{side}.jsonl"))
            assert len(rows) == counts[kind][side] > 0
            for row in rows:
                assert (part_of(row["source"]["session"]) == TRAIN) == (side == "train")
                assert row["tools"] and (kind == "dpo" or row["source"]["session"] != "long")


def results(before: list[float], after: list[float], requests_after: list[float]) -> dict:
    """What bench_real keeps of one run, as far as its judgement reads it."""
    measure = {"name": "conversation_loss", "current": before, "candidate": after}
    run = {"name": "SFT light", "command": "train.py --preset light"}
    return {
        "light": run | {"receipt": {"benchmark": {"measures": [measure]}}},
        "requests": {"losses": {"base": [2.0, 2.1, 2.2], "light": requests_after}},
    }


BETTER, WORSE, UNSURE = [2.7, 2.71, 2.69], [3.3, 3.31, 3.29], [2.7, 2.5, 2.8]
SAME, A_LITTLE = [2.999, 2.999, 3.0], [2.98, 2.979, 2.981]
NOT_HARMED, HARMED = [2.0, 2.1, 2.201], [2.4, 2.5, 2.62]


@pytest.mark.parametrize(
    ("after", "requests_after", "words", "verdict"),
    [
        (BETTER, NOT_HARMED, "loss on 3 held-out dialogues fell by 10.0%;", ""),
        (SAME, NOT_HARMED, "not statistically significant", "hardly changes this model"),
        (A_LITTLE, NOT_HARMED, "(significant, but negligible)", "hardly changes this model"),
        (
            UNSURE,
            NOT_HARMED,
            "fell by 11.1%, which is not statistically",
            "too few dialogues to tell",
        ),
        (
            BETTER,
            HARMED,
            "3 outside requests rose by 19.4%",
            "harms this model on outside requests",
        ),
        (WORSE, NOT_HARMED, "rose by 10.0%", "harms this model on the dialogues"),
    ],
)
def test_a_preset_is_judged_by_its_numbers(after, requests_after, words, verdict):
    judged = real_page.judgement(results([3.0, 3.0, 3.0], after, requests_after), "light")
    assert words in judged and verdict in judged, judged
    assert ("**" in judged.removeprefix("**SFT light**")) == bool(verdict)


def test_an_interval_is_student_s():
    from scipy import stats

    before, after = [1.0, 2.0, 3.0, 4.0], [0.5, 1.8, 2.2, 3.9]
    found, wanted = real_page.change(before, after), stats.ttest_rel(after, before)
    assert (found.low, found.high) == pytest.approx(wanted.confidence_interval(0.95))
    assert not found.certain and real_page.change([], []).text() == "not measured"


def test_a_model_of_random_weights_is_one_that_mlx_lm_loads(tmp_path):
    from mlx_lm import load

    from fae_training.language import model_sizes

    config = random_models.config_of("35B-A3B", layers=5)
    small = {"hidden_size": 64, "vocab_size": 2000, "num_experts": 4, "moe_intermediate_size": 32}
    small |= {"shared_expert_intermediate_size": 32, "num_experts_per_tok": 2, "head_dim": 32}
    small |= {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "num_attention_heads": 2}
    config["text_config"] |= small
    written = random_models.write_model(tmp_path / "model", config)
    model, tokenizer = load(str(tmp_path / "model"))
    assert len(model.layers) == 5 and tokenizer.encode("Hello")
    sizes, weights = model_sizes.read_directory(tmp_path / "model")
    assert weights == pytest.approx(written, rel=0.01)
    assert sizes.weight_bytes() == pytest.approx(written, rel=0.05)
    kept = json.loads((tmp_path / "model" / "config.json").read_text())
    assert kept == config
