"""The person's conversations with Fae, turn by turn, joined from the two places where Fae keeps them.

An episode in memory_records is redacted and can be forgotten, but has no context; a session message
has its place in a conversation, but is not redacted. Only the text of active episodes is used.
Session messages give the conversation of a turn, the words that followed it, and whether a tool
ran. The two are joined by text and time.

Everything that grows with the number of turns is in a temporary SQLite file of hashes, numbers and
message ids without any text, so a million episodes need little more memory than a hundred. The file
is long because every step of the join works on these tables.
"""

import sqlite3
from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fae_training.capabilities.suite import Suite
from fae_training.conversations import filters, quality, secret_exchanges
from fae_training.conversations.database import FaeDatabase
from fae_training.conversations.duplicates import SeenTexts
from fae_training.conversations.forget_topics import EVERYTHING
from fae_training.conversations.forgetting import Exclusions
from fae_training.conversations.linear_scan import Found
from fae_training.conversations.mentions import Forgotten
from fae_training.conversations.quotes import SaidByOthers
from fae_training.conversations.speakers import Speakers
from fae_training.conversations.spoken_requests import SpokenRequests
from fae_training.conversations.text import fingerprint, normalised
from fae_training.judgement.parts import TRAIN, part_of
from fae_training.store.state import parsed

# After a pause of this length a new conversation begins, although Fae's session lasts as long as Fae runs.
NEW_CONVERSATION_SECONDS = 1800
LONGEST_CONVERSATION = 200
# An episode is written after its reply was spoken, so their times differ.
JOIN_SECONDS = 900
_OPEN_SESSIONS = 64
# Kinds of sessions in which Fae spoke without being asked.
_UNPROMPTED = ("proactive", "system")
# A secret may be announced in one turn and said one or two turns later.
_SPREAD_OVER = 4

_TABLES = """
    CREATE TABLE conversations (id INTEGER PRIMARY KEY, name TEXT, session TEXT, held_out INTEGER, left_out TEXT,
                                topic TEXT);
    CREATE TABLE heard (key INTEGER, at INTEGER, asked_at INTEGER, conversation INTEGER, position INTEGER, score REAL,
                        verdict TEXT, left_out TEXT);
    CREATE TABLE tool_turn (turn_id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE tool_goal (key INTEGER, at INTEGER);
    CREATE TABLE turns (episode INTEGER PRIMARY KEY, conversation INTEGER, position INTEGER, asked_at INTEGER,
                        at INTEGER, score REAL, verdict TEXT, duplicate INTEGER DEFAULT 0);
"""


@dataclass(slots=True)
class Turn:
    """One utterance of the person and its answer. Times are unix seconds; `position` counts every
    turn of the conversation, also those left out; `score` is 0 to 1; `verdict` classifies the
    person's next utterance, one of verdicts.KINDS."""

    episode: str
    user: str
    reply: str
    position: int
    asked_at: int
    answered_at: int
    score: float
    verdict: str | None


@dataclass(slots=True)
class Conversation:
    """The turns of one conversation that may be learned from, in order. `session` is None for a single turn."""

    id: str
    session: str | None
    turns: list[Turn] = field(default_factory=list)

    @property
    def part(self) -> str:
        """train, choose or judge (parts.py)."""
        return part_of(self.id)

    def stretches(self) -> Iterator[list[Turn]]:
        """The turns in runs without a gap: a turn after one that is left out may not make sense without it."""
        run: list[Turn] = []
        for turn in self.turns:
            if run and turn.position != run[-1].position + 1:
                yield run
                run = []
            run.append(turn)
        if run:
            yield run


@dataclass(slots=True)
class _Message:
    """One turn of a session while it is assembled."""

    id: str
    turn_id: str | None
    speaker: str | None
    user: str
    reply: str
    asked_at: int
    at: int
    tool: bool


