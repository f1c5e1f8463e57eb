"""Answers written together are those that each prompt gets alone, whatever joins, leaves or is shared."""

import random
from types import SimpleNamespace

import pytest

ENDS = SimpleNamespace(eos_token_ids=[7])
NAMES = ("qwen3.5", "llama", "mistral", "lfm2")


def model_of(name: str):
    import tiny_models
    import tiny_qwen

    model = tiny_qwen.make_model() if name == "qwen3.5" else tiny_models.make_model(name)
    model.eval()
    return model


def some_prompts() -> list[list[int]]:
    """Two groups with the same beginning, one of them nearly a prompt itself, and prompts without
    company, of many lengths."""
    chooser = random.Random(3)

    def tokens(count: int) -> list[int]:
        return [chooser.randrange(8, 250) for _ in range(count)]

    first, second = tokens(40), tokens(20)
    return [
        *(first + tokens(count) for count in (1, 9, 2, 30, 3)),
        *(tokens(count) for count in (1, 5, 33, 2)),
        *(second + tokens(count) for count in (4, 5)),
        [*first, 9],
    ]


def alone(model, prompt: list[int], limit: int) -> list[int]:
    import mlx.core as mx

    said: list[int] = []
    while len(said) < limit:
        token = mx.argmax(model(mx.array([prompt + said]))[0, -1]).item()
        if token in ENDS.eos_token_ids:
            break
        said.append(token)
    return said


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_the_one_that_its_prompt_gets_alone(name, monkeypatch):
    from fae_training.language import generation

    # Few places, so that answers join and leave all the time.
    monkeypatch.setattr(generation, "MOST", 4)
    monkeypatch.setattr(generation, "MOST_WITH_STATES", 4)
    monkeypatch.setattr(generation, "READ_TOGETHER", 3)
    monkeypatch.setattr(generation, "PADDED", 10.0)
    model, prompts = model_of(name), some_prompts()
    limits = [1 + 5 * n % 11 for n in range(len(prompts))]
    found = dict(generation.finished_answers(model, ENDS, prompts, limits, lambda: None))
    assert found == {n: alone(model, prompts[n], limits[n]) for n in range(len(prompts))}


def test_the_beginning_of_a_group_is_read_once_and_no_other_twice(monkeypatch):
    from fae_training.language import generation

    model, prompts = model_of("llama"), some_prompts()
    read: list[int] = []

    def counting(tokens, cache):
        read.append(tokens.size)
        return model(tokens, cache=cache)

    counting.layers, counting.make_cache = model.layers, lambda: [*map(_plain_cache, model.layers)]
    monkeypatch.setattr(generation, "PADDED", 1.0)
    assert len(generation.generate(counting, ENDS, prompts, 1)) == len(prompts)
    # The last token of each prompt is read with the first step.
    whole = sum(map(len, prompts))
    assert sum(read) == whole - 5 * 40 - 1 * 20


def _plain_cache(layer):
    from mlx_lm.models.cache import KVCache

    return KVCache()


def test_an_answer_that_is_settled_ends_there_and_the_others_go_on():
    from fae_training.language import generation

    model, prompts = model_of("llama"), some_prompts()[:6]
    whole = generation.generate(model, ENDS, prompts, 8)
    found = dict(
        generation.finished_answers(
            model,
            ENDS,
            prompts,
            [8] * 6,
            lambda: None,
            lambda index, tokens: index % 2 == 0 and len(tokens) == 3,
        )
    )
    assert found == {n: whole[n][:3] if n % 2 == 0 else whole[n] for n in range(6)}


def test_the_work_may_be_ended_at_any_step():
    from fae_training.language import generation

    steps = []

    def check():
        steps.append(1)
        if len(steps) == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        generation.generate(model_of("llama"), ENDS, some_prompts(), 50, check)
    assert generation.generate(model_of("llama"), ENDS, [], 5) == []
