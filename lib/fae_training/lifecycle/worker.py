"""The detached worker of a run, which trains and scores, or scores or verifies a saved model in a fresh process."""

import contextlib
import gc
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from fae_training.calls.calling import Result
from fae_training.calls.errors import Cancelled, Failed, SkillError, command_line
from fae_training.distributed.alone import ALONE, Alone
from fae_training.distributed.machines import others
from fae_training.environment import models
from fae_training.lifecycle import provenance, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.processes import lift_limits
from fae_training.lifecycle.results import scored
from fae_training.lifecycle.runs import UNASKED, Run
from fae_training.lifecycle.session import LAST_STAGE, Session
from fae_training.release import approval
from fae_training.rows import training_rows
from fae_training.store import consent, state
from fae_training.store.state import now, write_json

# The tasks of a worker; each is a function of launch.Training.
TASKS = ("train", "score", "verify")
# The task of another machine that helps with training (ranks.py).
PEER = "peer"
LOWER_PRIORITY = 10


def work(run: Run, task: str, do: Callable) -> Result:
    """Do one of TASKS; `do` is the kind's own function for it. The standard streams already go to the run's log."""
    from fae_training.environment import mlx_on_linux, mlx_tune_in_parts

    lift_limits()
    mlx_tune_in_parts.set_up()
    rules = run.home.read("config.json", {}) or {}
    gives_way = run.record.get("caller") in UNASKED
    if gives_way:
        os.nice(LOWER_PRIORITY)
    session = Session(run, gives_way, rules.get("on_battery", "wait"))
    session.keep_awake()
    model = run.record.get("model")
    if products := mlx_on_linux.set_up(Path(model["directory"]) if model else None):
        session.log(f"matrix products by {products}")
    if task == "train":
        return _train(run, session, do)
    if task == "score":
        consent.require(run.home, *KINDS[run.kind].consents)
    models.check_unchanged(run.record)
    # In a fresh process, for which another one is waiting, the answer is a file.
    try:
        with session.stage(LAST_STAGE if task == "score" else task):
            answer = do(run, session)
    except Cancelled:
        return Result({"status": "cancelled"}, f"{task} was cancelled")
    write_json(run.file(f"{task}.json"), asdict(answer))
    return Result({"status": "done"}, f"{task} is done")


def _train(run: Run, session: Session, do: Callable) -> Result:
    """Train, save, and score what was saved."""
    run.update(
        status="preparing",
        started_at=now(),
        worker={"pid": os.getpid(), "started": runs.process_start(os.getpid())},
    )
    try:
        # It may have been withdrawn in the meantime.
        consent.require(run.home, *KINDS[run.kind].consents)
        models.check_unchanged(run.record)
        approval.require_changeable(run)
        run.set_aside()
        state.sweep(run.file(runs.STOPPED))  # from a worker that was killed
        if run.kind in training_rows.KINDS:
            provenance.require_taken(run)
            provenance.keep_sources(run)
        status = "cancelled"
        with contextlib.suppress(Cancelled), _joined(run, session) as session.machines:
            trained = do(run, session)
            provenance.keep_sources(run)  # other kinds make their rows themselves
            result = trained.receipt
            _keep(run, session, result)
            if result["stopped"] != "cancelled":
                # Free everything but the model before anything else is loaded.
                _release_memory()
                session.status("evaluating")
                with session.stage(LAST_STAGE):
                    result["benchmark"] = asdict(scored(run, trained.score, session.should_stop))
                _keep(run, session, result)
                status = "completed"
                # A model that was set aside when the run was stopped is not the result.
                shutil.rmtree(run.file(runs.STOPPED), ignore_errors=True)
        run.update(status=status, ended_at=now())
    except Exception as problem:
        traceback.print_exc()
        error = problem if isinstance(problem, SkillError) else _of_library(problem, run)
        run.update(
            status="failed",
            ended_at=now(),
            error=error.as_dict()["error"],
            exit_status=error.exit_status,
        )
        raise error from problem
    return Result({"status": run.record["status"], "run": run.id}, run.record["status"])


@contextlib.contextmanager
def _joined(run: Run, session: Session) -> Iterator[Alone]:
    """The machines that a run trains on, connected within this block."""
    if not run.record.get("hosts"):
        yield ALONE
        return
    from fae_training.distributed.ranks import Machines

    consent.require_machines(run.home, others(run.record["hosts"]))
    machines = Machines(run, session)
    try:
        with session.stage("connecting"):
            machines.start()
        yield machines
    finally:
        machines.close()


def _release_memory() -> None:
    """Release unreferenced memory, including MLX's cache."""
    gc.collect()
    if mlx := sys.modules.get("mlx.core"):
        mlx.clear_cache()


def _keep(run: Run, session: Session, result: dict) -> None:
    """Write train_metrics.json with the seconds of each stage so far."""
    seconds = {name: round(value, 1) for name, value in session.seconds.items()}
    result["seconds"] = seconds | {"total": round(sum(session.seconds.values()), 1)}
    write_json(run.file("train_metrics.json"), result)


def _of_library(problem: Exception, run: Run) -> Failed:
    return Failed(
        "training_failed",
        f"{type(problem).__name__}: {problem}",
        command_line("tail", "-n", 40, run.file("train.log")),
    )
