"""librosa's mel spectrogram without numba.

On its first import in an environment numba compiles functions that no mel spectrogram calls, for 20 CPU seconds.
"""

import importlib
import sys
import types


def _as_it_is(*given, **named):
    """A decorator, with or without arguments, that leaves a function as it is."""
    if len(given) == 1 and callable(given[0]):
        return given[0]
    return lambda function: function


def melspectrogram(**given):
    """librosa.feature.melspectrogram(**given)."""
    if "librosa.feature.spectral" not in sys.modules:
        before, stub = sys.modules.get("numba"), types.ModuleType("numba")
        for name in ("guvectorize", "jit", "stencil", "vectorize"):
            setattr(stub, name, _as_it_is)
        sys.modules["numba"] = stub
        try:
            importlib.import_module("librosa.feature.spectral")
        finally:
            del sys.modules["numba"]
            if before:
                sys.modules["numba"] = before
    return sys.modules["librosa.feature.spectral"].melspectrogram(**given)
