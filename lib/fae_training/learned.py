"""What a run learned, as far as it takes to find the run again when something is to be forgotten: learned.json.

It holds no text: for each row the keyed hashes of its words, so that a run is still found when its rows are gone, and
when the same is forgotten twice. The key is in a file of its own (forget.key), not in the run. A run that started from
another one holds that one's too.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fae_training.conversations.text import words
from fae_training.errors import Refused
from fae_training.kinds import KINDS
from fae_training.runs import Run
from fae_training.state import Home, now, read_json
from fae_training.transactions import Change, changing

if TYPE_CHECKING:
    from fae_training.conversations.forgetting import Forgotten

FILE = "learned.json"
KEY_FILE = "forget.key"
# In run.json of a run that learned what was to be forgotten since: when that was found.
MARK = "forgotten_at"
# Bytes of a hash: two of a million different words meet once in a million.
_BYTES = 5
# Keys under which a row has no words that were said.
NOT_SAID = ("system", "tools", "source", "role", "from", "audio", "part", "pattern", "origin")


def said_in(value: object) -> Iterator[str]:
    """The texts of a row, wherever its form has them. soul.md and tools are Fae's, not something that was said."""
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
    """Write learned.json of a run from the rows that it learns, and from what the run that it started from learned."""
    home = run.home
    with changing(home) as change:
        key = _key(change)
        hashed = {hash_of(key, "\n".join(said_in(row))) for row in rows} | set(_kept(run))
        started_from = (run.record.get("start") or {}).get("run")
        if started_from and home.file("runs", started_from).is_dir():
            hashed |= set(_kept(Run(home, started_from)))
        change.write(run.file(FILE), {"rows": sorted(hashed - {""})})


def note(run: Run, phrases: Iterable[str]) -> None:
    """Add what was forgotten, so that the run is found again when the same is forgotten once more."""
    with changing(run.home) as change:
        key = _key(change)
        added = {hash_of(key, phrase) for phrase in phrases} | set(_kept(run))
        change.write(run.file(FILE), {"rows": sorted(added - {""})})


def hash_of(key: bytes, text: str) -> str:
    """The words of a text as one string of keyed hashes, each word in the form in which topics are compared."""
    from fae_training.conversations.forgetting import plain_form

    hashes = sorted({_hash(key, word) for word in map(plain_form, words(text))})
    return base64.b64encode(b"".join(hashes)).decode()


def mentions(run: Run, forgotten: "Forgotten") -> bool:
    """Whether a row that the run learned has the words of a topic. Forms that differ in more than an ending are not
    found here; they are where the rows themselves are still there.
    """
    from fae_training.conversations.forgetting import plain_form

    kept = _kept(run)
    key = _existing_key(run.home)
    if not kept or key is None:
        return False
    wanted = [
        ({_hash(key, plain_form(word)) for word in topic.words}, topic.needed)
        for topic in forgotten.topics
    ]
    for row in kept:
        raw = base64.b64decode(row)
        there = {raw[place : place + _BYTES] for place in range(0, len(raw), _BYTES)}
        if any(len(hashes & there) >= needed for hashes, needed in wanted):
            return True
    return False


def mark(run: Run) -> None:
    """Keep in run.json that it learned what was to be forgotten; the time of the first such finding stays."""
    if not run.record.get(MARK):
        run.update(**{MARK: now()})


def why_not(run: Run) -> str | None:
    """Why a marked run is of no use any more, in a sentence; None for all others."""
    if not (at := run.record.get(MARK)):
        return None
    return f"{run.id} learned something that you had forgotten on {at[:10]}"


def require_unmarked(run: Run) -> None:
    """Raises Refused for a run that learned what was to be forgotten: it is not proposed, deployed, resumed or begun from."""
    if why := why_not(run):
        raise Refused(
            "learned_what_was_forgotten",
            f"{why}, so it is not used any more; train again without it",
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
