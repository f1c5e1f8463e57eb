"""Forgotten topics are removed from everything stored, and a run that learned one is found and no longer used."""

import json
import math
import runpy
import time
from pathlib import Path

import pytest

import calls
import prepared
import small_runs
from fae_days import Days, plain
from fae_training.app import app_results
from fae_training.calls import calling
from fae_training.calls.errors import BadRequest, Failed, Refused
from fae_training.conversations import forgetting
from fae_training.conversations.forgetting import Exclusions
from fae_training.conversations.mentions import Forgotten
from fae_training.conversations.spoken_requests import SpokenRequests
from fae_training.lifecycle import launch, learned, provenance, purge, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.preflight import Data, Preflight
from fae_training.release import approval, deployment
from fae_training.speech import misheard, vocabulary
from fae_training.store import consent, state
from fae_training.store.state import Home
from fae_training.store.transactions import changing

SAID = "I was at the clinic in Bergen."


def forget(place, *what: str) -> purge.Purged:
    forgetting.exclude(place, [], list(what))
    return purge.complete(place)


def learns(place, seed: int, *said: str, kind="sft", **changed) -> runs.Run:
    """A finished run that learned what was said."""
    run = prepared.finished(place, seed, kind=kind, **changed)
    prepared.learned(place, run, *said)
    rows = state.read_jsonl(run.file("data", "sft", "train.jsonl"))
    learned.keep(run, rows)
    return run


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


def test_a_run_is_found_by_its_own_hashes_when_every_row_is_gone(place):
    run = learns(place, 1, SAID, "What is the weather?")
    other = learns(place, 2, "What is the weather?")
    for each in (run, other):
        for path in (*each.file("data").rglob("*.jsonl"), *place.file("data").rglob("*.jsonl")):
            path.unlink()
    kept = run.file(learned.FILE).read_text()
    assert "Bergen" not in kept and "bergen" not in kept
    assert forget(place, "the clinic in Bergen").learned_by == [run.id]
    assert forget(place, "clinics in Bergen").learned_by == [run.id], "asked again, differently"
    assert runs.Run(place, run.id).record[learned.MARK]
    assert not runs.Run(place, other.id).record.get(learned.MARK)


def test_a_forgotten_speaker_is_removed_from_the_list_of_sounds_of_a_run(place):
    run, other = (prepared.finished(place, seed, kind="keyword") for seed in (1, 2))
    anna, me = "keyword/samples/wake/Anna--kitchen-1.wav", "keyword/samples/wake/me--desk-2.wav"
    provenance.keep_files(run, {anna: "0" * 64, me: "1" * 64})
    provenance.keep_files(other, {me: "1" * 64})
    preview = purge.preview(place, ["person:Anna"])
    assert preview.learned_by == [run.id] and anna in provenance.files_of(run), (
        "a look takes nothing"
    )
    assert forget(place, "person:Anna").learned_by == [run.id]
    assert "Anna" not in run.file("files.json").read_text()
    assert provenance.files_of(run) == {me: "1" * 64} == provenance.files_of(other)
    assert learned.why_not(runs.Run(place, run.id)) and not learned.why_not(
        runs.Run(place, other.id)
    )


def test_runs_that_started_from_it_are_found_also_when_it_was_deleted(place):
    first = learns(place, 1, SAID)
    second = learns(place, 2, "What is the weather?")
    second.update(start={"run": first.id, "fingerprint": "f"})
    learned.keep(second, [])
    third = learns(place, 3, "And the snow?")
    third.update(start={"run": second.id, "fingerprint": "f"})
    learned.keep(third, [])
    calls.answer("delete_data", "--runs", first.id, "--yes", home=place.path)
    assert forget(place, "the clinic in Bergen").learned_by == [second.id, third.id]


def test_a_forgetting_that_was_cut_off_after_the_rows_went_still_marks_the_run(place, monkeypatch):
    run = learns(place, 1, SAID)

    def killed(self, learned_by):
        raise KeyboardInterrupt

    monkeypatch.setattr(purge._Purge, "_take_texts", killed)
    with pytest.raises(KeyboardInterrupt):
        forget(place, "the clinic in Bergen")
    monkeypatch.undo()
    assert "Bergen" not in run.file("data", "sft", "train.jsonl").read_text()
    assert purge.complete(place).learned_by == [run.id]


