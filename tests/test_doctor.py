"""The findings of doctor.py: each fault is named with its remedy, and nothing is changed."""

import os
import re
import shutil
import subprocess
from datetime import datetime, timedelta

import pytest

import calls
import prepared
from fae_training.environment import health, models
from fae_training.environment.health import ATTENTION, BROKEN, FINE
from fae_training.lifecycle import runs
from fae_training.store import consent, state
from test_dry_runs import picture


def findings(home, about: str) -> list[health.Finding]:
    return [one for one in health.examine(state.Home(home)) if one.about == about]


def only(home, about: str) -> health.Finding:
    (found,) = findings(home, about)
    return found


def test_a_person_reads_each_finding_with_its_remedy_and_no_directory_is_made(home):
    got = calls.script("doctor", home=home)
    assert got.status == 0, got.err
    assert "note  consent: you have not given consent yet" in got.out
    assert "/setup.py --consent conversations" in got.out
    assert "attention." in got.out and not home.exists()


def test_a_program_gets_what_is_not_right_and_the_first_remedy_as_its_next_call(home):
    place = prepared.allowed(home)
    consent.change(place, [], ["conversations"])
    before = picture(home)
    answer = calls.answer("doctor", home=home)
    assert answer["status"] == "attention" and "clock" in answer["fine"]
    about = {one["about"]: one for one in answer["findings"]}
    assert about["consent"]["remedy"] == "uv run scripts/setup.py --consent conversations"
    assert answer["next"] is None and "no longer allow" in answer["say"]
    assert all(one["remedy"] for one in answer["findings"])
    assert picture(home) == before


def test_without_uv_a_training_cannot_begin(home, tmp_path):
    got = calls.script("doctor", "--json", home=home, PATH=str(tmp_path), HOME=str(tmp_path))
    assert got.status == 4 and got.json["status"] == "broken"
    (uv,) = [one for one in got.json["findings"] if one["about"] == "uv"]
    assert uv["state"] == "broken" and "astral.sh" in uv["remedy"]


def test_memory_and_models_are_those_of_this_machine(home, monkeypatch, tmp_path):
    monkeypatch.setenv("FAE_TRAINING_MEMORY_GB", "4")
    assert only(home, "memory").state == ATTENTION and "4 GB" in only(home, "memory").says
    monkeypatch.setenv("FAE_TRAINING_MEMORY_GB", "24")
    assert only(home, "memory").state == FINE
    monkeypatch.setattr(models, "locate", lambda model: calls.LANGUAGE_MODEL)
    language, *_ = findings(home, "models")
    assert language.state == FINE and str(calls.LANGUAGE_MODEL) in language.says
    half = shutil.copytree(calls.LANGUAGE_MODEL, tmp_path / "half")
    (half / "model.safetensors").unlink()
    monkeypatch.setattr(models, "locate", lambda model: half)
    broken = only(home, "models")
    assert broken.state == BROKEN and "has no weights" in broken.says and "--fetch" in broken.remedy


@pytest.mark.parametrize("free, expected", [(100e9, FINE), (3e9, ATTENTION), (0.2e9, BROKEN)])
def test_a_disk_that_is_nearly_full_is_named(home, monkeypatch, free, expected):
    usage = shutil.disk_usage("/")._replace(free=int(free))
    monkeypatch.setattr(health.shutil, "disk_usage", lambda place: usage)
    found = only(home, "disk")
    assert found.state == expected and bool(found.remedy) == (expected != FINE)
    assert f"{free / 1e9:.1f} GB free" in found.says


def test_the_database_is_opened_only_when_it_was_allowed(home, monkeypatch, fae_directory):
    monkeypatch.setenv("FAE_APP_DIR", str(fae_directory.directory))
    assert "opened only after you give consent" in only(home, "database").says
    prepared.allowed(home)
    found = only(home, "database")
    assert found.state == FINE and re.search(r"fae\.db, schema [4-9], \d", found.says)


def test_a_damaged_database_is_broken_and_says_what_to_do(home, monkeypatch, tmp_path):
    prepared.allowed(home)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "fae.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    monkeypatch.setenv("FAE_APP_DIR", str(tmp_path / "app"))
    found = only(home, "database")
    assert found.state == BROKEN and "cannot be read to its end" in found.says
    assert "pragma integrity_check" in found.remedy


