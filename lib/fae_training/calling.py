"""How a script is called and how it answers: one meaning for a person, for Fae, and for another program.

A person gives flags. Fae gives no arguments, sets FAE_SKILL_NAME, and writes one JSON-RPC object to standard
input. Another program gives a JSON object as the first argument. Each flag --some-name is the parameter
some_name. A script is a parser, a `main(call) -> Result`, and `run(main, parser)`.
"""

import argparse
import difflib
import json
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fae_training.errors import BadRequest, Failed, SkillError, command_line
from fae_training.state import Home, append_jsonl, default_home, now, write_json

# Fae cuts what its language model sees at 2,000 characters.
LONGEST_ANSWER = 2000
# Fae adds these to every call.
ALWAYS_ADDED = ("audio_input_dir", "audio_output_dir", "input", "capability_ticket")
# Names from earlier versions of the skill, which Fae's scheduler still sends. None: accepted, no effect.
OLDER_NAMES = {
    "target_model_preset": "model",
    "training_preset": "preset",
    "max_iterations": "steps",
    "last_export_timestamp": "since",
    "last_benchmark_score": "last_benchmark_score",
    "adapter_path": "run",
    "previous_adapter_path": None,
}
# Options by which a script starts itself; nobody else may, so they are flags only.
INTERNAL = ("worker", "task")
# What Fae puts in the place of a value that looks like a secret to it.
BLANKED = "[REDACTED_SECRET]"


class Parser(argparse.ArgumentParser):
    """argparse, but a wrong flag becomes an error that can be answered as JSON too."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        # -1e-5 and -inf are values as well, which the option's range then refuses by name; argparse takes them for options.
        self._negative_number_matcher = re.compile(r"^-(?:\d|\.\d|inf|nan)", re.I)

    def error(self, message: str) -> None:
        raise BadRequest("bad_flags", message, f"uv run scripts/{self.prog} --help")

    def _print_message(self, message: str, file=None) -> None:
        """--help, which may be longer than who reads it wants to know."""
        if message:
            _write(message.rstrip("\n"), file or sys.stderr)


def parser(description: str, dry_run: bool = False) -> Parser:
    """A parser whose --help is `description`, with the options that every script has."""
    made = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="state directory (default: FAE_TRAINING_HOME or ~/.fae/training)",
    )
    made.add_argument("--json", action="store_true", help="answer with one JSON object")
    made.add_argument(
        "--stdin",
        action="store_true",
        help="read parameters as a JSON-RPC object from standard input",
    )
    if dry_run:
        made.add_argument(
            "--dry-run", action="store_true", help="say what would happen and change nothing"
        )
    return made


class Call:
    """One call of a script. `arguments` has every option; what was not given is None."""

    def __init__(self, arguments: argparse.Namespace, sources: dict[str, str], caller: str):
        self.arguments = arguments
        self.sources = sources
        self.caller = caller
        self.home = Home(arguments.home or default_home())
        self.terminal = caller == "person" and sys.stdout.isatty()

    def say(self, text: str) -> None:
        """Progress for a person who waits; nobody else is told."""
        if self.caller == "person":
            _write(text, sys.stderr)


class Result:
    """What a script found out: `data` (with "status") for programs, `text` for people.

    `exit_status` is for an answer that is no error but must stop a chain of commands, such as a failed gate.
    """

    def __init__(self, data: dict, text: str, exit_status: int = 0):
        self.data = data
        self.text = text
        self.exit_status = exit_status


def run(main: Callable[[Call], Result], script_parser: Parser) -> None:
    """Read the call, do it, answer, and exit with the contract's status."""
    argv = sys.argv[1:]
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that shows ASCII alone gets "?" for the rest, as ls does.
        stream.reconfigure(errors="replace")
    from_fae = bool(os.environ.get("FAE_SKILL_NAME"))
    caller = (
        "fae"
        if from_fae
        else "program"
        if "--json" in argv or (argv[:1] and argv[0].startswith("{"))
        else "person"
    )
    answer_to = _keep_standard_output_clean() if caller != "person" else sys.stdout
    home, given_home = Home(default_home()), None
    script = Path(sys.argv[0]).stem
    try:
        call = read_call(script_parser, argv, caller)
        home, given_home = call.home, call.arguments.home
        result = main(call)
        data, text, status = result.data, result.text, result.exit_status
    except SkillError as error:
        data, text, status = error.as_dict(), _explain(error), error.exit_status
    except KeyboardInterrupt:
        error = Failed("stopped", "stopped by the keyboard", f"uv run scripts/{script}.py --help")
        data, text, status = error.as_dict(), _explain(error), 130
    except Exception as problem:
        error = _unexpected(problem, script, home)
        data, text, status = error.as_dict(), _explain(error), error.exit_status
    text = to_paste(text, given_home) if caller == "person" else shortened(data, home, script)
    _write(text, sys.stderr if caller == "person" and data["status"] == "error" else answer_to)
    # Fae throws away the output of a script that does not exit with 0.
    sys.exit(0 if from_fae else status)


