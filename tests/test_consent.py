"""Nothing is read or trained without consent, and consent can be withdrawn."""

import json

import pytest

import calls
import prepared
from fae_training.calls.errors import BadRequest, Refused
from fae_training.lifecycle import runs
from fae_training.store import consent, state


def test_a_source_without_consent_is_refused_with_the_command_that_allows_it(home):
    with pytest.raises(Refused) as refused:
        consent.require(state.Home(home), "audio")
    assert refused.value.hint == "uv run scripts/setup.py --consent audio"
    assert not home.exists(), "asking made a state directory"


def test_consent_is_for_one_source_and_keeps_its_date(home):
    place = state.Home(home)
    first = consent.change(place, ["conversations"], [])["conversations"]
    assert first["granted_at"] and first["revoked_at"] is None
    again = consent.change(place, ["conversations", "audio"], [])
    assert again["conversations"] == first
    assert [consent.granted(place, source) for source in consent.SOURCES] == [True, False, True]


def test_withdrawing_consent_records_the_time_and_it_can_be_given_again(home):
    place = state.Home(home)
    given = consent.change(place, ["conversations"], [])["conversations"]
    taken = consent.change(place, [], ["conversations"])["conversations"]
    assert taken["granted_at"] == given["granted_at"] and taken["revoked_at"]
    with pytest.raises(Refused, match=f"withdrawn on {taken['revoked_at'][:10]}"):
        consent.require(place, "conversations")
    consent.change(place, ["conversations"], [])
    consent.require(place, "conversations")


def test_withdrawing_consent_that_was_never_given_changes_nothing(home):
    consent.change(state.Home(home), [], ["audio"])
    assert not consent.granted(state.Home(home), "audio")


def test_withdrawing_leads_to_nothing_and_tells_what_stays_in_use(home):
    place = prepared.allowed(home)
    assert calls.answer("setup", "--revoke", "audio", home=home)["next"] is None
    run = prepared.deployed(place, 1)
    answer = calls.answer("setup", "--revoke", "conversations", home=home)
    assert answer["next"] is None and "stays until you ask me to undo it" in answer["say"]
    shown = calls.script("setup", "--revoke", "conversations", home=home).out
    assert f"Still in use: {run.id}" in shown and "rollback.py" in shown
    assert "delete_data.py --data" in shown
    other = calls.answer("setup", "--revoke", "audio", home=home)
    assert other["say"] == "I learn nothing more from that.", "no recording taught what is in use"
    planned = calls.script("setup", "--revoke", "conversations", "--dry-run", home=home)
    assert f"Still in use: {run.id}" in planned.out
    both = {"consent": ["audio"], "revoke": ["conversations"]}
    planned = calls.script("setup", json.dumps(both | {"dry_run": True}), home=home).json
    assert f"Still in use: {run.id}" in planned["effects"][0]
    assert "until you ask" in calls.script("setup", json.dumps(both), home=home).json["say"]


def test_withdrawing_the_conversations_stops_a_training_on_corrections(home, monkeypatch):
    place = prepared.allowed(home)
    run = runs.create(place, "dpo", {"settings": {}})
    with runs.locked(place, run.id):
        answer = calls.answer("setup", "--revoke", "conversations", home=home)
    assert answer["stopping"] == run.id and run.file("cancel").exists()


def test_a_wrong_source_to_withdraw_is_not_answered_with_how_to_allow_one(home):
    got = calls.script("setup", "--revoke", "diary", "--json", home=home).json
    assert got["error"]["hint"] == "uv run scripts/setup.py --revoke conversations"


def test_an_unknown_source_changes_nothing(home):
    with pytest.raises(BadRequest, match="conversations, corrections, audio"):
        consent.change(state.Home(home), ["conversations", "diary"], [])
    assert not home.exists()


def test_setup_records_consent_and_revocation_and_train_obeys(home):
    answer = calls.answer("setup", "--consent", "conversations", "corrections", home=home)
    assert answer["consents"] == {"conversations": True, "corrections": True, "audio": False}
    planned = calls.answer("setup", "--revoke", "conversations", "--dry-run", home=home)
    assert planned["revoke"] == ["conversations"]
    assert consent.granted(state.Home(home), "conversations"), "a dry run took it back"
    got = calls.script("setup", '{"revoke": ["conversations"]}', home=home)
    assert got.json["consents"] == {"conversations": False, "corrections": True, "audio": False}
    refused = calls.script("train", "--preset", "smoke", "--json", home=home)
    assert refused.status == 3 and refused.json["error"]["code"] == "no_consent"
    assert "withdrawn" in refused.json["error"]["message"]


@pytest.mark.parametrize("source", consent.SOURCES)
def test_setup_names_the_first_step_for_each_source(home, source):
    answer = calls.answer("setup", "--consent", source, home=home)
    expected = {
        "conversations": {"script": "export_data", "params": {}},
        "corrections": None,  # they are parts of conversations, which were not allowed
        "audio": {"script": "train_keyword", "params": {"preset": "light"}},
    }
    assert answer["next"] == expected[source]
    if source == "corrections":
        assert answer["say"] == "May I learn from our conversations?"
    if source == "audio":  # what a person has to fill in is no call
        assert (
            "add_samples.py --class wake"
            in calls.script("setup", "--consent", source, home=home).out
        )


@pytest.mark.parametrize("option", ["consent", "revoke", "consent_machines", "revoke_machines"])
def test_an_empty_list_is_refused_instead_of_starting_the_installation(home, option):
    got = calls.script("setup", json.dumps({option: []}), home=home)
    assert got.json["error"]["code"] == "names_nothing" and option in got.json["error"]["message"]
    assert not (home / "setup.log").exists() and not list(home.glob("*"))
