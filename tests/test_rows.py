"""Conversations as token rows: one for each answer, with the prompt as at inference, and only the answer trained."""

import copy
import json
from pathlib import Path

import pytest

from fae_training.calls.errors import BadRequest, Cancelled
from fae_training.language.chat_encoder import CannotEncode
from fae_training.language.conversation_probe import Conversations
from fae_training.language.preference_probe import Preferences
from fae_training.language.rows import (
    TokenRow,
    cut_report,
    encode_answer,
    encode_conversation,
    encode_file,
)
from fae_training.lifecycle import runs
from fae_training.store import state

SYSTEM = {
    "role": "system",
    "content": "You are Fae, a friendly voice companion. Keep answers short.",
}
CHAT = [
    SYSTEM,
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": "And of Japan?"},
    {"role": "assistant", "content": "Tokyo is the capital of Japan."},
]
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "set_timer", "arguments": {"minutes": 10, "label": "tea"}},
}
WITH_TOOL = [
    SYSTEM,
    {"role": "user", "content": "Set a timer for tea."},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "timer set"},
    {"role": "assistant", "content": "Done, ten minutes."},
]
TOOLS = [{"type": "function", "function": {"name": "set_timer", "parameters": {}}}]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """Qwen3.5's chat template with a vocabulary of the sample world."""
    from make_language_model import make_tokenizer

    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"), SYSTEM["content"])


def texts(tokenizer, row):
    return (
        tokenizer.decode(row.tokens[: row.supervised_from]),
        tokenizer.decode(row.tokens[row.supervised_from :]),
    )


def test_every_answer_is_a_row_after_the_prompt_that_fae_sends_for_it(tokenizer):
    rows = encode_conversation(tokenizer, CHAT, weight=0.5, conversation="s1")
    assert len(rows) == 2
    for row, (index, answer) in zip(rows, [(2, "Paris."), (4, CHAT[4]["content"])], strict=True):
        prompt = tokenizer.apply_chat_template(
            CHAT[:index], tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        assert texts(tokenizer, row) == (prompt, answer + "<|im_end|>")
        assert prompt.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
        assert (row.weight, row.conversation, row.cut_tokens) == (0.5, "s1", 0)


def test_an_answer_with_the_weight_0_is_context_and_no_target(tokenizer):
    wrong = [*CHAT[:2], CHAT[2] | {"weight": 0}, *CHAT[3:]]
    (row,) = encode_conversation(tokenizer, wrong)
    assert row == encode_conversation(tokenizer, CHAT)[1]


def test_what_is_trained_is_the_answer_and_its_end_and_nothing_of_the_user(tokenizer):
    for row in encode_conversation(tokenizer, CHAT):
        trained = tokenizer.decode(row.tokens[row.supervised_from :])
        assert "France" not in trained and "<|im_start|>" not in trained
        assert trained.count("<|im_end|>") == 1
        assert row.tokens[-1] == tokenizer.eos_token_id


def test_tool_calls_are_trained_in_the_models_own_form(tokenizer):
    call, done = encode_conversation(tokenizer, WITH_TOOL, TOOLS)
    prompt, answer = texts(tokenizer, call)
    assert "set_timer" in prompt
    assert answer == (
        "<tool_call>\n<function=set_timer>\n<parameter=minutes>\n10\n</parameter>\n"
        "<parameter=label>\ntea\n</parameter>\n</function>\n</tool_call><|im_end|>"
    )
    prompt, answer = texts(tokenizer, done)
    assert "<tool_response>\ntimer set\n</tool_response>" in prompt
    assert answer == "Done, ten minutes.<|im_end|>"


def test_an_answer_of_weight_0_is_context_and_not_a_target(tokenizer):
    chat = [message | {"weight": 0} if message is CHAT[2] else message for message in CHAT]
    (row,) = encode_conversation(tokenizer, chat)
    prompt, answer = texts(tokenizer, row)
    assert "Paris." in prompt and answer == "Tokyo is the capital of Japan.<|im_end|>"


def test_a_prompt_that_is_too_long_loses_its_oldest_turns_and_keeps_the_system_message(tokenizer):
    whole = encode_conversation(tokenizer, CHAT)[1]
    room = len(whole.tokens) - 5
    row = encode_conversation(tokenizer, CHAT, max_tokens=room)[1]
    prompt, answer = texts(tokenizer, row)
    assert "You are Fae" in prompt and "And of Japan?" in prompt and "France" not in prompt
    assert answer == "Tokyo is the capital of Japan.<|im_end|>"
    assert len(row.tokens) <= room
    assert row.cut_tokens == len(whole.tokens) - len(row.tokens)
    longer = [SYSTEM, {"role": "user", "content": "Hello."}, CHAT[2], *CHAT[1:]]
    row = encode_conversation(tokenizer, longer, max_tokens=len(whole.tokens))[2]
    assert row.tokens == whole.tokens, "what just fits is not cut further"


def test_one_question_that_is_too_long_loses_its_start(tokenizer):
    chat = [
        SYSTEM,
        {"role": "user", "content": "France and Japan. " * 100 + "What is the capital?"},
        {"role": "assistant", "content": "Paris."},
    ]
    (row,) = encode_conversation(tokenizer, chat, max_tokens=120)
    prompt, answer = texts(tokenizer, row)
    assert len(row.tokens) == 120 and answer == "Paris.<|im_end|>"
    assert prompt.startswith("<|im_start|>system\nYou are Fae")
    assert "What is the capital?<|im_end|>\n<|im_start|>assistant" in prompt
    assert row.cut_tokens > 100


def test_an_answer_that_is_too_long_loses_its_end_and_is_not_taught_to_stop_there(tokenizer):
    chat = [*CHAT[:2], {"role": "assistant", "content": "Paris, of course. " * 100}]
    (row,) = encode_conversation(tokenizer, chat, max_tokens=64)
    assert len(row.tokens) <= 64
    assert len(row.tokens) - row.supervised_from >= 32
    assert tokenizer.eos_token_id not in row.tokens[row.supervised_from :]
    assert tokenizer.decode(row.tokens[row.supervised_from :]).startswith("Paris, of course.")


def test_both_answers_of_a_pair_follow_the_same_prompt(tokenizer):
    prompt = CHAT[:2]
    rows = [
        encode_answer(tokenizer, prompt, {"role": "assistant", "content": text})
        for text in ("Paris.", "It is Paris, the city of light.")
    ]
    assert rows[0].tokens[: rows[0].supervised_from] == rows[1].tokens[: rows[1].supervised_from]


def test_a_template_that_writes_turns_otherwise_than_its_prompt_is_refused(tokenizer, tmp_path):
    class Other:
        eos_token, eos_token_id = tokenizer.eos_token, tokenizer.eos_token_id
        encode = staticmethod(tokenizer.encode)
        added_tokens_decoder = tokenizer.added_tokens_decoder

        @staticmethod
        def apply_chat_template(messages, add_generation_prompt=False, **_):
            return "<answer>" if add_generation_prompt else "<turn>Paris.</turn>"

    with pytest.raises(CannotEncode, match="differently from how"):
        encode_conversation(Other(), CHAT[:3])
    path = write(tmp_path / "sft" / "train.jsonl", {"messages": CHAT})
    with pytest.raises(BadRequest, match="differently from how"):
        encode_file(Other(), path, 512)


def write(path: Path, *conversations) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(c) + "\n" for c in conversations))
    return path


