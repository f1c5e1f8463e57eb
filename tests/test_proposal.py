"""The proposal in its three forms, and its rejection: what a person reads and hears, and where the approval code may be.

Long, as the three forms are tested on the same proposals.
"""

import dataclasses
import html.parser
import itertools
import json
import re

import pytest

import calls
import prepared
from fae_training.calls.errors import SkillError
from fae_training.judgement import benchmark, gate, plain_words
from fae_training.judgement.benchmark import Example, Measure
from fae_training.judgement.evaluation import Evaluation
from fae_training.lifecycle import runs
from fae_training.pages import charts
from fae_training.pages.proposal_page import as_html, as_markdown
from fae_training.release import approval, deployment, proposal, rejection
from fae_training.store import consent, state
from fae_training.store.transactions import changing

CODE = "ABC-DEF"
SAID = "Is 3 < 4? <script>alert(1)</script> **XYZ-XYZ**"
EXAMPLES = (
    Example(SAID, "<b>Yes</b> & no", "Yes.", "Yes, of course."),
    Example("And 4 < 3?", "Both say it", "Both say it"),
    *(Example(f"Question {n}", "before", f"after {n}") for n in range(6)),
)


def measure(name="conversation_loss", **given) -> Measure:
    """A goal that is clearly better in all of its 12 conversations."""
    losses = tuple(2 + n / 10 for n in range(12))
    usual = {
        "title": "Predicting your conversations",
        "unit": "conversations",
        "value_unit": "nats a token",
        "better": "lower",
        "role": "goal",
        "compare": "ratio",
        "margin": 0.02,
        "least": 0.01,
        "items": tuple(map(str, range(12))),
        "candidate": tuple(0.5 * loss for loss in losses),
        "current": losses,
        "base": losses,
    }
    return Measure(name, **usual | given)


def tools(passed=39, before=39, name="tool_choice", title="Choosing a tool") -> Measure:
    """A guard: of 40 requests, so many are right."""
    old = tuple(float(n < before) for n in range(40))
    return measure(
        name, title=title, unit="items", value_unit="share", better="higher", role="guard", compare="passed",
        margin=0.1, least=0.0, items=tuple(map(str, range(40))), candidate=tuple(float(n < passed) for n in range(40)),
        current=old, base=old,
    )  # fmt: skip


def decided(*measures, look=1) -> gate.Decision:
    found = benchmark.Benchmark(measures or (measure(), tools()), True, 8, 7, None)
    return gate.decide(found, look)


def built(run, *measures, look=1, examples=EXAMPLES, notes=("measured on a part",)):
    measures = measures or (measure(), tools())
    found = benchmark.Benchmark(
        measures, True, len(examples), len(examples) - 1, None, examples=examples, notes=notes
    )
    judged = Evaluation(
        run.id,
        run.kind,
        "2026-11-26",
        "train_metrics.json",
        gate.decide(found, look),
        "0123456789abcdef",
    )
    return proposal.build(run, judged, found)


@pytest.fixture
def run(home) -> runs.Run:
    """A run with a result, a loss curve, an adapter and the data that it learned from."""
    place = state.Home(home)
    run = runs.create(
        place,
        "sft",
        {
            "settings": {},
            "learned_from": "1,034 turns of 465 conversations",
            "rows": {"train": 382, "valid": 95},
            "data_fingerprint": "77f6",
            "notes": ["nothing else was changed"],
            "model": {"id": "mlx-community/Qwen3.5-4B-4bit"},
        },
    )
    for step, loss in enumerate((2.0, 1.5, float("nan"), 1.2)):
        state.append_jsonl(run.file("metrics.jsonl"), {"step": step, "loss": loss, "val_loss": 1 / (step + 1)})  # fmt: skip
    state.write_json(
        run.file("train_metrics.json"),
        {"best_step": 2, "seconds": {"total": 81.6}, "peak_memory_gb": 2.5},
    )
    state.write_text(run.file("adapters", "adapters.safetensors"), "x" * 1500)
    meta = {"data_fingerprint": "77f6", "topics": [["garden", 12], ["piano", 7]], "excluded": {"secret": 3, "empty": 1}}  # fmt: skip
    state.write_json(place.file("data", "sft", "meta.json"), meta)
    return run


def page_of(found, tmp_path) -> str:
    return as_html(found, CODE, tmp_path)


