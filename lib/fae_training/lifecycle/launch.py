"""The front process of every train script: checks the request, starts or resumes a run, and answers.

It makes the cheap checks, creates the run, starts a detached worker (worker.py), and either follows it (for a person at
a terminal) or answers at once. What must hold before a run is resumed is in resuming.py.
"""

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fae_training.calls.calling import Call, Parser, Result, parser
from fae_training.calls.counting import ago, counted
from fae_training.calls.errors import BadRequest, Failed, Missing, Refused, SkillError, command_line
from fae_training.calls.values import count
from fae_training.distributed import machines
from fae_training.fitting import step_profile
from fae_training.lifecycle import (
    learned,
    next_steps,
    plans,
    provenance,
    purge,
    resuming,
    runs,
    settings,
    worker,
)
from fae_training.lifecycle.kinds import KINDS, Kind
from fae_training.lifecycle.preflight import Data, Preflight, Preview
from fae_training.lifecycle.processes import start
from fae_training.lifecycle.progress import follow, latest_report, times, times_in_words
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.settings import Settings, house_rule
from fae_training.release import approval
from fae_training.rows import training_rows
from fae_training.store import consent
from fae_training.store.state import Home, now, unwritable
from fae_training.store.transactions import changing


@dataclass(frozen=True)
class Training:
    """The functions of a kind's script.

    `prepare(call, settings, run) -> Preflight` runs in the front process with only the standard library and refuses what
    cannot work. `run` is the run to resume, whose own rows are checked; None for a new one. The others run in workers:
    `train(run, session) -> Trained`, `score(run, session) -> Benchmark`, `verify(run, session) -> Verification`.
    `preview(home, place, found, rows) -> Preview` of the rows in the directory `place` exists for kinds that learn from tokens.
    """

    kind: Kind
    prepare: Callable[[Call, Settings, Run | None], Preflight]
    train: Callable
    score: Callable
    verify: Callable
    preview: Callable[[Home, Path, Preflight, int], Preview] | None = None


def build_parser(description: str, kind: Kind) -> Parser:
    """The options of a kind's train script: its settings, and those common to all train scripts."""
    made = parser(description, dry_run=True)
    settings.add_options(made, kind)
    made.add_argument(
        "--note", metavar="TEXT", help="the purpose of this run, shown by list_runs.py"
    )
    made.add_argument(
        "--resume", metavar="RUN", help="resume a run that was stopped: its id, or 'latest'"
    )
    made.add_argument(
        "--detach", action="store_true", help="answer at once; follow with check_status.py"
    )
    made.add_argument(
        "--force", action="store_true", help="train even if the last run was less than a week ago"
    )
    if kind.has_model:
        made.add_argument(
            "--fetch", action="store_true", help="download the model if it is missing, and exit"
        )
        made.add_argument(
            "--more-steps",
            type=count(1_000_000),
            metavar="N",
            help="with --resume of a finished run: start a new run that continues from its end",
        )
        made.add_argument(
            "--profile", action="store_true", help="measure how the time of a step is spent"
        )
    if kind.name in training_rows.KINDS:
        made.add_argument(
            "--show-rows",
            type=count(100),
            metavar="N",
            help="show some rows as tokens, and exit",
        )
        machines.add_option(made)
    made.add_argument("--worker", metavar="RUN", help=argparse.SUPPRESS)
    made.add_argument("--task", choices=(*worker.TASKS, worker.PEER), help=argparse.SUPPRESS)
    return made


def main(call: Call, training: Training) -> Result:
    """The main function of a train script: act as the worker, resume a run, or start one."""
    kind = training.kind
    if call.arguments.task == worker.PEER:
        from fae_training.distributed import peer

        return peer.work(kind.name, call.home)
    if call.arguments.worker:
        run = runs.find(call.home, call.arguments.worker)
        task = call.arguments.task or "train"
        return worker.work(run, task, getattr(training, task))
    consent.require(call.home, *kind.consents)
    machines.require(call.home, kind, machines.asked(call))
    if not call.arguments.dry_run:
        purge.complete(call.home)
    if call.arguments.resume:
        return _resume(call, training)
    if getattr(call.arguments, "more_steps", None):
        raise BadRequest(
            "more_steps_of_what",
            "--more-steps needs a finished run to continue, but no run is named",
            kind.command(f"--resume latest --more-steps {call.arguments.more_steps}"),
        )
    found = training.prepare(call, settings.resolve(call, kind), None)
    preview, place = training.preview, call.home.file("data")
    if preview and (rows := call.arguments.show_rows):
        return plans.shown(call, kind, preview(call.home, place, found, rows))
    resuming.require_nothing_excluded(call.home, kind)
    if call.arguments.dry_run:
        return plans.planned(kind, found, preview(call.home, place, found, 0) if preview else None)
    return _begin(call, kind, found)


