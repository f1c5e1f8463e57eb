# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""Corrections in, the same questions answered before and after: from a sample database to a deployed adapter.

    uv run samples/demo_dpo.py

Makes demo-home/fae and demo-home/state anew, as demo.py does. The user, Sam, has often said "too long" and "shorter please"; the questions
asked at the end are from corrections that training never saw.
"""

import json
import shutil
import subprocess
import sys
import time

from demo import (
    DEMO,
    ENVIRONMENT,
    MODEL,
    ROOT,
    UV,
    approval_code,
    ask,
    heading,
    indented,
    own_tasks,
    script,
    watched,
)
from make_database import make_database

# As in demo.py: the sample model is so small that it needs larger steps than a real one.
LEARNING_RATE = "5e-4"
SHOWN = 3


def main() -> None:
    began = time.monotonic()
    for directory in ("fae", "state"):
        shutil.rmtree(DEMO / directory, ignore_errors=True)
    heading("A sample of what Fae keeps: 80 days of one user, Sam, who likes short answers")
    make_database(DEMO / "fae")
    script("setup.py", "--consent", "conversations", "corrections")
    own_tasks(DEMO / "fae", DEMO / "state")
    heading("Conversations, of which some are held out: to see that nothing is forgotten")
    script("export_data.py")
    heading("Corrections: which of two answers was better")
    script("extract_corrections.py")
    questions = held_out_questions()
    before = ask(questions)
    heading("Train on them")
    script("train_dpo.py", "--preset", "light", "--model", MODEL.relative_to(ROOT), "--learning-rate", LEARNING_RATE)  # fmt: skip
    heading("Evaluate: preferences and conversations that training never saw")
    if not recommended():
        print(
            "\nNot recommended, so nothing is proposed and nothing changes. With so few corrections the larger steps that this "
            "small model needs also cost it some of its conversations."
        )
        return
    heading("Propose, and deploy with the code that stands in the proposal")
    script("propose.py")
    script("deploy.py", "--code", approval_code())
    heading(
        f"{len(questions)} questions from corrections that training never saw, before and after"
    )
    after = ask(questions)
    changed = [
        asked for asked in zip(questions, before, after, strict=True) if asked[1] != asked[2]
    ]
    print(f"{len(changed)} of {len(questions)} answers changed.")
    for question, old, new in changed[:SHOWN]:
        for label, text in (("", question), ("before  ", old), ("after   ", new)):
            print(indented(text, label))
    for label, answers in (("before", before), ("after", after)):
        words = sum(len(answer.split()) for answer in answers) / len(answers)
        print(f"{label:8}{words:.1f} words an answer")
    print(f"\nIt took {time.monotonic() - began:.0f} s. Everything is in {DEMO.name}/.")


def recommended() -> bool:
    """Show what evaluate.py says; whether the run passed."""
    print("$ uv run scripts/evaluate.py", flush=True)
    command = [UV, "run", "--quiet", "scripts/evaluate.py"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT)
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)
    return done.returncode == 0


def held_out_questions() -> list[str]:
    """What was asked in the held-out corrections, each question once."""
    lines = (DEMO / "state" / "data" / "dpo" / "valid.jsonl").read_text(encoding="utf-8")
    prompts = [json.loads(line)["prompt"] for line in lines.splitlines()]
    return list(dict.fromkeys(prompt[-1]["content"] for prompt in prompts))


if __name__ == "__main__":
    watched(main)