class Page(html.parser.HTMLParser):
    """What a page is made of: elements, headings, ids, and whether each element that is opened is closed."""

    VOID = ("meta", "br", "hr", "path", "use", "rect")

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def all(self, *tags) -> list[dict]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def one(outcome="better", name="conversation_loss", **given) -> gate.Comparison:
    """A comparison with figures that suit no outcome in particular."""
    usual = {
        "title": "Predicting your conversations",
        "unit": "conversations",
        "value_unit": "nats a token",
        "role": "goal",
        "compare": "ratio",
        "margin": 0.02,
        "against": "current",
        "new": 1.9,
        "old": 2.25,
        "gain": 0.17,
        "low": 0.1,
        "high": 0.24,
        "count": 20,
        "improved": 14,
        "worsened": 6,
    }
    return gate.Comparison(name, **usual | given, outcome=outcome)


def passing(outcome, new, old, name="tool_choice", **given) -> gate.Comparison:
    usual = {"title": "Own items", "unit": "items", "value_unit": "share", "role": "guard"}
    return one(outcome, name, **usual | given, compare="passed", new=new / 40, old=old / 40, count=40)  # fmt: skip


@pytest.mark.parametrize(
    ("comparison", "sentence"),
    [
        (one(), "It predicts your conversations better in 14 of 20 that it had not seen."),
        (
            one(improved=8, worsened=7),
            "It predicts your conversations better on average (better in 8, worse in 7 of 20 that it had not seen).",
        ),
        (
            one("kept", improved=9, worsened=11),
            "It predicts your conversations as well as before: better in 9 and worse in 11 of 20 that it had not seen.",
        ),
        (
            one("kept", improved=0, worsened=0),
            "It predicts your conversations as well as before: exactly the same in all 20 that it had not seen.",
        ),
        (
            one("not_shown", improved=8, worsened=9, gain=-0.02, low=-0.11, high=0.07),
            "It predicts your conversations worse on average (worse in 9, better in 8 of 20 that it had not seen); with only 20 "
            "conversations a loss of up to 11 % cannot be ruled out, and at most 2.0 % is allowed.",
        ),
        (
            one("not_shown", improved=15, worsened=5, gain=0.3, low=-0.05, high=0.6),
            "It predicts your conversations better in 15 of 20 that it had not seen; with only 20 conversations a loss of up to "
            "5.0 % cannot be ruled out, and at most 2.0 % is allowed.",
        ),
        (
            one("not_shown", improved=5, worsened=5, gain=0.0, low=-0.05, high=0.05, against="base"),
            "It predicts your conversations better in 5 and worse in 5 of 20 that it had not seen; with only 20 conversations a "
            "loss against the original model of up to 5.0 % cannot be ruled out, and at most 2.0 % is allowed.",
        ),
        (
            one("worse", improved=4, worsened=16),
            "It predicts your conversations clearly worse in 16 of 20 that it had not seen.",
        ),
        (
            one("worse", improved=4, worsened=16, against="base"),
            "It predicts your conversations clearly worse than the original model in 16 of 20 that it had not seen.",
        ),
        (passing("kept", 39, 39), "It still calls the right tool in 39 of 40 requests (39 before)."),
        (passing("kept", 40, 39), "It now calls the right tool in 40 of 40 requests (39 before)."),
        (
            passing("not_shown", 36, 39, gain=-0.075, low=-0.2, high=0.05),
            "It calls the right tool in 36 of 40 requests (39 before); with only 40 items a loss of up to 20 percentage points "
            "cannot be ruled out, and at most 2.0 is allowed.",
        ),
        (
            passing("worse", 12, 39, against="base"),
            "It calls the right tool less often: in 12 of 40 requests (39 by the original model).",
        ),
        (one(name="new"), "Predicting your conversations: better in 14 of 20 conversations."),
        (
            one("worse", "new", improved=5, worsened=9),
            "Predicting your conversations: clearly worse on average (worse in 9, better in 5 of 20 conversations).",
        ),
        (
            passing("kept", 39, 38, name="new"),
            "Own items: passed in 39 of 40 items (38 before), as good as before.",
        ),
        (
            passing("not_shown", 38, 38, name="new", gain=0.0, low=-0.1, high=0.1),
            "Own items: passed in 38 of 40 items (38 before), with only 40 items a loss of up to 10 percentage points cannot be "
            "ruled out, and at most 2.0 is allowed.",
        ),
    ],
)  # fmt: skip
def test_each_outcome_is_a_sentence_that_needs_no_statistics(comparison, sentence):
    assert plain_words.of_comparison(comparison).sentence == sentence


