"""Fae's word list, personal_lexicon.json: our words are merged into it in its strict format, and removed again.

The app loads it at startup and overwrites it whenever it learns a word, so we change it only while the app is closed, and
only if it still is what ours was made from. Otherwise the list with our words is written beside it, as a proposal that the
app does not read.
One invalid entry makes the app start with an empty list, so every entry is checked. Standard library only.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fae_training.app import fae_app, fae_versions
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


@dataclass(frozen=True)
class WordList:
    """The app's list as it was read: its bytes, None without a file, and its entries."""

    content: bytes | None
    entries: list[dict]


def read() -> WordList:
    """The current list. Raises Failed if the app could not load the file."""
    content = _content()
    if content is None:
        return WordList(None, [])
    try:
        entries = state.parsed(content.decode())
    except ValueError as error:  # UnicodeDecodeError too
        raise _not_its_form(reason(error)) from error
    if not isinstance(entries, list):
        raise _not_its_form("it is not a list")
    for number, entry in enumerate(entries, 1):
        for name, kind in FIELDS.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(name), kind):
                raise _not_its_form(f"entry {number} has no {name}")
    return WordList(content, entries)


def _content() -> bytes | None:
    try:
        return state.read_bytes(path())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_its_form(reason(error)) from error


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


def add(words: dict[str, list[str]]) -> dict[str, list[str]] | None:
    """Merge `words` into the app's list. Returns {word: the variants added}; None, with nothing changed, while Fae runs."""
    found = read()
    entries, added = _merged(found, words)
    return added if not added or _replace(found, entries) else None


def propose(words: dict[str, list[str]]) -> dict[str, list[str]]:
    """As `add`, into the proposal; without anything to add there is none."""
    entries, added = _merged(read(), words)
    if added:
        write_text(proposal(), _as_text(entries))
    else:
        drop_proposal()
    return added


def drop_proposal() -> None:
    proposal().unlink(missing_ok=True)


def take_out(added: dict[str, list[str]]) -> bool:
    """Undo `add`: remove those variants, and our words that have none left. Words that the app learned since stay.

    Returns False, with nothing changed, while Fae runs.
    """
    found, kept = read(), []
    ours = {_key(word): {_key(one) for one in heard} for word, heard in added.items()}
    for entry in found.entries:
        variants = ours.get(_key(entry["canonical"]), set())
        left = [variant for variant in entry["variants"] if _key(str(variant)) not in variants]
        if variants and not left and entry["source"] == "correction":
            continue
        kept.append(entry | {"variants": left})
    return kept == found.entries or _replace(found, kept)


def _key(word: str) -> str:
    """What makes two spellings the same word for the app: letters, in any case."""
    return word.casefold()


def _merged(
    found: WordList, words: dict[str, list[str]]
) -> tuple[list[dict], dict[str, list[str]]]:
    entries, added = [dict(entry) for entry in found.entries], {}
    by_word = {_key(entry["canonical"]): entry for entry in entries}
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for word, heard in words.items():
        entry = by_word.get(_key(word))
        if entry is None:
            entry = {"canonical": word, "variants": [], "source": "correction", "createdAt": at}
            entries.append(entry)
            by_word[_key(word)] = entry
        present = {_key(variant) for variant in entry["variants"] if isinstance(variant, str)}
        if new := [variant for variant in heard if _key(variant) not in present]:
            entry["variants"] = [*entry["variants"], *new]
            entry["updatedAt"] = at
            added[entry["canonical"]] = new
    return entries, added


def _replace(found: WordList, entries: list[dict]) -> bool:
    """Replace the list that was read, unless it changed since or Fae runs. Returns whether it was replaced.

    The last look is immediately before the rename. What remains is a Fae that starts and saves a word within those
    microseconds; no file system offers a rename that depends on what it replaces.
    """
    with state.temporary_file(path()) as temporary:
        temporary.write_text(_as_text(entries), encoding="utf-8")
        state.sync_file(temporary)
        if fae_versions.is_running() or _content() != found.content:
            return False
        temporary.replace(path())
    state.sync_directory(path().parent)
    return True


def _as_text(entries: list[dict]) -> str:
    """The app's own format: sorted by word, sorted keys, indented."""
    ordered = sorted(entries, key=lambda entry: entry["canonical"])
    return json.dumps(ordered, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
