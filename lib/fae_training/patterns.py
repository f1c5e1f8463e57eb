"""Module-level regular expressions that are compiled on first use.

Compiling the patterns for conversations takes a fifth of a second, which scripts that do not need them should not pay.
"""

import functools
import re
from typing import Any, cast


class LazyPattern:
    """A re.Pattern that compiles itself on first use."""

    def __init__(self, source: str, flags: int):
        self.pattern, self._flags = source, flags

    @functools.cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, self._flags)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._compiled, name)
        setattr(self, name, value)  # cached for the next lookup
        return value


def lazy_pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """As re.compile(source, flags), but an error in `source` is raised on first use."""
    return cast(re.Pattern[str], LazyPattern(source, flags))


# Not those of escapes (\S) and of named groups (?P<name>...).
_CAPITALS = lazy_pattern(r"(?<!\\)(?<!\(\?)[A-Z]")


def lower_case_pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """As lazy_pattern(source, re.I), for text in lower case, which it searches three times as fast: with re.I, Python tries
    every alternative at every place, without it only those that begin with the letter there."""
    return lazy_pattern(_CAPITALS.sub(lambda found: found[0].lower(), source), flags)