def to_paste(text: str, home: Path | None) -> str:
    """`text` with its commands as they work where this one was typed: by the same path, with the same --home."""
    folder = Path(sys.argv[0]).parent
    options = f" --home {shlex.quote(str(home))}" if home else ""
    return re.sub(
        r"uv run scripts/(\w+\.py)",
        lambda found: f"uv run {shlex.quote(str(folder / found[1]))}{options}",
        text,
    )


def _open_closed_streams() -> None:
    """Lead a standard stream that the caller closed nowhere.

    Else the next file that is opened takes its number: the lock that a worker inherits would become its log.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (it stays open)


def _write(text: str, stream) -> None:
    """`text` as a line, at once. Who closed the pipe (`| head -1`) has read enough: that is no failure.

    Where it cannot be written for another reason (a full disk) the work is done all the same, and a sentence says so.
    """
    try:
        print(text, file=stream, flush=True)
    except OSError as problem:
        # What is still in the buffer would be tried again when Python ends, with a message.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if not isinstance(problem, BrokenPipeError) and stream is not sys.stderr:
            _write(f"the answer could not be written: {problem.strerror}", sys.stderr)


def read_call(script_parser: Parser, argv: list[str], caller: str) -> Call:
    """The call from flags, standard input and a JSON argument; a flag beats a parameter."""
    options = {a.dest: a for a in script_parser._actions if a.dest != "help"}
    for action in options.values():
        action.default = None
    parameters: dict[str, Any] = {}
    flags_only = all(action.option_strings for action in options.values())
    if argv and (argv[0].startswith("{") or (flags_only and not argv[0].startswith("-"))):
        parameters, argv = _json_object(argv[0], "the first argument"), argv[1:]
    arguments = script_parser.parse_args(argv)
    sources = {name: "flag" for name, value in vars(arguments).items() if value is not None}
    if caller == "fae" or arguments.stdin:
        parameters = _read_standard_input() | parameters
    for name, value in _current_names(parameters, options, script_parser.prog).items():
        converted = None if value is None else _converted(options[name], value)
        if name not in sources and converted is not None:
            setattr(arguments, name, converted)
            sources[name] = "parameter"
    return Call(arguments, sources, caller)


def _read_standard_input() -> dict:
    text = sys.stdin.read()
    if not text.strip():
        return {}
    request = _json_object(text, "standard input")
    parameters = request.get("params", {} if "method" in request else request)
    if not isinstance(parameters, dict):
        raise BadRequest(
            "bad_input", "params on standard input is not a JSON object", '{"params": {}}'
        )
    return parameters


def _json_object(text: str, where: str) -> dict:
    example = """'{"preset": "light"}'"""
    try:
        value = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise BadRequest(
            "bad_input", f"{where} is not JSON ({error})", f"give a JSON object, such as {example}"
        ) from error
    if not isinstance(value, dict):
        raise BadRequest(
            "bad_input",
            f"{where} is a JSON {type(value).__name__}, expected an object",
            f"give {example}",
        )
    return value


def _current_names(parameters: dict, options: dict, script: str) -> dict:
    """Parameters under the names of today. Raises BadRequest for one that nobody knows."""
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
    """Earlier versions named a run by its adapter's path: .../runs/<run id>/adapters."""
    parts = [part for part in Path(str(adapter_path)).parts if part not in ("adapters", "/")]
    return parts[-1] if parts else "latest"


