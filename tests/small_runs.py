"""A state directory with a little data, and short real trainings in it, for tests of everything around training."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import calls
import world
from fae_training.store import consent, state

# Two micro-batches a step; a checkpoint and a validation after every second step.
SETTINGS = (
    "--preset", "light", "--steps", "10", "--batch-size", "1", "--gradient-accumulation", "2",
    "--rank", "4", "--learning-rate", "3e-3", "--seed", "7",
)  # fmt: skip

# What the sample model answers to the end, in a few words.
PROMPTS = [
    {
        "id": f"learned {number}",
        "category": "words",
        "messages": [{"role": "user", "content": f"What is {word} in French, please?"}],
        "max_tokens": 48,
    }
    for number, word in enumerate(
        ("dog", "house", "bread", "water", "friend", "book", "night", "moon")
    )
]


def fill(home: Path, train: int = 8, choose: int = 4, judge: int = 14, tasks: int = 80) -> Path:
    """Consent, and so many conversations of one exchange each in data/sft, as export_data writes them.

    Fewer to be judged by, and fewer tasks, are for a run whose verdict does not matter.
    """
    place = state.Home(home)
    consent.change(place, ["conversations"], [])
    chooser = random.Random(3)
    for side, parts in (
        ("train", [{}] * train),
        ("valid", [{"part": "choose"}] * choose + [{"part": "judge"}] * judge),
    ):
        rows = [
            {
                "messages": world.small_conversation(chooser, world.PERSONAL, turns=1).messages,
                "weight": 1.0,
                "source": {"ids": [f"{side}-{i}"], "session": f"{side}-{i}"},
            }
            | part
            for i, part in enumerate(parts)
        ]
        state.write_jsonl(place.file("data", "sft", f"{side}.jsonl"), rows)
    state.write_json(place.file("data", "sft", "meta.json"), {"summary": f"{train} conversations"})
    judge_by_own_items(place, tasks=tasks)
    return home


def judge_by_own_items(
    place: state.Home, kinds: tuple[str, ...] = ("sft", "dpo"), tasks: int = 80, copies: int = 1
) -> None:
    """Tasks that the sample model gets right whatever it learns, and prompts to rehearse, all answered in moments.

    The bundled ones are beyond it. With 5 copies there are enough for the gate to see that nothing was lost, also
    where conversations alone say little.
    """
    place.write("config.json", {kind: {"suite": "own"} for kind in kinds})
    place.directory("benchmarks")
    items = [
        {
            "id": f"no thinking aloud {number}, {copy}",
            "category": "manners",
            "messages": [{"role": "user", "content": question}],
            "check": {"no_thinking_aloud": True},
            "max_tokens": 4,
        }
        for copy in range(copies)
        for number, question in enumerate(
            random.Random(5).sample([q for s in world.subjects() for q in s.questions], tasks)
        )
    ]
    state.write_jsonl(place.file("benchmarks", "manners.jsonl"), items)
    place.directory("rehearsal")
    state.write_jsonl(place.file("rehearsal", "world.jsonl"), PROMPTS)


def start(home: Path, *arguments, **environment) -> str:
    """Begin a training in the background; the run's id."""
    given = (*SETTINGS, "--model", calls.LANGUAGE_MODEL, "--detach", *arguments)
    answer = calls.answer("train", *given, home=home, **environment)
    assert answer["status"] == "started", answer
    return answer["run"]


def in_front(home: Path, *arguments, **environment) -> subprocess.Popen:
    """A person's training: it stays until the run ends. Its output is text."""
    return subprocess.Popen(
        [sys.executable, str(calls.SCRIPTS / "train.py"), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FAE_TRAINING_HOME": str(home), **environment},
    )


def finish(home: Path, run: str) -> Path:
    """Wait for the run to complete; its directory."""
    answer = calls.wait_until_ended(run, home)
    log = home / "runs" / run / "train.log"
    assert answer["status"] == "completed", log.read_text()
    return home / "runs" / run


def wait_for_step(home: Path, run: str, step: int, patience_s: float = 240) -> None:
    """Until metrics.jsonl has the loss of that step; an error when the run ended before."""
    path, end = home / "runs" / run / "metrics.jsonl", time.monotonic() + patience_s
    while time.monotonic() < end:
        if any(row["step"] >= step and "loss" in row for row in state.read_jsonl(path)):
            return
        time.sleep(0.01)
    raise AssertionError(f"{run} did not get to step {step}: {path.with_name('train.log').read_text()}")  # fmt: skip


def record(home: Path, run: str) -> dict:
    return json.loads((home / "runs" / run / "run.json").read_text())


def adapter(home: Path, run: str) -> bytes:
    """Of a run that was stopped it lies in stopped/: what waits for adapters/ must not find it."""
    directory = home / "runs" / run
    (path,) = [
        p
        for p in directory.glob("*/adapters.safetensors")
        if p.parent.name in ("adapters", "stopped")
    ]
    return path.read_bytes()
