# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Merge an adapter into its base model, or convert the adapter to the format of another library.

    uv run scripts/fuse.py                       runs/<run>/fused/, the base model with the adapter merged in
    uv run scripts/fuse.py --keep-bits           keep the base model's 4 bits, which rounds the adapter
    uv run scripts/fuse.py --gguf                also write GGUF, where mlx-lm supports it
    uv run scripts/fuse.py --peft                runs/<run>/peft/, the adapter alone in PEFT format

A quantised base is dequantised first, so nothing that was learned is lost; the result is larger. Then three models are
compared on held-out answers: the base with the adapter, the fused model, and the fused model read back from disk. Their
losses are reported, and the result is discarded if they differ by more than rounding explains. Fae itself uses adapters;
the fused model is for other programs. Writes fused.json and those folders in the run's directory, completely or not at
all. Called by Fae or a program it continues in the background; repeat the call to see the progress and the result.
Exit status: 3 refused (no consent, no such format), 4 no run, memory or disk too small, 5 another run, 6 results differ.
"""

import contextlib
import os
from dataclasses import asdict
from pathlib import Path

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import Cancelled, Failed, Missing, Refused, SkillError, command_line
from fae_training.environment import mlx_on_linux, models
from fae_training.judgement import evaluation, plain_words
from fae_training.judgement.gate import PASS
from fae_training.language import fused_files
from fae_training.language.fused_files import Request, base_model
from fae_training.lifecycle import first_steps, learned, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.processes import lift_limits, start_worker
from fae_training.lifecycle.progress import latest_progress
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import Session
from fae_training.release import deployment
from fae_training.store import consent


def main(call: Call) -> Result:
    if call.arguments.worker:
        return work(call, runs.find(call.home, call.arguments.worker))
    run = chosen(call)
    request = requested(call, run)
    consent.require(call.home, *KINDS[run.kind].consents)
    if call.arguments.dry_run:
        what = "the adapter in PEFT format" if call.arguments.peft else "a fused model"
        return Result({"status": "planned", "run": run.id}, f"Would make {what} of {run.id}.")
    if run.is_alive():
        return Result(in_progress(run), f"Still running: {latest_progress(run).get('stage')}.")
    if (stored := fused_files.stored_result(run, request)) is not None:
        return answer(run, request, stored)
    with runs.locked(call.home, run.id) as lock:
        run.file("cancel").unlink(missing_ok=True)
        if call.caller != "person" and not call.arguments.peft:
            # What the next call reports if the worker is killed, for want of memory as a rule.
            fused_files.store_error(run, request, ended_early(run))
            start_worker(run, "fuse.py", request.flags, lock)
            return Result(in_progress(run) | {"status": "started"}, "It has started.")
        return make(call, run, request)


def chosen(call: Call) -> Run:
    """The run of --run, else the deployed one, else the newest that passed. Raises Missing, Refused."""
    if call.arguments.run:
        run = runs.find(call.home, call.arguments.run)
    else:
        run = deployment.current_run(call.home, "language") or newest_passed(call)
    if KINDS[run.kind].slot != "language":
        raise Refused(
            "no_adapter_of_a_language_model",
            f"{run.id} is for your {run.title()}, but only language models can be fused",
            "uv run scripts/list_runs.py",
        )
    learned.require_unmarked(run)
    if not run.file(runs.ADAPTERS, "adapters.safetensors").is_file():
        raise Missing(
            "no_adapter",
            f"{run.id} has no adapter ({run.status()})",
            f"uv run scripts/check_status.py --run {run.id}",
        )
    return run


def newest_passed(call: Call) -> Run:
    """The newest run that passed. Raises Missing if no language model was trained, Refused, naming the newest, if none passed."""
    complete = [
        run
        for run in runs.all_runs(call.home)
        if KINDS[run.kind].slot == "language" and run.record.get("status") == "completed"
    ]
    if not complete:
        again = f"uv run scripts/{first_steps.of(call.home, 'sft')}"
        raise Missing("no_run", "no language model has been trained yet", again)
    evaluated = [evaluation.readable(run) for run in complete]
    for run, found in zip(reversed(complete), reversed(evaluated), strict=True):
        if found and found.verdict == PASS:
            return run
    newest, found = complete[-1].id, evaluated[-1]
    raise Refused(
        "none_passed",
        f"no run is recommended: the newest, {newest}, is {plain_words.of_verdict(found.verdict if found else None)}. To fuse it anyway, name it: "
        f"uv run scripts/fuse.py --run {newest}",
        f"uv run scripts/evaluate.py --run {newest}",
    )


def requested(call: Call, run: Run) -> Request:
    """What the call asks for. Raises as fused_files.request does."""
    arguments = call.arguments
    return fused_files.request(
        run, bool(arguments.keep_bits), bool(arguments.gguf), bool(arguments.peft)
    )


def ended_early(run: Run) -> Failed:
    return Failed(
        "interrupted",
        f"fusing {run.id} ended before it was complete; perhaps there was not enough memory",
        f"close other programs, then: uv run scripts/fuse.py --run {run.id}",
    )


def in_progress(run: Run) -> dict:
    data = {"status": "fusing", "run": run.id, "next": f"fuse.py --run {run.id}"}
    stage = latest_progress(run).get("stage")
    return data | {"stage": stage} if stage else data


def work(call: Call, run: Run) -> Result:
    """Work in the background; the next call reports the result or the error."""
    lift_limits()
    request = requested(call, run)
    try:
        return make(call, run, request)
    except Cancelled:
        raise
    except Exception as problem:
        error = problem
        if not isinstance(error, SkillError):
            show_log = command_line("tail", "-n", 40, run.file("train.log"))
            error = Failed("fuse_failed", f"{type(problem).__name__}: {problem}", show_log)
        fused_files.store_error(run, request, error)
        raise error from problem


def make(call: Call, run: Run, request: Request) -> Result:
    """Write the folder, replacing an earlier one when it is complete, and record the result."""
    os.umask(0o077)
    target = run.file(request.folder)
    with fused_files.replaced_folder(run, target) as folder:
        if request.peft:
            from fae_training.language import peft_form

            peft_form.write(run.file(runs.ADAPTERS), folder)
            details = {}
        else:
            details = fuse(call, run, request, folder)
    result = {"directory": str(target)} | details
    result["size_mb"] = round(sum(p.stat().st_size for p in target.iterdir()) / 1e6, 1)
    if request.gguf:
        result["gguf"] = str(target / fused_files.GGUF_FILE)
    fused_files.store_result(run, request, result)
    return answer(run, request, result)


def fuse(call: Call, run: Run, request: Request, folder: Path) -> dict:
    """Write the fused model to `folder`. Returns its precision and the losses of the comparison."""
    base = base_model(run)
    models.check_unchanged(run.record)
    session = Session(run)
    mlx_on_linux.set_up(base)
    from fae_training.language import fusing

    with contextlib.ExitStack() as stages:

        def begin_stage(name: str) -> None:
            stages.close()
            stages.enter_context(session.stage(name))
            call.show_progress(f"{name} ...")

        parity, precision = fusing.fuse_and_save(
            run, folder, request.keep_bits, request.gguf, begin_stage, session.check
        )
    return {"precision": precision, "parity": asdict(parity)}


def answer(run: Run, request: Request, result: dict) -> Result:
    data = {"status": "made" if request.peft else "fused", "run": run.id}
    data |= {name: value for name, value in result.items() if name != "asked"}
    text = f"{result['directory']}, {result['size_mb']:,} MB"
    if parity := result.get("parity"):
        text += (
            f", {result['precision']}\nLoss on {parity['rows']} held-out answers, nats per token: base with adapter "
            f"{parity['unfused']:.4f}, fused {parity['fused']:.4f}, read back from disk {parity['reloaded']:.4f}"
        )
    if "gguf" in result:
        text += f"\nGGUF: {result['gguf']}"
    return Result(data, text)


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument(
        "--run",
        metavar="ID",
        help="a run's id (default: the deployed one, else the newest that passed)",
    )
    parser.add_argument(
        "--keep-bits", action="store_true", help="quantise the result like the base model"
    )
    parser.add_argument(
        "--gguf", action="store_true", help="also write GGUF, where mlx-lm supports it"
    )
    parser.add_argument(
        "--peft", action="store_true", help="write only the adapter, in PEFT format"
    )
    parser.add_argument("--worker", metavar="RUN", help="do the work in this process")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
