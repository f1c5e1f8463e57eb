# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""List every run with its settings and result, or put two side by side.

    uv run scripts/list_runs.py
    uv run scripts/list_runs.py --compare sft-20261122-0914-k3 latest

Reads runs/*/run.json, train_metrics.json and evaluation.json, and active.json. Changes nothing.
"""

from fae_training import benchmark, calling, evaluation, runs, standing
from fae_training.calling import Call, Result
from fae_training.deployment import current
from fae_training.kinds import KINDS
from fae_training.progress import seconds_taken

NEWEST = 10


def main(call: Call) -> Result:
    if call.arguments.compare:
        return compare(call)
    entries = [entry(run) for run in runs.all_runs(call.home, call.arguments.kind)]
    if not entries:
        return Result(
            {"status": "no_run", "runs": []},
            "Nothing was trained yet.\nNext: uv run scripts/train.py --preset light",
        )
    header = ("run", "status", "preset", "steps", "best held-out", "verdict", "active")
    rows = [
        tuple(
            "" if e[n] is None else str(e[n])
            for n in ("run", "status", "preset", "steps", "best_value", "verdict", "active")
        )
        for e in entries
    ]
    remarks = [f"{e['run']}: {e['changed']}" for e in entries if "changed" in e]
    remarks += standing.linked_runs(call.home)
    data = {"status": "listed", "count": len(entries), "runs": entries[-NEWEST:][::-1]}
    data |= {"remarks": remarks} if remarks else {}
    return Result(data, "\n".join([table([header, *rows]), *remarks]))


def entry(run: runs.Run) -> dict:
    """One run in a line."""
    result, judged = run.result() or {}, evaluation.read(run)
    active = current(run.home, KINDS[run.kind].slot)
    changed = standing.of_run(run)
    best = result.get("best_value")
    return {
        "run": run.id,
        "status": run.status(),
        "preset": run.settings.get("preset"),
        "steps": result.get("steps_done"),
        "best_value": None if best is None else round(best, 4),
        "verdict": judged and judged.verdict,
        "active": "active" if active and active.run == run.id else None,
    } | ({"changed": changed} if changed else {})


def compare(call: Call) -> Result:
    """Settings and results of two runs, each where they differ and in what they agree."""
    first, second = (
        runs.find(call.home, name, call.arguments.kind) for name in call.arguments.compare
    )
    details = [everything(first), everything(second)]
    names = list(dict.fromkeys([*details[0], *details[1]]))
    lines = [(name, str(details[0].get(name, "")), str(details[1].get(name, ""))) for name in names]
    marked = [(f"{'*' if a != b else ' '} {name}", a, b) for name, a, b in lines]
    differing = {name: [a, b] for name, a, b in lines if a != b}
    text = table([("", first.id, second.id), *marked]) + "\n* differs"
    return Result(
        {"status": "compared", "runs": [first.id, second.id], "differing": differing}, text
    )


def everything(run: runs.Run) -> dict:
    """Settings and results under flat names."""
    result = run.result() or {}
    flat = {
        "status": run.status(),
        "model": (run.record.get("model") or {}).get("id"),
        "data": run.record.get("data_fingerprint"),
    }
    flat |= {f"setting {name}": value for name, value in run.settings.items()}
    for name in (
        "steps_done",
        "best_step",
        "best_value",
        "loss",
        "tokens_per_s",
        "peak_memory_gb",
    ):
        value = result.get(name)
        flat[name] = round(value, 4) if isinstance(value, float) else value
    flat["seconds"] = seconds_taken(result)
    measured, judged = benchmark.of_run(run), evaluation.read(run)
    for measure in measured.measures if measured else ():
        if measure.candidate:
            mean = sum(measure.candidate) / len(measure.candidate)
            flat[f"measured {measure.name}"] = round(mean, 4)
    return flat | {"verdict": judged and judged.verdict}


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__)
    parser.add_argument("--kind", choices=list(KINDS), help="only runs of this kind")
    parser.add_argument("--compare", nargs=2, metavar="RUN", help="two runs side by side")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
