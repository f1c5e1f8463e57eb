"""How a script is called and how it answers, with a small script of its own that has every sort of option.

The file is long because a script can be called in three ways and answers in two.
"""

import json
import os
import shlex
import subprocess
import sys

import pytest

import calls
from fae_training.calls import answering, calling, verbs
from fae_training.calls.errors import BadRequest, Failed
from fae_training.store import state

SCRIPT = '''
"""Echo the call."""
import os, sys
from fae_training.calls import calling, errors
from fae_training.calls.calling import Result

parser = calling.parser(__doc__, dry_run=True)
parser.add_argument("--steps", type=int)
parser.add_argument("--preset", choices=["smoke", "light"])
parser.add_argument("--model")
parser.add_argument("--since")
parser.add_argument("--run")
parser.add_argument("--force", action="store_true")
parser.add_argument("--topics", nargs="+")
parser.add_argument("--worker")
parser.add_argument("--raise", dest="problem")


def main(call):
    os.write(1, b"a library writes to the descriptor\\n")
    print("a library prints")
    problem = call.arguments.problem
    if problem == "crash":
        {}["nothing"]
    if problem:
        raise getattr(errors, problem)("a_code", "what happened: caf\\u00e9", "the next command")
    given = {n: str(v) if n == "home" else v for n, v in vars(call.arguments).items() if n in call.sources}
    long = {"padding": "\\u00e9" * given.get("steps", 0), "short": "kept"}
    return Result({"status": "done", "given": given, "sources": call.sources, "caller": call.caller} | long, "For people.")


calling.run(main, parser)
'''


@pytest.fixture
def call(tmp_path, home):
    """Runs the script; returns (exit status, standard output, standard error)."""
    path = tmp_path / "echo.py"
    path.write_text(SCRIPT)

    def run(*argv, stdin="", **environment):
        process = subprocess.run(
            [sys.executable, str(path), *argv],
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, "FAE_TRAINING_HOME": str(home), **environment},
        )
        return process.returncode, process.stdout, process.stderr

    return run


def request(**params) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": "execute", "params": params, "id": 1})


def read(*argv, caller="program") -> calling.Call:
    parser = calling.parser("")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--preset", choices=["smoke", "light"])
    parser.add_argument("--model")
    parser.add_argument("--since")
    parser.add_argument("--run")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--topics", nargs="+")
    parser.add_argument("--last-benchmark-score")
    return calling.read_call(parser, list(argv), caller)


def given(*argv) -> dict:
    called = read(*argv)
    return {name: getattr(called.arguments, name) for name in called.sources}


def test_a_person_reads_text_and_standard_output_is_theirs(call):
    status, out, err = call("--steps", "3")
    assert status == 0 and out.endswith("For people.\n") and err == ""


def test_three_callers_mean_the_same(call):
    status, out, _ = call("--steps", "3", "--force", "--json")
    person = json.loads(out)
    assert status == 0 and person["given"] == {"steps": 3, "force": True, "json": True}
    program = json.loads(call('{"steps": 3, "force": true}')[1])
    fae = json.loads(call(stdin=request(steps=3, force=True), FAE_SKILL_NAME="training")[1])
    assert program["given"] == fae["given"] == {"steps": 3, "force": True}
    assert program["sources"] == {"steps": "parameter", "force": "parameter"}
    assert [a["caller"] for a in (person, program, fae)] == ["program", "program", "fae"]


def test_a_program_gets_one_object_and_what_libraries_print_goes_to_standard_error(call):
    _, out, err = call("--json")
    assert json.loads(out)["status"] == "done" and out.count("\n") == 1
    assert "a library prints" in err and "a library writes to the descriptor" in err


def test_a_flag_beats_a_parameter():
    called = read('{"steps": 3, "preset": "light"}', "--steps", "5")
    assert (called.arguments.steps, called.arguments.preset) == (5, "light")
    assert called.sources == {"steps": "flag", "preset": "parameter"}


