"""A judgement in plain English: a sentence for each comparison, and the figures behind it.

A measure that has words of its own in WORDS gets a sentence with them; any other is called by its title. A person who
knows no statistics reads the sentence alone; the figures stand beside it in small print.
"""

from dataclasses import dataclass, replace

from fae_training.judgement.benchmark import GOAL, PASSED, RATIO, Figure
from fae_training.judgement.gate import (
    BETTER,
    FAIL,
    KEPT,
    NOT_ENOUGH,
    NOT_SHOWN,
    PASS,
    WORSE,
    Comparison,
    Decision,
)


@dataclass(frozen=True)
class Words:
    """`does` completes "It ..."; `units` completes "in 14 of 20 ...".

    Where a unit is passed or not, `does` is what passing is: "calls the right tool". Elsewhere it is what can be done
    better or worse: "predicts your conversations".
    """

    does: str
    units: str


@dataclass(frozen=True)
class ComparisonText:
    """One comparison: the sentence, and the figures that it rests on."""

    sentence: str
    figures: str


# By Measure.name.
WORDS = {
    "conversation_loss": Words("predicts your conversations", "that it had not seen"),
    "preference_accuracy": Words(
        "follows your corrections", "corrected conversations that it had not seen"
    ),
    "tools": Words("uses its tools correctly", "requests"),
    "abilities": Words("does small tasks correctly", "tasks"),
    "memorisation": Words(
        "keeps rare details of your conversations to itself", "attempts to draw them out"
    ),
    "own_answers": Words("gives different questions different answers", "questions"),
    "tool_choice": Words("calls the right tool", "requests"),
    "tool_arguments": Words("passes the right details to tools", "requests"),
    "abstention": Words("uses no tool when none is needed", "requests"),
    "reply_after_a_result": Words("uses what a tool found", "answers"),
    "reply_after_an_empty_result": Words("admits that a tool found nothing", "answers"),
    "reply_after_a_failure": Words("admits that a tool failed", "answers"),
    "exact_format": Words("keeps to the requested format", "answers"),
    "json": Words("writes correct JSON", "answers"),
    "following_instructions": Words("follows instructions", "answers"),
    "memory": Words("stays true to what it remembers", "answers"),
    "safe_completion": Words("refuses harmful requests", "requests"),
    "brevity": Words("answers as briefly as asked", "answers"),
    "reasoning": Words("solves small puzzles", "answers"),
    "no_thinking_text": Words("answers without thinking aloud", "answers"),
}
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
# Units that follow a number in a sentence.
COUNTED_UNITS = ("words", "tokens", "tokens a second", "seconds", "MB", "GB")
# A gate's verdicts, and that of an evaluation.json which cannot be read.
VERDICTS = {
    PASS: "recommended",
    FAIL: "not recommended",
    NOT_ENOUGH: "not enough evidence",
    "unreadable": "judged by another version: evaluate it again",
}
STRONGER = "Repeated attempts sometimes succeed by chance, so each one needs stronger evidence."


def of_decision(decision: Decision) -> tuple[str, ...]:
    """All that decided, for a terminal or a program: each sentence with its figures."""
    sentences = map(of_comparison, reported(decision))
    return (*(f"{one.sentence} ({one.figures})" for one in sentences), *other_reasons(decision))


def what_stopped(decision: Decision) -> tuple[str, ...]:
    """Why a decision is no pass: what was lost or could not be shown, else the goals that did not improve enough."""
    at_fault = [one for one in reported(decision) if one.outcome in (WORSE, NOT_SHOWN)]
    goals = [one for one in reported(decision) if one.role == GOAL and one.outcome != BETTER]
    return (*(of_comparison(one).sentence for one in at_fault or goals), *other_reasons(decision))


