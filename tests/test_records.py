"""Records to JSON and back: anything but the exact record is refused with the file's name."""

import json
import random
from dataclasses import asdict, dataclass

import pytest

from fae_training.calls.errors import Failed
from fae_training.judgement import gate
from fae_training.judgement.benchmark import Benchmark, Example
from fae_training.judgement.gate import Decision
from fae_training.store import records
from test_gate import benchmark, losses, measure, tools


@dataclass(frozen=True)
class Small:
    count: int
    share: float = 0.5
    name: str | None = None


def back(record, kind):
    return records.read(kind, json.loads(json.dumps(asdict(record))), "x.json", "again")


def test_what_was_written_is_read_as_it_was():
    given = benchmark(measure(*losses()), tools(3, 1), examples=(Example("a", "b", "c"),), details={"classes": [1, {"a": None}]})  # fmt: skip
    assert back(given, Benchmark) == given
    decided = gate.decide(given, 2)
    assert back(decided, Decision) == decided
    assert records.read(Small, {"count": 2, "schema": 1}, "x.json", "again") == Small(2)


@pytest.mark.parametrize(
    "data, words",
    [
        ({}, "it has no key 'count'"),
        ({"count": 1, "cuont": 2}, "it has the unknown key 'cuont'; did you mean 'count'"),
        ({"count": "1"}, "count is '1', expected a whole number"),
        ({"count": True}, "count is true, expected a whole number"),
        ({"count": 1.5}, "count is 1.5, expected a whole number"),
        ({"count": 1, "share": "half"}, "share is 'half', expected a number"),
        ({"count": 1, "name": 4}, "name is 4, expected a text"),
        ([1], "it is a list, expected an object"),
        (None, "it is nothing \\(null\\), expected an object"),
    ],
)
def test_anything_else_is_refused_with_the_place_and_what_was_expected(data, words):
    with pytest.raises(Failed, match=f"x.json: {words}") as raised:
        records.read(Small, data, "x.json", "again")
    assert raised.value.hint == "again" and raised.value.code == "bad_record"


def test_a_benchmark_with_any_part_changed_in_kind_is_never_read_as_another_one():
    """Every place of the file in turn holds something else: it is refused, or it is not what was written."""
    given = json.loads(json.dumps(asdict(benchmark(measure(*losses(6)), tools(1, 1, count=6)))))
    rng = random.Random(0)
    for place in _places(given):
        if place[0] == "details":
            continue
        changed = json.loads(json.dumps(given))
        inner = changed
        for step in place[:-1]:
            inner = inner[step]
        inner[place[-1]] = rng.choice([{}, {"a": 1}])
        with pytest.raises(Failed):
            records.read(Benchmark, changed, "x.json", "again")


def _places(data, before=()):
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*before, key))
