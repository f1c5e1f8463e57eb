"""Checks of this machine and the state directory; each problem comes with a remedy. Read-only."""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fae_training.app import fae_app, fae_versions
from fae_training.calls.counting import counted
from fae_training.calls.errors import SkillError, command_line
from fae_training.conversations.database import FaeDatabase
from fae_training.environment import installation, models
from fae_training.lifecycle import runs, settings
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.processes import find_uv
from fae_training.release import standing
from fae_training.speech import preflight as speech
from fae_training.store import consent, locks, state
from fae_training.store.state import Home, moment

FINE, ATTENTION, BROKEN = "fine", "attention", "broken"
PYTHONS = ((3, 11), (3, 14))
# A run writes rows, checkpoints and an adapter; a 4-bit model with 2 billion parameters takes 1.5 GB.
LEAST_DISK, LITTLE_DISK = 1e9, 5e9
# Below this only the smallest model can be trained.
LITTLE_MEMORY = 8 * fae_app.GIB
# Hidden files older than this are leftovers of killed processes.
LEFT_BEHIND = timedelta(hours=1)
CLOCK_TOLERANCE = timedelta(minutes=5)
# The skill was written after this date.
OLDEST_TIME = datetime(2026, 1, 1).astimezone()
MOST_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """`state`: fine; attention, if something needs attention; broken, if training cannot start.

    `remedy` is a command or an instruction, "" if all is fine.
    """

    about: str
    state: str
    says: str
    remedy: str = ""


def examine(home: Home) -> list[Finding]:
    """Every finding, the most important first."""
    found: list[Finding] = []
    for about, check in CHECKS.items():
        try:
            found += check(home)
        except SkillError as error:
            found.append(Finding(about, BROKEN, error.message, error.hint))
        except OSError as error:
            found.append(Finding(about, BROKEN, f"the check failed: {error}", ""))
    return found


def _uv(home: Home) -> Iterator[Finding]:
    path = find_uv()
    done = subprocess.run([path, "--version"], capture_output=True, text=True)
    if done.returncode:
        remedy = "curl -LsSf https://astral.sh/uv/install.sh | sh"
        yield Finding("uv", BROKEN, f"{path} does not run: {done.stderr.strip()[:200]}", remedy)
    else:
        yield Finding("uv", FINE, f"{' '.join(done.stdout.split()[:2])}, {path}")


def _python(home: Home) -> Iterator[Finding]:
    here, text = sys.version_info[:2], f"Python {platform.python_version()}, {sys.executable}"
    if PYTHONS[0] <= here <= PYTHONS[1]:
        yield Finding("Python", FINE, text)
    else:
        least, most = (".".join(map(str, version)) for version in PYTHONS)
        yield Finding(
            "Python", BROKEN, f"{text}; expected {least} to {most}", "uv python install 3.13"
        )


def _device(home: Home) -> Iterator[Finding]:
    machine = f"{platform.system()} on {platform.machine()}"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        yield Finding("device", FINE, f"{machine}: MLX trains on the GPU")
    elif sys.platform == "linux" and platform.machine() == "x86_64":
        text = f"{machine}: MLX trains on the processor, {os.cpu_count()} cores"
        if Path("/dev/nvidia0").exists():
            text += "; there is an NVIDIA GPU, which mlx[cuda13] can use (docs/benchmarks.md)"
        yield Finding("device", FINE, text)
    else:
        remedy = "use a Mac with Apple silicon, or Linux on x86_64"
        yield Finding("device", BROKEN, f"MLX does not support {machine}", remedy)


def _memory(home: Home) -> Iterator[Finding]:
    size = fae_app.memory_bytes()
    text = f"{size / fae_app.GIB:.0f} GB"
    if size < LITTLE_MEMORY:
        remedy = "train the smallest model on short rows: uv run scripts/train.py --model tiny --max-length 512"
        yield Finding("memory", ATTENTION, f"{text}, which is little for training", remedy)
    else:
        yield Finding("memory", FINE, text)


