"""Finds the files to import: given as files, folders, folders named after classes, or a table.
Standard library only."""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

from fae_training.calls.errors import BadRequest, Missing, command_line
from fae_training.classifiers.classes import CLASSIFIERS

# Formats that soundfile reads, and those that speech/clips.py converts; other files in a folder are ignored.
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".aifc", ".opus", ".au", ".caf"),
    *(".m4a", ".m4b", ".mp4", ".mov", ".aac", ".3gp", ".webm", ".mka", ".mkv", ".wma", ".amr"),
)
COLUMNS = ("file", "class")


@dataclass(frozen=True)
class Sample:
    """One file to import. `speaker` and `recording` are None if they were not given; `source` is "" for none."""

    path: Path
    class_name: str
    speaker: str | None
    recording: str | None
    source: str = ""


def from_paths(
    paths: list[Path], kind: str, class_name: str | None, speaker: str | None
) -> list[Sample]:
    """The sound files in `paths`. Without a class, each folder must hold folders named after classes."""
    classes = CLASSIFIERS[kind].classes
    found = []
    for path in paths:
        if not path.exists():
            raise Missing(
                "no_file", f"there is no file or folder {path}", command_line("ls", path.parent)
            )
        if path.is_file() and not class_name:
            raise BadRequest(
                "no_class",
                f"{path} was given without --class; the classes of {kind} are {', '.join(classes)}",
                "uv run "
                + command_line(
                    "scripts/add_samples.py", "--kind", kind, "--class", classes[0], "--files", path
                ),
            )
        folders = [path] if class_name else sorted(p for p in path.iterdir() if p.is_dir())
        for folder in folders:
            name = class_name or folder.name
            _check_class(name, classes, kind)
            found += [Sample(file, name, speaker, None) for file in _sounds(folder)]
    return found


def from_table(table: Path, kind: str) -> list[Sample]:
    """Rows of a CSV file with the columns file and class, and speaker (or group), recording and source if it has them.

    Paths are relative to the table. Raises Missing and BadRequest, naming the line.
    """
    if not table.is_file():
        raise Missing("no_file", f"there is no table {table}", command_line("ls", table.parent))
    text = _decoded(table)
    # Excel writes ";" where a comma is the decimal sign.
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    columns = [(name or "").strip().lower() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if absent := [c for c in COLUMNS if c not in columns]:
        raise BadRequest(
            "bad_table",
            f"{table} has no column {' and '.join(absent)}; it has {', '.join(columns) or 'none'}",
            "the first line must be: file,class,speaker,recording",
        )
    found = []
    for row in reader:
        line = f"line {reader.line_num} of {table}"
        cells = {
            name: (row.get(name) or "").strip()
            for name in (*COLUMNS, "speaker", "group", "recording", "source")
        }
        if empty := [c for c in COLUMNS if not cells[c]]:
            raise BadRequest(
                "bad_table",
                f"{line} has no {' and no '.join(empty)}; expected a value for each of {', '.join(columns)}",
                f"correct {line}, or remove it",
            )
        name = cells["class"]
        _check_class(name, CLASSIFIERS[kind].classes, f"{kind} ({line})")
        file, speaker = _beside(table, cells["file"]), cells["speaker"] or cells["group"] or None
        found.append(Sample(file, name, speaker, cells["recording"] or None, cells["source"]))
    if not found:
        raise Missing(
            "no_sounds", f"{table} has no rows after its first line", command_line("cat", table)
        )
    return found


def _decoded(table: Path) -> str:
    """The text of a table in UTF-8 or UTF-16, with or without a byte order mark, otherwise in Windows-1252."""
    raw = table.read_bytes()
    try:
        if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return raw.decode("utf-16")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _beside(table: Path, name: str) -> Path:
    """The file relative to the table's folder or one of its parents, for a table inside the tree
    that it lists."""
    for base in (table.parent, *table.parent.parents):
        if (base / name).exists():
            return base / name
    return table.parent / name


def _check_class(name: str, classes: tuple, kind: str) -> None:
    if name not in classes:
        raise BadRequest(
            "unknown_class",
            f"{name!r} is not a class of {kind}; the classes are {', '.join(classes)}",
            f"uv run scripts/add_samples.py --class {classes[0]} ...",
        )


def _sounds(folder: Path) -> list[Path]:
    """The sound files in `folder`, without hidden ones (macOS keeps ._x.wav beside x.wav on other
    file systems); a file that is given in place of a folder is meant, whatever its name."""
    if folder.is_file():
        return [folder]
    return sorted(
        p
        for p in folder.rglob("*")
        if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()
    )
