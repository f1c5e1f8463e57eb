"""The person's consent, with dates: consent.json. Nothing is read or trained without it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from fae_training.calls.errors import BadRequest, Refused
from fae_training.store import records
from fae_training.store.state import Home, now
from fae_training.store.transactions import Change, changing

SOURCES = {
    "conversations": "your conversations with Fae, to learn how you like to be answered",
    "corrections": "your corrections of Fae, to learn which answers you prefer and which words it misheard",
    "audio": "recordings of your voice, to learn your names and your wake and stop words",
}
# How Fae asks for them: "May I ...?"
ASKED = {
    "conversations": "learn from our conversations",
    "corrections": "learn from your corrections",
    "audio": "use recordings of your voice",
}
FILE = "consent.json"


@dataclass(frozen=True)
class Consent:
    """One of SOURCES: when consent was given and withdrawn."""

    granted_at: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True)
class Consents:
    conversations: Consent = Consent()
    corrections: Consent = Consent()
    audio: Consent = Consent()


@dataclass(frozen=True)
class Machine:
    """A machine that may help to train, as named in --hosts, without the user name."""

    host: str
    granted_at: str
    revoked_at: str | None = None


@dataclass(frozen=True)
class File:
    """consent.json. Unknown keys are refused rather than guessed at."""

    sources: Consents = Consents()
    machines: tuple[Machine, ...] = ()


def given(home: Home) -> dict[str, Consent]:
    """The consent for each source. Raises Failed, naming a wrong key and the closest valid one."""
    return vars(_read(home).sources)


def _read(home: Home) -> File:
    path = home.file(FILE)
    return records.read(File, home.read(FILE, {}), str(path), f"correct {path}")


def granted(home: Home, source: str) -> bool:
    entry = given(home)[source]
    return bool(entry.granted_at and not entry.revoked_at)


def missing(home: Home, sources: Sequence[str]) -> list[str]:
    """Those of `sources` that the person has not allowed, or no longer allows."""
    return [source for source in sources if not granted(home, source)]


def require(home: Home, *sources: str) -> None:
    """Raises Refused if the person has not allowed one of `sources`, or has withdrawn the consent."""
    if lacking := missing(home, sources):
        raise Refused(
            "no_consent",
            f"this needs your permission to use {'; and '.join(_in_words(home, source) for source in lacking)}",
            f"uv run scripts/{command(lacking)}",
        )


def require_for_use(home: Home, run: str, *sources: str) -> None:
    """Raises Refused if `run`, which learned from `sources`, may not be proposed or deployed, because one is not allowed."""
    if lacking := missing(home, sources):
        raise Refused(
            "no_consent",
            f"{run} is not used without your permission for what it learned from: "
            + "; and ".join(_in_words(home, source) for source in lacking),
            f"uv run scripts/{command(lacking)}",
        )


def command(sources: Sequence[str]) -> str:
    """The call, after scripts/, with which the person allows them."""
    return f"setup.py --consent {' '.join(sources)}"


def is_given_by(call: str) -> bool:
    """Whether a call, after scripts/, gives consent, which only the person does."""
    return call.startswith("setup.py --consent ")


def reminder(home: Home, sources: Sequence[str]) -> str:
    """A line for a person about consent that they withdrew, "" where they did not."""
    dates = [at[:10] for source in sources if (at := given(home)[source].revoked_at)]
    return (
        f"\nYou withdrew your permission for this on {dates[-1]}. To give it again:"
        if dates
        else ""
    )


def question(home: Home, sources: Sequence[str]) -> str:
    """What Fae says where it may not go on: it asks, but not again for what was withdrawn."""
    withdrawn = [source for source in sources if given(home)[source].revoked_at]
    what = " and ".join(ASKED[source] for source in withdrawn or sources)
    if withdrawn:
        return f"You no longer allow me to {what}, so I do not. Tell me if I may again."
    return f"May I {what}?"


def _in_words(home: Home, source: str) -> str:
    at = given(home)[source].revoked_at
    return SOURCES[source] + (f" (withdrawn on {at[:10]})" if at else "")


def change(home: Home, grant: list[str], revoke: list[str]) -> dict:
    """Record consent given and withdrawn; the dates of other sources stay.

    Returns the new state of all sources. Raises BadRequest for an unknown source.
    """
    for flag, named in (("consent", grant), ("revoke", revoke)):
        if unknown := [source for source in named if source not in SOURCES]:
            raise BadRequest(
                "unknown_source",
                f"there is no source {unknown[0]!r}; the sources are {', '.join(SOURCES)}",
                f"uv run scripts/setup.py --{flag} {next(iter(SOURCES))}",
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
    """The other machines that the person allowed to help with training."""
    return [machine.host.lower() for machine in _read(home).machines if not machine.revoked_at]


def require_machines(home: Home, hosts: Sequence[str]) -> None:
    """Raises Refused if the person has not allowed sending training data to one of `hosts`."""
    if missing := [host for host in hosts if host not in machines(home)]:
        raise Refused(
            "no_consent",
            f"there is no consent for {' and '.join(missing)}: training on several machines sends them the training data",
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
