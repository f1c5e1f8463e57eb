# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Judge a trained run: is it at least as good as what runs now, on what it never saw?

    uv run scripts/evaluate.py                   the newest run
    uv run scripts/evaluate.py --rescore         measure again, against what is deployed now

Reads runs/<run>/train_metrics.json, where the run's own scoring put candidate, current and base on the same
held-out data, and writes evaluation.json. A run without it is judged by its log, which can show progress but
not a comparison: never a pass. Exit status: 0 pass, 3 fail or not enough evidence, 4 nothing to judge.
"""

import re

from fae_training import calling, consent, runs
from fae_training.calling import Call, Result
from fae_training.deployment import check_unchanged, compared_with_another
from fae_training.errors import Cancelled, Missing, Refused
from fae_training.gate import decide
from fae_training.kinds import KINDS
from fae_training.results import scored
from fae_training.state import now, write_json

# "Iter 20: Val loss 2.1", as mlx-lm prints it, and "step=20 ... val_loss=2.1", as our worker does.
LOG_LINE = re.compile(r"(?:Iter (\d+): Val loss|step=(\d+).*?\bval_loss=)\s*([0-9.]+)")


def main(call: Call) -> Result:
    run = runs.find(call.home, call.arguments.run or "latest", call.arguments.kind)
    status = run.status()
    if status in runs.ACTIVE:
        raise Refused(
            "still_running",
            f"{run.id} is still going on ({status}); it can be judged when it has ended",
            "uv run scripts/check_status.py --follow",
        )
    if call.arguments.rescore:
        rescore(call, run)
    benchmark = (run.result() or {}).get("benchmark")
    if benchmark:
        source, decided = "train_metrics.json", decide(benchmark)
        held_out = benchmark["held_out"]
        check_unchanged(run, benchmark["fingerprint"])
        if stale := compared_with_another(run, benchmark):
            decided["verdict"], decided["proven_better"] = "not_enough_evidence", False
            decided["reasons"].append(stale)
    else:
        source, decided, held_out = "train.log", from_log(run), {"count": 0, "what": "items"}
    evaluation = {
        "run": run.id,
        "kind": run.kind,
        "evaluated_at": now(),
        "source": source,
        "held_out": held_out,
    } | decided
    evaluation["fingerprint"] = benchmark["fingerprint"] if benchmark else None
    evaluation["notes"] = benchmark.get("notes", []) if benchmark else []
    write_json(run.file("evaluation.json"), evaluation)
    return answer(call, run, evaluation)


def rescore(call: Call, run: runs.Run) -> None:
    """Score again in a fresh process, under the lock."""
    consent.require(call.home, KINDS[run.kind].consent)
    result = run.result()
    if result is None:
        raise Missing(
            "nothing_to_score",
            f"{run.id} has no result to score",
            KINDS[run.kind].command(f"--resume {run.id}"),
        )
    marker = run.file("cancel")
    with runs.locked(call.home, run.id) as lock:
        marker.unlink(missing_ok=True)  # of the training; this can be cancelled too
        try:
            # The process holds the lock itself: nothing else may start when this script alone is killed.
            result["benchmark"] = scored(run, lock=lock)
        except (Cancelled, KeyboardInterrupt):
            marker.unlink(missing_ok=True)
            raise Cancelled(f"uv run scripts/evaluate.py --run {run.id} --rescore") from None
    write_json(run.file("train_metrics.json"), result)


def from_log(run: runs.Run) -> dict:
    """What the log of a run that never wrote its result can tell: whether its held-out loss fell."""
    log = run.file("train.log")
    found = (
        LOG_LINE.findall(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else []
    )
    values = [(int(a or b), float(loss)) for a, b, loss in found]
    if not values:
        raise Missing(
            "nothing_to_judge",
            f"{run.id} has neither train_metrics.json nor a held-out loss in {log}",
            KINDS[run.kind].command(f"--resume {run.id}"),
        )
    best_step, best = min(values, key=lambda value: value[1])
    reason = f"read from the log: held-out loss {values[0][1]:.3f} at step {values[0][0]}, best {best:.3f} at step {best_step}; nothing was compared with the current model"
    if run.result() is not None:
        reason += "; --rescore does it"
    return {
        "verdict": "not_enough_evidence",
        "proven_better": False,
        "reasons": [reason],
        "measures": [],
    }


def answer(call: Call, run: runs.Run, evaluation: dict) -> Result:
    verdict, gated = (
        evaluation["verdict"],
        [m for m in evaluation["measures"] if m["gate"] != "report"],
    )
    names = ("run", "kind", "verdict", "proven_better", "source", "held_out", "reasons", "notes")
    data = {"status": "evaluated"} | {name: evaluation[name] for name in names}
    data |= {
        "score": gated[0]["candidate"] if gated else None,
        "previous_score": gated[0]["current"] if gated else None,
    }
    if call.arguments.last_benchmark_score not in (None, "none"):
        data["last_benchmark_score"] = call.arguments.last_benchmark_score
    data |= {
        "recommendation": "upgrade" if verdict == "pass" else "skip",
        "evaluation": str(run.file("evaluation.json")),
    }
    lines = [
        f"{run.id}: {verdict.replace('_', ' ')} (from {evaluation['source']}, {evaluation['held_out']['count']} held-out {evaluation['held_out']['what']})"
    ]
    lines += [f"  {reason}" for reason in evaluation["reasons"] + evaluation["notes"]]
    if verdict == "pass":
        data["next"] = f"propose.py --run {run.id}"
    elif evaluation["fingerprint"] is None and run.result() is not None:
        data["next"] = f"evaluate.py --run {run.id} --rescore"
    if "next" in data:
        lines.append(f"Next: uv run scripts/{data['next']}")
    return Result(
        data, "\n".join(lines), exit_status=0 if verdict == "pass" else Refused.exit_status
    )


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__)
    parser.add_argument("--run", metavar="ID", help="a run's id, or 'latest' (default)")
    parser.add_argument("--kind", choices=list(KINDS), help="the newest run of this kind")
    parser.add_argument("--rescore", action="store_true", help="measure again in a fresh process")
    parser.add_argument(
        "--last-benchmark-score",
        metavar="X",
        help="an earlier score, or 'none'; it is repeated beside the new one",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
