"""Streams composed of recordings, as a microphone would record them.

A classifier that is right on 98 of 100 clips can still wake hundreds of times an hour beside a
radio: a stream has a window every 36 ms, and most windows contain pieces of words. So false alarms
per hour and recall are measured on streams (thresholds.py).
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.augmentation import in_another_voice
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.features import (
    BANDS,
    FRAMES_PER_CHUNK,
    HOP,
    frame_count,
    log_mel,
    mel_power,
)
from fae_training.classifiers.parts_of_sounds import Parts
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.windows import words

CHUNKS_PER_HOUR = 100_000  # of 36 ms
SCENE_SECONDS = 12
# Fewer sources, groups or recordings than this cannot be resampled, so they show no rate.
FEWEST = 5
SCENE_FRAMES = frame_count(SCENE_SECONDS * SAMPLE_RATE)


class Event(NamedTuple):
    """A trigger in a stream: its class, its first and end frame, and the group of its recording."""

    trigger: str
    first: int
    end: int
    group: str


class Piece(NamedTuple):
    """A stretch of a stream, from frame `first` to the next piece, and its audible recording: the
    loudest where there are several."""

    first: int
    source: str
    group: str
    recording: str


@dataclass(frozen=True)
class StreamOfSound:
    """Log-mel [frames, 40], its triggers, and the recording of each stretch in order of time."""

    log_mel: np.ndarray
    events: list[Event] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)

    @property
    def hours(self) -> float:
        return len(self.log_mel) / FRAMES_PER_CHUNK / CHUNKS_PER_HOUR

    def without(self, unwanted: Callable[[str], bool]) -> "StreamOfSound":
        """This stream, which has no triggers, without the scenes whose loudest recording is of an
        unwanted group."""
        scenes = len(self.log_mel) // SCENE_FRAMES
        out = {piece.first // SCENE_FRAMES for piece in self.pieces if unwanted(piece.group)}
        kept = [number for number in range(scenes) if number not in out]
        place = {number: new * SCENE_FRAMES for new, number in enumerate(kept)}
        frames = self.log_mel[: scenes * SCENE_FRAMES].reshape(scenes, SCENE_FRAMES, -1)[kept]
        pieces = [
            piece._replace(first=place[number] + piece.first % SCENE_FRAMES)
            for piece in self.pieces
            if (number := piece.first // SCENE_FRAMES) in place
        ]
        return StreamOfSound(frames.reshape(-1, frames.shape[-1]), pieces=pieces)


def compose(
    recordings: list[Recording], kind: ClassifierKind, seconds: float, seed: int, with_events: bool
) -> StreamOfSound:
    """A stream of about `seconds`, in scenes of twelve seconds: speech, music, noise, silence,
    speech over music or noise.

    Every scene draws recordings, offsets and levels anew. With events, two triggers are mixed into
    each scene; without, there are none, and every alarm is false.
    """
    random = np.random.default_rng(seed)
    by_class: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_class.setdefault(recording.class_name, []).append(recording)
    made, events, pieces, frames = [], [], [], 0
    # Half of the scenes contain speech, which is most often mistaken for a trigger.
    choices = ("speech", "speech", "over noise", "over noise", "noise", "noise", "quiet")
    if "music" in by_class:
        choices = (*choices, "over music", "music")
    for _ in range(max(1, round(seconds / SCENE_SECONDS))):
        scene = choices[random.integers(len(choices))]
        samples, recordings_used = _scene(random, scene, by_class)
        if with_events:
            events += _place(random, samples, frames, by_class, kind)
        power = log_mel(np.clip(samples, -1, 1))
        pieces += [
            Piece(frames + min(at // HOP, len(power)), r.source, r.group, r.name)
            for at, r in recordings_used
        ]
        made.append(power)
        frames += len(power)
    return StreamOfSound(np.concatenate(made), events, pieces)


def _scene(random, scene: str, by_class: dict) -> tuple[np.ndarray, list[tuple[int, Recording]]]:
    """(samples, recordings of its loudest track with the sample at which each begins)."""
    count = SCENE_SECONDS * SAMPLE_RATE
    out = (random.standard_normal(count) * 10 ** random.uniform(-5, -3.5)).astype(np.float32)
    events: list[tuple[int, Recording]] = []

    def add(name: str, decibels: float | None) -> None:
        track, clips = _concatenated(random, by_class[name], count, decibels)
        np.add(out, track, out=out)
        # Speech comes first where there is any, and is louder than the other track.
        if name == "speech" or scene != "over " + name or "speech" not in by_class:
            events[:] = clips

    if "silence" in by_class:
        add("silence", None)
    level = random.uniform(-32, -15)
    if scene in ("speech", "over noise", "over music") and "speech" in by_class:
        add("speech", level)
    under = level - random.uniform(3, 20) if scene.startswith("over") else random.uniform(-35, -14)
    if scene in ("noise", "over noise") and "noise" in by_class:
        add("noise", under)
    if scene in ("music", "over music"):
        add("music", under)
    return out, events


def _concatenated(
    random, clips: list[Recording], count: int, decibels: float | None
) -> tuple[np.ndarray, list[tuple[int, Recording]]]:
    """Clips with cross-fades of 10 ms, each from a random offset and scaled to within 3 dB of
    `decibels` (None: unscaled)."""
    out = np.zeros(count, dtype=np.float32)
    events = []
    at, fade = 0, 160
    while at < count - 2 * fade:
        recording = clips[random.integers(len(clips))]
        clip = recording.samples
        clip = clip[random.integers(0, max(1, len(clip) // 3)) :][: count - at].copy()
        if len(clip) < 2 * fade:
            break
        if decibels is not None:
            clip *= 10 ** ((decibels + random.uniform(-3, 3)) / 20) / (clip.std() + 1e-6)
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        clip[:fade] *= ramp
        clip[-fade:] *= ramp[::-1]
        out[at : at + len(clip)] += clip
        events.append((at, recording))
        at += len(clip) - fade
    return out, events


def _place(
    random, samples: np.ndarray, frame: int, by_class: dict, kind: ClassifierKind
) -> list[Event]:
    """Mix two triggers into the scene that begins at `frame`, with less sound around them."""
    placed = []
    names = [name for name in kind.triggers if by_class.get(name)]
    for start in (1.5, 7.0) if names else ():
        name = names[random.integers(len(names))]
        recording = by_class[name][random.integers(len(by_class[name]))]
        clip = recording.samples
        bounds = words(mel_power(clip), kind.windows[0])
        if not bounds:
            continue
        first, end = bounds[random.integers(len(bounds))]
        word = clip[first * HOP : end * HOP + HOP].copy()
        at = int((start + random.uniform(0, 2.5)) * SAMPLE_RATE) // HOP * HOP
        around = samples[max(0, at - 4_800) : at + len(word) + 4_800]
        word *= 10 ** (random.uniform(-26, -14) / 20) / (word.std() + 1e-6)
        # Someone who calls Fae is 10 to 25 dB louder than everything else.
        allowed = word.std() * 10 ** (-random.uniform(10, 25) / 20)
        if around.std() > allowed:
            around *= allowed / around.std()
        room = min(len(word), len(samples) - at)
        samples[at : at + room] += word[:room]
        first = frame + at // HOP
        placed.append(Event(name, first, first + frame_count(len(word)), recording.group))
    return placed


def choosing_streams(
    choose: list[Recording], kind: ClassifierKind, settings: Mapping
) -> tuple[StreamOfSound, StreamOfSound]:
    """Streams to choose thresholds on: `stream_minutes` without triggers, a quarter of that with them.

    The one without triggers also has each recording of speech at two other pitches and tempos: the
    few held-out speakers are not the only people who will talk near Fae.
    """
    minutes, seed = settings["stream_minutes"], settings["seed"]
    random = np.random.default_rng(seed)
    others = [
        replace(r, samples=in_another_voice(random, r.samples, (0.8, 1.5), (0.85, 1.15)))
        for r in choose
        if r.class_name == "speech"
        for _ in range(2)
    ]
    quiet, spoken = _composed(
        (as_recorded(choose, kind) + others, kind, 60 * minutes, 10 * seed, False),
        (choose, kind, 15 * minutes, 10 * seed + 1, True),
    )
    return quiet, spoken


def judging_streams(
    parts: Parts, kind: ClassifierKind, settings: Mapping
) -> dict[str, StreamOfSound]:
    """Streams to measure on: "quiet", `stream_minutes` without triggers, or all ordinary sound as
    it was recorded, where there is enough of it to show a rate; "spoken", a quarter of that with
    triggers, by people where any said them; "own", of the same length, with only the own
    recordings of triggers, where there are some."""
    minutes, seed = settings["stream_minutes"], settings["seed"]
    judge, ordinary = parts.judge, joined(parts.ordinary)
    by_people = {r.class_name for r in judge if r.origin == "recorded"}
    spoken = [
        r
        for r in judge
        if r.origin == "recorded" or r.class_name not in by_people.intersection(kind.triggers)
    ]
    asked = {
        "quiet": (as_recorded(judge, kind), kind, 60 * minutes, 10 * seed + 2, False),
        "spoken": (spoken, kind, 15 * minutes, 10 * seed + 3, True),
    }
    if mine := [r for r in parts.own if r.class_name in kind.triggers]:
        others = [r for r in judge if r.class_name not in kind.triggers]
        asked["own"] = (mine + others, kind, 15 * minutes, 10 * seed + 4, True)
    if len({piece.group for piece in ordinary.pieces}) >= FEWEST:
        del asked["quiet"]
    composed = dict(zip(asked, _composed(*asked.values()), strict=True))
    return {"quiet": ordinary} | composed


def joined(recordings: list[Recording]) -> StreamOfSound:
    """A stream of unchanged recordings one after the other, each as far as it fills whole scenes."""
    frames, pieces, made = 0, [], [np.zeros((0, BANDS), dtype=np.float32)]
    for recording in recordings:
        power = log_mel(recording.samples)
        made.append(power[: len(power) // SCENE_FRAMES * SCENE_FRAMES])
        if len(made[-1]):
            pieces.append(Piece(frames, recording.source, recording.group, recording.name))
        frames += len(made[-1])
    return StreamOfSound(np.concatenate(made), pieces=pieces)


def as_recorded(sounds: list[Recording], kind: ClassifierKind) -> list[Recording]:
    """Without generated sounds of a background class that was also recorded: an hour of generated
    noise hardly ever gives an alarm and says nothing about an hour of a kitchen."""
    recorded = {r.class_name for r in sounds if r.origin == "recorded"}
    return [
        r
        for r in sounds
        if r.origin != "generated" or r.class_name not in recorded.intersection(kind.backgrounds)
    ]


def _composed(*asked: tuple) -> list[StreamOfSound]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda arguments: compose(*arguments), asked))
