"""Error rates, recall and false insertions, on transcripts whose errors can be counted by hand."""

import random
from dataclasses import replace
from itertools import count

import pytest

from fae_training.judgement import gate
from fae_training.judgement.benchmark import Benchmark
from fae_training.speech import measures, scoring
from fae_training.speech.material import Example
from fae_training.speech.measures import Heard


def clip(kind, said, candidate, current, base=None, terms=("Marion",), audio=None) -> Heard:
    terms = terms if kind == "correction" else ()
    audio = audio or f"stt/clips/{next(NUMBER)}.wav"
    example = Example(said, "", "recorded", kind, terms, "judge", audio)
    return Heard(example, candidate, current, base or current)


NUMBER = count()
NAMES = tuple(
    [
        "Marion",
        "Siobhan",
        "Saoirse",
        "Anwen",
        "Thaddeus",
        "Persephone",
        "Anouk",
        "Ottoline",
        "Zora",
        "Ines",
        "Malte",
        "Juno",
    ]
)


def judged(clips, terms=("Marion",), look=1, apart=True) -> gate.Decision:
    found = measures.measures(clips, terms)
    changed = sum(one.candidate != one.current for one in clips)
    return gate.decide(Benchmark(found, apart, len(clips), changed, None), look)


def outcomes(decision: gate.Decision) -> dict[str, str]:
    return {one.measure: one.outcome for one in decision.comparisons if one.against == "current"}


def test_case_and_punctuation_are_not_errors():
    assert measures.word_errors("Call Marion, now!", "call marion now") == (0, 3)


def test_words_and_characters_are_counted_by_hand():
    assert measures.word_errors("call Marion now", "call Marian now please") == (2, 3)
    assert measures.character_errors("marion", "marian") == (1, 6)
    assert measures.rate([(1, 4), (0, 6)]) == 0.1


def test_each_word_transcribed_from_silence_is_an_error():
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


def learned(others_heard: str, names=NAMES, each=4) -> list[Heard]:
    """Names that were transcribed as Mary and are now right, and 40 other sentences."""
    clips = [
        clip(
            "correction", f"Call {name} now.", f"Call {name} now.", "Call Mary now.", terms=(name,)
        )
        for name in names
        for _ in range(each)
    ]
    rest = "Open the window.", others_heard, "Open the window."
    return clips + [clip("rehearsal", *rest) for _ in range(40)]


def test_a_model_that_learned_the_names_and_nothing_else_changed_passes():
    clips = learned("Open the window.")
    goal, corrections, *_ = measures.measures(clips, NAMES)
    assert (goal.role, goal.unit, goal.items) == ("goal", "words", NAMES)
    assert (goal.candidate, goal.current) == ((1.0,) * 12, (0.0,) * 12)
    assert corrections.current == pytest.approx((1 / 3,) * 48)
    assert judged(clips, NAMES).verdict == "pass"


def test_a_word_with_many_clips_counts_as_one_with_few():
    clips = learned("Open the window.", NAMES[:-1])
    clips += [clip("correction", "Ask Juno.", "Ask June.", "Ask Juno.") for _ in range(100)]
    goal = measures.term_recall(clips, NAMES)
    assert goal.gains(goal.current) == [*(1,) * 11, -1]


def test_recall_of_a_word_is_the_share_of_its_clips_with_every_occurrence_recognised():
    clips = learned("Open the window.", NAMES[1:], each=1)
    clips += [
        clip("correction", "Marion and Marion", "Marion and Mary", "Mary and Mary"),
        clip("correction", "Call Marion", "marion, call", "Mary"),
    ]
    assert measures.term_recall(clips, NAMES).candidate == (0.5, *(1,) * 11)


def test_a_model_that_learned_the_names_and_recognises_everything_else_worse_is_refused():
    decision = judged(learned("Open Marion window."), NAMES)
    assert decision.verdict == "fail"
    assert outcomes(decision) == {
        "term_recall": "better",
        "corrections_word_error_rate": "kept",
        "rehearsal_word_error_rate": "worse",
        "false_insertions": "worse",
    }


def test_a_model_that_recognises_the_name_and_loses_the_sentence_around_it_is_refused():
    clips = [
        replace(one, candidate=one.example.terms[0]) if one.example.terms else one
        for one in learned("Open the window.")
    ]
    decision = judged(clips, NAMES)
    assert decision.verdict == "fail"
    assert outcomes(decision)["corrections_word_error_rate"] == "worse"


def test_a_falsely_inserted_name_counts_however_long_the_sentence_is():
    """One word of 140 is no loss to speak of; but it is one sentence in three."""
    long = " ".join(["please turn off the light in the kitchen and the one in the hall"] * 10)
    clips = learned("Open the window.")
    clips += [clip("rehearsal", long, f"{long} Marion", long) for _ in range(20)]
    found = outcomes(judged(clips, NAMES))
    assert found["rehearsal_word_error_rate"] == "kept" and found["false_insertions"] == "worse"


