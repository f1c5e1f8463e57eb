"""Imports: the front process needs only the standard library, and there are no import cycles."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import calls
from fae_training.lifecycle import runs
from fae_training.store import state

LIBRARY = calls.SCRIPTS.parent / "lib"
# Prints, for each module that is named, the packages that importing it loads beyond the standard library and ours.
LOADED = """
import importlib, json, sys
there, found = {*sys.modules}, {}
for name in sys.argv[1:]:
    importlib.import_module(name)
    packages = {module.partition(".")[0] for module in {*sys.modules} - there}
    found[name] = sorted(packages - {*sys.stdlib_module_names, "fae_training"})
    there = {*sys.modules}
print(json.dumps(found))
"""
# What a script does not need for an answer that it gives at once, and that takes long to load.
NOT_NEEDED = {
    "check_status": (
        "fae_training.app.app_results", "fae_training.capabilities", "fae_training.conversations.forgetting",
        "fae_training.judgement.evaluation", "fae_training.lifecycle.preflight", "fae_training.speech", "sqlite3", "tomllib",
    ),
    "list_runs": ("fae_training.capabilities", "fae_training.conversations.forgetting", "fae_training.speech"),
    "deploy": ("fae_training.capabilities", "fae_training.conversations.forgetting"),
    "propose": ("fae_training.capabilities", "fae_training.conversations.forgetting"),
    "evaluate": ("fae_training.capabilities", "fae_training.conversations.forgetting"),
    "train": ("fae_training.judgement.evaluation", "fae_training.pages.html_page", "fae_training.environment.mlx_on_linux", "importlib.metadata"),
    "train_keyword": ("fae_training.capabilities", "fae_training.judgement.evaluation", "importlib.metadata"),
    "export_data": ("fae_training.judgement.evaluation", "fae_training.pages.html_page", "importlib.metadata"),
    "review": ("fae_training.lifecycle.kinds", "fae_training.lifecycle.runs"),
}  # fmt: skip
# Runs the script that is named and prints, after its answer, the modules that it loaded on standard error.
ANSWERED = """
import json, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules() -> dict[str, Path]:
    """Every module of the library, by its name."""
    found = {}
    for path in LIBRARY.glob("fae_training/**/*.py"):
        parts = path.relative_to(LIBRARY).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported(nodes, known) -> Iterator[str]:
    """The modules of the library that these statements import; `from package import module` is the module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in inner)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_what_a_script_imports_at_its_top_is_the_standard_library_and_ours():
    known = modules()
    names = {
        name
        for script in calls.SCRIPTS.glob("*.py")
        for name in imported(tree_of(script).body, known)
    }
    assert {"fae_training.lifecycle.launch", "fae_training.language.preflight"} <= names
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *sorted(names)], capture_output=True, text=True, check=True
    )
    heavy = {name: packages for name, packages in json.loads(done.stdout).items() if packages}
    assert heavy == {}


def loaded_by(script: str, home: Path) -> set[str]:
    """The modules that a script has loaded once it has answered in the state directory `home`."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWERED, str(calls.SCRIPTS / f"{script}.py"), "--json"],
        env={**os.environ, "FAE_TRAINING_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["status"] != "started"
    return {*json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize("script", NOT_NEEDED)
def test_a_script_that_answers_at_once_loads_nothing_that_it_does_not_need(script, home):
    loaded = loaded_by(script, home)
    assert "fae_training.calls.calling" in loaded
    assert not loaded.intersection(NOT_NEEDED[script])


def test_the_status_of_a_run_in_progress_needs_little_too(home):
    run = runs.create(state.Home(home), "sft", {"settings": {"steps": 10}})
    run.update(status="training")
    assert not loaded_by("check_status", home).intersection(NOT_NEEDED["check_status"])


def test_no_module_compiles_a_regular_expression_when_it_is_imported():
    def compiled(node: ast.AST) -> Iterator[int]:
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "re.compile":
                yield inner.lineno
            yield from compiled(inner)

    assert [*compiled(ast.parse("a = [re.compile(b) for b in c]"))] == [1]
    found = [f"{n}:{line}" for n, path in modules().items() for line in compiled(tree_of(path))]
    assert found == []


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other, each once, sorted."""

    def reached(start: str) -> set[str]:
        found, left = set(), [start]
        while left:
            for name in graph[left.pop()] - found:
                found.add(name)
                left.append(name)
        return found

    reach = {name: reached(name) for name in graph}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach[other]))
        for name in graph
        if name in reach[name]
    }
    return sorted(map(list, groups))


def test_no_modules_import_each_other_not_even_in_functions():
    known = modules()
    graph = {name: {*imported(ast.walk(tree_of(path)), known)} for name, path in known.items()}
    assert graph["fae_training.fitting.fit"] >= {
        "fae_training.calls.errors",
        "fae_training.fitting.fit_progress",
    }
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}) == [["b", "c"], ["d"]]
    assert cycles(graph) == []


def test_what_works_with_arrays_for_the_language_model_imports_at_its_top():
    paths = [
        *LIBRARY.glob("fae_training/language/*.py"),
        *LIBRARY.glob("fae_training/fitting/fit*.py"),
    ]
    late = [
        f"{path.name}:{inner.lineno}"
        for path in paths
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert len(paths) > 30 and late == []


PARTS_OF_MLX_TUNE = """
import json, sys
from fae_training.environment import mlx_tune_in_parts
mlx_tune_in_parts.set_up()
from fae_training.language import dpo_repairs, mlx_tune_repairs
loaded = {name.partition(".")[0] for name in sys.modules}
import mlx_tune
whole = [mlx_tune.SFTTrainer is mlx_tune_repairs.SFTTrainer, "datasets" in sys.modules]
print(json.dumps([sorted(loaded), whole]))
"""


def test_a_training_imports_the_parts_of_mlx_tune_that_it_needs_and_all_of_it_stays_there_to_ask_for():
    done = subprocess.run(
        [sys.executable, "-c", PARTS_OF_MLX_TUNE], capture_output=True, text=True, check=True
    )
    loaded, whole = json.loads(done.stdout)
    assert "mlx_tune" in loaded
    assert not {"datasets", "mlx_audio", "mlx_vlm", "pandas", "scipy"} & set(loaded)
    assert whole == [True, True]
