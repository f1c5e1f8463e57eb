"""Greedy decoding of the model's own answers, several prompts at once."""

from collections.abc import Callable, Iterator
from itertools import groupby

import mlx.core as mx
from mlx_lm.generate import BatchGenerator
from mlx_lm.models.cache import make_prompt_cache

from fae_training import linux_cpu
from fae_training.language.rows import encode_prompt

# New prompts are added while fewer than this many are being answered.
TOGETHER = 32
# A shared prefix of fewer tokens is recomputed rather than kept.
SHORTEST_SHARED = 16
PREFILL_TOKENS = 2048


def generate(
    model,
    tokenizer,
    prompts: list[list[int]],
    max_tokens: int,
    check: Callable[[], None] = lambda: None,
) -> list[list[int]]:
    """The tokens of the answer to each prompt (token ids, not empty), at most max_tokens, without
    the end token.

    check is called after each step and may raise to end the work.
    """
    limits, shared = [max_tokens] * len(prompts), [0] * len(prompts)
    answers = dict(finished_answers(model, tokenizer, prompts, limits, shared, check))
    return [answers[number] for number in range(len(prompts))]


def finished_answers(
    model,
    tokenizer,
    prompts: list[list[int]],
    limits: list[int],
    shared: list[int],
    check: Callable[[], None],
) -> Iterator[tuple[int, list[int]]]:
    """(index of the prompt, its answer) as each answer is finished; at most limits[index] tokens,
    without the end token.

    shared: the number of tokens at the start of each prompt that are computed once for all
    neighbours with the same ones; fewer than the prompt has.
    """
    groups = [
        list(group)
        for _, group in groupby(range(len(prompts)), lambda i: prompts[i][: shared[i]] or i)
    ]
    groups.reverse()
    generator = BatchGenerator(
        model,
        stop_tokens=[[token] for token in tokenizer.eos_token_ids],
        completion_batch_size=TOGETHER,
    )
    answers: dict[int, list[int]] = {}
    index_of: dict[int, int] = {}
    try:
        with linux_cpu.one_thread():
            while groups or answers:
                while groups and len(answers) < TOGETHER:
                    group = groups.pop()
                    prefix = prompts[group[0]][: shared[group[0]]]
                    known = len(prefix) if len(group) > 1 and len(prefix) >= SHORTEST_SHARED else 0
                    numbers = generator.insert(
                        [prompts[i][known:] for i in group],
                        [limits[i] for i in group],
                        # Batches copy their inputs, so one cache serves all.
                        [_cache(model, prefix)] * len(group) if known else None,
                    )
                    answers |= {number: [] for number in numbers}
                    index_of |= dict(zip(numbers, group, strict=True))
                    check()
                for response in generator.next_generated():
                    if response.finish_reason != "stop":
                        answers[response.uid].append(response.token)
                    if response.finish_reason:
                        yield index_of[response.uid], answers.pop(response.uid)
                check()
    finally:
        generator.close()


def _cache(model, tokens: list[int]) -> list:
    """The cache of a model that has read these tokens."""
    cache = make_prompt_cache(model)
    for start in range(0, len(tokens), PREFILL_TOKENS):
        model(mx.array([tokens[start : start + PREFILL_TOKENS]]), cache=cache)
        mx.eval([layer.state for layer in cache])
    return cache


def answer_texts(
    model,
    tokenizer,
    requests: list[tuple[list[dict], list[dict] | None]],
    max_tokens: int,
    check: Callable[[], None] = lambda: None,
) -> list[str]:
    """The model's answer to each request, a pair of messages and tools, asked as Fae's runtime does."""
    prompts = [encode_prompt(tokenizer, messages, tools) for messages, tools in requests]
    answers = generate(model, tokenizer, prompts, max_tokens, check)
    return [tokenizer.decode(answer).strip() for answer in answers]
