"""The gated delta rule in chunks, differentiable, for the linear-attention layers of Qwen3.5.

Gated DeltaNet (Yang et al., arXiv 2412.06464) keeps one matrix S [value_dim, key_dim] per head:

    S_t = g_t S_{t-1} + u_t k_t^T      u_t = beta_t (v_t - g_t S_{t-1} k_t)      y_t = S_t q_t

mlx-lm trains this token by token and keeps every S_t for the backward pass. In chunks of C tokens,
with G_t the running sum of log g inside the chunk and D_ti = exp(G_t - G_i) for t >= i, else 0, it
becomes matrix products (the parallel form of the delta rule, arXiv 2406.06484):

    A = strict_lower(diag(beta) (D * K K^T))             U = (I + A)^-1 diag(beta) (V - diag(e^G) K S_0^T)
    Y = diag(e^G) Q S_0^T + lower(D * Q K^T) U           S_C = e^{G_C} S_0 + U^T diag(e^{G_C - G}) K

Everything that does not need S_0 is computed for all chunks at once; only S is passed from chunk to
chunk. The hand-written backward pass keeps S at the chunk boundaries and U, and recomputes the rest.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from fae_training.language.elementwise import exp, recompute_inputs

CHUNK = 64
# Inside a block of 8 the powers of A stay below 35, so the product form of the inverse loses no
# digits; over 64 tokens that repeat one key they would reach 10^17.
INVERSE_BLOCK = 8
# Below this a chunk is mostly padding, and the plain recurrence is cheaper (generation: 1 token).
SHORTEST = 16

# The backward pass needs about fifty float32 arrays the size of v at once. Above this many bytes of
# them, the heads, which are independent, are processed in groups.
WORKING_BYTES = 256 * 2**20
WORKING_ARRAYS = 50

# How often the rule ran in this process (once for each trace of a compiled function), because a
# patch may not reach the copy that really runs.
calls = 0


@dataclass
class Chunks:
    """The state that a branch needs from the sequence it leaves: S before each chunk, and each token's U.

    states [chunks + 1, B, Hv, Dv, Dk], the last one after the last token; updates [chunks, B, Hv,
    C, Dv].
    """

    states: mx.array
    updates: mx.array


def chunkwise(q, k, v, log_g, beta, state=None):
    """All outputs of the gated delta rule, and the state after the last token.

    q, k [B, T, Hk, Dk]; v [B, T, Hv, Dv], Hv a multiple of Hk; log_g (log of the gate, <= 0) and beta
    [B, T, Hv]; state [B, Hv, Dv, Dk] or None for zeros. A padded token has log_g = 0 and beta = 0.
    Returns y [B, T, Hv, Dv] in q's type and the state in float32; everything inside is float32.
    """
    y, final, _, _ = _run(False, q, k, v, log_g, beta, state)
    return y, final


def chunkwise_with_chunks(q, k, v, log_g, beta, state=None):
    """As `chunkwise`, plus the Chunks from which `state_at` computes the state at any token."""
    y, final, states, updates = _run(True, q, k, v, log_g, beta, state)
    return y, final, Chunks(states, updates)


def state_at(chunks, k, log_g, sequence, position):
    """The state S after the first `position` tokens of a sequence, differentiable.

    k [B, T, Hk, Dk] and log_g [B, T, Hv] are the arguments of `chunkwise_with_chunks`; sequence and
    position [branches] are integers, 0 <= position <= T. Returns [branches, Hv, Dv, Dk] in float32.
    """
    count = chunks.updates.shape[0]
    chunk, inside = position // CHUNK, position % CHUNK
    # At the very end there is no further chunk: `inside` is 0 there, so the tokens of any chunk will do.
    source = mx.minimum(chunk, count - 1)
    before = chunks.states[chunk, sequence]
    updates = chunks.updates[source, sequence]
    keys = _heads_first(_padded(k, count), count)[source, sequence].astype(mx.float32)
    earlier = mx.arange(CHUNK) < inside[:, None, None]
    gates = mx.where(earlier, _heads_first(_padded(log_g, count), count)[source, sequence], 0.0)
    after_token = mx.cumsum(gates, axis=-1, reverse=True, inclusive=False)
    decay = mx.exp(mx.where(earlier, after_token, -mx.inf))
    weighted = (updates * decay[..., None]).swapaxes(-1, -2)
    groups = updates.shape[1] // keys.shape[1]
    whole = mx.exp(mx.sum(gates, axis=-1))[..., None, None]
    return whole * before + weighted @ mx.repeat(keys, groups, axis=1)


def log_gate(A_log, a, dt_bias):
    """log g of Qwen3.5's gate, g = exp(-exp(A_log) softplus(a + dt_bias)); float32, the shape of a."""
    return -mx.exp(A_log.astype(mx.float32)) * nn.softplus(a + dt_bias).astype(mx.float32)


