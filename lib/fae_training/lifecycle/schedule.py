"""Unattended runs: the system's timer (launchd, systemd), and the conditions for starting."""

import json
import os
import plistlib
import shlex
import subprocess
import sys
import time
from pathlib import Path

from fae_training.calls.counting import ago
from fae_training.calls.errors import Failed, Missing, Refused, SkillError
from fae_training.conversations.database import FaeDatabase
from fae_training.environment import machine
from fae_training.lifecycle import runs
from fae_training.lifecycle.processes import find_uv, scripts_directory
from fae_training.store.state import Home, make_directory, moment, read_json, write_text

NAME = "fae.training"
HOUR = 3
LOG = "schedule.log"
NEW_EPISODES = 100


def command(home: Home) -> list[str]:
    """The command that the timer runs."""
    script = str(scripts_directory() / "schedule.py")
    return [find_uv(), "run", "--quiet", "--script", script, "--home", str(home.path), "--now"]


def files(home: Home, system: str = sys.platform) -> dict[Path, str]:
    """The timer's files, by path."""
    environment = {n: os.environ[n] for n in ("FAE_APP_DIR",) if n in os.environ}
    if system == "darwin":
        agent = {
            "Label": NAME,
            "ProgramArguments": command(home),
            "StartCalendarInterval": {"Hour": HOUR, "Minute": 0},
            "ProcessType": "Background",
            "LowPriorityIO": True,
            "Nice": 10,
            **({"EnvironmentVariables": environment} if environment else {}),
            "StandardOutPath": str(home.file(LOG)),
            "StandardErrorPath": str(home.file(LOG)),
        }
        return dict(zip(paths(system), [plistlib.dumps(agent).decode()], strict=True))
    # systemd replaces % and splits at spaces; a quoted word keeps them.
    line = " ".join(json.dumps(word).replace("%", "%%").replace("$", "$$") for word in command(home))  # fmt: skip
    quoted = [json.dumps(f"{n}={v}").replace("%", "%%") for n, v in environment.items()]
    variables = "".join(f"Environment={each}\n" for each in quoted)
    service = f"[Unit]\nDescription=Fae learns from its person\n\n[Service]\nType=oneshot\nNice=10\nIOSchedulingClass=idle\n{variables}ExecStart={line}\n"
    timer = (
        f"[Unit]\nDescription=Fae learns at night\n\n[Timer]\nOnCalendar=*-*-* {HOUR:02}:00:00\n"
        "Persistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )
    return dict(zip(paths(system), [service, timer], strict=True))


def paths(system: str = sys.platform) -> list[Path]:
    """Where the timer's files are."""
    if system == "darwin":
        return [Path(f"~/Library/LaunchAgents/{NAME}.plist").expanduser()]
    place = Path("~/.config/systemd/user").expanduser()
    return [place / f"{NAME}.service", place / f"{NAME}.timer"]


def install(home: Home, system: str = sys.platform) -> list[Path]:
    """Write the timer's files and start it. Raises Missing and Failed."""
    home.directory()
    wanted = files(home, system)
    for path, text in wanted.items():
        make_directory(path.parent)
        write_text(path, text)
    try:
        if system == "darwin":
            _call("launchctl", "bootout", f"gui/{os.getuid()}/{NAME}", may_fail=True)
            _call("launchctl", "bootstrap", f"gui/{os.getuid()}", str(next(iter(wanted))))
        else:
            _call("systemctl", "--user", "daemon-reload")
            _call("systemctl", "--user", "enable", "--now", f"{NAME}.timer")
    except SkillError:
        remove(system)  # a timer that was not started would start by itself after the next login
        raise
    return list(wanted)


def remove(system: str = sys.platform) -> list[Path]:
    """Stop the timer and remove its files, also where uv is gone. Returns the files that existed."""
    there = [path for path in paths(system) if os.path.lexists(path)]
    if not there:
        return []
    if system == "darwin":
        _call("launchctl", "bootout", f"gui/{os.getuid()}/{NAME}", may_fail=True)
    else:
        _call("systemctl", "--user", "disable", "--now", f"{NAME}.timer", may_fail=True)
    for path in there:
        path.unlink()
    if system != "darwin":
        _call("systemctl", "--user", "daemon-reload", may_fail=True)
    return there


def _call(*arguments: str, may_fail: bool = False) -> None:
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        if may_fail:
            return
        raise Missing(
            "no_timer", f"{arguments[0]} was not found", "uv run scripts/schedule.py"
        ) from error
    if done.returncode and not may_fail:
        raise Failed(
            "timer_failed",
            f"{shlex.join(arguments)} failed: {(done.stderr or done.stdout).strip()[:300]}. The timer needs you to be logged in",
            "log in on this machine, or enable lingering (loginctl enable-linger), then: uv run scripts/schedule.py --install",
        )


def require_good_time(home: Home, database: Path, days: float, probes: machine.Probes | None = None) -> None:  # fmt: skip
    """Raises Refused, naming every reason, if an unattended run should not start now."""
    probes = probes or machine.Probes()
    reasons = [f"the machine is {reason}" for reason in machine.condition(probes).reasons()]
    if needs := machine.fae_needs_it(home):
        reasons.append(f"the machine is {needs}")
    if (free := probes.free_gb(home.path)) < machine.LEAST_FREE_GB:
        reasons.append(f"only {free:.1f} GB are free, expected at least {machine.LEAST_FREE_GB:g}")
    last = last_learned(home)
    if last and (ended := last.record.get("ended_at")):
        since = (time.time() - moment(ended)) / 86400
        if 0 <= since < days:  # the clock may have been wrong
            reasons.append(f"{last.id} ended {ago(since)}, expected at least {days:g} days")
    newest = newest_learned(last) if last else -1
    with FaeDatabase(database) as opened:
        new = opened.count_episodes(newest)
    if new < NEW_EPISODES:
        reasons.append(f"there are {new} new episodes, expected at least {NEW_EPISODES}")
    if reasons:
        raise Refused("not_now", f"no run was started: {'; '.join(reasons)}", "to train now all the same: uv run scripts/train.py --preset light")  # fmt: skip


def last_learned(home: Home) -> runs.Run | None:
    """The newest run on conversations that has a result."""
    found = [run for run in runs.all_runs(home, "sft") if run.result() is not None]
    return found[-1] if found else None


def newest_learned(run: runs.Run) -> int:
    """The time (unix seconds) of the newest conversation that a run learned from; -1 if not recorded."""
    meta = read_json(run.file("data", "sft", "meta.json")) or {}
    newest = meta.get("newest_episode")
    return newest if isinstance(newest, int) else -1
