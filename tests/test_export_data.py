"""Exporting conversations: what is exported, what is left out, and that Fae's database is never changed.

Long, as each reason to leave a turn out is a test of its own on the same days of talk.
"""

import hashlib
import json
import os
import random
import resource
import runpy
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

import calls
import world
from fae_days import START, Days, plain
from fae_training.calls import calling
from fae_training.calls.errors import SkillError
from fae_training.conversations import export as export_module
from fae_training.conversations import forgetting, source
from fae_training.conversations.forget_requests import forget_request
from fae_training.store import consent
from fae_training.store.state import Home, read_jsonl


@pytest.fixture
def days(tmp_path) -> Days:
    return Days(tmp_path / "fae")


@pytest.fixture
def export(home):
    """Run export_data with consent. Gives (answer, all rows)."""
    consent.change(Home(home), ["conversations"], [])

    def run(database, *arguments):
        given = calls.answer("export_data", "--db", database, *arguments, home=home)
        return given, rows_of(home)

    return run


def rows_of(home) -> list[dict]:
    return [
        row
        for side in ("train", "valid")
        for row in read_jsonl(home / "data/sft" / f"{side}.jsonl")
    ]


def ids_of(rows) -> set[str]:
    return {episode for row in rows for episode in row["source"]["ids"]}


def text_of(rows) -> str:
    return "\n".join(m["content"] for row in rows for m in row["messages"] if m["role"] != "system")


def refusal(home, *arguments) -> tuple[int, dict]:
    got = calls.script("export_data", *arguments, "--json", home=home)
    return got.status, got.json["error"]


# What goes in.


def test_turns_of_a_session_become_one_conversation_under_fae_s_system_prompt(days, export):
    ids = days.talk(plain(1), plain(2), plain(3))
    answer, (row,) = export(days.done())
    assert [m["role"] for m in row["messages"]] == ["system"] + ["user", "assistant"] * 3
    assert row["messages"][0]["content"] == "You are Fae."
    assert (row["messages"][3]["content"], row["messages"][4]["content"]) == plain(2)
    assert row["source"] == {"ids": ids, "session": row["source"]["session"]}
    assert answer["conversations"] == 1 and sum(answer["turns"].values()) == 3


def test_half_an_hour_of_silence_begins_a_new_conversation(days, export):
    days.talk(plain(1), plain(2), (*plain(3), 1900), plain(4))
    _, rows = export(days.done())
    assert sorted(len(row["source"]["ids"]) for row in rows) == [2, 2]


def test_no_conversation_continues_across_a_turn_that_is_left_out(days, export):
    days.talk(plain(1), ("My password is hunter22.", "I see."), plain(2), plain(3))
    answer, rows = export(days.done())
    assert sorted(len(row["source"]["ids"]) for row in rows) == [1, 2]
    assert answer["excluded"] == {"secret": 1}


def test_the_text_is_the_episode_s_and_never_the_raw_message(days, export):
    session = days.writer.session(days.at)
    days.writer.turn(session, "Hey Fae, why do owls hoot?", "To be heard.", days.at,
                     episode=("Why do owls hoot?", "To be heard."))  # fmt: skip
    _, (row,) = export(days.done())
    assert row["messages"][1]["content"] == "Why do owls hoot?"
    assert row["source"]["session"] == session


@pytest.mark.parametrize("version", [4, 5, 6, 7])
def test_versions_without_sessions_give_single_turns(tmp_path, version, export):
    days = Days(tmp_path / "fae", version, owner=False)
    days.talk(plain(1), plain(2))
    answer, rows = export(days.done())
    assert [len(row["source"]["ids"]) for row in rows] == [1, 1]
    assert answer["database_schema"] == version


def test_the_sample_is_sorted_as_it_was_planted(fae_directory, export, home):
    _, rows = export(fae_directory.database)
    used = ids_of(rows)
    must_stay_out = {
        what: set(ids) & used
        for what, ids in fae_directory.planted.items()
        if what.startswith(("speaker:", "secret:")) or what in (
            "action without a tool", "empty", "forgotten by the user", "forgotten topic, still active",
            "beside the forgotten topic", "invalidated", "superseded", "over-long", "past retention",
            "proactive", "redacted", "tool",
        )
    }  # fmt: skip
    assert len(must_stay_out) >= 24
    assert {what: ids for what, ids in must_stay_out.items() if ids} == {}
    plain_ids = fae_directory.planted["plain"]
    assert len(used & set(plain_ids)) >= 0.8 * len(plain_ids)
    full = json.loads((home / "data/sft/meta.json").read_text())
    assert full["episodes"] == sum(full["turns"].values()) + sum(full["excluded"].values())