def test_the_figures_behind_a_sentence_are_those_of_the_comparison():
    assert plain_words.of_comparison(one()).figures == (
        "2.25 before, 1.9 after (nats a token); better in 14, worse in 6 of 20 conversations; "
        "change +17 (confidence interval +10 to +24 %; margin 2.0)"
    )
    assert plain_words.of_comparison(passing("kept", 39, 38, gain=0.025, low=0, high=0.1)).figures == (
        "change +2.5 (confidence interval 0 to +10 percentage points; margin 2.0)"
    )  # fmt: skip


def test_figures_that_differ_are_shown_with_enough_digits():
    assert plain_words.distinguishable(1.9876, 0.24241) == ("1.988", "0.2424")
    assert plain_words.distinguishable(10.3208, 10.3201) == ("10.321", "10.32")
    assert plain_words.distinguishable(0.5, 0.5) == ("0.5", "0.5")


def test_a_loss_against_the_base_model_is_reported_only_if_another_model_is_in_use():
    worse = one("worse", improved=2, worsened=18)
    alone = gate.Decision("fail", (), 1, (worse, dataclasses.replace(worse, against="base")), 0, 0)
    assert len(plain_words.reported(alone)) == 1
    both = dataclasses.replace(
        alone, comparisons=(one(), dataclasses.replace(worse, against="base"))
    )
    assert [each.against for each in plain_words.reported(both)] == ["current", "base"]


def test_the_verdict_is_one_sentence_that_says_what_else_was_checked():
    assert plain_words.in_one_sentence(decided()) == (
        "It got better at predicting your conversations, and the other ability that was checked is as good as before."
    )
    two = (measure(), tools(), tools(name="json", title="JSON"))
    assert "the 2 other abilities that were checked are as good" in plain_words.in_one_sentence(
        decided(*two)
    )
    assert plain_words.in_one_sentence(decided(measure())).endswith("Nothing else was checked.")


def test_a_later_look_is_reported_as_such(run):
    assert built(run).judged_on == "It was judged on 12 conversations, for the first time."
    assert built(run, look=3).judged_on.startswith(
        "This was the third judgement on the same 12 conversations."
    )
    assert "number 12 judgement" in plain_words.of_look(12, 20, "conversations")
    assert "second judgement" in plain_words.of_decision(decided(look=2))[-1]
    assert not any("judgement" in sentence for sentence in plain_words.of_decision(decided()))


def test_what_fae_says_is_short_and_ends_with_the_question(run):
    spoken = proposal.spoken(built(run))
    assert spoken == (
        "I have learned from our conversations. It predicts your conversations better in 12 of 12 that it had not seen. "
        "Nothing that I checked got noticeably worse. Say yes to switch, or no to keep things as they are."
    )


def test_what_fae_says_has_at_most_sixty_words_however_much_there_is_to_say(run):
    title = "A title of one's own that has rather many words in it"
    before, after = (2.0,) * 12, (1.0,) * 12
    goals = [
        measure(f"own {n}", title=title, candidate=after, current=before, base=before)
        for n in range(9)
    ]
    spoken = proposal.spoken(built(run, *goals))
    assert 40 < len(spoken.split()) <= 60 and spoken.endswith(proposal.QUESTION)


def test_numbers_that_are_hard_to_follow_by_ear_are_not_spoken(run):
    many = tuple(2.0 + n / 1000 for n in range(1200))
    large = measure(items=tuple(map(str, range(1200))), candidate=tuple(x / 2 for x in many), current=many, base=many)  # fmt: skip
    found = built(run, large)
    assert "better in 1,200 of 1,200" in as_markdown(found, CODE)
    spoken = proposal.spoken(found)
    assert "in about 10 of 10 that" in spoken and not re.search(r"\d{3}|\d,\d", spoken)


def test_one_record_holds_all_that_the_forms_are_made_of(run):
    found = built(run)
    assert (
        found.replaces is None and found.learned.trained_on == 382 and found.learned.left_out == 4
    )
    assert [topic.word for topic in found.learned.topics] == ["garden", "piano"]
    assert found.notes == ("measured on a part", "nothing else was changed")
    assert (found.cost.adapter_bytes, found.cost.seconds, found.cost.peak_memory_gb) == (
        1500,
        81.6,
        2.5,
    )
    assert [point.step for point in found.curve.training] == [
        0,
        1,
        3,
    ] and found.curve.best_step == 2
    assert (
        found.bars[0].candidate.low < found.bars[0].candidate.score < found.bars[0].candidate.high
    )
    assert found.bars[0].candidate.score > found.bars[0].current.score, (
        "more is better, also of a loss"
    )
    assert found.bars[1].candidate.score == 39 / 40 and found.bars[1].candidate.high < 1
    state.write_json(run.file("proposal.json"), dataclasses.asdict(found))


