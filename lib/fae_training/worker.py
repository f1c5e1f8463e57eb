"""From a call to a trained model: the front process that answers, and the detached worker that trains.

The front checks what can be checked cheaply, makes the run, starts the worker in a session of its own and either
follows it (a person at a terminal) or answers at once. The worker runs the same script with --worker RUN.
"""

import argparse
import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fae_training import consent, linux_cpu, models, provenance, runs
from fae_training.calling import Call, Parser, Result, parser
from fae_training.errors import (
    BadRequest,
    Cancelled,
    Failed,
    Refused,
    SkillError,
    command_line,
)
from fae_training.kinds import KINDS
from fae_training.processes import lift_limits, start
from fae_training.progress import duration, follow, latest_report, seconds_taken
from fae_training.ranges import RANGES
from fae_training.results import scored
from fae_training.runs import Run
from fae_training.session import LAST_STAGE, Session
from fae_training.settings import Settings, house_rule, resolve
from fae_training.state import now, write_json


def training_parser(description: str, presets: dict) -> Parser:
    """The options that every train script has; each script adds its own."""
    made = parser(description, dry_run=True)
    made.add_argument(
        "--preset", choices=list(presets), help="a row of the table of presets (default: light)"
    )
    made.add_argument("--steps", type=RANGES["steps"], metavar="N", help="updates of the optimizer")
    made.add_argument(
        "--batch-size", type=RANGES["batch_size"], metavar="N", help="rows a micro-batch"
    )
    made.add_argument(
        "--gradient-accumulation",
        type=RANGES["gradient_accumulation"],
        metavar="N",
        help="micro-batches a step",
    )
    made.add_argument(
        "--learning-rate",
        type=RANGES["learning_rate"],
        metavar="X",
        help="highest learning rate of the schedule",
    )
    made.add_argument(
        "--seed",
        type=RANGES["seed"],
        metavar="N",
        help="the same seed and data give the same adapter",
    )
    made.add_argument(
        "--resume", metavar="RUN", help="go on with a run that was stopped: its id, or 'latest'"
    )
    made.add_argument(
        "--detach", action="store_true", help="answer at once; follow with check_status.py"
    )
    made.add_argument(
        "--force", action="store_true", help="train although the last run is less than a week ago"
    )
    made.add_argument("--worker", metavar="RUN", help=argparse.SUPPRESS)
    made.add_argument("--task", choices=["train", "score", "verify"], help=argparse.SUPPRESS)
    return made


def main(
    call: Call,
    kind: str,
    presets: dict,
    defaults: dict,
    prepare: Callable,
    tasks: dict[str, Callable],
) -> Result:
    """What a train script does when called: be the worker, resume a run, or begin one.

    `prepare(call, settings) -> dict` runs in the front process with nothing but the standard library; it refuses what
    cannot work and returns facts for run.json, among them data_fingerprint. `tasks` run in workers:
    train gives Trained, the others a dict.
    """
    if call.arguments.worker:
        return _work(
            runs.find(call.home, call.arguments.worker), call.arguments.task or "train", tasks
        )
    consent.require(call.home, KINDS[kind].consent)
    if call.arguments.resume:
        return _resume(call, kind, prepare)
    settings = resolve(call, kind, presets, defaults)
    facts = prepare(call, settings)
    if call.arguments.dry_run:
        return _plan(kind, settings, facts)
    _refuse_too_soon(call, kind)
    with runs.locked(call.home, "a run that is about to start") as lock:
        request = {
            name: value for name, value in vars(call.arguments).items() if name in call.sources
        }
        record = {"request": {n: str(v) if isinstance(v, Path) else v for n, v in request.items()}}
        record |= {"settings": settings.values, "sources": settings.sources, "caller": call.caller}
        run = runs.create(call.home, kind, record | facts)
        runs.name_holder(lock, run.id)
        start(run, "train", lock)
    return _answer(call, run, facts)


