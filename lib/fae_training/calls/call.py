"""One call of a script, however it was made: its options, who made it, and the state directory."""

import argparse
import sys
from collections.abc import Mapping

from fae_training.calls.answering import for_terminal, write_line
from fae_training.calls.errors import command_line
from fae_training.calls.options import Option
from fae_training.store.state import Home, default_home


class Call:
    """One call of a script. `arguments` has every option; those not given are None."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        sources: dict[str, str],
        caller: str,
        options: Mapping[str, Option] = {},
    ):
        self.arguments = arguments
        self.sources = sources
        self.caller = caller
        self.options = options
        self.home = Home(arguments.home or default_home())
        self.terminal = caller == "person" and sys.stdout.isatty() and sys.stdin.isatty()

    def without(self, script: str, *left_out: str) -> str:
        """The same call without some of its options, as a command after scripts/. The approval code is in no answer."""
        words: list[object] = [f"{script}.py"]
        # What is given without a flag comes first: an option that takes many values would take it too.
        for name in sorted(self.sources, key=lambda name: bool(self.options[name].flags)):
            if name in ("home", "json", "stdin", "code", *left_out):
                continue
            option, value = self.options[name], getattr(self.arguments, name)
            values = value if isinstance(value, list) else [value]
            if option.repeatable:
                words += [word for item in values for word in (option.flag, item)]
            else:
                words += [option.flag] if option.flags else []
                words += [item for item in values if item is not True and item is not option.const]
        return command_line(*words)

    def tell(self, text: str, ending: str = "\n") -> None:
        """Show a person at the terminal what a question is about, before the script's answer."""
        print(for_terminal(text, self.arguments.home, sys.stdout), end=ending, flush=True)

    def show_progress(self, text: str) -> None:
        """Show progress to a waiting person; does nothing for Fae and programs."""
        if self.caller == "person":
            write_line(for_terminal(text, self.arguments.home, sys.stderr), sys.stderr)
