"""Hours of held-out sound as a microphone would hear them, and the thresholds chosen on them.

A classifier with 98 of 100 clips right still wakes hundreds of times an hour beside a radio: a stream has a window at
every 36 ms, pieces of words in most of them. So what is promised (one false alarm an hour) is measured there.
"""

from dataclasses import dataclass, field

import numpy as np

from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.features import HOP, SAMPLE_RATE, frame_count, log_mel, mel_power
from fae_training.classifiers.recordings import Recording
from fae_training.classifiers.windows import words

CHUNKS_PER_HOUR = 100_000  # of 36 ms
SMOOTHINGS = (1, 2, 3, 5, 7)
REFRACTORY_CHUNKS = 36  # 1.3 s: the word is still in the window
# A trigger counts as heard from its beginning to this long after its end.
GRACE_CHUNKS = 14
# Thresholds are looked for at half the promised rate: the next hour is not the one they were chosen on.
MARGIN = 0.5
SCENE_SECONDS = 12
SCENE_FRAMES = frame_count(SCENE_SECONDS * SAMPLE_RATE)


@dataclass
class StreamOfSound:
    """Log-mel [frames, 40], the triggers in it as (class, first frame, end frame), and what each SCENE_FRAMES frames hold.

    `speakers`: who says each trigger, where that is known.
    """

    log_mel: np.ndarray
    events: list[tuple[str, int, int]]
    scenes: list[str] = field(default_factory=list)
    speakers: list[str | None] = field(default_factory=list)

    @property
    def hours(self) -> float:
        return len(self.log_mel) / 3 / CHUNKS_PER_HOUR


def compose(
    recordings: list[Recording], ear: ClassifierKind, seconds: float, seed: int, with_events: bool
):
    """A stream of about `seconds`: talk, music, noise, quiet, talk over music or noise, each for twelve seconds.

    Every scene draws among the recordings with level, offset and company anew. With events, two triggers fall into
    each scene, after a short pause where somebody talks; without, there is none, and every alarm is a false one.
    """
    random = np.random.default_rng(seed)
    by_class: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_class.setdefault(recording.class_name, []).append(recording)
    pieces, events, scenes, speakers, frames = [], [], [], [], 0
    # Half of the scenes hold talk: it is what triggers are mistaken for.
    kinds = ("talk", "talk", "over noise", "over noise", "noise", "noise", "quiet")
    if "music" in by_class:
        kinds = (*kinds, "over music", "music")
    for _ in range(max(1, round(seconds / SCENE_SECONDS))):
        scenes.append(kinds[random.integers(len(kinds))])
        samples = _scene(random, scenes[-1], by_class)
        placed = _place(random, samples, by_class, ear) if with_events else []
        power = log_mel(np.clip(samples, -1, 1))
        events += [(n, frames + first, frames + end) for n, first, end, _ in placed]
        speakers += [speaker for *_, speaker in placed]
        pieces.append(power)
        frames += len(power)
    return StreamOfSound(np.concatenate(pieces), events, scenes, speakers)


def _scene(random, kind: str, by_class: dict) -> np.ndarray:
    count = SCENE_SECONDS * SAMPLE_RATE
    out = (random.standard_normal(count) * 10 ** random.uniform(-5, -3.5)).astype(np.float32)
    if "silence" in by_class:
        out += _texture(random, by_class["silence"], count, None)
    talk = random.uniform(-32, -15)
    if kind in ("talk", "over noise", "over music") and "speech" in by_class:
        out += _texture(random, by_class["speech"], count, talk)
    under = talk - random.uniform(3, 20) if kind.startswith("over") else random.uniform(-35, -14)
    if kind in ("noise", "over noise") and "noise" in by_class:
        out += _texture(random, by_class["noise"], count, under)
    if kind in ("music", "over music"):
        out += _texture(random, by_class["music"], count, under)
    return out


