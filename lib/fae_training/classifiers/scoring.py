"""The benchmark of a classifier: the candidate and the current one on the same judged windows and streams.

The goal's units are speakers, and recordings without one: windows of one person are similar, so a
hundred of them are not a hundred pieces of evidence. Only recordings of people count; generated
sounds are used in the figures of classes without recordings.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np

from fae_training.classifiers import (
    fae_network,
    measures,
    model_files,
    parts_of_sounds,
    runtime,
    triggers,
    validation,
)
from fae_training.classifiers.classes import (
    CLASSIFIERS,
    FAE_FORM,
    ONE_SECOND,
    ONE_WORD,
    TWO_SECONDS,
    ClassifierKind,
)
from fae_training.classifiers.features import CHUNK_SAMPLES
from fae_training.classifiers.parts_of_sounds import mark
from fae_training.classifiers.validation import AnyWindows, Judged, Windows
from fae_training.judgement.benchmark import (
    DIFFERENCE,
    GOAL,
    GUARD,
    MODELS,
    Benchmark,
    Example,
    Figure,
    Measure,
    of_each,
)
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.results import Verification
from fae_training.lifecycle.runs import Run
from fae_training.release.deployment import current_run

CHUNKS_TIMED = 300
EXAMPLES_SHOWN = 5
# The largest difference between a loaded classifier's probabilities and its stored ones, and the
# smallest difference between the probabilities of different sounds.
SELF_TEST_TOLERANCE, LEAST_DISTINCT = 1e-4, 0.01


def score(run: Run, session) -> Benchmark:
    """The benchmark of a run. The base is no classifier: it gives the class shares and detects no trigger.

    Raises Missing for a run of an earlier version, which reserved nothing for judging.
    """
    kind = CLASSIFIERS[run.kind]
    # Windows are as long as in the run's training, which another version of this code may have changed.
    judged = validation.load(run)
    notes = list((run.result() or {}).get("notes", []))
    models = {"candidate": runtime.load(run.file("adapters"))}
    if deployed := current_run(run.home, KINDS[run.kind].slot):
        models["current"] = runtime.load(deployed.file("adapters"))
        judged, left_out = _unknown_to(deployed, judged)
        notes += left_out
    frames = max(judged.windows)
    held = judged.windows[frames]
    session.log(f"{len(held.labels)} judged windows")
    session.check()
    seen = {
        who: {n: model.probabilities(w.log_mel) for n, w in judged.windows.items()}
        for who, model in models.items()
    }
    seen["base"] = {n: _class_shares(w.labels, kind) for n, w in judged.windows.items()}
    seen.setdefault("current", seen["base"])
    classes = {who: {n: p.argmax(axis=1) for n, p in by.items()} for who, by in seen.items()}
    table = measures.confusion(held.labels, classes["candidate"][frames], len(kind.classes))
    found = [
        _right(n, w, {who: classes[who][n] for who in MODELS}, GOAL if n == frames else GUARD)
        for n, w in sorted(judged.windows.items(), reverse=True)
    ]
    figures = _figures(judged, kind, seen, classes, frames)
    if judged.segments:
        forms = {"candidate": run, "current": deployed} if deployed else {"candidate": run}
        places = {who: one.file("adapters", FAE_FORM) for who, one in forms.items()}
        networks = {who: fae_network.load(at, kind) for who, at in places.items() if at.is_dir()}
        figures += fae_network.figures(judged.segments, networks, models, kind)
    people = {kind.classes[n] for n in held.labels[held.recorded]}
    if "speech" not in people:
        found.append(triggers.no_recordings("speech", "Speech by people"))
    detections, not_shown = {}, []
    asked = run.settings.get("false_alarms_per_hour", 0.0)
    if kind.triggers:
        session.log("listening to streams")
        session.check()
        on_streams = triggers.on_streams(models, judged.streams, kind)
        detections = on_streams["candidate"]
        for name in kind.triggers:
            by = {who: on_streams[who][name] for who in MODELS}
            found += triggers.measures_of(name, by, judged.streams, asked, name in people)
            figures += triggers.figures_of(name, by)
            notes += triggers.notes_of(name, detections[name])
            promise = triggers.promise(name, detections[name], asked)
            (notes if promise.shown else not_shown).append(promise.text)
    rates = [one.false_alarms for one in detections.values()]
    cost = cost_of_a_chunk(models["candidate"])
    outputs = _outputs(held, classes["current"][frames], classes["candidate"][frames])
    return Benchmark(
        measures=tuple(found),
        judged_apart=judged.apart,
        outputs=len(outputs),
        outputs_changed=sum(outputs.values()),
        current_run=deployed.id if deployed else None,
        figures=tuple(figures),
        examples=_examples(kind, held, classes["current"][frames], classes["candidate"][frames]),
        notes=(
            *notes,
            *_most_frequent_error(kind, table),
            f"One chunk of 36 ms takes {cost:.2f} ms.",
        ),
        not_shown=tuple(not_shown),
        remedy=triggers.advice_on_rates(rates, asked) if not_shown else "",
        details={
            "classes": list(kind.classes),
            "confusion": table.tolist(),
            "roc_area": {
                name: measures.area_under_roc(held.labels == n, seen["candidate"][frames][:, n])
                for n, name in enumerate(kind.classes)
            },
            "streams": {name: asdict(one) for name, one in detections.items()},
            "milliseconds_a_chunk": cost,
            "parameters": int(models["candidate"].parameters),
        },
    )


def _unknown_to(deployed: Run, judged: Judged) -> tuple[Judged, list[str]]:
    """The judged sounds without those that the deployed run was trained on, and a note about them."""
    trained_on = parts_of_sounds.trained_on(deployed)
    if trained_on is None:
        return judged, [
            f"{deployed.id} does not record what it was trained on; it may know some of the judged recordings"
        ]

    def known(group: str) -> bool:
        return mark(group) in trained_on

    def unknown(held: AnyWindows) -> AnyWindows:
        return held.where(~np.array([known(g) for g in held.groups], dtype=bool) | ~held.recorded)

    windows = {n: unknown(held) for n, held in judged.windows.items()}
    segments = unknown(judged.segments) if judged.segments else None
    streams = dict(judged.streams)
    if streams:
        fewer = streams["quiet"].without(known)
        if len(fewer.log_mel):  # where nothing is left, the deployed classifier has the advantage
            streams["quiet"] = fewer
        events = [event for event in streams["spoken"].events if not known(event.group)]
        streams["spoken"] = replace(streams["spoken"], events=events)
    frames = max(windows)
    left_out = len(set(judged.windows[frames].names) - set(windows[frames].names))
    notes = [
        f"{left_out} held-out recordings were not used for judging: {deployed.id} was trained on the same people or places"
    ]
    return Judged(windows, streams, judged.apart, segments), notes if left_out else []


def _class_shares(labels: np.ndarray, kind: ClassifierKind) -> np.ndarray:
    share = np.bincount(labels, minlength=len(kind.classes)) / max(len(labels), 1)
    return np.tile(share.astype(np.float32), (len(labels), 1))


def _seconds(frames: int) -> str:
    return {ONE_WORD: "1.2 seconds", ONE_SECOND: "one second", TWO_SECONDS: "two seconds"}[frames]


def _right(frames: int, held: Windows, classes: Mapping[str, np.ndarray], role: str) -> Measure:
    """For each speaker, or recording without one, the share of windows that are classified correctly."""
    units = np.unique(held.groups[held.recorded]).tolist()
    of_unit = [held.recorded & (held.groups == unit) for unit in units]
    return Measure(
        name=f"right_class_{frames}_frames",
        title=f"Sounds of {_seconds(frames)} classified correctly",
        unit="speakers and recordings",
        value_unit="share of windows",
        better="higher",
        role=role,
        compare=DIFFERENCE,
        margin=0.02,
        least=0.01,
        items=tuple(units),
        **of_each(lambda who: [(classes[who] == held.labels)[one].mean() for one in of_unit]),
    )


def _figures(
    judged: Judged, kind: ClassifierKind, seen: Mapping, classes: Mapping, frames: int
) -> list[Figure]:
    made = []
    for n, held in judged.windows.items():
        f1 = {
            who: measures.macro_f1(held.labels, classes[who][n], len(kind.classes))
            for who in MODELS
        }
        title = f"macro-F1 on {_seconds(n)}: every class counts equally"
        made.append(Figure.of(f"macro_f1_{n}_frames", title, "F1", f1))
    labels = judged.windows[frames].labels
    sure = {who: measures.calibration_error(seen[who][frames], labels) for who in MODELS}
    title = "expected calibration error: the gap between its confidence and its accuracy"
    return [*made, Figure.of("calibration_error", title, "share", sure)]


def cost_of_a_chunk(model) -> float:
    """Median milliseconds that one 36 ms chunk takes on this machine, features included."""
    stream = runtime.Stream(model)
    chunks = np.random.default_rng(0).standard_normal((CHUNKS_TIMED, CHUNK_SAMPLES)) * 0.1
    times = []
    for chunk in chunks.astype(np.float32):
        began = time.perf_counter()
        stream.push(chunk)
        times.append(time.perf_counter() - began)
    return float(np.median(times[CHUNKS_TIMED // 3 :]) * 1000)


def _outputs(held: Windows, old: np.ndarray, new: np.ndarray) -> dict[tuple, bool]:
    """For each judged recording, by its name and class, whether one of its windows gets another class."""
    changed: dict[tuple, bool] = {}
    for n in np.flatnonzero(held.recorded):
        which = str(held.names[n]), int(held.labels[n])
        changed[which] = changed.get(which, False) or bool(old[n] != new[n])
    return changed


def _examples(
    kind: ClassifierKind, held: Windows, old: np.ndarray, new: np.ndarray
) -> tuple[Example, ...]:
    """Recordings on which candidate and current disagree, those that only the candidate gets right first."""
    order = sorted(np.flatnonzero(new != old), key=lambda n: new[n] != held.labels[n])
    return tuple(
        Example(
            f"recording {held.names[n]}",
            kind.classes[old[n]],
            kind.classes[new[n]],
            kind.classes[held.labels[n]],
        )
        for n in order[:EXAMPLES_SHOWN]
    )


def _most_frequent_error(kind: ClassifierKind, table: np.ndarray) -> list[str]:
    off = table.astype(float)
    np.fill_diagonal(off, 0)
    if not off.max() > 0:
        return []
    true, taken = np.unravel_index(off.argmax(), off.shape)
    return [
        f"The most frequent error: {kind.classes[true]} mistaken for {kind.classes[taken]}, {int(off[true, taken])} of {int(table[true].sum())} times."
    ]


def verify(run: Run, session) -> Verification:
    """Whether the saved classifier passes its self-test in this fresh process and distinguishes
    different sounds."""
    found = model_files.self_test(run.file("adapters"))
    off, distinct = found["largest_difference"], found["distinct"]
    loads = off < SELF_TEST_TOLERANCE
    why = (
        ""
        if loads
        else f"its probabilities differ by {off:.2g} from those stored when it was saved"
    )
    return Verification(loads, distinct > LEAST_DISTINCT, distinct, why)
