"""Held-out corrections: how far a model prefers the accepted answer, and how it answers their requests."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fae_training.fitting.arrays import numbers
from fae_training.judgement.benchmark import DIFFERENCE, GOAL, MODELS, Figure, Measure, of_each
from fae_training.judgement.parts import divided
from fae_training.language import drift_monitor, preference_preflight, validation_set
from fae_training.language.conversation_probe import (
    BATCH_TOKENS,
    LONGEST_ANSWER,
    validation_plan_of,
)
from fae_training.language.generation import answer_texts
from fae_training.language.preference_batches import (
    Pair,
    answer_log_probabilities,
    collate_pairs,
    encode_pairs,
)
from fae_training.language.preference_validation import choose, in_batches
from fae_training.language.scoring import PerModel, ProbeReport, Subject, compared_texts
from fae_training.lifecycle import provenance
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import LAST_STAGE

# Held-out requests that each model answers.
ASKED = 8
# In shares of corrections: the largest loss that still counts as kept, the smallest gain that a
# person may notice.
MARGIN, LEAST = 0.05, 0.05


@dataclass(frozen=True)
class PreferenceResults:
    """log p(chosen) - log p(rejected) of each pair in nats, an answer to each request, and the
    lengths of answers in tokens."""

    preferred: list[float]
    answers: list[str]
    answer_tokens: float | None


class Preferences:
    """The judge part of data/dpo/valid.jsonl, or as much of it as the training's time allows."""

    stage = LAST_STAGE

    def __init__(self, run: Run, tokenizer, check: Callable[[], None], share: float):
        """As conversation_probe.Conversations; a correction is counted with its conversation."""
        self.tokenizer = tokenizer
        _, held_out, _ = preference_preflight.corrections(provenance.rows_of(run))
        encoded = encode_pairs(
            tokenizer, held_out, run.settings["max_length"], lambda done, total: check()
        )
        held_out = divided(encoded.pairs, lambda pair: pair.part)
        self.apart, judged = held_out.apart, held_out.judge
        self.asked = divided(encoded.rows, lambda row: row.held_out_part).judge[:ASKED]
        validation_plan = validation_plan_of(run)
        self.batch_tokens = validation_plan.batch_tokens if validation_plan else BATCH_TOKENS
        if validation_plan:
            tokens = round(share * validation_plan.scoring_tokens)
            judged = choose(judged, tokens, validation_set.FEWEST_SCORED)
        self.pairs: list[Pair] = judged
        self.lengths = drift_monitor.answered(judged)

    @property
    def items(self) -> int:
        return len(self.pairs) + len(self.asked) + len(self.lengths)

    def measure(self, subject: Subject, finished: Callable[[int], None]) -> PreferenceResults:
        preferred: dict[str, float] = {}
        for some in in_batches(self.pairs, self.batch_tokens):
            chosen, rejected = answer_log_probabilities(
                subject.model, collate_pairs(some, None, subject.fast), subject.fast
            )
            for pair, difference in zip(some, numbers(chosen - rejected), strict=True):
                preferred[pair.key] = difference
            finished(len(some))
        answers = answer_texts(
            subject.model,
            self.tokenizer,
            [(row.prompt, row.tools) for row in self.asked],
            LONGEST_ANSWER,
            lambda: finished(0),
        )
        finished(len(answers))
        lengths = None
        if self.lengths:
            lengths = drift_monitor.answer_tokens(
                subject.model, self.tokenizer, self.lengths, lambda: finished(0)
            )
        finished(len(self.lengths))
        return PreferenceResults([preferred[pair.key] for pair in self.pairs], answers, lengths)

    def report(self, found: PerModel[PreferenceResults]) -> ProbeReport:
        """A correction is right for a model when, compared with the base model, it moved from the
        rejected answer to the chosen one: the difference of their log-probabilities is above the
        base model's. The comparison cancels that any short answer is likelier than any long one;
        by this definition the base model scores 0.5."""
        report = compared_texts(
            [row.prompt[-1]["content"] for row in self.asked],
            [row.chosen["content"] for row in self.asked],
            found.current.answers,
            found.candidate.answers,
        )
        if not self.pairs:
            return report
        base = found.base.preferred
        moved, right, likelier = {}, {}, {}
        for who in MODELS:
            preferred = getattr(found, who).preferred
            moved[who] = [p - b for p, b in zip(preferred, base, strict=True)]
            right[who] = [0.5 + 0.5 * _sign(m) for m in moved[who]]
            likelier[who] = [0.5 + 0.5 * _sign(p) for p in preferred]
        groups = list(dict.fromkeys(pair.conversation for pair in self.pairs))
        measure = Measure(
            name="preference_accuracy",
            title="Moving towards the answers that you accepted",
            unit="corrected conversations",
            value_unit="share of corrections",
            better="higher",
            role=GOAL,
            compare=DIFFERENCE,
            margin=MARGIN,
            least=LEAST,
            items=tuple(groups),
            **of_each(lambda who: self._by_group(groups, right[who])),
        )
        figures = [
            Figure.of(name, title, unit, {who: sum(v) / len(v) for who, v in values.items()})
            for name, title, unit, values in (
                ("preference_margin", "How far it moved", "nats a correction", moved),
                (
                    "accepted_is_likelier",
                    "The accepted answer is more likely than the rejected one",
                    "share of corrections",
                    likelier,
                ),
            )
        ]
        if self.lengths:
            tokens = {who: getattr(found, who).answer_tokens for who in MODELS}
            figures.append(Figure.of("answer_tokens", "Length of its answers", "tokens", tokens))
        return replace(report, measures=(measure,), figures=tuple(figures))

    def _by_group(self, groups: list[str], values: list[float]) -> tuple[float, ...]:
        """The mean of each conversation."""
        of: dict[str, list[float]] = {group: [] for group in groups}
        for pair, value in zip(self.pairs, values, strict=True):
            of[pair.conversation].append(value)
        return tuple(sum(own) / len(own) for own in of.values())


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)
