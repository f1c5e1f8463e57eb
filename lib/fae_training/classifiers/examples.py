"""Training examples, drawn during training: windows at every offset, mixed and augmented in the mel domain.

Every recording is converted to mel power once, in a few variants (other pitches, another offset of
the frames). Then mixing is an addition, and gain and microphone are multiplications, so a batch of
128 costs milliseconds. Batch number i is a function of the seed and i alone, so a resumed run
equals an uninterrupted one.
"""

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import mlx.core as mx
import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.augmentation import (
    AUGMENTATIONS,
    CURVES,
    Augmentation,
    at_pace,
    in_another_voice,
    stretched_to,
)
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.features import BANDS, HOP, LOG_FLOOR, mel_power
from fae_training.classifiers.recordings import FALSE_ALARMS, MISSED
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.windows import levels, padded, words

# Evenly spaced points of a word at which its rhythm is drawn.
RHYTHM_POINTS = 5
# The share of a background class that is drawn from people's recordings, however much is generated,
# if there are at least OWN_SECONDS of them.
OWN_SHARE = 0.7
OWN_SECONDS = 120
# The share of frames with sound that a window needs to be an example of its class.
LEAST_SOUNDING = 0.4
# For a trigger with few recordings: the number of variants at other pitches in all, and at most for
# each recording.
VARIANTS = 200
MOST_PITCHES = 10
# The largest share of examples that are reviewed false alarms, the number of them (in all variants)
# at which half of it is reached, and the weight of a missed word.
FALSE_ALARM_SHARE, HALF_OF_SHARE = 0.2, 30
MISSED_WEIGHT = 3
# Seconds of each class that are varied in pitch, chosen at random if there are more: it costs time,
# and a class with this many recordings has many voices of its own.
MOST_VARIED_SECONDS = 400


@dataclass
class _Background:
    """Concatenated sound of one class, its share of the class's examples, and the frames where a
    window of each length may start."""

    power: np.ndarray
    share: float
    starts: dict[int, np.ndarray]


# (mel power [frames, 40], first frame, end frame) of a word.
Word: TypeAlias = tuple[np.ndarray, int, int]
# (mel power [frames, 40], at least as long as the longest window; class number).
Sound: TypeAlias = tuple[np.ndarray, int]


def _words(power: np.ndarray, window: int) -> list[Word]:
    """Each word of a recording, with one window of context on either side."""
    found = []
    for first, end in words(power, window):
        before = min(first, window)
        found.append((power[first - before : end + window], before, before + end - first))
    return found


