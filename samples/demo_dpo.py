# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""Learning from corrections (DPO), from a sample database to a deployed adapter; the same questions before and after.

    uv run samples/demo_dpo.py

Recreates demo-home/fae and demo-home/state, as demo.py does. The user, Sam, has often said "too long" and "shorter
please"; the questions asked at the end are from held-out corrections.
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

# As in demo.py, the small sample model needs a higher learning rate than a real one.
LEARNING_RATE = "5e-4"
SHOWN = 3


def main() -> None:
    began = time.monotonic()
    for directory in ("fae", "state"):
        shutil.rmtree(DEMO / directory, ignore_errors=True)
    heading("Sample data: 80 days of conversations with one user, Sam, who likes short answers")
    make_database(DEMO / "fae")
    script("setup.py", "--consent", "conversations", "corrections")
    own_tasks(DEMO / "fae", DEMO / "state")
    heading("Export: conversations, some of them held out to check that nothing is forgotten")
    script("export_data.py")
    heading("Extract corrections: which of two answers was better")
    script("extract_corrections.py")
    questions = held_out_questions()
    before = ask(questions)
    heading("Train on the corrections")
    script("train_dpo.py", "--preset", "light", "--model", MODEL.relative_to(ROOT), "--learning-rate", LEARNING_RATE)  # fmt: skip
    heading("Evaluate: held-out corrections and conversations")
    if not recommended():
        print(
            "\nThe result is not recommended, so nothing is proposed and nothing changes. There are few corrections, and at the "
            "high learning rate that this small model needs its loss on conversations may rise too."
        )
        return
    heading("Propose, and deploy with the approval code from the proposal")
    script("propose.py")
    script("deploy.py", "--code", approval_code())
    heading(f"{len(questions)} questions from held-out corrections, before and after")
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
    print(f"\nIt took {time.monotonic() - began:.0f} s. All files are in {DEMO.name}/.")


def recommended() -> bool:
    """Run evaluate.py and show its output. Returns whether the run passed."""
    print("$ uv run scripts/evaluate.py", flush=True)
    command = [UV, "run", "--quiet", "scripts/evaluate.py"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT)
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)
    return done.returncode == 0


def held_out_questions() -> list[str]:
    """The questions of the held-out corrections, each one once."""
    lines = (DEMO / "state" / "data" / "dpo" / "valid.jsonl").read_text(encoding="utf-8")
    prompts = [json.loads(line)["prompt"] for line in lines.splitlines()]
    return list(dict.fromkeys(prompt[-1]["content"] for prompt in prompts))


if __name__ == "__main__":
    watched(main)
