"""Error rates, recall and false insertions, on transcripts whose errors can be counted by hand."""

import pytest

from fae_training import gate
from fae_training.speech import measures


def item(kind, said, candidate, current, base=None, origin="recorded"):
    return {
        "kind": kind,
        "said": said,
        "candidate": candidate,
        "current": current,
        "base": base or current,
        "origin": origin,
    }


def test_case_and_punctuation_are_no_errors():
    assert measures.word_errors("Call Marion, now!", "call marion now") == (0, 3)


def test_words_and_characters_are_counted_by_hand():
    assert measures.word_errors("call Marion now", "call Marian now please") == (2, 3)
    assert measures.character_errors("marion", "marian") == (1, 6)
    assert measures.rate([(1, 4), (0, 6)]) == 0.1


def test_what_is_heard_in_silence_is_an_error_each_word():
    assert measures.word_errors("", "hello there") == (2, 0)
    assert measures.rate([measures.word_errors("", "")]) == 0


def test_a_term_is_found_as_whole_words_only():
    assert measures.occurrences("Marion", "Marion, Marion's and Marionette") == 1
    assert measures.occurrences("van Gogh", "The Van Gogh museum") == 1


def test_recall_and_false_insertions():
    assert measures.terms_heard(["Marion"], "Marion and Marion", "Marion and Marian") == (1, 2)
    assert measures.false_insertions(["Marion"], "call Mary", "call Marion") == 1
    assert measures.false_insertions(["Marion"], "call Marion", "call Marion") == 0


def test_differences_are_shown_word_by_word():
    shown = measures.differences("Call Marion now.", "call Marian now")
    assert shown == "call [marian] (said: marion) now"


def learned(others_heard: str) -> dict:
    items = [
        item("correction", "Call Marion now.", "Call Marion now.", "Call Marian now.")
        for _ in range(8)
    ]
    items += [
        item("rehearsal", "Open the window.", others_heard, "Open the window.") for _ in range(8)
    ]
    return measures.benchmark(items, ["Marion"], [])


def test_a_model_that_learned_the_names_and_nothing_else_changed_passes():
    benchmark = learned("Open the window.")
    by_name = {m["name"]: m for m in benchmark["measures"]}
    assert (by_name["term_recall"]["candidate"], by_name["term_recall"]["current"]) == (1, 0)
    assert by_name["corrections_wer"]["current"] == pytest.approx(1 / 3)
    decision = gate.decide(benchmark)
    assert decision["verdict"] == "pass" and decision["proven_better"]


def test_a_model_that_learned_the_names_and_hears_everything_else_worse_is_refused():
    decision = gate.decide(learned("Open Marion window."))
    assert decision["verdict"] == "fail"
    worse = [m["name"] for m in decision["measures"] if m["outcome"] == "worse"]
    assert "rehearsal_wer" in worse and "false_insertions" in worse


def test_the_pairs_of_the_bootstrap_have_the_rate_as_their_mean():
    items = [
        item("rehearsal", "one two three four", "one two three", "one two three four"),
        item("rehearsal", "one", "two", "one"),
    ]
    (wer, *_) = measures.benchmark(items, [], [])["measures"]
    assert wer["candidate"] == pytest.approx(2 / 5)
    assert sum(wer["per_item"]["candidate"]) / 2 == pytest.approx(wer["candidate"])


def test_the_proposal_shows_the_repaired_sentences_first():
    items = [
        item("correction", "Call Marion.", "Call Marian.", "Call Marian."),
        item("correction", "Text Marion.", "Text Marion.", "Text Marian."),
    ]
    first, second = measures.examples(items)
    assert (first["before"], first["after"]) == ("text [marian] (said: marion)", "text marion")
    assert second["after"] == "call [marian] (said: marion)"


def test_one_clip_of_many_that_is_heard_worse_may_be_chance():
    items = [item("correction", "Call Marion.", "Call Marion.", "Call Marian.") for _ in range(8)]
    items += [item("rehearsal", "Open the window.", "Open the window.", "Open the window.")] * 39
    items += [item("rehearsal", "Open the door.", "Open a door.", "Open the door.")]
    decision = gate.decide(measures.benchmark(items, ["Marion"], []))
    outcome = {m["name"]: m["outcome"] for m in decision["measures"]}
    assert decision["verdict"] == "pass" and outcome["rehearsal_wer"] == "by chance"
    items += [item("rehearsal", "Open the door.", "Open a door.", "Open the door.")] * 4
    assert gate.decide(measures.benchmark(items, ["Marion"], []))["verdict"] == "fail"
