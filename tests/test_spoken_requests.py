"""A sentence that was misread as a request to forget is shown, asked about where it takes much, and taken back."""

import json
import runpy
from datetime import datetime

import pytest

import calls
import prepared
from fae_days import START, Days, plain
from fae_training.calls import calling
from fae_training.calls.answering import as_call
from fae_training.calls.errors import BadRequest, Failed, Missing, SkillError
from fae_training.conversations import forgetting
from fae_training.conversations.forgetting import Edit, Exclusions
from fae_training.conversations.mentions import Forgotten
from fae_training.conversations.spoken_requests import (
    Kept,
    SpokenRequests,
    is_about,
    names_in_lower_case,
)
from fae_training.lifecycle import purge
from fae_training.release import standing
from fae_training.store import consent, state

EXPORT = runpy.run_path(str(calls.SCRIPTS / "export_data.py"))
ASKED = "Stop talking about my work"


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


def export(place, days, *given):
    """The answer of export_data in this process: its data, and its text for a person."""
    flags = ["--db", str(days.done()), "--home", str(place.path), *given]
    return EXPORT["main"](calling.read_call(EXPORT["build_parser"](), flags, "program"))


def talk_of_work(directory, asked=ASKED, about_work=8, others=12) -> Days:
    days = Days(directory)
    for number in range(about_work):
        days.talk(plain(number), (f"My work was long, day {number}.", "Rest a little then."))
    for number in range(others):
        days.talk(plain(100 + number))
    days.talk((asked, "All right."))
    return days


def left_out(answer) -> int:
    return answer.data["excluded"].get("forgotten_topic", 0)


def test_the_sentence_that_was_read_as_a_request_is_shown_with_what_it_took(place, tmp_path):
    days = talk_of_work(tmp_path / "fae", about_work=2)
    answer = export(place, days, "--dry-run")
    [taken] = answer.data["taken_by"]
    assert taken == {
        "what": "my work", "turns": 5, "conversations": 3, "guessed": False, "said": ASKED
    }  # fmt: skip
    assert f'5  my work   (in 3 conversations; you said: "{ASKED}")' in answer.text
    assert "--keep TOPIC" in answer.text and answer.data["undecided"] == []


def test_a_request_that_takes_much_is_left_out_and_asked_about(place, tmp_path):
    days = talk_of_work(tmp_path / "fae")
    answer = export(place, days, "--dry-run")
    assert answer.data["undecided"] == [
        {"what": "my work", "said": ASKED, "conversations": 9, "of": 21, "possible": False}
    ]
    assert left_out(answer) == 17, "nothing is learned before the answer"
    assert "9 of 21 conversations are left out for it, until you answer:" in answer.text
    assert "uv run scripts/export_data.py --keep 'my work'" in answer.text
    assert f'You said: "{ASKED}". Did you ask me to forget that?' in answer.data["say"]
    written = export(place, days)
    assert "--keep 'my work'" in written.text and "9 conversations of 21" in written.data["say"]
    # What is stored, and the answer to a program, which may be, name no topic.
    meta = place.file("data", "sft", "meta.json").read_text()
    assert json.loads(meta)["undecided"] == 1
    assert "work" not in meta + json.dumps({n: v for n, v in written.data.items() if n != "system_prompt"})  # fmt: skip
    [remark] = standing.of_home(place)
    assert "export_data.py --dry-run" in remark
    export(place, days, "--exclude", "work")
    assert standing.of_home(place) == [], "answered"
    assert export(place, days, "--dry-run").data["undecided"] == []


def test_a_damaged_export_does_not_keep_the_status_from_answering_and_stays_where_it_is(place):
    path = state.make_directory(place.file("data", "sft")) / "meta.json"
    path.write_text("{\n")
    assert standing.of_requests(place) == [] and path.read_text() == "{\n"


