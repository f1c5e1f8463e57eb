"""Speech clips synthesised on this machine, for words without a recording.

Two programs can speak: macOS `say` and `espeak-ng`. Neither is required: `find_synthesiser` returns
None where there is none, and the caller continues with its recordings.

Synthesised speech is always degraded afterwards (sound.roughen): a model that only hears perfect
speech learns the synthesiser instead of the word.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fae_training.audio import SAMPLE_RATE
from fae_training.judgement.parts import CHOOSE, JUDGE

SECONDS_FOR_ONE_CLIP = 20

# Accents and timbres of espeak-ng that are intelligible; whispering, robotic and croaking variants
# are left out. "en" is British: "en-gb" is not a voice file, so espeak-ng silently gives it no timbre.
ESPEAK_ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-gb-scotland")
ESPEAK_TIMBRES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5")
# More intelligible voices, however odd: to recognise a word from any speaker, a model needs many speakers.
MORE_ESPEAK_ACCENTS = ("en-029", "en-us-nyc", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
MORE_ESPEAK_TIMBRES = (
    "Alex Alicia Andrea Andy Annie Denis Diogo Gene Henrique Hugo Jacky Lee Marco Mario Michael "
    "Mike Nguyen adam anika "
    "antonio aunty belinda benjamin boris david ed edward grandma grandpa gustave iven john "
    "kaukovalta klatt klatt2 klatt4 "
    "linda marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby "
    "steph travis victor zac"
)
# Voices of `say` that sing, ring or whisper.
NO_PERSON = (
    *("Albert", "Bad News", "Bahh", "Bells", "Boing", "Bubbles", "Cellos", "Deranged", "Good News"),
    *("Hysterical", "Jester", "Organ", "Pipe Organ", "Superstar", "Trinoids", "Whisper", "Wobble"),
    "Zarvox",
)
# Installed with every macOS since 10.15, in the most frequent accents of Fae's users.
SAY_VOICES = ("Samantha", "Daniel", "Karen", "Moira", "Tessa", "Rishi", "Fred", "Kathy")
# Voices that are in no training clip, by the part of the data in which they speak: the `judge`
# voices are never in `choose`.
HELD_OUT_TIMBRES = {CHOOSE: ("m3", "f5"), JUDGE: ("m7", "f2")}
HELD_OUT_SAY_VOICES = {CHOOSE: ("Tessa",), JUDGE: ("Karen", "Rishi")}


@dataclass(frozen=True)
class Voice:
    """One way to speak: voice name, words a minute and, for espeak-ng, pitch from 0 to 99."""

    name: str
    words_per_minute: int
    pitch: int = 50


class Synthesiser:
    """`say` or `espeak-ng`, whichever this machine has, as text -> samples."""

    def __init__(self, program: str, path: str):
        self.program = program
        self.path = path

    def voice(self, random, part: str | None = None) -> Voice:
        """A voice for a part of the data, drawn with a numpy Generator, so that the same seed gives
        the same voice; None: any voice."""
        speed = int(random.integers(140, 201))
        if self.program == "say":
            return Voice(str(random.choice(_of(SAY_VOICES, HELD_OUT_SAY_VOICES, part))), speed)
        accent = random.choice(ESPEAK_ACCENTS)
        timbre = random.choice(_of(ESPEAK_TIMBRES, HELD_OUT_TIMBRES, part))
        return Voice(f"{accent}+{timbre}", speed, int(random.integers(30, 71)))

    def voices(self) -> list[str]:
        """The names of all intelligible English voices on this machine."""
        if self.program == "espeak-ng":
            return [
                f"{accent}+{timbre}"
                for accent in (*ESPEAK_ACCENTS, *MORE_ESPEAK_ACCENTS)
                for timbre in (*ESPEAK_TIMBRES, *MORE_ESPEAK_TIMBRES.split())
            ]
        # "Samantha            en_US    # Hello! My name is Samantha."
        listed = subprocess.run(
            [self.path, "-v", "?"], capture_output=True, text=True, timeout=SECONDS_FOR_ONE_CLIP
        )
        english = re.findall(r"^(.+?) +en[_-]\w+ +#", listed.stdout, re.MULTILINE)
        return [name for name in english if name not in NO_PERSON] or list(SAY_VOICES)

    def speak(self, text: str, voice: Voice):
        """`text` spoken: float32 samples of shape (n,) at 16 kHz, with silence at both ends cut off.

        Raises OSError where the program fails or writes nothing readable.
        """
        # This module is also read before a run, with the standard library only.
        import soundfile

        from fae_training.speech.sound import resample, trim_silence

        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "clip.wav")
            if self.program == "say":
                command = [self.path, "-v", voice.name, "-r", str(voice.words_per_minute)]
                command += ["--file-format=WAVE", f"--data-format=LEI16@{SAMPLE_RATE}"]
                command += ["-o", str(path), "--", text]
            else:
                command = [self.path, "-v", voice.name, "-s", str(voice.words_per_minute)]
                command += ["-p", str(voice.pitch), "-w", str(path), "--", text]
            try:
                subprocess.run(
                    command, check=True, capture_output=True, timeout=SECONDS_FOR_ONE_CLIP
                )
                samples, rate = soundfile.read(path, dtype="float32")
            except (subprocess.SubprocessError, soundfile.SoundFileError) as problem:
                raise OSError(f"{self.program} could not speak {text!r}: {problem}") from problem
        return trim_silence(resample(samples, rate))


def _of(
    voices: tuple[str, ...], held_out: Mapping[str, tuple[str, ...]], part: str | None
) -> tuple[str, ...]:
    if part is None:
        return voices
    kept = {voice for names in held_out.values() for voice in names}
    return held_out.get(part) or tuple(voice for voice in voices if voice not in kept)


def find_synthesiser() -> Synthesiser | None:
    """`say` before `espeak-ng` (it sounds more like a person), or None."""
    for program in ("say", "espeak-ng"):
        path = shutil.which(program)
        if path:
            return Synthesiser(program, path)
    return None
