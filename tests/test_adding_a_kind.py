"""docs/adding-a-kind.md, done: a kind that learns one number goes from its first call to rollback."""

import os
import shutil
import sys

import pytest

import calls
import small_runs

KIND = """
        Kind(
            name="tts",
            script="train_tts.py",
            slot="voice",
            title="voice (one number)",
            learns="Fae's voice",
            consents=("audio",),
            material="doctor.py",
            has_model=False,
            settings=(*TRAINING, Setting("warmup_ratio", Range(0, 1), 0.0)),
            presets=_presets("steps batch_size learning_rate", light=(60, 1, 0.2)),
        ),
    )
}
"""
SCRIPT = '''"""Learn one number: the mean of what is in data/tts/train.jsonl."""

import mlx.core as mx
import mlx.nn as nn

from fae_training.calls import calling; from fae_training.lifecycle import launch, results
from fae_training.fitting.arrays import load_arrays, save_arrays
from fae_training.judgement.benchmark import Benchmark, Measure
from fae_training.release.deployment import current_run
from fae_training.fitting.fit import fit
from fae_training.fitting.fit_settings import FitSettings
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.preflight import Data, Preflight
from fae_training.store.state import read_jsonl

KIND = KINDS["tts"]


class Voice(nn.Module):
    def __init__(self):
        super().__init__()
        self.pitch = mx.array(1.0)


class Numbers:
    """Each micro-batch is all the numbers."""

    def __init__(self, numbers):
        self.numbers = mx.array(numbers)

    def batch_at(self, index):
        return {"numbers": self.numbers}

    def tokens(self, index):
        return self.numbers.size, self.numbers.size


def main(call):
    return launch.main(call, launch.Training(KIND, prepare, train, score, verify))


def numbers(run, part):
    side = "train" if part == "train" else "valid"
    rows = read_jsonl(run.home.file("data", "tts", f"{side}.jsonl"))
    return [row["number"] for row in rows if part in ("train", row.get("part"))]


def prepare(call, settings, run):
    rows = read_jsonl(call.home.file("data", "tts", "train.jsonl"))
    return Preflight(settings, Data(str(len(rows)), f"{len(rows)} numbers", {"train": len(rows)}))


def error(model, found):
    return mx.square(model.pitch - found)


def loss(model, batch):
    return error(model, batch["numbers"]).sum(), mx.array(batch["numbers"].size), {}


def train(run, session):
    chosen = mx.array(numbers(run, "choose"))
    model = Voice()
    result = fit(
        model,
        FitSettings.of(run.settings, validate_every=20, save_every=20),
        loss,
        Numbers(numbers(run, "train")),
        lambda step: {"val_loss": error(model, chosen).mean().item()},
        run,
        session,
    )
    save_arrays(run.file("adapters", "model.safetensors"), result.best_parameters)
    return results.Trained(results.receipt(run, result, result.applied, []))


def pitch(run):
    return load_arrays(run.file("adapters", "model.safetensors"))[0]["pitch"].item() if run else 1.0


def score(run, session):
    judged, active = numbers(run, "judge"), current_run(run.home, KIND.slot)
    off = {
        who: tuple((pitch(of) - number) ** 2 for number in judged)
        for who, of in (("candidate", run), ("current", active), ("base", None))
    }
    measure = Measure(
        "off", "Hitting the pitch", "numbers", "squared", "lower", "goal", "ratio", 0.02, 0.01,
        tuple(map(str, range(len(judged)))), **off,
    )
    return Benchmark((measure,), True, 1, int(pitch(run) != pitch(active)), active and active.id)


def verify(run, session):
    return results.Verification(True, pitch(run) != 1.0)


def build_parser():
    return launch.build_parser(__doc__, KIND)


if __name__ == "__main__":
    calling.run(main, build_parser())
'''


@pytest.fixture(scope="module")
def skill(tmp_path_factory):
    """A copy of the skill with one kind more."""
    root = tmp_path_factory.mktemp("skill")
    for part in ("lib", "scripts"):
        shutil.copytree(
            calls.ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    kinds = root / "lib" / "fae_training" / "lifecycle" / "kinds.py"
    before, end = kinds.read_text(encoding="utf-8").rsplit("    )\n}\n", 1)
    assert not end
    kinds.write_text(before + KIND.lstrip("\n"), encoding="utf-8")
    (root / "scripts" / "train_tts.py").write_text(SCRIPT, encoding="utf-8")
    return root


def test_a_kind_and_its_script_are_all_that_a_new_kind_needs(skill, home):
    environment = {**os.environ, "PYTHONPATH": str(skill / "lib"), "FAE_TRAINING_HOME": str(home)}

    def call(name: str, *arguments) -> dict:
        command = [sys.executable, str(skill / "scripts" / f"{name}.py"), "--json", *arguments]
        return calls.process(command, environment).json

    def write(side: str, rows: list[str]) -> None:
        path = home / "data" / "tts" / f"{side}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(rows) + "\n")

    assert call("train_tts")["error"]["code"] == "no_consent"
    call("setup", "--consent", "audio", "--no-models")
    write("train", [f'{{"number": {2.9 + 0.02 * n}}}' for n in range(10)])
    held_out = [(3 + 0.001 * n, ("choose", "judge")[n % 2]) for n in range(40)]
    write("valid", [f'{{"number": {number}, "part": "{part}"}}' for number, part in held_out])

    wrong = call("train_tts", "--learning-rate", "-1")
    assert "is not a number above 0 to 1" in wrong["error"]["message"]
    (home / "config.json").write_text('{"tts": {"step": 5}}')
    assert "did you mean 'steps'?" in call("train_tts")["error"]["message"]
    (home / "config.json").unlink()

    run = call("train_tts")["run"]
    # The library of this process knows no such kind, so it does not read the run itself.
    calls.wait_until(lambda: small_runs.record(home, run)["status"] == "completed")
    answer = call("check_status")
    assert (answer["status"], answer["kind"]) == ("completed", "tts")
    assert call("evaluate")["verdict"] == "pass"
    call("propose")
    deployed = call("deploy", "--code", calls.approval_code(home, run))
    assert deployed["status"] == "deployed" and call("check_status")["active"] == {"voice": run}
    assert call("rollback", "--kind", "tts")["undone"] == run
    assert call("list_runs", "--kind", "tts")["count"] == 1