@pytest.mark.parametrize("phrase", ["my work", "work", ASKED, "stop talking about my work!"])
def test_keep_takes_the_request_back_by_topic_or_by_sentence(place, tmp_path, phrase):
    days = talk_of_work(tmp_path / "fae")
    planned = export(place, days, "--keep", phrase, "--dry-run")
    assert left_out(planned) == 0 and not place.file("exclusions.json").exists()
    answer = export(place, days, "--keep", phrase)
    assert answer.data["keeping"] == [phrase] and left_out(answer) == 0
    assert "undecided" not in answer.data["excluded"] and answer.data["undecided"] == 0
    assert "Will not leave out conversations because you asked to forget this" in answer.text
    again = export(place, days, "--dry-run")
    assert left_out(again) == 0 and again.data["taken_by"] == []


def test_what_is_asked_after_it_was_kept_counts_again(place, tmp_path):
    days = talk_of_work(tmp_path / "fae")
    kept = datetime.fromtimestamp(days.at + 60).astimezone().isoformat()
    place.write("exclusions.json", {"keep": [{"what": "my work", "at": kept}]})
    assert left_out(export(place, days, "--dry-run")) == 0
    days.talk(("Forget everything about my work.", "It is forgotten."))
    assert left_out(export(place, days, "--dry-run")) == 18


@pytest.mark.parametrize("how", ["--exclude", "--forget"])
def test_leaving_it_out_takes_keep_back_and_keep_takes_that_back(place, tmp_path, how):
    days = talk_of_work(tmp_path / "fae")
    export(place, days, "--keep", "my work")
    answer = export(place, days, how, "work")
    kept = forgetting.load(place)
    assert kept.topics == ("work",) and kept.keep == ()
    assert sum(answer.data["excluded"].values()) == 17
    answer = export(place, days, "--keep", "the work")
    assert answer.data["excluded_until_now"] == ["work"] and left_out(answer) == 0
    assert "Excluded until now: work." in answer.text
    assert forgetting.load(place).topics == ()


def test_a_misread_forget_everything_costs_one_call(place, tmp_path):
    days = talk_of_work(tmp_path / "fae", asked="Erase everything you know about me")
    with pytest.raises(Missing) as nothing:
        export(place, days)
    assert "--keep everything" in nothing.value.hint
    assert left_out(export(place, days, "--keep", "everything")) == 0


def test_a_request_without_a_topic_is_taken_back_by_its_sentence(place, tmp_path):
    days = talk_of_work(tmp_path / "fae", asked="Forget it.")
    [taken] = export(place, days, "--dry-run").data["taken_by"]
    assert (taken["what"], taken["conversations"]) == ("Forget it", 1)
    assert left_out(export(place, days, "--keep", "forget it")) == 0


def test_of_a_request_for_two_topics_one_can_be_kept(place, tmp_path):
    days = talk_of_work(tmp_path / "fae", asked="Please forget my work and my knee.")
    days.talk(("My knee hurts.", "I am sorry."))
    answer = export(place, days, "--keep", "work")
    assert left_out(answer) == 2, "the knee, and the request itself"


def test_a_name_is_not_asked_about_and_a_few_conversations_are_not(place, tmp_path):
    for number, (asked, about) in enumerate((("Forget Rosalind.", "Rosalind"), (ASKED, "my work"))):
        days = Days(tmp_path / str(number))
        for each in range(9 if about == "Rosalind" else 4):
            days.talk((f"We spoke about {about}, {each}.", "I see."), plain(each))
        days.talk(plain(99))
        days.talk((asked, "All right."))
        answer = export(place, days, "--dry-run")
        assert left_out(answer) > 4 and answer.data["undecided"] == []


def test_a_guess_can_be_kept_too(place, tmp_path):
    days = Days(tmp_path / "fae", version=7, owner=False)
    gone = days.talk(("I dined with Marion yesterday.", "How was it?"))
    days.talk(("I dined with Marion again.", "Nice."))
    days.talk(plain(1))
    days.forget(*gone)
    assert left_out(export(place, days, "--dry-run")) == 1
    assert left_out(export(place, days, "--keep", "Marion", "--dry-run")) == 0


