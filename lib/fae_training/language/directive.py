"""A line for Fae's directive, made from the traits of a person's history, and what it reaches with the base model."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from fae_training.judgement import gate
from fae_training.judgement.alternative import Alternative, TraitReached
from fae_training.judgement.benchmark import Measure
from fae_training.language import traits
from fae_training.language.rows import TokenRow, encode_conversation
from fae_training.language.traits import Trait
from fae_training.rows.row_forms import Conversation

# So many tokens more for a row with the line, so that it loses no more of its conversation.
ROOM = 96


@dataclass(frozen=True)
class Tried:
    """The line, and what the base model does with it: nats a token of each conversation, and answers."""

    line: str
    losses: dict[str, float]
    answers: list[str]


def line_of(found: Sequence[Trait], answers: Sequence[str]) -> str:
    """One line for the traits in which `answers`, of the base model, are furthest from the history; "" for none."""
    advice = [trait.advice for trait in traits.most_telling(found, answers) if trait.advice]
    return " ".join(advice)


def with_line(conversation: Conversation, line: str) -> Conversation:
    """The conversation with the line at the end of its system message, or in one of its own."""
    first, *rest = conversation.messages
    if first["role"] == "system":
        messages = [first | {"content": f"{first['content']}\n\n{line}"}, *rest]
    else:
        messages = [{"role": "system", "content": line}, first, *rest]
    return replace(conversation, messages=messages)


def rows_with_line(
    tokenizer, conversations: Sequence[Conversation], line: str, longest: int
) -> list[TokenRow]:
    """The token rows of these conversations with the line, in their order."""
    return [
        row
        for conversation in conversations
        for row in encode_conversation(
            tokenizer,
            with_line(conversation, line).messages,
            conversation.tools,
            longest + ROOM,
            conversation.weight,
            conversation.group,
            conversation.held_out_part,
        )
    ]


def compared(tried: Tried, measure: Measure, found: Sequence[Trait], answers: Callable) -> dict:
    """Alternative, as a dictionary for Benchmark.details: the line against the training that `measure` has.

    answers(who) -> the answers of "base" and "candidate".
    """
    losses = tuple(tried.losses[name] for name in measure.items)
    as_candidate = replace(measure, candidate=losses, current=measure.candidate)
    one = gate.compare(as_candidate, "current", gate.ERROR)
    reached = tuple(
        TraitReached(
            trait.title,
            trait.unit,
            round(trait.history, 1),
            *(
                round(trait.mean(given), 1)
                for given in (answers("base"), tried.answers, answers("candidate"))
            ),
        )
        for trait in traits.most_telling(found, answers("base"))
        if tried.answers
    )
    return asdict(
        Alternative(
            tried.line,
            len(losses),
            sum(measure.base) / len(losses),
            one.new,
            one.old,
            one.gain,
            one.low,
            one.high,
            one.outcome,
            reached,
        )
    )