def _texture(random, clips: list[Recording], count: int, decibels: float | None) -> np.ndarray:
    """Clips end to end with fades of 10 ms, each from a random offset, brought to one level each."""
    out = np.zeros(count, dtype=np.float32)
    at, fade = 0, 160
    while at < count - 2 * fade:
        clip = clips[random.integers(len(clips))].samples
        clip = clip[random.integers(0, max(1, len(clip) // 3)) :][: count - at].copy()
        if len(clip) < 2 * fade:
            break
        if decibels is not None:
            clip *= 10 ** ((decibels + random.uniform(-3, 3)) / 20) / (clip.std() + 1e-6)
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        clip[:fade] *= ramp
        clip[-fade:] *= ramp[::-1]
        out[at : at + len(clip)] += clip
        at += len(clip) - fade
    return out


def _place(random, samples: np.ndarray, by_class: dict, ear: ClassifierKind) -> list:
    """Say two triggers into a scene (in place): its own sound goes down, but does not stop. (class, first, end, speaker) of each."""
    placed = []
    for start in (1.5, 7.0):
        names = [name for name in ear.triggers if by_class.get(name)]
        if not names:
            return placed
        name = names[random.integers(len(names))]
        recording = by_class[name][random.integers(len(by_class[name]))]
        clip = recording.samples
        bounds = words(mel_power(clip), ear.windows[0])
        if not bounds:
            continue
        first, end = bounds[random.integers(len(bounds))]
        word = clip[first * HOP : end * HOP + HOP].copy()
        at = int((start + random.uniform(0, 2.5)) * SAMPLE_RATE) // HOP * HOP
        around = samples[max(0, at - 4_800) : at + len(word) + 4_800]
        word *= 10 ** (random.uniform(-26, -14) / 20) / (word.std() + 1e-6)
        # Somebody who calls Fae is 10 to 25 dB over what else sounds.
        allowed = word.std() * 10 ** (-random.uniform(10, 25) / 20)
        if around.std() > allowed:
            around *= allowed / around.std()
        room = min(len(word), len(samples) - at)
        samples[at : at + room] += word[:room]
        end = at // HOP + frame_count(len(word))
        placed.append((name, at // HOP, end, recording.speaker))
    return placed


def smoothed(probability: np.ndarray, chunks: int) -> np.ndarray:
    """[chunks] mean over the newest `chunks` values."""
    if chunks == 1 or not len(probability):
        return probability
    total = np.concatenate([[0.0], np.cumsum(probability, dtype=np.float64)])
    lengths = np.minimum(np.arange(1, len(probability) + 1), chunks)
    mean = (total[1:] - total[np.arange(1, len(total)) - lengths]) / lengths
    # Before that many there is no decision yet.
    mean[: chunks - 1] = 0.0
    return mean


def alarms(score: np.ndarray, threshold: float, refractory: int = REFRACTORY_CHUNKS) -> list[int]:
    """The chunks at which a trigger with that threshold would be heard, as runtime.Trigger does."""
    above = np.flatnonzero(score >= threshold)
    found, free = [], 0
    for chunk in above:
        if chunk >= free:
            found.append(int(chunk))
            free = chunk + refractory + 1
    return found


def peaks(score: np.ndarray, refractory: int = REFRACTORY_CHUNKS) -> np.ndarray:
    """Highest scores first, no two within the refractory time: how many alarms each threshold gives, near enough."""
    blocks = len(score) // refractory
    highest = score[: blocks * refractory].reshape(blocks, refractory).max(axis=1)
    return np.sort(highest)[::-1]


def heard(score: np.ndarray, events: list, name: str, window: int) -> tuple[np.ndarray, np.ndarray]:
    """(best score of each event of `name`, its chunks). Row n of a score is the window that ends at frame 3 n + window."""
    spans = [
        (max(0, (first - window) // 3 + 1), (end - window) // 3 + 1 + GRACE_CHUNKS)
        for label, first, end in events
        if label == name
    ]
    best = [score[a:b].max() if b > a and a < len(score) else 0.0 for a, b in spans]
    return np.array(best), np.array(spans).reshape(-1, 2)


def choose(classifier, quiet: StreamOfSound, spoken: StreamOfSound, rate: float) -> dict:
    """For each trigger of model.json: threshold, smoothing and refractory time, and what they gave on these streams.

    Among the smoothings the one with the best recall where at most MARGIN * `rate` false alarms an hour are left; then
    the highest threshold that costs less than one point of recall, for the next hour's sake.
    """
    silent, said = classifier.over(quiet.log_mel), classifier.over(spoken.log_mel)
    chosen = {}
    for name in classifier.spec["trigger_classes"]:
        column = classifier.classes.index(name)
        allowed = int(MARGIN * rate * quiet.hours)
        best = None
        for chunks in SMOOTHINGS:
            highest = peaks(smoothed(silent[:, column], chunks))
            least = float(highest[allowed]) + 1e-4 if len(highest) > allowed else 0.5
            least = float(np.clip(least, 0.3, 0.9999))
            found, _ = heard(
                smoothed(said[:, column], chunks), spoken.events, name, classifier.window
            )
            recall = float((found >= least).mean()) if len(found) else 0.0
            if best is None or recall > best[0] + 1e-9:
                best = (recall, chunks, least, found)
        recall, chunks, threshold, found = best
        if len(found):
            keep = np.sort(found)[::-1][: max(1, int(np.ceil((recall - 0.01) * len(found))))]
            threshold = float(np.clip(keep[-1] - 1e-6, threshold, (threshold + 1) / 2))
        chosen[name] = {
            "threshold": round(threshold, 5),
            "smoothing_chunks": chunks,
            "refractory_chunks": REFRACTORY_CHUNKS,
        }
    return chosen


def measure(classifier, quiet: StreamOfSound, spoken: StreamOfSound, triggers: dict) -> dict:
    """What each trigger does on streams that nothing was chosen on.

    false_alarms and false_alarms_an_hour at its threshold, recall, latency_ms (median, from the beginning of the word to the decision), and
    missed_at: misses at 0.5 and 1 false alarm an hour with the thresholds that would give these here.
    """
    silent, said = classifier.over(quiet.log_mel), classifier.over(spoken.log_mel)
    measured = {}
    for name, trigger in triggers.items():
        column = classifier.classes.index(name)
        calm = smoothed(silent[:, column], trigger["smoothing_chunks"])
        spoken_score = smoothed(said[:, column], trigger["smoothing_chunks"])
        best, spans = heard(spoken_score, spoken.events, name, classifier.window)
        false = len(alarms(calm, trigger["threshold"]))
        hit = best >= trigger["threshold"]
        ends = [
            (np.argmax(spoken_score[a:b] >= trigger["threshold"]) + a) * 3 + classifier.window
            for (a, b), ok in zip(spans, hit, strict=True)
            if ok
        ]
        firsts = [first for label, first, _ in spoken.events if label == name]
        delays = [
            (at - first) * HOP / SAMPLE_RATE * 1000
            for at, first in zip(ends, np.array(firsts)[hit] if len(firsts) else [], strict=True)
        ]
        highest = peaks(calm)
        missed = {}
        for rate in (0.5, 1.0):
            allowed = int(rate * quiet.hours)
            level = highest[allowed] if len(highest) > allowed else 0.0
            missed[str(rate)] = float((best <= level).mean()) if len(best) else None
        measured[name] = {
            "false_alarms": false,
            "false_alarms_an_hour": false / max(quiet.hours, 1e-9),
            "recall": float(hit.mean()) if len(best) else None,
            "spoken": len(best),
            "heard": hit.astype(int).tolist(),
            "latency_ms": float(np.median(delays)) if delays else None,
            "missed_at": missed,
        }
    return measured