def test_what_a_call_changed_is_said_also_where_nothing_can_be_exported(place, tmp_path):
    days = talk_of_work(tmp_path / "fae")
    consent.change(place, [], ["conversations"])
    for given, named in (("--exclude", "excluding"), ("--keep", "keeping")):
        planned = export(place, days, given, "my knee", "--dry-run")
        assert planned.data["status"] == "planned" and "Nothing was changed." in planned.text
        before = forgetting.load(place)
        answer = export(place, days, given, "my knee")
        assert answer.data["status"] == "changed" and answer.data[named] == ["my knee"]
        assert (
            "needs your permission" in answer.data["not_exported"]
            and "setup.py --consent" in answer.text
        )
        assert forgetting.load(place) != before
    with pytest.raises(SkillError, match="needs your permission"):
        export(place, days)


def test_something_to_keep_that_is_left_out_nowhere_is_said(place, tmp_path):
    answer = export(place, talk_of_work(tmp_path / "fae"), "--keep", "wrok")
    assert "no request to forget and no exclusion names it" in answer.text
    assert left_out(answer) == 17


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (Edit(keep=("?!",)), "no_topic"),
        (Edit(keep=("person:",)), "no_topic"),
        (Edit(exclude=("work",), keep=("my work",)), "kept_and_left_out"),
        (Edit(forget=("person:Anna",), keep=("person:anna",)), "kept_and_left_out"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_changes(edit, code):
    with pytest.raises(BadRequest) as refused:
        forgetting.require_kept(edit)
    assert refused.value.code == code


def test_a_failed_export_is_a_failure_also_of_a_call_that_excluded_something(place, tmp_path):
    days, damaged = Days(tmp_path / "fae"), tmp_path / "fae.db"
    damaged.write_text("no database")
    with pytest.raises(Failed, match="damaged"):
        export(place, days, "--exclude", "my knee", "--db", str(damaged))
    assert forgetting.load(place).topics == ("my knee",)
    answer = export(place, days, "--forget", "my knee", "--db", str(damaged))
    assert answer.data["status"] == "forgotten"


@pytest.mark.parametrize(
    "given",
    [("--exclude", "work", "--keep", "my work"), ("--forget", "it"), ("--exclude", "the", "--keep", "knee")],
)  # fmt: skip
def test_a_call_that_cannot_be_meant_changes_nothing(place, tmp_path, given):
    with pytest.raises(BadRequest):
        export(place, talk_of_work(tmp_path / "fae", about_work=1, others=1), *given)
    assert not place.file("exclusions.json").exists()


def test_keeping_stops_a_forgetting_that_was_interrupted(place):
    forgetting.exclude(place, [], ["the interview", "my work"])
    forgetting.record(place, Edit(keep=("work",)))
    assert forgetting.pending(place).topics == ("the interview",)
    purge.complete(place)
    assert forgetting.pending(place) == Exclusions()
    assert [each.what for each in forgetting.load(place).keep] == ["work"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"kep": []}, "did you mean 'keep'"),
        ({"keep": ["work"]}, "expected an object"),
        ({"keep": [{"what": "work", "when": "now"}]}, "unknown key 'when'"),
        ({"keep": "work"}, "expected a list"),
        ({"keep": [{"what": 3, "at": ""}]}, "expected a text"),
    ],
)
def test_a_damaged_list_of_what_is_kept_is_refused(place, content, expected):
    state.write_json(place.file("exclusions.json"), {"schema": 1, **content})
    with pytest.raises(Failed, match=expected):
        forgetting.load(place)


def requests(*said: tuple[str, int], keep=()) -> tuple[SpokenRequests, Forgotten]:
    found, forgotten = SpokenRequests(keep), Forgotten()
    found.add(forgotten, said)
    return found, forgotten


def test_a_request_is_kept_up_to_the_second_in_which_that_was_said():
    kept = (Kept("work", datetime.fromtimestamp(1000).astimezone().isoformat()),)
    for at, topics in ((1000, []), (1001, ["my work"])):
        found, forgotten = requests((ASKED, at), keep=kept)
        assert [topic.name for topic in forgotten.topics] == topics
        assert found.times == [at], "its records are not guessed from"
        assert found.keeps("work and knees", at) == (at == 1000)


def test_a_topic_is_asked_about_from_more_than_five_conversations_and_a_tenth_on():
    found, _ = requests((ASKED, 1))
    for taken, total, asked in ((5, 20, False), (6, 20, True), (10, 100, False), (11, 100, True)):
        assert found.undecided({"my work": taken, "other": 99}, total) == ["my work"] * asked


