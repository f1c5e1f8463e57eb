"""The active deployments, and how to roll them back. history.jsonl is authoritative; active.json is derived from it.

Both are written in one change, and active.json is repaired whenever the active deployments are read. Nothing is ever
deleted.
"""

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from fae_training.calls.error_words import reason
from fae_training.calls.errors import Failed, Missing, Refused, SkillError, command_line
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.store import records
from fae_training.store.state import Home, as_json, moment, now, read_jsonl
from fae_training.store.transactions import Change, changing, is_changing, recover

ACTIVE_FILE = "active.json"
HISTORY_FILE = "history.jsonl"


@dataclass(frozen=True)
class Decision:
    """A line of history.jsonl. action is "deploy", "rollback" or "verified"; a deploy has fingerprint, judgement and
    replaced (the run that was active before), a rollback a reason."""

    at: str
    action: str
    slot: str
    kind: str
    run: str
    fingerprint: str | None = None
    judgement: str | None = None
    replaced: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Deployment:
    """A deployment that has not been rolled back. `number`, its line in history.jsonl, identifies it permanently.

    judgement: evaluation.mark when it was deployed. verified: when a fresh process loaded it and its output differed from
    the base model's; None until then.
    """

    number: int
    slot: str
    kind: str
    run: str
    fingerprint: str
    since: str
    judgement: str | None = None
    verified: str | None = None


def fingerprint(adapter: Path) -> str:
    """The fingerprint of an adapter: sixteen hexadecimal digits over the names and contents of all its files.

    Raises Missing if there is none, Refused for a link or special file, whose target could be changed from elsewhere.
    """
    digest, files = hashlib.sha256(), 0
    for path in _all_files(adapter):
        files += 1
        digest.update(f"{path.relative_to(adapter)} {path.stat().st_size}\n".encode())
        with path.open("rb") as data:
            while block := data.read(1 << 20):
                digest.update(block)
    if not files:
        raise Missing("no_adapter", f"{adapter} holds no adapter", "uv run scripts/list_runs.py")
    return digest.hexdigest()[:16]


def _all_files(adapter: Path) -> list[Path]:
    files, places = [], [adapter]
    while places:
        place = places.pop()
        try:
            mode = place.lstat().st_mode
            if stat.S_ISDIR(mode):
                places += place.iterdir()
            elif stat.S_ISREG(mode):
                files.append(place)
            else:
                raise Refused(
                    "not_a_file",
                    f"{place} is a link or a device; an adapter must consist of regular files",
                    command_line("ls", "-l", place),
                )
        except FileNotFoundError:
            continue
    return sorted(files)


def deployments(home: Home) -> dict[str, list[Deployment]]:
    """The deployments of each slot that have not been rolled back, oldest first, replayed from history.jsonl."""
    recover(home)
    played = _played(home)
    _reconcile(home, played)
    return played


def decisions(home: Home, *further: dict) -> list[Decision]:
    """The lines of the history, and `further` ones about to be added. Raises Failed naming an invalid line."""
    path = home.file(HISTORY_FILE)
    found = []
    for number, line in enumerate([*read_jsonl(path), *further], 1):
        try:
            decision = records.read(Decision, _of_today(line), "it")
            run = Run(home, decision.run)
            if KINDS[decision.kind].slot != decision.slot:
                raise ValueError(f"{decision.slot!r} is not the slot of {decision.kind!r}")
            if decision.action == "deploy" and decision.fingerprint is None:
                raise ValueError(f"the deploy of {run.id} has no fingerprint")
        except (SkillError, KeyError, ValueError) as problem:
            raise Failed(
                "state_corrupt",
                f"line {number} of {path} is not valid ({reason(problem)})",
                f"check line {number} of {path}; remove the line to continue without it",
            ) from problem
        found.append(decision)
    return found


def _of_today(line: dict) -> dict:
    """A line as today's version writes it: until 26 November 2026 `replaced` was all of the entry in active.json."""
    replaced = line.get("replaced")
    return line | {"replaced": replaced.get("run")} if isinstance(replaced, dict) else line


