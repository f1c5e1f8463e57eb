"""Kills, full disks and two at once, all over the scripts that change the state; then everything must be old or new.

    python tests/faults.py                       every change of every script, killed and with a full disk
    python tests/faults.py --rounds 40 --seed 7  so many of them
    python tests/faults.py --pairs 100           so many rounds of two scripts at once

After each fault: every file is whole; history.jsonl, active.json, approval.json, consent.json and what the caller was
told agree with each other; the next command works. The scripts run as processes of their own, forked from this one,
which has imported what they need. Exit status: 1 when something was found.
"""

import argparse
import hashlib
import json
import os
import random
import re
import runpy
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for directory in ("tests", "lib"):
    sys.path.insert(0, str(ROOT / directory))

import fault_injector  # noqa: E402
import prepared  # noqa: E402
from fae_training import (  # noqa: E402
    approval,
    consent,
    deployment,
    runs,
    state,
    transactions,
)
from fae_training.conversations import forgetting, purge  # noqa: E402

# Refusals that say that the change counts all the same.
COUNTS = ("unfinished_change", "not_confirmed", "unfinished_forgetting")
SECRET = "the clinic in Bergen"


@dataclass(frozen=True)
class Scenario:
    """A script on a prepared home. `changed` says whether what it is for has happened."""

    script: str
    prepare: Callable[[state.Home], list[str]]
    changed: Callable[[state.Home], bool]
    name: str = ""
    # What a repeated call may be refused with when the first one was killed after its work.
    done_already: tuple[str, ...] = ()


def active(place: state.Home) -> str | None:
    entry = deployment.current(place, "language")
    return entry and entry.run


def _finished(place: state.Home) -> list[str]:
    prepared.finished(place)
    return []


def _judged(place: state.Home) -> list[str]:
    prepared.judged(place)
    return []


def _proposed(place: state.Home) -> list[str]:
    prepared.deployed(place, 1)
    run = prepared.judged(place, 2)
    run.update(status="completed")
    with transactions.changing(place) as change:
        code = approval.new_code()
        approval.keep(change, run, code)
        change.write_text(run.file("proposal.md"), f"**{code}**\n")
    return ["--code", code]


def _two_deployed(place: state.Home) -> list[str]:
    prepared.deployed(place, 1)
    prepared.deployed(place, 2)
    return []


def _learned(place: state.Home) -> list[str]:
    run = prepared.deployed(place, 1)
    prepared.learned(place, run, f"I was at {SECRET} again", "What is the weather?")
    consent.change(place, [], ["conversations"])
    return ["--forget", SECRET]


def _deployments(place: state.Home) -> int:
    return len(deployment.deployments(place).get("language", []))


SCENARIOS = {
    "allow": Scenario(
        "setup",
        lambda place: ["--consent", "corrections", "audio"],
        lambda place: consent.granted(place, "audio"),
    ),
    "revoke": Scenario(
        "setup",
        lambda place: ["--revoke", "conversations"],
        lambda place: not consent.granted(place, "conversations"),
    ),
    "evaluate": Scenario(
        "evaluate",
        _finished,
        lambda place: runs.find(place).file("evaluation.json").exists(),
    ),
    "propose": Scenario(
        "propose",
        _judged,
        lambda place: runs.find(place).file("proposal.json").exists(),
    ),
    "deploy": Scenario(
        "deploy",
        _proposed,
        lambda place: _deployments(place) == 2,
        done_already=("code_used",),
    ),
    "rollback": Scenario("rollback", _two_deployed, lambda place: _deployments(place) < 2),
    "forget": Scenario(
        "export_data",
        _learned,
        lambda place: SECRET in forgetting.load(place).topics,
    ),
}


@dataclass
class Told:
    """How a call ended: killed, or with an answer."""

    status: int
    answer: dict = field(default_factory=dict)
    where: str = ""

    @property
    def killed(self) -> bool:
        return self.status < 0

    @property
    def code(self) -> str:
        return self.answer.get("error", {}).get("code", "")


