"""What can be made of a run beside its adapter, seen from its files. Standard library only."""

import json
from pathlib import Path

GGUF_FILE = "model-f16.gguf"
# mlx_lm.fuse writes GGUF of these alone.
GGUF_TYPES = ("llama", "mistral", "mixtral")
# Modules that mlx-lm and transformers call alike, in every model type that has them. lfm2's or plamo's are not here.
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
    """Why mlx-lm cannot write this base model as GGUF, fused or not; None where it can.

    It knows Llama's names, and writes the vocabulary as SentencePiece's. A byte-level vocabulary (Llama 3, Qwen, SmolLM)
    comes out as a file that loads and answers nonsense.
    """
    config = json.loads((model / "config.json").read_text(encoding="utf-8-sig"))
    if config["model_type"] not in GGUF_TYPES:
        return f"mlx-lm writes GGUF of {', '.join(GGUF_TYPES)} models alone, and this is a {config['model_type']} model"
    try:
        vocabulary = json.loads((model / "tokenizer.json").read_text(encoding="utf-8-sig"))["model"]
    except (OSError, ValueError, KeyError):
        return "mlx-lm writes GGUF of models with a tokenizer.json alone, and this has none that can be read"
    if vocabulary.get("type") != "Unigram" and not vocabulary.get("byte_fallback"):
        return (
            "mlx-lm writes every vocabulary as SentencePiece's, and this model has a byte-level one"
        )
    return None


def why_no_peft(names: list[str]) -> str | None:
    """Why an adapter with these modules has no PEFT form; None where it has one. Names are as in adapted_modules."""
    unknown = sorted({n.split(".layers.")[-1].split(".", 1)[-1] for n in names} - PEFT_MODULES)
    if unknown:
        return f"it adapts {unknown[0]}, whose name in transformers is not known here"
    return None
