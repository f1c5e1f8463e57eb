"""A preview of a run before it starts: its rows as tokens, their number, the expected time and memory."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

# transformers warns when it finds no PyTorch, which is normal here.
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

from transformers import AutoTokenizer

from fae_training.calls.errors import SkillError
from fae_training.environment.models import loadable
from fae_training.language import memory
from fae_training.language.chat_encoder import CannotEncode, ChatEncoder
from fae_training.language.preflight import fast_settings
from fae_training.language.rows import TokenRow, encode_answer, encode_conversation
from fae_training.lifecycle import runs
from fae_training.lifecycle.preflight import (
    CONTEXT,
    CUT,
    TRAINED,
    Piece,
    Preflight,
    Preview,
    ShownRow,
    Tokens,
)
from fae_training.rows import training_rows
from fae_training.rows.row_forms import Conversation, PreferencePair
from fae_training.store.state import Home

# Long rows take a tenth of a second each, and the answer must come at once even with thousands of them.
MOST_COUNTED = 120
UNLIMITED = 10**9


def of(home: Home, place: Path, kind: str, found: Preflight, shown: int) -> Preview:
    """The preview of a run of `kind`, sft or dpo, on the rows in the directory `place`, with this many of them as tokens."""
    settings, model = found.settings.values, found.language_model
    read = training_rows.read(place / kind / "train.jsonl", kind).rows
    tokenizer = AutoTokenizer.from_pretrained(loadable(model.directory))
    encoder, longest = ChatEncoder(tokenizer), settings["max_length"]
    counted = _spread(read, MOST_COUNTED)
    rows = [(row, each) for row in counted for each in _encoded(encoder, row, longest)]
    every = [each for _, each in rows]
    tokens = _counts(every, len(counted), len(read))
    planned = _memory(found, max((len(row.tokens) for row in every), default=0), kind)
    minutes, why = _minutes(home, kind, found, tokens)
    return Preview(
        tokens,
        minutes,
        why,
        planned,
        tuple(_shown(tokenizer, encoder, row, longest) for row in _spread(read, shown)),
    )


def _spread(items: Sequence, most: int) -> list:
    """At most this many of the items, evenly spaced."""
    if len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def _encoded(
    encoder: ChatEncoder, row: Conversation | PreferencePair, longest: int
) -> list[TokenRow]:
    """The token rows of a conversation, or of both answers of a pair; none where the template cannot write it."""
    try:
        if isinstance(row, PreferencePair):
            return [
                encode_answer(encoder, row.prompt, answer, row.tools, longest)
                for answer in (row.chosen, row.rejected)
            ]
        return encode_conversation(encoder, row.messages, row.tools, longest)
    except CannotEncode:
        return []


def _counts(rows: list[TokenRow], counted: int, total: int) -> Tokens:
    scale = total / max(counted, 1)
    return Tokens(
        rows=round(len(rows) * scale),
        tokens=round(sum(len(row.tokens) for row in rows) * scale),
        trained=round(sum(len(row.tokens) - row.supervised_from for row in rows) * scale),
        cut=round(sum(row.cut_tokens for row in rows) * scale),
        longest=max((len(row.tokens) for row in rows), default=0),
        exact=counted == total,
    )


def _memory(found: Preflight, longest: int, kind: str) -> dict:
    """The plan of memory.fit_to_machine; where a run would be refused, "note" says why."""
    settings = dict(found.settings.values)
    directory = Path(found.language_model.directory)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8-sig"))
    linear = "linear_num_value_heads" in (config.get("text_config") or config)
    fast = fast_settings(settings["fast"])
    fast = replace(fast, gated_delta=fast.gated_delta and linear)
    try:
        rows_each = 2 if kind == "dpo" else 1
        changed, fast, planned = memory.fit_to_machine(
            directory, settings, longest, fast, rows_each
        )
    except SkillError as refused:
        return {"peak_memory_gb": None, "note": f"{refused.message}; {refused.hint}"}
    sizes = {name: changed[name] for name in ("batch_size", "gradient_accumulation")}
    return planned | sizes | {"checkpoint_layers": fast.checkpoint_layers}


def _minutes(home: Home, kind: str, found: Preflight, tokens: Tokens) -> tuple[float | None, str]:
    """(minutes, how they were estimated) from the speed of the newest finished run of this kind
    with this model."""
    for run in reversed(runs.all_runs(home, kind)):
        result = run.result() or {}
        if run.record.get("model_fingerprint") != found.language_model.fingerprint:
            continue
        if not (result.get("tokens_per_s") and isinstance(result.get("seconds"), dict)):
            continue
        settings = found.settings.values
        rows = settings["steps"] * settings["batch_size"] * settings["gradient_accumulation"]
        rows *= 2 if kind == "dpo" else 1
        training = rows * tokens.tokens / max(tokens.rows, 1) / result["tokens_per_s"]
        others = result["seconds"]["total"] - result["seconds"].get("training", 0)
        why = f"estimated from {run.id}: {result['tokens_per_s']:,.0f} tokens a second, and its time outside the training steps"
        return (training + others) / 60, why
    return (
        None,
        "no run of this model has finished on this machine; --preset smoke measures the speed",
    )


def _shown(
    tokenizer, encoder: ChatEncoder, row: Conversation | PreferencePair, longest: int
) -> ShownRow:
    """The last answer of a row, which has the most context; for a pair the accepted one."""
    title = f"line {row.line} of {row.file}"
    kept, whole = _encoded(encoder, row, longest), _encoded(encoder, row, UNLIMITED)
    if not kept:
        return ShownRow(f"{title}: the model's template cannot write it", (), 0, 0, 0)
    index = 0 if isinstance(row, PreferencePair) else -1
    return shown_row(tokenizer, title, kept[index], whole[index])


def shown_row(tokenizer, title: str, kept: TokenRow, whole: TokenRow) -> ShownRow:
    """A row in pieces: `kept` is the part that is trained on, `whole` the row without a length limit."""
    prompt, rest = whole.tokens[: whole.supervised_from], kept.tokens[: kept.supervised_from]
    start = 0
    while start < len(rest) and rest[start] == prompt[start]:
        start += 1
    cut_to = len(prompt) - (len(rest) - start)
    answer = kept.tokens[kept.supervised_from :]
    pieces = (
        (CONTEXT, prompt[:start]),
        (CUT, prompt[start:cut_to]),
        (CONTEXT, rest[start:]),
        (TRAINED, answer),
        (CUT, whole.tokens[whole.supervised_from + len(answer) :]),
    )
    return ShownRow(
        title,
        tuple(Piece(kind, tuple(_texts(tokenizer, part))) for kind, part in pieces if part),
        len(kept.tokens),
        len(answer),
        kept.cut_tokens,
    )


def _texts(tokenizer, tokens: list[int]) -> list[str]:
    """The text of each token; tokens that only together form a character are merged."""
    found, held = [], []
    for token in tokens:
        held.append(token)
        text = tokenizer.decode(held, skip_special_tokens=False)
        if not text.endswith("\ufffd"):
            found.append(text)
            held = []
    if held:
        found.append(tokenizer.decode(held, skip_special_tokens=False))
    return found
