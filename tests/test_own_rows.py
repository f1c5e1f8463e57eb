"""What is trained is what is recorded: a run has its own copy of its rows, and forgetting reaches it."""

import shutil
import stat

import pytest

import calls
import prepared
import small_runs
from fae_training.calls import calling
from fae_training.calls.errors import Refused
from fae_training.conversations import forgetting
from fae_training.lifecycle import launch, provenance, purge, runs, worker
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.preflight import Data, Preflight
from fae_training.store import state


@pytest.fixture
def place(small_home) -> state.Home:
    return state.Home(small_home)


def begun(place, kind="sft") -> runs.Run:
    """A run that was asked to learn what data/ holds now."""
    mark = provenance.fingerprint(place.file("data"), kind)
    run = runs.create(place, kind, {"settings": {}, "data_fingerprint": mark})
    with runs.locked(
        place, run.id
    ):  # as launch does, so that forgetting leaves the half copy alone
        launch._take_rows(run, Data(mark, "", {}))
    return run


def row(text: str, name: str) -> dict:
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "I see."}]
    return {"messages": messages, "source": {"ids": [name], "session": name}}


def test_changes_to_the_data_after_a_run_started_do_not_affect_it(place):
    run = begun(place)
    before = provenance.read(provenance.rows_of(run), "sft")
    path = place.file("data", "sft", "train.jsonl")
    with path.open("a") as file:  # written to in place
        file.write('{"messages": []}\n')
    state.write_jsonl(path, [row("All new.", "new")])
    assert provenance.read(provenance.rows_of(run), "sft") == before
    provenance.require_taken(run)
    provenance.keep_sources(run)
    kept = state.read_json(run.file("sources.json"))["ids"]
    assert kept == sorted(f"train-{n}" for n in range(8)) and "new" not in kept
    for copy in run.file("data").rglob("*"):
        assert stat.S_IMODE(copy.stat().st_mode) == (0o700 if copy.is_dir() else 0o600)


def test_data_that_changes_while_a_run_begins_refuses_the_run(place, monkeypatch):
    really = provenance.take_rows

    def replaced_first(run, kinds, place_of_rows):
        state.write_jsonl(place.file("data", "sft", "train.jsonl"), [row("All new.", "new")])
        really(run, kinds, place_of_rows)

    monkeypatch.setattr(provenance, "take_rows", replaced_first)
    with pytest.raises(Refused, match="changed while it started"):
        begun(place)
    assert runs.all_runs(place) == [], "nothing is left of it"


def test_what_is_forgotten_while_a_run_takes_its_rows_does_not_reach_it(place, monkeypatch):
    """Forgetting has gone through data/ and the runs before the copy is complete, and will not see it."""
    rows = state.read_jsonl(place.file("data", "sft", "train.jsonl"))
    state.write_jsonl(
        place.file("data", "sft", "train.jsonl"), [*rows, row("I was in Bergen.", "b")]
    )
    copied = shutil.copyfile

    def forgotten_then(source, target):
        copied(source, target)
        if source.name == "valid.jsonl" and not forgetting.load(place).topics:
            assert forget(place, "Bergen").rows_removed == 1

    monkeypatch.setattr(provenance.shutil, "copyfile", forgotten_then)
    with pytest.raises(Refused, match="changed while it started"):
        begun(place)
    assert runs.all_runs(place) == []
    assert begun(place).record["status"] == "queued", "the next one begins"


def test_a_worker_does_not_train_on_other_rows_than_it_was_asked_to(place):
    run = begun(place)
    path = run.file("data", "sft", "train.jsonl")
    path.write_text(path.read_text().replace("\n", "\n", 1)[1:])
    with pytest.raises(Refused, match="changed while it started"):
        worker._train(run, None, lambda run, session: pytest.fail("it trained"))
    assert run.status() == "failed"


def test_preference_training_takes_the_conversations_that_it_looks_at_too(place):
    small = row("Which?", "pair")
    pair = {"prompt": small["messages"][:1], "chosen": small["messages"][1:], "rejected": [{"role": "assistant", "content": "No."}]}  # fmt: skip
    for side in ("train", "valid"):
        state.write_jsonl(place.file("data", "dpo", f"{side}.jsonl"), [pair])
    run = begun(place, "dpo")
    assert {p.parent.name for p in run.file("data").rglob("train.jsonl")} == {"sft", "dpo"}


def test_a_copy_that_was_interrupted_is_begun_again(place):
    run = begun(place)
    shutil.move(run.file("data"), run.file(".data"))
    run.file(".data", "sft", "train.jsonl").write_text("half")
    provenance.take_rows(run, ("sft",), place.file("data"))
    provenance.require_taken(run)
    assert not run.file(".data").exists()


def forget(place, *what: str) -> purge.Purged:
    forgetting.exclude(place, [], list(what))
    return purge.complete(place)


