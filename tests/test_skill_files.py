"""What Fae reads of the skill: the front matter, the catalogue, the manifest, and the text of every script."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys

import pytest

import installed_fae
from calls import ROOT, SCRIPTS, UV
from fae_training.lifecycle.kinds import KINDS

NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))
SKILL = (ROOT / "skill.md").read_text(encoding="utf-8")
BODY = SKILL.split("---\n", 2)[2]
# Fae's own lists (SkillManager.validateExecutableScriptPolicy, validateScriptContent, SkillSecurityReview).
NETWORK = (
    "import socket", "from socket import", "import urllib", "from urllib", "urllib.request", "urllib3",
    "import requests", "from requests", "import httpx", "import aiohttp", "import websockets", "http.client",
)  # fmt: skip
PROCESSES = (
    "import subprocess", "from subprocess import", "subprocess.", "os.system(", "pty.spawn(", "import pexpect",
)  # fmt: skip
NOT_TO_BE_INSTALLED = ("eval(", "exec(")
TABLE = BODY.split("## Scripts")[1].partition("|---|")[2]
CATALOGUE = re.findall(r"^\| (\w+) \| [^|]+ \| ([^|]*) \|$", TABLE, re.M)


def tool(name: str):
    """A script of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def front_matter() -> dict[str, str]:
    """As Fae's SkillParser reads it: flat `key: value` and one level of two spaces; the first colon splits."""
    assert SKILL.startswith("---\n")
    found, parent = {}, ""
    for line in SKILL.split("---\n", 2)[1].splitlines():
        key, colon, value = line.partition(":")
        assert colon, f"no colon in {line!r}"
        if not line.startswith(" "):
            parent = key
        name = f"{parent}.{key.strip()}" if line.startswith("  ") else key
        found[name] = value.strip().strip("\"'")
    return found


def test_the_front_matter_is_what_fae_parses():
    found = front_matter()
    assert found["name"] == "training-orchestrator"
    assert 10 <= len(found["description"]) <= 400
    assert found["metadata.author"] == "fae"
    assert found["metadata.version"] == "2.0"


def test_the_body_is_short_enough_for_a_prompt_and_passes_faes_review():
    assert 20 <= len(BODY) <= 9000
    for word in ("api key", "token:", "password:", "rm -rf", "exfiltrate", "~/.ssh", "osascript", "authorization:"):  # fmt: skip
        assert word not in BODY.lower()


def test_the_catalogue_has_every_script_once():
    assert sorted(name for name, _ in CATALOGUE) == NAMES


