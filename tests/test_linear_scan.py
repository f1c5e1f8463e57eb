"""The learned scans: what they were learned from, what they read, and what becomes of a sentence that may be a request."""

import json
import re
import runpy

import pytest
from hypothesis import given
from hypothesis import strategies as st

import calls
import prepared
from fae_days import Days, plain
from fae_training.calls import answering, calling
from fae_training.conversations import forget_requests, forgetting, linear_scan, secrets
from fae_training.conversations.filters import reason_to_leave_out
from fae_training.conversations.forgetting import Edit
from fae_training.conversations.linear_scan import (
    features,
    letter_groups,
    parts,
    scan,
    words_of,
)
from fae_training.conversations.text import normalised

EXPORT = runpy.run_path(str(calls.SCRIPTS / "export_data.py"))
LEARN = runpy.run_path(str(calls.ROOT / "tools" / "learn_scans.py"))
EVERYDAY = calls.ROOT / "tests" / "data" / "everyday.jsonl"
DIALOGUES = calls.ROOT.parent / "shared" / "conversations" / "dialogues.jsonl"
UNNAMED = "this has to stay strictly between you and me, I trust you"
HINTED = "I wish I had never told you about Marcus, so please don't hold on to him"


@pytest.mark.parametrize("name", ["forget_requests", "secrets"])
def test_the_weights_are_those_of_the_labelled_sentences_in_this_repository(name):
    assert scan(name).learned_from == LEARN["learned_from"](name), (
        "the labelled sentences changed: run uv run tools/learn_scans.py"
    )


@pytest.mark.parametrize("name", ["forget_requests", "secrets"])
def test_the_weights_hold_no_number_that_somebody_said(name):
    known = scan(name)
    assert not [f for f in (*known.weights, *known.letters) if re.search(r"[1-9]", f)]


def test_a_score_is_the_sum_of_the_weights_that_the_file_shows():
    known, words = scan("secrets"), words_of("My PIN is 4821.")
    assert words == ["my", "pin", "is", "0000", "."]
    assert features(words) >= {"^", "pin", "0000", "pin is", "my _ is", "~is ~0000", ". $"}
    assert letter_groups("pin") == [" p", "pi", "in", "n ", " pi", "pin", "in ", " pin", "pin "]
    groups = [group for word in words for group in letter_groups(word)]
    total = known.intercept + sum(known.weights.get(f, 0) for f in features(words))
    total += sum(known.letters.get(group, 0) for group in groups)
    # Two decimals, or the order of a sum would decide where a score equals a threshold.
    assert known.score("My PIN is 4821.") == round(total, 2) and total > 2


@given(st.text(max_size=900))
def test_the_parts_hold_every_word_of_a_text_and_are_short(text):
    found = parts(text)
    whole = [part for part in found if part.text == part.sentence and not part.is_several]
    glued = "".join("".join(part.text for part in whole).split())
    assert all(chunk[:200] in glued for chunk in text.split())
    assert all(len(part.text) <= linear_scan._LONGEST_PART for part in found)


def is_request(text):
    """Recognised, or likely enough to be asked about."""
    found = scan("forget_requests").found_in(text)
    return forget_requests.forget_request(text) is not None or any(f.is_likely for f in found)


def may_be_request(text):
    """As `is_request`, or possibly a request, which is not learned."""
    found = scan("forget_requests").found_in(text)
    return forget_requests.forget_request(text) is not None or bool(found)


def tells_a_secret(text):
    return bool(secrets.find(text) or scan("secrets").found_in(text))


# As people speak to a machine, and as indirectly as they can.
PLAIN = {"forget_requests": (31, 32, 35, 37), "secrets": (16,)}
INDIRECT = {"forget_requests": (13, 36, 38), "secrets": (7, 17, 18)}


@pytest.mark.parametrize(
    ("name", "rounds", "finds", "recall", "taken"),
    [
        ("forget_requests", PLAIN, is_request, 0.9, 0.06),
        ("forget_requests", PLAIN, may_be_request, 0.95, 0.12),
        ("forget_requests", INDIRECT, is_request, 0.82, 0.1),
        ("forget_requests", INDIRECT, may_be_request, 0.9, 0.18),
        ("secrets", PLAIN, tells_a_secret, 0.97, 0.2),
        ("secrets", INDIRECT, tells_a_secret, 0.95, 0.35),
    ],
)
def test_nearly_all_of_the_rounds_from_which_nothing_was_learned_is_found(
    name, rounds, finds, recall, taken
):
    """Written by authors who knew neither rules nor weights. The rules alone find six in ten of the plain requests and one
    in twelve of the others, and seven in ten of the plain secrets and four in ten of the others."""
    assert set(rounds[name]) <= set(LEARN["HELD_BACK"][name])
    rows = [s for s in LEARN["corpora"]()[name] if s.round in rounds[name]]
    of_kind = [s.text for s in rows if s.is_of_kind]
    others = [s.text for s in rows if not s.is_of_kind]
    assert len(of_kind) >= 70 and len(others) >= 69
    assert sum(map(finds, of_kind)) >= recall * len(of_kind)
    assert sum(map(finds, others)) <= taken * len(others)


