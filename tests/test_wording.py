"""Text for people: numbers agree with their nouns, and the last line names the next command."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import calls
import prepared
from fae_training.calls import calling
from fae_training.calls.answering import filled, fitted, with_next_call, with_next_line
from fae_training.calls.counting import counted
from fae_training.judgement import evaluation
from fae_training.lifecycle import progress, runs
from fae_training.release import deployment, rejection
from fae_training.store import consent, state
from fae_training.store.transactions import changing

NOUNS = re.compile(
    r" (?:rows|times|tasks|runs|clips|words|conversations|turns|pairs|files|sounds|episodes|recordings|corrections|"
    r"questions|samples|answers|names|lines|items|examples|warnings|problems|notes|updates)\b"
)
# A verb after a name, or a number that cannot be 1 there.
NO_COUNT = {"name", "path", "chosen.rule"}
NEVER_ONE = {"len(runs)", "FEWEST"}


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


@pytest.mark.parametrize(
    ("number", "nouns", "said"),
    [
        (1, ("row",), "1 row"),
        (0, ("row",), "0 rows"),
        (1034, ("row",), "1,034 rows"),
        (1, ("row is", "rows are"), "1 row is"),
        (2, ("row is", "rows are"), "2 rows are"),
    ],
)
def test_a_number_has_the_noun_that_fits(number, nouns, said):
    assert counted(number, *nouns) == said


def plurals(path: Path):
    """(line, number, noun) of each f-string that has a plural after a number; "3 of 5 rows" is right with any number."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                before = str(part.value)
                continue
            after = node.values[node.values.index(part) + 1 :][:1]
            follows = str(after[0].value) if after and isinstance(after[0], ast.Constant) else ""
            form = ast.unparse(part.format_spec) if part.format_spec else ""
            of_many = before.endswith(("of ", "of the ", "the other ")) or re.search(
                r"[.][0-9]|g", form
            )
            if not of_many and (noun := NOUNS.match(follows)):
                yield node.lineno, ast.unparse(part.value), noun[0].strip()
            before = ""


def test_no_message_has_a_plural_after_a_number_that_can_be_one():
    found = [
        f"{path.relative_to(calls.ROOT)}:{line}: {number} {noun}"
        for folder in ("lib", "scripts")
        for path in sorted((calls.ROOT / folder).rglob("*.py"))
        for line, number, noun in plurals(path)
        if number not in NEVER_ONE | NO_COUNT
    ]
    assert found == [], "use counting.counted"


def test_an_answer_ends_with_what_leads_on_for_people_and_for_programs():
    assert with_next_line({"next": "train.py"}, "Done.") == "Done.\nNext: uv run scripts/train.py"
    assert with_next_line({"status": "x"}, "Done.") == "Done."
    look = {"script": "check_status", "params": {}}
    assert with_next_call({"status": "done", "next": None})["next"] is None, "the person's turn"
    assert with_next_call({"status": "done"})["next"] == look
    filled_in = with_next_call({"status": "done", "next": "add_samples.py --files FILES..."})
    assert filled_in["next"] is None, "only the person can fill it in"
    assert filled_in["hint"] == "uv run scripts/add_samples.py --files FILES..."
    answer = with_next_call({"status": "done", "next": "evaluate.py --run sft-1"})
    assert answer["next"] == {"script": "evaluate", "params": {"run": "sft-1"}}
    answer = with_next_call({"status": "done", "next": "evaluate.py"}, Path("/elsewhere"))
    assert answer["next"] == {"script": "evaluate", "params": {"home": "/elsewhere"}}


def test_a_state_directory_among_the_parameters_is_in_the_next_call_too(home, tmp_path):
    prepared.allowed(home)
    named = calls.script("check_status", json.dumps({"home": str(home)}), home=tmp_path).json
    assert named["next"] == {"script": "export_data", "params": {"home": str(home)}}
    own = calls.script("check_status", "--json", home=home).json
    assert own["next"] == {"script": "export_data", "params": {}}


def test_the_next_call_of_a_dry_run_is_the_same_call_without_it(home):
    given = {"db": str(home / "fae.db"), "forget": ["Anton", "my job"]}
    planned = calls.script("export_data", json.dumps(given | {"dry_run": True}), home=home).json
    assert planned["next"] == {"script": "export_data", "params": given}


