"""Looks at a judge part: counted once for each adapter, and new data is a new part."""

import pytest

from fae_training.calls.errors import Failed
from fae_training.judgement import looks
from fae_training.store.state import Home, append_jsonl, read_jsonl
from fae_training.store.transactions import changing

WEEK = [f"conversation {n}" for n in range(20)]


def count(place, *given) -> int:
    with changing(place) as change:
        return looks.count(change, *given)


def test_each_other_adapter_on_the_same_part_is_one_more_look(home):
    place = Home(home)
    assert [count(place, "language", f"adapter {n}", WEEK) for n in range(3)] == [1, 2, 3]
    assert count(place, "language", "adapter 1", WEEK) == 2, "judged again: the same look"
    assert len(place.file(looks.FILE).read_text().splitlines()) == 3


def test_a_part_that_shares_less_than_half_is_another_one(home):
    place = Home(home)
    count(place, "language", "first", WEEK)
    grown = WEEK + [f"new {n}" for n in range(20)]
    assert looks.number(place, "language", "second", grown) == 2
    assert looks.number(place, "language", "second", [*grown, "one more"]) == 1
    assert looks.number(place, "language", "second", WEEK[:5]) == 2


def test_each_slot_has_its_own_looks_and_what_was_judged_on_is_not_readable(home):
    place = Home(home)
    count(place, "language", "first", WEEK)
    assert count(place, "speech", "second", WEEK) == 1
    assert "conversation" not in place.file(looks.FILE).read_text()


@pytest.mark.parametrize("spoiled", [{"items": None}, {"adapter": {}}, {"slot": 1}])
def test_a_line_that_is_not_a_look_is_named(home, spoiled):
    place = Home(home)
    count(place, "language", "first", WEEK)
    (line,) = read_jsonl(place.file(looks.FILE))
    append_jsonl(place.file(looks.FILE), line | spoiled)
    with pytest.raises(Failed, match=r"line 2 of .*looks\.jsonl"):
        count(place, "language", "second", WEEK)
