"""The formats that a run can be written in besides its adapter, decided from its files. Standard
library only."""

import json
from pathlib import Path

GGUF_FILE = "model-f16.gguf"
# The only model types that mlx_lm.fuse writes as GGUF.
GGUF_TYPES = ("llama", "mistral", "mixtral")
# Modules with the same name in mlx-lm and transformers in every model type that has them. Those of
# lfm2 or plamo differ.
PEFT_MODULES = {
    f"self_attn.{name}" for name in ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj")
}
PEFT_MODULES |= {
    f"linear_attn.{name}" for name in ("in_proj_qkv", "in_proj_z", "in_proj_qkvz", "out_proj")
}
PEFT_MODULES |= {
    f"{mlp}.{name}"
    for mlp in ("mlp", "mlp.shared_expert")
    for name in ("gate_proj", "up_proj", "down_proj", "gate_up_proj")
}


def why_no_gguf(model: Path) -> str | None:
    """The reason why mlx-lm cannot write this base model as GGUF, fused or not; None where it can.

    mlx-lm knows Llama's names and writes the vocabulary as SentencePiece. A byte-level vocabulary
    (Llama 3, Qwen, SmolLM) becomes a file that loads and answers nonsense.
    """
    config = json.loads((model / "config.json").read_text(encoding="utf-8-sig"))
    if config["model_type"] not in GGUF_TYPES:
        return f"mlx-lm writes GGUF only for {', '.join(GGUF_TYPES)} models, and this is a {config['model_type']} model"
    try:
        vocabulary = json.loads((model / "tokenizer.json").read_text(encoding="utf-8-sig"))["model"]
    except (OSError, ValueError, KeyError):
        return "mlx-lm writes GGUF only for models with a tokenizer.json, and this one has none that can be read"
    if vocabulary.get("type") != "Unigram" and not vocabulary.get("byte_fallback"):
        return (
            "mlx-lm writes every vocabulary as SentencePiece, and this model has a byte-level one"
        )
    return None


def why_no_peft(names: list[str]) -> str | None:
    """The reason why an adapter with these modules has no PEFT form; None where it has one. Names
    are as in adapted_modules."""
    unknown = sorted({n.split(".layers.")[-1].split(".", 1)[-1] for n in names} - PEFT_MODULES)
    if unknown:
        return f"it adapts {unknown[0]}, whose name in transformers is unknown"
    return None