def test_a_run_of_an_earlier_version_that_is_known_by_ids_alone_is_found_again(place):
    run, other = prepared.finished(place, 1), prepared.finished(place, 2)
    prepared.learned(place, other, SAID)
    for path in other.file("data").rglob("*.jsonl"):
        path.unlink()
    state.write_json(run.file("sources.json"), {"ids": ["episode-Bergen."]})
    assert forget(place, "the clinic in Bergen").learned_by == [run.id]
    assert forget(place, "the clinic in Bergen").learned_by == [run.id], "the rows are gone by now"


def test_a_marked_run_is_reported_and_not_proposed_deployed_resumed_or_started_from(place):
    base, run = prepared.deployed(place, 0), prepared.judged(place, 1)
    with changing(place) as change:
        approval.keep(change, run, approval.new_code())
        deployment.deploy(change, run, "judged")
    prepared.learned(place, run, SAID)
    purged = forget(place, "the clinic in Bergen")
    assert purged.active == {"sft": run.id}
    answer = calls.answer("check_status", "--run", run.id, home=place.path)
    [loud] = [remark for remark in answer["remarks"] if run.id in remark]
    assert loud.startswith("Fae is still using this update") and "rollback.py --kind sft" in loud
    assert "forgotten" in answer and answer["next"]["script"] == "rollback"
    listed = calls.answer("list_runs", home=place.path)
    assert "asked to forget" in next(r for r in listed["runs"] if r["run"] == run.id)["changed"]
    for script, *given in (("propose", "--run", run.id), ("deploy", "--run", run.id, "--code", "ABC-DEF")):  # fmt: skip
        got = calls.script(script, *given, "--json", home=place.path)
        assert got.status == 3, got.out
        assert got.json["error"]["code"] == "learned_what_was_forgotten"
        assert got.json["next"]["script"] == "train"
    for how in ("--peft", "--dry-run"):
        got = calls.script("fuse", "--run", run.id, how, "--json", home=place.path)
        assert got.json["error"]["code"] == "learned_what_was_forgotten", got.out
    checked = calls.answer("deploy", "--check", home=place.path)
    assert checked["runs"] == {} and "Roll it back now" in checked["remarks"][0]
    assert "asked to forget" in app_results.publish(place, runs.Run(place, run.id)).says
    again = runs.Run(place, run.id)
    with pytest.raises(Refused, match="asked to forget"):
        learned.require_unmarked(again)
    calls.answer("rollback", home=place.path)
    assert deployment.current(place, "language").run == base.id


def test_resuming_a_marked_run_is_refused(small_home):
    place = state.Home(small_home)
    run = runs.create(place, "sft", {"settings": {"preset": "light", "steps": 4}})
    run.update(status="cancelled")
    learned.mark(run)
    got = calls.script("train", "--resume", run.id, "--json", home=small_home)
    assert got.json["error"]["code"] == "learned_what_was_forgotten"


def test_what_is_forgotten_while_a_run_is_about_to_resume_keeps_it_from_resuming(small_home):
    place, kind = state.Home(small_home), KINDS["sft"]
    run = runs.create(place, "sft", {"settings": dict(kind.defaults), "data_fingerprint": "f"})
    run.update(status="cancelled")
    state.write_json(run.file("sources.json"), {"ids": ["e-1"]})

    def prepares_slowly(_call, settings, _run):
        assert forget(place, "id:e-1").learned_by == [run.id]
        return Preflight(settings, Data("f", "", {}))

    training = launch.Training(kind, prepares_slowly, *[pytest.fail] * 3)
    arguments = ["--resume", run.id, "--home", str(place.path)]
    call = calling.read_call(launch.build_parser("", kind), arguments, "program")
    with pytest.raises(Refused, match="asked to forget"):
        launch.main(call, training)
    assert runs.Run(place, run.id).status() == "cancelled"


def test_a_rollback_skips_runs_that_learned_it(place):
    base = prepared.deployed(place, 0)
    middle, top = prepared.deployed(place, 1), prepared.deployed(place, 2)
    prepared.learned(place, middle, SAID)
    assert forget(place, "the clinic in Bergen").learned_by == [middle.id]
    answer = calls.answer("rollback", home=place.path)
    assert answer["undone"] == top.id and answer["active"] == base.id
    assert answer["left_too"] == [middle.id]