@pytest.mark.parametrize(
    ("finds", "of_lines", "of_messages"),
    [(is_request, 0.02, 0.02), (may_be_request, 0.05, 0.05), (tells_a_secret, 0.05, 0.01)],
)
def test_what_people_say_every_day_is_hardly_ever_taken(finds, of_lines, of_messages):
    rows = [json.loads(line)["text"] for line in EVERYDAY.read_text("utf-8").splitlines()]
    apart = [text for text in rows if LEARN["held_back"](text)]
    assert len(apart) > 2000 and sum(map(finds, apart)) <= of_lines * len(apart)
    if DIALOGUES.exists():
        said = [m["content"] for line in DIALOGUES.open() for m in json.loads(line)["messages"] if m["role"] == "user"]  # fmt: skip
        assert sum(map(finds, said)) <= of_messages * len(said)


def test_a_secret_said_as_nobody_foresaw_is_left_out_and_talk_about_secrets_is_not():
    assert reason_to_leave_out("my pass is tulips99", "I see.") == "may_be_secret"
    assert reason_to_leave_out("What makes a good password?", "Length.") is None


def export(home, days, *given):
    flags = ["--db", str(days.done()), "--home", str(home.path), *given]
    return EXPORT["main"](calling.read_call(EXPORT["build_parser"](), flags, "program"))


def test_what_may_be_a_request_leaves_out_its_conversation_and_is_asked_about(home, tmp_path):
    assert forget_requests.forget_request(HINTED) is None, "the rules know it: take another"
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    days.talk(plain(1), ("Marcus and I met in spring.", "That is nice."), (HINTED, "Of course."))
    days.talk(plain(2), plain(3))
    answer = export(place, days, "--dry-run")
    assert answer.data["excluded"] == {"may_be_forgotten": 3}
    [asked] = answer.data["undecided"]
    assert asked["possible"] and asked["what"] == HINTED and asked["conversations"] == 1
    assert f'"{HINTED}"' in answer.text and "--forget WORDS" in answer.text
    assert answer.data["say"].startswith(
        f'You said: "{HINTED}". Did you ask me to forget something?'
    )
    kept = export(place, days, "--keep", HINTED)
    assert kept.data["excluded"] == {} and kept.data["undecided"] == 0


def possible_request():
    """A labelled request that no rule knows, and that is possibly one by its score, but not likely."""
    found = scan("forget_requests").found_in
    return next(
        s.text
        for s in LEARN["corpora"]()["forget_requests"]
        if s.is_of_kind
        and forget_requests.forget_request(s.text) is None
        and reason_to_leave_out(s.text, "Of course.") is None
        and (possible := found(s.text))
        and possible[0].sentence == s.text
        and not possible[0].is_likely
    )


@pytest.mark.parametrize("in_a_session", [True, False])
def test_what_is_possibly_a_request_is_not_learned_itself(home, tmp_path, in_a_session):
    place, days, said = prepared.allowed(home), Days(tmp_path / "fae"), possible_request()
    days.talk(plain(1), (said, "Of course."))
    days.talk(plain(2))
    if not in_a_session:
        days.connection.execute("DELETE FROM session_messages")
    answer = export(place, days)
    assert answer.data["excluded"] == {"may_be_request": 1} and answer.data["undecided"] == 0
    assert answer.data["rows"]["train"] + answer.data["rows"]["valid"] == 2
    assert export(place, days, "--keep", said).data["excluded"] == {}


def test_a_long_sentence_is_kept_as_it_was_shown(home, tmp_path):
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    long = (
        f"{HINTED}, whatever my sister and the others may have told you about him since the spring"
    )
    days.talk(plain(1), (long, "Of course."))
    days.talk(plain(2))
    [asked] = export(place, days, "--dry-run").data["undecided"]
    assert asked["what"].endswith("…") and len(asked["what"]) <= 80
    assert export(place, days, "--keep", asked["what"]).data["excluded"] == {}


