"""Exponentials, and the gates made of them, as each backend computes them fastest.

MLX's own exp takes 9 ns an element on x86 and its power 3, and exponentials were a third of a training step there
(docs/log.md). On a GPU it is exp as it is. Gates have their own gradient: it needs the sigmoid alone, which is
made again, and keeps nothing but the inputs.
"""

import functools
import math


def exp(x):
    """e^x, float32, without a gradient of its own: for forward passes and hand-written gradients."""
    import mlx.core as mx

    return mx.power(math.e, x) if mx.default_device() == mx.cpu else mx.exp(x)


def sigmoid(x):
    """1 / (1 + e^-x) in x's type, without a gradient of its own."""
    import mlx.core as mx

    if mx.default_device() != mx.cpu:
        return mx.sigmoid(x)
    return mx.reciprocal(1 + exp(-x.astype(mx.float32))).astype(x.dtype)


def silu(x):
    """x sigmoid(x), differentiable."""
    return _silu()(x)


def gated(gate, x):
    """silu(gate) x, differentiable in both; of equal shapes and types."""
    return _gated()(gate, x)


def opened(gate, x):
    """sigmoid(gate) x, differentiable in both; of equal shapes and types."""
    return _opened()(gate, x)


@functools.cache
def _silu():
    import mlx.core as mx

    @mx.custom_function
    def silu(x):
        return x * sigmoid(x)

    @silu.vjp
    def gradient(x, cotangent, _):
        s = sigmoid(x)
        return cotangent * (s * (1 + x * (1 - s)))

    return silu


@functools.cache
def _gated():
    import mlx.core as mx

    @mx.custom_function
    def gated(gate, x):
        return gate * sigmoid(gate) * x

    @gated.vjp
    def gradients(inputs, cotangent, _):
        gate, x = inputs
        s = sigmoid(gate)
        return cotangent * x * (s * (1 + gate * (1 - s))), cotangent * (gate * s)

    return gated


@functools.cache
def _opened():
    import mlx.core as mx

    @mx.custom_function
    def opened(gate, x):
        return sigmoid(gate) * x

    @opened.vjp
    def gradients(inputs, cotangent, _):
        gate, x = inputs
        s = sigmoid(gate)
        along = cotangent * s
        return along * x * (1 - s), along

    return opened
