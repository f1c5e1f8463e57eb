"""How what is deployed and proposed stands now, compared with what it was when the person was told of it."""

from fae_training import approval, learned
from fae_training.deployment import Deployment, deployments, fingerprint, unexplained
from fae_training.errors import SkillError
from fae_training.kinds import KINDS
from fae_training.runs import Run
from fae_training.state import Home


def of_home(home: Home) -> list[str]:
    """Sentences about what is active, each with the command that puts it right; [] where all is as it was said."""
    remarks = [said] if (said := unexplained(home)) else []
    for stack in deployments(home).values():
        if stack:
            remarks += of_active(home, stack[-1])
    return remarks


def of_active(home: Home, top: Deployment) -> list[str]:
    """About what is active in one slot."""
    back = f"uv run scripts/rollback.py --kind {top.kind}"
    if why := learned.why_not(Run(home, top.run)):
        return [f"Fae is still using it: {why}. Leave it now: {back}"]
    if changed := changed_files(home, top):
        return [f"{top.run} is active, but {changed}. Go back: {back}"]
    remarks = []
    if not top.verified:
        remarks.append(
            f"{top.run} is deployed but not verified: whether it loads is not known. "
            "Verify it: uv run scripts/deploy.py --check"
        )
    if not top.judgement:
        return remarks
    from fae_training import evaluation

    if top.judgement != evaluation.mark(Run(home, top.run)):
        judged = evaluation.readable(Run(home, top.run))
        verdict = judged.verdict.replace("_", " ") if judged else "unknown"
        remarks.append(
            f"{top.run} was judged again since it was deployed; the verdict is now: {verdict}. "
            f"Go back: {back}"
        )
    return remarks


def changed_files(home: Home, entry: Deployment) -> str | None:
    """What differs between the adapter that was deployed and what is there now, in words."""
    try:
        found = fingerprint(Run(home, entry.run).file("adapters"))
    except SkillError as error:
        return f"its files are not the ones that were deployed ({error.message})"
    if found == entry.fingerprint:
        return None
    return f"its files are not the ones that were deployed (fingerprint {found}, expected {entry.fingerprint})"


def of_run(run: Run) -> str | None:
    """What differs at a run that was proposed or stands deployed, or that it learned what was forgotten; in words."""
    if why := learned.why_not(run):
        return f"{why}: it is not used any more"
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
    """What lies in runs/ and is a link: it is no run, and that is said."""
    directory = home.file("runs")
    links = (
        sorted(p.name for p in directory.iterdir() if p.is_symlink()) if directory.is_dir() else []
    )
    return [
        f"runs/{name} is a link and is not read: a run is a directory of its own" for name in links
    ]
