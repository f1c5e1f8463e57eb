"""Fae's executor as in its app: the same command line, limits, environment, working directory and timeouts."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import leftovers
from calls import SCRIPTS, UV, Answer, process

PATIENCE_S = 30
LONGEST_ANSWER = 2000
LONGEST_STANDARD_ERROR = 16_384
# In Fae these go through zsh, whose ulimit changes the soft limit alone; in other shells that takes -S.
LIMITS = "".join(
    f"ulimit -S {limit} 2>/dev/null || true; " for limit in ("-t 20", "-v 1048576", "-n 64")
)
ALWAYS_SENT = {
    "audio_input_dir": "/Users/sam/Library/Application Support/fae/skill_audio/input",
    "audio_output_dir": "/Users/sam/Library/Application Support/fae/skill_audio/output",
}


def make_person(directory: Path) -> Path:
    """A HOME with uv, a Python and uv's cache where Fae's bare environment finds them, and nothing else."""
    programs = directory / ".local" / "bin"
    programs.mkdir(parents=True)
    (programs / "uv").symlink_to(os.path.realpath(_real_uv()))
    (programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    cache = subprocess.run([_real_uv(), "cache", "dir"], capture_output=True, text=True, check=True)
    (directory / ".cache").mkdir()
    (directory / ".cache" / "uv").symlink_to(cache.stdout.strip())
    return directory


def _real_uv() -> str:
    """The program itself: a version manager's stand-in does not work in a bare environment."""
    shown = subprocess.run(
        [
            UV,
            "run",
            "--no-project",
            "--quiet",
            "python",
            "-c",
            "import os; print(os.environ['UV'])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.strip()


def execute(name: str, parameters: dict, person: Path, scripts: Path = SCRIPTS) -> Answer:
    """Run a script as Fae does and read to the end of its output, 30 s at most."""
    uv, script = person / ".local" / "bin" / "uv", scripts / f"{name}.py"
    command = f"{LIMITS}exec '{uv}' run --script '{script}'"
    request = {"jsonrpc": "2.0", "method": "execute", "params": parameters | ALWAYS_SENT, "id": 1}
    environment = {
        "PATH": f"{person}/.local/bin:/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(person),
        "USER": "sam",
        "TMPDIR": tempfile.gettempdir(),
        "FAE_SKILL_NAME": "training-orchestrator",
        "FAE_SKILL_TIMEOUT": "30",
        leftovers.VARIABLE: os.environ[leftovers.VARIABLE],
    }
    shell = shutil.which("zsh") or shutil.which("bash")
    return process([shell, "-c", command], environment, json.dumps(request), scripts, PATIENCE_S)


def checked(answer: Answer) -> dict:
    """The JSON object of an answer that Fae could use."""
    assert answer.status == 0, answer.err
    assert answer.out.count("\n") <= 1, answer.out
    assert answer.out.isascii()
    assert len(answer.out.strip()) <= LONGEST_ANSWER
    assert len(answer.err.encode()) < LONGEST_STANDARD_ERROR
    data = json.loads(answer.out)
    assert isinstance(data, dict)
    assert "status" in data
    assert "audio_file" not in data
    return data
