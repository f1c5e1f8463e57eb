"""The expected types of values in state files, so that an error can name the value that someone edited.

Files with their own record (evaluation.json, approval.json, a benchmark) are checked by records.py.
"""

import math
import sys
from types import NoneType

from fae_training.calls.error_words import expected, shown

_NUMBER = (int, float, NoneType)
_TEXT = (str, NoneType)
_OBJECT = (dict, NoneType)
_LIST = (list, NoneType)
_MAY_DIVERGE = ("loss", "val_loss", "best_value")
_COUNTS = ("step", "done", "total", "best_step", "steps_done", "seconds", "eta_s", "elapsed_s")
_LARGEST_COUNT = 10**12
# By file name; other files and keys may have any type.
_TYPES: dict[str, dict[str, tuple[type, ...]]] = {
    "run.json": {
        "id": (str,), "kind": (str,), "status": (str,), "created_at": (str,), "ended_at": _TEXT, "started_at": _TEXT,
        "settings": (dict,), "sources": (dict,), "request": (dict,), "rows": _OBJECT, "worker": _OBJECT,
        "error": _OBJECT, "model": _OBJECT, "start": _OBJECT, "notes": (list,), "resumed_at": (list,),
        "data_fingerprint": _TEXT, "learned_from": _TEXT, "caller": _TEXT, "exit_status": (int,), "forgotten_at": _TEXT,
        "note": _TEXT, "hosts": (list,), "continues": _OBJECT, "rows_left_out": _OBJECT, "model_fingerprint": _TEXT,
        "prompts_fingerprint": _TEXT,
    },
    "train_metrics.json": {
        "benchmark": _OBJECT, "best_step": _NUMBER, "best_value": _NUMBER, "loss": _NUMBER, "steps_done": _NUMBER,
        "peak_memory_gb": _NUMBER, "tokens_per_s": _NUMBER,
        # One number until 26 November 2026.
        "seconds": (*_NUMBER, dict),
    },
    "progress.json": {
        "seconds": (dict,), "stage": _TEXT, "done": (int,), "total": (int, NoneType), "eta_s": _NUMBER,
    },
    # Each line of it.
    "metrics.jsonl": {
        "step": (int,), "loss": _NUMBER, "val_loss": _NUMBER, "best_step": _NUMBER, "lr": _NUMBER, "tokens_per_s": _NUMBER,
        "peak_memory_gb": _NUMBER, "elapsed_s": _NUMBER, "eta_s": _NUMBER, "micro_losses": _LIST,
    },
    "files.json": {"files": (dict,)},
    "sources.json": {"ids": (list,)},
    "parts.json": {"parts": (dict,), "trained_on": (list,)},
    "meta.json": {
        "data_fingerprint": _TEXT, "summary": _TEXT, "excluded": _OBJECT, "topics": _LIST, "lint": _OBJECT,
        "rows": _OBJECT, "undecided": (int,),
    },
    "vocabulary.json": {"terms": (list,)},
    "setup.json": {"errors": (dict,), "environments": (dict,)},
}  # fmt: skip


def keys(name: str) -> list[str]:
    """The keys of this file whose types are checked."""
    return list(_TYPES.get(name, {}))


def wrong(name: str, data: dict) -> str | None:
    """A phrase naming the first value of a wrong type, or None."""
    for key, types in _TYPES.get(name, {}).items():
        if key in data and (not isinstance(data[key], types) or _is_bool(data[key])):
            return f"{key!r} is {shown(data[key])}, expected {expected(*types)}"
        if key in data and not _fits(key, data[key]):
            return f"{key!r} is {shown(data[key])}, expected a number that is possible"
    if isinstance(seconds := data.get("seconds"), dict):  # by stage
        for key, value in seconds.items():
            if not isinstance(value, int | float) or _is_bool(value) or not _fits("seconds", value):
                return f"'seconds' of {key!r} is {shown(value)}, expected a number of seconds"
    for value in data.get("micro_losses") or ():
        if not isinstance(value, int | float) or _is_bool(value) or not _fits("loss", value):
            return f"a value of 'micro_losses' is {shown(value)}, expected a number"
    return None


def _fits(name: str, value: object) -> bool:
    """Whether a number can be calculated with. A loss that diverged may be infinite; a time or a count may not."""
    if not isinstance(value, int | float):
        return True
    # Any integer compares with a float, but a large one cannot become one.
    if isinstance(value, float) and not math.isfinite(value):
        return name in _MAY_DIVERGE
    return abs(value) <= _LARGEST_COUNT if name in _COUNTS else abs(value) <= sys.float_info.max


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)
