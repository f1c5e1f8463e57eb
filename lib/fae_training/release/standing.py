"""Checks whether deployed and proposed runs have changed since the person was told about them."""

from fae_training.calls.errors import SkillError
from fae_training.lifecycle import learned
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.release import approval
from fae_training.release.deployment import Deployment, deployments, fingerprint, unexplained
from fae_training.store.state import Home, changing_nothing, read_json


def of_home(home: Home) -> list[str]:
    """Sentences on problems with active runs, each with the command that fixes it; [] if there are none."""
    remarks = [said] if (said := unexplained(home)) else []
    for stack in deployments(home).values():
        if stack:
            remarks += of_active(home, stack[-1])
    return remarks + of_requests(home)


def of_requests(home: Home) -> list[str]:
    """Whether the last export read something as a request to forget that the person has to confirm; it names no topic."""
    try:
        with changing_nothing():
            meta = read_json(home.file("data", "sft", "meta.json"), {}) or {}
    except (
        SkillError
    ):  # a damaged file is reported where the data is needed; the status does not need it
        return []
    if not meta.get("undecided"):
        return []
    return [
        "Conversations are left out of training because of something that sounded like a request to forget. "
        "See which, and keep them if it was none: uv run scripts/export_data.py --dry-run"
    ]


def of_active(home: Home, top: Deployment) -> list[str]:
    """Problems with the active run of one slot."""
    back = f"uv run scripts/rollback.py --kind {top.kind}"
    if why := learned.why_not(Run(home, top.run)):
        return [f"Fae is still using this update: {why}. Roll it back now: {back}"]
    if changed := changed_files(home, top):
        return [f"{top.run} is active, but {changed}. Go back: {back}"]
    remarks = []
    if not top.verified:
        remarks.append(
            f"{top.run} is deployed but not verified: it may not load. "
            "Verify it: uv run scripts/deploy.py --check"
        )
    if not top.judgement:
        return remarks
    from fae_training.judgement import evaluation, plain_words

    if top.judgement != evaluation.mark(Run(home, top.run)):
        judged = evaluation.readable(Run(home, top.run))
        verdict = plain_words.of_verdict(judged.verdict if judged else None)
        remarks.append(
            f"{top.run} was evaluated again after it was deployed, and it is now {verdict}. "
            f"Go back: {back}"
        )
    return remarks


def changed_files(home: Home, entry: Deployment) -> str | None:
    """A phrase on how the adapter's files differ from those that were deployed, or None."""
    try:
        found = fingerprint(Run(home, entry.run).file("adapters"))
    except SkillError as error:
        return f"its files are not the ones that were deployed ({error.message})"
    if found == entry.fingerprint:
        return None
    return f"its files are not the ones that were deployed (fingerprint {found}, expected {entry.fingerprint})"


def of_run(run: Run) -> str | None:
    """A phrase on what changed in a proposed or deployed run, or that it learned something forgotten; None if nothing did."""
    if why := learned.why_not(run):
        return f"{why}, so it can no longer be used"
    for entry in deployments(run.home).get(KINDS[run.kind].slot, []):
        if entry.run == run.id and (changed := changed_files(run.home, entry)):
            return changed
    try:
        proposed = approval.read(run)
        if proposed is None or proposed.used_at:
            return None
        return approval.changed_since(run, proposed)
    except SkillError as error:
        return error.message


def linked_runs(home: Home) -> list[str]:
    """Warnings about links in runs/, which are ignored."""
    directory = home.file("runs")
    links = (
        sorted(p.name for p in directory.iterdir() if p.is_symlink()) if directory.is_dir() else []
    )
    return [
        f"runs/{name} is a link and is ignored: a run must be a real directory" for name in links
    ]
