"""Templates as other model families write them: what is trained is the answer that the prompt announces, and its end."""

import shutil

import pytest

import calls
from fae_training.language.rows import encode_conversation

QWEN3 = """{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' and loop.last %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{{- m.content + '<|im_end|>\\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"""
# No system message, strict turns, another name for the assistant, and a line break after the end of a turn.
GEMMA2 = """{%- if messages[0].role == 'system' %}{{- raise_exception('System role not supported') }}{%- endif %}
{%- for m in messages %}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{- raise_exception('Conversation roles must alternate') }}{%- endif %}
{{- '<|im_start|>' + ('model' if m.role == 'assistant' else m.role) + '\\n' + m.content | trim + '<|im_end|>\\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>model\\n' }}{%- endif %}"""
# The question and the announcement in one, then the answer and an end that is no turn's.
MISTRAL = """{%- for m in messages %}{%- if m.role == 'user' %}{{- '[INST] ' + m.content + ' [/INST]' }}
{%- elif m.role == 'system' %}{{- m.content + '\\n' }}{%- else %}{{- ' ' + m.content + eos_token }}{%- endif %}{%- endfor %}"""

SYSTEM = {"role": "system", "content": "Be brief."}
TALK = [
    {"role": "user", "content": "Is it late?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Thank you."},
    {"role": "user", "content": "Good night."},
    {"role": "assistant", "content": "Sleep well."},
]


@pytest.fixture
def tokenizer_with(tmp_path):
    from mlx_lm.tokenizer_utils import load

    def make(template, **more):
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(calls.LANGUAGE_MODEL / name, tmp_path)
        (tmp_path / "chat_template.jinja").write_text(template)
        return load(tmp_path, eos_token_ids=more.get("ends"))

    return make


def prompts_and_answers(tokenizer, messages):
    """(prompt, answer) of each row as text."""
    rows = encode_conversation(tokenizer, messages)
    return [
        (
            tokenizer.decode(row.tokens[: row.supervised_from]),
            tokenizer.decode(row.tokens[row.supervised_from :]),
        )
        for row in rows
    ]


def test_an_empty_thought_that_belongs_to_the_prompt_is_not_a_target(tokenizer_with):
    (_, answer), (prompt, last) = prompts_and_answers(tokenizer_with(QWEN3), [SYSTEM, *TALK])
    assert (answer, last) == ("Yes.<|im_end|>", "Sleep well.<|im_end|>")
    assert prompt.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert prompt.startswith("<|im_start|>system\nBe brief.<|im_end|>")


def test_a_system_message_goes_into_the_first_question_if_the_template_has_no_system_role(
    tokenizer_with,
):
    (prompt, answer), _ = prompts_and_answers(tokenizer_with(GEMMA2), [SYSTEM, *TALK])
    assert prompt == "<|im_start|>user\nBe brief.\n\nIs it late?<|im_end|>\n<|im_start|>model\n"
    assert answer == "Yes.<|im_end|>"


def test_messages_of_one_role_are_merged_if_the_template_requires_alternating_roles(tokenizer_with):
    prompt, answer = prompts_and_answers(tokenizer_with(GEMMA2), TALK)[1]
    assert "user\nThank you.\n\nGood night.<|im_end|>" in prompt
    assert answer == "Sleep well.<|im_end|>"


def test_the_first_end_of_a_turn_ends_the_answer_though_it_is_not_the_tokenizers_own(
    tokenizer_with,
):
    """As Gemma's <end_of_turn>, which its generation config names beside <eos>."""
    template = GEMMA2.replace("<|im_end|>\\n", "<|endoftext|>\\n")
    tokenizer = tokenizer_with(template, ends=[1273, 1271])
    assert tokenizer.decode([1271]) == "<|endoftext|>"
    assert [answer for _, answer in prompts_and_answers(tokenizer, TALK)] == ["Yes.<|endoftext|>", "Sleep well.<|endoftext|>"]  # fmt: skip


def test_an_announcement_that_is_part_of_the_question_works(tokenizer_with):
    (prompt, answer), _ = prompts_and_answers(tokenizer_with(MISTRAL), [SYSTEM, *TALK])
    assert (prompt, answer) == ("Be brief.\n[INST] Is it late? [/INST]", " Yes.<|im_end|>")


def test_a_row_that_a_template_refuses_in_every_form_is_reported_with_its_message(tokenizer_with):
    tokenizer = tokenizer_with("{{- raise_exception('Only on Sundays') }}")
    with pytest.raises(Exception, match="Only on Sundays"):
        prompts_and_answers(tokenizer, TALK)
