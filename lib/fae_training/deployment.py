"""What is active, and how to go back: active.json, history.jsonl, and the approval that deploying needs.

A line in history.jsonl is the decision; active.json is what it leads to and is written after it. When a kill falls
between the two, the next deploy or rollback brings active.json in line again. Nothing is ever deleted.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from fae_training import locks
from fae_training.errors import Missing, Refused
from fae_training.kinds import KINDS
from fae_training.runs import Run
from fae_training.state import Home, append_jsonl, now, read_json, read_jsonl, write_json

ACTIVE_FILE = "active.json"
HISTORY_FILE = "history.jsonl"
# Letters and digits that nobody confuses when they are read out.
CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def fingerprint(adapter: Path) -> str:
    """Which adapter this is: sixteen hexadecimal digits over the names and contents of its files."""
    files = (
        sorted(p for p in adapter.iterdir() if p.is_file() and not p.name.startswith("."))
        if adapter.is_dir()
        else []
    )
    if not files:
        raise Missing("no_adapter", f"{adapter} holds no adapter", "uv run scripts/list_runs.py")
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as data:
            while block := data.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def new_approval(run: Run) -> str:
    """A fresh code for deploying this run as it is now; an earlier code of the run no longer counts.

    Only a keyed hash of it is kept, so that reading the state does not give it away.
    """
    letters = [secrets.choice(CODE_LETTERS) for _ in range(6)]
    code = "".join(letters[:3]) + "-" + "".join(letters[3:])
    mark = fingerprint(run.file("adapters"))
    salt = secrets.token_hex(8)
    write_json(
        run.file("approval.json"),
        {
            "fingerprint": mark,
            "salt": salt,
            "hash": _hash(code, mark, salt),
            "made_at": now(),
            "used_at": None,
        },
    )
    return code


def check_approval(run: Run, code: str | None) -> dict:
    """The approval that `code` fits. Raises Refused: no code, a wrong one, used before, or the files changed since."""
    approval = read_json(run.file("approval.json"))
    propose = f"uv run scripts/propose.py --run {run.id}"
    if approval is None:
        raise Refused("not_proposed", f"{run.id} was not proposed yet", propose)
    if not code:
        raise Refused(
            "not_approved",
            f"deploying {run.id} needs the approval code at the end of its proposal",
            f"read {run.file('proposal.md')}, then: uv run scripts/deploy.py --code CODE",
        )
    if approval["fingerprint"] != fingerprint(run.file("adapters")):
        raise Refused("changed_since", f"the files of {run.id} changed after the proposal", propose)
    if not hmac.compare_digest(
        approval["hash"], _hash(code.strip().upper(), approval["fingerprint"], approval["salt"])
    ):
        raise Refused(
            "wrong_code",
            f"the code does not fit the newest proposal of {run.id}",
            f"read {run.file('proposal.md')}",
        )
    if approval["used_at"]:
        raise Refused(
            "code_used", f"this code was used on {approval['used_at']}; a code serves once", propose
        )
    return approval


def use_approval(run: Run, approval: dict) -> None:
    write_json(run.file("approval.json"), approval | {"used_at": now()})


def withdraw_approval(run: Run) -> None:
    """No code fits any more, until the run is proposed again."""
    run.file("approval.json").unlink(missing_ok=True)


def _hash(code: str, mark: str, salt: str) -> str:
    return hashlib.scrypt(f"{code} {mark}".encode(), salt=salt.encode(), n=2**10, r=8, p=1).hex()


def stacks(home: Home) -> dict[str, list[dict]]:
    """For each slot what was deployed and not rolled back, oldest first: history.jsonl played from its beginning."""
    played: dict[str, list[dict]] = {}
    for line in read_jsonl(home.file(HISTORY_FILE)):
        stack = played.setdefault(line["slot"], [])
        if line["action"] == "deploy":
            stack.append(
                {
                    "kind": line["kind"],
                    "run": line["run"],
                    "fingerprint": line["fingerprint"],
                    "since": line["at"],
                }
            )
        elif stack:
            stack.pop()
    return played


def current(home: Home, slot: str) -> dict | None:
    """What is active in `slot` (kind, run, fingerprint, since), None for the base model."""
    active = home.read(ACTIVE_FILE, {}) or {}
    for kind, entry in active.items():
        if kind in KINDS and KINDS[kind].slot == slot:
            return {"kind": kind} | entry
    return None


def current_run(home: Home, slot: str) -> Run | None:
    """The active run of `slot`, None for the base model. Raises Missing when its files are gone."""
    entry = current(home, slot)
    if entry is None:
        return None
    run = Run(home, entry["run"])
    if not run.file("adapters").is_dir():
        raise Missing(
            "active_gone",
            f"{run.id} is active but its files are gone",
            "uv run scripts/rollback.py",
        )
    return run


def deploy(home: Home, run: Run) -> dict | None:
    """Make `run` the active one of its slot. Returns what it replaced."""
    slot = KINDS[run.kind].slot
    replaced = current(home, slot)
    line = {"at": now(), "action": "deploy", "slot": slot, "kind": run.kind, "run": run.id}
    _decide(home, line | {"fingerprint": fingerprint(run.file("adapters")), "replaced": replaced})
    return replaced


def rollback(home: Home, slot: str, reason: str) -> tuple[dict, dict | None]:
    """Go back one step in `slot`. Returns (what was active, what is active now or None for the base model)."""
    stack = stacks(home).get(slot, [])
    if not stack:
        raise Refused(
            "nothing_to_undo",
            f"the base model is active for {slot}; there is nothing to go back to",
            "uv run scripts/list_runs.py",
        )
    was = stack[-1]
    line = {
        "at": now(),
        "action": "rollback",
        "slot": slot,
        "kind": was["kind"],
        "run": was["run"],
        "reason": reason,
    }
    _decide(home, line)
    return was, current(home, slot)


def last_slot(home: Home) -> str:
    """The slot of the newest deploy that still stands: what "undo the last learning update" is about."""
    tops = [(stack[-1]["since"], slot) for slot, stack in stacks(home).items() if stack]
    if not tops:
        raise Refused(
            "nothing_to_undo",
            "nothing is deployed; every model is the base model",
            "uv run scripts/list_runs.py",
        )
    return max(tops)[1]


def _decide(home: Home, line: dict) -> None:
    """Add the line and bring active.json in line, one script at a time."""
    # The lock is on the directory: the one on history.jsonl is taken by each line that is added.
    with locks.exclusive(home.directory(), os.O_RDONLY):
        append_jsonl(home.file(HISTORY_FILE), line)
        _write_active(home)


def _write_active(home: Home) -> None:
    """active.json as history.jsonl says it."""
    active = {}
    for stack in stacks(home).values():
        if stack:
            entry = {name: value for name, value in stack[-1].items() if name != "kind"}
            active[stack[-1]["kind"]] = entry | {"adapter": f"runs/{entry['run']}/adapters"}
    home.write(ACTIVE_FILE, active)


def compared_with_another(run: Run, compared: str | None) -> str | None:
    """Another model may have been deployed after this run was scored: then the comparison is not with today's."""
    active = current(run.home, KINDS[run.kind].slot)
    running = active["run"] if active else None
    if running in (compared, run.id):
        return None
    return f"it was compared with {compared or 'the base model'}, but {running or 'the base model'} runs now"


def check_unchanged(run: Run, mark: str) -> None:
    """Raises Refused when the adapter's files are not the ones of that fingerprint."""
    if (found := fingerprint(run.file("adapters"))) != mark:
        raise Refused(
            "changed_since",
            f"{run.id} has fingerprint {found}, expected {mark}: its files changed after it was measured",
            f"uv run scripts/evaluate.py --run {run.id} --rescore",
        )
