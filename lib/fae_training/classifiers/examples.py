"""Training examples, made on the way: windows at every offset, mixed and varied in the mel domain.

Every recording is turned into mel power once, in a few variants (another pitch, another grid of frames). From then on
mixing is an addition, gain and room are multiplications, so a batch of 128 costs milliseconds, and batch number i is a
function of the seed and i alone, which is what makes a resumed run equal to one that was never stopped.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from fae_training.classifiers import sounds
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.features import BANDS, HOP, LOG_FLOOR, SAMPLE_RATE, mel_power
from fae_training.classifiers.recordings import Recording
from fae_training.classifiers.warping import at_pace, resampled, with_formants
from fae_training.classifiers.windows import levels, padded, words

# Smooth curves over the bands, broad before narrow: what microphones and rooms do to a voice.
CURVES = np.stack(
    [np.cos(np.pi * n * (np.arange(BANDS) + 0.5) / BANDS) / n**0.5 for n in range(1, 5)]
)
# Places in a word, evenly apart, at which its rhythm is drawn.
RHYTHM = 5
# However much is generated, so much of a class is what people recorded of it, if that is at least so many seconds.
OWN_SHARE = 0.7
OWN_SECONDS = 120
# Frames in which a window holds enough sound to stand for its class.
LEAST_SOUNDING = 0.4
# Variants at other pitches that a trigger is given in all, where its recordings are few, and the most of each of them.
VARIANTS = 200
MOST_PITCHES = 10
# Seconds of each class that are varied in pitch, drawn at random where there are more: varying costs time, and a class
# with so many recordings has many voices of its own.
MOST_VARIED_SECONDS = 400


@dataclass(frozen=True)
class Augmentation:
    """How examples are varied; each part was measured alone (docs/classifiers.md). Zero turns a part off.

    pitches: variants of each word and each piece of speech at another pitch, more where there are few recordings of a
    trigger; mixing: share of examples with noise at 5 to 25 dB under them; gain: most, either way, in natural
    logarithms of power; curve: deviation of the smooth curves over the bands, same unit; partial: share of the speech
    examples that are pieces of a trigger; formants and tempo: most, either way, in natural logarithms of the factor,
    of words and of speech; rhythm: the same, of how much longer or shorter each part of a word is than its others
    (who says "compu-ter" says the t late); masks: share of examples that miss up to six bands, and share that miss up
    to eight frames (SpecAugment, Park et al. 2019); mined: share of examples that are mistakes of a first network
    (hard_negatives.py).
    """

    pitches: int = 2
    mixing: float = 0.3
    gain: float = 1.8
    curve: float = 0.0
    partial: float = 0.25
    formants: float = 0.1
    tempo: float = 0.1
    rhythm: float = 0.4
    masks: float = 0.2
    mined: float = 0.15


# Measured (docs/classifiers.md): curves cost words, now that frames are pooled as they are, and help music; masks the other way round.
AUGMENTATIONS = {
    "keyword": Augmentation(),
    "speech_verifier": Augmentation(curve=0.5, masks=0.0),
}


@dataclass
class _Texture:
    """Sound of one class end to end, the share of the class that is drawn from it, and the frames where a window may start."""

    power: np.ndarray
    share: float = 1.0
    starts: dict = field(default_factory=dict)


def _words(power: np.ndarray, window: int) -> list[tuple[np.ndarray, int, int]]:
    """(power, first, end) of each word, with no more around it than can be seen in its window."""
    return [
        (
            power[max(0, first - window) : end + window],
            min(first, window),
            min(first, window) + end - first,
        )
        for first, end in words(power, window)
    ]


class Examples:
    """What fit() trains on: batch_at(index) -> {"x": [batch, frames, 40] log-mel, "y": [batch] class numbers}."""

    def __init__(
        self,
        recordings: list[Recording],
        ear: ClassifierKind,
        batch_size: int,
        seed: int,
        augmentation=None,
    ):
        self.ear, self.batch_size, self.seed = ear, batch_size, seed
        self.mistakes = None  # (log-mel windows, class numbers), once there are some
        self.maker, self.next = ThreadPoolExecutor(1), {}
        self.augmentation = augmentation or AUGMENTATIONS[ear.kind]
        random = np.random.default_rng(seed)
        self.words: dict[str, list] = {name: [] for name in ear.triggers}
        textures = [name for name in ear.classes if name not in ear.triggers]
        pieces = {(name, own): [] for name in textures for own in (True, False)}
        seconds = {
            name: sum(len(r.samples) for r in recordings if r.class_name == name) / 16_000
            for name in ear.classes
        }
        pitches = {name: self._pitches(recordings, name) for name in ear.triggers}
        said: dict[str, list] = {name: [] for name in ear.triggers}
        for recording in recordings:
            name, own = recording.class_name, recording.origin == "recorded"
            many = pitches.get(name) if own else None
            for samples in self._variants(recording, seconds[name], many, random):
                power = mel_power(samples)
                if name in self.words:
                    (self.words if own else said)[name].extend(_words(power, ear.windows[0]))
                elif len(power):
                    pieces[name, own].append(power)
        for name, made in said.items():
            # However few people's own words there are, every second one is theirs.
            own = self.words[name]
            self.words[name] = own * max(1, round(len(made) / len(own))) + made if own else made
        self.textures = {
            name: self._textures(name, pieces[name, True], pieces[name, False]) for name in textures
        }
        self.drawn = [c for c in ear.classes if self.words.get(c) or c in self.textures]
        share = np.array([ear.shares[c] for c in self.drawn])
        self.cumulative = np.cumsum(share / share.sum())

    def _pitches(self, recordings: list[Recording], trigger: str) -> int:
        """How many variants each recording of a trigger gets: more where there are few."""
        count = sum(r.class_name == trigger and r.origin == "recorded" for r in recordings)
        few = min(MOST_PITCHES, VARIANTS // max(1, count))
        return max(self.augmentation.pitches, few) if self.augmentation.pitches else 0

    def _variants(self, recording: Recording, seconds: float, pitches: int | None, random) -> list:
        """The recording and itself at other pitches, so many or as many as all are given."""
        samples = recording.samples
        made = [samples]
        name = recording.class_name
        varied = name in self.words or (name == "speech" and recording.origin == "recorded")
        if varied and random.random() * seconds < MOST_VARIED_SECONDS:
            for _ in range(self.augmentation.pitches if pitches is None else pitches):
                # Up to a minor sixth: children and the excited, of whom there are few recordings.
                pitch = np.exp(random.uniform(np.log(0.85), np.log(1.6)))
                made.append(sounds.at_pitch(samples, pitch, random.uniform(0.88, 1.12)))
        # Frames of a stream lie anywhere on a word.
        return [m[random.integers(HOP) :] for m in made]

    def _textures(self, name: str, own: list, made: list) -> list[_Texture]:
        """What was recorded, then what was made, as far as there is any; what there is less of is drawn less often."""
        both = [self._end_to_end(name, parts) for parts in (own, made) if parts]
        if len(both) == 2:
            seconds = len(both[0].power) * HOP / SAMPLE_RATE
            by_length = len(both[0].power) / (len(both[0].power) + len(both[1].power))
            both[0].share = max(by_length, min(OWN_SHARE, OWN_SHARE * seconds / OWN_SECONDS))
        return both or [self._end_to_end(name, [])]

    def _end_to_end(self, name: str, parts: list) -> _Texture:
        longest = max(self.ear.windows)
        power = np.concatenate(parts) if parts else np.zeros((0, BANDS), dtype=np.float32)
        power = padded(power, 2 * longest)
        texture = _Texture(power)
        loudness = levels(power)
        if name == "silence":
            sounding = np.ones(len(power))
        else:
            sounding = loudness > np.percentile(loudness, 95) - 35
        total = np.concatenate([[0], np.cumsum(sounding)])
        for frames in self.ear.windows:
            share = (total[frames:] - total[:-frames])[:-1] / frames
            starts = np.flatnonzero(share >= LEAST_SOUNDING)
            texture.starts[frames] = starts if starts.size else np.arange(len(power) - frames)
        return texture

    def batch_at(self, index: int) -> dict:
        import mlx.core as mx

        made, self.next = self.next.get(index), {}
        x, y = made.result() if made else self.arrays_at(index)
        # The next one is made while the network learns from this one.
        self.next[index + 1] = self.maker.submit(self.arrays_at, index + 1)
        return {"x": mx.array(x), "y": mx.array(y)}

    def tokens(self, index: int) -> tuple[int, int]:
        """Windows, of which each is supervised: what fit() counts for its speed."""
        return self.batch_size, self.batch_size

    def arrays_at(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng((self.seed, index))
        frames = self.ear.windows[index % len(self.ear.windows)]
        x = np.empty((self.batch_size, frames, BANDS), dtype=np.float32)
        y = np.empty(self.batch_size, dtype=np.int32)
        for row in range(self.batch_size):
            if self.mistakes is not None and random.random() < self.augmentation.mined:
                x[row], y[row] = self._mistake(random, frames)
                continue
            drawn = min(np.searchsorted(self.cumulative, random.random()), len(self.drawn) - 1)
            name = self.drawn[drawn]
            x[row] = self._example(random, name, frames)
            y[row] = self.ear.classes.index(name)
        return x, y

    def _example(self, random, name: str, frames: int) -> np.ndarray:
        augmentation = self.augmentation
        if name in self.words:
            power = self._with_word(random, name, frames, whole=True)
        elif name == "speech" and self.ear.triggers and random.random() < augmentation.partial:
            present = [t for t in self.ear.triggers if self.words[t]]
            if present:
                trigger = present[random.integers(len(present))]
                power = self._with_word(random, trigger, frames, whole=False)
            else:
                power = self._stretch(random, name, frames)
        else:
            power = self._stretch(random, name, frames)
        if name == "silence":
            return np.log(power * 10 ** random.uniform(-0.3, 0.3) + LOG_FLOOR)
        if random.random() < augmentation.mixing and "noise" in self.textures:
            noise = self._stretch(random, "noise", frames)
            ratio = 10 ** (-random.uniform(5, 25) / 10)
            power = power + noise * (power.mean() * ratio / (noise.mean() + 1e-9))
        return self._masked(random, self._heard(random, power, 1.0))

    def _heard(self, random, power: np.ndarray, share: float) -> np.ndarray:
        """Log-mel of `power` in another room, through another microphone; `share` of what the augmentation allows."""
        change = random.uniform(-1, 1) * share * self.augmentation.gain
        curve = share * self.augmentation.curve * (random.standard_normal(len(CURVES)) @ CURVES)
        return np.log(power * np.exp(change + curve).astype(np.float32) + LOG_FLOOR)

    def _mistake(self, random, frames: int) -> tuple[np.ndarray, int]:
        windows, labels = self.mistakes
        number = random.integers(len(labels))
        first = random.integers(windows.shape[1] - frames + 1)
        power = np.maximum(np.exp(windows[number, first : first + frames]) - LOG_FLOOR, 0)
        # They are hard as they are: half of the change.
        return self._heard(random, power, 0.5), labels[number]

    def _masked(self, random, x: np.ndarray) -> np.ndarray:
        if random.random() < self.augmentation.masks:
            first = random.integers(BANDS - 6)
            x[:, first : first + random.integers(1, 7)] = x.mean()
        if random.random() < self.augmentation.masks:
            first = random.integers(len(x) - 8)
            x[first : first + random.integers(1, 9)] = x.min()
        return x

    def _stretch(self, random, name: str, frames: int) -> np.ndarray:
        first, *rest = self.textures[name]
        texture = first if random.random() < first.share else rest[0]
        starts = texture.starts[frames]
        start = starts[random.integers(len(starts))]
        if name != "speech":
            return texture.power[start : start + frames]
        wanted = round(frames * self._factor(random, self.augmentation.tempo))
        power = texture.power[start : start + wanted]
        if wanted != frames:
            power = resampled(power, frames)
        return with_formants(power, self._factor(random, self.augmentation.formants))

    @staticmethod
    def _factor(random, most: float) -> float:
        return float(np.exp(random.uniform(-most, most)))

    def _another_speaker(self, random, power, first: int, end: int, frames: int):
        """(power, first, end) of a word at another tempo, in another rhythm and of another vocal tract; it still fits into `frames`."""
        lengths = np.full(len(power), self._factor(random, self.augmentation.tempo))
        pace = random.uniform(-self.augmentation.rhythm, self.augmentation.rhythm, RHYTHM)
        places = np.linspace(0, RHYTHM - 1, end - first)
        within = np.exp(np.interp(places, np.arange(RHYTHM), pace))
        lengths[first:end] *= within / within.mean()
        if lengths[first:end].sum() < frames - 2:
            power, times = at_pace(power, lengths)
            first, end = int(times[first]), int(times[end]) + 1
        return (
            with_formants(power, self._factor(random, self.augmentation.formants)),
            first,
            min(end, len(power)),
        )

    def _with_word(self, random, name: str, frames: int, whole: bool) -> np.ndarray:
        """A window in which the word lies anywhere (whole), or begins or ends so that at most 60 % of it is inside."""
        word = self.words[name][random.integers(len(self.words[name]))]
        power, first, end = self._another_speaker(random, *word, frames)
        length = end - first
        if whole:
            at = random.integers(0, frames - length + 1)
        else:
            visible = max(1, int(length * random.uniform(0.15, 0.6)))
            at = frames - visible if random.random() < 0.5 else visible - length
        offset = at - first
        left, right = max(0, offset), min(frames, offset + len(power))
        kind = random.random()
        if kind < 0.3 and "speech" in self.textures:
            # In the middle of talk: people say other words before and after.
            around = self._stretch(random, "speech", frames)
            level = 10 ** random.uniform(-1.0, 0.3) * power[first:end].mean()
            window = around * (level / (around.mean() + 1e-9))
            gap = random.integers(0, 8)
            quiet_from, quiet_to = max(0, at - gap), min(frames, at + length + gap)
            window[quiet_from:quiet_to] = 0
            left, right = max(left, quiet_from), min(right, quiet_to)
        elif kind < 0.6 and "noise" in self.textures:
            noise = self._stretch(random, "noise", frames)
            level = 10 ** -random.uniform(1.0, 3.0) * power[first:end].mean()
            window = noise * (level / (noise.mean() + 1e-9))
        elif "silence" in self.textures:
            window = self._stretch(random, "silence", frames) * 10 ** random.uniform(0, 2)
        else:
            window = np.zeros((frames, BANDS), dtype=np.float32)
        window = np.asarray(window, dtype=np.float32)
        window[left:right] += power[left - offset : right - offset]
        return window
