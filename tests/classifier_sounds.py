"""For tests of the audio classifiers: words made of tones, which a small model learns in seconds, and pretrained convolutions."""

import numpy as np
import soundfile

from fae_training.audio import SAMPLE_RATE as RATE
from fae_training.classifiers.classes import LAYERS
from fae_training.classifiers.network import pretrained
from fae_training.classifiers.runtime import Network


def tones(hertz, seconds_each=0.12, level=0.2):
    time = np.arange(int(seconds_each * RATE)) / RATE
    fade = np.minimum(1, np.minimum(time, time[::-1]) / 0.01)
    parts = [sum(np.sin(2 * np.pi * f * n * time) / n for n in (1, 2, 3)) * fade for f in hertz]
    return level * np.concatenate(parts)


def clip(class_name, random, voice=1.0):
    """One second: wake rises, interrupt falls, speech jumps quickly, noise hisses, silence is nearly nothing; music is a long chord."""
    room = 1e-4 * random.standard_normal(RATE)
    if class_name == "silence":
        return room
    if class_name == "noise":
        return room + 10 ** random.uniform(-2, -0.7) * random.standard_normal(RATE)
    if class_name == "music":
        time = np.arange(RATE) / RATE
        return room + 0.1 * sum(np.sin(2 * np.pi * 220 * voice * r * time) for r in (1, 1.25, 1.5))
    steps = {"wake": (300, 500, 800, 1300), "interrupt": (1300, 800, 500, 300)}.get(class_name)
    # Speech is twice as fast, so that no piece of it, at another pitch, is one of the words.
    seconds_each = 0.12 if steps else 0.06
    if steps is None:
        steps = random.choice([250, 400, 650, 1000], size=12)
    word = tones(np.array(steps) * voice * random.uniform(0.97, 1.03), seconds_each)
    at = random.integers(0, RATE - len(word))
    room[at : at + len(word)] += word * random.uniform(0.5, 1.5)
    return room


# The hash judges on six of so many speakers, and chooses by five. With the sounds without a speaker it judges on 18 groups, enough
# for the gate to tell better from worse.
ENOUGH_SPEAKERS = 32


def fill(home, kind, classes, speakers=5, each=4, seed=0):
    """Clips in the samples folders of a state directory: words by `speakers` people, and twice as much sound without a speaker."""
    random = np.random.default_rng(seed)
    for class_name in classes:
        folder = home / kind / "samples" / class_name
        folder.mkdir(parents=True, exist_ok=True)
        spoken = class_name in ("wake", "interrupt", "speech")
        for number in range(speakers * each * (1 if spoken else 2)):
            speaker = number // each
            samples = clip(class_name, random, 0.85 + 0.08 * (speaker % 5))
            name = (
                f"s{speaker}--{class_name}-{number % each}" if spoken else f"{class_name} {number}"
            )
            soundfile.write(folder / f"{name}.wav", samples, RATE)


def convolutions_of(number: int) -> Network:
    """Pretrained convolutions of the shipped file as a network without an output layer."""
    own = "members.0."
    arrays = pretrained((number,))
    arrays = {n.removeprefix(own): a for n, a in arrays.items() if n.startswith(own)}
    return Network(arrays | {"output.weight": None, "output.bias": None}, list(LAYERS))


def normalised(log_mel: np.ndarray) -> np.ndarray:
    arrays = pretrained(())
    return (log_mel - arrays["mean"]) / arrays["deviation"]
