# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Make a trained run the one that Fae uses. Needs the approval code of its proposal.

    uv run scripts/deploy.py --code ABC-DEF
    uv run scripts/deploy.py --check             load what is active again and go back if it does not work

Writes history.jsonl and active.json; what was active stays on disk. Afterwards a fresh process loads the adapter and
compares its output with the base model's; an adapter that does not load, or changes nothing, is taken back at once.
Exit status: 3 without a valid code, after a failed gate, or when the files changed since; 6 when it was taken back.
"""

from dataclasses import asdict

from fae_training import app_results, calling, evaluation, runs
from fae_training.calling import Call, Result
from fae_training.deployment import (
    check_approval,
    current,
    current_run,
    deploy,
    rollback,
    use_approval,
)
from fae_training.errors import Failed, SkillError, command_line
from fae_training.kinds import KINDS
from fae_training.proposal import newest_proposed
from fae_training.results import Verification, verify

# Fae waits 30 s for everything; a person may wait for a large model.
PATIENCE_S = {"fae": 18, "program": 600, "person": 600}


def main(call: Call) -> Result:
    if call.arguments.check:
        return check_active(call)
    asked, kind = call.arguments.run, call.arguments.kind
    run = (None if asked else newest_proposed(call.home, kind)) or runs.find(call.home, asked, kind)
    evaluation.require_pass(run)
    approval = check_approval(run, call.arguments.code)
    if call.arguments.dry_run:
        return Result({"status": "planned", "run": run.id}, f"Would make {run.id} active.")
    use_approval(run, approval)
    replaced = deploy(call.home, run)
    data = {
        "status": "deployed",
        "run": run.id,
        "kind": run.kind,
        "fingerprint": approval["fingerprint"],
    }
    data |= {
        "replaced": replaced["run"] if replaced else "the base model",
        "undo": f"rollback.py --kind {run.kind}",
    }
    data["verification"] = verified(call, run)
    text = f"{run.id} is active in place of {data['replaced']}.\n{in_words(data['verification'])}"
    if not data["verification"].get("pending"):
        in_app = app_results.publish_or_undo(call.home, run)
        data |= in_app.as_answer()
        text += f"\n{in_app.says}"
    return Result(data, f"{text}\nGo back: uv run scripts/{data['undo']}")


def verified(call: Call, run: runs.Run) -> dict:
    """Load the adapter in a fresh process. Goes back and raises Failed when it does not load or changes nothing."""
    try:
        found = verify(run, PATIENCE_S[call.caller])
    except SkillError as error:
        found = Verification(False, False, why=error.message)
    if found is None:
        return {"pending": True}
    if not found.good:
        app_results.withdraw_newest(call.home, KINDS[run.kind].slot)
        _, now_active = rollback(call.home, KINDS[run.kind].slot, f"verification failed: {found}")
        why = "changes nothing" if found.loads else f"does not load ({found.why or 'see its log'})"
        raise Failed(
            "taken_back",
            f"{run.id} {why}; it was taken back and {now_active['run'] if now_active else 'the base model'} is active",
            command_line("tail", "-n", 40, run.file("train.log")),
        )
    return asdict(found)


def in_words(verification: dict) -> str:
    if verification.get("pending"):
        return "Its check takes longer than this call may; look again: uv run scripts/deploy.py --check"
    return "A fresh process loaded it and its output differs from the base model's."


def check_active(call: Call) -> Result:
    """Verify every active run, or those of --kind."""
    slots = sorted(
        {kind.slot for kind in KINDS.values() if call.arguments.kind in (None, kind.name)}
    )
    checked, good = {}, []
    for slot in slots:
        if (entry := current(call.home, slot)) and (run := current_run(call.home, slot)):
            checked[entry["run"]] = verified(call, run)
            good += [] if checked[entry["run"]].get("pending") else [run]
    app = app_results.settle(call.home, good)
    lines = [f"{name}: {in_words(found)}" for name, found in checked.items()]
    lines = (lines or ["Every model is the base model."]) + [found.says for found in app.values()]
    data = {"status": "checked", "runs": checked}
    data["app"] = {slot: found.as_answer()["app"] for slot, found in app.items()}
    return Result(data, "\n".join(lines))


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--run", metavar="ID", help="a run's id (default: the one proposed last)")
    parser.add_argument("--kind", choices=list(KINDS), help="the newest run of this kind")
    parser.add_argument(
        "--code", metavar="CODE", help="the approval code at the end of the proposal"
    )
    parser.add_argument(
        "--check", action="store_true", help="verify what is active and change nothing that works"
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