def _run(with_chunks: bool, q, k, v, log_g, beta, state) -> tuple[mx.array, mx.array, Any, Any]:
    """(y, final state, states, updates); the last two are certain to be arrays only with with_chunks."""
    global calls
    calls += 1
    if state is None:
        state = mx.zeros((q.shape[0], v.shape[2], v.shape[3], q.shape[3]))
    state = state.astype(mx.float32)
    count = head_groups(v.size, k.shape[2])
    if count == 1:
        return _rule(with_chunks)(q, k, v, log_g, beta, state)
    parts = zip(
        *(mx.split(x, count, axis=2) for x in (q, k, v, log_g, beta)),
        mx.split(state, count, axis=1),
        strict=True,
    )
    groups = zip(*(_rule(with_chunks)(*part) for part in parts), strict=True)
    y, final, states, updates = map(list, groups)
    if with_chunks:
        states, updates = mx.concatenate(states, axis=2), mx.concatenate(updates, axis=2)
    return mx.concatenate(y, axis=2), mx.concatenate(final, axis=1), states, updates


def head_groups(elements: int, key_heads: int) -> int:
    """The number of groups of heads for a v with this many elements; a divisor of key_heads."""
    wanted = -(-elements * 4 * WORKING_ARRAYS // WORKING_BYTES)
    return next(
        n for n in range(1, key_heads + 1) if key_heads % n == 0 and (n >= wanted or n == key_heads)
    )


def _padded(x, count):
    """[B, T, ...] padded with zeros to `count` whole chunks; zero log_g and beta leave the state unchanged."""
    missing = count * CHUNK - x.shape[1]
    return mx.pad(x, [(0, 0), (0, missing)] + [(0, 0)] * (x.ndim - 2)) if missing else x


def _heads_first(x, count):
    """[B, count * C, H, ...] -> [count, B, H, C, ...]."""
    x = x.reshape(x.shape[0], count, CHUNK, *x.shape[2:])
    return x.transpose(1, 0, 3, 2, *range(4, x.ndim))


def _tokens_first(x, length):
    """[count, B, H, C, ...] -> [B, length, H, ...]."""
    x = x.transpose(1, 0, 3, 2, *range(4, x.ndim))
    return x.reshape(x.shape[0], -1, *x.shape[3:])[:, :length]


def inverse_of_unit_lower(A):
    """(I + A)^-1 for strictly lower triangular A [..., C, C], C a power of two from 8 up.

    Blocks on the diagonal are inverted first and merged two by two, [[P, 0], [-Q X P, Q]]: as
    stable as forward substitution, but with matrix products only, which every backend runs on its
    own device.
    """
    size, width = A.shape[-1], INVERSE_BLOCK
    blocks = [A[..., i : i + width, i : i + width] for i in range(0, size, width)]
    block = mx.stack(blocks, axis=-3)
    square = block @ block
    inverse = mx.eye(width) - block
    inverse = inverse + inverse @ square
    inverse = inverse + inverse @ (square @ square)
    while width < size:
        first, second = inverse[..., 0::2, :, :], inverse[..., 1::2, :, :]
        below = [
            A[..., i + width : i + 2 * width, i : i + width] for i in range(0, size, 2 * width)
        ]
        corner = -(second @ (mx.stack(below, axis=-3) @ first))
        top = mx.concatenate([first, mx.zeros_like(first)], axis=-1)
        inverse = mx.concatenate([top, mx.concatenate([corner, second], axis=-1)], axis=-2)
        width *= 2
    return inverse.squeeze(-3)


def _prepare(q, k, v, log_g, beta):
    """Everything that does not depend on the state, for all chunks at once, in float32.

    Heads are [.., Hk, 1, ..] for keys and queries and [.., Hk, groups, ..] for values, so that
    products of keys are computed once for the value heads that share them.
    """
    count = -(-q.shape[1] // CHUNK)
    key_heads, groups = k.shape[2], v.shape[2] // k.shape[2]

    def arrange(x, per_group):
        x = _heads_first(_padded(x, count), count).astype(mx.float32)
        return x.reshape(*x.shape[:2], key_heads, per_group, *x.shape[3:])

    q, k = arrange(q, 1), arrange(k, 1)
    v, log_g, beta = arrange(v, groups), arrange(log_g, groups), arrange(beta, groups)
    decay = exp(_between(log_g))
    keys_keys = mx.tril(k @ k.swapaxes(-1, -2), -1)
    A = beta[..., None] * decay * keys_keys
    inverse = inverse_of_unit_lower(A)
    grown = exp(mx.cumsum(log_g, axis=-1))[..., None]
    return {
        "q": q,
        "k": k,
        "v": v,
        "beta": beta[..., None],
        "decay": decay,
        "keys_keys": keys_keys,
        "inverse": inverse,
        "grown": grown,
        "left": decay[..., -1, :, None],
        "whole": grown[..., -1:, :],
        "from_state": inverse @ (beta[..., None] * grown * k),
        "scores": decay * (q @ k.swapaxes(-1, -2)),
    }


def _between(log_g):
    """The sum of log_g over the tokens after i up to t, [..., t, i]; -inf for t < i.

    It is summed from i on. A difference of two running sums would cancel: after some tokens with
    gates near 0 those sums are large and the difference of neighbours is small.
    """
    later = mx.tril(mx.ones((CHUNK, CHUNK), dtype=mx.bool_), -1)
    sums = mx.cumsum(mx.where(later, log_g[..., :, None], 0.0), axis=-2)
    return mx.where(later | mx.eye(CHUNK, dtype=mx.bool_), sums, -mx.inf)


@functools.cache
def _rule(with_chunks: bool) -> Callable[..., Any]:
    """The rule as one function with its own gradient; outputs y, final state, states, updates.

    Without `with_chunks` nothing differentiates through the last two, and their gradients are
    ignored.
    """

    @mx.custom_function
    def rule(q, k, v, log_g, beta, state):
        p = _prepare(q, k, v, log_g, beta)
        count, batch, key_heads, groups = p["v"].shape[:4]
        of_values = p["inverse"] @ (p["beta"] * p["v"])
        kept = p["left"] * p["k"]
        current = state.reshape(batch, key_heads, groups, *state.shape[2:])
        states, updates = [current], []
        for c in range(count):
            update = of_values[c] - p["from_state"][c] @ current.swapaxes(-1, -2)
            current = p["whole"][c] * current + update.swapaxes(-1, -2) @ kept[c]
            states.append(current)
            updates.append(update)
        states, updates = mx.stack(states), mx.stack(updates)
        y = p["grown"] * (p["q"] @ states[:-1].swapaxes(-1, -2)) + p["scores"] @ updates
        heads = (batch, key_heads * groups)
        return (
            _tokens_first(y.reshape(count, *heads, *y.shape[4:]), q.shape[1]).astype(q.dtype),
            current.reshape(state.shape),
            states.reshape(count + 1, *state.shape),
            updates.reshape(count, *heads, *updates.shape[4:]),
        )

    @rule.vjp
    def gradients(inputs, cotangents, outputs):
        q, k, v, log_g, beta, state = recompute_inputs(inputs, cotangents[:1])
        p = _prepare(q, k, v, log_g, beta)
        shape = p["v"].shape[:4]
        count, batch, key_heads, groups = shape
        states = outputs[2].reshape(count + 1, batch, key_heads, groups, *state.shape[2:])
        updates = outputs[3].reshape(*shape, *outputs[3].shape[3:])

        def grouped(x):
            return x.reshape(*x.shape[:2], key_heads, groups, *x.shape[3:])

        dy = grouped(_heads_first(_padded(cotangents[0], count), count).astype(mx.float32))
        d_state = cotangents[1].reshape(states.shape[1:])
        d_updates = p["scores"].swapaxes(-1, -2) @ dy
        kept = p["left"] * p["k"]
        # From the outputs alone, before the contribution of later chunks.
        d_grown_q = dy @ states[:-1]
        d_states = (p["grown"] * dy).swapaxes(-1, -2) @ p["q"]
        if with_chunks:
            outside = cotangents[2].reshape(states.shape)
            d_states, d_state = d_states + outside[:-1], d_state + outside[-1]
            d_updates = d_updates + cotangents[3].reshape(updates.shape)

        after, d_update = [None] * count, [None] * count
        for c in reversed(range(count)):
            after[c] = d_state
            d_update[c] = d_updates[c] + kept[c] @ d_state.swapaxes(-1, -2)
            d_state = (
                d_states[c]
                + p["whole"][c] * d_state
                - d_update[c].swapaxes(-1, -2) @ p["from_state"][c]
            )
        after, d_update = mx.stack(after), mx.stack(d_update)

        # U = (I + A)^-1 R with R = beta (V - e^G K S^T), so dR = (I + A)^-T dU and dA = -dR U^T.
        d_rest = p["inverse"].swapaxes(-1, -2) @ d_update
        d_A = -mx.tril(d_rest @ updates.swapaxes(-1, -2), -1)
        d_scores = mx.tril(dy @ updates.swapaxes(-1, -2))
        d_grown_k = -(d_rest @ states[:-1])
        d_kept = updates @ after

        d_decay_A = d_A * p["decay"]
        d_decay_scores = d_scores * p["decay"]
        A_keys = d_decay_A * p["keys_keys"]
        d_beta = (
            mx.sum(d_rest * p["v"], axis=-1)
            + mx.sum(d_grown_k * p["grown"] * p["k"], axis=-1)
            + mx.sum(A_keys, axis=-1)
        )
        pairs = p["beta"] * A_keys + d_scores * p["scores"]
        # The log gate of a token is in every decay that crosses it: these are summed directly,
        # because differences of running sums would cancel where the gates are near 0.
        from_start = mx.sum(
            (d_grown_q * p["q"] + d_grown_k * p["beta"] * p["k"]) * p["grown"], axis=-1
        )
        to_end = mx.sum(d_kept * kept, axis=-1)
        across = p["whole"][..., 0] * mx.sum(after * states[:-1], axis=(-1, -2))[..., None]
        d_log_g = (
            mx.sum(mx.tril(mx.cumsum(pairs, axis=-1, inclusive=False)), axis=-2)
            + mx.cumsum(from_start, axis=-1, reverse=True)
            + mx.cumsum(to_end, axis=-1, inclusive=False)
            + across
        )

        keys_keys = mx.sum(p["beta"] * d_decay_A, axis=3, keepdims=True)
        queries_keys = mx.sum(d_decay_scores, axis=3, keepdims=True)
        d_q = queries_keys @ p["k"] + mx.sum(p["grown"] * d_grown_q, axis=3, keepdims=True)
        d_k = (
            queries_keys.swapaxes(-1, -2) @ p["q"]
            + (keys_keys + keys_keys.swapaxes(-1, -2)) @ p["k"]
            + mx.sum(p["beta"] * p["grown"] * d_grown_k + p["left"] * d_kept, axis=3, keepdims=True)
        )
        d_v = p["beta"] * d_rest

        def back(x, like):
            x = x.reshape(count, batch, like.shape[2], *x.shape[4:])
            return _tokens_first(x, like.shape[1]).astype(like.dtype)

        return (
            back(d_q, q),
            back(d_k, k),
            back(d_v, v),
            back(d_log_g, log_g),
            back(d_beta, beta),
            d_state.reshape(state.shape),
        )

    return rule
