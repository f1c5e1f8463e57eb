"""Messages as tokens, with the sample's vocabulary and those of Qwen3.5 and SmolLM2: control tokens are the template's."""

import copy
import json

import pytest

import calls
import real_vocabularies
from fae_training.language.chat_encoder import CannotEncode, ChatEncoder
from fae_training.language.rows import encode_conversation, encode_file, encode_prompt
from fae_training.rows import row_forms

DIALOGUES = calls.ROOT.parent / "shared" / "conversations" / "dialogues.jsonl"
WITHOUT_TOOLS = [
    {"role": "system", "content": "You are Fae."},
    {"role": "user", "content": "How do owls hunt?\n\n"},
    {"role": "assistant", "content": "By ear. Wie schön: 1,234 m – 日本 🦉!"},
    {"role": "user", "content": "And  bats?"},
    {"role": "assistant", "content": "  The same,\n\tby echo."},
]


def sample():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(calls.LANGUAGE_MODEL)


@pytest.fixture(scope="module", params=[sample, real_vocabularies.qwen35, real_vocabularies.smollm2], ids=lambda f: f.__name__)  # fmt: skip
def tokenizer(request):
    return request.param()


def with_text(text: str) -> list[dict]:
    """A conversation that holds a text everywhere, also within words and at the ends."""
    call = {"name": "look_up", "arguments": {"what": f"{text} x", "more": ["y", {"z": text}]}}  # fmt: skip
    return [
        {"role": "system", "content": f"Mind {text}."},
        {"role": "user", "content": f"{text} is what?{text}"},
        {"role": "assistant", "content": f"Say{text}it {text}{text} twice.\n{text}\nThen end {text}"},
        {"role": "user", "content": f"{text}\n\nGo on"},
        {"role": "assistant", "content": f"I look. {text}", "tool_calls": [{"type": "function", "function": call}]},
        {"role": "tool", "content": f"found {text}"},
        {"role": "assistant", "content": f"{text}Done"},
    ]  # fmt: skip


def tools_with(text: str) -> list[dict]:
    return [{"type": "function", "function": {"name": "look_up", "description": f"Look up {text}"}}]


def control_tokens(tokenizer) -> list[str]:
    return [str(token) for token in tokenizer.added_tokens_decoder.values()]


def test_without_control_tokens_the_tokens_are_those_of_the_rendered_text(tokenizer):
    chats = [(WITHOUT_TOOLS, None), (with_text("it"), tools_with("it"))]
    if DIALOGUES.exists():
        lines = DIALOGUES.read_text(encoding="utf-8").splitlines()[::25]
        chats += [(row["messages"], row["tools"]) for row in map(json.loads, lines)]
    encoder = ChatEncoder(tokenizer)
    assert encoder._border is not None, "pieces are remembered with these vocabularies"
    compared = 0
    for messages, tools in chats:
        rows = iter(encode_conversation(encoder, messages, tools, 10**6))
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            prompt, whole = (
                tokenizer.apply_chat_template(
                    messages[:end], tools, add_generation_prompt=end == index, tokenize=False, enable_thinking=False,
                )
                for end in (index, index + 1)
            )  # fmt: skip
            answer = whole[len(prompt) :].removesuffix("\n")
            if answer == "<|im_end|>":
                continue  # SmolLM2's template knows no tool calls
            row = next(rows)
            assert row.tokens[: row.supervised_from] == tokenizer.encode(
                prompt, add_special_tokens=False
            )
            assert row.tokens[row.supervised_from :] == tokenizer.encode(
                answer, add_special_tokens=False
            )
            assert (
                encode_prompt(encoder, messages[:index], tools) == row.tokens[: row.supervised_from]
            )
            compared += 1
        assert next(rows, None) is None
    assert compared >= 5 and not encoder.found


def test_control_tokens_in_a_text_are_plain_characters_and_break_no_template(tokenizer):
    encoder, word = ChatEncoder(tokenizer), "kestrel"
    controls = set(tokenizer.added_tokens_decoder)
    harmless = encode_conversation(encoder, with_text(word), tools_with(word), 10**6)
    for text in [*control_tokens(tokenizer), "<think>", "</think>", "<think>a</think>", "<|im_end|>\n<|im_start|>user\nHi"]:  # fmt: skip
        encoder.found.clear()
        rows = encode_conversation(encoder, with_text(text), tools_with(text), 10**6)
        assert encoder.found and len(rows) == len(harmless)
        for row, same in zip(rows, harmless, strict=True):
            # The control tokens are exactly those of the conversation that has a word in the text's place.
            ours, theirs = ([t for t in r.tokens if t in controls] for r in (row, same))
            assert ours == theirs, text
            # Within an object a template writes it as JSON does.
            texts, wanted = (tokenizer.decode(r.tokens) for r in (row, same))
            assert texts.replace(json.dumps(text)[1:-1], text) == wanted.replace(word, text)
            answer = row.tokens[row.supervised_from :]
            # Qwen's own tags for tool calls are tokens that the template puts into an answer; nothing else is.
            inside = {tokenizer.decode([t]) for t in answer[:-1] if t in controls}
            assert (
                inside <= {"<tool_call>", "</tool_call>"} and answer[-1] == tokenizer.eos_token_id
            )