def test_a_file_is_tokenised_once_and_kept_for_its_owner_alone(tokenizer, tmp_path):
    path = write(
        tmp_path / "sft" / "train.jsonl",
        {"messages": CHAT, "weight": 2.0, "source": {"session": "a"}},
        {"messages": WITH_TOOL, "tools": TOOLS},
    )
    rows = encode_file(tokenizer, path, 512, tmp_path / "cache").rows
    assert [row.weight for row in rows] == [2.0, 2.0, 1.0, 1.0]
    assert rows[0].conversation == "a" and rows[0].part in ("choose", "judge")
    (kept,) = (tmp_path / "cache").glob("sft-train-*.json")
    assert kept.stat().st_mode & 0o777 == 0o600

    kept.write_text(kept.read_text().replace('"weight": 2.0', '"weight": 3.0'))
    again = encode_file(tokenizer, path, 512, tmp_path / "cache").rows
    assert [row.weight for row in again] == [3.0, 3.0, 1.0, 1.0]
    assert [row.tokens for row in again] == [row.tokens for row in rows]


def test_rows_that_were_kept_go_when_the_data_changes(tokenizer, tmp_path):
    path = write(tmp_path / "sft" / "train.jsonl", {"messages": CHAT})
    encode_file(tokenizer, path, 512, tmp_path / "cache")
    (before,) = (tmp_path / "cache").iterdir()
    write(path, {"messages": CHAT[:3]})
    assert len(encode_file(tokenizer, path, 512, tmp_path / "cache").rows) == 1
    (after,) = (tmp_path / "cache").iterdir()
    assert before != after
    assert encode_file(tokenizer, path, 256, tmp_path / "cache").rows[0].tokens
    assert (tmp_path / "cache" / after.name).exists() is False


