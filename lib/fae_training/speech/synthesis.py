"""Spoken clips made on this machine, for words that nobody has recorded yet.

Two programs can speak: macOS `say` and `espeak-ng`. Neither is required: `find_synthesiser` returns None where
there is none, and the caller goes on with the recordings that it has.

What is synthesised is always made less clean afterwards (`roughen`), for a model that only ever hears perfect
speech learns the synthesiser instead of the word.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fae_training.audio import SAMPLE_RATE

SECONDS_FOR_ONE_CLIP = 20

# Accent and timbre of espeak-ng that stay intelligible; the whispered, robotic and croaking variants are left out.
# "en" is British: "en-gb" is no file of a voice, so espeak-ng gives it no timbre, without a word about it.
ESPEAK_ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-gb-scotland")
ESPEAK_TIMBRES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5")
# Every voice that can be understood, however odd: who shall know a word from anybody learns it from many.
MORE_ESPEAK_ACCENTS = ("en-029", "en-us-nyc", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
MORE_ESPEAK_TIMBRES = (
    "Alex Alicia Andrea Andy Annie Denis Diogo Gene Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen adam anika "
    "antonio aunty belinda benjamin boris david ed edward grandma grandpa gustave iven john kaukovalta klatt klatt2 klatt4 "
    "linda marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph travis victor zac"
)
# Voices of `say` that sing, ring or whisper.
NO_PERSON = (
    *("Albert", "Bad News", "Bahh", "Bells", "Boing", "Bubbles", "Cellos", "Deranged", "Good News"),
    *("Hysterical", "Jester", "Organ", "Pipe Organ", "Superstar", "Trinoids", "Whisper", "Wobble"),
    "Zarvox",
)
# Installed with every macOS since 10.15, in the accents that Fae's users mostly have.
SAY_VOICES = ("Samantha", "Daniel", "Karen", "Moira", "Tessa", "Rishi", "Fred", "Kathy")
# What is held out is said by nobody that was trained on.
HELD_OUT_TIMBRES = ("m3", "m7", "f2", "f5")
HELD_OUT_SAY_VOICES = ("Karen", "Rishi")


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

    def voice(self, random, held_out: bool | None = None) -> Voice:
        """A voice drawn with a numpy Generator, so that the same seed speaks the same; None: any of the voices."""
        speed = int(random.integers(140, 201))
        if self.program == "say":
            return Voice(str(random.choice(_of(SAY_VOICES, HELD_OUT_SAY_VOICES, held_out))), speed)
        accent = random.choice(ESPEAK_ACCENTS)
        timbre = random.choice(_of(ESPEAK_TIMBRES, HELD_OUT_TIMBRES, held_out))
        return Voice(f"{accent}+{timbre}", speed, int(random.integers(30, 71)))

    def voices(self) -> list[str]:
        """The names of all that speak English and can be understood, here and now."""
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
        """`text` spoken: float32 samples of shape (n,) at 16 kHz, silence at both ends cut off.

        Raises OSError where the program fails or writes nothing that can be read.
        """
        import soundfile

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
    voices: tuple[str, ...], held_out_voices: tuple[str, ...], held_out: bool | None
) -> list[str]:
    return [voice for voice in voices if held_out is None or (voice in held_out_voices) == held_out]


def find_synthesiser() -> Synthesiser | None:
    """`say` before `espeak-ng` (it sounds more like a person), or None."""
    for program in ("say", "espeak-ng"):
        path = shutil.which(program)
        if path:
            return Synthesiser(program, path)
    return None


def resample(samples, rate: int):
    """Samples of shape (n,) at `rate` Hz -> 16 kHz, float32."""
    import numpy
    import soxr

    if rate == SAMPLE_RATE:
        return numpy.asarray(samples, dtype=numpy.float32)
    return soxr.resample(samples, rate, SAMPLE_RATE).astype(numpy.float32)


def trim_silence(samples, threshold: float = 0.01, margin_seconds: float = 0.05):
    """Cuts both ends down to `margin_seconds` before the first and after the last sample above the threshold."""
    import numpy

    loud = numpy.flatnonzero(numpy.abs(samples) > threshold)
    if loud.size == 0:
        return samples
    margin = int(margin_seconds * SAMPLE_RATE)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def roughen(samples, random):
    """The same words in another room: speed within 5 %, a short echo, noise at 15 to 40 dB, gain within 12 dB.

    `random` is a numpy Generator; the result is float32 in [-1, 1].
    """
    import numpy

    speed = random.uniform(0.95, 1.05)
    if abs(speed - 1) > 0.01:
        positions = numpy.arange(0, len(samples) - 1, speed)
        samples = numpy.interp(positions, numpy.arange(len(samples)), samples)
    if random.random() < 0.5:
        samples = _in_a_room(samples, random)
    power = float(numpy.mean(numpy.square(samples))) + 1e-12
    noise = random.standard_normal(len(samples))
    if random.random() < 0.5:
        # A running mean turns white noise into the hum of a room.
        noise = numpy.convolve(noise, numpy.ones(16) / 4, mode="same")
    samples = samples + noise * numpy.sqrt(power / 10 ** (random.uniform(1.5, 4.0)))
    peak = float(numpy.abs(samples).max()) + 1e-12
    return (samples * (0.9 / peak) * 10 ** (random.uniform(-12, 0) / 20)).astype(numpy.float32)


def _in_a_room(samples, random):
    """Convolves with an exponentially decaying noise tail of 30 to 120 ms, 6 to 20 dB below the direct sound."""
    import numpy

    length = int(random.uniform(0.03, 0.12) * SAMPLE_RATE)
    tail = random.standard_normal(length) * numpy.exp(-6.9 * numpy.arange(length) / length)
    tail *= 10 ** (random.uniform(-20, -6) / 20) / numpy.linalg.norm(tail)
    tail[0] = 1.0
    size = 1 << (len(samples) + length).bit_length()
    product = numpy.fft.rfft(samples, size) * numpy.fft.rfft(tail, size)
    return numpy.fft.irfft(product, size)[: len(samples)]