def test_one_worse_clip_of_many_may_be_chance_and_many_are_not():
    clips = learned("Open the window.")
    clips += [clip("rehearsal", *["Turn on the light in the hall."] * 3) for _ in range(120)]
    worse = "Turn on the light in the hall.", "Turn on a light in the hall."
    bad = [clip("rehearsal", worse[0], worse[1], worse[0]) for _ in range(24)]
    assert judged([*clips, bad[0]], NAMES).verdict == "pass"
    assert judged(clips + bad, NAMES).verdict != "pass"


def test_with_few_words_each_clip_counts_and_the_title_is_about_these_words():
    clips = learned("Open the window.", NAMES[:2], each=12)
    goal = measures.term_recall(clips, NAMES[:2])
    assert goal.unit == "clips of your words" and len(goal.items) == 24 == len(set(goal.items))
    assert judged(clips, NAMES[:2]).verdict == "pass"
    (note,) = measures.about_few_terms(clips, NAMES[:2])
    assert note.startswith("only 2 words were judged (Marion, Siobhan)") and "these words" in note
    assert measures.about_few_terms(learned("", NAMES), NAMES) == []


def test_too_few_clips_of_few_words_are_never_a_pass_and_it_says_how_many_are_needed():
    # Recorded together, nineteen clips may say little more than six.
    decision = judged(learned("Open the window.", NAMES[:1], each=19), NAMES[:1])
    assert decision.verdict == "not_enough_evidence"
    assert "only 19 clips of your words were held out; 20 are needed" in decision.reasons[0]
    assert judged(learned("Open the window.", NAMES[:1], each=20), NAMES[:1]).verdict == "pass"


def test_without_other_sentences_nothing_shows_that_the_rest_was_kept():
    clips = measures.with_terms(learned(""))
    decision = judged(clips, NAMES)
    assert decision.verdict == "not_enough_evidence"
    assert "no other sentences were held out" in decision.reasons[0]
    assert judged([], NAMES).verdict == "not_enough_evidence"


def test_what_also_chose_the_checkpoint_is_never_a_pass():
    assert judged(learned("Open the window."), NAMES, apart=False).verdict == "not_enough_evidence"


def test_error_rates_over_all_clips_are_reported():
    clips = [
        clip("rehearsal", "one two three four", "one two three", "one two three four"),
        clip("correction", "one", "two", "one"),
    ]
    words, characters = measures.figures(clips)
    assert (words.candidate, words.current, words.unit) == (2 / 5, 0, "word error rate")
    assert characters.candidate == pytest.approx(8 / 21)


def test_the_proposal_shows_the_repaired_sentences_first():
    clips = [
        clip("correction", "Call Marion.", "Call Marian.", "Call Marian."),
        clip("correction", "Text Marion.", "Text Marion.", "Text Marian."),
        clip("rehearsal", "Good night.", "Good night.", "Good light."),
    ]
    first, second = measures.examples(clips)
    assert (first.before, first.after) == ("text [marian] (said: marion)", "text marion")
    assert second.after == "call [marian] (said: marion)"


def test_useless_training_on_few_words_passes_rarely_though_clips_of_a_word_are_alike():
    """benchmarks/bench_gate_words.py has the figures."""
    rng = random.Random(0)
    passed = 0
    for _ in range(100):
        clips = []
        for name in NAMES[:2]:
            for _ in range(4):
                # Three recordings of one minute are transcribed alike.
                new, old = (rng.choice([name, "Mary"]) for _ in range(2))
                texts = [f"Call {who}." for who in (name, new, old)]
                clips += [clip("correction", *texts) for _ in range(3)]
        goal = measures.term_recall(clips, NAMES[:2])
        decision = gate.decide(Benchmark((goal,), True, 1, 1, None), 1)
        passed += decision.verdict == "pass"
    assert passed <= 5


def test_what_was_tried_instead_of_the_training_is_compared_in_a_sentence_that_agrees_with_it():
    elsewhere = clip("rehearsal", "good day", "good day", "good day")
    missed = clip("correction", "call Marion now", "call Marian now", "call Marian now")
    as_good = {"term_recall": 1.0, "rehearsal_wer": 0.0, "false_insertions": 0}
    for found, heard, verdict in (
        (as_good, "call Marian now", "0%: replacing misheard words alone would work as well"),
        (as_good | {"rehearsal_wer": 0.5}, "call Marian now", "0%: what recognises as many of your words makes other"),
        (as_good | {"term_recall": 0.0}, "call Marion now", "100%: the list of words alone (stt/vocabulary.json) would not"),
    ):  # fmt: skip
        clips = [replace(missed, candidate=heard), elsewhere]
        sentence = scoring.in_words({"replacement": found}, clips, ["Marion"])
        assert sentence.startswith("Without training, replacing misheard words recognises")
        assert f"the training recognises {verdict}" in sentence