def _disk(home: Home) -> Iterator[Finding]:
    place = next(path for path in (home.path, *home.path.parents) if path.is_dir())
    if not os.access(place, os.W_OK):
        remedy = "choose a directory that you can write: --home DIR or FAE_TRAINING_HOME"
        yield Finding("disk", BROKEN, f"{place} cannot be written", remedy)
        return
    free = shutil.disk_usage(place).free
    used = sum(path.lstat().st_size for path in home.path.rglob("*") if path.is_file())
    text = f"{free / 1e9:.1f} GB free at {place}; the state directory takes {used / 1e9:.2f} GB"
    state = FINE if free >= LITTLE_DISK else ATTENTION if free >= LEAST_DISK else BROKEN
    remedy = f"make room: {command_line('du', '-sh', home.file('runs'))}" if state != FINE else ""
    yield Finding("disk", state, text, remedy)


def _environments(home: Home) -> Iterator[Finding]:
    status = installation.installation_status(home)
    if status == "ready":
        yield Finding("environments", FINE, "the packages of every script are installed")
    elif status == "installing":
        yield Finding("environments", FINE, "they are being prepared now")
    elif status == "failed":
        yield Finding("environments", ATTENTION, installation.failed_in_words(home), installation.REMEDY)  # fmt: skip
    if status == "not_done":
        missing = [name.removesuffix(".py") for name in installation.unprepared(home)]
        text = f"not prepared for {_listed(missing)}: the first call of each will download its packages"
        yield Finding("environments", ATTENTION, text, "uv run scripts/setup.py")


def _models(home: Home) -> Iterator[Finding]:
    for name, choose, script in (
        ("language model", models.choose, KINDS["sft"].script),
        ("speech recogniser", speech.choose, KINDS["stt"].script),
    ):
        model, why = choose("auto")
        fetch = f"uv run scripts/{script} --fetch"
        if (directory := models.locate(model)) is None:
            text = f"{name}: {model} ({why}) is not on this machine"
            yield Finding("models", ATTENTION, text, fetch)
            continue
        if name == "language model":
            models.check_language_model(directory, fetch)
        else:
            models.check(directory, speech.MODEL_TYPES, fetch)
        yield Finding("models", FINE, f"{name}: {model} ({why}), {directory}")


def _fae(home: Home) -> Iterator[Finding]:
    found = fae_versions.installed()
    if not found:
        text = "Fae.app is not installed: deployments are recorded, but nothing uses them yet"
        yield Finding("Fae", ATTENTION, text, "install Fae, then: uv run scripts/deploy.py --check")
        return
    app = fae_versions.the_app()
    loads = {
        True: "it loads adapters",
        False: "it does not load adapters; later versions do",
        None: "whether this version loads adapters is not known",
    }[app.adapters]
    state = FINE if app.adapters else ATTENTION
    remedy = (
        ""
        if app.adapters
        else "update Fae to use what you deploy; docs/fae.md lists what each version loads"
    )
    yield Finding("Fae", state, f"{app.version} in {app.bundle}: {loads}", remedy)


def _database(home: Home) -> Iterator[Finding]:
    path = fae_app.database()
    if not path.exists():
        yield Finding("database", ATTENTION, f"there is no {path}", "start Fae once, or name the file: uv run scripts/export_data.py --db PATH/fae.db")  # fmt: skip
        return
    if not any(consent.granted(home, source) for source in ("conversations", "corrections")):
        yield Finding("database", FINE, f"{path} exists; it is opened only after you give consent")
        return
    with FaeDatabase(path) as database:
        text = f"{path}, schema {database.schema_version}, {path.stat().st_size / 1e6:.1f} MB"
        if database.warning:
            yield Finding("database", ATTENTION, f"{text}; {database.warning}", command_line("ls", "-l", path.parent))  # fmt: skip
        else:
            yield Finding("database", FINE, text)


def _consent(home: Home) -> Iterator[Finding]:
    allowed = [source for source in consent.SOURCES if consent.granted(home, source)]
    if allowed:
        yield Finding("consent", FINE, f"allowed: {', '.join(allowed)}")
    else:
        text = "you have not given consent yet, so nothing is read or trained"
        yield Finding("consent", ATTENTION, text, "uv run scripts/setup.py --consent conversations")


def _settings(home: Home) -> Iterator[Finding]:
    settings.check_config(home)
    kept = home.file("config.json").exists()
    yield Finding("settings", FINE, "config.json is valid" if kept else "those of the presets")


