"""How a script answers: text for a person, one short line of JSON for Fae and for programs."""

import json
import os
import re
import shlex
import shutil
import sys
import textwrap
from pathlib import Path

from fae_training.calls.error_words import reason
from fae_training.calls.errors import SkillError
from fae_training.patterns import lazy_pattern
from fae_training.store.state import Home, write_json

# Fae truncates a script's answer to 2,000 characters for its language model.
LONGEST_ANSWER = 2000


class Result:
    """A script's answer: `data` (with "status") for programs, `text` for people.

    `exit_status` is for an answer that is not an error but must stop a chain of commands, such as a
    benchmark that did not pass. `may_be_saved`: False for an answer that names what was to be forgotten.
    """

    def __init__(self, data: dict, text: str, exit_status: int = 0, may_be_saved: bool = True):
        self.data = data
        self.text = text
        self.exit_status = exit_status
        self.may_be_saved = may_be_saved


def to_paste(text: str, home: Path | None) -> str:
    """`text` with its commands rewritten to work from the caller's directory: full script path and
    --home.
    """
    folder = Path(sys.argv[0]).parent
    options = f" --home {shlex.quote(str(home))}" if home else ""
    return re.sub(
        r"uv run scripts/(\w+\.py)",
        lambda found: f"uv run {shlex.quote(str(folder / found[1]))}{options}",
        text,
    )


def for_terminal(text: str, home: Path | None, stream) -> str:
    """`text` with commands to paste, its lines fitted to the terminal if `stream` is one."""
    text = to_paste(text, home)
    return fitted(text, shutil.get_terminal_size((100, 24)).columns) if stream.isatty() else text


def with_next_line(data: dict, text: str) -> str:
    """The text for a person, ending with the next command if the script names one."""
    following = data.get("next")
    return f"{text}\nNext: uv run scripts/{following}" if isinstance(following, str) else text


def with_next_call(data: dict, home: Path | None = None) -> dict:
    """An answer for a program: "next" is a call that works as it stands. An error may have none.

    Scripts give the next command as a person types it ("evaluate.py --run ID"), errors as their hint. Where a script gives
    none, the next call is check_status. Where it gives None, or what only the person can type (a consent, a placeholder to
    fill in), "next" is null, and "hint" has the command. `home`: the state directory that the caller named among its
    parameters; the next call names it too.
    """
    found = _with_next_call(data)
    if home and (following := found.get("next")):
        following = {**following, "params": {**following["params"], "home": str(home)}}
        return found | {"next": following}
    return found


def _with_next_call(data: dict) -> dict:
    if data.get("status") == "error":
        following = as_call(data["error"]["hint"])
        return data | {"next": following} if following else data
    following = data.get("next", "check_status.py")
    # None: the person's turn. A dictionary: of a process that answered for this one.
    if following is None or isinstance(following, dict):
        return data
    command = f"uv run scripts/{following}"
    call = as_call(command)
    return data | ({"next": call} if call else {"next": None, "hint": command})


# What the rest of a line is indented below: spaces, "- ", or a number or a word (perhaps in colour) before a gap.
_MARK = lazy_pattern(r" *(?:- |(?:\x1b\[\d+m)?[\w,.]+ {2,}(?:\x1b\[0m)?)?")
_GAP = lazy_pattern(r"(?<=\S) {2,}(?=\S)")
_COLOUR = lazy_pattern(r"\x1b\[\d+m")
# A command within a sentence, with its flags and their values; a line that is one, perhaps after "Next: ", is left alone.
_COMMAND = lazy_pattern(r"uv run (?:'[^']*'|\S)+(?: --[\w-]+(?: (?:'[^']*'|[^\s-]\S*))?)*")
_IS_COMMAND = lazy_pattern(r"\W*(?:[Nn]ext: )?uv run |\$ ")
# Parameters that are given without a flag.
POSITIONAL = {"experiment": "action", "listen": "file", "review": "folder"}
# A word in capitals that stands for what the caller has to fill in, and "and so on".
_TO_FILL_IN = lazy_pattern(r"[A-Z_]{2,}(\.\.\.)?|\.\.\.")


def as_call(command: str) -> dict | None:
    """{"script": "train", "params": {"preset": "light"}} of "uv run scripts/train.py --preset light".

    None if the text is not exactly one command of this skill, is a call of --help, has a placeholder in capitals, or gives
    a consent: only the person does that. A program looks again instead of waiting with --follow.
    """
    found = re.fullmatch(r"uv run scripts/(\w+)\.py((?: .*)?)", command)
    if not found or "\n" in command:
        return None
    params: dict[str, object] = {}
    try:
        words = shlex.split(found[2])
    except ValueError:
        return None
    name = POSITIONAL.get(found[1])
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name = word.removeprefix("--").replace("-", "_")
            params.setdefault(name, True)
        elif name is None or any(_TO_FILL_IN.fullmatch(part) for part in re.split("[=,]", word)):
            return None
        else:
            before = params.get(name, True)
            params[name] = word if before is True else [*_as_list(before), word]
    if {"help", "consent", "consent_machines"} & params.keys():
        return None
    params.pop("follow", None)
    return {"script": found[1], "params": params}


