"""Spoken examples for classes with few recordings, and the running speech against which thresholds are chosen."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fae_training.classifiers import music, noises, sounds
from fae_training.classifiers.classes import NEAR_MISSES, TALK, ClassifierKind
from fae_training.classifiers.recordings import Recording

# From so many recordings of a trigger on, a synthesiser's voice adds nothing to the people's own.
ENOUGH_RECORDINGS = 150
NEAR_MISSES_SAID = 160
TALK_SAID = 64
# espeak-ng takes pitch from 0 to 99; children and excited people are at the upper end.
PITCHES = (15, 95)
SPEEDS = (120, 230)


def synthesised(
    synthesiser, ear: ClassifierKind, phrases: dict, counts: dict, each: int, seed: int
) -> list[Recording]:
    """`each` phrases for a trigger that has few recordings, near misses and talk as speech, and Fae's voice as an echo.

    `counts`: recordings of each class. The same words in the same voice come out of the same seed.
    """
    from fae_training.speech.sound import roughen
    from fae_training.speech.synthesis import Voice

    random = np.random.default_rng(seed)
    wanted = []
    for trigger in ear.triggers:
        if counts.get(trigger, 0) < ENOUGH_RECORDINGS:
            wanted += [(trigger, _pick(random, phrases[trigger])) for _ in range(each)]
    if ear.triggers:
        near = near_misses([phrase for trigger in ear.triggers for phrase in phrases[trigger]])
        wanted += [("speech", _pick(random, near)) for _ in range(NEAR_MISSES_SAID)]
    wanted += [("speech", _pick(random, TALK)) for _ in range(TALK_SAID)]
    voices = []
    known = synthesiser.voices()
    for _ in wanted:
        name = _pick(random, known)
        voices.append(Voice(name, int(random.integers(*SPEEDS)), int(random.integers(*PITCHES))))

    def speak(item):
        (_, text), voice = item
        try:
            return synthesiser.speak(text, voice)
        except OSError:
            return None

    with ThreadPoolExecutor(2) as pool:
        spoken = list(pool.map(speak, zip(wanted, voices, strict=True)))
    made = []
    for number, ((class_name, text), voice, samples) in enumerate(
        zip(wanted, voices, spoken, strict=True)
    ):
        if samples is None or len(samples) < 3_200:
            continue
        # Half of the talk is Fae's own, through a loudspeaker and the room.
        own = class_name == "speech" and text in TALK and random.random() < 0.5
        samples = sounds.echo(samples, random) if own else roughen(samples, random)
        made.append(
            Recording(
                class_name,
                f"{synthesiser.program} {voice.name}",
                f"{number} {text}",
                "synthesised",
                samples,
            )
        )
    return made


def near_misses(phrases: list[str]) -> list[str]:
    """Those of NEAR_MISSES in which none of these phrases is said: "hold it" is none for whoever stops Fae with it."""
    return [
        near
        for near in NEAR_MISSES
        if not any(f" {phrase.lower()} " in f" {near} " for phrase in phrases)
    ]


def _pick(random, texts) -> str:
    return texts[int(random.integers(len(texts)))]


def generated(
    ear: ClassifierKind, speech: list, counts: dict, seconds: float, seed: int
) -> list[Recording]:
    """Silence where none was recorded, and noises and music, `seconds` of each in pieces of four seconds.

    A quarter as much again is babble, mixed of `speech` (lists of samples).
    """
    random = np.random.default_rng(seed)
    made = []
    music_is = "music" if "music" in ear.classes else "noise"
    for number in range(int(seconds / 4)):
        samples = noises.noise(random, 4.0)
        made.append(Recording("noise", None, f"noise {number}", "generated", samples))
        samples = music.piece(random, 4.0)
        made.append(Recording(music_is, None, f"music {number}", "generated", samples))
        if speech and number % 4 == 0:
            samples = noises.babble(random, 4.0, speech)
            made.append(Recording("noise", None, f"babble {number}", "generated", samples))
    if "silence" in ear.classes and not counts.get("silence"):
        for number in range(40):
            samples = random.standard_normal(32_000) * 10 ** random.uniform(-5, -3.3)
            made.append(
                Recording(
                    "silence", None, f"quiet {number}", "generated", samples.astype(np.float32)
                )
            )
    return made