def _state(home: Home) -> Iterator[Finding]:
    """Interrupted runs, files that were set aside, and deployments that have changed."""
    known = runs.all_runs(home)
    cut_off = [run for run in known if run.status() == "interrupted"]
    for run in cut_off[-1:]:
        text = f"{_listed([run.id for run in cut_off])} ended before training was complete"
        yield Finding("state", ATTENTION, text, KINDS[run.kind].command(f"--resume {run.id}"))
    aside = [str(path.relative_to(home.path)) for path in state.set_aside(home)]
    if aside:
        text = f"set aside because unreadable: {_listed(aside)}"
        remedy = f"check the file, then remove it: {command_line('rm', home.file(aside[0]))}"
        yield Finding("state", ATTENTION, text, remedy)
    requests = standing.of_requests(home)
    remarks = [*standing.of_home(home), *standing.linked_runs(home)]
    for remark in remarks:
        # A request to forget has its own remedy, at its end; the others are looked at with the runs.
        text, _, remedy = remark.rpartition(": ") if remark in requests else (remark, "", "")
        yield Finding("state", ATTENTION, text, remedy or "uv run scripts/list_runs.py")
    if home.path.is_dir() and home.path.stat().st_mode & 0o077:
        remedy = command_line("chmod", "700", home.path)
        yield Finding(
            "state", ATTENTION, f"other users of this machine can read {home.path}", remedy
        )
    if not (cut_off or aside or remarks):
        holder = locks.holder(home.file("lock")) if home.file("lock").exists() else None
        running = f", {holder} is running" if holder else ""
        yield Finding("state", FINE, f"{home.path}: {counted(len(known), 'run')}{running}")


def _temporary(home: Home) -> Iterator[Finding]:
    left = [path for path in _hidden(home.path) if _age(path) > LEFT_BEHIND]
    if not left:
        yield Finding("temporary files", FINE, "none are left over")
        return
    names = _listed([str(path.relative_to(home.path)) for path in left])
    remedy = f"while nothing runs: {command_line('rm', '-r', *left[:MOST_NAMED])}"
    yield Finding(
        "temporary files", ATTENTION, f"left over from processes that were killed: {names}", remedy
    )


def _hidden(directory: Path) -> Iterator[Path]:
    """Hidden files and folders, without their contents."""
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if path.name.startswith("."):
            # .staged/ is permanent; only its contents are leftovers.
            inside = [*path.iterdir()] if path.name == ".staged" and path.is_dir() else [path]
            yield from inside
        elif path.is_dir() and not path.is_symlink():
            yield from _hidden(path)


def _age(path: Path) -> timedelta:
    return timedelta(seconds=time.time() - path.lstat().st_mtime)


def _clock(home: Home) -> Iterator[Finding]:
    now = datetime.now().astimezone()
    remedy = (
        "set the clock: System Settings, General, Date & Time; on Linux: timedatectl set-ntp true"
    )
    if now < OLDEST_TIME:
        yield Finding("clock", BROKEN, f"it is set to {now:%Y-%m-%d %H:%M}, before this skill was written", remedy)  # fmt: skip
        return
    made = [run.record["created_at"] for run in runs.all_runs(home) if "created_at" in run.record]
    ahead = [time_ for time_ in made if moment(time_) > (now + CLOCK_TOLERANCE).timestamp()]
    if ahead:
        text = f"it is set to {now:%Y-%m-%d %H:%M}, but {counted(len(ahead), 'run was', 'runs were')} created later ({max(ahead)[:16]}), so 'latest' and waiting times are wrong"
        yield Finding("clock", ATTENTION, text, remedy)
    else:
        yield Finding("clock", FINE, f"{now:%Y-%m-%d %H:%M %Z}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


CHECKS: dict[str, Callable[[Home], Iterator[Finding]]] = {
    "uv": _uv,
    "Python": _python,
    "device": _device,
    "memory": _memory,
    "disk": _disk,
    "environments": _environments,
    "models": _models,
    "Fae": _fae,
    "database": _database,
    "consent": _consent,
    "settings": _settings,
    "state": _state,
    "temporary files": _temporary,
    "clock": _clock,
}