def _resume(call: Call, kind: str, prepare: Callable) -> Result:
    """Go on with a run from its last checkpoint, with its own settings."""
    run = runs.find(call.home, call.arguments.resume, kind)
    status = run.status()
    if status in runs.ACTIVE:
        raise Refused(
            "still_running",
            f"{run.id} is going on ({status}), so there is nothing to resume",
            "uv run scripts/check_status.py --follow",
        )
    if status == "completed":
        # Its schedule ended with its last step, so more steps are another run.
        script, preset = KINDS[kind].script, run.settings["preset"]
        further = f"; to train on from what it learned: uv run scripts/train_dpo.py --from {run.id}"
        raise Refused(
            "already_complete",
            f"{run.id} is complete: it made all of its {run.settings['steps']} steps, and a finished run is not made longer",
            f"look at it: uv run scripts/evaluate.py --run {run.id}; to train longer, begin a new run: "
            f"uv run scripts/{script} --preset {preset} --steps {call.arguments.steps or 2 * run.settings['steps']}"
            + (further if kind == "sft" else ""),
        )
    own = ("resume", "detach", "home", "json", "stdin", "force", "dry_run")
    if extra := [name for name in call.sources if name not in own]:
        raise BadRequest(
            "settings_with_resume",
            f"{', '.join(extra)} cannot change on the way: {run.id} goes on with its own settings",
            f"uv run scripts/{KINDS[kind].script} --resume {run.id}",
        )
    facts = prepare(call, Settings(run.settings, run.record.get("sources", {})))
    for name in ("data_fingerprint", "model_fingerprint"):
        if facts.get(name) != run.record.get(name):
            raise Refused(
                "changed_since",
                f"{name.replace('_', ' ')} of {run.id} is {run.record.get(name)}, now it is {facts.get(name)}: it would not go on but start something else",
                f"uv run scripts/{KINDS[kind].script} --preset {run.settings['preset']}",
            )
    if call.arguments.dry_run:
        step = latest_report(run).get("step", 0)
        return Result(
            {"status": "planned", "run": run.id, "step": step},
            f"{run.id} would go on with its own settings; it was stopped at step {step} of {run.settings['steps']}.",
        )
    with runs.locked(call.home, run.id) as lock:
        run.file("cancel").unlink(missing_ok=True)
        run.update(
            status="queued", resumed_at=[*run.record.get("resumed_at", []), now()], error=None
        )
        start(run, "train", lock)
    return _answer(call, run, facts)


def _refuse_too_soon(call: Call, kind: str) -> None:
    """Fae's own runs keep a distance (settings.HOUSE_RULES); a person's never wait."""
    if call.caller != "fae" or call.arguments.force:
        return
    days = house_rule(call, "min_days_between_runs")
    for run in reversed(runs.all_runs(call.home, kind)):
        if run.result() is None or not run.record.get("ended_at"):
            continue
        since = (time.time() - datetime.fromisoformat(run.record["ended_at"]).timestamp()) / 86400
        if since < days:
            raise Refused(
                "too_soon",
                f"{run.id} ended {since:.1f} days ago; runs that Fae starts are {days:g} days apart",
                "ask again later, or give force when the person wants it now",
            )


def _plan(kind: str, settings: Settings, facts: dict) -> Result:
    lines = [f"A run of {KINDS[kind].script} would use:"]
    lines += [
        f"  {name} = {value}   ({settings.sources[name]})"
        for name, value in settings.values.items()
    ]
    lines += [
        f"  {name}: {value}"
        for name, value in facts.items()
        if not isinstance(value, dict) and name != "notes"
    ]
    if rows := facts.get("rows"):
        lines.append(f"  rows: {', '.join(f'{side} {count}' for side, count in rows.items())}")
    lines += facts["notes"]
    return Result(
        {"status": "planned", "settings": settings.values, "sources": settings.sources} | facts,
        "\n".join(lines),
    )


def _answer(call: Call, run: Run, facts: dict) -> Result:
    """At once for Fae and programs; after the last step for a person who stayed."""
    if call.caller != "person" or call.arguments.detach:
        data = {
            "status": "started",
            "run": run.id,
            "kind": run.kind,
            "preset": run.settings.get("preset"),
        }
        data |= {"log": str(run.file("train.log")), "next": f"check_status.py --run {run.id}"}
        data |= {"notes": facts["notes"]} if facts.get("notes") else {}
        text = f"{run.id} has started. Follow it: uv run scripts/check_status.py --follow\nStop it:   uv run scripts/cancel.py"
        return Result(data, text)
    for note in facts.get("notes", []):
        call.say(note)
    call.say(
        f"{run.id}: log in {run.file('train.log')}; Ctrl-C stops it and keeps the best checkpoint"
    )
    while True:
        try:
            status = follow(run)
            break
        except KeyboardInterrupt:
            call.say("\nstopping ...")
            request_stop(run)
    return ended(run, status)


