"""learned.json: enough about what a run learned to find the run when something is to be forgotten.

It holds no text, only keyed hashes of the words of each row, so that a run can still be found when its rows are gone or
the same thing is forgotten twice. The key is in a separate file (forget.key). A run that started from another also has
the other's hashes.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fae_training.calls.errors import Refused
from fae_training.conversations.text import names_in, words
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.store.state import Home, now, read_json
from fae_training.store.transactions import Change, changing

if TYPE_CHECKING:
    from fae_training.conversations.mentions import Forgotten

FILE = "learned.json"
KEY_FILE = "forget.key"
# Key in run.json: when it was found that the run learned something to be forgotten.
MARK = "forgotten_at"
# Bytes per hash: among a million different words, a collision has a probability of one in a million.
_BYTES = 5
# Keys of a row that contain nothing that was said.
NOT_SAID = ("system", "tools", "source", "role", "from", "audio", "part", "pattern", "origin")


def said_in(value: object) -> Iterator[str]:
    """All texts of a row, in any form. soul.md and tools are Fae's own and excluded."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from said_in(item)
    elif isinstance(value, dict) and "system" not in (value.get("role"), value.get("from")):
        for name, item in value.items():
            if name not in NOT_SAID:
                yield from said_in(item)


def keep(run: Run, rows: Iterable[object]) -> None:
    """Write a run's learned.json from its rows and from the learned.json of the run that it started from."""
    home = run.home
    with changing(home) as change:
        key = _key(change)
        hashed = {hash_of(key, "\n".join(said_in(row))) for row in rows} | set(_kept(run))
        started_from = (run.record.get("start") or {}).get("run")
        if started_from and home.file("runs", started_from).is_dir():
            hashed |= set(_kept(Run(home, started_from)))
        change.write(run.file(FILE), {"rows": sorted(hashed - {""})})


def note(run: Run, phrases: Iterable[str]) -> None:
    """Add forgotten phrases, so that the run is found again when the same is forgotten once more."""
    with changing(run.home) as change:
        key = _key(change)
        added = {hash_of(key, phrase) for phrase in phrases} | set(_kept(run))
        change.write(run.file(FILE), {"rows": sorted(added - {""})})


def hash_of(key: bytes, text: str) -> str:
    """The words of a text, normalised as for comparing topics, as one string of keyed hashes."""
    from fae_training.conversations.mentions import plain_form

    hashes = sorted({_hash(key, word) for word in map(plain_form, (*words(text), *names_in(text)))})
    return base64.b64encode(b"".join(hashes)).decode()


def mentions(run: Run, forgotten: "Forgotten") -> bool:
    """Whether a row that the run learned contains the words of a topic. Word forms that differ in more than their ending are
    found only in the rows themselves, while these still exist.
    """
    from fae_training.conversations.mentions import plain_form

    kept = _kept(run)
    key = _existing_key(run.home)
    if not kept or key is None:
        return False
    topics = [
        ({_hash(key, plain_form(word)) for word in topic.words}, topic.needed)
        for topic in forgotten.topics
    ]
    for row in kept:
        raw = base64.b64decode(row)
        known = {raw[place : place + _BYTES] for place in range(0, len(raw), _BYTES)}
        if any(len(hashes & known) >= needed for hashes, needed in topics):
            return True
    return False


def mark(run: Run) -> None:
    """Record in run.json that it learned something to be forgotten, with the time of the first such finding."""
    if not run.record.get(MARK):
        run.update(**{MARK: now()})


def why_not(run: Run) -> str | None:
    """A sentence on why a marked run can no longer be used; None for all others."""
    if not (at := run.record.get(MARK)):
        return None
    return f"{run.id} learned something that you asked to forget on {at[:10]}"


def require_unmarked(run: Run) -> None:
    """Raises Refused for a marked run, which cannot be proposed, deployed, resumed or used as a starting point."""
    run.refresh()  # something may have been forgotten while a person was asked
    if why := why_not(run):
        raise Refused(
            "learned_what_was_forgotten",
            f"{why}, so it can no longer be used; train again without it",
            KINDS[run.kind].command("--preset light"),
        )


def _kept(run: Run) -> list[str]:
    kept = read_json(run.file(FILE)) or {}
    return [row for row in kept.get("rows", []) if isinstance(row, str)]


def _hash(key: bytes, word: str) -> bytes:
    return hashlib.blake2b(word.encode("utf-8", "replace"), key=key, digest_size=_BYTES).digest()


def _existing_key(home: Home) -> bytes | None:
    kept = read_json(home.file(KEY_FILE)) or {}
    return bytes.fromhex(kept["key"]) if "key" in kept else None


def _key(change: Change) -> bytes:
    key = _existing_key(change.home)
    if key is None:
        key = secrets.token_bytes(32)
        change.write(change.home.file(KEY_FILE), {"key": key.hex()})
    return key
