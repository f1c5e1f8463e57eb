"""What leads on from a run: the call that usually follows, or None where it is the person's turn."""

import os
import time
from typing import TYPE_CHECKING

from fae_training.calls.answering import as_call
from fae_training.calls.call import Call
from fae_training.calls.errors import SkillError, command_line
from fae_training.lifecycle import learned, runs
from fae_training.lifecycle.kinds import DEFAULT_PRESET, KINDS, SUITES
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.settings import house_rule
from fae_training.release import approval, dialog, rejection
from fae_training.release.deployment import deployments
from fae_training.store.state import Home, moment

if TYPE_CHECKING:
    from fae_training.judgement.evaluation import Evaluation
    from fae_training.judgement.gate import Decision
    from fae_training.lifecycle.purge import Purged

FULL_SUITE = SUITES[0]
# A run that ended early so often is not resumed by whoever follows the next call: something else is wrong.
MOST_RESUMES = 2
# Set by schedule.py for the scripts that it starts.
SCHEDULED = "FAE_TRAINING_SCHEDULED"


def of(run: Run, status: str) -> str | None:
    """The next call, after scripts/, for a run with this status."""
    if status in runs.ACTIVE:
        return f"check_status.py --run {run.id}"
    judged = None
    if status == "completed":
        # Imported here and below: the status of a run in progress must not wait for it.
        from fae_training.judgement import evaluation

        judged = evaluation.readable(run)
    if judged or learned.why_not(run) or _is_active(run):
        return after_judgement(run, judged)
    if status == "completed":
        return f"evaluate.py --run {run.id}"
    if status == "cancelled" or len(run.record.get("resumed_at", ())) >= MOST_RESUMES:
        return None
    if status == "failed" and as_call(remedy(run)):
        return remedy(run).removeprefix("uv run scripts/")
    return f"{KINDS[run.kind].script} --resume {run.id}"


def remedy(run: Run) -> str:
    """The hint of the error with which a run ended, "" without one."""
    return (run.record.get("error") or {}).get("hint", "")


def until_asked(run: Run) -> dict:
    """What an answer says of a run that goes on only when the person wants it: it was cancelled, or ended like this before."""
    say = "The training is stopped. Tell me if I should go on with it."
    if error := run.record.get("error"):
        say = f"The training failed again: {error.get('message', '')}"
    hint = remedy(run) or KINDS[run.kind].command(f"--resume {run.id}")
    return {"next": None, "say": say, "hint": hint}


def to_go_on(run: Run) -> str:
    return f"To go on with it: {KINDS[run.kind].command(f'--resume {run.id}')}"


def after_judgement(run: Run, judged: "Evaluation | None") -> str | None:
    """The next call for a run that has been evaluated. None: nothing more can be done about it."""
    from fae_training.judgement import evaluation
    from fae_training.judgement.gate import PASS

    kind, is_active = KINDS[run.kind], _is_active(run)
    if learned.why_not(run):
        again = _training(run, run.settings.get("preset") or DEFAULT_PRESET)
        return f"rollback.py --kind {run.kind}" if is_active else again
    if is_active or judged is None:
        return None
    if rejection.standing(run) or rejection.undone(run):
        return kind.material
    if run.result() is not None and (judged.fingerprint is None or evaluation.stale(run)):
        return f"evaluate.py --run {run.id} --rescore"
    if judged.verdict == PASS:
        return f"{'deploy' if approval.stands(run) else 'propose'}.py --run {run.id}"
    return what_helps(run, judged.decision)


