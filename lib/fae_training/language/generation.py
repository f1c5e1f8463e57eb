"""Greedy decoding of the model's own answers, several prompts at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import mlx.core as mx
from mlx_lm.generate import wired_limit
from mlx_lm.models.cache import make_prompt_cache

from fae_training.environment import mlx_on_linux
from fae_training.fitting.arrays import numbers
from fae_training.language.architecture import has_plain_caches
from fae_training.language.rows import common_length, encode_prompt

# Answers are written together as far as their prompts and limits fit in this many cached tokens: at
# most, and at least, so many of them.
CACHED_TOKENS, MOST, FEWEST = 16384, 96, 4
# Linear attention keeps a large state of each answer, however short.
MOST_WITH_STATES = 32
# Every change of a batch copies its cache. So prompts join when at most this share of a batch is
# still being answered, and finished answers leave when they are that share of it.
JOINING, LEAVING = 3 / 4, 1 / 8
# Prompts are read together, at most so many, where the longest, to which they are padded, is at most
# so many times as long as the shortest.
READ_TOGETHER, PADDED = 16, 1.25
# A shared prefix of fewer tokens is recomputed rather than kept.
SHORTEST_SHARED = 16
PREFILL_TOKENS = 2048
# The group of prompts that share nothing.
ALONE = -1


@dataclass
class _Answer:
    """The answer to prompt number `index`, as far as it is written. The first `known` tokens of the
    prompt are those of its group `group`, a number."""

    index: int
    group: int
    known: int
    tokens: list[int] = field(default_factory=list)
    finished: bool = False


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
    limits = [max_tokens] * len(prompts)
    answers = dict(finished_answers(model, tokenizer, prompts, limits, check))
    return [answers[number] for number in range(len(prompts))]


def finished_answers(
    model,
    tokenizer,
    prompts: list[list[int]],
    limits: list[int],
    check: Callable[[], None],
    settled: Callable[[int, list[int]], bool] = lambda index, tokens: False,
) -> Iterator[tuple[int, list[int]]]:
    """(index of the prompt, its answer) as each answer is finished; at most limits[index] tokens,
    without the end token.

    What several prompts begin with is computed once. settled(index, tokens): whether an answer that
    begins with these tokens need not be continued; it then ends there.
    """
    waiting = _in_order(prompts)
    batch = _Batch(model, prompts)
    ends = set(tokenizer.eos_token_ids)
    with mlx_on_linux.one_thread(), wired_limit(model):
        while waiting or batch.answers:
            joining = _joining(batch, waiting, prompts, limits)
            if joining:
                del waiting[: len(joining)]
                batch.join(joining, check)
            for answer, token in zip(batch.answers, batch.step(), strict=True):
                if answer.finished:
                    continue
                if token not in ends:
                    answer.tokens.append(token)
                answer.finished = (
                    token in ends
                    or len(answer.tokens) == limits[answer.index]
                    or settled(answer.index, answer.tokens)
                )
                if answer.finished:
                    yield answer.index, answer.tokens
            check()
            if batch.done >= LEAVING * len(batch.answers):
                batch.leave()


def _in_order(prompts: list[list[int]]) -> list[_Answer]:
    """Prompts with the same beginning together, and the groups by the length of that beginning.

    Among the prompts as sorted lists of tokens, a group ends where two neighbours have less than
    half as much in common as the neighbours next to them.
    """
    order = sorted(range(len(prompts)), key=prompts.__getitem__)
    common = [common_length(prompts[a], prompts[b]) for a, b in pairwise(order)]
    groups: list[list[int]] = []
    for place, index in enumerate(order):
        around = common[max(place - 2, 0) : place + 1]
        if not place or 2 * common[place - 1] < max(around):
            groups.append([])
        groups[-1].append(index)
    answers = []
    for number, group in enumerate(groups):
        # The first and the last of sorted lists have the least in common.
        known = common_length(prompts[group[0]], prompts[group[-1]])
        # One token of each prompt is left to be read.
        known = min(known, *(len(prompts[i]) - 1 for i in group))
        if len(group) == 1 or known < SHORTEST_SHARED:
            number, known = ALONE, 0
        answers += [_Answer(i, number, known) for i in group]
    return sorted(answers, key=lambda each: (each.known, each.group, len(prompts[each.index])))


def _joining(
    batch: "_Batch", waiting: Sequence[_Answer], prompts: list[list[int]], limits: list[int]
) -> Sequence[_Answer]:
    """The first of those waiting that fit into the batch; none while it is full enough."""
    writing = [answer for answer in batch.answers if not answer.finished]
    fitting, longest = 0, 0
    for answer in (*writing, *waiting[:MOST]):
        longest = max(longest, len(prompts[answer.index]) + limits[answer.index])
        if (fitting >= FEWEST and (fitting + 1) * longest > CACHED_TOKENS) or fitting == batch.most:
            break
        fitting += 1
    return waiting[: fitting - len(writing)] if len(writing) <= JOINING * fitting else ()


class _Batch:
    """Answers that are written together, and the cache of their tokens."""

    def __init__(self, model, prompts: list[list[int]]):
        self.model, self.prompts = model, prompts
        self.most = MOST if has_plain_caches(model) else MOST_WITH_STATES
        self.answers: list[_Answer] = []
        self.cache: list = []
        # The last token of each answer or prompt, which is not in the cache yet.
        self.last = mx.array([], dtype=mx.int32)
        # The group whose prefix was read last, and the cache of it.
        self.prefix: tuple[int | None, list] = None, []

    @property
    def done(self) -> int:
        return sum(answer.finished for answer in self.answers)

    def step(self) -> list[int]:
        """The next token of each answer."""
        logits = self.model(self.last[:, None], cache=self.cache)
        self.last = mx.argmax(logits[:, -1], axis=-1)
        mx.eval(self.last, [layer.state for layer in self.cache])
        return numbers(self.last)

    def join(self, answers: Sequence[_Answer], check: Callable[[], None]) -> None:
        """Read the prompts of these answers and add them."""
        self.leave()
        for together in self._read_together(answers):
            cache = self._read(together)
            if self.answers:
                for own, other in zip(self.cache, cache, strict=True):
                    own.extend(other)
            else:
                self.cache = cache
            mx.eval([layer.state for layer in self.cache])
            last = mx.array([self.prompts[answer.index][-1] for answer in together])
            self.last = mx.concatenate([self.last, last])
            self.answers += together
            check()

    def leave(self) -> None:
        """Take the finished answers out."""
        if not self.done:
            return
        kept = [place for place, answer in enumerate(self.answers) if not answer.finished]
        self.answers = [self.answers[place] for place in kept]
        if kept:
            self.last = self.last[mx.array(kept)]
            for layer in self.cache:
                layer.filter(kept)
            mx.eval([layer.state for layer in self.cache])
        else:
            self.cache, self.last = [], mx.array([], dtype=mx.int32)
        mx.clear_cache()

    def _read_together(self, answers: Sequence[_Answer]) -> Iterator[list[_Answer]]:
        """Answers in order, divided into those whose prompts are read together."""
        together: list[_Answer] = []
        for answer in answers:
            if together:
                shortest, longest = (
                    len(self.prompts[each.index]) - each.known for each in (together[0], answer)
                )
                if (
                    answer.group != together[0].group
                    or longest > PADDED * shortest
                    or len(together) == READ_TOGETHER
                ):
                    yield together
                    together = []
            together.append(answer)
        yield together

    def _read(self, answers: Sequence[_Answer]) -> list:
        """The cache of these prompts without their last tokens."""
        known = answers[0].known
        prefix = self._read_prefix(answers[0])
        cache = [layers[0].merge(layers) for layers in zip(*[prefix] * len(answers), strict=True)]
        parts = [self.prompts[answer.index][known:-1] for answer in answers]
        lengths = [len(part) for part in parts]
        longest = max(lengths)
        padding = [longest - length for length in lengths]
        if any(padding):
            for layer in cache:
                layer.prepare(lengths=lengths, right_padding=padding)
        tokens = mx.array([part + [0] * pad for part, pad in zip(parts, padding, strict=True)])
        width = max(PREFILL_TOKENS // len(answers), 1)
        for at in range(0, longest, width):
            self.model(tokens[:, at : at + width], cache=cache)
            mx.eval([layer.state for layer in cache])
        if any(padding):
            for layer in cache:
                layer.finalize()
        return cache

    def _read_prefix(self, answer: _Answer) -> list:
        """The cache of what the answer's group begins with; of nothing where that is too short."""
        if not answer.known:
            return make_prompt_cache(self.model)
        group, cache = self.prefix
        if group != answer.group:
            cache = make_prompt_cache(self.model)
            tokens = self.prompts[answer.index][: answer.known]
            for at in range(0, len(tokens), PREFILL_TOKENS):
                self.model(mx.array([tokens[at : at + PREFILL_TOKENS]]), cache=cache)
                mx.eval([layer.state for layer in cache])
            self.prefix = answer.group, cache
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
