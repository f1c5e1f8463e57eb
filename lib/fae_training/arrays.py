"""Tensors on disk, written so that a kill or a full disk never leaves half a file."""

import io
from pathlib import Path
from typing import Any, cast

import mlx.core as mx
from mlx.utils import tree_flatten

from fae_training.errors import Failed
from fae_training.state import atomic_file


def save_arrays(path: Path, arrays: dict, metadata: dict[str, str] | None = None) -> None:
    """`arrays` (name -> mlx array) as a safetensors file at `path`, atomically and 0600.

    Raises Failed when one of them is not finite: nothing that is NaN is ever published.
    """
    for name, array in arrays.items():
        if mx.issubdtype(array.dtype, mx.floating) and not mx.all(mx.isfinite(array)).item():
            raise Failed(
                "not_finite",
                f"{name} holds NaN or infinity; {path.name} was not written",
                "train again with a lower --learning-rate",
            )
    with atomic_file(path) as temporary, temporary.open("wb") as out:
        mx.save_safetensors(out, arrays, metadata=metadata or {})


def load_arrays(path: Path) -> tuple[dict, dict[str, str]]:
    """(name -> mlx array, metadata) of a safetensors file."""
    read = mx.load(str(path), format="safetensors", return_metadata=True)
    return cast(tuple[dict, dict[str, str]], read)  # the stub says what it may be for any format


def to_bytes(arrays: dict) -> bytes:
    """`arrays` as the bytes of a safetensors file; nothing for none."""
    if not arrays:
        return b""
    held = io.BytesIO()
    mx.save_safetensors(held, arrays)
    return held.getvalue()


def from_bytes(held: bytes) -> dict:
    """What to_bytes was given."""
    return cast(dict, mx.load(io.BytesIO(held), format="safetensors")) if held else {}


def number(array: mx.array) -> float:
    """The value of a scalar array that is not complex, which the stub cannot know."""
    return cast(float, array.item())


def numbers(array: mx.array) -> list:
    """The values of an array with at least one axis, as lists in lists."""
    return cast(list, array.tolist())  # the stub says what it is without an axis too


def flattened(tree: Any) -> dict[str, Any]:
    """{"layers.0.weight": array} of nested parameters or gradients."""
    return dict(tree_flatten(tree))
