"""How a script is called: one meaning for a person, for Fae, and for another program.

A person gives flags. Fae gives no arguments, sets FAE_SKILL_NAME, and writes one JSON-RPC object to standard input. Another
program gives a JSON object as the first argument. Each flag --some-name is the parameter some_name. A script has a parser, a
`main(call) -> Result`, and calls `run(main, parser)`.
"""

import argparse
import difflib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fae_training.calls.answering import (
    LONGEST_ANSWER,
    Result,
    as_call,
    explain,
    for_terminal,
    keep_standard_output_clean,
    open_closed_streams,
    shortened,
    with_next_call,
    with_next_line,
    write_line,
)
from fae_training.calls.call import Call
from fae_training.calls.error_words import reason, shown
from fae_training.calls.errors import BadRequest, Failed, SkillError, command_line
from fae_training.calls.options import Option, Parser, parser
from fae_training.store import transactions
from fae_training.store.state import (
    Home,
    append_jsonl,
    changing_nothing,
    default_home,
    now,
    parsed,
    unwritable,
)

__all__ = ["Call", "Parser", "Result", "parser", "read_call", "run"]

# Fae adds these to every call.
ALWAYS_ADDED = ("audio_input_dir", "audio_output_dir", "input", "capability_ticket")
# Names from earlier versions of the skill, which Fae's scheduler still sends. None: accepted, no effect.
OLDER_NAMES = {
    "target_model_preset": "model",
    "training_preset": "preset",
    "max_iterations": "steps",
    "last_export_timestamp": "since",
    "after_timestamp": "since",
    "db_path": "db",
    "output_dir": None,  # an option in scripts that export
    "last_benchmark_score": "last_benchmark_score",
    "adapter_path": "run",
    "previous_adapter_path": None,
    "current_adapter_path": None,
    "score": None,
    "previous_score": None,
    "recommendation": None,
    "sft_train_count": None,
    "dpo_pairs": None,
}
# What Fae says when a proposal waits for the person's answer.
APPROVES = "An update waits for your answer: yes with the code on its page, or no."
START, CONSENT = "uv run scripts/", "setup.py --consent "
# The status of an answer to --dry-run.
PLANNED = ("planned", "dry_run")
# Internal options with which a script starts itself; they are accepted only as flags.
INTERNAL = ("worker", "task")
BLANKED = "[REDACTED_SECRET]"  # what Fae puts in place of values that look like secrets


def run(main: Callable[[Call], Result], script_parser: Parser) -> None:
    """Read the call, run `main`, answer, and exit with the status that errors.py gives."""
    argv = sys.argv[1:]
    os.umask(0o077)  # libraries create files too
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # An ASCII-only terminal gets "?" for other characters, as from ls.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    caller = _caller(argv)
    answer_to = sys.stdout if caller == "person" else keep_standard_output_clean()
    home, given_home, named_home = Home(default_home()), None, None
    script, keep = Path(sys.argv[0]).stem, True
    call = None
    try:
        call = read_call(script_parser, argv, caller)
        home, given_home = call.home, call.arguments.home
        named_home = given_home if call.sources.get("home") == "parameter" else None
        keep = not getattr(call.arguments, "dry_run", None)
        with changing_nothing(not keep):
            transactions.recover(home)
            result = main(call)
        keep = keep and result.may_be_saved
        data, status = led_on(call, script, result.data), result.exit_status
        text = with_next_line(data, result.text + data.pop("reminder", ""))
    except SkillError as error:
        say = _asked(home, error, call)
        data, text, status = error.as_dict() | say, explain(error), error.exit_status
    except KeyboardInterrupt:
        error = Failed(
            "stopped", "interrupted from the keyboard", f"uv run scripts/{script}.py --help"
        )
        data, text, status = error.as_dict(), explain(error), 130
    except OSError as problem:
        # A full disk or missing permissions, where no more specific error was raised.
        error = unwritable(Path(str(problem.filename or home.path)), problem)
        data, text, status = error.as_dict(), explain(error), error.exit_status
    except Exception as problem:
        error = _unexpected(problem, script, home)
        data, text, status = error.as_dict(), explain(error), error.exit_status
    if caller == "person":
        stream = sys.stderr if data["status"] == "error" else answer_to
        write_line(for_terminal(text, given_home, stream), stream)
    else:
        write_line(shortened(with_next_call(data, named_home), home, script, keep), answer_to)
    if caller == "program" and status and "--json" not in argv:
        # Fae's nightly loop reads only this from a script that does not exit with 0.
        write_line(text[:LONGEST_ANSWER], sys.stderr)
    # Fae discards the output of a script that does not exit with 0.
    sys.exit(0 if caller == "fae" else status)


