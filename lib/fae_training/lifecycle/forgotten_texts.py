"""Text files of the state directory that quote what was said, and their content without what is to be forgotten."""

import contextlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fae_training.calls.error_words import reason
from fae_training.calls.errors import Failed, command_line
from fae_training.conversations.mentions import Forgotten
from fae_training.lifecycle import runs
from fae_training.lifecycle.provenance import HALF_COPY
from fae_training.patterns import lazy_pattern
from fae_training.store import state

FORGOTTEN = "[forgotten]"
# Keys under which our JSON files contain or quote what was said.
QUOTES = frozenset(
    ["examples", "example", "details", "notes", "note", "figures", "items", "reason", "text", "say", "message", "hint", "traceback", "error", "results", "samples", "topics", "taken", "remarks", "warnings"]
)  # fmt: skip
_SUFFIXES = (".json", ".jsonl", ".log", ".md", ".txt", ".html")
# Directories of rows and weights.
_OTHERS = ("data", HALF_COPY, runs.ADAPTERS, "checkpoints", runs.STOPPED)
# Escapes of JSON, and of Python's repr, in a line that is not read as a value.
_ESCAPE = lazy_pattern(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")


def texts_in(place: Path) -> Iterator[Path]:
    """Text files in a directory tree, except rows and weights, which are handled separately."""
    if not place.is_dir():
        return
    for path in sorted(place.iterdir()):
        if path.is_symlink() or path.name == "run.json":  # which is changed under the state's lock
            continue
        if path.is_dir() and path.name not in _OTHERS:
            yield from texts_in(path)
        elif path.is_file() and path.suffix in _SUFFIXES:
            yield path


def mentions(forgotten: Forgotten, text: str) -> bool:
    """Whether a text mentions it, as it is or once the escapes of JSON and HTML in it are replaced."""
    if forgotten.mentioned_in(text):
        return True
    plain = html.unescape(_ESCAPE.sub(_unescaped, text) if "\\" in text else text)
    plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return plain != text and forgotten.mentioned_in(plain) is not None


def _unescaped(found: re.Match) -> str:
    number = found[1] or found[2]
    if number:
        return chr(int(number, 16))
    return " " if found[3] in "nrtbf" else found[3]


def named_in(forgotten: Forgotten, path: Path) -> bool:
    """Whether a file mentions it anywhere; for files that are removed as a whole."""
    return without(forgotten, path) is not None or mentions(forgotten, _read(path) or "")


def without(forgotten: Forgotten, path: Path) -> str | None:
    """The text of a file without the parts that mention it; None if none do.

    Parts are quoted strings in a JSON file, lines in any other file. Raises Failed for a file that cannot be read.
    """
    text = _read(path)
    if text is None:
        return None
    if path.suffix == ".json":
        with contextlib.suppress(ValueError):  # a damaged file is text
            value = state.parsed(text)
            less = value_without(forgotten, value)
            return None if less == value else state.json_line(less, indent=1) + "\n"
    is_json = path.suffix == ".jsonl"
    # splitlines() also splits at Unicode line separators inside JSON strings.
    lines = text.split("\n") if is_json else [*text.splitlines(), ""]
    less = [_line_without(forgotten, line, is_json) for line in lines]
    return None if less == lines else "\n".join(less)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None  # its writer removed it
    except OSError as error:
        raise Failed(
            "unreadable_text",
            f"{path} cannot be read, so what it says about it is still there: {reason(error)}",
            command_line("ls", "-l", path),
        ) from error


def _line_without(forgotten: Forgotten, line: str, is_json: bool) -> str:
    if is_json:
        with contextlib.suppress(ValueError):
            value = state.parsed(line)
            less = value_without(forgotten, value)
            return line if less == value else state.json_line(less)
    if not mentions(forgotten, line):
        return line
    return json.dumps({"text": FORGOTTEN}) if is_json else FORGOTTEN


def value_without(forgotten: Forgotten, value: Any, quotes: bool = False) -> Any:
    """`value` with matching quoted strings replaced by FORGOTTEN; the keys and terms of our own files stay."""
    if isinstance(value, str):
        return FORGOTTEN if quotes and mentions(forgotten, value) else value
    if isinstance(value, list):
        return [value_without(forgotten, item, quotes) for item in value]
    if isinstance(value, dict):
        return {
            value_without(forgotten, name, quotes): value_without(
                forgotten, item, quotes or name in QUOTES
            )
            for name, item in value.items()
        }
    return value
