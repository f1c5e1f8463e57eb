"""From a call to a trained model: the front process that answers, and the detached worker that trains.

The front checks what can be checked cheaply, makes the run, starts the worker in a session of its own and either
follows it (a person at a terminal) or answers at once. The worker runs the same script with --worker RUN.
"""

import argparse
import contextlib
import os
import platform
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fae_training import consent, dataset, linux_cpu, models, runs
from fae_training.calling import Call, Parser, Result, parser
from fae_training.deployment import fingerprint
from fae_training.errors import BadRequest, Failed, Refused, SkillError
from fae_training.fit import FitResult
from fae_training.kinds import KINDS
from fae_training.processes import lift_limits, start
from fae_training.progress import duration, follow, latest_report
from fae_training.runs import Run
from fae_training.session import Session
from fae_training.settings import Settings, house_rule, resolve
from fae_training.state import now, read_json, write_json


def training_parser(description: str, presets: dict) -> Parser:
    """The options that every train script has; each script adds its own."""
    made = parser(description, dry_run=True)
    made.add_argument(
        "--preset", choices=list(presets), help="a row of the table of presets (default: light)"
    )
    made.add_argument("--steps", type=positive, metavar="N", help="updates of the optimizer")
    made.add_argument("--batch-size", type=positive, metavar="N", help="rows a micro-batch")
    made.add_argument(
        "--gradient-accumulation", type=positive, metavar="N", help="micro-batches a step"
    )
    made.add_argument(
        "--learning-rate",
        type=positive_number,
        metavar="X",
        help="highest learning rate of the schedule",
    )
    made.add_argument(
        "--seed", type=int, metavar="N", help="the same seed and data give the same adapter"
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


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value


def positive_number(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


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
    task(run, session) -> dict.
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
        raise Refused("still_running", f"{run.id} is {status}", "uv run scripts/check_status.py")
    if status == "completed":
        raise Refused(
            "already_complete",
            f"{run.id} is complete",
            f"uv run scripts/evaluate.py --run {run.id}",
        )
    own = ("resume", "detach", "home", "json", "stdin", "force")
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
    lines += [f"  {name}: {value}" for name, value in facts.items() if not isinstance(value, dict)]
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
            call.say("\nstopping after this step ...")
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
        raise Failed(
            error.get("code", "failed"),
            f"{run.id}: {error.get('message', 'failed')}",
            error.get("hint", f"tail {run.file('train.log')}"),
        )
    if status == "interrupted":
        again = f"uv run scripts/{KINDS[run.kind].script} --resume {run.id}"
        raise Failed("interrupted", f"{run.id} was interrupted: its worker is gone", again)
    report, result = latest_report(run), run.result() or {}
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
        "elapsed_s": report.get("elapsed_s"),
    }
    where = (
        ""
        if result.get("best_value") is None
        else f", best held-out value {result['best_value']:.4f} at step {result['best_step']}"
    )
    text = f"{run.id}: {status} after {report.get('step', 0)} steps in {duration(report.get('elapsed_s'))}{where}"
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
    if task == "score":
        consent.require(run.home, KINDS[run.kind].consent)
    if task != "train":
        models.check_unchanged(run.record)
        # A fresh process that train or deploy started and waits for: its answer is a file.
        answer = tasks[task](run, session)
        write_json(run.file(f"{task}.json"), answer)
        return Result({"status": "done"}, f"{task} is done")
    run.update(
        status="preparing",
        started_at=now(),
        worker={"pid": os.getpid(), "started": runs.process_start(os.getpid())},
    )
    try:
        consent.require(run.home, KINDS[run.kind].consent)  # it may have been taken back meanwhile
        models.check_unchanged(run.record)
        dataset.keep_sources(run)
        result = tasks["train"](run, session)
        write_json(run.file("train_metrics.json"), result)
        if result["stopped"] != "cancelled":
            session.status("evaluating")
            result["benchmark"] = scored(run)
            write_json(run.file("train_metrics.json"), result)
        run.update(
            status="cancelled" if result["stopped"] == "cancelled" else "completed", ended_at=now()
        )
    except Exception as problem:
        traceback.print_exc()
        error = problem if isinstance(problem, SkillError) else _of_library(problem, run)
        run.update(status="failed", ended_at=now(), error=error.as_dict()["error"])
        raise error from problem
    return Result({"status": run.record["status"], "run": run.id}, run.record["status"])


def receipt(run: Run, result: FitResult, applied: dict, notes: list[str]) -> dict:
    """train_metrics.json of a run: what was asked, what was applied, and how it went."""
    went = {
        name: value
        for name, value in vars(result).items()
        if name not in ("best_parameters", "applied")
    }
    return went | {
        "asked": run.settings,
        "applied": applied,
        "notes": notes,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """The libraries that trained, as installed."""
    found = {}
    for name in ("mlx", "mlx-lm", "mlx-tune", "mlx-audio", "numpy", "librosa"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    if products := linux_cpu.use_openblas():
        found["matrix products"] = products
    return found | {"python": platform.python_version(), "system": platform.platform()}


def _of_library(problem: Exception, run: Run) -> Failed:
    return Failed(
        "training_failed",
        f"{type(problem).__name__}: {problem}",
        f"tail -n 40 {run.file('train.log')}",
    )


def scored(run: Run) -> dict:
    """The benchmark of a run's saved adapter, measured in a fresh process, and which adapter that was. Raises Failed."""
    mark = fingerprint(run.file("adapters"))
    return _fresh_process(run, "score", None) | {"fingerprint": mark}


def verify(run: Run, timeout_s: float) -> dict | None:
    """Whether what is saved loads and changes the output, from a fresh process; None when that takes too long."""
    return _fresh_process(run, "verify", timeout_s)


def _fresh_process(run: Run, task: str, timeout_s: float | None) -> dict | None:
    answer = run.file(f"{task}.json")
    answer.unlink(missing_ok=True)
    process = start(run, task)
    try:
        status = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    result = read_json(answer)
    if status or result is None:
        raise Failed(
            f"{task}_failed",
            f"{run.id}: the process for {task} ended with status {status}",
            f"tail -n 40 {run.file('train.log')}",
        )
    return result