def _as_list(value: object) -> list:
    return value if isinstance(value, list) else [value]


def explain(error: SkillError) -> str:
    """An error as a person reads it; in red on a terminal."""
    red, plain = (
        ("\033[31m", "\033[0m")
        if sys.stderr.isatty() and "NO_COLOR" not in os.environ
        else ("", "")
    )
    return f"{red}error:{plain} {error.message}\n  next: {error.hint}"


def shortened(data: dict, home: Home, script: str, keep: bool = True) -> str:
    """`data` as one line of ASCII JSON of at most LONGEST_ANSWER characters.

    A longer answer is written in full to results/<script>.json, which the short form names, unless `keep` is False (a dry
    run, or Result.may_be_saved). A list loses its last items, the longest list first and the notes last; then the longest of
    the other values is dropped, or before if it fills half an answer, and a next call that does so alone. "shortened" names
    them.
    """
    text = json.dumps(data)
    if len(text) <= LONGEST_ANSWER:
        return text
    full = home.file("results", f"{script}.json")
    short = dict(data)
    try:
        if keep:
            write_json(full, data)
        short["full_answer"] = (
            str(full) if keep else "it is not saved; run it at a terminal to see more"
        )
    except SkillError:
        short["full_answer"] = "could not be saved"
    short["shortened"] = []
    fixed = ("status", "error", "next", "full_answer", "shortened")
    while len(json.dumps(short)) > LONGEST_ANSWER:
        lengths = {name: len(json.dumps(short[name])) for name in short if name not in fixed}
        if not lengths:
            break
        gives = {
            name for name in lengths
            if (isinstance(short[name], list) and len(short[name]) > 1)
            or lengths[name] > LONGEST_ANSWER // 2
        }  # fmt: skip
        longest = max(lengths, key=lambda n: (n != "notes", n in gives, lengths[n]))
        value = short[longest]
        if isinstance(value, list) and len(value) > 1:
            fitting = len(value) * LONGEST_ANSWER // lengths[longest]
            short[longest] = value[: max(min(fitting, len(value) - 1), 1)]
        else:
            del short[longest]
        if longest not in short["shortened"]:
            short["shortened"].append(longest)
    if short.get("next") and len(json.dumps(short)) > LONGEST_ANSWER:
        short |= {"next": None, "shortened": [*short["shortened"], "next"]}
    # A letter that is not ASCII takes 6 or 12 characters of the answer.
    room = 300
    while "error" in short and len(json.dumps(short)) > LONGEST_ANSWER:
        short["error"] = {name: text[:room] for name, text in short["error"].items()}
        room //= 2
    return json.dumps(short)


def fitted(text: str, width: int) -> str:
    """`text` with its long lines broken between words, where a terminal breaks them within words. Commands, which are
    pasted, stay in one piece, and tables as they are; a list's lines are indented below its marks or numbers.
    """
    return "\n".join(_fitted_line(line, width) for line in text.split("\n"))


def _fitted_line(line: str, width: int) -> str:
    found = _MARK.match(line)
    mark = found[0] if found else ""
    rest = line[len(mark) :]
    is_table = len(_GAP.findall(rest)) > 1
    if len(line) <= width or _IS_COMMAND.match(line) or is_table:
        return line
    indent = " " * len(_COLOUR.sub("", mark))
    wrapped = textwrap.fill(
        _COMMAND.sub(lambda command: command[0].replace(" ", "\0"), rest),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return mark + wrapped[len(indent) :].replace("\0", " ")


def filled(text: str, width: int) -> str:
    """A docstring with its paragraphs filled to `width`; indented lines, such as examples, stay as they are."""
    lines: list[str] = []
    paragraph: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line[:1] not in ("", " "):
            paragraph.append(line)
            continue
        lines += [fitted(" ".join(paragraph), width)] if paragraph else []
        paragraph = []
        lines.append(line)
    return "\n".join(lines[:-1])


def write_line(text: str, stream=None) -> None:
    """Write `text` and a line end to `stream` (standard output) and flush it. A pipe closed by its
    reader is not an error.

    If writing fails for another reason (a full disk), the work has still been done, and a sentence
    on standard error says so.
    """
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except OSError as problem:
        # Python would otherwise retry the buffered text at exit and print an error.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if not isinstance(problem, BrokenPipeError) and stream is not sys.stderr:
            write_line(f"the answer could not be written: {reason(problem)}", sys.stderr)


def open_closed_streams() -> None:
    """Open each standard stream that the caller closed on the null device.

    Otherwise the next opened file would get its descriptor: the lock that a worker inherits would
    become the worker's log.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (it stays open)


def keep_standard_output_clean():
    """Return the real standard output and redirect everything printed from now on to standard
    error.
    """
    clean = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.set_inheritable(clean.fileno(), False)
    os.dup2(2, 1)
    return clean