def _played(home: Home, *further: dict) -> dict[str, list[Deployment]]:
    """`deployments`, with lines that are about to be added."""
    played: dict[str, list[Deployment]] = {}
    for number, line in enumerate(decisions(home, *further), 1):
        stack = played.setdefault(line.slot, [])
        if line.action == "deploy":
            stack.append(
                Deployment(
                    number,
                    line.slot,
                    line.kind,
                    line.run,
                    line.fingerprint or "",
                    line.at,
                    line.judgement,
                )
            )
        elif line.action == "rollback" and stack:
            stack.pop()
        elif line.action == "verified" and stack:
            stack[-1] = replace(stack[-1], verified=line.at)
    return played


def _as_active(played: dict[str, list[Deployment]]) -> dict:
    """The content of active.json that follows from the history."""
    return {
        top.kind: {
            "run": top.run,
            "fingerprint": top.fingerprint,
            "since": top.since,
            "verified": top.verified,
            "adapter": f"runs/{top.run}/adapters",
        }
        for top in (stack[-1] for stack in played.values() if stack)
    }


def _reconcile(home: Home, played: dict) -> None:
    """Rewrite active.json if it disagrees. Without any history it is left for a person to look at."""
    if not played or is_changing(home) or _active_text(home) == as_json(_as_active(played)):
        return
    # A read-only home can still be reported on.
    with contextlib.suppress(SkillError), changing(home) as change:
        change.write(home.file(ACTIVE_FILE), _as_active(_played(home)))


def _active_text(home: Home) -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if home.file(ACTIVE_FILE).is_file():
            return home.file(ACTIVE_FILE).read_text(encoding="utf-8")
    return None


def unexplained(home: Home) -> str | None:
    """A warning if active.json names a deployment that the history does not have at all, or None."""
    if os.path.lexists(home.file(ACTIVE_FILE)) and not _played(home):
        if home.file(ACTIVE_FILE).is_file() and not set(home.read(ACTIVE_FILE) or {}) - {"schema"}:
            return None
        return (
            f"{home.file(ACTIVE_FILE)} cannot be right: {HISTORY_FILE}, from which it is made, has no "
            "deployment. It is ignored"
        )
    return None


def current(home: Home, slot: str) -> Deployment | None:
    """The active deployment of `slot`, None for the base model."""
    stack = deployments(home).get(slot)
    return stack[-1] if stack else None


def current_run(home: Home, slot: str) -> Run | None:
    """The active run of `slot`, None for the base model. Raises Missing if its files are gone."""
    entry = current(home, slot)
    if entry is None:
        return None
    run = Run(home, entry.run)
    if not run.file("adapters").is_dir():
        raise Missing(
            "active_gone",
            f"{run.id} is active but its files are missing",
            f"uv run scripts/rollback.py --kind {entry.kind}",
        )
    return run


def require_not_active(run: Run) -> None:
    """Raises Refused if the run is already active, before anyone is asked for approval."""
    _refuse_active(run, current(run.home, KINDS[run.kind].slot))


def _refuse_active(run: Run, active: Deployment | None) -> None:
    if active and active.run == run.id:
        raise Refused(
            "already_active", f"{run.id} is already active", "uv run scripts/check_status.py"
        )


def deploy(
    change: Change, run: Run, judgement: str | None = None
) -> tuple[Deployment, Deployment | None]:
    """Make `run` the active one of its slot. Returns (the deployment, the one it replaces).

    Raises Refused if it is already active: rolling back would otherwise take two steps.
    """
    slot, mark = KINDS[run.kind].slot, fingerprint(run.file("adapters"))
    replaced = (_played(change.home).get(slot) or [None])[-1]
    _refuse_active(run, replaced)
    line = {"at": now(), "action": "deploy", "slot": slot, "kind": run.kind, "run": run.id}
    line |= {"fingerprint": mark, "judgement": judgement}
    played = _decide(change, line | {"replaced": replaced and replaced.run})
    return played[slot][-1], replaced


