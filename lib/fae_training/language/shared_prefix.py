"""Runs Qwen3.5's layers on sequences that branch off from one another, so that a shared prefix is
computed once.

A batch is laid out in levels (layout.py). Inside a layer everything that looks at one token only
(norms, projections, MLP, experts) runs over the tokens of all levels at once. The three operations
that look back take their context from the sequence that was branched off from: the convolution its
last inputs, the gated delta rule its state at that token, attention its keys and values up to
there. Everything is differentiable, so gradients reach the shared part from every row.
"""

from contextlib import nullcontext
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.models.gated_delta import normalize_qk

from fae_training.language import architecture, branches, gated_delta, gated_delta_rules
from fae_training.language.attention import attend
from fae_training.language.branches import ancestors
from fae_training.language.elementwise import gated, opened, silu


def forward_levels(model, batch: dict, fast):
    """Hidden states after the last norm, [tokens of all levels, hidden], in the order of the levels.

    model: a model of mlx-lm or its backbone; fast is a FastSettings. Qwen3.5's layers are our own
    where its gated_delta is on or a prefix is shared; all other layers are mlx-lm's. With
    checkpoint_layers each keeps only its input.
    """
    tokens, links = [], []
    while f"tokens_{len(tokens)}" in batch:
        level = len(tokens)
        tokens.append(batch[f"tokens_{level}"])
        links.append([batch[f"{name}_{level}"] for name in ("parent", "branch", "start") if level])
    inner = architecture.require_backbone(model)
    if architecture.is_hybrid(inner) and (fast.gated_delta or len(tokens) > 1):
        rule = gated_delta_rules.rule(fast.rule.chosen if fast.rule else "chunkwise")
        return _through_our_layers(inner, tokens, links, rule, fast.checkpoint_layers)
    with branches.checkpointed(inner.layers) if fast.checkpoint_layers else nullcontext():
        if len(tokens) > 1:
            caches = len(make_prompt_cache(model))
            return branches.forward(inner, tokens, links, caches)
        hidden = inner(tokens[0])
    return hidden.reshape(-1, hidden.shape[-1])


def _through_our_layers(text_model, tokens: list, links: list, rule, checkpoint: bool):
    """Qwen3.5's layers as implemented here, with `rule` (gated_delta_rules) where nothing branches off."""
    shapes = [level.shape for level in tokens]
    masks = _attention_masks(shapes, links)
    together = mx.concatenate([level.reshape(-1) for level in tokens])[None]
    hidden = text_model.embed_tokens(together)
    for layer in text_model.layers:
        run = _maybe_checkpointed(layer, checkpoint)
        hidden = run(hidden, shapes, links, masks, rule)
    return text_model.norm(hidden).reshape(-1, hidden.shape[-1])


def _maybe_checkpointed(layer, checkpoint: bool):
    """_tree_layer(layer, hidden, *rest) as a function of hidden and rest, which keeps only hidden
    on request."""
    if not checkpoint:
        return lambda hidden, *rest: _tree_layer(layer, hidden, *rest)

    def call(hidden, *rest):
        def inner(parameters, hidden):
            layer.update(parameters)
            return _tree_layer(layer, hidden, *rest)

        return mx.checkpoint(inner)(layer.trainable_parameters(), hidden)

    return call


def _attention_masks(shapes, links):
    """For each further level a mask [n, 1, width, keys]: the keys of the levels before it, then its own."""
    masks: list[mx.array | None] = [None]
    for level in range(1, len(shapes)):
        count, width = shapes[level]
        parts = [mx.broadcast_to(mx.tril(mx.ones((width, width), mx.bool_)), (count, width, width))]
        for _, reached, before in ancestors(links, level):
            visible = mx.arange(shapes[before][1]) < reached[:, None]
            parts.insert(0, mx.broadcast_to(visible[:, None], (count, width, shapes[before][1])))
        masks.append(mx.concatenate(parts, axis=-1)[:, None])
    return masks


def _tree_layer(layer, hidden, shapes, links, masks, rule):
    """One decoder layer over all levels; hidden [1, tokens, width]."""
    normed = layer.input_layernorm(hidden)
    if layer.is_linear:
        mixed = _linear_attention(layer.linear_attn, normed, shapes, links, rule)
    else:
        mixed = _attention(layer.self_attn, normed, shapes, links, masks)
    hidden = hidden + mixed
    return hidden + _mlp(layer.mlp, layer.post_attention_layernorm(hidden))


def _mlp(mlp, x):
    """The dense MLP with our own gate; a mixture of experts uses mlx-lm's."""
    if "gate_proj" not in mlp:
        return mlp(x)
    return mlp.down_proj(gated(mlp.gate_proj(x), mlp.up_proj(x)))


def _split(x, shapes):
    """[1, tokens, ...] -> for each level [n, width, ...]."""
    parts, start = [], 0
    for count, width in shapes:
        part = x[0, start : start + count * width]
        parts.append(part.reshape(count, width, *x.shape[2:]))
        start += count * width
    return parts


