"""From a call to a run: the front process of every train script, which checks, begins or resumes, and answers.

It checks what can be checked cheaply, makes the run, starts a detached worker (worker.py), and either follows it (a
person at a terminal) or answers at once.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fae_training import approval, consent, provenance, runs, settings, training_rows, worker
from fae_training.calling import Call, Parser, Result, parser
from fae_training.conversations import purge
from fae_training.errors import BadRequest, Failed, Refused, SkillError, command_line
from fae_training.kinds import KINDS, Kind
from fae_training.preflight import Data, Preflight
from fae_training.processes import start
from fae_training.progress import duration, follow, latest_report, seconds_taken
from fae_training.runs import Run
from fae_training.settings import Settings, house_rule
from fae_training.state import now
from fae_training.transactions import changing


@dataclass(frozen=True)
class Training:
    """A kind's own part: the functions of its script.

    `prepare(call, settings, run) -> Preflight` runs in the front process with nothing but the standard library and
    refuses what cannot work; `run` is the one that goes on, whose own rows are looked at, None for a new one. The others
    run in workers: `train(run, session) -> Trained`, `score(run, session) -> Benchmark`,
    `verify(run, session) -> Verification`.
    """

    kind: Kind
    prepare: Callable[[Call, Settings], Preflight]
    train: Callable
    score: Callable
    verify: Callable


def build_parser(description: str, kind: Kind) -> Parser:
    """The options of a kind's train script: its settings, and what every train script has."""
    made = parser(description, dry_run=True)
    settings.add_options(made, kind)
    made.add_argument(
        "--resume", metavar="RUN", help="go on with a run that was stopped: its id, or 'latest'"
    )
    made.add_argument(
        "--detach", action="store_true", help="answer at once; follow with check_status.py"
    )
    made.add_argument(
        "--force", action="store_true", help="train although the last run is less than a week ago"
    )
    if kind.has_model:
        made.add_argument(
            "--fetch", action="store_true", help="download the model when it is not here, and end"
        )
    made.add_argument("--worker", metavar="RUN", help=argparse.SUPPRESS)
    made.add_argument("--task", choices=worker.TASKS, help=argparse.SUPPRESS)
    return made


def main(call: Call, training: Training) -> Result:
    """What a train script does when called: be the worker, resume a run, or begin one."""
    kind = training.kind
    if call.arguments.worker:
        run = runs.find(call.home, call.arguments.worker)
        task = call.arguments.task or "train"
        return worker.work(run, task, getattr(training, task))
    consent.require(call.home, kind.consent)
    if not call.arguments.dry_run:
        purge.complete(call.home)
    if call.arguments.resume:
        return _resume(call, training)
    found = training.prepare(call, settings.resolve(call, kind), None)
    if call.arguments.dry_run:
        return _plan(kind, found)
    _refuse_too_soon(call, kind)
    with runs.locked(call.home, "a run that is about to start") as lock:
        asked = {
            name: value for name, value in vars(call.arguments).items() if name in call.sources
        }
        record = {"request": {n: str(v) if isinstance(v, Path) else v for n, v in asked.items()}}
        run = runs.create(
            call.home, kind.name, record | {"caller": call.caller} | found.as_record()
        )
        runs.name_holder(lock, run.id)
        _take_rows(run, found.data)
        process = start(run, "train", lock)
    return _answer(call, run, process.pid, found.data.notes)


def _take_rows(run: Run, data: Data) -> None:
    """The run's own copy of what it learns and is judged by; the run goes again where that cannot be had."""
    if data.files is not None:
        provenance.keep_files(run, data.files)
    if run.kind not in training_rows.KINDS:
        return
    try:
        # Preference training looks at conversations too, to see that nothing is forgotten.
        provenance.take_rows(run, training_rows.KINDS if run.kind == "dpo" else (run.kind,))
        provenance.require_taken(run)
    except SkillError:
        if run.record["status"] == "queued" and not run.record.get("resumed_at"):
            shutil.rmtree(run.directory, ignore_errors=True)
        raise