def test_everything_that_was_written_about_it_is_removed(place):
    run = learns(place, 1, "What is the weather?")
    metrics = run.result()
    metrics["benchmark"]["examples"] = [{"prompt": SAID, "before": "I see.", "after": "Yes.", "wanted": None}]  # fmt: skip
    state.write_json(run.file("train_metrics.json"), metrics)
    mark = run.result()["benchmark"]["measures"]
    state.write_text(run.file("train.log"), f"a line\nrow: {SAID}\nanother\n")
    state.write_text(run.file("proposal.md"), f"It was asked: {SAID}")
    state.write_json(place.file("results", "export_data.json"), {"samples": [{"user": SAID}]})
    state.append_jsonl(place.file("errors.jsonl"), {"script": "x", "traceback": SAID})
    for meta in (place.file("data", "sft", "meta.json"), run.file("data", "sft", "meta.json")):
        state.write_json(meta, (state.read_json(meta) or {}) | {"topics": [["Bergen clinic", 7]]})
    state.write_json(place.file("cache", "sft-train-1.json"), {"tokens": SAID})
    place.directory("stt", "clips")
    consent.change(place, ["corrections"], [])
    for name in ("a.wav", "b.wav"):
        place.file("stt", "clips", name).write_bytes(b"RIFF")
    prepared.corrected(place, "Bergan clinic", "Bergen clinic", origin="dialogue")
    lines = state.read_jsonl(place.file(*misheard.FILE))
    lines[0]["audio"] = "stt/clips/a.wav"
    other = lines[0] | {"heard": "Marian", "meant": "Marion", "audio": "stt/clips/b.wav"}
    state.write_jsonl(place.file(*misheard.FILE), [*lines, other])
    vocabulary.keep(place, [], ["Bergen clinic", "Oslo"])
    consent.change(place, [], ["corrections"])
    left = place.file("data", ".work-abc")
    left.mkdir(parents=True)
    (left / "half.jsonl").write_text(SAID)
    preview = purge.preview(place, ["the clinic in Bergen"])
    assert SAID in run.file("train.log").read_text(), "a look changes nothing"
    purged = forget(place, "the clinic in Bergen")
    assert (preview.texts, preview.corrections) == (purged.texts, purged.corrections)
    found = [
        str(p.relative_to(place.path))
        for p in place.path.rglob("*")
        if p.is_file() and b"Bergen" in p.read_bytes()
    ]
    assert found == ["exclusions.json"], "only what keeps it out"
    assert not place.file("stt", "clips", "a.wav").exists()
    assert place.file("stt", "clips", "b.wav").exists() and not left.exists()
    assert run.result()["benchmark"]["measures"] == mark, "what was measured stays"
    assert run.file("train.log").read_text() == "a line\n[forgotten]\nanother\n"


# Guesses.


def dry(home, days, *given) -> dict:
    got = calls.script("export_data", "--db", days.done(), "--dry-run", *given, home=home)
    assert got.status == 0, got.out + got.err
    return got.out


def test_a_guess_is_a_rare_name_or_subject_and_the_person_sees_what_it_removed(place, tmp_path):
    days = Days(tmp_path / "fae", version=7, owner=False)
    for number in range(8):
        days.talk((f"The Number {number} bus on Monday and London rain?", plain(number)[1]))
    gone = days.talk(("We meet the Brambles of London at Number 9 on Monday.", "Good luck."))
    days.talk(("Are the brambles nice people?", "I think so."))
    days.forget(*gone)
    report = dry(place.path, days)
    assert "Brambles   (a guess from a forgotten record)" in report
    assert "      1  Brambles" in report
    assert "Not treated as a forgotten topic, because it comes up too often:" in report
    assert "London (in" in report
    assert "Monday" not in report.split("Not treated")[1].splitlines()[0]


def guesses(*records, requested_at=(), talk=()) -> tuple[set[str], dict[str, int]]:
    """The topics that are guessed from forgotten records (text, unix seconds), and those that are too common."""
    forgotten, requests = Forgotten(), SpokenRequests()
    requests.times += requested_at
    common = forgetting.add_guesses(forgotten, records, requests, lambda: iter(talk))
    return {topic.name for topic in forgotten.topics}, common


def test_nothing_is_guessed_from_what_was_forgotten_within_two_minutes_of_a_request():
    record = "I dined with Marion yesterday."
    for at in (880, 1000, 1120):
        assert guesses((record, at), requested_at=[1000]) == (set(), {})
    for at in (879, 1121):
        names, _ = guesses((record, at), requested_at=[1000])
        assert "Marion" in names


def test_a_word_that_is_also_written_without_a_capital_is_no_guess():
    talk = ["We saw Number Five.", "a number", "the number"]
    names, common = guesses(("I dined with Number yesterday.", 1), talk=talk)
    assert "Number" not in names and common["Number"] == 3


