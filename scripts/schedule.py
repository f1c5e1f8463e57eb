# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Let Fae learn by itself at night: a launchd agent on a Mac, a systemd user timer on Linux.

    uv run scripts/schedule.py                show what would be installed
    uv run scripts/schedule.py --install      every night at three
    uv run scripts/schedule.py --remove
    uv run scripts/schedule.py --now          what the timer runs: export, train, evaluate, propose; never deploy

A nightly run starts only on mains power, not while the machine is hot, in low-power mode or used by Fae, with 10 GB free,
at most once a week (config.json: min_days_between_runs) and with at least 100 new episodes. It has a lower priority, and
pauses while one of the machine's conditions is not met. Its proposal waits for your approval. The log is schedule.log.
Exit status: 0 done, 3 not now or the update is not recommended, 4 something is missing, 5 another run, 6 it failed.
"""

import time

from fae_training.app import fae_app
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import Failed, Refused, SkillError
from fae_training.environment import machine
from fae_training.lifecycle import runs, schedule, settings
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.next_steps import SCHEDULED
from fae_training.lifecycle.processes import answer_of
from fae_training.store import consent

LOOK_EVERY_S = 10
# How often a run killed by the display watchdog is resumed with smaller pieces of GPU work.
MOST_RESUMES = 4


def main(call: Call) -> Result:
    arguments, home = call.arguments, call.home
    if arguments.now:
        return learn(call)
    if arguments.remove:
        gone = [] if arguments.dry_run else schedule.remove()
        text = f"Removed {', '.join(map(str, gone))}." if gone else "Nothing is installed."
        return Result({"status": "removed", "files": list(map(str, gone))}, text)
    files = schedule.files(home)
    if arguments.install and not arguments.dry_run:
        consent.require(home, "conversations")
        written = schedule.install(home)
        data = {"status": "installed", "files": list(map(str, written)), "log": str(home.file(schedule.LOG))}  # fmt: skip
        text = f"Installed: Fae learns at {schedule.HOUR}:00 if the machine is free, and asks you before anything changes."  # fmt: skip
        return Result(data, f"{text}\nUndo: uv run scripts/schedule.py --remove")  # fmt: skip
    shown = "\n\n".join(f"# {path}\n{text}" for path, text in files.items())
    # Only a person decides that Fae learns every night, so a program is not led to it.
    following = "schedule.py --install" if call.caller == "person" or arguments.install else None
    return Result({"status": "planned", "files": list(map(str, files)), "next": following}, f"{shown}")  # fmt: skip


def learn(call: Call) -> Result:
    """One night: each step is a call of a script, as a person would make it."""
    home = call.home
    if call.caller == "fae":
        raise Refused("too_long_for_fae", "a nightly run takes hours, but Fae waits only 30 s", "uv run scripts/train.py --preset light")  # fmt: skip
    consent.require(home, "conversations")
    days = settings.house_rule(call, "min_days_between_runs")
    schedule.require_good_time(home, fae_app.database(), days)
    if call.arguments.dry_run:
        return Result({"status": "planned"}, "A run would start now.")
    step(call, "export_data")
    run = runs.find(home, step(call, "train", "--preset", "light", "--detach")["run"])
    train_to_the_end(call, run)
    judged = step(call, "evaluate", "--run", run.id, may_refuse=True)
    if judged.get("verdict") != "pass":
        return Result({"status": "not_recommended", "run": run.id, "next": judged.get("next")}, f"{run.id} is not recommended.", exit_status=3)  # fmt: skip
    answer = step(call, "propose", "--run", run.id)
    data = {
        "status": "proposed",
        "run": run.id,
        "proposal": answer["proposal"],
        "next": f"deploy.py --run {run.id}",
    }
    return Result(data, f"{run.id} is proposed and waits for your approval: {answer['proposal']}")


def train_to_the_end(call: Call, run: runs.Run) -> None:
    """Wait for the worker; one killed by the display watchdog is resumed with smaller pieces. Raises Failed for any other end."""
    seen = machine.ended_by_watchdog(run.file("train.log"))
    for resumes in range(MOST_RESUMES + 1):
        while (status := run.status()) in runs.ACTIVE:
            time.sleep(LOOK_EVERY_S)
        if status == "completed":
            return
        times = machine.ended_by_watchdog(run.file("train.log"))
        if status not in ("interrupted", "failed") or times == seen or resumes == MOST_RESUMES:
            break
        seen = times
        step(call, "train", "--resume", run.id, "--detach")
    raise Failed("not_trained", f"{run.id} ended with status {status}", f"uv run scripts/{KINDS[run.kind].script} --resume {run.id}")  # fmt: skip


def step(call: Call, script: str, *arguments: str, may_refuse: bool = False) -> dict:
    """A script's answer. Raises its error."""
    given = ("--home", str(call.home.path), *arguments)
    answer, exit_status = answer_of(f"{script}.py", *given, **{SCHEDULED: "1"})
    call.show_progress(f"{script}: {answer['status']}")
    if answer["status"] == "error" and not (may_refuse and exit_status == Refused.exit_status):
        error = answer["error"]
        failure = SkillError(error["code"], f"{script}: {error['message']}", error["hint"])
        failure.exit_status = exit_status
        raise failure
    return answer


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--install", action="store_true", default=None, help="install the timer")
    parser.add_argument("--remove", action="store_true", default=None, help="remove the timer")
    parser.add_argument("--now", action="store_true", default=None, help="do what the timer runs")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