def test_forgetting_reaches_the_runs_own_rows_and_marks_who_learned_it(home):
    place = prepared.allowed(home)
    first, second = prepared.deployed(place, 1), prepared.finished(place, 2)
    prepared.learned(place, first, "I was at the clinic in Bergen.", "What is the weather?")
    prepared.learned(place, second, "What is the weather?")
    later = prepared.finished(place, 3, kind="dpo", current_run=first.id)
    later.update(start={"run": first.id, "fingerprint": "f"})
    # data/ was exported again since: only the run's own copy still has it.
    purged = forget(place, "the clinic in Bergen")
    assert purged.rows_removed == 0
    assert purged.learned_by == [first.id, later.id], "and who began from it"
    assert purged.active == {"sft": first.id}
    left = first.file("data", "sft", "train.jsonl").read_text()
    assert "Bergen" not in left and "weather" in left
    assert "weather" in second.file("data", "sft", "train.jsonl").read_text()
    again = forget(place, "the clinic in Bergen")
    assert again.learned_by == [first.id, later.id], "asked twice, it is still known"
    assert forget(place, "the weather").learned_by == [first.id, second.id, later.id]


def test_what_was_excluded_first_is_still_found_when_it_is_forgotten(home):
    place = prepared.allowed(home)
    run = prepared.finished(place, 1)
    prepared.learned(place, run, "I was at the clinic in Bergen.")
    forgetting.exclude(place, ["the clinic in Bergen"], [])
    assert purge.complete(place) is None and "Bergen" in run.file("data", "sft", "train.jsonl").read_text()  # fmt: skip
    assert forget(place, "the clinic in Bergen").learned_by == [run.id]


@pytest.mark.parametrize("side", ["train", "valid"])
def test_rows_that_were_excluded_after_their_export_are_not_trained_on(place, side):
    """The export after it may have failed, or the rows come from elsewhere."""
    rows = state.read_jsonl(place.file("data", "sft", f"{side}.jsonl"))
    state.write_jsonl(place.file("data", "sft", f"{side}.jsonl"), [*rows, row("In Bergen.", "b")])

    def prepare(_call, settings, _run):
        return Preflight(settings, Data("f", "", {"train": 9, "valid": 3}))

    def begin(*given):
        kind = KINDS["sft"]
        call = calling.read_call(launch.build_parser("", kind), [*given, "--home", str(place.path)], "program")  # fmt: skip
        return launch.main(call, launch.Training(kind, prepare, *[pytest.fail] * 3))

    forgetting.exclude(place, ["Bergen"], [])
    for given in ((), ("--dry-run",)):
        with pytest.raises(Refused, match=r"'Bergen' \(1 row\)") as refused:
            begin(*given)
        assert refused.value.hint == "uv run scripts/export_data.py"
    assert runs.all_runs(place) == []
    forgetting.record(place, forgetting.Edit(keep=("Bergen",)))
    assert begin("--dry-run").data["status"] == "planned"


def test_forgetting_needs_no_consent_and_no_database(home):
    place = prepared.allowed(home)
    run = prepared.finished(place, 1)
    prepared.learned(place, run, "I was at the clinic in Bergen.", "What is the weather?")
    calls.answer("setup", "--revoke", "conversations", home=home)
    left_behind = place.file("data", "sft", ".train.jsonl.abcdefgh")
    left_behind.write_text("I was at the clinic in Bergen.")
    answer = calls.answer("export_data", "--forget", "the clinic in Bergen", home=home)
    assert answer["status"] == "forgotten"
    forgot = answer["forgotten"]
    assert (forgot["rows_removed"], forgot["learned_by"]) == (2, [run.id])
    assert forgot["active"] == {}
    assert not left_behind.exists(), "what a killed export left is swept"
    found = [p for p in home.rglob("*.json*") if "Bergen" in p.read_text()]
    assert {p.name for p in found} == {"exclusions.json"}, "only what keeps it out"


def test_what_was_forgotten_is_reported_even_if_the_database_cannot_be_read(home):
    place = prepared.allowed(home)
    run = prepared.finished(place, 1)
    prepared.learned(place, run, "I was at the clinic in Bergen.", "What is the weather?")
    damaged = home / "fae.db"
    damaged.write_text("no database")
    answer = calls.answer("export_data", "--forget", "the clinic in Bergen", "--db", damaged, home=home)  # fmt: skip
    assert answer["status"] == "forgotten" and answer["forgotten"]["learned_by"] == [run.id]
    assert "damaged" in answer["not_exported"]
    failed = calls.script("export_data", "--json", "--db", damaged, home=home)
    assert failed.status == 6 and failed.json["status"] == "error"


def test_forgetting_that_was_interrupted_is_completed_before_anything_is_trained(place):
    """The exclusion was kept, and the process killed before it took out the rows."""
    rows = [row("I was at the clinic in Bergen.", "gone"), *[row(f"Word {n}?", f"k{n}") for n in range(9)]]  # fmt: skip
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), rows)
    forgetting.exclude(place, [], ["the clinic in Bergen"])
    given = (*small_runs.SETTINGS, "--model", calls.LANGUAGE_MODEL)
    planned = calls.answer("train", *given, "--dry-run", home=place.path)
    assert planned["rows"]["train"] == 10, "a dry run changes nothing"
    assert purge.complete(place).rows_removed == 1
    assert calls.answer("train", *given, "--dry-run", home=place.path)["rows"]["train"] == 9
