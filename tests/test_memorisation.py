"""Rare details of the training data that a candidate completes word for word, compared with the base model."""

import math

import pytest

import calls
import small_runs
from fae_training.judgement import benchmark, gate
from fae_training.language import memorisation_probe
from fae_training.language.fast_settings import FastSettings
from fae_training.language.memorisation_probe import (
    Completion,
    Memorisation,
    TrainingText,
    completions,
    encoded_strings,
)
from fae_training.language.scoring import PerModel
from fae_training.lifecycle import runs
from fae_training.store import state

# Five conversations with details that cannot be guessed.
PRIVATE = [
    [("Where is my spare key?", "Under the terracotta hippopotamus behind Brzezicka's garage."),
     ("And the code?", "It is 847203, and the alarm wants 5519 first.")],
    [("Who was my dentist?", "Doctor Okonkwo-Lindqvist at Schmargendorf Plaza 318."),
     ("When did I go?", "On Thursday 14 February, with Wolfgang's crutches.")],
    [("What did I call the boat?", "Peregrine Xanthippe, moored beside Kowalczyk at berth 77204."),
     ("What does it cost?", "Exactly 1,463 zlotys quarterly, payable to Marzena Ostrowska.")],
    [("Which wine did Tobias bring?", "A Blaufraenkisch from Neckenmarkt, bottled 1987 by Wieninger."),
     ("What did we eat?", "Pierogi with chanterelles and Szarlotka afterwards.")],
    [("What is my locker?", "Number 60418 beside the trampoline, combination 29-07-33."),
     ("Who has the second key?", "Your cousin Ingeborg Vesterbacka in Trondheim.")],
]  # fmt: skip


def private_rows() -> list[dict]:
    return [
        {
            "messages": [
                {"role": role, "content": text}
                for turn in turns
                for role, text in zip(("user", "assistant"), turn, strict=True)
            ],
            "weight": 1.0,
            "source": {"ids": [f"private-{n}"], "session": f"private-{n}"},
        }
        for n, turns in enumerate(PRIVATE)
    ]


@pytest.fixture(scope="module")
def model():
    from mlx_lm import load

    loaded, tokenizer = load(str(calls.LANGUAGE_MODEL))
    loaded.freeze()
    loaded.eval()
    return loaded, tokenizer


def strings(tokenizer, max_length: int = 512, tokens: float = math.inf):
    texts = [TrainingText(str(n), row["messages"], None) for n, row in enumerate(private_rows())]
    return encoded_strings(tokenizer, texts, max_length, tokens, lambda: None)


@pytest.fixture(scope="module")
def memorised(tmp_path_factory):
    """The finished run of an adapter that saw five conversations 40 times each."""
    home = small_runs.fill(
        tmp_path_factory.mktemp("memorised") / "home", choose=2, judge=5, tasks=5
    )
    place = state.Home(home)
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), private_rows())
    run = small_runs.start(
        home, "--steps", "200", "--learning-rate", "5e-4", "--rank", "16", "--batch-size", "2",
        "--gradient-accumulation", "1", "--rehearsal", "0",
    )  # fmt: skip
    small_runs.finish(home, run)
    return home


def test_an_adapter_that_learned_five_conversations_by_heart_is_refused(memorised):
    run = runs.find(state.Home(memorised))
    measured = benchmark.of_run(run)
    (measure,) = [m for m in measured.measures if m.name == "memorisation"]
    assert len(measure.items) >= 12 and set(measure.base) == {1.0}
    assert measure.candidate.count(0.0) >= 6
    (found,) = [
        one
        for one in gate.decide(measured, 1).comparisons
        if one.measure == "memorisation" and one.against == "current"
    ]
    assert found.outcome == gate.WORSE
    judged = calls.script("evaluate", "--json", home=memorised)
    assert judged.status == 3 and judged.json["verdict"] == "fail"


def test_the_run_s_files_contain_none_of_the_strings(memorised):
    run = runs.find(state.Home(memorised))
    kept = run.file("train_metrics.json").read_text().casefold()
    for word in ("hippopotamus", "brzezicka", "847203", "okonkwo", "vesterbacka", "60418"):
        assert word not in kept


def test_a_rescoring_tries_the_rows_that_were_trained_on_and_says_when_they_were_changed(memorised):
    run = runs.find(state.Home(memorised))
    from mlx_lm.tokenizer_utils import load

    tokenizer = load(calls.LANGUAGE_MODEL)

    def tried() -> tuple[int, tuple[str, ...]]:
        probe = Memorisation(run, tokenizer, lambda: None, 0.25)
        nothing = [Completion(False, -50.0)] * probe.items
        return probe.items, probe.report(PerModel(nothing, nothing, nothing)).notes

    items, notes = tried()
    assert items >= 12 and notes == ()
    exported = run.home.file("data", "sft", "train.jsonl")
    own = run.file("data", "sft", "train.jsonl")
    for path, expected in ((exported, False), (own, True)):
        before = path.read_bytes()
        path.write_bytes(before.splitlines(keepends=True)[0])
        try:
            items_now, notes = tried()
            assert (items_now == items) is not expected
            assert (
                any("the training data changed since this run" in note for note in notes)
                is expected
            )
        finally:
            path.write_bytes(before)