def test_a_possible_request_is_answered_by_forgetting_what_it_is_about(home, tmp_path):
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    days.talk(plain(1), ("Marcus and I met in spring.", "That is nice."), (HINTED, "Of course."))
    days.talk(plain(2), ("Marcus rang.", "What did he say?"))
    days.talk(plain(3))
    answer = export(place, days, "--exclude", "person:Marcus")
    assert answer.data["excluded"] == {"excluded_person": 5} and answer.data["undecided"] == 0


def test_a_possible_request_that_names_nothing_is_answered_by_forgetting_its_conversation(
    home, tmp_path
):
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    days.talk(plain(1), (UNNAMED, "Of course."))
    days.talk(plain(2))
    answer = export(place, days, "--dry-run")
    [asked] = answer.data["undecided"]
    [said_in] = asked["said_in"]
    assert asked["what"] == UNNAMED and f"id:{said_in}" in answer.text.split()
    meant = export(place, days, "--forget", f"id:{said_in}")
    assert meant.data["excluded"] == {"excluded_id": 2} and meant.data["undecided"] == 0
    assert meant.data["rows"]["train"] + meant.data["rows"]["valid"] == 1


def test_five_sentences_are_asked_about_at_a_time(home, tmp_path):
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    for number, name in enumerate(["Marcus", "Lena", "Otto", "Ida", "Paul", "Rosa", "Kurt"]):
        days.talk(plain(number), (HINTED.replace("Marcus", name), "Of course."))
    days.talk(plain(20))
    answer = export(place, days, "--dry-run")
    assert answer.data["undecided_in_all"] == 7
    assert answer.text.count("hold on to him") == 5 and "and 2 more" in answer.text


def test_the_likeliest_of_many_is_asked_about_first_and_the_answer_stays_short(home, tmp_path):
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    found = scan("forget_requests").found_in
    likely = [
        s.text
        for s in LEARN["corpora"]()["forget_requests"]
        if s.round == LEARN["HELD_BACK"]["forget_requests"][-1]
        and forget_requests.forget_request(s.text) is None
        and (possible := found(s.text))
        and possible[0].is_likely
        and possible[0].sentence == s.text
    ][:24]
    for number, said in enumerate(likely):
        days.talk(plain(number), (said, "Of course."))
    days.talk(plain(99))
    data = export(place, days, "--dry-run").data
    first = sorted(likely, key=lambda said: found(said)[0].score, reverse=True)[:4]
    shown = [normalised(each["what"]) for each in data["undecided"]]
    assert all(words in normalised(said) for words, said in zip(shown, first, strict=True))
    assert data["undecided_in_all"] == 24
    told = json.loads(answering.shortened(data, place, "export_data", keep=False))
    assert len(told["undecided"]) >= 3 and all(each["said_in"] for each in told["undecided"])


def test_a_request_among_ordinary_sentences_is_found_with_and_without_punctuation():
    rows = [s for s in LEARN["corpora"]()["forget_requests"] if s.is_of_kind]
    said = [s.text for s in rows if s.round in PLAIN["forget_requests"]]
    for text in (
        "What should I cook tonight? {} And how long do I boil an egg?",
        "i was at the market this morning and it rained all the way home {} then we had soup with bread and watched the news",
    ):
        full = [text.format(each if each[-1] in ".!?" else f"{each}.") for each in said]
        spoken = text[0].islower()
        plain = [re.sub(r"[^\w\s']", " ", each).lower() for each in full] if spoken else full
        assert sum(map(may_be_request, plain)) >= 0.9 * len(plain)


def kept_of(home, tmp_path, *keep):
    """The answer to a dry run after these were kept; one message has two requests, another session a third."""
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    asks = " How long do I have to boil an egg if I like it soft, and what do I eat with it?" * 4
    first = days.talk(plain(1), (f"{HINTED}.{asks} {UNNAMED}.", "Of course."))
    days.talk(plain(2), (HINTED.replace("Marcus", "Lena"), "Of course."))
    days.talk(plain(3))
    [session] = [row[0] for row in days.connection.execute(
        "SELECT session_id FROM session_messages WHERE content LIKE '%Marcus%'")]  # fmt: skip
    assert first
    for what in keep:
        export(place, days, "--keep", what.replace("THE SESSION", session))
    return export(place, days, "--dry-run").data


