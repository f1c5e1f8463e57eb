# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Train with each combination of a grid of settings, one run after the other, and report the best.

    uv run scripts/experiment.py sweep --grid learning_rate=1e-5,3e-5,1e-4 --grid rank=8,32 --preset light
    uv run scripts/experiment.py sweep --resume latest      resume one that was stopped or killed
    uv run scripts/experiment.py show                       progress of the newest one

The best run has the lowest loss on the validation rows. Each run counts as one look at the test rows, so the more
combinations are tried, the stronger the evidence has to be. Writes experiments/<id>.json; each run is an ordinary run of
the kind's script, with its place in the grid as a note. Ctrl-C stops the run and the sweep. Called by Fae, or with
--detach, it answers at once. Exit status: 2 unknown setting or value, 5 another sweep; else as the kind's script.
"""

import argparse
from typing import Any

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest, Cancelled
from fae_training.judgement import plain_words
from fae_training.judgement.gate import PASS
from fae_training.lifecycle import experiments
from fae_training.lifecycle.experiments import Experiment
from fae_training.lifecycle.kinds import DEFAULT_PRESET, KINDS
from fae_training.lifecycle.progress import follow
from fae_training.lifecycle.runs import Run, find
from fae_training.store import consent


def main(call: Call) -> Result:
    if call.arguments.action != "sweep":
        return answer(call, experiments.find(call.home, call.arguments.resume or "latest"))
    if call.arguments.resume:
        refuse_with_resume(call)
        experiment = experiments.find(call.home, call.arguments.resume)
    else:
        experiment = planned(call)
    if call.arguments.dry_run:
        return plan(experiment)
    experiments.keep(call.home, experiment)
    detached = call.caller != "person" or call.arguments.detach
    if detached and not call.arguments.worker:
        # Otherwise only the log would tell.
        consent.require(call.home, *KINDS[experiment.kind].consents)
        with experiments.sweeping(call.home, experiment.id):
            pass  # raises Busy while another one is running
        pid = experiments.start(call.home, experiment)
        data = {"status": "started", "experiment": experiment.id, "pid": pid}
        data |= {"runs": len(experiment.cells), "next": "experiment.py show"}
        text = f"{experiment.id} has started: {counted(len(experiment.cells), 'run')}, one after the other."
        return Result(data, text)
    with experiments.sweeping(call.home, experiment.id):
        experiment = experiments.sweep(call.home, experiment, watcher(call, experiment))
        experiments.judge(call.home, experiments.outcomes(call.home, experiment))
    return answer(call, experiment)


def planned(call: Call) -> Experiment:
    """A new experiment from the call's arguments."""
    kind = KINDS[call.arguments.kind or "sft"]
    if not call.arguments.grid:
        raise BadRequest(
            "no_grid",
            "no grid was given, expected at least one --grid KEY=VALUE,VALUE",
            "for example: uv run scripts/experiment.py sweep --grid learning_rate=1e-5,3e-5 --grid rank=8,32",
        )
    common = []
    for name in ("preset", "model"):
        if value := getattr(call.arguments, name):
            common += [f"--{name}", value]
    if call.arguments.like:
        common += ["--like", find(call.home, call.arguments.like, kind.name).id]
    for text in call.arguments.set or ():
        common += ["--set", text]
    return experiments.plan(call.home, kind, call.arguments.grid, common)


def refuse_with_resume(call: Call) -> None:
    """Raises BadRequest for options that cannot be combined with --resume."""
    own = ("grid", "set", "preset", "model", "like", "kind")
    if extra := [name for name in own if getattr(call.arguments, name) is not None]:
        raise BadRequest(
            "settings_with_resume",
            f"{', '.join(extra)} cannot be changed: a sweep resumes with its own grid",
            f"uv run scripts/experiment.py sweep --resume {call.arguments.resume}",
        )


def plan(experiment: Experiment) -> Result:
    cells = [" ".join(cell.settings) for cell in experiment.cells]
    common = " ".join(experiment.arguments) or f"--preset {DEFAULT_PRESET}"
    lines = [f"{counted(len(cells), 'run')} of {KINDS[experiment.kind].script} {common}:"]
    text = "\n".join([*lines, *(f"  {cell}" for cell in cells)])
    return Result({"status": "planned", "kind": experiment.kind, "runs": cells}, text)


