"""Regular expressions at the top of a module: compiled when they are first used.

Compiling those that read what was said takes a fifth of a second, which no script that does not read it should wait for.
"""

import functools
import re
from typing import Any, cast


class LazyPattern:
    """A re.Pattern that is not compiled yet."""

    def __init__(self, source: str, flags: int):
        self.pattern, self._flags = source, flags

    @functools.cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, self._flags)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._compiled, name)
        setattr(self, name, value)  # found at once the next time
        return value


def lazy_pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """As re.compile(source, flags), but a mistake in `source` shows when the pattern is first used."""
    return cast(re.Pattern[str], LazyPattern(source, flags))