@pytest.mark.parametrize(
    "script, given",
    [
        ("add_correction", {}),
        ("train_keyword", {"preset": "light"}),
        ("add_samples", {"class": "wakke", "files": ["call.wav"]}),
        ("add_samples", {"class": "wake", "to_judge": True, "files": ["call.wav"]}),
    ],
)
def test_a_consent_or_approval_is_never_the_next_call(tmp_path, script, given):
    """A program that follows "next" must not teach an example's words, label a wake word as noise, or give a consent."""
    (tmp_path / "call.wav").write_bytes(b"RIFF")
    consent.change(state.Home(tmp_path / "home"), ["audio"], ["audio"])
    got = calls.script(script, json.dumps(given), home=tmp_path / "home", cwd=tmp_path)
    assert got.json["status"] == "error" and "next" not in got.json
    assert "scripts/" in got.json["error"]["hint"]


def test_a_proposal_ends_with_the_next_command(place):
    run = prepared.judged(place)
    lines = calls.script("propose", home=place.path).out.strip().splitlines()
    assert lines[-1].startswith("Next: uv run ") and lines[-1].endswith(f"deploy.py --run {run.id}")
    answer = calls.answer("propose", home=place.path)
    assert answer["next"] is None and answer["hint"].endswith(f"deploy.py --run {run.id}")


@pytest.mark.parametrize(
    ("gain", "preset", "following"),
    [
        (-0.3, "standard", {"script": "train", "params": {"preset": "light"}}),
        (-0.3, "light", {"script": "export_data", "params": {}}),
        (-0.3, "smoke", {"script": "train", "params": {"preset": "light"}}),
        (0.0, "light", {"script": "train", "params": {"preset": "standard"}}),
        (0.0, "deep", {"script": "export_data", "params": {}}),
    ],
)
def test_a_run_that_did_not_pass_leads_on_to_what_helps(place, gain, preset, following):
    run = prepared.finished(place, 1)
    run.update(settings={"preset": preset})
    mark = deployment.fingerprint(run.file("adapters"))
    verdict = evaluation.make(run, prepared.measured(1, gain, fingerprint=mark)).verdict
    assert verdict == ("fail" if gain else "not_enough_evidence")
    judged = calls.script("evaluate", "--json", home=place.path)
    assert judged.json["next"] == following
    assert calls.answer("check_status", home=place.path)["next"] == following
    assert calls.script("evaluate", home=place.path).out.count("Next: ") == 1


def no_to(run: runs.Run, reason: str) -> None:
    rejection.keep(run, reason, asked=True)


def test_a_rejection_is_shown_by_the_status_and_the_next_proposal_until_something_is_approved(
    place,
):
    first = prepared.judged(place, 1)
    no_to(first, "too short answers")
    answer = calls.answer("check_status", home=place.path)
    assert "too short answers" in answer["rejected"] and answer["next"]["script"] == "export_data"
    assert "you rejected it on" in calls.script("check_status", home=place.path).out
    assert (
        calls.script("evaluate", "--json", home=place.path).json["rejected"] == "too short answers"
    )
    second = prepared.judged(place, 2)
    proposed = calls.answer("propose", home=place.path)
    assert proposed["earlier_no"] == {"run": first.id, "reason": "too short answers"}
    page = second.file("proposal.md").read_text()
    assert f"You rejected an earlier one, {first.id}, on" in page and "too short answers" in page
    with changing(place) as change:
        deployment.deploy(change, second, evaluation.mark(second))
    prepared.judged(place, 3)
    history = place.file("history.jsonl")
    line = json.loads(history.read_text())
    history.write_text(json.dumps(line | {"at": "2999-01-01T00:00:00+00:00"}) + "\n")
    assert "earlier_no" not in calls.answer("propose", home=place.path)


def test_runs_are_compared_by_the_names_that_people_use(place):
    first, active = prepared.finished(place, 1), prepared.deployed(place, 2)
    newest = prepared.finished(place, 3)

    def compared(*names: str) -> list[str]:
        return calls.answer("list_runs", "--compare", *names, home=place.path)["runs"]

    assert compared("latest") == [active.id, newest.id]
    assert compared("active") == [first.id, active.id], "with the one before it"
    assert compared("latest", "active") == [newest.id, active.id]
    assert compared(first.id, "latest") == [first.id, newest.id]


@pytest.mark.parametrize("name", ["latest", "active"])
def test_a_run_without_a_counterpart_to_compare_with_is_reported(place, name):
    prepared.finished(place, 1)
    got = calls.script("list_runs", "--compare", name, "--json", home=place.path)
    code = {"latest": "nothing_to_compare", "active": "nothing_active"}[name]
    assert (got.status, got.json["error"]["code"]) == (4, code)


