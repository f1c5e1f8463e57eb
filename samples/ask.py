# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Ask the active language model, as Fae's runtime would: the base model, or the deployed adapter on it.

    uv run samples/ask.py --home demo-home/state "What is the capital of Peru?"

Reads active.json of the state directory and Fae's soul.md; writes nothing. Decoding is greedy, so the same model always
gives the same answer.
"""

import argparse
import json
import os
from pathlib import Path

from fae_training.app import fae_app
from fae_training.environment import mlx_on_linux
from fae_training.release import deployment
from fae_training.store import state

MODEL = Path(__file__).resolve().parent / "language-model"


def main() -> None:
    given = build_parser().parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    run = deployment.current_run(state.Home(given.home), "language")
    directory = Path(run.record["model"]["directory"]) if run else given.model
    mlx_on_linux.set_up(directory)
    from mlx_lm import load

    from fae_training.language import conversation_probe, generation

    model, tokenizer = load(
        str(directory),
        adapter_path=str(run.file("adapters")) if run else None,
    )
    soul = fae_app.system_prompt()
    start = [{"role": "system", "content": soul}] if soul else []
    answers = generation.answer_texts(
        model,
        tokenizer,
        [([*start, {"role": "user", "content": asked}], None) for asked in given.questions],
        conversation_probe.LONGEST_ANSWER,
    )
    if given.json:
        print(json.dumps({"active": run.id if run else None, "answers": answers}))
        return
    print(f"{run.id if run else 'the base model'} answers:")
    for question, answer in zip(given.questions, answers, strict=True):
        print(f"  {question}\n    {answer}")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("questions", nargs="+", metavar="QUESTION")
    parser.add_argument("--home", type=Path, default=state.default_home(), metavar="DIR")
    parser.add_argument(
        "--model", type=Path, default=MODEL, metavar="DIR", help="asked when nothing is deployed"
    )
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    main()
