# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "numpy",
#   "scipy>=1.14",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Scores of models on the capability suite, by category, with exact 95 % intervals, and the time that it takes.

    uv run benchmarks/bench_suite.py samples/language-model --quick
    uv run benchmarks/bench_suite.py samples/language-model DIR --write docs/judgement.md
    uv run benchmarks/bench_suite.py DIR --tools-from-dialogues ../shared/conversations/dialogues.jsonl

Each model answers in its own process. --tools-from-dialogues adds external tool items, made from a file
of dialogues while the benchmark runs: the model must make the dialogue's call at the same place.
--alone N answers N items again one by one, and reports how many answers differ from the batched ones.
--answers DIR keeps the answers for reading.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import page
from fae_training.capabilities import checks, suite
from fae_training.capabilities.task import Check, Item
from fae_training.environment import mlx_on_linux
from fae_training.lifecycle import results
from fae_training.store import state

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "samples"))
import real_model  # noqa: E402

SAMPLE = ROOT / "samples" / "language-model"
OUTSIDE = 60
# Longer ones would take most of the time.
MOST_MESSAGES = 8
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Answered:
    """One model's answers to the items, in their order; seconds of the answering alone."""

    model: Path
    answers: list[str]
    wall_s: float
    cpu_s: float
    alone: list[str]


def answer(model: Path, items: list[Item], alone: int) -> Answered:
    mlx_on_linux.set_up(model)
    from fae_training.capabilities.answering import answers
    from fae_training.language import loading

    loaded, tokenizer = loading.load(str(model))
    loaded.eval()
    loading.read_weights(loaded, lambda read, total: None)
    wall, cpu = time.monotonic(), time.process_time()
    found = answers(loaded, tokenizer, items)
    took = time.monotonic() - wall, time.process_time() - cpu
    step = max(1, len(items) // alone) if alone else 1
    again = [answers(loaded, tokenizer, [item])[0] for item in items[::step][:alone]]
    return Answered(model, found, *took, again)


def outside_items(path: Path, count: int) -> list[Item]:
    """Items from the first calls of dialogues: the tool, and those arguments whose values occur in
    the messages."""
    items = []
    for dialogue in state.read_jsonl(path):
        messages = dialogue["messages"]
        at = next((n for n, m in enumerate(messages) if m.get("tool_calls")), None)
        if at is None or at > MOST_MESSAGES or messages[at - 1]["role"] != "user":
            continue
        call = messages[at]["tool_calls"][0]["function"]
        conversation = " ".join(message["content"].lower() for message in messages[:at])
        arguments = {n: v for n, v in call["arguments"].items() if str(v).lower() in conversation}
        for category, wanted in (
            ("outside: tool choice", {"name": call["name"]}),
            ("outside: tool arguments", {"name": call["name"], "arguments": arguments}),
        ):
            item = Item(
                id=f"{category} {dialogue['id']}",
                category=category,
                messages=tuple(messages[:at]),
                tools=tuple(dialogue["tools"]),
                checks=(Check("calls", wanted),),
            )
            # Some calls of the dialogues lack required arguments of their tools.
            if checks.passed(
                item, checks.written(checks.ToolCall(call["name"], call["arguments"]))
            ):
                items.append(item)
        if len(items) >= 2 * count:
            break
    return items


def score(passes: list[bool]) -> str:
    from scipy.stats import binomtest

    right, count = sum(passes), len(passes)
    interval = binomtest(right, count).proportion_ci(CONFIDENCE, method="exact")
    return f"{right} of {count} ({interval.low:.2f} to {interval.high:.2f})"


def report(given: suite.Suite, items: list[Item], models: list[Answered]) -> str:
    """Markdown: the command, a table of scores, and the time of answering."""
    verdicts = [
        [checks.passed(item, text) for item, text in zip(items, model.answers, strict=True)]
        for model in models
    ]
    rows = []
    for category in dict.fromkeys(item.category for item in items):
        chosen = [n for n, item in enumerate(items) if item.category == category]
        rows.append([category, *(score([v[n] for n in chosen]) for v in verdicts)])
    marked = [n for n, item in enumerate(items) if item.is_quick]
    if 0 < len(marked) < len(items):
        rows.append(["quick suite", *(score([v[n] for n in marked]) for v in verdicts)])
    rows.append(["all", *(score(v) for v in verdicts)])
    rows.append(["seconds", *(f"{model.wall_s:,.0f}" for model in models)])
    rows.append(["CPU seconds", *(f"{model.cpu_s:,.0f}" for model in models)])
    lines = [
        f"{page.machine(results.versions())}. Suite {given.version}, {len(items)} items: the number of correct answers, and the "
        "exact (Clopper-Pearson) 95 % confidence interval of their share.",
        "",
        *page.table(["", *(model.model.name for model in models)], rows),
    ]
    for model, verdict in zip(models, verdicts, strict=True):
        if model.alone:
            lines += ["", f"{model.model.name}: {differences(items, model, verdict)}"]
    return "\n".join(lines)


def differences(items: list[Item], model: Answered, verdict: list[bool]) -> str:
    step = max(1, len(items) // len(model.alone))
    chosen = range(0, len(items), step)[: len(model.alone)]
    pairs = list(zip(chosen, model.alone, strict=True))
    other = sum(model.answers[n] != text for n, text in pairs)
    flipped = sum(verdict[n] != checks.passed(items[n], text) for n, text in pairs)
    return (
        f"of {len(pairs)} items answered again one by one, {other} got a different answer than in the batches and "
        f"{flipped} a different verdict."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "models",
        nargs="*",
        type=Path,
        metavar="DIR",
        default=[SAMPLE],
        help="models as mlx_lm loads them (default: the sample model)",
    )
    parser.add_argument(
        "--real-model", action="store_true", help=f"and {real_model.NAME} in float32"
    )
    parser.add_argument("--quick", action="store_true", help="the marked items only")
    parser.add_argument(
        "--tools-from-dialogues", type=Path, metavar="FILE", help="add tool items from outside"
    )
    parser.add_argument(
        "--outside",
        type=int,
        default=OUTSIDE,
        metavar="N",
        help="from so many dialogues (%(default)s)",
    )
    parser.add_argument("--alone", type=int, default=0, metavar="N", help="answer N of them again")
    parser.add_argument("--answers", type=Path, metavar="DIR", help="keep the answers there")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this page")
    given = parser.parse_args()
    whole = suite.load()
    chosen = whole.quick() if given.quick else whole
    items = list(chosen.items)
    if given.tools_from_dialogues:
        if not given.tools_from_dialogues.exists():
            sys.exit(f"there is no {given.tools_from_dialogues}; expected a file of dialogues")
        items += outside_items(given.tools_from_dialogues, given.outside)
    directories = list(given.models)
    if given.real_model:
        try:
            directories.append(real_model.made(ROOT / "bench-out" / "smollm2-float32"))
        except real_model.NotFetched as problem:
            sys.exit(str(problem))
    models = []
    for model in directories:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            models.append(process.submit(answer, model.absolute(), items, given.alone).result())
        if given.answers:
            given.answers.mkdir(parents=True, exist_ok=True)
            rows = [
                {"id": item.id, "passed": checks.passed(item, text), "answer": text}
                for item, text in zip(items, models[-1].answers, strict=True)
            ]
            state.write_jsonl(given.answers / f"{model.name}.jsonl", rows)
    text = report(chosen, items, models)
    print(text)
    if given.write:
        name = "bench-suite-quick" if given.quick else "bench-suite"
        page.write_section(given.write, name, "Capabilities", text)


if __name__ == "__main__":
    main()
