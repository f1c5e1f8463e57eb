# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Prepare the environments and models, and record what Fae may learn from.

    uv run scripts/setup.py --consent conversations      give consent (sources: conversations, corrections, audio)
    uv run scripts/setup.py --revoke conversations       withdraw it
    uv run scripts/setup.py --consent-machines 10.0.0.2  let another of your machines help with training (docs/machines.md)
    uv run scripts/setup.py                              prepare the environments and download the models, in the background

Writes consent.json, or setup.json and setup.log. Nothing is read or trained without consent; once it is withdrawn,
every script that reads or trains refuses, a run that is using the data stops, and what was learned from it is neither
proposed nor deployed. What is in use stays until rollback.py undoes it; delete_data.py deletes the exported data.
"""

from typing import Any

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import BadRequest
from fae_training.distributed import machines
from fae_training.environment import installation
from fae_training.judgement.plain_words import joined
from fae_training.lifecycle import first_steps, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.release import approval
from fae_training.release.deployment import deployments
from fae_training.store import consent

# The first step of learning from each source.
FIRST_STEP = {
    "conversations": "export_data.py",
    "corrections": "extract_corrections.py",
    "audio": "add_samples.py --class wake --speaker me --files RECORDINGS...",
}


def main(call: Call) -> Result:
    if call.arguments.worker:
        state = installation.prepare(call.home, models=not call.arguments.no_models)
        return Result({"status": "completed"} | state, "Prepared.")
    for option in ("consent", "revoke", "consent_machines", "revoke_machines"):
        if getattr(call.arguments, option) == []:
            raise BadRequest(
                "names_nothing",
                f"{option} is an empty list, so nothing was allowed, withdrawn or prepared",
                "name what is meant, as in: uv run scripts/setup.py --revoke conversations",
            )
    grant, revoke = call.arguments.consent or [], call.arguments.revoke or []
    more, fewer = call.arguments.consent_machines or [], call.arguments.revoke_machines or []
    changed = change_machines(call, more, fewer) if more or fewer else None
    if grant or revoke:
        answer = change_consent(call, grant, revoke)
        return (
            Result(changed.data | answer.data, f"{changed.text}\n{answer.text}")
            if changed
            else answer
        )
    if changed:
        return changed
    status = installation.installation_status(call.home)
    if call.arguments.dry_run:
        return plan(call)
    if status != "installing":
        installation.start(call.home, *(["--no-models"] if call.arguments.no_models else []))
    data: dict[str, Any] = {
        "status": "installing",
        "log": str(call.home.file(installation.LOG)),
        "next": "check_status.py",
    }
    if status == "failed":
        data["errors_before"] = installation.failures(call.home)
    text = (
        f"Environments and models are being prepared; the log is {data['log']}.\n"
        f"You allow Fae to use: {in_words(call)}"
    )
    return Result(data | {"consents": consents(call)}, text)


def plan(call: Call) -> Result:
    missing = [f"environment of {script}" for script in installation.unprepared(call.home)]
    absent = {} if call.arguments.no_models else missing_models(call)
    missing += [f"model of {script}" for script in absent]
    # Retry what failed last time; a missing environment may be listed already.
    missing += [what for what in installation.failures(call.home) if what not in missing]
    data: dict[str, Any] = {"status": "planned", "missing": missing}
    if not missing:
        return Result(data | {"next": "check_status.py"}, "Everything is prepared already.")
    lines = ["Would prepare, in the background:", *(f"  {what}" for what in missing)]
    if absent:
        lines.append(f"The models are downloads of several GB: {', '.join(absent.values())}.")
    return Result(data | {"models": list(absent.values())}, "\n".join(lines))


def missing_models(call: Call) -> dict[str, str]:
    """{train script: the model that it would download}, of those that are not on this machine."""
    from fae_training.environment import models
    from fae_training.lifecycle import settings
    from fae_training.speech import preflight

    found = {}
    for script in installation.model_scripts():
        kind = next(kind for kind in KINDS.values() if kind.script == script)
        choose = preflight.choose if kind.slot == "speech" else models.choose
        model, _ = choose(settings.resolve(call, kind)["model"])
        if models.locate(model) is None:
            found[script] = model
    return found


def change_consent(call: Call, grant: list[str], revoke: list[str]) -> Result:
    data: dict[str, Any]
    if call.arguments.dry_run:
        effects = withdrawing(call, revoke)[1] if revoke else []
        data = {"status": "planned", "grant": grant, "revoke": revoke, "effects": effects}
        return Result(data, "\n".join([planned(grant, revoke), *effects]))
    consent.change(call.home, grant, revoke)
    data = {"status": "consent_recorded", "consents": consents(call)}
    data["next"] = first_step(call, grant[0]) if grant else None
    text = f"You allow Fae to use: {in_words(call)}"
    if revoke:
        data["say"], lines = withdrawing(call, revoke)
        text = "\n".join([text, *lines])
    run = runs.running(call.home)
    if run and set(KINDS[run.kind].consents) & set(revoke):
        run.request_stop()
        data["stopping"] = run.id
        text = f"{run.id} was using this data and is being stopped.\n{text}"
    return Result(data, text)


def withdrawing(call: Call, revoke: list[str]) -> tuple[str, list[str]]:
    """What becomes of that which was learned from these sources: as Fae says it, and in lines for a person."""
    learned = [
        run for run in runs.all_runs(call.home) if set(KINDS[run.kind].consents) & set(revoke)
    ]
    active = {stack[-1].run for stack in deployments(call.home).values() if stack}
    used = [run.id for run in learned if run.id in active]
    waiting = [run.id for run in learned if run.id not in active and approval.stands(run)]
    says, lines = ["I learn nothing more from that."], []
    if waiting:
        says.append("I do not use the update that I proposed, unless you allow it again.")
        lines.append(f"Proposed, and not used unless you allow it again: {', '.join(waiting)}")
    if used:
        says.append("What I learned so far stays until you ask me to undo it.")
        lines.append(f"Still in use: {', '.join(used)}. To go back: uv run scripts/rollback.py")
    if learned or any(call.home.file("data").glob("*")):
        lines.append(
            "The exported data and the runs stay on this machine. To see what can be deleted: "
            "uv run scripts/delete_data.py --data --dry-run"
        )
    return " ".join(says), lines


def first_step(call: Call, source: str) -> str:
    """What follows a consent. Only a person can record their voice; a classifier can also be trained without recordings."""
    if source == "audio" and call.caller != "person":
        return first_steps.of(call.home, "keyword")
    return FIRST_STEP[source]


def change_machines(call: Call, grant: list[str], revoke: list[str]) -> Result:
    if call.arguments.dry_run:
        return Result(
            {"status": "planned", "grant": grant, "revoke": revoke},
            planned(grant, revoke),
        )
    consent.change_machines(call.home, grant, revoke)
    allowed = consent.machines(call.home)
    data = {"status": "consent_recorded", "machines": allowed, "next": "check_status.py"}
    text = f"Machines that may help to train: {', '.join(allowed) or 'none'}"
    run = runs.running(call.home)
    if run and set(revoke) & set(machines.others(run.record.get("hosts", ()))):
        run.request_stop()
        data["stopping"] = run.id
        text = f"{run.id} was using this machine and is being stopped.\n{text}"
    return Result(data, text)


def planned(grant: list[str], revoke: list[str]) -> str:
    """What a dry run would do, as sentences."""
    parts = (("Would allow", grant), ("Would withdraw the consent for", revoke))
    return " ".join(f"{what}: {', '.join(names)}." for what, names in parts if names)


def consents(call: Call) -> dict[str, bool]:
    return {source: consent.granted(call.home, source) for source in consent.SOURCES}


def in_words(call: Call) -> str:
    allowed = [source for source, granted in consents(call).items() if granted]
    refused = [source for source in consent.SOURCES if source not in allowed]
    return f"{joined(allowed) if allowed else 'nothing'}" + (
        f" (not: {', '.join(refused)})" if allowed and refused else ""
    )


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument(
        "--consent",
        nargs="+",
        metavar="SOURCE",
        help=f"give consent to: {', '.join(consent.SOURCES)}",
    )
    parser.add_argument("--revoke", nargs="+", metavar="SOURCE", help="withdraw consent")
    for name, what in (("consent", "allow"), ("revoke", "no longer allow")):
        parser.add_argument(
            f"--{name}-machines",
            nargs="+",
            type=machines.host,
            metavar="HOST",
            help=f"{what}: other machines of yours for training, by address or name",
        )
    parser.add_argument("--no-models", action="store_true", help="prepare only the environments")
    parser.add_argument("--worker", action="store_true", help="do the work in this process")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