def _join(parts):
    return mx.concatenate([part.reshape(1, -1, *part.shape[2:]) for part in parts], axis=1)


def _projections(layer, x):
    """The inputs of the recurrence: qkv [1, T, 2 key_dim + value_dim], z [1, T, Hv, Dv], b and a [1, T, Hv]."""
    if "in_proj_qkvz" in layer:  # Qwen3-Next stores them in two interleaved projections
        q, k, v, z, b, a = layer.fix_query_key_value_ordering(
            layer.in_proj_qkvz(x), layer.in_proj_ba(x)
        )
        flat = [part.reshape(*part.shape[:2], -1) for part in (q, k, v)]
        return mx.concatenate(flat, axis=-1), z, b, a
    z = layer.in_proj_z(x).reshape(*x.shape[:2], layer.num_v_heads, layer.head_v_dim)
    return layer.in_proj_qkv(x), z, layer.in_proj_b(x), layer.in_proj_a(x)


def _linear_attention(layer, x, shapes, links, rule):
    qkv, z, b, a = _projections(layer, x)
    log_g, beta = gated_delta.log_gate(layer.A_log, a, layer.dt_bias), mx.sigmoid(b)
    kept = layer.conv_kernel_size - 1
    outputs = []
    # Of the level before, from which this one branches off; None before the first.
    tails: Any = None
    chunks: Any = None
    keys = gates = None
    for level, (qkv_l, log_g_l, beta_l) in enumerate(
        zip(_split(qkv, shapes), _split(log_g, shapes), _split(beta, shapes), strict=True)
    ):
        count, width = shapes[level]
        if level == 0:
            tail = mx.zeros((count, kept, qkv.shape[-1]), qkv.dtype)
            state = None
        else:
            parent, branch, _ = links[level]
            # tails[n, t] is the input of token t - kept, so these are the `kept` inputs before the branch.
            tail = tails[parent[:, None], branch[:, None] + mx.arange(kept)]
            state = gated_delta.state_at(chunks, keys, gates, parent, branch)
        tails = mx.concatenate([tail, qkv_l], axis=1)
        mixed = silu(_convolution(layer.conv1d, tails, width))
        q, k, v = mx.split(mixed, [layer.key_dim, 2 * layer.key_dim], axis=-1)
        q = q.reshape(count, width, layer.num_k_heads, layer.head_k_dim)
        k = k.reshape(count, width, layer.num_k_heads, layer.head_k_dim)
        v = v.reshape(count, width, layer.num_v_heads, layer.head_v_dim)
        q, k = normalize_qk(q, k, inv_scale=layer.head_k_dim**-0.5, eps=1e-6)
        if level == len(shapes) - 1:
            y, _ = rule(q, k, v, log_g_l, beta_l, state)
        else:
            y, _, chunks = gated_delta.chunkwise_with_chunks(q, k, v, log_g_l, beta_l, state)
            keys, gates = k, log_g_l
        outputs.append(y)
    normed = mx.fast.rms_norm(_join(outputs), layer.norm.weight, layer.norm.eps)
    return layer.out_proj(gated(z, normed).reshape(*x.shape[:2], -1))


def _convolution(conv, x, width):
    """The depthwise convolution of x [n, kernel - 1 + width, channels] as shifted sums.

    A kernel of four taps is four multiplications: less than half the time of the general grouped convolution
    and of its gradient on the CPU backend.
    """
    weight = conv.weight[:, :, 0]
    return sum(x[:, tap : tap + width] * weight[:, tap] for tap in range(weight.shape[1]))


def _attention(layer, x, shapes, links, masks):
    queries, gate = mx.split(
        layer.q_proj(x).reshape(*x.shape[:2], layer.num_attention_heads, -1), 2, axis=-1
    )
    queries = layer.q_norm(queries)
    keys = layer.k_proj(x).reshape(*x.shape[:2], layer.num_key_value_heads, -1)
    values = layer.v_proj(x).reshape(*x.shape[:2], layer.num_key_value_heads, -1)
    outputs, all_keys, all_values = [], [], []
    parts = (_split(part, shapes) for part in (queries, layer.k_norm(keys), values))
    for level, (q, k, v) in enumerate(zip(*parts, strict=True)):
        start = links[level][2] if level else 0
        q = layer.rope(q.swapaxes(1, 2), offset=start)
        k, v = layer.rope(k.swapaxes(1, 2), offset=start), v.swapaxes(1, 2)
        all_keys.append(k)
        all_values.append(v)
        for sequence, _, before in ancestors(links, level) if level else ():
            k = mx.concatenate([all_keys[before][sequence], k], axis=2)
            v = mx.concatenate([all_values[before][sequence], v], axis=2)
        outputs.append(attend(q, k, v, layer.scale, masks[level]).swapaxes(1, 2))
    mixed = _join(outputs).reshape(*x.shape[:2], -1)
    return layer.o_proj(opened(gate.reshape(mixed.shape), mixed))
