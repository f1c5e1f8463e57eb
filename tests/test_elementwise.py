"""Exponentials and gates against MLX's own, in values and gradients, at ordinary and extreme inputs."""

import pytest

from fae_training.language import elementwise


def values(dtype="float32"):
    import mlx.core as mx

    ordinary = mx.random.normal((500,), key=mx.random.key(0)) * 5
    extreme = mx.array([0.0, -0.0, 1e-6, -30.0, 30.0, -87.0, 88.0, -200.0, 200.0])
    return mx.concatenate([ordinary, extreme]).astype(getattr(mx, dtype))


def relative(ours, theirs) -> float:
    import mlx.core as mx

    wide = theirs.astype(mx.float32)
    error = mx.abs(ours.astype(mx.float32) - wide) / mx.maximum(mx.abs(wide), 1e-6)
    return mx.max(error).item()


def test_the_exponential_is_mlxs_to_float32_rounding_and_exact_at_the_ends():
    import mlx.core as mx

    x = mx.linspace(-60, 60, 5001)
    assert relative(elementwise.exp(x), mx.exp(x)) < 5e-6
    assert (
        relative(elementwise.exp(mx.linspace(-3, 3, 501)), mx.exp(mx.linspace(-3, 3, 501))) < 5e-7
    )
    assert elementwise.exp(mx.array([-mx.inf, -1000.0, 0.0, mx.inf])).tolist() == [0, 0, 1, mx.inf]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["silu", "gated", "opened"])
def test_gates_and_their_gradients_are_mlxs(name, dtype):
    import mlx.core as mx
    import mlx.nn as nn

    gate = values(dtype)
    x = mx.random.normal(gate.shape, key=mx.random.key(1)).astype(gate.dtype)
    along = mx.random.normal(gate.shape, key=mx.random.key(2)).astype(gate.dtype)
    theirs = {
        "silu": nn.silu,
        "gated": lambda gate, x: nn.silu(gate) * x,
        "opened": lambda gate, x: mx.sigmoid(gate) * x,
    }[name]
    given = [gate] if name == "silu" else [gate, x]

    def both(function, given, along):
        outputs, gradients = mx.vjp(function, given, [along])
        return outputs + gradients

    # Against MLX's in float32: in bfloat16 either side rounds a few times on the way.
    expected = both(theirs, [v.astype(mx.float32) for v in given], along.astype(mx.float32))
    for ours, right in zip(both(getattr(elementwise, name), given, along), expected, strict=True):
        assert ours.dtype == gate.dtype and mx.all(mx.isfinite(ours)).item()
        error = mx.linalg.norm(ours.astype(mx.float32) - right) / mx.linalg.norm(right)
        assert error.item() < (1e-6 if dtype == "float32" else 2**-8)


@pytest.mark.usefixtures("compiling")
def test_a_compiled_gradient_keeps_no_sigmoids():
    """Of 24 gates in a row on 2 MB of bfloat16 the inputs alone are kept; sigmoids in float32 would be 4 MB more for each."""
    import mlx.core as mx

    def gates(x):
        for _ in range(24):
            x = elementwise.silu(x)
        return x.sum()

    x = mx.random.normal((1024, 1024), key=mx.random.key(0)).astype(mx.bfloat16)
    gradient = mx.compile(mx.grad(gates))
    mx.eval(x, gradient(x))
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    mx.eval(gradient(x))
    assert mx.get_peak_memory() - before < 120e6
