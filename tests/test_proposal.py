"""The proposal in plain words: everything that a person needs for a yes or a no, and nothing that could mislead."""

import pytest

from fae_training import proposal, runs, state

EVALUATION = {
    "verdict": "pass",
    "proven_better": True,
    "reasons": ["predicting what you were answered: better, and not by chance (2 now, 1.5 after)"],
    "held_out": {"count": 12, "what": "conversations"},
    "fingerprint": "0123456789abcdef",
}
BENCHMARK = {
    "examples": [
        {"prompt": "Is 3 < 4?", "before": "<b>Yes</b> & no", "after": "Yes.", "wanted": "Yes, of course."},
        {"prompt": "And 4 < 3?", "before": "No", "after": "No."},
    ],
    "notes": ["it calls its tools as well as before"],
}  # fmt: skip


@pytest.fixture
def run(home) -> runs.Run:
    place = state.Home(home)
    run = runs.create(place, "sft", {"settings": {}, "learned_from": "40 conversations since May"})
    run.update(notes=["nothing else was changed"], model={"id": "mlx-community/Qwen3.5-4B-4bit"})
    state.write_json(run.file("train_metrics.json"), {"steps_done": 50, "benchmark": BENCHMARK})
    return run


@pytest.fixture
def built(run) -> dict:
    return proposal.build(run, EVALUATION, None)


def test_the_data_say_what_is_proposed_and_on_what_grounds(run, built):
    assert built["run"] == run.id and built["replaces"] == "the base model"
    assert built["results"] == EVALUATION["reasons"] and built["fingerprint"] == "0123456789abcdef"
    assert built["notes"] == ["it calls its tools as well as before", "nothing else was changed"]
    assert proposal.build(run, EVALUATION, {"run": "sft-1"})["replaces"] == "sft-1"


@pytest.mark.parametrize("write", [proposal.as_markdown, proposal.as_html])
def test_a_person_reads_what_how_well_examples_and_how_to_say_yes_or_go_back(run, built, write):
    text = write(built, "ABC-DEF")
    for words in (
        "An update for your language model",
        "40 conversations since May",
        "12 conversations that it never saw",
        "better, and not by chance",
        "it calls its tools as well as before",
        "Yes, of course.",
        "ABC-DEF",
        f"uv run scripts/deploy.py --run {run.id} --code ABC-DEF",
        "undo the last learning update",
        "do nothing",
    ):
        assert words in text


def test_what_was_said_cannot_become_markup(built):
    page = proposal.as_html(built, "ABC-DEF")
    assert "<b>Yes</b>" not in page and "&lt;b&gt;Yes&lt;/b&gt; &amp; no" in page
    assert "Is 3 &lt; 4?" in page


def test_the_page_loads_nothing_from_outside(built):
    page = proposal.as_html(built, "ABC-DEF")
    assert not any(word in page for word in ("http://", "https://", "<script", "src=", "@import"))


def test_no_clear_difference_is_no_recommendation(run):
    built = proposal.build(run, EVALUATION | {"proven_better": False}, None)
    assert "no clear difference" in built["advice"] and "recommend" not in built["advice"]
    assert built["advice"] in proposal.as_markdown(built, "ABC-DEF")


def test_without_examples_and_notes_their_headings_are_left_out(run):
    state.write_json(run.file("train_metrics.json"), {"benchmark": {}})
    run.update(notes=[], learned_from="")
    built = proposal.build(run, EVALUATION, None)
    for text in (proposal.as_markdown(built, "C"), proposal.as_html(built, "C")):
        assert "Before and after" not in text and "Good to know" not in text
        assert "It learned from" not in text
