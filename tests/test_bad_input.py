"""Nothing that a caller, a file or a database holds ends in `unexpected`: generated inputs for each reader.

`make fuzz` tries 100,000; here it is a few of each, the same ones every time.

The file is long because every reader is here.
"""

import contextlib
import copy
import json
import os
import runpy
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import calls
import prepared
from fae_training.app import app_use, fae_app
from fae_training.calls import calling
from fae_training.calls.errors import Failed, SkillError
from fae_training.classifiers import imports
from fae_training.conversations import background, export, source
from fae_training.judgement import benchmark, gate, plain_words
from fae_training.lifecycle import runs
from fae_training.rows import training_rows
from fae_training.speech import misheard, vocabulary
from fae_training.store import consent, records, state, transactions
from make_database import make_database

INPUTS = int(os.environ.get("FUZZ_INPUTS", 0))


def fuzzed(share: float):
    """A test of one reader with this share of all inputs. Readers that take long have a small one."""
    return settings(
        max_examples=round(INPUTS * share) or 12,
        deadline=None,
        database=None,
        derandomize=not INPUTS,
        suppress_health_check=list(HealthCheck),
    )


# Half a character is in JSON as an escape.
TEXTS = st.one_of(
    st.text(max_size=8), st.sampled_from(["", "\ud83c", "\0", "1e999", "../..", "-3", "nan"])
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), TEXTS)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
DEEP = "[" * 100_000
SCRIPTS = {
    name: runpy.run_path(str(calls.SCRIPTS / f"{name}.py"))
    for name in ("check_status", "list_runs", "evaluate", "propose", "deploy", "rollback", "train", "setup", "export_data")
}  # fmt: skip


def calmly(do, *given):
    """Refusing with a sentence is what is asked for."""
    try:
        return do(*given)
    except SkillError as refusal:
        assert refusal.message and refusal.hint and refusal.code != "unexpected"
        return None


