"""The trigger part of a classifier's benchmark: recall, false alarms, and whether the promised rate
is shown."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from fae_training.calls.counting import counted
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.streams import FEWEST, SCENE_FRAMES, SCENE_SECONDS, StreamOfSound
from fae_training.classifiers.thresholds import Detections, Rate, measure
from fae_training.judgement.benchmark import GUARD, MODELS, PASSED, REPORT, Figure, Measure, of_each

PEOPLE_SHOWN = 6


def no_recordings(name: str, title: str) -> Measure:
    """A guard without any item, which no candidate passes: no person is among the judged recordings."""
    return _guard(f"{name}_by_people", title, "speakers", 0.0, (), lambda who: ())


def _guard(name, title: str, unit: str, margin: float, items, values, role=GUARD) -> Measure:
    """A measure of items that pass or do not; values(model) are 0 or 1 for each."""
    return Measure(
        name,
        title,
        unit,
        "share",
        "higher",
        role,
        PASSED,
        margin,
        0.0,
        tuple(items),
        **of_each(values),
    )


def on_streams(
    models: Mapping, held: Mapping[str, StreamOfSound], kind: ClassifierKind
) -> dict[str, dict[str, Detections]]:
    """thresholds.measure of each model; without a classifier nothing is ever detected."""
    found = {who: measure(model, held, model.spec["triggers"]) for who, model in models.items()}
    found["base"] = {}
    for name in kind.triggers:
        spoken = sum(event.trigger == name for event in held["spoken"].events)
        nothing = Rate(0, held["quiet"].hours, 1.0)
        found["base"][name] = Detections(
            nothing, heard=[0] * spoken, false_reject_rate_at={"0.5": 1.0, "1.0": 1.0}
        )
    return {"current": found["base"]} | found


def measures_of(
    name: str,
    by: Mapping[str, Detections],
    held: Mapping[str, StreamOfSound],
    asked: float,
    people: bool,
) -> list[Measure]:
    """Whether each spoken trigger is detected, and whether each scene without one stays without an alarm.

    Detections are a guard and not a goal: the same few recordings are spoken again and again in
    other scenes, so they are not independent enough to prove a gain. False alarms are only
    reported, unless there are more than requested and chance does not explain it: then they are a
    guard with no margin, which a classifier with a false alarm does not pass.
    """
    if not people:
        return [no_recordings(name, f"{name} said by people")]
    events = enumerate(held["spoken"].events)
    detected = _guard(
        f"{name}_detected",
        f"{name} detected at its operating threshold",
        "spoken words",
        0.05,
        [f"{name} {n} by {event.group}" for n, event in events if event.trigger == name],
        lambda who: by[who].heard,
    )
    scenes = range(len(held["quiet"].log_mel) // SCENE_FRAMES)
    no_alarms = _guard(
        f"{name}_no_false_alarm",
        f"{name}: {SCENE_SECONDS} seconds without a false alarm",
        "scenes",
        0.0,
        [f"scene {number}" for number in scenes],
        lambda who: [number not in by[who].scenes_with_alarms for number in scenes],
        role=GUARD if by["candidate"].false_alarms.lower > asked else REPORT,
    )
    return [detected, no_alarms]


def figures_of(name: str, by: Mapping[str, Detections]) -> list[Figure]:
    """False alarms and recall of each model; no recall where nobody said the trigger."""

    def figure(what: str, title: str, unit: str, value: Callable[[Detections], float]) -> Figure:
        values = {who: value(by[who]) for who in MODELS}
        return Figure.of(f"{name}_{what}", f"{name}: {title}", unit, values)

    at_its_threshold = "at its operating threshold"
    false_alarms = f"false alarms per hour {at_its_threshold}"
    found = [figure("false_alarms", false_alarms, "per hour", lambda d: d.false_alarms.per_hour)]
    if by["candidate"].heard:
        missed = "false reject rate at one false alarm per hour"
        found += [
            figure("missed", missed, "share", lambda d: d.false_reject_rate_at["1.0"]),
            figure("recall", f"recall {at_its_threshold}", "share", lambda d: d.recall or 0.0),
        ]
    return found


def notes_of(name: str, found: Detections) -> list[str]:
    """How often a trigger is detected when people like the held-out ones say it, and when its owner does."""
    if found.recall is None:
        return []
    delay = "" if found.latency_ms is None else f", {found.latency_ms:.0f} ms after its start"
    each = sorted(
        ((recall, group.removeprefix("speaker ")) for group, recall in found.by_group.items()),
        reverse=True,
    )
    shown = ", ".join(f"{who} {recall:.0%}" for recall, who in each[:PEOPLE_SHOWN])
    more = f" and {len(each) - PEOPLE_SHOWN} more" if len(each) > PEOPLE_SHOWN else ""
    notes = [
        f"{name}, said by people like the held-out ones: {found.recall:.0%} of {len(found.heard)} detected{delay} ({shown}{more})."
    ]
    if found.own is not None:
        notes.append(
            f"{name}, said by you: {found.own:.0%} detected, in recordings of yours that were not trained on."
        )
    return notes


class Promise(NamedTuple):
    """Whether the requested rate of false alarms is shown, and a sentence about it."""

    shown: bool
    text: str


def promise(name: str, found: Detections, asked: float) -> Promise:
    rate, groups = found.false_alarms, found.groups
    counts = f"{name}: {counted(rate.count, 'false alarm')} in {rate.hours:.2f} hours of sound without triggers, "
    if rate.lower > asked:
        return Promise(
            False,
            f"{counts}at least {rate.lower:.2g} an hour with 95% confidence, more than the requested {asked:g}.",
        )
    if groups < FEWEST:
        return Promise(
            False,
            f"{counts}of {counted(groups, 'speaker or recording', 'speakers and recordings')}; at least {FEWEST} are needed to show a rate.",
        )
    if rate.upper <= asked:
        return Promise(
            True,
            f"{counts}at most {rate.upper:.2g} an hour with 95% confidence, as requested ({asked:g}).",
        )
    counts += f"so at most {rate.upper:.2g} an hour with 95% confidence; the requested {asked:g} is not shown"
    if asked:
        counts += f" (held-out recordings for {rate.hours_needed(asked):.1f} hours without one would show it)"
    return Promise(False, counts + ".")


def advice_on_rates(rates: Sequence[Rate], asked: float) -> str:
    """How a person can have the rate shown: count on more hours, or ask for a rate that these hours can show.

    `rates` of all triggers. More hours do not help where there are more alarms than requested.
    """
    more = ""
    if asked and all(rate.lower <= asked for rate in rates):
        hours = math.ceil(max(rate.hours_needed(asked) for rate in rates))
        more = (
            f"record about {hours} hours of ordinary sound in which nobody says these words, in at least {FEWEST} recordings, "
            "then: uv run scripts/add_samples.py --class noise --to-judge --files RECORDINGS, and then: uv run "
            "scripts/train_keyword.py. Or "
        )
    possible = math.ceil(10 * max(rate.upper for rate in rates)) / 10
    return (
        f"To show a rate, {more}ask for one that these hours can show: uv run scripts/train_keyword.py "
        f"--false-alarms-per-hour {possible:g}"
    )
