"""What imports what: the front process needs the standard library only, and no module needs one that needs it."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import calls

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
    assert {"fae_training.launch", "fae_training.language.preflight"} <= names
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *sorted(names)], capture_output=True, text=True, check=True
    )
    heavy = {name: packages for name, packages in json.loads(done.stdout).items() if packages}
    assert heavy == {}


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


def test_no_module_is_imported_by_what_it_imports_in_functions_neither():
    known = modules()
    graph = {name: {*imported(ast.walk(tree_of(path)), known)} for name, path in known.items()}
    assert graph["fae_training.fit"] >= {"fae_training.errors", "fae_training.fit_progress"}
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}) == [["b", "c"], ["d"]]
    assert cycles(graph) == []


def test_what_works_with_arrays_for_the_language_model_imports_at_its_top():
    paths = [*LIBRARY.glob("fae_training/language/*.py"), *LIBRARY.glob("fae_training/fit*.py")]
    late = [
        f"{path.name}:{inner.lineno}"
        for path in paths
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert len(paths) > 30 and late == []
