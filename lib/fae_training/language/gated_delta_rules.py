"""The available implementations of the gated delta rule, with one signature.

chunkwise  gated_delta.py: matrix products, chunk by chunk
mx.fast    mx.fast.gated_delta_update: whatever MLX has for this device, with a gradient of its own
mlx-lm     mlx_lm.models.gated_delta.gated_delta_ops: token by token, what mlx-lm trains with

gated_delta_check.py measures them and gated_delta_report.py chooses one. A shared prefix uses
chunkwise, the only one that gives the state inside a sequence.
"""

import mlx.core as mx
from mlx_lm.models.gated_delta import gated_delta_ops

from fae_training.language import gated_delta


def rule(name: str):
    """(q, k, v, log_g, beta, state or None) -> (y, state after the last token), as gated_delta.chunkwise."""
    return {"chunkwise": _chunkwise, "mx.fast": _mx_fast, "mlx-lm": _mlx_lm}[name]


def _chunkwise(q, k, v, log_g, beta, state=None):
    return gated_delta.chunkwise(q, k, v, log_g, beta, state)


def _mx_fast(q, k, v, log_g, beta, state=None):
    y, last = mx.fast.gated_delta_update(q, k, v, mx.exp(log_g), beta, _start(q, v, state))
    return y, last


def _mlx_lm(q, k, v, log_g, beta, state=None):
    return gated_delta_ops(q, k, v, mx.exp(log_g), beta, _start(q, v, state))


def _start(q, v, state):
    return mx.zeros((q.shape[0], *v.shape[2:], q.shape[3])) if state is None else state
