"""Assigns sounds to train, choose or judge by speaker or recording, before anything is derived from them.

parts.py decides by a hash. Sounds need more: every class in every part, the person who recorded
most of a class in training, and no held-out group ever moved to training, which a hash alone cannot
guarantee where few people recorded. So each run stores the parts of its groups in parts.json, as
hashes of their names.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from fae_training.calls.counting import counted
from fae_training.classifiers.recordings import REVIEWED, TO_JUDGE
from fae_training.classifiers.sound_files import Recording
from fae_training.judgement.parts import CHOOSE, HELD_OUT_PERCENT, JUDGE, TRAIN, part_of, place_of
from fae_training.lifecycle import runs
from fae_training.lifecycle.runs import Run
from fae_training.store.state import read_json, write_json

FILE = "parts.json"
# A class with fewer groups than this cannot be in three parts.
FEWEST_GROUPS = 3
# With fewer recordings of a trigger than this, none of a person's are set aside: each counts.
FEWEST_OWN = 8
ALSO_CHOSE = "validation, also used to choose"


@dataclass(frozen=True)
class Parts:
    """The sounds of each part, and the part of each recorded group by its mark.

    Not `apart`: some class has too few groups, and its held-out sounds serve both to choose and to
    judge (`together`). `own`: triggers said by the person who is trained on, in recordings that are
    not; they show how well that person is recognised. `ordinary`: recordings to count false alarms
    on (TO_JUDGE).
    """

    train: list[Recording]
    choose: list[Recording]
    judge: list[Recording]
    apart: bool
    own: list[Recording] = field(default_factory=list)
    ordinary: list[Recording] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    by_group: dict[str, str] = field(default_factory=dict)

    @property
    def held_out(self) -> list[Recording]:
        return self.choose + self.judge if self.apart else self.judge


def mark(group: str) -> str:
    """The hash of a group's name in parts.json."""
    return hashlib.sha256(group.encode("utf-8", "replace")).hexdigest()[:16]


def before(run: Run) -> dict[str, str]:
    """The parts that groups must stay in: those of this run where it is resumed, otherwise those of
    earlier runs of its kind."""
    if own := read_json(run.file(FILE)):
        return own["parts"]
    kept: dict[str, str] = {}
    for earlier in runs.all_runs(run.home, run.kind):
        found = (read_json(earlier.file(FILE)) or {"parts": {}})["parts"]
        kept |= {group: part for group, part in found.items() if part != TRAIN}
    return kept


def keep(run: Run, parts: Parts) -> None:
    """Write parts.json: the part of each recorded group, and the groups with a recording that is trained on."""
    trained_on = sorted({mark(r.group) for r in parts.train if r.origin == "recorded"})
    write_json(run.file(FILE), {"parts": parts.by_group, "trained_on": trained_on})


def trained_on(run: Run) -> set[str] | None:
    """The marks of the groups that a run was trained on; None for a run of a version that did not
    store them."""
    found = read_json(run.file(FILE))
    return None if found is None else set(found["trained_on"])


def divided(
    sounds: list[Recording],
    kept: Mapping[str, str] | None = None,
    triggers: Collection[str] = (),
) -> Parts:
    """`sounds` by part; `kept` has the marks of groups whose parts are fixed.

    Reviewed sounds (REVIEWED) are only trained on; TO_JUDGE sounds never are. From the recordings
    of `triggers` by the person who recorded most of them and is trained on, some are set aside
    (`own`).
    """
    kept = kept or {}
    reviewed = [r for r in sounds if r.source in REVIEWED]
    parts = _divided([r for r in sounds if r.source not in (*REVIEWED, TO_JUDGE)], kept)
    held_out = {r.group for r in parts.held_out}
    usable = [r for r in reviewed if r.group not in held_out]
    notes = list(parts.notes)
    if left := len(reviewed) - len(usable):
        notes.append(
            f"{counted(left, 'sound that you sorted is', 'sounds that you sorted are')} of people or recordings that are held out, and so not trained on"
        )
    known = {r.group for r in parts.train + usable + parts.choose}
    to_judge = [r for r in sounds if r.source == TO_JUDGE]
    ordinary = [r for r in to_judge if r.group not in known]
    if left := len(to_judge) - len(ordinary):
        notes.append(
            f"{counted(left, 'recording')} of --to-judge left out: the same people or recordings are already used for training or validation"
        )
    own = _own(parts.train, triggers, kept)
    judged = {_mark_of_own(r): JUDGE for r in own} | {mark(r.group): JUDGE for r in ordinary}
    aside = set(map(id, own))
    train = [r for r in parts.train if id(r) not in aside] + usable
    by_group = parts.by_group | judged
    return replace(parts, train=train, own=own, ordinary=ordinary, notes=notes, by_group=by_group)


def _unit(recording: Recording) -> str:
    return f"{recording.group} {recording.name}"


def _mark_of_own(recording: Recording) -> str:
    return mark(f"own {_unit(recording)}")