def test_of_two_requests_to_forget_everything_the_later_counts_in_any_order():
    said = ("Forget everything about me.", 200), ("Forget everything I told you.", 100)
    assert requests(*said)[1].everything_before == 200


def test_what_names_no_topic_at_all_is_named_shortly_and_with_the_call_that_lists_them():
    with pytest.raises(BadRequest) as refused:
        forgetting.require_kept(Edit(keep=("?! " * 4000,)))
    assert len(refused.value.message) < 300
    assert as_call(refused.value.hint) == {"script": "export_data", "params": {"dry_run": True}}


def test_a_long_phrase_is_taken_and_the_answer_stays_short_and_unsaved(place, tmp_path):
    days = Days(tmp_path / "fae")
    days.talk(plain(1))
    long, database = " ".join(f"clinic{n}" for n in range(1_000)), days.done()
    ways = (["--forget", long, "--dry-run"], ["--forget", long], ["--keep", long], ["--exclude", long, "--db", tmp_path / "none"])  # fmt: skip
    for given in ways:
        got = calls.script("export_data", "--db", database, *given, "--json", home=place.path)
        assert got.status == 0 and len(got.out) <= 2001, got.out
    naming = [p.name for p in place.path.rglob("*") if p.is_file() and b"clinic" in p.read_bytes()]
    assert naming == ["exclusions.json"]


def test_what_is_left_out_adds_up_and_what_is_only_excluded_is_not_removed(place):
    forgetting.record(place, Edit(exclude=("work", "id:e-1")))
    forgetting.record(place, Edit(exclude=("person:Anna", "work"), forget=("knee",)))
    assert forgetting.load(place) == Exclusions(("work", "knee"), ("e-1",), ("Anna",))
    assert forgetting.pending(place) == Exclusions(("knee",))


def test_an_id_a_person_and_a_name_that_is_a_common_word_are_topics_too(place):
    forgetting.require_topics(place, ["id:of-the", "person:May", "Will", "topic: work"])
    for nothing in ("it", "id:", "person: ", "?!"):
        with pytest.raises(BadRequest, match="there is no topic in"):
            forgetting.require_topics(place, ["work", nothing])


def test_people_and_ids_are_taken_back_too():
    excluded = Exclusions(("my work",), ("episode-1",), ("Anna Berg",))
    left = excluded.keeping(["person:anna berg", "id:episode-1", "work"], "2026-11-01")
    assert left == Exclusions(keep=(Kept("anna berg", "2026-11-01"), Kept("work", "2026-11-01")))
    assert left.keeping(["my work"], "2026-12-01").keep[1] == Kept("my work", "2026-12-01")


def test_phrases_are_about_the_same_if_their_topics_or_words_are():
    assert is_about("my work", "the work") and is_about("Forget my work", "work")
    assert is_about("Forget it.", "forget it") and not is_about("my work", "work trip")
    assert START  # the talk of these tests is from the past, so that what is kept now is later


def test_a_word_that_is_more_often_written_without_a_capital_is_no_name():
    talk = ["We met Brunhilde.", *["brunhilde"] * 2, "Here the Dogs bark.", *["my dogs"] * 3]
    assert names_in_lower_case({"brunhilde", "dogs"}, talk) == {"brunhilde"}


@pytest.mark.parametrize(
    "asked",
    ["don't mention brunhilde", "leave brunhilde out of it", "pretend brunhilde never existed"],
)
def test_a_name_in_lower_case_is_known_from_where_it_has_a_capital(place, tmp_path, asked):
    days = talk_of_work(tmp_path / "fae", asked=asked, about_work=0)
    days.talk(("i met brunhilde again", "How is Brunhilde doing?"))
    answer = export(place, days, "--dry-run")
    assert left_out(answer) == 2, "the request, and what mentions her"
    days.talk(("don't mention dogs", "All right."), ("my dogs bark", "Dogs do, and dogs like it."))
    assert left_out(export(place, days, "--dry-run")) == 2, "a word that is no name"
