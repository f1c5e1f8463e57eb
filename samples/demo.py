# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""The whole loop on a sample of Fae's directory: consent, export, train, evaluate, propose, deploy, and back.

    uv run samples/demo.py

Makes demo-home/ anew: demo-home/fae is what Fae's app would have, demo-home/state the state directory. Every step is
the real script, called as a person would call it; every number is measured while you watch.
"""

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import world
from make_database import make_database

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo-home"
MODEL = ROOT / "samples" / "language-model"
# What the sample model learns in 50 steps needs a larger step than a real model's preset takes.
LEARNING_RATE = "1e-3"
UV = os.environ.get("UV", "uv")
STEP = itertools.count(1)
WIDTH = min(shutil.get_terminal_size((100, 24)).columns, 100)
ENVIRONMENT = os.environ | {
    "FAE_APP_DIR": str(DEMO / "fae"),
    "FAE_TRAINING_HOME": str(DEMO / "state"),
}


def main() -> None:
    began = time.monotonic()
    shutil.rmtree(DEMO, ignore_errors=True)
    heading("A sample of what Fae keeps: 80 days of one user, Sam")
    sample = make_database(DEMO / "fae")
    size = sample.database.stat().st_size / 1e6
    print(f"{sample.database.relative_to(ROOT)}: {size:.1f} MB, Fae's own schema, all made up.")

    heading("Sam allows it")
    script("setup.py", "--consent", "conversations")
    heading("Export: what may be learned, and what may not")
    script("export_data.py")
    questions = unseen_questions(3)
    before = ask(questions)
    heading("Train")
    script("train.py", "--preset", "light", "--model", MODEL.relative_to(ROOT), "--learning-rate", LEARNING_RATE)  # fmt: skip
    heading("Evaluate: candidate against what runs now, on conversations that training never saw")
    script("evaluate.py")
    heading("Propose: what Sam reads")
    script("propose.py")
    heading("Deploy, with the code that stands in the proposal")
    script("deploy.py", "--code", approval_code())
    after = ask(questions)
    heading("Change of mind: one step back")
    script("rollback.py")
    again = ask(questions)
    same = sum(a == b for a, b in zip(before, again, strict=True))
    print(f"Asked again: {same} of {len(questions)} answers are those from before.")

    heading("What the deployed adapter changed, in three questions that training never saw")
    for question, old, new in zip(questions, before, after, strict=True):
        print(f"{question}\n  before  {old}\n  after   {new}")
    print(
        f"\nThe whole loop took {time.monotonic() - began:.0f} s. "
        f"Everything is in {DEMO.name}/; the proposal is {proposal().relative_to(ROOT)}."
    )


def heading(text: str) -> None:
    line = f"── {next(STEP)}  {text} "
    line += "─" * (WIDTH - len(line))
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\n\033[1m{line}\033[0m" if in_colour else f"\n{line}", flush=True)


def script(name: str, *arguments) -> None:
    """Run one of the skill's scripts in front of the viewer; end the demo when it fails."""
    words = [f"scripts/{name}", *map(str, arguments)]
    print(f"$ uv run {' '.join(words)}", flush=True)
    done = subprocess.run([UV, "run", "--quiet", *words], cwd=ROOT, env=ENVIRONMENT)
    if done.returncode:
        sys.exit(f"\nThe demo ends here: {name} ended with status {done.returncode}.")


def ask(questions: list[str]) -> list[str]:
    """The active model's answers, from a process of its own."""
    done = subprocess.run(
        [UV, "run", "--quiet", "samples/ask.py", "--json", *questions],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)["answers"]


def unseen_questions(count: int) -> list[str]:
    """Questions of the sample's world, on different topics, whose wording stands in no training row."""
    trained = (DEMO / "state" / "data" / "sft" / "train.jsonl").read_text(encoding="utf-8")
    chooser, found = random.Random(5), {}
    for subject in chooser.sample(world.subjects(), len(world.subjects())):
        unseen = [q for q in subject.questions if json.dumps(q, ensure_ascii=False) not in trained]
        if unseen and subject.topic not in found:
            found[subject.topic] = unseen[0]
        if len(found) == count:
            break
    return list(found.values())


def proposal() -> Path:
    return next((DEMO / "state" / "runs").glob("*/proposal.md"))


def approval_code() -> str:
    """What the user reads at the end of the proposal."""
    return json.loads(proposal().with_suffix(".json").read_text(encoding="utf-8"))["approval_code"]


if __name__ == "__main__":
    main()
