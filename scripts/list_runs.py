# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "matplotlib>=3.10",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""List every run with its settings and result, compare some side by side, or write either as a page with plots.

    uv run scripts/list_runs.py
    uv run scripts/list_runs.py --compare latest        with the active run, else with the previous one
    uv run scripts/list_runs.py --compare sft-20261122-0914-k3 active
    uv run scripts/list_runs.py --html                  results/history.html, or the named file
    uv run scripts/list_runs.py --compare sft-20261122-0914-k3 latest --html loss-curves.html

Reads runs/*/run.json, train_metrics.json, evaluation.json, proposal_rejected.json and metrics.jsonl, active.json and
history.jsonl. Changes none of them.
"""

import json
from pathlib import Path

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import Missing
from fae_training.judgement.gate import PASS
from fae_training.judgement.plain_words import VERDICTS
from fae_training.lifecycle import first_steps, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.release import deployment, history, standing
from fae_training.release.history import Entry
from fae_training.store.state import write_text

NEWEST = 10
# Characters of JSON for the runs in an answer; the rest of its 2,000 is for the other fields.
ROOM = 1700
# Characters of a note or a reason in the answer.
LONGEST_NOTE = 60
DEFAULT_PAGE = Path()
LIST = "uv run scripts/list_runs.py"


def main(call: Call) -> Result:
    if call.arguments.compare:
        return compare(call, call.arguments.compare)
    found = history.entries(call.home, call.arguments.kind)
    if call.arguments.html is not None:
        return as_page(call, found)
    if not found:
        return Result(
            {
                "status": "no_run",
                "runs": [],
                "next": first_steps.of(call.home, call.arguments.kind),
            },
            "Nothing has been trained yet.",
        )
    header = ("run", "status", "preset", "steps", "validation", "result", "from")
    rows = [
        tuple(
            "" if cell is None else str(cell)
            for cell in (
                entry.run.id,
                entry.status,
                entry.preset,
                entry.steps,
                rounded(entry.best_value),
                outcome(entry),
                entry.descends_from,
            )
        )
        for entry in found
    ]
    used = [at for at in range(len(header)) if any(row[at] for row in rows)]
    text = table([tuple(row[at] for at in used) for row in (header, *rows)])
    text += "".join(f"\n{e.run.id}: {e.note}" for e in found if e.note)
    text += "".join(f"\n{e.run.id}: you rejected it: {e.rejected}" for e in found if e.rejected)
    changed = {e.run.id: why for e in found if (why := standing.of_run(e.run))}
    linked = standing.linked_runs(call.home)
    text = "\n".join(
        [
            text,
            *(f"{name}: {why.removeprefix(f'{name} ')}" for name, why in changed.items()),
            *linked,
        ]
    )
    # The newest runs have it in their own lines.
    older = [entry.run.id for entry in found[:-NEWEST]]
    remarks = [f"{name}: {changed[name]}" for name in older if name in changed] + linked
    room = ROOM - len(json.dumps(remarks))
    data = {"status": "listed", "count": len(found), "runs": newest(found, changed, room)}
    return Result(data | ({"remarks": remarks} if remarks else {}), text)


def newest(found: list[Entry], changed: dict[str, str], room: int) -> list[dict]:
    """The newest runs, one entry each, as many as fit into `room` characters of JSON; empty fields are left out."""
    lines: list[dict] = []
    for entry in found[: -NEWEST - 1 : -1]:
        line = {
            "run": entry.run.id,
            "status": entry.status,
            "preset": entry.preset,
            "steps": entry.steps,
            "best_value": rounded(entry.best_value),
            "verdict": entry.verdict,
            "active": "active" if entry.active else None,
            "rejected": entry.rejected and entry.rejected[:LONGEST_NOTE],
            "from": entry.descends_from,
            "note": entry.note and entry.note[:LONGEST_NOTE],
            "changed": changed.get(entry.run.id),
        }
        lines.append({name: value for name, value in line.items() if value is not None})
        if len(json.dumps(lines)) > room:
            return lines[:-1]
    return lines


def outcome(entry: Entry) -> str:
    """What happened to a run after its training, and its verdict unless it passed, which the rest tells."""
    happened = (
        (entry.active, "active"), (entry.rejected, "rejected"), (entry.deployed, "was active"), (entry.proposed, "proposed")
    )  # fmt: skip
    found = [word for holds, word in happened if holds][:1]
    if entry.verdict and (entry.verdict != PASS or not found):
        found.append(VERDICTS.get(entry.verdict, entry.verdict))
    return ", ".join(found)


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def as_page(call: Call, found: list[Entry]) -> Result:
    """Write the history as a page."""
    # Imported here: drawing is slow to load, and a plain list should be quick.
    from fae_training.pages.history_page import as_html

    page = page_of(call, "history.html")
    cache = call.home.directory("cache", "matplotlib")
    write_text(page, as_html(found, history.now_in_use(call.home), cache))
    data = {"status": "written", "count": len(found), "page": str(page)}
    return Result(data, f"The history of {counted(len(found), 'run')}: {page}")


def page_of(call: Call, default: str) -> Path:
    """The path of the page that --html asks for."""
    if call.arguments.html == DEFAULT_PAGE:
        return call.home.file("results", default)
    return call.arguments.html.absolute()


def compare(call: Call, names: list[str]) -> Result:
    """Settings and results of some runs, with their differences marked."""
    compared = [named(call, name) for name in names]
    if len(compared) < 2:
        compared.insert(0, counterpart(compared[0]))
    ids = [run.id for run in compared]
    details = [history.details(run) for run in compared]
    lines = {
        name: ["" if (value := one.get(name)) is None else str(value) for one in details]
        for name in dict.fromkeys(name for one in details for name in one)
    }
    differing = {name: values for name, values in lines.items() if len(set(values)) > 1}
    marked = [(f"{'*' if name in differing else ' '} {name}", *lines[name]) for name in lines]
    text = table([("", *ids), *marked]) + "\n* differs"
    data = {"status": "compared", "runs": ids, "differing": differing}
    if call.arguments.html is not None:
        # Imported here: drawing is slow to load.
        from fae_training.pages.comparison_page import as_html

        page, cache = page_of(call, "compared.html"), call.home.directory("cache", "matplotlib")
        write_text(page, as_html(compared, lines, differing, cache))
        data["page"] = str(page)
        text += f"\nPage with the loss curves: {page}"
    return Result(data, text)


def named(call: Call, name: str) -> runs.Run:
    """The run with an id, or of "latest" or "active". Raises Missing."""
    if name != "active":
        return runs.find(call.home, name, call.arguments.kind)
    kind = call.arguments.kind
    slots = {found.slot for found in KINDS.values() if kind in (None, found.name)}
    tops = [top for slot in slots if (top := deployment.current(call.home, slot))]
    if not tops:
        what = f"no run of kind {kind}" if kind else "no run"
        raise Missing("nothing_active", f"{what} is in use: Fae uses its original model", LIST)
    return runs.Run(call.home, max(tops, key=lambda top: top.number).run)


def counterpart(run: runs.Run) -> runs.Run:
    """The run to compare with: the active run of its slot, else the previous one. Raises Missing."""
    slot = KINDS[run.kind].slot
    active = deployment.current(run.home, slot)
    if active and active.run != run.id:
        return runs.Run(run.home, active.run)
    listed = [one for one in runs.all_runs(run.home) if KINDS[one.kind].slot == slot]
    at = [one.id for one in listed].index(run.id)
    others = listed[:at][-1:] or listed[at + 1 :]
    if not others:
        raise Missing("nothing_to_compare", f"{run.id} is the only run of its kind so far", LIST)
    return others[0]


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__)
    parser.add_argument("--kind", choices=list(KINDS), help="only runs of this kind")
    parser.add_argument(
        "--html",
        nargs="?",
        type=Path,
        const=DEFAULT_PAGE,
        metavar="FILE",
        help="write the history or the comparison as a page with plots (default: in results/)",
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        metavar="RUN",
        help="compare runs side by side: ids, latest or active",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
