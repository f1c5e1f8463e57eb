# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""The whole loop on a sample of Fae's directory: consent, export, train, evaluate, propose, deploy, and back.

    uv run samples/demo.py

Makes anew demo-home/fae, what Fae's app would have, and demo-home/state, the state directory. Every step is
the real script, called as a person would call it; every number is measured while you watch.
"""

import itertools
import json
import os
import random
import re
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
# What the sample model, which is a thousand times smaller than a real one, needs beyond the preset.
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
    heading("A sample of what Fae keeps: 80 days of one user, Sam")
    sample = make_database(DEMO / "fae")
    size = sample.database.stat().st_size / 1e6
    print(f"{sample.database.relative_to(ROOT)}: {size:.1f} MB, Fae's own schema, all made up.")

    heading("Sam allows it")
    script("setup.py", "--consent", "conversations")
    own_tasks(DEMO / "fae", DEMO / "state")
    heading("Export: what may be learned, and what may not")
    script("export_data.py")
    questions = unseen_questions(ASKED)
    before = ask(questions)
    heading("Train")
    script("train.py", "--model", MODEL.relative_to(ROOT), *TRAINING)
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
    print(f"Asked again: {same} of {ASKED} answers are those from before.")

    heading(f"What the deployed adapter changed, in {ASKED} questions that training never saw")
    for question, old, new in list(zip(questions, before, after, strict=True))[:SHOWN]:
        for label, text in (("", question), ("before  ", old), ("after   ", new)):
            print(indented(text, label))
    for label, answers in (("before", before), ("after", after)):
        named = sum(world.OWNER in answer for answer in answers)
        words = sum(len(answer.split()) for answer in answers) / ASKED
        print(f"{label:8}{named} of {ASKED} answers call Sam by name; {words:.1f} words an answer")
    where = proposal().with_suffix(".html").relative_to(ROOT)
    print(
        f"\nThe whole loop took {time.monotonic() - began:.0f} s. The proposal, as a page: {where}"
    )


def watched(loop: Callable[[], None]) -> None:
    """Run a demo; when somebody ends it, the training that it began ends too, which is a process of its own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("\nThe demo was ended."))
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
    """What the sample model is judged by besides Sam's conversations, and what it rehearses while it trains."""
    system = (fae / "soul.md").read_text(encoding="utf-8").strip()
    items, prompts = world.benchmark_items(system), world.rehearsal_prompts(system)
    settings = {"schema": 1} | {kind: {"suite": "own"} for kind in ("sft", "dpo")}
    for name, lines in (
        ("benchmarks/world.jsonl", items),
        ("rehearsal/world.jsonl", prompts),
        ("config.json", [settings]),
    ):
        (state / name).parent.mkdir(mode=0o700, exist_ok=True)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (state / name).write_text(text, encoding="utf-8")
        (state / name).chmod(0o600)
    print(
        textwrap.fill(
            f"The bundled tasks with tools are beyond this tiny model: it is judged by {len(items)} of its own world instead.",
            WIDTH,
        )
    )


def heading(text: str) -> None:
    line = f"── {next(STEP)}  {text} "
    line += "─" * (WIDTH - len(line))
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\n\033[1m{line}\033[0m" if in_colour else f"\n{line}", flush=True)


def indented(text: str, label: str) -> str:
    """`label` and `text`, wrapped, with the text's lines under each other."""
    first = f"  {label}" if label else ""
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first))


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
    """Questions of the sample's world that stand in no training row."""
    trained = (DEMO / "state" / "data" / "sft" / "train.jsonl").read_text(encoding="utf-8")
    asked = [question for subject in world.subjects() for question in subject.questions]
    unseen = [q for q in asked if json.dumps(q, ensure_ascii=False) not in trained]
    return random.Random(0).sample(unseen, count)


def proposal() -> Path:
    return next((DEMO / "state" / "runs").glob("*/proposal.md"))


def approval_code() -> str:
    """What the user reads at the end of the proposal."""
    (code,) = re.findall(
        r"\*\*([A-Z2-9]{3}-[A-Z2-9]{3})\*\*", proposal().read_text(encoding="utf-8")
    )
    return code


if __name__ == "__main__":
    watched(main)
