"""Recordings: read in any format that soundfile knows, checked, and stored as 16 kHz mono.

Nothing is cut or repaired silently: `inspect` names the problems of a clip, and the caller decides
whether it is refused or only reported.
"""

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import soundfile

from fae_training.audio import SAMPLE_RATE
from fae_training.calls.errors import BadRequest, Missing, command_line
from fae_training.speech.sound import resample, trim_silence
from fae_training.store.state import Home, atomic_file

SHORTEST_SECONDS = 0.3
LONGEST_SECONDS = 30.0
# Fae's own noise gate lets no sound with a lower root mean square through.
QUIETEST = 0.002
# One sample in a hundred at full scale is more than loud, undistorted speech has.
MOST_CLIPPED = 0.01
# Formats that need afconvert or ffmpeg: Voice Memos, phones, browsers, videos.
CONTAINERS = (
    ".m4a",
    ".m4b",
    ".mp4",
    ".mov",
    ".aac",
    ".3gp",
    ".webm",
    ".mka",
    ".mkv",
    ".wma",
    ".amr",
)
# Floats are within -1 to 1, or louder in an amplified file; beyond this they were never scaled.
LOUDEST_FLOAT = 32.0
# The peak that an amplified recording is given, which does not count as clipped.
BELOW_FULL_SCALE = 0.99
FULL_SCALES = (2**15, 2**23, 2**31)
# If the mean has less than this share of the power of the loudest channel, the channels cancel out.
CANCELLED = 0.01
# The names of the problems; a clipped recording is used all the same.
UNUSABLE = ("missing", "not_audio", "empty", "too_short", "too_long", "silent")
NO_CONVERTER = "needs afconvert (part of macOS) or ffmpeg, and neither is installed"
INSTALL_CONVERTER = "install ffmpeg, or save the recording as WAV"


@dataclass(frozen=True)
class Clip:
    """Samples of shape (n,) at 16 kHz, float32 in [-1, 1], and their problems ([] for none)."""

    samples: Any
    problems: list[str]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def usable(self) -> bool:
        return not any(problem in UNUSABLE for problem in self.problems)


def read(path: Path) -> Clip:
    """Any file that soundfile reads, or afconvert or ffmpeg where one of them is installed, as one
    channel and resampled; one that is too long is returned without its silent ends.

    Raises Missing where there is no such file and BadRequest where it is not audio or its header is
    incomplete.
    """
    if not path.is_file():
        raise Missing(
            "clip_missing", f"there is no file {path}", command_line("ls", "-l", path.parent)
        )
    samples, rate = decoded(path)
    mono = as_mono(samples)
    clipped = clipped_share(mono, _has_floats(path))
    mono = turned_down(mono)
    mono = resample(mono, rate) if mono.size else mono
    if len(mono) > LONGEST_SECONDS * SAMPLE_RATE:
        mono = trim_silence(mono)
    return Clip(mono, inspect(mono, clipped))


def _has_floats(path: Path) -> bool:
    try:
        return soundfile.info(path).subtype in ("FLOAT", "DOUBLE")
    except soundfile.SoundFileError:  # a format that has to be converted
        return False


def decoded(path: Path):
    """(float32 samples [frames, channels], rate) of a sound file. Raises BadRequest where none of
    the programs can read it."""
    try:
        return soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as problem:
        if path.suffix.lower() in CONTAINERS:
            return _converted(path)
        raise BadRequest(
            "not_audio",
            f"{path} ({path.stat().st_size} bytes) cannot be read as audio: {problem}",
            "give a WAV, FLAC, OGG, MP3 or AIFF file",
        ) from problem


def _converted(path: Path):
    with tempfile.TemporaryDirectory() as folder:
        wav = str(Path(folder) / "sound.wav")
        source = str(path.resolve())  # a name that begins with "-" is then not an option
        for command in (
            ["afconvert", "-f", "WAVE", "-d", "LEF32", source, wav],
            ["ffmpeg", "-v", "error", "-nostdin", "-i", source, "-vn", "-f", "wav", wav],
        ):
            if not shutil.which(command[0]):
                continue
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
            if done.returncode == 0 and Path(wav).is_file():
                return soundfile.read(wav, dtype="float32", always_2d=True)
            raise BadRequest(
                "not_audio",
                f"{path} ({path.stat().st_size} bytes) cannot be converted by {command[0]}",
                "give a WAV, FLAC, OGG, MP3 or AIFF file",
            )
    raise BadRequest(
        "no_converter",
        f"{path} is a {path.suffix} file, which {NO_CONVERTER}",
        INSTALL_CONVERTER,
    )


