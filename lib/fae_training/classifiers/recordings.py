"""The samples in the state directory: found, checked, read, and split so that nobody is on both sides.

A file is keyword/samples/<class>/<speaker>--<recording>.wav (any format that soundfile reads). A name without "--"
has no known speaker and is a recording of its own. The names of people are kept as they are written; what a file system
or the "--" cannot bear stands as %XX, as in addresses.
"""

import hashlib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from fae_training.classifiers.classes import ClassifierKind
from fae_training.errors import BadRequest, command_line
from fae_training.state import Home

# An empty WAV file is its header; whatever is as short holds no sound.
SMALLEST_FILE = 45
SHORTEST_SECONDS = 0.1
# A recording of one class whose loudest fifth of a second is below this is silence, whatever its folder says.
SILENT = 0.002
NAMED_AT_MOST = 5
# With fewer speakers of a class than this, holding one out takes a third or more of its voices from training.
FEWEST_SPEAKERS = 4


@dataclass
class Found:
    """`files` of each class, `borrowed` ones as (class here, path), and notes in plain words on what was left out."""

    files: dict[str, list[Path]]
    borrowed: list[tuple[str, Path]]
    fingerprint: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Recording:
    """One sound of one class: float32 samples at 16 kHz. `origin` is recorded, synthesised or generated.

    `speaker` is None where the file's name says none.
    """

    class_name: str
    speaker: str | None
    name: str
    origin: str
    samples: "numpy.ndarray" = field(repr=False)  # noqa: F821

    @property
    def group(self) -> str:
        """What must not be on both sides of a split."""
        return f"speaker {self.speaker}" if self.speaker else f"recording {self.name}"


def directory(home: Home, kind: str) -> Path:
    return home.file(kind, "samples")


# A file's name has at most 255 bytes, for both parts, the fingerprint and the ending.
LONGEST_PART = 100


def file_stem(speaker: str | None, recording: str) -> str:
    """The name of a file without its ending, from which `who` reads the speaker again. No two speakers share one."""
    return f"{_encoded(speaker)}--{_encoded(recording)}" if speaker else _encoded(recording)


def who(stem: str) -> tuple[str | None, str]:
    """(speaker or None, recording) of a file's name without its ending."""
    speaker, _, recording = stem.rpartition("--")
    return unicodedata.normalize("NFC", unquote(speaker)) or None, recording


