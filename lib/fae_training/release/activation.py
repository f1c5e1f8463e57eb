"""The last steps of a deployment: a fresh process verifies the adapter, and the result is put into the app. A deployment
that fails either step is rolled back."""

from dataclasses import dataclass

from fae_training.app import app_results
from fae_training.app.app_results import InApp
from fae_training.calls.errors import Failed, SkillError, command_line
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.results import Verification, verify
from fae_training.lifecycle.runs import Run
from fae_training.release import standing
from fae_training.release.deployment import Deployment, current, keep_verified, rollback
from fae_training.store.state import Home


@dataclass(frozen=True)
class Pending:
    """A verification without a result so far; `why` says what kept it from finishing."""

    why: str
    pending: bool = True


def verify_or_undo(home: Home, deployed: Deployment, timeout_s: float) -> Verification | Pending:
    """Load the adapter in a fresh process, and record that it works.

    One that does not load or has no effect is rolled back, if it is still active, and Failed is raised. Failed is also
    raised, without a rollback, if the adapter's files are not the deployed ones.
    """
    run = Run(home, deployed.run)
    try:
        found = verify(run, timeout_s)
    except SkillError as error:
        found = Verification(False, False, why=error.message)
    except OSError as error:  # no process could be started, so nothing is known about the adapter
        return Pending(str(error))
    if found is None:
        return Pending("it takes longer than this call is allowed to")
    if not found.good:
        _undo(run, deployed, found)
    if changed := standing.changed_files(home, deployed):
        raise Failed(
            "changed_since",
            f"{run.id} is active, but {changed}",
            f"uv run scripts/rollback.py --kind {deployed.kind}",
        )
    try:
        keep_verified(home, deployed)
    except SkillError as error:
        return Pending(error.message)
    return found


def _undo(run: Run, deployed: Deployment, found: Verification) -> None:
    """Roll back a deployment that failed its verification. Always raises Failed."""
    why = "has no effect" if found.loads else f"does not load ({found.why or 'see its log'})"
    show_log = command_line("tail", "-n", 40, run.file("train.log"))
    try:
        top = current(run.home, deployed.slot)
        if top and top.number == deployed.number:
            app_results.withdraw_newest(run.home, deployed.slot)
        reason = f"verification failed: {found}"
        _, active = rollback(run.home, deployed.slot, reason, only=deployed)
    except SkillError as error:
        raise Failed("not_taken_back", f"{run.id} {why}; {error.message}", show_log) from error
    name = active.run if active else "the original model"
    message = f"{run.id} {why}; it was rolled back and {name} is active"
    raise Failed("taken_back", message, show_log)


def publish_or_undo(home: Home, run: Run) -> InApp:
    """app_results.publish; on failure the deployment is rolled back, so that the approved model and the app's stay the same."""
    try:
        return app_results.publish(home, run)
    except SkillError as error:
        _, active = rollback(home, KINDS[run.kind].slot, f"not put into Fae: {error.message}")
        now = active.run if active else "the original model"
        message = f"{error.message}. So {run.id} was rolled back and {now} is active"
        raise Failed("taken_back", message, error.hint) from error
