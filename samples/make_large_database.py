# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Write a fae.db with very many plain turns, for measuring the speed and memory of an export.

python samples/make_large_database.py DIRECTORY --episodes 1000000
"""

import argparse
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import fae_writer
import make_database
import world
from fae_writer import DAY


def make_large_database(
    directory: str | Path,
    episodes: int,
    seed: int = 0,
    sessions: bool = True,
    now: int = make_database.NOW,
) -> Path:
    """Write `episodes` plain turns of the owner, three to a session, all different; returns the
    database's path.

    The full-text indexes stay empty, which only the app would notice: a million rows then take well
    under a minute.
    """
    directory = Path(directory)
    connection = fae_writer.create(directory, 9)
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(
        "DROP TRIGGER memory_fts_insert; DROP TRIGGER session_message_fts_insert;"
    )
    rng = random.Random(seed)
    exchanges = [
        (question.rstrip(".?!"), world.answer(s, world.PERSONAL).rstrip("."))
        for s in world.subjects()
        if s.topic != "sums"
        for question in s.questions
    ]
    words = sorted(
        {word.strip(".,?!") for pair in exchanges for text in pair for word in text.split()}
    )
    start = now - 80 * DAY

    def turns():
        for index in range(episodes):
            question, reply = rng.choice(exchanges)
            tail = rng.choices(words, k=9)
            at = start + index * 80 * DAY // episodes
            yield index, at, f"{question}, {' '.join(tail[:5])}?", f"{reply}, {' '.join(tail[5:])}."

    batch: list[tuple] = []

    def flush() -> None:
        connection.executemany(
            "INSERT INTO memory_records (id, kind, text, confidence, source_turn_id, tags, created_at, updated_at, "
            "importance_score, stale_after_secs, speaker_id) "
            "VALUES (?, 'episode', ?, 0.55, ?, '[\"turn\"]', ?, ?, 0.3, 7776000, 'owner')",
            [
                (f"episode-{at}{i:09d}-{i}", f"User: {q}\nAssistant: {a}", f"turn-{i}", at, at)
                for i, at, q, a in batch
            ],
        )
        if sessions:
            first = [turn for turn in batch if turn[0] % 3 == 0]
            connection.executemany(
                "INSERT INTO conversation_sessions VALUES (?, 'main', ?, ?, ?, 'owner', ?, 6, 'closed')",
                [(f"session-{i // 3}", at, at + 600, at + 60, q[:60]) for i, at, q, _ in first],
            )
            connection.executemany(
                "INSERT INTO session_messages VALUES (?, ?, ?, ?, ?, NULL, NULL, ?, 'private_local_only', ?)",
                [
                    (f"message-{i}-{role}", f"session-{i // 3}", f"turn-{i}", role, who, text, at)
                    for i, at, q, a in batch
                    for role, who, text in (("user", "owner", q), ("assistant", None, a))
                ],
            )
        batch.clear()

    for turn in turns():
        batch.append(turn)
        if len(batch) == 30_000:
            flush()
    flush()
    connection.commit()
    connection.close()
    make_database.side_files(directory, True, now)
    return directory / "fae.db"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--episodes", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(make_large_database(given.directory, given.episodes, given.seed))


if __name__ == "__main__":
    main()
