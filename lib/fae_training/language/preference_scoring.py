"""Scores a run of DPO: how far candidate, current and base model prefer the accepted answer of held-out corrections.

score() makes the benchmark that gate.py judges, from held-out corrections and, as for SFT, the loss on held-out
conversations (scoring.py). validation_values measures the preference loss and its margins during training; choose and
in_batches say which pairs, and how many at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx

from fae_training.language import drift_monitor, preference_preflight, scoring, validation_set
from fae_training.language.fast_settings import FastSettings
from fae_training.language.generation import answer_texts
from fae_training.language.preference_batches import (
    Pair,
    answer_log_probabilities,
    chosen_change,
    collate_pairs,
    encode_pairs,
    pair_scores,
    reward_margin,
)
from fae_training.language.preference_loss import Objective, pair_losses
from fae_training.runs import Run

# Held-out requests that each model answers for the proposal, and how many of the answers are shown.
ASKED, SHOWN = 8, 3


def in_batches(pairs: list[Pair], tokens: int) -> list[list[Pair]]:
    """All pairs in batches of about `tokens` computed tokens, those of like length together."""
    order = sorted(pairs, key=lambda p: (len(p.chosen.tokens) + len(p.rejected.tokens), p.key))
    batches: list[list[Pair]] = []
    room = 0
    for pair in order:
        if not batches or pair.computed_tokens > room:
            batches.append([])
            room = tokens
        batches[-1].append(pair)
        room -= pair.computed_tokens
    return batches


def choose(pairs: list[Pair], tokens: int, fewest: int) -> list[Pair]:
    """As many of the pairs, in their order, as `tokens` computed tokens have room for, at least `fewest`.

    Their keys decide, so more corrections move no choice but the last.
    """
    chosen: set[str] = set()
    for pair in sorted(pairs, key=lambda pair: pair.key):
        tokens -= pair.computed_tokens
        if tokens < 0 and len(chosen) >= fewest:
            break
        chosen.add(pair.key)
    return [pair for pair in pairs if pair.key in chosen]


def validation_values(
    model,
    batches: list[list[Pair]],
    reference: dict | None,
    objective: Objective,
    fast: FastSettings,
    finished=lambda count: None,
) -> dict:
    """val_loss, val_margin, val_accuracy and, with a reference, val_chosen_change: means over the pairs.

    In training mode, like the reference: the same rounding on both sides. finished(count) is called after each batch of
    `count` pairs and may raise to end the work.
    """
    model.train()
    sums: dict[str, float] = {}
    for pairs in batches:
        batch = collate_pairs(pairs, reference, fast)
        scores = pair_scores(model, batch, fast)
        margin = reward_margin(objective, scores)
        values = {
            "val_loss": pair_losses(objective, scores),
            "val_margin": margin,
            "val_accuracy": (margin > 0).astype(mx.float32) + 0.5 * (margin == 0),
        }
        if objective.needs_reference:
            values["val_chosen_change"] = chosen_change(scores)
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value.sum().item()
        finished(len(pairs))
    model.eval()
    count = sum(len(pairs) for pairs in batches)
    return {name: total / count for name, total in sums.items()}


class HeldOutPreferences:
    """The held-out corrections and conversations that a preference run is judged by."""

    def __init__(self, run: Run, tokenizer, check: Callable[[], None]):
        """check: see HeldOutConversations."""
        self.tokenizer = tokenizer
        self.conversations = scoring.HeldOutConversations(run, tokenizer, check, share=0.5)
        _, held_out, _ = preference_preflight.corrections(run.home)
        encoded = encode_pairs(
            tokenizer, held_out, run.settings["max_length"], lambda done, total: check()
        )
        self.pairs, self.asked = encoded.pairs, encoded.rows[:ASKED]
        if looks := scoring.looks_of(run):
            fewest = validation_set.FEWEST_SCORED
            self.pairs = choose(self.pairs, looks.scoring_tokens // 2, fewest)
        self.watched = drift_monitor.answered(self.pairs)

    @property
    def items(self) -> int:
        own = len(self.pairs) + len(self.asked) + len(self.watched)
        return own + self.conversations.items

    def measure(self, model, fast: FastSettings, finished) -> dict:
        """What HeldOutConversations measures; both log-probabilities of each pair; answers to held-out requests."""
        found: dict[str, tuple[float, float]] = {}
        for some in in_batches(self.pairs, self.conversations.batch_tokens):
            sides = answer_log_probabilities(model, collate_pairs(some, None, fast), fast)
            for pair, *both in zip(some, *(side.tolist() for side in sides), strict=True):
                found[pair.key] = tuple(both)
            finished(len(some))
        texts = answer_texts(
            model,
            self.tokenizer,
            [(row.prompt, row.tools) for row in self.asked],
            scoring.LONGEST_EXAMPLE,
            lambda: finished(0),
        )
        finished(len(texts))
        lengths = None
        if self.watched:
            lengths = drift_monitor.answer_tokens(
                model, self.tokenizer, self.watched, lambda: finished(0)
            )
        finished(len(self.watched))
        examples = [
            {"prompt": row.prompt[-1]["content"], "text": text, "wanted": row.chosen["content"]}
            for row, text in zip(self.asked, texts, strict=True)
        ]
        return self.conversations.measure(model, fast, finished) | {
            "pairs": [found[pair.key] for pair in self.pairs],
            "examples": examples,
            "answer_tokens": lengths,
        }


def score(run: Run, session, loaded: tuple | None = None) -> dict:
    """The benchmark of a run (see gate.py): preferences on held-out corrections, and the loss on conversations."""
    scored = scoring.score_models(
        run, session, loaded, lambda tokenizer: HeldOutPreferences(run, tokenizer, session.check)
    )
    benchmark = benchmark_of(scored.results)
    return benchmark | {
        "notes": scored.notes + benchmark["notes"],
        "current_run": scored.current_run,
    }


def benchmark_of(results: dict[str, dict]) -> dict:
    """Measures and examples out of what was measured of candidate, current and base.

    A correction counts as right for a model when, against the base model, it moved from the rejected answer to
    the chosen one: log p(chosen) - log p(rejected) is above the base model's. The base has 0.5 by that
    definition. Comparing with the base takes out what makes any short answer likelier than any long one.
    """
    base = results["base"]["pairs"]
    moved = {
        name: [
            (chosen - rejected) - (base_chosen - base_rejected)
            for (chosen, rejected), (base_chosen, base_rejected) in zip(
                results[name]["pairs"], base, strict=True
            )
        ]
        for name in ("candidate", "current", "base")
    }
    right = {name: [0.5 + 0.5 * _sign(h) for h in moved[name]] for name in moved}
    likelier = {
        name: [0.5 + 0.5 * _sign(chosen - rejected) for chosen, rejected in results[name]["pairs"]]
        for name in moved
    }
    measures = []
    if base:
        measures = [
            _measure(
                "preference_accuracy",
                "moving towards the answer that you accepted",
                "share of corrections",
                "no_worse",
                right,
            ),
            _measure(
                "preference_margin",
                "how far it moved towards what you accepted",
                "nats a correction",
                "report",
                moved,
            ),
            _measure(
                "accepted_is_likelier",
                "finding the accepted answer likelier than the other",
                "share of corrections",
                "report",
                likelier,
            ),
        ]
    conversations = scoring.benchmark_of(results)
    for measure in conversations["measures"]:
        measures.append(measure | {"tolerance": drift_monitor.CONVERSATION_TOLERANCE})
    examples = scoring.before_and_after(
        results["current"]["examples"], results["candidate"]["examples"]
    )
    changed = [example for example in examples if example["before"] != example["after"]]
    same = [example for example in examples if example not in changed]
    notes = conversations["notes"]
    if base:
        notes += [
            f"{len(changed)} of {len(examples)} answers to held-out requests changed; those are shown first",
            f"its answers are {results['candidate']['answer_tokens']:.0f} tokens long on average, "
            f"before {results['current']['answer_tokens']:.0f}",
        ]
    # Without both kinds of evidence there is none: a preference can be learned by forgetting how to talk.
    counts = {"corrections": len(base), "conversations": conversations["held_out"]["count"]}
    scarcer = min(counts, key=counts.get)
    return {
        "held_out": {"count": counts[scarcer], "what": scarcer},
        "measures": measures,
        "examples": (changed + same)[:SHOWN],
        "notes": notes,
    }


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)


def _measure(name: str, title: str, unit: str, gate: str, values: dict[str, list[float]]) -> dict:
    means = {who: sum(items) / len(items) for who, items in values.items()}
    kept = {who: values[who] for who in ("candidate", "current")}
    about = {"name": name, "title": title, "unit": unit, "better": "higher", "gate": gate}
    return about | means | {"per_item": kept}
