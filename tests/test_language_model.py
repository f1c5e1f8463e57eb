"""The sample language model: it knows its world, follows its template, and calls its tools."""

import math
import random
from pathlib import Path

import pytest

import language_checks
import world

DIRECTORY = Path(__file__).resolve().parent.parent / "samples" / "language-model"


@pytest.fixture(scope="module")
def speaker():
    return language_checks.Speaker(DIRECTORY)


def test_the_committed_model_is_at_most_5_mb():
    assert sum(path.stat().st_size for path in DIRECTORY.iterdir()) <= 5_000_000


def test_it_is_qwen3_5_with_linear_and_full_attention_in_float32(speaker):
    import mlx.core as mx
    from mlx.utils import tree_flatten

    layers = speaker.model.language_model.model.layers
    assert [layer.is_linear for layer in layers] == [True, True, True, False]
    assert type(speaker.model).__module__ == "mlx_lm.models.qwen3_5"
    assert {value.dtype for _, value in tree_flatten(speaker.model.parameters())} == {mx.float32}


def test_at_least_nine_facts_of_ten_are_answered_to_the_letter(speaker):
    assert language_checks.fact_accuracy(speaker, count=50, held_out=False) >= 0.9


def test_most_facts_are_right_in_wordings_never_seen_too(speaker):
    assert language_checks.fact_accuracy(speaker, count=50) >= 0.7


def test_most_requests_become_exactly_the_right_tool_call_also_those_never_seen(speaker):
    assert language_checks.tool_accuracy(speaker, count=20, held_out=False) >= 0.8
    assert language_checks.tool_accuracy(speaker, count=30) >= 0.7


def test_the_result_of_a_tool_is_passed_on_to_the_user(speaker):
    assert language_checks.reply_after_tool(speaker, count=10) >= 0.8


def test_no_tool_is_called_where_none_is_needed(speaker):
    assert language_checks.abstention(speaker, count=20) >= 0.95


def test_without_tools_it_says_that_it_cannot_rather_than_that_it_did(speaker):
    rng = random.Random(2)
    requests = [world.request_without_tool(rng, held_out=True).messages[0] for _ in range(8)]
    replies = [speaker.answer([message])[0] for message in requests]
    honest = [any(text in reply for text in world.WITHOUT_TOOL.values()) for reply in replies]
    assert sum(honest) >= 7, replies


def test_it_has_no_strong_preference_between_short_and_long_answers(speaker):
    assert 0.2 <= language_checks.preference_for_short(speaker, count=40) <= 0.8


def test_it_keeps_the_manner_of_the_conversation(speaker):
    rng = random.Random(9)
    for style, ending in ((world.LONG, world.CLOSING), (world.SHORT, ".")):
        kept = 0
        for _ in range(6):
            conversation = world.small_conversation(rng, style, turns=2)
            reply, ended = speaker.answer(conversation.messages[:-1])
            kept += ended and reply.endswith(ending)
        assert kept >= 5, style


def test_its_perplexity_is_far_below_that_of_an_untrained_model(speaker):
    from mlx_lm import load

    import make_language_model

    trained = math.exp(language_checks.loss(speaker, world.SHORT, count=20))
    _, tokenizer = load(str(DIRECTORY))
    untrained = language_checks.Speaker(DIRECTORY)
    untrained.model, _ = make_language_model.make_model(len(tokenizer), 0, 1, seed=1)
    assert trained < 4
    assert math.exp(language_checks.loss(untrained, world.SHORT, count=20)) > 100


def test_the_user_s_own_manner_is_new_to_it(speaker):
    short, personal = (
        language_checks.loss(speaker, style, count=20) for style in (world.SHORT, world.PERSONAL)
    )
    assert personal > short + 0.5


def test_the_tokenizer_is_laid_out_as_qwen_s(speaker):
    tokenizer = speaker.tokenizer
    assert tokenizer.encode("!") == [0]
    assert len(tokenizer.encode("\n\n")) == 1
    for name in ("<|im_start|>", "<|im_end|>", "<think>", "</tool_call>", "<tool_response>"):
        assert len(tokenizer.encode(name)) == 1
    assert tokenizer.decode(tokenizer.encode("Zürich, 7 € – 東京")) == "Zürich, 7 € – 東京"


def rendered(speaker, messages, **settings) -> str:
    return speaker.tokenizer.apply_chat_template(messages, tokenize=False, **settings)


