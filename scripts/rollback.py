# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Roll back one step: the run that was active before the last deployment becomes active again.

    uv run scripts/rollback.py                   "undo the last learning update"
    uv run scripts/rollback.py --kind keyword    the last update of that kind

Works any number of times, down to the base model. A run that learned something you have since asked to forget is skipped.
Writes history.jsonl and active.json; deletes nothing.
Exit status: 3 there is nothing to roll back.
"""

from typing import Any

from fae_training.app import app_results
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.lifecycle import learned
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.release import deployment, standing


def main(call: Call) -> Result:
    kind = call.arguments.kind
    slot = KINDS[kind].slot if kind else deployment.newest(call.home).slot
    if call.arguments.dry_run:
        name = deployment.newest(call.home, slot).run
        return Result(
            {"status": "planned", "slot": slot, "would_undo": name}, f"Would undo {name}."
        )
    in_app = app_results.withdraw_newest(call.home, slot)
    was, active = deployment.rollback(call.home, slot, "you asked for it")
    left = [was.run]
    # Skip runs that learned something that is to be forgotten.
    while active and learned.why_not(Run(call.home, active.run)):
        left.append(active.run)
        in_app = app_results.withdraw_newest(call.home, slot)
        _, active = deployment.rollback(call.home, slot, "learned what was forgotten")
    name = active.run if active else "the original model"
    data: dict[str, Any] = {
        "status": "rolled_back",
        "slot": slot,
        "undone": was.run,
        "active": name,
    }
    text = f"{was.run} is no longer in use; {name} is. Nothing was deleted."
    if len(left) > 1:
        data["left_too"] = left[1:]
        text += f"\nAlso skipped, because it learned something that you asked to forget: {', '.join(left[1:])}."
    if in_app:
        data |= in_app.as_answer()
        text += f"\n{in_app.says}"
    if active and (remarks := standing.of_active(call.home, active)):
        data["remarks"] = remarks
        text = "\n".join([text, *remarks])
    return Result(data, text)


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--kind", choices=list(KINDS), help="undo the last update of this kind")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
