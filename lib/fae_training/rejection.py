"""The person's no to a run, with their reason: proposal_rejected.json of the run. A later proposal of the run ends it."""

from dataclasses import asdict, dataclass

from fae_training import approval, records
from fae_training.calling import Result
from fae_training.deployment import current, was_deployed
from fae_training.errors import BadRequest, Missing, Refused, SkillError
from fae_training.kinds import KINDS
from fae_training.runs import Run, all_runs
from fae_training.state import Home, moment, now, read_json
from fae_training.transactions import changing

FILE = "proposal_rejected.json"
LONGEST_REASON = 300
NO_REASON = "no reason given"


@dataclass(frozen=True)
class Rejection:
    """A person's no. It keeps the reason, and the adapter's fingerprint."""

    run: str
    rejected_at: str
    reason: str
    fingerprint: str | None

    @property
    def in_words(self) -> str:
        """`on 2026-11-26: "too short answers"`, to follow "said no"."""
        date = f"on {self.rejected_at[:10]}" if self.rejected_at else "earlier"
        return f"{date}: \N{LEFT DOUBLE QUOTATION MARK}{self.reason}\N{RIGHT DOUBLE QUOTATION MARK}"


def last_of(run: Run) -> Rejection | None:
    """The person's last no to this run, also when it was proposed again since. One that cannot be read is a no all the same."""
    try:
        kept = read_json(run.file(FILE))
        return None if kept is None else records.read(Rejection, kept, str(run.file(FILE)))
    except SkillError:
        return Rejection(run.id, "", "for a reason that cannot be read", None)


def standing(run: Run) -> Rejection | None:
    """The no that holds now: the run was neither proposed nor deployed since."""
    no = None if run.file(approval.FILE).exists() else last_of(run)
    return None if no is None or was_deployed(run, since=no.rejected_at) else no


def newest(home: Home, slot: str) -> Rejection | None:
    """The person's last no to any run of `slot`."""
    found = [last_of(run) for run in all_runs(home) if KINDS[run.kind].slot == slot]
    return max(filter(None, found), key=lambda no: moment(no.rejected_at), default=None)


def require_none(run: Run) -> None:
    """Raises Refused where the person said no: such a run is proposed again only when it is asked for by its id."""
    if no := standing(run):
        raise Refused(
            "rejected",
            f"you said no to {run.id} {no.in_words}. To see it all the same, name it: "
            f"uv run scripts/propose.py --run {run.id}",
            f"uv run scripts/{KINDS[run.kind].material}",
        )


def said(run: Run, no: Rejection) -> Result:
    """The answer after a no."""
    again = f"propose.py --run {run.id}"
    data = {"status": "rejected", "run": run.id, "kind": run.kind, "reason": no.reason}
    data |= {"say": "All right, everything stays as it is. I keep why.", "again": again}
    text = (
        f"All right: {run.id} stays out of use and nothing changed. Kept with it: {no.reason}\n"
        f"To see the proposal again one day: uv run scripts/{again}"
    )
    return Result(data | {"next": KINDS[run.kind].material}, text)


def keep(run: Run, reason: str, asked: bool = False) -> Rejection:
    """Keep the person's no with its reason; the code of the proposal no longer counts.

    asked: the person was asked about the run just now, so it need not have been proposed. Raises BadRequest for an empty
    reason, Missing for a run that was not proposed, Refused for one that is in use or was turned down already.
    """
    said = " ".join(reason.split())
    if not said:
        raise BadRequest(
            "no_reason", "the reason is empty", "repeat what the person said, or give 'no'"
        )
    with changing(run.home) as change:
        proposed = run.file(approval.FILE).exists()
        if not proposed and not asked:
            require_none(run)
            raise Missing(
                "not_proposed",
                f"{run.id} was not proposed, so there is nothing to say no to",
                f"uv run scripts/propose.py --run {run.id}",
            )
        active = current(run.home, KINDS[run.kind].slot)
        if active and active.run == run.id:
            raise Refused(
                "in_use",
                f"{run.id} is in use already; to go back to what was there before, undo it",
                f"uv run scripts/rollback.py --kind {run.kind}",
            )
        if proposed:
            approval.withdraw(change, run)
        made = approval.readable(run)
        mark = made.fingerprint if made else None
        found = Rejection(run.id, now(), said[:LONGEST_REASON], mark)
        change.write(run.file(FILE), asdict(found))
    return found