def what_helps(run: Run, decision: "Decision") -> str:
    """The script to call after a run that did not pass: the same with another preset, or more data.

    A run that lost something was trained too hard: a smaller preset. One that lost nothing, but did not improve enough,
    was trained too little: a larger one. Where there is no such preset, or too little to judge by: more data.
    """
    from fae_training.judgement.gate import NOT_SHOWN, WORSE

    kind = KINDS[run.kind]
    presets = [name for name in kind.presets if name != "smoke"]
    preset = str(run.settings.get("preset"))
    outcomes = {one.outcome for one in decision.comparisons}
    suite = run.settings.get("suite", FULL_SUITE)
    too_few_tasks = suite == "quick" or (suite != FULL_SUITE and not decision.comparisons)
    if preset == "smoke" or (too_few_tasks and WORSE not in outcomes):
        again = preset if preset in presets else DEFAULT_PRESET
        return _training(run, again, *(("--suite", FULL_SUITE) if too_few_tasks else ()))
    if not decision.comparisons or preset not in presets:
        return kind.material
    may_have_lost = any(one.outcome == NOT_SHOWN and one.gain < 0 for one in decision.comparisons)
    at = presets.index(preset)
    if WORSE in outcomes:
        at -= 1
    elif may_have_lost:
        return kind.material
    else:
        at += 1
    return _training(run, presets[at]) if 0 <= at < len(presets) else kind.material


def _training(run: Run, preset: str, *further: str) -> str:
    """A training of the same kind with this preset, on the model that was named for this run, if one was."""
    named = run.record.get("sources", {}).get("model") in ("flag", "parameter")
    model = ("--model", run.record["model"]["id"]) if named and run.record.get("model") else ()
    return command_line(KINDS[run.kind].script, "--preset", preset, *model, *further)


def after_export(home: Home, forgot: "Purged") -> str | None:
    """Taking back an active run if it learned what is forgotten, else the training of the newest that did, else of the rows."""
    if forgot.active:
        return f"rollback.py --kind {next(iter(forgot.active))}"
    if not forgot.learned_by:
        return unless_learned(home, "sft", f"{KINDS['sft'].script} --preset {DEFAULT_PRESET}")
    run = runs.find(home, forgot.learned_by[-1])
    return _training(run, run.settings.get("preset") or DEFAULT_PRESET)


def unless_learned(home: Home, kind: str, following: str) -> str | None:
    """`following`, the training after an export; if a run learned exactly the same rows, what leads on from that run.

    None if that is more data: there is nothing new to learn since.
    """
    meta = home.read(os.path.join("data", kind, "meta.json")) or {}
    for run in reversed(runs.all_runs(home, kind)):
        if run.status() == "completed":
            if run.record.get("data_fingerprint") != meta.get("data_fingerprint"):
                return following
            then = of(run, "completed")
            return None if then == KINDS[kind].material else then
    return following


def too_soon(call: Call, kind: str) -> tuple[Run, float] | None:
    """(the last run, days since it ended) if Fae must not start another one of its own accord yet (settings.HOUSE_RULES)."""
    if who(call) not in runs.UNASKED:
        return None
    days = house_rule(call, "min_days_between_runs")
    for run in reversed(runs.all_runs(call.home, kind)):
        if run.result() is not None and run.record.get("ended_at"):
            since = (time.time() - moment(run.record["ended_at"])) / 86400
            if 0 <= since < days:  # the clock may have been wrong
                return run, since
    return None


def is_asked(call: Call, following: str) -> bool:
    """Whether `following` is a deployment that is refused without the code, which only the person has.

    It is not if the script itself asks: at a terminal, or in a dialog if Fae calls it on a Mac.
    """
    script, *words = following.split()
    asks = call.caller == "person" or (call.caller == "fae" and dialog.available())
    return script == "deploy.py" and "--check" not in words and not asks


def waits(call: Call, following: str) -> str | None:
    """A sentence if `following` is a training that Fae must not start of its own accord yet, else None."""
    started = [kind for kind in KINDS.values() if following.startswith(f"{kind.script} --preset")]
    try:
        if not started or too_soon(call, started[0].name) is None:
            return None
    except SkillError:  # a damaged config.json is reported by the training
        return None
    days = house_rule(call, "min_days_between_runs")
    return f"The trainings that Fae starts are at least {days:g} days apart; if the person asks for one now, pass force."


def who(call: Call) -> str:
    """Who asked for a run; schedule.py passes this on to the scripts that it starts."""
    return "schedule" if os.environ.get(SCHEDULED) else call.caller


def _is_active(run: Run) -> bool:
    active = deployments(run.home).get(KINDS[run.kind].slot)
    return bool(active) and active[-1].run == run.id
