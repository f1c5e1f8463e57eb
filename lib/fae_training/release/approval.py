"""The person's approval: approval.json of a run. A code works once, for one adapter with one set of scores."""

import hashlib
import hmac
import re
import secrets
from dataclasses import asdict, dataclass, replace

from fae_training.calls.errors import Refused, SkillError
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.release.deployment import fingerprint, was_deployed
from fae_training.store import records
from fae_training.store.state import now, read_json
from fae_training.store.transactions import Change

FILE = "approval.json"
# Letters and digits that are not confused when read aloud.
CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 6
MOST_TRIES = 5
BY_CODE = "the person reads the proposal, then: uv run scripts/deploy.py --code CODE"
# Spoken forms of letters and digits: the aviation alphabet with its usual spellings.
SPELLED = {
    word: word[0]
    for word in [
        "ALPHA",
        "ALFA",
        "BRAVO",
        "CHARLIE",
        "DELTA",
        "ECHO",
        "FOXTROT",
        "GOLF",
        "HOTEL",
        "JULIET",
        "JULIETT",
        "KILO",
        "MIKE",
        "NOVEMBER",
        "PAPA",
        "QUEBEC",
        "ROMEO",
        "SIERRA",
        "TANGO",
        "UNIFORM",
        "VICTOR",
        "WHISKEY",
        "WHISKY",
        "XRAY",
        "YANKEE",
        "ZULU",
    ]
} | dict(
    zip(["TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"], "23456789", strict=True)
)


@dataclass(frozen=True)
class Approval:
    """`fingerprint` identifies the adapter and `judgement` its measurements, as they were proposed.

    Only a salted hash of the code is stored. `tries` counts wrong codes.
    """

    fingerprint: str
    judgement: str
    salt: str
    hash: str
    made_at: str
    tries: int = 0
    used_at: str | None = None


def read(run: Run) -> Approval | None:
    """The approval of the newest proposal, None if there is none. Raises Failed for one written by another version."""
    kept = read_json(run.file(FILE))
    again = f"uv run scripts/propose.py --run {run.id}"
    return None if kept is None else records.read_own(Approval, kept, run.file(FILE), again)


def readable(run: Run) -> Approval | None:
    """As read, and None for one of another version too: no code fits it."""
    try:
        return read(run)
    except SkillError:
        return None


def new_code() -> str:
    letters = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
    return f"{letters[:3]}-{letters[3:]}"


def keep(change: Change, run: Run, code: str) -> None:
    """Make `code` the one that deploys this run as it is now; earlier codes of the run become invalid."""
    from fae_training.judgement import evaluation

    mark, salt = fingerprint(run.file("adapters")), secrets.token_hex(8)
    made = Approval(mark, evaluation.mark(run), salt, _hash(plain(code), mark, salt), now())
    change.write(run.file(FILE), asdict(made))


def withdraw(change: Change, run: Run) -> None:
    """Invalidate the code until the run is proposed again."""
    change.remove(run.file(FILE))


def check(run: Run, code: str | None) -> Approval:
    """The approval that `code` matches. Raises Refused for a missing, wrong or used code, after too many tries, and if the
    proposed run has changed since.
    """
    approval, propose = read(run), f"uv run scripts/propose.py --run {run.id}"
    if approval is None:
        raise Refused("not_proposed", f"{run.id} has not been proposed yet", propose)
    if not code:
        raise Refused(
            "not_approved",
            f"deploying {run.id} needs the person's approval: the code at the end of its proposal",
            BY_CODE,
        )
    if changed := changed_since(run, approval):
        raise Refused("changed_since", changed, propose)
    if approval.tries >= MOST_TRIES:
        raise Refused(
            "too_many_tries",
            f"{approval.tries} wrong codes were tried for {run.id}; its code is no longer valid",
            propose,
        )
    if not hmac.compare_digest(
        approval.hash, _hash(plain(code), approval.fingerprint, approval.salt)
    ):
        left = MOST_TRIES - approval.tries - 1
        raise Refused(
            "wrong_code",
            f"the code does not match the newest proposal of {run.id}; "
            + (f"tries left: {left}" if left else "that was the last try"),
            "check the code in the newest proposal" if left else propose,
        )
    if approval.used_at:
        raise Refused(
            "code_used", f"this code was used on {approval.used_at}; each code works once", propose
        )
    return approval


def spend(change: Change, run: Run, code: str | None) -> None:
    """Mark the code used, in the same change that deploys. Raises as `check`; a wrong code is counted immediately."""
    try:
        approval = check(run, code)
    except Refused as refusal:
        if refusal.code == "wrong_code" and (tried := read(run)):
            change.write(run.file(FILE), asdict(replace(tried, tries=tried.tries + 1)))
            change.commit()
        raise
    change.write(run.file(FILE), asdict(replace(approval, used_at=now())))


def changed_since(run: Run, approval: Approval) -> str | None:
    """A sentence on what changed since the proposal, or None."""
    from fae_training.judgement import evaluation

    if approval.fingerprint != fingerprint(run.file("adapters")):
        return f"the files of {run.id} changed after the proposal"
    if approval.judgement != evaluation.mark(run):
        return f"{run.id} was evaluated again after the proposal, with a different result"
    return None


def stands(run: Run) -> bool:
    """Whether the newest proposal still waits for an answer: its code would deploy the run as it is."""
    approval = readable(run)
    if approval is None or approval.used_at or approval.tries >= MOST_TRIES:
        return False
    try:
        return changed_since(run, approval) is None
    except SkillError:  # its files are gone
        return False


def require_changeable(run: Run) -> None:
    """Raises Refused for a run that was proposed or deployed: it must stay as the person saw it."""
    deployed = was_deployed(run)
    if deployed or run.file(FILE).exists():
        raise Refused(
            "proposed_or_deployed",
            f"{run.id} was {'deployed' if deployed else 'proposed'}, so it can no longer be changed or trained further",
            f"begin a new run: {KINDS[run.kind].command('--preset light')}",
        )


def plain(code: str) -> str:
    """The canonical form of a code as written or spoken: with or without the dash, in any case, letter by letter
    ("a b c"), in the spelling alphabet ("alpha bravo"), with digits as words.
    """
    written = re.sub(r"[^A-Z0-9]", "", code.upper())
    if len(written) == CODE_LENGTH:  # QUEBEC is a code too
        return written
    parts = re.findall(r"[A-Z]+|[0-9]", code.upper().replace("X-RAY", "XRAY"))
    return "".join(SPELLED.get(word, word) for word in parts if word not in ("DASH", "HYPHEN"))


def _hash(code: str, mark: str, salt: str) -> str:
    return hashlib.scrypt(f"{code} {mark}".encode(), salt=salt.encode(), n=2**10, r=8, p=1).hex()
