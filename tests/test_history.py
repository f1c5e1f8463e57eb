"""list_runs: every run in a line, and the history as a page."""

import html.parser
import json
import re

import pytest

import calls
from fae_training.judgement.gate import Decision
from fae_training.lifecycle import runs
from fae_training.release import history
from fae_training.store import state

LONGEST_ANSWER = 2000


def made(place: state.Home, kind="sft", **record) -> runs.Run:
    """A run that was completed, with a loss curve."""
    run = runs.create(place, kind, {"settings": {"preset": "light", "steps": 80, "rank": 16}, "sources": {"preset": "flag", "steps": "flag", "rank": "preset light"}} | record)  # fmt: skip
    run.update(status="completed")
    state.write_json(run.file("train_metrics.json"), {"best_value": 0.5, "steps_done": 80, "best_step": 2, "seconds": {"total": 90}})  # fmt: skip
    for step in range(4):
        state.append_jsonl(run.file("metrics.jsonl"), {"step": step, "loss": 2 / (step + 1), "val_loss": 2 / (step + 1)})  # fmt: skip
    return run


def judge(run: runs.Run, score: float, previous: float, verdict="pass") -> None:
    decision = vars(Decision(verdict, ("For a <b>reason</b>.",), 1, (), score, previous))
    state.write_json(run.file("evaluation.json"), {"run": run.id, "kind": run.kind, "evaluated_at": "", "source": "", "fingerprint": None, "decision": decision})  # fmt: skip


def line(place: state.Home, action: str, run: runs.Run, at: str) -> None:
    state.append_jsonl(
        place.file("history.jsonl"),
        {"at": at, "action": action, "slot": "language", "kind": run.kind, "run": run.id, "reason": "asked for", "fingerprint": ""},
    )  # fmt: skip


@pytest.fixture
def place(home) -> state.Home:
    """Three runs: deployed and replaced; its child, in use; one that the person rejected."""
    place = state.Home(home)
    first = made(place)
    second = made(place, "dpo", start={"run": first.id, "fingerprint": ""}, learned_from="12 <i>corrections</i>")  # fmt: skip
    third = made(place, resumed_at=["2026-11-03T08:00:00+00:00"])
    judge(first, 0.8, 0.1)
    judge(second, 0.9, 0.8)
    line(place, "deploy", first, "2026-11-01T10:00:00+00:00")
    line(place, "deploy", second, "2026-11-02T10:00:00+00:00")
    place.write(
        "active.json", {"dpo": {"run": second.id, "fingerprint": "", "since": "2026-11-02"}}
    )
    state.write_json(third.file("proposal_rejected.json"), {"run": third.id, "rejected_at": "2026-11-03", "reason": "too short answers", "fingerprint": None})  # fmt: skip
    return place


def test_a_run_lists_its_origin_and_its_outcome(place):
    first, second, third = history.entries(place)
    assert [entry.number for entry in (first, second, third)] == [1, 2, 3]
    assert second.descends_from == first.run.id and first.descends_from is None
    assert first.chosen == (("steps", 80),)
    assert (second.active, first.active) == (True, False)
    [used] = first.deployed
    assert used.until == "2026-11-02T10:00:00+00:00" and second.run.id in used.why_ended
    assert third.rejected == "too short answers" and third.resumed
    assert [entry.number for entry in history.entries(place, "dpo")] == [2]


def test_after_a_rollback_the_previous_run_is_in_use(place):
    first, second, _ = runs.all_runs(place)
    line(place, "rollback", second, "2026-11-04T10:00:00+00:00")
    used = history.periods(place)
    assert used[second.id][-1].until == "2026-11-04T10:00:00+00:00" and used[second.id][-1].why_ended == "asked for"  # fmt: skip
    assert [period.until for period in used[first.id]] == ["2026-11-02T10:00:00+00:00", None]
    line(place, "rollback", first, "2026-11-05T10:00:00+00:00")
    assert history.periods(place)[first.id][-1].until == "2026-11-05T10:00:00+00:00"


