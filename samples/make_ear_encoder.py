# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "numpy",
#   "scipy>=1.14",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Train the convolutions that both ears start from, on made-up words that espeak-ng speaks in many voices.

    uv run samples/make_ear_encoder.py --out lib/fae_training/ears/encoder.safetensors

A word is one to four random syllables; more than half of the words have a neighbour that differs in one sound or lacks a
syllable. Telling them apart, whoever says them and through whatever noise, needs what any wake word needs. One recording
in twenty is held out; the share of these told apart is printed. Needs espeak-ng.
"""

import argparse
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from fae_training import runs
from fae_training.arrays import save_arrays
from fae_training.ears import network, phrases
from fae_training.ears.classes import LAYERS, ONE_SECOND, Ear
from fae_training.ears.examples import Augmentation, Examples
from fae_training.ears.features import BANDS, LOG_FLOOR
from fae_training.ears.recordings import Recording
from fae_training.ears.windows import held_out_windows
from fae_training.fit import FitSettings, fit
from fae_training.session import Session
from fae_training.speech.synthesis import Synthesiser, Voice
from fae_training.state import Home
from mlx.utils import tree_unflatten

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


def spoken(random, words: list[str], times: int) -> list[Recording]:
    program = shutil.which("espeak-ng")
    if program is None:
        raise SystemExit("espeak-ng is missing; on Debian: apt install espeak-ng")
    synthesiser = Synthesiser("espeak-ng", program)
    known = synthesiser.voices()
    wanted = [
        (
            word,
            Voice(
                pick(random, known),
                int(random.integers(110, 230)),
                int(random.integers(5, 95)),
            ),
        )
        for word in words
        for _ in range(times)
    ]

    def speak(item) -> Recording | None:
        word, voice = item
        samples = synthesiser.speak(f"[[{word}]]", voice)
        if not 2_000 < len(samples) < 40_000:
            return None
        quiet = np.zeros(400, dtype=np.float32)
        samples = np.concatenate([quiet, samples, quiet])
        return Recording(word, voice.name, f"{voice}", "synthesised", samples)

    with ThreadPoolExecutor(2) as pool:
        return [recording for recording in pool.map(speak, wanted) if recording is not None]


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", type=int, default=500)
    parser.add_argument("--times", type=int, default=24, help="how often each word is said")
    parser.add_argument("--steps", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    words = made_up(random, arguments.words)
    recordings = spoken(random, words, arguments.times)
    print(f"{len(recordings)} recordings of {len(words)} words", flush=True)

    # Every word is a trigger; beside them there are noise and silence, to be mixed in and to be told from words.
    ear = Ear(
        kind="encoder",
        classes=(*words, "silence", "noise"),
        triggers=tuple(words),
        windows=(ONE_SECOND,),
        phrases={},
        other="",
        borrowed={},
        shares=dict.fromkeys((*words, "silence", "noise"), 1 / (len(words) + 2)),
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
        Augmentation(curve=0.5, formants=0.12, tempo=0.15, masks=0.0),
    )
    frames = np.concatenate([examples.arrays_at(n)[0].reshape(-1, BANDS) for n in range(6)])
    mean, deviation = frames.mean(axis=0), frames.std(axis=0) + 1e-3
    mx.random.seed(arguments.seed)
    model = Words(len(ear.classes), mean, deviation)

    def loss(model, batch):
        losses = nn.losses.cross_entropy(model(batch["x"]), batch["y"])
        return losses.sum(), mx.array(losses.size, dtype=mx.float32), {}

    with tempfile.TemporaryDirectory() as directory:
        run = runs.create(Home(Path(directory)), "keyword", {})
        settings = FitSettings(
            steps=arguments.steps,
            learning_rate=2e-3,
            warmup_steps=100,
            seed=arguments.seed,
            report_every=250,
            save_every=arguments.steps,
            max_gradient_norm=1.0,
        )
        result = fit(model, settings, loss, examples, None, run, Session(run))
    model.update(tree_unflatten(list(result.best_parameters.items())))
    model.eval()
    power, labels, _ = held_out_windows(held, ear, ONE_SECOND, most=1)
    said = np.array(model(mx.array(np.log(power + LOG_FLOOR)))).argmax(axis=1)
    print(f"{(said == labels).mean():.3f} of {len(labels)} held-out recordings told apart")
    kept = {n: a for n, a in result.best_parameters.items() if n.startswith("convolutions.")}
    kept |= {"mean": mx.array(mean), "deviation": mx.array(deviation)}
    save_arrays(arguments.out, kept, {"format": "mlx"})


if __name__ == "__main__":
    main()
