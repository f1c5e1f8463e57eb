"""Scores a run of SFT: the loss of candidate, current and base model on the same held-out conversations.

There is one copy of the base model; the saved adapters are put on it and taken off again (score_models). score() makes the
benchmark that gate.py judges, verify() tells whether the saved adapter loads and changes the output. row_losses and
validation_loss measure the same loss during training; preference_scoring.py does for DPO what this module does for SFT.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from fae_training import training_rows
from fae_training.deployment import current_run
from fae_training.kinds import KINDS
from fae_training.language import adapters, generation, loading, validation_set
from fae_training.language.batches import collate
from fae_training.language.chat_encoder import CannotEncode
from fae_training.language.fast_path import enable
from fae_training.language.fast_settings import FastSettings
from fae_training.language.rows import TokenRow, encode_file, encode_prompt
from fae_training.language.supervised_loss import token_log_probabilities
from fae_training.runs import Run

EXAMPLES = 3
LONGEST_EXAMPLE = 80


def row_losses(
    model,
    rows: list[TokenRow],
    fast: FastSettings,
    batch_tokens: int,
    finished: Callable[[int], None] = lambda count: None,
) -> list[tuple[float, int]]:
    """(sum of -log p in nats, supervised tokens) of each row, in the order given.

    batch_tokens: about how many tokens are computed at a time. finished(count) is called after each batch of `count`
    rows and may raise to end the work.
    """
    found: list = [None] * len(rows)
    for chosen in validation_set.in_batches(rows, batch_tokens):
        batch = collate([rows[i] for i in chosen], fast.shared_prefix)
        log_p = mx.where(batch["weights"] > 0, token_log_probabilities(model, batch, fast), 0.0)
        sums = mx.zeros((len(chosen),)).at[batch["row"]].add(-log_p)
        counts = (
            mx.zeros((len(chosen),)).at[batch["row"]].add((batch["weights"] > 0).astype(mx.float32))
        )
        for i, total, count in zip(chosen, sums.tolist(), counts.tolist(), strict=True):
            found[i] = (total, int(count))
        finished(len(chosen))
    return found


def mean_loss(losses: list[tuple[float, int]]) -> float:
    """Nats a supervised token, over all rows."""
    return sum(total for total, _ in losses) / max(sum(count for _, count in losses), 1)


def counting(session, total: int) -> Callable[[int], None]:
    """finished(count): `count` more of the `total` items of a session's stage are done; raises Cancelled when asked to end."""
    done = 0
    session.progressed(0, total)

    def finished(count: int) -> None:
        nonlocal done
        done += count
        session.advance(done, total)

    return finished


def validation_loss(model, rows: list[TokenRow], fast: FastSettings, batch_tokens: int, session):
    """mean_loss of `rows` inside a session's stage, which says how far it is and may be cancelled."""
    finished = counting(session, len(rows))
    return mean_loss(row_losses(model, rows, fast, batch_tokens, finished))


def conversation_losses(rows: list[TokenRow], losses: list[tuple[float, int]]) -> list[float]:
    """Nats a token of each conversation, in order of first appearance; its turns are counted together."""
    totals: dict[str, list[float]] = {}
    for index, (row, (total, count)) in enumerate(zip(rows, losses, strict=True)):
        sums = totals.setdefault(row.source or str(index), [0.0, 0])
        sums[0] += total
        sums[1] += count
    return [total / max(count, 1) for total, count in totals.values()]


@dataclass(frozen=True)
class Scored:
    """What was measured of each model, by "candidate", "current" and "base", and what to tell about it."""

    results: dict[str, Any]
    notes: list[str]
    current_run: str | None


def score_models(run: Run, session, loaded: tuple | None, prepare: Callable) -> Scored:
    """Measure base, current and candidate on one copy of the base model, inside a session's stage.

    loaded: (model, tokenizer) as they were trained; their adapter is taken off and read again from disk.

    prepare(tokenizer) gives what is measured: `.items`, how many there are for each model, and
    `.measure(model, fast, finished)`, which calls finished(count) after every few of them. What is deployed counts as
    current where it belongs to the same base model; else the base model does.
    """
    deployed = current_run(run.home, KINDS[run.kind].slot)
    same_model = deployed is not None and deployed.record.get(
        "model_fingerprint"
    ) == run.record.get("model_fingerprint")
    notes = []
    if deployed and not same_model:
        notes.append(
            f"{deployed.id} was trained on another base model; this run was compared with the base model instead"
        )
    adapted = {"current": deployed} if deployed and same_model else {}
    adapted |= {"candidate": run}
    if loaded:
        model, tokenizer = loaded
        adapters.take_off(model)
    else:
        model, tokenizer = loading.load(run.record["model"]["directory"])
        loading.read_weights(model, lambda read, total: session.check())
    model.freeze()  # the loss at the output layer asks for it
    model.eval()
    fast, _ = enable(model, FastSettings(), run.home.directory("cache"))
    held_out = prepare(tokenizer)
    finished = counting(session, held_out.items * (1 + len(adapted)))
    results = {"base": held_out.measure(model, fast, finished)}
    results["current"] = results["base"]
    for name, trained in adapted.items():
        adapters.load(model, trained.file("adapters"))
        model.eval()
        results[name] = held_out.measure(model, fast, finished)
        adapters.take_off(model)
    return Scored(results, notes, deployed.id if deployed else None)


