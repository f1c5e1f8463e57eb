# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Names that the speech recogniser mishears, before and after it learned them.

    uv run samples/demo_stt.py

Makes demo-home/speech anew. The recogniser is samples/speech-model, small but of Qwen3-ASR's architecture; it has never
heard the names of samples/speech_world.py that are held back. The corrections are text only, as Fae has them: espeak-ng
speaks the names for the training. Sentences in voices that training did not use are heard before and after.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import speech_world
from demo import watched

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "demo-home" / "speech"
MODEL = ROOT / "samples" / "speech-model"
UV = os.environ.get("UV", "uv")
# What the sample model needs, and a real one does not: a larger step, more of them, more clips of a name.
TRAINING = [
    "--preset",
    "standard",
    "--steps",
    "200",
    "--batch-size",
    "12",
    "--gradient-accumulation",
    "1",
]
TRAINING += ["--learning-rate", "3e-4", "--clips-per-term", "24"]


def main() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    script("setup.py", "--consent", "corrections")
    for heard, name in speech_world.MISHEARD:
        script("add_correction.py", "--heard", heard, "--meant", name)
    script("train_stt.py", "--model", str(MODEL), *TRAINING)
    script("evaluate.py", "--kind", "stt")
    script("propose.py", "--kind", "stt")
    show(json.loads(newest_result().read_text(encoding="utf-8"))["benchmark"])


def show(benchmark: dict) -> None:
    """Error rate on the names and on all else, and some sentences word by word."""
    measures = {measure["name"]: measure for measure in benchmark["measures"]}
    recall, rest = measures["term_recall"], measures["rehearsal_word_error_rate"]
    print(f"\nOn {benchmark['outputs']} sentences in voices that training did not use:")
    for what, name in (("before", "current"), ("after", "candidate")):
        print(
            f"  {what:6}  names heard wrongly {1 - fmean(recall[name]):.0%}"
            f"   words in all else heard wrongly {fmean(rest[name]):.1%}"
        )
    for example in benchmark["examples"]:
        print(
            f"\n  said    {example['wanted']}\n  before  {example['before']}\n  after   {example['after']}"
        )
    print("\n" + "\n".join(benchmark["notes"]))


def newest_result() -> Path:
    return max(HOME.glob("runs/*/train_metrics.json"), key=lambda path: path.stat().st_mtime)


def script(name: str, *arguments: str) -> None:
    """Run one of the skill's scripts as a person would, and show what was typed."""
    print(f"\n$ uv run scripts/{name} {' '.join(arguments)}", flush=True)
    command = [UV, "run", "--quiet", "--script", str(ROOT / "scripts" / name), *arguments]
    done = subprocess.run(command, env=os.environ | {"FAE_TRAINING_HOME": str(HOME)})
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)


if __name__ == "__main__":
    watched(main)
