# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""The time that each script takes to answer: its own, and the total through uv.

    uv run benchmarks/bench_start_up.py
    uv run benchmarks/bench_start_up.py --rounds 20 --write docs/demo.md

Each gets a request in an empty state directory that it can answer without training. "own" is the CPU
time of the script minus that of an empty interpreter; "uv run" is the CPU time of a warm
`uv run --script`, including uv and the interpreter, followed by the wall time. Medians over rounds in
which every script runs once.
"""

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import page

# Variables that a person's environment lacks: those of the uv that started this script, and the one
# that disables bytecode caching, with which every start would compile everything again.
LEFT_OUT = ("UV", "PYTHONDONTWRITEBYTECODE")
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
UV = os.environ.get("UV", "uv")


def cost(command: list[str], home: str) -> tuple[float, float]:
    """(CPU seconds of the process and its children, wall seconds)."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {n: v for n, v in os.environ.items() if not n.startswith(LEFT_OUT)}
    subprocess.run(
        command, env=environment | {"FAE_TRAINING_HOME": home}, capture_output=True, cwd=home
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def interpreter(script: Path) -> str:
    """The Python of the script's own environment, which is created if needed."""
    subprocess.run([UV, "sync", "--quiet", "--script", str(script)], check=True)
    found = subprocess.run(
        [UV, "python", "find", "--script", str(script)], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    given = parser.parse_args()
    scripts = sorted(SCRIPTS.glob("*.py"))
    pythons = {script: interpreter(script) for script in scripts}
    own, through_uv, wall = ({script: [] for script in scripts} for _ in range(3))
    with tempfile.TemporaryDirectory() as home:
        for script in scripts:  # the first start of each compiles it
            cost([pythons[script], str(script), "--help"], home)
        for _ in range(given.rounds):
            for script in scripts:
                bare = cost([pythons[script], "-c", "pass"], home)[0]
                # Scripts that would start something are asked for the plan only.
                plan = ["--dry-run"] if script.stem == "setup" else []
                answer = [str(script), "--json", *plan]
                own[script].append(cost([pythons[script], *answer], home)[0] - bare)
                seconds = cost([UV, "run", "--quiet", "--script", *answer], home)
                through_uv[script].append(seconds[0])
                wall[script].append(seconds[1])
    rows = [
        [
            script.stem,
            *(f"{1000 * statistics.median(kept[script]):.0f}" for kept in (own, through_uv, wall)),
        ]
        for script in scripts
    ]
    caption = f"In milliseconds, medians of {given.rounds} rounds on {os.cpu_count()} cores."
    head = ["script", "own", "CPU with uv", "wall time with uv"]
    text = "\n".join([caption, "", *page.table(head, rows)])
    print(text)
    if given.write:
        page.write_section(given.write, "bench-start-up", "Start-up times", text)


if __name__ == "__main__":
    main()
