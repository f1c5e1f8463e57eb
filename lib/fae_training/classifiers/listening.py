"""Runs a classifier on a recording as on a stream: probabilities at every chunk, as text and as a plot."""

import time
from dataclasses import dataclass

import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers.features import CHUNK_SAMPLES, log_mel
from fae_training.classifiers.runtime import Classifier, Stream, Trigger

CHUNK_SECONDS = CHUNK_SAMPLES / SAMPLE_RATE
# Probabilities from 0 to 1.
SHADES = " ▁▂▃▄▅▆▇█"


@dataclass
class Heard:
    """probabilities [chunks, classes] at `times` [chunks], the end of each window in seconds;
    `events` are the detections.

    An event is (seconds, class, probability). milliseconds_a_chunk is the median.
    difference_to_batch is the largest difference from the probabilities of the whole recording
    computed at once.
    """

    times: np.ndarray
    probabilities: np.ndarray
    events: list[tuple[float, str, float]]
    milliseconds_a_chunk: float
    difference_to_batch: float


def listen(classifier: Classifier, samples: np.ndarray) -> Heard:
    """Push `samples` through a Stream chunk by chunk; samples after the last whole chunk are ignored."""
    stream = Stream(classifier)
    triggers = {name: Trigger(spec) for name, spec in classifier.spec["triggers"].items()}
    times, rows, events, costs = [], [], [], []
    for number in range(len(samples) // CHUNK_SAMPLES):
        chunk = samples[number * CHUNK_SAMPLES : (number + 1) * CHUNK_SAMPLES]
        began = time.perf_counter()
        probabilities = stream.push(chunk)
        costs.append(time.perf_counter() - began)
        if probabilities is None:
            continue
        now = (number + 1) * CHUNK_SECONDS
        times.append(now)
        rows.append(probabilities)
        for name, trigger in triggers.items():
            probability = float(probabilities[classifier.classes.index(name)])
            if trigger.push(probability):
                events.append((round(now, 3), name, round(probability, 4)))
    streamed = np.array(rows, dtype=np.float32).reshape(-1, len(classifier.classes))
    whole = classifier.over(log_mel(samples))[: len(streamed)]
    difference = float(np.abs(streamed[: len(whole)] - whole).max()) if len(whole) else 0.0
    return Heard(np.array(times), streamed, events, float(np.median(costs) * 1000), difference)


def segments(
    stream: Heard, classes: list[str], shortest: float = 0.3
) -> list[tuple[float, float, str]]:
    """(from, to, class) in seconds: runs of the most likely class, without those shorter than `shortest`."""
    if not len(stream.times):
        return []
    best = stream.probabilities.argmax(axis=1)
    edges = np.flatnonzero(np.diff(best)) + 1
    starts, ends = np.r_[0, edges], np.r_[edges, len(best)]
    found: list[tuple[float, float, str]] = []
    for start, end in zip(starts, ends, strict=True):
        name, begin, until = classes[best[start]], stream.times[start], stream.times[end - 1]
        if until - begin + CHUNK_SECONDS < shortest:
            continue
        if found and found[-1][2] == name:
            begin = found.pop()[0]
        found.append((round(float(begin), 2), round(float(until), 2), name))
    return found


def drawing(stream: Heard, classes: list[str], width: int = 72) -> str:
    """A row of bars for each class with its highest probability in each stretch of time, and the
    detections below them."""
    if not len(stream.times):
        return ""
    columns = min(width, len(stream.times))
    stretches = np.array_split(np.arange(len(stream.times)), columns)
    label = max(map(len, classes)) + 1
    lines = []
    for number, name in enumerate(classes):
        highest = [stream.probabilities[s, number].max() for s in stretches]
        lines.append(name.ljust(label) + "".join(SHADES[round(float(m) * 8)] for m in highest))
    ends = [stream.times[s[-1]] for s in stretches]
    marks = [" "] * columns
    for at, name, _ in stream.events:
        marks[min(int(np.searchsorted(ends, at)), columns - 1)] = name[0].upper()
    lines.append("heard".ljust(label) + "".join(marks))
    first, last = f"{stream.times[0]:.1f} s", f"{stream.times[-1]:.1f} s"
    lines.append(" " * label + first + last.rjust(max(1, columns - len(first))))
    return "\n".join(lines)
