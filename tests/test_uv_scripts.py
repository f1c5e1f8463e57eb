"""The scripts as uv runs them: their inline metadata, their locks, and calls from other directories, offline."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from calls import ROOT, SCRIPTS, UV, Answer, process

NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))
WITH_LOCKS = sorted(
    path
    for directory in ("scripts", "samples", "benchmarks", "tests", "tools")
    for path in (ROOT / directory).glob("*.py")
    if path.read_text(encoding="utf-8").startswith("# /// script\n")
)
LIGHT = [
    "setup", "export_data", "check_status", "cancel", "evaluate", "propose", "deploy", "rollback", "list_runs",
    "extract_corrections",
]  # fmt: skip
HEAVY = (
    "mlx",
    "mlx_lm",
    "mlx_tune",
    "mlx_audio",
    "numpy",
    "librosa",
    "soundfile",
    "transformers",
    "jiwer",
)


def metadata(script: Path) -> dict:
    """The block `# /// script` of a file, as PEP 723 has it."""
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# /// script", f"{script.name} does not begin with its metadata"
    block = lines[1 : lines.index("# ///", 1)]
    return tomllib.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in block))


def uv_run(script: Path, *arguments, home: Path, cwd: Path) -> Answer:
    command = [UV, "run", "--offline", "--quiet", "--script", str(script), *map(str, arguments)]
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONPATH"}
    return process(command, environment | {"FAE_TRAINING_HOME": str(home)}, cwd=cwd)


@pytest.mark.parametrize("name", NAMES)
def test_every_script_says_what_it_needs_and_shares_the_package_by_path(name):
    found = metadata(SCRIPTS / f"{name}.py")
    assert found["requires-python"] == ">=3.11,<3.15"
    assert "fae-training" in found["dependencies"]
    assert found["tool"]["uv"]["sources"] == {"fae-training": {"path": "../lib"}}


# Drawing, and check digits of the numbers that people say.
IMPORTED_LATE = {
    "propose": ["matplotlib"],
    "list_runs": ["matplotlib"],
    "export_data": ["phonenumbers", "python-stdnum"],
    "extract_corrections": ["phonenumbers", "python-stdnum"],
}


@pytest.mark.parametrize("name", LIGHT)
def test_light_scripts_depend_on_the_standard_library_alone_but_for_what_they_import_late(name):
    others = [d for d in metadata(SCRIPTS / f"{name}.py")["dependencies"] if d != "fae-training"]
    assert [other.split(">=")[0] for other in others] == IMPORTED_LATE.get(name, [])


@pytest.mark.parametrize("name", NAMES)
def test_help_imports_nothing_heavy(name):
    """The list of imports stands in for start-up time, which would vary on a busy machine."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(SCRIPTS / f"{name}.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()
    }
    assert imported & set(HEAVY) == set()


@pytest.mark.parametrize("path", WITH_LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_lock_is_missing_or_stale(path):
    assert path.with_name(f"{path.name}.lock").exists(), "run: make lock"
    done = subprocess.run(
        [UV, "lock", "--check", "--offline", "--script", str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_there_are_no_uv_settings_at_the_root_to_leak_into_the_scripts():
    for name in ("pyproject.toml", "uv.toml", "uv.lock"):
        assert not (ROOT / name).exists()


def test_a_script_runs_from_any_directory(tmp_path):
    answer = uv_run(SCRIPTS / "list_runs.py", "--json", home=tmp_path / "home", cwd=tmp_path)
    assert answer.status == 0, answer.err
    assert answer.json["status"] == "no_run" and answer.json["runs"] == []


def test_the_skill_runs_from_a_read_only_copy_and_leaves_nothing_in_it(tmp_path):
    copy = tmp_path / "skill"
    for part in ("scripts", "lib"):
        shutil.copytree(
            ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
    files = sorted(copy.rglob("*"))
    for path in files:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        answer = uv_run(
            copy / "scripts" / "setup.py", "--consent", "audio", "--json",
            home=tmp_path / "home", cwd=tmp_path,
        )  # fmt: skip
        assert answer.status == 0, answer.err
        assert answer.json["consents"] == {
            "conversations": False,
            "corrections": False,
            "audio": True,
        }
        assert sorted(copy.rglob("*")) == files
    finally:
        for path in [copy, *files]:
            path.chmod(0o755)


def test_an_edited_package_is_what_runs_next(tmp_path):
    copy = tmp_path / "skill"
    for part in ("scripts", "lib"):
        shutil.copytree(
            ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
    script = copy / "scripts" / "check_status.py"
    before = uv_run(script, home=tmp_path / "home", cwd=tmp_path)
    assert before.out.startswith("Nothing has been trained yet.\n"), before.err
    package = copy / "lib" / "fae_training" / "calls" / "answering.py"
    package.write_text(package.read_text().replace("print(text, file", "print(text.upper(), file"))
    assert uv_run(script, home=tmp_path / "home", cwd=tmp_path).out.startswith("NOTHING HAS")


def test_the_answer_is_the_same_by_flag_by_json_argument_and_from_standard_input(tmp_path):
    script, home = SCRIPTS / "list_runs.py", tmp_path / "home"
    by_flag = uv_run(script, "--kind", "stt", "--json", home=home, cwd=tmp_path)
    by_argument = uv_run(script, json.dumps({"kind": "stt"}), home=home, cwd=tmp_path)
    wrong = uv_run(script, json.dumps({"kind": "songs"}), home=home, cwd=tmp_path)
    assert by_flag.json == by_argument.json and by_flag.json["status"] == "no_run"
    assert wrong.status == 2
    assert "sft, dpo, stt, keyword, speech_verifier" in wrong.json["error"]["message"]
