# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""Print the output of `make demo` without its proposal page; --write puts it into a page of the docs.

uv run benchmarks/bench_demo.py --write docs/demo.md
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import page

ROOT = Path(__file__).resolve().parent.parent
UV = os.environ.get("UV", "uv")
# Headings of samples/demo.py are numbered; the proposal is a long page of its own.
HEADING = re.compile(r"^── +\d+ +(.*?) ─+$", re.MULTILINE)
LEFT_OUT = "Propose"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, metavar="PAGE")
    given = parser.parse_args()
    done = subprocess.run(
        [UV, "run", "--quiet", "samples/demo.py"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(done.stdout)
    steps = HEADING.split(done.stdout)[1:]
    kept = [
        f"── {title}\n{text.strip()}\n"
        for title, text in zip(steps[::2], steps[1::2], strict=True)
        if not title.startswith(LEFT_OUT)
    ]
    # Paths of this machine mean nothing on others.
    text = (
        "\n".join(kept)
        .replace(f"{ROOT}/", "")
        .replace(str(ROOT.parent), "~")
        .replace(str(Path.home()), "~")
    )
    print(text)
    if given.write:
        page.write_section(
            given.write, "bench-demo", "What `make demo` shows", f"```\n{text.strip()}\n```"
        )


if __name__ == "__main__":
    main()