def watcher(call: Call, experiment: Experiment):
    """watch(run, number) for experiments.sweep, which shows a person the progress of each run."""

    def watch(run: Run, number: int) -> None:
        call.show_progress(f"{run.id}, {number + 1} of {len(experiment.cells)}: {' '.join(experiment.cells[number].settings)}")  # fmt: skip
        try:
            if call.caller == "person":
                follow(run)
            experiments.wait_for(run)
        except KeyboardInterrupt:
            call.show_progress("\nstopping ...")
            run.request_stop()
            experiments.wait_for(run)
            raise Cancelled(
                f"uv run scripts/experiment.py sweep --resume {experiment.id}"
            ) from None

    return watch


def answer(call: Call, experiment: Experiment) -> Result:
    """An experiment's progress, its best run, and the evaluation of that run."""
    found = experiments.outcomes(call.home, experiment)
    chosen, running = experiments.best(found), experiments.is_running(call.home, experiment.id)
    ended = all(one.status in ("completed", "failed") for one in found)
    status = (
        "sweeping" if running and not call.arguments.worker else "swept" if ended else "stopped"
    )
    lines = [f"{experiment.id}: {status}"]
    for one in found:
        value = "" if one.value is None else f"  {one.value:.4f}"
        mark = "*" if one is chosen else " "
        lines.append(
            f"{mark} {' '.join(one.cell.settings)}: {one.cell.run or ''} {one.status}{value}"
        )
        lines += [f"    {one.cell.error}"] if one.cell.error else []
    data: dict[str, Any] = {"status": status, "experiment": experiment.id, "kind": experiment.kind}
    data["runs"] = [
        {"set": " ".join(one.cell.settings), "run": one.cell.run, "status": one.status}
        | ({} if one.value is None else {"value": round(one.value, 4)})
        for one in found
    ]
    remarks = experiments.remarks(call.home, found)
    if status == "stopped":
        again = f"uv run scripts/experiment.py sweep --resume {experiment.id}"
        data |= {"next": None, "hint": again}
        if why := experiments.why_stopped(call.home, experiment):
            data["why"] = why
            lines.append(f"It stopped: {why}")
        lines.append(f"To go on with it: {again}")
    elif status == "sweeping" or chosen is None:
        data["next"] = "experiment.py show" if status == "sweeping" else "check_status.py"
    else:
        judged = experiments.judge(call.home, found)
        data["best"] = chosen.cell.run
        lines.append("* the lowest loss on the validation rows")
        if judged:
            look = judged.decision.look
            data |= {"verdict": judged.verdict, "look": look}
            lines.append(
                f"{chosen.cell.run} is {plain_words.of_verdict(judged.verdict)}. Each run of the sweep counts as a judgement: this is number {look}."
            )
        passed = bool(judged) and judged.verdict == PASS
        listed = " ".join(one.cell.run for one in found if one.cell.run)
        data["next"] = f"propose.py --run {chosen.cell.run}" if passed else f"list_runs.py --compare {listed}"  # fmt: skip
        if not passed and len(listed.split()) < 2:
            data["next"] = f"evaluate.py --run {chosen.cell.run}"
        lines.append(f"Side by side: uv run scripts/list_runs.py --compare {listed} --html")
    if remarks:
        data["remarks"] = remarks
    return Result(data, "\n".join([*lines, *remarks]))


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument(
        "action",
        nargs="?",
        choices=("sweep", "show"),
        help="sweep, or show (default) to see the progress",
    )
    parser.add_argument("--kind", choices=list(KINDS), help="the kind of training (default: sft)")
    parser.add_argument(
        "--grid", action="append", metavar="KEY=V,V", help="a setting and the values to try; can be repeated"
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", metavar="KEY=VALUE", help="a setting for every run"
    )
    parser.add_argument("--preset", metavar="NAME", help="the preset for every run")
    parser.add_argument("--model", metavar="NAME", help="the model for every run")
    parser.add_argument("--like", metavar="RUN", help="take all other settings from this run")
    parser.add_argument("--resume", metavar="ID", help="an experiment's id, or 'latest'")
    parser.add_argument(
        "--detach", action="store_true", help="answer at once; check progress with: show"
    )
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