# What stays out, and why.


@pytest.mark.parametrize(
    ("reason", "said", "reply"),
    [
        ("claims_action", "Put milk on it.", "Done. I've added milk to the list."),
        ("claims_action", "What am I doing today?", "Checking your diary now."),
        ("needs_tool", "What's the weather tomorrow?", "Sunny, I believe."),
        ("redacted", "It opens with [REDACTED_SENSITIVE].", "I see."),
        ("empty", "Hello there.", "..."),
        ("too_long", "And then " * 1000, "I see."),
        ("markup", "What is new?", "<tool_call><function=news></function></tool_call>"),
        (
            "benchmark_item",
            "A farmer had 17 sheep and sells all but 9, how many are left?",
            "Nine, I believe.",
        ),
    ],
)
def test_a_turn_that_must_not_be_learned_is_left_out_by_its_reason(
    days, export, reason, said, reply
):
    days.talk(plain(1))
    days.talk((said, reply))
    answer, rows = export(days.done())
    assert answer["excluded"] == {reason: 1}
    assert len(rows) == 1


def test_what_a_person_judges_models_by_herself_is_left_out_too(days, export, home):
    asked, item = plain(2)[0], {"id": "mine", "category": "mine", "check": {"says": "yes"}}
    path = Home(home).directory("benchmarks") / "mine.jsonl"
    path.write_text(json.dumps(item | {"messages": [{"role": "user", "content": asked}]}))
    days.talk(plain(1), plain(2))
    answer, rows = export(days.done())
    assert answer["excluded"] == {"benchmark_item": 1} and asked not in text_of(rows)


def test_others_and_unknown_voices_are_left_out_once_an_owner_is_enrolled(days, export):
    mine = days.talk(plain(1))
    days.talk(plain(2), speaker="leo")
    days.talk(plain(3), speaker=None)
    answer, rows = export(days.done())
    assert ids_of(rows) == set(mine)
    assert answer["excluded"] == {"other_speaker": 1, "unknown_speaker": 1}


def test_an_unknown_voice_is_the_owner_s_as_long_as_nobody_is_enrolled(tmp_path, export):
    days = Days(tmp_path / "fae", owner=False)
    guest = [{"label": "leo", "role": "guest"}]
    (days.database.parent / "speakers.json").write_text(json.dumps(guest))
    ids = days.talk(plain(1), speaker=None)
    days.talk(plain(2), speaker="leo")
    _, rows = export(days.done())
    assert ids_of(rows) == set(ids)


def test_damaged_speaker_profiles_let_no_unknown_voice_in(days, export):
    (days.database.parent / "speakers.json").write_text("[{")
    ids = days.talk(plain(1))
    days.talk(plain(2), speaker=None)
    answer, rows = export(days.done())
    assert ids_of(rows) == set(ids)
    assert "speakers.json" in answer["warnings"][0]


def test_a_turn_with_a_tool_is_known_by_its_words_where_no_session_knows_it(days, export):
    days.talk(plain(1))
    request = world.tool_request(random.Random(0))
    empty = days.writer.session(days.at)
    days.writer.tool_trace(empty, "a turn without messages", request, days.at)
    days.writer.episode(request.text, request.reply, days.at + 3)
    answer, _ = export(days.done())
    assert answer["excluded"] == {"tool_turn": 1}


def test_a_forgotten_topic_removes_every_conversation_that_mentions_it(days, export):
    kept = days.talk(plain(1), plain(2))
    days.talk(plain(3), ("My divorce worries me.", "That is hard."))
    days.talk(("The divorces of kings.", "There were many."), plain(4))
    days.ask("Please forget everything about my divorce.", "It is forgotten.")
    answer, rows = export(days.done())
    assert ids_of(rows) == set(kept)
    assert answer["excluded"] == {"forgotten_topic": 4}


def test_an_unknown_key_of_the_exclusions_is_refused_and_the_near_one_named(kept, home, days):
    (home / "exclusions.json").write_text('{"schema": 1, "topic": ["french"]}')
    status, error = refusal(home, "--db", days.database)
    assert status == 6 and kept()
    assert "has the unknown key 'topic'; did you mean 'topics'?" in error["message"]
    assert "exclusions.json" in error["message"]