def test_topics_of_data_that_were_exported_since_are_not_shown(run):
    run.update(data_fingerprint="other")
    assert built(run).learned.topics == () and built(run).learned.left_out == 0


def test_only_answers_that_differ_are_shown_and_five_at_most(run, tmp_path):
    found = built(run)
    assert len(found.examples) == 5 and all(one.before != one.after for one in found.examples)
    for text in (as_markdown(found, CODE), page_of(found, tmp_path)):
        assert "Both say it" not in text and "after 3" in text and "after 4" not in text
        assert "7 of the 8 answers that were compared are different. These are 5 of them." in text


def test_a_person_reads_what_was_learned_the_results_the_cost_and_the_choices(run, tmp_path):
    found = built(run)
    for text in (as_markdown(found, CODE), page_of(found, tmp_path)):
        for words in (
            "An update for your language model",
            found.verdict,
            "1,034 turns of 465 conversations",
            "382 training examples; 95 were held out",
            "garden (12)",
            "It predicts your conversations better in 12 of 12 that it had not seen.",
            "nats a token",
            "It still calls the right tool in 39 of 40 requests (39 before).",
            "Yes, of course.",
            "1.5 KB, in addition to the model",
            "1 min 21 s",
            "2.5 GB",
            "measured on a part",
            "The update is kept ready: Fae was not found on this machine",
            "Everything stays as it is",
            "undo the last learning update",
            "Fae goes back to the original model",
            f"uv run scripts/deploy.py --run {run.id} --code {CODE}",
        ):
            assert words in text, words


def test_text_of_conversations_cannot_become_markup(run, tmp_path):
    page = page_of(built(run), tmp_path)
    assert "<script" not in page and "<b>Yes" not in page
    assert "&lt;b&gt;Yes&lt;/b&gt; &amp; no" in page and "Is 3 &lt; 4?" in page
    text = as_markdown(built(run), CODE)
    assert "<script" not in text.replace("\\<", "") and re.findall(r"\*\*([A-Z2-9]{3}-[A-Z2-9]{3})\*\*", text) == [CODE]  # fmt: skip


def test_the_page_is_sound_html_with_headings_in_order_and_landmarks(run, tmp_path):
    page = Page(page_of(built(run), tmp_path))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert [len(page.all(tag)) for tag in ("header", "main", "footer", "title")] == [1, 1, 1, 1]
    assert page.all("html")[0]["lang"] == "en"
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    referred = [a[name].lstrip("#") for _, a in page.elements for name in ("aria-labelledby", "href", "xlink:href") if name in a]  # fmt: skip
    assert set(referred) <= set(ids)


def test_each_chart_has_a_description_and_a_table_beside_it(run, tmp_path):
    page = Page(page_of(built(run), tmp_path))
    shown = page.all("svg")
    assert len(shown) == 5 == len(page.all("table")) == len(page.all("caption"))
    assert all(svg["role"] == "img" and len(svg["aria-label"]) > 40 for svg in shown)
    assert all(cell["scope"] in ("row", "col") for cell in page.all("th"))


def test_the_page_loads_nothing_from_outside(run, tmp_path):
    text = page_of(built(run), tmp_path)
    assert not any(word in text for word in ("http:", "https:", "//", "<script", "src=", "@import", "@font-face"))  # fmt: skip
    for _, attributes in Page(text).elements:
        assert not any(name.startswith("on") for name in attributes)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_charts_use_the_colours_of_the_page_also_in_dark_mode(run, tmp_path):
    text = page_of(built(run), tmp_path)
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    charted = "".join(re.findall(r"<svg.*?</svg>", text, re.S))
    assert "var(--new)" in charted and not re.search(r"#[0-9a-f]{6}\b", charted)
    assert {f"--{name}" for name in charts.COLOURS} <= set(re.findall(r"--\w+(?=:)", text))


