"""Near-duplicate texts, found on disk so that a million of them need no more memory than a hundred.

A text is a set of hashed word 3-grams, and its sketch the 24 smallest of them: two sketches estimate the Jaccard
similarity of the sets (bottom-k sketches, Broder 1997, "On the resemblance and containment of documents"), and
for a text of up to 24 3-grams they are the sets themselves. Texts whose similarity is 0.8 share one of their four
smallest hashes with a probability of 1 - 0.2^4 = 0.998, so these four are the index.
"""

import sqlite3
from array import array
from zlib import crc32

from fae_training.conversations.text import words

SKETCH = 24
INDEXED = 4
NEAR = 0.8
# A hash that very many texts share ("thank you") is no evidence, and comparing with all of them would be slow.
MOST_CANDIDATES = 40


def sketch(user: str, reply: str) -> array:
    """The smallest hashes of the word 3-grams of a turn, ascending, 1 to 24 unsigned 32-bit integers."""
    tokens = ["<user>", *words(user), "<reply>", *words(reply), "<end>"]
    grams = {
        crc32(" ".join(gram).encode()) for gram in zip(tokens, tokens[1:], tokens[2:], strict=False)
    }
    return array("I", sorted(grams)[:SKETCH])


def similarity(one: array, other: array) -> float:
    """The Jaccard similarity of the two sets behind the sketches, estimated; exact when both are whole sets."""
    first, second = set(one), set(other)
    size = SKETCH if max(len(one), len(other)) == SKETCH else len(first | second)
    smallest = sorted(first | second)[:size]
    return sum(1 for value in smallest if value in first and value in second) / len(smallest)


class SeenTexts:
    """The texts seen so far, as tables of an open SQLite database that may be on disk."""

    def __init__(self, database: sqlite3.Connection):
        self.database = database
        database.execute("CREATE TABLE seen (id INTEGER PRIMARY KEY, sketch BLOB)")
        database.execute(
            "CREATE TABLE seen_hash (hash INTEGER, id INTEGER, PRIMARY KEY (hash, id)) WITHOUT ROWID"
        )

    def is_new(self, key: int, text: array) -> bool:
        """Remember the text with this sketch under `key`, unless a near-duplicate is known already."""
        marks = ",".join("?" * len(text[:INDEXED]))
        candidates = self.database.execute(
            f"SELECT DISTINCT seen.sketch FROM seen_hash JOIN seen USING (id) WHERE hash IN ({marks}) LIMIT ?",
            (*text[:INDEXED], MOST_CANDIDATES),
        )
        raw = text.tobytes()
        for (known,) in candidates:
            if known == raw or similarity(array("I", known), text) >= NEAR:
                return False
        self.database.execute("INSERT INTO seen VALUES (?, ?)", (key, raw))
        self.database.executemany(
            "INSERT OR IGNORE INTO seen_hash VALUES (?, ?)",
            ((value, key) for value in text[:INDEXED]),
        )
        return True