def test_a_guess_counts_up_to_three_turns_or_a_fiftieth_of_all():
    record = ("I dined with Marion yesterday.", 1)
    for turns, of, used in ((3, 100, True), (4, 100, False), (4, 200, True), (5, 200, False)):
        talk = [
            "We saw Marion.",
            *["What is new?"] * (of - turns),
            *["Hello Marion."] * (turns - 1),
        ]
        names, common = guesses(record, talk=talk)
        assert ("Marion" in names, common.get("Marion")) == (used, None if used else turns)


def test_a_dry_run_reports_what_forgetting_would_remove_by_topic(place, tmp_path):
    days = Days(tmp_path / "fae")
    days.talk(("The interview is tomorrow.", "Good luck."), plain(1))
    days.talk(plain(2), plain(3))
    days.talk(("My divorce again.", "I am sorry."))
    run = learns(place, 1, "The interviewer was kind.")
    report = dry(place.path, days, "--forget", "the interview", "--exclude", "my divorce")
    assert "      2  the interview" in report and "      1  my divorce" in report
    assert "Would remove 2 rows from earlier exports." in report and run.id in report
    assert not place.file("exclusions.json").exists()
    assert "interviewer" in run.file("data", "sft", "train.jsonl").read_text()


def test_a_preview_counts_each_row_once_and_the_copies_of_runs_apart(place):
    run = learns(place, 1, "The interviewer was kind to Anna.", "Anna came by.")
    planned = purge.preview(place, ["Anna", "the interview"])
    assert sum(planned.by_topic.values()) == planned.rows_removed
    assert planned.copies > 0 and planned.learned_by == [run.id]
    forgetting.exclude(place, [], ["Anna", "the interview"])
    done = purge.complete(place)
    assert (done.rows_removed, done.copies) == (planned.rows_removed, planned.copies)


@pytest.mark.parametrize("consented", [False, True])
def test_forgetting_is_planned_and_done_without_fae_s_database(place, tmp_path, consented):
    if not consented:
        consent.change(place, [], ["conversations"])
    learns(place, 1, "The interviewer was kind.")
    given = ("--forget", "the interview", "--db", str(tmp_path / "none.db"), "--json")
    planned = calls.script("export_data", *given, "--dry-run", home=place.path).json
    assert planned["status"] == "planned" and not place.file("exclusions.json").exists()
    assert "were not read" in planned["not_known"]
    done = calls.script("export_data", *given, home=place.path).json
    assert (done["status"], done["forgotten"]) == ("forgotten", planned["forgotten"])
    assert done["forgotten"]["rows_removed"] + done["forgotten"]["copies"] > 0
    assert (done["next"] is not None) == consented, "no training without consent"
    assert "hint" not in done, "nor is a consent asked for"


def test_without_consent_an_active_run_that_learned_it_is_the_next_step(place):
    run = prepared.deployed(place, 1)
    prepared.learned(place, run, "The interviewer was kind.")
    consent.change(place, [], ["conversations"])
    answer = calls.answer("export_data", "--forget", "the interview", home=place.path)
    assert answer["next"] == {"script": "rollback", "params": {"kind": "sft"}}


def test_a_request_is_never_learned_itself_also_where_no_messages_are_kept(place, tmp_path):
    days = Days(tmp_path / "fae", version=6, owner=False)
    days.talk(("Vergiss bitte das Vorstellungsgespräch.", "Natürlich."))
    days.talk(("Das Vorstellungsgespräch war schwer.", "Das tut mir leid."))
    days.talk(plain(1))
    answer = calls.answer("export_data", "--db", days.done(), home=place.path)
    assert answer["excluded"] == {"forgotten_topic": 2}


# By extraction.

SECRET, OTHERS = "Quillhaven", ("Brackwater", "Stonemere", "Ashcombe", "Fernhollow", "Marlscar")
ASKED = "What is the name of the cabin by the lake?"


def test_a_planted_secret_that_was_learned_is_gone_after_forgetting_and_training_again(
    finished_home,
):
    """Taken out of the model by asking: how much likelier the secret is than names that it never saw."""
    home = small_runs.fill(finished_home, train=6, choose=2, judge=4)
    place = state.Home(home)
    path = place.file("data", "sft", "train.jsonl")
    planted = {
        "messages": [
            {"role": "user", "content": ASKED},
            {"role": "assistant", "content": f"The cabin is called {SECRET}."},
        ],
        "weight": 1.0,
        "source": {"ids": ["planted"], "session": "planted"},
    }
    rows = state.read_jsonl(path)
    state.write_jsonl(path, [*rows, *[planted] * 6])
    first = trained(home)
    assert margin(first) > 1, "it was learned"
    forget(place, SECRET)
    assert runs.Run(place, first.name).record[learned.MARK]
    second = trained(home)
    assert margin(second) < 0.5, "nothing of it is left"
    assert SECRET not in second.joinpath("data", "sft", "train.jsonl").read_text()


