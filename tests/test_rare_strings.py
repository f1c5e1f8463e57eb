"""Which stretches of a person's conversations count as rare: names, numbers and addresses that occur in only one."""

import json

import pytest

from calls import ROOT
from fae_training.language.rare_strings import ENOUGH, rare_strings
from fae_training.rows import training_rows

SHARED = ROOT.parent / "shared" / "conversations"


def talk(*turns: str) -> list[dict]:
    """The user begins."""
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(turns)]


def texts_of(*talks: list[dict]) -> list[str]:
    found = rare_strings([str(n) for n in range(len(talks))], talks)
    return [one.text for own in found for one in own]


USUAL = "Of course, Sam. I have noted it for you, and it is in your list. The number and the street are kept, at your service."
OTHERS = [talk("Note my number and the street where Ana lives.", USUAL) for _ in range(3)]


def test_names_numbers_and_addresses_of_one_conversation_are_rare():
    own = talk(
        "Note it, please.",
        "Of course, Sam. Jadwiga Brzezicka lives at Quellenweg 77, and the number is 030 901820. I have noted it for you.",
    )
    assert texts_of(*OTHERS, own) == ["Jadwiga Brzezicka", "Quellenweg 77", "030 901820"]


def test_strings_of_two_conversations_or_said_before_are_not_rare():
    own = talk("Note Jadwiga Brzezicka.", "I have noted it: Jadwiga Brzezicka.")
    (one,) = rare_strings(["a", "b", "c", "own"], [*OTHERS, own])[0]
    assert (one.text, one.message, one.is_answer, one.tells) == ("Jadwiga Brzezicka", 0, False, 2)
    assert "Jadwiga Brzezicka" not in texts_of(*OTHERS, own, own)
    twice_from_one = rare_strings(["a", "b", "c", "own", "own"], [*OTHERS, own, own])
    assert len(twice_from_one) == 2, "two rows of one conversation are one conversation"


def test_what_a_tool_returned_could_be_copied_and_is_not_rare():
    call = [{"type": "function", "function": {"name": "find", "arguments": {"who": "Brzezicka"}}}]
    own = [
        *talk("Note it."),
        {"role": "assistant", "content": "", "tool_calls": call},
        {"role": "tool", "content": '{"phone": "030 901820"}'},
        {"role": "assistant", "content": "Brzezicka has the number 030 901820 in Schmargendorf."},
    ]
    assert texts_of(*OTHERS, own) == ["Schmargendorf"]


def test_an_answer_that_is_not_trained_on_gives_no_string():
    own = talk("Note it.", "Jadwiga Brzezicka, Sam.")
    assert texts_of(*OTHERS, own)
    own[1]["weight"] = 0
    assert texts_of(*OTHERS, own) == []


def test_answers_give_most_strings_and_the_person_every_fourth():
    asked = " ".join(f"Find Wxyzname{n} now." for n in "abcdef")
    text = " ".join(f"Found Qrstname{n} now." for n in "abcdef")
    (own,) = rare_strings(["own"], [talk(asked, text)])
    assert [one.is_answer for one in own[:8]] == [True, True, True, False] * 2


def test_names_come_before_other_rare_words_and_common_sequences_come_last():
    own = talk("Note it.", "It was extraordinarily nice. Jadwiga Brzezicka came by.")
    tells = [one.tells for own in rare_strings(["a", "b", "c", "own"], [*OTHERS, own]) for one in own]  # fmt: skip
    assert tells == [2, 1]
    sequence = talk("Note it.", "It is kept at the list and for you")
    (only,) = rare_strings(["a", "b", "c", "own"], [*OTHERS, sequence])[0]
    assert only.tells == 0 and only.text == "It is kept at the list"
    many = talk("Note it.", " ".join(f"Found Qrstname{n}." for n in range(ENOUGH)))
    assert "It is kept at the list" not in texts_of(*OTHERS, sequence, many)


def test_the_order_is_the_same_whatever_the_order_of_the_rows():
    talks = [talk("Note it.", f"Found Qrst{c}name of {c}wxyz.") for c in "abcdefgh"]
    names = list("abcdefgh")
    forward = [own[0].text for own in rare_strings(names, talks)]
    back = [own[0].text for own in rare_strings(names[::-1], talks[::-1])]
    assert forward == back and len(forward) == 8 and forward != sorted(forward)


@pytest.mark.parametrize(
    "text", ["", " ", "a. " * 40_000, "\n" * 50_000 + "x", "'" * 50_000, "." * 50_000 + "a"]
)
def test_odd_texts_have_no_rare_strings(text):
    assert texts_of(talk(text, text)) == []


def test_real_dialogues_have_enough_names_and_numbers():
    path = SHARED / "dialogues.jsonl"
    if not path.exists():
        pytest.skip(f"the conversations that people wrote are not there: {SHARED}")
    with path.open(encoding="utf-8") as file:
        rows = [
            training_rows.conversation(json.loads(line))
            for _, line in zip(range(120), file, strict=False)
        ]
    found = rare_strings([str(n) for n in range(120)], [row.messages for row in rows])
    first = [one for own in found for one in own[:4]][:ENOUGH]
    assert len(first) == ENOUGH
    assert all(one.tells for one in first)
    assert sum(one.is_answer for one in first) >= ENOUGH / 3
