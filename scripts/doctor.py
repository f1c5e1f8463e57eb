# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Check this machine, and suggest a fix for each problem. Changes nothing.

    uv run scripts/doctor.py
    uv run scripts/doctor.py --completion zsh > ~/.fae-training-completion     then source it in ~/.zshrc

Checks uv, Python, device, memory, disk, environments, models, Fae and its database, consent, settings, the state
directory, temporary files and the clock. The database is opened only with your consent, and only its version is read.
Exit status: 0 training is possible, with or without remarks; 4 something that it needs is missing or broken.
"""

import os
import sys
from typing import Any

from fae_training.calls import calling, completion, verbs
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import Missing
from fae_training.environment import health, installation
from fae_training.environment.health import ATTENTION, BROKEN, FINE, Finding
from fae_training.judgement.plain_words import as_sentence
from fae_training.lifecycle.processes import scripts_directory
from fae_training.store.state import changing_nothing

MARKS = {FINE: ("ok", "32"), ATTENTION: ("note", "33"), BROKEN: ("error", "31")}


def main(call: Call) -> Result:
    if shell := call.arguments.completion:
        text = completion.script(shell, verbs.load(scripts_directory()))
        return Result({"status": "completion", "shell": shell, "script": text}, text)
    with changing_nothing():
        found = health.examine(call.home)
    # What is broken first: a long answer to a program is cut at its end.
    wrong = sorted((one for one in found if one.state != FINE), key=lambda one: one.state != BROKEN)
    broken = any(one.state == BROKEN for one in found)
    data: dict[str, Any] = {"status": "broken" if broken else "attention" if wrong else "healthy"}
    data["findings"] = [
        {"about": one.about, "state": one.state, "says": one.says, "remedy": one.remedy}
        for one in wrong
    ]
    data["fine"] = [one.about for one in found if one.state == FINE]
    data |= next_call(call, wrong)
    return Result(data, in_words(found), Missing.exit_status if broken else 0)


def next_call(call: Call, wrong: list[Finding]) -> dict[str, Any]:
    """The first remedy that is one of our scripts; broken items come first, then the person's consent.

    Only a person waits for --fetch; for others setup.py downloads the models. Where that failed, it is the person's turn.
    """
    ordered = sorted(wrong, key=lambda one: (one.state != BROKEN, one.about != "consent"))
    commands = [one.remedy for one in ordered if one.remedy.startswith("uv run scripts/")]
    if call.caller != "person":
        commands = ["uv run scripts/setup.py" if "--fetch" in one else one for one in commands]
        failed = installation.failed_in_words(call.home)
        if failed and commands[:1] == ["uv run scripts/setup.py"]:
            say = f"{as_sentence(failed)} {installation.ASK}"
            return {"next": None, "say": say, "hint": installation.REMEDY}
    return {"next": commands[0].removeprefix("uv run scripts/") if commands else "check_status.py"}


def in_words(found: list[Finding]) -> str:
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    lines = []
    for one in found:
        word, colour = MARKS[one.state]
        mark = f"\033[{colour}m{word:6}\033[0m" if in_colour else f"{word:6}"
        lines.append(f"{mark}{one.about}: {one.says}")
        if one.remedy:
            lines.append(f"        {one.remedy}")
    wrong = sum(one.state != FINE for one in found)
    return "\n".join(
        [
            *lines,
            "",
            f"{counted(wrong, 'finding needs', 'findings need')} attention."
            if wrong
            else "No problems found.",
        ]
    )


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__)
    parser.add_argument(
        "--completion",
        choices=completion.SHELLS,
        help="print the shell code that completes the scripts' options",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
