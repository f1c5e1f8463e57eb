"""Putting the chunkwise rule where mlx-lm's models call the gated delta rule, after checking that it is right.

Models bind the function by name (`from .gated_delta import gated_delta_update`), so replacing it in the module
that defines it would change nothing; it is replaced in every module that holds the same object.
"""

import functools
import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from fae_training import state
from fae_training.language import gated_delta

# float32 rounding over some hundred steps; a wrong formula is off by 1e-2 and more.
LARGEST_ERROR = 1e-4

_calls = {"chunkwise": 0, "stock": 0}
_stock: dict = {}


@dataclass(frozen=True)
class Report:
    """largest_error: relative, over outputs and all gradients. speed: seconds of mlx-lm's own rule over ours."""

    largest_error: float
    speed: float

    @property
    def right(self) -> bool:
        return self.largest_error <= LARGEST_ERROR

    @property
    def worth_it(self) -> bool:
        return self.speed > 1.0

    def sentence(self) -> str:
        if not self.right:
            return (
                f"the chunkwise gated delta rule differs from mlx-lm's by {self.largest_error:.1e} "
                f"(allowed {LARGEST_ERROR:.0e}) and is off; training is slow but right"
            )
        if not self.worth_it:
            return f"mlx-lm's own gated delta rule takes {self.speed:.2f} of our time and is used"
        return f"the chunkwise gated delta rule is on, {self.speed:.1f} times as fast as mlx-lm's"


def calls() -> dict:
    """How often the patched function ran, in this process: {"chunkwise": n, "stock": n} (traced calls count once)."""
    return dict(_calls)


def install() -> list[str]:
    """Replace gated_delta_update in all loaded mlx_lm models; returns the names of the modules, sorted."""
    from mlx_lm.models import gated_delta as original
    from mlx_lm.models import qwen3_5, qwen3_next  # noqa: F401  (so that they are there to be patched)

    _stock.setdefault("update", original.gated_delta_update)
    _replace(_stock["update"], _patched())
    return _holders(_patched())


def remove() -> None:
    """Put mlx-lm's own function back."""
    if _stock:
        _replace(_patched(), _stock["update"])


def _replace(old, new) -> None:
    for name in _holders(old):
        sys.modules[name].gated_delta_update = new


def _holders(function) -> list[str]:
    return sorted(
        name
        for name, module in list(sys.modules.items())
        if name.startswith("mlx_lm.models.")
        and getattr(module, "gated_delta_update", None) is function
    )


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
        on_metal = mx.metal.is_available() and mx.default_device() == mx.gpu
        per_channel = a.ndim == 4 or lower_bound is not None
        if (use_kernel and on_metal) or per_channel or q.shape[1] < gated_delta.SHORTEST:
            _calls["stock"] += 1
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
        _calls["chunkwise"] += 1
        log_g, beta = gated_delta.log_gate(A_log, a, dt_bias), mx.sigmoid(b)
        if allow_neg_eigval:
            beta = 2 * beta
        if mask is not None:
            log_g, beta = mx.where(mask[..., None], log_g, 0), mx.where(mask[..., None], beta, 0)
        return gated_delta.chunkwise(q, k, v, log_g, beta, state)

    return gated_delta_update


def check(cache_directory: Path | None = None) -> Report:
    """Compare outputs, gradients and time with mlx-lm's rule; kept for these versions in cache_directory."""
    cache = None
    if cache_directory is not None:
        cache = cache_directory / f"gated-delta-{_versions()}.json"
        kept = state.read_json(cache)
        if kept is not None:
            return Report(kept["largest_error"], kept["speed"])
    report = compare()
    if cache is not None:
        state.write_json(cache, asdict(report))
    return report


def _versions() -> str:
    from importlib.metadata import version

    import mlx.core as mx

    source = Path(gated_delta.__file__).read_text(encoding="utf-8")
    facts = [version("mlx"), version("mlx-lm"), str(mx.default_device()), source]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def compare(tokens: int = 150, heads: tuple[int, int] = (2, 4), width: int = 32) -> Report:
    """One forward and backward pass of both rules at batch 2, grouped heads, a ragged tail, a start state."""
    import mlx.core as mx
    from mlx_lm.models import gated_delta as original

    _stock.setdefault("update", original.gated_delta_update)
    key = iter(mx.random.split(mx.random.key(0), 10))
    key_heads, value_heads = heads

    def normal(*shape):
        return mx.random.normal(shape, key=next(key))

    q, k = normal(2, tokens, key_heads, width), normal(2, tokens, key_heads, width)
    q, k = original.normalize_qk(q, k, inv_scale=width**-0.5, eps=1e-6)
    inputs = [
        q,
        k,
        normal(2, tokens, value_heads, width),
        normal(2, tokens, value_heads),
        normal(2, tokens, value_heads),
        mx.log(mx.random.uniform(0.1, 4, (value_heads,), key=next(key))),
        mx.ones((value_heads,)),
        normal(2, value_heads, width, width),
    ]
    along = normal(2, tokens, value_heads, width), normal(2, value_heads, width, width)

    def outputs(rule):
        def total(*inputs):
            y, final = rule(*inputs, use_kernel=False)
            return (y * along[0]).sum() + (final * along[1]).sum(), y, final

        graph = mx.compile(mx.value_and_grad(total, argnums=list(range(len(inputs)))))
        mx.eval(graph(*inputs))
        started = time.perf_counter()
        (_, y, final), gradients = graph(*inputs)
        mx.eval(y, final, gradients)
        return [y, final, *gradients], time.perf_counter() - started

    theirs, their_seconds = outputs(_stock["update"])
    ours, our_seconds = outputs(_patched())
    errors = [
        (mx.max(mx.abs(a - b)) / mx.max(mx.abs(b))).item()
        for a, b in zip(ours, theirs, strict=True)
    ]
    # max() would pass over a NaN that is not first.
    error = max(e if e == e else float("inf") for e in errors)
    return Report(largest_error=error, speed=their_seconds / our_seconds)
