"""Commands for developers and continuous integration: those that files name exist, and they detect stale files."""

import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml

import calls

ROOT = calls.ROOT
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"
HOOKS = ROOT / ".pre-commit-config.yaml"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))


@pytest.mark.parametrize(
    "name", ["CONTRIBUTING.md", "README.md", "CHANGELOG.md", ".pre-commit-config.yaml",
             ".github/workflows/tests.yml", ".ci/run"],
)  # fmt: skip
def test_every_make_target_that_a_file_names_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(
        re.findall(r"(?:^ *|`|run: |entry: |exec )make (?:--silent )?([a-z-]+)", text, re.M)
    )
    assert named and named <= targets()


def test_every_check_of_style_and_types_that_is_named_is_one():
    spoken = "".join(p.read_text() for p in (HOOKS, ROOT / "Makefile"))
    named = set(re.findall(r"WHAT=(\w+)", spoken)) | set(re.findall(r"lint\.py (\w+)", spoken))
    assert named == {"style", "types"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "lint.py"), "manners"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "there are style, types" in done.stderr


def test_the_workflow_runs_the_oldest_and_the_newest_python_on_linux_and_apple_silicon():
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    matrix = jobs["tests"]["strategy"]["matrix"]
    package = tomllib.loads((ROOT / "lib" / "pyproject.toml").read_text())["project"]
    oldest, beyond = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", package["requires-python"]).groups()
    assert matrix["python"] == [f"3.{oldest}", f"3.{int(beyond) - 1}"]
    assert {system.split("-")[0] for system in matrix["system"]} == {"ubuntu", "macos"}
    runs = [step.get("run", "") for step in jobs["tests"]["steps"]]
    assert "make test" in runs and "make demo" in runs
    assert "make lint" in [step.get("run") for step in jobs["lint"]["steps"]]


@pytest.mark.parametrize(
    ("tool", "generated"), [("make_manifest", "MANIFEST.json"), ("describe_locks", "uv.lock.md")]
)
def test_a_stale_generated_file_is_reported_with_the_command_that_regenerates_it(
    tmp_path, tool, generated
):
    copied = tmp_path / "copy"
    for name in ("scripts", "tools"):
        shutil.copytree(ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "skill.md", copied)
    command = [sys.executable, str(copied / "tools" / f"{tool}.py")]
    check = [*command, "--check"]
    subprocess.run(command, check=True)
    assert subprocess.run(check, capture_output=True).returncode == 0
    made = (copied / generated).read_text()
    (copied / generated).write_text(made + " ")
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 1 and re.search(r"run: make (manifest|lock)$", done.stderr.strip())
    assert (copied / generated).read_text() == made + " ", "a check changes nothing"
