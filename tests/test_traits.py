"""Traits of the answers in a person's history, in plain words, and how far other answers share them."""

import random

import pytest

import world
from fae_training.language import traits

LONG_ANSWER = "Great question! The capital is Paris. Is there anything else?"


def titles(answers: list[str]) -> list[str]:
    return [trait.title for trait in traits.of_history(answers) if not trait.avoided]


def only(name: str, answers: list[str]) -> traits.Trait:
    (found,) = [trait for trait in traits.of_history(answers) if trait.name == name]
    return found


def plain(count: int) -> list[str]:
    return [f"Word{n} stands there and nothing{n} more{n}" for n in range(count)]


def test_the_sample_world_s_personal_manner_is_named_and_distinguished_from_the_long_one():
    rng = random.Random(1)

    def answers(style: str, count: int) -> list[str]:
        talks = [world.small_conversation(rng, style) for _ in range(count)]
        return [m["content"] for t in talks for m in t.messages if m["role"] == "assistant"]

    found = traits.of_history(answers(world.PERSONAL, 40))
    result = traits.most_telling(found, answers(world.LONG, 10))
    assert len(result) <= traits.MOST
    called = next(trait for trait in result if trait.name == "called")
    assert called.title == "Calling you Sam (100 % of the answers in your conversations)"
    assert called.mean(answers(world.LONG, 10)) == 0 and called.mean(["Done, Sam."]) == 100
    assert {"called", "answer_words", "questions", "exclamations"} == {t.name for t in result}


def test_the_length_is_the_mean_number_of_words():
    trait = only("answer_words", plain(10))
    assert trait.title == "Length of answers (about 6 words in your conversations)"
    assert trait.mean(["one two", "one two three four"]) == 3


def test_a_habit_shows_in_a_tenth_of_the_answers_and_in_five_at_least():
    assert titles(plain(45) + [LONG_ANSWER] * 5) == [
        "Length of answers (about 6 words in your conversations)",
        "Answers with an exclamation mark (10 % in your conversations)",
        "Answers that end in a question (10 % in your conversations)",
        'Answers that open with "Great question" (10 % of the answers in your conversations)',
        'Answers that close with "Is there anything else?" (10 % of the answers in your conversations)',
    ]
    assert len(titles(plain(46) + [LONG_ANSWER] * 4)) == 1, "8 % are no habit"
    assert len(titles(plain(36) + [LONG_ANSWER] * 4)) == 1, "four answers are none"


def test_a_habit_that_the_history_lacks_is_reported_only_if_another_model_has_it():
    found = traits.of_history(plain(50))
    listed = ["Here:\n- one\n- two", "**Bold** words"]
    assert [t.name for t in traits.most_telling(found, plain(3))] == ["answer_words"]
    result = {t.name: t for t in traits.most_telling(found, listed)}
    assert set(result) == {"answer_words", "lists", "markdown"}
    assert result["lists"].history == 0 and result["lists"].mean(listed) == 50


@pytest.mark.parametrize(
    ("name", "has", "has_not"),
    [
        ("lists", "So:\n1. one\n2. two", "- only one line\nand no more"),
        ("markdown", "## Title\ntext", "a # b and 2 * 3 * 4"),
        ("emoji", "Fine 🙂", "Fine :)"),
        ("exclamations", "Yes!", "Yes."),
        ("questions", "Shall I? ", "Shall I? Yes."),
    ],
)
def test_forms_are_distinguished(name, has, has_not):
    trait = only(name, plain(50))
    assert trait.mean([has]) == 100 and trait.mean([has_not]) == 0


def test_openings_and_closings_are_the_same_in_any_case_and_with_any_point():
    answers = plain(20) + ["Sure, it is done now. Bye now!", "sure. It is done. Bye now."] * 3
    assert only("opening", answers).mean(["SURE! I will.", "Surely not"]) == 50
    assert only("closing", answers).mean(["It is so. bye now", "Bye."]) == 50
    assert [t.name for t in traits.of_history(["Yes."] * 20)][-1] == "opening", (
        "a whole answer is no closing"
    )


def test_a_name_is_the_word_after_a_comma_not_the_first_word_of_an_answer():
    assert only("called", plain(20) + ["Sure, Ana.", "Done, Ana!"] * 3).title.startswith("Calling you Ana")  # fmt: skip
    assert "called" not in {t.name for t in traits.of_history(plain(20) + ["Sure, I did."] * 6)}


def test_few_answers_show_no_traits():
    assert traits.of_history(["Yes, Sam."] * 9) == [] == traits.of_history([" "] * 50)
    assert traits.most_telling(traits.of_history(plain(20)), []) == []


@pytest.mark.parametrize("text", [" " * 50_000 + "x", "\n" * 50_000 + "x", "[" * 50_000, "," * 50_000, "a, " * 20_000])  # fmt: skip
def test_odd_texts_are_measured_like_others(text):
    (length, *_) = traits.of_history([text] * 10)
    assert length.history == len(text.split())
