"""Attention with a gradient that stores no scores: it works through blocks of queries, each with
only the keys that it may see.

With a gradient mx.fast's attention is fused on CUDA only, and there only in 16 bits, for narrow heads and
lengths that cuDNN takes: elsewhere the scores of all queries and keys are computed, masked ones included,
and kept for the backward pass. Here each block of queries computes its own, and its backward pass
recomputes them from the stored log-sum-exp (Dao et al., arXiv 2205.14135, written with matrix products).
"""

import functools
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from fae_training.language.elementwise import exp, recompute_inputs

# The size of a block's scores in bytes of float32, and the fewest queries in a block.
SCORES_BYTES = 4 * 2**20
FEWEST = 64
# mx.fast's fused gradient on CUDA: the widest heads, and what the number of queries is a multiple of.
FUSED_WIDTH, FUSED_QUERIES = 128, 128


def attend(q, k, v, scale: float, mask=None):
    """softmax(scale q k^T) v, differentiable in q, k and v: [B, H, T, D], in q's type, softmax in float32.

    q [B, H, T, D]; k, v [B, Hkv, S, D] with H a multiple of Hkv. mask [B, 1, T, S] is true where a query may look;
    None is causal, for S = T. Every query must see a key.
    """
    if _fused_with_gradient(q):
        how = "causal" if mask is None else mask
        return mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=how)
    if mask is None:
        return _attention(scale, True)(q, k, v)
    return _attention(scale, False)(q, k, v, mx.where(mask, 0.0, -mx.inf))


def _fused_with_gradient(q) -> bool:
    narrow = q.dtype != mx.float32 and q.shape[3] <= FUSED_WIDTH and q.shape[2] % FUSED_QUERIES == 0
    return narrow and mx.cuda.is_available() and mx.default_device() == mx.gpu


def block_of(rows: int, keys: int) -> int:
    """The number of queries in a block, for this many rows (batch x heads) and keys."""
    return max(SCORES_BYTES // (4 * rows * keys) // FEWEST * FEWEST, FEWEST)


def _causal(start: int, stop: int):
    """The additive mask for queries start .. stop - 1 and the first `stop` keys, [1, 1, queries, stop]."""
    hidden = mx.arange(start, stop)[:, None] < mx.arange(stop)
    return mx.where(hidden, -mx.inf, 0.0)[None, None]


@functools.cache
def _attention(scale: float, causal: bool):
    """The attention function for one kind of mask, with its own gradient."""

    def blocks(q, k, bias):
        """(first query, one past the last, number of visible keys, additive mask) of each block."""
        size = block_of(q.shape[0] * q.shape[1], k.shape[2])
        for start in range(0, q.shape[2], size):
            stop = min(start + size, q.shape[2])
            # A mask for all queries at once would be kept by every layer; this one is recomputed.
            own = _causal(start, stop) if causal else bias[:, :, start:stop]
            yield start, stop, stop if causal else k.shape[2], own

    def together(x, heads):
        """[B, H, T, D] -> [B, Hkv, H / Hkv x T, D]: the query heads that share a key head in one product."""
        return x.reshape(x.shape[0], heads, -1, x.shape[-1])

    def scores(q, k, bias):
        """Float32 scores of a block, [B, Hkv, groups, T, S]."""
        batch, heads = k.shape[:2]
        grouped = (batch, heads, -1, bias.shape[2], k.shape[2])
        products = (together(q, heads) * scale) @ k.swapaxes(-1, -2)
        return products.astype(mx.float32).reshape(grouped) + bias[:, :, None]

    @mx.custom_function
    def attention(q, k, v, *bias):
        outputs, logs = [], []
        for start, stop, seen, added in blocks(q, k, *(bias or (None,))):
            part = scores(q[:, :, start:stop], k[:, :, :seen], added)
            top = mx.max(part, axis=-1, keepdims=True)
            e = exp(part - top)
            total = mx.sum(e, axis=-1, keepdims=True)
            shape = (*q.shape[:2], stop - start, -1)
            mixed = e.astype(v.dtype).reshape(*k.shape[:2], -1, seen) @ v[:, :, :seen]
            outputs.append((mixed.reshape(shape) / total.reshape(shape)).astype(q.dtype))
            logs.append((top + mx.log(total)).reshape(shape))
        return mx.concatenate(outputs, axis=2), mx.concatenate(logs, axis=2)

    @attention.vjp
    def gradients(inputs, cotangents, outputs):
        dy = cotangents[0]
        q, k, v, *bias = recompute_inputs(inputs, [dy])
        y, logs = outputs
        heads = k.shape[1]
        along = mx.sum((dy * y).astype(mx.float32), axis=-1, keepdims=True)
        d_q, d_k, d_v = [], mx.zeros(k.shape), mx.zeros(v.shape)
        for start, stop, seen, added in blocks(q, k, *(bias or (None,))):
            own, keys, values = q[:, :, start:stop], k[:, :, :seen], v[:, :, :seen]
            part = scores(own, keys, added)
            rows = (*part.shape[:4], 1)
            p = exp(part - logs[:, :, start:stop].reshape(rows))
            d_out = together(dy[:, :, start:stop], heads)
            d_p = (d_out @ values.swapaxes(-1, -2)).astype(mx.float32).reshape(part.shape)
            d_scores = (p * (d_p - along[:, :, start:stop].reshape(rows))).astype(q.dtype)
            d_scores = scale * d_scores.reshape(*k.shape[:2], -1, seen)
            p = p.astype(q.dtype).reshape(d_scores.shape)
            d_q.append((d_scores @ keys).reshape(own.shape))
            d_k = d_k.at[:, :, :seen].add(d_scores.swapaxes(-1, -2) @ together(own, heads))
            d_v = d_v.at[:, :, :seen].add(p.swapaxes(-1, -2) @ d_out)
        d_q = mx.concatenate(d_q, axis=2)
        gradients = d_q, d_k.astype(k.dtype), d_v.astype(v.dtype)
        return *gradients, *(mx.zeros_like(mask) for mask in bias)

    computed: Callable[..., Any] = attention
    return lambda *inputs: computed(*inputs)[0]
