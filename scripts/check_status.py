# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Report whether training is in progress, how far it has got, and how the last run ended.

    uv run scripts/check_status.py               the newest run
    uv run scripts/check_status.py --follow      wait until it ends
    uv run scripts/check_status.py --spikes      the steps and rows at which the loss jumped

Reads runs/<run>/run.json, progress.json, metrics.jsonl and micro_batches.json. A run whose worker process has died is
"interrupted". Exit status: 0, also when nothing is running; 4 for a run that does not exist.
"""

from typing import Any

from fae_training.app import app_use
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.environment.installation import (
    ASK,
    REMEDY,
    blocks,
    failed_in_words,
    installation_status,
    step,
)
from fae_training.judgement.plain_words import as_sentence
from fae_training.lifecycle import first_steps, learned, next_steps, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.progress import (
    duration,
    follow,
    latest_progress,
    latest_report,
    times,
    times_in_words,
)
from fae_training.release import rejection, standing
from fae_training.release.deployment import deployments


def main(call: Call) -> Result:
    known = runs.all_runs(call.home, call.arguments.kind)
    if not known and call.arguments.run in (None, "latest"):
        data: dict[str, Any] = {"status": "no_run", "running": False}
        data |= preparation(call, first_steps.of(call.home, call.arguments.kind))
        text = "\n".join(["Nothing has been trained yet.", *preparation_in_words(call, data)])
        if data["setup"] == "installing":
            data |= {"status": "installing", "next": "check_status.py"}
        data |= deployed(call)
        return Result(data, with_remarks(text, data))
    run = runs.find(call.home, call.arguments.run or "latest", call.arguments.kind)
    if call.arguments.spikes:
        return jumps(run)
    if call.arguments.follow and call.caller != "fae":  # which waits 30 s at most
        follow(run)
    status = run.status()
    report = latest_report(run)
    data = {"status": status, "run": run.id, "kind": run.kind, "preset": run.settings.get("preset")}
    data |= for_the_bridge(run, status, report)
    data |= {"step": report.get("step", 0), "steps": run.settings.get("steps")}
    for name in (
        "loss",
        "val_loss",
        "best_step",
        "tokens_per_s",
        "peak_memory_gb",
    ):
        if report.get(name) is not None:
            data[name] = report[name]
    data |= times(run)
    # A completed run is also busy while it is scored again.
    if status in runs.ACTIVE or run.is_alive():
        progress = latest_progress(run)
        names = ("stage", "done", "total", "eta_s")
        data |= {name: progress[name] for name in names if progress.get(name) is not None}
    if run.record.get("error"):
        data["error_of_run"] = run.record["error"]
    if profile := (run.result() or {}).get("profile"):
        from fae_training.fitting import step_profile

        data["profile"] = step_profile.in_words(profile)
    data["next"] = next_steps.of(run, status)
    if data["next"] is None and status in ("failed", "cancelled", "interrupted"):
        data |= next_steps.until_asked(run)
    data["setup"] = "ready"
    if status not in runs.ACTIVE:
        data |= preparation(call, data["next"])
    if refusal := rejection.standing(run):
        data["rejected"] = f"you rejected it {refusal.in_words}"
    elif undid := rejection.undone(run):
        data["rolled_back"] = undid
    if why := learned.why_not(run):
        data["forgotten"] = f"{why}, so it can no longer be used"
    data |= deployed(call)
    if warnings := app_use.in_use(call.home):
        data["warnings"] = list(warnings.values())
    text = "\n".join([in_words(data, run, status), *preparation_in_words(call, data)])
    return Result(data, with_remarks(text, data))


def preparation(call: Call, following: str | None) -> dict[str, Any]:
    """The fields of an answer about setup.py, and the next call: a training waits for it, and if it failed for the person."""
    data: dict[str, Any] = {"setup": installation_status(call.home), "next": following}
    script = following.split()[0] if following else ""
    trains = script in (kind.script for kind in KINDS.values())
    if data["setup"] == "installing":
        at = step(call.home)
        data["say"] = f"Environments and models are being prepared{f': {at}' if at else ''}."
        data |= {"next": "check_status.py"} if trains else {}
    elif data["setup"] == "failed" and following and blocks(call.home, following):
        said = f"{as_sentence(failed_in_words(call.home))} {ASK}"
        data |= {"say": said, "hint": REMEDY, "next": None}
    return data


def preparation_in_words(call: Call, data: dict) -> list[str]:
    if data["setup"] == "installing":
        return [data["say"]]
    if data["setup"] == "failed" and (data.get("hint") == REMEDY or "run" not in data):
        return [as_sentence(failed_in_words(call.home)), f"{REMEDY[:1].upper()}{REMEDY[1:]}"]
    return []


def for_the_bridge(run: runs.Run, status: str, report: dict) -> dict:
    """The fields that Fae's nightly loop reads, under its names. adapters/ exists only after a successful training."""
    adapter = run.file(runs.ADAPTERS)
    fields = {"running": status in runs.ACTIVE, "adapter_path": str(adapter)}
    fields["adapter_exists"] = adapter.is_dir()
    if process := run.record.get("worker"):
        fields["pid"] = process.get("pid")
    if report.get("loss") is not None:
        fields["latest_loss"] = report["loss"]
    return fields


