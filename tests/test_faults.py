"""A short form of tests/faults.py: kills, full disks, failing flushes and several at once, seeded; `make reliability` runs
all of them, and kills real workers."""

import subprocess
import sys
from pathlib import Path

import fault_injector


def test_after_faults_and_several_at_once_everything_is_old_or_new():
    program = Path(__file__).with_name("faults.py")
    command = [sys.executable, program, "--rounds", "24", "--together", "12"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "24 of " in done.stdout and "4 of three scripts at once, 0 broke a promise" in done.stdout
    )


INJECTED = """
import os, pathlib, sys
sys.path.insert(0, sys.argv[4])
import fault_injector
under = pathlib.Path(sys.argv[1])
injector = fault_injector.Injector(under, int(sys.argv[2]), sys.argv[3])
injector.install()
(under / "made").mkdir()
(under / "made" / "text").write_text("twelve bytes")
os.replace(under / "made" / "text", under / "text")
print(injector.count)
"""


def test_the_injector_strikes_at_the_change_that_it_was_told(tmp_path):
    def left(at: int, kind: str) -> tuple[int, str, list[tuple[str, int]]]:
        under = tmp_path / f"{kind}{at}"
        under.mkdir()
        command = [sys.executable, "-c", INJECTED, under, str(at), kind, Path(__file__).parent]
        done = subprocess.run(command, capture_output=True, text=True)
        files = [(p.name, p.stat().st_size) for p in sorted(under.rglob("*")) if p.is_file()]
        return done.returncode, done.stderr, files

    kill, full = fault_injector.KILL, fault_injector.FULL
    assert left(0, kill) == (0, "", [("text", 12)])
    assert left(1, kill)[::2] == (-9, []) and left(2, kill)[::2] == (-9, [])
    assert left(3, kill)[::2] == (-9, [("text", 6)]), "half of the write"
    assert left(4, kill)[::2] == (-9, [("text", 12)])
    status, said, files = left(3, full)
    assert status == 1 and "No space left" in said and files == [("text", 6)]
