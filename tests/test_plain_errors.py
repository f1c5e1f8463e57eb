"""What a person reads when something is wrong has no words of Python, and a caller that gives JSON gets JSON."""

import json
import re
import runpy

import pytest

import calls
import prepared
from fae_training.calls import calling
from fae_training.calls.errors import SkillError
from fae_training.lifecycle import settings
from fae_training.lifecycle.kinds import KINDS
from fae_training.store import state_shapes, transactions

# Types, values and errors under Python's names for them.
OF_PYTHON = re.compile(
    r"\b(?:str|int|float|bool|dict|tuple|NoneType|None|True|False|nan|inf|codec|Traceback|\w+Error)\b|\[Errno|<class|object at 0x"
)
SCRIPTS = {path.stem: runpy.run_path(str(path)) for path in sorted(calls.SCRIPTS.glob("*.py"))}
BAD_VALUES = (None, True, 3, -1.5, float("nan"), 1e400, 10**400, "", "a word", [], [[]], {}, {"a": None}, "\ud800")  # fmt: skip


def read(name: str, *words: str):
    return calling.read_call(SCRIPTS[name]["build_parser"](), list(words), "program")


def said(problem: SkillError) -> str:
    return f"{problem.message} {problem.hint}"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_wrong_value_of_any_option_is_refused_in_plain_words(name):
    parser = SCRIPTS[name]["build_parser"]()
    options = parser.options
    refused = 0
    for option in options.values():
        given = [[json.dumps({option.name: value})] for value in BAD_VALUES]
        if option.flags and option.has_value:
            given += [[option.flag], [option.flag, "x,=y"], [option.flag, "-1"]]
        for words in given:
            try:
                calling.read_call(parser, words, "program")
            except SkillError as problem:
                refused += 1
                assert not OF_PYTHON.search(said(problem)), said(problem)
    assert refused >= len(options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_setting_in_config_is_refused_in_plain_words(home, kind):
    home.mkdir()
    called = read(KINDS[kind].script.removesuffix(".py"), "--home", str(home))
    refused = 0
    for n, setting in enumerate(KINDS[kind].settings):
        for value in BAD_VALUES[n % 3 :: 3]:
            (home / "config.json").write_text(json.dumps({kind: {setting.name: value}}))
            try:
                settings.resolve(called, KINDS[kind])
            except SkillError as problem:
                refused += 1
                assert not OF_PYTHON.search(said(problem)), said(problem)
    assert refused > len(KINDS[kind].settings)


def run(home, name: str, *words: str) -> None:
    called = read(name, *words, "--home", str(home))
    transactions.recover(called.home)
    SCRIPTS[name]["main"](called)


# Each with the call that reads it.
OF_THE_HOME = {
    "consent.json": ("setup", "--consent", "audio"),
    "exclusions.json": ("export_data", "--dry-run"),
    "config.json": ("export_data", "--dry-run"),
    "history.jsonl": ("check_status",),
}
OF_A_RUN = {
    "run.json": ("check_status",),
    "progress.json": ("check_status",),
    "metrics.jsonl": ("check_status",),
    "train_metrics.json": ("evaluate", "--dry-run"),
    "evaluation.json": ("propose", "--dry-run"),
    "approval.json": ("deploy", "--code", "AAA-AAA", "--dry-run"),
}


@pytest.mark.parametrize("name", [*OF_THE_HOME, *OF_A_RUN])
def test_a_state_file_with_a_wrong_value_is_reported_in_plain_words(home, name):
    place = prepared.allowed(home)
    judged = prepared.judged(place, 1)
    if name == "history.jsonl":
        prepared.deployed(place, 2)
    path = (judged.directory if name in OF_A_RUN else home) / name
    lines = path.read_text() if path.exists() else "{}"
    sound = json.loads(lines.splitlines()[0] if path.suffix == ".jsonl" else lines)
    keys = sorted({*sound, *state_shapes.keys(name), "schema", "unknown"})
    wrong = [sound | {key: value} for n, value in enumerate(BAD_VALUES) for key in keys[n % 4 :: 4]]
    texts = [*map(json.dumps, wrong), "[1]", '"x"', "null", "{", "[" * 100_000, "{'a': 1}"]
    reported = 0
    for text in (*(text.encode() for text in texts), b"\xff\xfe\x00", b"\x80abc"):
        path.write_bytes(text + (b"\n{}\n" if path.suffix == ".jsonl" else b""))
        try:
            run(home, *(OF_A_RUN | OF_THE_HOME)[name])
        except SkillError as problem:
            reported += not problem.code.startswith("no_")
            assert not OF_PYTHON.search(said(problem)), said(problem)
        for aside in home.rglob("*corrupt-*"):
            aside.unlink()
    assert reported > 3


@pytest.mark.parametrize("kind", ["directory", "link to itself"])
def test_a_file_that_cannot_be_read_is_reported_without_a_number_of_the_system(home, kind):
    place = prepared.allowed(home)
    path = place.file("config.json")
    path.mkdir() if kind == "directory" else path.symlink_to(path)
    with pytest.raises(SkillError) as raised:
        place.read("config.json")
    assert not OF_PYTHON.search(said(raised.value)) and "cannot be read" in raised.value.message


@pytest.mark.parametrize(
    ("name", "given"),
    [("check_status", "[1]"), ("evaluate", '"x"'), ("train", "null"), ("check_status", '{"x'), ("listen", "[1]"), ("listen", ' {"x"')],
)  # fmt: skip
def test_whoever_gives_json_gets_one_json_object(home, name, given):
    got = calls.script(name, given, home=home)
    assert got.json["status"] == "error" and got.status in (2, 4)
    assert not OF_PYTHON.search(got.out) and got.json["error"]["hint"]


@pytest.mark.parametrize("given", ["3", "true", '{"colour": 1}', "\ufeff{", " {}", "[", "{}"])
def test_what_json_is_and_what_a_damaged_object_is(given):
    assert calling._caller([given]) == ("person" if given == "[" else "program")


def test_whoever_gives_json_on_standard_input_gets_one_json_object(home):
    for given in ("[1]", '{"params": 3}'):
        assert calls.script("evaluate", "--stdin", home=home, stdin=given).json["status"] == "error"


def test_a_word_that_is_no_json_is_a_persons(home):
    got = calls.script("check_status", "now", home=home)
    assert (got.status, got.out) == (2, "") and "the first argument is not JSON" in got.err
