"""Deleting says what goes, asks, and touches nothing but what the skill keeps."""

import os
import runpy
import shutil

import pytest

import calls
import prepared
from fae_training.app import app_results
from fae_training.calls import calling
from fae_training.calls.errors import Failed, Refused
from fae_training.lifecycle import runs
from fae_training.release import deployment
from fae_training.store import locks, state
from fae_training.store.transactions import changing


@pytest.fixture
def place(home) -> state.Home:
    place = prepared.allowed(home)
    prepared.deployed(place, 1)
    prepared.learned(place, prepared.finished(place, 2), "I was at the clinic.")
    return place


def test_a_program_is_told_first_and_deletes_with_yes(place):
    active, other = runs.all_runs(place)
    told = calls.answer("delete_data", "--runs", other.id, home=place.path)
    assert told["status"] == "planned" and told["files"] == [f"runs/{other.id}"]
    assert other.directory.is_dir()
    told = calls.answer("delete_data", "--runs", other.id, "--yes", home=place.path)
    assert told["status"] == "deleted" and not other.directory.exists()
    assert active.directory.is_dir() and place.file("data", "sft", "train.jsonl").is_file()


def test_a_run_that_is_active_stays(place):
    active, _ = runs.all_runs(place)
    got = calls.script("delete_data", "--runs", "all", "--yes", "--json", home=place.path)
    assert got.status == 3 and got.json["error"]["code"] == "in_use"
    assert active.directory.is_dir()


def test_data_goes_and_consent_and_runs_stay(place):
    told = calls.answer("delete_data", "--data", "--yes", home=place.path)
    assert "1 run keeps a copy of the rows" in told["stay"] and "--runs" in told["stay"]
    assert not place.file("data", "sft").exists() and place.file("consent.json").is_file()
    assert place.file("data", ".lock").is_file(), "it is held meanwhile"
    assert len(runs.all_runs(place)) == 2


def test_everything_goes_with_the_base_model_back_in_use(place):
    calls.answer("delete_data", "--everything", "--yes", home=place.path)
    left = {str(p.relative_to(place.path)) for p in place.path.rglob("*") if p.is_file()}
    assert left <= {"data/.lock", "lock", ".app.lock"}, left
    assert deployment.current(place, "language") is None


def test_everything_is_all_that_any_script_writes(place):
    kept = {path.name for path in place.path.iterdir()}
    names = {
        "app.json", "config.json", "errors.jsonl", "exclusions.json", "forget.key", "forgetting.json", "looks.jsonl", "pause",
        "schedule.log", "setup.json", "setup.lock", "setup.log",
    }  # fmt: skip
    for name in names:
        place.file(name).write_text("{}")
    folders = ("results", "cache", "benchmarks", "rehearsal", "experiments", "stt", "keyword", "speech_verifier")  # fmt: skip
    for name in folders:
        state.write_text(place.file(name, "something"), "{}")
    calls.answer("delete_data", "--everything", "--yes", home=place.path)
    left = {str(p.relative_to(place.path)) for p in place.path.rglob("*") if p.is_file()}
    assert kept and left <= {"data/.lock", "lock", ".app.lock"}, left


def test_what_a_step_back_leads_to_stays(place):
    first = runs.all_runs(place)[0]
    prepared.deployed(place, 3)
    got = calls.script("delete_data", "--runs", first.id, "--yes", "--json", home=place.path)
    assert got.status == 3 and got.json["error"]["code"] == "in_use" and first.directory.is_dir()


def test_a_dry_run_deletes_nothing_also_with_yes(place):
    told = calls.answer("delete_data", "--everything", "--yes", "--dry-run", home=place.path)
    assert told["status"] == "planned" and len(runs.all_runs(place)) == 2


@pytest.mark.parametrize("typed", ["\n", "n\n", "what?\n"])
def test_a_person_is_asked_and_anything_but_a_yes_deletes_nothing(place, typed):
    script = calls.SCRIPTS / "delete_data.py"
    status, seen = calls.at_a_terminal(script, "--data", home=place.path, typed=typed)
    assert status == 3 and "[y/N]" in seen and "nothing was deleted" in seen and "error" not in seen
    assert place.file("data", "sft", "train.jsonl").is_file()


