"""The figures beside the measures: traits of the generated answers, and the cost of a model."""

import pytest

import calls
import small_runs
from fae_training.judgement import benchmark
from fae_training.language import conversation_probe
from fae_training.language.conversation_probe import ConversationResults, prompts_of
from fae_training.language.scoring import Cost, PerModel, cost_figures
from fae_training.lifecycle import runs
from fae_training.rows.row_forms import Conversation
from fae_training.store import state


@pytest.fixture(scope="module")
def tokenizer():
    from mlx_lm.tokenizer_utils import load

    return load(calls.LANGUAGE_MODEL)


def talks(count: int, words: int = 4) -> list[Conversation]:
    return [
        Conversation([{"role": "user", "content": f"{n} " * words}, {"role": "assistant", "content": "Yes."}])
        for n in range(count)
    ]  # fmt: skip


def test_answers_are_written_as_the_budget_allows_at_least_five_and_at_most_twenty(tokenizer):
    def count(tokens: float) -> int:
        return len(prompts_of(talks(40), tokenizer, 512, tokens))

    one = len(prompts_of(talks(1), tokenizer, 512)[0].tokens)
    each = one + conversation_probe.WRITTEN_TOKEN * conversation_probe.LONGEST_ANSWER
    assert count(0) == 5 and count(10**9) == 20
    assert abs(count(10 * each) - 10) <= 1
    assert len(prompts_of(talks(3), tokenizer, 512, 10**9)) == 3


def test_a_request_that_is_longer_than_a_row_is_cut_as_a_row_is(tokenizer):
    prompts = prompts_of(talks(3, words=600), tokenizer, 512, 10**9)
    assert len(prompts) == 3 and all(256 <= len(prompt.tokens) < 512 for prompt in prompts)
    assert tokenizer.decode(prompts[0].tokens).endswith("</think>\n\n")


def test_the_answers_are_compared_by_traits_of_the_person_s_history(small_home, tokenizer):
    place = state.Home(small_home)
    rows = [
        {"messages": [{"role": "user", "content": f"Question {n}?"}, {"role": "assistant", "content": f"Done {n}, Ana."}]}
        for n in range(20)
    ]  # fmt: skip
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), rows)
    run = runs.create(place, "sft", {"settings": {"max_length": 512}})
    probe = conversation_probe.Conversations(run, tokenizer, lambda: None, "goal", share=1.0)
    count = len(probe.prompts)
    assert count == 5, "without a budget"

    def answering(*answers: str, speed: float) -> ConversationResults:
        losses = dict.fromkeys([row.conversation for row in probe.rows], 1.0)
        return ConversationResults(losses, [answers[n % len(answers)] for n in range(count)], speed)

    report = probe.report(
        PerModel(
            answering("Done now, Ana.", speed=9.04),
            answering("It is done!", speed=10.0),
            answering("I have done what you asked!", speed=12.0),
        )
    )
    figures = {figure.name: figure for figure in report.figures}
    called = figures["called"]
    assert called.title == "Calling you Ana (100 % of the answers in your conversations)"
    assert (called.candidate, called.current, called.base) == (100, 0, 0)
    words = figures["answer_words"]
    assert words.title == "Length of answers (about 3 words in your conversations)"
    assert (words.candidate, words.current, words.base) == (3, 3, 6)
    shouted = figures["exclamations"]
    assert (shouted.candidate, shouted.base) == (0, 100)
    assert figures["writing_speed"].candidate == 9.0 and report.outputs == report.changed == 5
    assert "lists" not in figures, "no model does it"


def test_no_traits_are_reported_if_the_history_is_gone(small_home, tokenizer):
    place = state.Home(small_home)
    place.file("data", "sft", "train.jsonl").unlink()
    run = runs.create(place, "sft", {"settings": {"max_length": 512}})
    probe = conversation_probe.Conversations(run, tokenizer, lambda: None, "goal", share=1.0)
    assert probe.traits == []


def test_the_cost_of_all_three_models_is_reported():
    figures = {
        figure.name: figure
        for figure in cost_figures(
            PerModel(Cost(12.3456, 0.12345, 1.5), Cost(6.0, 0.1, 1.4), Cost(0.0, 0.0, 1.25))
        )
    }
    size, loading, peak = figures["adapter_mb"], figures["load_s"], figures["peak_gb"]
    assert (size.candidate, size.current, size.base) == (12.35, 6.0, 0.0)
    assert (loading.candidate, loading.base) == (0.123, 0.0)
    assert (peak.candidate, peak.current, peak.base) == (1.5, 1.4, 1.25)


def test_a_finished_run_has_the_size_of_its_adapter_the_speed_and_the_memory(finished_home):
    run = runs.find(state.Home(finished_home))
    figures = {figure.name: figure for figure in benchmark.of_run(run).figures}
    size = (run.file("adapters") / "adapters.safetensors").stat().st_size
    assert figures["adapter_mb"].candidate == round(size / 1e6, 2)
    assert figures["adapter_mb"].base == figures["load_s"].base == 0 < figures["load_s"].candidate
    for figure in (figures["writing_speed"], figures["peak_gb"]):
        assert min(figure.candidate, figure.current, figure.base) > 0
    assert small_runs.record(finished_home, run.id)["status"] == "completed"
