"""The person's rejection of a run, with a reason: proposal_rejected.json. It holds until the run is proposed again."""

from dataclasses import asdict, dataclass

from fae_training.calls.answering import Result
from fae_training.calls.errors import BadRequest, Missing, Refused, SkillError
from fae_training.lifecycle import learned
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run, all_runs
from fae_training.release import approval
from fae_training.release.deployment import current, undone_at, was_deployed
from fae_training.store import records
from fae_training.store.state import Home, moment, now, read_json
from fae_training.store.transactions import changing

FILE = "proposal_rejected.json"
LONGEST_REASON = 300
NO_REASON = "no reason given"


@dataclass(frozen=True)
class Rejection:
    """A rejection, with the reason and the adapter's fingerprint."""

    run: str
    rejected_at: str
    reason: str
    fingerprint: str | None

    @property
    def in_words(self) -> str:
        """`on 2026-11-26: "too short answers"`, to follow "You rejected it"."""
        date = f"on {self.rejected_at[:10]}" if self.rejected_at else "earlier"
        if self.reason == NO_REASON:
            return f"{date}, without a reason"
        return f"{date}: \N{LEFT DOUBLE QUOTATION MARK}{self.reason}\N{RIGHT DOUBLE QUOTATION MARK}"


def last_of(run: Run) -> Rejection | None:
    """The last rejection of this run, even if it was proposed again since. An unreadable one still counts."""
    try:
        kept = read_json(run.file(FILE))
        return None if kept is None else records.read(Rejection, kept, str(run.file(FILE)))
    except SkillError:
        return Rejection(run.id, "", "for a reason that cannot be read", None)


def standing(run: Run) -> Rejection | None:
    """The rejection if it still holds: the run was neither proposed nor deployed since."""
    found = None if run.file(approval.FILE).exists() else last_of(run)
    return None if found is None or was_deployed(run, since=found.rejected_at) else found


def undone(run: Run) -> str | None:
    """A phrase if the run was rolled back and not proposed since, or None."""
    proposed = approval.readable(run)
    if proposed and not proposed.used_at:
        return None
    at = undone_at(run)
    return at and f"it was rolled back on {at[:10]}"


def newest(home: Home, slot: str) -> Rejection | None:
    """The last rejection of any run of `slot`."""
    found = [last_of(run) for run in all_runs(home) if KINDS[run.kind].slot == slot]
    return max(filter(None, found), key=lambda each: moment(each.rejected_at), default=None)


def require_none(run: Run) -> None:
    """Raises Refused for a run that was rejected or rolled back, which is proposed again only if it is named by its id, or
    that learned what was forgotten."""
    learned.require_unmarked(run)
    if undid := undone(run):
        raise Refused(
            "rolled_back",
            f"{run.id} is not proposed again, because {undid}. To see the proposal anyway, name the run: "
            f"uv run scripts/propose.py --run {run.id}",
            f"uv run scripts/{KINDS[run.kind].material}",
        )
    if found := standing(run):
        raise Refused(
            "rejected",
            f"you rejected {run.id} {found.in_words}. To see the proposal anyway, name the run: "
            f"uv run scripts/propose.py --run {run.id}",
            f"uv run scripts/{KINDS[run.kind].material}",
        )


def answer(run: Run, rejection: Rejection) -> Result:
    """The answer after a rejection."""
    again = f"propose.py --run {run.id}"
    data = {"status": "rejected", "run": run.id, "kind": run.kind, "reason": rejection.reason}
    say = "All right, everything stays as it is."
    text = f"All right: {run.id} will not be used, and nothing has changed."
    if rejection.reason != NO_REASON:
        say += " I have noted the reason."
        text += f" Reason noted: {rejection.reason}"
    text += f"\nTo see the proposal again later: uv run scripts/{again}"
    data |= {"say": say, "again": again}
    return Result(data | {"next": KINDS[run.kind].material}, text)


def keep(run: Run, reason: str, asked: bool = False) -> Rejection:
    """Record the person's rejection and its reason, and invalidate the proposal's code.

    asked: the person was just asked about the run, so it need not have been proposed. Raises BadRequest for an empty
    reason, Missing for a run that was not proposed, Refused for one that is in use or was already rejected.
    """
    text = " ".join(reason.split())
    if not text:
        raise BadRequest(
            "no_reason",
            "the reason is empty",
            "give the reason in the person's own words, or leave it out: --reject without a value",
        )
    with changing(run.home) as change:
        proposed = run.file(approval.FILE).exists()
        if not proposed and not asked:
            require_none(run)
            raise Missing(
                "not_proposed",
                f"{run.id} has not been proposed, so there is nothing to reject",
                f"uv run scripts/propose.py --run {run.id}",
            )
        active = current(run.home, KINDS[run.kind].slot)
        if active and active.run == run.id:
            raise Refused(
                "in_use",
                f"{run.id} is already in use; roll it back instead",
                f"uv run scripts/rollback.py --kind {run.kind}",
            )
        if proposed:
            approval.withdraw(change, run)
        made = approval.readable(run)
        mark = made.fingerprint if made else None
        found = Rejection(run.id, now(), text[:LONGEST_REASON], mark)
        change.write(run.file(FILE), asdict(found))
    return found