def test_what_a_link_leads_to_is_neither_counted_nor_deleted(place, tmp_path):
    foreign = tmp_path / "film"
    foreign.write_bytes(b"x" * 3_000_000)
    place.file("cache").mkdir()
    place.file("cache", "film").symlink_to(foreign)
    size_of = runpy.run_path(str(calls.SCRIPTS / "delete_data.py"))["size_of"]
    assert size_of(place.file("cache")) == 0 and size_of(place.file("cache", "film")) < 1000
    calls.answer("delete_data", "--data", "--yes", home=place.path)
    assert foreign.stat().st_size == 3_000_000 and not place.file("cache").exists()


def test_everything_takes_what_was_put_into_the_app_out_again(place, tmp_path, monkeypatch):
    monkeypatch.setenv("FAE_APP_DIR", str(tmp_path / "fae"))
    run = prepared.finished(place, 4, kind="keyword")
    with changing(place) as change:
        deployment.deploy(change, run)
    target = tmp_path / "fae" / "models" / app_results.CLASSIFIER_FOLDERS["keyword"]
    state.write_text(target / "model.safetensors", "ours")
    mark = deployment.fingerprint(target)
    place.write("app.json", {"keyword": {"run": run.id, "fingerprint": mark, "kept": None}})
    calls.answer("delete_data", "--everything", "--yes", home=place.path)
    assert not target.exists()


@pytest.mark.parametrize("name", ["fae.db", "improvement.db"])
def test_what_belongs_to_fae_is_never_deleted(place, name):
    place.file(name).write_text("the app's")
    got = calls.script("delete_data", "--everything", "--yes", "--json", home=place.path)
    assert got.status == 3 and got.json["error"]["code"] == "not_a_state_directory"
    assert len(runs.all_runs(place)) == 2


def test_one_thing_has_to_be_named(place):
    for given in ((), ("--data", "--everything"), ("--runs", "all", "--data")):
        got = calls.script("delete_data", *given, "--yes", "--json", home=place.path)
        assert (got.status, got.json["error"]["code"]) == (2, "what_to_delete")


def test_every_deployment_is_left_before_everything_is_deleted(place):
    prepared.deployed(place, 3)
    assert len(deployment.deployments(place)["language"]) == 2
    runpy.run_path(str(calls.SCRIPTS / "delete_data.py"))["leave_all"](place)
    assert deployment.current(place, "language") is None


def test_data_on_another_disk_is_not_followed(place, tmp_path):
    elsewhere = tmp_path / "disk"
    place.file("data").rename(elsewhere)
    place.file("data").mkdir()
    place.file("data", "sft").symlink_to(elsewhere / "sft")
    calls.answer("delete_data", "--data", "--yes", home=place.path)
    shutil.rmtree(place.file("data"))
    place.file("data").symlink_to(elsewhere)
    calls.answer("delete_data", "--data", "--yes", home=place.path)
    assert (elsewhere / "sft" / "train.jsonl").is_file() and not place.file("data").exists()


def test_something_else_in_the_place_of_data_is_deleted_and_all_is_a_word_of_its_own(place):
    run = runs.all_runs(place)[1]
    got = calls.script("delete_data", "--runs", "all", run.id, "--yes", "--json", home=place.path)
    assert (got.status, got.json["error"]["code"]) == (4, "unknown_run") and run.directory.is_dir()
    for make in (os.mkfifo, lambda path: path.symlink_to(path), lambda path: path.write_text("")):
        shutil.rmtree(place.file("data"), ignore_errors=True)
        make(place.file("data"))
        assert calls.answer("delete_data", "--data", home=place.path)["files"] == ["data"]
        place.file("data").unlink()


@pytest.mark.parametrize("what", ["--data", "--everything", "--runs"])
def test_a_deletion_that_was_killed_is_finished_by_the_next_one(place, what):
    run = runs.all_runs(place)[1]
    for name in ("data/.deleted-sft", "runs/.deleted-sft-20261101-0101-aa", ".deleted-cache"):
        state.write_text(place.file(*name.split("/"), "rows.jsonl"), "{}")
    # A deletion of the same name that was killed must not stand in the way.
    state.write_text(place.file("runs", f".deleted-{run.id}", "rows.jsonl"), "{}")
    named = [run.id] if what == "--runs" else []
    calls.answer("delete_data", what, *named, "--yes", home=place.path)
    left = {str(path.relative_to(place.path)) for path in place.path.rglob(".deleted-*")}
    assert not {name for name in left if what == "--everything" or name.startswith(what[2:])}
    assert place.file(".deleted-cache").exists() == (what == "--runs")
    assert run.directory.exists() == (what == "--data")