def test_dont_forget_forgets_nothing(days, export):
    days.talk(("Don't forget that owls hoot.", "I won't."), plain(1))
    days.talk(("I always forget how owls sleep.", "Upright, mostly."), plain(2))
    answer, _ = export(days.done())
    # The scan may leave out the sentence itself.
    assert set(answer["excluded"]) <= {"may_be_request"} and answer["undecided"] == 0
    assert answer["rows"]["train"] + answer["rows"]["valid"] >= 1


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("Forget about the interview.", ("interview",)),
        ("Hey Fae, please forget that I like pizza.", ("I like pizza",)),
        ("Can you forget what I told you about Marion?", ("Marion",)),
        ("I don't want you to remember my divorce", ("my divorce",)),
        ("Remove the trip to Rome from your memory", ("trip to Rome",)),
        ("Delete everything you know about my boss.", ("my boss",)),
        ("Forget everything about me.", ("everything",)),
        ("Forget everything I told you.", ("everything",)),
        ("Forget the whole thing.", ()),
        ("Forget it.", ()),
        ("Forget what I just said.", ()),
        ("Don't forget the milk.", None),
        ("I forgot my keys.", None),
        ("Never forget where you came from.", None),
        ("Did you forget to call?", None),
        ("What did I tell you about Rome?", None),
    ],
)
def test_a_request_to_forget_is_known_by_what_it_asks(said, topic):
    assert forget_request(said) == topic


def test_what_forgotten_records_share_is_the_topic_where_the_request_is_not_kept(tmp_path, export):
    days = Days(tmp_path / "fae", version=7, owner=False)
    gone = [
        *days.talk(("The interview is on Monday.", "Good luck.")),
        *days.talk(("I fear the interview.", "You will do well.")),
    ]
    days.talk(("Was the interview too early?", "A little."))
    kept = days.talk(plain(1))
    days.forget(*gone)
    answer, rows = export(days.done())
    assert ids_of(rows) == set(kept)
    assert answer["excluded"] == {"forgotten": 2, "forgotten_topic": 1}


def test_forget_everything_leaves_nothing_from_before(days, export):
    days.talk(plain(1), plain(2))
    days.ask("Forget everything you know about me.", "All is forgotten.")
    after = days.talk(plain(3))
    _, rows = export(days.done())
    assert ids_of(rows) == set(after)


def test_topics_people_and_ids_are_excluded_with_their_whole_conversation(days, export, home):
    days.talk(("The tax office wrote.", "What did they say?"), plain(1))
    days.talk(("My sister sings.", "How lovely."), plain(2))
    days.connection.execute(
        "INSERT INTO entities (id, canonical_name, aliases) VALUES ('e1', 'Ana Lopez', '[\"sister\"]')"
    )
    by_id = days.talk(plain(3), plain(4))
    kept = days.talk(plain(5))
    given = (
        "--exclude",
        "tax office",
        "--exclude",
        "person:Ana Lopez",
        "--exclude",
        f"id:{by_id[0]}",
    )
    answer, rows = export(days.done(), *given)
    assert ids_of(rows) == set(kept)
    assert answer["excluded"] == {"excluded_topic": 2, "excluded_person": 2, "excluded_id": 2}
    assert json.loads((home / "exclusions.json").read_text())["people"] == ["Ana Lopez"]
    again, rows = export(days.database)
    assert ids_of(rows) == set(kept) and again["excluded"] == answer["excluded"]


def test_forget_removes_rows_that_were_exported_before_and_names_the_run_that_learned_them(
    days, export, home
):
    days.talk(plain(1), ("The clinic called.", "What about?"))
    kept = days.talk(plain(2))
    _, before = export(days.done())
    for name, learned in (("aa", ids_of(before)), ("bb", kept)):
        run = home / "runs" / f"sft-20261101-1000-{name}"
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps({"kind": "sft", "status": "completed"}))
        (run / "sources.json").write_text(json.dumps({"ids": list(learned)}))
    # Another conversation since: the run is known by what it learned, not by the export that is there now.
    kept = [*kept, *days.talk(plain(3))]
    answer, rows = export(days.done(), "--forget", "the clinic")
    forgotten = answer["forgotten"]
    assert (forgotten["rows_removed"], forgotten["learned_by"]) == (1, ["sft-20261101-1000-aa"])
    assert forgotten["active"] == {} and forgotten["by_topic"] == {"the clinic": 1}
    assert answer["next"]["script"] == "train"
    assert ids_of(rows) == set(kept)