def test_a_parameter_that_was_not_given_is_none_and_has_no_source():
    called = read()
    assert called.sources == {} and set(vars(called.arguments).values()) == {None}


def test_standard_input_is_read_only_for_fae_or_when_asked(call):
    assert json.loads(call("--json", stdin=request(steps=3))[1])["given"] == {"json": True}
    assert json.loads(call("--json", "--stdin", stdin=request(steps=3))[1])["given"]["steps"] == 3
    assert json.loads(call(stdin="", FAE_SKILL_NAME="training")[1])["given"] == {}
    assert json.loads(call("--json", "--stdin", stdin='{"steps": 4}')[1])["given"]["steps"] == 4


def test_what_fae_always_adds_is_ignored():
    added = dict.fromkeys(calling.ALWAYS_ADDED, "something")
    assert given(json.dumps(added | {"steps": 1})) == {"steps": 1}


def test_older_names_are_accepted():
    older = {
        "target_model_preset": "small",
        "training_preset": "light",
        "max_iterations": 12,
        "last_export_timestamp": "2026-01-01",
        "last_benchmark_score": "none",
        "adapter_path": "/Users/sam/.fae/training/runs/sft-20261122-0914-k3/adapters",
        "previous_adapter_path": "/old",
    }
    assert given(json.dumps(older)) == {
        "model": "small",
        "preset": "light",
        "steps": 12,
        "since": "2026-01-01",
        "last_benchmark_score": "none",
        "run": "sft-20261122-0914-k3",
    }


def test_an_older_name_that_a_script_does_not_use_is_accepted_too():
    parser = calling.parser("")
    assert calling.read_call(parser, ['{"max_iterations": 3}'], "program").sources == {}


