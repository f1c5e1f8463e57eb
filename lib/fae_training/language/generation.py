"""The model's own answers, the most likely token each time, several prompts at once."""

from collections.abc import Callable

from mlx_lm.generate import BatchGenerator

from fae_training.language.rows import encode_prompt


def generate(
    model,
    tokenizer,
    prompts: list[list[int]],
    max_tokens: int,
    check: Callable[[], None] = lambda: None,
) -> list[list[int]]:
    """For each prompt (token ids, not empty) the tokens of its answer, at most max_tokens, without the end token.

    check is called after each step and may raise to end the work.
    """
    if not prompts:
        return []
    ends = [[token] for token in tokenizer.eos_token_ids]
    generator = BatchGenerator(model, stop_tokens=ends)
    try:
        answers = {number: [] for number in generator.insert(prompts, [max_tokens] * len(prompts))}
        while responses := generator.next_generated():
            for response in responses:
                if response.finish_reason != "stop":
                    answers[response.uid].append(response.token)
            check()
    finally:
        generator.close()
    return list(answers.values())


def answer_texts(
    model,
    tokenizer,
    requests: list[tuple[list[dict], list[dict] | None]],
    max_tokens: int,
    check: Callable[[], None] = lambda: None,
) -> list[str]:
    """What the model answers to each request, a pair of messages and tools, asked as Fae's runtime does."""
    prompts = [encode_prompt(tokenizer, messages, tools) for messages, tools in requests]
    answers = generate(model, tokenizer, prompts, max_tokens, check)
    return [tokenizer.decode(answer).strip() for answer in answers]
