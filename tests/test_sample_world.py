"""The small world's conversations, and the sample database made of them."""

import json
import random
import sqlite3

import pytest

import fae_schema
import make_database
import make_large_database
import world
from fae_training.conversations import filters


def columns(database, table: str) -> set[str]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def rows(database, query: str, *values) -> list[tuple]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(query, values).fetchall()


def test_the_same_seed_holds_the_same_conversations():
    one, two = (
        [world.training_conversation(random.Random(7)) for _ in range(20)] for _ in range(2)
    )
    assert one == two


def test_both_manners_have_as_many_wordings_of_every_answer():
    for subject in world.subjects():
        for style in world.STYLES:
            assert len({world.answer(subject, style, wording) for wording in range(3)}) == 3


def test_half_of_the_subjects_lean_to_the_long_answer_and_half_to_the_short():
    shares = [world.long_share(subject) for subject in world.subjects()]
    assert 0.47 < sum(shares) / len(shares) < 0.53
    assert set(shares) == {0.35, 0.65}


def test_what_is_held_out_is_never_trained_on():
    rng = random.Random(3)
    asked = {
        message["content"]
        for _ in range(4000)
        for message in world.training_conversation(rng).messages
        if message["role"] == "user"
    }
    held_out = {
        question
        for subject in world.subjects()
        for question in subject.questions
        if world.is_held_out(subject.key, question)
    }
    assert len(held_out) > 60
    assert not asked & held_out
    requests = {world.tool_request(rng, held_out=True).text for _ in range(200)}
    assert len(requests) > 40
    assert not asked & requests


def test_a_correction_answers_the_same_question_in_another_form():
    rng = random.Random(5)
    for pattern, first, then in (
        ("shorter", world.LONG, world.SHORT),
        ("longer", world.SHORT, world.LONG),
    ):
        conversation = world.correction(rng, pattern)
        subject = next(s for s in world.subjects() if s.key == conversation.subjects[0])
        for position, style in ((1, first), (3, then)):
            wordings = [world.answer(subject, style, wording) for wording in range(3)]
            assert conversation.messages[position]["content"] in wordings
    with pytest.raises(ValueError, match="known are shorter, longer, meant"):
        world.correction(rng, "louder")


def test_a_tool_conversation_calls_tools_for_requests_and_only_for_them():
    rng = random.Random(11)
    for _ in range(50):
        conversation = world.tool_conversation(rng)
        calls = [message for message in conversation.messages if message.get("tool_calls")]
        assert len(calls) == sum(key.startswith("tool:") for key in conversation.subjects)


@pytest.mark.parametrize("version", fae_schema.VERSIONS)
def test_each_schema_version_has_what_the_app_had_then(tmp_path, version):
    sample = make_database.make_database(tmp_path, schema_version=version, conversations=8)
    assert rows(sample.database, "SELECT value FROM schema_meta WHERE key = 'schema_version'") == [
        (str(version),)
    ]
    tables = {name for (name,) in rows(sample.database, "SELECT name FROM sqlite_master")}
    assert ("entities" in tables) == (version >= 5)
    assert ("entity_relationships" in tables) == (version >= 6)
    assert ("speaker_id" in columns(sample.database, "memory_records")) == (version >= 7)
    assert {"memory_artifacts", "session_messages"} <= tables or version < 8
    assert ("workflow_runs" in tables) == (version >= 9)
    assert rows(sample.database, "PRAGMA integrity_check") == [("ok",)]
    assert rows(sample.database, "PRAGMA foreign_key_check") == []
    assert rows(sample.database, "PRAGMA journal_mode") == [("wal",)]


def test_memory_records_have_the_app_s_columns_in_its_order(fae_directory):
    with sqlite3.connect(f"file:{fae_directory.database}?mode=ro", uri=True) as connection:
        found = [row[1] for row in connection.execute("PRAGMA table_info(memory_records)")]
    assert " ".join(found) == (
        "id kind status text confidence source_turn_id tags supersedes created_at updated_at importance_score "
        "stale_after_secs metadata embedding speaker_id"
    )


def test_an_unknown_schema_version_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="known are 4 to 9"):
        make_database.make_database(tmp_path, schema_version=3)


