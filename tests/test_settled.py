"""The rest of an answer is left unwritten only where no rest could make it right."""

import json
import random

import pytest

from fae_training.capabilities import suite
from fae_training.capabilities.answering import _with_marks
from fae_training.capabilities.checks import KINDS, ToolCall, passed, written
from fae_training.capabilities.settled import RULES, is_wrong
from test_capabilities import SUITE, forms, item, loaded  # noqa: F401

# What a rule could misjudge if it looked no further.
CONTINUED = [
    "1.", "5", " 3.5 apples.", "ly", "ing.", ".\n", "\n\n", " ", "```json\n", "\n```", "```", "{", '"a": 1}', '{"a": 1}', "[1", "2]",
    "NaN", "tru", "e", "<thi", "nk>", "<tool_call>", "</tool_call>", "Sure", "ly not", "Done", "-", "- a", "ΟΔΟΣ", "Α",
    "wait,", " what", "HELLO", "hello", "**", "`", '"', "'", "I have sent", "er it", "step 1", "0", "� ",
]  # fmt: skip


def texts_of(each) -> list[str]:
    return [text for answer in (*each.good, *each.bad) for text in forms(answer)]


def bare(each) -> list[str]:
    """The calls among its answers, as a template without marks has them."""
    calls = [json.dumps(a) for a in (*each.good, *each.bad) if isinstance(a, dict)]
    return [*calls, *(f"```json\n{call}\n```" for call in calls)]


def whole(text: str, native: bool) -> str:
    return _with_marks(text.strip(), native)


def test_an_answer_that_is_given_up_is_wrong_however_it_goes_on():
    chooser = random.Random(5)
    everything = [text for each in SUITE.items for text in texts_of(each)] + CONTINUED
    given_up = 0
    for each in SUITE.items:
        own = [*texts_of(each), *bare(each)]
        for native in (True, False):
            for text in (*own, *chooser.sample(everything, 2)):
                rest = chooser.choice(("", "", *CONTINUED, *own, " " + chooser.choice(everything)))
                text += rest
                right = passed(each, whole(text, native))
                for end in sorted(chooser.sample(range(1, len(text) + 1), min(8, len(text)))):
                    wrong = is_wrong(each, text[:end], native)
                    given_up += wrong
                    assert not (wrong and right), (each.id, native, text[:end], text[end:])
    assert given_up > 4000


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_holds_for_no_beginning_of_a_right_answer(kind):
    """Whatever is put together of odd pieces."""
    values = {check.kind: check.value for each in SUITE.items for check in each.checks}
    extra = {"answer_is": "οδοσα", "json": "number", "exactly": "hello", "words_at_most": 2}
    chooser = random.Random(kind)
    for value in filter(None, (values[kind], extra.get(kind))):
        one = item(("timer",), **{kind: value})
        for _ in range(1500):
            pieces = chooser.choices(CONTINUED, k=chooser.randrange(1, 5))
            text = "".join(pieces)
            right = passed(one, whole(text, True))
            for end in range(1, len(text) + 1):
                assert not (right and is_wrong(one, text[:end], True)), (value, text, text[:end])


@pytest.mark.parametrize(
    ("check", "beginning"),
    [
        ({"calls": {"name": "timer"}}, written(ToolCall("alarm", {}))),
        ({"abstains": True}, '{"'),
        ({"avoids": "Paris"}, "In Paris, w"),
        ({"answer_is": "yes"}, "Yes, i"),
        ({"exactly": "HELLO"}, "Hel"),
        ({"each_line": "[a-z]+"}, "one\n2\nthr"),
        ({"json": {"a": "integer"}}, "Here"),
        ({"json": {"a": "integer"}}, '{"a": 1} is'),
        ({"json": {"a": "integer"}}, '```json\n{"a": 1}\n```\nThis'),
        ({"words_at_most": 2}, "one two three"),
        ({"words_exactly": 2}, "one two three"),
        ({"sentences_at_most": 1}, "One. Two"),
        ({"sentences_exactly": 1}, "One. Two"),
        ({"lines_exactly": 1}, "one\ntwo"),
        ({"upper_case": True}, "HEl"),
        ({"lower_case": True}, "heL"),
        ({"plain_text": True}, "a **b"),
        ({"refuses": True}, "Sure, h"),
        ({"admits_failure": True}, "I've sent it"),
        ({"no_thinking_aloud": True}, "Hmm, it is"),
        ({"says": "x"}, "<think>"),
    ],
    ids=str,
)
def test_what_cannot_be_repaired_is_given_up_at_once(check, beginning):
    assert is_wrong(item(("timer",), **check), beginning, native=True)
    assert KINDS[next(iter(check))]


