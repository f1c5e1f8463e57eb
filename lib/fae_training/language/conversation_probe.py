"""Held-out conversations: how well a model predicts them, and how it answers in them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from fae_training.calls.counting import counted
from fae_training.judgement import alternative
from fae_training.judgement.benchmark import GOAL, MODELS, RATIO, Figure, Measure
from fae_training.judgement.parts import divided
from fae_training.language import directive, generation, losses, traits, validation_set
from fae_training.language.chat_encoder import CannotEncode
from fae_training.language.rows import encode_answer, encode_file, encode_prompt
from fae_training.language.scoring import PerModel, ProbeReport, Subject, compared_texts
from fae_training.lifecycle import provenance
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import LAST_STAGE
from fae_training.rows import training_rows
from fae_training.rows.message_forms import is_target
from fae_training.rows.row_forms import Conversation

# Answers that each model writes: at least, and at most where there is time. Their longest length in tokens.
FEWEST_ANSWERED, MOST_ANSWERED, LONGEST_ANSWER = 5, 20, 80
# The share of the scoring tokens that is for answers. One generated token costs as much as this
# many that are read, with several answers generated together (measured with SmolLM2).
ANSWERING_SHARE, WRITTEN_TOKEN = 1 / 3, 3
# The largest mean rise of the loss that still counts as kept, and the smallest fall that a person may notice.
MARGIN, LEAST = 0.02, 0.01
# The batch size assumed for a run of an earlier version, whose receipt does not record it.
BATCH_TOKENS = 2048


@dataclass(frozen=True)
class Prompt:
    """The prompt as tokens, its question, and the answer that was given."""

    tokens: list[int]
    question: str
    answer: str


@dataclass(frozen=True)
class ConversationResults:
    """Nats per token of each conversation by its id, an answer to each prompt, and the speed of
    writing them."""

    losses: dict[str, float]
    answers: list[str]
    tokens_per_s: float


class Conversations:
    """The judge part of data/sft/valid.jsonl, or as much of it as the training's time allows (see
    validation_set)."""

    stage = LAST_STAGE

    def __init__(self, run: Run, tokenizer, check: Callable[[], None], role: str, share: float):
        """check: called between conversations while they are tokenised; may raise to end the work.
        role: of the measure. share: the part of the scoring tokens that is for these."""
        self.tokenizer, self.role = tokenizer, role
        path = provenance.rows_of(run) / "sft" / "valid.jsonl"
        encoded = encode_file(
            tokenizer,
            path,
            run.settings["max_length"],
            run.home.directory("cache"),
            lambda done, total: check(),
        )
        held_out = divided(encoded.rows, lambda row: row.part)
        self.apart, self.all_rows = held_out.apart, held_out.judge
        validation_plan = validation_plan_of(run)
        self.batch_tokens = validation_plan.batch_tokens if validation_plan else BATCH_TOKENS
        self.rows = self.all_rows
        tokens = share * validation_plan.scoring_tokens if validation_plan else 0.0
        if validation_plan:
            self.rows = validation_set.choose(
                self.all_rows,
                round((1 - ANSWERING_SHARE) * tokens),
                validation_set.FEWEST_SCORED,
            )
        self.judged = divided(
            training_rows.read(path, "sft").rows, lambda row: row.held_out_part
        ).judge
        self.longest, self.answering_tokens = run.settings["max_length"], ANSWERING_SHARE * tokens
        self.prompts = prompts_of(self.judged, tokenizer, self.longest, self.answering_tokens)
        self.traits = traits.of_history(answers_of(run))
        self.tried: directive.Tried | None = None

    @property
    def items(self) -> int:
        return len(self.rows) + len(self.prompts)

    def measure(self, subject: Subject, finished: Callable[[int], None]) -> ConversationResults:
        found = losses.row_losses(
            subject.model, self.rows, subject.fast, self.batch_tokens, finished
        )
        began = time.monotonic()
        answers = generation.generate(
            subject.model,
            self.tokenizer,
            [prompt.tokens for prompt in self.prompts],
            LONGEST_ANSWER,
            lambda: finished(0),
        )
        seconds = time.monotonic() - began
        finished(len(self.prompts))
        texts = [self.tokenizer.decode(answer).strip() for answer in answers]
        if subject.adapter is None and self.role == GOAL and self.tried is None:
            self.tried = self._try_directive(subject, texts, finished)
        return ConversationResults(
            losses.conversation_losses(self.rows, found), texts, sum(map(len, answers)) / seconds
        )

    def _try_directive(
        self, subject: Subject, answers: list[str], finished: Callable[[int], None]
    ) -> directive.Tried | None:
        """The base model's results with a line in its directive; None where the history suggests no line."""
        line = directive.line_of(self.traits, answers)
        if not line:
            return None
        try:
            rows = directive.rows_with_line(self.tokenizer, self.judged, line, self.longest)
        except CannotEncode:
            return None
        if len(rows) != len(self.all_rows):
            return None  # the template changes the rows
        chosen = {id(row) for row in self.rows}
        rows = [row for row, own in zip(rows, self.all_rows, strict=True) if id(own) in chosen]
        found = losses.row_losses(
            subject.model, rows, subject.fast, self.batch_tokens, lambda count: finished(0)
        )
        conversations = [directive.with_line(row, line) for row in self.judged]
        room = self.longest + directive.ROOM
        prompts = prompts_of(conversations, self.tokenizer, room, self.answering_tokens)
        written = generation.generate(
            subject.model,
            self.tokenizer,
            [prompt.tokens for prompt in prompts],
            LONGEST_ANSWER,
            lambda: finished(0),
        )
        texts = [self.tokenizer.decode(answer).strip() for answer in written]
        return directive.Tried(line, losses.conversation_losses(rows, found), texts)

    def report(self, found: PerModel[ConversationResults]) -> ProbeReport:
        report = compared_texts(
            [prompt.question for prompt in self.prompts],
            [prompt.answer for prompt in self.prompts],
            found.current.answers,
            found.candidate.answers,
        )
        report = replace(report, figures=self._figures(found))
        names = tuple(found.base.losses)
        if not names:
            return report
        measure = Measure(
            name="conversation_loss",
            title="Predicting your conversations",
            unit="conversations",
            value_unit="nats a token",
            better="lower",
            role=self.role,
            compare=RATIO,
            margin=MARGIN,
            least=LEAST,
            items=names,
            candidate=tuple(found.candidate.losses[name] for name in names),
            current=tuple(found.current.losses[name] for name in names),
            base=tuple(found.base.losses[name] for name in names),
        )
        notes = ()
        if len(self.rows) < len(self.all_rows):
            notes = (
                f"measured on {len(self.rows):,} of {len(self.all_rows):,} held-out answers, from "
                f"{counted(len(names), 'conversation')}, to keep measuring short compared with training",
            )
        details = {}
        if self.tried:
            details[alternative.NAME] = directive.compared(
                self.tried, measure, self.traits, lambda who: getattr(found, who).answers
            )
        return replace(report, measures=(measure,), notes=notes, details=details)

    def _figures(self, found: PerModel[ConversationResults]) -> tuple[Figure, ...]:
        """How far the answers show the traits of this person's history, and the speed of writing them."""
        if not self.prompts:
            return ()
        figures = [
            Figure.of(
                trait.name,
                trait.title,
                trait.unit,
                {who: round(trait.mean(getattr(found, who).answers), 1) for who in MODELS},
            )
            for trait in traits.most_telling(self.traits, found.base.answers)
        ]
        speeds = {who: round(getattr(found, who).tokens_per_s, 1) for who in MODELS}
        return (
            *figures,
            Figure.of(
                "writing_speed", "Speed of writing answers", "tokens a second", speeds, is_cost=True
            ),
        )


