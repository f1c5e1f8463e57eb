"""Replaces functions that mlx-lm's models call with our own.

Models bind a function by name (`from .base import scaled_dot_product_attention`), so replacing it
in its defining module would have no effect; it is replaced in every module that holds the same
object.
"""

import sys


def replace(name: str, old, new) -> None:
    """Replace `old` by `new` in every module of mlx_lm.models that holds it under `name`."""
    for module in holders(name, old):
        setattr(sys.modules[module], name, new)


def holders(name: str, function) -> list[str]:
    """The loaded modules of mlx_lm.models that hold `function` under `name`, sorted."""
    return sorted(
        module
        for module, loaded in list(sys.modules.items())
        if module.startswith("mlx_lm.models.") and getattr(loaded, name, None) is function
    )
