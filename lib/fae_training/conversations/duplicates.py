"""Finds near-duplicate texts on disk, so that a million of them need no more memory than a hundred.

A text is a set of hashed word 3-grams. Candidates come from MinHash in bands (Broder 1997, "On the
resemblance and containment of documents"; Leskovec, Rajaraman, Ullman, "Mining of Massive
Datasets", 3.4): two sets with the Jaccard similarity s agree in one of 5 bands of 3 values with a
probability of 1 - (1 - s^3)^5, which is 0.97 at s = 0.8 and 0.13 at 0.3. A candidate is then
confirmed by the 64 smallest hashes of both, which estimate s and, for texts of up to 64 3-grams,
are the whole sets.
"""

import sqlite3
from array import array
from zlib import crc32

from fae_training.conversations.text import words

SKETCH = 64
NEAR = 0.8
BANDS, VALUES = 5, 3
_64_BITS = (1 << 64) - 1
# Odd multipliers give different orders of the same hashes (multiply-shift hashing, Dietzfelbinger
# 1997); any will do.
_MULTIPLIERS = [
    (0x9E3779B97F4A7C15 * (2 * n + 1) ** 3 & _64_BITS) | 1 for n in range(BANDS * VALUES)
]


def grams(user: str, reply: str) -> set[int]:
    """The hashed word 3-grams of a turn, at least one unsigned 32-bit integer."""
    tokens = ["<user>", *words(user), "<reply>", *words(reply), "<end>"]
    return {
        crc32(" ".join(gram).encode()) for gram in zip(tokens, tokens[1:], tokens[2:], strict=False)
    }


def similarity(one: array, other: array) -> float:
    """The Jaccard similarity of two sets, estimated from their smallest values; exact for whole sets."""
    first, second = set(one), set(other)
    both = first | second
    size = SKETCH if max(len(one), len(other)) == SKETCH else len(both)
    smallest = sorted(both)[:size]
    return sum(1 for value in smallest if value in first and value in second) / len(smallest)


def bands(hashes: set[int]) -> list[int]:
    """A key for each band: similar sets share one of them."""
    least = [min([value * by & _64_BITS for value in hashes]) for by in _MULTIPLIERS]
    return [hash((band, *least[band * VALUES : (band + 1) * VALUES])) for band in range(BANDS)]


class SeenTexts:
    """The turns seen so far, as tables of an open SQLite database that may be on disk."""

    def __init__(self, database: sqlite3.Connection):
        self.database = database
        database.execute("CREATE TABLE seen (id INTEGER PRIMARY KEY, sketch BLOB)")
        database.execute("CREATE TABLE seen_band (key INTEGER PRIMARY KEY, id INTEGER)")

    def is_new(self, number: int, user: str, reply: str) -> bool:
        """Store the turn under `number`, unless a near-duplicate of it is already known."""
        hashes = grams(user, reply)
        sketch = array("I", sorted(hashes)[:SKETCH])
        raw, keys = sketch.tobytes(), bands(hashes)
        candidates = self.database.execute(
            "SELECT DISTINCT seen.sketch FROM seen_band JOIN seen USING (id) WHERE key IN (?, ?, "
            "?, ?, ?)",
            keys,
        )
        for (known,) in candidates:
            if known == raw or similarity(array("I", known), sketch) >= NEAR:
                return False
        self.database.execute("INSERT INTO seen VALUES (?, ?)", (number, raw))
        self.database.executemany(
            "INSERT OR IGNORE INTO seen_band VALUES (?, ?)", [(key, number) for key in keys]
        )
        return True