def validation_plan_of(run: Run) -> validation_set.ValidationPlan | None:
    """The plan in the training's receipt; None for a run of an earlier version, which validated on
    everything."""
    kept = ((run.result() or {}).get("applied") or {}).get("looks")
    return validation_set.ValidationPlan(**kept) if kept else None


def answers_of(run: Run) -> list[str]:
    """The answers in the person's conversations, without tool calls; empty where the data is no
    longer there."""
    path = provenance.rows_of(run) / "sft" / "train.jsonl"
    if not path.exists():
        return []
    return [
        message["content"]
        for row in training_rows.read(path, "sft").rows
        for message in row.messages
        if is_target(message)
    ]


def prompts_of(
    rows: list[Conversation], tokenizer, longest: int, tokens: float = 0.0
) -> list[Prompt]:
    """One exchange from each of several conversations, as many as about `tokens` computed tokens
    allow: the last one whose prompt is no longer than a row of the run (`longest` tokens),
    otherwise the first one, cut like a row of the run."""
    prompts: list[Prompt] = []
    spent = 0
    for row in rows:
        prompt = _last_that_fits(tokenizer, row, longest)
        if prompt is None:
            continue
        spent += len(prompt.tokens) + WRITTEN_TOKEN * LONGEST_ANSWER
        if len(prompts) >= FEWEST_ANSWERED and spent > tokens:
            break
        prompts.append(prompt)
        if len(prompts) == MOST_ANSWERED:
            break
    return prompts


def _last_that_fits(tokenizer, row: Conversation, longest: int) -> Prompt | None:
    exchanges = [
        at
        for at in range(1, len(row.messages))
        if (row.messages[at - 1]["role"], row.messages[at]["role"]) == ("user", "assistant")
        and row.messages[at]["content"].strip()
    ]
    for at in reversed(exchanges):
        question, answer = row.messages[at - 1], row.messages[at]
        try:
            tokens = encode_prompt(tokenizer, row.messages[:at], row.tools)
            if len(tokens) > longest and at == exchanges[0]:
                cut = encode_answer(tokenizer, row.messages[:at], answer, row.tools, longest)
                tokens = cut.tokens[: cut.supervised_from]
        except CannotEncode:
            continue
        if 0 < len(tokens) <= longest:
            return Prompt(tokens, question["content"], answer["content"])
    return None
