"""Finding corrections in dialogue and making preference pairs of them."""

import re
import time
from pathlib import Path

import pytest

import calls
from fae_days import Days, plain
from fae_training.conversations import sounds, source, verdicts
from fae_training.corrections import preference_pairs, spoken
from fae_training.lifecycle import provenance
from fae_training.store import consent
from fae_training.store.state import Home, read_jsonl

CORPUS = Path(__file__).parent / "data" / "corrections.jsonl"
LONG = (
    "Owls hunt by ear. Their face gathers sound like a dish, one ear sits higher than the other, and so they "
    "know from where a mouse rustles, even under snow and in the dark."
)
SHORT = "Owls hunt by ear, in the dark."


@pytest.fixture
def days(tmp_path) -> Days:
    return Days(tmp_path / "fae")


@pytest.fixture
def mine(days, home):
    """A function that finds the pairs in `days`; it returns (pairs, PairMiner)."""

    def run():
        found = preference_pairs.PairMiner("You are Fae.")
        with source.dialogue(Home(home), days.done()) as dialogue:
            return [
                pair.as_row() for talk in dialogue.conversations() for pair in found.pairs(talk)
            ], found

    return run


# Which pairs are honest.


def test_a_shorter_answer_is_preferred_to_the_one_it_replaced(days, mine):
    first = days.talk(plain(1), ("How do owls hunt?", LONG), ("Too long.", "Sure! " + SHORT))
    (row,), found = mine()
    assert [m["content"] for m in row["prompt"]] == ["You are Fae.", *plain(1), "How do owls hunt?"]
    assert row["chosen"] == [
        {"role": "assistant", "content": SHORT}
    ]  # without "Sure!", which answered "too long"
    assert row["rejected"] == [{"role": "assistant", "content": LONG}]
    assert (row["pattern"], row["weight"]) == ("shorter", 0.9)
    assert row["source"]["ids"] == first[1:] and row["source"]["session"]
    assert found.found["shorter"] == 1


def test_praise_raises_the_weight_and_makes_no_pair(days, mine):
    days.talk(("How do owls hunt?", LONG), ("Too long.", SHORT), ("Perfect, thank you.", "Gladly."))
    days.talk(plain(1), ("Exactly right.", "Good."))
    (row,), found = mine()
    assert row["weight"] == 1.0 and found.found == {"shorter": 1, "praise": 2}


def test_in_a_chain_the_accepted_answer_is_preferred_to_the_last_rejected_one(days, mine):
    middle = "Owls hunt by ear: a face like a dish, one ear higher than the other, and soft wings."
    days.talk(("How do owls hunt?", LONG), ("Shorter please.", middle), ("Still too long.", SHORT))
    (row,), found = mine()
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == (SHORT, middle)
    assert row["prompt"][-1]["content"] == "How do owls hunt?"
    assert found.left_out["not_accepted"] == 1


def test_an_answer_that_was_corrected_too_is_never_preferred(days, mine):
    days.talk(
        ("How do owls hunt?", LONG), ("Too long.", SHORT), ("That's wrong.", "My pin is 4821.")
    )
    rows, found = mine()
    assert rows == [] and found.left_out == {"answer_missing": 1, "not_accepted": 1}


def test_a_misunderstood_request_is_folded_into_the_question(days, mine):
    days.talk(("How big is a cricket?", "A cricket pitch is 22 yards long."),
              ("No, I meant the insect.", "About two centimetres."))  # fmt: skip
    (row,), _ = mine()
    assert row["prompt"][-1]["content"] == "How big is a cricket? I mean the insect."
    assert row["chosen"][0]["content"] == "About two centimetres."


@pytest.mark.parametrize(
    ("asked", "corrected", "reason"),
    [
        ("What is the capital of France?", "No, I meant Spain.", "request_changed"),
        ("What should I cook on Tuesday?", "No, I meant Thursday.", "request_changed"),
        ("Where is the red one?", "I meant the blue one, not the red one.", "request_changed"),
        ("How do I draw a pen?", "I said hen, as in the chicken.", "misheard"),
    ],
)
def test_no_pair_is_made_where_the_request_was_another(days, mine, asked, corrected, reason):
    days.talk((asked, "Like this, I think."), (corrected, "Then it is like that."))
    rows, found = mine()
    assert rows == [] and found.left_out[reason] == 1


def test_a_right_answer_is_preferred_to_the_wrong_one(days, mine):
    days.talk(
        ("Who painted Guernica?", "Dalí did."),
        ("That's wrong.", "You're right, sorry. Picasso painted it."),
    )
    (row,), _ = mine()
    assert row["chosen"][0]["content"] == "Picasso painted it." and row["pattern"] == "wrong"


