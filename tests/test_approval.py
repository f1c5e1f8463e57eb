"""The person's approval: a code that works once, for one adapter as it was judged, with five tries."""

import json
import runpy
import sys

import pytest

import calls
import prepared
from fae_training.calls import calling
from fae_training.calls.answering import as_call
from fae_training.calls.errors import Failed, Refused
from fae_training.judgement import evaluation
from fae_training.release import approval, deployment, dialog, rejection
from fae_training.store import state
from fae_training.store.transactions import changing


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


def propose(run) -> str:
    with changing(run.home) as change:
        code = approval.new_code()
        approval.keep(change, run, code)
    return code


def spend(run, code) -> str | None:
    """The code of the refusal, None when it was accepted."""
    try:
        with changing(run.home) as change:
            approval.spend(change, run, code)
    except Refused as refusal:
        return refusal.code
    return None


def test_a_code_is_needed_and_must_be_the_one_of_the_newest_proposal(place):
    run, other = prepared.judged(place, 1), prepared.judged(place, 2)
    assert spend(run, "ABC-DEF") == "not_proposed"
    old, code = propose(run), propose(run)
    assert spend(run, None) == spend(run, "") == "not_approved"
    assert spend(run, old) == spend(run, propose(other)) == "wrong_code"
    assert spend(run, code) is None
    assert spend(run, code) == "code_used"


@pytest.mark.parametrize(
    "said", [str.lower, lambda code: code.replace("-", ""), lambda code: " ".join(code), lambda code: f" {code}.\n"]
)  # fmt: skip
def test_a_code_is_read_however_it_is_written(place, said):
    run = prepared.judged(place)
    assert spend(run, said(propose(run))) is None


def test_an_approval_without_its_fields_is_named(place):
    run = prepared.judged(place)
    run.file(approval.FILE).write_text("{}")
    with pytest.raises(Failed, match=r"approval\.json was written .*it has no key 'fingerprint'"):
        spend(run, "ABC-DEF")


def test_measurements_without_an_adapter_fingerprint_are_not_judged(place):
    run = prepared.finished(place, fingerprint=None)
    with pytest.raises(Refused, match="do not identify the adapter") as refusal:
        evaluation.make(run)
    assert refusal.value.hint == f"uv run scripts/evaluate.py --run {run.id} --rescore"


def test_after_five_wrong_codes_the_right_one_no_longer_counts(place):
    run = prepared.judged(place)
    code = propose(run)
    for tries in range(5):
        assert approval.read(run).tries == tries
        assert spend(run, "AAA-AAA") == "wrong_code"
    assert spend(run, code) == "too_many_tries" and approval.read(run).tries == 5
    assert spend(run, propose(run)) is None, "a new proposal has a new code"


def test_a_code_is_for_the_files_and_the_judgement_that_were_proposed(place):
    run = prepared.judged(place)
    code = propose(run)
    weights = run.file("adapters", "adapters.safetensors")
    before = weights.read_text()
    weights.write_text(before.replace("weights", "Weights"))
    assert spend(run, code) == "changed_since"
    weights.write_text(before)
    evaluation.make(run)
    again = prepared.measured(7, fingerprint=deployment.fingerprint(run.file("adapters")))
    assert evaluation.make(run, again).verdict == "pass"
    assert spend(run, code) == "changed_since", "judged anew, to whatever result"


def test_judging_the_same_figures_again_changes_nothing(place):
    run = prepared.judged(place)
    code = propose(run)
    evaluation.make(run)
    assert spend(run, code) is None


