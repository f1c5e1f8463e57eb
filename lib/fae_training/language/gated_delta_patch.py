"""Replaces the gated delta rule in mlx-lm's models with the chunkwise one (replacement.py)."""

import mlx.core as mx
from mlx_lm.models import gated_delta as mlx_lm_gated_delta
from mlx_lm.models import qwen3_5, qwen3_next  # noqa: F401  (loaded, so that install() reaches them)

from fae_training.language import gated_delta, replacement

NAME = "gated_delta_update"
# mlx-lm's own function, kept before it is replaced.
_stock = mlx_lm_gated_delta.gated_delta_update
_stock_calls = 0


def calls() -> dict:
    """How often each rule ran in this process: {"chunkwise", "stock"}; a compiled function counts
    once per shape."""
    return {"chunkwise": gated_delta.calls, "stock": _stock_calls}


def install() -> list[str]:
    """Replace gated_delta_update in all loaded mlx_lm models; returns the names of the modules, sorted."""
    replacement.replace(NAME, _stock, gated_delta_update)
    return replacement.holders(NAME, gated_delta_update)


def remove() -> None:
    """Restore mlx-lm's own function."""
    replacement.replace(NAME, gated_delta_update, _stock)


def is_installed() -> bool:
    return bool(replacement.holders(NAME, gated_delta_update))


def gated_delta_update(
    q,
    k,
    v,
    a,
    b,
    A_log,
    dt_bias,
    state=None,
    mask=None,
    *,
    use_kernel=True,
    lower_bound=None,
    allow_neg_eigval=False,
):
    """As mlx_lm.models.gated_delta.gated_delta_update, to which cases that the chunkwise rule does
    not cover are passed."""
    global _stock_calls
    on_metal = mx.metal.is_available() and mx.default_device() == mx.gpu
    per_channel = a.ndim == 4 or lower_bound is not None
    if (use_kernel and on_metal) or per_channel or q.shape[1] < gated_delta.SHORTEST:
        _stock_calls += 1
        return _stock(
            q,
            k,
            v,
            a,
            b,
            A_log,
            dt_bias,
            state,
            mask,
            use_kernel=use_kernel,
            lower_bound=lower_bound,
            allow_neg_eigval=allow_neg_eigval,
        )
    log_g, beta = gated_delta.log_gate(A_log, a, dt_bias), mx.sigmoid(b)
    if allow_neg_eigval:
        beta = 2 * beta
    if mask is not None:
        log_g, beta = mx.where(mask[..., None], log_g, 0), mx.where(mask[..., None], beta, 0)
    return gated_delta.chunkwise(q, k, v, log_g, beta, state)
