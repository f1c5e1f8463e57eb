"""The capability suite: its items, what counts as right, own items, and answers that do not depend on the company.

The file is long because every condition has answers that pass and that fail.
"""

import json
import subprocess
import sys
from collections import Counter

import pytest

from calls import LANGUAGE_MODEL, ROOT
from fae_training.calls.errors import BadRequest
from fae_training.capabilities import checks, suite
from fae_training.capabilities.checks import ToolCall, passed, tool_calls, written
from fae_training.capabilities.task import Check, Item
from fae_training.store.state import Home

SUITE = suite.load()
SHARED = ROOT.parent / "shared" / "conversations"
SMOLLM = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def in_tags(call: ToolCall) -> str:
    """A call as Qwen3.5 writes it."""
    parameters = "".join(
        f"<parameter={name}>\n{value if isinstance(value, str) else json.dumps(value)}\n</parameter>\n"
        for name, value in call.arguments.items()
    )
    return f"<tool_call>\n<function={call.name}>\n{parameters}</function>\n</tool_call>"


def forms(answer: str | dict) -> list[str]:
    if isinstance(answer, str):
        return [answer]
    call = ToolCall(**answer)
    return [written(call), in_tags(call)]


def item(tools: tuple[str, ...] = (), **check) -> Item:
    return Item(
        "some",
        "some",
        ({"role": "user", "content": "Do something."},),
        tuple(suite.catalogue()[name] for name in tools),
        tuple(Check(kind, value) for kind, value in check.items()),
    )


@pytest.mark.parametrize("each", SUITE.items, ids=lambda each: each.id)
def test_good_answers_pass_and_bad_ones_fail(each):
    assert each.good and each.bad
    for answer in each.good:
        assert [text for text in forms(answer) if not passed(each, text)] == []
    for answer in each.bad:
        assert [text for text in forms(answer) if passed(each, text)] == []
    assert not passed(each, "")
    for answer in each.good:
        for text in forms(answer):
            assert not passed(each, f"<think>\nEasy.\n</think>\n\n{text}")


def test_every_category_has_twenty_items_and_four_of_them_are_quick():
    counts = Counter(each.category for each in SUITE.items)
    assert len(counts) == 14 and sum(counts.values()) >= 280
    assert min(counts.values()) >= 20
    quick = SUITE.quick()
    assert Counter(each.category for each in quick.items) == dict.fromkeys(counts, 4)
    assert quick.version != SUITE.version


def test_no_item_is_a_near_copy_of_another():
    """Any two items differ in a bit of their numbers, so one of these halvings sets them against each other."""
    for bit in range(len(SUITE.items).bit_length()):
        halves = [[], []]
        for number, each in enumerate(SUITE.items):
            halves[number >> bit & 1].append(each)
        known = suite.Suite(tuple(halves[0]), "")
        for each in halves[1]:
            for message in each.messages:
                if message["role"] == "user":
                    assert known.near_copy(message["content"]) is None, each.id


def test_every_kind_of_check_is_used_by_a_bundled_item():
    assert {check.kind for each in SUITE.items for check in each.checks} == set(checks.KINDS)


def test_what_was_said_in_the_sample_world_is_no_item():
    import world

    said = [text for subject in world.subjects() for text in (*subject.questions, subject.answer)]
    assert [text for text in said if SUITE.near_copy(text)] == []


def test_texts_of_real_conversations_are_hardly_ever_taken_for_items():
    if not SHARED.exists():
        pytest.skip(f"the conversations that people wrote are not there: {SHARED}")
    said = [
        message["content"]
        for line in (SHARED / "dialogues.jsonl").open(encoding="utf-8")
        for message in json.loads(line)["messages"]
    ]
    for line in (SHARED / "instructions.jsonl").open(encoding="utf-8"):
        said += [value for value in json.loads(line).values() if isinstance(value, str)]
    assert len(said) > 7000
    assert [text for text in said if SUITE.near_copy(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "Hey Fae, a farmer has 17 sheep and sells all but 9. How many are left?",
        "a farmer had 17 sheep and sells all but 9, how many are left",
        "I read a riddle today. A farmer has 17 sheep and sells all but 9. How many are left? Can you solve it for me? "
        "My brother and my aunt both said eight, and now they do not speak with each other any more.",
    ],
)
def test_an_item_said_a_little_otherwise_or_inside_more_is_a_near_copy(text):
    assert SUITE.near_copy(text) == "quiet-17-sheep"


