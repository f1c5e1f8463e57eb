"""Measures the sample language model's knowledge of its world by asking it questions with greedy decoding.

Each measure is a fraction between 0 and 1. Unless stated otherwise, the questions are wordings and
arguments that samples/world.py held out of the training.

    python samples/language_checks.py samples/language-model
"""

import random
from pathlib import Path

import world


class Speaker:
    """A loaded model that answers greedily, with the same chat template and settings as Fae's runtime."""

    def __init__(self, path: str | Path, adapter: str | Path | None = None):
        from mlx_lm import load

        self.model, self.tokenizer = load(str(path), adapter_path=adapter and str(adapter))
        self.soul = Path(__file__).with_name("soul.md").read_text(encoding="utf-8").strip()
        self.prefixes: dict[tuple[int, ...], list] = {}

    def prompt(self, messages: list[dict], tools: list[dict] | None = None) -> list[int]:
        system = [{"role": "system", "content": self.soul}]
        return self.tokenizer.apply_chat_template(
            system + messages,
            tools=tools,
            add_generation_prompt=True,
            enable_thinking=False,
            return_dict=False,
        )

    def answer(
        self, messages: list[dict], tools: list[dict] | None = None, limit: int = 80
    ) -> tuple[str, bool]:
        """The reply to the messages, and whether the model ended its turn within `limit` tokens."""
        import copy

        import mlx.core as mx
        from mlx_lm.models.cache import make_prompt_cache

        tokens = self.prompt(messages, tools)
        # The text before the first turn of the user is the same for all questions, so its cache is made once.
        turn = self.tokenizer.encode("<|im_start|>user", add_special_tokens=False)
        shared = next(i for i in range(len(tokens)) if tokens[i : i + len(turn)] == turn)
        prefix = tuple(tokens[:shared])
        if prefix not in self.prefixes:
            cache = make_prompt_cache(self.model)
            mx.eval(self.model(mx.array([prefix]), cache=cache), [c.state for c in cache])
            self.prefixes[prefix] = cache
        cache = copy.deepcopy(self.prefixes[prefix])
        given, answer = tokens[shared:], []
        while len(answer) < limit:
            logits = self.model(mx.array([given]), cache=cache)[0, -1]
            token = int(mx.argmax(logits))
            if token in self.tokenizer.eos_token_ids:
                return self.tokenizer.decode(answer), True
            answer.append(token)
            given = [token]
        return self.tokenizer.decode(answer), False

    def log_probability(self, messages: list[dict], reply: str) -> tuple[float, int]:
        """Summed log-probability of a reply with its end token, and its number of tokens."""
        import mlx.core as mx

        before = self.prompt(messages)
        answer = self.tokenizer.encode(reply, add_special_tokens=False)
        answer.append(self.tokenizer.eos_token_id)
        logits = self.model(mx.array([before + answer]))[0, len(before) - 1 : -1]
        chosen = mx.take_along_axis(logits, mx.array(answer)[:, None], axis=-1).squeeze(-1)
        return float((chosen - mx.logsumexp(logits, axis=-1)).sum()), len(answer)


def questions(
    rng: random.Random, count: int, held_out: bool = True
) -> list[tuple[world.Subject, str]]:
    """`count` pairs of a subject and a wording that the model was never (held_out=False: often) trained on."""
    found = [
        (subject, question)
        for subject in world.subjects()
        for question in subject.questions
        if world.is_held_out(subject.key, question) == held_out
    ]
    return rng.sample(found, min(count, len(found)))


def right_answers(subject: world.Subject) -> set[str]:
    return {world.answer(subject, style, w) for style in world.STYLES for w in range(3)}


def fact_accuracy(
    speaker: Speaker, count: int = 100, seed: int = 0, held_out: bool = True
) -> float:
    """The share of replies that exactly match one of the right answers: to unseen wordings, or to
    those trained on."""
    asked = questions(random.Random(seed), count, held_out)
    right = 0
    for subject, question in asked:
        reply, ended = speaker.answer([world.user(question)])
        right += ended and reply in right_answers(subject)
    return right / len(asked)


def tool_accuracy(speaker: Speaker, count: int = 40, seed: int = 0, held_out: bool = True) -> float:
    """The share of requests that become exactly the right call: name, arguments, form, and nothing else."""
    rng = random.Random(seed)
    names = list(world.REQUESTS)
    right = 0
    for number in range(count):
        request = world.tool_request(rng, names[number % len(names)], held_out)
        reply, ended = speaker.answer([world.user(request.text)], world.TOOLS)
        right += ended and reply == native_call(request)
    return right / count


def native_call(request: world.ToolRequest) -> str:
    """The request's call in Qwen3.5's form."""
    parameters = "".join(
        f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in request.arguments.items()
    )
    return f"<tool_call>\n<function={request.name}>\n{parameters}</function>\n</tool_call>"


def reply_after_tool(speaker: Speaker, count: int = 20, seed: int = 0) -> float:
    """The share of replies to a tool's result, refusals included, that give the result."""
    rng = random.Random(seed)
    right = 0
    for _ in range(count):
        request = world.tool_request(rng, held_out=True, denied=0.3)
        reply, ended = speaker.answer(request.messages()[:-1], world.TOOLS)
        right += ended and reply == request.reply
    return right / count


def abstention(speaker: Speaker, count: int = 30, seed: int = 0) -> float:
    """The share of questions needing no tool that are answered without one although tools are available."""
    asked = questions(random.Random(seed), count)
    replies = [speaker.answer([world.user(question)], world.TOOLS)[0] for _, question in asked]
    return sum("<tool_call>" not in reply for reply in replies) / len(replies)


def preference_for_short(speaker: Speaker, count: int = 60, seed: int = 0) -> float:
    """How often the short answer is likelier than the long one, by summed log-probability: 0.5 is
    no preference."""
    rng = random.Random(seed)
    asked = questions(rng, count)
    wins = 0
    for subject, question in asked:
        short, long = (
            speaker.log_probability(
                [world.user(question)], world.answer(subject, style, rng.randrange(3))
            )[0]
            for style in (world.SHORT, world.LONG)
        )
        wins += short > long
    return wins / len(asked)


def loss(speaker: Speaker, style: str, count: int = 60, seed: int = 0) -> float:
    """Mean nats per token of right answers in one style to unseen wordings."""
    rng = random.Random(seed)
    total, tokens = 0.0, 0
    for subject, question in questions(rng, count):
        log_p, length = speaker.log_probability(
            [world.user(question)], world.answer(subject, style, rng.randrange(3))
        )
        total, tokens = total - log_p, tokens + length
    return total / tokens


def all_measures(path: str | Path, adapter: str | Path | None = None) -> dict[str, float]:
    speaker = Speaker(path, adapter)
    measures = {
        "facts right, wordings trained on": fact_accuracy(speaker, held_out=False),
        "facts right, wordings never seen": fact_accuracy(speaker),
        "tool calls right, requests trained on": tool_accuracy(speaker, 100, held_out=False),
        "tool calls right, requests never seen": tool_accuracy(speaker, 100),
        "replies after tools right": reply_after_tool(speaker),
        "answered without a tool": abstention(speaker),
        "prefers the short answer": preference_for_short(speaker),
    }
    for style in (*world.STYLES, world.PERSONAL):
        measures[f"nats a token, {style}"] = loss(speaker, style)
    return measures


if __name__ == "__main__":
    import sys

    for name, value in all_measures(*sys.argv[1:]).items():
        print(f"{name}: {value:.3f}")
