"""Who allowed what, and when: consent.json. Nothing is read or trained without it."""

from dataclasses import asdict, dataclass

from fae_training import records
from fae_training.errors import BadRequest, Refused
from fae_training.state import Home, now
from fae_training.transactions import changing

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
class File:
    """consent.json. An unknown key is refused: what somebody meant by it is not guessed."""

    sources: Consents = Consents()


def given(home: Home) -> dict[str, Consent]:
    """What consent.json holds of each source. Raises Failed, which names the key that is wrong and the near one."""
    path = home.file(FILE)
    return vars(records.read(File, home.read(FILE, {}), str(path), f"correct {path}").sources)


def granted(home: Home, source: str) -> bool:
    entry = given(home)[source]
    return bool(entry.granted_at and not entry.revoked_at)


def require(home: Home, source: str) -> None:
    """Raises Refused when the person has not allowed `source`, or has taken it back."""
    if granted(home, source):
        return
    entry = given(home)[source]
    taken_back = f"; it was taken back on {entry.revoked_at}" if entry.revoked_at else ""
    raise Refused(
        "no_consent",
        f"there is no consent for {source!r} ({SOURCES[source]}){taken_back}",
        f"uv run scripts/setup.py --consent {source}",
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
        change.write(home.file(FILE), {"sources": sources})
    return sources