def test_a_database_that_is_there_already_is_not_written_over(tmp_path, fae_directory):
    before = fae_directory.database.read_bytes()
    with pytest.raises(FileExistsError, match=r"fae\.db is there already"):
        make_database.make_database(fae_directory.directory)
    assert fae_directory.database.read_bytes() == before


def test_the_same_arguments_write_the_same_rows(tmp_path):
    query = "SELECT * FROM memory_records ORDER BY rowid"
    one, two = (
        make_database.make_database(tmp_path / name, conversations=10, seed=4) for name in "ab"
    )
    assert rows(one.database, query) == rows(two.database, query)
    assert one.planted == two.planted


def test_plain_turns_need_no_tool_and_carry_no_secret(fae_directory):
    texts = dict(rows(fae_directory.database, "SELECT id, text FROM memory_records"))
    plain = fae_directory.planted["plain"]
    assert len(plain) > 200
    reasons = {
        texts[i]: filters.reason_to_leave_out(*filters.split_episode(texts[i])) for i in plain
    }
    assert {text: reason for text, reason in reasons.items() if reason} == {}


def test_plain_turns_have_the_user_s_own_manner_and_few_repetitions(fae_directory):
    texts = dict(rows(fae_directory.database, "SELECT id, text FROM memory_records"))
    plain = [texts[i] for i in fae_directory.planted["plain"]]
    assert all(text.endswith(", Sam.") for text in plain)
    assert len(set(plain)) > 0.9 * len(plain)


def test_every_kind_of_row_that_must_stay_out_is_planted(fae_directory):
    planted = fae_directory.planted
    for what in (
        "speaker: leo",
        "speaker: ana",
        "speaker: unknown",
        "proactive",
        "tool",
        "action without a tool",
        "redacted",
        "forgotten by the user",
        "forgotten topic, still active",
        "past retention",
        "superseded",
        "invalidated",
        "near-duplicate",
        "empty",
        "over-long",
        "look-alike",
    ):
        assert planted[what], what
    assert sum(what.startswith("secret: ") for what in planted) == 10
    assert {"shorter", "meant", "wrong", "asked again", "simpler after silence", "longer"} == {
        what.removeprefix("correction: ") for what in planted if what.startswith("correction: ")
    }


def test_forgetting_reached_five_records_with_an_audit_and_left_the_others_active(fae_directory):
    found = rows(
        fae_directory.database,
        "SELECT target_id FROM memory_audit WHERE op = 'forget_soft' AND note = 'user requested forget'",
    )
    assert {target for (target,) in found} == set(fae_directory.planted["forgotten by the user"])
    assert len(found) == 5
    left = rows(
        fae_directory.database,
        "SELECT id FROM memory_records WHERE kind = 'episode' AND status = 'active' AND text LIKE '%interview%'",
    )
    assert {i for (i,) in left} == set(fae_directory.planted["forgotten topic, still active"])


def test_each_tool_turn_has_a_workflow_run_under_its_turn(fae_directory):
    runs = rows(
        fae_directory.database,
        "SELECT r.user_goal, m.content FROM workflow_runs r JOIN session_messages m USING (turn_id) WHERE m.role = 'user'",
    )
    assert len(runs) == len(fae_directory.planted["tool"])
    assert all(goal == content for goal, content in runs)


def test_without_an_owner_nothing_is_labelled_owner(tmp_path):
    sample = make_database.make_database(tmp_path, conversations=8, owner=False)
    assert rows(sample.database, "SELECT 1 FROM memory_records WHERE speaker_id = 'owner'") == []
    people = json.loads((tmp_path / "speakers.json").read_text())
    assert "owner" not in {person["role"] for person in people}


def test_the_large_database_has_as_many_turns_as_asked_and_no_two_alike(tmp_path):
    database = make_large_database.make_large_database(tmp_path, episodes=3001)
    assert rows(database, "SELECT count(*), count(DISTINCT text) FROM memory_records") == [
        (3001, 3001)
    ]
    assert rows(database, "SELECT count(*) FROM conversation_sessions") == [(1001,)]
    assert rows(database, "SELECT count(*) FROM session_messages") == [(6002,)]
