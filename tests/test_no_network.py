"""No script opens a network connection: they run without a network, and every attempt is recorded."""

import os
import subprocess
import sys

import pytest

import calls
import classifier_sounds
from fae_days import Days, plain
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.store import consent, state

WITHOUT_NETWORK = ("unshare", "-rn")
# Read by each Python before it runs anything. Names are looked up and connections opened through these two.
WATCH = """
import sys
def look(event, given):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and given[0].family != 1):
        with open({path!r}, "a") as out:
            print(event, given, sys.argv[:1], file=out)
sys.addaudithook(look)
"""


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """The file that has a line for each try, of this test's scripts and their workers."""
    try:
        works = subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        works = False
    if not works:
        pytest.skip("this system lets nobody make a network namespace (unshare -rn)")
    path = tmp_path / "tried"
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH.format(path=str(path)))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/watch:{os.environ['PYTHONPATH']}")
    return path


def alone(home, *words) -> calls.Answer:
    environment = {**os.environ, "FAE_TRAINING_HOME": str(home)}
    return calls.process([*WITHOUT_NETWORK, *map(str, words)], environment)


def test_an_attempt_to_connect_would_be_noticed(home, tried):
    alone(home, sys.executable, "-c", "import urllib.request as u; u.urlopen('http://example.org')")
    assert "example.org" in tried.read_text()


def test_the_whole_loop_makes_no_connection(home, tried, tmp_path):
    place = state.Home(home)
    consent.change(place, ["conversations", "corrections", "audio"], [])
    days = Days(tmp_path / "fae")
    for number in range(12):
        days.talk(plain(number))
    days.talk(("How big is a cricket?", "A field is large."), ("No, I meant the insect.", "Small."))
    database = days.done()
    classifier_sounds.fill(home, "keyword", CLASSIFIERS["keyword"].classes)
    model = ("--model", calls.LANGUAGE_MODEL)
    steps = (
        ("export_data", "--db", database),
        ("export_data", "--db", database, "--forget", "the interview"),
        ("extract_corrections", "--db", database),
        ("add_correction", "--heard", "Marian", "--meant", "Marion"),
        ("train", "--preset", "smoke", "--dry-run", *model),
        ("train_dpo", "--preset", "smoke", "--dry-run", *model),
        ("train_stt", "--preset", "smoke", "--dry-run"),
        # Its worker is in the same namespace.
        ("train_keyword", "--preset", "smoke", "--steps", 2, "--synthesise", "never"),
        ("check_status",),
        ("evaluate",),
        ("propose",),
        ("list_runs",),
        ("schedule",),
        ("delete_data", "--data", "--dry-run"),
        ("rollback", "--dry-run"),
    )
    for script, *given in steps:
        path = calls.SCRIPTS / f"{script}.py"
        got = alone(home, sys.executable, path, *given)
        assert "Traceback" not in got.err, got.err
        assert not tried.exists(), f"{script}: {tried.read_text()}"
    assert calls.answer("check_status", home=home)["status"] == "completed"
