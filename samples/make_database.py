# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Write a sample of Fae's own directory: fae.db with Fae's schema, soul.md, speakers.json, config.toml.

One user, Sam, over 80 days: conversations in the sample model's small world, corrections of answers, and one or more of
everything that must never be trained on, each planted under a name that `make_database` returns.

  python samples/make_database.py DIRECTORY                     the demo's database, 300 plain conversations
  python samples/make_database.py DIRECTORY --schema 6          as an older app left it

The same arguments give the same rows, ids and times. All of it is invented, including keys, cards and numbers.
The file is long because each kind of turn that must be left out has its own texts.
"""

import argparse
import json
import random
import shutil
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import fae_schema
import fae_writer
import world
from fae_writer import DAY

NOW = int(datetime(2026, 11, 20, 20, 0, tzinfo=UTC).timestamp())

CONFIG = """[llm]
voiceModelPreset = "auto"

[stt]
modelId = "mlx-community/Qwen3-ASR-1.7B-4bit"

[conversation]
wakeWord = "hi fae"
requireDirectAddress = true
"""

# These look like corrections but are not: the user's words, and Fae's answers.
LOOK_ALIKES = (
    ("No, thanks.", "All right"),
    ("No, not today.", "Another day then"),
    ("Shorter days in winter make me sad.", "I am sorry, and I am here with you"),
    ("I meant to call Ana today.", "There is still time"),
    ("It is wrong that nobody helps her.", "That sounds unfair"),
    ("My run was too long.", "Every run counts"),
    ("No wonder that I am tired.", "Then be gentle with yourself tonight"),
    ("Actually, today was a good day.", "That makes me glad"),
    ("The film was simply too long.", "A good book stays with you"),
    ("Wrong number, that was Leo.", "That happens"),
    ("I said no to the job.", "You were brave to try"),
    ("Again I lost at chess.", "Each game teaches something"),
)
# Fae claims to have done something, but no tool ran.
EMPTY_CLAIMS = (
    ("Put bread on my list.", "Done, I added bread to your list."),
    ("Tell Ana that I am late.", "I sent Ana a message."),
    ("Set a timer for 10 minutes.", "Your timer is set for 10 minutes."),
    ("Book a table for two.", "I booked a table for two."),
    ("Remind me to call mum at six.", "I will remind you to call mum at six."),
    ("Move my meeting to Friday.", "I moved the meeting to Friday."),
)


def _secrets() -> tuple[tuple[str, str, str], ...]:
    """Secrets that a user may have said aloud: (kind, user, assistant). Assembled here so that no
    scanner takes them for real."""
    key = "sk-" + "proj" + "Ab3dE5gH7jK9mN2pQ4sT6vX8"
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    begin, end = "-----BEGIN RSA PRIVATE " + "KEY-----", "-----END RSA PRIVATE " + "KEY-----"
    block = f"{begin}\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n{end}"
    return (
        ("api key", f"My key for the model service is {key}.", "I see, Sam."),
        ("access token", f"The token of the repository is {token}.", "I see, Sam."),
        ("password", "The password: violet-Harbour-92 opens the flat's network.", "I see, Sam."),
        ("card number", "My card is 4111 1111 1111 1111 until May.", "I see, Sam."),
        ("one-time code", "Your verification code is 493027, it says.", "I see, Sam."),
        ("private key block", f"I copied this: {block}", "I see, Sam."),
        ("e-mail address", "Write to sam.sample@example.org when you can.", "I see, Sam."),
        ("phone number", "My number is +44 20 7946 0958, call me.", "I see, Sam."),
        ("bank account", "The rent goes to GB82 WEST 1234 5698 7654 32.", "I see, Sam."),
        ("secret in the answer", "Read it back to me.", f"It says {key}, Sam."),
    )


@dataclass
class Sample:
    """The rows written. `planted`: purpose -> the ids of its episodes (of its sessions, for
    "correction: ...")."""

    directory: Path
    database: Path
    planted: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, *identifiers: str) -> None:
        self.planted.setdefault(what, []).extend(identifiers)


class Life:
    """Eighty days of one user: chooses the conversations and their times, and has the Writer write them."""

    def __init__(self, writer: fae_writer.Writer, sample: Sample, now: int):
        self.writer, self.sample, self.now = writer, sample, now
        self.rng = writer.rng
        # Sums are left out because the app keeps no arithmetic; the interview is the topic that the
        # user wants forgotten.
        self.subjects = [
            s
            for s in world.subjects()
            if s.topic != "sums" and s.name not in ("interview", "praise")
        ]
        self.unasked: list[tuple[world.Subject, str]] = []

    def moment(self, oldest_day: int = 80) -> int:
        """A random second of the last days, between seven in the morning and ten at night."""
        day = self.now - self.rng.randrange(1, oldest_day + 1) * DAY
        return day - day % DAY + self.rng.randrange(7 * 3600, 22 * 3600)

    def ask(self) -> tuple[world.Subject, str]:
        """A subject and a wording; every pair comes once before any is repeated."""
        if not self.unasked:
            self.unasked = [(s, q) for s in self.subjects for q in s.questions]
            self.rng.shuffle(self.unasked)
        return self.unasked.pop()

    def pause(self) -> int:
        return self.rng.randrange(12, 80)

    def hold(self, turns, at: int | None = None, speaker="owner", **more) -> tuple[str, list[str]]:
        """Hold one session of (said, reply[, seconds of silence before it]) turns. Returns its id and its episodes'."""
        at = at or self.moment()
        session, episodes = self.writer.session(at, speaker), []
        for question, reply, *silence in turns:
            at += silence[0] if silence else self.pause()
            episodes.append(self.writer.turn(session, question, reply, at, speaker, **more)[0])
        self.writer.close(session)
        return session, episodes

    def plant(self, what: str, turns, at: int | None = None, speaker="owner", **more) -> None:
        """Hold one session, all of whose episodes are recorded as `what`."""
        self.sample.note(what, *self.hold(turns, at, speaker, **more)[1])

    def plain_turns(self, count: int) -> list[tuple[str, str]]:
        pairs = [self.ask() for _ in range(count)]
        return [(question, world.answer(s, world.PERSONAL)) for s, question in pairs]

    def plain(self, count: int) -> None:
        for _ in range(count):
            turns = self.plain_turns(self.rng.choice((1, 2, 2, 3, 3, 4)))
            if self.rng.random() < 0.12:
                praise = self.rng.choice(("Exactly right.", "Perfect, thank you."))
                turns.append((praise, "I am glad, Sam."))
            self.plant("plain", turns)

    def corrections(self, count: int) -> None:
        """Two thirds are "too long", the rest are other complaints about an answer. Recorded by session."""
        kinds = ["shorter"] * 20 + ["meant"] * 4 + ["wrong"] * 3 + ["asked again"] * 2
        kinds += ["simpler after silence"] * 2 + ["longer"]
        for index in range(count):
            kind = kinds[index % len(kinds)]
            turns = self.correction_turns(kind)
            if self.rng.random() < 0.3:
                turns.append(("Perfect, thank you.", "I am glad, Sam."))
            if self.rng.random() < 0.5:
                turns = self.plain_turns(1) + turns
            session, episodes = self.hold(turns)
            self.sample.note(f"correction: {kind}", session)
            self.sample.note("turns with a correction", *episodes)

    def correction_turns(self, kind: str) -> list[tuple]:
        subject, question = self.ask()
        wording = self.rng.randrange(3)
        long = world.answer(subject, world.LONG, wording)
        short = world.answer(subject, world.SHORT, self.rng.randrange(3))
        if kind == "shorter":
            return [(question, long), (self.rng.choice(world.SHORTER), short)]
        if kind == "longer":
            return [(question, short), (self.rng.choice(world.LONGER), long)]
        if kind == "simpler after silence":
            return [(question, long), ("Say it more simply please.", short, 420)]
        if kind == "asked again":
            other = self.rng.choice([q for q in subject.questions if q != question])
            return [(question, long), (other, short)]
        same = [s for s in self.subjects if s.topic in world.FACTS_WITH_A_NAME]
        right = self.rng.choice(same)
        wrong = self.rng.choice([s for s in same if s.topic == right.topic and s != right])
        if kind == "meant":
            meant = self.rng.choice(world.MEANT).format(right.name)
            asked, mistaken = self.rng.choice(wrong.questions), world.answer(wrong, world.SHORT)
            return [(asked, mistaken), (meant, world.answer(right, world.SHORT, wording))]
        asked, mistaken = self.rng.choice(right.questions), world.answer(wrong, world.SHORT)
        return [(asked, mistaken), ("That's wrong.", world.answer(right, world.SHORT, wording))]

    def left_out(self, share: float) -> None:
        """Everything that must stay out of training. share=1 is the demo's amount; each kind occurs
        at least once."""

        def times(number: int) -> range:
            return range(max(1, round(number * share)))

        for _ in times(20):
            _, (plain, look_alike) = self.hold([*self.plain_turns(1), self._look_alike()])
            self.sample.note("plain", plain)
            self.sample.note("look-alike", look_alike)
        for _ in times(40):
            self._tool_session()
        for index in times(12):
            question, reply = EMPTY_CLAIMS[index % len(EMPTY_CLAIMS)]
            self.plant("action without a tool", [(question, reply)])
        if self.writer.version >= fae_schema.FIRST_WITH_SPEAKERS:
            for who, number in (("leo", 10), ("ana", 8), (None, 8)):
                what = f"speaker: {who or 'unknown'}"
                for _ in times(number):
                    self.plant(what, self.plain_turns(2), speaker=who)
        for _ in times(15):
            self._proactive()
        for _ in times(6):
            at = self.moment()
            session = self.writer.session(at)
            kept = ("My door opens with [REDACTED_SENSITIVE].", "I see, Sam.")
            episode, _ = self.writer.turn(
                session, "My door opens with pass-7731-Lark.", "I see, Sam.", at, episode=kept
            )
            self.sample.note("redacted", episode)
            self.writer.close(session)
        for kind, question, reply in _secrets():
            self.plant(f"secret: {kind}", [(question, reply)])
        self._forgotten_topic()
        for _ in times(12):
            at = self.now - self.rng.randrange(91, 120) * DAY
            self.plant("past retention", self.plain_turns(1), at, status="forgotten")
        for status in ("superseded", "invalidated"):
            for _ in times(3):
                self.plant(status, self.plain_turns(1), status=status)
        for _ in times(10):
            turns = self.plain_turns(2)
            self.plant("plain", turns)
            again = [(question.rstrip(".?") + "?", reply) for question, reply in turns]
            self.plant("near-duplicate", again)
        for _ in times(5):
            self.plant("empty", [(self.ask()[1], "")])
        for _ in times(3):
            question, reply = self.plain_turns(1)[0]
            self.plant("over-long", [(f"{question} " + "And then I went on and on. " * 700, reply)])

    def _look_alike(self) -> tuple[str, str]:
        question, reply = self.rng.choice(LOOK_ALIKES)
        return question, f"{reply}, Sam."

    def _tool_session(self) -> None:
        at = self.moment()
        session = self.writer.session(at)
        (question, reply), request = self.plain_turns(1)[0], world.tool_request(self.rng)
        episode, _ = self.writer.turn(session, question, reply, at)
        self.sample.note("plain beside a tool", episode)
        at += self.pause()
        episode, turn = self.writer.turn(session, request.text, request.reply, at)
        self.sample.note("tool", episode)
        self.writer.tool_trace(session, turn, request, at)
        self.writer.close(session)

    def _proactive(self) -> None:
        at = self.moment()
        kind = self.rng.choice(("morning_briefing", "screen_context"))
        about = {"task_id": kind, "source": "scheduler", "captured_at": at, "prompt": "Say hello."}
        text = "Good morning. You have the dentist at nine and it is sunny outside."
        session = self.writer.session(at, "owner", "proactive")
        self.writer.message(session, self.writer.uuid(), "assistant", text, at, None)
        self.writer.close(session)
        tags, metadata = json.dumps(["proactive", kind]), json.dumps(about)
        self.sample.note(
            "proactive", self.writer.record("episode", text, at, tags=tags, metadata=metadata)
        )

    def _forgotten_topic(self) -> None:
        """The user asks Fae to forget the interview: Fae reaches five records, the other mentions
        stay active."""
        interview = next(s for s in world.subjects() if s.name == "interview")
        mentions = []
        for index in range(9):
            question = interview.questions[index % len(interview.questions)]
            words = question if index < 4 else f"{question.rstrip('.')}, and it is Monday."
            turns = [*self.plain_turns(1), (words, world.answer(interview, world.PERSONAL))]
            _, (plain, mention) = self.hold(turns)
            self.sample.note("beside the forgotten topic", plain)
            mentions.append(mention)
        at = self.now - 2 * DAY
        session = self.writer.session(at)
        turn = self.writer.uuid()  # a forget request leaves messages, but no episode
        self.writer.message(session, turn, "user", "Forget everything about the interview.", at, "owner")  # fmt: skip
        self.writer.message(session, turn, "assistant", "It is forgotten.", at + 2, None)
        self.writer.close(session)
        for episode in mentions[:5]:
            self.writer.connection.execute(
                "UPDATE memory_records SET status = 'forgotten', updated_at = ? WHERE id = ?",
                [at, episode],
            )
            self.writer.audit("forget_soft", episode, "user requested forget", at)
            self.sample.note("forgotten by the user", episode)
        for episode in mentions[5:]:
            self.sample.note("forgotten topic, still active", episode)

    def memories(self) -> None:
        """Fae's notes about the user besides the turns, with a corrected name and two people."""
        writer, at = self.writer, self.now - 79 * DAY
        name = {"tags": '["name","identity"]'}
        old = writer.record(
            "profile", "Primary user name is Samuel.", at, status="superseded", **name
        )
        writer.audit("supersede", old, "name corrected", at + 60)
        writer.record("profile", "Primary user name is Sam.", at + 60, supersedes=old, **name)
        preference = {"tags": '["preference"]'}
        writer.record("profile", "User says: I prefer short answers.", at + DAY, **preference)
        for topic in ("the garden", "chess", "cooking"):
            writer.record("interest", f"User is interested in: {topic}", at + 2 * DAY)
        writer.record("commitment", "Sam wants to water the plants on Sundays.", self.now - 3 * DAY)
        if writer.version < 5:
            return
        for person, alias, relation in (("Ana", "my sister", "family"), ("Leo", "Leo", "friend")):
            row = {
                "canonical_name": person,
                "aliases": json.dumps([alias]),
                "relation_type": relation,
            }
            times = {"first_seen_at": at, "last_mentioned_at": self.now, "mention_count": 7}
            entity = writer.identifier("entity", at)
            writer.insert("entities", {"id": entity} | row | times)


