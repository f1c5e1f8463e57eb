"""mlx-tune's modules one by one, without importing all of them.

The package's own __init__ imports its modules for images and speech synthesis too, and with them datasets, pandas, scipy
and mlx-audio. That is 2 of the 4 CPU seconds that imports take when a training starts, and nothing of it is used.
"""

import importlib.util
import sys
import types

PACKAGE = "mlx_tune"


class _Package(types.ModuleType):
    """A package whose __init__ runs when a name is asked for that only it can give."""

    def __getattr__(self, name: str):
        run = None if name.startswith("__") else self.__dict__.pop("_run", None)
        if run is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        run(self)
        return getattr(self, name)


def set_up() -> None:
    """Call this before mlx-tune is imported. `from mlx_tune.model import X` then imports that module alone, while
    `from mlx_tune import X` runs the package's __init__, as it does without this function."""
    spec = importlib.util.find_spec(PACKAGE) if PACKAGE not in sys.modules else None
    if spec is not None and spec.loader is not None:
        package = importlib.util.module_from_spec(spec)
        package.__class__ = _Package
        package.__dict__["_run"] = spec.loader.exec_module
        sys.modules[PACKAGE] = package