class Examples:
    """Batches for fit(): batch_at(index) -> {"x": [batch, frames, 40] log-mel, "y": [batch] class numbers}."""

    def __init__(
        self,
        recordings: list[Recording],
        kind: ClassifierKind,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
    ):
        self.kind, self.batch_size, self.seed = kind, batch_size, seed
        self.augmentation = augmentation or AUGMENTATIONS[kind.name]
        self.false_alarms: list[Sound] = []
        self.thread, self.next = ThreadPoolExecutor(1), {}
        random = np.random.default_rng(seed)
        # Of each class: words or stretches of sound, by whether people recorded them.
        found: dict[tuple[str, bool], list] = {
            (name, own): [] for name in kind.classes for own in (True, False)
        }
        seconds: defaultdict[str, float] = defaultdict(float)
        recorded: Counter[str] = Counter()
        for recording in recordings:
            seconds[recording.class_name] += len(recording.samples) / SAMPLE_RATE
            recorded[recording.class_name] += recording.origin == "recorded"
        for recording in recordings:
            name, own = recording.class_name, recording.origin == "recorded"
            for samples in self._variants(recording, seconds[name], recorded[name], random):
                power = mel_power(samples)
                if recording.source == FALSE_ALARMS:
                    sound = padded(power, max(kind.windows)), kind.classes.index(name)
                    self.false_alarms.append(sound)
                elif name in kind.triggers:
                    weight = MISSED_WEIGHT if recording.source == MISSED else 1
                    found[name, own] += _words(power, kind.windows[0]) * weight
                elif len(power):
                    found[name, own].append(power)
        self.words: dict[str, list[Word]] = {}
        for name in kind.triggers:
            # Half of the words are from people, however few recordings there are.
            own, made = found[name, True], found[name, False]
            self.words[name] = own * max(1, round(len(made) / len(own))) + made if own else made
        self.backgrounds = {
            name: self._backgrounds(name, found[name, True], found[name, False])
            for name in kind.backgrounds
        }
        self.drawn = [c for c in kind.classes if self.words.get(c) or c in self.backgrounds]
        share = np.array([kind.shares[c] for c in self.drawn])
        self.cumulative = np.cumsum(share / share.sum())

    def _variants(self, recording: Recording, seconds: float, recorded: int, random) -> list:
        """The unchanged samples, and variants at other pitches: more of a trigger with few recordings.

        `seconds`: of sound of its class; `recorded`: the number of its recordings by people.
        """
        name, own = recording.class_name, recording.origin == "recorded"
        pitches = self.augmentation.pitches
        if pitches and own and name in self.kind.triggers:
            pitches = max(pitches, min(MOST_PITCHES, VARIANTS // recorded))
        made = [recording.samples]
        varied = name in self.kind.triggers or (name == "speech" and own)
        if varied and random.random() * seconds < MOST_VARIED_SECONDS:
            made += [in_another_voice(random, recording.samples) for _ in range(pitches)]
        # On a stream a word begins at any offset from a frame.
        return [samples[random.integers(HOP) :] for samples in made]

    def _backgrounds(self, name: str, own: list, made: list) -> list[_Background]:
        """Recorded sound, then synthetic sound, if there is any, with the share of examples that is
        drawn from each."""
        both = [self._concatenated(name, parts) for parts in (own, made) if parts]
        if len(both) == 2:
            seconds = len(both[0].power) * HOP / SAMPLE_RATE
            by_length = len(both[0].power) / (len(both[0].power) + len(both[1].power))
            both[0].share = max(by_length, min(OWN_SHARE, OWN_SHARE * seconds / OWN_SECONDS))
        return both or [self._concatenated(name, [])]

    def _concatenated(self, name: str, parts: list) -> _Background:
        power = np.concatenate([*parts, np.zeros((0, BANDS), dtype=np.float32)])
        power = padded(power, 2 * max(self.kind.windows))
        loudness, starts = levels(power), {}
        sounding = (loudness > np.percentile(loudness, 95) - 35) | (name == "silence")
        total = np.concatenate([[0], np.cumsum(sounding)])
        for frames in self.kind.windows:
            share = (total[frames:] - total[:-frames])[:-1] / frames
            enough = np.flatnonzero(share >= LEAST_SOUNDING)
            starts[frames] = enough if enough.size else np.arange(len(power) - frames)
        return _Background(power, 1.0, starts)

    def batch_at(self, index: int) -> dict:
        made, self.next = self.next.get(index), {}
        x, y = made.result() if made else self.arrays_at(index)
        # The next batch is prepared while the network is trained on this one.
        self.next[index + 1] = self.thread.submit(self.arrays_at, index + 1)
        return {"x": mx.array(x), "y": mx.array(y)}

    def tokens(self, index: int) -> tuple[int, int]:
        """(windows, supervised windows), which fit() counts for its speed."""
        return self.batch_size, self.batch_size

    def arrays_at(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng((self.seed, index))
        frames = self.kind.windows[index % len(self.kind.windows)]
        x = np.empty((self.batch_size, frames, BANDS), dtype=np.float32)
        y = np.empty(self.batch_size, dtype=np.int32)
        alarms = len(self.false_alarms)
        share = FALSE_ALARM_SHARE * alarms / (alarms + HALF_OF_SHARE)
        for row in range(self.batch_size):
            if alarms and random.random() < share:
                power, y[row] = self.false_alarms[random.integers(alarms)]
                first = random.integers(len(power) - frames + 1)
                # Less augmentation, because more could make it easy.
                x[row] = self._recorded(random, power[first : first + frames], 0.5)
                continue
            drawn = np.searchsorted(self.cumulative, random.random())
            name = self.drawn[min(drawn, len(self.drawn) - 1)]
            x[row] = self._example(random, name, frames)
            y[row] = self.kind.classes.index(name)
        return x, y

    def _example(self, random, name: str, frames: int) -> np.ndarray:
        partial = name == "speech" and self.words and random.random() < self.augmentation.partial
        triggers = [t for t, found in self.words.items() if found] if partial else []
        if name in self.words:
            power = self._with_word(random, name, frames, whole=True)
        elif triggers:
            trigger = triggers[random.integers(len(triggers))]
            power = self._with_word(random, trigger, frames, whole=False)
        else:
            power = self._excerpt(random, name, frames)
        if name == "silence":
            return np.log(power * 10 ** random.uniform(-0.3, 0.3) + LOG_FLOOR)
        if random.random() < self.augmentation.mixing and "noise" in self.backgrounds:
            noise = self._excerpt(random, "noise", frames)
            ratio = 10 ** (-random.uniform(5, 25) / 10)
            power = power + noise * (power.mean() * ratio / (noise.mean() + 1e-9))
        return self._masked(random, self._recorded(random, power, 1.0))

    def _recorded(self, random, power: np.ndarray, share: float) -> np.ndarray:
        """Log-mel of `power` at another level and through another microphone, by `share` of the
        augmentation."""
        change = random.uniform(-1, 1) * share * self.augmentation.gain
        curve = share * self.augmentation.curve * (random.standard_normal(len(CURVES)) @ CURVES)
        return np.log(power * np.exp(change + curve).astype(np.float32) + LOG_FLOOR)

    def _masked(self, random, x: np.ndarray) -> np.ndarray:
        if random.random() < self.augmentation.masks:
            first = random.integers(BANDS - 6)
            x[:, first : first + random.integers(1, 7)] = x.mean()
        if random.random() < self.augmentation.masks:
            first = random.integers(len(x) - 8)
            x[first : first + random.integers(1, 9)] = x.min()
        return x

    def _excerpt(self, random, name: str, frames: int) -> np.ndarray:
        """A window of mel power of a background class; speech at another tempo."""
        first, *rest = self.backgrounds[name]
        background = first if random.random() < first.share else rest[0]
        starts = background.starts[frames]
        start = starts[random.integers(len(starts))]
        if name != "speech":
            return background.power[start : start + frames]
        wanted = round(frames * self._factor(random, self.augmentation.tempo))
        power = background.power[start : start + wanted]
        return power if wanted == frames else stretched_to(power, frames)

    @staticmethod
    def _factor(random, most: float) -> float:
        return float(np.exp(random.uniform(-most, most)))

    def _at_another_pace(self, random, power, first: int, end: int, frames: int) -> Word:
        """A word with another tempo and rhythm, if it still fits into `frames`."""
        lengths = np.full(len(power), self._factor(random, self.augmentation.tempo))
        pace = random.uniform(-self.augmentation.rhythm, self.augmentation.rhythm, RHYTHM_POINTS)
        places = np.linspace(0, RHYTHM_POINTS - 1, end - first)
        within = np.exp(np.interp(places, np.arange(RHYTHM_POINTS), pace))
        lengths[first:end] *= within / within.mean()
        if lengths[first:end].sum() < frames - 2:
            power, times = at_pace(power, lengths)
            first, end = int(times[first]), int(times[end]) + 1
        return power, first, min(end, len(power))

    def _with_word(self, random, name: str, frames: int, whole: bool) -> np.ndarray:
        """A window with a whole word anywhere in it, or with at most 60 % of a word at its start or end."""
        power, first, end = self.words[name][random.integers(len(self.words[name]))]
        power, first, end = self._at_another_pace(random, power, first, end, frames)
        length = end - first
        if whole:
            at = random.integers(0, frames - length + 1)
        else:
            visible = max(1, int(length * random.uniform(0.15, 0.6)))
            at = frames - visible if random.random() < 0.5 else visible - length
        offset = at - first
        left, right = max(0, offset), min(frames, offset + len(power))
        surroundings = random.random()
        if surroundings < 0.3 and "speech" in self.backgrounds:
            # In the middle of running speech, where other words come before and after.
            around = self._excerpt(random, "speech", frames)
            level = 10 ** random.uniform(-1.0, 0.3) * power[first:end].mean()
            window = around * (level / (around.mean() + 1e-9))
            gap = random.integers(0, 8)
            quiet_from, quiet_to = max(0, at - gap), min(frames, at + length + gap)
            window[quiet_from:quiet_to] = 0
            left, right = max(left, quiet_from), min(right, quiet_to)
        elif surroundings < 0.6 and "noise" in self.backgrounds:
            noise = self._excerpt(random, "noise", frames)
            level = 10 ** -random.uniform(1.0, 3.0) * power[first:end].mean()
            window = noise * (level / (noise.mean() + 1e-9))
        elif "silence" in self.backgrounds:
            window = self._excerpt(random, "silence", frames) * 10 ** random.uniform(0, 2)
        else:
            window = np.zeros((frames, BANDS), dtype=np.float32)
        window = np.asarray(window, dtype=np.float32)
        window[left:right] += power[left - offset : right - offset]
        return window