def contrast(first: str, second: str) -> float:
    """Of two colours, as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_and_charts_have_enough_contrast_in_light_and_dark_mode(run, tmp_path):
    text = page_of(built(run), tmp_path)
    schemes = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", text, re.S)]  # fmt: skip
    assert len(schemes) == 2
    for colours in schemes:
        for name in ("ink", "muted", "original", "now"):  # written in
            assert contrast(colours[name], colours["paper"]) >= 4.5, name
        assert contrast(colours["muted"], colours["panel"]) >= 4.5
        for name in ("new", "worse"):
            assert contrast(colours[name], colours["paper"]) >= 3, name


def test_the_same_record_gives_the_same_page(run, tmp_path):
    first, second = (page_of(built(run), tmp_path) for _ in range(2))
    assert first == second


def test_a_run_without_examples_curve_topics_or_notes_has_a_page_all_the_same(home, tmp_path):
    bare = runs.create(state.Home(home), "keyword", {"settings": {}})
    found = built(bare, examples=(), notes=())
    text, page = as_markdown(found, CODE), page_of(found, tmp_path)
    Page(page)
    for one_form in (text, page):
        assert (
            "No answers were compared." in one_form
            and "It was not exported to the format that Fae" in one_form
        )
        assert (
            "There is no record of what the run learned from" in one_form and "0 bytes" in one_form
        )
    assert "How it learned" not in page and proposal.spoken(found).startswith(
        "I have learned to listen"
    )


def test_the_original_model_has_its_own_bar_only_if_another_model_is_in_use(run, tmp_path):
    assert ">original<" not in "".join(
        re.findall(r"<svg.*?</svg>", page_of(built(run), tmp_path), re.S)
    )
    other = measure(base=tuple(3 + n / 10 for n in range(12)))
    assert ">original<" in "".join(
        re.findall(r"<svg.*?</svg>", page_of(built(run, other), tmp_path), re.S)
    )


# Called as Fae and a person call it


@pytest.fixture
def judged_home(run, home):
    """The run with what its scoring measured, and judged."""
    consent.change(state.Home(home), ["conversations"], [])
    found = benchmark.Benchmark(
        (measure(), tools()), True, 8, 7, None, examples=EXAMPLES,
        fingerprint=deployment.fingerprint(run.file("adapters")),
    )  # fmt: skip
    state.write_json(
        run.file("train_metrics.json"),
        (run.result() or {}) | {"benchmark": dataclasses.asdict(found)},
    )
    assert calls.answer("evaluate", home=home)["verdict"] == "pass"
    return home


def new_code(run: runs.Run) -> str:
    with changing(run.home) as change:
        code = approval.new_code()
        approval.keep(change, run, code)
    return code


def run_in(home) -> runs.Run:
    return runs.find(state.Home(home))


def test_the_code_is_in_what_a_person_reads_and_nowhere_else(judged_home):
    home, run = judged_home, run_in(judged_home)
    answers = [
        calls.script("propose", home=home, FAE_SKILL_NAME="training-orchestrator", stdin="{}").out,
        calls.script("propose", "--json", home=home).out,
        calls.script("propose", home=home).out,
    ]
    code = calls.approval_code(home, run.id)
    answers += [calls.script("deploy", "--json", home=home).out, calls.script("list_runs", "--json", home=home).out]  # fmt: skip
    shown = ("proposal.md", "proposal.html")
    for name in shown:
        assert run.file(name).read_text().count(code) == 2
        assert run.file(name).stat().st_mode & 0o777 == 0o600
    kept = [path for path in home.rglob("*") if path.is_file() and path.name not in shown]
    assert {"proposal.json", "approval.json", "evaluation.json"} <= {path.name for path in kept}
    assert not [path for path in kept if code.encode() in path.read_bytes()]
    # The example of what was said has the form of a code too.
    codes = {
        found for answer in answers for found in re.findall(r"\b[A-Z2-9]{3}-[A-Z2-9]{3}\b", answer)
    }
    assert codes <= {"XYZ-XYZ"}


def test_the_answer_for_fae_contains_what_to_say_and_is_never_truncated(judged_home):
    got = calls.script(
        "propose", home=judged_home, FAE_SKILL_NAME="training-orchestrator", stdin="{}"
    )
    answer = got.json
    assert len(got.out) <= 2000 and "left_out" not in answer and answer["status"] == "proposed"
    assert answer["say"].endswith("Say yes to switch, or no to keep things as they are.")
    assert answer["results"][0].startswith(
        "It predicts your conversations better in 12 of 12 that it"
    )
    assert "proposal.md" not in got.out and " code " not in answer["approval"]


def test_two_proposals_of_a_run_differ_in_nothing_but_the_code(judged_home):
    run, pages = run_in(judged_home), []
    for _ in range(2):
        calls.answer("propose", home=judged_home)
        code = calls.approval_code(judged_home, run.id)
        pages.append([run.file(f"proposal.{form}").read_text().replace(code, CODE) for form in ("md", "html", "json")])  # fmt: skip
    assert pages[0] == pages[1]


def test_a_dry_run_shows_the_proposal_and_writes_nothing(judged_home):
    run = run_in(judged_home)
    before = sorted(path.name for path in run.directory.iterdir())
    got = calls.script("propose", "--dry-run", home=judged_home)
    assert got.status == 0 and "It predicts your conversations better" in got.out
    assert calls.answer("propose", "--dry-run", home=judged_home)["status"] == "planned"
    assert sorted(path.name for path in run.directory.iterdir()) == before


def test_a_rejection_stores_its_reason_and_invalidates_the_code_until_the_next_proposal(
    judged_home,
):
    home, run = judged_home, run_in(judged_home)
    prepared.allowed(home)
    code = new_code(run)
    stdin = json.dumps({"method": "execute", "params": {"reject": "too  short\nanswers"}})
    answer = calls.script(
        "propose", home=home, FAE_SKILL_NAME="training-orchestrator", stdin=stdin
    ).json
    assert (answer["status"], answer["reason"]) == ("rejected", "too short answers")
    assert answer["next"] == {"script": "export_data", "params": {}}
    refused = calls.script("deploy", "--code", code, "--json", home=home)
    assert (refused.status, refused.json["error"]["code"]) == (3, "rejected")
    [listed] = calls.answer("list_runs", home=home)["runs"]
    assert listed["rejected"] == "too short answers" and listed["verdict"] == "pass"
    assert "you rejected it: too short answers" in calls.script("list_runs", home=home).out
    # Whoever follows "next" does not propose what the person rejected.
    for script, *given in (("propose", "--reject", "no"), ("propose",), ("deploy",)):
        again = calls.script(script, *given, "--json", home=home)
        assert (again.status, again.json["error"]["code"]) == (3, "rejected")
        assert again.json["next"]["script"] == "export_data"
    calls.answer("propose", "--run", run.id, home=home)
    assert "rejected" not in calls.answer("list_runs", home=home)["runs"][0]
    assert "You rejected this update on" in run.file("proposal.md").read_text()
    code = calls.approval_code(home, run.id)
    for typed in (code, code.lower()):
        planned = calls.answer("deploy", "--code", typed, "--dry-run", home=home)
        assert (planned["status"], planned["run"]) == ("planned", run.id)


def test_a_run_in_use_cannot_be_rejected_only_rolled_back(judged_home):
    new_code(run_in(judged_home))
    place, run = state.Home(judged_home), run_in(judged_home)
    state.append_jsonl(
        place.file("history.jsonl"),
        {
            "at": "2026",
            "action": "deploy",
            "slot": "language",
            "kind": "sft",
            "run": run.id,
            "fingerprint": "",
        },
    )
    place.write("active.json", {"sft": {"run": run.id, "fingerprint": "", "since": "2026"}})
    with pytest.raises(SkillError, match="already in use") as refused:
        rejection.keep(run, "too short")
    assert "rollback.py" in refused.value.hint
    assert run.file("approval.json").exists() and not rejection.standing(run)


@pytest.mark.parametrize(("reason", "kept"), [("x" * 5000, 300), ("  no ", 2)])
def test_a_reason_is_stored_verbatim_up_to_a_limit(judged_home, reason, kept):
    new_code(run_in(judged_home))
    assert len(rejection.keep(run_in(judged_home), reason).reason) == kept


def test_a_rejection_with_an_empty_reason_is_refused_and_the_proposal_stays(judged_home):
    new_code(run_in(judged_home))
    with pytest.raises(SkillError, match="the reason is empty"):
        rejection.keep(run_in(judged_home), "  \n ")
    assert run_in(judged_home).file("approval.json").exists()


def test_a_goal_that_improved_is_no_reason_against_a_run():
    unnoticed = (
        "Nothing changed that you could notice: all 5 outputs that were compared are the same."
    )
    found = gate.Decision(gate.FAIL, (unnoticed,), 1, (one(), passing("kept", 39, 39)), 0.5, 0.5)
    assert plain_words.what_stopped(found) == (unnoticed,)
