"""The state of the machine: whether an unattended run may start, and whether it has to wait.

The system is queried only through Probes, so that tests can supply recorded answers.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fae_training.app import fae_app
from fae_training.patterns import lazy_pattern
from fae_training.store.state import Home

LEAST_FREE_GB = 10.0
# Fae writes every turn to its database at once; for this long after the last one the person may still be talking.
FAE_TALKS_S = 60
# The machine counts as hot from this many degrees below the Linux kernel's critical trip point.
_NEAR_CRITICAL = 10
# Messages of macOS and MLX when the display watchdog kills GPU work (ml-explore/mlx#3267).
_WATCHDOG = lazy_pattern(
    r"kIOGPUCommandBufferCallbackError(?:Timeout|ImpactingInteractivity)|Caused GPU Timeout Error|"
    r"Impacting Interactivity|GPU Hang Error"
)
# Operations and megabytes per piece of GPU work after one such kill, two, and more. The results stay the same.
_PIECES = ((10, 10), (4, 4), (1, 1))


class Probes:
    """Queries of the system: the output of a command and the text of files; "" if there is none."""

    root = Path("/")

    def output(self, *command: str) -> str:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout

    def texts(self, pattern: str) -> dict[str, str]:
        """The texts of the matching files, by path."""
        found = {}
        for path in sorted(self.root.glob(pattern.lstrip("/"))):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                text = path.read_text(encoding="utf-8").strip()
                found[f"/{path.relative_to(self.root)}"] = text
        return found

    def free_gb(self, path: Path) -> float:
        existing = next(p for p in (path, *path.parents) if p.exists())
        return shutil.disk_usage(existing).free / 1e9


@dataclass(frozen=True)
class Condition:
    """The machine's condition. `short_of_memory`: the system asks programs to release memory."""

    on_battery: bool = False
    hot: bool = False
    low_power: bool = False
    short_of_memory: bool = False

    def reasons(self) -> list[str]:
        """Why an unattended run has to wait, in words; [] if it does not."""
        conditions = {
            "on battery": self.on_battery,
            "in low-power mode": self.low_power,
            "hot": self.hot,
            "short of memory": self.short_of_memory,
        }
        return [name for name, holds in conditions.items() if holds]


def condition(probes: Probes | None = None, system: str = sys.platform) -> Condition:
    """Missing information counts as good: a machine without a battery is on power."""
    probes = probes or Probes()
    return _of_macos(probes) if system == "darwin" else _of_linux(probes)


def _of_macos(probes: Probes) -> Condition:
    settings = probes.output("pmset", "-g")
    thermal = probes.output("pmset", "-g", "therm")
    limit = re.search(r"CPU_Speed_Limit\s*=\s*(\d+)", thermal)
    warning = re.search(r"[Tt]hermal [Ww]arning [Ll]evel\D{0,20}(\d+)", thermal)
    pressure = probes.output("sysctl", "-n", "kern.memorystatus_vm_pressure_level").strip()
    return Condition(
        on_battery="'Battery Power'" in probes.output("pmset", "-g", "batt"),
        hot=bool((limit and int(limit[1]) < 100) or (warning and int(warning[1]) > 0)),
        # powermode: 0 automatic, 1 low power, 2 high power.
        low_power=bool(re.search(r"^\s*(?:lowpowermode|powermode)\s+1\s*$", settings, re.M)),
        short_of_memory=pressure in ("2", "4"),  # 1 normal, 2 warning, 4 critical
    )


def _of_linux(probes: Probes) -> Condition:
    mains = probes.texts("/sys/class/power_supply/*/online")
    zones = probes.texts("/sys/class/thermal/thermal_zone*/temp")
    hot = False
    for path, degrees in zones.items():
        zone = path.removesuffix("/temp")
        kinds = probes.texts(f"{zone}/trip_point_*_type")
        for trip in (p for p, kind in kinds.items() if kind == "critical"):
            (limit,) = probes.texts(trip.replace("_type", "_temp")).values() or ("",)
            if limit.isdigit() and degrees.lstrip("-").isdigit() and int(limit) > 0:
                hot |= int(degrees) > int(limit) - 1000 * _NEAR_CRITICAL
    profile = probes.texts("/sys/firmware/acpi/platform_profile").values()
    return Condition(
        on_battery=bool(mains) and all(text == "0" for text in mains.values()),
        hot=hot,
        low_power="low-power" in profile,
    )


def fae_needs_it(home: Home) -> str | None:
    """Why a run has to give way, in words: the person is using Fae, or the file `pause` exists. None if it need not."""
    if home.file("pause").exists():
        return f"paused by {home.file('pause')}"
    database = fae_app.database()
    for path in (database, database.with_name(f"{database.name}-wal")):
        with contextlib.suppress(OSError):
            found = path.stat()
            # An empty log comes from our own reading: Fae had closed its database.
            if found.st_size and 0 <= time.time() - found.st_mtime < FAE_TALKS_S:
                return "in use by Fae"
    return None


@contextlib.contextmanager
def kept_awake() -> Iterator[None]:
    """Keep a Mac awake within this block; caffeinate ends with this process, however it ends."""
    program = shutil.which("caffeinate") if sys.platform == "darwin" else None
    if program is None:
        yield
        return
    awake = subprocess.Popen(
        [program, "-i", "-w", str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        awake.terminate()
        awake.wait()


def ended_by_watchdog(log: Path) -> int:
    """How often, by its log, the display watchdog killed a run's GPU work."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return sum(bool(_WATCHDOG.search(line)) for line in text.splitlines())


def smaller_pieces(log: Path) -> dict[str, str]:
    """Environment variables for a run's next worker that make MLX submit smaller pieces of GPU work."""
    if not (times := ended_by_watchdog(log)):
        return {}
    operations, megabytes = _PIECES[min(times, len(_PIECES)) - 1]
    return {"MLX_MAX_OPS_PER_BUFFER": str(operations), "MLX_MAX_MB_PER_BUFFER": str(megabytes)}
