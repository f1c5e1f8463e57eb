"""What forgetting reaches, place by place, and what it leaves alone."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

import prepared
from fae_training.calls.errors import Failed
from fae_training.conversations import change_report, forgetting
from fae_training.conversations.forgetting import Exclusions
from fae_training.lifecycle import forgotten_texts, learned, provenance, purge, runs
from fae_training.release import approval, deployment
from fae_training.speech import misheard, vocabulary
from fae_training.store import consent, locks, state
from fae_training.store.transactions import changing

SAID = "I was at the clinic in Bergen."
TOPIC = "the clinic in Bergen"


def forget(place, *what: str) -> purge.Purged:
    forgetting.exclude(place, [], list(what))
    return purge.complete(place)


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


def row(text: str, name: str = "e", **more) -> dict:
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "I see."}]
    return {"messages": messages, "source": {"ids": [name], "session": f"s-{name}"}, **more}


def learner(place, *said: str, seed: int = 1) -> runs.Run:
    """A finished run that learned this."""
    run = prepared.finished(place, seed)
    for side in ("train", "valid"):
        state.write_jsonl(run.file("data", "sft", f"{side}.jsonl"), [row(text) for text in said])
    provenance.keep_sources(run)
    return run


def naming(place, word: bytes = b"Bergen") -> list[str]:
    """The files that contain it, but for exclusions.json."""
    found = [p for p in place.path.rglob("*") if p.is_file() and word in p.read_bytes()]
    return [str(p.relative_to(place.path)) for p in found if p.name != "exclusions.json"]


# Rows.


def test_the_counts_beside_the_rows_are_those_of_the_rows_that_are_left(place):
    for side, rows in (
        ("train", [row(SAID), row("One."), row("Two.")]),
        ("valid", [row("Three.")]),
    ):
        state.write_jsonl(place.file("data", "sft", f"{side}.jsonl"), rows)
    meta = place.file("data", "sft", "meta.json")
    state.write_json(meta, {"rows": {"train": 3, "valid": 1}, "data_fingerprint": "f", "turns": 4})
    forget(place, TOPIC)
    kept = state.read_json(meta)
    assert (kept["rows"], kept["turns"]) == ({"train": 2, "valid": 1}, 4)
    assert kept["data_fingerprint"] == provenance.fingerprint(place.file("data"), "sft")
    forget(place, "one", "two", "three")
    kept = state.read_json(meta)
    assert kept["rows"] == {"train": 0, "valid": 0} and kept["data_fingerprint"] is None


def test_spoken_rows_go_with_their_recordings_and_nothing_beside_them(place, tmp_path):
    outside = tmp_path / "mine.wav"
    outside.write_bytes(b"RIFF")
    clips = place.directory("stt", "clips")
    for name in ("a", "b"):
        (clips / f"{name}.wav").write_bytes(b"RIFF")
    (clips / "linked.wav").symlink_to(outside)
    named = ("stt/clips/a.wav", "../mine.wav", "stt/clips/linked.wav", "stt/clips", None)
    rows = [{"audio": audio, "text": "Bergen clinic", "source": {"ids": []}} for audio in named]
    kept = {"audio": "stt/clips/b.wav", "text": "Oslo", "source": {"ids": []}}
    state.write_jsonl(place.file("data", "stt", "train.jsonl"), [*rows, kept])
    state.write_json(place.file("data", "stt", "meta.json"), {"clips": 6})
    assert purge.preview(place, [TOPIC]).rows_removed == 5 and (clips / "a.wav").exists()
    assert forget(place, TOPIC).rows_removed == 5
    assert state.read_jsonl(place.file("data", "stt", "train.jsonl")) == [kept]
    assert sorted(path.name for path in clips.iterdir()) == ["b.wav", "linked.wav"]
    assert outside.exists() and not place.file("data", "stt", "meta.json").exists()


@pytest.mark.parametrize("what", ["session", "speaker", "voice", "ids"])
def test_rows_are_forgotten_by_the_id_of_their_session_speaker_voice_or_record(place, what):
    source = {"ids": ["other"], "session": "other", what: ["here"] if what == "ids" else "here"}
    state.write_jsonl(
        place.file("data", "sft", "train.jsonl"), [row("One.") | {"source": source}, row("Two.")]
    )
    assert forget(place, "id:here").by_topic == {"here": 1}
    assert state.read_jsonl(place.file("data", "sft", "train.jsonl")) == [row("Two.")]


def test_a_line_that_is_not_json_goes_if_it_mentions_it(place):
    path = place.file("data", "sft", "train.jsonl")
    state.write_jsonl(path, [row("One.")])
    whole = path.read_text()
    for damaged in ('{"messages": [{"content": "%s"' % SAID, '{"content": "clinic\\nBergen"'):  # noqa: UP031
        path.write_text(whole + damaged)
        assert purge.preview(place, [TOPIC]).texts == 1 and damaged in path.read_text()
        assert forget(place, TOPIC).texts == 1
        assert path.read_text() == whole
    path.write_text(whole + '{"messages": ')
    assert forget(place, TOPIC).texts == 0 and path.read_text() != whole, "another stays"


def test_what_fae_s_own_instructions_say_makes_no_row_go(place):
    rows = [row("One."), {"conversations": [{"from": "human", "value": "Two."}]}]
    rows[0]["messages"].insert(0, {"role": "system", "content": SAID})
    rows[1]["conversations"].insert(0, {"from": "system", "value": SAID})
    rows.append(row("Three.", tools=[{"description": SAID}], audio="clips/clinic-Bergen.wav"))
    rows.append(row("Four.") | {"source": {"ids": [], "file": "clinic in Bergen.txt"}})
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), rows)
    assert forget(place, TOPIC).rows_removed == 0


def test_half_a_copy_of_the_rows_goes_with_the_start_that_was_killed(place):
    run = prepared.finished(place, 1)
    state.write_jsonl(run.file(provenance.HALF_COPY, "sft", "train.jsonl"), [row(SAID)])
    forget(place, TOPIC)
    assert not run.file(provenance.HALF_COPY).exists() and naming(place) == []


def test_what_killed_writers_left_is_swept_wherever_they_write(place):
    run = learner(place, "What is the weather?")
    places = [
        place.file("data"),
        place.file("data", "dpo"),
        place.file("stt"),
        place.file("results"),
    ]
    places += [run.directory, run.file("data", "sft")]
    for directory in places:
        state.write_text(directory / ".rows.jsonl.abcd1234", SAID)
    state.write_text(place.file("data", ".work-1", "deep", "half.jsonl"), SAID)
    purge.preview(place, [TOPIC])
    assert len(naming(place)) == 7
    forget(place, TOPIC)
    assert naming(place) == []


@pytest.mark.parametrize("said", ["昨日の面接はどうでしたか。", "The 面接 was hard."])
def test_a_topic_is_found_in_a_script_without_spaces(place, said):
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), [row(said), row("面白いですね。")])
    assert forget(place, "面接").rows_removed == 1
    assert len(state.read_jsonl(place.file("data", "sft", "train.jsonl"))) == 1


def test_a_topic_is_words_and_never_a_pattern(place):
    rows = [
        row("The Bergen[ clinic."),
        row("Αθήνα in spring."),
        row("Bergamo."),
        row("C++ is hard."),
    ]
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), rows)
    assert forget(place, "(Bergen.*", "[Αθήνα]", "C++", "amo").rows_removed == 3
    assert state.read_jsonl(place.file("data", "sft", "train.jsonl")) == [row("Bergamo.")]


def test_a_data_directory_that_is_a_link_is_gone_through_too(place, tmp_path):
    run = learner(place, SAID)
    disk = tmp_path / "disk"
    disk.mkdir()
    place.file("data").symlink_to(disk)
    state.write_jsonl(disk / "sft" / "train.jsonl", [row(SAID), row("One.")])
    for name in ("meta.json.corrupt-20261101-010101", ".train.jsonl.abcd1234"):
        state.write_text(disk / "sft" / name, SAID)
    assert forget(place, TOPIC).learned_by == [run.id]
    assert place.file("data").is_symlink()
    assert not [p for p in disk.rglob("*") if p.is_file() and b"Bergen" in p.read_bytes()]


# Recordings.


def test_the_samples_of_a_person_s_voice_go_with_the_person(place):
    samples = place.directory("keyword", "samples", "wake")
    names = ("Anna--kitchen-1.wav", "me--desk-2.wav", "me--lake-3.wav", "Hanna--desk-4.wav")
    for name in names:
        (samples / name).write_bytes(b"RIFF")
    other = place.directory("speech_verifier", "samples", "speech") / "Anna--hall-5.wav"
    other.write_bytes(b"RIFF")
    assert purge.preview(place, ["person:Anna"]).recordings == 2 and other.exists()
    assert forget(place, "person:anna", "id:lake-3").recordings == 3
    assert sorted(path.name for path in samples.iterdir()) == [names[3], names[1]]
    assert not other.exists()
    assert forget(place, "Hanna").recordings == 1, "a topic may be a person too"


def test_a_recording_that_another_correction_uses_stays(place):
    consent.change(place, ["corrections"], [])
    clips = place.directory("stt", "clips")
    for name in ("shared.wav", "own.wav"):
        (clips / name).write_bytes(b"RIFF")
    prepared.corrected(place, "Bergan clinic", "Bergen clinic", origin="dialogue")
    line = state.read_jsonl(place.file(*misheard.FILE))[0]
    lines = [line | {"audio": "stt/clips/shared.wav"}, line | {"audio": "stt/clips/own.wav"}]
    other = line | {"heard": "Marian", "meant": "Marion", "audio": "stt/clips/shared.wav"}
    state.write_jsonl(place.file(*misheard.FILE), [*lines, other])
    assert forget(place, TOPIC).corrections >= 2
    assert [path.name for path in clips.iterdir()] == ["shared.wav"]
    assert state.read_jsonl(place.file(*misheard.FILE)) == [other]


def test_a_word_that_was_learned_only_from_a_forgotten_correction_leaves_the_vocabulary(place):
    consent.change(place, ["corrections"], [])
    prepared.corrected(place, "call bergan today", "call Bergen today", origin="dialogue")
    prepared.corrected(place, "Marian", "Marion")
    terms = [term["term"] for term in place.read(vocabulary.FILE)["terms"]]
    assert set(terms) == {"Bergen", "Marion"}
    forget(place, "call today")
    assert [term["term"] for term in place.read(vocabulary.FILE)["terms"]] == ["Marion"]


# Runs.


def test_a_run_is_found_by_the_ids_of_its_records_alone(place):
    """Both by an id that is named, and by those of the rows in data/ that mention it."""
    run, other = prepared.finished(place, 1), prepared.finished(place, 2)
    state.write_json(run.file("sources.json"), {"ids": ["e-1", "e-2"]})
    assert forget(place, "id:e-2").learned_by == [run.id]
    state.write_json(other.file("sources.json"), {"ids": ["e-3"]})
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), [row(SAID, "e-3")])
    assert forget(place, TOPIC).learned_by == [other.id]


def test_a_run_of_an_earlier_version_gets_the_hashes_of_its_rows_before_they_go(place):
    run = learner(place, "The interviewers in Bergen were kind.", "What is the weather?")
    run.file(learned.FILE).unlink()
    assert forget(place, "the interview").learned_by == [run.id]
    assert forget(place, "Bergen").learned_by == [run.id], "by what else the row said"


def test_the_hashes_of_what_a_run_learned_stay_when_others_are_added(place):
    """Of a run that was resumed, and of one whose rows are gone."""
    run = learner(place, "We were in Oslo.")
    learned.keep(run, [row("We were in Bergen.")])
    learned.note(run, ["Hamburg"])
    run.file("data", "sft", "train.jsonl").unlink()
    for word in ("Oslo", "Bergen", "Hamburg"):
        assert forget(place, word).learned_by == [run.id], word
    assert forget(place, "the fishmongers of Bergen").learned_by == [], "one word of two"


def test_the_first_time_at_which_it_was_found_stays_and_other_runs_are_not_touched(place):
    run, other = learner(place, SAID, "And Oslo?"), learner(place, "The weather?", seed=2)
    before = {p: p.read_bytes() for p in other.directory.rglob("*") if p.is_file()}
    forget(place, TOPIC)
    run.update(**{learned.MARK: "2026-01-01T00:00:00+00:00"})
    assert forget(place, "Oslo").learned_by == [run.id]
    assert runs.Run(place, run.id).record[learned.MARK].startswith("2026-01-01")
    assert {p: p.read_bytes() for p in other.directory.rglob("*") if p.is_file()} == before


def test_a_preview_marks_stops_and_writes_nothing(place):
    run = learner(place, SAID)
    prepared.deployed(place, 2)
    state.write_text(run.file("proposal.md"), SAID)
    state.write_text(place.file("results", "x.html"), SAID)
    forgetting.exclude(place, [], ["Oslo"])
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), [row("In Oslo."), row(SAID)])
    before = {p: p.read_bytes() for p in place.path.rglob("*") if p.is_file()}
    with runs.locked(place, run.id):
        planned = purge.preview(place, [TOPIC])
    assert planned.by_topic == {"Oslo": 1, TOPIC: 1}, "with what is still to be done"
    before[place.file("lock")] = place.file("lock").read_bytes()
    assert {p: p.read_bytes() for p in place.path.rglob("*") if p.is_file()} == before


def test_a_run_that_learns_it_now_is_stopped_and_what_it_writes_later_goes_too(place):
    run, other = learner(place, SAID), learner(place, "The weather?", seed=2)
    with runs.locked(place, run.id):
        state.write_text(run.file(".train_metrics.json.abcd1234"), "being written")
        purged = forget(place, TOPIC)
        assert purged.learned_by == [run.id] and run.file("cancel").exists()
        assert not other.file("cancel").exists()
        assert run.file(".train_metrics.json.abcd1234").exists(), "its writer is alive"
        # Of rows that it had read before.
        state.write_text(place.file("cache", "sft-train-1.json"), SAID)
        state.write_json(run.file("train_metrics.json"), {"benchmark": {"examples": [SAID]}})
        assert forgetting.pending(place) != Exclusions()
    assert purge.complete(place).learned_by == [run.id]
    assert naming(place) == [] and forgetting.pending(place) == Exclusions()
    assert not run.file(".train_metrics.json.abcd1234").exists()


def test_a_run_without_its_record_keeps_the_request_until_it_is_repaired_or_deleted(place):
    run = learner(place, SAID, "What is the weather?")
    record = run.file("run.json").read_text()
    run.file("run.json").unlink()
    state.write_text(run.file("train.log"), f"row: {SAID}\n")
    for _ in range(2):
        with pytest.raises(Failed, match=f"{run.id} learned it, but cannot be marked") as refused:
            forget(place, TOPIC)
        assert f"rm -r {run.directory}" in refused.value.hint
    assert naming(place) == ["forgetting.json"], "all but the mark is done"
    run.file("run.json").write_text(record)
    assert purge.complete(place).learned_by == [run.id]
    assert learned.why_not(runs.Run(place, run.id)) and naming(place) == []


def test_a_damaged_run_that_learned_nothing_of_it_is_no_hindrance(place):
    run = learner(place, "What is the weather?")
    run.file("run.json").unlink()
    assert forget(place, TOPIC).learned_by == []
    assert forgetting.pending(place) == Exclusions() and not run.file("run.json").exists()


def test_the_answer_says_what_went_and_takes_back_each_kind_that_is_active(place):
    purged = purge.Purged(
        2, ["keyword-1", "sft-2"], {"keyword": "keyword-1", "sft": "sft-2"}, recordings=3
    )
    for status, would, when in (
        ("exported", "Removed", "now"),
        ("dry_run", "Would remove", "then"),
    ):
        said = change_report.forgotten({"status": status, "forgotten": asdict(purged)})
        assert f"{would} 2 rows from earlier exports." in said
        assert f"{would} 3 recordings of a voice." in said
        for line, kind in zip(said[-2:], ("keyword-1", "sft-2"), strict=True):
            back = f"Roll it back {when}: uv run scripts/rollback.py --kind {kind[:-2]}"
            assert line == f"FAE STILL USES {kind}, which learned it. {back}"


def test_the_active_run_of_each_kind_is_named_with_its_kind(place):
    prepared.deployed(place, 1)
    ears = prepared.finished(place, 2, kind="keyword")
    with changing(place) as change:
        deployment.deploy(change, ears)
    provenance.keep_files(ears, {"keyword/samples/wake/Anna--kitchen-1.wav": "0" * 64})
    purged = forget(place, "person:Anna")
    assert purged.active == {"keyword": ears.id}


# Texts.


def proposed(place, seed: int, **texts: str) -> runs.Run:
    run = prepared.judged(place, seed)
    with changing(place) as change:
        approval.keep(change, run, approval.new_code())
    for name in ("md", "html", "json"):
        state.write_text(run.file(f"proposal.{name}"), texts.get(name, '"A page."'))
    return run


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("md", "You asked about the clinic\nin Bergen."),
        ("html", "<p>O&#x27;Brien</p>"),
        ("json", '{"examples": ["Bergen, the clinic"]}'),
    ],
)
def test_all_pages_of_a_proposal_go_with_the_code_if_one_mentions_it(place, page, text):
    run, other = proposed(place, 1, **{page: text}), proposed(place, 2)
    purged = forget(place, TOPIC, "O'Brien")
    assert (purged.texts, purged.learned_by) == (1, [])
    assert not list(run.directory.glob("proposal.*")) and not run.file(approval.FILE).exists()
    assert len(list(other.directory.glob("proposal.*"))) == 3 and other.file(approval.FILE).exists()


def test_the_pages_of_a_run_that_learned_it_go_and_a_code_that_was_used_stays_as_its_history(place):
    run, used = proposed(place, 1), proposed(place, 2)
    for each in (run, used):
        state.write_jsonl(each.file("data", "sft", "train.jsonl"), [row(SAID)])
    state.write_json(used.file(approval.FILE), state.read_json(used.file(approval.FILE)) | {"used_at": state.now()})  # fmt: skip
    state.write_text(used.file("proposal.md"), SAID)
    forget(place, "Oslo")
    assert run.file("proposal.md").exists()
    forget(place, TOPIC)
    assert not [p for each in (run, used) for p in each.directory.glob("proposal.*")]
    assert not run.file(approval.FILE).exists() and used.file(approval.FILE).exists()


def test_the_note_of_a_run_and_its_error_lose_it_and_the_rest_of_the_record_stays(place):
    run = prepared.finished(place, 1)
    error = {"code": "failed", "message": f"row 3: {SAID}", "hint": "again"}
    run.update(note="without the Bergen clinic", request={"note": "Bergen clinic", "rank": "8"}, error=error)  # fmt: skip
    before = runs.Run(place, run.id).record
    assert purge.preview(place, [TOPIC]).texts == 1 == forget(place, TOPIC).texts
    gone = "[forgotten]"
    assert runs.Run(place, run.id).record == before | {
        "note": gone, "request": {"note": gone, "rank": "8"}, "error": error | {"message": gone}
    }  # fmt: skip


def test_what_a_worker_records_meanwhile_stays(place, monkeypatch):
    run = prepared.finished(place, 1)
    run.update(note=SAID)
    really = forgotten_texts.value_without

    def meanwhile(forgotten, value, quotes=False):
        if value == run.record:
            runs.Run(place, run.id).update(status="failed")
        return really(forgotten, value, quotes)

    monkeypatch.setattr(forgotten_texts, "value_without", meanwhile)
    forget(place, TOPIC)
    record = runs.Run(place, run.id).record
    assert (record["note"], record["status"]) == ("[forgotten]", "failed")


def test_lines_are_read_without_the_escapes_of_json_and_html(place):
    escaped = [json.dumps({"said": text}) for text in ("Η κλινική στην Αθήνα", "昨日𠮷田に会った")]
    state.append_jsonl(place.file("errors.jsonl"), {"traceback": "at the clinic:\nBergen"})
    state.append_jsonl(place.file("errors.jsonl"), {"traceback": "kept\u2028here"})
    state.write_text(place.file("schedule.log"), "\n".join(["one", *escaped, "two\n"]))
    state.write_text(place.file("setup.log"), "row 'clinic\\nBergen'\nthree\n")
    state.write_text(place.file("experiments", "e", "notes.txt"), "a\nO&#x27;Brien\n")
    purged = forget(place, TOPIC, "Αθήνα", "𠮷田", "O'Brien")
    assert purged.texts == 4
    lines = state.read_jsonl(place.file("errors.jsonl"))
    assert lines == [{"traceback": "[forgotten]"}, {"traceback": "kept\u2028here"}]
    assert place.file("schedule.log").read_text() == "one\n[forgotten]\n[forgotten]\ntwo\n"
    assert place.file("setup.log").read_text() == "[forgotten]\nthree\n"
    assert place.file("experiments", "e", "notes.txt").read_text() == "a\n[forgotten]\n"


def test_a_damaged_line_loses_it_and_a_line_that_was_cut_stays_cut(place):
    path = place.file("errors.jsonl")
    path.write_text(f'{{"traceback": "{SAID}\n{{"at":"now"}}\n{{"at": ')
    forget(place, TOPIC)
    assert path.read_text() == '{"text": "[forgotten]"}\n{"at":"now"}\n{"at": '


def test_half_a_character_beside_it_is_no_hindrance(place):
    path = place.file("runs", prepared.finished(place, 1).id, "score.json")
    path.write_text('{"examples": ["Bergen clinic", "half \\ud83c"]}')
    forget(place, TOPIC)
    assert json.loads(path.read_text())["examples"] == ["[forgotten]", "half \ud83c"]


def test_figures_and_names_of_our_own_files_stay_also_if_they_are_called_the_same(place):
    run = prepared.finished(place, 1)
    path = run.file("score.json")
    state.write_json(
        path, {"kind": "clinic", "loss": 1.5, "examples": {"clinic": "x", "at": "clinic"}}
    )
    forget(place, "clinic")
    kept = {"schema": 1, "kind": "clinic", "loss": 1.5, "examples": {"[forgotten]": "x", "at": "[forgotten]"}}  # fmt: skip
    assert state.read_json(path) == kept


def test_links_and_what_is_trained_are_not_read_as_texts(place, tmp_path):
    run = prepared.finished(place, 1)
    outside = tmp_path / "mine.log"
    outside.write_text(SAID)
    links = [run.file("linked.log"), place.file("errors.jsonl"), place.file("results", "x.txt")]
    for link in links:
        state.make_directory(link.parent)
        link.symlink_to(outside)
    saved = [run.file(name, "notes.txt") for name in ("adapters", "checkpoints", "stopped")]
    for path in saved:
        state.write_text(path, SAID)
    assert forget(place, TOPIC).texts == 0
    assert outside.read_text() == SAID and all(link.is_symlink() for link in links)
    assert all(path.read_text() == SAID for path in saved)


def test_a_text_that_cannot_be_read_keeps_the_request(place, monkeypatch):
    log = prepared.finished(place, 1).file("train.log")
    state.write_text(log, SAID)
    really = Path.read_text

    def denied(path, *given, **named):
        if path == log:
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, *given, **named)

    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(Failed, match=r"train\.log cannot be read") as refused:
        forget(place, TOPIC)
    assert refused.value.code == "unfinished_forgetting"
    monkeypatch.undo()
    assert purge.complete(place).texts == 1 and naming(place) == []


# One purge at a time, completely.


def test_what_cannot_be_removed_keeps_the_request(place, monkeypatch):
    cached = place.file("cache", "sft-train-1.json")
    left = place.file("data", ".work-1", "half.jsonl")
    state.write_text(cached, SAID)
    state.write_text(left, SAID)

    for owner, name, which in ((purge.shutil, "rmtree", left.parent), (Path, "unlink", cached)):
        really = getattr(owner, name)

        def denied(path, *given, which=which, really=really, **named):
            if path == which and not named.get("ignore_errors"):
                raise PermissionError(13, "Permission denied", str(path))
            return really(path, *given, **named)

        monkeypatch.setattr(owner, name, denied)
        with pytest.raises(Failed, match="Permission denied") as refused:
            forget(place, TOPIC)
        assert refused.value.code == "unfinished_forgetting"
        monkeypatch.undo()
        assert forgetting.pending(place).topics == (TOPIC,)
    assert purge.complete(place) and naming(place) == []


def test_a_kill_before_the_rows_are_written_loses_neither_a_run_nor_a_recording(place, monkeypatch):
    """A run of an earlier version is found by the ids of rows in data/ alone, a recording by the row that names it."""
    consent.change(place, ["corrections"], [])
    run = prepared.finished(place, 1)
    state.write_json(run.file("sources.json"), {"ids": ["e-1"]})
    state.write_jsonl(place.file("data", "sft", "train.jsonl"), [row(SAID, "e-1")])
    clips = [place.file("stt", "clips", f"{name}.wav") for name in ("row", "correction")]
    for clip in clips:
        state.write_text(clip, "RIFF")
    spoken = {"audio": "stt/clips/row.wav", "text": "Bergen clinic"}
    state.write_jsonl(place.file("data", "stt", "train.jsonl"), [spoken])
    prepared.corrected(place, "Bergan clinic", "Bergen clinic", origin="dialogue")
    line = state.read_jsonl(place.file(*misheard.FILE))[0] | {"audio": "stt/clips/correction.wav"}
    state.write_jsonl(place.file(*misheard.FILE), [line])
    really = purge.write_jsonl

    def killed_after(path, rows):
        really(path, rows)
        raise KeyboardInterrupt

    monkeypatch.setattr(purge, "write_jsonl", killed_after)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            forget(place, TOPIC)
    monkeypatch.undo()
    purge.complete(place)
    assert runs.Run(place, run.id).record[learned.MARK]
    assert not any(clip.exists() for clip in clips) and naming(place) == []


def test_no_export_runs_meanwhile_and_what_is_asked_meanwhile_is_not_lost(place, monkeypatch):
    really = purge._Purge._clear_cache

    def meanwhile(self):
        assert locks.try_exclusive(place.file("data", ".lock")) is None, "an export has to wait"
        forgetting.exclude(place, [], ["Oslo", TOPIC])
        really(self)

    monkeypatch.setattr(purge._Purge, "_clear_cache", meanwhile)
    forget(place, TOPIC)
    monkeypatch.undo()
    assert forgetting.pending(place).topics == ("Oslo",)
    assert purge.complete(place) and purge.complete(place) is None
