"""The alternative to training: a line for the directive, how it is measured with the base model, and where it is reported."""

import dataclasses
import random
from dataclasses import asdict

import pytest

import calls
import prepared
import small_runs
import world
from fae_training.judgement import alternative, benchmark, evaluation
from fae_training.judgement.alternative import Alternative
from fae_training.judgement.benchmark import Measure
from fae_training.language import traits
from fae_training.lifecycle import runs
from fae_training.pages.proposal_page import as_html, as_markdown
from fae_training.release import proposal
from fae_training.rows.row_forms import Conversation
from fae_training.store import state

ITEMS = tuple(f"c{n}" for n in range(200))
BASE = tuple(2 + n / 200 for n in range(200))


def answers(style: str, count: int) -> list[str]:
    rng = random.Random(1)
    talks = [world.small_conversation(rng, style) for _ in range(count)]
    return [m["content"] for talk in talks for m in talk.messages if m["role"] == "assistant"]


def measure(trained: tuple[float, ...]) -> Measure:
    return Measure(
        "conversation_loss", "Predicting your conversations", "conversations", "nats a token", "lower", "goal",
        "ratio", 0.02, 0.01, ITEMS, trained, BASE, BASE,
    )  # fmt: skip


def found(line_factor: float, trained_factor: float, noise: float = 0.001) -> Alternative:
    """The line and the training at these shares of the base model's losses."""
    from fae_training.language import directive

    rng = random.Random(2)

    def at(factor: float) -> tuple[float, ...]:
        return tuple(loss * factor * (1 + rng.gauss(0, noise)) for loss in BASE)

    tried = directive.Tried("Be brief.", dict(zip(ITEMS, at(line_factor), strict=True)), [])
    result = directive.compared(tried, measure(at(trained_factor)), [], lambda who: [])
    return Alternative(**result)


def test_the_line_describes_the_traits_in_which_the_base_model_is_furthest_from_the_person():
    from fae_training.language import directive

    history = traits.of_history(answers(world.PERSONAL, 40))
    line = directive.line_of(history, answers(world.LONG, 10))
    assert "Always call the user Sam." in line and "Do not use exclamation marks." in line
    assert f"Answer in about {history[0].history:.0f} words." in line
    assert directive.line_of([], ["anything"]) == ""


def test_the_line_is_in_the_system_message_and_the_answers_that_are_scored_are_the_same():
    from mlx_lm.tokenizer_utils import load

    from fae_training.language import directive
    from fae_training.language.rows import encode_conversation

    tokenizer = load(calls.LANGUAGE_MODEL)
    turns = [
        {"role": "user", "content": "Is it warm?"},
        {"role": "assistant", "content": "Yes, Sam."},
        {"role": "user", "content": "And tomorrow?"},
        {"role": "assistant", "content": "Rain, Sam."},
    ]
    for messages in (turns, [{"role": "system", "content": "You are Fae."}, *turns]):
        own = encode_conversation(tokenizer, messages, max_tokens=512)
        rows = directive.rows_with_line(tokenizer, [Conversation(messages)], "Be brief.", 512)
        for row, before in zip(rows, own, strict=True):
            assert row.tokens[row.supervised_from :] == before.tokens[before.supervised_from :]
            assert tokenizer.decode(row.tokens).count("Be brief.<|im_end|>") == 1
        first = directive.with_line(Conversation(messages), "Be brief.").messages[0]
        assert first["role"] == "system" and first["content"].endswith("Be brief.")


@pytest.mark.parametrize(
    "line, trained, outcome, as_good",
    [
        (0.8, 0.8, "kept", True),
        (0.7, 0.8, "better", True),
        (0.804, 0.8, "kept", True),  # within the margin of 2 %
        (0.9, 0.7, "worse", False),
    ],
)
def test_a_line_is_as_good_when_a_loss_beyond_the_margin_is_ruled_out(
    line, trained, outcome, as_good
):
    one = found(line, trained)
    assert (one.outcome, one.as_good) == (outcome, as_good)
    assert one.count == 200 and one.with_line == pytest.approx(line * one.base, rel=0.01)
    assert one.trained == pytest.approx(trained * one.base, rel=0.01)