def other_reasons(decision: Decision) -> tuple[str, ...]:
    """The reasons that are not comparisons."""
    if not decision.comparisons or decision.look <= 1:
        return decision.reasons
    nth = _nth(decision.look)
    return (
        *decision.reasons,
        f"This was the {nth} judgement on the same held-out data. {STRONGER}",
    )


def reported(decision: Decision) -> list[Comparison]:
    """The comparisons that are reported to the person: all with the current model, and losses against the base model."""
    now = [one for one in decision.comparisons if one.against == "current"]
    return now + [
        one
        for one in decision.comparisons
        if one.against == "base"
        and one.outcome in (WORSE, NOT_SHOWN)
        and replace(one, against="current") not in now
    ]


def of_comparison(one: Comparison) -> ComparisonText:
    return ComparisonText(_sentence(one), _figures(one))


def in_one_sentence(decision: Decision) -> str:
    """The verdict on a run that passed."""
    now = [one for one in decision.comparisons if one.against == "current"]
    goals = [_at(one) for one in now if one.outcome == BETTER]
    others = len(now) - len(goals)
    if not others:
        return f"It got better at {joined(goals)}. Nothing else was checked."
    rest = f"the {others} other abilities that were checked are"
    if others == 1:
        rest = "the other ability that was checked is"
    return f"It got better at {joined(goals)}, and {rest} as good as before."


def of_verdict(verdict: str | None) -> str:
    """Whether a run is recommended, to follow its name; None: it was not evaluated."""
    if verdict is None:
        return "not evaluated yet"
    return f"not recommended ({VERDICTS[verdict]})" if verdict == NOT_ENOUGH else VERDICTS[verdict]


def as_sentence(text: str) -> str:
    """A note of a library's or of ours that begins with a small letter and has no full stop."""
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?)" else ".")


def of_look(look: int, count: int, unit: str) -> str:
    """Which look at the same held-out data a judgement was."""
    if look <= 1:
        return f"It was judged on {count:,} {unit}, for the first time."
    return f"This was the {_nth(look)} judgement on the same {count:,} {unit}. {STRONGER}"


def _nth(number: int) -> str:
    return ORDINALS[number - 1] if number <= len(ORDINALS) else f"number {number}"


def of_figure(figure: Figure) -> str:
    before, after = distinguishable(figure.current, figure.candidate)
    if figure.unit.startswith("%"):
        return f"{figure.title}: {before} % before, {after} % after"
    if figure.unit in COUNTED_UNITS:
        return f"{figure.title}: {before} {figure.unit} before, {after} after"
    return f"{figure.title}: {before} before, {after} after ({figure.unit})"


