"""The benchmark of a classifier: the candidate and the current one on the same judged windows and streams.

The goal's units are speakers, and recordings without one: windows of one person are alike, so a hundred of them are not a
hundred pieces of evidence. Only what people recorded counts; sounds that were made fill the figures where a class has no
recording.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fae_training.benchmark import (
    DIFFERENCE,
    GOAL,
    GUARD,
    PASSED,
    REPORT,
    Benchmark,
    Example,
    Figure,
    Measure,
)
from fae_training.classifiers import measures, model_files, parts_of_sounds, runtime, validation
from fae_training.classifiers.classes import (
    CLASSIFIERS,
    ONE_SECOND,
    ONE_WORD,
    TWO_SECONDS,
    ClassifierKind,
)
from fae_training.classifiers.features import CHUNK_SAMPLES
from fae_training.classifiers.parts_of_sounds import mark
from fae_training.classifiers.streams import SCENE_FRAMES, SCENE_SECONDS, StreamOfSound
from fae_training.classifiers.thresholds import FEWEST, Rate, measure
from fae_training.classifiers.validation import Judged, Windows
from fae_training.deployment import current_run
from fae_training.kinds import KINDS
from fae_training.results import Verification
from fae_training.runs import Run

CHUNKS_TIMED = 300
PEOPLE_SHOWN = 6
EXAMPLES_SHOWN = 5
WHO = ("candidate", "current", "base")
# The largest difference to its own kept probabilities that a loaded classifier may have, and the smallest difference
# between the probabilities of different sounds.
SELF_TEST_TOLERANCE, LEAST_DISTINCT = 1e-4, 0.01


def score(run: Run, session) -> Benchmark:
    """The benchmark of a run. The base is no classifier: it gives the class shares and hears no trigger.

    Raises Missing for a run of an earlier version, which kept nothing apart for judging.
    """
    kind = CLASSIFIERS[run.kind]
    # Windows are as long as those that the run was trained on, which another version of this code may have changed.
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
        _right(n, w, {who: classes[who][n] for who in WHO}, GOAL if n == frames else GUARD)
        for n, w in sorted(judged.windows.items(), reverse=True)
    ]
    figures = _figures(judged, kind, seen, classes, frames)
    people = {kind.classes[n] for n in held.labels[held.recorded]}
    if "speech" not in people:
        found.append(_nobody("speech", "Speech by people"))
    heard, not_shown = {}, []
    if kind.triggers:
        session.log("listening to streams")
        session.check()
        heard = _on_streams(models, judged.streams, kind)
        asked = run.settings["false_alarms_per_hour"]
        for name in kind.triggers:
            by = {who: heard[who][name] for who in WHO}
            found += _trigger_measures(name, by, judged.streams, asked, name in people)
            figures += _trigger_figures(name, by)
            notes += _trigger_notes(name, by["candidate"])
            rate = _rate_of(by["candidate"], judged.streams["quiet"].hours)
            told = _promise(name, rate, asked, by["candidate"]["groups_without_triggers"])
            (notes if told.shown else not_shown).append(told.text)
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
        details={
            "classes": list(kind.classes),
            "confusion": table.tolist(),
            "roc_area": {
                name: measures.area_under_roc(
                    (held.labels == n).astype(int), seen["candidate"][frames][:, n]
                )
                for n, name in enumerate(kind.classes)
            },
            "streams": heard.get("candidate", {}),
            "milliseconds_a_chunk": cost,
            "parameters": int(models["candidate"].parameters),
        },
    )


def _unknown_to(deployed: Run, judged: Judged) -> tuple[Judged, list[str]]:
    """What is judged on without what the deployed run was trained on, and what to say about it."""
    trained_on = parts_of_sounds.trained_on(deployed)
    if trained_on is None:
        return judged, [
            f"{deployed.id} does not say what it was trained on; it may know some of the recordings that were judged"
        ]

    def unknown(groups: Sequence[str], known: Collection[str] = trained_on) -> np.ndarray:
        return np.array([mark(group) not in known for group in groups], dtype=bool)

    windows = {n: w.where(unknown(w.groups) | ~w.recorded) for n, w in judged.windows.items()}
    streams = dict(judged.streams)
    if quiet := streams.get("quiet"):
        fewer = quiet.without(lambda group: mark(group) in trained_on)
        # Where nothing is left, the deployed classifier has the advantage.
        streams["quiet"] = fewer if len(fewer.log_mel) else quiet
    if spoken := streams.get("spoken"):
        kept = np.flatnonzero(unknown(spoken.groups))
        streams["spoken"] = replace(
            spoken,
            events=[spoken.events[n] for n in kept],
            groups=[spoken.groups[n] for n in kept],
        )
    frames = max(windows)
    names = [set(w[frames].names) for w in (judged.windows, windows)]
    if left_out := len(names[0] - names[1]):
        return replace(judged, windows=windows, streams=streams), [
            f"{left_out} held-out recordings were not judged on: {deployed.id} was trained on the same people or places"
        ]
    return judged, []


def _class_shares(labels: np.ndarray, kind: ClassifierKind) -> np.ndarray:
    share = np.bincount(labels, minlength=len(kind.classes)) / max(len(labels), 1)
    return np.tile(share.astype(np.float32), (len(labels), 1))


def _seconds(frames: int) -> str:
    return {ONE_WORD: "1.2 seconds", ONE_SECOND: "one second", TWO_SECONDS: "two seconds"}[frames]


def _right(frames: int, held: Windows, classes: Mapping[str, np.ndarray], role: str) -> Measure:
    """For each speaker, or recording without one, the share of windows that are put in the right class."""
    groups = np.array(held.groups, dtype=object)
    units = sorted(set(groups[held.recorded]))
    mine = {unit: held.recorded & (groups == unit) for unit in units}
    values = {
        who: tuple(float((found == held.labels)[mine[unit]].mean()) for unit in units)
        for who, found in classes.items()
    }
    return Measure(
        name=f"right_class_{frames}_frames",
        title=f"Sounds of {_seconds(frames)} put in the right class",
        unit="speakers and recordings",
        value_unit="share of windows",
        better="higher",
        role=role,
        compare=DIFFERENCE,
        margin=0.02,
        least=0.01,
        items=tuple(units),
        **values,
    )


def _nobody(name: str, title: str) -> Measure:
    """A guard without an item, which no candidate passes: no person is among what is judged on."""
    return Measure(
        f"{name}_by_people", title, "speakers", "share", "higher", GUARD, PASSED,
        0.0, 0.0, (), (), (), (),
    )  # fmt: skip


def _on_streams(
    models: Mapping, held: Mapping[str, StreamOfSound], kind: ClassifierKind
) -> dict[str, dict]:
    """thresholds.measure of each model; without a classifier nothing is ever detected."""
    found = {who: measure(model, held, model.spec["triggers"]) for who, model in models.items()}
    found["base"] = {
        name: {
            "heard": [0] * found["candidate"][name]["spoken"],
            "scenes_with_alarms": [],
            "false_alarms_per_hour": 0.0,
            "recall": 0.0,
            "false_reject_rate_at": {"1.0": 1.0},
        }
        for name in kind.triggers
    }
    found.setdefault("current", found["base"])
    return found


def _trigger_measures(
    name: str, by: Mapping[str, dict], held: Mapping[str, StreamOfSound], asked: float, people: bool
) -> list[Measure]:
    """Whether each spoken trigger is detected, and whether each scene without one stays without an alarm.

    Detections guard and are no goal: the same few recordings are spoken again and again in other scenes, so they
    are not independent enough to prove a gain. False alarms are only told, unless there are more than was asked for and
    chance does not explain it: then they are a guard with no margin, which a classifier with a false alarm does not pass.
    """
    if not people:
        return [_nobody(name, f"{name} said by people")]
    events = [
        f"{name} {number} by {group}"
        for number, ((said, *_), group) in enumerate(
            zip(held["spoken"].events, held["spoken"].groups, strict=True)
        )
        if said == name
    ]
    detected = Measure(
        name=f"{name}_detected",
        title=f"{name} detected at its operating threshold",
        unit="spoken words",
        value_unit="share",
        better="higher",
        role=GUARD,
        compare=PASSED,
        margin=0.05,
        least=0.0,
        items=tuple(events),
        **{who: tuple(map(float, by[who]["heard"])) for who in WHO},
    )
    scenes = len(held["quiet"].log_mel) // SCENE_FRAMES
    least = _rate_of(by["candidate"], held["quiet"].hours).lower
    silent = Measure(
        name=f"{name}_no_false_alarm",
        title=f"{name}: {SCENE_SECONDS} seconds without a false alarm",
        unit="scenes",
        value_unit="share",
        better="higher",
        role=GUARD if least > asked else REPORT,
        compare=PASSED,
        margin=0.0,
        least=0.0,
        items=tuple(f"scene {number}" for number in range(scenes)),
        **{
            who: tuple(float(n not in by[who]["scenes_with_alarms"]) for n in range(scenes))
            for who in WHO
        },
    )
    return [detected, silent]


def _trigger_figures(name: str, by: Mapping[str, dict]) -> list[Figure]:
    told = [
        (
            "false_alarms",
            "false alarms per hour at its operating threshold",
            "per hour",
            {who: by[who]["false_alarms_per_hour"] for who in WHO},
        )
    ]
    if by["candidate"]["recall"] is not None:
        told += [
            (
                "missed",
                "false reject rate at one false alarm per hour",
                "share",
                {who: by[who]["false_reject_rate_at"]["1.0"] for who in WHO},
            ),
            (
                "recall",
                "recall at its operating threshold",
                "share",
                {who: by[who]["recall"] for who in WHO},
            ),
        ]
    return [
        Figure(f"{name}_{what}", f"{name}: {title}", unit, **v) for what, title, unit, v in told
    ]


def _figures(
    judged: Judged, kind: ClassifierKind, seen: Mapping, classes: Mapping, frames: int
) -> list[Figure]:
    made = []
    for n, held in judged.windows.items():
        tables = {
            who: measures.confusion(held.labels, classes[who][n], len(kind.classes)) for who in WHO
        }
        made.append(
            Figure(
                f"macro_f1_{n}_frames",
                f"macro-F1 on {_seconds(n)}: every class counts the same",
                "F1",
                **{who: measures.macro_f1(table) for who, table in tables.items()},
            )
        )
    labels = judged.windows[frames].labels
    sure = {who: measures.calibration_error(seen[who][frames], labels) for who in WHO}
    title = "expected calibration error: how far its confidence is from its accuracy"
    return [*made, Figure("calibration_error", title, "share", **sure)]


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
    """For each recording that is judged on, by its name and class, whether one of its windows gets another class."""
    changed: dict[tuple, bool] = {}
    for name, label, recorded, differs in zip(
        held.names, held.labels, held.recorded, old != new, strict=True
    ):
        if recorded:
            changed[name, label] = changed.get((name, label), False) or bool(differs)
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
        f"The most frequent error: {kind.classes[true]} taken for {kind.classes[taken]}, {int(off[true, taken])} of {int(table[true].sum())} times."
    ]


def _trigger_notes(name: str, found: Mapping) -> list[str]:
    """How often a trigger is detected when people say it who are like those held out, and when its owner does."""
    if found["recall"] is None:
        return []
    delay = "" if found["latency_ms"] is None else f", {found['latency_ms']:.0f} ms after it began"
    each = sorted(
        ((recall, group.removeprefix("speaker ")) for group, recall in found["by_group"].items()),
        reverse=True,
    )
    shown = ", ".join(f"{who} {recall:.0%}" for recall, who in each[:PEOPLE_SHOWN])
    more = f" and {len(each) - PEOPLE_SHOWN} more" if len(each) > PEOPLE_SHOWN else ""
    notes = [
        f"{name}, people like those who were held out: {found['recall']:.0%} of {found['spoken']} detected{delay} ({shown}{more})."
    ]
    if found["own"] is not None:
        notes.append(
            f"{name}, you: {found['own']:.0%} detected, from recordings of yours that were not trained on."
        )
    return notes


def _rate_of(found: Mapping, hours: float) -> Rate:
    return Rate(found["false_alarms"], hours, found["unevenness"])


class Promise(NamedTuple):
    """Whether the rate of false alarms that was asked for is shown, and what to say about it."""

    shown: bool
    text: str


def _promise(name: str, rate: Rate, asked: float, groups: int) -> Promise:
    """`groups`: of how many speakers and recordings the stream was."""
    told = f"{name}: {rate.count} false alarm{'' if rate.count == 1 else 's'} in {rate.hours:.2f} hours of sound without triggers, "
    if rate.lower > asked:
        return Promise(
            False,
            f"{told}at least {rate.lower:.2g} an hour with 95% confidence, more than the {asked:g} that was asked for.",
        )
    if groups < FEWEST:
        return Promise(
            False,
            f"{told}of {groups} speakers and recordings; at least {FEWEST} are needed to show a rate.",
        )
    if rate.upper <= asked:
        return Promise(
            True,
            f"{told}at most {rate.upper:.2g} an hour with 95% confidence, as was asked for ({asked:g}).",
        )
    told += f"so at most {rate.upper:.2g} an hour with 95% confidence; the {asked:g} that was asked for is not shown"
    if asked:
        told += f" (held-out recordings for {rate.hours_needed(asked):.1f} hours without one would show it)"
    return Promise(False, told + ".")


def verify(run: Run, session) -> Verification:
    """Whether the saved classifier passes its self-test in this fresh process, and gives different sounds different classes."""
    found = model_files.self_test(run.file("adapters"))
    off, distinct = found["largest_difference"], found["distinct"]
    loads = off < SELF_TEST_TOLERANCE
    why = (
        "" if loads else f"its probabilities differ by {off:.2g} from those that it was saved with"
    )
    return Verification(loads, distinct > LEAST_DISTINCT, distinct, why)
