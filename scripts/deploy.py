# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Make a trained run the one that Fae uses. This needs the person's approval.

    uv run scripts/deploy.py                     asks at the terminal
    uv run scripts/deploy.py --code ABC-DEF      with the code of its proposal, which works once
    uv run scripts/deploy.py --check             verify the active runs and roll back those that do not work

Called by Fae on a Mac without a code, it asks in a dialog. A rejection at the terminal is recorded with its reason.
Writes history.jsonl and active.json; the replaced run stays on disk. Then a fresh process loads the adapter and compares
its output with the base model's; an adapter that does not load or has no effect is rolled back at once.
Exit status: 3 not approved, gate not passed, or files changed since; 6 rolled back.
"""

import sys
import time
from dataclasses import asdict
from typing import Any

from fae_training.app import app_results
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import Refused
from fae_training.judgement import evaluation, plain_words
from fae_training.judgement.evaluation import Evaluation
from fae_training.lifecycle import learned, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.results import Verification
from fae_training.release import activation, approval, deployment, dialog, rejection, standing
from fae_training.release.activation import Pending
from fae_training.release.deployment import Deployment
from fae_training.release.proposal import newest_proposed
from fae_training.store.transactions import changing

# Fae waits 30 s in all, including starting this script; a person can wait for a large model.
FAE_WAITS_S, PATIENCE_S = 24, 600
DIALOG_S = 14


def main(call: Call) -> Result:
    began = time.monotonic()
    if call.arguments.check:
        return check_active(call, began)
    name, kind = call.arguments.run, call.arguments.kind
    run = (None if name else newest_proposed(call.home, kind)) or runs.find(call.home, name, kind)
    asks = not call.arguments.code and (at_terminal(call) or by_dialog(call))
    if name in (None, "latest"):
        rejection.require_none(run)
    if asks:
        deployment.require_not_active(run)
    if call.arguments.dry_run:
        evaluation.require_pass(run)
        if not asks:
            approval.check(run, call.arguments.code)
        return Result({"status": "planned", "run": run.id}, f"Would make {run.id} active.")
    shown = None
    if asks:
        found = evaluation.require_pass(run)
        shown = what_is_approved(run)
        if (refusal := ask(call, run, found)) is not None:
            return refusal
    # One change: exactly what was approved is deployed, once.
    with changing(call.home) as change:
        evaluation.require_pass(run)
        if shown is None:
            approval.spend(change, run, call.arguments.code)
        elif shown != what_is_approved(run):
            raise Refused(
                "changed_since",
                f"{run.id} changed, or was rejected, while you were being asked; nothing was deployed",
                f"uv run scripts/deploy.py --run {run.id}",
            )
        deployed, replaced = deployment.deploy(change, run, evaluation.mark(run))
    data = {
        "status": "deployed",
        "run": run.id,
        "kind": run.kind,
        "fingerprint": deployed.fingerprint,
    }
    data |= {
        "replaced": replaced.run if replaced else "the original model",
        "undo": f"rollback.py --kind {run.kind}",
    }
    verification = verified(call, deployed, began)
    data["verification"] = asdict(verification)
    text = f"{run.id} is now in use, in place of {data['replaced']}.\n{in_words(verification)}"
    if isinstance(verification, Verification):
        in_app = activation.publish_or_undo(call.home, run)
        data |= in_app.as_answer()
        text += f"\n{in_app.says}"
    return Result(data, f"{text}\nTo undo it: uv run scripts/{data['undo']}")


def what_is_approved(run: runs.Run) -> tuple:
    """What the person approves. If any of it changes while they are asked, their approval is void."""
    return (
        evaluation.mark(run),
        deployment.fingerprint(run.file("adapters")),
        rejection.standing(run),
    )


def at_terminal(call: Call) -> bool:
    return call.terminal


def by_dialog(call: Call) -> bool:
    return call.caller == "fae" and dialog.available()


def ask(call: Call, run: runs.Run, found: Evaluation) -> Result | None:
    """Ask the person. Returns None if they approve, otherwise the script's answer. Raises Refused if the person does not answer."""
    active = deployment.current(call.home, KINDS[run.kind].slot)
    summary = (
        f"{run.id}, an update for your {run.title()}, would replace {active.run if active else 'the original model'}.",
        plain_words.in_one_sentence(found.decision),
        app_results.after_yes(run),
        "You can go back at any time: uv run scripts/rollback.py",
    )
    again = f"uv run scripts/deploy.py --run {run.id}"
    if by_dialog(call):
        answer = dialog.ask("\n\n".join(summary), "Fae learned something", DIALOG_S)
        if answer == dialog.YES:
            return None
        if answer == dialog.NO:
            return not_now(call, run)
        happened = f"the dialog about {run.id} closed after {DIALOG_S} s without an answer"
        if answer == dialog.NOT_SHOWN:
            # Whoever follows "next" must not try this again and again.
            happened, again = f"no dialog about {run.id} could be shown", approval.BY_CODE
        raise Refused(
            "not_answered",
            f"{happened}; nothing was deployed. Call this again when the person is at the Mac to reopen the dialog, "
            "or use the approval code on the proposal page",
            again,
        )
    call.tell("\n".join(summary))
    answer = typed("Use it? [y/N] ").lower()
    if answer in ("y", "yes"):
        return None
    if answer in ("n", "no"):
        why = typed("Why? (Enter for no reason) ") or rejection.NO_REASON
        rejected = rejection.answer(run, rejection.keep(run, why, asked=True))
        return Result(rejected.data, rejected.text, Refused.exit_status)
    return not_now(call, run)