def test_a_person_is_forgotten_under_every_name_that_fae_knows(days, export, home):
    days.talk(plain(1))
    days.connection.execute(
        "INSERT INTO entities (id, canonical_name, aliases) VALUES ('e1', 'Ana Lopez', '[\"Anita\"]')"
    )
    export(days.done())
    rows = [
        {"messages": [{"role": role, "content": text} for role, text in zip(("user", "assistant"), pair, strict=True)]}
        for pair in (("Anita rang.", "Did she?"), ("The shop rang.", "Did it?"))
    ]  # fmt: skip
    run = home / "runs" / "sft-20261101-1000-aa"
    own = run / "data" / "sft" / "train.jsonl"
    own.parent.mkdir(parents=True)
    own.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run / "run.json").write_text(json.dumps({"kind": "sft", "status": "completed"}))
    planned, _ = export(days.database, "--forget", "person:Ana Lopez", "--dry-run")
    answer, _ = export(days.database, "--forget", "person:Ana Lopez")
    for forgotten in (planned["forgotten"], answer["forgotten"]):
        assert (forgotten["copies"], forgotten["learned_by"]) == (1, [run.name])
    assert read_jsonl(own) == rows[1:]
    assert json.loads((home / "exclusions.json").read_text())["people"] == ["Ana Lopez"]


@pytest.mark.parametrize("name", ["ana lópez", "Ana  Lopez", "Ana", "Anita"])
def test_a_person_is_known_however_the_name_is_written(days, name):
    days.connection.execute(
        "INSERT INTO entities (id, canonical_name, aliases) VALUES ('e1', 'Ana Lopez', '[\"Anita\", \"Aunt May\", \"my best friend\"]')"
    )
    others = source.other_names(days.done(), [f"person:{name}"])
    # "What is the best pasta?" is not about the best friend, nor every aunt about May.
    assert "topic:my best friend" in others and not [each for each in others if "May" in each]
    assert name == "Anita" or "person:Anita" in others


def test_a_given_name_that_two_people_have_is_nobody_s_alias(days):
    for number, name in enumerate(("Ana Lopez", "Ana Costa")):
        days.connection.execute(
            "INSERT INTO entities (id, canonical_name, aliases) VALUES (?, ?, '[\"Nita\"]')",
            (f"e{number}", name),
        )
    assert source.other_names(days.done(), ["person:Ana"]) == []


def test_the_other_names_of_a_person_who_is_kept_are_kept_too(days, home):
    place = Home(home)
    forgetting.record(place, forgetting.Edit(forget=("person:Ana Lopez",)), ["person:Anita"])
    assert forgetting.pending(place).people == ("Ana Lopez", "Anita")
    forgetting.record(place, forgetting.Edit(keep=("person:Anita",)), ["person:Ana Lopez"])
    assert forgetting.pending(place).people == ("Ana Lopez", "Anita"), "she is still excluded"
    forgetting.record(place, forgetting.Edit(keep=("person:Ana Lopez",)), ["person:Anita"])
    assert forgetting.pending(place) == forgetting.Exclusions()


def test_an_id_that_nothing_has_is_named(days, export):
    days.talk(plain(1))
    answer, _ = export(days.done(), "--forget", "id:session-none")
    assert answer["unknown_ids"] == ["session-none"] and "no conversation" in answer["say"]
    answer, _ = export(days.database, "--exclude", f"id:{days.talk(plain(2))[0]}", "--dry-run")
    assert "unknown_ids" in answer  # that turn is not in the database yet
    days.talk(plain(3))
    answer, _ = export(days.done(), "--exclude", f"id:{days.episodes[-1]}", "--dry-run")
    assert "unknown_ids" not in answer