def led_on(call: Call, script: str, data: dict) -> dict:
    """An answer with its next command: after a dry run the call itself; None where that lacks a consent or an approval, or waits."""
    if data["status"] in PLANNED and getattr(call.arguments, "dry_run", None):
        data = {"next": call.without(script, "dry_run")} | data
    if not isinstance(following := data.get("next"), str):
        return data
    from fae_training.lifecycle import first_steps, next_steps  # they load the kinds

    following, asked = first_steps.with_question(call.home, following)
    if wait := next_steps.waits(call, following):
        return asked | data | {"next": None, "wait": wait}
    if next_steps.is_asked(call, following):
        approves = {"say": APPROVES, "hint": f"{START}{following}"}
        return approves | data | {"next": None}
    return asked | data | {"next": following}


def _asked(home: Home, error: SkillError, call: Call | None = None) -> dict[str, str]:
    """How Fae asks for the consent that the error's remedy is or lacks; its hint becomes the call that gives it, or what it
    waits for."""
    remedy = error.hint.removeprefix(START)
    if not error.hint.startswith(START) or not (as_call(error.hint) or remedy.startswith(CONSENT)):
        return {}
    from fae_training.lifecycle import first_steps, next_steps

    remedy, asked = first_steps.with_question(home, remedy)
    error.hint = (next_steps.waits(call, remedy) if call else None) or START + remedy
    return {name: text for name, text in asked.items() if name == "say"}


def _caller(argv: list[str]) -> str:
    """The caller: "fae", "program" or "person". Whoever gives JSON gets JSON, even if what was given is wrong."""
    if os.environ.get("FAE_SKILL_NAME"):
        return "fae"
    if {"--json", "--stdin"} & set(argv) or (argv and (_is_object(argv[0]) or _is_json(argv[0]))):
        return "program"
    return "person"


def _is_object(word: str) -> bool:
    """Whether a word is meant as a JSON object, even a damaged one."""
    return word.lstrip("\ufeff \t\r\n").startswith("{")


def _is_json(word: str) -> bool:
    try:
        parsed(word.lstrip("\ufeff"))
    except ValueError:
        return False
    return True


def read_call(script_parser: Parser, argv: list[str], caller: str) -> Call:
    """The call from flags, standard input and a JSON argument; a flag beats a parameter."""
    options = script_parser.options
    parameters: dict[str, Any] | None = None
    flags_only = all(option.flags for option in options.values())
    if argv and (_is_object(argv[0]) or (flags_only and not argv[0].startswith("-"))):
        parameters, argv = _parameters(argv[0], "the first argument"), argv[1:]
    for word in argv:
        _require_text("the command line", word)
    arguments = script_parser.parse(argv)
    sources = {name: "flag" for name, value in vars(arguments).items() if value is not None}
    # Later versions of Fae pass a JSON argument and never close standard input.
    if arguments.stdin or (caller == "fae" and parameters is None):
        parameters = _read_standard_input() | (parameters or {})
    for name, value in _current_names(parameters or {}, options, script_parser.prog).items():
        _require_text(name, value)
        converted = None if value is None else _converted(options[name], value)
        if name not in sources and converted is not None:
            setattr(arguments, name, converted)
            sources[name] = "parameter"
    return Call(arguments, sources, caller, options)


def _require_text(name: str, value: object) -> None:
    """Raises BadRequest for a lone surrogate or a zero byte, which cannot be stored in a file."""
    try:
        encoded = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRequest(
            "bad_value", f"{name} is not valid UTF-8 text: {value!a:.80}", "encode it as UTF-8"
        ) from None
    if b"\\u0000" in encoded:
        raise BadRequest("bad_value", f"{name} contains a zero byte", "remove it")


def _read_standard_input() -> dict:
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise BadRequest(
            "bad_input",
            f"standard input: {reason(error)}",
            "give a JSON object in UTF-8",
        ) from error
    return _parameters(text, "standard input") if text.strip() else {}


def _parameters(text: str, where: str) -> dict:
    """The parameters of a JSON object: its params, else the object itself."""
    request = _json_object(text, where)
    parameters = request.get("params", {} if "method" in request else request)
    if not isinstance(parameters, dict):
        raise BadRequest(
            "bad_input",
            f"params in {where} is {shown(parameters)}, expected a JSON object",
            '{"params": {}}',
        )
    return parameters