def start(scripts: Path, script: str, home: Path, arguments: list[str], told: Path, injector=None):
    """The script as a process of its own; its answer goes to `told`. Returns its id."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    os.environ["FAE_TRAINING_HOME"] = str(home)
    sys.argv = [str(scripts / f"{script}.py"), *arguments, "--json"]
    for stream, name in ((1, told), (2, told.with_suffix(".err"))):
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, stream)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    status = 70
    try:
        if injector:
            injector.install()
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if injector and not injector.at:
            told.with_suffix(".count").write_text(str(injector.count))
        os._exit(status)


def await_end(child: int, told: Path) -> Told:
    _, status = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(status)
    found = Told(status)
    if status >= 0:
        try:
            found.answer = json.loads(told.read_text())
        except ValueError:
            said = told.read_text() + told.with_suffix(".err").read_text()
            found.answer = {"status": "error", "error": {"code": "no_answer", "message": said}}
    where = told.with_suffix(".where")
    found.where = where.read_text() if where.exists() else ""
    return found


def inconsistent(place: state.Home) -> list[str]:
    """What does not agree in a state directory, read without the code that wrote it."""
    found = []
    for path in sorted(place.path.rglob("*")):
        if path.is_dir() or transactions.STAGED in path.parts:
            continue
        if path.name.startswith("."):
            if path.name not in (".lock", ".app.lock"):
                found.append(f"{path.name} was left behind")
        elif path.stat().st_mode & 0o077:
            found.append(f"{path} is readable by others")
        elif path.suffix == ".json":
            try:
                json.loads(path.read_bytes())
            except ValueError:
                found.append(f"{path} is torn")
        elif path.suffix == ".jsonl":
            for line in path.read_bytes().split(b"\n")[:-1]:
                try:
                    json.loads(line)
                except ValueError:
                    found.append(f"{path} is torn")
    stack, ever = [], set()
    history = place.file("history.jsonl")
    for line in map(json.loads, history.read_text().splitlines()) if history.exists() else ():
        if line["action"] == "deploy":
            if stack and stack[-1] == line["run"]:
                found.append(f"{line['run']} was deployed twice")
            stack.append(line["run"])
            ever.add(line["run"])
        elif line["action"] == "rollback":
            stack.pop()
    active_file = place.file("active.json")
    said = json.loads(active_file.read_text()) if active_file.exists() else {}
    if [entry["run"] for name, entry in said.items() if name != "schema"] != stack[-1:]:
        found.append(f"active.json says {said}, history.jsonl {stack}")
    for approved in place.path.glob("runs/*/approval.json"):
        kept, run = json.loads(approved.read_text()), approved.parent.name
        if bool(kept["used_at"]) != (run in ever):
            found.append(f"the code of {run} is used: {kept['used_at']}, deployed: {run in ever}")
        code = re.findall(
            r"\*\*([A-Z2-9]{3}-[A-Z2-9]{3})\*\*", approved.with_name("proposal.md").read_text()
        )
        expected = f"{code[0].replace('-', '')} {kept['fingerprint']}".encode()
        if (
            hashlib.scrypt(expected, salt=kept["salt"].encode(), n=2**10, r=8, p=1).hex()
            != kept["hash"]
        ):
            found.append(f"the code in the proposal of {run} does not count")
    for judged in place.path.glob("runs/*/evaluation.json"):
        looked = place.file("looks.jsonl").read_text() if place.file("looks.jsonl").exists() else ""
        if json.loads(judged.read_text())["fingerprint"] not in looked:
            found.append(f"the look at {judged.parent.name} was not counted")
    return found


def settled(place: state.Home) -> list[str]:
    """The same after the next reader, which completes what was interrupted."""
    transactions.recover(place)
    deployment.deployments(place)
    return [text for text in inconsistent(place) if not text.endswith("was left behind")]


def fault(
    name: str, template: Path, arguments: list[str], scripts: Path, at: int, kind: str
) -> tuple[list[str], Told, int]:
    """One round: (what was found, how the call ended, how many changes it made)."""
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as work:
        home, told = shutil.copytree(template, Path(work) / "home"), Path(work) / "told"
        place = state.Home(home)
        injector = fault_injector.Injector(home.resolve(), at, kind)
        injector.tell = lambda text: told.with_suffix(".where").write_text(text)
        # tell() writes outside of the home, so it is not counted.
        ended = await_end(start(scripts, scenario.script, home, arguments, told, injector), told)
        count = told.with_suffix(".count")
        if not at:
            return [], ended, int(count.read_text()) if count.exists() else 0
        found = settled(place)
        changed = scenario.changed(place)
        if ended.code in ("unexpected", "no_answer"):
            found.append(f"was told: {ended.answer['error']['message']}")
        elif not ended.killed:
            succeeded = ended.answer["status"] != "error" or ended.code in COUNTS
            if changed != succeeded:
                found.append(f"was told {ended.code or ended.answer['status']}, changed: {changed}")
        again = await_end(start(scripts, scenario.script, home, arguments, told), told)
        if again.code and not (changed and again.code in scenario.done_already):
            found.append(f"the next call was refused: {again.answer['error']['message']}")
        if not scenario.changed(place):
            found.append("the next call did not do it")
        found += inconsistent(place)
        if name == "forget":
            rows = [p.read_text() for p in home.rglob("*.jsonl") if p.parent.name == "sft"]
            if any(SECRET in text for text in rows):
                found.append("what was forgotten is still there")
            if not purge._forgotten_by(runs.find(place)).topics:
                found.append("the run that learned it is not marked")
        look = await_end(start(scripts, "check_status", home, [], told), told)
        if look.code or (look.answer.get("active") or {}).get("language") != active(place):
            found.append(f"check_status says {look.answer}")
    return found, ended, 0


# Two at once, and what must hold afterwards of (home before, home after, what both were told).
PAIRS = (
    ("allow", "revoke"),
    ("deploy", "deploy"),
    ("deploy", "rollback"),
    ("rollback", "rollback"),
    ("evaluate", "evaluate"),
    ("propose", "propose"),
    ("propose", "evaluate"),
)


def pair(names: tuple[str, str], templates: dict, scripts: Path) -> list[str]:
    """Two scripts at the same moment in the home of the first."""
    template, _ = templates[names[0]]
    with tempfile.TemporaryDirectory() as work:
        home = shutil.copytree(template, Path(work) / "home")
        place = state.Home(home)
        before = _deployments(place)
        told = [Path(work) / f"told{n}" for n in range(2)]
        children = [
            start(scripts, SCENARIOS[name].script, home, templates[name][1], where)
            for name, where in zip(names, told, strict=True)
        ]
        ended = [await_end(child, where) for child, where in zip(children, told, strict=True)]
        found = settled(place) + inconsistent(place)
        done = [one.answer.get("status") for one in ended]
        found += [
            f"was told {one.answer}" for one in ended if one.code in ("unexpected", "no_answer")
        ]
        if names == ("deploy", "deploy") and done.count("deployed") != 1:
            found.append(f"the same code twice at once: {[one.answer for one in ended]}")
        change = done.count("deployed") - done.count("rolled_back")
        if _deployments(place) - before != change:
            found.append(f"told {done}, but {before} deployments became {_deployments(place)}")
        for name, one in zip(names, ended, strict=True):
            if name in ("allow", "revoke") and not (
                SCENARIOS[name].changed(place) and not one.code
            ):
                found.append(f"{name} was lost")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="faults (default: all)")
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="rounds of two at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=SCENARIOS, action="append")
    given = parser.parse_args()
    os.environ.pop("UV", None)  # our scripts start each other by this interpreter
    os.environ["PYTHONPATH"] = str(ROOT / "lib")
    wanted = given.only or list(SCENARIOS)
    failures = 0
    with tempfile.TemporaryDirectory() as work:
        scripts = prepared.scripts_beside(Path(work))
        templates = {}
        for name, scenario in SCENARIOS.items():
            home = Path(work) / name
            templates[name] = home, scenario.prepare(prepared.allowed(home))
        rounds = []
        for name in wanted:
            _, ended, count = fault(name, *templates[name], scripts, 0, fault_injector.KILL)
            if ended.status or not count:
                print(f"{name} fails without a fault: {ended}")
                return 1
            rounds += [
                (name, at, kind)
                for at in range(1, count + 1)
                for kind in (fault_injector.KILL, fault_injector.FULL)
            ]
        every = len(rounds)
        if given.rounds is not None:
            rounds = random.Random(given.seed).sample(rounds, min(given.rounds, every))
        struck = 0
        for name, at, kind in rounds:
            found, ended, _ = fault(name, *templates[name], scripts, at, kind)
            struck += bool(ended.where)
            if found:
                failures += 1
                print(f"{name}, {kind} at change {at} ({ended.where}):", *found, sep="\n  ")
        for number in range(given.pairs):
            names = PAIRS[number % len(PAIRS)]
            if found := pair(names, templates, scripts):
                failures += 1
                print(f"{' and '.join(names)} at once:", *found, sep="\n  ")
    print(
        f"{len(rounds)} of {every} faults ({struck} struck), {given.pairs} rounds of two at once, "
        f"seed {given.seed}: {failures} with something wrong"
    )
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