def test_the_list_shows_the_outcome_of_each_run_and_why_one_was_rejected(place, home):
    shown = calls.script("list_runs", home=home).out
    first, second, third = runs.all_runs(place)
    rows = {row.split()[0]: row for row in shown.splitlines()}
    assert "was active" in rows[first.id]
    assert "active" in rows[second.id] and first.id in rows[second.id]
    assert f"{third.id}: you rejected it: too short answers" in shown
    listed = calls.answer("list_runs", home=home)["runs"]
    assert [entry.get("active") for entry in listed] == [None, "active", None]
    assert [entry.get("from") for entry in listed] == [None, first.id, None]


def test_an_answer_is_short_however_much_there_is_to_list(place, home):
    for run in [made(place) for _ in range(20)]:
        state.write_json(run.file("proposal_rejected.json"), {"run": run.id, "rejected_at": "", "reason": "\N{GRINNING FACE}" * 300, "fingerprint": None})  # fmt: skip
    got = calls.script("list_runs", "--json", home=home)
    assert len(got.out) <= LONGEST_ANSWER and "shortened" not in got.json
    assert got.json["count"] == 23 and got.json["runs"]


def test_a_judgement_that_cannot_be_read_does_not_hide_the_other_runs(place, home):
    first, *_ = runs.all_runs(place)
    state.write_json(first.file("evaluation.json"), {"verdict": "pass"})
    verdicts = [entry.get("verdict") for entry in calls.answer("list_runs", home=home)["runs"]]
    assert verdicts == [None, "pass", "unreadable"]
    assert calls.answer("list_runs", "--html", home=home)["status"] == "written"


class Page(html.parser.HTMLParser):
    """The ids of a page, its links, its texts and the names of its charts."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.charts, self.texts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.charts += [given["aria-label"]] if tag == "svg" else []

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_has_every_run_with_links_to_what_it_came_from(place, home):
    answer = calls.answer("list_runs", "--html", home=home)
    path = home / "results" / "history.html"
    assert answer == {
        "status": "written",
        "count": 3,
        "page": str(path),
        "next": {"script": "check_status", "params": {}},
    }
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    page, (first, second, third) = Page(text), runs.all_runs(place)
    assert {first.id, second.id, third.id} <= set(page.ids) and len(page.ids) == len(set(page.ids))
    assert page.links == [f"#{first.id}"]
    for words in (
        f"{second.id}, since 2026-11-02 10:00",
        f"2026-11-01 10:00 to 2026-11-02 10:00 (replaced by {second.id})",
        "preset light, steps 80",
        "12 <i>corrections</i>",
        "recommended, score 90 of 100 (80 before)",
        "For a <b>reason</b>.",
        "too short answers",
        "2026-11-03 08:00",
    ):
        assert words in page.texts, words
    assert page.charts[0].startswith("language model: score of each run") and len(page.charts) == 4
    assert not re.search(r"https?:|<script|src=|<i>", text)


@pytest.mark.parametrize("form", ["flag", "parameter", "named"])
def test_each_caller_can_ask_for_the_page(home, tmp_path, form):
    named = tmp_path / "here" / "page.html"
    given = {"flag": ["--html"], "parameter": ['{"html": true}'], "named": [json.dumps({"html": str(named)})]}  # fmt: skip
    got = calls.script("list_runs", *given[form], home=home)
    page = named if form == "named" else home / "results" / "history.html"
    assert got.status == 0, got.out + got.err
    assert "Nothing has been trained yet" in page.read_text() and not list(home.glob("runs/*"))


def test_a_plain_list_does_not_load_the_plotting_library(place, home):
    got = calls.process(
        [calls.sys.executable, "-X", "importtime", str(calls.SCRIPTS / "list_runs.py"), "--json"],
        {**calls.os.environ, "FAE_TRAINING_HOME": str(home)},
    )
    assert got.json["count"] == 3
    assert "fae_training.release.history" in got.err and "matplotlib" not in got.err and "numpy" not in got.err  # fmt: skip
