"""Our attention and our gates in the layers that mlx-lm has, of whatever architecture, for training and scoring.

What they are not made for (generation with a cache, sinks, masks that are added) goes to mlx-lm's own functions.
"""

import functools

from fae_training.language import replacement
from fae_training.language.attention import attend
from fae_training.language.branches import BranchCache
from fae_training.language.elementwise import gated

# Below so many tokens a gate is mlx-lm's own, one fused kernel: generation.
FEWEST_TOKENS = 16

# How often ours ran in this process (once for each trace of a compiled function).
calls = {"attention": 0, "gates": 0}


def install() -> None:
    replacement.replace("scaled_dot_product_attention", _stock().attention, _attention())
    replacement.replace("swiglu", _stock().swiglu, _swiglu())


def remove() -> None:
    """Put mlx-lm's own functions back."""
    replacement.replace("scaled_dot_product_attention", _attention(), _stock().attention)
    replacement.replace("swiglu", _swiglu(), _stock().swiglu)


class _Stock:
    """mlx-lm's own functions, kept before any is replaced."""

    def __init__(self):
        from mlx_lm.models import activations, base

        self.attention, self.swiglu = base.scaled_dot_product_attention, activations.swiglu


_stock = functools.cache(_Stock)


@functools.cache
def _attention():
    import mlx.core as mx

    stock = _stock().attention

    def scaled_dot_product_attention(
        queries, keys, values, cache, scale, mask, sinks=None
    ):
        length, seen = queries.shape[2], keys.shape[2]
        ours = sinks is None and length > 1 and (cache is None or isinstance(cache, BranchCache))
        if isinstance(mask, str):
            ours, mask_ours = ours and mask == "causal" and length == seen, None
        elif isinstance(mask, mx.array) and mask.dtype == mx.bool_:
            mask_ours = mask if mask.ndim == 4 else mask[None, None]
            ours = ours and mask_ours.ndim == 4 and mask_ours.shape[1:] == (1, length, seen)
        else:
            ours = False
        if not ours:
            return stock(queries, keys, values, cache=cache, scale=scale, mask=mask, sinks=sinks)
        calls["attention"] += 1
        return attend(queries, keys, values, scale, mask_ours)

    return scaled_dot_product_attention


@functools.cache
def _swiglu():
    stock = _stock().swiglu

    def swiglu(gate, x):
        if x.size < FEWEST_TOKENS * x.shape[-1] or gate.shape != x.shape:
            return stock(gate, x)
        calls["gates"] += 1
        return gated(gate, x)

    return swiglu