def test_everything_takes_damaged_files_unfinished_ones_and_links_too(place, tmp_path):
    names = {
        "exclusions.json.corrupt-20261101-010101",
        ".exclusions.json.abcd1234",
        "pause",
        "experiments/e/log",
    }
    for name in names:
        state.write_text(place.file(*name.split("/")), "{}")
    place.file("mine.txt").write_text("somebody else's")
    place.file("keyword").symlink_to(tmp_path / "gone")
    calls.answer("delete_data", "--everything", "--yes", home=place.path)
    left = {str(p.relative_to(place.path)) for p in place.path.rglob("*") if not p.is_dir()}
    assert left - {"data/.lock", "lock", ".app.lock"} == {"mine.txt"}


def test_what_is_planned_is_what_is_deleted_with_its_size(place):
    state.write_text(place.file("cache", "tokens"), "x" * 2_500_000)
    planned = calls.answer("delete_data", "--data", home=place.path)
    assert planned["megabytes"] == 2.5 and "yes" in planned["again"]
    assert set(planned["files"]) == {"cache", "data"}
    done = calls.answer("delete_data", "--data", "--yes", home=place.path)
    assert (done["files"], done["megabytes"]) == (planned["files"], 2.5)
    told = calls.answer("delete_data", "--data", "--yes", home=place.path)
    assert told["status"] == "nothing_to_delete"


def test_a_training_that_runs_keeps_everything(place):
    with runs.locked(place, "train"):
        got = calls.script("delete_data", "--data", "--yes", "--json", home=place.path)
    assert got.status == 5 and place.file("data", "sft", "train.jsonl").is_file()


def asked(place, *arguments):
    """The script's globals, and a call of a person at a terminal."""
    script = runpy.run_path(str(calls.SCRIPTS / "delete_data.py"))["main"].__globals__
    words = [*arguments, "--home", str(place.path)]
    call = calling.read_call(script["build_parser"](), words, "person")
    call.terminal = True
    return script, call


def test_a_run_that_is_deployed_while_a_person_is_asked_stays(place, monkeypatch):
    run = runs.all_runs(place)[1]
    script, call = asked(place, "--runs", run.id)

    class Typed:
        def readline(self):
            with changing(place) as change:
                deployment.deploy(change, run)
            return "y\n"

    monkeypatch.setattr("sys.stdin", Typed())
    with pytest.raises(Refused, match="is active"):
        script["main"](call)
    assert run.directory.is_dir()


def test_neither_an_export_nor_a_training_begins_while_it_deletes(place, monkeypatch):
    script, call = asked(place, "--data", "--yes")
    really, seen = script["delete"], []

    def deletes(home, gone):
        held = (home.file("lock"), home.file("data", ".lock"))
        seen.extend(locks.try_exclusive(path) is None for path in held)
        really(home, gone)

    monkeypatch.setitem(script, "delete", deletes)
    script["main"](call)
    assert seen == [True, True]


def test_a_run_that_is_deleted_in_part_is_none(place, monkeypatch):
    run = runs.all_runs(place)[1]
    script, call = asked(place, "--runs", run.id, "--yes")

    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(script["shutil"], "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        script["main"](call)
    assert run.id not in [each.id for each in runs.all_runs(place)] and not run.directory.exists()


def test_a_directory_that_is_a_link_goes_and_what_it_leads_to_stays(place, tmp_path):
    state.write_text(tmp_path / "disk" / "tokens", "{}")
    place.file("cache").symlink_to(tmp_path / "disk")
    calls.answer("delete_data", "--data", "--yes", home=place.path)
    assert not place.file("cache").is_symlink() and (tmp_path / "disk" / "tokens").exists()


def test_what_cannot_be_deleted_is_named_and_tried_again_by_the_next_call(place, monkeypatch):
    script, call = asked(place, "--data", "--yes")
    really = shutil.rmtree

    def fails(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(script["shutil"], "rmtree", fails)
    with pytest.raises(Failed, match=r"data/sft could not be deleted: Permission denied"):
        script["main"](call)
    monkeypatch.setattr(script["shutil"], "rmtree", really)
    assert script["main"](call).data["files"] == ["data"]
    assert [path.name for path in place.file("data").iterdir()] == [".lock"]
