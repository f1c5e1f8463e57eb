"""Rehearsal: which prompts, the base model's own answers as targets, and how they are mixed into the training."""

import json
from collections import Counter
from dataclasses import replace

import pytest

import calls
import world
from fae_training.calls.errors import BadRequest
from fae_training.capabilities import prompts, suite
from fae_training.lifecycle import runs
from fae_training.store.state import Home
from quiet_session import QuietSession

PROMPT = {
    "id": "mine",
    "category": "my work",
    "messages": [{"role": "user", "content": "Which ticket system do we use at the office?"}],
}


def put(home: Home, directory: str, *lines: dict) -> None:
    path = home.directory(directory) / "mine.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


# Prompts


def test_the_bundled_prompts_are_many_of_many_kinds_and_none_is_nearly_judged(home):
    found = prompts.load(Home(home), suite.load())
    assert found.judged == ()
    kinds = Counter(item.category for item in found.items)
    assert len(found.items) >= 120 and len(kinds) >= 8 and min(kinds.values()) >= 4
    assert sum(bool(item.tools) for item in found.items) >= 90
    assert {item.category for item in found.items[: len(kinds)]} == set(kinds)
    assert not any(item.checks for item in found.items)


def test_own_prompts_come_first_and_nearly_judged_ones_are_left_out(home):
    place = Home(home)
    put(place, "benchmarks", PROMPT | {"id": "item", "check": {"says": "Jitterbug"}})
    asked = {"role": "user", "content": "Tell me, which ticket system do we use at the office?"}
    other = [{"role": "user", "content": "Where do I park the van?"}]
    put(
        place,
        "rehearsal",
        PROMPT | {"messages": [asked]},
        PROMPT | {"id": "van", "messages": other},
    )
    found = prompts.load(place, suite.load(place))
    assert found.judged == ("mine",) and found.items[0].id == "van"
    assert len(found.items) == len(prompts.load(Home(home / "none"), suite.load()).items) + 1


def test_the_version_changes_with_a_prompt_and_with_nothing_else(home):
    place = Home(home)
    put(place, "rehearsal", PROMPT)
    before = prompts.load(place, suite.load()).version
    assert prompts.load(place, suite.load()).version == before
    put(place, "rehearsal", PROMPT | {"max_tokens": 40})
    assert prompts.load(place, suite.load()).version != before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (PROMPT | {"check": {"says": "x"}}, 'the unknown field "check"; expected some of id, category'),
        ({"id": "a", "messages": []}, "no category; expected at least id, category, messages"),
    ],
)  # fmt: skip
def test_an_own_prompt_that_is_not_right_is_named_before_anything_begins(small_home, line, said):
    path = small_home / "rehearsal" / "mine.jsonl"
    path.write_text(json.dumps(PROMPT) + "\n" + json.dumps(line) + "\n")
    with pytest.raises(BadRequest) as problem:
        prompts.load(Home(small_home), suite.load())
    assert problem.value.message.startswith(f"{path}, line 2: ") and said in problem.value.message
    plan = ("train", "--dry-run", "--json", "--model", calls.LANGUAGE_MODEL)
    got = calls.script(*plan, home=small_home)
    assert (got.status, got.json["error"]["code"]) == (2, "rehearsal_prompt")
    assert calls.script(*plan, "--rehearsal", "0", home=small_home).status == 0


def test_the_sample_s_own_items_and_prompts_are_sound_and_of_both_sides(home):
    place = Home(home)
    put(place, "benchmarks", *world.benchmark_items("You are Fae."))
    put(place, "rehearsal", *world.rehearsal_prompts("You are Fae."))
    judging = suite.chosen(place, "own")
    kinds = Counter(item.category for item in judging.items)
    assert kinds == {"request": 80, "reply": 80, "question": 40}
    assert sum(item.checks[0].kind == "admits_failure" for item in judging.items) >= 5
    found = prompts.load(place, judging)
    assert len(found.judged) < 80, "most wordings are far enough from those that are judged"
    for request in (item for item in judging.items if item.category == "request"):
        name = request.checks[0].value["name"]
        assert world.is_held_out(name, request.messages[-1]["content"])


# Answers


@pytest.fixture(scope="module")
def loaded():
    from fae_training.language import loading

    model, tokenizer = loading.load(str(calls.LANGUAGE_MODEL))
    model.eval()
    return model, tokenizer


def run_with(home: Home, **settings):
    given = {"rehearsal": 0.5, "steps": 4, "gradient_accumulation": 1, "batch_size": 2}
    given |= {"max_length": 512, "suite": "own"} | settings
    record = {"settings": given, "model_fingerprint": "base"}
    return runs.create(home, "sft", record)


@pytest.fixture
def place(small_home) -> Home:
    return Home(small_home)


