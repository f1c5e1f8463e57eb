"""Measures the gated delta rule's implementations on this device at a model's shapes, and our
layers around the rule.

The result is a gated_delta_report.Report, which is cached because measuring takes seconds.
"""

import hashlib
import json
import math
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models import qwen3_5
from mlx_lm.models.gated_delta import normalize_qk

from fae_training.fitting.arrays import number
from fae_training.language import (
    attention,
    elementwise,
    gated_delta,
    gated_delta_patch,
    gated_delta_rules,
    shared_prefix,
)
from fae_training.language.fast_settings import FastSettings
from fae_training.language.gated_delta_report import Measurement, Report, Shapes
from fae_training.language.shared_prefix import forward_levels
from fae_training.store import state

# The length of the measured sequence: whole chunks and a partial one. mlx-lm keeps a state per
# token, so it is no longer than needed.
TOKENS = 200


# Grouped heads, for the comparison in float32.
SMALL = Shapes(2, 4, 32, 32, "float32")


def check(shapes: Shapes, cache_directory: Path | None = None) -> Report:
    """The Report for these shapes, device and versions, measured once and then kept in cache_directory."""
    cache = None
    if cache_directory is not None:
        cache = cache_directory / f"gated-delta-{_versions(shapes)}.json"
        kept = state.read_json(cache)
        if kept is not None:
            measured = tuple(Measurement(**one) for one in kept["measured"])
            return Report(Shapes(**kept["shapes"]), kept["layers_error"], measured)
    report = measure(shapes)
    if cache is not None:
        state.write_json(cache, report.as_dict())
    return report


def _versions(shapes: Shapes) -> str:
    modules = (gated_delta, gated_delta_rules, shared_prefix, attention, elementwise)
    sources = [Path(module.__file__).read_text() for module in modules]
    sources.append(Path(__file__).read_text())
    device = [str(mx.default_device()), str(mx.device_info())]
    facts = [version("mlx"), version("mlx-lm"), *device, asdict(shapes), *sources]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def measure(shapes: Shapes) -> Report:
    """Run all rules forward and backward: at batch 2 with a start state in float32, then at the
    model's shapes."""
    counted = gated_delta.calls
    names = ["chunkwise", "mx.fast", "mlx-lm"] if hasattr(mx.fast, "gated_delta_update") else ["chunkwise", "mlx-lm"]  # fmt: skip
    small, full = _inputs(SMALL, 2, 150), _inputs(shapes, 1, TOKENS)
    right, seconds, peak = _passed("mlx-lm", small, full)
    measured = []
    for name in names:
        if name == "mlx-lm":
            measured.append(Measurement(name, 0.0, 0.0, seconds, peak))
            continue
        try:
            found, own_seconds, own_peak = _passed(name, small, full)
        except (RuntimeError, ValueError):  # not available for these shapes or this device
            measured.append(Measurement(name, math.inf, math.inf, math.inf, 0))
            continue
        error, error_here = (max(relative_errors(a, b)) for a, b in zip(found, right, strict=True))
        measured.append(Measurement(name, error, error_here, own_seconds, own_peak))
    report = Report(shapes, max(relative_errors(*_layers_of_both())), tuple(measured))
    gated_delta.calls = counted
    return report


def _inputs(shapes: Shapes, batch: int, tokens: int) -> list:
    """q, k, v, log_g, beta and a start state as a layer produces them, and the factors of their outputs."""
    key = iter(mx.random.split(mx.random.key(0), 9))

    def normal(*shape):
        return mx.random.normal(shape, key=next(key))

    heads, width = shapes.value_heads, shapes.value_width
    q, k = (normal(batch, tokens, shapes.key_heads, shapes.key_width) for _ in range(2))
    q, k = normalize_qk(q, k, inv_scale=shapes.key_width**-0.5, eps=1e-6)
    v, b = normal(batch, tokens, heads, width), normal(batch, tokens, heads)
    log_g = gated_delta.log_gate(
        mx.log(mx.linspace(0.1, 4, heads)), normal(batch, tokens, heads), mx.ones((heads,))
    )
    dtype = getattr(mx, shapes.dtype)
    q, k, v, beta = (x.astype(dtype) for x in (q, k, v, mx.sigmoid(b)))
    start = normal(batch, heads, width, shapes.key_width)
    inputs = [q, k, v, log_g, beta, start, normal(*v.shape), normal(*start.shape)]
    mx.eval(inputs)
    return inputs


def _passed(name: str, small: list, full: list):
    """((outputs and gradients for small, for here), seconds and peak bytes of the pass over here)."""

    def total(q, k, v, log_g, beta, start, along, along_last):
        y, last = gated_delta_rules.rule(name)(q, k, v, log_g, beta, start)
        return (y * along).sum() + (last * along_last).sum(), y, last

    graph = mx.value_and_grad(total, argnums=list(range(6)))
    if mx.default_device() == mx.Device(mx.gpu):  # as fit does
        graph = mx.compile(graph)

    def once(inputs):
        (_, y, last), gradients = graph(*inputs)
        mx.eval(y, last, gradients)
        return [y, last, *gradients]

    found, seconds, peak = [once(small), once(full)], [], 0
    for _ in range(2):
        mx.clear_cache()
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        started = time.perf_counter()
        once(full)
        seconds.append(time.perf_counter() - started)
        peak = mx.get_peak_memory() - before
    return found, min(seconds), peak


def relative_errors(ours, theirs) -> list[float]:
    """The largest error of each array relative to its largest value; infinite for a NaN, which
    max() would skip."""
    errors = [
        number(mx.max(mx.abs(a - b)) / mx.max(mx.abs(b))) for a, b in zip(ours, theirs, strict=True)
    ]
    return [error if error == error else math.inf for error in errors]


def _layers_of_both() -> tuple[list, list]:
    """Output and gradient of a small Qwen3.5 through our layers and through mlx-lm's, from the same input."""
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
    # mlx-lm's random initialisation forgets within a token, so outputs are near 0 and rounding is magnified.
    model.layers[0].linear_attn.A_log = mx.log(mx.linspace(0.01, 0.5, 4))
    model.train()
    tokens = mx.random.randint(0, 64, (2, 70), key=mx.random.key(1))
    along = mx.random.normal((140, 32), key=mx.random.key(2))
    installed = gated_delta_patch.is_installed()
    gated_delta_patch.remove()

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
    if installed:
        gated_delta_patch.install()
    return ours, theirs