def test_without_marks_for_calls_only_an_object_may_become_one():
    one = item(("timer",), calls={"name": "timer"})
    assert is_wrong(one, "S", native=False) and not is_wrong(one, "S", native=True)
    for beginning in ("{", "```", '```json\n{"name'):
        assert not is_wrong(one, beginning, native=False)
    marked = "A timer: " + written(ToolCall("timer", {"minutes": 3}))
    assert not passed(one, _with_marks(marked, native=False)), "it was told another form"


def test_a_model_gets_the_same_verdicts_from_fewer_tokens(loaded):  # noqa: F811
    from fae_training.capabilities import answering

    items = [each for each in SUITE.quick().items if not each.tools]
    prompts = answering.prompted(loaded[1], items)
    verdicts, tokens = [], []
    for only_verdicts in (False, True):
        found = dict(
            answering.finished(*loaded, items, prompts, lambda: None, only_verdicts=only_verdicts)
        )
        tokens.append(sum(map(len, found.values())))
        verdicts.append(
            {
                number: passed(items[number], answering.text_of(loaded[1], said, prompts[number]))
                for number, said in found.items()
            }
        )
    assert verdicts[0] == verdicts[1] and len(verdicts[0]) == len(items)
    assert tokens[1] < 0.8 * tokens[0]


def test_every_kind_is_decided_early_or_known_not_to_be():
    assert set(KINDS) - set(RULES) == {
        "says", "matches", "last_number", "language", "words_at_least", "asks", "admits_nothing",
    }  # fmt: skip
    assert suite.load().version == SUITE.version


def test_an_interrupted_suite_goes_on_where_it_was(loaded, home):  # noqa: F811
    from fae_training.language.capability_probe import Capabilities
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.scoring import Subject
    from fae_training.lifecycle import runs
    from fae_training.store import state

    place = state.Home(home)
    rows = [
        {"id": f"sum-{n}", "category": "own", "messages": [{"role": "user", "content": f"What is {n} and one?"}], "check": {"says": "x"}, "max_tokens": 1 + n % 3}
        for n in range(20)
    ]  # fmt: skip
    state.write_jsonl(place.directory("benchmarks").joinpath("own.jsonl"), rows)
    run = runs.create(place, "sft", {"settings": {"suite": "own"}, "model_fingerprint": "base"})
    subject = Subject(loaded[0], FastSettings(), None)
    done: list[int] = []

    def kept() -> int:
        files = list(place.file("cache").glob("suite-*-base-base.json"))
        return len(state.read_json(files[0])["passed"]) if files else 0

    def stop(count: int) -> None:
        done.append(count)
        if sum(done) == 9:
            assert kept() == 8, "as many as a killed process had kept"
            raise InterruptedError

    with pytest.raises(InterruptedError):
        Capabilities(run, loaded[1]).measure(subject, stop)
    assert kept() == 9
    asked = []
    found = Capabilities(run, loaded[1]).measure(subject, asked.append)
    assert asked[0] == 9 and sum(asked) == 20 and len(found) == kept() == 20
    assert Capabilities(run, None).measure(subject, asked.append) == found, "nothing is asked again"