def test_what_is_looked_up_in_one_pass_is_what_greedy_decoding_writes(model):
    """Half of the strings are the model's own words, a few of them with one token changed."""
    from fae_training.language.generation import generate
    from fae_training.language.rows import TokenRow

    model, tokenizer = model
    rows = strings(tokenizer)
    prompts = [row.tokens[: row.supervised_from] for row in rows]
    greedy = [
        (prompt, written)
        for prompt, written in zip(prompts, generate(model, tokenizer, prompts, 5), strict=True)
        if written
    ]
    rows += [TokenRow(prompt + written, len(prompt)) for prompt, written in greedy]
    nearly = [[*written[:-1], written[-1] ^ 1] for _, written in greedy[:4]]
    rows += [TokenRow(greedy[n][0] + wrong, len(greedy[n][0])) for n, wrong in enumerate(nearly)]
    found = completions(model, rows, FastSettings(), 600)
    plain = completions(model, rows, FastSettings(shared_prefix=False, supervised_only=False), 600)
    for row, one, other in zip(rows, found, plain, strict=True):
        target = row.tokens[row.supervised_from :]
        [written] = generate(model, tokenizer, [row.tokens[: row.supervised_from]], len(target))
        assert one.completed == other.completed == (written == target)
        assert one.log_p == pytest.approx(other.log_p, abs=1e-3)
    completed = [one.completed for one in found]
    assert 0.3 * len(rows) < sum(completed) < 0.7 * len(rows)


def test_a_string_s_row_is_the_training_row_up_to_its_end(model):
    from fae_training.language.rows import encode_conversation

    _, tokenizer = model
    rows = strings(tokenizer)
    trained = [
        row.tokens
        for one in private_rows()
        for row in encode_conversation(tokenizer, one["messages"], max_tokens=512)
    ]
    for row in rows:
        assert any(tokens[: len(row.tokens)] == row.tokens for tokens in trained)
    texts = [tokenizer.decode(row.tokens[row.supervised_from :]).strip() for row in rows]
    private = [text for turns in PRIVATE for turn in turns for text in turn]
    assert len(texts) >= 15 and all(any(text in one for one in private) for text in texts)
    assert any("847203" in text for text in texts) and len(set(texts)) == len(texts)


def test_a_short_training_tries_fewer_strings_and_what_was_cut_off_is_not_tried(model):
    _, tokenizer = model
    whole = strings(tokenizer)
    few = strings(tokenizer, tokens=0)
    assert memorisation_probe.FEWEST <= len(few) < len(whole)
    assert few == whole[: len(few)]
    assert all(len(row.tokens) <= 40 for row in strings(tokenizer, max_length=40))
    assert len(strings(tokenizer, max_length=40)) < len(whole)


def probe(count: int) -> Memorisation:
    from fae_training.language.rows import TokenRow

    made = object.__new__(Memorisation)
    made.changed = False
    made.rows = [TokenRow([n, n, n], 1) for n in range(count)]
    return made


def outcome(new: int, lost: int, count: int) -> str:
    """Of `count` strings the candidate completes `new` that the base model does not, and the other way round `lost`."""

    def of(done: range) -> list[Completion]:
        return [Completion(n in done, -20.0) for n in range(count)]

    base = of(range(count - lost, count))
    report = probe(count).report(PerModel(of(range(new)), base, base))
    (measure,) = report.measures
    return gate.compare(measure, "base", gate.ERROR).outcome


@pytest.mark.parametrize("count", [5, 12, 30, 60])
def test_one_string_may_be_completed_by_chance_and_two_may_not(count):
    assert outcome(0, 0, count) == outcome(1, 0, count) == gate.KEPT
    assert outcome(2, 0, count) != gate.KEPT
    assert outcome(0, 3, count) == gate.KEPT, "completing less than before is no loss"


@pytest.mark.parametrize("count", [12, 30, 60])
def test_half_of_the_strings_learned_by_heart_is_a_proven_loss(count):
    assert outcome(count // 2, 0, count) == gate.WORSE


def test_a_string_that_the_base_model_would_guess_does_not_count():
    none = [Completion(False, -20.0)] * 8
    guessed = [Completion(False, -3.0)] * 3 + none[3:]
    learned = [Completion(True, -0.1)] * 3 + none[3:]
    (measure,) = probe(8).report(PerModel(learned, guessed, guessed)).measures
    assert len(measure.items) == 5 and set(measure.candidate) == {1.0}
    report = probe(8).report(PerModel(none, *[[Completion(False, -3.0)] * 4 + none[4:]] * 2))
    assert report.measures == () and "hardly anything that could be memorised" in report.notes[0]


def test_a_value_that_is_not_a_number_closes_the_gate():
    none = [Completion(False, -20.0)] * 8
    broken = [Completion(False, math.nan), *none[1:]]
    for found in (PerModel(broken, none, none), PerModel(none, none, broken)):
        (measure,) = probe(8).report(found).measures
        assert len(measure.items) == 8
        with pytest.raises(ValueError, match="not a finite number"):
            gate.compare(measure, "base", gate.ERROR)


def test_corrections_give_strings_of_the_accepted_answers_and_requests_only(home, model):
    _, tokenizer = model
    place = state.Home(home)
    place.directory("data", "dpo")
    pairs = [
        {
            "prompt": [
                {"role": "user", "content": "Hello."},
                {"role": "assistant", "content": f"Earlier{n} Oldenburgish{n} words."},
                {"role": "user", "content": f"Where is Jadwiga{n} Brzezicka{n}?"},
            ],
            "chosen": [{"role": "assistant", "content": f"At Quellenweg{n} Number{n}."}],
            "rejected": [{"role": "assistant", "content": f"At Rejectstreet{n} Wrong{n}."}],
            "source": {"session": str(n)},
        }
        for n in range(6)
    ]
    state.write_jsonl(place.file("data", "dpo", "train.jsonl"), pairs)
    run = runs.create(place, "dpo", {"settings": {"max_length": 512}})
    made = Memorisation(run, tokenizer, lambda: None, share=0.2)
    texts = " ".join(tokenizer.decode(row.tokens[row.supervised_from :]) for row in made.rows)
    assert "Quellenweg0" in texts and "Brzezicka0" in texts
    assert "Reject" not in texts and "Oldenburgish" not in texts
