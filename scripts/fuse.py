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
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from fae_training import calling, consent, deployment, evaluation, linux_cpu, models, runs
from fae_training.calling import Call, Result
from fae_training.errors import (
    BadRequest,
    Cancelled,
    Failed,
    Missing,
    Refused,
    SkillError,
    command_line,
)
from fae_training.gate import PASS
from fae_training.kinds import KINDS
from fae_training.language import fused_files
from fae_training.language.adapter_files import read_config
from fae_training.processes import lift_limits, start_worker
from fae_training.progress import latest_progress
from fae_training.runs import Run
from fae_training.session import Session
from fae_training.state import unwritable

FUSED, PEFT, FILE = "fused", "peft", "fused.json"


def main(call: Call) -> Result:
    if call.arguments.worker:
        return work(call, runs.find(call.home, call.arguments.worker))
    run = chosen(call)
    asked = wanted(call, run)
    consent.require(call.home, KINDS[run.kind].consent)
    if call.arguments.dry_run:
        what = "the adapter in PEFT format" if call.arguments.peft else "a fused model"
        return Result({"status": "planned", "run": run.id}, f"Would make {what} of {run.id}.")
    if run.is_alive():
        return Result(in_progress(run), f"Still running: {latest_progress(run).get('stage')}.")
    if (kept := before(run, asked)) is not None:
        return answer(run, kept)
    with runs.locked(call.home, run.id) as lock:
        run.file("cancel").unlink(missing_ok=True)
        if call.caller != "person" and not call.arguments.peft:
            start_worker(run, "fuse.py", flags(call), lock)
            return Result(in_progress(run) | {"status": "started"}, "It has started.")
        return make(call, run)


def chosen(call: Call) -> Run:
    """The run of --run, else the deployed one, else the newest that passed. Raises Missing, Refused."""
    if call.arguments.run:
        run = runs.find(call.home, call.arguments.run)
    else:
        run = deployment.current_run(call.home, "language") or newest_passed(call)
    if KINDS[run.kind].slot != "language":
        title = KINDS[run.kind].title
        raise Refused(
            "no_adapter_of_a_language_model",
            f"{run.id} is for your {title}, but only language models can be fused",
            "uv run scripts/list_runs.py",
        )
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
        again = "uv run scripts/train.py --preset light"
        raise Missing("no_run", "no language model has been trained yet", again)
    for run in reversed(complete):
        if (judged := evaluation.readable(run)) and judged.verdict == PASS:
            return run
    run = complete[-1]
    judged = evaluation.readable(run)
    verdict = judged.verdict.replace("_", " ") if judged else "not evaluated yet"
    raise Refused(
        "none_passed",
        f"no run passed its evaluation; the newest is {run.id} ({verdict}). To fuse it anyway, name it: "
        f"uv run scripts/fuse.py --run {run.id}",
        f"uv run scripts/evaluate.py --run {run.id}",
    )


def wanted(call: Call, run: Run) -> dict:
    """The request, as stored in fused.json. Raises Refused if the format is not possible."""
    arguments = call.arguments
    if arguments.peft and (arguments.gguf or arguments.keep_bits):
        raise BadRequest(
            "two_forms",
            "--peft writes only the adapter, so it cannot be combined with options for the model",
            "uv run scripts/fuse.py --peft",
        )
    config = read_config(run.file(runs.ADAPTERS))
    if arguments.gguf and arguments.keep_bits:
        raise BadRequest(
            "gguf_has_16_bits",
            "mlx-lm writes GGUF only in 16 bits",
            "give only one of --gguf and --keep-bits",
        )
    if arguments.peft and (why := fused_files.why_no_peft(config.get("adapted_modules", []))):
        raise Refused(
            "no_peft",
            f"{run.id} cannot be converted to PEFT format: {why}",
            "uv run scripts/fuse.py",
        )
    if arguments.gguf and (why := fused_files.why_no_gguf(base_of(run))):
        peft = f"uv run scripts/fuse.py --run {run.id} --peft"
        instead = (
            "; you can convert the adapter to PEFT format instead, from which llama.cpp makes GGUF"
        )
        raise Refused("no_gguf", f"{why}{instead}", peft)
    mark = deployment.fingerprint(run.file(runs.ADAPTERS))
    options = {name: bool(getattr(arguments, name)) for name in ("keep_bits", "gguf", "peft")}
    return options | {"fingerprint": mark}