def rollback(
    home: Home, slot: str, reason: str, only: Deployment | None = None
) -> tuple[Deployment, Deployment | None]:
    """Go back one step in `slot`. Returns (the previous deployment, the active one now or None for the base model).

    Raises Refused if nothing is deployed, or if a deployment other than `only` is active.
    """
    with changing(home) as change:
        stack = _played(home).get(slot)
        if not stack:
            raise _nothing_to_undo(slot)
        was = stack[-1]
        if only and was.number != only.number:
            raise Refused(
                "no_longer_active",
                f"{only.run} is no longer active; {was.run} is",
                "uv run scripts/check_status.py",
            )
        line = {"at": now(), "action": "rollback", "slot": slot, "kind": was.kind, "run": was.run}
        _decide(change, line | {"reason": reason})
    return was, stack[-2] if stack[1:] else None


def keep_verified(home: Home, checked: Deployment) -> None:
    """Record that a deployment was verified, if it is still active."""
    with changing(home) as change:
        stack = _played(home).get(checked.slot)
        if stack and stack[-1].number == checked.number and not stack[-1].verified:
            line = {"at": now(), "action": "verified", "slot": checked.slot}
            _decide(change, line | {"kind": checked.kind, "run": checked.run})


def newest(home: Home, slot: str | None = None) -> Deployment:
    """The newest deployment not rolled back, of `slot` or of all: "the last learning update". Raises Refused if there is none."""
    stacks = deployments(home).items()
    tops = [stack[-1] for name, stack in stacks if stack and slot in (None, name)]
    if not tops:
        raise _nothing_to_undo(slot)
    return max(tops, key=lambda top: top.number)


def _nothing_to_undo(slot: str | None) -> Refused:
    of = f" of this kind ({slot.replace('_', ' ')})" if slot else ""
    return Refused(
        "nothing_to_undo",
        f"no update{of} is in use, so there is nothing to undo",
        "uv run scripts/list_runs.py",
    )


def _decide(change: Change, line: dict) -> dict[str, list[Deployment]]:
    """Append the line to the history and update active.json. Returns the resulting deployments."""
    home = change.home
    played = _played(home, line)
    change.append(home.file(HISTORY_FILE), line)
    change.write(home.file(ACTIVE_FILE), _as_active(played))
    return played


def was_deployed(run: Run, since: str = "") -> bool:
    """Whether the run was ever deployed (after `since`), even if rolled back: another rollback may reactivate it."""
    recover(run.home)
    return any(
        line.action == "deploy" and line.run == run.id and moment(line.at) >= moment(since)
        for line in decisions(run.home)
    )


def undone_at(run: Run) -> str | None:
    """When the last deployment of this run was rolled back; None if it was not, or was never deployed."""
    recover(run.home)
    own = [one for one in decisions(run.home) if one.run == run.id and one.action != "verified"]
    return own[-1].at if own and own[-1].action == "rollback" else None


def compared_with_another(
    run: Run, compared: str | None, compared_fingerprint: str | None
) -> str | None:
    """A sentence if the run was compared with a model that is no longer the current one, or None."""
    active = current(run.home, KINDS[run.kind].slot)
    name = active.run if active else "the original model"
    if active and active.run == run.id:
        return None
    if (active and active.run) != compared:
        return f"it was compared with {compared or 'the original model'}, but {name} is in use now"
    if active and compared_fingerprint != active_fingerprint(run.home, active.slot):
        return f"it was compared with {name}, but the files of {name} have changed since"
    return None


def active_fingerprint(home: Home, slot: str) -> str | None:
    """The current fingerprint of the active adapter's files; None for the base model and if they are gone."""
    active = current(home, slot)
    try:
        return fingerprint(Run(home, active.run).file("adapters")) if active else None
    except Missing:
        return None


def check_unchanged(run: Run, mark: str) -> None:
    """Raises Refused if the adapter's files do not have that fingerprint."""
    if (found := fingerprint(run.file("adapters"))) != mark:
        raise Refused(
            "changed_since",
            f"{run.id} has fingerprint {found}, expected {mark}: its files changed after it was measured",
            f"uv run scripts/evaluate.py --run {run.id} --rescore",
        )
