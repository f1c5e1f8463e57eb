"""State directories with runs as a training leaves them, made without training: for tests of judging, proposing and deploying.

The figures are made up so that the gate passes; adapters are a few bytes. scripts_beside() has scripts whose workers
answer at once, for those who deploy such runs.
"""

import math
import random
import shutil
from dataclasses import asdict
from pathlib import Path

import calls
from fae_training.judgement import evaluation
from fae_training.judgement.benchmark import Benchmark, Measure
from fae_training.lifecycle import runs
from fae_training.release import deployment
from fae_training.speech import misheard, vocabulary
from fae_training.store import consent, state
from fae_training.store.transactions import changing

# In the place of train.py: its worker says that what is saved loads and works.
STUB = '''"""Answers as the worker of a run whose adapter loads."""
import json, os, pathlib, sys
os.umask(0o077)
given = dict(zip(sys.argv[1::1], sys.argv[2::1]))
run = pathlib.Path(given["--home"]) / "runs" / given["--worker"]
answer = {"schema": 1, "loads": True, "changes_output": True, "largest_change": 0.5, "why": ""}
(run / "verify.json").write_text(json.dumps(answer))
'''


def measured(seed: int = 0, gain: float = 0.3, **changed) -> Benchmark:
    """A benchmark that passes: each of 60 conversations about `gain` better."""
    chooser = random.Random(seed)
    before = tuple(chooser.uniform(1.5, 3.0) for _ in range(60))
    after = tuple(value * math.exp(-chooser.gauss(gain, 0.02)) for value in before)
    items = tuple(f"conversation {seed} {n}" for n in range(60))
    loss = Measure(
        "conversations", "Conversations", "conversations", "nats", "lower", "goal", "ratio", 0.02, 0.01,
        items, after, before, before,
    )  # fmt: skip
    given = {"judged_apart": True, "outputs": 8, "outputs_changed": 3, "current_run": None}
    return Benchmark((loss,), **given | changed)


def finished(place: state.Home, seed: int = 0, kind: str = "sft", **changed) -> runs.Run:
    """A run that completed, with its adapter and what was measured, against what is active now."""
    run = runs.create(place, kind, {"settings": {"preset": "light", "steps": 10}})
    adapters = state.make_directory(run.file("adapters"))
    state.write_text(adapters / "adapters.safetensors", f"weights {seed} of {run.id}")
    state.write_json(adapters / "adapter_config.json", {})
    active = deployment.current(place, "language")
    compared = {
        "current_run": active and active.run,
        "current_fingerprint": deployment.active_fingerprint(place, "language"),
        "fingerprint": deployment.fingerprint(adapters),
    }
    result = {"steps_done": 10, "benchmark": asdict(measured(seed, **compared | changed))}
    state.write_json(run.file("train_metrics.json"), result)
    run.update(status="completed")
    return run


def judged(place: state.Home, seed: int = 0) -> runs.Run:
    run = finished(place, seed)
    assert evaluation.make(run).verdict == "pass"
    return run


def deployed(place: state.Home, seed: int = 0) -> runs.Run:
    """As if it had been proposed and approved."""
    run = judged(place, seed)
    with changing(place) as change:
        deployment.deploy(change, run, evaluation.mark(run))
    deployment.keep_verified(place, deployment.current(place, "language"))
    return run


def corrected(home: state.Home, heard: str, meant: str, *given, **named) -> misheard.Correction:
    """A correction that is kept, as add_correction.py does it."""
    correction = misheard.checked(home, heard, meant, *given, **named)
    vocabulary.keep(home, [correction])
    return correction


def learned(place: state.Home, run: runs.Run, *said: str) -> None:
    """Rows to train on, in data/ and in the run's own copy."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": text},
                {"role": "assistant", "content": "I see."},
            ],
            "source": {"ids": [f"episode-{n}"], "session": f"s{n}"},
        }
        for n, text in ((text.split()[-1], text) for text in said)
    ]
    for where in (place.file("data"), run.file("data")):
        for side in ("train", "valid"):
            state.write_jsonl(where / "sft" / f"{side}.jsonl", rows)


def allowed(home: Path) -> state.Home:
    place = state.Home(home)
    consent.change(place, ["conversations"], [])
    return place


def scripts_beside(directory: Path) -> Path:
    """A copy of scripts/ with the stub as train.py."""
    copy = shutil.copytree(calls.SCRIPTS, directory / "scripts")
    (copy / "train.py").write_text(STUB)
    return copy
