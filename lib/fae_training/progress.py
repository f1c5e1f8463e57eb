"""What a person sees while a run goes on, drawn from run.json and metrics.jsonl."""

import os
import shutil
import sys
import time

from fae_training.runs import ACTIVE, Run
from fae_training.state import read_jsonl


def latest_report(run: Run) -> dict:
    """The newest value of everything reported so far, {} before the first report."""
    newest: dict = {}
    for report in read_jsonl(run.file("metrics.jsonl")):
        newest |= {name: value for name, value in report.items() if value is not None}
    return newest


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 42 s, 3 min 05 s, 1 h 20 min."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def line(run: Run, report: dict, width: int) -> str:
    """One line: status, bar, loss, speed, memory, time left; at most `width` characters."""
    steps = run.settings.get("steps") or 1
    step = report.get("step", 0)
    parts = [f"{run.record.get('status', '')} {step}/{steps}"]
    for label, name, form in (
        ("loss", "loss", ".3f"),
        ("held-out", "val_loss", ".3f"),
        ("", "tokens_per_s", ",.0f"),
        ("", "peak_memory_gb", ".2f"),
    ):
        if report.get(name) is not None:
            unit = {"tokens_per_s": " tokens/s", "peak_memory_gb": " GB"}.get(name, "")
            parts.append(f"{label} {report[name]:{form}}{unit}".strip())
    if report.get("eta_s") is not None and step < steps:
        parts.append(f"{duration(report['eta_s'])} left")
    text = "  ".join(parts)
    room = width - len(text) - 4
    if room >= 10:
        filled = min(20, room) * step // steps
        text = f"[{'=' * filled}{' ' * (min(20, room) - filled)}] {text}"
    return text[: width - 1]


def follow(run: Run) -> str:
    """Stay with the run until it ends, drawing its progress on standard error. Returns its last status.

    On a terminal one line is redrawn; elsewhere a line is printed for each report.
    """
    redraw = sys.stderr.isatty()
    shown = ""
    while True:
        status = run.status()
        width = shutil.get_terminal_size((100, 24)).columns
        report = latest_report(run)
        text = line(run, report, width if redraw else 200)
        if text != shown:
            sys.stderr.write(f"\r\033[K{_dim(text)}" if redraw else f"{text}\n")
            sys.stderr.flush()
            shown = text
        if status not in ACTIVE:
            if redraw:
                sys.stderr.write("\n")
            return status
        time.sleep(0.2)


def _dim(text: str) -> str:
    return text if "NO_COLOR" in os.environ else f"\033[36m{text}\033[0m"
