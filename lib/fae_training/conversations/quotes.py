"""What other people said, which stays out of the training data also when it is quoted whole."""

import sqlite3

from fae_training.conversations.text import fingerprint, words

# Shorter things everybody says.
QUOTED_WORDS = 5


def _joined(spoken: list[str]) -> int:
    return fingerprint(" ".join(spoken))


class SaidByOthers:
    """Hashes of what others said, in a temporary database, so that they need no memory and hold no text."""

    def __init__(self, work: sqlite3.Connection):
        self.work = work
        self.any = False
        work.execute(
            "CREATE TABLE said_by_others (start INTEGER, words INTEGER, whole INTEGER,"
            " PRIMARY KEY (start, words, whole)) WITHOUT ROWID"
        )

    def note(self, said: str) -> None:
        spoken = words(said)
        if len(spoken) >= QUOTED_WORDS:
            self.any = True
            row = (_joined(spoken[:QUOTED_WORDS]), len(spoken), _joined(spoken))
            self.work.execute("INSERT OR IGNORE INTO said_by_others VALUES (?, ?, ?)", row)

    def quoted_in(self, text: str) -> bool:
        """Whether `text` has the whole of something that was noted, word for word."""
        spoken = words(text) if self.any else []
        for place in range(len(spoken) - QUOTED_WORDS + 1):
            found = self.work.execute(
                "SELECT words, whole FROM said_by_others WHERE start = ?",
                (_joined(spoken[place : place + QUOTED_WORDS]),),
            )
            if any(_joined(spoken[place : place + number]) == whole for number, whole in found):
                return True
        return False
