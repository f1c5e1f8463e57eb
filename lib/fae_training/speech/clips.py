"""Recordings: read in any format that soundfile knows, checked, and stored as 16 kHz mono.

Nothing is cut or repaired silently: `inspect` names what is wrong with a clip, and the caller
decides whether it is refused or only reported.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import soundfile

from fae_training.audio import SAMPLE_RATE
from fae_training.errors import BadRequest, Missing, command_line
from fae_training.speech.sound import resample, trim_silence
from fae_training.state import Home, atomic_file

SHORTEST_SECONDS = 0.3
LONGEST_SECONDS = 30.0
# Below this root mean square Fae's own noise gate would not have let the sound through.
QUIETEST = 0.002
# A sample in a hundred at full scale is more than loud speech reaches undistorted.
MOST_CLIPPED = 0.01
# What an unreadable or unusable clip is called; a clipped one is used all the same.
UNUSABLE = ("missing", "not_audio", "empty", "too_short", "too_long", "silent")


@dataclass(frozen=True)
class Clip:
    """Samples of shape (n,) at 16 kHz, float32 in [-1, 1], and what is wrong with them ([] when
    nothing is).
    """

    samples: Any
    problems: list[str]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def usable(self) -> bool:
        return not any(problem in UNUSABLE for problem in self.problems)


def read(path: Path) -> Clip:
    """Any file that soundfile reads, channels averaged and resampled; too long a one without its
    silent ends.

    Raises Missing where there is no such file and BadRequest where it is not audio or is cut off at
    its head.
    """
    if not path.is_file():
        raise Missing(
            "clip_missing", f"there is no file {path}", command_line("ls", "-l", path.parent)
        )
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as problem:
        raise BadRequest(
            "not_audio",
            f"{path} ({path.stat().st_size} bytes) cannot be read as audio: {problem}",
            "give a WAV, FLAC, OGG, MP3 or AIFF file",
        ) from problem
    mono = numpy.nan_to_num(samples.mean(axis=1))
    # Full scale is where the file was recorded; resampling rounds the tops off.
    clipped = float(numpy.mean(numpy.abs(mono) >= 0.999)) if mono.size else 0.0
    mono = resample(mono, rate) if mono.size else mono
    if len(mono) > LONGEST_SECONDS * SAMPLE_RATE:
        mono = trim_silence(mono)
    return Clip(mono, inspect(mono, clipped))


def inspect(samples, clipped: float = 0.0) -> list[str]:
    """What is wrong with samples at 16 kHz: empty, too_short, too_long, silent, clipped.

    `clipped` is the share of samples at full scale in the recording as it came.
    """
    seconds = len(samples) / SAMPLE_RATE
    if len(samples) == 0:
        return ["empty"]
    problems = []
    if seconds < SHORTEST_SECONDS:
        problems.append("too_short")
    if seconds > LONGEST_SECONDS:
        problems.append("too_long")
    if float(numpy.sqrt(numpy.mean(numpy.square(samples)))) < QUIETEST:
        problems.append("silent")
    if clipped > MOST_CLIPPED:
        problems.append("clipped")
    return problems


def explain(clip: Clip, path: Path) -> BadRequest:
    """The refusal of a clip that cannot be used, with both numbers."""
    problem = next(problem for problem in clip.problems if problem in UNUSABLE)
    sentences = {
        "empty": "it holds no samples",
        "too_short": f"it lasts {clip.seconds:.2f} s, at least {SHORTEST_SECONDS} s are needed",
        "too_long": f"it lasts {clip.seconds:.1f} s, at most {LONGEST_SECONDS:.0f} s are of use",
        "silent": f"it is silent (its level is below {QUIETEST})",
    }
    return BadRequest(
        f"clip_{problem}",
        f"{path}: {sentences[problem]}",
        f"record the sentence alone, {SHORTEST_SECONDS} to {LONGEST_SECONDS:.0f} s, and give it "
        "again",
    )


def keep(home: Home, samples) -> str:
    """Keeps the samples as stt/clips/<fingerprint>.wav; returns that path, relative to the state
    directory.

    The name is made from the sound, so the same recording given twice is kept once.
    """
    name = name_of(samples)
    home.directory("stt", "clips")
    if not home.file(name).exists():
        write(home.file(name), samples)
    return name


def name_of(samples) -> str:
    """The path under which `keep` keeps the samples, relative to the state directory."""
    return f"stt/clips/{hashlib.sha256(_sixteen_bit(samples).tobytes()).hexdigest()[:12]}.wav"


def write(path: Path, samples) -> None:
    """Samples at 16 kHz as a 16-bit WAV file, atomically and 0600."""
    with atomic_file(path) as temporary:
        soundfile.write(
            temporary, _sixteen_bit(samples), SAMPLE_RATE, format="WAV", subtype="PCM_16"
        )


def _sixteen_bit(samples):
    return (numpy.clip(samples, -1, 1) * 32767).round().astype(numpy.int16)