def test_what_is_kept_of_a_message_leaves_the_other_request_in_it_to_be_asked_about(home, tmp_path):
    data = kept_of(home, tmp_path, HINTED)
    assert {each["what"] for each in data["undecided"]} == {
        f"{UNNAMED}.",
        HINTED.replace("Marcus", "Lena"),
    }


def test_what_may_be_a_request_is_kept_by_the_id_of_its_conversation(home, tmp_path):
    data = kept_of(home, tmp_path, "id:THE SESSION")
    assert [each["what"] for each in data["undecided"]] == [HINTED.replace("Marcus", "Lena")]


def test_everything_that_may_be_a_request_is_kept_at_once(home, tmp_path):
    data = kept_of(home, tmp_path, "all")
    assert data["undecided"] == [] and data["excluded"] == {}


def test_keeping_a_sentence_takes_back_neither_an_exclusion_nor_another_sentence(home, tmp_path):
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    days.talk(plain(1), (HINTED, "Of course."))
    days.talk(plain(2))
    export(place, days, "--exclude", "Marcus", "--exclude", "hold")
    export(place, days, "--keep", HINTED)
    export(place, days, "--keep", HINTED.replace("wish", "really wish"))
    exclusions = forgetting.load(place)
    assert exclusions.topics == ("Marcus", "hold") and len(exclusions.keep) == 2


def test_the_person_is_not_asked_about_what_somebody_else_said(home, tmp_path):
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    days.talk(plain(1), (HINTED, "Of course."), speaker="leo")
    days.talk((HINTED, "Of course."), kind="proactive")
    days.talk(plain(2))
    answer = export(place, days, "--dry-run")
    assert answer.data["undecided"] == []
    assert answer.data["excluded"] == {"other_speaker": 2, "proactive": 1}


def asked_about(home, tmp_path, *said, keep=()):
    """What is asked about after each of `keep` was kept, if each of these was said in a session of its own."""
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    for number, text in enumerate(said):
        days.talk(plain(number), (text, "Of course."))
    days.talk(plain(99))
    for what in keep:
        export(place, days, "--keep", what)
    return [each["what"] for each in export(place, days, "--dry-run").data["undecided"]]


def test_two_requests_side_by_side_are_asked_about_one_after_the_other(home, tmp_path):
    [first] = asked_about(home, tmp_path, f"{HINTED}. {UNNAMED}.")
    other = f"{UNNAMED}." if first == f"{HINTED}." else f"{HINTED}."
    assert first in (f"{HINTED}.", f"{UNNAMED}.")
    assert asked_about(home, tmp_path / "b", f"{HINTED}. {UNNAMED}.", keep=[first]) == [other]
    both = asked_about(home, tmp_path / "c", f"{HINTED}. {UNNAMED}.", keep=[first, other])
    assert both == []


def test_a_kept_sentence_keeps_no_other_that_stands_in_it(home, tmp_path):
    longer = f"In my novel the sister says to him that {HINTED}"
    [one, other] = asked_about(home, tmp_path, HINTED, longer)
    kept = other if one == HINTED else one
    assert asked_about(home, tmp_path / "b", HINTED, longer, keep=[kept]) == [HINTED]


def test_the_answer_to_keeping_all_says_what_that_is(home, tmp_path):
    place, days = prepared.allowed(home), Days(tmp_path / "fae")
    days.talk(plain(1), (HINTED, "Of course."))
    assert (
        "every sentence so far that only may be a request."
        in export(place, days, "--keep", "all").text
    )


def test_all_in_any_case_keeps_them_all(home, tmp_path):
    assert asked_about(home, tmp_path, HINTED, UNNAMED, keep=["all", "ALL"]) == []


def test_of_a_long_sentence_the_words_that_look_like_a_request_are_shown(home, tmp_path):
    said = "we had soup and bread and then it rained and " * 4 + HINTED.lower().replace(",", "")
    [shown] = asked_about(home, tmp_path, said + " and the lake was cold and grey" * 3)
    assert "marcus" in shown or "hold on to him" in shown
    assert len(shown) <= 80 and shown.startswith("…") and shown.endswith("…")


def test_an_id_that_was_kept_and_then_excluded_is_only_taken_back(home):
    place = prepared.allowed(home)
    for edit in (Edit(keep=("id:s-1",)), Edit(exclude=("id:s-1",)), Edit(keep=("id:s-1",))):
        forgetting.record(place, edit)
    assert forgetting.load(place) == forgetting.Exclusions()