@pytest.mark.parametrize(
    "argument, code, words",
    [
        ('{"stepps": 1}', "unknown_parameter", "no parameter 'stepps'; did you mean 'steps'?"),
        ('{"steps": "many"}', "bad_value", "steps cannot be 'many'"),
        ('{"steps": true}', "bad_value", "steps is true, expected one value"),
        ('{"steps": [1]}', "bad_value", r"steps is a list, expected one value"),
        ('{"preset": "heavy"}', "bad_value", "preset is 'heavy', expected one of smoke, light"),
        ('{"force": "yes"}', "bad_value", "force is 'yes', expected true or false"),
        ('{"run": "[REDACTED_SECRET]"}', "blanked", "looks like a secret"),
        ('{"steps": 1', "bad_input", "the first argument is not JSON"),
        ("light", "bad_input", "the first argument is not JSON"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_was_expected(argument, code, words):
    with pytest.raises(BadRequest, match=words) as refused:
        given(argument)
    assert refused.value.code == code and refused.value.hint


def test_the_hint_of_an_unknown_parameter_lists_the_known_but_not_the_hidden_ones(call):
    status, out, _ = call('{"colour": "red"}')
    error = json.loads(out)["error"]
    assert status == 2 and error["code"] == "unknown_parameter"
    for name in ("dry_run", "home", "preset", "steps", "topics"):
        assert name in error["hint"]
    assert "worker" not in error["hint"] and "stdin" not in error["hint"]


def test_an_internal_option_is_not_a_parameter(call):
    status, out, _ = call('{"worker": "sft-1"}')
    assert status == 2 and json.loads(out)["error"]["code"] == "unknown_parameter"
    assert json.loads(call("--json", "--worker", "sft-1")[1])["given"]["worker"] == "sft-1"


@pytest.mark.parametrize("stdin", ["{", "[1]", '{"method": "execute", "params": [1]}', "hello"])
def test_standard_input_that_is_not_a_request_is_a_clear_error(call, stdin):
    status, out, _ = call(stdin=stdin, FAE_SKILL_NAME="training")
    assert status == 0 and json.loads(out)["error"]["code"] == "bad_input"


def test_a_list_may_be_given_as_one_value_and_false_means_not_given():
    assert given('{"topics": "work"}') == {"topics": ["work"]}
    assert given('{"topics": ["work", "health"], "force": false}')["topics"] == ["work", "health"]
    assert read('{"force": false}').arguments.force is None
    assert read('{"model": "", "steps": null}').sources == {}


def test_an_empty_item_of_a_list_is_refused_and_an_empty_value_is_not_given():
    for items in ([""], [None], ["a", ""]):
        with pytest.raises(BadRequest, match="empty item"):
            read(json.dumps({"topics": items}))
    assert not read(json.dumps({"topics": ""})).arguments.topics


@pytest.mark.parametrize(
    "problem, status",
    [("BadRequest", 2), ("Refused", 3), ("Missing", 4), ("Busy", 5), ("Failed", 6), ("crash", 6)],
)
def test_exit_statuses_for_a_person_and_for_fae(call, problem, status):
    got, out, _ = call("--json", "--raise", problem)
    answer = json.loads(out)
    assert got == status and answer["status"] == "error"
    assert set(answer["error"]) == {"code", "message", "hint"}
    from_fae, out, _ = call("--raise", problem, FAE_SKILL_NAME="training")
    assert from_fae == 0 and json.loads(out) == answer


def test_a_person_reads_what_happened_and_what_to_type_next(call):
    status, out, err = call("--raise", "Missing")
    assert status == 4 and "For people" not in out
    assert err.endswith("error: what happened: café\n  next: the next command\n")


def test_an_unexpected_error_is_a_sentence_and_its_traceback_is_in_the_log(call, home):
    _, out, err = call("--json", "--raise", "crash")
    error = json.loads(out)["error"]
    assert error["code"] == "unexpected" and "KeyError: 'nothing'" in error["message"]
    assert "Traceback" not in out + err
    [entry] = state.read_jsonl(home / "errors.jsonl")
    assert entry["script"] == "echo" and "Traceback" in entry["traceback"]


def test_an_unexpected_error_is_answered_even_if_nothing_can_be_written(call, tmp_path):
    (tmp_path / "file").write_text("")
    _, out, _ = call("--json", "--raise", "crash", FAE_TRAINING_HOME=str(tmp_path / "file"))
    assert "could not be written" in json.loads(out)["error"]["message"]


@pytest.mark.parametrize("count", [0, 100, 400, 100_000])
def test_an_answer_is_ascii_of_at_most_2000_characters_and_the_rest_is_in_a_file(call, home, count):
    _, out, _ = call("--json", "--steps", str(count))
    answer = json.loads(out)
    assert out.isascii() and len(out.rstrip("\n")) <= 2000
    assert answer["status"] == "done" and answer["short"] == "kept"
    if count < 300:
        assert answer["padding"] == "é" * count and "shortened" not in answer
    else:
        assert answer["shortened"] == ["padding"] and "padding" not in answer
        kept = state.read_json(home / "results" / "echo.json")
        assert answer["full_answer"] == str(home / "results" / "echo.json")
        assert kept["padding"] == "é" * count


def test_a_list_in_a_long_answer_keeps_its_first_items_and_is_named(home):
    reasons = [f"reason {number}: {'x' * 300}" for number in range(40)]
    data = {
        "status": "evaluated",
        "reasons": reasons,
        "costs": ["one", "two"],
        "notes": ["n" * 200],
    }
    short = json.loads(calling.shortened(data, state.Home(home), "echo"))
    assert len(json.dumps(short)) <= 2000 and short["shortened"] == ["reasons"]
    assert 3 <= len(short["reasons"]) < 6 and short["reasons"] == reasons[: len(short["reasons"])]
    assert short["costs"] == ["one", "two"] and short["notes"] == ["n" * 200]
    assert state.read_json(home / "results" / "echo.json")["reasons"] == reasons


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f600"])
@pytest.mark.parametrize(
    ("message", "hint"), [(5_000, 20), (20, 5_000), (5_000, 5_000), (700, 700)]
)
def test_an_error_longer_than_an_answer_keeps_its_code_and_the_start_of_its_texts(home, message, hint, letter):  # fmt: skip
    error = Failed(
        "a_code", f"what happened: {letter * message}", f"the next command {letter * hint}"
    )
    text = calling.shortened(error.as_dict(), state.Home(home), "echo")
    short = json.loads(text)
    assert text.isascii() and len(text) <= 2000
    assert short["status"] == "error" and short["error"]["code"] == "a_code"
    for part in ("message", "hint"):
        whole = error.as_dict()["error"][part]
        assert whole.startswith(short["error"][part]) and len(short["error"][part]) >= 30
    if "full_answer" in short:
        assert short["full_answer"] == str(home / "results" / "echo.json")
        assert state.read_json(home / "results" / "echo.json")["error"] == error.as_dict()["error"]
    else:
        assert short == error.as_dict()


def test_help_is_the_docstring_and_an_unknown_flag_ends_with_2(call):
    status, out, _ = call("--help")
    assert status == 0 and "Echo the call." in out and "--dry-run" in out
    status, _, err = call("--colour", "red")
    assert status == 2 and "unrecognized arguments: --colour red" in err


def test_a_home_by_flag_beats_the_environment(call, tmp_path):
    call("--json", "--steps", "4000", "--home", str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere" / "results" / "echo.json").exists()


def test_ctrl_c_ends_a_script_with_130_and_no_traceback(tmp_path, home):
    path = tmp_path / "wait.py"
    # A process that a shell put in the background ignores the keyboard: this one must not inherit that.
    path.write_text(
        "import signal, os\nfrom fae_training.calls import calling\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "calling.run(lambda call: os.kill(os.getpid(), signal.SIGINT) or signal.pause(), calling.parser(''))"
    )
    got = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert got.returncode == 130 and "interrupted from the keyboard" in got.stderr
    assert "Traceback" not in got.stderr


def test_a_parameter_that_takes_two_values_is_a_list_of_two():
    parser = calling.parser("")
    parser.add_argument("--compare", nargs=2)
    called = calling.read_call(parser, ['{"compare": ["sft-1", "latest"]}'], "program")
    assert called.arguments.compare == ["sft-1", "latest"]
    with pytest.raises(BadRequest, match="expected a list of 2"):
        calling.read_call(parser, ['{"compare": ["sft-1"]}'], "program")


@pytest.mark.parametrize("words", [["--rate", "-1e-5"], ["--rate=-1e-5"], ["--ra", "-1e-5"]])
def test_a_negative_number_after_a_flag_is_its_value_and_reaches_the_range(words):
    parser = calling.parser("")
    parser.add_argument("--rate", type=float)
    assert calling.read_call(parser, words, "person").arguments.rate == -1e-5


@pytest.mark.parametrize("value", ["-inf", "-nan", "-5", "-.5"])
def test_the_option_refuses_a_value_out_of_range_not_the_parser(value):
    parser = calling.parser("")
    parser.add_argument("--rate", type=lambda text: {}[text])
    with pytest.raises(KeyError, match=value):
        calling.read_call(parser, ["--rate", value], "person")


def test_a_flag_without_a_value_does_not_take_a_negative_number():
    with pytest.raises(BadRequest, match="unrecognized arguments: -5"):
        calling.read_call(calling.parser(""), ["--json", "-5"], "person")


def test_a_parser_has_a_record_of_each_option():
    parser = calling.parser("", dry_run=True)
    parser.add_argument("--size", "--big", choices=("s", "l"), default="s", help="how big")
    parser.add_argument("--no", action="append")
    parser.add_argument("file", nargs="?")
    assert [*parser.options] == ["home", "json", "stdin", "dry_run", "size", "no", "file"]
    size, no, file = (parser.options[name] for name in ("size", "no", "file"))
    assert (size.flag, size.choices, size.has_many_values) == ("--big", ("s", "l"), False)
    assert no.has_many_values and not parser.options["json"].has_value
    assert file.flags == () and file.flag == "file"
    assert calling.read_call(parser, [], "person").arguments.size is None


def test_the_names_of_parameters_that_are_given_without_a_flag_are_those_of_the_scripts():
    found = {
        name: option.name
        for name, verb in verbs.load(calls.SCRIPTS).items()
        for option in verb.parser.options.values()
        if not option.flags
    }
    assert found == answering.POSITIONAL
    assert answering.as_call("uv run scripts/experiment.py sweep --resume sweep-1") == {
        "script": "experiment", "params": {"action": "sweep", "resume": "sweep-1"}
    }  # fmt: skip


def test_the_same_call_without_some_options_means_the_same():
    parser = calling.parser("x", dry_run=True)
    parser.add_argument("--many", nargs="+")
    parser.add_argument("--each", action="append")
    parser.add_argument("--why", nargs="?", const="no reason")
    parser.add_argument("--code")
    parser.add_argument("what", nargs="?")
    words = ["go", "--many", "a b", "c", "--each", "1", "--each", "2", "--why", "--code", "X", "--dry-run"]  # fmt: skip
    told = calling.read_call(parser, words, "person").without("x", "dry_run")
    again = calling.read_call(parser, shlex.split(told)[1:], "person").arguments
    assert (again.what, again.many, again.each) == ("go", ["a b", "c"], ["1", "2"])
    assert (again.why, again.code, again.dry_run) == ("no reason", None, None)


def test_a_json_argument_without_parameters_keeps_standard_input_unread(call):
    parser = calling.parser("x")
    assert calling.read_call(parser, ["{}"], "fae").arguments.json is None, "it would wait for ever"


@pytest.mark.parametrize(
    "command, call",
    [
        ("uv run scripts/check_status.py", {"script": "check_status", "params": {}}),
        ("uv run scripts/train.py --preset light --steps 3", {"script": "train", "params": {"preset": "light", "steps": "3"}}),
        ("uv run scripts/setup.py --consent audio corrections", None),
        ("uv run scripts/setup.py --revoke audio corrections", {"script": "setup", "params": {"revoke": ["audio", "corrections"]}}),
        ("uv run scripts/train_dpo.py --label-smoothing 0.1 --force", {"script": "train_dpo", "params": {"label_smoothing": "0.1", "force": True}}),
        ("uv run scripts/export_data.py --exclude 'my job'", {"script": "export_data", "params": {"exclude": "my job"}}),
        ("uv run scripts/deploy.py --run sft-1 --code CODE", None),
        ("uv run scripts/add_samples.py --files RECORDINGS...", None),
        ("uv run scripts/train.py --help", None),
        ("uv run scripts/check_status.py --follow", {"script": "check_status", "params": {}}),
        ("uv run scripts/train.py --hosts THIS_MACHINE,10.0.0.2", None),
        ("uv run scripts/add_samples.py --class interrupt ...", None),
        ("uv run scripts/export_data.py --forget Anton --forget 'my job'", {"script": "export_data", "params": {"forget": ["Anton", "my job"]}}),
        ("read it, then: uv run scripts/deploy.py", None),
        ("uv run scripts/a.py, or uv run scripts/b.py", None),
        ("tail -n 40 train.log", None),
        ("uv run scripts/train.py --note 'half", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_next_command_is_a_call_that_a_program_can_make(command, call):
    assert answering.as_call(command) == call


def test_an_answer_for_a_program_has_the_next_call_and_so_has_an_error_that_one_call_fixes(home):
    asked = calls.script("check_status", home=home, FAE_SKILL_NAME="training")
    assert asked.json["next"] is None and "May I learn" in asked.json["say"]
    refused = calls.script("train", home=home, FAE_SKILL_NAME="training").json
    assert refused["error"]["code"] == "no_consent" and "next" not in refused, (
        "the person's to give"
    )
    given = json.dumps({"params": {"consent": "conversations"}})
    done = calls.script("setup", home=home, stdin=given, FAE_SKILL_NAME="training").json
    assert done["status"] == "consent_recorded" and done["next"]["script"] == "export_data"