def call(name: str, home: Path, *words: str):
    script = SCRIPTS[name]
    called = calling.read_call(script["build_parser"](), [*words, "--home", str(home)], "program")
    transactions.recover(called.home)
    return script["main"](called)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A home in which every state file is there."""
    place = prepared.allowed(tmp_path_factory.mktemp("whole") / "home")
    consent.change(place, ["corrections", "audio"], [])
    prepared.deployed(place, 1)
    prepared.learned(place, prepared.judged(place, 2), "What is the weather?", "And the news?")
    run = prepared.judged(place, 3)
    calls.answer("propose", "--run", run.id, home=place.path)
    calls.answer("propose", "--run", run.id, "--reject", "no", home=place.path)
    calls.answer("propose", "--run", run.id, home=place.path)
    calls.answer("export_data", "--forget", "the news", "--exclude", "x", "--db", make_database(
        place.path.with_name("fae"), conversations=8).database, home=place.path)  # fmt: skip
    prepared.corrected(place, "Marian", "Marion")
    state.write_json(run.file("progress.json"), {"stage": "training", "seconds": {"training": 1}})
    state.append_jsonl(run.file("metrics.jsonl"), {"step": 1, "loss": 2.0, "val_loss": 2.0})
    place.write("config.json", {"sft": {"rank": 4}, "on_battery": "wait"})
    return place.path


def parts_of(value, path=()):
    """The places in a JSON value."""
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from parts_of(inner, (*path, key))


def spoiled(value, chooser):
    """The value with something else in one of its places, or without it."""
    value = copy.deepcopy(value)
    path = chooser.draw(st.sampled_from(list(parts_of(value))))
    if not path:
        return chooser.draw(VALUES)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    how = chooser.draw(st.sampled_from(["other", "gone", "more"]))
    if how == "other" or isinstance(holder, list):
        holder[path[-1]] = chooser.draw(VALUES)
    elif how == "gone":
        del holder[path[-1]]
    else:
        holder[str(path[-1])[:-1]] = holder[path[-1]]
    return value


def spoil_file(path: Path, chooser) -> None:
    how = chooser.draw(
        st.sampled_from(["value"] * 8 + ["bytes", "deep", "directory", "pipe", "cut"])
    )
    if how == "value" and path.suffix == ".json":
        path.write_text(json.dumps(spoiled(json.loads(path.read_text()), chooser)))
    elif how == "value":
        lines = path.read_text().splitlines()
        number = chooser.draw(st.integers(0, len(lines) - 1))
        lines[number] = json.dumps(spoiled(json.loads(lines[number]), chooser))
        path.write_text("\n".join(lines) + "\n")
    elif how == "bytes":
        path.write_bytes(chooser.draw(st.binary(max_size=40)) + b"\n")
    elif how == "deep":
        path.write_text(DEEP + "\n1\n")
    elif how == "cut":
        path.write_bytes(path.read_bytes()[: chooser.draw(st.integers(0, path.stat().st_size))])
    else:
        path.unlink()
        path.mkdir() if how == "directory" else os.mkfifo(path)


@fuzzed(0.03)
@given(chooser=st.data())
def test_a_state_file_of_any_kind(whole, tmp_path_factory, chooser):
    names = sorted(
        str(path.relative_to(whole))
        for path in whole.rglob("*.json*")
        if not {"adapters", "cache", "results"} & set(path.parts)
    )
    home = tmp_path_factory.mktemp("spoiled") / "home"
    shutil.copytree(whole, home)
    spoil_file(home / chooser.draw(st.sampled_from(names)), chooser)
    for name, *words in (
        ("check_status",), ("list_runs",), ("evaluate", "--dry-run"), ("propose", "--dry-run"),
        ("deploy", "--code", "AAA-AAA", "--dry-run"), ("rollback",), ("setup", "--consent", "audio"),
        ("train", "--model", str(calls.LANGUAGE_MODEL), "--dry-run"),
    ):  # fmt: skip
        calmly(call, name, home, *words)
    calmly(vocabulary.keep, state.Home(home), [])
    calmly(app_use.in_use, state.Home(home))
    shutil.rmtree(home)


@fuzzed(0.25)
@given(chooser=st.data())
def test_rows_of_any_form(tmp_path_factory, chooser):
    path = tmp_path_factory.mktemp("rows") / "data" / "sft" / "train.jsonl"
    path.parent.mkdir(parents=True)
    kind = chooser.draw(st.sampled_from(training_rows.KINDS))
    good = {
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello.", "weight": 1}],
        "weight": 1.0, "source": {"ids": ["a"], "session": "s"}, "tools": [],
        "prompt": [{"role": "user", "content": "Hi"}], "chosen": "Yes.", "rejected": "No.",
    }  # fmt: skip
    row = json.dumps(spoiled(good, chooser))
    text = chooser.draw(
        st.sampled_from([row, f"[{row}]", f"[{row}, {DEEP}", DEEP, f"{row}\n{row[:-3]}"])
    )
    path.write_bytes(text.encode() + chooser.draw(st.binary(max_size=8)))
    calmly(training_rows.read, path, kind)
    calmly(list, training_rows.values(path))


@fuzzed(0.25)
@given(chooser=st.data())
def test_a_call_in_json(chooser):
    name = chooser.draw(st.sampled_from(sorted(SCRIPTS)))
    parser = SCRIPTS[name]["build_parser"]()
    parameters = st.dictionaries(
        st.one_of(st.sampled_from(sorted(parser.options)), TEXTS), VALUES, max_size=3
    )
    request = chooser.draw(
        st.one_of(VALUES, parameters, st.fixed_dictionaries({"params": parameters}))
    )
    text = chooser.draw(st.sampled_from([json.dumps(request), DEEP, json.dumps(request)[:-1]]))
    calmly(calling.read_call, parser, ["{" + text[1:]], "program")
    calmly(calling._parameters, text, "standard input")


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    return make_database(tmp_path_factory.mktemp("talk"), conversations=3).directory


@fuzzed(0.03)
@given(chooser=st.data())
def test_a_database_with_anything_in_its_cells(talk, tmp_path_factory, chooser):
    directory = tmp_path_factory.mktemp("database") / "fae"
    shutil.copytree(talk, directory)
    database = sqlite3.connect(directory / "fae.db")
    tables = [
        name
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        )
    ]
    table = chooser.draw(st.sampled_from(sorted(set(tables) - {"sqlite_sequence"})))
    column = chooser.draw(
        st.sampled_from([row[1] for row in database.execute(f"PRAGMA table_info({table})")])
    )
    cell = chooser.draw(st.one_of(
        st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=9), st.text(max_size=9).filter(lambda t: t.isprintable()),
        st.sampled_from(["2026-11-01", "[[", '["\\ud83c"]', DEEP, "User: a\nAssistant: b", b"\xff\xfe"]),
    ))  # fmt: skip
    try:
        database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid % 2", (cell,))
        database.commit()
    except sqlite3.Error:
        pass  # its own rules refuse it
    database.close()

    def export_all():
        with source.dialogue(
            state.Home(directory.parent / "home"), directory / "fae.db", dry_run=True
        ) as found:
            list(export.rows(found, None, export.Summary()))
            found.database.names()
            found.database.aliases(["Anna"])

    calmly(export_all)
    shutil.rmtree(directory.parent)


@fuzzed(0.2)
@given(chooser=st.data())
def test_a_table_of_recordings(tmp_path_factory, chooser):
    table = tmp_path_factory.mktemp("table") / "clips.csv"
    cells = st.text(alphabet='ab,;\t"\n\r\0é\ud83c'.replace("\ud83c", "x"), max_size=12)
    text = chooser.draw(
        st.sampled_from(["file,class\n", "file;class;speaker\n", ""])
    ) + chooser.draw(cells)
    table.write_bytes(
        text.encode(chooser.draw(st.sampled_from(["utf-8", "utf-16", "cp1252"])))
        + chooser.draw(st.binary(max_size=4))
    )
    calmly(imports.from_table, table, "keyword")


@fuzzed(0.24)
@given(chooser=st.data())
def test_a_file_of_corrections(whole, tmp_path_factory, chooser):
    good = {"heard": "Marian", "meant": "Marion", "say_as": "marry on", "clip": "no.wav"}
    rows = [spoiled(good, chooser), chooser.draw(VALUES)]
    calmly(misheard.checked_many, state.Home(whole), rows, "person", Path("."), False)


@pytest.mark.parametrize(
    "name, content, near",
    [
        ("exclusions.json", {"topic": ["french"]}, "did you mean 'topics'"),
        ("consent.json", {"sources": {"conversation": {"granted_at": "now"}}}, "did you mean 'conversations'"),
        ("consent.json", {"source": {}}, "did you mean 'sources'"),
        ("consent.json", {"sources": {"audio": {"revoked": "now"}}}, "did you mean 'revoked_at'"),
        ("config.json", {"on_batery": "wait"}, "did you mean 'on_battery'"),
        ("config.json", {"sft": {"rnk": 4}}, "did you mean 'rank'"),
    ],
)  # fmt: skip
def test_an_unknown_key_in_a_safety_file_is_refused_with_the_near_one(
    whole, tmp_path, name, content, near
):
    home = shutil.copytree(whole, tmp_path / "home")
    state.write_json(home / name, content)
    got = calls.script("train", "--model", calls.LANGUAGE_MODEL, "--dry-run", "--json", home=home)
    if name == "exclusions.json":
        got = calls.script("export_data", "--dry-run", "--json", home=home)
    assert got.status != 0 and near in got.json["error"]["message"], got.out


@pytest.mark.parametrize("value", [-3, 0, "nan", "inf", "-1e-5", 1.5, "x", True, [1], {}])
def test_flags_parameters_and_config_refuse_the_same_values(small_home, value):
    """The rank, which is a whole number from 1."""
    model = str(calls.LANGUAGE_MODEL)
    told = [
        calls.script(
            "train", "--rank", str(value), "--model", model, "--dry-run", "--json", home=small_home
        ),
        calls.script(
            "train", json.dumps({"rank": value, "model": model, "dry_run": True}), home=small_home
        ),
    ]
    state.write_json(small_home / "config.json", {"sft": {"rank": value}})
    told.append(calls.script("train", "--model", model, "--dry-run", "--json", home=small_home))
    assert [one.json["error"]["code"] for one in told] == ["bad_flags", "bad_value", "bad_setting"]
    assert all("a whole number from 1" in one.out or "one value" in one.out for one in told)


def test_a_newer_schema_is_read_with_a_note(talk, tmp_path):
    directory = shutil.copytree(talk, tmp_path / "fae")
    with sqlite3.connect(directory / "fae.db") as database:
        database.execute("UPDATE schema_meta SET value = '12' WHERE key = 'schema_version'")
        database.execute("ALTER TABLE memory_records ADD COLUMN mood TEXT")
    consent.change(state.Home(tmp_path / "home"), ["conversations"], [])
    told = calls.answer(
        "export_data", "--db", directory / "fae.db", "--dry-run", home=tmp_path / "home"
    )
    assert any("newer schema version 12" in warning for warning in told["warnings"])


# What SQLite keeps in any column, whatever type it was declared with.
CELLS = (
    None,
    2**63 - 1,
    float("inf"),
    b"\xff\xfe",
    b"User: a\nAssistant: b",
    "",
    "2026-11-01",
    "null",
    DEEP,
)
READ = {
    "memory_records": ("id", "text", "tags", "created_at", "source_turn_id", "speaker_id"),
    "memory_audit": ("target_id", "at"),
    "entities": ("canonical_name", "aliases"),
    "session_messages": ("id", "session_id", "turn_id", "role", "content", "tool_name", "created_at"),
    "workflow_runs": ("turn_id", "user_goal", "created_at"),
}  # fmt: skip


def test_each_column_that_is_read_may_hold_values_of_any_type(talk, tmp_path):
    for table, columns in READ.items():
        for column in columns:
            directory = shutil.copytree(talk, tmp_path / f"{table} {column}")
            database = sqlite3.connect(directory / "fae.db", isolation_level=None)
            for number, cell in enumerate(CELLS, 1):
                with contextlib.suppress(sqlite3.IntegrityError):
                    database.execute(
                        f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (cell, number)
                    )
            database.close()
            home = state.Home(tmp_path / "home")
            with source.dialogue(home, directory / "fae.db", dry_run=True) as found:
                rows = list(export.rows(found, None, export.Summary()))
                list(found.database.corrections())
                names = [*found.database.names(), *found.database.aliases(["Anna"])]
            ids = [record for _, row in rows for record in row["source"]["ids"]]
            assert ids and all(isinstance(one, str) for one in (*ids, *names)), (table, column)


def test_files_beside_the_database_may_be_anything(talk, tmp_path):
    for number, spoil in enumerate(
        (os.mkfifo, Path.mkdir, lambda p: p.write_text(DEEP), lambda p: p.write_bytes(b"\xff\xfe["))
    ):
        directory = shutil.copytree(talk, tmp_path / str(number))
        for name in ("speakers.json", "soul.md", "improvement.db"):
            (directory / name).unlink(missing_ok=True)
            spoil(directory / name)
        with source.dialogue(
            state.Home(tmp_path / "home"), directory / "fae.db", dry_run=True
        ) as found:
            list(export.rows(found, fae_app.system_prompt(directory), export.Summary()))
            assert "only turns marked as the owner's were used" in found.speakers.warning


BEYOND = (10**400, -710, 1e308, float("inf"), float("nan"))


@pytest.mark.parametrize("value", BEYOND, ids=("large", "low", "1e308", "inf", "nan"))
def test_a_number_that_no_measurement_has_is_refused_by_the_file_and_the_command(whole, value):
    run = runs.find(state.Home(whole))
    measured, kept = run.result()["benchmark"], state.read_json(run.file("evaluation.json"))
    comparison = kept["decision"]["comparisons"][0]
    told = []
    for record, data, names in (
        (benchmark.Benchmark, measured, [("measures", 0, "margin"), ("measures", 0, "least")]),
        (gate.Decision, kept["decision"], [("look",), ("score",)]),
        (
            gate.Comparison,
            comparison,
            [(n,) for n in ("gain", "low", "high", "margin", "count", "improved")],
        ),
    ):
        for path in names:
            wrong = copy.deepcopy(data)
            holder = wrong
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = value
            with pytest.raises(Failed) as refused:
                records.read_own(record, wrong, run.file("train_metrics.json"), "uv run x")
            told.append(refused.value)
    assert {one.code for one in told} == {"other_version"} and len(told) == 10
    # What a training may really measure is judged and told; a loss that is no number does not pass.
    if value != 10**400:
        measured["measures"][0]["candidate"][0] = value
        path = run.file("train_metrics.json")
        decided = gate.decide(records.read_own(benchmark.Benchmark, measured, path, "x"), 1)
        assert plain_words.of_decision(decided)
        assert value == 1e308 or decided.verdict != gate.PASS


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("metrics.jsonl", {"step": 1, "loss": []}),
        ("metrics.jsonl", {"step": 1, "loss": ""}),
        ("metrics.jsonl", {"step": 1, "loss": 10**400}),
        ("metrics.jsonl", {"loss": 2.0}),
        ("metrics.jsonl", {"step": "1", "loss": 2.0}),
        ("metrics.jsonl", {"step": 1, "loss": 2.0, "micro_losses": ["x"]}),
        ("metrics.jsonl", {"step": 1, "elapsed_s": float("inf")}),
        ("progress.json", {"stage": "training", "seconds": {"training": float("nan")}}),
        ("progress.json", {"stage": 4}),
        ("progress.json", {"stage": "training", "done": "3", "total": 4}),
        ("train_metrics.json", {"seconds": {"total": float("inf")}}),
    ],
)
def test_what_is_reported_of_a_run_is_refused_by_line_where_it_is_no_report(
    whole, tmp_path, name, line
):
    home = shutil.copytree(whole, tmp_path / "home")
    run = runs.find(state.Home(home))
    run.file("train_metrics.json").unlink()  # it is judged by its reports
    text = json.dumps(line) + "\n"
    run.file(name).write_text(text * 2 if name == "metrics.jsonl" else text)
    with runs.locked(state.Home(home), run.id):  # as a worker does that reports
        run.update(status="training")
        for script, *words in (("list_runs",), ("evaluate", "--dry-run")):
            calmly(call, script, home, *words)
        with pytest.raises(Failed) as refused:
            call("check_status", home)
    assert refused.value.code == "state_corrupt" and name in refused.value.message
    diverged = json.dumps({"step": 1, "loss": float("nan"), "val_loss": float("inf")}) + "\n"
    run.file(name).unlink()
    run.file("metrics.jsonl").write_text(diverged)
    assert "loss nan" in call("check_status", home).text


def test_an_answer_that_was_being_written_when_its_process_was_killed_is_started_again(
    home, fae_directory, monkeypatch
):
    monkeypatch.setattr(background, "MOST_EPISODES_FOR_FAE", 0)
    started = []
    monkeypatch.setattr(background, "_start", lambda call, *_: started.append(call))
    script = SCRIPTS["export_data"]
    call = calling.read_call(script["build_parser"](), ["--home", str(home)], "program")
    call.caller = "fae"
    answer = call.home.directory("results") / "export_data-background.json"
    for text in ('{"status": "expor', "[1]", DEEP, '{"no": "status"}'):
        answer.write_text(text)
        told = background.instead(call, "export_data", fae_directory.database)
        assert told.data["status"] == "started" and not answer.exists()
    assert len(started) == 4
    answer.write_text('{"status": "exported"}')
    assert (
        background.instead(call, "export_data", fae_directory.database).data["status"] == "exported"
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kind",), ""),
        (("forgotten_at",), True),
        (("settings", "steps"), ""),
        (("settings", "steps"), None),
        (("settings", "preset"), "heavy"),
        (("settings",), {}),
    ],
)
def test_an_edited_record_of_a_run_is_refused_with_what_was_expected(whole, tmp_path, path, value):
    home = shutil.copytree(whole, tmp_path / "home")
    record = runs.find(state.Home(home)).file("run.json")
    edited = json.loads(record.read_text())
    holder = edited
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    record.write_text(json.dumps(edited))
    for script, *words in (
        ("check_status",),
        ("list_runs",),
        ("train", "--resume", "latest", "--dry-run"),
        ("train", "--like", "latest", "--dry-run"),
        ("train", "--resume", "latest", "--more-steps", "2", "--dry-run"),
    ):
        calmly(call, script, home, *words)
    with pytest.raises(SkillError) as refused:
        call("train", home, "--resume", "latest", "--dry-run")
    assert refused.value.code in ("state_corrupt", "other_version")
