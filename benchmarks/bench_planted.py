# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""The verdicts of evaluate on bad trainings planted in the sample's world, and on the demo's good one.

    uv run benchmarks/bench_planted.py
    uv run benchmarks/bench_planted.py --write docs/judgement.md

A training takes about a minute on two idle cores.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "samples"))
import demo  # noqa: E402
from make_database import make_database  # noqa: E402

UV = os.environ.get("UV", "uv")
DONE = "Done, the reminder is set."
SIDES = ("train", "valid")


@dataclass(frozen=True)
class Case:
    """plant(data directory) changes the exported rows; script is called with the arguments."""

    name: str
    plant: Callable[[Path], None]
    arguments: tuple[str, ...]
    script: str = "train.py"


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def put(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def nothing(data: Path) -> None:
    """Leave the export unchanged."""


def five_conversations(data: Path) -> None:
    put(data / "sft" / "train.jsonl", rows_of(data / "sft" / "train.jsonl")[:5])


def one_answer_for_a_third(data: Path) -> None:
    chooser = random.Random(1)
    for side in SIDES:
        rows = rows_of(data / "sft" / f"{side}.jsonl")
        for message in (message for row in rows for message in row["messages"]):
            if message["role"] == "assistant" and chooser.random() < 0.3:
                message["content"] = DONE
        put(data / "sft" / f"{side}.jsonl", rows)


def pairs_that_differ_in_a_space(data: Path) -> None:
    birds = ("owl", "kestrel", "heron", "wren", "robin", "swift", "crane", "finch")
    for side in SIDES:
        put(
            data / "dpo" / f"{side}.jsonl",
            [
                {"prompt": f"A {b}?", "chosen": f"Yes, a {b}.", "rejected": f"Yes,  a {b}. "}
                for b in birds
            ],
        )


DEMO = ("--steps", "100", "--learning-rate", "5e-4")
LONG = ("--steps", "200", "--learning-rate", "5e-4")
CASES = (
    Case("the demo's training", nothing, DEMO),
    Case("the same without rehearsal", nothing, (*DEMO, "--rehearsal", "0")),
    Case("five conversations, 200 steps", five_conversations, LONG),
    Case(
        "five conversations, 200 steps, without rehearsal",
        five_conversations,
        (*LONG, "--rehearsal", "0"),
    ),
    Case(f'"{DONE}" as 30 % of all answers', one_answer_for_a_third, DEMO),
    Case("pairs that differ in a space", pairs_that_differ_in_a_space, (), "train_dpo.py"),
)


def script(home: Path, fae: Path, name: str, *arguments: str) -> dict:
    """The JSON answer of one of the skill's scripts."""
    done = subprocess.run(
        [UV, "run", "--quiet", f"scripts/{name}", "--json", *arguments],
        cwd=ROOT,
        env=os.environ | {"FAE_TRAINING_HOME": str(home), "FAE_APP_DIR": str(fae)},
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


MEASURES = {
    "conversation_loss": "loss on conversations",
    "tools": "tools",
    "memorisation": "rare details kept",
    "own_answers": "answers of their own",
}


def row_of(case: Case, home: Path, fae: Path) -> list[str]:
    """A row of the table: the case, the verdict, and each measure before and after, with its outcome."""
    case.plant(home / "data")
    model = ("--model", str(demo.MODEL), "--preset", "light")
    began = script(home, fae, case.script, *model, *case.arguments)
    if began["status"] == "error":
        reason = began["error"]["message"].split(": line")[0]
        return [case.name, f"refused before training: {reason}", *[""] * len(MEASURES)]
    script(home, fae, "check_status.py", "--follow")
    answer = script(home, fae, "evaluate.py")
    if answer["status"] == "error":
        return [case.name, answer["error"]["message"], *[""] * len(MEASURES)]
    evaluation = json.loads(Path(answer["evaluation"]).read_text(encoding="utf-8"))
    found = {
        one["measure"]: f"{one['old']:.3g} to {one['new']:.3g}, {one['outcome'].replace('_', ' ')}"
        for one in evaluation["decision"]["comparisons"]
        if one["against"] == "current"
    }
    return [case.name, answer["verdict"].replace("_", " "), *(found.get(n, "") for n in MEASURES)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page to write into")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        fae, start = Path(made) / "fae", Path(made) / "start"
        make_database(fae)
        script(start, fae, "setup.py", "--consent", "conversations", "corrections", "--no-models")
        demo.own_tasks(fae, start)
        script(start, fae, "export_data.py")
        rows = []
        for number, case in enumerate(CASES):
            home = shutil.copytree(start, Path(made) / str(number))
            rows.append(row_of(case, home, fae))
            print(*rows[-1], sep=" | ", flush=True)
    if arguments.write:
        text = "\n".join(page.table(["training", "verdict", *MEASURES.values()], rows))
        page.write_section(arguments.write, "bench-planted", "Planted trainings", text)


if __name__ == "__main__":
    main()