def _begin(call: Call, kind: Kind, found: Preflight, earlier: Run | None = None) -> Result:
    """Start a new run; one that continues `earlier` gets its checkpoints, reports and rows."""
    _refuse_too_soon(call, kind)
    with runs.locked(call.home, "a run that is about to start") as lock:
        asked = {
            name: value for name, value in vars(call.arguments).items() if name in call.sources
        }
        record = {"request": {n: str(v) if isinstance(v, Path) else v for n, v in asked.items()}}
        record |= {name: asked[name] for name in ("note", "profile") if name in asked}
        record |= {"hosts": list(machines.asked(call))}
        if earlier:
            step = (earlier.result() or {})["steps_done"]
            record["continues"] = {"run": earlier.id, "step": step}
        run = runs.create(
            call.home, kind.name, record | {"caller": next_steps.who(call)} | found.as_record()
        )
        runs.name_holder(lock, run.id)
        if earlier:
            _take_end(run, earlier)
        _take_rows(run, found.data)
        process = start(run, "train", lock)
    return _answer(call, run, process.pid, found.data.notes)


def _take_end(run: Run, earlier: Run) -> None:
    """Copy the checkpoints, reports and rows of `earlier`; if that fails the new run is removed."""
    try:
        shutil.copytree(earlier.file("checkpoints"), run.file("checkpoints"))
        shutil.copy2(earlier.file("metrics.jsonl"), run.file("metrics.jsonl"))
        if provenance.has_own_rows(earlier):
            provenance.take_rows(run, _kinds_of_rows(run), provenance.rows_of(earlier))
        learned.require_unmarked(earlier)
    except OSError as error:
        shutil.rmtree(run.directory, ignore_errors=True)
        raise unwritable(run.directory, error) from error
    except SkillError:
        shutil.rmtree(run.directory, ignore_errors=True)
        raise


def _take_rows(run: Run, data: Data) -> None:
    """Give the run its own copy of the data; if that fails the new run is removed."""
    if data.files is not None:
        provenance.keep_files(run, data.files)
    if run.kind not in training_rows.KINDS:
        return
    try:
        provenance.take_rows(run, _kinds_of_rows(run), run.home.file("data"))
        provenance.require_taken(run)
    except SkillError:
        if run.record["status"] == "queued" and not run.record.get("resumed_at"):
            shutil.rmtree(run.directory, ignore_errors=True)
        raise


def _kinds_of_rows(run: Run) -> tuple[str, ...]:
    # Preference training is also judged on conversations, to see that nothing is forgotten.
    return training_rows.KINDS if run.kind == "dpo" else (run.kind,)


def _resume(call: Call, training: Training) -> Result:
    """Resume a run from its last checkpoint, with its own settings."""
    kind = training.kind
    run = runs.find(call.home, call.arguments.resume, kind.name)
    if more := getattr(call.arguments, "more_steps", None):
        return _go_beyond(call, training, run, more)
    status = run.status()
    if status in runs.ACTIVE:
        raise Refused(
            "still_running",
            f"{run.id} is still running ({status}), so there is nothing to resume",
            "uv run scripts/check_status.py --follow",
        )
    learned.require_unmarked(run)
    approval.require_changeable(run)
    own = resuming.own_settings(run, kind)
    if status == "completed":
        # Its learning rate schedule has ended, so more steps need a new run.
        more = own["steps"]
        further = (
            f"; to train further from what it learned: {KINDS['dpo'].command(f'--from {run.id}')}"
        )
        raise Refused(
            "already_complete",
            f"{run.id} is complete: it made all of its {counted(own['steps'], 'step')}, and a finished run cannot be extended",
            f"evaluate it: uv run scripts/evaluate.py --run {run.id}; to train longer, start a new run from its end: "
            f"{kind.command(f'--resume {run.id} --more-steps {more}')}"
            + (further if kind.name == "sft" else ""),
        )
    resuming.require_no_settings(call, run, "hosts")
    found = training.prepare(call, own, run)
    resuming.require_same_inputs(run, found)
    resuming.require_not_excluded(run)
    if call.arguments.dry_run:
        step = latest_report(run).get("step", 0)
        return Result(
            {"status": "planned", "run": run.id, "step": step},
            f"{run.id} would resume with its own settings; it was stopped at step {step} of {run.settings['steps']}.",
        )
    with runs.locked(call.home, run.id) as lock:
        # A request to stop that comes later counts.
        run.file("cancel").unlink(missing_ok=True)
        with changing(call.home) as change:
            learned.require_unmarked(run)  # something may have been forgotten meanwhile
            approval.require_changeable(run)
            run.change(
                change,
                status="queued",
                resumed_at=[*run.record.get("resumed_at", []), now()],
                error=None,
                hosts=list(machines.asked(call)),
            )
        _take_rows(run, found.data)
        process = start(run, "train", lock)
    return _answer(call, run, process.pid, found.data.notes)


