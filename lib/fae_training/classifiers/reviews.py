"""Sounds for a person's review: those at which a trigger was or was nearly detected, stored in a
folder and sorted.

Folder/alarms.jsonl has a line for each sound (Clip, as JSON), Folder/reviewed.jsonl the answers,
the last of which counts. A sound file that alarms.jsonl does not name, such as Fae's recording of a
missed "hey fae", counts as missed.
"""

import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.calls.errors import Missing, command_line
from fae_training.classifiers import imports
from fae_training.classifiers.imports import Sample
from fae_training.classifiers.recordings import FALSE_ALARMS, MISSED
from fae_training.store import records
from fae_training.store.state import append_jsonl, now, read_jsonl, write_jsonl

ALARMS, REVIEWED = "alarms.jsonl", "reviewed.jsonl"
RIGHT, FALSE, SKIPPED = "right", "false", "skipped"
PLAYERS = (("afplay",), ("aplay", "-q"))
# A clip ends this long after the detection, so that a truncated word can be recognised.
CLIP_SECONDS, AFTER_SECONDS = 2.0, 0.25
# A near miss is a maximum of at least this share of the threshold.
NEAR = 0.5


@dataclass(frozen=True)
class Clip:
    """One sound: its file in the folder, the trigger, whether that was `detected`, the classifier's
    confidence (0 to 1), the background class that it would be otherwise, and its source."""

    file: str
    trigger: str
    detected: bool
    score: float
    otherwise: str
    recording: str
    at_s: float
    run: str


def moments(score: np.ndarray, threshold: float, refractory: int) -> list[tuple[int, bool]]:
    """(chunk, detected) of each alarm of a smoothed score, and of the highest chunk of each near miss."""
    from fae_training.classifiers.thresholds import alarms

    detected = alarms(score, threshold, refractory)
    found = [(chunk, True) for chunk in detected]
    rest = np.array(score, dtype=np.float64)
    for chunk in detected:
        rest[max(0, chunk - refractory) : chunk + refractory + 1] = 0.0
    while len(rest) and rest.max() >= NEAR * threshold:
        chunk = int(rest.argmax())
        found.append((chunk, False))
        rest[max(0, chunk - refractory) : chunk + refractory + 1] = 0.0
    return sorted(found)


def clip_of(samples: np.ndarray, at_s: float) -> np.ndarray:
    """The CLIP_SECONDS of sound around a detection at `at_s`; fewer at the ends of the recording."""
    end = min(len(samples), round((at_s + AFTER_SECONDS) * SAMPLE_RATE))
    return samples[max(0, end - round(CLIP_SECONDS * SAMPLE_RATE)) : end]


def save(folder: Path, classifier, stream, samples: np.ndarray, recording: str, run: str) -> int:
    """Write a clip of every alarm and near miss in `stream` (listening.Heard) into `folder`; returns
    the number of new ones.

    Existing clips stay; the same moment of the same recording is not written twice.
    """
    from fae_training.classifiers.thresholds import smoothed
    from fae_training.speech import clips

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    backgrounds = [
        n for n, c in enumerate(classifier.classes) if c not in classifier.spec["triggers"]
    ]
    known = {line["file"] for line in read_jsonl(folder / ALARMS)}
    new = []
    for name, trigger in classifier.spec["triggers"].items():
        column = stream.probabilities[:, classifier.classes.index(name)]
        score = smoothed(column, trigger["smoothing_chunks"])
        for chunk, detected in moments(score, trigger["threshold"], trigger["refractory_chunks"]):
            at = float(stream.times[chunk])
            file = f"{recording} {name} {at:.2f}.wav"
            if file in known:
                continue
            clips.write(folder / file, clip_of(samples, at))
            best = max(backgrounds, key=lambda n: stream.probabilities[chunk, n])
            otherwise = classifier.classes[best]
            new.append(Clip(file, name, detected, round(float(score[chunk]), 4), "speech" if otherwise == "silence" else otherwise, recording, round(at, 2), run))  # fmt: skip
    if new:
        write_jsonl(folder / ALARMS, [*read_jsonl(folder / ALARMS), *map(asdict, new)])
    return len(new)


def all_in(folder: Path, trigger: str) -> list[Clip]:
    """Every sound in the folder. One that alarms.jsonl does not name counts as a missed `trigger`. Raises Missing."""
    if not folder.is_dir():
        raise Missing("no_folder", f"there is no folder {folder}", "uv run " + command_line("scripts/listen.py", "RECORDING", "--save-alarms", folder))  # fmt: skip
    listed = [
        records.read(Clip, line, str(folder / ALARMS)) for line in read_jsonl(folder / ALARMS)
    ]
    known = {one.file for one in listed}
    others = sorted(
        p.name
        for p in folder.iterdir()
        if p.suffix.lower() in imports.SUFFIXES and p.name not in known and p.name[0] != "."
    )
    listed += [Clip(f, trigger, False, 0.0, "speech", Path(f).stem, 0.0, "") for f in others]
    return [one for one in listed if (folder / one.file).is_file()]


def answers(folder: Path) -> dict[str, str]:
    """The last answer to each file."""
    return {line["file"]: line["answer"] for line in read_jsonl(folder / REVIEWED)}


def answer(folder: Path, file: str, reply: str) -> None:
    append_jsonl(folder / REVIEWED, {"at": now(), "file": file, "answer": reply})


def player() -> tuple[str, ...] | None:
    """The command that plays a sound file on this machine, if there is one."""
    return next((command for command in PLAYERS if shutil.which(command[0])), None)


def play(command: tuple[str, ...], file: Path) -> None:
    subprocess.run([*command, str(file)], check=False, stdin=subprocess.DEVNULL)


def samples(
    folder: Path, sounds: list[Clip], replies: dict[str, str], speaker: str | None, may_judge: bool
) -> list[Sample]:
    """The training sounds that follow from the answers: false alarms under their true class, missed
    triggers as triggers.

    A trigger that was detected teaches nothing new. All sounds of one recording belong to one
    group. `may_judge`: they are divided like other recordings and may be held out; otherwise they
    are only trained on.
    """
    found = []
    for one in sounds:
        if replies.get(one.file) == FALSE:
            name, source = one.otherwise, FALSE_ALARMS
        elif replies.get(one.file) == RIGHT and not one.detected:
            name, source = one.trigger, MISSED
        else:
            continue
        who = speaker if source == MISSED else None
        source = "" if may_judge else source
        found.append(Sample(folder / one.file, name, who, one.recording, source))
    return found
