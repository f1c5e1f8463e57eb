"""An argparse parser that keeps a record of each option added to it."""

import argparse
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from fae_training.calls.answering import filled, fitted, write_line
from fae_training.calls.errors import BadRequest
from fae_training.patterns import lazy_pattern

# argparse mistakes values that begin like this for options.
_NEGATIVE_NUMBER = lazy_pattern(r"-(?:\d|\.\d|inf|nan)", re.I)


@dataclass(frozen=True)
class Option:
    """One option. `name` is its parameter; `flags` is empty for a positional argument. `const` is
    its value when the flag is given alone, which nargs "?" allows.
    """

    name: str
    flags: tuple[str, ...]
    type: Callable[[str], Any] | None
    choices: Collection | None
    nargs: int | str | None
    repeatable: bool
    const: Any = None

    @property
    def flag(self) -> str:
        """The flag as a person writes it."""
        return (self.flags or (self.name,))[-1]

    @property
    def has_value(self) -> bool:
        return self.nargs != 0

    @property
    def has_many_values(self) -> bool:
        return self.repeatable or isinstance(self.nargs, int) or self.nargs in ("*", "+")


_EXAMPLE = lazy_pattern(r"( +)(uv run .*?)(?: {2,}(\S.*))?")


def _fitted_example(line: str, width: int) -> list[str]:
    """The line of a help text, as several where it is longer than `width`."""
    if len(line) <= width:
        return [line]
    example = _EXAMPLE.fullmatch(line)
    if not example:
        return fitted(line, width).split("\n")
    margin, command, comment = example.groups()
    lines = [margin]
    for flag in re.split(r" (?=--)", command):
        if lines[-1].strip() and len(f"{lines[-1]} {flag} \\") > width:
            lines[-1] += " \\"
            lines.append(f"{margin}    {flag}")
        else:
            lines[-1] += f" {flag}" if lines[-1].strip() else flag
    return [*lines, *(fitted(f"{margin}    {comment}", width).split("\n") if comment else [])]


class Parser(argparse.ArgumentParser):
    """argparse, except that options not given are None, and a wrong flag raises BadRequest.

    `options` has a record of each option, by name.
    """

    def __init__(self, *arguments, **named):
        self.options: dict[str, Option] = {}
        super().__init__(*arguments, **named)

    def add_argument(self, *flags, **named) -> argparse.Action:
        if named.get("action") == "help":
            return super().add_argument(*flags, **named)
        action = super().add_argument(*flags, **named | {"default": None})
        self.options[action.dest] = Option(
            name=action.dest,
            flags=tuple(action.option_strings),
            type=named.get("type"),
            choices=named.get("choices"),
            nargs=action.nargs,
            repeatable=named.get("action") == "append",
            const=action.const,
        )
        return action

    def format_help(self) -> str:
        """The help, fitted to the terminal: an example that is too long has its comment below it, and continues at a flag."""
        width = shutil.get_terminal_size((100, 24)).columns
        lines = super().format_help().split("\n")
        return "\n".join(each for line in lines for each in _fitted_example(line, width))

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """As parse_args, but a negative number after a flag is that flag's value."""
        return self.parse_args(self._with_negative_numbers(words))

    def _with_negative_numbers(self, words: Sequence[str]) -> list[str]:
        """`words` with "--rate", "-1e-5" joined to "--rate=-1e-5", so that the option's range can
        refuse it.
        """
        joined: list[str] = []
        for word in words:
            if joined and _NEGATIVE_NUMBER.match(word) and self._takes_one_value(joined[-1]):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return joined

    def _takes_one_value(self, word: str) -> bool:
        """Whether `word` is a long flag, possibly abbreviated, whose value is the next word."""
        if not word.startswith("--") or word == "--" or "=" in word:
            return False
        meant = [
            option
            for option in self.options.values()
            if any(flag.startswith(word) for flag in option.flags)
        ]
        return bool(meant) and all(option.nargs is None for option in meant)

    def error(self, message: str) -> NoReturn:
        raise BadRequest("bad_flags", message, f"uv run scripts/{self.prog} --help")

    def print_help(self, file=None) -> None:
        """As argparse does, but a reader that closes the pipe (`| head`) is not an error."""
        write_line(self.format_help().rstrip("\n"), file)


class _Help(argparse.RawDescriptionHelpFormatter):
    """--help with the script's docstring, as wide as the terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return filled(text, width)


def parser(description: str, dry_run: bool = False) -> Parser:
    """A parser with `description` as its --help and the options common to all scripts."""
    made = Parser(description=description, formatter_class=_Help)
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
