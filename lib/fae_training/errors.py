"""Failures that a person or Fae is meant to read: what happened, what was expected, what to type
next.
"""

import shlex


def command_line(*words: object) -> str:
    """What a person can type or paste, whatever spaces and quotes the words hold."""
    return shlex.join(map(str, words))


class SkillError(Exception):
    """A failure with a stable code, a sentence, and the next command.

    `exit_status` is what the script ends with when a person or a program calls it; calling.py turns
    it into 0 when Fae does, because Fae throws away the output of a script that exits otherwise.
    """

    exit_status = 6

    def __init__(self, code: str, message: str, hint: str):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def as_dict(self) -> dict:
        return {
            "status": "error",
            "error": {"code": self.code, "message": self.message, "hint": self.hint},
        }


class BadRequest(SkillError):
    """The request itself is wrong: an unknown parameter, a value out of range."""

    exit_status = 2


class Refused(SkillError):
    """A rule says no: no consent, gate not passed, not approved, too soon."""

    exit_status = 3


class Missing(SkillError):
    """Something needed is not there: data, a model, a program, a device."""

    exit_status = 4


class Busy(SkillError):
    """Another run holds the lock."""

    exit_status = 5


class Failed(SkillError):
    """The work itself went wrong."""

    exit_status = 6


class Cancelled(SkillError):
    """Somebody asked for the end of a run, and what was going on could not be finished first."""

    def __init__(self, again: str = "uv run scripts/check_status.py"):
        super().__init__("cancelled", "it was stopped before it was finished", again)
