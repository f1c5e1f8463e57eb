"""Reads a language model from disk and reports progress, because a large one takes a while."""

from collections.abc import Callable

import mlx.core as mx
from mlx_lm import load as mlx_lm_load

from fae_training.environment.models import loadable
from fae_training.fitting.arrays import flattened

# Arrays are read together up to this many bytes.
PIECE_BYTES = 64 * 2**20


def load(directory: str):
    """(model, tokenizer) as mlx-lm reads them; weights are read when they are first used."""
    return mlx_lm_load(loadable(directory), lazy=True)


def read_weights(model, advance: Callable[[int, int], None]) -> None:
    """Read the weights of a lazily loaded model; advance(megabytes read, total) may raise to end it."""
    arrays = list(flattened(model.parameters()).values())
    total = sum(array.nbytes for array in arrays)
    read, piece, size = 0, [], 0
    for array in arrays:
        piece.append(array)
        size += array.nbytes
        if size >= PIECE_BYTES:
            mx.eval(piece)
            read, piece, size = read + size, [], 0
            advance(read // 2**20, total // 2**20)
    mx.eval(piece)
    advance(total // 2**20, total // 2**20)
