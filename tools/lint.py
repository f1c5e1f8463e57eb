# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "mlx>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "numpy",
#   "pyrefly==1.4.1",
#   "ruff==0.17.6",
# ]
# ///
"""Check style (ruff) and types (pyrefly) of the whole repository, with the versions that this script's lock pins.

    uv run tools/lint.py             both
    uv run tools/lint.py style       ruff check, ruff format --check
    uv run tools/lint.py types       pyrefly, which reads the stubs of mlx and numpy
    uv run tools/lint.py --fix       mend and format what ruff can, then check

The settings are in ruff.toml and pyrefly.toml. Exit status: 0 nothing found, 1 something is to be mended.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A program of the lock's environment lies beside its Python.
PROGRAMS = Path(sys.executable).parent
CHECKS = {
    "style": [["ruff", "check"], ["ruff", "format", "--check"]],
    "types": [["pyrefly", "check"]],
}
FIXES = [["ruff", "check", "--fix", "--quiet"], ["ruff", "format", "--quiet"]]


def run(command: list[str]) -> int:
    """The exit status of a program of this environment, at the root."""
    program, *arguments = command
    return subprocess.run([PROGRAMS / program, *arguments], cwd=ROOT).returncode


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", metavar="style|types", help="default: both")
    parser.add_argument("--fix", action="store_true", help="mend and format what ruff can")
    given = parser.parse_args()
    if unknown := sorted(set(given.what) - set(CHECKS)):
        parser.error(f"there is no check {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    # pyrefly asks python3 of the PATH for its packages.
    os.environ["PATH"] = os.pathsep.join((str(PROGRAMS), os.environ["PATH"]))
    if given.fix:
        for command in FIXES:
            run(command)
    commands = [command for name in given.what or CHECKS for command in CHECKS[name]]
    return max(map(run, commands)) and 1


if __name__ == "__main__":
    sys.exit(main())
