"""A database of Fae's with exactly the turns that a test names, written as the app writes them."""

import json
import random
import sqlite3
from pathlib import Path

import fae_writer

START = 1_763_000_000  # unix seconds; any will do
MINUTE = 60


class Days:
    """Sessions one after the other, an hour apart. `episodes` has the ids in the order in which they were said."""

    def __init__(
        self, directory: Path, version: int = 9, soul: str | None = "You are Fae.", owner=True
    ):
        self.connection = fae_writer.create(directory, version)
        self.writer = fae_writer.Writer(self.connection, version, random.Random(1))
        self.database = directory / "fae.db"
        self.at = START
        self.episodes: list[str] = []
        if soul:
            (directory / "soul.md").write_text(soul, encoding="utf-8")
        if owner:
            profiles = [{"label": "owner", "role": "owner"}, {"label": "leo", "role": "guest"}]
            (directory / "speakers.json").write_text(json.dumps(profiles))

    def talk(self, *turns: tuple, pause=30, kind="main", speaker="owner", **more) -> list[str]:
        """One session of (said, reply[, seconds of silence before]) turns. Returns the ids of its episodes."""
        self.at += 3600
        session = self.writer.session(self.at, speaker, kind)
        ids = []
        for question, reply, *silence in turns:
            self.at += silence[0] if silence else pause
            ids.append(self.writer.turn(session, question, reply, self.at, speaker, **more)[0])
        self.writer.close(session)
        self.episodes += ids
        return ids

    def ask(self, said: str, reply: str) -> None:
        """A turn that leaves messages and no episode, such as a request to forget."""
        self.at += 3600
        session, turn = self.writer.session(self.at), self.writer.uuid()
        self.writer.message(session, turn, "user", said, self.at, "owner")
        self.writer.message(session, turn, "assistant", reply, self.at + 2, None)
        self.writer.close(session)

    def forget(self, *episodes: str, note="user requested forget") -> None:
        """What Fae's own forget does to records."""
        for episode in episodes:
            self.connection.execute(
                "UPDATE memory_records SET status = 'forgotten' WHERE id = ?", [episode]
            )
            self.writer.audit("forget_soft", episode, note, self.at)

    def done(self) -> Path:
        self.connection.commit()
        return self.database


def plain(number: int) -> tuple[str, str]:
    """A turn that nothing excludes; no two are near-duplicates."""
    rng = random.Random(number)
    letters = "bcdfghklmnprstvw"
    word = lambda: "".join(rng.choice(letters) + rng.choice("aeiou") for _ in range(3))  # noqa: E731
    return (
        f"Why does the {word()} {word()} the {word()}?",
        f"The {word()} likes {word()} and {word()}, so it {word()}.",
    )


def write_many(directory: Path, episodes: int) -> Path:
    """A large database, quickly: sessions of three turns. Returns fae.db."""
    days = Days(directory)
    connection: sqlite3.Connection = days.connection
    for number in range(0, episodes, 3):
        days.talk(*(plain(n) for n in range(number, min(number + 3, episodes))))
        if number % 30_000 == 0:
            connection.commit()
    return days.done()
