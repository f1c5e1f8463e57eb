"""Fae's database schema, versions 4 to 9, as the app creates it. Standard library only.

  4  memory_records with embedding, memory_fts, memory_audit
  5  entities, entity_mentions, entity_facts
  6  entities.entity_type, temporal entity_facts, entity_relationships
  7  memory_records.speaker_id
  8  memory_artifacts, memory_record_sources
  9  a lookup index on memory_artifacts

The session tables and the workflow traces carry versions of their own in schema_meta. Here sessions come with version 8
and workflow traces with version 9, so that there are databases with neither, one, or both.
"""

import sqlite3

VERSIONS = (4, 5, 6, 7, 8, 9)
FIRST_WITH_SPEAKERS, FIRST_WITH_SESSIONS, FIRST_WITH_WORKFLOWS = 7, 8, 9

META = "CREATE TABLE schema_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"

MEMORY = """
CREATE TABLE memory_records (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'active', text TEXT NOT NULL,
    confidence REAL NOT NULL DEFAULT 0.5, source_turn_id TEXT, tags TEXT NOT NULL DEFAULT '[]', supersedes TEXT,
    created_at INTEGER NOT NULL DEFAULT 0, updated_at INTEGER NOT NULL DEFAULT 0, importance_score REAL,
    stale_after_secs INTEGER, metadata TEXT, embedding BLOB
);
CREATE VIRTUAL TABLE memory_fts USING fts5(text, content='memory_records', content_rowid='rowid');
CREATE TRIGGER memory_fts_insert AFTER INSERT ON memory_records BEGIN
    INSERT INTO memory_fts(rowid, text) VALUES (new.rowid, new.text);
END;
CREATE TRIGGER memory_fts_delete AFTER DELETE ON memory_records BEGIN
    INSERT INTO memory_fts(memory_fts, rowid, text) VALUES ('delete', old.rowid, old.text);
END;
CREATE TRIGGER memory_fts_update AFTER UPDATE OF text ON memory_records BEGIN
    INSERT INTO memory_fts(memory_fts, rowid, text) VALUES ('delete', old.rowid, old.text);
    INSERT INTO memory_fts(rowid, text) VALUES (new.rowid, new.text);
END;
CREATE INDEX idx_records_status ON memory_records(status);
CREATE INDEX idx_records_kind ON memory_records(kind);
CREATE INDEX idx_records_updated_at ON memory_records(updated_at);
CREATE TABLE memory_audit (
    id TEXT PRIMARY KEY, op TEXT NOT NULL, target_id TEXT, note TEXT NOT NULL, at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX idx_audit_at ON memory_audit(at);
"""

ENTITIES = """
CREATE TABLE entities (
    id TEXT PRIMARY KEY, canonical_name TEXT NOT NULL, aliases TEXT NOT NULL DEFAULT '[]', relation_type TEXT,
    relation_label TEXT, notes TEXT, first_seen_at INTEGER NOT NULL DEFAULT 0,
    last_mentioned_at INTEGER NOT NULL DEFAULT 0, mention_count INTEGER NOT NULL DEFAULT 0,
    strength_score REAL NOT NULL DEFAULT 0.0
);
CREATE INDEX idx_entities_canonical ON entities(canonical_name);
CREATE INDEX idx_entities_last_mentioned ON entities(last_mentioned_at);
CREATE TABLE entity_mentions (
    id TEXT PRIMARY KEY, entity_id TEXT NOT NULL REFERENCES entities(id) ON DELETE CASCADE,
    memory_record_id TEXT NOT NULL, created_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX idx_entity_mentions_entity ON entity_mentions(entity_id);
CREATE TABLE entity_facts (
    id TEXT PRIMARY KEY, entity_id TEXT NOT NULL REFERENCES entities(id) ON DELETE CASCADE, fact_key TEXT NOT NULL,
    fact_value TEXT NOT NULL, source_record_id TEXT, created_at INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX idx_entity_facts_unique ON entity_facts(entity_id, fact_key);
"""