def _encoded(name: str) -> str:
    """`name` with its letters, digits, dots and single hyphens as they are, and the rest as %XX of its UTF-8.

    One that is too long ends with "~" and its hash; a "~" of its own stands as %7E.
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


def scan(home: Home, ear: ClassifierKind) -> Found:
    """What is there, by names and contents, without decoding any of it.

    Raises BadRequest for a folder that is no class. The same file in two classes is left out of both and named.
    """
    root = directory(home, ear.kind)
    folders = [p for p in sorted(root.iterdir()) if p.is_dir()] if root.is_dir() else []
    for folder in folders:
        if folder.name not in ear.classes and not folder.name.startswith("."):
            raise BadRequest(
                "unknown_class",
                f"{folder} is not a class of {ear.kind}; the classes are {', '.join(ear.classes)}",
                command_line("mv", folder, root / ear.classes[0]),
            )
    digests: dict[str, list[tuple[str, Path]]] = {}
    empty = []
    for name in ear.classes:
        for path in _files(root / name):
            if path.stat().st_size < SMALLEST_FILE:
                empty.append(path)
            else:
                digests.setdefault(_digest(path), []).append((name, path))
    files: dict[str, list[Path]] = {name: [] for name in ear.classes}
    in_two, twice = [], 0
    for same in digests.values():
        if len({name for name, _ in same}) > 1:
            in_two += [path for _, path in same]
            continue
        files[same[0][0]].append(same[0][1])
        twice += len(same) - 1
    notes = []
    if in_two:
        notes.append(f"the same sound is in two classes and was left out: {_named(in_two, root)}")
    if empty:
        notes.append(f"empty files were left out: {_named(empty, root)}")
    if twice:
        notes.append(f"{twice} files are copies of others in their class and were left out")
    fingerprint = hashlib.sha256()
    for digest, same in sorted(digests.items()):
        fingerprint.update(f"{digest} {' '.join(sorted(name for name, _ in same))}\n".encode())
    known = set(digests)
    borrowed = []
    for theirs, ours in ear.borrowed.items():
        for path in _files(directory(home, ear.other) / theirs):
            if path.stat().st_size >= SMALLEST_FILE and (digest := _digest(path)) not in known:
                borrowed.append((ours, path))
                fingerprint.update(f"{digest} borrowed as {ours}\n".encode())
    return Found(
        {name: sorted(paths) for name, paths in files.items()},
        borrowed,
        fingerprint.hexdigest()[:16],
        notes,
    )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _named(paths: list[Path], root: Path) -> str:
    names = [str(path.relative_to(root)) for path in paths[:NAMED_AT_MOST]]
    more = f" and {len(paths) - NAMED_AT_MOST} more" if len(paths) > NAMED_AT_MOST else ""
    return ", ".join(names) + more


def load(home: Home, ear: ClassifierKind, found: Found) -> tuple[list[Recording], list[str]]:
    """(recordings, notes): every file that can be used, and in plain words why the others cannot."""
    import soundfile

    from fae_training.speech.clips import read

    wanted = [(name, path) for name, paths in found.files.items() for path in paths]
    recordings, problems = [], {}
    narrow = 0
    for name, path in wanted + found.borrowed:
        try:
            clip = read(path)
            narrow += soundfile.info(path).samplerate < 16_000
        except BadRequest:
            problems.setdefault("cannot be read as audio", []).append(path)
            continue
        if reason := unusable(clip.samples, name):
            problems.setdefault(reason, []).append(path)
            continue
        speaker, rest = who(path.stem)
        recordings.append(Recording(name, speaker, rest, "recorded", clip.samples))
    notes = [
        f"{reason}, left out: {_named(paths, home.path)}" for reason, paths in problems.items()
    ]
    if narrow:
        notes.append(
            f"{narrow} recordings have less than 16,000 samples a second: what they lack above half of that is lost"
        )
    return recordings, notes


def unusable(samples, class_name: str) -> str | None:
    """Why a sound cannot stand for its class, None when it can."""
    import numpy

    if len(samples) < SHORTEST_SECONDS * 16_000:
        return f"holds less than {SHORTEST_SECONDS} s of sound"
    if class_name != "silence":
        blocks = samples[: len(samples) // 1_600 * 1_600].reshape(-1, 1_600)
        loudest = numpy.sqrt(numpy.square(blocks).mean(axis=1).max())
        if loudest < SILENT:
            return f"is silent (its loudest tenth of a second is at {loudest:.4f}, {SILENT} is needed) but is filed as {class_name}"
    return None


def split(recordings: list[Recording], share: float, seed: int) -> tuple[list, list, list[str]]:
    """(train, valid, notes): about `share` of each class held out, whole speakers and whole recordings at a time.

    What people recorded and what was made are split each by itself, so no voice of a synthesiser is held out in the place
    of a person's. A class with fewer than FEWEST_SPEAKERS is split by recording, with a note: its figures are optimistic.
    """
    recorded = [r for r in recordings if r.origin == "recorded"]
    made = [r for r in recordings if r.origin != "recorded"]
    train, valid, notes = _split(recorded, share, seed)
    others = _split(made, share, seed)
    return train + others[0], valid + others[1], notes


def _split(recordings: list[Recording], share: float, seed: int) -> tuple[list, list, list[str]]:
    import numpy

    notes = []
    groups: dict[str, list[Recording]] = {}
    for recording in recordings:
        groups.setdefault(recording.group, []).append(recording)
    classes = sorted({r.class_name for r in recordings})
    total = {c: sum(r.class_name == c for r in recordings) for c in classes}
    for name in classes:
        few = {r.group for r in recordings if r.class_name == name}
        speakers = [group for group in few if group.startswith("speaker ")]
        if len(few) < FEWEST_SPEAKERS and speakers and total[name] > 1:
            # A figure that is too good is still better than none, and no voice can be spared from training.
            for group in sorted(few):
                for recording in groups.pop(group, []):
                    groups.setdefault(f"{group} {recording.name}", []).append(recording)
            who = "one speaker" if len(few) == 1 else f"{len(few)} speakers"
            notes.append(
                f"all recordings of {name} are of {who}: the figures are optimistic for anybody else"
            )
    counts = {
        g: {c: sum(r.class_name == c for r in rs) for c in classes} for g, rs in groups.items()
    }
    order = sorted(groups)
    numpy.random.default_rng(seed).shuffle(order)
    held, chosen = dict.fromkeys(classes, 0), set()
    for name in sorted(classes, key=lambda c: total[c]):
        left = sum(counts[g][name] > 0 for g in order)
        for group in order:
            size = counts[group][name]
            if held[name] >= share * total[name] or left < 2:
                break
            # Not a group that is most of a class: training needs it more.
            if group in chosen or not size or held[name] + size > 0.5 * total[name]:
                continue
            chosen.add(group)
            left -= 1
            for other in classes:
                held[other] += counts[group][other]
    train = [r for group in order if group not in chosen for r in groups[group]]
    valid = [r for group in order if group in chosen for r in groups[group]]
    for name in classes:
        if not held[name]:
            notes.append(f"no recording of {name} could be held out: it has no figure of its own")
    return train, valid, notes
