# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Write the proposal for the person: what was learned, how it did, examples, and how to say yes or go back.

    uv run scripts/propose.py

Reads evaluation.json and train_metrics.json of a run, writes proposal.json, proposal.md and proposal.html beside
them. A person at the terminal sees the proposal with its approval code; Fae gets the summary, for the code is the
person's yes and stands only in the proposal. Exit status: 3 when the run did not pass its evaluation.
"""

from dataclasses import asdict

from fae_training import approval, benchmark, calling, evaluation, runs
from fae_training.calling import Call, Result
from fae_training.deployment import current
from fae_training.errors import Refused
from fae_training.kinds import KINDS
from fae_training.proposal import as_html, as_markdown, build
from fae_training.transactions import changing


def main(call: Call) -> Result:
    run = runs.find(call.home, call.arguments.run or "latest", call.arguments.kind)
    # One step: the code on the page is the one that counts, for what the page shows.
    with changing(call.home) as change:
        if (status := run.status()) in runs.ACTIVE or run.is_alive():
            raise Refused(
                "still_running",
                f"{run.id} is still worked on ({status}); it can be proposed when that has ended",
                "uv run scripts/check_status.py --follow",
            )
        found = evaluation.require_pass(run)
        active = current(call.home, KINDS[run.kind].slot)
        proposal = build(run, found, benchmark.of_run(run), active and asdict(active))
        code = approval.new(change, run)
        text = as_markdown(proposal, code)
        change.write_text(run.file("proposal.md"), text)
        change.write_text(run.file("proposal.html"), as_html(proposal, code))
        change.write(run.file("proposal.json"), asdict(proposal))
    data = {
        "status": "proposed",
        "run": run.id,
        "kind": run.kind,
        "title": proposal.title,
        "advice": proposal.advice,
    }
    data |= {
        "results": list(proposal.decision.reasons),
        "replaces": proposal.replaces,
        "examples": [asdict(example) for example in proposal.examples[:1]],
    }
    data |= {
        "proposal": str(run.file("proposal.html")),
        "approval": "the person reads the code in the proposal and says it",
    }
    return Result(data | {"next": f"deploy.py --run {run.id} --code CODE"}, text)


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__)
    parser.add_argument("--run", metavar="ID", help="a run's id, or 'latest' (default)")
    parser.add_argument("--kind", choices=list(KINDS), help="the newest run of this kind")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