def test_an_apology_alone_is_not_a_better_answer(days, mine):
    days.talk(("Who painted Guernica?", "Dalí did."), ("That's wrong.", "Sorry, my mistake."))
    rows, found = mine()
    assert rows == [] and found.left_out["only_an_apology"] == 1


def test_an_answer_that_did_not_follow_is_not_a_better_one(days, mine):
    days.talk(("How do owls hunt?", LONG), ("Too long.", LONG + " And their wings are soft."))
    rows, found = mine()
    assert rows == [] and found.left_out["not_followed"] == 1


def test_the_same_question_in_other_words_prefers_the_second_answer(days, mine):
    days.talk(("How do I get wax out of a tablecloth?", "Wax is made of paraffin."),
              ("What removes candle wax from a tablecloth?", "Freeze it and scrape it off."))  # fmt: skip
    (row,), _ = mine()
    assert (row["pattern"], row["weight"]) == ("reask", 0.6)
    assert row["prompt"][-1]["content"] == "How do I get wax out of a tablecloth?"


@pytest.mark.parametrize(
    "following",
    [
        "How do I get wine out of a tablecloth?",
        "And how do I get wax out of a carpet?",
        "Tell me another use of wax.",
    ],
)
def test_a_new_question_is_not_the_same_one_again(following):
    assert (
        verdicts.classify(following, "How do I get wax out of a tablecloth?", "Freeze it.", 9)
        is None
    )


def test_a_simpler_version_after_five_minutes_is_weaker_evidence(days, mine):
    days.talk(
        ("How do owls hunt?", LONG), ("Give me a simpler version.", "They hear the mouse.", 420)
    )
    (row,), _ = mine()
    assert (row["pattern"], row["weight"]) == ("simpler_after_silence", 0.6)


def test_what_must_not_be_learned_makes_no_pair_either(days, mine, home):
    for number, speaker in enumerate(("leo", None)):
        days.talk((f"How do owls hunt {number}?", LONG), ("Too long.", SHORT), speaker=speaker)
    days.talk(("How does the clinic hunt owls?", LONG), ("Too long.", SHORT))
    days.ask("Forget the clinic.", "It is forgotten.")
    days.talk(("How do owls hunt at my pin 4821?", LONG), ("Too long.", SHORT))
    rows, _ = mine()
    assert rows == []


def test_the_sample_s_corrections_are_found_and_its_other_dialogues_give_none(fae_directory, home):
    found = preference_pairs.PairMiner(None)
    with source.dialogue(Home(home), fae_directory.database) as dialogue:
        rows = [row for talk in dialogue.conversations() for row in found.pairs(talk)]
    planted = {
        session: what.removeprefix("correction: ").replace(" ", "_")
        for what, sessions in fae_directory.planted.items()
        if what.startswith("correction: ")
        for session in sessions
    }
    names = {"asked_again": "reask"}
    right = [
        row for row in rows if names.get(k := planted.get(row.source["session"]), k) == row.pattern
    ]
    assert len(right) / len(rows) >= 0.95
    # Who says "No, I meant Spain" after asking for France changed the request: such sessions make no pair.
    possible = [session for session, what in planted.items() if what != "meant"]
    assert len(right) / len(possible) >= 0.85


# Misheard words.


@pytest.mark.parametrize(
    ("form", "cue"),
    [
        pytest.param(form, cue, id=cue.example)
        for form, cues in spoken.FORMS.items()
        for cue in cues
    ],
)
def test_each_form_of_a_correction_is_the_first_that_its_example_has(form, cue):
    found = spoken.find(cue.example, "call Marian please")
    assert found == spoken.SpokenCorrection("Marian", "Marion", form)
    assert re.search(cue.pattern, cue.example, re.I)


@pytest.mark.parametrize("cue", preference_pairs.LEAD_INS, ids=lambda cue: cue.example)
def test_what_an_answer_given_again_begins_with_is_taken_off(cue):
    assert re.match(cue.pattern, cue.example, re.I)
    assert (
        preference_pairs._LEAD_IN.sub("", f"{cue.example} Owls hunt by ear.") == "Owls hunt by ear."
    )