def test_the_stored_hash_does_not_reveal_the_code(place):
    run, other = prepared.judged(place, 1), prepared.judged(place, 2)
    code = propose(run)
    kept = run.file("approval.json").read_text()
    assert code not in kept and code.replace("-", "") not in kept
    assert len(code) == 7 and set(code.replace("-", "")) <= set(approval.CODE_LETTERS)
    state.write_json(other.file("approval.json"), json.loads(kept))
    assert spend(other, code) == "changed_since", "the code of one run is none of another"
    assert len({propose(run) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "said",
    [
        "AB2-XQ9", "ab2xq9", "a b 2 x q 9", "A, B, 2 - X, Q, 9.", "alpha bravo two x-ray quebec nine",
        "Alfa Bravo 2 dash Xray Quebec 9", " ab2 - xq9 ",
    ],
)  # fmt: skip
def test_a_code_counts_however_it_is_written_or_spelled(said):
    assert approval.plain(said) == "AB2XQ9"


def test_a_code_that_is_a_word_of_the_spelling_alphabet_is_that_code():
    assert approval.plain("que-bec") == approval.plain("Quebec") == "QUEBEC"
    letters = approval.CODE_LETTERS
    assert set(approval.SPELLED.values()) == set(letters), "each of them can be said"


def by_dialog(place, monkeypatch, tmp_path, prints: str):
    """deploy.py as Fae calls it on a Mac; a stand-in for osascript prints what was recorded of it."""
    scripts = prepared.scripts_beside(tmp_path)
    standin = tmp_path / "osascript"
    standin.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {tmp_path}/asked\nprintf '%s' '{prints}'\n"
    )
    standin.chmod(0o700)
    monkeypatch.setattr(dialog, "OSASCRIPT", str(standin))
    monkeypatch.setattr(dialog, "available", lambda: True)
    monkeypatch.setattr(sys, "argv", [str(scripts / "deploy.py")])
    deploy = runpy.run_path(str(scripts / "deploy.py"))
    monkeypatch.setattr(sys, "argv", [str(scripts / "deploy.py")])
    call = calling.read_call(deploy["build_parser"](), ["--home", str(place.path)], "person")
    call.caller = "fae"
    return deploy["main"](call)


def test_called_by_fae_on_a_mac_the_person_is_asked_in_a_dialog(place, monkeypatch, tmp_path):
    run = prepared.judged(place)
    (tmp_path / "declined").mkdir()
    later = by_dialog(
        place, monkeypatch, tmp_path / "declined", "button returned:Not now, gave up:false"
    )
    assert (later.data["status"], later.exit_status) == ("declined", 3)
    assert rejection.last_of(run) is None, "not now is no reason never to ask again"
    assert later.data["next"] is None, "who pressed 'Not now' is not asked again at once"
    for prints, happened in (
        ("button returned:, gave up:true", "closed after 14 s without an answer"),
        ("", "no dialog about"),
    ):
        (tmp_path / happened).mkdir()
        with pytest.raises(Refused) as refusal:
            by_dialog(place, monkeypatch, tmp_path / happened, prints)
        error = refusal.value
        assert error.code == "not_answered" and happened in error.message
        assert "nothing was deployed" in error.message and "reopen the dialog" in error.message
        again = as_call(error.hint)
        assert bool(again) == (prints != ""), "a dialog that cannot be shown is not tried again"
    assert deployment.current(place, "language") is None
    answer = by_dialog(place, monkeypatch, tmp_path, "button returned:Use it, gave up:false")
    assert answer.data["status"] == "deployed" and answer.data["run"] == run.id
    asked = (tmp_path / "asked").read_text()
    assert f"{run.id}, an update for your language model" in asked and "It got better at" in asked


def at_a_terminal(home, scripts, answer: str, *arguments: str) -> tuple[int, str]:
    return calls.at_a_terminal(scripts / "deploy.py", *arguments, home=home, typed=answer)


def test_at_a_terminal_the_person_is_asked_and_only_a_yes_deploys(place, tmp_path):
    scripts, run = prepared.scripts_beside(tmp_path), prepared.judged(place)
    for answer in ("\n", "what?\n"):
        status, seen = at_a_terminal(place.path, scripts, answer)
        assert status == 3 and "Use it? [y/N]" in seen and "was not deployed" in seen
        assert "error" not in seen and "Why?" not in seen
        assert "To use it later: uv run " in " ".join(seen.split())
        assert rejection.last_of(run) is None
        seen = " ".join(seen.split())
        assert f"{run.id}, an update for your language model" in seen
        assert "would replace the original model" in seen and "It got better at" in seen
    assert deployment.current(place, "language") is None
    status, seen = at_a_terminal(place.path, scripts, "y\n")
    assert status == 0 and f"{run.id} is now in use, in place of the original model" in seen
    assert deployment.current(place, "language").verified
    status, seen = at_a_terminal(place.path, scripts, "y\n")
    assert status == 3 and "is already active" in seen


