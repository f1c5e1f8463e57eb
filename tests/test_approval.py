"""The person's yes: a code that serves once, for one adapter as it was judged, and five tries to get it right."""

import json
import os
import pty
import subprocess
import sys

import pytest

import calls
import prepared
from fae_training import approval, deployment, dialog, evaluation, state
from fae_training.errors import Failed, Refused
from fae_training.transactions import changing


@pytest.fixture
def place(home) -> state.Home:
    return prepared.allowed(home)


def propose(run) -> str:
    with changing(run.home) as change:
        return approval.new(change, run)


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
    with pytest.raises(Failed, match=r"approval\.json: Approval lacks 'fingerprint'"):
        spend(run, "ABC-DEF")


def test_measurements_that_name_no_adapter_are_not_judged(place):
    run = prepared.finished(place, fingerprint=None)
    with pytest.raises(Refused, match="do not say of which adapter") as refusal:
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


def test_judging_again_by_the_same_figures_changes_nothing(place):
    run = prepared.judged(place)
    code = propose(run)
    evaluation.make(run)
    assert spend(run, code) is None


def test_what_is_kept_of_a_code_does_not_give_it_away(place):
    run, other = prepared.judged(place, 1), prepared.judged(place, 2)
    code = propose(run)
    kept = run.file("approval.json").read_text()
    assert code not in kept and code.replace("-", "") not in kept
    assert len(code) == 7 and set(code.replace("-", "")) <= set(approval.CODE_LETTERS)
    state.write_json(other.file("approval.json"), json.loads(kept))
    assert spend(other, code) == "changed_since", "the code of one run is none of another"
    assert len({propose(run) for _ in range(20)}) == 20


def at_a_terminal(home, scripts, answer: str, *arguments: str) -> tuple[int, str]:
    """Exit status and what a person saw, who typed `answer`."""
    ours, theirs = pty.openpty()
    command = [sys.executable, str(scripts / "deploy.py"), *arguments]
    environment = {**os.environ, "FAE_TRAINING_HOME": str(home)}
    person = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    os.write(ours, answer.encode())
    seen = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not read:
            break
        seen += read
    os.close(ours)
    return person.wait(), seen.decode()


def test_at_a_terminal_the_person_is_asked_and_only_a_yes_deploys(place, tmp_path):
    scripts, run = prepared.scripts_beside(tmp_path), prepared.judged(place)
    for answer in ("\n", "n\n", "what?\n"):
        status, seen = at_a_terminal(place.path, scripts, answer)
        assert status == 3 and "Use it? [y/N]" in seen and "was not deployed" in seen
        assert f"{run.id}, an update for your language model" in seen
        assert "would replace the base model" in seen and "It got better at" in seen
    assert deployment.current(place, "language") is None
    status, seen = at_a_terminal(place.path, scripts, "y\n")
    assert status == 0 and f"{run.id} is active in place of the base model" in seen
    assert deployment.current(place, "language").verified
    status, seen = at_a_terminal(place.path, scripts, "y\n")
    assert status == 3 and "is active already" in seen


def test_without_a_terminal_nobody_is_asked_and_no_answer_shows_where_the_code_stands(place):
    run = prepared.judged(place)
    propose(run)
    got = calls.script("deploy", "--json", home=place.path, stdin="y\n")
    assert got.status == 3 and got.json["error"]["code"] == "not_approved"
    assert "proposal.md" not in got.out and str(place.path) not in got.out


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
        (0, "button returned:Use it, gave up:false\n", True),
        (0, "button returned:Not now, gave up:false\n", False),
        (0, "button returned:, gave up:true\n", None),
        (1, "", None),
        (0, "", None),
    ],
)
def test_what_the_dialog_answers_is_a_yes_only_when_the_button_was_pressed(status, output, meant):
    assert dialog.answer(status, output) is meant