def test_an_interrupted_run_set_aside_files_and_open_directories_are_named(home):
    place = prepared.allowed(home)
    assert only(home, "state").state == FINE
    run = prepared.finished(place)
    run.update(status="training")
    place.file("config.json.corrupt-20261126-120000").write_text("{")
    home.chmod(0o755)
    cut_off, aside, readable = findings(home, "state")
    assert cut_off.remedy == f"uv run scripts/train.py --resume {run.id}"
    assert "config.json.corrupt-20261126-120000" in aside.remedy
    assert readable.remedy == f"chmod 700 {home}"


def test_an_adapter_that_changed_after_its_deployment_is_named(home):
    place = prepared.allowed(home)
    run = prepared.deployed(place)
    assert only(home, "state").state == FINE
    (run.file("adapters") / "adapters.safetensors").write_text("something else")
    assert run.id in only(home, "state").says and only(home, "state").state == ATTENTION


def test_files_left_by_a_killed_process_are_named_once_they_are_old(home):
    place = prepared.allowed(home)
    left = place.directory("data", "sft") / ".train.jsonl.abcdefgh"
    left.write_text("{}")
    assert only(home, "temporary files").state == FINE
    os.utime(left, (0, 0))
    found = only(home, "temporary files")
    assert found.state == ATTENTION and found.remedy.endswith(f"rm -r {left}")


def test_a_clock_behind_the_runs_is_named(home):
    place = prepared.allowed(home)
    run = prepared.finished(place)
    assert only(home, "clock").state == FINE
    tomorrow = datetime.now().astimezone() + timedelta(days=1)
    run.update(created_at=tomorrow.isoformat())
    found = only(home, "clock")
    assert found.state == ATTENTION and tomorrow.isoformat()[:16] in found.says


def test_a_state_file_that_cannot_be_read_does_not_hide_the_other_findings(home):
    place = prepared.allowed(home)
    os.mkfifo(place.file("setup.json"))
    found = health.examine(place)
    assert {one.about for one in found} == set(health.CHECKS)
    assert next(one for one in found if one.about == "environments").state == BROKEN


@pytest.mark.parametrize(
    "content", ["[", '{"schema": 1, "sft": {"rank": -3}}', '{"schema": 1, "stf": {}}']
)
def test_a_config_json_that_a_training_would_refuse_is_named(home, content):
    assert only(home, "settings").state == FINE
    home.mkdir(exist_ok=True)
    (home / "config.json").write_text(content)
    said = calls.script("doctor", "--json", home=home).json
    assert any("config.json" in one["says"] for one in said["findings"])
    assert (home / "config.json").read_text() == content, "doctor changes nothing"


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_a_shell_completes_the_flags_and_choices_of_each_script(home, tmp_path):
    text = calls.script("doctor", "--completion", "bash", home=home).out
    path = tmp_path / "completion"
    path.write_text(text)

    def completed(*words: str) -> list[str]:
        line = " ".join(f'"{word}"' for word in words)
        program = f"source {path}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _fae_training; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert completed("uv", "run", "scripts/train.py", "--pre") == ["--preset"]
    assert completed("uv", "run", "/a/scripts/train.py", "--preset", "s") == ["smoke", "standard"]
    assert completed("uv", "run", "scripts/list_runs.py", "--kind", "st") == ["stt"]
    assert completed("uv", "run", "scripts/train.py", "--wor") == []
    assert completed("uv", "sync", "--pre") == []


def test_the_completion_for_zsh_is_the_same_after_its_preamble(home):
    bash, zsh = (
        calls.script("doctor", "--completion", shell, home=home).out.splitlines()[1:]
        for shell in ("bash", "zsh")
    )
    assert zsh[0] == "autoload -U +X bashcompinit && bashcompinit" and zsh[1:] == bash


def test_running_runs_are_reported(home, monkeypatch):
    place = prepared.allowed(home)
    run = prepared.finished(place)
    with runs.locked(place, run.id):
        assert f"{run.id} is running" in only(home, "state").says


def test_what_sounded_like_a_request_to_forget_is_answered_by_the_command_that_shows_it(home):
    place = state.Home(home)
    place.write("data/sft/meta.json", {"undecided": 1})
    found = only(home, "state")
    assert found.remedy == "uv run scripts/export_data.py --dry-run"
    assert "uv run" not in found.says
