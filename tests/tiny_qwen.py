"""Small Qwen3.5 and Qwen3-Next models with random weights, and rows for them, for the tests of the training core."""

import random

from fae_training.language.rows import TokenRow

VOCABULARY = 300


def text_config(**changed) -> dict:
    """A text config of Qwen3.5: three linear-attention layers and one of full attention, grouped heads."""
    return {
        "model_type": "qwen3_5_text",
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "rms_norm_eps": 1e-6,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 4096,
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 32,
        "linear_value_head_dim": 32,
        "linear_conv_kernel_dim": 4,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "full_attention_interval": 4,
        "rope_parameters": {
            "rope_type": "default",
            "mrope_section": [2, 1, 1],
            "rope_theta": 10000000,
            "partial_rotary_factor": 0.25,
        },
    } | changed


EXPERTS = {
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
}


def make_model(kind: str = "dense", **changed):
    """`kind` is dense, moe (both Qwen3.5) or next (Qwen3-Next); float32 weights from seed 0."""
    import mlx.core as mx
    from mlx_lm.models import qwen3_5, qwen3_next

    mx.random.seed(0)
    config = text_config(**(EXPERTS if kind != "dense" else {}) | changed)
    if kind == "next":
        config |= {
            "decoder_sparse_step": 1,
            "mlp_only_layers": [],
            "rope_theta": 1e7,
            "partial_rotary_factor": 0.25,
            "norm_topk_prob": True,
        }
        model = qwen3_next.Model(qwen3_next.ModelArgs.from_dict(config))
    else:
        whole = {"model_type": "qwen3_5", "text_config": config}
        model = qwen3_5.Model(qwen3_5.ModelArgs.from_dict(whole))
    for layer in model.layers:
        if layer.is_linear:
            # Heads that remember for two to a hundred tokens. mlx-lm's random start forgets within one, leaves
            # outputs near 0, and the norm after them magnifies the rounding of both sides.
            heads = layer.linear_attn.num_v_heads
            layer.linear_attn.A_log = mx.log(mx.linspace(0.01, 0.5, heads))
    mx.eval(model.parameters())
    return model


def with_adapter(model, rank: int = 4, experts: bool = False):
    """The model with LoRA everywhere and B not zero, so that every gradient has something to say."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    from fae_training.language import adapters

    adapters.add_lora(model, rank, 2.0, 0.0, adapters.adapter_keys(model, experts), seed=0)
    values = [
        (name, 0.05 * mx.random.normal(value.shape))
        for name, value in tree_flatten(model.trainable_parameters())
        if name.endswith("lora_b")
    ]
    model.load_weights(values, strict=False)
    model.train()
    return model


def tokens(chooser: random.Random, count: int) -> list[int]:
    return [chooser.randrange(10, VOCABULARY) for _ in range(count)]


def conversation(chooser: random.Random, system: list[int], turns: int) -> list[TokenRow]:
    """A row for each turn. As in Qwen's template, an answer is written otherwise in later prompts than as a target."""
    history, rows = list(system), []
    for _ in range(turns):
        history = [*history, 1, *tokens(chooser, chooser.randint(5, 30)), 2]
        answer = tokens(chooser, chooser.randint(5, 40))
        rows.append(TokenRow([*history, 3, 4, *answer, 5], len(history) + 2))
        history = [*history, *answer, 5]
    return rows


def loss_and_gradients(model, batch, fast):
    """(mean loss, {name: gradient}) of one batch, evaluated."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    from fae_training.language.supervised_loss import language_loss

    (loss, weight, _), gradients = nn.value_and_grad(
        model, lambda model, batch: language_loss(model, batch, fast)
    )(model, batch)
    mx.eval(loss, weight, gradients)
    return loss.item() / weight.item(), dict(tree_flatten(gradients))


def difference(ours: dict, theirs: dict) -> float:
    """||ours - theirs|| / ||theirs|| over all arrays as one gradient; infinite where there is a NaN."""
    import mlx.core as mx

    assert ours.keys() == theirs.keys()
    wrong = sum(mx.square(ours[name] - value).sum() for name, value in theirs.items())
    whole = sum(mx.square(value).sum() for value in theirs.values())
    relative = mx.sqrt(wrong / whole).item()
    return relative if relative == relative else float("inf")
