"""Which requests need a tool: labelled ones from dialogues, from single requests to a language model, and written here."""

import json
import re
import time
from pathlib import Path

import pytest

from fae_training.conversations import filters, tool_cues, tool_requests
from fae_training.conversations.tool_requests import needs_tool

DATA = Path(__file__).resolve().parent / "data"
CONVERSATIONS = DATA.parents[2] / "shared" / "conversations"
# Nobody needs a tool for these either; the filter may be wrong about at most so many.
MOST_WRONG_OF_252 = 3
REQUESTS = [json.loads(line) for line in (DATA / "requests.jsonl").read_text().splitlines()]


def conversations(name: str) -> list[dict]:
    path = CONVERSATIONS / name
    if not path.is_file():
        pytest.skip(f"{path} is not here: the texts stay out of the repository")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cues(table: dict) -> list:
    return [
        pytest.param(cue, id=cue.example) for of_one_tool in table.values() for cue in of_one_tool
    ]


def clauses(request: str) -> list[str]:
    return [request.lower(), *tool_requests._CLAUSE.split(request.lower())]


@pytest.mark.parametrize("cue", cues(tool_cues.CUES))
def test_a_clause_that_begins_with_a_cue_needs_a_tool(cue):
    asked = [tool_requests._asked(clause) for clause in clauses(cue.example)]
    assert any(re.match(cue.pattern, clause, re.I) for clause in asked)
    assert needs_tool(cue.example)


@pytest.mark.parametrize("cue", cues(tool_cues.PRESENT))
def test_a_clause_about_what_is_ones_own_or_so_now_needs_a_tool(cue):
    asked = [tool_requests._asked(clause) for clause in clauses(cue.example)]
    assert any(re.search(cue.pattern, clause, re.I) for clause in asked)
    assert needs_tool(cue.example)


@pytest.mark.parametrize("cue", cues(tool_cues.ANYWHERE))
def test_a_clause_that_holds_a_cue_needs_a_tool(cue):
    assert any(re.search(cue.pattern, clause, re.I) for clause in clauses(cue.example))
    assert needs_tool(cue.example)


@pytest.mark.parametrize("cue", tool_cues.DELIVERED, ids=lambda cue: cue.example)
def test_a_text_that_is_to_be_sent_needs_a_tool(cue):
    assert re.search(cue.pattern, cue.example, re.I) and needs_tool(cue.example)


@pytest.mark.parametrize("cue", tool_cues.NOT_A_TEXT, ids=lambda cue: cue.example)
def test_a_text_may_begin_like_a_request_without_being_one(cue):
    assert re.match(cue.pattern, tool_requests._asked(cue.example.lower()), re.I)
    assert tool_requests._IS_TEXT.match(tool_requests._asked(cue.example.lower()))
    assert not tool_requests._is_about_a_text(cue.example.lower())


@pytest.mark.parametrize("cue", tool_cues.GIVEN, ids=lambda cue: cue.example)
def test_material_that_is_given_is_a_text_to_work_on(cue):
    assert re.search(cue.pattern, cue.example, re.I)
    assert not needs_tool(cue.example)


@pytest.mark.parametrize("cue", tool_cues.POLITE, ids=lambda cue: cue.example)
def test_politeness_before_a_request_is_ignored(cue):
    first = re.search(cue.pattern, cue.example, re.I)
    assert first and first.start() in (0, len("would you "))
    asked = tool_requests._asked(cue.example.lower())
    assert cue.example.lower().endswith(asked)
    assert len(asked) <= len(cue.example) - len(first[0])
    assert needs_tool(cue.example)


@pytest.mark.parametrize("part", ["develop", "unseen", "later", "last", "another hand"])
def test_requests_for_a_tool_are_distinguished_from_those_that_only_sound_like_one(part):
    here = [request for request in REQUESTS if request["part"] == part]
    missed = [r["text"] for r in here if r["tool"] and not needs_tool(r["text"])]
    wrong = [r["text"] for r in here if not r["tool"] and needs_tool(r["text"])]
    assert wrong == [] and len(missed) <= (part == "last"), (missed, wrong)


def test_there_are_as_many_of_both_and_enough():
    tool = sum(request["tool"] is not None for request in REQUESTS)
    assert tool > 200 and len(REQUESTS) - tool > 200