def base_of(run: Run) -> Path:
    """The directory of the run's base model. Raises Missing if it is gone."""
    directory = Path(run.record.get("model", {}).get("directory", ""))
    if not (directory / "config.json").is_file():
        raise Missing(
            "no_model",
            f"the base model of {run.id} is no longer in {directory}",
            f"uv run scripts/{KINDS[run.kind].script} --fetch",
        )
    return directory


def flags(call: Call) -> tuple[str, ...]:
    given = [name for name in ("keep_bits", "gguf") if getattr(call.arguments, name)]
    return tuple("--" + name.replace("_", "-") for name in given)


def before(run: Run, asked: dict) -> dict | None:
    """The result of an earlier call with the same request, if it still exists. A failure is reported once."""
    kept = (run.home.read(f"runs/{run.id}/{FILE}", {}) or {}).get(name_of(asked))
    if not kept or kept["asked"] != asked:
        return None
    if "error" in kept:
        keep(run, asked, None)
        error = Failed(**kept["error"])
        error.exit_status = kept["exit_status"]
        raise error
    return kept if Path(kept["directory"]).is_dir() else None


def name_of(asked: dict) -> str:
    return PEFT if asked["peft"] else FUSED


def keep(run: Run, asked: dict, found: dict | None) -> None:
    known = run.home.read(f"runs/{run.id}/{FILE}", {}) or {}
    known.pop(name_of(asked), None)
    if found:
        known[name_of(asked)] = found | {"asked": asked}
    run.home.write(f"runs/{run.id}/{FILE}", known)


def in_progress(run: Run) -> dict:
    told = latest_progress(run)
    data = {"status": "fusing", "run": run.id, "next": f"fuse.py --run {run.id}"}
    return data | {name: told[name] for name in ("stage",) if told.get(name)}


def work(call: Call, run: Run) -> Result:
    """Work in the background; the next call reports the result or the error."""
    lift_limits()
    asked = wanted(call, run)
    try:
        return make(call, run)
    except Cancelled:
        raise
    except Exception as problem:
        error = problem
        if not isinstance(error, SkillError):
            look = command_line("tail", "-n", 40, run.file("train.log"))
            error = Failed("fuse_failed", f"{type(problem).__name__}: {problem}", look)
        keep(run, asked, error.as_dict() | {"exit_status": error.exit_status})
        raise error from problem


def make(call: Call, run: Run) -> Result:
    """Write the result to a hidden folder, and move it into place when complete."""
    os.umask(0o077)
    asked = wanted(call, run)
    target = run.file(name_of(asked))
    for left_behind in run.directory.glob(".fuse-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=".fuse-", dir=run.directory))
    made = work / "made"
    try:
        if asked["peft"]:
            from fae_training.language import peft_form

            peft_form.write(run.file(runs.ADAPTERS), made)
            found = {}
        else:
            found = fused(call, run, made, asked)
        if target.exists():
            target.rename(work / "old")
        made.rename(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    found = {"directory": str(target)} | found
    found["size_mb"] = round(sum(p.stat().st_size for p in target.iterdir()) / 1e6, 1)
    if asked["gguf"]:
        found["gguf"] = str(target / fused_files.GGUF_FILE)
    keep(run, asked, found)
    return answer(run, found | {"asked": asked})


def fused(call: Call, run: Run, made: Path, asked: dict) -> dict:
    """Write the fused model to `made`. Returns its details and the comparison."""
    base_of(run)
    models.check_unchanged(run.record)
    session = Session(run)
    linux_cpu.set_up(base_of(run))
    from fae_training.language import fusing

    with contextlib.ExitStack() as stage:

        def told(name: str) -> None:
            stage.close()
            stage.enter_context(session.stage(name))
            call.say(f"{name} ...")

        parity, precision = fusing.fuse_and_save(
            run, made, asked["keep_bits"], asked["gguf"], told, session.check
        )
    return {"precision": precision, "parity": asdict(parity)}


def answer(run: Run, found: dict) -> Result:
    asked = found["asked"]
    data = {"status": "made" if asked["peft"] else "fused", "run": run.id}
    data |= {name: value for name, value in found.items() if name != "asked"}
    text = f"{found['directory']}, {found['size_mb']:,} MB"
    if parity := found.get("parity"):
        text += (
            f", {found['precision']}\nLoss on {parity['rows']} held-out answers, nats per token: base with adapter "
            f"{parity['unfused']:.4f}, fused {parity['fused']:.4f}, read back from disk {parity['reloaded']:.4f}"
        )
    if "gguf" in found:
        text += f"\nGGUF: {found['gguf']}"
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
