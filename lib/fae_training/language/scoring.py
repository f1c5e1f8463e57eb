"""Candidate, current and base on the same held-out conversations, each loaded afresh from what is on disk."""

import contextlib
import json
from pathlib import Path

from fae_training import training_rows
from fae_training.deployment import current_run
from fae_training.kinds import KINDS
from fae_training.language.batches import collate
from fae_training.language.chat_encoder import CannotEncode
from fae_training.language.fast_path import FastSettings, enable
from fae_training.language.rows import TokenRow, encode_file, encode_prompt
from fae_training.language.supervised_loss import token_log_probabilities
from fae_training.runs import Run

# Rows at a time when nothing is trained: no gradients, so more fit than in training.
SCORING_BATCH = 8
EXAMPLES = 3
LONGEST_EXAMPLE = 80


def row_losses(model, rows: list[TokenRow], fast: FastSettings) -> list[tuple[float, int]]:
    """(sum of -log p in nats, supervised tokens) of each row, in the order given."""
    import mlx.core as mx

    found: list = [None] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].tokens))
    for start in range(0, len(order), SCORING_BATCH):
        chosen = order[start : start + SCORING_BATCH]
        batch = collate([rows[i] for i in chosen], fast.shared_prefix)
        log_p = mx.where(batch["weights"] > 0, token_log_probabilities(model, batch, fast), 0.0)
        sums = mx.zeros((len(chosen),)).at[batch["row"]].add(-log_p)
        counts = (
            mx.zeros((len(chosen),)).at[batch["row"]].add((batch["weights"] > 0).astype(mx.float32))
        )
        for i, total, count in zip(chosen, sums.tolist(), counts.tolist(), strict=True):
            found[i] = (total, int(count))
    return found


def held_out_loss(model, rows: list[TokenRow], fast: FastSettings) -> float:
    """Nats a supervised token, over all rows."""
    losses = row_losses(model, rows, fast)
    return sum(total for total, _ in losses) / max(sum(count for _, count in losses), 1)


def conversation_losses(rows: list[TokenRow], losses: list[tuple[float, int]]) -> list[float]:
    """Nats a token of each conversation, in order of first appearance; its turns are counted together."""
    totals: dict[str, list[float]] = {}
    for index, (row, (total, count)) in enumerate(zip(rows, losses, strict=True)):
        sums = totals.setdefault(row.source or str(index), [0.0, 0])
        sums[0] += total
        sums[1] += count
    return [total / max(count, 1) for total, count in totals.values()]


def score(run: Run, session, also=None, benchmark_from=None) -> dict:
    """The benchmark of a run (see gate.py): loss on every held-out conversation, and answers before and after.

    also(model, tokenizer, fast) -> dict measures more of each model, and benchmark_from(results) says it.
    """
    path = run.home.file("data", "sft", "valid.jsonl")
    deployed = current_run(run.home, KINDS[run.kind].slot)
    same_model = deployed is not None and deployed.record.get(
        "model_fingerprint"
    ) == run.record.get("model_fingerprint")
    notes = []
    if deployed and not same_model:
        notes.append(
            f"{deployed.id} was trained on another base model; this run was compared with the base model instead"
        )
    adapters = {
        "base": None,
        "current": deployed.file("adapters") if same_model else None,
        "candidate": run.file("adapters"),
    }
    results: dict[str, dict] = {}
    for name, adapter in adapters.items():
        if name == "current" and adapter is None:
            results["current"] = results["base"]
        else:
            session.log(f"scoring {name}")
            results[name] = _measured(run, path, adapter, also)
    benchmark = (benchmark_from or benchmark_of)(results)
    notes += benchmark.get("notes", [])
    return benchmark | {"notes": notes, "current_run": deployed.id if deployed else None}


def _measured(run: Run, path: Path, adapter: Path | None, also) -> dict:
    """Loss a token, a loss for each conversation, and answers to the first prompts."""
    from mlx_lm import load

    model, tokenizer = load(
        run.record["model"]["directory"], adapter_path=str(adapter) if adapter else None
    )
    model.freeze()  # the loss at the output layer asks for it
    model.eval()
    fast, _ = enable(model, FastSettings(), run.home.directory("cache"))
    rows = (
        encode_file(tokenizer, path, run.settings["max_length"], run.home.directory("cache")).rows
        if path.exists()
        else []
    )
    losses = row_losses(model, rows, fast)
    tokens = sum(count for _, count in losses)
    found = {
        "loss": sum(total for total, _ in losses) / tokens if tokens else None,
        "conversations": conversation_losses(rows, losses),
        "answers": [
            answer | {"text": generated(model, tokenizer, answer["messages"], answer["tools"])}
            for answer in example_prompts(tokenizer, path)
        ],
    }
    return found | (also(model, tokenizer, fast) if also else {})


def example_prompts(tokenizer, path: Path) -> list[dict]:
    """The last exchange of the first few held-out conversations: messages up to the answer, tools, question, answer."""
    prompts = []
    for row in training_rows.read(path, "sft").rows:
        messages = row.messages
        if (
            len(messages) < 2
            or not messages[-1]["content"].strip()
            or messages[-2]["role"] != "user"
        ):
            continue
        with contextlib.suppress(CannotEncode):
            encode_prompt(tokenizer, messages[:-1], row.tools)
            prompts.append(
                {
                    "messages": messages[:-1],
                    "tools": row.tools,
                    "prompt": messages[-2]["content"],
                    "wanted": messages[-1]["content"],
                }
            )
        if len(prompts) == EXAMPLES:
            break
    return prompts


def generated(model, tokenizer, messages: list[dict], tools: list[dict] | None = None) -> str:
    """The model's answer, the most likely word each time, asked for as Fae's runtime does."""
    from mlx_lm import generate

    prompt = encode_prompt(tokenizer, messages, tools)
    return generate(model, tokenizer, prompt, max_tokens=LONGEST_EXAMPLE).strip()


def before_and_after(before: list[dict], after: list[dict]) -> list[dict]:
    """What the proposal shows of two models' answers to the same prompts."""
    return [
        {"prompt": b["prompt"], "before": b["text"], "after": a["text"], "wanted": b["wanted"]}
        for b, a in zip(before, after, strict=True)
    ]


def benchmark_of(results: dict[str, dict]) -> dict:
    """Measures and examples out of what was measured of candidate, current and base."""
    count = len(results["candidate"]["conversations"])
    measures = []
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
    examples = before_and_after(results["current"]["answers"], results["candidate"]["answers"])
    return {
        "held_out": {"count": count, "what": "conversations"},
        "measures": measures,
        "examples": examples,
    }


def verify(run: Run, session) -> dict:
    """Whether the saved adapter loads in a fresh process and changes what the model says."""
    import mlx.core as mx
    from mlx_lm import load

    base, tokenizer = load(run.record["model"]["directory"])
    tuned, _ = load(run.record["model"]["directory"], adapter_path=str(run.file("adapters")))
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True, enable_thinking=False
    )
    tokens = mx.array([prompt])
    difference = (
        mx.abs(tuned(tokens).astype(mx.float32) - base(tokens).astype(mx.float32)).max().item()
    )
    scale = json.loads(run.file("adapters", "adapter_config.json").read_text())["lora_parameters"][
        "scale"
    ]
    return {
        "loads": True,
        "changes_output": difference > 0,
        "largest_logit_change": difference,
        "scale": scale,
    }