def as_mono(samples):
    """[frames, channels] float32 -> [frames].

    NaN becomes silence. Floats on the scale of whole numbers of 16, 24 or 32 bits are divided by it. The result is
    the mean of the channels, or the loudest one where they cancel out, as the two of a balanced
    line do.
    """
    samples = numpy.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(numpy.abs(samples).max()) if samples.size else 0.0
    if peak > LOUDEST_FLOAT:
        samples = samples / next((full for full in FULL_SCALES if peak <= full), FULL_SCALES[-1])
    if samples.shape[1] == 1 or not samples.size:
        return samples.mean(axis=1) if samples.size else samples.reshape(-1)
    mean = samples.mean(axis=1)
    powers = numpy.square(samples).mean(axis=0)
    if numpy.square(mean).mean() < CANCELLED * powers.max():
        return samples[:, int(powers.argmax())]
    return mean


def turned_down(mono):
    """[frames] within -1 to 1: where peaks are louder, all of it is turned down, since cutting them off would distort it."""
    peak = float(numpy.abs(mono).max()) if mono.size else 0.0
    return mono * (BELOW_FULL_SCALE / peak) if peak > 1 else mono


def clipped_share(mono, has_floats: bool) -> float:
    """The share of the samples of an original file at full scale: 1, and what is beyond it where clipped sound was stored as
    MP3 or OGG. A file of floats may go beyond 1 without being clipped; its full scale is then its peak."""
    peak = float(numpy.abs(mono).max()) if mono.size else 0.0
    full = 0.9999 * peak if has_floats and peak > 1 else 0.999
    return float(numpy.mean(numpy.abs(mono) >= full)) if mono.size else 0.0


def inspect(samples, clipped: float = 0.0) -> list[str]:
    """The problems of samples at 16 kHz: empty, too_short, too_long, silent, clipped.

    `clipped` is the share of samples at full scale in the original recording.
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
    """The error for a clip that cannot be used, with the measured and the required value."""
    problem = next(problem for problem in clip.problems if problem in UNUSABLE)
    sentences = {
        "empty": "it contains no samples",
        "too_short": f"it lasts {clip.seconds:.2f} s, but at least {SHORTEST_SECONDS} s are needed",
        "too_long": f"it lasts {clip.seconds:.1f} s, but at most {LONGEST_SECONDS:.0f} s can be used",
        "silent": f"it is silent (its level is below {QUIETEST})",
    }
    return BadRequest(
        f"clip_{problem}",
        f"{path}: {sentences[problem]}",
        f"record only the sentence, {SHORTEST_SECONDS} to {LONGEST_SECONDS:.0f} s, and add it "
        "again",
    )


def keep(home: Home, samples) -> str:
    """Store the samples as stt/clips/<fingerprint>.wav; returns that path, relative to the state directory.

    The name is a hash of the sound, so a recording given twice is stored once.
    """
    name = name_of(samples)
    home.directory("stt", "clips")
    if not home.file(name).exists():
        write(home.file(name), samples)
    return name


def name_of(samples) -> str:
    """The path under which `keep` stores the samples, relative to the state directory."""
    return f"stt/clips/{hashlib.sha256(_sixteen_bit(samples).tobytes()).hexdigest()[:12]}.wav"


def write(path: Path, samples) -> None:
    """Write samples at 16 kHz as a 16-bit WAV file, atomically and with mode 0600."""
    with atomic_file(path) as temporary:
        soundfile.write(
            temporary, _sixteen_bit(samples), SAMPLE_RATE, format="WAV", subtype="PCM_16"
        )


def _sixteen_bit(samples):
    return (numpy.clip(samples, -1, 1) * 32767).round().astype(numpy.int16)