def typed(question: str) -> str:
    print(question, end="", flush=True)
    return sys.stdin.readline().strip()


def not_now(call: Call, run: runs.Run) -> Result:
    """Neither yes nor no: the proposal remains open, and nobody is asked again before they ask for it."""
    data = {"status": "declined", "run": run.id, "say": "All right, everything stays as it is."}
    data["approval"] = "if the person does not want it at all: propose with reject, in their words"
    text = f"All right, not now: {run.id} was not deployed, and nothing has changed."
    later = f"{'deploy' if approval.stands(run) else 'propose'}.py --run {run.id}"
    data |= {"next": None, "hint": f"uv run scripts/{later}"}
    return Result(data, f"{text}\nTo use it later: uv run scripts/{later}", Refused.exit_status)


def verified(call: Call, deployed: Deployment, began: float) -> Verification | Pending:
    """The result of verifying a deployment, within the time that the caller can wait. Raises Failed if it was rolled back."""
    timeout_s = PATIENCE_S
    if call.caller == "fae":
        timeout_s = max(1, FAE_WAITS_S - (time.monotonic() - began))
    return activation.verify_or_undo(call.home, deployed, timeout_s)


def in_words(found: Verification | Pending) -> str:
    if isinstance(found, Pending):
        return f"It is not tested yet ({found.why}). Test it: uv run scripts/deploy.py --check"
    return "It was tested: it loads, and it changes Fae's answers."


def check_active(call: Call, began: float) -> Result:
    """Verify every active run, or only that of --kind."""
    wanted = {kind.slot for kind in KINDS.values() if call.arguments.kind in (None, kind.name)}
    active = [deployment.current(call.home, slot) for slot in sorted(wanted)]
    checked, good, remarks = {}, [], []
    for entry in filter(None, active):
        if call.arguments.dry_run:
            remarks += standing.of_active(call.home, entry)
            continue
        if learned.why_not(run := runs.find(call.home, entry.run)):
            remarks += standing.of_active(call.home, entry)
            continue
        checked[entry.run] = verified(call, entry, began)
        if isinstance(checked[entry.run], Verification):
            good.append(run)
    if call.arguments.dry_run:
        names = [entry.run for entry in active if entry]
        text = "\n".join([f"Would verify: {', '.join(names) or 'nothing'}.", *remarks])
        return Result({"status": "planned", "runs": names, "remarks": remarks}, text)
    app = app_results.settle(call.home, good)
    lines = [f"{name}: {in_words(found)}" for name, found in checked.items()]
    if not any(active):
        lines = ["No update is in use: Fae uses its original models."]
    lines += [*(found.says for found in app.values()), *remarks]
    data: dict[str, Any] = {"status": "checked"}
    data["runs"] = {name: asdict(found) for name, found in checked.items()}
    data["app"] = {slot: found.as_answer()["app"] for slot, found in app.items()}
    if remarks:
        data["remarks"] = remarks
    return Result(data, "\n".join(lines))


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--run", metavar="ID", help="a run's id (default: the one proposed last)")
    parser.add_argument("--kind", choices=list(KINDS), help="the newest run of this kind")
    parser.add_argument(
        "--code",
        metavar="CODE",
        help="the approval code of the proposal, in any spelling",
    )
    parser.add_argument(
        "--check", action="store_true", help="verify the active runs, and change nothing that works"
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
