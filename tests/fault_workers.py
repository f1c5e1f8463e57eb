"""Real trainings whose worker is killed, ended or given a full disk at any of its changes, and resumed to the same bytes."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import calls
import fault_injector
import small_runs
from fae_training.lifecycle import runs
from fae_training.store import state

# In the place of train.py: the same, but the worker meets the fault that the environment says.
FAULTY = '''"""train.py, whose worker meets a fault."""
import os, pathlib, sys
sys.path[:0] = [{tests!r}]
at, injector = int(os.environ.get("FAULT_AT", 0)), None
if "--worker" in sys.argv and sys.argv[-1] == "train" and "FAULT_KIND" in os.environ:
    import fault_injector
    run = pathlib.Path(os.environ["FAULT_UNDER"]).resolve()
    injector = fault_injector.Injector(run, at, os.environ["FAULT_KIND"])
    injector.install()
try:
    # Not runpy, which changes sys.argv: what is started from here lies beside this file.
    exec(compile(pathlib.Path({script!r}).read_text(), __file__, "exec"))
finally:
    if injector:
        run.with_name("changes").write_text(str(injector.count))
'''
SETTINGS = (
    "--preset", "light", "--steps", "4", "--batch-size", "1", "--gradient-accumulation", "1",
    "--rank", "4", "--learning-rate", "3e-3", "--seed", "7", "--rehearsal", "0",
)  # fmt: skip


@dataclass
class Trainings:
    count: int = 0
    wrong: list[str] = field(default_factory=list)
    struck: Counter = field(default_factory=Counter)

    @property
    def kinds(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.struck.items()))


def trainings(work: Path, count: int, chooser: random.Random) -> Trainings:
    """So many trainings of the sample language model, each with one fault and resumed."""
    scripts = shutil.copytree(calls.SCRIPTS, work / "faulty")
    tests, script = str(Path(__file__).parent), str(calls.SCRIPTS / "train.py")
    (scripts / "train.py").write_text(FAULTY.format(tests=tests, script=script))
    template = small_runs.fill(work / "trainings" / "home", train=4, choose=2, judge=4)
    whole = shutil.copytree(template, work / "whole" / "home")
    run = _train(scripts, whole, FAULT_KIND=fault_injector.KILL)
    wanted, changes = _adapter(whole, run), int((work / "whole" / "changes").read_text())
    found = Trainings(count)
    for number in range(count):
        kind = (fault_injector.KILL, fault_injector.TERMINATE, fault_injector.FULL)[number % 3]
        at = chooser.randint(1, changes)
        home = shutil.copytree(template, work / f"training{number}" / "home")
        run = _train(scripts, home, FAULT_KIND=kind, FAULT_AT=str(at))
        ended = runs.find(state.Home(home), run).status()
        found.struck[kind] += 1
        if ended not in ("interrupted", "failed", "cancelled", "completed"):
            found.wrong.append(f"{kind} at change {at} of {changes}: the run is {ended}")
        if ended != "completed":
            _call(scripts, home, "--resume", run)
            _await(home)
        ended = runs.find(state.Home(home), run)
        if ended.status() != "completed" or _adapter(home, run) != wanted:
            found.wrong.append(
                f"{kind} at change {at} of {changes}: resumed, {ended.status()}, other bytes or none"
            )
        shutil.rmtree(home.parent)
    return found


def _train(scripts: Path, home: Path, **environment) -> str:
    _call(scripts, home, *SETTINGS, "--model", str(calls.LANGUAGE_MODEL), **environment)
    _await(home)
    return runs.find(state.Home(home)).id


def _call(scripts: Path, home: Path, *arguments: str, **environment) -> None:
    told = {"FAE_TRAINING_HOME": str(home), "FAULT_UNDER": str(home), **environment}
    command = [sys.executable, str(scripts / "train.py"), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | told)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def _await(home: Path) -> None:
    while runs.holder(state.Home(home)):
        time.sleep(0.05)


def _adapter(home: Path, run: str) -> bytes:
    return (home / "runs" / run / runs.ADAPTERS / "adapters.safetensors").read_bytes()
