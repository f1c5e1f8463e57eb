"""Prepares the environments and models in advance, so that no call by Fae has to wait for a download.

setup.json records what is prepared; an environment is valid as long as the script's lock file has not changed. The
worker holds setup.lock while it runs.
"""

import hashlib
import json
import os
import subprocess
from dataclasses import asdict, dataclass

from fae_training.calls.counting import counted
from fae_training.calls.errors import Busy, Missing
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.processes import find_uv, lift_limits, scripts_directory
from fae_training.store import locks
from fae_training.store.state import Home

FILE = "setup.json"
LOG = "setup.log"
# What the person does after a failure; trying again without it fails again.
REMEDY = "check the Internet connection and the free disk space, then: uv run scripts/setup.py"
ASK = "Please check the Internet connection, then tell me to get everything ready."


def installation_status(home: Home) -> str:
    """installing, ready, failed (see setup.log), or not_done."""
    if _is_running(home):
        return "installing"
    if failures(home):
        return "failed"
    return "not_done" if unprepared(home) else "ready"


def failures(home: Home) -> dict[str, str]:
    """{what could not be prepared: why}."""
    return (home.read(FILE, {}) or {}).get("errors", {})


def failed_in_words(home: Home) -> str:
    """What could not be prepared, and why; "" where nothing failed. Most failures have the same reason: no network."""
    found = failures(home)
    if not found:
        return ""
    (what, why), more = next(iter(found.items())), len(found) - 1
    others = f" and {counted(more, 'other part')}" if more else ""
    return f"the {what}{others} could not be prepared: {why}"


def blocks(home: Home, call: str) -> bool:
    """Whether what could not be prepared is needed by `call`, after scripts/; kinds of one slot share their model."""
    script, *words = call.split()
    slots = {kind.script: kind.slot for kind in KINDS.values()}
    return any(
        what == f"environment of {script}"
        or (
            what.startswith("model of ")
            and "--model" not in words
            and slots.get(what[9:]) == slots.get(script, "")
        )
        for what in failures(home)
    )


@dataclass(frozen=True)
class Step:
    """The current step of setup.py's worker: number `number` of `total`."""

    number: int
    total: int
    what: str

    def __str__(self) -> str:
        return f"{self.number} of {self.total}, the {self.what}"


def step(home: Home) -> Step | None:
    """The current step of setup.py's worker, None if none is recorded; meaningful only while the worker is running."""
    fields = (home.read(FILE, {}) or {}).get("step")
    return Step(**fields) if fields else None


def why_no_model(home: Home, model: str, why: str, fetch: str, by_fae: bool) -> Busy | Missing:
    """The error for a model that is not on this machine: Busy while models are still being downloaded.

    fetch: the command with which a person downloads it. Fae cannot run it; its answer names setup.py instead.
    """
    absent = f"{model} ({why}) is not on this machine"
    if _is_running(home):
        at = step(home)
        return Busy(
            "still_downloading",
            f"{absent} yet: still downloading{f', {at}' if at else ''}. Try again in a few minutes",
            "uv run scripts/check_status.py",
        )
    failed = [how for how in failures(home).values() if model in how]
    if failed:
        why = failed[0].rpartition("could not be downloaded: ")[2]
        return Missing(
            "no_model", f"{absent}; the last download failed: {why}", REMEDY if by_fae else fetch
        )
    return Missing("no_model", absent, "uv run scripts/setup.py" if by_fae else fetch)


def unprepared(home: Home) -> list[str]:
    """The scripts whose environment was never prepared, or was prepared from another lock file."""
    made = (home.read(FILE, {}) or {}).get("environments", {})
    return [name for name in prepared_scripts() if made.get(name) != lock_fingerprint(name)]


def prepared_scripts() -> list[str]:
    """The scripts whose packages take longer to download than Fae waits: train scripts, fuse.py, and those that draw."""
    names = {kind.script for kind in KINDS.values()} | {"fuse.py", "propose.py", "list_runs.py"}
    return sorted(name for name in names if (scripts_directory() / name).exists())


