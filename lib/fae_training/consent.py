"""Who allowed what, and when: consent.json. Nothing is read or trained without it."""

from fae_training.errors import BadRequest, Refused
from fae_training.state import Home, now
from fae_training.transactions import changing

SOURCES = {
    "conversations": "your conversations with Fae, to learn how you like to be answered",
    "corrections": "your corrections of Fae, to learn which of two answers was better",
    "audio": "recordings of your voice, to learn your names and your wake and stop words",
}
FILE = "consent.json"


def granted(home: Home, source: str) -> bool:
    entry = (home.read(FILE, {}) or {}).get("sources", {}).get(source)
    return bool(entry and entry.get("granted_at") and not entry.get("revoked_at"))


def require(home: Home, source: str) -> None:
    """Raises Refused when the person has not allowed `source`, or has taken it back."""
    if granted(home, source):
        return
    entry = (home.read(FILE, {}) or {}).get("sources", {}).get(source)
    taken_back = f"; it was taken back on {entry['revoked_at']}" if entry else ""
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
        sources = dict((home.read(FILE, {}) or {}).get("sources", {}))
        for source in grant:
            if not granted(home, source):
                sources[source] = {"granted_at": now(), "revoked_at": None}
        for source in revoke:
            before = sources.get(source, {"granted_at": None})
            sources[source] = before | {"revoked_at": before.get("revoked_at") or now()}
        change.write(home.file(FILE), {"sources": sources})
    return sources
