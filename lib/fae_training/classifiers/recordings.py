"""Finds the recordings in the state directory and names their files. Standard library only.

A file is keyword/samples/<class>/<speaker>--<recording>.wav (any format that soundfile reads). A
name without "--" has no known speaker. Names of people are kept as they are written; characters
that a file system or the "--" does not allow are percent-encoded, as in URLs. sound_files.py
decodes the files.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest, Refused, command_line
from fae_training.classifiers.classes import ClassifierKind
from fae_training.conversations import forgetting
from fae_training.conversations.forgetting import Exclusions
from fae_training.patterns import lazy_pattern
from fae_training.store.state import Home

# The sources of sounds that the person reviewed after hearing them on a stream (review.py). They
# are trained on, with this weight, and never judge.
FALSE_ALARMS, MISSED = "false-alarms", "missed"
REVIEWED = (FALSE_ALARMS, MISSED)
# The source of ordinary sound for counting false alarms, as it was recorded; it is used for nothing else.
TO_JUDGE = "to-judge"
# The suffix that sound_files.keep adds to the names of files.
FINGERPRINT = lazy_pattern(r"-[0-9a-f]{6}$")
# A WAV file of 44 bytes is a header without samples.
SMALLEST_FILE = 45
NAMED_AT_MOST = 5
# Bytes. A file name has at most 255, for the speaker, the recording, a fingerprint and the suffix.
LONGEST_PART = 100


@dataclass
class Found:
    """`files` by class, `borrowed` files as (class here, path), `digests` of all examined files by
    path relative to the state directory, and `notes` for people on omitted ones."""

    files: dict[str, list[Path]]
    borrowed: list[tuple[str, Path]]
    fingerprint: str
    digests: dict[str, str]
    notes: list[str] = field(default_factory=list)


def directory(home: Home, kind: str) -> Path:
    return home.file(kind, "samples")


def source_of(path: Path, roots: Iterable[Path]) -> str:
    """The folders between the class's folder and the file, "" where it is directly in the class's folder."""
    root = next(root for root in roots if path.is_relative_to(root))
    return "/".join(path.relative_to(root).parts[1:-1])


def file_stem(speaker: str | None, recording: str) -> str:
    """The file name without its suffix. `who` is the inverse for the speaker; no two speakers share a name."""
    return f"{encoded(speaker)}--{encoded(recording)}" if speaker else encoded(recording)


def who(stem: str) -> tuple[str | None, str]:
    """(speaker or None, recording) of a file name without its suffix."""
    speaker, _, recording = stem.rpartition("--")
    return unicodedata.normalize("NFC", unquote(speaker)) or None, recording


def encoded(name: str) -> str:
    """`name` with everything but letters, digits, dots and single hyphens percent-encoded in UTF-8.

    A name that is too long is cut and ends with "~" and its hash ("~" itself is encoded, so there
    is no clash).
    """
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    parts = []
    for place, letter in enumerate(name):
        between = _is_plain(name[place - 1 : place]) and _is_plain(name[place + 1 : place + 2])
        plain = _is_plain(letter) or (letter == "-" and between) or (letter == "." and place > 0)
        parts.append(letter if plain else "".join(f"%{byte:02X}" for byte in letter.encode()))
    if sum(len(part.encode()) for part in parts) <= LONGEST_PART:
        return "".join(parts)
    mark = f"~{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    while sum(len(part.encode()) for part in parts) > LONGEST_PART - len(mark):
        parts.pop()
    return "".join(parts) + mark


def _is_plain(letter: str) -> bool:
    return letter == "_" or (letter != "" and unicodedata.category(letter)[0] in "LNM")


def scan(home: Home, kind: ClassifierKind, only: Mapping[str, str] | None = None) -> Found:
    """The files of each class, identified by content, without decoding any.

    `only`: the digests that a run started with; other files are ignored. Raises BadRequest for a
    folder that is not a class, Refused where a file of `only` was removed or changed. A file in two
    classes is left out of both, with a note.
    """
    root = directory(home, kind.name)
    _require_classes(root, kind)
    excluded, digests = forgetting.load(home), {}
    forgotten, empty = [], []

    def usable(folder: Path) -> Iterator[tuple[str, Path]]:
        """(digest, path) of each file that may be used."""
        for path in _files(folder):
            name = str(path.relative_to(home.path))
            if only is not None and name not in only:
                continue
            if is_excluded(path, excluded):
                forgotten.append(path)
            elif path.stat().st_size < SMALLEST_FILE:
                empty.append(path)
            else:
                digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
                yield digests[name], path

    same: dict[str, list[tuple[str, Path]]] = {}
    for name in kind.classes:
        for digest, path in usable(root / name):
            same.setdefault(digest, []).append((name, path))
    files: dict[str, list[Path]] = {name: [] for name in kind.classes}
    in_two, twice = [], 0
    fingerprint = hashlib.sha256()
    for digest, found in sorted(same.items()):
        names = sorted(name for name, _ in found)
        fingerprint.update(f"{digest} {' '.join(names)}\n".encode())
        if len(set(names)) > 1:
            in_two += [path for _, path in found]
        else:
            files[names[0]].append(found[0][1])
            twice += len(found) - 1
    notes = []
    if in_two:
        notes.append(
            f"the same sound is in two classes and was left out: {named(sorted(in_two), root)}"
        )
    if forgotten:
        recordings = counted(len(forgotten), "recording was", "recordings were")
        notes.append(
            f"{recordings} left out, because exclusions.json names the speaker or recording"
        )
    if empty:
        notes.append(f"empty files were left out: {named(empty, root)}")
    if twice:
        copies = counted(twice, "file is a copy", "files are copies")
        notes.append(f"{copies} of others in the same class and left out")
    borrowed = []
    for other_class, own_class in kind.borrowed.items():
        for digest, path in usable(directory(home, kind.other) / other_class):
            if digest not in same:
                borrowed.append((own_class, path))
                fingerprint.update(f"{digest} borrowed as {own_class}\n".encode())
    _require_same(only or {}, digests, kind)
    files = {name: sorted(paths) for name, paths in files.items()}
    return Found(files, borrowed, fingerprint.hexdigest()[:16], digests, notes)


def _require_classes(root: Path, kind: ClassifierKind) -> None:
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() and folder.name not in kind.classes and folder.name[0] != ".":
            raise BadRequest(
                "unknown_class",
                f"{folder} is not a class of {kind.name}; the classes are {', '.join(kind.classes)}",
                command_line("mv", folder, root / kind.classes[0]),
            )


def _require_same(before: Mapping[str, str], now: Mapping[str, str], kind: ClassifierKind) -> None:
    changed = sorted(name for name, digest in before.items() if now.get(name) != digest)
    if changed:
        raise Refused(
            "recordings_changed",
            f"{len(changed)} of {len(before)} recordings that it learns from were removed or changed: "
            f"{', '.join(changed[:NAMED_AT_MOST])}",
            f"start a new run: uv run scripts/{kind.script} --preset light",
        )


def is_excluded(path: Path, excluded: Exclusions) -> bool:
    """Whether exclusions.json names a file's speaker among its people or topics, or its recording among its ids."""
    speaker, name = who(path.stem)
    people = {person.casefold() for person in (*excluded.people, *excluded.topics)}
    recordings = {encoded(name) for name in excluded.ids}
    return bool(speaker and speaker.casefold() in people) or (
        name in recordings or FINGERPRINT.sub("", name) in recordings
    )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def named(paths: list[Path], root: Path) -> str:
    """The first few paths, relative to `root`, as one text."""
    names = [str(path.relative_to(root)) for path in paths[:NAMED_AT_MOST]]
    more = f" and {len(paths) - NAMED_AT_MOST} more" if len(paths) > NAMED_AT_MOST else ""
    return ", ".join(names) + more