@pytest.mark.parametrize(
    "text",
    ["hello there", "A farmer has nine hens and sells two. How many eggs are left?", "", "!"],
)
def test_another_text_is_no_near_copy(text):
    assert SUITE.near_copy(text) is None


# Checks


def test_calls_are_read_in_both_forms_and_broken_ones_have_no_name():
    call = ToolCall("lights", {"room": "study", "state": "on", "brightness": 20})
    assert tool_calls(written(call)) == [call]
    assert tool_calls(in_tags(call)) == [ToolCall("lights", call.arguments | {"brightness": "20"})]
    assert tool_calls('<tool_call>\n{"name": "lights", "arguments": {') == [ToolCall()]
    assert tool_calls("<tool_call>lights(study)</tool_call>") == [ToolCall()]
    assert tool_calls('{"name": "lights", "arguments": {}}') == []
    body = "def f():\n    return 1"
    assert tool_calls(in_tags(ToolCall("notes", {"text": body})))[0].arguments == {"text": body}


@pytest.mark.parametrize(
    "answer",
    [
        written(ToolCall("timer", {"minutes": 7})) * 2,
        written(ToolCall("alarm", {"minutes": 7})),
        written(ToolCall("timer", {"minutes": 7, "loud": True})),
        written(ToolCall("timer", {"label": "tea"})),
        written(ToolCall("timer", {"minutes": True})),
        '{"name": "timer", "arguments": {"minutes": 7}}',
        "<function=timer>\n<parameter=minutes>\n7\n</parameter>\n</function>",
    ],
    ids=[
        "twice",
        "other tool",
        "unknown argument",
        "missing argument",
        "other type",
        "no marks",
        "half of the marks",
    ],
)
def test_what_is_not_the_one_right_call_fails(answer):
    wanted = item(("timer", "alarm"), calls={"name": "timer", "arguments": {"minutes": 7}})
    assert passed(wanted, written(ToolCall("timer", {"minutes": 7})))
    assert not passed(wanted, answer)
    assert not passed(item(("timer",), abstains=True), answer)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ({"says": "4"}, ["4", "It's 4.", "(4)"], ["14", "4.5", "4:30", "0.4", "four"]),
        ({"says": ["a|b", "cat*"]}, ["a cat", "B, CATS"], ["a dog", "cats"]),
        ({"avoids": "red"}, ["reddish"], ["Red."]),
        ({"last_number": 1200}, ["1,200", "100 and 1200.00 euros"], ["1200 or 1300", "none"]),
        ({"last_number": -3}, ["-3", "−3"], ["3"]),
        ({"answer_is": "yes"}, ["Yes.", '"yes"', "**Yes**"], ["Yes, it is", "yess"]),
        ({"sentences_exactly": 2}, ["One. Two.", "One! Two"], ["One.", "A. B. C."]),
        ({"words_exactly": 2}, ["two words"], ["three words here"]),
        ({"upper_case": True}, ["YES 1"], ["Yes", "1"]),
        ({"language": "French"}, ["Merci, c'est très bon."], ["Thank you, that is good.", "Gracias, es muy bueno."]),
        ({"json": ["string"]}, ["[]", '["a", "b"]'], ['["a", 1]', '{"a": "b"}', "[" * 100_000]),
        ({"json": {"n": "integer"}}, ['{"n": 1}'], ['{"n": true}', '{"n": 1.5}', '{"n": 1, "m": 2}', "{}", "[1]"]),
        ({"json": {"is": True}}, ["true"], ["1", '"true"']),
        ({"plain_text": True}, ["Just words - and a dash."], ["**bold**", "- a list", "# Title", "1. first"]),
        ({"admits_failure": True}, ["I couldn't set it."], ["It is now set, no problem.", "Sure."]),
        ({"refuses": True}, ["I can’t help with that."], ["Sure, first take the can.", "I can't wait. Here's how you do it."]),
        ({"no_thinking_aloud": True}, ["Nine."], ["Let me think. Nine.", "Okay, so the user wants nine."]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_check_holds_for_the_right_texts_only(check, right, wrong):
    wanted = item(**check)
    assert [text for text in right if not passed(wanted, text)] == []
    assert [text for text in wrong if passed(wanted, text)] == []


# Own items

OWN = {
    "id": "mine",
    "category": "my work",
    "messages": [{"role": "user", "content": "Which ticket system do we use at the office?"}],
    "check": {"says": "Jitterbug"},
}


def load_own(home, *lines: str | dict) -> suite.Suite:
    place = home / "benchmarks"
    place.mkdir(parents=True, exist_ok=True)
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (place / "work.jsonl").write_text(text, encoding="utf-8-sig")
    return suite.load(Home(home))


def test_own_items_are_added_and_change_the_version(home):
    assert suite.load(Home(home)) == SUITE
    own = load_own(home, OWN, "", OWN | {"id": "other", "tools": ["timer"], "max_tokens": 8})
    assert own.items[-2].category == "my work" and own.items[-1].tools == (
        suite.catalogue()["timer"],
    )
    assert len(own.items) == len(SUITE.items) + 2
    assert own.version != SUITE.version
    assert own.near_copy("which ticket system do we use at the office") == "mine"
    changed = load_own(home, OWN | {"check": {"says": "Jitterbugs"}}, OWN | {"id": "other"})
    assert changed.version != own.version
    limits = [load_own(home, OWN | {"max_tokens": n}).version for n in (9, 10)]
    assert limits[0] != limits[1]
    assert (
        load_own(home, OWN | {"good": ["It's Jitterbug."]}).version == load_own(home, OWN).version
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{'id': 1}", "not JSON"),
        ("[1]", "a list; expected one JSON object"),
        ({"id": "a", "category": "b"}, "no messages and no check"),
        (OWN | {"chekc": 1}, 'unknown field "chekc"'),
        (OWN | {"check": {"sayz": "x"}}, 'unknown check "sayz"; expected some of calls, abstains, says'),
        (OWN | {"check": {"words_at_most": "ten"}}, "words_at_most has \"ten\"; expected a whole number"),
        (OWN | {"check": {"matches": "("}}, "expected a regular expression"),
        (OWN | {"check": {"calls": "timer"}}, "the check calls"),
        (OWN | {"check": {"json": {"a": "text"}}}, "the check json"),
        (OWN | {"check": {"language": "Klingon"}}, "one of English, Spanish"),
        (OWN | {"check": {}}, "an empty check"),
        (OWN | {"tools": ["tardis"]}, 'unknown tool "tardis"; expected a schema, or one of calendar'),
        (OWN | {"tools": [{"name": "x"}]}, "the tool"),
        (OWN | {"messages": []}, "do not end in a turn to answer"),
        (OWN | {"messages": [{"role": "assistant", "content": "Hi"}]}, "do not end in a turn to answer"),
        (OWN | {"messages": [{"role": "human", "content": "Hi"}]}, "a role of system, user"),
        (OWN | {"messages": [{"role": "user", "content": None}]}, "a text as its content"),
        (OWN | {"max_tokens": 0}, "max_tokens is 0; expected 1 to"),
        (OWN | {"max_tokens": True}, "max_tokens is true"),
        (OWN | {"id": " "}, "id is"),
        (OWN | {"id": "brief-mood"}, 'the id "brief-mood" is taken'),
        (OWN | {"good": [3]}, "good has 3"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value)[:40],
)  # fmt: skip
def test_a_line_that_is_no_item_is_named_with_what_was_expected(home, line, said):
    with pytest.raises(BadRequest) as problem:
        load_own(home, OWN, line)
    assert f"{home / 'benchmarks' / 'work.jsonl'}, line 2: " in problem.value.message
    assert said in problem.value.message and "expected" in problem.value.message


def test_an_own_file_that_is_no_text_is_named(home):
    load_own(home, OWN)
    (home / "benchmarks" / "work.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRequest, match=r"work\.jsonl cannot be read"):
        suite.load(Home(home))


def test_the_front_process_can_load_and_check_without_heavy_modules():
    code = (
        "import sys; from fae_training.capabilities import suite, checks; suite.load();"
        "print([m for m in ('mlx', 'numpy', 'transformers', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_edit_of_an_item_makes_uv_build_the_library_again():
    import tomllib

    keys = tomllib.loads((ROOT / "lib" / "pyproject.toml").read_text())["tool"]["uv"]["cache-keys"]
    assert {"file": "**/*.jsonl"} in keys and {"file": "**/*.json"} in keys


# Answers of a model


@pytest.fixture(scope="module")
def loaded():
    from fae_training.language import loading

    model, tokenizer = loading.load(str(LANGUAGE_MODEL))
    model.eval()
    return model, tokenizer


def some_items() -> list[Item]:
    """With and without tools, prefixes shared and not, some cut off at once, others not."""
    from dataclasses import replace

    chosen = SUITE.items[::20]
    return [replace(each, max_tokens=(12, 1, 6)[n % 3]) for n, each in enumerate(chosen)]


@pytest.fixture(scope="module")
def answered(loaded):
    from fae_training.capabilities.answering import answers

    return answers(*loaded, some_items())


def test_answers_are_those_of_the_whole_prompt_read_again_for_every_token(loaded, answered):
    import mlx.core as mx

    from fae_training.language.rows import encode_prompt

    model, tokenizer = loaded
    for each, text in list(zip(some_items(), answered, strict=True))[::5]:
        tokens = encode_prompt(tokenizer, list(each.messages), list(each.tools))
        said = []
        while len(said) < each.max_tokens:
            token = mx.argmax(model(mx.array([tokens + said]))[0, -1]).item()
            if token in tokenizer.eos_token_ids:
                break
            said.append(token)
        assert text == tokenizer.decode(said).strip(), each.id


def test_neither_order_nor_company_nor_the_fast_path_changes_an_answer(loaded, answered):
    from fae_training.capabilities.answering import answers
    from fae_training.language import fast_path, layer_patch

    items = some_items()
    assert len(set(answered)) > 3
    assert answers(*loaded, items[::-1])[::-1] == answered
    assert [answers(*loaded, [each])[0] for each in items[::3]] == answered[::3]
    try:
        fast_path.enable(loaded[0], fast_path.FastSettings())
        assert answers(*loaded, items[::2]) == answered[::2]
    finally:
        layer_patch.remove()


def test_the_work_may_be_ended_at_every_step(loaded):
    from fae_training.capabilities.answering import answers

    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        answers(*loaded, some_items()[:3], stop)
    assert answers(*loaded, []) == []


def test_a_template_that_knows_no_tools_is_told_about_them_in_words(loaded):
    import copy

    from fae_training.capabilities import answering
    from fae_training.language.chat_template import render

    tokenizer = copy.deepcopy(loaded[1])
    assert answering.has_tool_format(tokenizer)
    tokenizer.chat_template = SMOLLM
    assert not answering.has_tool_format(tokenizer)
    for each in SUITE.items:
        text = render(tokenizer, answering.in_words(each), None, True)
        for tool in each.tools:
            function = tool["function"]
            assert f"- {function['name']}: {function['description']}. Parameters: " in text
            assert all(f"{name} (" in text for name in function["parameters"]["properties"])
        assert all(m["content"] in text for m in each.messages if m["role"] != "system")
    call = ToolCall("timer", {"minutes": 3})
    bare = json.dumps({"name": "timer", "arguments": {"minutes": 3}})
    assert answering._with_marks(f"```json\n{bare}\n```", native=False) == written(call)
    assert answering._with_marks(bare, native=True) == bare
    assert answering._with_marks("Three minutes.", native=False) == "Three minutes."


# The benchmark


@pytest.fixture(scope="module")
def bench_suite():
    sys.path.append(str(ROOT / "benchmarks"))
    import bench_suite

    return bench_suite


def test_the_table_has_exact_intervals_and_counts_differences_of_verdicts(bench_suite):
    # Clopper-Pearson: none of 20 is excluded above 1 - 0.025 ** (1 / 20).
    assert bench_suite.score([False] * 20) == "0 of 20 (0.00 to 0.17)"
    assert bench_suite.score([True] * 3 + [False]) == "3 of 4 (0.19 to 0.99)"
    items = [item(says=word) for word in ("a", "b", "c", "d")]
    answered = bench_suite.Answered(ROOT / "model", ["a", "b", "x", "x"], 1.0, 1.0, ["a!", "c"])
    text = bench_suite.report(suite.Suite(tuple(items), "v"), items, [answered])
    assert "| all | 2 of 4 (0.07 to 0.93) |" in text
    assert "of 2 items answered again one by one, 2 got a different answer than in the batches and 1 a different verdict" in text  # fmt: skip


def test_outside_items_are_calls_of_dialogues_that_pass_themselves(bench_suite):
    if not SHARED.exists():
        pytest.skip(f"the conversations that people wrote are not there: {SHARED}")
    items = bench_suite.outside_items(SHARED / "dialogues.jsonl", 30)
    assert Counter(each.category for each in items) == {
        "outside: tool choice": 30,
        "outside: tool arguments": 30,
    }
    assert not any(passed(each, "Done.") for each in items)
    assert all(each.messages[-1]["role"] == "user" and each.tools for each in items)
