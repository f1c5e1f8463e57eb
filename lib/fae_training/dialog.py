"""A native dialog that asks the person, where the system has one (macOS, by osascript)."""

import subprocess
import sys

# By its full path: what lies first on PATH may be anybody's.
OSASCRIPT = "/usr/bin/osascript"
YES, NO = "Use it", "Not now"
# The texts are arguments, so nothing in them is read as AppleScript.
_SCRIPT = (
    "on run argv",
    f'display dialog (item 1 of argv) with title (item 2 of argv) buttons {{"{NO}", "{YES}"}} '
    f'default button "{NO}" giving up after (item 3 of argv as integer)',
    "end run",
)


def available() -> bool:
    return sys.platform == "darwin"


def command(question: str, title: str, patience_s: int) -> list[str]:
    """The command line that shows the dialog; it closes by itself after `patience_s` seconds."""
    lines = [word for line in _SCRIPT for word in ("-e", line)]
    return [OSASCRIPT, *lines, question, title, str(patience_s)]


def ask(question: str, title: str, patience_s: int) -> bool | None:
    """Whether the person said yes; None when nobody answered, or no dialog could be shown."""
    shown = subprocess.run(command(question, title, patience_s), capture_output=True, text=True)
    return answer(shown.returncode, shown.stdout)


def answer(status: int, output: str) -> bool | None:
    """What osascript's exit status and output mean: "button returned:Use it, gave up:false"."""
    told = dict(part.split(":", 1) for part in output.strip().split(", ") if ":" in part)
    if status or told.get("gave up") != "false":
        return None
    return told.get("button returned") == YES