def joined(items: list[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def distinguishable(first: float, second: float) -> tuple[str, str]:
    """Two figures in four digits, or in as many more as it takes to see that they differ."""
    for digits in range(4, 17):
        texts = f"{first:.{digits}g}", f"{second:.{digits}g}"
        if texts[0] != texts[1] or first == second:
            break
    return texts


def of_gain(gain: float) -> str:
    """A gain, or a bound of one, in hundredths with its sign; none for what rounds to 0."""
    value = 100 * gain
    text = f"{value:+.{0 if abs(value) >= 10 else 1}f}"
    return "0" if not float(text) else text.replace("-", "\N{MINUS SIGN}")


def gain_unit(compare: str) -> str:
    """The unit of of_gain: per cent of a loss, or percentage points of a share."""
    return "%" if compare == RATIO else "percentage points"


def _figures(one: Comparison) -> str:
    old, new = distinguishable(one.old, one.new)
    low, gain, high, margin = (
        of_gain(value) for value in (one.low, one.gain, one.high, one.margin)
    )
    before = "before" if one.against == "current" else "original"
    change = (
        f"change {gain} (confidence interval {low} to {high} {gain_unit(one.compare)}; "
        f"margin {margin.lstrip('+')})"
    )
    if one.compare == PASSED:  # the sentence has the counts
        return change
    return (
        f"{old} {before}, {new} after ({one.value_unit}); "
        f"better in {one.improved:,}, worse in {one.worsened:,} of {one.count:,} {one.unit}; {change}"
    )


def _at(one: Comparison) -> str:
    """What it is good at, to follow "better at"."""
    title = one.title[:1].lower() + one.title[1:]
    # A title such as "JSON" or "iPhone calls" keeps its letters.
    return one.title if one.title[:2].isupper() else title


def _sentence(one: Comparison) -> str:
    words = WORDS.get(one.measure)
    reference = "before" if one.against == "current" else "the original model"
    return (_passes if one.compare == PASSED else _does)(one, words, reference)


def _passes(one: Comparison, words: Words | None, reference: str) -> str:
    """Units that are passed or not: how many now, and how many before."""
    of = f"{round(one.new * one.count):,} of {one.count:,} {words.units if words else one.unit}"
    old = f"{round(one.old * one.count):,} {'before' if one.against == 'current' else 'by ' + reference}"
    if words is None:
        ending = {
            BETTER: f"better than {reference}",
            KEPT: f"as good as {reference}",
            NOT_SHOWN: _open(one),
            WORSE: f"worse than {reference}",
        }[one.outcome]
        return f"{one.title}: passed in {of} ({old}), {ending}."
    return {
        BETTER: f"It {words.does} more often: in {of} ({old}).",
        KEPT: f"It {'now' if one.new > one.old else 'still'} {words.does} in {of} ({old}).",
        NOT_SHOWN: f"It {words.does} in {of} ({old}); {_open(one)}.",
        WORSE: f"It {words.does} less often: in {of} ({old}).",
    }[one.outcome]


def _does(one: Comparison, words: Words | None, reference: str) -> str:
    """Units that can be done better or worse: in how many."""
    units = words.units if words else one.unit
    of = f"of {one.count:,} {units}"
    better, worse = f"better in {one.improved:,}", f"worse in {one.worsened:,}"
    if one.improved or one.worsened:
        as_well = f"{better} and {worse} {of}"
    else:
        as_well = f"exactly the same in all {one.count:,} {units}"
    if one.role == GOAL and one.gain > 0 and one.improved > one.worsened:
        as_well += ", which is not enough to say that it improved"
    than = "" if one.against == "current" else f" than {reference}"
    # What most units do and what they do on average can differ.
    gained = f"better on average ({better}, {worse} {of})"
    if 2 * one.improved > one.count:
        gained = f"{better} {of}"
    lost = f"worse{than} on average ({worse}, {better} {of})"
    if 2 * one.worsened > one.count:
        lost = f"worse{than} in {one.worsened:,} {of}"
    undecided = gained if one.gain > 0 else lost if one.gain < 0 else as_well
    if words is None:
        return {
            BETTER: f"{one.title}: {gained}.",
            KEPT: f"{one.title}: as good as {reference}, {as_well}.",
            NOT_SHOWN: f"{one.title}: {undecided}; {_open(one)}.",
            WORSE: f"{one.title}: clearly {lost}.",
        }[one.outcome]
    return {
        BETTER: f"It {words.does} {gained}.",
        KEPT: f"It {words.does} as well as {reference}: {as_well}.",
        NOT_SHOWN: f"It {words.does} {undecided}; {_open(one)}.",
        WORSE: f"It {words.does} clearly {lost}.",
    }[one.outcome]


def _open(one: Comparison) -> str:
    """What keeps a comparison undecided: how large a loss its interval does not rule out, and how large a one is allowed."""
    than = "" if one.against == "current" else " against the original model"
    lost, margin = (of_gain(value).lstrip("+\N{MINUS SIGN}") for value in (one.low, one.margin))
    unit, sign = gain_unit(one.compare), " %" if one.compare == RATIO else ""
    return (
        f"with only {one.count:,} {one.unit} a loss{than} of up to {lost} {unit} cannot be ruled out, and at most {margin}{sign} "
        "is allowed"
    )
