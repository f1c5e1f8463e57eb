# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Evaluate a trained run: is it better than the current model, on data that it has not seen?

    uv run scripts/evaluate.py                   the newest run
    uv run scripts/evaluate.py --rescore         measure again, against the currently deployed model

Reads runs/<run>/train_metrics.json, which has the scores of candidate, current and base model on the same held-out data,
and writes evaluation.json. Without that file it reads metrics.jsonl, or else the log; these show progress but no
comparison, so such a run never passes. Exit status: 0 pass, 3 fail or not enough evidence, 4 nothing to judge.
"""

from typing import Any

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import Cancelled, Missing, Refused
from fae_training.judgement import alternative, benchmark, evaluation, plain_words
from fae_training.judgement.benchmark import Benchmark
from fae_training.judgement.evaluation import Evaluation
from fae_training.judgement.gate import PASS
from fae_training.lifecycle import next_steps, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.results import scored
from fae_training.release import rejection, standing
from fae_training.store import consent


def main(call: Call) -> Result:
    run = runs.find(call.home, call.arguments.run or "latest", call.arguments.kind)
    status = run.status()
    if status in runs.ACTIVE:
        raise Refused(
            "still_running",
            f"{run.id} is still running ({status}); it can be evaluated when it has ended",
            "uv run scripts/check_status.py --follow",
        )
    if call.arguments.dry_run:
        return planned(call, run)
    measured_again = rescore(call, run) if call.arguments.rescore else None
    return answer(call, run, evaluation.make(run, measured_again))


def planned(call: Call, run: runs.Run) -> Result:
    """The result of --dry-run, from existing measurements. The look is not counted."""
    if call.arguments.rescore:
        text = f"Would measure {run.id} again, against the current model."
        return Result({"status": "planned", "run": run.id}, text)
    found = evaluation.judged(run)
    reasons = " ".join(plain_words.of_decision(found.decision))
    text = f"Would evaluate {run.id}: it is {plain_words.of_verdict(found.verdict)}. {reasons}"
    return Result({"status": "planned", "run": run.id, "verdict": found.verdict}, text)


def rescore(call: Call, run: runs.Run) -> Benchmark:
    """Score again in a fresh process, under the lock."""
    consent.require(call.home, *KINDS[run.kind].consents)
    if run.result() is None:
        raise Missing(
            "nothing_to_score",
            f"{run.id} has not been trained to its end, so there is nothing to measure",
            f"to go on with the training: {KINDS[run.kind].command(f'--resume {run.id}')}",
        )
    run.take_stopped()
    marker = run.file("cancel")
    with runs.locked(call.home, run.id) as lock:
        marker.unlink(missing_ok=True)  # left by the training; the scoring can be cancelled too
        try:
            # The process holds the lock itself, so that nothing else can start if only this script is killed.
            return scored(run, lock=lock)
        except (Cancelled, KeyboardInterrupt):
            marker.unlink(missing_ok=True)
            raise Cancelled(f"uv run scripts/evaluate.py --run {run.id} --rescore") from None


def answer(call: Call, run: runs.Run, found: Evaluation) -> Result:
    decision, reasons = found.decision, plain_words.of_decision(found.decision)
    data: dict[str, Any] = {
        "status": "evaluated",
        "run": run.id,
        "kind": run.kind,
        "verdict": found.verdict,
        "score": decision.score,
        "previous_score": decision.previous_score,
        "look": decision.look,
        "source": found.source,
        "reasons": list(reasons),
        "figures": list(found.figures),
        "costs": list(found.costs),
        "notes": list(found.notes),
    }
    measured = benchmark.of_run(run)
    remedy = measured.remedy if measured and found.verdict != PASS else ""
    other = alternative.of(run, measured)
    if other:
        data["without_training"] = {"says": other.sentence, "as_good": other.as_good}
    if changed := standing.of_run(run):
        changed += ", so the earlier proposal is no longer valid"
        data["remarks"] = [changed]
    if call.arguments.last_benchmark_score not in (None, "none"):
        data["last_benchmark_score"] = call.arguments.last_benchmark_score
    data |= {
        "recommendation": "upgrade" if found.verdict == PASS else "skip",
        "evaluation": str(run.file(evaluation.FILE)),
    }
    if (loss := (run.result() or {}).get("loss")) is not None:
        data["final_training_loss"] = loss
    # Fae's nightly loop takes a path to mean that training succeeded.
    if run.status() == "completed" and run.file(runs.ADAPTERS).is_dir():
        data["adapter_path"] = str(run.file(runs.ADAPTERS))
    lines = [f"{run.id} is {plain_words.of_verdict(found.verdict)}."]
    notes = map(plain_words.as_sentence, found.notes)
    lines += [f"  {line}" for line in (*reasons, *found.figures, *found.costs, *notes)]
    lines += [f"  {other.sentence}", f"    ({other.figures})"] if other else []
    lines += data.get("remarks", [])
    data["next"] = next_steps.after_judgement(run, found)
    if (data["next"] or "").startswith("deploy.py"):
        data["say"] = f"{plain_words.in_one_sentence(decision)} {calling.APPROVES}"
    if found.verdict == PASS and (refusal := rejection.standing(run)):
        lines.append(f"You rejected it {refusal.in_words}.")
        data["rejected"] = refusal.reason
    elif found.verdict == PASS and (undid := rejection.undone(run)):
        lines.append(f"It passes, but {undid}.")
        data["rolled_back"] = undid
    elif found.verdict != PASS:
        data["what_helps"] = remedy or what_helps(run, data["next"])
        lines.append(f"Fae stays as it is. {data['what_helps']}")
    status = 0 if found.verdict == PASS else Refused.exit_status
    return Result(data, "\n".join(lines), exit_status=status)


def what_helps(run: runs.Run, following: str | None) -> str:
    """What the person can do after a run that did not pass."""
    preset = str(run.settings.get("preset"))
    if preset == "smoke":
        return (
            "The preset smoke only shows that training works: it makes too few steps to be recommended. "
            "Train with light, and if that does not show an improvement, with standard."
        )
    if following and "--suite" in following:
        return (
            f"It was judged by too few tasks (--suite {run.settings['suite']}) to see whether an ability was lost. "
            "Train with the full suite."
        )
    if following and "--preset" in following:
        names = [*KINDS[run.kind].presets]
        after = following.split("--preset ")[1].split()[0]
        larger = names.index(after) > names.index(preset)
        how = "trains longer, and may show an improvement" if larger else "changes less"
        return f"The preset {after} {how}; more conversations or corrections help most."
    if following and "--rescore" in following:
        return "Measure it again, against the model that is in use now."
    return "More training data helps most, and also gives more data to judge by."


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--run", metavar="ID", help="a run's id, or 'latest' (default)")
    parser.add_argument("--kind", choices=list(KINDS), help="the newest run of this kind")
    parser.add_argument("--rescore", action="store_true", help="measure again in a fresh process")
    parser.add_argument(
        "--last-benchmark-score",
        metavar="X",
        help="an earlier score, or 'none'; it is repeated next to the new one",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