def deployed(call: Call) -> dict:
    """The deployed run of each slot, and warnings about them. A slot that is missing uses the base model."""
    active = {
        slot: stack[-1].run for slot, stack in sorted(deployments(call.home).items()) if stack
    }
    remarks = [*standing.of_home(call.home), *standing.linked_runs(call.home)]
    return {"active": active} | ({"remarks": remarks} if remarks else {})


def with_remarks(text: str, data: dict) -> str:
    return "\n".join([text, *data.get("remarks", [])])


def in_words(data: dict, run: runs.Run, status: str) -> str:
    text = f"{run.id}: {status}, step {data['step']} of {data['steps']}"
    if data.get("stage") not in (None, status):
        text += f", {data['stage']}"
        if "total" in data:
            text += f" {data['done']:,}/{data['total']:,}"
    if "loss" in data:
        text += f", loss {data['loss']:.3f}"
    if "elapsed_s" in data and status in runs.ENDED:
        text += f", in {times_in_words(data)}"
    if "stage" in data and "eta_s" in data:
        text += f", {duration(data['eta_s'])} left"
    if "error_of_run" in data:
        text += f"\n  {data['error_of_run'].get('message', 'failed')}"
        text += (
            f"\n  what helps: {data['error_of_run']['hint']}"
            if data["error_of_run"].get("hint")
            else ""
        )
    if data["next"] is None and status in ("cancelled", "interrupted"):
        text += f"\n{next_steps.to_go_on(run)}"
    if "profile" in data:
        text += f"\n  {data['profile']}"
    for name in ("rejected", "rolled_back", "forgotten"):
        if name in data:
            text += f"\n  {data[name]}"
    for slot, active in data.get("active", {}).items():
        text += f"\nIn use ({slot}): {active}"
    for warning in data.get("warnings", []):
        text += f"\nWarning: {warning}"
    return text


def jumps(run: runs.Run) -> Result:
    """The steps at which the loss jumped, and the rows trained on there."""
    from fae_training.fitting import spikes

    found = spikes.find(run)
    jumped = f"jumped at {counted(len(found), 'step')}" if found else "did not jump at any step"
    lines = [f"{run.id}: the loss {jumped}"]
    for spike in found:
        lines.append(f"step {spike.step}: loss {spike.loss:.3f}, usually {spike.usual:.3f}")
        for row in spike.rows:
            where = f", line {row.line} of train.jsonl" if row.line else ""
            lines.append(f'  {row.name}{where}: "{row.asked}"' if row.asked else f"  {row.name}")
            lines += [f"    {' '.join(row.ids)}"] if row.ids else []
    entries = [
        {"step": spike.step, "loss": round(spike.loss, 4), "usual": round(spike.usual, 4)}
        | {"rows": [row.name for row in spike.rows], "ids": [i for r in spike.rows for i in r.ids]}
        for spike in found
    ]
    ids = [row.ids[0] for spike in found for row in spike.rows if row.ids]
    following = "check_status.py"
    if ids:
        following = f"export_data.py --exclude id:{ids[0]} --dry-run"
        lines.append("To exclude one of them:")
    return Result(
        {"status": "spikes", "run": run.id, "spikes": entries, "next": following}, "\n".join(lines)
    )


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__)
    parser.add_argument("--run", metavar="ID", help="a run's id, or 'latest' (default)")
    parser.add_argument("--kind", choices=list(KINDS), help="the newest run of this kind")
    parser.add_argument("--follow", action="store_true", help="show progress until the run ends")
    parser.add_argument(
        "--spikes", action="store_true", help="the steps at which the loss jumped, and their rows"
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