def _go_beyond(call: Call, training: Training, run: Run, more: int) -> Result:
    """Start a new run from the end of a finished one, with its rows and settings and `more` steps.

    Its schedule is that of a run with the total number of steps, continued at the current step. Its rows are those of the
    earlier run, whatever was exported since: the optimiser's state and the judge part belong to them.
    """
    kind, status = training.kind, run.status()
    if status != "completed":
        raise Refused(
            "not_finished",
            f"{run.id} is {status}; --more-steps works only for a completed run",
            kind.command(f"--resume {run.id}"),
        )
    learned.require_unmarked(run)
    if not run.file("checkpoints", "latest.safetensors").exists():
        raise Missing(
            "no_checkpoint",
            f"{run.id} has no checkpoint to continue from",
            kind.command(f"--like {run.id}"),
        )
    resuming.require_no_settings(call, run, "more_steps", "note", "profile", "hosts")
    steps = (run.result() or {}).get("steps_done", run.settings["steps"]) + more
    longer = resuming.own_settings(run, kind).changed(f"{more} more than {run.id}", steps=steps)
    found = training.prepare(call, longer, run)
    resuming.require_same_inputs(run, found)
    resuming.require_not_excluded(run)
    if provenance.was_exported_again(run):
        newer = (
            f"data/{run.kind} has changed since {run.id}, which this run continues with the same rows; to learn the new "
            f"ones: {kind.command(f'--like {run.id}')}"
        )
        found = replace(found, data=found.data.noting(newer))
    if call.arguments.dry_run:
        preview, place = training.preview, provenance.rows_of(run)
        return plans.planned(kind, found, preview(call.home, place, found, 0) if preview else None)
    return _begin(call, kind, found, run)


def _refuse_too_soon(call: Call, kind: Kind) -> None:
    """Runs that Fae starts must be some days apart (settings.HOUSE_RULES); a person's runs never wait."""
    if call.arguments.force or (last := next_steps.too_soon(call, kind.name)) is None:
        return
    run, since = last
    days = house_rule(call, "min_days_between_runs")
    raise Refused(
        "too_soon",
        f"{run.id} ended {ago(since)}; trainings that Fae starts by itself are at least {days:g} days apart",
        "try again later, or pass force if the person asks for a training now",
    )


def _answer(call: Call, run: Run, pid: int, notes: tuple[str, ...]) -> Result:
    """Answer at once for Fae and programs, and after the last step for a person at a terminal."""
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
        text = f"{run.id} has started. Stop it: uv run scripts/cancel.py"
        return Result(data, text)
    for note in notes:
        call.show_progress(note)
    call.show_progress(
        f"{run.id}: log in {run.file('train.log')}; Ctrl-C stops it and keeps the best checkpoint"
    )
    while True:
        try:
            status = follow(run)
            break
        except KeyboardInterrupt:
            call.show_progress("\nstopping ...")
            run.request_stop()
    return _ended(run, status)


def _ended(run: Run, status: str) -> Result:
    """The answer for a run that has ended. Raises the error of a failed one."""
    if status == "failed":
        error = run.record.get("error") or {}
        failure = Failed(
            error.get("code", "failed"),
            f"{run.id}: {error.get('message', 'failed')}",
            error.get("hint", command_line("tail", run.file("train.log"))),
        )
        # If the worker found something missing, keep that error type.
        failure.exit_status = run.record.get("exit_status", failure.exit_status)
        raise failure
    if status == "interrupted":
        again = KINDS[run.kind].command(f"--resume {run.id}")
        raise Failed(
            "interrupted",
            f"{run.id} was interrupted: its process ended before training was complete",
            again,
        )
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
    } | times(run)
    where = (
        ""
        if result.get("best_value") is None
        else f", best validation value {result['best_value']:.4f} at step {result['best_step']}"
    )
    text = f"{run.id}: {status} after {counted(report.get('step', 0), 'step')} in {times_in_words(times(run))}{where}"
    if result.get("profile"):
        data["profile"] = result["profile"]
        text += f"\n{step_profile.in_words(result['profile'])}"
    again = f"{KINDS[run.kind].script} --resume {run.id}"
    data["next"] = again if status == "cancelled" else f"evaluate.py --run {run.id}"
    return Result(data, text)
