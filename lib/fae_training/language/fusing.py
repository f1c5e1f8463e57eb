"""Fuses an adapter into the weights of its base model, saves the result, and compares it with the
two used separately."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_unflatten
from mlx_lm.gguf import convert_to_gguf
from mlx_lm.tuner.lora import LoRALinear, LoRASwitchLinear
from mlx_lm.utils import dequantize_model, save_config, save_model

from fae_training.app import fae_app
from fae_training.calls.errors import Failed, Missing, command_line
from fae_training.fitting.arrays import flattened
from fae_training.judgement.parts import divided
from fae_training.language import adapters, loading, losses, validation_set
from fae_training.language.fast_settings import FastSettings
from fae_training.language.fused_files import GGUF_FILE
from fae_training.language.rows import TokenRow, encode_answer, encode_file
from fae_training.lifecycle import provenance
from fae_training.lifecycle.runs import Run
from fae_training.rows import training_rows

# Parity is measured on about this many tokens, in rows no longer than this: with a vocabulary of
# 248,000 the logits of one such row take half a gigabyte.
TOKENS, LONGEST, FEWEST = 2048, 512, 4
# The largest difference in nats per token that rounding explains, by the type of the fused weights:
# with 16 bits each weight is rounded once more after the adapter is added. Reading the same weights
# again must change nothing.
LARGEST, LARGEST_16_BITS, LARGEST_REREAD = 1e-4, 2e-2, 1e-6
# Files that belong to a model besides its weights and config.json.
COPIED = ("*.jinja", "*.model", "*.tiktoken", "*.txt", "*.py", "*.json")


@dataclass(frozen=True)
class Parity:
    """Nats per token on the same held-out answers: base with adapter, fused in memory, and fused
    then read from disk."""

    rows: int
    unfused: float
    fused: float
    reloaded: float

    def why_not(self, precision: str) -> str | None:
        """A sentence about a difference that rounding does not explain; None where there is none."""
        allowed = LARGEST if precision == "float32" else LARGEST_16_BITS
        if not abs(self.fused - self.unfused) <= allowed:
            return (
                f"the loss is {self.fused:.4f} fused and {self.unfused:.4f} with a separate adapter; rounding to {precision} "
                f"explains {allowed:g} at most"
            )
        if not abs(self.reloaded - self.fused) <= LARGEST_REREAD:
            return f"the loss is {self.reloaded:.4f} after reading the saved model, and was {self.fused:.4f} before"
        return None


def fuse_and_save(
    run: Run,
    target: Path,
    keep_bits: bool,
    gguf: bool,
    begin_stage: Callable[[str], None],
    check: Callable[[], None],
) -> tuple[Parity, str]:
    """Fuse the run's adapter into its base model and save it to `target`, a new folder; returns
    (parity, precision).

    keep_bits: quantised weights are quantised again with the same settings; otherwise they take the
    type of their scales, without further loss. begin_stage(stage) is called before each stage, check()
    between rows; both may raise. Raises Missing where memory or disk are too small, and Failed
    where the saved model behaves differently from base and adapter.
    """
    base = Path(run.record["model"]["directory"])
    begin_stage("loading")
    model, tokenizer = loading.load(str(base))
    adapters.load(model, run.file("adapters"))
    model.eval()
    rows = rows_to_compare(run, tokenizer, check)
    require_room(model, target, keep_bits)

    def loss(model) -> float:
        found = losses.row_losses(model, rows, FastSettings.off(), LONGEST, lambda count: check())
        return losses.mean_loss(found)

    begin_stage("measuring")
    unfused = loss(model)
    begin_stage("fusing")
    model = fused(model, keep_bits)
    precision = precision_of(model)
    begin_stage("measuring")
    in_memory = loss(model)
    begin_stage("saving")
    save(model, base, target, keep_bits)
    if gguf:
        _save_gguf(model, target)
    del model
    mx.clear_cache()
    begin_stage("reading it back")
    again, _ = loading.load(str(target))
    again.eval()
    parity = Parity(len(rows), unfused, in_memory, loss(again))
    # The cost of quantising once more is for the person to judge: it is reported, not refused.
    if not keep_bits and (why := parity.why_not(precision)):
        score_again = command_line("uv", "run", "scripts/evaluate.py", "--run", run.id, "--rescore")
        raise Failed("not_the_same", f"{run.id} was not fused: {why}", score_again)
    return parity, precision


def rows_to_compare(run: Run, tokenizer, check: Callable[[], None]) -> list[TokenRow]:
    """Held-out answers of the run's own rows, or the rows that it was trained on where none are held out."""
    place = provenance.rows_of(run)
    why = ""
    for side in ("valid", "train"):
        file = encode_file(
            tokenizer, place / "sft" / f"{side}.jsonl", LONGEST, None, lambda done, of: check()
        )
        why = why or "".join(f" ({problem})" for problem in file.left_out[:1])
        found = file.rows or _of_pairs(tokenizer, place / "dpo" / f"{side}.jsonl")
        if found:
            judged = divided(found, lambda row: row.part).judge
            return validation_set.choose(judged, TOKENS, FEWEST)
    raise Missing(
        "no_rows",
        f"{run.id} has no conversation to compare the fused model on{why}",
        "uv run scripts/export_data.py",
    )