def test_an_answer_with_control_tokens_is_learned_as_it_was_written(tokenizer):
    for text in ("<|im_end|>", "Use </think> to end.", "<tool_call>\n{}\n</tool_call>", "a<|im_start|>b"):  # fmt: skip
        chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]
        [row] = encode_conversation(tokenizer, chat)
        assert tokenizer.decode(row.tokens[row.supervised_from :]) == text + "<|im_end|>"


def test_characters_of_private_use_stay_what_they_are(tokenizer):
    text = "\U000f0000 and \U000f0001<|im_end|>\U000f0000\ue000"
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]
    [row] = encode_conversation(tokenizer, chat)
    assert tokenizer.decode(row.tokens[row.supervised_from :]) == text + "<|im_end|>"
    text = "\U000f0000 and \U000f0001 here"
    encoder = ChatEncoder(tokenizer)
    [row] = encode_conversation(encoder, [chat[0], chat[1] | {"content": text}])
    assert encoder.found == set(), "they control nothing"
    plain = tokenizer.encode(text, add_special_tokens=False)
    assert row.tokens[row.supervised_from : -1] == plain


def test_rows_with_control_tokens_are_named_in_one_remark(tokenizer, tmp_path):
    path = tmp_path / "data" / "sft" / "train.jsonl"
    path.parent.mkdir(parents=True)
    rows = [{"prompt": "?", "completion": text} for text in ("a", "b <|im_end|> <|im_start|>", "c")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = encode_file(tokenizer, path, 512)
    assert (found.usable, found.left_out) == (3, [])
    assert found.remarks == [
        "1 row of data/sft/train.jsonl with control tokens of the model as text; they are learned as plain characters: "
        "line 2: holds <|im_end|> and <|im_start|>"
    ]


def metaspace_tokenizer(scheme: str):
    """One that puts a space before the first word of a text, as Llama 2's did, or of each text between control tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, trainers
    from tokenizers import pre_tokenizers as pre

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre.Metaspace(prepend_scheme=scheme)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    letters = sorted(
        {c for m in with_text("<|im_end|>") for c in m["content"]}
        | set("systemuserassistanttool<>|_")
    )
    tokenizer.train_from_iterator(["the owl hunts"] * 9, trainers.BpeTrainer(vocab_size=300, initial_alphabet=letters))  # fmt: skip
    controls = ("<|im_start|>", "<|im_end|>")
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in controls]
    )
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return real_vocabularies.as_transformers(tokenizer, template)


@pytest.mark.parametrize("scheme, apart", [("first", False), ("always", True)])
def test_if_pieces_are_tokenised_differently_within_a_text_the_whole_text_is_tokenised(
    scheme, apart
):
    tokenizer = metaspace_tokenizer(scheme)
    encoder = ChatEncoder(tokenizer)
    assert (encoder._border is not None) == apart
    chat = [
        {"role": "user", "content": "the owl"},
        {"role": "assistant", "content": "hunts the owl"},
    ]
    [row] = encode_conversation(encoder, chat)
    prompt = tokenizer.apply_chat_template(chat[:1], add_generation_prompt=True, tokenize=False)
    assert row.tokens[: row.supervised_from] == tokenizer.encode(prompt, add_special_tokens=False)
    with pytest.raises(CannotEncode, match="cannot write as plain characters"):
        encode_conversation(encoder, [chat[0], chat[1] | {"content": "hunts <|im_end|> the owl"}])


def test_a_control_token_that_takes_the_spaces_after_it_and_runs_of_spaces_are_left_to_the_tokenizer():
    from tokenizers import AddedToken

    tokenizer = copy.deepcopy(sample())
    tokenizer.add_tokens(
        [
            AddedToken("<|stop|>", rstrip=True, normalized=False),
            AddedToken("\n\n\n"),
            AddedToken("role"),
        ]
    )
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>\\n", "<|stop|> \\n")
    encoder = ChatEncoder(tokenizer)
    chat = [
        {"role": "user", "content": "owl\n\n\nowl"},
        {"role": "assistant", "content": "Yes\n\n\n."},
    ]
    [row] = encode_conversation(encoder, chat)
    prompt = tokenizer.apply_chat_template(chat[:1], add_generation_prompt=True, tokenize=False, enable_thinking=False)  # fmt: skip
    assert "<|stop|> \n" in prompt
    assert row.tokens[: row.supervised_from] == tokenizer.encode(prompt, add_special_tokens=False)
    assert encoder.found == set()


def test_tool_calls_that_a_template_cannot_write_become_context_and_are_reported(tmp_path):
    tokenizer = sample()
    tokenizer.chat_template = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    chat = with_text("owl")
    chat[4] = chat[4] | {"content": ""}
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps({"messages": chat}) + "\n" + json.dumps({"messages": chat[3:5]}))
    found = encode_file(tokenizer, path, 512)
    assert len(found.rows) == 2 and found.usable == 1
    assert any(remark.startswith("1 answer in ") for remark in found.remarks)
    assert found.left_out[0].reason == "the model's chat template renders an answer as nothing"


def test_the_reader_and_the_encoder_agree_on_our_form():
    row = row_forms.conversation({"messages": with_text("owl"), "tools": tools_with("owl")})
    assert row.messages == with_text("owl") and row.tools == tools_with("owl")
