"""The validation set: as many held-out answers as the training's length affords, always the same ones."""

import random

import pytest

from fae_training.language import validation_set
from fae_training.language.batches import Batches
from fae_training.language.rows import TokenRow
from fae_training.language.validation_set import choose, in_batches, plan_validation


def dialogues(count: int, turns: int = 6, length: int = 100, seed: int = 0) -> list[TokenRow]:
    """Conversations of `turns` answers, each row with everything before it."""
    rows = []
    for number in range(count):
        chooser = random.Random(f"{seed}/{number}")
        history: list[int] = []
        for _ in range(turns):
            question, answer = ([chooser.randrange(1000) for _ in range(length // 2)] for _ in "qa")
            rows.append(TokenRow(history + question + answer, len(history) + len(question), conversation=str(number)))  # fmt: skip
            history = history + question + answer
    return rows


def test_every_conversation_is_validated_once_before_any_is_used_twice():
    rows = dialogues(10)
    chosen = choose(rows, tokens=0, fewest=14)
    per_conversation = [sum(row.conversation == str(n) for row in chosen) for n in range(10)]
    assert sorted(per_conversation) == [1] * 6 + [2] * 4
    assert chosen == [row for row in rows if row in chosen]


def test_at_least_the_fewest_and_at_most_all_are_chosen():
    rows = dialogues(10)
    assert len(choose(rows, tokens=0, fewest=7)) == 7
    assert choose(rows, tokens=10**9, fewest=7) == rows
    assert choose([], tokens=100, fewest=4) == []
    assert choose(rows[:3], tokens=0, fewest=7) == rows[:3]


def test_shared_prefixes_of_conversations_and_turns_are_counted_once():
    prompt = list(range(400))
    rows = [TokenRow([*prompt, 500 + i, 600 + i], 401, conversation=str(i)) for i in range(50)]
    assert 14 <= len(choose(rows, tokens=400 + 15 * 52, fewest=1)) <= 17


def test_more_conversations_move_no_choice_but_the_last():
    few, many = dialogues(20), dialogues(40)
    before = choose(few, tokens=8_000, fewest=4)
    after = {id(row) for row in choose(many, tokens=16_000, fewest=4)}
    kept = sum(any(row == other for other in many if id(other) in after) for row in before)
    assert kept >= 0.6 * len(before)
    assert choose(few, 8_000, 4) == before


def test_batches_hold_every_row_once_within_their_tokens():
    rows = dialogues(9, turns=5)
    batches = list(in_batches(rows, tokens=1200))
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    for batch in batches:
        distinct = {
            tuple(rows[i].tokens[: n + 1]) for i in batch for n in range(len(rows[i].tokens))
        }
        assert len(distinct) <= 1200 or len(batch) == 1
    assert len(batches) < 9 * 5 / 3, "the turns of a conversation share its history"


@pytest.mark.parametrize(
    ("name", "steps", "accumulation", "batch", "length"),
    [("smoke", 10, 1, 1, 512), ("light", 50, 2, 2, 1024), ("standard", 200, 4, 4, 2048)],
)
def test_validation_computes_at_most_a_third_of_what_training_costs(name, steps, accumulation, batch, length):  # fmt: skip
    """A trained token counts three times, a computed one once; three models are scored. Smoke may look at the fewest."""
    chooser = random.Random(1)
    rows = [
        TokenRow(
            [chooser.randrange(1000) for _ in range(length)], length - 40, conversation=str(i // 12)
        )
        for i in range(400)
    ]
    train, held_out = rows[:300], rows[300:]
    batches = Batches(train, batch, seed=0)
    fewest = choose(held_out, 0, validation_set.FEWEST_VALIDATED)
    validation_plan = plan_validation(
        batches, steps, accumulation, 5, validation_set.tokens_of(fewest), batch * length
    )
    validated = choose(held_out, validation_plan.validating_tokens, len(fewest))
    scored = choose(held_out, validation_plan.scoring_tokens, validation_set.FEWEST_SCORED)
    validations = steps // validation_plan.validate_every + 1
    trained = 3 * steps * accumulation * batch * length
    validation_tokens = validations * len(validated) * length + 3 * len(scored) * length
    assert validations >= 2 and len(scored) >= len(validated) > 0
    if name == "smoke":
        assert validations == 2
        assert len(scored) == validation_set.FEWEST_SCORED
    else:
        assert validation_tokens <= trained / 3
        assert validation_tokens >= trained / 10 or len(scored) == len(held_out)


def test_a_cheap_validation_is_not_reduced():
    rows = dialogues(8, turns=1, length=40)
    validation_plan = plan_validation(
        Batches(rows, 1, 0), 10, 1, 5, validation_set.tokens_of(rows), 64
    )
    assert validation_plan.validate_every == 2
    assert choose(rows, validation_plan.scoring_tokens, 4) == rows
