"""Sound files: decoded, checked, and copied into the state directory."""

import contextlib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from fae_training.audio import SAMPLE_RATE
from fae_training.calls.errors import BadRequest, SkillError
from fae_training.classifiers.classes import CLASSIFIERS, ClassifierKind
from fae_training.classifiers.imports import Sample
from fae_training.classifiers.recordings import (
    FINGERPRINT,
    Found,
    directory,
    encoded,
    file_stem,
    named,
    source_of,
    who,
)
from fae_training.speech import clips
from fae_training.store import consent
from fae_training.store.state import Home
from fae_training.store.transactions import changing

SHORTEST_SECONDS = 0.1
# A file whose loudest tenth of a second has a lower root mean square than this is silence, whatever its folder.
SILENT = 0.002
BLOCK = SAMPLE_RATE // 10
# Ends the note on a file that is in the state directory already, which is no problem of the file.
ALREADY_ADDED = "was already added"
# Follows it if the file there has another class or speaker.
AS_ANOTHER = ", but as"


@dataclass(frozen=True)
class Recording:
    """One sound of one class: float32 samples at SAMPLE_RATE. `origin` is recorded, synthesised or generated.

    `speaker` is None where the file name does not say. `source`: its folder within the class's
    folder, "" for none; sounds of one source have a collection, a microphone or a review
    (recordings.REVIEWED) in common.
    """

    class_name: str
    speaker: str | None
    name: str
    origin: str
    samples: np.ndarray = field(repr=False)
    source: str = ""

    @property
    def group(self) -> str:
        """Recordings with the same group must be in the same part of the data.

        Without a speaker these are the clips of one recording: `keep` names them after it and adds a fingerprint.
        """
        if self.speaker:
            return f"speaker {self.speaker}"
        return f"recording {FINGERPRINT.sub('', self.name)}"


def load(home: Home, kind: ClassifierKind, found: Found) -> tuple[list[Recording], list[str]]:
    """(recordings, notes): every usable file, and for people the reasons why others are not usable."""
    wanted = [(name, path) for name, paths in found.files.items() for path in paths]
    roots = (directory(home, kind.name), directory(home, kind.other))
    recordings, problems, narrow = [], {}, 0
    for name, path in wanted + found.borrowed:
        try:
            samples = clips.read(path).samples
        except BadRequest:
            problems.setdefault("cannot be read as audio", []).append(path)
            continue
        if reason := unusable(samples, name):
            problems.setdefault(reason, []).append(path)
            continue
        with contextlib.suppress(soundfile.SoundFileError):  # a format that has to be converted
            narrow += soundfile.info(path).samplerate < SAMPLE_RATE
        speaker, rest = who(path.stem)
        source = source_of(path, roots)
        recordings.append(Recording(name, speaker, rest, "recorded", samples, source))
    notes = [f"{reason}, left out: {named(paths, home.path)}" for reason, paths in problems.items()]
    if narrow:
        notes.append(
            f"recordings with a sample rate below {SAMPLE_RATE:,} Hz, without the highest frequencies: {narrow}"
        )
    return recordings, notes


def unusable(samples: np.ndarray, class_name: str) -> str | None:
    """The reason why a sound cannot be used as a sample of its class; None if it can."""
    if len(samples) < SHORTEST_SECONDS * SAMPLE_RATE:
        return f"contains less than {SHORTEST_SECONDS} s of sound"
    if class_name != "silence":
        blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
        loudest = np.sqrt(np.square(blocks).mean(axis=1).max())
        if loudest < SILENT:
            return f"is silent (its loudest tenth of a second is at {loudest:.4f}, {SILENT} is needed), but it is filed as {class_name}"
    return None


def _added_before(sample: Sample, known: Path, home: Home, kind: str) -> str:
    """What the person has to know if the sound of `sample` is in the state directory as `known`."""
    class_name = known.relative_to(directory(home, kind)).parts[0]
    speaker, _ = who(known.stem)
    wanted, _ = who(file_stem(sample.speaker, ""))
    if class_name == sample.class_name and speaker == wanted:
        return f"{ALREADY_ADDED}: {known}"
    what = class_name + (f" by {speaker}" if speaker else ", without a speaker")
    return f"{ALREADY_ADDED}{AS_ANOTHER} {what}: {known}"


def keep(
    home: Home, kind: str, samples: list[Sample], dry_run: bool = False
) -> tuple[dict, list[str]]:
    """Copy `samples` into the state directory as 16 kHz mono; sounds that are there already are not
    copied again.

    Returns ({class: number of files added}, reasons for people why each of the others was not
    added).
    """
    added = dict.fromkeys(CLASSIFIERS[kind].classes, 0)
    problems = []
    for sample in samples:
        try:
            sound = clips.read(sample.path).samples
        except SkillError as problem:
            problems.append(problem.message)
            continue
        if reason := unusable(sound, sample.class_name):
            problems.append(f"{sample.path} {reason}")
            continue
        mark = hashlib.sha256(sound.tobytes()).hexdigest()[:6]
        stem = file_stem(sample.speaker, sample.recording or sample.path.stem)
        folder = directory(home, kind) / sample.class_name
        path = folder / encoded(sample.source) / f"{stem}-{mark}.wav"
        # By its content alone: earlier versions encoded names differently.
        if known := next(directory(home, kind).rglob(f"*-{mark}.wav"), None):
            problems.append(f"{sample.path} {_added_before(sample, known, home, kind)}")
            continue
        if not dry_run:
            # Decoding took a while: the consent may have been withdrawn, and another process may
            # have added the same sound.
            with changing(home):
                consent.require(home, "audio")
                if not any(directory(home, kind).rglob(f"*-{mark}.wav")):
                    home.directory(*path.parent.relative_to(home.path).parts)
                    clips.write(path, sound)
        added[sample.class_name] += 1
    return added, problems
