# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Delete this skill's runs, data, or everything. It lists what would be deleted, and asks.

    uv run scripts/delete_data.py --runs sft-20261122-0914-k3     one or several runs, or "all"
    uv run scripts/delete_data.py --data                          training rows, misheard words, recordings, caches
    uv run scripts/delete_data.py --everything                    everything, with consents, exclusions and settings

At a terminal it asks first; a program receives the list and repeats the call with --yes to delete. Only files in the
state directory are deleted, never Fae's own database. --data leaves the copies of rows that runs keep of what they learned, which
go with --runs. --everything first rolls back to the base models. To remove one topic: uv run scripts/export_data.py --forget "the interview".
Exit status: 0 done or planned, 3 the answer was no, or a run is still in use, 5 a training is running.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from fae_training.app import app_results
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.error_words import reason
from fae_training.calls.errors import BadRequest, Failed, Refused
from fae_training.lifecycle import provenance, runs
from fae_training.release import deployment
from fae_training.store import locks, state
from fae_training.store.state import DELETED, Home
from fae_training.store.transactions import changing

DATA = ("data", "stt", "keyword", "speech_verifier", "cache", "results")
# Other files that the scripts write.
OTHERS = (
    "active.json", "app.json", "benchmarks", "config.json", "consent.json", "errors.jsonl", "exclusions.json", "experiments",
    "forget.key", "forgetting.json", "history.jsonl", "lock", "looks.jsonl", "pause", "rehearsal", "schedule.log", "setup.json",
    "setup.lock", "setup.log",
)  # fmt: skip


def main(call: Call) -> Result:
    wanted, home = call.arguments, call.home
    if sum(map(bool, (wanted.runs, wanted.data, wanted.everything))) != 1:
        raise BadRequest(
            "what_to_delete",
            "expected one of --runs, --data and --everything",
            "uv run scripts/delete_data.py --data --dry-run",
        )
    refuse_foreign(home)
    gone = what_goes(call)
    sizes = {path: size_of(path) for path in gone}
    listed = [f"  {size / 1e6:9,.1f} MB  {path.relative_to(home.path)}" for path, size in sizes.items()]  # fmt: skip
    data: dict[str, Any] = {
        "files": [str(path.relative_to(home.path)) for path in gone],
        "megabytes": round(sum(sizes.values()) / 1e6, 1),
    }
    if wanted.data and (stay := copies_of_runs(home)):
        listed.append(stay)
        data["stay"] = stay
    text = "\n".join([f"These would be deleted in {home.path}:", *listed])
    if not gone:
        return Result({"status": "nothing_to_delete"}, "There is nothing to delete.")
    if wanted.dry_run or not (wanted.yes or call.terminal):
        again = "pass yes to delete this; it cannot be undone"
        return Result({"status": "planned"} | data | {"again": again, "next": None}, f"{text}\nNothing was deleted. To delete them, add --yes.")  # fmt: skip
    if not wanted.yes:
        call.tell(f"{text}\nDelete them? This cannot be undone. [y/N] ", ending="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return Result({"status": "declined"}, "All right, nothing was deleted.", Refused.exit_status)  # fmt: skip
    with runs.locked(home, "delete_data"), locks.exclusive(home.directory("data") / ".lock"):
        if wanted.everything:
            leave_all(home)
        delete(home, what_goes(call))
    return Result({"status": "deleted"} | data | {"next": "check_status.py"}, f"{text.replace('would be', 'were')}")  # fmt: skip


def copies_of_runs(home: Home) -> str | None:
    """A sentence on the rows that stay without the data; None if there are none."""
    keeping = [run.id for run in runs.all_runs(home) if provenance.has_own_rows(run)]
    if not keeping:
        return None
    return f"{counted(len(keeping), 'run keeps', 'runs keep')} a copy of the rows learned, which stays; delete it with --runs."


def refuse_foreign(home: Home) -> None:
    """Raises Refused for a directory that contains Fae's own database, where this skill must not delete anything."""
    if found := [name for name in ("fae.db", "improvement.db") if home.file(name).exists()]:
        raise Refused(
            "not_a_state_directory",
            f"{home.path} contains Fae's own {found[0]}, so nothing is deleted there",
            "name the state directory: --home ~/.fae/training",
        )


def what_goes(call: Call) -> list[Path]:
    """The files and directories to delete. Raises Refused for a run that is in use or that a rollback could restore."""
    wanted, home = call.arguments, call.home
    left = state.unfinished_deletions(home)
    # Others go with the directory that they are in.
    loose = [path for path in left if path.parent == home.path]
    if wanted.everything:
        others = (*state.set_aside(home), *state.temporary_files(home.path))
        loose += [path for path in others if path.parent == home.path]
        return _there(home, "runs", *DATA, *OTHERS) + loose
    if wanted.data:
        return _there(home, *DATA) + loose
    known = runs.all_runs(home)
    named = known if wanted.runs == ["all"] else [runs.find(home, name) for name in wanted.runs]
    stacks = deployment.deployments(home).values()
    needed = {entry.run for stack in stacks for entry in stack}
    for run in named:
        if run.id in needed:
            raise Refused(
                "in_use",
                f"{run.id} is active, or a rollback could restore it, so it was not deleted",
                f"uv run scripts/rollback.py --kind {run.kind}",
            )
    return [run.directory for run in named] + [
        path for path in left if path.parent == home.file("runs")
    ]


def _there(home: Home, *names: str) -> list[Path]:
    there = [home.file(name) for name in names if os.path.lexists(home.file(name))]
    # The lock in data/ stays; without anything else there is nothing to delete.
    return [path for path in there if path != home.file("data") or _parts(path)]


def _parts(data: Path) -> list[Path]:
    if data.is_symlink() or not data.is_dir():
        return [data]
    return [path for path in data.iterdir() if path.name != ".lock"]


def leave_all(home: Home) -> None:
    """Roll back to the base models, in the app's own folders too."""
    for slot, stack in deployment.deployments(home).items():
        for _ in stack:
            app_results.withdraw_newest(home, slot)
            deployment.rollback(home, slot, "everything is deleted")


def delete(home: Home, gone: list[Path]) -> None:
    """Delete the paths. Each directory is renamed first, so that a kill does not leave a partial run that looks complete."""
    for path in gone:
        if not path.is_dir():
            path.unlink(missing_ok=True)
            continue
        # data/ contains the lock that is held.
        parts = _parts(path) if path == home.file("data") else [path]
        for part in parts:
            deleted_before = part.name.startswith(DELETED)
            aside = part if deleted_before else part.with_name(f"{DELETED}{part.name}")
            try:
                if not deleted_before:
                    with changing(home):
                        _remove(aside)  # of a deletion that was killed
                        part.rename(aside)
                _remove(aside)
            except OSError as error:
                raise Failed(
                    "not_deleted",
                    f"{part} could not be deleted: {reason(error)}",
                    "run the same command again",
                ) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """The size of its files in bytes; the targets of links are not counted, nor deleted."""
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(p.lstat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink())


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--runs", nargs="+", metavar="ID", help="these runs, or 'all'")
    parser.add_argument("--data", action="store_true", default=None, help="rows, misheard words, recordings, caches")  # fmt: skip
    parser.add_argument("--everything", action="store_true", default=None, help="everything in the state directory")  # fmt: skip
    parser.add_argument("--yes", action="store_true", default=None, help="do not ask")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