RELATIONSHIPS = """
ALTER TABLE entities ADD COLUMN entity_type TEXT NOT NULL DEFAULT 'person';
ALTER TABLE entity_facts ADD COLUMN confidence REAL NOT NULL DEFAULT 0.7;
ALTER TABLE entity_facts ADD COLUMN started_at INTEGER;
ALTER TABLE entity_facts ADD COLUMN ended_at INTEGER;
ALTER TABLE entity_facts ADD COLUMN embedding BLOB;
CREATE TABLE entity_relationships (
    id TEXT PRIMARY KEY, source_id TEXT NOT NULL REFERENCES entities(id) ON DELETE CASCADE,
    target_id TEXT NOT NULL REFERENCES entities(id) ON DELETE CASCADE, relation_type TEXT NOT NULL,
    confidence REAL NOT NULL DEFAULT 0.7, started_at INTEGER, ended_at INTEGER, metadata TEXT,
    created_at INTEGER NOT NULL DEFAULT 0, updated_at INTEGER NOT NULL DEFAULT 0,
    UNIQUE(source_id, target_id, relation_type)
);
CREATE INDEX idx_relationships_source ON entity_relationships(source_id);
CREATE INDEX idx_relationships_target ON entity_relationships(target_id);
CREATE INDEX idx_relationships_type ON entity_relationships(relation_type);
"""

SPEAKERS = """
ALTER TABLE memory_records ADD COLUMN speaker_id TEXT;
CREATE INDEX idx_records_speaker ON memory_records(speaker_id);
"""

ARTIFACTS = """
CREATE TABLE memory_artifacts (
    id TEXT PRIMARY KEY, source_type TEXT NOT NULL, title TEXT, origin TEXT, mime_type TEXT, raw_text TEXT NOT NULL,
    content_hash TEXT NOT NULL, created_at INTEGER NOT NULL DEFAULT 0, updated_at INTEGER NOT NULL DEFAULT 0, metadata TEXT
);
CREATE INDEX idx_memory_artifacts_hash ON memory_artifacts(content_hash);
CREATE INDEX idx_memory_artifacts_created_at ON memory_artifacts(created_at);
CREATE INDEX idx_memory_artifacts_source_type ON memory_artifacts(source_type);
CREATE TABLE memory_record_sources (
    id TEXT PRIMARY KEY, record_id TEXT NOT NULL REFERENCES memory_records(id) ON DELETE CASCADE,
    artifact_id TEXT REFERENCES memory_artifacts(id) ON DELETE CASCADE,
    source_record_id TEXT REFERENCES memory_records(id) ON DELETE CASCADE, role TEXT NOT NULL,
    created_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX idx_memory_record_sources_record ON memory_record_sources(record_id);
CREATE INDEX idx_memory_record_sources_artifact ON memory_record_sources(artifact_id);
CREATE INDEX idx_memory_record_sources_source_record ON memory_record_sources(source_record_id);
"""

ARTIFACT_LOOKUP = (
    "CREATE INDEX idx_memory_artifacts_lookup "
    "ON memory_artifacts(content_hash, source_type, origin, title);"
)

SESSIONS = """
CREATE TABLE conversation_sessions (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
    last_message_at INTEGER NOT NULL, speaker_id TEXT, title TEXT, message_count INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'open'
);
CREATE INDEX idx_conversation_sessions_status ON conversation_sessions(status);
CREATE INDEX idx_conversation_sessions_last_message_at ON conversation_sessions(last_message_at);
CREATE TABLE session_messages (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES conversation_sessions(id) ON DELETE CASCADE, turn_id TEXT,
    role TEXT NOT NULL, speaker_id TEXT, tool_name TEXT, tool_call_id TEXT, content TEXT NOT NULL,
    content_class TEXT NOT NULL DEFAULT 'private_local_only', created_at INTEGER NOT NULL
);
CREATE INDEX idx_session_messages_session_id ON session_messages(session_id);
CREATE INDEX idx_session_messages_created_at ON session_messages(created_at);
CREATE INDEX idx_session_messages_turn_id ON session_messages(turn_id);
CREATE VIRTUAL TABLE session_message_fts USING fts5(content, content='session_messages', content_rowid='rowid');
CREATE TRIGGER session_message_fts_insert AFTER INSERT ON session_messages BEGIN
    INSERT INTO session_message_fts(rowid, content) VALUES (new.rowid, new.content);
END;
CREATE TRIGGER session_message_fts_delete AFTER DELETE ON session_messages BEGIN
    INSERT INTO session_message_fts(session_message_fts, rowid, content) VALUES ('delete', old.rowid, old.content);
END;
CREATE TRIGGER session_message_fts_update AFTER UPDATE OF content ON session_messages BEGIN
    INSERT INTO session_message_fts(session_message_fts, rowid, content) VALUES ('delete', old.rowid, old.content);
    INSERT INTO session_message_fts(rowid, content) VALUES (new.rowid, new.content);
END;
CREATE TABLE session_summaries (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES conversation_sessions(id) ON DELETE CASCADE,
    summary_text TEXT NOT NULL, message_count_covered INTEGER NOT NULL, created_at INTEGER NOT NULL, model_label TEXT
);
CREATE INDEX idx_session_summaries_session_id ON session_summaries(session_id);
"""