def _converted(action: argparse.Action, value: Any) -> Any:
    """A JSON value as the flag would have read it. Raises BadRequest with the valid choices."""
    flag = (action.option_strings or [action.dest])[-1]
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise BadRequest(
                "bad_value",
                f"{action.dest} is {value!r}, expected true or false",
                f"{flag} has no value",
            )
        return value or None
    counted = isinstance(action.nargs, int)
    if counted or action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction):
        items = value if isinstance(value, list) else [value]
        if counted and len(items) != action.nargs:
            raise BadRequest(
                "bad_value",
                f"{action.dest} is {json.dumps(value)}, expected a list of {action.nargs}",
                f"see {flag} in --help",
            )
        return [_converted_item(action, item, flag) for item in items]
    return _converted_item(action, value, flag)


def _converted_item(action: argparse.Action, value: Any, flag: str) -> Any:
    if isinstance(value, bool | list | dict):
        raise BadRequest(
            "bad_value",
            f"{action.dest} is {json.dumps(value)}, expected one value",
            f"see {flag} in --help",
        )
    if value == "":
        return None
    try:
        converted = action.type(str(value)) if action.type else str(value)
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise BadRequest(
            "bad_value", f"{action.dest} cannot be {value!r}: {error}", f"see {flag} in --help"
        ) from error
    if action.choices is not None and converted not in action.choices:
        choices = ", ".join(map(str, action.choices))
        raise BadRequest(
            "bad_value",
            f"{action.dest} is {value!r}, expected one of {choices}",
            f"{flag} {next(iter(action.choices))}",
        )
    return converted


def shortened(data: dict, home: Home, script: str) -> str:
    """`data` as one line of ASCII JSON of at most 2,000 characters.

    When it is longer, the whole is kept in results/<script>.json, which the short form names, and the longest
    values go first, the notes last.
    """
    text = json.dumps(data)
    if len(text) <= LONGEST_ANSWER:
        return text
    full = home.file("results", f"{script}.json")
    short = dict(data)
    try:
        write_json(full, data)
        short["full_answer"] = str(full)
    except SkillError:
        short["full_answer"] = "could not be kept"
    short["left_out"] = []
    while len(json.dumps(short)) > LONGEST_ANSWER:
        removable = [k for k in short if k not in ("status", "error", "full_answer", "left_out")]
        if not removable:
            break
        longest = max(removable, key=lambda name: (name != "notes", len(json.dumps(short[name]))))
        del short[longest]
        short["left_out"].append(longest)
    # A letter that is not ASCII takes 6 or 12 characters of the answer.
    room = 300
    while "error" in short and len(json.dumps(short)) > LONGEST_ANSWER:
        short["error"] = {name: text[:room] for name, text in short["error"].items()}
        room //= 2
    return json.dumps(short)


def _keep_standard_output_clean():
    """Give back the real standard output; whatever else is printed from now on goes to standard error."""
    clean = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.set_inheritable(clean.fileno(), False)
    os.dup2(2, 1)
    return clean


def _unexpected(problem: Exception, script: str, home: Home) -> Failed:
    """Keep the traceback in the log file; the caller gets a sentence."""
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


def _explain(error: SkillError) -> str:
    red, plain = (
        ("\033[31m", "\033[0m")
        if sys.stderr.isatty() and "NO_COLOR" not in os.environ
        else ("", "")
    )
    return f"{red}error:{plain} {error.message}\n  next: {error.hint}"