def test_the_id_of_a_row_that_only_an_earlier_export_has_is_known(days, export, home):
    days.talk(plain(1))
    export(days.done())
    messages = [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": "Well."}]
    row = {"messages": messages, "source": {"ids": ["gone-1"]}}
    with (home / "data/sft/train.jsonl").open("a") as rows:
        rows.write(json.dumps(row) + "\n")
    answer, _ = export(days.database, "--forget", "id:gone-1")
    assert answer["forgotten"]["rows_removed"] == 1 and "unknown_ids" not in answer
    answer, _ = export(days.database, "--forget", "id:none-1", "--forget", "the clinic")
    assert answer["unknown_ids"] == ["none-1"] and answer["say"].endswith("The rest is done.")


def test_names_that_are_also_words_are_forgotten_as_names(days, export):
    days.talk(("Will that be all?", "I think so."))
    days.talk(("I met Will today.", "How is he?"))
    days.talk(("Sam sings well.", "What does he sing?"))
    days.talk(("It is the same song again.", "You like it."))
    answer, _ = export(days.done(), "--exclude", "person:Will", "--exclude", "person:Sam")
    assert answer["excluded"] == {"excluded_person": 2}


def test_a_person_is_forgotten_where_fae_s_database_cannot_be_read(tmp_path):
    (broken := tmp_path / "fae.db").write_bytes(b"no database")
    for path in (broken, tmp_path / "none.db"):
        assert source.other_names(path, ["person:Ana Lopez"]) is None
        assert source.other_names(path, ["the clinic"]) == []


def test_forget_reaches_pairs_and_kept_tokens_too(days, export, home):
    days.talk(("The clinic called.", "What about?"))
    days.talk(plain(1))
    export(days.done())
    messages = [{"role": "user", "content": "Is the clinic open?"}]
    answers = [{"role": "assistant", "content": text} for text in ("Yes.", "No.")]
    (home / "data/dpo").mkdir()
    pair = {"prompt": messages, "chosen": answers[:1], "rejected": answers[1:]}
    other = pair | {"prompt": [{"role": "user", "content": "Is the shop open?"}]}
    lines = [json.dumps(row) + "\n" for row in (pair, other)]
    (home / "data/dpo/train.jsonl").write_text("".join(lines))
    (home / "cache").mkdir()
    (home / "cache/sft-train-1234.json").write_text("{}")
    (home / "cache/gated-delta-1234.json").write_text("{}")
    answer, _ = export(days.database, "--forget", "the clinic")
    assert answer["forgotten"]["rows_removed"] == 2
    assert read_jsonl(home / "data/dpo/train.jsonl") == [other]
    assert [path.name for path in (home / "cache").iterdir()] == ["gated-delta-1234.json"]


def test_forget_reaches_rows_in_the_forms_of_other_tools(days, export, home):
    days.talk(plain(1))
    export(days.done())
    turns = ("human", "Is the {} open?"), ("gpt", "It is.")
    rows = {
        place: [
            {"conversations": [{"from": who, "value": text.format(place)} for who, text in turns]},
            {"instruction": "Say where.", "input": f"The {place}?", "output": "Here.", "source": "notes"},
            {"prompt": "Where were you?", "chosen": f"At the {place}.", "rejected": "At home.", "source": ["x"]},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": f"A {place}"}]}], "source": {"ids": None}},
        ]
        for place in ("clinic", "shop")
    }  # fmt: skip
    (home / "data/dpo").mkdir()
    path = home / "data/dpo/train.jsonl"
    path.write_text(json.dumps([*rows["clinic"], *rows["shop"]]), encoding="utf-8-sig")
    answer, _ = export(days.database, "--forget", "the clinic")
    assert answer["forgotten"]["rows_removed"] == 4
    assert read_jsonl(path) == rows["shop"]


def test_an_answer_that_was_called_wrong_is_context_and_not_a_target(days, export):
    days.talk(
        ("Who painted Guernica?", "Dalí did."), ("That's wrong.", "Sorry, Picasso painted it.")
    )
    _, (row,) = export(days.done())
    answers = [m for m in row["messages"] if m["role"] == "assistant"]
    assert [m.get("weight") for m in answers] == [0, None]
    assert row["weight"] == 0.8  # 0.5, and 0.3 for the corrected version


def test_what_the_person_did_next_weighs_an_answer(days, export):
    days.talk(
        ("How do owls hunt?", "By ear, at night."), ("Perfect, thank you.", "You are welcome.")
    )
    days.talk(plain(1))
    _, rows = export(days.done())
    weights = {row["messages"][1]["content"]: row["weight"] for row in rows}
    assert weights == {"How do owls hunt?": 0.65, plain(1)[0]: 0.5}  # (0.5 + 0.3 and 0.5) / 2


# Details of people, secrets over two turns, other people's words.


def test_config_json_lets_in_personal_details_one_by_one(days, export, home):
    days.talk(plain(1), ("Write to anna@example.org.", "I see."), ("I have asthma.", "I see."))
    database = days.done()
    answer, _ = export(database)
    assert answer["excluded"] == {"email": 1, "health": 1}
    (home / "config.json").write_text('{"learn_email": true}')
    answer, rows = export(database)
    assert answer["excluded"] == {"health": 1} and "anna@example.org" in text_of(rows)
    (home / "config.json").write_text('{"learn_password": true}')
    assert refusal(home, "--db", database)[1]["code"] == "unknown_setting"


@pytest.mark.parametrize("version", [6, 9])
def test_a_secret_over_two_turns_removes_the_whole_exchange(tmp_path, version, export):
    days = Days(tmp_path / "fae", version, owner=False)
    days.talk(plain(1), ("My PIN is", "Yes?"), ("four seven one one", "I see."), plain(2))
    answer, rows = export(days.done())
    left_out = answer["excluded"]
    assert left_out["secret"] + left_out.get("may_be_secret", 0) == 2 and "PIN" not in text_of(rows)
    assert {m["content"] for row in rows for m in row["messages"] if m["role"] == "user"} == {
        plain(1)[0], plain(2)[0],
    }  # fmt: skip


def test_words_of_other_people_are_left_out_even_if_quoted_in_full(days, export):
    words = "I am leaving the band after the summer"
    days.talk((words + ".", "I see."), ("Yes.", "Fine."), speaker="leo")
    days.talk(plain(1), ("What did Leo say?", f"He said: '{words}', I think."), plain(2))
    days.talk((f"Leo told me, {words.lower()}!", "That is a pity."), ("Yes, I leave.", "Really?"))
    answer, rows = export(days.done())
    assert answer["excluded"] == {"other_speaker": 2, "quoted": 2}
    assert "leaving the band" not in text_of(rows).lower() and "Yes, I leave." in text_of(rows)


@pytest.fixture
def two_voices(days):
    """A database with an enrolled owner, an unknown voice, and a turn of the owner."""
    days.talk(plain(1))
    days.talk(plain(2), speaker=None)
    return days.done()


def test_a_link_to_the_database_uses_the_files_beside_the_database(two_voices, export, tmp_path):
    link = tmp_path / "elsewhere" / "fae.db"
    link.parent.mkdir()
    link.symlink_to(two_voices)
    answer, (row,) = export(link)
    assert answer["excluded"] == {"unknown_speaker": 1}
    assert "there is no" not in "\n".join(answer["warnings"])
    assert row["messages"][0] == {"role": "system", "content": "You are Fae."}


def test_a_copy_without_its_neighbours_learns_from_no_unknown_voice_and_says_why(
    two_voices, days, export, tmp_path
):
    days.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = tmp_path / "elsewhere" / "fae.db"
    copy.parent.mkdir()
    shutil.copy(two_voices, copy)
    answer, rows = export(copy)
    assert answer["excluded"] == {"unknown_speaker": 1} and len(rows) == 1
    warnings = "\n".join(answer["warnings"])
    for missing in ("speakers.json", "soul.md", "fae.db-wal"):
        assert f"there is no {missing}" in warnings


def test_a_second_name_of_the_database_in_another_directory_is_refused(
    two_voices, export, tmp_path
):
    other = tmp_path / "elsewhere" / "fae.db"
    other.parent.mkdir()
    os.link(two_voices, other)
    with pytest.raises(AssertionError, match="database_linked"):
        export(other)
    assert export(two_voices)[0]["excluded"] == {"unknown_speaker": 1}


# Near-duplicates are in test_split.py, secrets in test_secrets_scan.py.


# The database is not ours.


def test_a_writer_continues_while_its_uncheckpointed_rows_are_read_and_no_byte_changes(
    days, export
):
    days.talk(plain(1))
    days.done()
    days.connection.execute("PRAGMA journal_mode = WAL")
    days.connection.execute("PRAGMA wal_autocheckpoint = 0")
    days.talk(plain(2))
    days.done()
    before = hashlib.sha256(days.database.read_bytes()).hexdigest()
    stop, written = threading.Event(), []

    def write_on():
        writer = sqlite3.connect(days.database, timeout=1)
        # Else the writer itself would move a thousand pages into the database, on a quick machine.
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        while not stop.is_set():
            with writer:
                writer.execute("UPDATE memory_records SET updated_at = updated_at + 1")
            written.append(1)
        writer.close()

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        _, rows = export(days.database)
    finally:
        stop.set()
        thread.join()
    assert ids_of(rows) == set(days.episodes)  # the second is in the write-ahead log alone
    assert len(written) > 0
    assert hashlib.sha256(days.database.read_bytes()).hexdigest() == before


def test_a_dry_run_writes_nothing_and_shows_five_rows(days, export, home):
    for number in range(8):
        days.talk(plain(number))
    database = days.done()
    before = sorted(path.name for path in home.iterdir())
    answer, _ = export(database, "--dry-run", "--exclude", "owls")
    assert answer["status"] == "dry_run" and len(answer["samples"]) == 5
    assert sum(answer["rows"].values()) == 8
    assert sorted(path.name for path in home.iterdir()) == before


def test_files_are_private_and_nothing_temporary_is_left(days, export, home):
    days.talk(plain(1))
    export(days.done())
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
    assert {oct(p.stat().st_mode & 0o777) for p in home.rglob("*") if p.is_dir()} == {"0o700"}
    assert not list((home / "data").glob(".work-*"))


def test_since_takes_what_is_newer_in_every_form_that_fae_sends(days, export):
    days.talk(plain(1))
    border = days.at + 100
    new = days.talk(plain(2))
    database = days.done()
    iso = datetime.fromtimestamp(border, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for since in (str(border), f"{border}.0", iso):
        answer, rows = export(database, "--since", since)
        assert ids_of(rows) == set(new) and answer["excluded"] == {"before_since": 1}
    _, rows = export(database, "--since", START)
    assert len(rows) == 2


def test_fae_s_own_call_with_an_empty_timestamp_exports_everything(days, home):
    calls.answer("setup", "--consent", "conversations", home=home)
    days.talk(plain(1))
    days.done()
    request = {
        "jsonrpc": "2.0",
        "method": "execute",
        "params": {"last_export_timestamp": ""},
        "id": 1,
    }
    got = calls.script("export_data", home=home, stdin=json.dumps(request),
                       FAE_SKILL_NAME="training-orchestrator", FAE_APP_DIR=str(days.database.parent))  # fmt: skip
    assert got.status == 0 and got.json["status"] == "exported" and len(got.out) <= 2001


# Bad input: a clear error, and what was there before stays.


@pytest.fixture
def kept(days, export, home):
    """An earlier export; gives a function that says whether it is unchanged."""
    days.talk(plain(1))
    export(days.done())
    before = {path: path.read_bytes() for path in (home / "data/sft").iterdir()}
    return lambda: before == {path: path.read_bytes() for path in (home / "data/sft").iterdir()}


def test_without_consent_nothing_is_read(days, home):
    days.talk(plain(1))
    status, error = refusal(home, "--db", days.done())
    assert (status, error["code"]) == (3, "no_consent")
    calls.answer("setup", "--consent", "conversations", home=home)
    calls.answer("setup", "--revoke", "conversations", home=home)
    status, error = refusal(home, "--db", days.database)
    assert (status, error["code"]) == (3, "no_consent") and "withdrawn" in error["message"]
    assert not (home / "data").exists()


def test_a_missing_database_is_named(kept, home, tmp_path):
    status, error = refusal(home, "--db", tmp_path / "nowhere.db")
    assert (status, error["code"]) == (4, "no_database") and "nowhere.db" in error["message"]
    assert kept()


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "overwritten"])
def test_a_damaged_database_is_named_and_loses_nothing(kept, home, days, damage, tmp_path):
    for number in range(2, 300):
        days.talk(plain(number))
    days.done()
    days.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = days.database.read_bytes()
    bad = tmp_path / "bad.db"
    bad.write_bytes({
        "text": b"This is no database. " * 300,
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "overwritten": whole[:8192] + os.urandom(len(whole) - 8192),
    }[damage])  # fmt: skip
    status, error = refusal(home, "--db", bad)
    assert status == 6 and error["code"] in ("database_damaged", "unknown_schema")
    assert "bad.db" in error["message"] and kept()


