"""Streams composed of recordings, as a microphone would record them, and operating thresholds chosen on them.

A classifier that is right on 98 of 100 clips can still wake hundreds of times an hour beside a radio: a stream has a window
every 36 ms, and most windows hold pieces of words. So false alarms per hour and false rejects are measured on streams.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.augmentation import at_pitch
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.features import (
    FRAMES_PER_CHUNK,
    HOP,
    frame_count,
    log_mel,
    mel_power,
)
from fae_training.classifiers.sound_files import Recording
from fae_training.classifiers.windows import words

CHUNKS_PER_HOUR = 100_000  # of 36 ms
SMOOTHINGS = (1, 2, 3, 5, 7)
REFRACTORY_CHUNKS = 36  # 1.3 s, as long as the word stays in the window
# A detection counts for a trigger from the trigger's beginning to this long after its end.
GRACE_CHUNKS = 14
# Thresholds are chosen for half of the allowed false alarms, since other hours differ from those that they are chosen on.
MARGIN = 0.5
SCENE_SECONDS = 12
SCENE_FRAMES = frame_count(SCENE_SECONDS * SAMPLE_RATE)


@dataclass
class StreamOfSound:
    """Log-mel [frames, 40] and its triggers as (class, first frame, end frame).

    `scenes`: what each SCENE_FRAMES frames hold. `groups`: the group of each trigger's recording.
    """

    log_mel: np.ndarray
    events: list[tuple[str, int, int]]
    scenes: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    @property
    def hours(self) -> float:
        return len(self.log_mel) / FRAMES_PER_CHUNK / CHUNKS_PER_HOUR


def compose(
    recordings: list[Recording], kind: ClassifierKind, seconds: float, seed: int, with_events: bool
) -> StreamOfSound:
    """A stream of about `seconds`, in scenes of twelve seconds: speech, music, noise, silence, speech over music or noise.

    Every scene draws recordings, offsets and levels anew. With events, two triggers are mixed into each scene; without,
    there are none, and every alarm is a false one.
    """
    random = np.random.default_rng(seed)
    by_class: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_class.setdefault(recording.class_name, []).append(recording)
    pieces, events, scenes, groups, frames = [], [], [], [], 0
    # Half of the scenes hold speech, which is most often taken for a trigger.
    choices = ("speech", "speech", "over noise", "over noise", "noise", "noise", "quiet")
    if "music" in by_class:
        choices = (*choices, "over music", "music")
    for _ in range(max(1, round(seconds / SCENE_SECONDS))):
        scenes.append(choices[random.integers(len(choices))])
        samples = _scene(random, scenes[-1], by_class)
        placed = _place(random, samples, by_class, kind) if with_events else []
        power = log_mel(np.clip(samples, -1, 1))
        events += [(n, frames + first, frames + end) for n, first, end, _ in placed]
        groups += [group for *_, group in placed]
        pieces.append(power)
        frames += len(power)
    return StreamOfSound(np.concatenate(pieces), events, scenes, groups)


def _scene(random, scene: str, by_class: dict) -> np.ndarray:
    count = SCENE_SECONDS * SAMPLE_RATE
    out = (random.standard_normal(count) * 10 ** random.uniform(-5, -3.5)).astype(np.float32)
    if "silence" in by_class:
        out += _concatenated(random, by_class["silence"], count, None)
    level = random.uniform(-32, -15)
    if scene in ("speech", "over noise", "over music") and "speech" in by_class:
        out += _concatenated(random, by_class["speech"], count, level)
    under = level - random.uniform(3, 20) if scene.startswith("over") else random.uniform(-35, -14)
    if scene in ("noise", "over noise") and "noise" in by_class:
        out += _concatenated(random, by_class["noise"], count, under)
    if scene in ("music", "over music"):
        out += _concatenated(random, by_class["music"], count, under)
    return out


def _concatenated(random, clips: list[Recording], count: int, decibels: float | None) -> np.ndarray:
    """Clips with cross-fades of 10 ms, each from a random offset and scaled to within 3 dB of `decibels` (None: as it is)."""
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


def _place(random, samples: np.ndarray, by_class: dict, kind: ClassifierKind) -> list:
    """Mix two triggers into a scene, in place; around them the scene gets quieter. (class, first frame, end frame, group) of each."""
    placed = []
    for start in (1.5, 7.0):
        names = [name for name in kind.triggers if by_class.get(name)]
        if not names:
            return placed
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
        end = at // HOP + frame_count(len(word))
        placed.append((name, at // HOP, end, recording.group))
    return placed


def choosing_streams(
    choose: list[Recording], kind: ClassifierKind, minutes: float, seed: int
) -> tuple[StreamOfSound, StreamOfSound]:
    """Streams to choose thresholds on: (without triggers, with triggers).

    The one on which thresholds must not give false alarms is twice as long as `minutes` and has all speech in other voices
    too: the few held-out speakers are not the only people who will talk near Fae.
    """
    others = choose + in_other_voices(choose, seed)
    return _pair(
        (others, kind, 120 * minutes, 10 * seed, False),
        (choose, kind, 30 * minutes, 10 * seed + 1, True),
    )


def judging_streams(
    judge: list[Recording], kind: ClassifierKind, minutes: float, seed: int
) -> dict[str, StreamOfSound]:
    """Streams to measure on, of `minutes` each: "quiet" without triggers, "spoken" with them, by people where any said them."""
    by_people = {r.class_name for r in judge if r.origin == "recorded"}
    spoken = [
        r
        for r in judge
        if r.origin == "recorded" or r.class_name not in by_people.intersection(kind.triggers)
    ]
    pair = _pair(
        (judge, kind, 60 * minutes, 10 * seed + 2, False),
        (spoken, kind, 60 * minutes, 10 * seed + 3, True),
    )
    return dict(zip(("quiet", "spoken"), pair, strict=True))


def _pair(*asked: tuple) -> tuple[StreamOfSound, StreamOfSound]:
    with ThreadPoolExecutor(2) as pool:
        quiet, spoken = pool.map(lambda arguments: compose(*arguments), asked)
        return quiet, spoken


def in_other_voices(recordings: list[Recording], seed: int) -> list[Recording]:
    """Each recording of speech at two other pitches and tempos."""
    random = np.random.default_rng(seed)
    return [
        replace(
            recording,
            samples=at_pitch(
                recording.samples,
                float(np.exp(random.uniform(np.log(0.8), np.log(1.5)))),
                random.uniform(0.85, 1.15),
            ),
        )
        for recording in recordings
        if recording.class_name == "speech"
        for _ in range(2)
    ]


def smoothed(probability: np.ndarray, chunks: int) -> np.ndarray:
    """[chunks] moving average over the last `chunks` values, as runtime.Trigger computes it."""
    if chunks == 1 or not len(probability):
        return probability
    total = np.concatenate([[0.0], np.cumsum(probability, dtype=np.float64)])
    lengths = np.minimum(np.arange(1, len(probability) + 1), chunks)
    mean = (total[1:] - total[np.arange(1, len(total)) - lengths]) / lengths
    # There is no decision before that many chunks.
    mean[: chunks - 1] = 0.0
    return mean


def alarms(score: np.ndarray, threshold: float, refractory: int = REFRACTORY_CHUNKS) -> list[int]:
    """The chunks at which runtime.Trigger would detect the trigger with that threshold."""
    above = np.flatnonzero(score >= threshold)
    found, free = [], 0
    for chunk in above:
        if chunk >= free:
            found.append(int(chunk))
            free = chunk + refractory + 1
    return found


def peaks(score: np.ndarray, refractory: int = REFRACTORY_CHUNKS) -> np.ndarray:
    """Scores in descending order, one for each refractory period: nearly the number of alarms above each threshold."""
    blocks = len(score) // refractory
    highest = score[: blocks * refractory].reshape(blocks, refractory).max(axis=1)
    return np.sort(highest)[::-1]


def scores_of_events(
    score: np.ndarray, events: list, name: str, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """(highest score of each event of `name` [events], first and end chunk of each [events, 2]).

    Row n of `score` belongs to the window that ends at frame 3 n + window.
    """
    spans = [
        (
            max(0, (first - window) // FRAMES_PER_CHUNK + 1),
            (end - window) // FRAMES_PER_CHUNK + 1 + GRACE_CHUNKS,
        )
        for label, first, end in events
        if label == name
    ]
    best = [score[a:b].max() if b > a and a < len(score) else 0.0 for a, b in spans]
    return np.array(best), np.array(spans).reshape(-1, 2)


def choose_thresholds(
    classifier, quiet: StreamOfSound, spoken: StreamOfSound, rate: float
) -> dict[str, dict]:
    """For each trigger of model.json: operating threshold, smoothing and refractory period.

    `quiet` is a stream without triggers, `spoken` one with them. The smoothing is the one with the best recall at no more
    than MARGIN * `rate` false alarms per hour; the threshold is then raised as far as it costs less than one point of
    recall, to leave a margin for other hours.
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
            found, _ = scores_of_events(
                smoothed(said[:, column], chunks), spoken.events, name, classifier.window
            )
            recall = float((found >= least).mean()) if len(found) else 0.0
            if best is None or recall > best[0] + 1e-9:
                best = (recall, chunks, least, found)
        assert best is not None  # SMOOTHINGS is not empty
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
    """The figures of each trigger on a stream without triggers (`quiet`) and one with them (`spoken`).

    false_alarms, false_alarms_per_hour and recall at its own threshold; scenes_with_alarms, the numbers of the scenes of
    `quiet` with a false alarm; heard, 1 for each trigger in `spoken` that was detected; latency_ms, the median from the
    beginning of the word to the detection; false_reject_rate_at "0.5" and "1.0" false alarms per hour, with the
    thresholds that give these rates on `quiet`.
    """
    silent, said = classifier.over(quiet.log_mel), classifier.over(spoken.log_mel)
    measured = {}
    for name, trigger in triggers.items():
        column = classifier.classes.index(name)
        quiet_score = smoothed(silent[:, column], trigger["smoothing_chunks"])
        spoken_score = smoothed(said[:, column], trigger["smoothing_chunks"])
        best, spans = scores_of_events(spoken_score, spoken.events, name, classifier.window)
        false = alarms(quiet_score, trigger["threshold"])
        hit = best >= trigger["threshold"]
        ends = [
            (np.argmax(spoken_score[a:b] >= trigger["threshold"]) + a) * FRAMES_PER_CHUNK
            + classifier.window
            for (a, b), ok in zip(spans, hit, strict=True)
            if ok
        ]
        firsts = [first for label, first, _ in spoken.events if label == name]
        delays = [
            (at - first) * HOP / SAMPLE_RATE * 1000
            for at, first in zip(ends, np.array(firsts)[hit] if len(firsts) else [], strict=True)
        ]
        highest = peaks(quiet_score)
        rejected: dict[str, float | None] = {}
        for rate in (0.5, 1.0):
            allowed = int(rate * quiet.hours)
            level = highest[allowed] if len(highest) > allowed else 0.0
            rejected[str(rate)] = float((best <= level).mean()) if len(best) else None
        measured[name] = {
            "false_alarms": len(false),
            "false_alarms_per_hour": len(false) / max(quiet.hours, 1e-9),
            "scenes_with_alarms": sorted({_scene_of(chunk, classifier.window) for chunk in false}),
            "recall": float(hit.mean()) if len(best) else None,
            "spoken": len(best),
            "heard": hit.astype(int).tolist(),
            "latency_ms": float(np.median(delays)) if delays else None,
            "false_reject_rate_at": rejected,
        }
    return measured


def _scene_of(chunk: int, window: int) -> int:
    """The number of the scene that the window of row `chunk` of a score ends in."""
    return (chunk * FRAMES_PER_CHUNK + window - 1) // SCENE_FRAMES
