"""Kills, full disks, failing flushes and several at once, all over what changes the state; then all must be old or new.

    python tests/faults.py                       every change of every script, with every kind of fault
    python tests/faults.py --rounds 40 --seed 7  so many of them
    python tests/faults.py --together 100        so many rounds of two and three scripts at once
    python tests/faults.py --workers 10          so many trainings that are killed and resumed to the same bytes
    python tests/faults.py --write               keep the figures in docs/reliability.md

After each fault: every file is whole; history.jsonl, active.json, approval.json, consent.json and what the caller was
told agree with each other; the next command works. The scripts run as processes of their own, forked from this one,
which has imported what they need; the workers that are killed are real ones. Exit status: 1 when something was found.
"""

import argparse
import importlib
import json
import os
import platform
import random
import re
import runpy
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for directory in ("tests", "samples", "lib"):
    sys.path.insert(0, str(ROOT / directory))

import fault_injector  # noqa: E402
import fault_workers  # noqa: E402
import prepared  # noqa: E402
from fae_training.lifecycle import learned, runs  # noqa: E402
from fae_training.store import state  # noqa: E402
from fault_scenarios import SCENARIOS, SECRET, active, deployed_count, inconsistent, settled  # noqa: E402

# Refusals that say that the change counts all the same.
COUNTS = ("unfinished_change", "not_confirmed", "unfinished_forgetting")
PAGE = ROOT / "docs" / "reliability.md"
KINDS = (
    fault_injector.KILL,
    fault_injector.TERMINATE,
    fault_injector.FULL,
    fault_injector.UNFLUSHED,
)
# What the scripts import is imported once, before they are forked.
IMPORTED = (
    "app.app_results", "pages.charts", "pages.proposal_page", "release.dialog", "release.standing",
    "environment.installation", "judgement.plain_words", "conversations.export", "conversations.report", "corrections.preference_pairs", "corrections.spoken",
    "speech.vocabulary",
)  # fmt: skip


@dataclass
class CallEnd:
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
    os.environ["FAE_APP_DIR"] = str(home.with_name("no-fae-here"))
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
            told.with_suffix(".count").write_text(json.dumps(injector.counted))
        os._exit(status)


def await_end(child: int, told: Path) -> CallEnd:
    _, status = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(status)
    found = CallEnd(status)
    if status >= 0:
        try:
            found.answer = json.loads(told.read_text())
        except ValueError:
            said = told.read_text() + told.with_suffix(".err").read_text()
            found.answer = {"status": "error", "error": {"code": "no_answer", "message": said}}
    where = told.with_suffix(".where")
    found.where = where.read_text() if where.exists() else ""
    return found


def fault(
    name: str,
    template: Path,
    arguments: list[str],
    scripts: Path,
    at: int,
    kind: str,
    killed_before: int | None = None,
) -> tuple[list[str], CallEnd, dict]:
    """One round: (what was found, how the call ended, how many changes it made, in `all` and of each sort). With `at` 0 only the last is asked for.

    killed_before: the call was made once before, and killed at that change.
    """
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as work:
        home, told = shutil.copytree(template, Path(work) / "home"), Path(work) / "told"
        place = state.Home(home)
        if killed_before:
            first = fault_injector.Injector(home.resolve(), killed_before, fault_injector.KILL)
            await_end(start(scripts, scenario.script, home, arguments, told, first), told)
        done_before = killed_before and settled(place) == [] and scenario.changed(place)
        injector = fault_injector.Injector(home.resolve(), at, kind)
        # tell() writes outside of the home, so it is not counted.
        injector.tell = lambda text: told.with_suffix(".where").write_text(text)
        ended = await_end(start(scripts, scenario.script, home, arguments, told, injector), told)
        count = told.with_suffix(".count")
        if not at:
            return [], ended, json.loads(count.read_text()) if count.exists() else {}
        found = settled(place)
        changed = scenario.changed(place)
        if ended.code in ("unexpected", "no_answer"):
            found.append(f"was told: {ended.answer['error']['message']}")
        elif not ended.killed and ended.code != "stopped" and not done_before:
            succeeded = ended.answer["status"] != "error" or ended.code in COUNTS
            of_a_step_before = scenario.in_steps and ended.code in COUNTS and not changed
            if changed != succeeded and not of_a_step_before:
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
            if not learned.why_not(runs.find(place)):
                found.append("the run that learned it is not marked")
        look = await_end(start(scripts, "check_status", home, [], told), told)
        if look.code or (look.answer.get("active") or {}).get("language") != active(place):
            found.append(f"check_status says {look.answer}")
    return found, ended, {}


# Two and three at once, in the home of the first.
TOGETHER = (
    ("allow", "revoke"),
    ("deploy", "deploy"),
    ("deploy", "rollback"),
    ("rollback", "rollback"),
    ("evaluate", "evaluate"),
    ("propose", "propose"),
    ("propose", "evaluate"),
    ("correct", "correct"),
    ("deploy", "deploy", "rollback"),
    ("deploy", "deploy", "deploy"),
    ("allow", "revoke", "allow"),
    ("reject", "deploy", "rollback"),
)


