"""Newer versions of Fae record praise and corrections of their answers (improvement.db); this
module only reads them.

feedback_events identifies an answer by the SHA-256 of its text. The changes of score are those of
quality.py for spoken feedback.
"""

import contextlib
import hashlib
import sqlite3
from pathlib import Path

from fae_training.conversations.dialogue import Turn

FILE = "improvement.db"
CHANGES = {"praise": 0.3, "correction": -0.3}


def read(directory: Path) -> dict[str, float]:
    """{SHA-256 of an answer: change of its score}; {} without such a database, or with one of another form."""
    path, found = directory / FILE, {}
    if not path.is_file():
        return found
    try:
        opened = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        with contextlib.closing(opened):
            for signal, mark, answer in opened.execute(
                "SELECT signal_type, CAST(turn_fingerprint AS TEXT), CAST(assistant_output AS TEXT) FROM feedback_events"
                " WHERE signal_type IN ('praise', 'correction') ORDER BY id"
            ):
                # The newest counts. Fae redacts the text that it keeps, so its own fingerprint is
                # looked up too.
                for key in filter(None, (mark, answer and fingerprint(answer))):
                    found[str(key).lower()] = CHANGES[signal]
    except sqlite3.Error:
        return {}
    return found


def fingerprint(answer: str) -> str:
    return hashlib.sha256(answer.strip().encode()).hexdigest()


def apply(turns: list[Turn], received: dict[str, float]) -> int:
    """Change the scores of the turns named there, within 0 and 1; returns their number."""
    changed = 0
    for turn in turns:
        if (change := received.get(fingerprint(turn.reply))) is not None:
            turn.score = min(1.0, max(0.0, turn.score + change))
            changed += 1
    return changed