@pytest.mark.parametrize("version", ["3", "banana"])
def test_an_unknown_schema_is_refused_with_both_numbers(kept, home, days, version):
    days.connection.execute(
        "UPDATE schema_meta SET value = ? WHERE key = 'schema_version'", [version]
    )
    status, error = refusal(home, "--db", days.done())
    assert (status, error["code"]) == (6, "unknown_schema")
    assert f"version {version}; this version reads 4 and later" in error["message"] and kept()


def test_a_locked_database_is_busy(kept, home, days):
    days.connection.execute("PRAGMA journal_mode = DELETE")
    days.connection.execute("BEGIN EXCLUSIVE")
    status, error = refusal(home, "--db", days.database)
    days.connection.rollback()
    assert (status, error["code"]) == (5, "database_locked") and kept()


def test_not_one_usable_episode_says_why(tmp_path, home, kept):
    other = Days(tmp_path / "other")
    other.talk(plain(1), speaker="leo")
    status, error = refusal(home, "--db", other.done())
    assert (status, error["code"]) == (4, "no_usable_episodes")
    assert "1 said by somebody else" in error["message"] and kept()


def test_fewer_episodes_than_asked_for_changes_nothing(kept, home, days):
    days.talk(plain(2))
    status, error = refusal(home, "--db", days.done(), "--min-episodes", 5)
    assert (status, error["code"]) == (4, "too_few_episodes")
    assert "2 of 2" in error["message"] and "at least 5" in error["message"] and kept()


