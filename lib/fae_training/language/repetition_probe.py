"""Detects whether a model gives the same answer to different questions, as it learns when one
answer dominates the data."""

import math
from collections import Counter
from collections.abc import Callable

from fae_training.conversations.text import normalised
from fae_training.judgement.benchmark import GUARD, PASSED, REPORT, Measure
from fae_training.judgement.parts import divided
from fae_training.language import generation
from fae_training.language.chat_encoder import CannotEncode
from fae_training.language.conversation_probe import WRITTEN_TOKEN, validation_plan_of
from fae_training.language.rows import encode_prompt
from fae_training.language.scoring import PerModel, ProbeReport, Subject
from fae_training.lifecycle import provenance
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import LAST_STAGE
from fae_training.rows import training_rows
from fae_training.rows.row_forms import Conversation

# Questions that each model answers where there is time, and the number of answer tokens that are compared.
ASKED, LONGEST = 40, 32
# With fewer questions habit cannot be told from chance; the result is reported but not judged.
FEWEST = 20
# Where time is short this many are asked: as few as find an answer in place of 10 to 50 % of all
# answers no less often than ASKED do (docs/log.md).
AFFORDED = 30
# An answer is repeated when it is given to a tenth of the questions, and to at least this many:
# "What is the capital of Ireland?" may be asked in three ways, and the right answer is the same.
REPEATED, REPEATED_SHARE = 3, 0.1
# The share of questions that may get a repeated answer, chance included. It is larger than the
# capability suite's because there are few questions; an answer that replaces a third of all is
# proven to be worse.
MARGIN = 0.25


class Repetition:
    """Questions of the judge part, from the start of each conversation, because those are quick to answer."""

    stage = LAST_STAGE

    def __init__(self, run: Run, tokenizer, share: float):
        """share: as conversation_probe.Conversations."""
        path = provenance.rows_of(run) / "sft" / "valid.jsonl"
        held_out = divided(training_rows.read(path, "sft").rows, lambda row: row.held_out_part)
        self.tokenizer, self.apart = tokenizer, held_out.apart
        looks = validation_plan_of(run)
        self.prompts = affordable(
            prompts_of(held_out.judge, tokenizer, run.settings["max_length"]),
            share * looks.scoring_tokens if looks else math.inf,
        )

    @property
    def items(self) -> int:
        return len(self.prompts)

    def measure(self, subject: Subject, finished: Callable[[int], None]) -> list[str]:
        """The first tokens of the answer to each question."""
        answers = generation.generate(
            subject.model, self.tokenizer, list(self.prompts.values()), LONGEST, lambda: finished(0)
        )
        finished(self.items)
        return [normalised(self.tokenizer.decode(answer)) for answer in answers]

    def report(self, found: PerModel[list[str]]) -> ProbeReport:
        if not self.prompts:
            return ProbeReport()
        return ProbeReport(
            measures=(
                Measure(
                    name="own_answers",
                    title="Answering different questions differently",
                    unit="questions",
                    value_unit="share",
                    better="higher",
                    role=GUARD if len(self.prompts) >= FEWEST else REPORT,
                    compare=PASSED,
                    margin=MARGIN,
                    least=0.0,
                    items=tuple(self.prompts),
                    candidate=own_answers(found.candidate),
                    current=own_answers(found.current),
                    base=own_answers(found.base),
                ),
            )
        )


def own_answers(answers: list[str]) -> tuple[float, ...]:
    """For each answer 0.0 where it is repeated, else 1.0."""
    counts = Counter(answers)
    repeated = max(REPEATED, math.ceil(REPEATED_SHARE * len(answers)))
    return tuple(float(counts[answer] < repeated) for answer in answers)


def prompts_of(rows: list[Conversation], tokenizer, longest: int) -> dict[str, list[int]]:
    """Question -> prompt tokens: the first question of each conversation, then second ones, no question twice."""
    asked: dict[str, list[int]] = {}
    openings = [_openings(row) for row in rows]
    for turn in range(max(map(len, openings), default=0)):
        for row, ends in zip(rows, openings, strict=True):
            if len(asked) == ASKED:
                return asked
            if turn >= len(ends) or (question := row.messages[ends[turn] - 1]["content"]) in asked:
                continue
            try:
                tokens = encode_prompt(tokenizer, row.messages[: ends[turn]], row.tools)
            except CannotEncode:
                continue
            if len(tokens) <= longest:
                asked[question] = tokens
    return asked


def affordable(prompts: dict[str, list[int]], tokens: float) -> dict[str, list[int]]:
    """As many of these prompts, the shortest of them, as about `tokens` computed tokens allow, and at
    least AFFORDED; in their order."""
    kept: set[str] = set()
    spent = 0
    for question, prompt in sorted(prompts.items(), key=lambda each: len(each[1])):
        spent += len(prompt) + WRITTEN_TOKEN * LONGEST
        if spent > tokens and len(kept) >= AFFORDED:
            break
        kept.add(question)
    return {question: prompt for question, prompt in prompts.items() if question in kept}


def _openings(row: Conversation) -> list[int]:
    """The positions of answers to questions in words among the messages."""
    roles = [message["role"] for message in row.messages]
    return [
        at
        for at in range(1, len(roles))
        if (roles[at - 1], roles[at]) == ("user", "assistant")
        and row.messages[at]["content"].strip()
    ]