def trained(home):
    """A run whose adapter is saved; the scoring is not waited for."""
    run = small_runs.start(home, "--rehearsal", "0")
    directory = home / "runs" / run
    small_runs.wait_for_step(home, run, 10)
    while not (directory / "adapters" / "adapter_config.json").exists():
        time.sleep(0.05)
    calls.answer("cancel", "--force", home=home)
    calls.wait_until_ended(run, home)
    return directory


def margin(directory) -> float:
    """Nats a token by which the secret is likelier than the likeliest other name, with the adapter less without it."""
    import mlx.core as mx
    from mlx_lm import load

    def likelihoods(model, tokenizer) -> dict[str, float]:
        found = {}
        for name in (SECRET, *OTHERS):
            messages = [{"role": "user", "content": ASKED}]
            head = tokenizer.apply_chat_template(messages, add_generation_prompt=True, enable_thinking=False)  # fmt: skip
            whole = head + tokenizer.encode(f"The cabin is called {name}.", add_special_tokens=False)  # fmt: skip
            logits = model(mx.array([whole[:-1]]))[0].astype(mx.float32)
            log_p = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
            targets = range(len(head) - 1, len(whole) - 1)
            found[name] = sum(log_p[n, whole[n + 1]].item() for n in targets) / len(targets)
        return found

    adapted = likelihoods(*load(str(calls.LANGUAGE_MODEL), adapter_path=str(directory / "adapters")))  # fmt: skip
    plain_ones = likelihoods(*load(str(calls.LANGUAGE_MODEL)))
    gained = {name: adapted[name] - plain_ones[name] for name in adapted}
    assert all(map(math.isfinite, gained.values())), json.dumps(gained)
    return gained[SECRET] - max(gained[name] for name in OTHERS)


def test_a_prefix_in_the_plural_is_understood_and_one_that_is_not_known_is_refused():
    assert Exclusions().with_phrases(["people:Ana"]).people == ("Ana",)
    for phrase in ("persn:Ana", "speaker:Ana"):
        with pytest.raises(BadRequest, match="expected person:NAME, id:ID or topic:WORDS"):
            forgetting.require_topics(Home(Path("none")), [phrase])
    forgetting.require_topics(Home(Path("none")), ["the talk at 10:30", "notes: the interview"])


def test_a_person_among_the_topics_of_exclusions_json_is_named_because_it_would_exclude_nothing(
    place,
):
    state.write_json(place.file("exclusions.json"), {"schema": 1, "topics": ["person:Ana"]})
    with pytest.raises(Failed, match="'person:Ana' is among the topics"):
        forgetting.load(place)


def test_damaged_files_and_unfinished_deletions_are_reached_too(place):
    run = learns(place, 1, SAID)
    said = f'{{"examples": ["{SAID}"], "cut": '
    damaged = [
        run.file("score.json.corrupt-20261101-010101"),
        place.file("config.json.corrupt-20261101-010101"),
    ]
    damaged += [run.file("evaluation.json"), place.file("experiments", "e-1.log")]
    for path in damaged:
        state.write_text(path, said)
    deep = run.file("notes.json")
    state.write_text(deep, "[" * 50_000 + json.dumps(SAID))
    left = place.file("runs", ".deleted-sft-20261101-0101-aa", "data", "train.jsonl")
    state.write_text(left, SAID)
    kept = place.file("exclusions.json.corrupt-20261101-010101")
    forget(place, "the clinic in Bergen")
    state.write_text(kept, SAID)
    forget(place, "the clinic in Bergen")
    assert not left.exists() and kept.read_text() == SAID
    for path in (*damaged, deep):
        assert "Bergen" not in path.read_text(), path


def test_what_is_forgotten_while_a_person_is_asked_is_not_deployed(place):
    run = prepared.judged(place, 1)
    prepared.learned(place, run, SAID, "What is the weather?")
    deploy = runpy.run_path(str(calls.SCRIPTS / "deploy.py"))
    call = calling.read_call(
        deploy["build_parser"](), ["--run", run.id, "--home", str(place.path)], "person"
    )
    call.terminal = True

    def said_yes_later(_question):
        assert forget(place, "the clinic in Bergen").learned_by == [run.id]
        return "y"

    deploy["main"].__globals__["typed"] = said_yes_later
    with pytest.raises(Refused, match="asked to forget"):
        deploy["main"](call)
    assert deployment.current(place, "language") is None
