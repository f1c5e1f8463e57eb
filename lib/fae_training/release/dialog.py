"""A native dialog that asks the person for approval (macOS only, through osascript)."""

import subprocess
import sys

# The full path, since PATH may contain another program of that name.
OSASCRIPT = "/usr/bin/osascript"
YES, NO = "Use it", "Not now"
CLOSED, NOT_SHOWN = "closed", "not shown"
# Extra seconds for osascript to end after its own timeout; without a desktop it may never end.
GRACE_S = 3
# The texts are passed as arguments, so nothing in them is interpreted as AppleScript.
_SCRIPT = (
    "on run argv",
    f'display dialog (item 1 of argv) with title (item 2 of argv) buttons {{"{NO}", "{YES}"}} '
    f'default button "{NO}" giving up after (item 3 of argv as integer)',
    "end run",
)


def available() -> bool:
    return sys.platform == "darwin"


def command(question: str, title: str, patience_s: int) -> list[str]:
    """The command line that shows the dialog, which closes after `patience_s` seconds."""
    lines = [word for line in _SCRIPT for word in ("-e", line)]
    return [OSASCRIPT, *lines, question, title, str(patience_s)]


def ask(question: str, title: str, patience_s: int) -> str:
    """YES or NO as the person chose, CLOSED if nobody answered in time, or NOT_SHOWN. The dialog is always closed afterwards."""
    asking = command(question, title, patience_s)
    try:
        shown = subprocess.run(asking, capture_output=True, text=True, timeout=patience_s + GRACE_S)
    except (OSError, subprocess.TimeoutExpired):  # the dialog closes with its process
        return NOT_SHOWN
    return answer(shown.returncode, shown.stdout)


def answer(status: int, output: str) -> str:
    """The meaning of osascript's exit status and output, such as "button returned:Use it, gave up:false"."""
    fields = dict(part.split(":", 1) for part in output.strip().split(", ") if ":" in part)
    if fields.get("gave up") == "true":
        return CLOSED
    if status or fields.get("gave up") != "false":
        return NOT_SHOWN
    return YES if fields.get("button returned") == YES else NO
