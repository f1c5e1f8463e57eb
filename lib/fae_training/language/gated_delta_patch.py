"""The chunkwise rule where mlx-lm's models call the gated delta rule themselves (replacement.py)."""

import functools

from fae_training.language import gated_delta, replacement

_stock: dict = {}
_stock_calls = 0


def calls() -> dict:
    """How often each rule ran in this process: {"chunkwise", "stock"}; a compiled function counts once for a shape."""
    return {"chunkwise": gated_delta.calls, "stock": _stock_calls}


def install() -> list[str]:
    """Replace gated_delta_update in all loaded mlx_lm models; returns the names of the modules, sorted."""
    from mlx_lm.models import gated_delta as original
    from mlx_lm.models import qwen3_5, qwen3_next  # noqa: F401  (so that they are there to be patched)

    _stock.setdefault("update", original.gated_delta_update)
    replacement.replace("gated_delta_update", _stock["update"], _patched())
    return replacement.holders("gated_delta_update", _patched())


def remove() -> None:
    """Put mlx-lm's own function back."""
    if _stock:
        replacement.replace("gated_delta_update", _patched(), _stock["update"])


def is_installed() -> bool:
    return bool(_stock) and bool(replacement.holders("gated_delta_update", _patched()))


@functools.cache
def _patched():
    """The function with mlx-lm's signature; what the chunkwise rule is not made for goes to mlx-lm's own."""
    import mlx.core as mx

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
        global _stock_calls
        on_metal = mx.metal.is_available() and mx.default_device() == mx.gpu
        per_channel = a.ndim == 4 or lower_bound is not None
        if (use_kernel and on_metal) or per_channel or q.shape[1] < gated_delta.SHORTEST:
            _stock_calls += 1
            return _stock["update"](
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

    return gated_delta_update