def model_scripts() -> list[str]:
    """One train script for each model that is adapted; kinds of one slot adapt the same model."""
    scripts = {kind.slot: kind.script for kind in reversed(KINDS.values()) if kind.has_model}
    return sorted(scripts.values())


def lock_fingerprint(script: str) -> str:
    lock = scripts_directory() / f"{script}.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.exists() else "unlocked"


def start_if_needed(home: Home) -> bool:
    """Start setup.py's worker if something is unprepared and no worker is running. Returns whether it was started.

    Only under uv: an interpreter started otherwise already has its packages.
    """
    if "UV" not in os.environ or _is_running(home) or not unprepared(home):
        return False
    start(home)
    return True


def start(home: Home, *options: str) -> None:
    """Start a detached setup.py --worker that holds setup.lock."""
    home.directory()
    lift_limits()
    environment = {
        n: v for n, v in os.environ.items() if n not in ("FAE_SKILL_NAME", "FAE_SKILL_TIMEOUT")
    }
    descriptor = locks.try_exclusive(home.file("setup.lock"))
    if descriptor is None:
        return  # another process has just started one
    try:
        with home.file(LOG).open("ab") as log:
            os.chmod(log.fileno(), 0o600)
            subprocess.Popen(
                [
                    find_uv(),
                    "run",
                    "--quiet",
                    "--script",
                    str(scripts_directory() / "setup.py"),
                    "--home",
                    str(home.path),
                    "--json",
                    "--worker",
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home.path,
                env=environment,
                pass_fds=[descriptor],
                start_new_session=True,
            )
    finally:
        os.close(descriptor)


def prepare(home: Home, models: bool) -> dict:
    """Prepare every environment, then download the models. Errors are recorded and do not stop the rest."""
    state = {"environments": (home.read(FILE, {}) or {}).get("environments", {}), "errors": {}}
    wanted = [f"environment of {script}" for script in prepared_scripts()]
    wanted += [f"model of {script}" for script in model_scripts() if models]

    def begin(what: str) -> None:
        print(what, flush=True)
        state["step"] = asdict(Step(wanted.index(what) + 1, len(wanted), what))
        home.write(FILE, state)

    for script in prepared_scripts():
        path = scripts_directory() / script
        begin(f"environment of {script}")
        done = subprocess.run(
            [find_uv(), "sync", "--quiet", "--script", str(path)], capture_output=True, text=True
        )
        if done.returncode:
            state["errors"][f"environment of {script}"] = _reason(done.stderr)
        else:
            state["environments"][script] = lock_fingerprint(script)
        home.write(FILE, state)
    if "list_runs.py" in state["environments"]:
        # The first drawing builds matplotlib's font cache, which can take longer than Fae waits.
        _call(home, "list_runs.py", "--html")
    for script in model_scripts() if models else ():
        if script in state["environments"]:
            begin(f"model of {script}")
            done = _call(home, script, "--fetch")
            if done.returncode:
                state["errors"][f"model of {script}"] = _reason(done.stdout or done.stderr)
    state.pop("step", None)
    home.write(FILE, state)
    return state


def _call(home: Home, script: str, option: str) -> subprocess.CompletedProcess[str]:
    """A script's answer to a program."""
    path = str(scripts_directory() / script)
    command = [find_uv(), "run", "--quiet", "--script", path, "--home", str(home.path)]
    return subprocess.run([*command, option, "--json"], capture_output=True, text=True)


def _reason(output: str) -> str:
    """The message of a script's JSON error, uv's error with its innermost cause, or else the last line that was printed."""
    try:
        return json.loads(output)["error"]["message"].splitlines()[0]
    except (ValueError, LookupError, TypeError):
        pass
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    causes = [line.removeprefix("cause: ") for line in lines if line.startswith("cause: ")]
    if errors:
        return ": ".join([errors[0], *causes[-1:]])[:300]
    return (lines or ["no message"])[-1][:300]


def _is_running(home: Home) -> bool:
    return locks.holder(home.file("setup.lock")) is not None
