"""The reader of data/sft and data/dpo: every known format is read, and every unusable row is named.

Long, as it has an example of each format and of each fault.
"""

import json

import pytest

import calls
import small_runs
from fae_training.calls.errors import Missing
from fae_training.lifecycle import provenance
from fae_training.rows import message_forms, row_forms, training_rows
from fae_training.store import consent
from fae_training.store.state import Home, read_json

Q, A, B = "How do owls hunt?", "By ear.", "With their eyes."
USER, GOOD, BAD = ({"role": "user", "content": Q}, {"role": "assistant", "content": A}, {"role": "assistant", "content": B})  # fmt: skip
CALL = {"name": "look_up", "arguments": {"bird": "owl"}}
CALLED = {"type": "function", "function": CALL}
RESULT = '{"hearing": "good"}'
PARTS = [{"type": "text", "text": "How do owls"}, {"type": "text", "text": "hunt?"}]


def lines(*rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def valid(number: int) -> dict:
    """A conversation that says what no other does."""
    return {"messages": [USER | {"content": f"{Q} {number}"}, GOOD]}


def pair(number: int) -> dict:
    return {"prompt": f"{Q} {number}", "chosen": f"{A} {number}", "rejected": f"{B} {number}"}


GOOD_ROWS = {"sft": valid, "dpo": pair}


def read(tmp_path, content: bytes, kind: str = "sft"):
    path = tmp_path / "data" / kind / "train.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return training_rows.read(path, kind)


# Forms


@pytest.mark.parametrize(
    "given",
    [
        {"messages": [USER, GOOD]},
        {"messages": [{"role": "User", "content": Q}, {"role": "ASSISTANT ", "content": A}]},
        {"messages": [{"role": "human", "content": Q}, {"role": "bot", "content": A}]},
        {"messages": [{"role": "User:", "content": Q}, {"role": "Chatbot:", "content": A}]},
        {"messages": [{"role": "HumanMessage", "content": Q}, {"role": "AIMessage", "content": A}]},
        {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
        {"prompt": Q, "completion": A},
        {"prompt": [USER], "completion": [GOOD]},
        {"prompt": [USER], "completion": [USER, GOOD]},
        {"prompt": Q, "response": A},
        {"question": Q, "answer": A},
        {"instruction": Q, "input": "", "output": A},
        {"instruction": Q, "output": A, "messages": None},
        {"input": Q, "output": A},
        {"messages": [USER, {"role": "assistant", "content": [{"type": "text", "text": A}]}]},
        {"messages": [USER, {"role": "assistant", "content": ["By ear."]}]},
        {"messages": [USER, GOOD | {"weight": 1}], "weight": 1, "tools": "[]"},
    ],
)
def test_every_known_form_of_a_conversation_is_read(given):
    row = row_forms.conversation(given)
    assert (row.messages, row.tools, row.weight) == ([USER, GOOD], None, 1.0)


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": Q, "chosen": A, "rejected": B},
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": [USER], "chosen": GOOD, "rejected": BAD},
        {"prompt": [USER], "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"question": Q, "chosen": A, "rejected": B},
        {"instruction": Q, "input": "", "chosen": A, "rejected": B},
        {"conversations": [{"from": "human", "value": Q}], "chosen": {"from": "gpt", "value": A}, "rejected": {"from": "gpt", "value": B}},
        {"prompt": [{"role": "user", "content": [{"type": "text", "text": Q}]}], "chosen": A, "rejected": B},
        {"prompt": Q, "chosen": A, "rejected": B, "pattern": None, "weight": 1},
    ],
)  # fmt: skip
def test_every_known_form_of_a_pair_is_read(given):
    row = row_forms.preference_pair(given)
    assert (row.prompt, row.chosen, row.rejected) == ([USER], GOOD, BAD)
    assert (row.pattern, row.weight) == ("unknown", 1.0)
    assert row_forms.preference_pair(row.as_row()) == row


def test_fields_beside_the_messages_are_read():
    system = {"role": "system", "content": "Be Fae."}
    row = row_forms.conversation({"system": "Be Fae.", "messages": [USER, GOOD]})
    assert row.messages == [system, USER, GOOD]
    own = {"system": "Be someone.", "messages": [system, USER, GOOD]}
    assert row_forms.conversation(own).messages == [system, USER, GOOD]
    preferred = {"system": "Be Fae.", "prompt": Q, "chosen": A, "rejected": B}
    assert row_forms.preference_pair(preferred).prompt == [system, USER]
    alpaca = {"instruction": "Say it in French.", "input": "owl", "output": "hibou"}
    assert row_forms.conversation(alpaca).messages[0]["content"] == "Say it in French.\nowl"
    dolly = {"instruction": "Say it in French.", "context": "owl", "response": "hibou"}
    assert row_forms.conversation(dolly).messages[0]["content"] == "Say it in French.\nowl"
    later = {"instruction": Q, "input": "", "output": A, "history": [["Hi", "Hello"]]}
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello", "weight": 0}]  # fmt: skip
    assert row_forms.conversation(later).messages == [*before, USER, GOOD]
    parts = {"messages": [{"role": "user", "content": PARTS}, GOOD]}
    assert row_forms.conversation(parts).messages[0]["content"] == "How do owls\nhunt?"


@pytest.mark.parametrize(
    "answers",
    [
        [{"role": "assistant", "content": None, "tool_calls": [CALLED]}, {"role": "tool", "content": RESULT}],
        [{"role": "assistant", "tool_calls": [{"function": {"name": "look_up", "arguments": '{"bird": "owl"}'}}]}, {"role": "function", "content": {"hearing": "good"}}],
        [{"role": "assistant", "content": "", "function_call": CALL}, {"role": "observation", "content": RESULT}],
        [{"from": "function_call", "value": json.dumps(CALL)}, {"from": "observation", "value": RESULT}],
    ],
)  # fmt: skip
def test_tool_calls_of_every_known_form_are_read(answers):
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    given = {"messages": [USER, *answers, GOOD], "tools": json.dumps(tools)}
    row = row_forms.conversation(given)
    called = {"role": "assistant", "content": "", "tool_calls": [CALLED]}
    assert row.messages == [USER, called, {"role": "tool", "content": RESULT}, GOOD]
    assert row.tools == tools


def test_of_a_prompt_with_a_completion_only_the_completion_is_learned():
    row = row_forms.conversation({"prompt": [USER, BAD, USER], "completion": A})
    assert [message_forms.is_target(message) for message in row.messages] == [False] * 3 + [True]


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_lines_and_arrays_are_counted_right_however_they_are_written(tmp_path, kind):
    rows = [GOOD_ROWS[kind](i) for i in range(4)]
    plain = lines(*rows)
    wanted = [row.line for row in read(tmp_path, plain, kind).rows]
    assert wanted == [1, 2, 3, 4]
    texts = [message_forms.shown(str(row)) for row in read(tmp_path, plain, kind).rows]
    for content, where in [
        (b"\xef\xbb\xbf" + plain, [1, 2, 3, 4]),
        (b"\xef\xbb\xbf" + plain.replace(b"\n", b"\n\xef\xbb\xbf"), [1, 2, 3, 4]),
        (plain.decode().encode("utf-16"), [1, 2, 3, 4]),
        (b"\xfe\xff" + plain.decode().encode("utf-16-be"), [1, 2, 3, 4]),
        (plain.replace(b"\n", b"\r\n"), [1, 2, 3, 4]),
        (b"\n" + plain.replace(b"\n", b"\n \n\n"), [2, 5, 8, 11]),
        (plain.rstrip(), [1, 2, 3, 4]),
        (json.dumps(rows).encode(), [1, 1, 1, 1]),
        (b"\xef\xbb\xbf\n" + json.dumps(rows).encode(), [2, 2, 2, 2]),
        (b"[\n" + b",\n".join(lines(row).strip() for row in rows) + b"\n]\n", [2, 3, 4, 5]),
    ]:
        found = read(tmp_path, content, kind)
        assert [row.line for row in found.rows] == where and found.total == 4
        assert found.left_out == []
        assert [message_forms.shown(str(row)) for row in found.rows] == texts


def test_a_row_of_an_array_on_one_line_is_named_by_its_number(tmp_path):
    rows = [*map(valid, range(5)), {"messages": 4}, valid(6), {"messages": 4}]
    found = read(tmp_path, json.dumps(rows).encode())
    assert [str(problem) for problem in found.left_out] == [
        f"line 1: row {number}: messages is 4, expected a list of messages" for number in (6, 8)
    ]


def test_line_separators_within_a_text_end_no_line(tmp_path):
    text = json.dumps({"prompt": Q, "completion": "By\u2028ear.\u0085"}, ensure_ascii=False)
    [row] = read(tmp_path, text.encode()).rows
    assert row.messages[1]["content"] == "By\u2028ear.\u0085"


def test_an_array_that_is_cut_off_gives_the_rows_before_the_cut(tmp_path):
    content = json.dumps([valid(i) for i in range(12)], indent=0).encode()
    found = read(tmp_path, content[: content.rindex(b'"By ear')])
    assert len(found.rows) == 11 and found.total == 12
    [problem] = found.left_out
    assert "is not JSON" in problem.reason and problem.line > 11


# Rows that cannot be used

SFT_PROBLEMS = [
    ({"messages": [USER, GOOD, {"role": "system", "content": "Be brief."}, USER, GOOD]}, "message 3 is the system's, which can only be the first"),
    ({"messages": [GOOD, USER, GOOD]}, "message 1 is the assistant's, but no question comes before it"),
    ({"messages": [USER, {"role": "tool", "content": "4"}, GOOD]}, "message 2 is a tool's, but the assistant called none before it"),
    ({"messages": [USER]}, "has no assistant message, so there is nothing to learn from"),
    ({"messages": [USER, {"role": "assistant", "content": " "}]}, "message 2, the assistant's, is empty"),
    ({"messages": [USER, {"role": "assistant", "content": "\u200b \ufeff\u2060"}]}, "message 2, the assistant's, is empty"),
    ({"messages": None}, "messages is nothing (null), expected messages, or a prompt and its answer"),
    ({"prompt": Q, "completion": None}, "completion is nothing (null), expected messages"),
    ({"instruction": Q, "output": A, "history": [["Hi"]]}, "history is a list, expected a list of [question, answer]"),
    ({"instruction": Q, "output": A, "context": 4}, "context is 4, expected a text"),
    ({"messages": []}, "messages is an empty list, expected a text or a list of messages"),
    ({"messages": "hello"}, "messages is 'hello', expected a list of messages"),
    ({"messages": [USER, {"role": "narrator", "content": A}]}, "the role of message 2 is 'narrator', expected one of system, user, assistant, tool"),
    ({"messages": [USER, {"content": A}]}, "message 2 has no role, expected one of"),
    ({"messages": [USER, {"role": 4, "content": A}]}, "the role of message 2 is 4"),
    ({"messages": [USER, {"role": "assistant", "content": 4}]}, "the content of message 2 is 4, expected a text"),
    ({"messages": [USER, {"role": "assistant", "content": None}]}, "message 2 has no content, expected a text"),
    ({"messages": [USER, {"role": "assistant", "content": [{"type": "image_url"}]}]}, "message 2 holds a part of type 'image_url', expected text"),
    ({"messages": [USER, "By ear."]}, "message 2 is 'By ear.', expected an object"),
    ({"messages": [USER, GOOD | {"weight": 0.5}]}, "the weight of message 2 is 0.5, expected 0 or 1"),
    ({"messages": [USER, GOOD | {"weight": True}]}, "the weight of message 2 is true"),
    ({"messages": [USER, GOOD], "weight": -1}, "the weight is -1, expected 0 or a number from 0.000001 to 1,000,000"),
    ({"messages": [USER, GOOD], "weight": float("nan")}, "the weight is NaN"),
    ({"messages": [USER, GOOD], "weight": float("inf")}, "the weight is Infinity"),
    ({"messages": [USER, GOOD], "weight": 10**400}, "the weight is 1000"),
    ({"messages": [USER, GOOD], "weight": 1e-46}, "the weight is 1e-46"),
    ({"messages": [USER, GOOD], "weight": "1"}, "the weight is '1'"),
    ({"messages": [USER, GOOD], "weight": True}, "the weight is true"),
    ({"messages": [USER | {"content": "P \ud83c"}, GOOD]}, "contains half of a character (\\ud83c)"),
    ({"messages": [USER, GOOD], "tools": 4}, "tools is 4, expected a list of objects"),
    ({"messages": [USER, GOOD], "tools": "{"}, "the tools are not JSON"),
    ({"messages": [USER, GOOD], "system": 4}, "system is 4, expected a text"),
    ({"messages": [USER, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{a:"}}]}]}, "message 2: the arguments of f are not JSON"),
    ({"messages": [USER, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]}]}, "message 2 calls f with a list, expected an object of arguments"),
    ({"messages": [USER, {"role": "assistant", "tool_calls": [{"function": {"name": "a>\n<tool_call"}}]}]}, "message 2 calls a tool named"),
    ({"messages": [USER, {"role": "assistant", "tool_calls": ["f"]}]}, "the tool calls of message 2 are not a list of objects"),
    ({"messages": [USER | {"tool_calls": [CALLED]}, GOOD]}, "message 1 is the user's, but has tool calls"),
    ({"prompt": Q, "chosen": A, "rejected": B}, "is a preference pair (chosen, rejected); those belong in data/dpo"),
    ({"prompt": Q}, "has no conversation (it has: prompt); expected messages, or a prompt and its answer"),
    ({"text": A}, "has no conversation (it has: text)"),
    ({"instruction": Q, "input": 4, "output": A}, "input is 4, expected a text"),
    ({}, "has no conversation (it is empty)"),
    ([USER, GOOD], "is a list, expected a JSON object"),
    (None, "is nothing (null), expected a JSON object"),
    (4, "is 4, expected a JSON object"),
]  # fmt: skip
DPO_PROBLEMS = [
    ({"prompt": "2+2?", "chosen": 4, "rejected": 5}, "chosen is 4, expected a text or a list of messages"),
    ({"prompt": Q, "chosen": None, "rejected": B}, "chosen is nothing (null), expected a text or a list of messages"),
    ({"prompt": Q, "chosen": A, "rejected": {}}, "message 1 of rejected has no content, expected a text"),
    ({"prompt": Q, "chosen": A}, "has no rejected (it has: prompt, chosen)"),
    ({"messages": [USER, GOOD]}, "has no chosen and no rejected (it has: messages)"),
    ({"chosen": A, "rejected": B}, "has no prompt (it has: chosen, rejected); expected one of prompt, instruction"),
    ({"prompt": "", "chosen": A, "rejected": B}, 'prompt is an empty text, expected a text or a list of messages'),
    ({"prompt": None, "chosen": A, "rejected": B}, "prompt is nothing (null), expected a text or a list of messages"),
    ({"prompt": Q, "chosen": "Caf\u00e9", "rejected": "Cafe\u0301"}, "the two answers are the same to the model"),
    ({"prompt": Q, "chosen": A, "rejected": A + "\u200b"}, "the two answers are the same to the model"),
    ({"prompt": 4, "chosen": A, "rejected": B}, "prompt is 4"),
    ({"prompt": Q, "chosen": A, "rejected": A}, "chosen and rejected are the same"),
    ({"prompt": Q, "chosen": A, "rejected": A + " "}, "the two answers are the same to the model"),
    ({"prompt": Q, "chosen": "By ear.", "rejected": "By  ear."}, "the two answers differ only in the spaces between their words"),
    ({"prompt": Q, "chosen": "By ear.", "rejected": "By\u00a0\tear."}, "the two answers differ only in the spaces"),
    ({"prompt": Q, "chosen": A, "rejected": " "}, "rejected is empty"),
    ({"prompt": Q, "chosen": [USER], "rejected": B}, "chosen is user; expected one assistant message"),
    ({"prompt": [USER, {"role": "system", "content": "x"}], "chosen": A, "rejected": B}, "message 2 is the system's"),
    ({"prompt": Q, "chosen": A, "rejected": B, "weight": "much"}, "the weight is 'much'"),
    ({"prompt": Q, "chosen": "N \ud83c", "rejected": B}, "contains half of a character"),
]  # fmt: skip


@pytest.mark.parametrize(
    "kind, given, says",
    [("sft", *case) for case in SFT_PROBLEMS] + [("dpo", *case) for case in DPO_PROBLEMS],
)
def test_a_row_that_cannot_be_used_is_named_and_the_rest_is_read(tmp_path, kind, given, says):
    good = [GOOD_ROWS[kind](i) for i in range(10)]
    found = read(tmp_path, lines(*good[:3], given, *good[3:]), kind)
    [problem] = found.left_out
    assert (problem.file, problem.line) == (f"data/{kind}/train.jsonl", 4)
    assert problem.reason.startswith(says), problem.reason
    assert len(found.rows) == 10 and found.total == 11
    training_rows.require_usable(found, found, "again")


@pytest.mark.parametrize(
    "line, says",
    [
        (b'{"messages": [', "is not JSON"),
        (b'{"messages": "\x00"}', "is not JSON"),
        (b'{"messages": "\xff\xfe"}', "is not UTF-8 text (byte 15 is 0xff)"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"messages": ' + b"[" * 900 + b"]" * 900 + b"}", "message 1 is a list, expected an object"),
        (b'{"weight": ' + b"9" * 5000 + b"}", "is not JSON"),
    ],
)  # fmt: skip
def test_a_line_that_is_not_json_is_named_and_the_rest_is_read(tmp_path, line, says):
    found = read(tmp_path, lines(*map(valid, range(9))) + line + b"\n")
    [problem] = found.left_out
    assert problem.line == 10 and problem.reason.startswith(says) and len(found.rows) == 9


def test_an_empty_answer_that_is_not_a_target_stays_as_context():
    empty = {"role": "assistant", "content": "", "weight": 0}
    row = row_forms.conversation({"messages": [USER, empty, USER, GOOD]})
    assert row.answers == 1 and row.messages[1] == empty


@pytest.mark.parametrize("source", ["whatsapp export", 4, ["a"], {"ids": "e1"}, {"ids": [1, None]}, None])  # fmt: skip
def test_a_source_of_any_type_is_accepted(tmp_path, source):
    [row] = read(tmp_path, lines(valid(1) | {"source": source})).rows
    assert all(isinstance(name, str) for name in row.source.get("ids", []))
    assert isinstance(row.source, dict) and bool(row.source) == (source is not None)


def test_a_pipe_or_a_directory_in_the_place_of_a_file_is_refused_and_named(tmp_path):
    import os

    directory = tmp_path / "train.jsonl"
    directory.mkdir()
    os.mkfifo(tmp_path / "valid.jsonl")
    for path in (directory, tmp_path / "valid.jsonl"):
        with pytest.raises(Missing, match="not a regular file"):
            training_rows.read(path, "sft")
    assert training_rows.read(tmp_path / "none.jsonl", "sft").total == 0


# What is refused


def refused(tmp_path, train: list, valid_rows=(), kind="sft") -> Missing:
    place = Home(tmp_path)
    for side, rows in (("train", train), ("valid", valid_rows)):
        place.directory("data", kind).joinpath(f"{side}.jsonl").write_bytes(lines(*rows))
    with pytest.raises(Missing) as raised:
        provenance.check(place, kind, "uv run scripts/export_data.py", keep=True)
    assert raised.value.exit_status == 4
    return raised.value


def test_a_row_that_asks_what_the_benchmark_asks_is_named(tmp_path):
    place, asked = Home(tmp_path), "A farmer had 17 sheep and sells all but 9, how many are left?"
    for kind, judged in (
        ("sft", {"messages": [USER | {"content": asked}, GOOD]}),
        ("dpo", pair(9) | {"prompt": asked}),
    ):
        path = place.directory("data", kind) / "train.jsonl"
        path.write_bytes(lines(*map(GOOD_ROWS[kind], range(8)), judged))
        notes = provenance.check(place, kind, "again", keep=False).notes
        assert [note for note in notes if "benchmark" in note] == [
            f"1 of 9 rows of data/{kind}/train.jsonl resemble a question of the benchmark, which makes its result less "
            "reliable; remove them if you can: line 9: resembles the item quiet-17-sheep"
        ]


def test_a_tenth_may_be_left_out_and_more_is_refused_with_the_first_ten_by_name(tmp_path):
    place, bad = Home(tmp_path), [{"messages": 4}] * 12
    good = [valid(i) for i in range(108)]
    path = place.directory("data", "sft") / "train.jsonl"
    path.write_bytes(lines(*good, *bad))
    data = provenance.check(place, "sft", "again", keep=True)
    assert data.rows["train"] == 108 and data.learned_from == "108 rows"
    notes = data.notes
    assert notes[0] == "12 of 120 rows of data/sft/train.jsonl cannot be used:"
    ten = ", ".join(map(str, range(109, 119)))
    assert notes[1] == f"lines {ten} and 2 more: messages is 4, expected a list of messages"
    assert len(notes) == 2 or "line" not in notes[2], "a reason is given once"
    kept = read_json(path.with_name("meta.json"))["rows_left_out"]
    assert [row["line"] for row in kept["train"]] == list(range(109, 121)) and kept["valid"] == []
    assert kept == data.left_out
    assert kept["train"][0]["file"] == "data/sft/train.jsonl"

    error = refused(tmp_path, [*good[:107], *bad])
    assert error.code == "bad_rows"
    assert error.message.startswith("12 of 119 rows of data/sft/train.jsonl cannot be used, which is more than the allowed tenth")  # fmt: skip
    assert "lines 108, 109, 110," in error.message and error.message.count("expected a list") == 1
    assert "correct or delete these lines of data/sft/train.jsonl" in error.hint


def test_reasons_that_differ_are_listed_by_their_lines():
    given = [(3, "is empty"), (7, "is empty"), (8, "is 4"), (12, "is empty")]
    problems = [training_rows.Problem("data/sft/train.jsonl", *one) for one in given]
    assert training_rows.by_reason(problems) == ["lines 3, 7 and 12: is empty", "line 8: is 4"]
    many = [training_rows.Problem("f", n, f"is {n}") for n in range(1, 14)]
    listed = training_rows.listed(many)
    assert listed.count("line ") == 10 and listed.endswith("; and 3 more")


@pytest.mark.parametrize(
    ("good", "bad", "is_refused"), [(12, 2, False), (18, 3, True), (2, 2, False), (1, 2, True), (1, 1, False), (0, 1, True)]
)  # fmt: skip
def test_one_or_two_rows_are_passed_over_in_a_small_file_as_long_as_most_can_be_used(
    tmp_path, good, bad, is_refused
):
    rows = [*map(valid, range(good)), *[{"messages": 4}] * bad]
    if is_refused:
        assert refused(tmp_path, rows).code == "bad_rows"
        return
    place = Home(tmp_path)
    (place.directory("data", "sft") / "train.jsonl").write_bytes(lines(*rows))
    data = provenance.check(place, "sft", "again", keep=False)
    assert data.rows["train"] == good and any("cannot be used" in note for note in data.notes)


def test_held_out_rows_that_cannot_be_used_are_named_and_few_of_them_do_not_stop_a_run(tmp_path):
    place = Home(tmp_path)
    directory = place.directory("data", "sft")
    directory.joinpath("train.jsonl").write_bytes(lines(*map(valid, range(20))))
    directory.joinpath("valid.jsonl").write_bytes(lines(*map(valid, range(3)), {"messages": 4}))
    data = provenance.check(place, "sft", "again", keep=False)
    assert data.rows == {"train": 20, "valid": 3}
    assert any("1 of 4 rows of data/sft/valid.jsonl" in note for note in data.notes)
    assert not directory.joinpath("meta.json").exists(), "keep=False"
    error = refused(tmp_path, [valid(i) for i in range(20)], [4] * 4)
    assert "4 of 4 rows of data/sft/valid.jsonl" in error.message


def test_a_count_of_rows_left_out_is_stored_beside_the_export_s_own_counts_until_they_are_fixed(
    tmp_path,
):
    place = Home(tmp_path)
    meta = place.directory("data", "sft") / "meta.json"
    meta.write_text('{"summary": "20 turns", "excluded": {"secret": 3}}')
    train = meta.with_name("train.jsonl")
    train.write_bytes(lines(*map(valid, range(20)), {}))
    data = provenance.check(place, "sft", "again", keep=True)
    assert data.learned_from == "20 rows", "the export spoke of other rows"
    kept = read_json(meta)
    assert kept["excluded"] == {"secret": 3} and len(kept["rows_left_out"]["train"]) == 1
    train.write_bytes(lines(*map(valid, range(20))))
    data = provenance.check(place, "sft", "again", keep=True)
    assert "rows_left_out" not in read_json(meta) and data.learned_from == "20 turns"


@pytest.mark.parametrize(
    "rows",
    [
        [valid(i) | {"weight": 0.0} for i in range(12)],
        [{"messages": [USER, GOOD | {"weight": 0}]}] * 12,
    ],
)
def test_weights_that_are_all_0_are_refused_since_there_is_nothing_to_learn(tmp_path, rows):
    error = refused(tmp_path, rows)
    assert error.code == "nothing_to_learn"
    assert "12 of 12 rows of data/sft/train.jsonl have weight 0" in error.message


def test_rows_of_weight_0_are_not_learned_from_and_are_reported(tmp_path):
    found = read(tmp_path, lines(*map(valid, range(5)), valid(9) | {"weight": 0}))
    assert (len(found.rows), found.total, found.left_out) == (5, 6, [])
    assert training_rows.notes(found) == [
        "1 of 6 rows of data/sft/train.jsonl have weight 0 and are not trained on"
    ]


def test_eight_pairs_that_differ_in_a_space_are_refused_before_a_run(tmp_path):
    rows = [{"prompt": f"Q {w}?", "chosen": f"Yes {w}.", "rejected": f"Yes {w}. "} for w in "abcdefgh"]  # fmt: skip
    error = refused(tmp_path, rows, [pair(i) for i in range(6)], "dpo")
    assert "the two answers are the same to the model" in error.message
    assert "and 8: " in error.message


def test_pairs_that_differ_in_line_breaks_are_kept(tmp_path):
    given = {"prompt": Q, "chosen": "An owl\nA wren", "rejected": "An owl A wren"}
    assert len(read(tmp_path, lines(given), "dpo").rows) == 1


# The scripts


def fill(home, kind: str, content: bytes):
    small_runs.fill(home)
    consent.change(Home(home), ["corrections"], [])
    path = home / "data" / kind / "train.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


SCRIPT_OF = {"sft": "train", "dpo": "train_dpo"}


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_plan_counts_the_rows_of_an_array_and_names_the_one_that_is_left_out(home, kind):
    rows = [GOOD_ROWS[kind](i) for i in range(10)]
    path = fill(home, kind, json.dumps([*rows, {"id": 4}]).encode())
    arguments = (SCRIPT_OF[kind], "--dry-run", "--model", calls.LANGUAGE_MODEL)
    answer = calls.answer(*arguments, home=home)
    assert answer["rows"]["train"] == 10 and answer["learned_from"] == "10 rows"
    assert answer["notes"][:2] == [
        f"1 of 11 rows of data/{kind}/train.jsonl cannot be used:",
        f"line 1: row 11: has no {'conversation' if kind == 'sft' else 'chosen and no rejected'} (it has: id)"
        + ("; expected messages, or a prompt and its answer" if kind == "sft" else ""),
    ]  # fmt: skip
    assert not path.with_name("meta.json").exists() or kind == "sft"
    assert "rows_left_out" not in (read_json(path.with_name("meta.json")) or {})


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_data_that_is_mostly_unusable_makes_no_run(home, kind):
    path = fill(home, kind, lines(*(GOOD_ROWS[kind](i) for i in range(8)), *[{}] * 9))
    got = calls.script(
        SCRIPT_OF[kind], "--json", "--model", calls.LANGUAGE_MODEL, "--detach", home=home
    )
    assert (got.status, got.json["error"]["code"]) == (4, "bad_rows")
    assert "lines 9, 10, " in got.json["error"]["message"] and len(got.out) < 2000
    assert not (home / "runs").exists()
    assert len(read_json(path.with_name("meta.json"))["rows_left_out"]["train"]) == 9


def test_another_kind_of_file_is_reported_as_such_and_not_as_a_list_of_bad_lines(tmp_path):
    path = tmp_path / "data" / "sft" / "train.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes("instruction,output\nHello,Hi\nBye,Goodbye\n".encode("utf-8-sig"))
    train = training_rows.read(path, "sft")
    with pytest.raises(Missing, match="a different kind of file, such as a table"):
        training_rows.require_usable(train, training_rows.read(path.with_name("v"), "sft"), "again")