def _of_pairs(tokenizer, path: Path) -> list[TokenRow]:
    if not path.is_file():
        return []
    pairs = training_rows.read(path, "dpo").rows
    return [encode_answer(tokenizer, p.prompt, p.chosen, p.tools, LONGEST) for p in pairs]


def require_room(model, target: Path, keep_bits: bool) -> None:
    """Raise Missing where the fused model fits neither into memory nor on the disk of `target`."""
    needed = sum(array.nbytes for array in flattened(model.parameters()).values())
    if not keep_bits:
        needed = sum(_bytes_of(module) for _, module in model.named_modules())
    memory, free = fae_app.memory_bytes(), shutil.disk_usage(target.parent).free
    if memory < 1.2 * needed:
        raise Missing(
            "memory_too_small",
            f"the fused model takes {needed / 1e9:.1f} GB and some more while it is written; this machine has "
            f"{memory / 1e9:.1f} GB of memory"
            + ("" if keep_bits else "; with the quantisation of its base it is smaller"),
            "uv run scripts/fuse.py --keep-bits",
        )
    if free < 1.05 * needed:
        raise Missing(
            "disk_too_small",
            f"the fused model takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free in {target.parent}",
            command_line("df", "-h", target.parent),
        )


def _bytes_of(module) -> int:
    """The size of a module's own arrays, dequantised."""
    arrays = [array for array in module.values() if isinstance(array, mx.array)]
    if "scales" not in module:
        return sum(array.nbytes for array in arrays)
    return module.weight.size * 32 // module.bits * module.scales.itemsize


def fused(model, keep_bits: bool):
    """Add a model's adapters to its weights, layer by layer, so that no second copy is held."""
    for name, module in model.named_modules():
        if isinstance(module, LoRALinear | LoRASwitchLinear):
            one = module.fuse(dequantize=not keep_bits)
            mx.eval(one.parameters())
            model.update_modules(tree_unflatten([(name, one)]))
    if not keep_bits:
        model = dequantize_model(model)
    model.eval()
    return model


def precision_of(model) -> str:
    """The type of the model's weights, or "4 bits" and the like where they are quantised."""
    for _, module in model.named_modules():
        if "scales" in module:
            return f"{module.bits} bits"
    largest = max(flattened(model.parameters()).values(), key=lambda array: array.nbytes)
    return str(largest.dtype).removeprefix("mlx.core.")


def save(model, base: Path, target: Path, keep_bits: bool) -> None:
    """Write the weights and config.json as mlx-lm does, and copy the base's tokenizer and template."""
    save_model(target, model)
    config = json.loads((base / "config.json").read_text(encoding="utf-8-sig"))
    if not keep_bits:
        for place in (config, config.get("text_config", {})):
            place.pop("quantization", None)
            place.pop("quantization_config", None)
    save_config(config, target / "config.json")
    written = {path.name for path in target.iterdir()}
    for pattern in COPIED:
        for path in base.glob(pattern):
            if path.is_file() and path.name not in written and ".index." not in path.name:
                shutil.copy(path, target / path.name)
    if (templates := base / "additional_chat_templates").is_dir():
        shutil.copytree(templates, target / templates.name)


def _save_gguf(model, target: Path) -> None:
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    weights = flattened(model.parameters())
    convert_to_gguf(target, weights, config, str(target / GGUF_FILE))
