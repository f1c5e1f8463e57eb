"""Starts our own scripts as processes."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from fae_training.calls.errors import Failed, Missing
from fae_training.environment import machine
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run

# The paths where Fae looks for uv, in this order, if the environment does not name it.
UV_PLACES = ("~/.local/bin/uv", "/opt/homebrew/bin/uv", "/usr/local/bin/uv")
WORKER_ENVIRONMENT = {
    # Prevent the libraries from using the network.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # Without it the display watchdog of macOS kills long GPU work (ml-explore/mlx#3267).
    "AGX_RELAX_CDM_CTXSTORE_TIMEOUT": "1",
}


def command(script: str, *arguments: str) -> list[str]:
    """The command line of one of our scripts, run in the same way as this process.

    Under uv (which sets UV for its children) it is run by uv in its own locked environment, otherwise by the current
    interpreter, which has the packages. Raises Missing if uv is not found.
    """
    path = scripts_directory() / script
    if "UV" not in os.environ and "UV_RUN_RECURSION_DEPTH" not in os.environ:
        return [sys.executable, str(path), *arguments]
    return [find_uv(), "run", "--quiet", "--script", str(path), *arguments]


def answer_of(script: str, *arguments: str, **environment: str) -> tuple[dict, int]:
    """A script's JSON answer, which may be an error, and its exit status. Raises Failed if it gave no answer."""
    kept = {n: v for n, v in os.environ.items() if n not in ("FAE_SKILL_NAME", "FAE_SKILL_TIMEOUT")}
    done = subprocess.run(
        command(script, *arguments, "--json"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=kept | environment,
    )
    try:
        return json.loads(done.stdout), done.returncode
    except ValueError:
        raise Failed(
            "no_answer",
            f"{script} gave no answer: {done.stderr.strip()[-300:]}",
            "uv run scripts/doctor.py",
        ) from None


def find_uv() -> str:
    places = [
        os.environ.get("UV"),
        shutil.which("uv"),
        *(str(Path(p).expanduser()) for p in UV_PLACES),
    ]
    for place in places:
        if place and os.access(place, os.X_OK):
            return place
    raise Missing("no_uv", "uv was not found", "curl -LsSf https://astral.sh/uv/install.sh | sh")


def scripts_directory() -> Path:
    """The skill's scripts/ directory, which contains the running script."""
    return Path(sys.argv[0]).resolve().parent


def start(run: Run, task: str, lock: int | None = None) -> subprocess.Popen:
    """Start a detached process of the run's own script that does `task`, as start_worker does."""
    return start_worker(run, KINDS[run.kind].script, ("--task", task), lock)


def start_worker(
    run: Run, script: str, arguments: tuple[str, ...], lock: int | None = None
) -> subprocess.Popen:
    """Start a detached process of `script` for a run, with the run's log as its standard streams.

    It has its own session, so that it outlives the terminal, and holds `lock` while it runs.
    """
    lift_limits()
    arguments = ("--home", str(run.home.path), "--json", "--worker", run.id, *arguments)
    kept = {n: v for n, v in os.environ.items() if n not in ("FAE_SKILL_NAME", "FAE_SKILL_TIMEOUT")}
    with run.file("train.log").open("ab") as log:
        os.chmod(log.fileno(), 0o600)
        return subprocess.Popen(
            command(script, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=run.directory,
            env=kept | WORKER_ENVIRONMENT | machine.smaller_pieces(run.file("train.log")),
            pass_fds=[lock] if lock is not None else [],
            start_new_session=True,
        )


def lift_limits() -> None:
    """Lift Fae's soft limits (20 s of CPU, 64 files), which are meant for scripts that answer, not for training."""
    for limit in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (hard, hard))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = 10240 if hard == resource.RLIM_INFINITY else min(hard, 10240)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