def test_a_row_is_the_prompt_and_the_base_model_s_own_answer_to_its_end(place, loaded):
    from fae_training.capabilities.answering import answers
    from fae_training.language.rehearsed import rehearse
    from fae_training.language.rows import encode_prompt

    model, tokenizer = loaded
    found = rehearse(run_with(place), model, tokenizer, QuietSession())
    items = prompts.load(place, suite.chosen(place, "own")).items[:4]
    assert len(found.rows) == 4 and found.left_out == {} and found.share == 0.5
    for row, item, said in zip(found.rows, items, answers(*loaded, items), strict=True):
        prompt, answer = row.tokens[: row.supervised_from], row.tokens[row.supervised_from :]
        assert prompt == encode_prompt(tokenizer, list(item.messages), None)
        assert answer[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(answer[:-1]).strip() == said


class Counting(QuietSession):
    def __init__(self):
        self.answered = []

    def progressed(self, done, total=None):
        if total is not None:
            self.answered.append(total)


def test_no_more_is_answered_than_the_run_has_rows_for_and_nothing_twice(place, loaded):
    from fae_training.language.rehearsed import rehearse

    session = Counting()
    first = rehearse(run_with(place, steps=2), *loaded, session)
    more = rehearse(run_with(place, steps=4), *loaded, session)
    again = rehearse(run_with(place, steps=4), *loaded, session)
    assert session.answered == [2, 2], "two prompts, then the two that were new, then none"
    assert more.rows[:2] == first.rows and more == again
    assert rehearse(run_with(place, rehearsal=0.1, steps=4), *loaded, session).rows == []


def test_a_run_that_an_earlier_version_began_goes_on_without(place):
    from fae_training.language import preflight, rehearsed
    from fae_training.lifecycle.settings import Settings

    run = run_with(place)
    del run.settings["rehearsal"]
    assert rehearsed.rehearse(run, None, None, QuietSession()) == rehearsed.NOTHING
    assert preflight.prompts_version(place, Settings(run.settings, {})) is None


def test_a_model_that_changed_answers_anew(place, loaded):
    from fae_training.language.rehearsed import rehearse

    session = Counting()
    run = run_with(place)
    rehearse(run, *loaded, session)
    run.record["model_fingerprint"] = "another"
    rehearse(run, *loaded, session)
    assert session.answered == [4, 4]


def test_what_does_not_fit_and_what_came_to_no_end_is_left_out_and_counted(place, loaded):
    from fae_training.language.rehearsed import rehearse

    long = PROMPT | {"id": "long", "messages": [{"role": "user", "content": "word " * 400}]}
    cut = PROMPT | {"id": "cut", "max_tokens": 1}
    put(place, "rehearsal", long, cut | {"messages": [{"role": "user", "content": "Good night."}]})
    found = rehearse(run_with(place, max_length=300), *loaded, QuietSession())
    assert found.left_out == {"longer than a row": 1, "without a complete answer": 1}
    assert len(found.rows) == 2, "the others of the four, which are bundled or the sample's"
    assert "left out: 1 longer than a row, 1 without a complete answer" in found.sentence()
    assert found.sentence().startswith(
        "50% of the training rehearsed the model's own earlier answers to 2 prompts"
    )


@pytest.mark.parametrize(
    ("text", "tokens", "why"),
    [
        ("It is noon.", 5, None),
        ("It is noon and", 8, "without a complete answer"),
        (" \n", 2, "with an empty answer"),
        ("<think>\nIt is noon.", 7, "with thinking in the answer"),
    ],
)
def test_an_answer_that_nobody_should_learn_is_broken(text, tokens, why):
    from fae_training.language.rehearsed import broken

    assert broken(replace(suite.load().items[0], max_tokens=8), text, tokens) == why


# Mixing


def batches(share: float, own: int = 12, rehearsed: int = 3):
    from fae_training.language.batches import Batches
    from fae_training.language.rehearsed import MixedBatches, Rehearsal
    from fae_training.language.rows import TokenRow

    mine = [TokenRow([1, 2, 10 + n], 1) for n in range(own)]
    theirs = [TokenRow([1, 2, 100 + n], 1) for n in range(rehearsed)]
    plain = Batches(mine, 2, seed=3)
    return plain, MixedBatches(plain, Rehearsal(share, theirs if share else [], {}, 9), seed=3)


def rows_of(batch: dict) -> list[int]:
    return sorted(token for row in batch["targets"].tolist() for token in [row] if token >= 10)


@pytest.mark.parametrize("share", [0.1, 0.25, 1 / 3, 0.5, 0.9])
def test_any_stretch_holds_its_share_and_each_own_row_comes_once_an_epoch(share):
    plain, mixed = batches(share)
    kinds = [min(rows_of(mixed.batch_at(i))) >= 100 for i in range(120)]
    for end in range(1, 121):
        assert abs(sum(kinds[:end]) - share * end) < 1
    own = [rows_of(mixed.batch_at(i)) for i, is_rehearsed in enumerate(kinds) if not is_rehearsed]
    assert own == [rows_of(plain.batch_at(i)) for i in range(len(own))]
    rehearsed = [row for i in range(120) if kinds[i] for row in rows_of(mixed.batch_at(i))]
    counts = Counter(rehearsed)
    assert set(counts) == {100, 101, 102} and max(counts.values()) - min(counts.values()) <= 1
    assert mixed.tokens(0) == (6, 4) and mixed.computed_tokens(0) > 0


def test_without_rehearsal_the_batches_are_the_own_ones():
    plain, mixed = batches(0.0)
    for index in range(20):
        assert rows_of(mixed.batch_at(index)) == rows_of(plain.batch_at(index))
    assert mixed.batches_per_epoch == plain.batches_per_epoch