def request_stop(run: Run) -> None:
    """Ask the worker to stop after its step: a marker that survives everything, and a signal that is quick."""
    run.file("cancel").touch(mode=0o600)
    process = run.record.get("worker") or {}
    if process and runs.process_start(process["pid"]) == process["started"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process["pid"], signal.SIGTERM)


def ended(run: Run, status: str) -> Result:
    """The last words on a run, also for check_status. Raises the error of a failed one."""
    if status == "failed":
        error = run.record.get("error") or {}
        failure = Failed(
            error.get("code", "failed"),
            f"{run.id}: {error.get('message', 'failed')}",
            error.get("hint", command_line("tail", run.file("train.log"))),
        )
        # What the worker found to be missing is missing, not failed.
        failure.exit_status = run.record.get("exit_status", failure.exit_status)
        raise failure
    if status == "interrupted":
        again = f"uv run scripts/{KINDS[run.kind].script} --resume {run.id}"
        raise Failed(
            "interrupted",
            f"{run.id} was interrupted: its process ended before the training did",
            again,
        )
    report, result = latest_report(run), run.result() or {}
    elapsed = seconds_taken(result) or report.get("elapsed_s")
    data = {
        "status": status,
        "run": run.id,
        "kind": run.kind,
        "step": report.get("step"),
        "loss": report.get("loss"),
    }
    data |= {
        "best_step": result.get("best_step"),
        "best_val_loss": result.get("best_value"),
        "elapsed_s": elapsed,
    }
    where = (
        ""
        if result.get("best_value") is None
        else f", best held-out value while training {result['best_value']:.4f}, at step {result['best_step']}"
    )
    text = f"{run.id}: {status} after {report.get('step', 0)} steps in {duration(elapsed)}{where}"
    again = f"{KINDS[run.kind].script} --resume {run.id}"
    data["next"] = again if status == "cancelled" else f"evaluate.py --run {run.id}"
    return Result(data, f"{text}\nNext: uv run scripts/{data['next']}")


def _work(run: Run, task: str, tasks: dict[str, Callable]) -> Result:
    """Be the worker. Its standard streams are the log already."""
    lift_limits()
    os.umask(0o077)  # libraries make files too
    rules = run.home.read("config.json", {}) or {}
    waits = run.record.get("caller") == "fae" and rules.get("on_battery", "wait") == "wait"
    session = Session(run, "wait" if waits else "train")
    model = run.record.get("model")
    if products := linux_cpu.set_up(Path(model["directory"]) if model else None):
        session.log(f"matrix products by {products}")
    if task == "train":
        return _train(run, session, tasks["train"])
    if task == "score":
        consent.require(run.home, KINDS[run.kind].consent)
    models.check_unchanged(run.record)
    # A fresh process that another one started and waits for: its answer is a file.
    try:
        with session.stage(LAST_STAGE if task == "score" else task):
            answer = tasks[task](run, session)
    except Cancelled:
        return Result({"status": "cancelled"}, f"{task} was cancelled")
    write_json(run.file(f"{task}.json"), answer)
    return Result({"status": "done"}, f"{task} is done")


def _train(run: Run, session: Session, task: Callable) -> Result:
    """Train, save, and score what was saved."""
    run.update(
        status="preparing",
        started_at=now(),
        worker={"pid": os.getpid(), "started": runs.process_start(os.getpid())},
    )
    try:
        consent.require(run.home, KINDS[run.kind].consent)  # it may have been taken back meanwhile
        models.check_unchanged(run.record)
        provenance.keep_sources(run)
        status = "cancelled"
        with contextlib.suppress(Cancelled):
            trained = task(run, session)
            result = trained.receipt
            _keep(run, session, result)
            if result["stopped"] != "cancelled":
                # What the training held beside the model goes before anything else is loaded.
                _release_memory()
                session.status("evaluating")
                with session.stage(LAST_STAGE):
                    result["benchmark"] = scored(run, trained.score, session.should_stop)
                _keep(run, session, result)
                status = "completed"
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


def _release_memory() -> None:
    """Give back what nothing refers to any more, MLX's cache too."""
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