class Dialogue:
    """All conversations of a database, joined and filtered. `read` counts its episodes, `excluded`
    those left out, by reason; once `conversations()` has been read to its end, its turns and
    these add up to `read`."""

    def __init__(
        self,
        database: FaeDatabase,
        forgotten: Forgotten,
        requests: SpokenRequests,
        speakers: Speakers,
        since: int,
        workspace: Path,
        judged_by: Suite,
        learn: Collection[str] = (),
        too_common: Mapping[str, int] | None = None,
    ):
        """judged_by: the questions that models are judged by; a turn that nearly repeats one of
        them is left out.

        too_common: guesses at a forgotten topic that are not used, with the number of turns that
        mention them (add_guesses).
        """
        self.database, self.forgotten, self.requests = database, forgotten, requests
        self.speakers, self.since = speakers, since
        self.judged_by = judged_by
        self.learn = learn
        self.too_common = dict(too_common or {})
        # exclusions.json as it was read; set by source.dialogue.
        self.exclusions = Exclusions()
        self.read = 0
        self.newest = 0
        self.excluded: Counter[str] = Counter()
        # Each forgotten or excluded topic -> the number of turns and of conversations it removed.
        self.taken: Counter[str] = Counter()
        self.conversations_taken: Counter[str] = Counter()
        # A sentence that may be a request to forget -> the ids of the sessions and records in which it was said, in
        # their order.
        self.possible_in: dict[str, dict[str, None]] = {}
        self.conversations_read = 0
        (workspace / "work.db").touch(mode=0o600)
        self.work = sqlite3.connect(workspace / "work.db", isolation_level=None)
        # A temporary file needs no protection against power loss.
        self.work.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
        )
        self.work.executescript(_TABLES)
        self.work.execute("BEGIN")
        self.others = SaidByOthers(self.work)
        self._join_tools()
        self._join_sessions()
        self._join_others()
        self._join_episodes()
        self._count_conversations()

    def close(self) -> None:
        self.work.close()

    # Tool runs and session messages.

    def _join_tools(self) -> None:
        for turn_id, goal, at in self.database.tool_runs():
            if turn_id:
                self.work.execute("INSERT OR IGNORE INTO tool_turn VALUES (?)", (turn_id,))
            if goal:
                self.work.execute(
                    "INSERT INTO tool_goal VALUES (?, ?)", (fingerprint(normalised(goal)), at)
                )
        self.work.execute("CREATE INDEX tool_goal_key ON tool_goal (key)")

    def _join_sessions(self) -> None:
        """Cut each session into conversations and record the position of every turn."""
        open_sessions: OrderedDict[str, tuple[str, list[_Message]]] = OrderedDict()
        for message in self.database.messages():
            message_id, session, kind, turn_id, role, speaker, tool_name, content, at = message
            run = open_sessions.pop(session, (kind, []))[1]
            pause = at - run[-1].at if run else 0
            if (
                role == "user"
                and run
                and (pause > NEW_CONVERSATION_SECONDS or len(run) >= LONGEST_CONVERSATION)
            ):
                self._note_conversation(session, kind, run)
                run = []
            if role == "user" or not run:
                utterance = content if role == "user" else ""
                run.append(_Message(message_id, turn_id, speaker, utterance, "", at, at, False))
            if role == "assistant":
                run[-1].reply, run[-1].at = content, at
            if role == "tool" or tool_name:
                run[-1].tool = True
            open_sessions[session] = (kind, run)
            if len(open_sessions) > _OPEN_SESSIONS:
                oldest, (its_kind, its_run) = open_sessions.popitem(last=False)
                self._note_conversation(oldest, its_kind, its_run)
        for session, (kind, run) in open_sessions.items():
            self._note_conversation(session, kind, run)
        self.work.execute("CREATE INDEX heard_key ON heard (key)")

    def _note_conversation(self, session: str, kind: str | None, run: list[_Message]) -> None:
        forbidden = None
        for message in run:
            # Turns around a request to forget are forgotten too.
            text = f"{message.user}\n{message.reply}"
            forbidden = (
                forbidden
                or self._asked_to_forget(message.user, message.at)
                or self._forbidden(text, message.at, message.id, message.turn_id)
            )
        if session in self.forgotten.ids:
            forbidden = ("excluded_id", session)
        doubtful = set()
        for position, message in enumerate(run):
            if forbidden or kind in _UNPROMPTED or not self._is_learned_from(message.speaker):
                continue
            said_in = session or run[0].id
            if found := self.requests.may_ask(message.user, message.at, said_in):
                forbidden = self._left_out_until_answered(found, said_in)
                doubtful.update([] if forbidden else [position])
        conversation = self._add_conversation(run[0].id, session, forbidden)
        spread = secret_exchanges.spread([(m.user, m.reply) for m in run])
        values = quality.scores([(m.user, m.reply, m.asked_at, m.at) for m in run])
        for position, (message, (score, verdict)) in enumerate(zip(run, values, strict=True)):
            left_out = None
            if kind in _UNPROMPTED:
                left_out = "proactive"
            elif message.tool or self._tool_ran(message.turn_id):
                left_out = "tool_turn"
            elif not self._is_learned_from(message.speaker):
                left_out = "other_speaker"
                self.others.note(message.user)
            elif position in spread:
                left_out = "secret"
            elif position in doubtful:
                left_out = "may_be_request"
            key = _key(message.user, message.reply)
            self.work.execute(
                "INSERT INTO heard VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    message.at,
                    message.asked_at,
                    conversation,
                    position,
                    score,
                    verdict,
                    left_out,
                ),
            )

    def _is_learned_from(self, speaker: str | None) -> bool:
        return not speaker or self.speakers.may_learn_from(speaker)

    def _add_conversation(
        self, name: str, session: str | None, forbidden: tuple[str, str] | None
    ) -> int:
        inserted = self.work.execute(
            "INSERT INTO conversations (name, session, held_out, left_out, topic) VALUES (?, ?, ?, ?, ?)",
            (name, session, part_of(name) != TRAIN, *(forbidden or (None, None))),
        )
        assert inserted.lastrowid is not None  # only statements other than INSERT have none
        return inserted.lastrowid

    def _tool_ran(self, turn_id: str | None) -> bool:
        found = self.work.execute("SELECT 1 FROM tool_turn WHERE turn_id = ?", (turn_id,))
        return turn_id is not None and found.fetchone() is not None

    def _forbidden(self, text: str, at: int, *ids: str | None) -> tuple[str, str] | None:
        """(reason, topic or id) when a conversation with this text or id must be left out as a whole."""
        if at <= self.forgotten.everything_before:
            return "forgotten_topic", EVERYTHING
        if excluded := self.forgotten.ids.intersection(ids):
            return "excluded_id", min(excluded)
        topic = self.forgotten.mentioned_in(text)
        return (topic.reason, topic.name) if topic else None

    def _asked_to_forget(self, text: str, at: int) -> tuple[str, str] | None:
        """As `_forbidden`, for a request to forget: neither it nor its surroundings are learned."""
        asked = self.requests.asked(text, at)
        return None if asked is None else ("forgotten_topic", asked)

    def _left_out_until_answered(self, found: Found, said_in: str) -> tuple[str, str] | None:
        """As `_asked_to_forget`, for a sentence that is likely a request, in the session or record `said_in`; None if
        that is only possible."""
        if not found.is_likely:
            return None
        self.possible_in.setdefault(found.sentence, {})[said_in] = None
        return "may_be_forgotten", found.sentence

    def _join_others(self) -> None:
        for *_, text, _, _, _, speaker in self.database.episodes():
            turn = None if self.speakers.may_learn_from(speaker) else filters.split_episode(text)
            if turn:
                self.others.note(turn[0])

    # Episodes.

    def _join_episodes(self) -> None:
        audited = {record for record, _, _ in self.database.audited_forgets()}
        ordered = "session_messages" in self.database.tables
        recent: deque[tuple[int, int, tuple[str, str]]] = deque(maxlen=_SPREAD_OVER)
        for rowid, record, status, text, turn_id, tags, at, speaker in self.database.episodes():
            self.read += 1
            self.newest = max(self.newest, at)
            turn = filters.split_episode(text)
            if at <= self.since:
                reason = "before_since"
            elif status != "active":
                reason = status if status in ("superseded", "invalidated") else "expired"
                reason = "forgotten" if record in audited else reason
            elif not _is_turn(tags) or turn is None:
                reason = "proactive" if "proactive" in (tags or "") else "not_a_turn"
            elif not self.speakers.may_learn_from(speaker):
                reason = "other_speaker" if speaker else "unknown_speaker"
            else:
                reason = self._place(rowid, record, turn_id, turn, at)
            if not ordered and turn:
                if recent and at - recent[-1][1] > NEW_CONVERSATION_SECONDS:
                    recent.clear()
                recent.append((rowid, at, turn))
                reason = self._leave_out_spread(recent) or reason
            if reason:
                self.excluded[reason] += 1
        self.work.execute("CREATE INDEX turn_order ON turns (conversation, position)")

    def _place(
        self,
        rowid: int,
        record: str,
        turn_id: str | None,
        turn: tuple[str, str],
        at: int,
    ) -> str | None:
        """Assign an episode to its conversation. Returns the reason when it is left out."""
        user, reply = turn
        place = self.work.execute(
            "SELECT rowid, at, asked_at, conversation, position, score, verdict, left_out FROM "
            "heard"
            " WHERE key = ? AND abs(at - ?) <= ? ORDER BY abs(at - ?), rowid LIMIT 1",
            (_key(user, reply), at, JOIN_SECONDS, at),
        ).fetchone()
        if place:
            heard, answered_at, asked_at, conversation, position, score, verdict, left_out = place
            # A sentence said twice gives two episodes, each with its own place.
            self.work.execute("DELETE FROM heard WHERE rowid = ?", (heard,))
        else:
            answered_at, asked_at, position, verdict, left_out = at, at, 0, None, None
            conversation, score = None, 0.5
        # Without "User:", after which each text would seem to go on.
        forbidden = self._forbidden(f"{user}\n{reply}", at, record, turn_id)
        if conversation is None:
            forbidden = forbidden or self._asked_to_forget(user, at)
            if forbidden is None and (found := self.requests.may_ask(user, at, record)):
                forbidden = self._left_out_until_answered(found, record)
                left_out = "may_be_request"
        elif forbidden:
            self.work.execute(
                "UPDATE conversations SET left_out = ?, topic = ? WHERE id = ?",
                (*forbidden, conversation),
            )
        if forbidden:
            self.taken[forbidden[1]] += 1
            if conversation is None:
                self.conversations_taken[forbidden[1]] += 1
        reason = (
            (forbidden and forbidden[0])
            or left_out
            or ("tool_turn" if self._tool_ran_for(user, at) else None)
        )
        reason = reason or filters.reason_to_leave_out(user, reply, self.learn)
        if reason is None and self.judged_by.near_copy(user):
            reason = "benchmark_item"
        reason = reason or (
            "quoted" if self.others.quoted_in(user) or self.others.quoted_in(reply) else None
        )
        if reason is None:
            if conversation is None:
                conversation = self._add_conversation(record, None, None)
            self.work.execute(
                "INSERT INTO turns (episode, conversation, position, asked_at, at, score, "
                "verdict) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (rowid, conversation, position, asked_at, answered_at, score, verdict),
            )
        return reason

    def _leave_out_spread(self, recent: Collection[tuple[int, int, tuple[str, str]]]) -> str | None:
        """Remove the turns that together reveal a secret, where no session gives their order.
        Returns the reason for the newest one."""
        places = secret_exchanges.spread([turn for _, _, turn in recent])
        for place, (rowid, _, _) in enumerate(recent):
            taken = place in places and self.work.execute(
                "DELETE FROM turns WHERE episode = ?", (rowid,)
            )
            if taken and taken.rowcount and place < len(recent) - 1:
                self.excluded["secret"] += 1
        return "secret" if len(recent) - 1 in places else None

    def _tool_ran_for(self, user: str, at: int) -> bool:
        """Whether a tool ran at this time for these words, where no session says so."""
        found = self.work.execute(
            "SELECT 1 FROM tool_goal WHERE key = ? AND abs(at - ?) <= ?",
            (fingerprint(normalised(user)), at, JOIN_SECONDS),
        )
        return found.fetchone() is not None

    def _count_conversations(self) -> None:
        alone = self.conversations_taken.total()
        counted = self.work.execute("SELECT topic, COUNT(*) FROM conversations GROUP BY topic")
        for topic, conversations in counted.fetchall():
            self.conversations_read += conversations
            if topic:
                self.conversations_taken[topic] += conversations
        self.conversations_read += alone

    def has_id(self, name: str) -> bool:
        """Whether a session, a message that begins a conversation or a record has this id."""
        known = self.work.execute(
            "SELECT 1 FROM conversations WHERE session = ? OR name = ? LIMIT 1", (name, name)
        )
        return known.fetchone() is not None or self.database.has_record(name)

    # The turns that may be learned from.

    def leave_out_duplicates(self) -> None:
        """Keep one turn of each group of near-duplicates: a held-out one where there is one,
        otherwise the oldest.

        The held-out side comes first, so adding data can remove a turn from training but never from
        validation.
        """
        seen = SeenTexts(self.work)
        duplicates = []
        for held_out in (1, 0):
            rows = self.work.execute(
                "SELECT t.episode FROM turns t JOIN conversations c ON c.id = t.conversation"
                " WHERE c.held_out = ? AND c.left_out IS NULL ORDER BY t.episode",
                (held_out,),
            )
            for (rowid,) in rows:
                _, user, reply = self._turn(rowid)
                if not seen.is_new(rowid, user, reply):
                    duplicates.append((rowid,))
        self.work.executemany("UPDATE turns SET duplicate = 1 WHERE episode = ?", duplicates)

    def _turn(self, rowid: int) -> tuple[str, str, str]:
        """(id, what the user said, what Fae answered) of an episode that is in `turns`."""
        record, text = self.database.episode(rowid)
        turn = filters.split_episode(text)
        assert turn is not None  # only turns are added to the table
        return record, *turn

    def conversations(self) -> Iterator[Conversation]:
        """Each conversation with something to learn from, in order of its start."""
        rows = self.work.execute(
            "SELECT c.id, c.name, c.session, c.left_out, c.topic, t.episode, t.position, "
            "t.asked_at, t.at, t.score,"
            " t.verdict, t.duplicate FROM turns t JOIN conversations c ON c.id = t.conversation"
            " ORDER BY t.conversation, t.position, t.episode"
        )
        current: Conversation | None = None
        number = None
        for (
            conversation,
            name,
            session,
            left_out,
            topic,
            rowid,
            position,
            asked_at,
            at,
            score,
            verdict,
            duplicate,
        ) in rows:
            if left_out or duplicate:
                self.excluded[left_out or "near_duplicate"] += 1
                self.taken.update([topic] if left_out and topic else [])
                continue
            if current is None or conversation != number:
                if current:
                    yield current
                current, number = Conversation(name, session), conversation
            record, user, reply = self._turn(rowid)
            current.turns.append(Turn(record, user, reply, position, asked_at, at, score, verdict))
        if current:
            yield current


def _key(user: str, reply: str) -> int:
    return fingerprint(normalised(user) + "\n" + normalised(reply))


def _is_turn(tags: str | None) -> bool:
    """Whether the tags, a JSON array, are those of a turn of conversation."""
    try:
        said = parsed(tags or "[]")
    except ValueError:
        return False
    return isinstance(said, list) and "turn" in said and "proactive" not in said
