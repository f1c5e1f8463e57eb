"""The dimensions of a model, and the number of parameters of it and its adapter that follow from them."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelSizes:
    """The dimensions in config.json. `keys` and `values` are the widths of all key and value heads
    of linear attention, 0 in a model without it; gated: whether attention has an output gate, as
    Qwen3.5's has."""

    hidden: int
    layers: int
    full_layers: int
    vocabulary: int
    inner: int
    attention: int
    attention_keys: int
    attention_heads: int
    keys: int
    values: int
    key_head: int
    experts: int
    experts_used: int
    expert_inner: int
    tied: bool
    bits: float
    gated: bool = True

    @property
    def linear_layers(self) -> int:
        return self.layers - self.full_layers

    def parameters(self) -> int:
        """All weight matrices of the language model; norms and gates are a ten-thousandth of it."""
        queries = (2 if self.gated else 1) * self.attention
        full = self.hidden * (queries + self.attention + 2 * self.attention_keys)
        linear = self.hidden * (2 * self.keys + 3 * self.values)
        mlp = 3 * self.hidden * self.inner
        experts = self.experts * (3 * self.hidden * self.expert_inner + self.hidden)
        return (
            self.full_layers * full
            + self.linear_layers * linear
            + self.layers * (mlp + experts)
            + self.vocabulary * self.hidden * (1 if self.tied else 2)
        )

    def weight_bytes(self) -> int:
        """On disk and in memory; quantised groups of 64 have a scale and a bias of 16 bits each."""
        return round(self.parameters() * (self.bits + (0.5 if self.bits < 16 else 0)) / 8)

    def adapter_parameters(self, rank: int, experts: bool = False) -> int:
        """LoRA of `rank` on the modules of adapters.adapter_keys: rank x (inputs + outputs) for each."""
        h, inner = self.hidden, self.inner
        queries = (2 if self.gated else 1) * self.attention
        full = (h + queries) + 2 * (h + self.attention_keys) + (self.attention + h)
        linear = (h + 2 * self.keys + self.values) + (h + self.values) + (self.values + h)
        mlp = 3 * (h + inner) if inner else 0
        routed = 3 * self.experts * (h + self.expert_inner) if experts else 0
        return rank * (
            self.full_layers * full + self.linear_layers * linear + self.layers * (mlp + routed)
        )


def read_sizes(config: dict) -> ModelSizes:
    """Sizes from the contents of config.json: Qwen3.5 (text_config), Qwen3-Next, or Llama-like layers."""
    text = config.get("text_config", config)
    layers, heads = text["num_hidden_layers"], text["num_attention_heads"]
    head = text.get("head_dim") or text["hidden_size"] // heads
    experts = text.get("num_experts", 0)
    linear = "linear_num_key_heads" in text
    quantised = config.get("quantization") or config.get("quantization_config") or {}
    dtype = text.get("dtype") or text.get("torch_dtype") or config.get("dtype") or "bfloat16"
    return ModelSizes(
        hidden=text["hidden_size"],
        layers=layers,
        full_layers=layers // text.get("full_attention_interval", 4) if linear else layers,
        vocabulary=text["vocab_size"],
        # In a mixture of experts the MLP that every token passes is the shared expert.
        inner=text.get("shared_expert_intermediate_size", 0)
        if experts
        else text["intermediate_size"],
        attention=heads * head,
        attention_keys=(text.get("num_key_value_heads") or heads) * head,
        attention_heads=heads,
        keys=text["linear_num_key_heads"] * text["linear_key_head_dim"] if linear else 0,
        values=text["linear_num_value_heads"] * text["linear_value_head_dim"] if linear else 0,
        key_head=text["linear_key_head_dim"] if linear else 0,
        experts=experts,
        experts_used=text.get("num_experts_per_tok", 0) if experts else 0,
        expert_inner=text.get("moe_intermediate_size", 0) if experts else 0,
        tied=text.get("tie_word_embeddings", config.get("tie_word_embeddings", False)),
        bits=quantised.get("bits", 32 if dtype == "float32" else 16),
        gated=linear,
    )


def read_directory(directory: Path) -> tuple[ModelSizes, int]:
    """(sizes, bytes of its weights) of a model directory."""
    config = json.loads((directory / "config.json").read_text(encoding="utf-8-sig"))
    weights = sum(path.stat().st_size for path in directory.glob("*.safetensors"))
    return read_sizes(config), weights
