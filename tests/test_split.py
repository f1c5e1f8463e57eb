"""The split into training and validation: permanent, and without near-duplicates across the two."""

import random
import sqlite3
from array import array
from collections import Counter

from fae_days import Days, plain
from fae_training.conversations import export, source
from fae_training.conversations.duplicates import SKETCH, SeenTexts, grams, similarity
from fae_training.judgement.parts import TRAIN, divided, part_of
from fae_training.rows.row_forms import conversation
from fae_training.store.state import Home


def sides(home, database) -> dict[str, str]:
    """Episode id -> "train" or "valid" of everything that an export would write."""
    found = {}
    with source.dialogue(Home(home), database) as dialogue:
        for side, row in export.rows(dialogue, None, export.Summary()):
            found |= dict.fromkeys(row["source"]["ids"], side)
    return found


def test_a_tenth_chooses_and_a_tenth_judges():
    found = Counter(part_of(f"session_msg-{number}") for number in range(20_000))
    assert abs(found["choose"] / 20_000 - 0.1) < 0.01
    assert abs(found["judge"] / 20_000 - 0.1) < 0.01


def test_the_part_of_an_id_is_the_same_on_every_machine():
    parts = {name: part_of(name) for name in "abcdefghijklmnopqrstuvwxyz"}
    assert {n: p for n, p in parts.items() if p != TRAIN} == {
        "e": "judge",
        "v": "judge",
        "w": "judge",
        "z": "choose",
    }


def test_rows_of_other_programs_are_divided_by_what_they_are_from_and_stay_where_they_are():
    rows = [conversation({"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "a"}]}) for n in range(40)]  # fmt: skip
    before = divided(rows, lambda row: row.held_out_part)
    assert before.apart and len(before.choose) + len(before.judge) == 40
    fewer = divided(rows[::2], lambda row: row.held_out_part)
    assert all(row in before.judge for row in fewer.judge)
    marked = conversation({"messages": rows[0].messages, "part": "judge"})
    assert marked.held_out_part == "judge"
    assert not divided(rows[:1], lambda row: row.held_out_part).apart


def test_all_that_is_cut_from_a_conversation_is_in_one_part():
    pieces = [
        conversation(
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": "a"},
                ],
                "source": {"ids": [f"memory-{n}"], "session": "session-7"},
            }
        )
        for n in range(20)
    ]
    assert len({piece.held_out_part for piece in pieces}) == 1


def test_what_was_held_out_once_stays_so_whatever_is_added_later(tmp_path, home):
    days = Days(tmp_path / "fae")
    for number in range(60):
        days.talk(plain(number), plain(1000 + number))
    before = sides(home, days.done())
    for number in range(60, 120):
        days.talk(plain(number), plain(1000 + number))
    days.talk(*(plain(number) for number in range(20, 40)))  # said again, in another conversation
    days.forget(days.episodes[0])
    after = sides(home, days.done())
    held_out = {episode for episode, side in before.items() if side == "valid"}
    assert len(held_out) >= 10
    assert {
        episode: after.get(episode) for episode in held_out - {days.episodes[0]}
    } == dict.fromkeys(held_out - {days.episodes[0]}, "valid")


def test_a_conversation_is_never_on_both_sides(tmp_path, home):
    days = Days(tmp_path / "fae")
    for number in range(40):
        # The second turn is left out, so each conversation makes two rows.
        days.talk(plain(number), ("My pin is 4821.", "I see."), plain(500 + number))
    found = sides(home, days.done())
    for first, last in zip(days.episodes[0::3], days.episodes[2::3], strict=True):
        assert found[first] == found[last]


def test_near_duplicates_never_stand_on_both_sides(tmp_path, home):
    days, rng = Days(tmp_path / "fae"), random.Random(0)
    for number in range(80):
        question, reply = plain(number % 20)
        extra = rng.choice(("", " Really.", " Yes!", "  "))
        days.talk(
            (question.upper() if number % 3 else question, reply + extra.replace("Really.", ""))
        )
    found = sides(home, days.done())
    groups: dict[int, set] = {}
    for number, episode in enumerate(days.episodes):
        if episode in found:
            groups.setdefault(number % 20, set()).add(found[episode])
    assert len(groups) == 20
    assert all(len(group) == 1 for group in groups.values())


def test_of_near_duplicates_the_held_out_one_is_kept(tmp_path, home):
    days = Days(tmp_path / "fae")
    for _ in range(30):
        days.talk(plain(1))
    found = sides(home, days.done())
    assert list(found.values()) == ["valid"]


def test_the_sketch_estimates_the_jaccard_similarity_of_long_texts():
    rng = random.Random(0)
    words = [f"word{rng.randrange(5000)}" for _ in range(400)]
    changed = ["other" if place % 40 == 0 else word for place, word in enumerate(words)]
    one, other = grams(" ".join(words), "yes"), grams(" ".join(changed), "yes")
    true = len(one & other) / len(one | other)  # ten words of 400 are in thirty 3-grams
    estimate = similarity(*(array("I", sorted(side)[:SKETCH]) for side in (one, other)))
    assert 0.8 < true < 0.9 and abs(estimate - true) < 0.15


def test_nearly_all_near_duplicates_are_found_and_nothing_else():
    """Long turns with one word exchanged: similarity 0.86. The bands promise 0.99 of them."""
    rng, found, wrong = random.Random(0), 0, 0
    for number in range(300):
        seen = SeenTexts(sqlite3.connect(":memory:"))
        words = [f"word{rng.randrange(5000)}" for _ in range(40)]
        other = [*words]
        other[rng.randrange(3, 37)] = "other"
        assert seen.is_new(1, " ".join(words), "yes")
        found += not seen.is_new(2, " ".join(other), "yes")
        # Ten words of forty exchanged: similarity below 0.4.
        for place in range(0, 40, 4):
            other[place] = f"new{number}"
        wrong += not seen.is_new(3, " ".join(other), "yes")
    assert found >= 0.96 * 300 and wrong == 0


def test_one_other_word_in_a_short_answer_is_not_a_duplicate():
    seen = SeenTexts(sqlite3.connect(":memory:"))
    assert seen.is_new(1, "What is the capital of France?", "Paris.")
    assert seen.is_new(2, "What is the capital of Italy?", "Rome.")
    assert not seen.is_new(3, "What is the capital of FRANCE", "paris!")