def _resume(call: Call, training: Training) -> Result:
    """Go on with a run from its last checkpoint, with its own settings."""
    kind = training.kind
    run = runs.find(call.home, call.arguments.resume, kind.name)
    status = run.status()
    if status in runs.ACTIVE:
        raise Refused(
            "still_running",
            f"{run.id} is going on ({status}), so there is nothing to resume",
            "uv run scripts/check_status.py --follow",
        )
    approval.require_changeable(run)
    preset = run.settings["preset"]
    if status == "completed":
        # Its schedule ended with its last step, so more steps are another run.
        steps = call.arguments.steps or 2 * run.settings["steps"]
        further = f"; to train on from what it learned: {KINDS['dpo'].command(f'--from {run.id}')}"
        raise Refused(
            "already_complete",
            f"{run.id} is complete: it made all of its {run.settings['steps']} steps, and a finished run is not made longer",
            f"look at it: uv run scripts/evaluate.py --run {run.id}; to train longer, begin a new run: "
            f"{kind.command(f'--preset {preset} --steps {steps}')}"
            + (further if kind.name == "sft" else ""),
        )
    own = ("resume", "detach", "home", "json", "stdin", "force", "dry_run")
    if extra := [name for name in call.sources if name not in own]:
        raise BadRequest(
            "settings_with_resume",
            f"{', '.join(extra)} cannot change on the way: {run.id} goes on with its own settings",
            kind.command(f"--resume {run.id}"),
        )
    found = training.prepare(call, Settings(run.settings, run.record.get("sources", {})), run)
    for name, value in (
        ("data fingerprint", found.data.fingerprint),
        ("model fingerprint", found.model and found.model.fingerprint),
        ("prompts fingerprint", found.prompts),
    ):
        if value != (before := run.record.get(name.replace(" ", "_"))):
            raise Refused(
                "changed_since",
                f"{name} of {run.id} is {before}, now it is {value}: it would not go on but start something else",
                kind.command(f"--preset {preset}"),
            )
    if call.arguments.dry_run:
        step = latest_report(run).get("step", 0)
        return Result(
            {"status": "planned", "run": run.id, "step": step},
            f"{run.id} would go on with its own settings; it was stopped at step {step} of {run.settings['steps']}.",
        )
    with runs.locked(call.home, run.id) as lock:
        with changing(call.home) as change:
            approval.require_changeable(run)
            run.change(
                change,
                status="queued",
                resumed_at=[*run.record.get("resumed_at", []), now()],
                error=None,
            )
        run.file("cancel").unlink(missing_ok=True)
        _take_rows(run, found.data)
        process = start(run, "train", lock)
    return _answer(call, run, process.pid, found.data.notes)


def _refuse_too_soon(call: Call, kind: Kind) -> None:
    """Fae's own runs keep a distance (settings.HOUSE_RULES); a person's never wait."""
    if call.caller != "fae" or call.arguments.force:
        return
    days = house_rule(call, "min_days_between_runs")
    for run in reversed(runs.all_runs(call.home, kind.name)):
        if run.result() is None or not run.record.get("ended_at"):
            continue
        since = (time.time() - datetime.fromisoformat(run.record["ended_at"]).timestamp()) / 86400
        if since < days:
            raise Refused(
                "too_soon",
                f"{run.id} ended {since:.1f} days ago; runs that Fae starts are {days:g} days apart",
                "ask again later, or give force when the person wants it now",
            )


def _plan(kind: Kind, found: Preflight) -> Result:
    values, sources = found.settings.values, found.settings.sources
    lines = [f"A run of {kind.script} would use:"]
    lines += [f"  {name} = {value}   ({sources[name]})" for name, value in values.items()]
    lines += [f"  data: {found.data.learned_from} ({found.data.fingerprint})"]
    lines.append(f"  rows: {', '.join(f'{side} {n}' for side, n in found.data.rows.items())}")
    if found.model:
        lines.append(f"  model: {found.model.id} ({found.model.why})")
    lines += found.data.notes
    return Result({"status": "planned"} | found.as_record(), "\n".join(lines))


def _answer(call: Call, run: Run, pid: int, notes: tuple[str, ...]) -> Result:
    """At once for Fae and programs; after the last step for a person who stayed."""
    if call.caller != "person" or call.arguments.detach:
        data = {
            "status": "started",
            "run": run.id,
            "kind": run.kind,
            "preset": run.settings.get("preset"),
        }
        data |= {"pid": pid, "adapter_path": str(run.file(runs.ADAPTERS))}
        if model := run.record.get("model"):
            data["model_id"] = model["id"]
        data |= {"log": str(run.file("train.log")), "next": f"check_status.py --run {run.id}"}
        data |= {"notes": list(notes)} if notes else {}
        text = f"{run.id} has started. Follow it: uv run scripts/check_status.py --follow\nStop it:   uv run scripts/cancel.py"
        return Result(data, text)
    for note in notes:
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
            run.request_stop()
    return _ended(run, status)


def _ended(run: Run, status: str) -> Result:
    """What is said when a run has ended. Raises the error of a failed one."""
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
        again = KINDS[run.kind].command(f"--resume {run.id}")
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
