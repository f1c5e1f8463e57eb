"""Who allowed what, and when: consent.json. Nothing is read or trained without it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from fae_training import records
from fae_training.errors import BadRequest, Refused
from fae_training.state import Home, now
from fae_training.transactions import Change, changing

SOURCES = {
    "conversations": "your conversations with Fae, to learn how you like to be answered",
    "corrections": "your corrections of Fae, to learn which of two answers was better",
    "audio": "recordings of your voice, to learn your names and your wake and stop words",
}
FILE = "consent.json"


@dataclass(frozen=True)
class Consent:
    """One of SOURCES: when it was allowed and taken back."""

    granted_at: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True)
class Consents:
    conversations: Consent = Consent()
    corrections: Consent = Consent()
    audio: Consent = Consent()


@dataclass(frozen=True)
class Machine:
    """One that may help to train, as --hosts names it, without the account."""

    host: str
    granted_at: str
    revoked_at: str | None = None


@dataclass(frozen=True)
class File:
    """consent.json. An unknown key is refused: what somebody meant by it is not guessed."""

    sources: Consents = Consents()
    machines: tuple[Machine, ...] = ()


def given(home: Home) -> dict[str, Consent]:
    """What consent.json holds of each source. Raises Failed, which names the key that is wrong and the near one."""
    return vars(_read(home).sources)


def _read(home: Home) -> File:
    path = home.file(FILE)
    return records.read(File, home.read(FILE, {}), str(path), f"correct {path}")


def granted(home: Home, source: str) -> bool:
    entry = given(home)[source]
    return bool(entry.granted_at and not entry.revoked_at)


def require(home: Home, source: str) -> None:
    """Raises Refused when the person has not allowed `source`, or has taken it back."""
    if granted(home, source):
        return
    entry = given(home)[source]
    why, again = "", f"uv run scripts/setup.py --consent {source}"
    if entry.revoked_at:
        # No call for a program to follow: what the person took back, the person gives again.
        why, again = f"; it was taken back on {entry.revoked_at}", f"if you allow it again: {again}"
    raise Refused(
        "no_consent", f"there is no consent for {source!r} ({SOURCES[source]}){why}", again
    )


def change(home: Home, grant: list[str], revoke: list[str]) -> dict:
    """Record what was allowed and what was taken back; the earlier dates of the others stay.

    Returns the new sources. Raises BadRequest for a source that is not one of SOURCES.
    """
    for source in [*grant, *revoke]:
        if source not in SOURCES:
            raise BadRequest(
                "unknown_source",
                f"there is no source {source!r}; the sources are {', '.join(SOURCES)}",
                f"uv run scripts/setup.py --consent {next(iter(SOURCES))}",
            )
    with changing(home) as change:
        sources = {name: asdict(each) for name, each in given(home).items() if each != Consent()}
        for source in grant:
            if not granted(home, source):
                sources[source] = {"granted_at": now(), "revoked_at": None}
        for source in revoke:
            before = sources.get(source, {"granted_at": None})
            sources[source] = before | {"revoked_at": before.get("revoked_at") or now()}
        _write(change, home, sources, _read(home).machines)
    return sources


def machines(home: Home) -> list[str]:
    """The other machines that may help to train."""
    return [machine.host.lower() for machine in _read(home).machines if not machine.revoked_at]


def require_machines(home: Home, hosts: Sequence[str]) -> None:
    """Raises Refused where the person has not allowed that one of `hosts` is sent what is trained on."""
    if missing := [host for host in hosts if host not in machines(home)]:
        raise Refused(
            "no_consent",
            f"there is no consent for {' and '.join(missing)}: a training on several machines sends them what it learns from",
            f"if they are your own: uv run scripts/setup.py --consent-machines {' '.join(missing)}",
        )


def change_machines(home: Home, grant: Sequence[str], revoke: Sequence[str]) -> None:
    """As `change`, for machines by their names. Raises BadRequest for one to take back that was never allowed."""
    with changing(home) as change:
        kept = {machine.host.lower(): machine for machine in _read(home).machines}
        if unknown := [host for host in revoke if host not in kept and host not in grant]:
            known = ", ".join(kept) or "none"
            raise BadRequest(
                "unknown_machine",
                f"{unknown[0]} was never allowed; those that were: {known}. Nothing was changed",
                "uv run scripts/setup.py --revoke-machines HOST",
            )
        for host in grant:
            if host not in kept or kept[host].revoked_at:
                kept[host] = Machine(host, now())
        for host in revoke:
            if host in kept and not kept[host].revoked_at:
                kept[host] = replace(kept[host], revoked_at=now())
        sources = {name: asdict(each) for name, each in given(home).items() if each != Consent()}
        _write(change, home, sources, tuple(kept.values()))


def _write(change: Change, home: Home, sources: dict, machines: tuple[Machine, ...]) -> None:
    listed = {"machines": [asdict(machine) for machine in machines]} if machines else {}
    change.write(home.file(FILE), {"sources": sources} | listed)