@pytest.mark.parametrize(
    ("said", "before", "heard", "meant"),
    [
        ("My name is Marion, not Marian.", "", "Marian", "Marion"),
        ("her name is Siobhan not Chevron", "", "Chevron", "Siobhan"),
        ("No, I said Ceilidh, not Kayley.", "", "Kayley", "Ceilidh"),
        ("it's spelled M A R I O N", "call Marian please", "Marian", "Marion"),
        ("No, Katja, as in the dancer.", "tell me about Katya", "Katya", "Katja"),
        ("I said hen", "how do I draw a pen", "pen", "hen"),
        ("not Marian, Marion", "", "Marian", "Marion"),
        ("It's Siobhan, not Shivon.", "", "Shivon", "Siobhan"),
        ("It's Ngozi, not Gozi.", "", "Gozi", "Ngozi"),
        ("It's Joaquin, not Walking.", "", "Walking", "Joaquin"),
        ("It\u2019s O\u2019Brien, not Bryan.", "", "Bryan", "O'Brien"),
        ("No, it's Jean-Luc, not John Luke.", "", "John Luke", "Jean-Luc"),
        ("I'm Niamh, not Neve.", "", "Neve", "Niamh"),
        ("That's C++, not C.", "", "C", "C++"),
    ],
)
def test_a_misheard_word_is_found(said, before, heard, meant):
    found = spoken.find(said, before)
    assert (found.heard, found.meant) == (heard, meant)


@pytest.mark.parametrize(
    "said",
    [
        "It's Prince, not Michael Jackson.",
        "I said no, not again.",
        "It's not that, it's fine.",
        "It's Tuesday, not Friday.",
        "It's Monday, not Sunday.",
        "It's Saturday, not Sunday.",
        "It's Tuesday, not Thursday.",
        "it's cheese, not juice",
        "It's Мария, not Борис.",
        "It's 李雷, not 韩梅梅.",
        "My name is Marion.",
    ],
)
def test_a_corrected_fact_is_not_a_misheard_word(said):
    assert spoken.find(said, "who sang purple rain") is None


PAIRS = [line.split("\t") for line in (Path(__file__).parent / "data" / "sound_alikes.tsv").read_text("utf-8").splitlines()[1:]]  # fmt: skip


@pytest.mark.parametrize("part", ["develop", "unseen"])
def test_names_that_sound_alike_are_distinguished_from_other_words(part):
    """At first sight 28 of 30 and 29 of 30 of the unseen pairs were right."""
    wrong = [
        (heard, meant)
        for heard, meant, alike, where in PAIRS
        if where == part and sounds.alike(heard, meant) != (alike == "yes")
    ]
    assert len(wrong) <= 3, wrong


def test_a_correction_of_any_length_is_read_in_time_that_grows_with_it():
    for text in (
        " " * 100_000 + "x",
        "a." * 50_000,
        "it's a, not " * 9_000,
        "x" * 100_000,
        "I said " * 14_000,
    ):
        began = time.process_time()
        spoken.find(text, "hm")
        whole = time.process_time() - began
        began = time.process_time()
        spoken.find(text[: len(text) // 8], "hm")
        assert whole < 24 * (time.process_time() - began) + 0.05


# The script.


def test_it_writes_pairs_that_train_dpo_reads_and_misheard_words_once(days, home):
    consent.change(Home(home), ["conversations", "corrections"], [])
    for number in range(30):
        question, reply = plain(number)
        days.talk((question, reply + " " + LONG), ("Too long.", reply))
    days.talk(
        ("I am Marion.", "Hello Marian."), ("My name is Marion, not Marian.", "Hello Marion.")
    )
    database = days.done()
    answer = calls.answer("extract_corrections", "--db", database, home=home)
    rows = [side.rows for side in provenance.read(home / "data", "dpo")]
    assert (
        answer["rows"] == {"train": len(rows[0]), "valid": len(rows[1])}
        and sum(map(len, rows)) == 30
    )
    assert len(rows[1]) > 0
    calls.answer("extract_corrections", "--db", database, home=home)
    heard = [(row["heard"], row["meant"]) for row in read_jsonl(home / "stt/corrections.jsonl")]
    assert heard == [("Marian", "Marion")]


def test_no_correction_at_all_says_what_would_count_as_one(days, home):
    consent.change(Home(home), ["conversations", "corrections"], [])
    days.talk(plain(1), plain(2))
    got = calls.script("extract_corrections", "--db", days.done(), "--json", home=home)
    error = got.json["error"]
    assert (got.status, error["code"]) == (4, "no_corrections")
    assert "2 episodes" in error["message"] and '"too long"' in error["hint"]


def test_without_session_messages_it_reports_that_the_order_is_unknown(tmp_path, home):
    consent.change(Home(home), ["conversations", "corrections"], [])
    days = Days(tmp_path / "old", version=7, owner=False)
    days.talk(("How do owls hunt?", LONG), ("Too long.", SHORT))
    got = calls.script("extract_corrections", "--db", days.done(), "--json", home=home)
    assert got.status == 4 and "no session messages" in got.json["error"]["message"]


@pytest.mark.parametrize("granted", ["conversations", "corrections"])
def test_it_needs_the_consent_for_both(days, home, granted):
    consent.change(Home(home), [granted], [])
    days.talk(plain(1))
    got = calls.script("extract_corrections", "--db", days.done(), "--json", home=home)
    assert (got.status, got.json["error"]["code"]) == (3, "no_consent")