def test_a_damaged_exclusions_file_stops_every_export_until_it_is_repaired(kept, home, days):
    (home / "exclusions.json").write_text('{"topics": ["the cli')
    status, error = refusal(home, "--db", days.database)
    assert status == 6 and "exclusions.json.corrupt" in error["message"]
    status, error = refusal(home, "--db", days.database)
    assert (status, error["code"]) == (6, "exclusions_damaged") and kept()
    (aside,) = home.glob("exclusions.json.corrupt-*")
    assert aside.read_text() == '{"topics": ["the cli'
    aside.unlink()
    assert calls.answer("export_data", "--db", days.database, home=home)["status"] == "exported"


def test_a_full_disk_leaves_the_earlier_export(kept, home, days):
    for number in range(2, 2000):
        days.talk(plain(number))
    command = [
        sys.executable,
        str(calls.SCRIPTS / "export_data.py"),
        "--db",
        str(days.done()),
        "--json",
    ]
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # noqa: E731
    got = subprocess.run(command, preexec_fn=small, capture_output=True, text=True,
                         env={**os.environ, "FAE_TRAINING_HOME": str(home)})  # fmt: skip
    assert got.returncode == 6 and json.loads(got.stdout)["error"]["code"] == "write_failed"
    assert kept() and not list((home / "data").glob(".work-*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_file_system_leaves_the_earlier_export(kept, home, days, tmp_path):
    for number in range(2, 1500):
        days.talk(plain(number))
    database = days.done()
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(home, small / "home")
        status, error = refusal(small / "home", "--db", database)
        assert (status, error["code"]) == (6, "write_failed")
        for name in ("train.jsonl", "valid.jsonl", "meta.json"):
            assert (small / "home/data/sft" / name).read_bytes() == (
                home / "data/sft" / name
            ).read_bytes()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_home_that_cannot_be_written_is_named(days, home, export):
    days.talk(plain(1))
    database = days.done()
    (home / "data").write_text("a file where a directory should be")
    status, error = refusal(home, "--db", database)
    assert (status, error["code"]) == (4, "home_not_writable") and str(home / "data") in error[
        "message"
    ]


def test_two_exports_at_once_do_not_mix(days, home, export):
    import fcntl

    days.talk(plain(1))
    export(days.done())
    with (home / "data/.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        status, error = refusal(home, "--db", days.database)
    assert (status, error["code"]) == (5, "export_running")


def test_exclusions_are_acknowledged(small_home, fae_directory):
    given = ("--db", fae_directory.database)
    without = calls.answer("export_data", *given, home=small_home)
    answer = calls.answer("export_data", *given, "--exclude", "weather", home=small_home)
    assert answer["excluding"] == ["weather"] and "excluding" not in without
    assert "Will never learn from conversations that mention: weather." in calls.script("export_data", *given, "--exclude", "weather", home=small_home).out  # fmt: skip


@pytest.mark.parametrize("script", ["export_data", "extract_corrections"])
@pytest.mark.parametrize(
    ("meanwhile", "code"),
    [
        (lambda place: forgetting.exclude(place, ["gardening"], []), "excluded_meanwhile"),
        (lambda place: forgetting.exclude(place, [], ["gardening"]), "excluded_meanwhile"),
        (lambda place: consent.change(place, [], ["conversations"]), "no_consent"),
    ],
    ids=["excluded", "forgotten", "withdrawn"],
)
def test_what_changes_while_the_conversations_are_read_is_not_written_over(
    home, fae_directory, monkeypatch, script, meanwhile, code
):
    place = Home(home)
    consent.change(place, ["conversations", "corrections"], [])
    module = runpy.run_path(str(calls.SCRIPTS / f"{script}.py"))
    call = calling.read_call(
        module["build_parser"](),
        ["--db", str(fae_directory.database), "--home", str(home)],
        "program",
    )
    module["main"](call)
    kind = "sft" if script == "export_data" else "dpo"
    before = {path: path.read_bytes() for path in place.file("data", kind).iterdir()}
    assert len(before) == 3
    really = export_module.temporary_file
    done = []

    def then(path):
        done or done.append(meanwhile(place) or True)  # when all is read and the files are begun
        return really(path)

    monkeypatch.setattr(export_module, "temporary_file", then)
    with pytest.raises(SkillError) as refused:
        module["main"](call)
    assert refused.value.code == code
    assert {path: path.read_bytes() for path in place.file("data", kind).iterdir()} == before
