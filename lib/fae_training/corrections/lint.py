"""Checks a set of preference pairs, removes or reweights bad ones, and reports it in sentences."""

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field, replace

from fae_training.calls.counting import counted
from fae_training.conversations.duplicates import SeenTexts
from fae_training.conversations.text import normalised, words
from fae_training.rows.row_forms import PreferencePair

FEWEST_PAIRS = 20
# The share of the weight that pairs with a shorter (or longer) chosen answer may have. Above it DPO
# learns length itself (Singhal et al. 2023, "A Long Way to Go", and Park et al. 2024,
# "Disentangling Length from Quality").
MOST_ONE_SIDED = 0.65
LEAST_WEIGHT_KEPT = 0.3


@dataclass
class Report:
    """`remarks` are sentences for a person: first the findings, then the changes made because of them."""

    remarks: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    chosen_shorter: int = 0
    chosen_longer: int = 0
    length_ratio: float = 1.0
    weight_factor: float = 1.0

    def as_dict(self) -> dict:
        return {
            "remarks": self.remarks,
            "dropped": dict(self.dropped),
            "chosen_shorter": self.chosen_shorter,
            "chosen_longer": self.chosen_longer,
            "length_ratio": self.length_ratio,
            "weight_factor": self.weight_factor,
        }


def check(
    rows: list[PreferencePair], held_out: list[PreferencePair]
) -> tuple[list[PreferencePair], list[PreferencePair], Report]:
    """(training rows, held-out rows, report): near-duplicates and contradictions removed, lengths balanced.

    Rows are oldest first. A row on both sides is kept on the held-out side.
    """
    report = Report()
    held_out = _without_contradictions(_without_duplicates(held_out, [], report), [], report)
    rows = _without_contradictions(_without_duplicates(rows, held_out, report), held_out, report)
    _report_dropped(report)
    rows = _balanced(rows, report)
    if 0 < len(rows) < FEWEST_PAIRS:
        report.remarks.append(
            f"Too few: {counted(len(rows), 'pair')} to train on, expected at least {FEWEST_PAIRS}. "
            "So few teach their own wording rather than your preferences; more corrections will come "
            "with use."
        )
    if not held_out:
        report.remarks.append(
            "No pair is held out, so a run on them cannot be judged by corrections that it never saw."
        )
    return rows, held_out, report


def _without_duplicates(
    rows: list[PreferencePair], others: list[PreferencePair], report: Report
) -> list[PreferencePair]:
    """Keep the first of each group of nearly equal pairs, unless it is nearly equal to one of `others`."""
    seen = SeenTexts(sqlite3.connect(":memory:"))
    kept = []
    for number, row in enumerate([*others, *rows]):
        new = seen.is_new(number, f"{_question(row)} {_answer(row.chosen)}", _answer(row.rejected))
        if number >= len(others):
            if new:
                kept.append(row)
            else:
                report.dropped["near_duplicate"] += 1
    return kept


def _without_contradictions(
    rows: list[PreferencePair], others: list[PreferencePair], report: Report
) -> list[PreferencePair]:
    """Where one pair prefers what another rejects for the same question, keep the newest."""
    preferred = {(_question(row), _answer(row.chosen)) for row in others}
    kept = []
    for row in reversed(rows):
        if (_question(row), _answer(row.rejected)) in preferred:
            report.dropped["contradiction"] += 1
            continue
        preferred.add((_question(row), _answer(row.chosen)))
        kept.append(row)
    return kept[::-1]


def _report_dropped(report: Report) -> None:
    if n := report.dropped["near_duplicate"]:
        report.remarks.append(
            f"{n} nearly repeated another; one of each was kept, a held-out one first."
        )
    if n := report.dropped["contradiction"]:
        report.remarks.append(
            f"{n} contradicted a newer one (the same answer wanted once and rejected once); the "
            "newer was kept."
        )


def _balanced(rows: list[PreferencePair], report: Report) -> list[PreferencePair]:
    """Lower the weight of the larger group where most chosen answers are shorter, or most are longer.

    "Too long" is the most frequent complaint, and a model that hears it in nine pairs of ten learns
    to be curt.
    """
    if not rows:
        return rows
    lengths = [(len(words(_answer(row.chosen))), len(words(_answer(row.rejected)))) for row in rows]
    side = ["shorter" if c < r else "longer" if c > r else "equal" for c, r in lengths]
    report.chosen_shorter, report.chosen_longer = side.count("shorter"), side.count("longer")
    report.length_ratio = round(sum(c for c, _ in lengths) / max(1, sum(r for _, r in lengths)), 3)
    total = sum(row.weight for row in rows)
    for name in ("shorter", "longer"):
        own_weight = sum(row.weight for row, where in zip(rows, side, strict=True) if where == name)
        rest = total - own_weight
        if total and own_weight / total > MOST_ONE_SIDED:
            wanted = MOST_ONE_SIDED / (1 - MOST_ONE_SIDED) * rest / own_weight
            report.weight_factor = round(max(LEAST_WEIGHT_KEPT, wanted), 3)
            rows = [
                replace(row, weight=round(row.weight * report.weight_factor, 4))
                if where == name
                else row
                for row, where in zip(rows, side, strict=True)
            ]
            left = report.weight_factor * own_weight / (report.weight_factor * own_weight + rest)
            report.remarks.append(
                _on_length(name, side.count(name), report, own_weight / total, left)
            )
    return rows


def _on_length(name: str, count: int, report: Report, before: float, after: float) -> str:
    """What was done because most chosen answers are shorter, or longer; before, after: their shares of the training."""
    habit, other = ("be brief", "longer") if name == "shorter" else ("talk at length", "shorter")
    of_all = report.chosen_shorter + report.chosen_longer
    text = (
        f"Length bias: in {count} of {of_all} pairs of different length the answer that you accepted is the {name} one, so "
        f"the model might only learn to {habit}."
    )
    if f"{before:.0%}" != f"{after:.0%}":
        text += f" These pairs therefore count less: they make up {after:.0%} of the training instead of {before:.0%}."
    if after > MOST_ONE_SIDED + 0.005:
        text += f" Corrections in which you accept the {other} answer would balance it."
    return text


def _question(row: PreferencePair) -> str:
    return normalised(next(m["content"] for m in reversed(row.prompt) if m["role"] == "user"))


def _answer(message: dict) -> str:
    calls = message.get("tool_calls")
    return normalised(message["content"] + (json.dumps(calls, sort_keys=True) if calls else ""))