def _json_object(text: str, where: str) -> dict:
    example = """'{"preset": "light"}'"""
    try:
        value = parsed(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise BadRequest(
            "bad_input",
            f"{where} is not JSON ({reason(error)})",
            f"give a JSON object, such as {example}",
        ) from error
    if not isinstance(value, dict):
        raise BadRequest(
            "bad_input",
            f"{where} is {shown(value)}, expected a JSON object",
            f"give {example}",
        )
    return value


def _current_names(parameters: dict, options: dict[str, Option], script: str) -> dict:
    """Parameters under their current names. Raises BadRequest for an unknown one."""
    known = sorted(set(options) - {"stdin", *INTERNAL})
    current = {}
    for name, value in parameters.items():
        if name in ALWAYS_ADDED:
            continue
        if isinstance(value, str) and BLANKED in value:
            raise BadRequest(
                "blanked",
                f"Fae replaced the value of {name!r} because it looks like a secret",
                "use a short run id or 'latest'; paths are set in config.json",
            )
        target = name if name in options else OLDER_NAMES.get(name, name)
        if target in options and target not in INTERNAL:
            current[target] = _run_id(value) if name == "adapter_path" else value
        elif name not in OLDER_NAMES:
            close = difflib.get_close_matches(name, known, 1)
            raise BadRequest(
                "unknown_parameter",
                f"there is no parameter {name!r}"
                + (f"; did you mean {close[0]!r}?" if close else ""),
                f"the parameters of {script} are: {', '.join(known)}",
            )
    return current


def _run_id(adapter_path: str) -> str:
    """Earlier versions identified a run by its adapter's path: .../runs/<run id>/adapters."""
    parts = [part for part in Path(str(adapter_path)).parts if part not in ("adapters", "/")]
    return parts[-1] if parts else "latest"


def _converted(option: Option, value: Any) -> Any:
    """A JSON value parsed as the flag would parse it. Raises BadRequest with the valid choices."""
    if not option.has_value:
        if not isinstance(value, bool):
            raise BadRequest(
                "bad_value",
                f"{option.name} is {shown(value)}, expected true or false",
                f"{option.flag} takes no value",
            )
        return value or None
    if option.nargs == "?" and isinstance(value, bool):
        return option.const if value else None
    if not option.has_many_values:
        return _converted_item(option, value)
    items = value if isinstance(value, list) else [value]
    if value == "":
        return None
    if any(item is None or item == "" for item in items):
        raise BadRequest(
            "bad_value",
            f"{option.name} has an empty item, expected a value in each",
            f"leave it out, or see {option.flag} in --help",
        )
    if isinstance(option.nargs, int) and len(items) != option.nargs:
        raise BadRequest(
            "bad_value",
            f"{option.name} is {shown(value)}, expected a list of {option.nargs}",
            f"see {option.flag} in --help",
        )
    return [_converted_item(option, item) for item in items]


def _converted_item(option: Option, value: Any) -> Any:
    if isinstance(value, bool | list | dict):
        raise BadRequest(
            "bad_value",
            f"{option.name} is {shown(value)}, expected one value",
            f"see {option.flag} in --help",
        )
    if value == "":
        return None
    try:
        text = value if isinstance(value, str) else json.dumps(value)
        converted = option.type(text) if option.type else text
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise BadRequest(
            "bad_value",
            f"{option.name} cannot be {shown(value)}: {reason(error)}",
            f"see {option.flag} in --help",
        ) from error
    if option.choices is not None and converted not in option.choices:
        choices = ", ".join(map(str, option.choices))
        raise BadRequest(
            "bad_value",
            f"{option.name} is {shown(value)}, expected one of {choices}",
            f"{option.flag} {next(iter(option.choices))}",
        )
    return converted


def _unexpected(problem: Exception, script: str, home: Home) -> Failed:
    """Save the traceback in the log file; the caller gets a sentence."""
    log = home.file("errors.jsonl")
    try:
        append_jsonl(log, {"at": now(), "script": script, "traceback": traceback.format_exc()})
        where = f"the details are in {log}"
    except SkillError:
        where = f"{log} could not be written"
    return Failed(
        "unexpected",
        f"{script} failed: {type(problem).__name__}: {problem}; {where}",
        command_line("tail", "-n", 1, log),
    )
