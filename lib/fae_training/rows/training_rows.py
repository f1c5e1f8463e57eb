"""Reads data/sft and data/dpo: JSON lines or a JSON array, with each row converted to our form or listed as a problem.

Unusable rows are skipped and reported; more than a tenth of them, or nothing left to learn, is an error. Standard library
only: both the front process and the worker use it.
"""

import codecs
import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar, overload

from fae_training.calls.counting import counted
from fae_training.calls.error_words import reason
from fae_training.calls.errors import Missing, command_line
from fae_training.rows.row_forms import Conversation, PreferencePair, conversation, preference_pair

_FORMS = {"sft": conversation, "dpo": preference_pair}
KINDS = tuple(_FORMS)
# The largest share of unusable rows; in a small file, this many may be more than that.
MOST_LEFT_OUT = 0.1
FEW_LEFT_OUT = 2
# How many reasons, and lines of each, an answer lists.
NAMED = 10
_LONGEST_REASON = 110
Form = TypeVar("Form", Conversation, PreferencePair)


@dataclass(frozen=True)
class Problem:
    """A row that is unusable or needs a remark, and the reason."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return by_reason([self])[0]

    def as_dict(self) -> dict:
        return {"file": self.file, "line": self.line, "reason": self.reason}


@dataclass(frozen=True)
class RowsRead(Generic[Form]):
    """The rows of a file; `line` counts from 1 (in an array: the line on which the row begins).

    total counts all rows; weightless those that are valid but have weight 0, so that nothing in them is trained on.
    """

    file: str
    rows: list[Form]
    left_out: list[Problem]
    total: int
    weightless: int = 0

    @property
    def usable(self) -> int:
        return len(self.rows)

    @property
    def remarks(self) -> list[str]:
        if not self.weightless:
            return []
        return [
            f"{self.weightless} of {self.total} rows of {self.file} have weight 0 and are not trained on"
        ]


@overload
def read(path: Path, kind: Literal["sft"]) -> RowsRead[Conversation]: ...
@overload
def read(path: Path, kind: Literal["dpo"]) -> RowsRead[PreferencePair]: ...
@overload
def read(path: Path, kind: str) -> RowsRead: ...
def read(path: Path, kind: str) -> RowsRead:
    """The rows of data/<kind>/<side>.jsonl; empty if there is no such file. Raises Missing if it is unreadable."""
    file, rows, left_out, total, weightless = "/".join(path.parts[-3:]), [], [], 0, 0
    content = _content(path)
    is_one_line = b"\n" not in content.strip()
    for line, given in _values(content):
        total += 1
        which = f"row {total}: " if is_one_line and total > 1 else ""
        try:
            if isinstance(given, ValueError):
                raise given
            row = _FORMS[kind](given, file, line)
        except RecursionError:
            left_out.append(Problem(file, line, f"{which}is nested too deeply"))
        except ValueError as error:
            left_out.append(Problem(file, line, f"{which}{error}"))
        else:
            if row.answers:
                rows.append(row)
            else:
                weightless += 1
    return RowsRead(file, rows, left_out, total, weightless)


def values(path: Path) -> Iterator[tuple[int, object]]:
    """(line, value) of every row as it is in the file; the value is a ValueError where a row is not JSON."""
    return _values(_content(path))


def _content(path: Path) -> bytes:
    """The UTF-8 bytes of a regular file, which may be UTF-16 with a byte order mark."""
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is not a regular file")
        content = path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Missing(
            "unreadable_rows",
            f"{path} cannot be read: {reason(error)}",
            f"{command_line('ls', '-ld', path)}; a file of rows is expected there",
        ) from error
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        # PowerShell writes UTF-16 when redirecting to a file.
        with contextlib.suppress(UnicodeDecodeError):
            content = content.decode("utf-16", "surrogatepass").encode("utf-8", "surrogatepass")
    return content.removeprefix(codecs.BOM_UTF8)


def _values(content: bytes) -> Iterator[tuple[int, object]]:
    """(line, value) of JSON lines or a JSON array; the value is a ValueError where a row is not JSON."""
    first = content.lstrip().split(b"\n", 1)
    if first[0][:1] == b"[" and not (len(first) > 1 and first[1].strip() and _is_json(first[0])):
        yield from _array(content)
        return
    # Not splitlines(), which also splits at Unicode line separators inside JSON strings.
    for number, line in enumerate(content.split(b"\n"), 1):
        # Concatenated files keep the byte order mark of each.
        line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            yield number, _value(line)


def _is_json(line: bytes) -> bool:
    return not isinstance(_value(line), ValueError)


def _value(line: bytes) -> object:
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        return ValueError(f"is not UTF-8 text (byte {error.start + 1} is {line[error.start]:#04x})")
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            return ValueError(
                f"is not JSON ({error.msg.removesuffix(' at')} at character {error.colno})"
            )
        return ValueError(f"is not JSON ({error})")
    except RecursionError:
        return ValueError("is nested too deeply")


def _array(content: bytes) -> Iterator[tuple[int, object]]:
    """The elements of a JSON array, up to the first damaged one."""
    text = content.decode(
        errors="surrogateescape"
    )  # invalid bytes become lone surrogates, which are reported later
    scan, at, line, counted = json.JSONDecoder().raw_decode, text.index("[") + 1, 1, 0
    while True:
        at = _past_space(text, at)
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] == "]":
            return
        try:
            value, at = scan(text, at)
        except (ValueError, RecursionError) as error:
            yield (
                line,
                ValueError(f"is not JSON ({reason(error)}); the rest of this array is not read"),
            )
            return
        yield line, value
        at = _past_space(text, at)
        if text[at : at + 1] not in (",", "]"):
            yield line, ValueError("has no comma or ] after it; the rest of this array is not read")
            return
        at += text[at] == ","


def _past_space(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def notes(*files) -> list[str]:
    """Notes for a person on files with `file`, `total`, `left_out` and `remarks`; they list the first ten reasons."""
    sentences, room = [], NAMED
    for some in files:
        if some.left_out:
            sentences.append(f"{_counted(some)} cannot be used:")
            reasons = by_reason(some.left_out)
            sentences += reasons[:room]
            room -= min(room, len(reasons))
        sentences += some.remarks
    return sentences


def listed(problems: list[Problem]) -> str:
    """The first ten reasons in one sentence."""
    reasons = by_reason(problems)
    more = len(reasons) - NAMED
    return "; ".join(reasons[:NAMED]) + (f"; and {more} more" if more > 0 else "")


def by_reason(problems: Sequence[Problem]) -> list[str]:
    """Each reason once, with its lines: "lines 3, 7 and 12: is not JSON"."""
    lines: dict[str, list[int]] = {}
    for problem in problems:
        lines.setdefault(_shortened(problem.reason), []).append(problem.line)
    return [f"{_lines(numbers)}: {reason}" for reason, numbers in lines.items()]


def _lines(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    shown, more = [*map(str, numbers[:NAMED])], len(numbers) - NAMED
    last = f"{more} more" if more > 0 else shown.pop()
    return f"lines {', '.join(shown)} and {last}"


def require_usable(train, valid, again: str) -> None:
    """Refuse data that is empty or mostly invalid. `again` is the command that makes the data.

    train and valid have `file`, `total`, `usable`, `left_out` and `remarks`. Raises Missing if more than a tenth of the
    training rows, or of both files together, are unusable (one or two are passed over, as long as most rows are usable), or
    if none are left.
    """
    for some in ([train], [train, valid]):
        bad = [problem for file in some for problem in file.left_out]
        total = sum(file.total for file in some)
        if len(bad) > MOST_LEFT_OUT * total and (len(bad) > FEW_LEFT_OUT or 2 * len(bad) > total):
            worst = max(some, key=lambda file: len(file.left_out))
            if worst.total > 1 and len(worst.left_out) == worst.total and _is_no_json(worst):
                raise Missing(
                    "bad_rows",
                    f"none of {counted(worst.total, 'line')} of {worst.file} is JSON, so this is a different kind of file, such as a table; "
                    f"expected one JSON object per line, or a JSON array ({worst.left_out[0]})",
                    f"save it as JSON lines in UTF-8, in one of the forms listed in docs/data.md, or export the file again: {again}",
                )
            raise Missing(
                "bad_rows",
                f"{_counted(worst)} cannot be used, which is more than the allowed tenth: {listed(worst.left_out)}",
                f"correct or delete these lines of {worst.file} (without --dry-run, meta.json beside it lists them all) and run the "
                f"same command again, or export the file again: {again}",
            )
    if not train.usable:
        why = "; ".join(train.remarks) or f"{train.file} has no rows"
        raise Missing(
            "nothing_to_learn",
            f"there is nothing to learn from: {why}",
            f"give the rows weights above 0, or export the file again: {again}",
        )


def _is_no_json(file) -> bool:
    return all(
        problem.reason.startswith(("is not JSON", "is not UTF-8")) for problem in file.left_out
    )


def _counted(file) -> str:
    return f"{len(file.left_out)} of {file.total} rows of {file.file}"


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 3]}..."