def side_files(directory: Path, owner: bool, now: int) -> None:
    shutil.copyfile(Path(__file__).with_name("soul.md"), directory / "soul.md")
    (directory / "config.toml").write_text(CONFIG, encoding="utf-8")
    seen = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    people = [("fae_self", "Fae", "fae_self"), ("ana", "Ana", "trusted"), ("leo", "Leo", "guest")]
    if owner:
        people.insert(0, ("owner", world.OWNER, "owner"))
    profiles = []
    for number, (label, name, role) in enumerate(people):
        centroid = [round((number + 1) / 10 + index / 100, 2) for index in range(8)]
        who = {"id": f"speaker-{label}", "label": label, "displayName": name, "role": role}
        voice = {"embeddings": [centroid], "embeddingDates": [seen], "centroid": centroid}
        profiles.append(who | voice | {"enrolledAt": seen, "lastSeen": seen})
    (directory / "speakers.json").write_text(json.dumps(profiles, indent=2), encoding="utf-8")


def make_database(
    directory: str | Path,
    schema_version: int = 9,
    conversations: int = 300,
    seed: int = 0,
    now: int = NOW,
    corrections: int | None = None,
    left_out: bool = True,
    owner: bool = True,
) -> Sample:
    """Write the sample directory and return what was planted in it.

    conversations: plain ones in the user's own manner; corrections: dialogues with a correction
    (default: half as many); left_out: also plant everything that must stay out of training;
    owner=False: nobody is enrolled as the owner, and the user's messages name no speaker. Raises
    FileExistsError where a fae.db is there already.
    """
    directory = Path(directory)
    connection = fae_writer.create(directory, schema_version)
    sample = Sample(directory, directory / "fae.db")
    life = Life(fae_writer.Writer(connection, schema_version, random.Random(seed)), sample, now)
    life.memories()
    life.plain(conversations)
    life.corrections(conversations // 2 if corrections is None else corrections)
    if left_out:
        life.left_out(conversations / 300)
    if not owner:
        for table in ("memory_records", "session_messages", "conversation_sessions"):
            if table == "memory_records" or schema_version >= fae_schema.FIRST_WITH_SESSIONS:
                connection.execute(
                    f"UPDATE {table} SET speaker_id = NULL WHERE speaker_id = 'owner'"
                )
    connection.commit()
    connection.close()
    side_files(directory, owner, now)
    return sample


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--schema", type=int, default=9, choices=fae_schema.VERSIONS)
    parser.add_argument("--conversations", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sample = make_database(given.directory, given.schema, given.conversations, given.seed)
    print(sample.database)
    for what, ids in sorted(sample.planted.items()):
        print(f"  {len(ids):5}  {what}")


if __name__ == "__main__":
    main()
