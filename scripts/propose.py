# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "matplotlib>=3.10",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Write the proposal for the person: what was learned, the results, examples, and how to approve or undo it.

    uv run scripts/propose.py
    uv run scripts/propose.py --reject "too short answers"     record that the person rejected it, and why

Reads evaluation.json and train_metrics.json of a run, and writes proposal.json, proposal.md and proposal.html beside
them. The approval code is only in the two that people read, and in no answer. A rejection invalidates the code and is
recorded in proposal_rejected.json; a rejected run is proposed again only if --run names it. Exit status: 3 the run did
not pass its evaluation, was rejected, or is already in use and cannot be rejected; 4 there is no proposal to reject.
"""

from dataclasses import asdict

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import Refused
from fae_training.judgement import benchmark, evaluation, plain_words
from fae_training.lifecycle import learned, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.pages.proposal_page import as_html, as_markdown
from fae_training.release import approval, deployment, rejection
from fae_training.release.proposal import Proposal, build, newest_proposed, spoken
from fae_training.store.transactions import changing


def main(call: Call) -> Result:
    asked, kind = call.arguments.run, call.arguments.kind
    if call.arguments.reject is not None:
        newest = None if asked else newest_proposed(call.home, kind)
        return rejected(call, newest or runs.find(call.home, asked, kind))
    run = runs.find(call.home, asked, kind)
    if asked in (None, "latest"):
        rejection.require_none(run)
    active = deployment.current(call.home, KINDS[run.kind].slot)
    if active and active.run == run.id:
        learned.require_unmarked(run)
        return in_use(run, active)
    if run.status() in runs.ENDED:
        run.has_released_lock(runs.LAST_WORD_S)
    if call.arguments.dry_run:
        proposal = proposed(run)
        data = {"status": "planned"} | summary(proposal)
        return Result(data, as_markdown(proposal, ""))
    proposal, code = proposed(run), approval.new_code()
    # Drawing takes seconds, during which the state must not be locked.
    page = as_html(proposal, code, call.home.directory("cache", "matplotlib"))
    # One change: the code on the page is the valid one, for what the page shows.
    with changing(call.home) as change:
        run.refresh()
        if proposed(run) != proposal:
            raise Refused(
                "changed_since",
                f"{run.id} or the current model changed while the proposal was being written",
                f"uv run scripts/propose.py --run {run.id}",
            )
        approval.keep(change, run, code)
        change.write_text(run.file("proposal.md"), as_markdown(proposal, code))
        change.write_text(run.file("proposal.html"), page)
        change.write(run.file("proposal.json"), asdict(proposal))
    data = {"status": "proposed"} | summary(proposal)
    data |= {
        "examples": [asdict(example) for example in proposal.examples[:1]],
        "proposal": str(run.file("proposal.html")),
        "approval": "only the person can approve; if they reject it, call propose with reject and the reason in their words",
    }
    text = f"{as_markdown(proposal, '')}\nThe page, with your approval code: {run.file('proposal.html')}"
    return Result(data | {"next": f"deploy.py --run {run.id}"}, text)


def proposed(run: runs.Run) -> Proposal:
    """The proposal of a run that has ended and passed."""
    if (status := run.status()) in runs.ACTIVE or run.is_alive():
        raise Refused(
            "still_running",
            f"{run.id} is still running ({status}); it can be proposed when it has ended",
            "uv run scripts/check_status.py --follow",
        )
    judged, measured = evaluation.require_pass(run), benchmark.of_run(run)
    assert measured is not None  # a run without measurements does not pass
    return build(run, judged, measured)


def in_use(run: runs.Run, active: deployment.Deployment) -> Result:
    """What changed with a run that was approved already; no new code is made."""
    judged = evaluation.read(run)
    page = run.file("proposal.html")
    results = plain_words.of_decision(judged.decision) if judged else ()
    says = f"This update has been in use since {active.since[:10]}."
    if judged:
        says += f" {plain_words.in_one_sentence(judged.decision)}"
    data = {"status": "in_use", "run": run.id, "kind": run.kind, "since": active.since, "say": says}
    data |= {"results": list(results), "next": None}
    lines = [f"{run.id}: {says}", *(f"  {line}" for line in results)]
    if page.is_file():
        data["proposal"] = str(page)
        lines.append(f"Its proposal: {page}")
    undo = f"uv run scripts/rollback.py --kind {run.kind}"
    return Result(
        data | {"hint": f"to undo it: {undo}"}, "\n".join([*lines, f"To undo it: {undo}"])
    )


def summary(proposal: Proposal) -> dict:
    """The part of the proposal that fits into an answer."""
    refusal = proposal.rejected_before
    earlier = {"earlier_no": {"run": refusal.run, "reason": refusal.reason}} if refusal else {}
    return earlier | {
        "run": proposal.run,
        "kind": proposal.kind,
        "say": spoken(proposal),
        "verdict": proposal.verdict,
        "results": [
            plain_words.of_comparison(one).sentence
            for one in plain_words.reported(proposal.decision)
        ],
        "replaces": proposal.replaces or "the original model",
    }


def rejected(call: Call, run: runs.Run) -> Result:
    """Record the person's rejection."""
    if call.arguments.dry_run:
        return Result(
            {"status": "planned", "run": run.id}, f"Would record that {run.id} was rejected."
        )
    return rejection.answer(run, rejection.keep(run, call.arguments.reject))


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--run", metavar="ID", help="a run's id, or 'latest' (default)")
    parser.add_argument("--kind", choices=list(KINDS), help="the newest run of this kind")
    parser.add_argument(
        "--reject",
        nargs="?",
        const=rejection.NO_REASON,
        metavar="REASON",
        help="record the person's rejection and reason, of --run or the newest proposal",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