WORKFLOWS = """
CREATE TABLE workflow_runs (
    id TEXT PRIMARY KEY, session_id TEXT REFERENCES conversation_sessions(id) ON DELETE SET NULL, turn_id TEXT,
    source TEXT NOT NULL, user_goal TEXT NOT NULL, assistant_outcome TEXT, tool_sequence_signature TEXT,
    step_count INTEGER NOT NULL DEFAULT 0, success INTEGER NOT NULL DEFAULT 0, user_approved INTEGER NOT NULL DEFAULT 0,
    damage_control_intervened INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL DEFAULT 'open',
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, completed_at INTEGER
);
CREATE INDEX idx_workflow_runs_turn_id ON workflow_runs(turn_id);
CREATE INDEX idx_workflow_runs_created_at ON workflow_runs(created_at);
CREATE INDEX idx_workflow_runs_signature ON workflow_runs(tool_sequence_signature);
CREATE INDEX idx_workflow_runs_status ON workflow_runs(status);
CREATE TABLE workflow_steps (
    id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES workflow_runs(id) ON DELETE CASCADE, tool_call_id TEXT,
    step_index INTEGER NOT NULL, step_type TEXT NOT NULL, tool_name TEXT, sanitized_input_json TEXT,
    output_preview TEXT, success INTEGER, approved INTEGER, latency_ms INTEGER, created_at INTEGER NOT NULL
);
CREATE INDEX idx_workflow_steps_run_id ON workflow_steps(run_id);
CREATE INDEX idx_workflow_steps_tool_call_id ON workflow_steps(tool_call_id);
CREATE INDEX idx_workflow_steps_created_at ON workflow_steps(created_at);
CREATE TABLE skill_draft_candidates (
    id TEXT PRIMARY KEY, workflow_signature TEXT NOT NULL, status TEXT NOT NULL, action TEXT NOT NULL,
    target_skill_name TEXT NOT NULL, title TEXT NOT NULL, rationale TEXT NOT NULL, evidence_json TEXT,
    draft_skill_md TEXT NOT NULL, draft_manifest_json TEXT, draft_script TEXT, confidence REAL NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
);
CREATE INDEX idx_skill_draft_candidates_status ON skill_draft_candidates(status);
CREATE INDEX idx_skill_draft_candidates_signature ON skill_draft_candidates(workflow_signature);
"""

STEPS = (
    (4, MEMORY),
    (5, ENTITIES),
    (6, RELATIONSHIPS),
    (7, SPEAKERS),
    (8, ARTIFACTS),
    (FIRST_WITH_SESSIONS, SESSIONS),
    (9, ARTIFACT_LOOKUP),
    (FIRST_WITH_WORKFLOWS, WORKFLOWS),
)


def create(connection: sqlite3.Connection, version: int = 9) -> None:
    """Create an empty database of this version, in WAL mode as the app opens it."""
    if version not in VERSIONS:
        raise ValueError(f"schema version {version}: known are {VERSIONS[0]} to {VERSIONS[-1]}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(META + "".join(sql for since, sql in STEPS if since <= version))
    meta = {"schema_version": str(version)}
    if version >= 6:
        meta |= {"embedding_model_id": "", "embedding_model_dim": "0"}
    if version >= FIRST_WITH_SESSIONS:
        meta["sessions.schema_version"] = "1"
    if version >= FIRST_WITH_WORKFLOWS:
        meta["workflow.schema_version"] = "1"
    connection.executemany("INSERT INTO schema_meta VALUES (?, ?)", meta.items())
    connection.commit()
