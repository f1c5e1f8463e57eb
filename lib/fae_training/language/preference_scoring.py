"""How well a model prefers what its user accepted, on corrections that it never saw: in training and afterwards."""

from __future__ import annotations

import contextlib

from fae_training import training_rows
from fae_training.language import preference_request, scoring
from fae_training.language.chat_encoder import CannotEncode
from fae_training.language.fast_path import FastSettings
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
from fae_training.language.preference_watch import CONVERSATION_TOLERANCE
from fae_training.language.rows import TokenRow, encode_conversation
from fae_training.runs import Run

# Pairs at a time when nothing is trained.
SCORING_PAIRS = 4
# Answers that are really generated for the length watch: a few are enough to see drift.
WATCHED_PROMPTS = 4
# Held-out requests that each model answers for the proposal, and how many of the answers are shown.
ASKED, SHOWN = 8, 3
PROBED_CONVERSATIONS = 16


def in_batches(pairs: list[Pair], size: int) -> list[list[Pair]]:
    """All pairs, those of like length together."""
    order = sorted(pairs, key=lambda p: (len(p.chosen.tokens) + len(p.rejected.tokens), p.key))
    return [order[i : i + size] for i in range(0, len(order), size)]


def validation_values(
    model,
    batches: list[list[Pair]],
    reference: dict | None,
    objective: Objective,
    fast: FastSettings,
) -> dict:
    """val_loss, val_margin, val_accuracy and, with a reference, val_chosen_change: means over the pairs.

    In training mode, like the reference: the same rounding on both sides.
    """
    import mlx.core as mx

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
    model.eval()
    count = sum(len(pairs) for pairs in batches)
    return {name: total / count for name, total in sums.items()}


def watched(held_out: list[Pair]) -> list[Pair]:
    """The pairs whose prompts are really answered at every validation: always the same few."""
    return sorted(held_out, key=lambda pair: pair.key)[:WATCHED_PROMPTS]


def answer_tokens(model, tokenizer, pairs: list[Pair]) -> float:
    """Mean length, end token included, of the model's own most likely answers to these pairs' prompts."""
    from mlx_lm import stream_generate

    # An answer that reaches twice the longest known one counts as grown, however far it would go on.
    limit = 2 * max(_answer_length(side) for pair in pairs for side in (pair.chosen, pair.rejected))
    model.eval()
    total = 0
    for pair in pairs:
        prompt = pair.chosen.tokens[: pair.chosen.supervised_from]
        total += sum(1 for _ in stream_generate(model, tokenizer, prompt, max_tokens=limit))
    return total / len(pairs)


def _answer_length(row) -> int:
    return len(row.tokens) - row.supervised_from


def mean_chosen_tokens(pairs: list[Pair]) -> float:
    return sum(_answer_length(pair.chosen) for pair in pairs) / len(pairs)


def probed_conversations(run: Run, tokenizer) -> list[TokenRow]:
    """A few of the user's conversations, to see in training whether the model forgets how to talk.

    From those that SFT trains on: preference training does not read them, and the held-out ones are for the score.
    """
    read = training_rows.read(run.home.file("data", "sft", "train.jsonl"), "sft")
    length, found = run.settings["max_length"], []
    for row in read.rows[:PROBED_CONVERSATIONS]:
        with contextlib.suppress(CannotEncode):
            found += encode_conversation(tokenizer, row.messages, row.tools, length)
    return found


def score(run: Run, session) -> dict:
    """The benchmark of a run (see gate.py): preferences on held-out corrections, and the loss on conversations."""
    _, held_out, _ = preference_request.corrections(run.home)

    def preferences(model, tokenizer, fast) -> dict:
        encoded = encode_pairs(tokenizer, held_out, run.settings["max_length"])
        pairs = encoded.pairs
        found: dict[str, tuple[float, float]] = {}
        for some in in_batches(pairs, SCORING_PAIRS):
            sides = answer_log_probabilities(model, collate_pairs(some, None, fast), fast)
            for pair, *both in zip(some, *(side.tolist() for side in sides), strict=True):
                found[pair.key] = tuple(both)
        examples = [
            {
                "prompt": row.prompt[-1]["content"],
                "text": scoring.generated(model, tokenizer, row.prompt, row.tools),
                "wanted": row.chosen["content"],
            }
            for row in encoded.rows[:ASKED]
        ]
        lengths = answer_tokens(model, tokenizer, watched(pairs)) if pairs else None
        return {
            "pairs": [found[pair.key] for pair in pairs],
            "examples": examples,
            "answer_tokens": lengths,
        }

    return scoring.score(run, session, preferences, benchmark_of)


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
        measures.append(measure | {"tolerance": CONVERSATION_TOLERANCE})
    examples = scoring.before_and_after(
        results["current"]["examples"], results["candidate"]["examples"]
    )
    changed = [example for example in examples if example["before"] != example["after"]]
    same = [example for example in examples if example not in changed]
    notes = []
    if base:
        notes = [
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
