"""One task of the suite and the conditions on its answer."""

from dataclasses import dataclass
from typing import Any

MAX_TOKENS = 96


@dataclass(frozen=True)
class Check:
    """One condition on an answer: a name of checks.KINDS and its value."""

    kind: str
    value: Any


@dataclass(frozen=True)
class Item:
    """One task. messages and tools are in OpenAI's form; good and bad are answers, texts or
    {"name", "arguments"}.

    A rehearsal prompt has no checks.
    """

    id: str
    category: str
    messages: tuple[dict, ...]
    tools: tuple[dict, ...]
    checks: tuple[Check, ...]
    max_tokens: int = MAX_TOKENS
    is_quick: bool = False
    good: tuple[str | dict, ...] = ()
    bad: tuple[str | dict, ...] = ()
