"""Fae's word list, personal_lexicon.json: our words are merged into it in its strict format, and removed again.

The app loads it at startup and overwrites it whenever it learns a word, so we change it only while the app is closed. While
it runs, the list with our words is written beside it, as a proposal that the app does not read.
One invalid entry makes the app start with an empty list, so every entry is checked. Standard library only.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from fae_training.app import fae_app
from fae_training.calls.error_words import reason
from fae_training.calls.errors import Failed, command_line
from fae_training.speech import vocabulary
from fae_training.store import state
from fae_training.store.state import Home, write_text

FILE = "personal_lexicon.json"
PROPOSAL = "personal_lexicon.proposed.json"
FIELDS = {"canonical": str, "variants": list, "source": str, "createdAt": str, "updatedAt": str}
# The app's own rule: shorter words and variants never apply.
SHORTEST_WORD, SHORTEST_VARIANT = 2, 3


def path() -> Path:
    return fae_app.directory() / FILE


def proposal() -> Path:
    return fae_app.directory() / PROPOSAL


def read() -> list[dict]:
    """The current entries, [] without a file. Raises Failed if the app could not load the file."""
    try:
        text = state.read_bytes(path()).decode()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise _not_its_form(reason(error)) from error
    try:
        entries = state.parsed(text)
    except ValueError as error:
        raise _not_its_form(reason(error)) from error
    if not isinstance(entries, list):
        raise _not_its_form("it is not a list")
    for number, entry in enumerate(entries, 1):
        for name, kind in FIELDS.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(name), kind):
                raise _not_its_form(f"entry {number} has no {name}")
    return entries


def _not_its_form(why: str) -> Failed:
    return Failed(
        "bad_lexicon",
        f"{path()} cannot be loaded by Fae ({why}); it was left as it is",
        command_line("less", path()),
    )


def known(home: Home) -> dict[str, list[str]]:
    """{word: the ways it was misheard} of our vocabulary, for corrected words of lengths that the app accepts."""
    entries = (home.read(vocabulary.FILE, {}) or {}).get("terms", [])
    found = {
        entry["term"]: [heard for heard in entry["sounds_like"] if len(heard) >= SHORTEST_VARIANT]
        for entry in entries
        if len(entry["term"]) >= SHORTEST_WORD
    }
    return {word: heard for word, heard in found.items() if heard}


def add(words: dict[str, list[str]]) -> dict[str, list[str]]:
    """Merge `words` into the app's list. Returns {word: the variants added}. The app must be closed."""
    entries, added = _merged(words)
    if added:
        _write(path(), entries)
    return added


def propose(words: dict[str, list[str]]) -> dict[str, list[str]]:
    """As `add`, into the proposal; without anything to add there is none."""
    entries, added = _merged(words)
    if added:
        _write(proposal(), entries)
    else:
        drop_proposal()
    return added


def drop_proposal() -> None:
    proposal().unlink(missing_ok=True)


def _merged(words: dict[str, list[str]]) -> tuple[list[dict], dict[str, list[str]]]:
    entries, added = read(), {}
    by_word = {entry["canonical"].lower(): entry for entry in entries}
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for word, heard in words.items():
        entry = by_word.get(word.lower())
        if entry is None:
            entry = {"canonical": word, "variants": [], "source": "correction", "createdAt": at}
            entries.append(entry)
            by_word[word.lower()] = entry
        present = {variant.lower() for variant in entry["variants"] if isinstance(variant, str)}
        if new := [variant for variant in heard if variant.lower() not in present]:
            entry["variants"] = [*entry["variants"], *new]
            entry["updatedAt"] = at
            added[entry["canonical"]] = new
    return entries, added


def take_out(added: dict[str, list[str]]) -> None:
    """Undo `add`: remove those variants, and our words that have none left. Words that the app learned since stay."""
    kept = []
    for entry in read():
        variants = {variant.lower() for variant in added.get(entry["canonical"], [])}
        left = [variant for variant in entry["variants"] if str(variant).lower() not in variants]
        if variants and not left and entry["source"] == "correction":
            continue
        kept.append(entry | {"variants": left})
    _write(path(), kept)


def _write(target: Path, entries: list[dict]) -> None:
    """Write a file atomically in the app's own format: sorted by word, sorted keys, indented."""
    entries.sort(key=lambda entry: entry["canonical"])
    text = json.dumps(entries, indent=2, sort_keys=True, ensure_ascii=False)
    write_text(target, text + "\n")
