"""Small models with random weights of other architectures than Qwen3.5, out of mlx-lm's own classes."""

import json
import shutil
from pathlib import Path

import calls

VOCABULARY = 1280  # the sample tokenizer's

COMMON = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "eos_token_id": 1273,
}
GEMMA = {"head_dim": 16, "sliding_window": 24, "sliding_window_pattern": 3}

# What each of them has that Llama has not.
CONFIGS = {
    "llama": {},
    # A separate output layer, biases in attention and MLP, rotation in pairs, heads wider than the model.
    "llama, variants": {
        "model_type": "llama",
        "tie_word_embeddings": False,
        "attention_bias": True,
        "mlp_bias": True,
        "rope_traditional": True,
        "head_dim": 32,
    },
    # Not a module of mlx-lm but another name for one. Some layers see only the last tokens.
    "mistral": {
        "sliding_window": 20,
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
    },
    "qwen2": {},
    "qwen3": {"head_dim": 32},
    "qwen3_moe": {
        "head_dim": 16,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "moe_intermediate_size": 32,
        "norm_topk_prob": True,
    },
    "gemma2": {"head_dim": 16, "query_pre_attn_scalar": 16, "final_logit_softcapping": 3.0},
    "gemma3_text": GEMMA | {"query_pre_attn_scalar": 16},
    # With a softcap, keys and values that later layers share, and an input for each layer.
    "gemma4_text": GEMMA
    | {
        "num_hidden_layers": 6,
        "global_head_dim": 32,
        "num_kv_shared_layers": 2,
        "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": VOCABULARY,
        "final_logit_softcapping": 3.0,
    },
    "phi3": {},
    "olmo2": {},
    "granite": {
        "logits_scaling": 4.0,
        "attention_multiplier": 0.25,
        "embedding_multiplier": 2.0,
        "residual_multiplier": 0.5,
        "attention_bias": False,
        "mlp_bias": False,
    },
    "cohere": {"logit_scale": 0.25, "layer_norm_eps": 1e-5},
    "smollm3": {"no_rope_layers": [1, 0, 1]},
    # The hidden states are divided before the output layer.
    "minicpm": {
        "dim_model_base": 32,
        "scale_depth": 1.4,
        "scale_emb": 2,
        "tie_word_embeddings": False,
    },
    # Layers that remember a state, beside layers of attention.
    "lfm2": {
        "norm_eps": 1e-5,
        "conv_bias": False,
        "conv_L_cache": 3,
        "block_dim": 64,
        "block_ff_dim": 96,
        "block_multiple_of": 8,
        "block_ffn_dim_multiplier": 1.0,
        "block_auto_adjust_ff_dim": False,
        "full_attn_idxs": [1],
    },
}


def config_of(name: str) -> dict:
    return COMMON | {"model_type": name} | CONFIGS[name]


def make_model(name: str, dtype: str = "float32", **changed):
    """The model of CONFIGS, weights from seed 0."""
    import mlx.core as mx
    from mlx_lm.utils import _get_classes

    config = config_of(name) | changed
    model_class, arguments = _get_classes(config)
    mx.random.seed(0)
    model = model_class(arguments.from_dict(config))
    if config["tie_word_embeddings"] and "lm_head" in model:
        # As mlx-lm leaves it when the weights that it loads have no lm_head.
        model.sanitize({})
    model.set_dtype(getattr(mx, dtype))
    mx.eval(model.parameters())
    return model


def save_model(name: str, directory: Path, **changed) -> Path:
    """The same model with the sample's tokenizer and template, as mlx_lm.load reads it."""
    from mlx.core import save_safetensors
    from mlx.utils import tree_flatten

    directory.mkdir(parents=True, exist_ok=True)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(calls.LANGUAGE_MODEL / file, directory)
    (directory / "config.json").write_text(json.dumps(config_of(name) | changed))
    weights = dict(tree_flatten(make_model(name, **changed).parameters()))
    save_safetensors(str(directory / "model.safetensors"), weights, {"format": "mlx"})
    return directory
