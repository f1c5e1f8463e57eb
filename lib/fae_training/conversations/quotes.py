"""Words of other people, which are left out of the training data even when they are quoted in full."""

import sqlite3

from fae_training.conversations.text import fingerprint, words

# Anybody may say something shorter than this.
QUOTED_WORDS = 5


def _joined(spoken: list[str]) -> int:
    return fingerprint(" ".join(spoken))


class SaidByOthers:
    """Hashes of other people's words in a temporary database, which needs little memory and holds no text."""

    def __init__(self, work: sqlite3.Connection):
        self.work = work
        self.any = False
        work.execute(
            "CREATE TABLE said_by_others (start INTEGER, words INTEGER, whole INTEGER,"
            " PRIMARY KEY (start, words, whole)) WITHOUT ROWID"
        )

    def note(self, text: str) -> None:
        spoken = words(text)
        if len(spoken) >= QUOTED_WORDS:
            self.any = True
            row = (_joined(spoken[:QUOTED_WORDS]), len(spoken), _joined(spoken))
            self.work.execute("INSERT OR IGNORE INTO said_by_others VALUES (?, ?, ?)", row)

    def quoted_in(self, text: str) -> bool:
        """Whether `text` contains the whole of a recorded utterance, word for word."""
        spoken = words(text) if self.any else []
        for place in range(len(spoken) - QUOTED_WORDS + 1):
            found = self.work.execute(
                "SELECT words, whole FROM said_by_others WHERE start = ?",
                (_joined(spoken[place : place + QUOTED_WORDS]),),
            )
            if any(_joined(spoken[place : place + number]) == whole for number, whole in found):
                return True
        return False
