"""The progress display of a run, read from run.json, progress.json and metrics.jsonl."""

import contextlib
import os
import shutil
import sys
import time

from fae_training.calls.errors import Failed
from fae_training.lifecycle.runs import ACTIVE, PROGRESS_FILE, Run
from fae_training.store import state_shapes
from fae_training.store.state import read_json, read_jsonl

# Without a terminal, a line is printed at the start of a stage and at most for each tenth of it.
LINES_A_STAGE = 10


def reports(run: Run) -> list[dict]:
    """The lines of metrics.jsonl, each with its step. Raises Failed naming a line with a value of another type."""
    path = run.file("metrics.jsonl")
    found = read_jsonl(path)
    for number, report in enumerate(found, 1):
        wrong = state_shapes.wrong(path.name, report)
        if wrong or "step" not in report:
            raise Failed(
                "state_corrupt",
                f"line {number} of {path}: {wrong or 'it has no step'}",
                f"check line {number} of {path}; remove the line to continue without it",
            )
    return found


def latest_report(run: Run) -> dict:
    """The newest value of each reported quantity, {} before the first report."""
    newest: dict = {}
    for report in reports(run):
        newest |= {name: value for name, value in report.items() if value is not None}
    return newest


def latest_progress(run: Run) -> dict:
    """{"stage", "done", "total", "eta_s", "seconds"} of a running run, as far as its worker has reported."""
    return read_json(run.file(PROGRESS_FILE)) or {}


def duration(seconds: float | None) -> str:
    """Seconds in readable form: 42 s, 3 min 05 s, 1 h 20 min."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def seconds_taken(result: dict) -> float | None:
    """The total time of a run from its train_metrics.json, where earlier versions kept a single number."""
    seconds = result.get("seconds")
    return seconds.get("total") if isinstance(seconds, dict) else seconds


def times(run: Run) -> dict[str, float]:
    """{"elapsed_s", "training_s"}: the time of a run so far, from loading to scoring, and of its steps alone; {} before that.

    In metrics.jsonl, elapsed_s is counted from the first step, validations included.
    """
    seconds = (run.result() or {}).get("seconds") or latest_progress(run).get("seconds")
    if not isinstance(seconds, dict) or not seconds:
        return {"elapsed_s": seconds} if seconds else {}
    total = seconds.get("total", sum(seconds.values()))
    found = {"elapsed_s": total, "training_s": seconds.get("training")}
    return {name: round(value, 1) for name, value in found.items() if value is not None}


def times_in_words(figures: dict[str, float]) -> str:
    """The result of times() as text to follow "in": "5 min 10 s, of which 3 min 02 s training"."""
    text = duration(figures.get("elapsed_s"))
    return (
        f"{text}, of which {duration(figures['training_s'])} training"
        if "training_s" in figures
        else text
    )


def stage_of(run: Run, status: str) -> tuple[str, int, int | None]:
    """(stage, items done, total): of the current stage while it runs, else its status and steps."""
    progress = latest_progress(run)
    if status in ACTIVE and progress.get("stage"):
        return progress["stage"], progress["done"], progress["total"]
    return status, latest_report(run).get("step", 0), run.settings.get("steps") or 1


def line(run: Run, width: int) -> str:
    """One line: stage, bar, loss, speed, memory, time left; at most `width` characters, for which memory and speed go first."""
    report, status = latest_report(run), run.record.get("status", "")
    stage, done, total = stage_of(run, status)
    parts = [f"{stage} {done:,}/{total:,}" if total else stage]
    for label, name, form in (
        ("loss", "loss", ".3f"),
        ("validation loss", "val_loss", ".3f"),
        ("", "tokens_per_s", ",.0f"),
        ("", "peak_memory_gb", ".2f"),
    ):
        if report.get(name) is not None:
            unit = {"tokens_per_s": " tokens/s", "peak_memory_gb": " GB"}.get(name, "")
            parts.append(f"{label} {report[name]:{form}}{unit}".strip())
    left = latest_progress(run).get("eta_s")
    ending = [f"{duration(left)} left"] if status in ACTIVE and left is not None else []
    while len(parts) > 1 and len("  ".join(parts + ending)) >= width:
        parts.pop()
    text = "  ".join(parts + ending)
    room = width - len(text) - 4
    if room >= 10 and total:
        filled = min(20, room) * min(done, total) // total
        text = f"[{'=' * filled}{' ' * (min(20, room) - filled)}] {text}"
    return text[: width - 1]


def follow(run: Run) -> str:
    """Show the run's progress on standard error until it ends. Returns its final status.

    A terminal gets one line, redrawn; otherwise a line is printed for each stage and each tenth of it.
    """
    redraw = sys.stderr.isatty()
    shown: object = None
    while True:
        status = run.status()
        width = shutil.get_terminal_size((100, 24)).columns if redraw else 200
        text = line(run, width)
        stage, done, total = stage_of(run, status)
        news: object = text if redraw else (stage, LINES_A_STAGE * done // total if total else 0)
        if news != shown:
            # The reader may be gone; the run continues regardless.
            with contextlib.suppress(BrokenPipeError):
                sys.stderr.write(f"\r\033[K{_dim(text)}" if redraw else f"{text}\n")
                sys.stderr.flush()
            shown = news
        if status not in ACTIVE:
            if redraw:
                sys.stderr.write("\n")
            return status
        time.sleep(0.2)


def _dim(text: str) -> str:
    return text if "NO_COLOR" in os.environ else f"\033[36m{text}\033[0m"
