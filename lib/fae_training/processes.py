"""Starting our own scripts as processes."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from fae_training import machine
from fae_training.errors import Missing
from fae_training.kinds import KINDS
from fae_training.runs import Run

# Where Fae looks for uv, in its order, when the environment does not name it.
UV_PLACES = ("~/.local/bin/uv", "/opt/homebrew/bin/uv", "/usr/local/bin/uv")
WORKER_ENVIRONMENT = {
    # Nothing of this leaves the machine, whatever a library would like to look up.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # Without it the display watchdog of macOS kills long GPU work (ml-explore/mlx#3267).
    "AGX_RELAX_CDM_CTXSTORE_TIMEOUT": "1",
}


def command(script: str, *arguments: str) -> list[str]:
    """The command line of one of our scripts, run the way this process was run.

    Through uv when uv started us (it sets UV for its children): the script's own locked environment. Otherwise by
    this very interpreter, which evidently has what we import. Raises Missing when there is no uv.
    """
    path = scripts_directory() / script
    if "UV" not in os.environ and "UV_RUN_RECURSION_DEPTH" not in os.environ:
        return [sys.executable, str(path), *arguments]
    return [find_uv(), "run", "--quiet", "--script", str(path), *arguments]


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
    """scripts/ of the skill: where the script that is running lies."""
    return Path(sys.argv[0]).resolve().parent


def start(run: Run, task: str, lock: int | None = None) -> subprocess.Popen:
    """A detached process of the run's own script that does `task`; as start_worker."""
    return start_worker(run, KINDS[run.kind].script, ("--task", task), lock)


def start_worker(
    run: Run, script: str, arguments: tuple[str, ...], lock: int | None = None
) -> subprocess.Popen:
    """A detached process of `script` that works on a run, with the run's log as its standard streams.

    It has a session of its own, so that it outlives the terminal, and holds `lock` for as long as it lives.
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
    """Fae's soft limits (20 s of CPU, 64 files) are for the script that answers, not for hours of training."""
    for limit in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (hard, hard))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = 10240 if hard == resource.RLIM_INFINITY else min(hard, 10240)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
