"""Tensors on disk, written atomically: a kill or a full disk never leaves a partial file."""

import io
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
from mlx.utils import tree_flatten

from fae_training.calls.errors import Failed
from fae_training.store.state import atomic_file


def save_arrays(path: Path, arrays: dict, metadata: dict[str, str] | None = None) -> None:
    """Write `arrays` (name -> mlx array) to the safetensors file `path`, atomically and with mode 0600.

    Raises Failed if a value is not finite: NaN is never published.
    """
    for name, array in arrays.items():
        if mx.issubdtype(array.dtype, mx.floating) and not mx.all(mx.isfinite(array)).item():
            raise Failed(
                "not_finite",
                f"{name} contains NaN or infinity; {path.name} was not written",
                "train again with a lower --learning-rate",
            )
    with atomic_file(path) as temporary, temporary.open("wb") as out:
        mx.save_safetensors(out, arrays, metadata=metadata or {})


def load_arrays(path: Path) -> tuple[dict, dict[str, str]]:
    """(name -> mlx array, metadata) of a safetensors file."""
    read = mx.load(str(path), format="safetensors", return_metadata=True)
    return cast(tuple[dict, dict[str, str]], read)  # the stub's type covers every file format


def to_bytes(arrays: dict) -> bytes:
    """`arrays` as the bytes of a safetensors file; empty for no arrays."""
    if not arrays:
        return b""
    held = io.BytesIO()
    mx.save_safetensors(held, arrays)
    return held.getvalue()


def from_bytes(held: bytes) -> dict:
    """The inverse of to_bytes."""
    return cast(dict, mx.load(io.BytesIO(held), format="safetensors")) if held else {}


def number(array: mx.array) -> float:
    """The value of a real scalar array (the stub's type includes complex)."""
    return cast(float, array.item())


def numbers(array: mx.array) -> list:
    """The values of an array with at least one axis, as nested lists."""
    return cast(list, array.tolist())  # the stub's type includes the scalar case


def flattened(tree: Any) -> dict[str, Any]:
    """Nested parameters or gradients as {"layers.0.weight": array}."""
    return dict(tree_flatten(tree))