def _own(
    train: list[Recording], triggers: Collection[str], kept: Mapping[str, str]
) -> list[Recording]:
    """Of each trigger, a fifth of the recordings of the speaker who recorded more than half of it,
    by their hash and at least two, if there are enough; those that were set aside before stay so."""
    own = []
    for name in triggers:
        said = [r for r in train if r.class_name == name and r.speaker]
        for group, count in Counter(r.group for r in said).items():
            if count < FEWEST_OWN or count <= len(said) / 2:
                continue
            of_owner = [r for r in said if r.group == group]
            for number, one in enumerate(sorted(of_owner, key=lambda r: _nearest(_unit(r)))):
                was_own = kept.get(_mark_of_own(one)) == JUDGE
                if number < 2 or was_own or place_of(_unit(one)) < HELD_OUT_PERCENT:
                    own.append(one)
    return own


def _divided(sounds: list[Recording], kept: Mapping[str, str]) -> Parts:
    """The parts of the sounds that were not reviewed.

    A class with three or more groups is in all parts: where the hash leaves a part without it, the
    group whose hash is nearest to that part is moved there. A class with fewer is divided by
    recording, and is not `apart`. The last group of a class, and one with more than half of its
    recordings, stay in training.
    """
    classes = sorted({r.class_name for r in sounds})
    groups = {name: {r.group for r in sounds if r.class_name == name} for name in classes}
    few = [name for name, found in groups.items() if len(found) < FEWEST_GROUPS]
    alone = {group for name in few for group in groups[name]}
    alone = {group for group in alone if kept.get(mark(group), TRAIN) == TRAIN}

    def unit(recording: Recording) -> str:
        group = recording.group
        return _unit(recording) if group in alone else group

    units = {name: Counter(unit(r) for r in sounds if r.class_name == name) for name in classes}
    part = {}
    for one in {one for found in units.values() for one in found}:
        part[one] = kept.get(mark(one)) or (TRAIN if _is_most(one, units) else part_of(one))
    for found in units.values():
        if all(part[one] != TRAIN for one in found):
            part[max(found, key=_nearest)] = TRAIN
    for name in sorted(classes, key=lambda name: (len(units[name]), name)):
        for wanted in (JUDGE,) if name in few else (JUDGE, CHOOSE):
            parts = {part[one] for one in units[name]}
            if wanted in parts or (name in few and CHOOSE in parts):
                continue
            spare = [one for one in units[name] if not _is_last(one, part, units)]
            if spare:
                # Move one out of training, if it can spare one; the person who recorded most comes last.
                part[min(spare, key=lambda one: _order(one, part, units))] = wanted
    notes, apart = _notes(few, units, part)
    train, choose, judge = (
        [r for r in sounds if part[unit(r)] == wanted] for wanted in (TRAIN, CHOOSE, JUDGE)
    )
    marks = {mark(one): found for one, found in sorted(part.items())}
    return Parts(train, choose, judge, apart, notes=notes, by_group=marks)


def together(people: Parts, made: Parts) -> Parts:
    """Recorded and generated sounds, each divided separately, as one."""
    choose, judge = people.choose + made.choose, people.judge + made.judge
    if not people.apart:
        choose = judge = choose + judge
    return replace(people, train=people.train + made.train, choose=choose, judge=judge)


def _nearest(unit: str) -> tuple[int, str]:
    return place_of(unit), unit


def _is_most(unit: str, units: Mapping[str, Counter]) -> bool:
    """Whether the group has more than half of the recordings of a class."""
    return any(found[unit] > found.total() / 2 for found in units.values())


def _is_last(unit: str, part: Mapping[str, str], units: Mapping[str, Counter]) -> bool:
    """Whether its part would lose some class without it."""
    return any(
        unit in found and not any(part[one] == part[unit] for one in found if one != unit)
        for found in units.values()
    )


def _order(unit: str, part: Mapping[str, str], units: Mapping[str, Counter]) -> tuple:
    """The key by which a group is chosen for a part that lacks a class: the lowest is moved."""
    return part[unit] != TRAIN, _is_most(unit, units), _nearest(unit)


def _notes(
    few: list[str], units: Mapping[str, Counter], part: Mapping[str, str]
) -> tuple[list[str], bool]:
    """(notes for a person, whether the `choose` part is separate from the `judge` part)."""
    notes, also_chose = [], []
    for name, found in units.items():
        if all(part[one] == TRAIN for one in found):
            notes.append(
                f"no recording of {name} could be held out, so there is no separate figure for {name}"
            )
        elif name in few:
            also_chose.append(name)
    if also_chose:
        notes.append(
            f"{' and '.join(also_chose)}: recordings of fewer than {FEWEST_GROUPS} people or places, too few to reserve "
            f"some for judging only. The held-out recordings are {ALSO_CHOSE}, so the figures are optimistic for anyone else"
        )
    return notes, not also_chose
