"""Sounds for classes with few recordings: synthesised phrases and running speech, generated noise,
music and silence."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers import generators
from fae_training.classifiers.augmentation import echo
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.sound_files import Recording
from fae_training.speech.sound import roughen
from fae_training.speech.synthesis import Synthesiser, Voice

# With this many recordings of a trigger, synthesised ones no longer help.
ENOUGH_RECORDINGS = 150
NEAR_MISS_CLIPS = 160
RUNNING_SPEECH_CLIPS = 64
# espeak-ng's pitch, 0 to 99; children and excited people are at the upper end.
PITCHES = (15, 95)
SPEEDS = (120, 230)  # words a minute
PIECE_SECONDS = 4.0
SILENCES = 40
# A separate random stream, so that the voices in the babble change no other sound.
BABBLE = 1
# Phrases that begin, end or rhyme like wake and interrupt phrases, and that Fae must not react to.
NEAR_MISSES = (
    *("hey", "hey there", "hey fred", "fey", "fate", "they say", "okay fine", "hi dave"),
    *("yellow bay", "stopwatch", "stock", "top", "shop", "weight", "late", "way", "waiter"),
    *("hold it", "old one", "cold", "quite", "quiz", "diet", "face", "fable"),
    *("shut the door", "that will be fine", "don't"),
)
# Running speech for the synthesiser: Fae's own words while it listens, and conversation around it.
RUNNING_SPEECH = (
    "I have set a timer for ten minutes.",
    "It is eighteen degrees and cloudy, with rain later tonight.",
    "You have two meetings tomorrow, the first one at nine.",
    "I could not find that file. Shall I look somewhere else?",
    "The train leaves in a quarter of an hour from platform four.",
    "She told me that the weather would stay like this for the whole week.",
    "We were on the way home when the phone rang for the third time.",
    "Could you pass me the salt, and then tell me what happened next?",
    "The committee has decided to put the question off until the spring.",
    "He waited at the bus stop, holding on to his hat in the wind.",
    "Nobody had expected the team to win, least of all their own manager.",
    "There is a quiet place by the river where we used to fish.",
    "In the news tonight, the price of bread has gone up again.",
    "My brother plays the violin, but his daughter would rather have drums.",
    "I think the second answer is right, though I would not bet on it.",
    "Yes, that sounds good. Let me know when you are ready.",
)


def synthesised(
    synthesiser: Synthesiser,
    kind: ClassifierKind,
    phrases: dict[str, list[str]],
    counts: dict[str, int],
    each: int,
    seed: int,
) -> list[Recording]:
    """`each` phrases for every trigger with few recordings; near misses, running speech and Fae's
    own voice as speech.

    `counts`: number of recordings of each class. The seed decides words, voices and rooms.
    """
    random = np.random.default_rng(seed)
    wanted = []
    for trigger in kind.triggers:
        if counts.get(trigger, 0) < ENOUGH_RECORDINGS:
            wanted += [(trigger, _pick(random, phrases[trigger])) for _ in range(each)]
    if kind.triggers:
        near = near_misses([phrase for trigger in kind.triggers for phrase in phrases[trigger]])
        wanted += [("speech", _pick(random, near)) for _ in range(NEAR_MISS_CLIPS)]
    wanted += [("speech", _pick(random, RUNNING_SPEECH)) for _ in range(RUNNING_SPEECH_CLIPS)]
    voices = []
    known = synthesiser.voices()
    for _ in wanted:
        name = _pick(random, known)
        voices.append(Voice(name, int(random.integers(*SPEEDS)), int(random.integers(*PITCHES))))

    def speak(text: str, voice: Voice) -> np.ndarray | None:
        try:
            return synthesiser.speak(text, voice)
        except OSError:
            return None

    with ThreadPoolExecutor(2) as pool:
        spoken = list(pool.map(speak, (text for _, text in wanted), voices))
    made = []
    for number, ((class_name, text), voice) in enumerate(zip(wanted, voices, strict=True)):
        samples = spoken[number]
        if samples is None or len(samples) < 0.2 * SAMPLE_RATE:
            continue
        # Half of the running speech is Fae's own voice, from a loudspeaker in the room.
        own = class_name == "speech" and text in RUNNING_SPEECH and random.random() < 0.5
        samples = echo(samples, random) if own else roughen(samples, random)
        who, name = f"{synthesiser.program} {voice.name}", f"{number} {text}"
        made.append(Recording(class_name, who, name, "synthesised", samples))
    return made


def near_misses(phrases: list[str]) -> list[str]:
    """NEAR_MISSES without those that contain one of `phrases`: people may choose "hold it" to interrupt Fae."""
    return [
        near
        for near in NEAR_MISSES
        if not any(f" {phrase.lower()} " in f" {near} " for phrase in phrases)
    ]


def _pick(random, texts) -> str:
    return texts[int(random.integers(len(texts)))]


def generated(
    kind: ClassifierKind, counts: dict[str, int], seconds: float, seed: int
) -> list[Recording]:
    """`seconds` each of noise and music, in pieces of PIECE_SECONDS, and silence if none was recorded."""
    random = np.random.default_rng(seed)
    music_is = "music" if "music" in kind.classes else "noise"
    made = []
    for number in range(int(seconds / PIECE_SECONDS)):
        made.append(_generated("noise", f"noise {number}", generators.noise(random, PIECE_SECONDS)))
        made.append(
            _generated(music_is, f"music {number}", generators.music(random, PIECE_SECONDS))
        )
    if "silence" in kind.classes and not counts.get("silence"):
        for number in range(SILENCES):
            samples = random.standard_normal(2 * SAMPLE_RATE) * 10 ** random.uniform(-5, -3.3)
            made.append(_generated("silence", f"quiet {number}", samples.astype(np.float32)))
    return made


def babble(sounds: list[Recording], seed: int) -> list[Recording]:
    """Noise mixed from the speech in `sounds`: one piece for every eight generated pieces of noise
    and music."""
    speech = [r.samples for r in sounds if r.class_name == "speech"]
    pieces = sum(r.origin == "generated" and r.class_name != "silence" for r in sounds)
    random = np.random.default_rng((seed, BABBLE))
    return [
        _generated("noise", f"babble {number}", generators.babble(random, PIECE_SECONDS, speech))
        for number in range(-(-pieces // 8) if speech else 0)
    ]


def _generated(class_name: str, name: str, samples: np.ndarray) -> Recording:
    return Recording(class_name, None, name, "generated", samples)