def test_rows_that_only_the_template_refuses_are_named_and_kept_with_the_cache(tokenizer, tmp_path):
    picky = copy.copy(tokenizer)
    picky.chat_template = "{%- if 'owl' in messages[0].content %}{{ raise_exception('No owls.') }}{%- endif %}" + (
        tokenizer.chat_template
    )  # fmt: skip
    owl = [{"role": "user", "content": "An owl?"}, {"role": "assistant", "content": "Yes."}]
    path = write(tmp_path / "sft" / "train.jsonl", {"messages": CHAT[1:]}, {"messages": owl}, {"messages": 4})  # fmt: skip
    for _ in range(2):
        found = encode_file(picky, path, 512, tmp_path / "cache")
        assert [str(problem) for problem in found.left_out] == [
            "line 2: the model's chat template refuses it: No owls.",
            "line 3: messages is 4, expected a list of messages",
        ]
        assert (found.usable, found.total, len(found.rows)) == (1, 3, 2)


def test_progress_is_reported_for_each_conversation_and_an_exception_ends_the_work(
    tokenizer, tmp_path
):
    path = write(tmp_path / "sft" / "train.jsonl", *[{"messages": CHAT}] * 3)
    reports = []
    encode_file(tokenizer, path, 512, progress=lambda done, total: reports.append((done, total)))
    assert reports == [(0, 3), (1, 3), (2, 3), (3, 3)]

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_file(tokenizer, path, 256, tmp_path / "cache", stop)
    assert not (tmp_path / "cache").exists(), "what was stopped is not kept"


def test_conversations_without_a_source_are_distinguished_by_their_text(tokenizer, tmp_path):
    """So a copy of a conversation is in its part, and not in another one."""
    others = [[*CHAT[:-1], {"role": "assistant", "content": word}] for word in ("one", "two")]
    path = write(
        tmp_path / "sft" / "train.jsonl",
        *[{"messages": CHAT}] * 2,
        *[{"messages": messages, "source": "chats"} for messages in others],
    )
    rows = encode_file(tokenizer, path, 512).rows
    assert len({row.conversation for row in rows}) == 3
    assert rows[0].conversation == rows[1].conversation


def test_truncated_rows_are_reported_with_the_length_that_keeps_nine_in_ten_whole():
    rows = [TokenRow([1] * 100, 50)] * 8 + [
        TokenRow([1] * 128, 50, cut_tokens=n) for n in (72, 900)
    ]
    report = cut_report(rows, 128)
    assert (report.rows, report.cut_rows, report.tokens, report.cut_tokens) == (10, 2, 2028, 972)
    assert report.nine_in_ten == 256, "nine are within 200, and lengths go by 64"
    assert cut_report([rows[0], *rows], 128).nine_in_ten == 256, "nine of eleven are too few"
    assert report.sentence() == (
        "2 of 10 rows are longer than 128 tokens and lost their oldest part: 972 of 2,028 tokens are not learned "
        "from; --max-length 256 would keep nine rows in ten whole"
    )
    assert cut_report(rows[:9] + rows[:3], 128).sentence().endswith("; nine rows in ten are whole")
    assert cut_report(rows[:8], 128).sentence() is None and cut_report([], 128).sentence() is None


def test_the_length_that_is_named_does_keep_nine_in_ten_whole(tokenizer):
    chats = [[SYSTEM, *CHAT[1:3] * n] for n in range(1, 13)]

    def encoded(length):
        return [row for chat in chats for row in encode_conversation(tokenizer, chat, None, length)]

    report = cut_report(encoded(96), 96)
    rows = encoded(report.nine_in_ten)
    assert sum(row.cut_tokens == 0 for row in rows) >= 0.9 * len(rows)
    assert {row.whole_tokens for row in rows} == {row.whole_tokens for row in encoded(4096)}


BIRDS = ("owl", "kestrel", "heron", "wren", "robin")


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_tokenising_what_is_held_out_for_a_scoring_can_be_cancelled(tokenizer, home, kind):
    """Nothing of it is in the cache when a run is scored again, or when a preference run is scored."""
    place = state.Home(home)
    for name in ("sft", "dpo"):
        place.directory("data", name)
    question, answer = {"role": "user", "content": "a b"}, {"role": "assistant", "content": "c"}
    rejected = {"role": "assistant", "content": "d"}
    talks = [{"messages": [question, answer]}] * 5
    state.write_jsonl(place.file("data", "sft", "valid.jsonl"), talks if kind == "sft" else [])
    pair = {"prompt": [question], "chosen": [answer], "rejected": [rejected]}
    pairs = [pair | {"prompt": [question | {"content": word}]} for word in BIRDS]
    state.write_jsonl(place.file("data", "dpo", "valid.jsonl"), pairs)
    run = runs.create(place, kind, {"settings": {"max_length": 512}})
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled()

    with pytest.raises(Cancelled):
        if kind == "sft":
            Conversations(run, tokenizer, check, "goal", share=1.0)
        else:
            Preferences(run, tokenizer, check, share=1.0)
    assert len(asked) == 3
