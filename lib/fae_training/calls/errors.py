"""Errors for a person or Fae to read: what happened, what was expected, and what to type next."""

import shlex


def command_line(*words: object) -> str:
    """The words as a command line, quoted where necessary."""
    return shlex.join(map(str, words))


class SkillError(Exception):
    """An error with a stable code, a sentence, and the next command.

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
    """Forbidden by a rule: no consent, gate not passed, not approved, too soon."""

    exit_status = 3


class Missing(SkillError):
    """Something needed is not there: data, a model, a program, a device."""

    exit_status = 4


class Busy(SkillError):
    """Another run holds the lock."""

    exit_status = 5


class Failed(SkillError):
    """The work itself failed."""

    exit_status = 6


class Cancelled(SkillError):
    """The run was cancelled before its work was complete."""

    def __init__(self, again: str = "uv run scripts/check_status.py"):
        super().__init__("cancelled", "it was cancelled before it finished", again)