def at_once(names: tuple[str, ...], templates: dict, scripts: Path) -> list[str]:
    """Several scripts at the same moment."""
    template, _ = templates[names[0]]
    with tempfile.TemporaryDirectory() as work:
        home = shutil.copytree(template, Path(work) / "home")
        place = state.Home(home)
        before = deployed_count(place)
        told = [Path(work) / f"told{n}" for n in range(len(names))]
        # A code is of the home that it was made for.
        own = {name: templates[names[0]][1] for name in ("deploy",) if names[0] == name}
        children = [
            start(scripts, SCENARIOS[name].script, home, own.get(name) or templates[name][1], where)
            for name, where in zip(names, told, strict=True)
        ]
        ended = [await_end(child, where) for child, where in zip(children, told, strict=True)]
        found = settled(place) + inconsistent(place)
        done = [one.answer.get("status") for one in ended]
        found += [
            f"was told {one.answer}" for one in ended if one.code in ("unexpected", "no_answer")
        ]
        # After a rollback the comparison that the person approved is with another model.
        least = 0 if "rollback" in names else 1
        if names.count("deploy") > 1 and not least <= done.count("deployed") <= 1:
            found.append(f"the same code several times at once: {[one.answer for one in ended]}")
        change = done.count("deployed") - done.count("rolled_back")
        if deployed_count(place) - before != change:
            found.append(f"told {done}, but {before} deployments became {deployed_count(place)}")
        for name, one in zip(names, ended, strict=True):
            if name in ("allow", "revoke") and not (
                SCENARIOS[name].changed(place) and not one.code
            ):
                found.append(f"{name} was lost")
        if (
            names[0] == "correct"
            and len(state.read_jsonl(place.file("stt", "corrections.jsonl"))) != 3
        ):
            found.append("a correction was lost")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="faults (default: all)")
    parser.add_argument(
        "--together", type=int, default=0, metavar="N", help="rounds of several at once"
    )
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="trainings killed and resumed"
    )
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--only", choices=SCENARIOS, action="append")
    parser.add_argument("--write", action="store_true", help="the figures into docs/reliability.md")
    given = parser.parse_args()
    os.environ.pop("UV", None)  # our scripts start each other by this interpreter
    os.environ["PYTHONPATH"] = str(ROOT / "lib")
    began, figures, failures = time.monotonic(), [], 0
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as work:
        # Copies of homes and what the scripts write lie in memory where the system has such a place.
        tempfile.tempdir = work
        os.environ.setdefault("MPLCONFIGDIR", str(Path(work) / "matplotlib"))
        for name in IMPORTED:
            importlib.import_module(f"fae_training.{name}")
        scripts, templates, chooser = (
            prepared.scripts_beside(Path(work)),
            {},
            random.Random(given.seed),
        )
        for name, scenario in SCENARIOS.items():
            home = Path(work) / name / "home"
            templates[name] = home, scenario.prepare(prepared.allowed(home))
        rounds = (
            []
            if given.rounds == 0
            else every_fault(given.only or list(SCENARIOS), templates, scripts, chooser)
        )
        every = len(rounds)
        if given.rounds is not None:
            rounds = chooser.sample(rounds, min(given.rounds, every))
        struck, wrong = Counter(), 0
        for name, at, kind, before in rounds:
            found, ended, _ = fault(name, *templates[name], scripts, at, kind, before)
            struck[kind] += bool(ended.where)
            if struck.total() % 100 == 0:
                print(f"{struck.total()} faults so far", file=sys.stderr, flush=True)
            if found:
                wrong += 1
                print(
                    f"{name}, {kind} at change {at} ({ended.where}), killed before: {before}:",
                    *found,
                    sep="\n  ",
                    flush=True,
                )
        failures += wrong
        if rounds:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(struck.items()))
            figures.append(
                f"{len(rounds):,} of {every:,} faults ({struck.total():,} took effect: {kinds}), {wrong} broke a promise"
            )
        by_size, wrong = Counter(), 0
        for number in range(given.together):
            names = TOGETHER[number % len(TOGETHER)]
            by_size[len(names)] += 1
            if found := at_once(names, templates, scripts):
                wrong += 1
                print(f"{' and '.join(names)} at once:", *found, sep="\n  ", flush=True)
        failures += wrong
        if given.together:
            figures.append(
                f"{by_size[2]} rounds of two and {by_size[3]} of three scripts at once, {wrong} broke a promise"
            )
        if given.workers:
            found = fault_workers.trainings(Path(work), given.workers, chooser)
            failures += len(found.wrong)
            print(*found.wrong, sep="\n", end="")
            figures.append(
                f"{found.count} trainings killed ({found.kinds}) and resumed, {len(found.wrong)} broke a promise"
            )
    took = (time.monotonic() - began) / 60
    used = sum(os.times()[:4]) / 60
    print(*figures, f"seed {given.seed}", sep="\n")
    if given.write:
        write(figures, given.seed, f"{took:.0f} minutes, {used:.0f} of them CPU")
    return min(failures, 1)


def every_fault(
    names: list[str], templates: dict, scripts: Path, chooser: random.Random
) -> list[tuple[str, int, str, int | None]]:
    """The arguments of `fault`, all there are: each fault at a fresh call, and at a call that was killed once before.

    Raises RuntimeError for a script that fails without any.
    """
    found = []
    for name in names:
        _, ended, counted = fault(name, *templates[name], scripts, 0, fault_injector.KILL)
        if ended.status or not counted:
            raise RuntimeError(f"{name} fails without a fault: {ended}")
        for kind in KINDS:
            most = counted["fsync" if kind == fault_injector.UNFLUSHED else "all"]
            for at in range(1, most + 1):
                found += [
                    (name, at, kind, None),
                    (name, at, kind, chooser.randint(1, counted["all"])),
                ]
    return found


def write(figures: list[str], seed: int, took: str) -> None:
    """Put the figures into the page, in the place of those before."""
    system = f"{platform.system()}, {os.cpu_count()} cores, {date.today().isoformat()}"
    lines = "\n".join(f"- {figure}" for figure in figures)
    text = f"\\1{lines}\n- seed {seed}; {took} ({system})\n\\2"
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        re.sub(r"(?s)(<!-- figures -->\n).*?(<!-- end -->)", text, page), encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
