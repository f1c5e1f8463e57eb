"""Writes turns, sessions and workflow traces into a database the way Fae's app does. Standard library only."""

import json
import random
import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path

import fae_schema
import world

DAY = 86_400
STALE_AFTER = 90 * DAY  # the app forgets episodes that are older than this


def create(directory: Path, version: int) -> sqlite3.Connection:
    """A connection to a new, empty fae.db in the directory. Raises FileExistsError where there is one already."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "fae.db"
    if path.exists():
        raise FileExistsError(f"{path} is there already; name another directory")
    connection = sqlite3.connect(path)
    fae_schema.create(connection, version)
    return connection


class Writer:
    """Writes rows as the app writes them, in one transaction."""

    def __init__(self, connection: sqlite3.Connection, version: int, rng: random.Random):
        self.connection, self.version, self.rng = connection, version, rng
        self.counter = 0
        self.sessions = version >= fae_schema.FIRST_WITH_SESSIONS
        self.session_rows: dict[str, list] = {}

    def identifier(self, prefix: str, at: int) -> str:
        self.counter += 1
        return f"{prefix}-{at}{self.rng.randrange(10**9):09d}-{self.counter}"

    def uuid(self, prefix: str = "") -> str:
        return prefix + str(uuid.UUID(int=self.rng.getrandbits(128), version=4)).upper()

    def insert(self, table: str, row: dict) -> None:
        marks = ", ".join("?" * len(row))
        self.connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values())
        )

    def record(
        self, kind: str, text: str, at: int, *, speaker: str | None = "owner", **more
    ) -> str:
        identifier = self.identifier(kind, at)
        row = {
            "id": identifier,
            "kind": kind,
            "status": "active",
            "text": text,
            "confidence": 0.55 if kind == "episode" else 0.8,
            "tags": "[]",
            "created_at": at,
            "updated_at": at,
        } | more
        if self.version >= fae_schema.FIRST_WITH_SPEAKERS:
            row["speaker_id"] = speaker
        self.insert("memory_records", row)
        self.audit("insert", identifier, f"inserted {kind}", at)
        return identifier

    def audit(self, op: str, target: str, note: str, at: int) -> None:
        row = {"id": self.identifier("audit", at), "op": op, "target_id": target}
        self.insert("memory_audit", row | {"note": note, "at": at})

    def episode(
        self, question: str, reply: str, at: int, speaker: str | None = "owner", **more
    ) -> str:
        """One captured turn; with an empty reply only the user's half is stored, as in the app."""
        text = f"User: {question}\nAssistant: {reply}" if reply else f"User: {question}"
        spoken = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + "250Z"
        row = {
            "source_turn_id": self.identifier("turn", at),
            "tags": '["turn"]',
            "importance_score": 0.30,
            "stale_after_secs": STALE_AFTER,
            "metadata": json.dumps({"utterance_at": spoken}, separators=(",", ":")),
        }
        return self.record("episode", text, at, speaker=speaker, **row | more)

    def session(self, at: int, speaker: str | None = "owner", kind: str = "main") -> str:
        identifier = self.uuid("session-")
        row = [identifier, kind, at, None, at, speaker, None, 0, "open"]
        if self.sessions:
            marks = ", ".join("?" * len(row))
            self.connection.execute(f"INSERT INTO conversation_sessions VALUES ({marks})", row)
        self.session_rows[identifier] = row
        return identifier

    def message(self, session: str, turn: str, role: str, text: str, at: int, speaker) -> None:
        row = self.session_rows[session]
        row[4], row[7] = at, row[7] + 1
        row[6] = row[6] or (text[:60] if role == "user" else None)
        if self.sessions:
            who = speaker if role == "user" else None
            values = [self.uuid("session_msg-"), session, turn, role, who, None, None, text]
            self.connection.execute(
                "INSERT INTO session_messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'private_local_only', ?)",
                [*values, at],
            )

    def close(self, session: str) -> None:
        row = self.session_rows.pop(session)
        if self.sessions:
            self.connection.execute(
                "UPDATE conversation_sessions SET ended_at = ?, last_message_at = ?, title = ?, "
                "message_count = ?, status = 'closed' WHERE id = ?",
                [row[4] + 120, row[4], row[6], row[7], session],
            )

    def turn(
        self,
        session: str,
        question: str,
        reply: str,
        at: int,
        speaker: str | None = "owner",
        episode: tuple[str, str] | None = None,
        **more,
    ) -> tuple[str, str]:
        """A whole turn: two session messages and its episode. Returns (episode id, turn id).

        `episode` is the text in memory where it differs from the messages (redacted text).
        """
        turn = self.uuid()
        self.message(session, turn, "user", question, at, speaker)
        if reply:
            self.message(session, turn, "assistant", reply, at + 2, speaker)
        return self.episode(*(episode or (question, reply)), at + 3, speaker, **more), turn

    def tool_trace(self, session: str, turn: str, request: world.ToolRequest, at: int) -> None:
        if self.version < fae_schema.FIRST_WITH_WORKFLOWS:
            return
        run, call = self.uuid("workflow_run-"), self.uuid("call-")
        done = int(request.result != world.DENIED)
        self.insert(
            "workflow_runs",
            {
                "id": run,
                "session_id": session,
                "turn_id": turn,
                "source": "voice",
                "user_goal": request.text,
                "assistant_outcome": request.reply,
                "tool_sequence_signature": request.name,
                "step_count": 2,
                "success": done,
                "user_approved": done,
                "status": "completed",
                "created_at": at,
                "updated_at": at + 3,
                "completed_at": at + 3,
            },
        )
        steps = (
            ("tool_call", json.dumps(request.arguments), None),
            ("tool_result", None, request.result),
        )
        for index, (kind, given, shown) in enumerate(steps):
            self.insert(
                "workflow_steps",
                {
                    "id": self.uuid("workflow_step-"),
                    "run_id": run,
                    "tool_call_id": call,
                    "step_index": index,
                    "step_type": kind,
                    "tool_name": request.name,
                    "sanitized_input_json": given,
                    "output_preview": shown,
                    "success": done if index else None,
                    "approved": done,
                    "latency_ms": 40 if index else None,
                    "created_at": at + index,
                },
            )