class HeldOutConversations:
    """The held-out answers that a run is judged by (see validation_set), and prompts for the model to answer itself.

    check is called between the conversations that are tokenised and may raise to end the work. share: which part of the
    tokens that scoring may compute is for these answers.
    """

    def __init__(self, run: Run, tokenizer, check: Callable[[], None], share: float = 1.0):
        self.tokenizer = tokenizer
        self.prompts = example_prompts(run, tokenizer)
        self.all_rows = encode_file(
            tokenizer,
            run.home.file("data", "sft", "valid.jsonl"),
            run.settings["max_length"],
            run.home.directory("cache"),
            lambda done, total: check(),
        ).rows
        looks = looks_of(run)
        self.batch_tokens = looks.batch_tokens if looks else BATCH_TOKENS
        self.rows = self.all_rows
        if looks:
            fewest = validation_set.FEWEST_SCORED
            tokens = round(share * looks.scoring_tokens)
            self.rows = validation_set.choose(self.all_rows, tokens, fewest)

    @property
    def items(self) -> int:
        return len(self.rows) + len(self.prompts)

    def measure(self, model, fast: FastSettings, finished: Callable[[int], None]) -> dict:
        """Loss a token, a loss for each conversation, and answers to the prompts."""
        losses = row_losses(model, self.rows, fast, self.batch_tokens, finished)
        texts = generation.answer_texts(
            model,
            self.tokenizer,
            [(prompt["messages"], prompt["tools"]) for prompt in self.prompts],
            LONGEST_EXAMPLE,
            lambda: finished(0),
        )
        finished(len(self.prompts))
        return {
            "loss": mean_loss(losses) if self.rows else None,
            "conversations": conversation_losses(self.rows, losses),
            "held_out_answers": [len(self.rows), len(self.all_rows)],
            "answers": [p | {"text": text} for p, text in zip(self.prompts, texts, strict=True)],
        }


# What one batch holds for a run of an earlier version, whose receipt does not say it.
BATCH_TOKENS = 2048


def looks_of(run: Run) -> validation_set.Looks | None:
    """What the training put into its receipt; None for a run of an earlier version, which looked at everything."""
    kept = ((run.result() or {}).get("applied") or {}).get("looks")
    return validation_set.Looks(**kept) if kept else None


def score(run: Run, session, loaded: tuple | None = None) -> dict:
    """The benchmark of a run (see gate.py): loss on held-out conversations, and answers before and after."""
    scored = score_models(
        run, session, loaded, lambda tokenizer: HeldOutConversations(run, tokenizer, session.check)
    )
    benchmark = benchmark_of(scored.results)
    return benchmark | {
        "notes": scored.notes + benchmark["notes"],
        "current_run": scored.current_run,
    }


def example_prompts(run: Run, tokenizer) -> list[dict]:
    """An exchange of each of the first few held-out conversations: messages up to the answer, tools, question, answer.

    The last one whose prompt is no longer than a row of this run.
    """
    prompts = []
    for row in training_rows.read(run.home.file("data", "sft", "valid.jsonl"), "sft").rows:
        for at in reversed(range(1, len(row.messages))):
            question, answer = row.messages[at - 1], row.messages[at]
            if (question["role"], answer["role"]) != ("user", "assistant"):
                continue
            if not answer["content"].strip() or not _fits(run, tokenizer, row, at):
                continue
            prompts.append(
                {
                    "messages": row.messages[:at],
                    "tools": row.tools,
                    "prompt": question["content"],
                    "wanted": answer["content"],
                }
            )
            break
        if len(prompts) == EXAMPLES:
            break
    return prompts


def _fits(run: Run, tokenizer, row, until: int) -> bool:
    try:
        prompt = encode_prompt(tokenizer, row.messages[:until], row.tools)
    except CannotEncode:
        return False
    return len(prompt) <= run.settings["max_length"]


def before_and_after(before: list[dict], after: list[dict]) -> list[dict]:
    """What the proposal shows of two models' answers to the same prompts."""
    return [
        {"prompt": b["prompt"], "before": b["text"], "after": a["text"], "wanted": b["wanted"]}
        for b, a in zip(before, after, strict=True)
    ]


def benchmark_of(results: dict[str, dict]) -> dict:
    """Measures and examples out of what was measured of candidate, current and base."""
    count = len(results["candidate"]["conversations"])
    answers, all_answers = results["candidate"]["held_out_answers"]
    measures, notes = [], []
    if count:
        measure = {name: results[name]["loss"] for name in ("candidate", "current", "base")}
        measure |= {
            "name": "held_out_loss",
            "title": "predicting what you were answered",
            "unit": "nats a token",
            "better": "lower",
            "gate": "no_worse",
        }
        measure["per_item"] = {
            name: results[name]["conversations"] for name in ("candidate", "current")
        }
        measures.append(measure)
    if answers < all_answers:
        notes.append(
            f"measured on {answers:,} of {all_answers:,} held-out answers, from {count:,} conversations, so that "
            "measuring takes a fraction of the training's time"
        )
    examples = before_and_after(results["current"]["answers"], results["candidate"]["answers"])
    return {
        "held_out": {
            "count": count,
            "what": "conversations",
            "answers": answers,
            "of_answers": all_answers,
        },
        "measures": measures,
        "examples": examples,
        "notes": notes,
    }


def verify(run: Run, session) -> dict:
    """Whether the saved adapter loads in a fresh process and changes what the model says."""
    model, tokenizer = loading.load(run.record["model"]["directory"])
    tokens = mx.array([encode_prompt(tokenizer, [{"role": "user", "content": "Hello"}])])
    model.eval()
    before = model(tokens).astype(mx.float32)
    mx.eval(before)
    adapters.load(model, run.file("adapters"))
    model.eval()
    difference = mx.abs(model(tokens).astype(mx.float32) - before).max().item()
    scale = json.loads(run.file("adapters", "adapter_config.json").read_text())["lora_parameters"][
        "scale"
    ]
    return {
        "loads": True,
        "changes_output": difference > 0,
        "largest_logit_change": difference,
        "scale": scale,
    }
