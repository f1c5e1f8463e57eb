"""Exponentials, and the gates made of them, as each backend computes them fastest.

MLX's own exp takes 9 ns an element on x86 and its power 3, and exponentials were a third of a training step there
(docs/log.md). On a GPU it is exp as it is. Gates have their own gradient: it needs the sigmoid alone, which is
made again, and keeps nothing but the inputs.
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


def made_again(inputs, cotangents) -> list[mx.array]:
    """The inputs of a function, for its gradient to make things again from.

    mx.compile finds that the backward pass makes what the forward pass made already, and would keep it for as
    long. As arrays that wait for the gradient they are others.
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
        (x,) = made_again([x], [cotangent])
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
        gate, x = made_again(inputs, [cotangent])
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
        gate, x = made_again(inputs, [cotangent])
        s = sigmoid(gate)
        along = cotangent * s
        return (along * x * (1 - s)).astype(gate.dtype), along.astype(x.dtype)

    return opened
