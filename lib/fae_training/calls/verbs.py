"""The scripts' docstrings and argument parsers, from which documentation, tools and completions are generated."""

import importlib.util
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fae_training.calls.calling import Call, Parser, Result
from fae_training.patterns import lazy_pattern

# Options with which a script starts itself.
INTERNAL = ("worker", "task")
_EXAMPLE = lazy_pattern(r"^ {4}(uv run scripts/\w+\.py.*?)(?:\s{2,}\S.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Verb:
    """One script. `summary` is the first sentence of its help, `examples` its command lines without remarks."""

    name: str
    path: Path
    summary: str
    description: str
    examples: tuple[str, ...]
    parser: Parser
    main: Callable[[Call], Result]

    @property
    def words(self) -> list[list[str]]:
        """The arguments of each example, as a shell splits them."""
        return [shlex.split(example)[3:] for example in self.examples]


def load(directory: Path) -> dict[str, Verb]:
    """Load every script in `directory` that has a parser, by name. This is fast, as heavy imports are inside functions."""
    found = {}
    for path in sorted(directory.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"fae_training_script_{path.stem}", path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        text = module.__doc__ or ""
        found[path.stem] = Verb(
            path.stem,
            path,
            text.split("\n\n", 1)[0].strip(),
            text.strip(),
            tuple(_EXAMPLE.findall(text)),
            module.build_parser(),
            module.main,
        )
    return found
