"""Operating thresholds and the rates of false alarms that they promise.

A promise is made with 95 % confidence, from the number of hours listened to and from how the alarms
cluster in them. One voice or song gives many alarms and the next one none, and an hour composed
again from the same recordings is not another hour. So the alarms are resampled by recording, by
group (a speaker, or a recording without one) and by source; if the count varies k times as much as
chance would explain, the hours count 1/k.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.features import FRAMES_PER_CHUNK, HOP
from fae_training.classifiers.streams import FEWEST, SCENE_FRAMES, Event, StreamOfSound

SMOOTHINGS = (1, 2, 3, 5, 7)
REFRACTORY_CHUNKS = 36  # 1.3 s, as long as the word stays in the window
# A detection counts for a trigger from the trigger's start to this long after its end.
GRACE_CHUNKS = 14
LOWEST, HIGHEST = 0.3, 0.99999
# The error rate of a promise.
ERROR = 0.05
# Overdispersion is measured on this many of the loudest alarms, because too few are left at a
# threshold that keeps the promise.
ALARMS_RESAMPLED = 20


@dataclass(frozen=True)
class Rate:
    """`count` alarms in `hours`; `overdispersion`: the variance of the count when recordings are
    resampled, over its chance variance."""

    count: int
    hours: float
    overdispersion: float

    @property
    def per_hour(self) -> float:
        return self.count / max(self.hours, 1e-9)

    @property
    def lower(self) -> float:
        """Alarms per hour: the one-sided 95 % bound. Exact for a Poisson process (F. Garwood,
        Biometrika 28, 1936) where `overdispersion` is 1; otherwise of a quasi-Poisson one
        (McCullagh and Nelder, Generalized Linear Models, section 6.2)."""
        from scipy.special import gammaincinv

        even = self.count / self.overdispersion
        return float(gammaincinv(even, ERROR) / self._counted) if even else 0.0

    @property
    def upper(self) -> float:
        from scipy.special import gammaincinv

        return float(gammaincinv(self.count / self.overdispersion + 1, 1 - ERROR) / self._counted)

    @property
    def _counted(self) -> float:
        return self.hours / self.overdispersion

    def hours_needed(self, asked: float) -> float:
        """Hours without an alarm, of recordings as overdispersed as these, that would show a rate
        of `asked` per hour."""
        return -float(np.log(ERROR)) * self.overdispersion / asked if asked else float("inf")


def smoothed(probability: np.ndarray, chunks: int) -> np.ndarray:
    """[chunks] moving average over the last `chunks` values, as runtime.Trigger computes it."""
    if chunks == 1 or not len(probability):
        return probability
    total = np.concatenate([[0.0], np.cumsum(probability, dtype=np.float64)])
    lengths = np.minimum(np.arange(1, len(probability) + 1), chunks)
    mean = (total[1:] - total[np.arange(1, len(total)) - lengths]) / lengths
    # There is no decision before this many chunks.
    mean[: chunks - 1] = 0.0
    return mean


def alarms(score: np.ndarray, threshold: float, refractory: int = REFRACTORY_CHUNKS) -> list[int]:
    """The chunks at which runtime.Trigger would detect the trigger with this threshold."""
    above = np.flatnonzero(score >= threshold)
    found, free = [], 0
    for chunk in above:
        if chunk >= free:
            found.append(int(chunk))
            free = chunk + refractory + 1
    return found


def peaks(score: np.ndarray, refractory: int = REFRACTORY_CHUNKS) -> np.ndarray:
    """Scores in descending order, one for each refractory period: nearly the number of alarms above
    each threshold."""
    blocks = len(score) // refractory
    highest = score[: blocks * refractory].reshape(blocks, refractory).max(axis=1)
    return np.sort(highest)[::-1]


class AudibleSources:
    """The recording that is audible at each chunk of a stream without triggers, and the length of each."""

    def __init__(self, quiet: StreamOfSound, window: int):
        self.window, self.hours = window, quiet.hours
        self.firsts = np.array([piece.first for piece in quiet.pieces])
        lengths = np.diff(np.append(self.firsts, len(quiet.log_mel)))
        units = (
            [piece.source for piece in quiet.pieces],
            [piece.group for piece in quiet.pieces],
            [f"{piece.group} {piece.recording}" for piece in quiet.pieces],
        )
        self.groups = len(set(units[1]))
        # Of the sources, groups and recordings: the number of each piece's unit, and the share of
        # the stream of each unit.
        self.levels = []
        for of_pieces in units:
            names, numbers = np.unique(of_pieces, return_inverse=True)
            if len(names) >= FEWEST:
                self.levels.append((numbers, np.bincount(numbers, lengths) / lengths.sum()))

    def rate(self, score: np.ndarray, threshold: float) -> Rate:
        """The rate of false alarms of a smoothed score [chunks] at this threshold."""
        count = len(alarms(score, threshold))
        highest = peaks(score)
        if count < ALARMS_RESAMPLED < len(highest):
            threshold = min(threshold, float(highest[ALARMS_RESAMPLED - 1]))
        return Rate(count, self.hours, self.overdispersion(alarms(score, threshold)))

    def overdispersion(self, found: list[int]) -> float:
        """The variance of the number of alarms at these chunks, divided by its chance variance: at least 1.

        Resampling recordings has the variance sum of (alarms - rate * hours)^2 over the recordings,
        and chance the variance `count`. The largest over sources, groups and recordings.
        """
        worst = 1.0
        if not found:
            return worst
        middles = np.array(found) * FRAMES_PER_CHUNK + self.window // 2
        pieces = np.maximum(np.searchsorted(self.firsts, middles, "right") - 1, 0)
        for of_piece, share in self.levels:
            of_each = np.bincount(of_piece[pieces], minlength=len(share))
            variance = np.square(of_each - len(found) * share).sum() * len(share) / (len(share) - 1)
            worst = max(worst, float(variance) / len(found))
        return worst


def scores_of_events(
    score: np.ndarray, events: list[Event], name: str, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """(highest score of each event of `name` [events], first and end chunk of each [events, 2]).

    Row n of `score` belongs to the window that ends at frame 3 n + window.
    """
    spans = [
        (
            max(0, (event.first - window) // FRAMES_PER_CHUNK + 1),
            (event.end - window) // FRAMES_PER_CHUNK + 1 + GRACE_CHUNKS,
        )
        for event in events
        if event.trigger == name
    ]
    best = [score[a:b].max() if b > a and a < len(score) else 0.0 for a, b in spans]
    return np.array(best), np.array(spans).reshape(-1, 2)


def lowest_threshold(score: np.ndarray, sources: AudibleSources, asked: float) -> float:
    """The lowest threshold at which the upper bound of false alarms per hour is at most `asked`.

    Where these hours are too few to show that, they contain no information on rarer moments, which
    are extrapolated: the logits of the loudest moments have an exponential tail (Pickands, Annals
    of Statistics 3, 1975), so each factor e of the rate corresponds to their mean distance from the
    lowest of them.
    """
    highest = peaks(score)
    if len(highest) < ALARMS_RESAMPLED:
        return 0.5
    loudest = highest[:ALARMS_RESAMPLED]
    dispersion = sources.overdispersion(alarms(score, float(loudest[-1])))

    def bound(count: int) -> float:
        return Rate(count, sources.hours, dispersion).upper

    allowed = 0
    while allowed + 1 < len(highest) and bound(allowed + 1) <= asked:
        allowed += 1
    least = float(highest[allowed]) + 1e-4
    if bound(0) > asked > 0:
        clipped = np.clip(loudest, 1e-6, 1 - 1e-6)
        logits = np.log(clipped) - np.log1p(-clipped)
        beyond = logits[0] + (logits - logits[-1]).mean() * np.log(bound(0) / asked)
        least = float(1 / (1 + np.exp(-beyond)))
    return float(np.clip(least, LOWEST, HIGHEST))


def choose(classifier, quiet: StreamOfSound, spoken: StreamOfSound, asked: float) -> dict:
    """For each trigger of model.json: operating threshold, smoothing and refractory period.

    `quiet` is a stream without triggers, `spoken` one with them. The smoothing is the one with the
    best recall at its lowest_threshold; the threshold is then raised as long as it costs less than
    one point of recall, to leave a margin for other hours.
    """
    without_triggers = classifier.over(quiet.log_mel)
    with_triggers = classifier.over(spoken.log_mel)
    sources = AudibleSources(quiet, classifier.window)
    chosen = {}
    for name in classifier.spec["trigger_classes"]:
        column = classifier.classes.index(name)
        best = None
        for chunks in SMOOTHINGS:
            least = lowest_threshold(smoothed(without_triggers[:, column], chunks), sources, asked)
            found, _ = scores_of_events(
                smoothed(with_triggers[:, column], chunks), spoken.events, name, classifier.window
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


@dataclass(frozen=True)
class Detections:
    """How one trigger was detected on streams, with the classifier's own threshold.

    false_alarms: on the stream without triggers, which has sound of so many `groups`;
    scenes_with_alarms: the numbers of its scenes with one. heard: 1 for each trigger said that was
    detected; by_group: the recall of each person; own: that of the owner's own recordings.
    latency_ms: the median from the start of the word to the detection. false_reject_rate_at: "0.5"
    and "1.0" false alarms per hour, with the thresholds that give these rates there.
    """

    false_alarms: Rate
    groups: int = 0
    scenes_with_alarms: list[int] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    by_group: dict[str, float] = field(default_factory=dict)
    own: float | None = None
    latency_ms: float | None = None
    false_reject_rate_at: dict[str, float] = field(default_factory=dict)

    @property
    def recall(self) -> float | None:
        return sum(self.heard) / len(self.heard) if self.heard else None


def measure(
    classifier, held: Mapping[str, StreamOfSound], triggers: Mapping[str, Mapping]
) -> dict[str, Detections]:
    """The detections of each trigger on the streams `held`: "quiet" without triggers, "spoken" and
    perhaps "own" with them; `triggers` as in model.json."""
    quiet, spoken = held["quiet"], held["spoken"]
    probabilities = {name: classifier.over(stream.log_mel) for name, stream in held.items()}
    sources = AudibleSources(quiet, classifier.window)
    measured = {}
    for name, trigger in triggers.items():
        column, threshold = classifier.classes.index(name), trigger["threshold"]
        score = {
            stream: smoothed(p[:, column], trigger["smoothing_chunks"])
            for stream, p in probabilities.items()
        }
        events = [event for event in spoken.events if event.trigger == name]
        best, spans = scores_of_events(score["spoken"], events, name, classifier.window)
        hit = best >= threshold
        delays = []
        for event, (begin, end), detected in zip(events, spans, hit, strict=True):
            if detected:
                chunk = begin + np.argmax(score["spoken"][begin:end] >= threshold)
                frames = chunk * FRAMES_PER_CHUNK + classifier.window - event.first
                delays.append(frames * HOP / SAMPLE_RATE * 1000)
        highest = peaks(score["quiet"])
        rejected = {}
        for alarms_per_hour in (0.5, 1.0) if events else ():
            allowed = int(alarms_per_hour * quiet.hours)
            level = highest[allowed] if len(highest) > allowed else 0.0
            rejected[str(alarms_per_hour)] = float((best <= level).mean())
        own = np.zeros(0)
        if "own" in held:
            own, _ = scores_of_events(score["own"], held["own"].events, name, classifier.window)
        groups = np.array([event.group for event in events], dtype=str)
        measured[name] = Detections(
            false_alarms=sources.rate(score["quiet"], threshold),
            groups=sources.groups,
            scenes_with_alarms=sorted(
                # An alarm belongs to the scene in which its window ends.
                {
                    (chunk * FRAMES_PER_CHUNK + classifier.window - 1) // SCENE_FRAMES
                    for chunk in alarms(score["quiet"], threshold)
                }
            ),
            heard=hit.astype(int).tolist(),
            by_group={str(one): float(hit[groups == one].mean()) for one in np.unique(groups)},
            own=float((own >= threshold).mean()) if len(own) else None,
            latency_ms=float(np.median(delays)) if delays else None,
            false_reject_rate_at=rejected,
        )
    return measured