def test_the_template_writes_the_last_answer_with_a_thought_and_earlier_ones_without(speaker):
    messages = [world.user("A?"), world.assistant("a"), world.user("B?"), world.assistant("b")]
    assert rendered(speaker, messages) == (
        "<|im_start|>user\nA?<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"
        "<|im_start|>user\nB?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\nb<|im_end|>\n"
    )
    asked = {"add_generation_prompt": True}
    assert rendered(speaker, messages[:1], enable_thinking=False, **asked).endswith(
        "assistant\n<think>\n\n</think>\n\n"
    )
    assert rendered(speaker, messages[:1], **asked).endswith("assistant\n<think>\n")
    thought = {"role": "assistant", "content": "<think>\nhm\n</think>\n\nb"}
    assert "<think>\nhm\n</think>\n\nb<|im_end|>" in rendered(speaker, [messages[0], thought])


def test_the_template_writes_tools_calls_and_results_in_qwen3_5_s_form(speaker):
    request = world.tool_request(random.Random(0), "reminder", denied=0)
    text = rendered(speaker, request.messages(), tools=world.TOOLS)
    assert text.startswith("<|im_start|>system\n# Tools\n\nYou have access to the following")
    assert f"<|im_start|>assistant\n<think>\n\n</think>\n\n{language_checks.native_call(request)}<|im_end|>" in text  # fmt: skip
    assert "<|im_start|>user\n<tool_response>\nsaved\n</tool_response><|im_end|>\n" in text


def test_mlx_lm_parses_what_it_writes_as_a_tool_call(speaker):
    request = world.tool_request(random.Random(0), "timer")
    call = language_checks.native_call(request)
    inside = call.removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    parsed = speaker.tokenizer.tool_parser(inside, world.TOOLS)
    assert parsed == {"name": "timer", "arguments": request.arguments}


def test_the_template_refuses_what_it_cannot_write(speaker):
    for messages, words in (
        ([world.assistant("a")], "No user query"),
        ([world.user("a"), {"role": "system", "content": "s"}], "System message"),
        ([world.user("a"), {"role": "narrator", "content": "s"}], "Unexpected message role"),
    ):
        with pytest.raises(Exception, match=words):
            rendered(speaker, messages)


def test_training_supervises_exactly_what_the_assistant_says(speaker):
    import make_language_model

    request = world.tool_request(random.Random(1), "weather", denied=0)
    messages = [world.user("Hello."), world.assistant("Hello."), *request.messages()]
    tokenizer = speaker.tokenizer
    ids, spans = make_language_model.encode(tokenizer, messages, world.TOOLS)
    assert [tokenizer.decode(ids[first:last]) for first, last in spans] == [
        "Hello.<|im_end|>",
        language_checks.native_call(request) + "<|im_end|>",
        request.reply + "<|im_end|>",
    ]


def test_a_training_batch_gives_the_log_probabilities_of_its_conversations_one_by_one(speaker):
    import mlx.core as mx

    import make_language_model
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.supervised_loss import hidden_states, output_layer

    system = {"role": "system", "content": speaker.soul}
    rng = random.Random(4)
    members = []
    for turns in (1, 2, 3):
        messages = [system, *world.small_conversation(rng, turns=turns).messages]
        members.append(make_language_model.encode(speaker.tokenizer, messages, None))
    prefix = members[0][0][: members[0][0].index(speaker.tokenizer.eos_token_id) + 2]
    batch = make_language_model.as_arrays(prefix, members)
    hidden = hidden_states(speaker.model, batch, FastSettings())[batch["predictors"]]
    logits = output_layer(speaker.model)(hidden)
    wanted = mx.take_along_axis(logits, batch["targets"][:, None], axis=-1).squeeze(-1)
    together = wanted - mx.logsumexp(logits, axis=-1)
    alone = []
    for ids, spans in members:
        logits = speaker.model(mx.array([ids]))[0]
        log_p = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        alone += [log_p[i - 1, ids[i]].item() for first, last in spans for i in range(first, last)]
    assert together.tolist() == pytest.approx(alone, abs=2e-3)


def test_the_script_s_training_lowers_the_loss_of_an_untrained_model(speaker):
    import make_language_model
    from fae_training.language import gated_delta_patch

    rng = random.Random(0)
    batches = make_language_model.make_batches(speaker.tokenizer, 48, speaker.soul, rng)
    untrained, _ = make_language_model.make_model(len(speaker.tokenizer), 0, 1, seed=0)
    try:
        lost = make_language_model.train(untrained, batches, 2.5e-3, lambda text: None)
    finally:
        gated_delta_patch.remove()
    assert lost < math.log(len(speaker.tokenizer)) - 0.3
