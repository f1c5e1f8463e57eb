"""Deleting says what goes, asks, and touches nothing but what the skill keeps."""

import pytest

import calls
import prepared
from fae_training import deployment, runs, state


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
    calls.answer("delete_data", "--data", "--yes", home=place.path)
    assert not place.file("data", "sft").exists() and place.file("consent.json").is_file()
    assert len(runs.all_runs(place)) == 2


def test_everything_goes_with_the_base_model_back_in_use(place):
    calls.answer("delete_data", "--everything", "--yes", home=place.path)
    left = {str(p.relative_to(place.path)) for p in place.path.rglob("*") if p.is_file()}
    assert left <= {"data/.lock", "lock", ".app.lock"}, left
    assert deployment.current(place, "language") is None


def test_what_belongs_to_fae_is_never_deleted(place):
    place.file("fae.db").write_text("the app's")
    got = calls.script("delete_data", "--everything", "--yes", "--json", home=place.path)
    assert got.status == 3 and got.json["error"]["code"] == "not_a_state_directory"
    assert len(runs.all_runs(place)) == 2


def test_one_thing_has_to_be_named(place):
    assert calls.script("delete_data", "--yes", "--json", home=place.path).status == 2
