"""The trigger part of a classifier's benchmark: recall, false alarms, and whether the promised rate
is shown."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fae_training.benchmark import GUARD, MODELS, PASSED, REPORT, Figure, Measure, of_each
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.streams import FEWEST, SCENE_FRAMES, SCENE_SECONDS, StreamOfSound
from fae_training.classifiers.thresholds import Rate, measure
from fae_training.counting import counted

PEOPLE_SHOWN = 6


def no_recordings(name: str, title: str) -> Measure:
    """A guard without any item, which no candidate passes: no person is among the judged recordings."""
    return Measure(
        f"{name}_by_people", title, "speakers", "share", "higher", GUARD, PASSED,
        0.0, 0.0, (), (), (), (),
    )  # fmt: skip


def on_streams(
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


def measures_of(
    name: str, by: Mapping[str, dict], held: Mapping[str, StreamOfSound], asked: float, people: bool
) -> list[Measure]:
    """Whether each spoken trigger is detected, and whether each scene without one stays without an alarm.

    Detections are a guard and not a goal: the same few recordings are spoken again and again in
    other scenes, so they are not independent enough to prove a gain. False alarms are only
    reported, unless there are more than requested and chance does not explain it: then they are a
    guard with no margin, which a classifier with a false alarm does not pass.
    """
    if not people:
        return [no_recordings(name, f"{name} said by people")]
    events = [
        f"{name} {number} by {group}"
        for number, ((trigger, *_), group) in enumerate(
            zip(held["spoken"].events, held["spoken"].groups, strict=True)
        )
        if trigger == name
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
        **of_each(lambda who: by[who]["heard"]),
    )
    scenes = len(held["quiet"].log_mel) // SCENE_FRAMES
    least = rate_of(by["candidate"], held["quiet"].hours).lower
    no_alarms = Measure(
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
        **of_each(lambda who: [n not in by[who]["scenes_with_alarms"] for n in range(scenes)]),
    )
    return [detected, no_alarms]


def figures_of(name: str, by: Mapping[str, dict]) -> list[Figure]:
    figures = [
        (
            "false_alarms",
            "false alarms per hour at its operating threshold",
            "per hour",
            {who: by[who]["false_alarms_per_hour"] for who in MODELS},
        )
    ]
    if by["candidate"]["recall"] is not None:
        figures += [
            (
                "missed",
                "false reject rate at one false alarm per hour",
                "share",
                {who: by[who]["false_reject_rate_at"]["1.0"] for who in MODELS},
            ),
            (
                "recall",
                "recall at its operating threshold",
                "share",
                {who: by[who]["recall"] for who in MODELS},
            ),
        ]
    return [
        Figure(f"{name}_{what}", f"{name}: {title}", unit, **v) for what, title, unit, v in figures
    ]


def notes_of(name: str, found: Mapping) -> list[str]:
    """How often a trigger is detected when people like the held-out ones say it, and when its owner does."""
    if found["recall"] is None:
        return []
    delay = "" if found["latency_ms"] is None else f", {found['latency_ms']:.0f} ms after its start"
    each = sorted(
        ((recall, group.removeprefix("speaker ")) for group, recall in found["by_group"].items()),
        reverse=True,
    )
    shown = ", ".join(f"{who} {recall:.0%}" for recall, who in each[:PEOPLE_SHOWN])
    more = f" and {len(each) - PEOPLE_SHOWN} more" if len(each) > PEOPLE_SHOWN else ""
    notes = [
        f"{name}, said by people like the held-out ones: {found['recall']:.0%} of {found['spoken']} detected{delay} ({shown}{more})."
    ]
    if found["own"] is not None:
        notes.append(
            f"{name}, said by you: {found['own']:.0%} detected, in recordings of yours that were not trained on."
        )
    return notes


def rate_of(found: Mapping, hours: float) -> Rate:
    return Rate(found["false_alarms"], hours, found["overdispersion"])


class Promise(NamedTuple):
    """Whether the requested rate of false alarms is shown, and a sentence about it."""

    shown: bool
    text: str


def promise(name: str, rate: Rate, asked: float, groups: int) -> Promise:
    """`groups`: the number of speakers and recordings in the stream."""
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
