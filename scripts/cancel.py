# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Stop the training in progress. Its best checkpoint is kept, and it can be resumed.

    uv run scripts/cancel.py
    uv run scripts/cancel.py --force     kill it if it does not respond

Asks the worker to stop after the current step and waits up to ten seconds. Exit status: 0, also if
nothing was running.
"""

import os
import signal

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import Failed
from fae_training.lifecycle import next_steps, runs

PATIENCE_S = 10


def main(call: Call) -> Result:
    run = runs.running(call.home)
    if run is None:
        return Result(
            {"status": "no_run", "message": "nothing is running", "next": "check_status.py"},
            "Nothing is running.",
        )
    if call.arguments.dry_run:
        return Result({"status": "planned", "run": run.id}, f"Would stop {run.id}.")
    if call.arguments.force:
        kill(run)
    else:
        run.request_stop()
    if not run.has_released_lock(PATIENCE_S):
        text = f"{run.id} was asked to stop, and will stop as soon as its current work allows."
        return Result({"status": "cancelling", "run": run.id, "next": "check_status.py"}, text)
    status = run.status()
    data = {"status": status, "run": run.id}
    if status == "completed":  # it finished first, or was only being scored again
        return Result(data | {"next": f"evaluate.py --run {run.id}"}, f"{run.id} is completed.")
    return Result(
        data | next_steps.until_asked(run), f"{run.id} is {status}. {next_steps.to_go_on(run)}"
    )


def kill(run: runs.Run) -> None:
    """Kill the worker. Raises Failed if the process is not the one named in run.json."""
    worker = run.record.get("worker")
    if not worker or runs.process_start(worker["pid"]) != worker["started"]:
        raise Failed(
            "no_worker", f"{run.id} has not recorded its process id yet", "uv run scripts/cancel.py"
        )
    os.kill(worker["pid"], signal.SIGKILL)


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--force", action="store_true", help="kill the process without waiting")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
