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

_stock: dict = {}
_stock_calls = 0


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
    """How often each rule ran in this process: {"chunkwise", "stock"}; a compiled function counts once for a shape."""
    return {"chunkwise": gated_delta.calls, "stock": _stock_calls}


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

    from fae_training.language import attention, elementwise, shared_prefix

    modules = (gated_delta, shared_prefix, attention, elementwise)
    sources = [Path(module.__file__).read_text() for module in modules]
    facts = [version("mlx"), version("mlx-lm"), str(mx.default_device()), *sources]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def compare() -> Report:
    """A forward and backward pass of both rules at batch 2, grouped heads, a ragged tail, a start state; then of layers."""
    import mlx.core as mx
    from mlx_lm.models import gated_delta as original

    _stock.setdefault("update", original.gated_delta_update)
    key = iter(mx.random.split(mx.random.key(0), 10))
    tokens, key_heads, value_heads, width = 150, 2, 4, 32

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
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            (_, y, final), gradients = graph(*inputs)
            mx.eval(y, final, gradients)
            seconds.append(time.perf_counter() - started)
        return [y, final, *gradients], min(seconds)

    counted = gated_delta.calls
    theirs, their_seconds = outputs(_stock["update"])
    ours, our_seconds = outputs(_patched())
    error = max(_relative_errors(ours, theirs) + _relative_errors(*_layers_of_both()))
    gated_delta.calls = counted
    return Report(largest_error=error, speed=their_seconds / our_seconds)


def _relative_errors(ours, theirs) -> list[float]:
    """The largest error of each array relative to its largest value; a NaN is infinite, or max() would pass it over."""
    import mlx.core as mx

    errors = [
        (mx.max(mx.abs(a - b)) / mx.max(mx.abs(b))).item()
        for a, b in zip(ours, theirs, strict=True)
    ]
    return [error if error == error else float("inf") for error in errors]


def _layers_of_both() -> tuple[list, list]:
    """Output and gradient of a small Qwen3.5 through our layers and through mlx-lm's, from the same input."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.models import qwen3_5

    from fae_training.language.fast_path import FastSettings
    from fae_training.language.shared_prefix import forward_levels

    config = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "vocab_size": 64,
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
        "full_attention_interval": 2,
        "rope_parameters": {"type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5},
    }
    model = qwen3_5.Qwen3_5TextModel(qwen3_5.TextModelArgs.from_dict(config))
    # mlx-lm's random start forgets within a token, which leaves outputs near 0 and magnifies all rounding.
    model.layers[0].linear_attn.A_log = mx.log(mx.linspace(0.01, 0.5, 4))
    model.train()
    tokens = mx.random.randint(0, 64, (2, 70), key=mx.random.key(1))
    along = mx.random.normal((140, 32), key=mx.random.key(2))
    holders = _holders(_patched())
    remove()

    def through(fast):
        def total(parameters):
            model.update(parameters)
            hidden = forward_levels(model, {"tokens_0": tokens}, fast)
            return (hidden * along).sum(), hidden

        (_, hidden), gradients = mx.value_and_grad(total)(parameters)
        return [hidden, *(value for _, value in tree_flatten(gradients))]

    parameters = model.trainable_parameters()
    theirs = through(FastSettings.off())
    ours = through(FastSettings())
    if holders:
        install()
    return ours, theirs