def test_the_time_of_a_run_is_reported_in_total_and_for_its_steps(place):
    run = prepared.finished(place, 1)
    result = run.result() | {"seconds": {"loading": 20.0, "training": 100.0, "total": 300.0}}
    state.write_json(run.file("train_metrics.json"), result)
    state.append_jsonl(run.file("metrics.jsonl"), {"step": 10, "loss": 1.0, "elapsed_s": 120.0})
    answer = calls.answer("check_status", home=place.path)
    assert (answer["elapsed_s"], answer["training_s"]) == (300.0, 100.0)
    text = calls.script("check_status", home=place.path).out
    assert "in 5 min 00 s, of which 1 min 40 s training" in text
    run.update(status="training")
    run.file("train_metrics.json").unlink()
    state.write_json(run.file("progress.json"), {"seconds": {"loading": 20.0, "training": 40.0}})
    answer = calls.answer("check_status", home=place.path)
    assert (answer["elapsed_s"], answer["training_s"]) == (60.0, 40.0)


def test_a_loss_that_never_jumped_is_reported_in_a_sentence(place):
    prepared.finished(place, 1)
    text = calls.script("check_status", "--spikes", home=place.path).out
    assert "the loss did not jump at any step" in text


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_demo_ends_the_training_that_it_started(tmp_path, how):
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n')
    uv.chmod(0o700)
    state.write_text(tmp_path / "state" / "lock", "sft-1")
    program = (
        "import pathlib, sys, time, demo\n"
        f"demo.DEMO, demo.UV = pathlib.Path({str(tmp_path)!r}), {str(uv)!r}\n"
        "def loop():\n    print('going on', flush=True)\n    time.sleep(60)\n"
        "demo.watched(loop)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(calls.ROOT / "samples")}
    demo = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell in the background would have it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert demo.stdout is not None and demo.stdout.readline() == b"going on\n"
    demo.send_signal(how)
    demo.communicate(timeout=60)
    assert demo.returncode
    called = (tmp_path / "called").read_text().split()
    assert called == ["run", "--quiet", "scripts/cancel.py", "--home", str(tmp_path / "state")]


def test_a_progress_line_keeps_the_time_left_on_a_narrow_terminal(place):
    run = runs.create(place, "sft", {"settings": {"steps": 60}})
    run.update(status="training")
    state.write_json(run.file(runs.PROGRESS_FILE), {"stage": "training", "done": 12, "total": 60, "eta_s": 31})  # fmt: skip
    report = {"step": 12, "loss": 0.23, "val_loss": 0.52, "tokens_per_s": 2246, "peak_memory_gb": 0.1}  # fmt: skip
    state.append_jsonl(run.file("metrics.jsonl"), report)
    wide, narrow = (progress.line(run, width) for width in (140, 60))
    assert "[====" in wide and "0.10 GB" in wide and wide.endswith("31 s left")
    assert len(narrow) < 60 and "training 12/60  loss 0.230" in narrow
    assert narrow.endswith("31 s left") and "GB" not in narrow


def test_long_lines_are_broken_between_words_and_commands_and_tables_are_not():
    text = "- It predicts your conversations better.\nNext: uv run scripts/train.py --preset light\n  12  a reason"
    assert fitted(text, 20).split("\n") == [
        "- It predicts your",
        "  conversations",
        "  better.",
        "Next: uv run scripts/train.py --preset light",
        "  12  a reason",
    ]


def test_a_command_in_a_sentence_stays_in_one_piece_and_a_coloured_mark_is_a_mark():
    quoted = "uv run '/a place/deploy.py' --run sft-1"
    text = f"To use it later, type {quoted}. It asks first.\n\033[33mnote  \033[0mmodels: the model is not here"
    assert fitted(text, 20).split("\n") == [
        "To use it later,",
        "type",
        f"{quoted}.",
        "It asks first.",
        "\033[33mnote  \033[0mmodels: the",
        "      model is not",
        "      here",
    ]
    one_gap = "   11  interview   (you said: forget it)"
    assert fitted(one_gap, 30).split("\n") == ["   11  interview   (you said:", "       forget it)"]


def test_notes_before_a_training_have_commands_to_paste(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/a place/train.py"])
    given = calling.parser("").parse(["--home", str(home)])
    calling.Call(given, {}, "person").show_progress("none: uv run scripts/export_data.py")
    shown = capsys.readouterr().err
    assert shown == f"none: uv run '/a place/export_data.py' --home {home}\n"


def test_help_is_filled_to_the_width_and_its_examples_are_kept():
    text = "One two three.\n\n    uv run scripts/train.py     trains\n\nIt reads a\nlot. And more"
    assert filled(text, 14).split("\n") == [
        "One two three.", "", "    uv run scripts/train.py     trains", "", "It reads a", "lot. And more"
    ]  # fmt: skip
