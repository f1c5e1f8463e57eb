# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""The whole loop on sample data: consent, export, train, evaluate, propose, deploy and roll back.

    uv run samples/demo.py
    uv run samples/demo.py --by-hand     only makes the sample data, and lists the commands to run yourself

Recreates demo-home/fae, which stands in for the app's directory, and demo-home/state, the state directory. Every step
is the real script, called as a person would call it; every number is measured while you watch.
"""

import itertools
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import world
from make_database import make_database

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo-home"
MODEL = ROOT / "samples" / "language-model"
# The sample model is a thousand times smaller than a real one and needs larger steps than the preset's.
TRAINING = ("--preset", "light", "--steps", "100", "--learning-rate", "5e-4")
ASKED, SHOWN = 12, 3
UV = os.environ.get("UV", "uv")
STEP = itertools.count(1)
WIDTH = min(shutil.get_terminal_size((100, 24)).columns, 100)
ENVIRONMENT = os.environ | {
    "FAE_APP_DIR": str(DEMO / "fae"),
    "FAE_TRAINING_HOME": str(DEMO / "state"),
}


def main() -> None:
    began = time.monotonic()
    for directory in ("fae", "state"):
        shutil.rmtree(DEMO / directory, ignore_errors=True)
    heading("Sample data: 80 days of conversations with one user, Sam")
    sample = make_database(DEMO / "fae")
    size = sample.database.stat().st_size / 1e6
    print(
        f"{sample.database.relative_to(ROOT)}: {size:.1f} MB in Fae's database schema, all of it generated."
    )

    heading("Consent: Sam allows Fae to learn from the conversations")
    script("setup.py", "--consent", "conversations")
    own_tasks(DEMO / "fae", DEMO / "state")
    heading("Export: which turns are trained on, and which are left out")
    script("export_data.py")
    questions = unseen_questions(ASKED)
    before = ask(questions)
    heading("Train")
    script("train.py", "--model", MODEL.relative_to(ROOT), *TRAINING)
    heading("Evaluate: the candidate against the current model, on held-out conversations")
    script("evaluate.py")
    heading("Propose: the page that Sam reads")
    script("propose.py")
    heading("Deploy, with the approval code from the proposal")
    script("deploy.py", "--code", approval_code())
    after = ask(questions)
    heading("Roll back: Sam goes one step back")
    script("rollback.py")
    again = ask(questions)
    same = sum(a == b for a, b in zip(before, again, strict=True))
    print(
        f"Asked the same questions again, the model gives {same} of {ASKED} answers as before the training."
    )

    heading(f"What the adapter changed: {ASKED} questions that are in no training row")
    for question, old, new in list(zip(questions, before, after, strict=True))[:SHOWN]:
        for label, text in (("", question), ("before  ", old), ("after   ", new)):
            print(indented(text, label))
    for label, answers in (("before", before), ("after", after)):
        named = sum(world.OWNER in answer for answer in answers)
        words = sum(len(answer.split()) for answer in answers) / ASKED
        print(f"{label:8}{named} of {ASKED} answers call Sam by name; {words:.1f} words an answer")
    where = proposal().with_suffix(".html").relative_to(ROOT)
    print(f"\nThe whole loop took {time.monotonic() - began:.0f} s. The proposal page: {where}")


def by_hand() -> None:
    """Make the sample data, and list the demo's commands."""
    for directory in ("fae", "state"):
        shutil.rmtree(DEMO / directory, ignore_errors=True)
    make_database(DEMO / "fae")
    own_tasks(DEMO / "fae", DEMO / "state")
    model = ("--model", str(MODEL.relative_to(ROOT)))
    steps = (
        ("setup.py", "--consent", "conversations"), ("export_data.py",), ("train.py", *model, *TRAINING), ("evaluate.py",),
        ("propose.py",), ("deploy.py",), ("rollback.py",),
    )  # fmt: skip
    print(f"\nThe sample data is in {DEMO}. In {ROOT}, run:\n")
    for name in ("FAE_APP_DIR", "FAE_TRAINING_HOME"):
        print(f"    export {name}={shlex.quote(ENVIRONMENT[name])}")
    for script, *options in steps:
        print(f"    uv run scripts/{shlex.join([script, *options])}")
    print(f"    uv run samples/ask.py {shlex.join(['What is the capital of Peru?'])}")


def watched(loop: Callable[[], None]) -> None:
    """Run a demo. If it is interrupted, the training that it started in a separate process is cancelled too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("\nThe demo was stopped."))
    try:
        loop()
    except BaseException:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for state in (DEMO / "state", DEMO / "speech"):
            if (state / "lock").exists():
                command = [UV, "run", "--quiet", "scripts/cancel.py", "--home", str(state)]
                subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        raise


def own_tasks(fae: Path, state: Path) -> None:
    """Write the tasks that the sample model is judged by besides Sam's conversations, and the prompts that it rehearses."""
    system = (fae / "soul.md").read_text(encoding="utf-8").strip()
    items, prompts = world.benchmark_items(system), world.rehearsal_prompts(system)
    settings = {"schema": 1} | {kind: {"suite": "own"} for kind in ("sft", "dpo")}
    for name, lines in (
        ("benchmarks/world.jsonl", items),
        ("rehearsal/world.jsonl", prompts),
        ("config.json", [settings]),
    ):
        (state / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (state / name).write_text(text, encoding="utf-8")
        (state / name).chmod(0o600)
    print(
        textwrap.fill(
            f"This tiny model cannot solve the bundled tool tasks. {len(items)} tasks of its own small world take their place.",
            WIDTH,
        )
    )


def heading(text: str) -> None:
    line = f"── {next(STEP)}  {text} "
    line += "─" * (WIDTH - len(line))
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\n\033[1m{line}\033[0m" if in_colour else f"\n{line}", flush=True)


def indented(text: str, label: str) -> str:
    """`label` and `text`, wrapped and aligned."""
    first = f"  {label}" if label else ""
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first))


def script(name: str, *arguments) -> None:
    """Run one of the skill's scripts and show its output; stop the demo if it fails."""
    words = [f"scripts/{name}", *map(str, arguments)]
    print(f"$ uv run {' '.join(words)}", flush=True)
    done = subprocess.run([UV, "run", "--quiet", *words], cwd=ROOT, env=ENVIRONMENT)
    if done.returncode:
        sys.exit(f"\nThe demo stops here: {name} exited with status {done.returncode}.")


def ask(questions: list[str]) -> list[str]:
    """The active model's answers, computed in a separate process."""
    done = subprocess.run(
        [UV, "run", "--quiet", "samples/ask.py", "--json", *questions],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)["answers"]


def unseen_questions(count: int) -> list[str]:
    """Questions of the sample world that are in no training row."""
    trained = (DEMO / "state" / "data" / "sft" / "train.jsonl").read_text(encoding="utf-8")
    asked = [question for subject in world.subjects() for question in subject.questions]
    unseen = [q for q in asked if json.dumps(q, ensure_ascii=False) not in trained]
    return random.Random(0).sample(unseen, count)


def proposal() -> Path:
    return next((DEMO / "state" / "runs").glob("*/proposal.md"))


def approval_code() -> str:
    """The code at the end of the proposal."""
    (code,) = re.findall(
        r"\*\*([A-Z2-9]{3}-[A-Z2-9]{3})\*\*", proposal().read_text(encoding="utf-8")
    )
    return code


if __name__ == "__main__":
    watched(by_hand if "--by-hand" in sys.argv[1:] else main)
