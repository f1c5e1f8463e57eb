"""Exponentials, and the gates built from them, in the form that is fastest on each backend.

MLX's own exp takes 9 ns per element on x86 and its power 3, and exponentials took a third of a
training step there (docs/log.md). On a GPU exp is used as it is. Gates have their own gradient: it
needs only the sigmoid, which is recomputed, so only the inputs are kept.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx


def exp(x):
    """e^x, float32, without a gradient of its own: for forward passes and hand-written gradients."""
    return mx.power(math.e, x) if mx.default_device() == mx.cpu else mx.exp(x)


def sigmoid(x):
    """1 / (1 + e^-x), float32, without a gradient of its own."""
    x = x.astype(mx.float32)
    return mx.reciprocal(1 + exp(-x)) if mx.default_device() == mx.cpu else mx.sigmoid(x)


def recompute_inputs(inputs, cotangents) -> list[mx.array]:
    """The inputs of a function, copied so that its gradient recomputes from them.

    mx.compile would otherwise notice that the backward pass repeats the forward pass, and keep the
    results until then. As arrays that depend on the gradient they are distinct.
    """
    return mx.depends(list(inputs), list(cotangents))


def silu(x) -> mx.array:
    """x sigmoid(x) in x's type, float32 inside, differentiable."""
    return _silu()(x)


def gated(gate, x) -> mx.array:
    """silu(gate) x in x's type, float32 inside, differentiable in both; of equal shapes."""
    return _gated()(gate, x)


def opened(gate, x) -> mx.array:
    """sigmoid(gate) x in x's type, float32 inside, differentiable in both; of equal shapes."""
    return _opened()(gate, x)


@functools.cache
def _silu() -> Callable[..., Any]:
    @mx.custom_function
    def silu(x):
        return (x * sigmoid(x)).astype(x.dtype)

    @silu.vjp
    def gradient(x, cotangent, _):
        (x,) = recompute_inputs([x], [cotangent])
        s = sigmoid(x)
        return (cotangent * (s * (1 + x * (1 - s)))).astype(x.dtype)

    return silu


@functools.cache
def _gated() -> Callable[..., Any]:
    @mx.custom_function
    def gated(gate, x):
        return (gate * sigmoid(gate) * x).astype(x.dtype)

    @gated.vjp
    def gradients(inputs, cotangent, _):
        gate, x = recompute_inputs(inputs, [cotangent])
        s = sigmoid(gate)
        d_gate, d_x = cotangent * x * (s * (1 + gate * (1 - s))), cotangent * (gate * s)
        return d_gate.astype(gate.dtype), d_x.astype(x.dtype)

    return gated


@functools.cache
def _opened() -> Callable[..., Any]:
    @mx.custom_function
    def opened(gate, x):
        return (sigmoid(gate) * x).astype(x.dtype)

    @opened.vjp
    def gradients(inputs, cotangent, _):
        gate, x = recompute_inputs(inputs, [cotangent])
        s = sigmoid(gate)
        along = cotangent * s
        return (along * x * (1 - s)).astype(gate.dtype), along.astype(x.dtype)

    return opened
