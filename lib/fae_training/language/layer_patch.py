"""Our attention and gates in mlx-lm's layers, of whatever architecture, for training and scoring.

Cases that they do not cover (writing token by token, sinks, additive masks) use mlx-lm's own
functions.
"""

import mlx.core as mx
from mlx_lm.models import activations, base
from mlx_lm.models.cache import BatchKVCache, KVCache

from fae_training.language import replacement
from fae_training.language.attention import attend
from fae_training.language.branches import BranchCache
from fae_training.language.elementwise import gated

# With fewer tokens than this (generation), the gate is mlx-lm's own fused kernel.
FEWEST_TOKENS = 16

# Caches of prompts: on a CPU ours is faster for them too, while a GPU has a kernel.
PLAIN_CACHES = (KVCache, BatchKVCache)

# How often our functions ran in this process (once for each trace of a compiled function).
calls = {"attention": 0, "gates": 0}

# mlx-lm's own functions, kept before any is replaced.
_stock_attention, _stock_swiglu = base.scaled_dot_product_attention, activations.swiglu


def install() -> None:
    replacement.replace(
        "scaled_dot_product_attention", _stock_attention, scaled_dot_product_attention
    )
    replacement.replace("swiglu", _stock_swiglu, swiglu)


def remove() -> None:
    """Restore mlx-lm's own functions."""
    replacement.replace(
        "scaled_dot_product_attention", scaled_dot_product_attention, _stock_attention
    )
    replacement.replace("swiglu", swiglu, _stock_swiglu)


def scaled_dot_product_attention(queries, keys, values, cache, scale, mask, sinks=None):
    """As mlx_lm.models.base.scaled_dot_product_attention."""
    length, seen = queries.shape[2], keys.shape[2]
    reading = mx.default_device() == mx.cpu and type(cache) in PLAIN_CACHES
    ours = length > 1 and sinks is None
    ours = ours and (cache is None or isinstance(cache, BranchCache) or reading)
    mask_ours: mx.array | None = None
    if isinstance(mask, str):
        ours = ours and mask == "causal" and length == seen
    elif isinstance(mask, mx.array) and mask.dtype == mx.bool_:
        mask_ours = mask if mask.ndim == 4 else mask[None, None]
        ours = ours and mask_ours.ndim == 4 and mask_ours.shape[1:] == (1, length, seen)
    else:
        ours = False
    if not ours:
        return _stock_attention(
            queries, keys, values, cache=cache, scale=scale, mask=mask, sinks=sinks
        )
    calls["attention"] += 1
    return attend(queries, keys, values, scale, mask_ours)


def swiglu(gate, x):
    """As mlx_lm.models.activations.swiglu."""
    if x.size < FEWEST_TOKENS * x.shape[-1] or gate.shape != x.shape:
        return _stock_swiglu(gate, x)
    calls["gates"] += 1
    return gated(gate, x)