def parser_of(name: str):
    spec = importlib.util.spec_from_file_location(f"script_{name}", SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build_parser()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_the_help_fits_the_terminal_and_its_examples_can_be_pasted(name, width, monkeypatch):
    parser, examples = parser_of(name), {}
    for columns in (1000, width):
        monkeypatch.setenv("COLUMNS", str(columns))
        text = parser.format_help()
        examples[columns] = re.findall(
            rf"uv run scripts/{name}\.py(?: (?! )\S+)*", re.sub(r" \\\n +", " ", text)
        )
    assert max(map(len, text.splitlines())) <= max(width, 80)
    assert examples[width] == examples[1000]


@pytest.mark.parametrize(("name", "parameters"), CATALOGUE)
def test_every_parameter_in_the_catalogue_is_one_of_the_script(name, parameters):
    known = set(parser_of(name).options)
    listed = {part.strip() for part in re.sub(r"\([^)]*\)", "", parameters).split(",")}
    assert listed <= known


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_catalogue_says_what_each_kind_learns_and_its_presets(kind):
    script = kind.script.removesuffix(".py")
    row = next(line for line in BODY.splitlines() if line.startswith(f"| {script} |"))
    assert row.startswith(f"| {script} | {kind.learns} | preset ({', '.join(kind.presets)}), ")


def test_undoing_the_last_learning_update_is_rollback():
    row = next(line for line in BODY.splitlines() if "undo the last learning update" in line)
    assert "| rollback |" in row


@pytest.mark.parametrize("name", NAMES)
def test_no_script_has_text_that_fae_refuses(name):
    text = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8").lower()
    found = [word for word in (*NETWORK, *PROCESSES, *NOT_TO_BE_INSTALLED) if word in text]
    assert found == []


def test_scripts_holds_scripts_and_their_locks_and_nothing_else():
    files = {path.name for path in SCRIPTS.iterdir() if path.name != "__pycache__"}
    assert files == {f"{name}.py" for name in NAMES} | {f"{name}.py.lock" for name in NAMES}


def test_the_manifest_is_fresh_and_complete():
    written = json.loads((ROOT / "MANIFEST.json").read_text(encoding="utf-8"))
    made = tool("make_manifest").manifest()
    stale = {
        name
        for name in written["integrity"]["checksums"] | made["integrity"]["checksums"]
        if written["integrity"]["checksums"].get(name) != made["integrity"]["checksums"].get(name)
    }
    assert not stale, "run: make manifest"
    assert written == made


def test_the_manifest_is_one_that_fae_accepts():
    manifest = json.loads((ROOT / "MANIFEST.json").read_text(encoding="utf-8"))
    assert manifest["schemaVersion"] == 1
    assert "execute" in manifest["capabilities"]
    assert "run_skill" in manifest["allowedTools"]
    assert isinstance(manifest["allowedDomains"], list)
    assert isinstance(manifest["dataClasses"], list)
    assert manifest["riskTier"] in ("low", "medium", "high")
    assert 5 <= manifest["timeoutSeconds"] <= 600
    assert manifest["allowNetwork"] is False
    integrity = manifest["integrity"]
    assert integrity["algorithm"] == "sha256"
    assert {f"scripts/{name}.py" for name in NAMES} | {"SKILL.md"} <= set(integrity["checksums"])
    assert all(re.fullmatch("[0-9a-f]{64}", mark) for mark in integrity["checksums"].values())


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_what_make_install_copies_matches_the_manifest(tmp_path):
    import hashlib

    destination = tmp_path / "training-orchestrator"
    subprocess.run(
        ["make", "--silent", "install", f"DEST={destination}", f"UV={UV}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    listed = json.loads((destination / "MANIFEST.json").read_text())["integrity"]["checksums"]
    marks = {n: hashlib.sha256((destination / n).read_bytes()).hexdigest() for n in listed}
    assert marks == listed


def installs(*given, person, monkeypatch) -> subprocess.CompletedProcess:
    """tools/install.py with that HOME."""
    monkeypatch.setenv("HOME", str(person))
    monkeypatch.setenv("FAE_APP_DIR", str(installed_fae.directory(person)))
    command = [sys.executable, ROOT / "tools" / "install.py", *given]
    return subprocess.run(command, capture_output=True, text=True)


def test_installing_reports_which_fae_finds_it(tmp_path, monkeypatch):
    person = tmp_path / "sam"
    installs_ = lambda *given: installs(*given, person=person, monkeypatch=monkeypatch)  # noqa: E731
    assert "no Fae.app on this machine yet" in installs_().stdout
    installed_fae.make(person, installed_fae.EARLY)
    assert re.search(r"Fae 0\.8\.105 .* finds it there when you ask", installs_().stdout)
    assert "does not look there" in installs_("--to", tmp_path / "elsewhere").stdout
    shutil.rmtree(person / "Applications")
    bundle = installed_fae.make(person)
    assert "nightly loop runs the copy inside of the app" in installs_().stdout
    personal = installed_fae.directory(person) / "skills/training-orchestrator"
    assert "finds it there" in installs_("--to", personal).stdout
    assert f"takes {personal} instead" in installs_().stdout

    none = installs_("--bundle", bundle)
    assert none.returncode == 4 and "ships no skills" in none.stderr
    shutil.rmtree(installed_fae.put_skill_into(bundle))
    done = installs_("--bundle", bundle)
    assert done.returncode == 0 and "Fae 0.8.190 of that build runs it" in done.stdout
    skill = bundle / "Contents/Resources/Fae_Fae.bundle/Skills/training-orchestrator"
    assert {path.name for path in (skill / "scripts").iterdir()} >= {f"{name}.py" for name in NAMES}
    assert installs_("--bundle", tmp_path).returncode == 4


def test_the_description_of_the_locks_is_fresh():
    assert (ROOT / "uv.lock.md").read_text(encoding="utf-8") == tool(
        "describe_locks"
    ).description(), "run: make lock"
