"""Reads a large database in the background when Fae calls: a script has 30 s, so a separate process
continues, and repeating the call returns its result."""

import os
import subprocess
import time
from pathlib import Path

from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import Failed, Refused
from fae_training.conversations.database import FaeDatabase
from fae_training.lifecycle.processes import command, lift_limits
from fae_training.store import locks, state

# Fae allows 30 s; docs/data.md says how many episodes a second are read.
MOST_EPISODES_FOR_FAE = 10_000
# A result that is not fetched within this time is discarded.
KEPT_S = 3600


def instead(call: Call, script: str, database, *flags: str) -> Result | None:
    """The answer to give in place of reading `database` at once; None where there is time to read it.

    flags: the options of the call that the process needs. Raises the process's error, if it ended
    with one, and Refused for a dry run, which must not keep anything.
    """
    if call.caller != "fae":
        return None
    with FaeDatabase(database) as opened:
        episodes = opened.count_episodes()
    if episodes <= MOST_EPISODES_FOR_FAE:
        return None
    if call.arguments.dry_run:
        raise Refused(
            "too_large",
            f"{database} holds {counted(episodes, 'episode')}, too many to read within the 30 seconds that Fae allows; without dry_run "
            "reading continues in the background",
            f"uv run scripts/{script}.py",
        )
    directory = call.home.directory("results")
    answer = directory / f"{script}-background.json"
    following = {"status": "exporting", "episodes": episodes, "next": f"{script}.py"}
    descriptor = locks.try_exclusive(directory / f".{script}.lock")
    if descriptor is None:
        return Result(following, "Reading is still in progress.")
    try:
        if answer.is_file() and answer.stat().st_size:
            fresh = time.time() - answer.stat().st_mtime < KEPT_S
            result = _read_answer(answer)
            answer.unlink()
            if fresh and result and result["status"] == "error":
                error = result["error"]
                raise Failed(error["code"], error["message"], error["hint"])
            if fresh and result:
                return Result(result, "Reading has finished.")
        _start(call, script, flags, answer, descriptor)
    finally:
        os.close(descriptor)
    following["say"] = (
        f"Reading {episodes:,} conversation turns continues in the background; check again in a few minutes."
    )
    return Result(following | {"status": "started"}, "Reading has started.")


def _read_answer(answer: Path) -> dict | None:
    """The answer of the process, None where it was killed before it was complete."""
    try:
        found = state.parsed(state.read_text(answer))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "status" in found else None


def _start(call: Call, script: str, flags: tuple[str, ...], answer, lock: int) -> None:
    lift_limits()
    kept = {n: v for n, v in os.environ.items() if n not in ("FAE_SKILL_NAME", "FAE_SKILL_TIMEOUT")}
    log = call.home.file("results", f"{script}.log")
    with answer.open("wb") as out, log.open("ab") as errors:
        for file in (out, errors):
            os.chmod(file.fileno(), 0o600)
        subprocess.Popen(
            command(f"{script}.py", "--home", str(call.home.path), "--json", *flags),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            cwd=call.home.path,
            env=kept,
            pass_fds=[lock],
            start_new_session=True,
        )
