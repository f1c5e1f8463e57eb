"""Values, their types and Python's own errors in plain words, for error messages. Standard library only."""

import json
import re

_KINDS = (
    ((type(None),), "nothing (null)"),
    ((bool,), "true or false"),
    ((int,), "a whole number"),
    ((float,), "a number"),
    ((str,), "a text"),
    ((list, tuple), "a list"),
    ((dict,), "an object"),
)
_LONGEST = 60


def expected(*types: type) -> str:
    """What a value of one of these types is called: "a number or a text". The type of None is left out."""
    wanted = [one for one in types if one is not type(None)]
    if float in wanted and int in wanted:
        wanted.remove(int)
    return " or ".join(_name(one) for one in wanted)


def shown(value: object) -> str:
    """A JSON value in a few words: 'a text', 3, true, nothing (null), a list, an object."""
    if value is None or isinstance(value, list | tuple | dict):
        return _name(type(value))
    if value == "":
        return "an empty text"
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]}..."


def reason(problem: Exception) -> str:
    """What went wrong with a file, or what is wrong in it, without the names that Python has for it."""
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    if isinstance(problem, UnicodeDecodeError):
        byte = problem.object[problem.start]
        return f"byte {problem.start + 1} is {byte:#04x}, which is not UTF-8 text"
    if isinstance(problem, json.JSONDecodeError):
        what = problem.msg[:1].lower() + problem.msg[1:].removesuffix(" at")
        return f"{what} at line {problem.lineno}, character {problem.colno}"
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    # Libraries quote the system's errors with their numbers.
    text = re.sub(r"\[Errno -?\d+\] ", "", str(problem))
    if isinstance(problem, OSError):  # huggingface_hub's, which go on for lines
        text = text.partition("\n")[0].removeprefix("Got: ")
    return f"it has no {text}" if isinstance(problem, KeyError) else text


def _name(of: type) -> str:
    return next(name for types, name in _KINDS if issubclass(of, types))