def test_requests_that_a_language_model_answers_by_itself_are_kept():
    rows = conversations("instructions.jsonl")
    dropped = [row["id"] for row in rows if needs_tool(row["messages"][0]["content"])]
    assert len(rows) == 252 and len(dropped) <= MOST_WRONG_OF_252, dropped


def test_their_answers_claim_no_action():
    rows = conversations("instructions.jsonl")
    reasons = [
        filters.reason_to_leave_out(*(m["content"] for m in row["messages"])) for row in rows
    ]
    assert reasons.count("claims_action") == 0


def test_requests_in_dialogues_that_a_tool_answered_are_left_out():
    rows = {row["id"]: row["messages"] for row in conversations("dialogues.jsonl")}
    labelled = json.loads((DATA / "dialogue_requests.json").read_text())["needs_tool"]
    missed = []
    for label in labelled:
        dialogue, turn = label.rsplit(":", 1)
        assert rows[dialogue][int(turn) + 1].get("tool_calls")
        if not needs_tool(rows[dialogue][int(turn)]["content"]):
            missed.append(label)
    # "find me ahotel"
    assert missed == ["sgd-dev-20_00066:4"]


def test_a_question_about_what_is_wanted_claims_nothing():
    for reply in (
        "What kind of food are you searching for?",
        "Which town are we checking the forecast for?",
        "At what time should I set this for you?",
        "You find it by searching for the name.",
        "Would you like a room reserved?",
    ):
        assert filters.reason_to_leave_out("Hm, well.", reply) is None, reply


@pytest.mark.parametrize("cue", filters.CLAIMS, ids=lambda cue: cue.example)
def test_a_reply_that_claims_to_have_acted_is_left_out(cue):
    assert re.search(cue.pattern, cue.example, re.I | re.M)
    assert filters.reason_to_leave_out("Hm, well.", cue.example) == "claims_action"


def test_most_replies_after_a_tool_that_did_something_are_known_as_claims():
    done = ("Reserve", "Buy", "Add", "Transfer", "Rent", "Book", "Schedule")
    found = total = 0
    for row in conversations("dialogues.jsonl"):
        messages = row["messages"]
        for before, result, reply in zip(messages, messages[1:], messages[2:], strict=False):
            if result["role"] == "tool" and before["tool_calls"][0]["function"]["name"].startswith(
                done
            ):
                total += 1
                found += (
                    filters.reason_to_leave_out("Hm, well.", reply["content"]) == "claims_action"
                )
    assert total > 200 and found > 0.5 * total, (found, total)


def test_what_is_given_to_work_on_is_not_a_request():
    assert not needs_tool("Schedule a meeting for each person based on the given times.")
    assert not needs_tool("The message below is too short.\n\nCall the office.")
    assert needs_tool("Schedule a meeting for the following Monday.")
    assert not needs_tool("Summarize the given text.\n\nCall the office. Send me the report today.")
    assert not needs_tool("Rewrite this email: Send me the report. Call the office tomorrow.")
    assert needs_tool(
        "I wrote to Ana about the garden party on the ninth.\n\nAdd it to my calendar."
    )
    assert needs_tool("Write an email to Sam about the garden party and send it.")


WORST = {
    "spaces": " " * 100_000 + "x",
    "full stops": "a." * 50_000,
    "politeness": "please could you " * 6_000,
    "one verb, many words": "find " + "a " * 50_000,
    "one word": "a" * 100_000,
    "commas": "find a, " * 12_500,
    "sentences": "find a. " * 12_500,
    "lines": "\n " * 50_000 + "x",
    "paragraphs": "x\n\n" * 33_000,
    "a list": "add " + "milk, " * 16_000 + "to",
    "marks": "!" * 100_000,
    "wishes": "i want to " * 10_000,
}


@pytest.mark.parametrize("name", WORST)
def test_the_time_is_proportional_to_the_length(name):
    """A text eight times as long takes about eight times as long; backtracking would take sixty-four times or more."""
    whole = WORST[name]

    def seconds(text: str) -> float:
        times = []
        for _ in range(3):
            began = time.process_time()
            needs_tool(text)
            filters.claims_action(text)
            times.append(time.process_time() - began)
        return min(times)

    assert seconds(whole) < 24 * seconds(whole[: len(whole) // 8]) + 0.05
