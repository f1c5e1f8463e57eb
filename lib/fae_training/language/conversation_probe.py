"""How well a model predicts held-out conversations, and what it answers in them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fae_training import provenance, training_rows
from fae_training.benchmark import RATIO, Measure
from fae_training.language import generation, losses, validation_set
from fae_training.language.chat_encoder import CannotEncode
from fae_training.language.rows import encode_file, encode_prompt
from fae_training.language.scoring import OfThree, Subject, Told, compared_texts
from fae_training.parts import divided
from fae_training.row_forms import Conversation
from fae_training.runs import Run

# Answers that each model writes, and how long they may become in tokens.
ANSWERED, LONGEST_ANSWER = 5, 80
# The largest mean rise of the loss that still counts as kept, and the smallest fall that a person may notice.
MARGIN, LEAST = 0.02, 0.01
# What one batch holds for a run of an earlier version, whose receipt does not say it.
BATCH_TOKENS = 2048


@dataclass(frozen=True)
class Prompt:
    """Messages up to an answer, the last of them the question, and what was answered."""

    messages: list[dict]
    tools: list[dict] | None
    question: str
    answer: str


@dataclass(frozen=True)
class ConversationResults:
    """Nats a token of each conversation by its id, and an answer to each prompt."""

    losses: dict[str, float]
    answers: list[str]


class Conversations:
    """The judge part of data/sft/valid.jsonl, or as much of it as the training's time allows (see validation_set)."""

    def __init__(self, run: Run, tokenizer, check: Callable[[], None], role: str, share: float):
        """check: called between the conversations that are tokenised; may raise to end the work. role: of the measure.
        share: which part of the tokens that scoring may compute is for these."""
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
        looks = looks_of(run)
        self.batch_tokens = looks.batch_tokens if looks else BATCH_TOKENS
        self.rows = self.all_rows
        if looks:
            tokens = round(share * looks.scoring_tokens)
            self.rows = validation_set.choose(self.all_rows, tokens, validation_set.FEWEST_SCORED)
        judged = divided(training_rows.read(path, "sft").rows, lambda row: row.held_out_part).judge
        self.prompts = prompts_of(judged, tokenizer, run.settings["max_length"])

    @property
    def items(self) -> int:
        return len(self.rows) + len(self.prompts)

    def measure(self, subject: Subject, finished: Callable[[int], None]) -> ConversationResults:
        found = losses.row_losses(
            subject.model, self.rows, subject.fast, self.batch_tokens, finished
        )
        answers = generation.answer_texts(
            subject.model,
            self.tokenizer,
            [(prompt.messages, prompt.tools) for prompt in self.prompts],
            LONGEST_ANSWER,
            lambda: finished(0),
        )
        finished(len(self.prompts))
        return ConversationResults(losses.conversation_losses(self.rows, found), answers)

    def tell(self, found: OfThree[ConversationResults]) -> Told:
        told = compared_texts(
            [prompt.question for prompt in self.prompts],
            [prompt.answer for prompt in self.prompts],
            found.current.answers,
            found.candidate.answers,
        )
        names = tuple(found.base.losses)
        if not names:
            return told
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
                f"measured on {len(self.rows):,} of {len(self.all_rows):,} held-out answers, from {len(names):,} "
                "conversations, so that measuring takes a fraction of the training's time",
            )
        return replace(told, measures=(measure,), notes=notes)


def looks_of(run: Run) -> validation_set.Looks | None:
    """What the training put into its receipt; None for a run of an earlier version, which looked at everything."""
    kept = ((run.result() or {}).get("applied") or {}).get("looks")
    return validation_set.Looks(**kept) if kept else None


def prompts_of(rows: list[Conversation], tokenizer, longest: int) -> list[Prompt]:
    """An exchange of each of the first few conversations: the last one whose prompt is no longer than a row of the run."""
    prompts: list[Prompt] = []
    for row in rows:
        for at in reversed(range(1, len(row.messages))):
            question, answer = row.messages[at - 1], row.messages[at]
            if (question["role"], answer["role"]) != ("user", "assistant"):
                continue
            if not answer["content"].strip() or not _fits(tokenizer, row, at, longest):
                continue
            prompts.append(
                Prompt(row.messages[:at], row.tools, question["content"], answer["content"])
            )
            break
        if len(prompts) == ANSWERED:
            break
    return prompts


def _fits(tokenizer, row: Conversation, until: int, longest: int) -> bool:
    try:
        return len(encode_prompt(tokenizer, row.messages[:until], row.tools)) <= longest
    except CannotEncode:
        return False
