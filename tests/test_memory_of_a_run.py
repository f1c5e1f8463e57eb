"""While a run is scored the model is in memory once, as while it trains."""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

import calls
import small_runs
import tiny_qwen
from fae_training.store import state

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads resident memory from /proc"
)
# A quarter of a gigabyte in float32: enough to see a second copy beside what Python and the libraries take.
SIZES = {
    "vocab_size": 1280,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 16,
    "eos_token_id": [1273, 1279],
}


def save_model(directory: Path) -> int:
    """A random Qwen3.5 as mlx_lm reads it, with the sample's tokenizer; the bytes of its weights."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    shutil.copytree(calls.LANGUAGE_MODEL, directory)
    weights = dict(tree_flatten(tiny_qwen.make_model(**SIZES).parameters()))
    # The likeliest token is always one of the two that end an answer, whichever way the hidden state points. Otherwise a
    # random model would write each answer to its longest.
    tokens = weights["language_model.model.embed_tokens.weight"]
    end, other_end = SIZES["eos_token_id"]
    tokens[end] *= 100
    tokens[other_end] = -tokens[end]
    mx.save_safetensors(str(directory / "model.safetensors"), weights, {"format": "mlx"})
    config = {"model_type": "qwen3_5", "tie_word_embeddings": True}
    config["eos_token_id"] = SIZES["eos_token_id"]
    text = tiny_qwen.text_config(**SIZES)
    (directory / "config.json").write_text(json.dumps(config | {"text_config": text}))
    return (directory / "model.safetensors").stat().st_size


def resident(pid: int) -> int:
    """Bytes of a process and of all that it started."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*")
        for child in (task / "children").read_text().split()
    ]
    own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return own + sum(resident(child) for child in children)


def test_scoring_holds_no_second_copy_and_stays_below_what_training_took(home, tmp_path):
    weights = save_model(tmp_path / "model")
    assert weights > 200e6
    small_runs.fill(home, choose=2, judge=4, tasks=8)
    given = ("--preset", "smoke", "--steps", "2", "--rehearsal", "0", "--max-length", "64")
    answer = calls.answer("train", *given, "--model", tmp_path / "model", "--detach", home=home)
    directory = home / "runs" / answer["run"]
    peaks: dict[str, int] = {}
    while small_runs.record(home, answer["run"])["status"] not in ("completed", "failed"):
        worker = small_runs.record(home, answer["run"]).get("worker")
        stage = (state.read_json(directory / "progress.json") or {}).get("stage")
        if worker and stage:
            try:
                peaks[stage] = max(peaks.get(stage, 0), resident(worker["pid"]))
            except OSError:
                continue  # a process that ended while it was looked at
        time.sleep(0.02)
    assert small_runs.record(home, answer["run"])["status"] == "completed"
    most_in_scoring = max(peaks["scoring"], peaks["testing abilities"])
    assert most_in_scoring < max(peaks["training"], peaks["validating"]) + 0.2 * weights, peaks
    seconds = state.read_json(directory / "train_metrics.json")["seconds"]
    assert min(seconds["scoring"], seconds["testing abilities"]) > 0, seconds