def test_a_rejection_at_the_terminal_asks_for_the_reason_once_and_is_stored_with_the_run(
    place, tmp_path
):
    scripts, run = prepared.scripts_beside(tmp_path), prepared.judged(place)
    code = propose(run)
    status, seen = at_a_terminal(place.path, scripts, "n\nanswers  too short\n")
    assert status == 3 and "Why? (Enter for no reason)" in seen and "error" not in seen
    assert "will not be used" in seen and "export_data.py" in seen.rpartition("Next: ")[2]
    assert rejection.standing(run).reason == "answers too short"
    assert spend(run, code) == "not_proposed", "its code no longer counts"
    status, seen = at_a_terminal(place.path, scripts, "y\n")
    assert status == 3 and "you rejected" in seen and "Use it?" not in seen
    # Asked for by its id it is asked about again, and a yes ends the no.
    status, seen = at_a_terminal(place.path, scripts, "no\n\n", "--run", run.id)
    assert status == 3 and rejection.standing(run).reason == "no reason given"
    status, seen = at_a_terminal(place.path, scripts, "y\n", "--run", run.id)
    assert status == 0 and rejection.standing(run) is None


def test_a_rejection_during_the_question_is_not_overridden_by_a_later_yes(place, tmp_path):
    scripts, run = prepared.scripts_beside(tmp_path), prepared.judged(place)
    propose(run)
    status, seen = calls.at_a_terminal(
        scripts / "deploy.py",
        home=place.path,
        typed="y\n",
        asked=lambda: rejection.keep(run, "I changed my mind"),
    )
    assert status == 3 and "was rejected, while you were being asked" in " ".join(seen.split())
    assert deployment.current(place, "language") is None and rejection.standing(run)


def test_without_a_terminal_nobody_is_asked_and_no_answer_shows_where_the_code_is(place):
    run = prepared.judged(place)
    propose(run)
    got = calls.script("deploy", "--json", home=place.path, stdin="y\n")
    assert got.status == 3 and got.json["error"]["code"] == "not_approved"
    assert "proposal.md" not in got.out and str(place.path) not in got.out


def test_a_dialog_that_does_not_end_is_closed_and_reported_as_not_shown(monkeypatch, tmp_path):
    standin = tmp_path / "osascript"
    standin.write_text("#!/bin/sh\nexec sleep 60\n")
    standin.chmod(0o700)
    monkeypatch.setattr(dialog, "OSASCRIPT", str(standin))
    monkeypatch.setattr(dialog, "GRACE_S", 0.1)
    assert dialog.ask("Use it?", "Fae", 0) == dialog.NOT_SHOWN
    monkeypatch.setattr(dialog, "OSASCRIPT", str(tmp_path / "none"))
    assert dialog.ask("Use it?", "Fae", 0) == dialog.NOT_SHOWN


def test_the_dialog_asks_by_osascript_with_texts_as_arguments_and_no_as_the_default():
    """Recorded: it cannot be shown here."""
    question = 'Use it? " & (do shell script "id") & "'
    command = dialog.command(question, "Fae", 14)
    assert command[0] == "/usr/bin/osascript" and command[-3:] == [question, "Fae", "14"]
    script = [
        line for flag, line in zip(command[1::2], command[2::2], strict=False) if flag == "-e"
    ]
    assert script[0] == "on run argv" and script[-1] == "end run" and question not in script
    assert 'default button "Not now"' in script[1] and "giving up after" in script[1]


@pytest.mark.parametrize(
    "status, output, meant",
    [
        (0, "button returned:Use it, gave up:false\n", dialog.YES),
        (0, "button returned:Not now, gave up:false\n", dialog.NO),
        (0, "button returned:, gave up:true\n", dialog.CLOSED),
        (1, "", dialog.NOT_SHOWN),
        (1, "button returned:Use it, gave up:false", dialog.NOT_SHOWN),
        (0, "", dialog.NOT_SHOWN),
    ],
)
def test_the_dialog_s_answer_is_a_yes_only_if_the_button_was_pressed(status, output, meant):
    assert dialog.answer(status, output) == meant
