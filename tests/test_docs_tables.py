"""Every table in the documents is written by a command, or checked against the code here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from calls import ROOT, SCRIPTS
from fae_training.environment.models import MODEL_MAP
from fae_training.lifecycle.kinds import KINDS

# Tables of words: what there is and what it does. They hold nothing that was measured.
WORDS = {
    "docs/architecture.md": ("concept", "to change"),
    "docs/data.md": ("reason", "form of a conversation", "pattern"),
    "docs/fae.md": ("result", "callers"),
    "docs/judgement.md": ("kind", "outcome", "category"),
    "docs/loop.md": ("part",),
    "docs/preferences.md": ("`--loss`", "`--guard`", "sign"),
    "docs/reliability.md": ("promise",),
    "docs/scripts.md": ("you see", "variable"),
    "docs/speech.md": ("clips", "measure"),
}
# Compared with the code by the tests below.
CHECKED = {
    "docs/architecture.md": ("package",),
    "README.md": ("script",),
    "docs/preferences.md": ("preset",),
    "docs/scripts.md": ("preset", "`--model`"),
}
# The first cell of a table's header is empty there.
UNNAMED = {"docs/fae.md": "callers"}
_WRITTEN = re.compile(r"<!-- \S+: written by .*?<!-- end of", re.S)
_TABLE = re.compile(r"^\|(.*)\|\n\|[-:| ]+\|\n((?:\|.*\n?)*)", re.M)


def tables(name: str) -> dict[str, list[list[str]]]:
    """The tables of a document that no command writes: the first cell of the header and the rows."""
    text = _WRITTEN.sub("", (ROOT / name).read_text(encoding="utf-8"))
    found = {}
    for header, body in _TABLE.findall(text):
        first = header.split("|")[0].strip() or UNNAMED.get(name, "")
        found[first] = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()
        ]
    return found


def documents() -> list[str]:
    """docs/log.md is left out: what was measured on a day stays as it was."""
    names = [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))]
    return ["README.md", *(name for name in names if name != "docs/log.md")]


@pytest.mark.parametrize("name", documents())
def test_every_table_is_written_by_a_command_or_checked_or_holds_words_alone(name):
    known = {*WORDS.get(name, ()), *CHECKED.get(name, ())}
    assert set(tables(name)) == known, "write it by a command (make bench-...), or list it here"


def number(text: str) -> float:
    return float(text.replace(",", ""))


@pytest.mark.parametrize("name, kind", [("docs/scripts.md", "sft"), ("docs/preferences.md", "dpo")])
def test_the_presets_in_the_documents_are_those_of_the_code(name, kind):
    names = ("steps", "batch_size", "gradient_accumulation", "learning_rate", "rank", "max_length")
    rows = {row[0].strip("`"): tuple(map(number, row[1:7])) for row in tables(name)["preset"]}
    wanted = KINDS[kind].presets
    assert rows == {p: tuple(float(values[n]) for n in names) for p, values in wanted.items()}


def test_the_models_in_the_documents_are_those_of_the_code():
    rows = {row[0]: row for row in tables("docs/scripts.md")["`--model`"]}
    assert list(rows) == ["auto", *MODEL_MAP]
    for name, (model, least) in MODEL_MAP.items():
        assert rows[name][1] == model and rows[name][2] == (f"{least} GB" if least else "")


def test_the_map_of_the_library_names_every_package():
    rows = tables("docs/architecture.md")["package"]
    named = [name.strip() for row in rows for name in row[0].split(",")]
    library = ROOT / "lib" / "fae_training"
    assert sorted(named) == sorted(path.parent.name for path in library.glob("*/__init__.py"))


def test_the_readme_names_every_script():
    named = {part.strip() for row in tables("README.md")["script"] for part in row[0].split(",")}
    assert named == {path.stem for path in SCRIPTS.glob("*.py")}


def test_every_test_that_reliability_promises_exists():
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("*.py"))
    text = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    missing = [name for name in re.findall(r"\btest_\w+", text) if name not in tests and not (ROOT / "tests" / f"{name}.py").exists()]  # fmt: skip
    assert missing == []


def environment_read(path: Path) -> Iterator[str]:
    """The variables that a Python file reads from os.environ or sets there where they are not set."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    aliases = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "os.environ"
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def is_environment(node: ast.expr) -> bool:
        return ast.unparse(node) in ("os.environ", "environ", *aliases)

    for node in ast.walk(tree):
        names: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_environment = is_environment(node.func.value)
            if (of_environment and node.func.attr in ("get", "setdefault", "pop")) or ast.unparse(
                node.func
            ) == "os.getenv":
                names = node.args[:1]
        elif isinstance(node, ast.Subscript) and is_environment(node.value):
            names = [node.slice] if isinstance(node.ctx, ast.Load) else []
        elif isinstance(node, ast.Compare) and is_environment(node.comparators[0]):
            names = [node.left]
        for name in names:
            if isinstance(name, ast.Constant):
                yield name.value
            elif isinstance(name, ast.Name) and name.id in constants:
                yield constants[name.id]


def test_every_environment_variable_that_is_read_is_in_the_table():
    of_python = {"PATH"}
    read = {
        name
        for folder in ("lib", "scripts", "samples", "benchmarks", "tools")
        for path in (ROOT / folder).rglob("*.py")
        for name in environment_read(path)
    }
    text = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
    section = text.split("## Environment variables")[1].split("\n## ")[0]
    documented = {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert len(read) > 10 and read - of_python == documented