def test_with_a_wide_interval_nothing_is_claimed():
    one = found(0.8, 0.8, noise=0.2)
    assert one.outcome == "not_shown" and not one.as_good
    assert "it is not certain" in one.sentence


def answers_for(home, one: Alternative):
    """The proposal of a run for which this was found, and what evaluate answers."""
    place = prepared.allowed(home)
    run = prepared.finished(place)
    result = run.result()
    result["benchmark"]["details"] = {alternative.NAME: asdict(one)}
    state.write_json(run.file("train_metrics.json"), result)
    judged = evaluation.make(run)
    made = proposal.build(run, judged, benchmark.of_run(run))
    return made, calls.script("evaluate", "--run", run.id, home=home).out, calls.answer("evaluate", home=home)  # fmt: skip


def test_a_line_that_is_as_good_comes_first_in_the_proposal(home, tmp_path):
    made, text, answer = answers_for(home, found(0.8, 0.8))
    assert made.alternative.as_good and answer["without_training"]["as_good"] is True
    first = as_markdown(made, "").splitlines()[2]
    assert first.startswith('The line "Be brief." in Fae\'s directive does as well as this update')
    page = as_html(made, "ABC-DEF", tmp_path)
    assert page.index("does as well as this update") < page.index(made.verdict[:20])
    assert proposal.spoken(made).startswith(proposal.WITHOUT_TRAINING)
    assert len(proposal.spoken(made).split()) <= proposal.MOST_SPOKEN_WORDS
    assert "does as well as this update" in text and "nats a token on 200 conversations" in text


def test_a_line_that_is_not_as_good_is_a_note(home, tmp_path):
    made, text, answer = answers_for(home, found(0.9, 0.7))
    assert (
        answer["without_training"]["as_good"] is False
        and "predicts your conversations better" in text
    )
    lines = as_markdown(made, "").splitlines()
    assert lines[2] == made.verdict and any("was tried instead of training" in line for line in lines)  # fmt: skip
    assert proposal.WITHOUT_TRAINING not in proposal.spoken(made)
    assert "was tried instead of training" in as_html(made, "ABC-DEF", tmp_path)


def test_nothing_is_reported_if_nothing_was_tried(home):
    place = prepared.allowed(home)
    run = prepared.judged(place)
    assert alternative.of(run, benchmark.of_run(run)) is None
    assert "without_training" not in calls.answer("evaluate", home=home)


def test_the_base_model_is_scored_with_the_line_on_the_same_rows(home):
    """By the probe itself, with the sample model; checked against the losses of rows that are made here."""
    import mlx.core as mx
    from mlx_lm import load

    from fae_training.language import conversation_probe, directive, losses
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.scoring import PerModel, Subject

    small_runs.fill(home, train=12, judge=6)
    run = runs.create(state.Home(home), "sft", {"settings": {"max_length": 512}})
    model, tokenizer = load(str(calls.LANGUAGE_MODEL))
    model.freeze()
    model.eval()
    probe = conversation_probe.Conversations(run, tokenizer, lambda: None, "goal", share=1.0)
    subject = Subject(model, FastSettings.off(), None)
    base = probe.measure(subject, lambda count: None)
    assert probe.tried.line and len(probe.tried.answers) == len(base.answers)
    rows = directive.rows_with_line(tokenizer, probe.judged, probe.tried.line, 512)
    wanted = losses.conversation_losses(rows, losses.row_losses(model, rows, subject.fast, 2048))
    assert probe.tried.losses == pytest.approx(wanted) and probe.tried.losses != base.losses
    better = dataclasses.replace(base, losses={n: 0.1 * v for n, v in base.losses.items()})
    kept = probe.report(PerModel(better, base, base)).details[alternative.NAME]
    one = Alternative(**kept)
    assert one.outcome == "worse" and one.count == 6
    assert one.with_line == pytest.approx(sum(wanted.values()) / 6)
    assert mx.array(one.base).item() == pytest.approx(sum(base.losses.values()) / 6)
    guard = conversation_probe.Conversations(run, tokenizer, lambda: None, "guard", share=1.0)
    guard.measure(subject, lambda count: None)
    assert guard.tried is None, "of a training for which conversations are no goal"
