"""The results of a training: its receipt, and the benchmark of the saved model, measured here or in a fresh process."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from fae_training.calls.errors import Cancelled, Failed, command_line
from fae_training.fitting.fit_settings import FitResult
from fae_training.judgement.benchmark import Benchmark
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.processes import start
from fae_training.lifecycle.runs import Run
from fae_training.release.deployment import active_fingerprint, current, fingerprint
from fae_training.store import records
from fae_training.store.state import parsed, read_json


@dataclass(frozen=True)
class Trained:
    """The result of a kind's training: its receipt, and a function that scores it with the model already in memory.

    Without `score` a fresh process does the scoring.
    """

    receipt: dict
    score: Callable[[], Benchmark] | None = None


@dataclass(frozen=True)
class Verification:
    """Whether the saved model loads, and whether and how much its output differs from the base model's; `why` it does not."""

    loads: bool
    changes_output: bool
    largest_change: float = 0.0
    why: str = ""

    @property
    def good(self) -> bool:
        return self.loads and self.changes_output


def receipt(run: Run, result: FitResult, applied: dict, notes: list[str]) -> dict:
    """The content of train_metrics.json: the requested settings, those applied, and the results."""
    outcome = {
        name: value
        for name, value in vars(result).items()
        if name not in ("best_parameters", "applied")
    }
    return outcome | {
        "asked": run.settings,
        "applied": applied,
        "notes": notes,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """The installed versions of the training libraries."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from fae_training.environment import mlx_on_linux

    found = {}
    for name in ("mlx", "mlx-lm", "mlx-tune", "mlx-audio", "numpy", "librosa"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    if products := mlx_on_linux.use_openblas():
        found["matrix products"] = products
    return found | {"python": platform.python_version(), "system": platform.platform()}


def scored(
    run: Run,
    score: Callable[[], Benchmark] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    lock: int | None = None,
) -> Benchmark:
    """The benchmark of a run's saved adapter, with its fingerprint; measured by `score`, else in a fresh process.

    The process holds `lock` while it runs. Raises Failed, and Cancelled if should_stop() is true or the run is cancelled.
    """
    mark, slot = fingerprint(run.file("adapters")), KINDS[run.kind].slot
    active, active_mark = current(run.home, slot), active_fingerprint(run.home, slot)
    if score:
        found = score()
    else:
        measured = _fresh_process(run, "score", None, should_stop, lock)
        found = records.read(
            Benchmark,
            measured,
            str(run.file("score.json")),
            "this is a bug in the skill; please report it",
        )
    if found.current_run != (active and active.run):
        active_mark = (
            None  # another was deployed in the meantime, so the measured files are unknown
        )
    return replace(found, fingerprint=mark, current_fingerprint=active_mark)


def verify(run: Run, timeout_s: float) -> Verification | None:
    """Verify the saved model in a fresh process: it loads and changes the output. None if that takes too long."""
    answer = _fresh_process(run, "verify", timeout_s)
    if answer is None:
        return None
    return records.read(
        Verification,
        answer,
        str(run.file("verify.json")),
        "this is a bug in the skill; please report it",
    )


def _fresh_process(
    run: Run,
    task: str,
    timeout_s: float | None,
    should_stop: Callable[[], bool] = lambda: False,
    lock: int | None = None,
) -> dict | None:
    """The result of `task` in a fresh process of the run's own script; None on timeout. Raises Cancelled."""
    answer = run.file(f"{task}.json")
    answer.unlink(missing_ok=True)
    log = run.file("train.log")
    before = log.stat().st_size if log.exists() else 0
    process = start(run, task, lock)
    end = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        while (status := process.poll()) is None:
            if end is not None and time.monotonic() > end:
                return None
            if should_stop():
                raise Cancelled()
            time.sleep(0.05)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    result = read_json(answer)
    if result is None and run.file("cancel").exists():
        raise Cancelled()
    if status or result is None:
        show_log = command_line("tail", "-n", 40, log)
        error = _error_in(log.read_bytes()[before:] if log.exists() else b"")
        why = error.get("message") or f"the process for {task} failed with status {status}"
        raise Failed(f"{task}_failed", f"{run.id}: {why}", error.get("hint") or show_log)
    return result


def _error_in(log: bytes) -> dict:
    """What a process that failed answered, which is the last line of what it wrote; {} where it was killed."""
    with contextlib.suppress(ValueError):
        if isinstance(answer := parsed(log.strip().rpartition(b"\n")[2]), dict):
            return answer.get("error") or {}
    return {}
