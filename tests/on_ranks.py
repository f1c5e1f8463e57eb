"""One training of random rows on this machine as several, by the same functions as train.py and train_dpo.py, without
what comes before and after it: tests compare its losses, and benchmarks/bench_ranks.py its steps.

    python tests/on_ranks.py '{"home": "DIR", "kind": "sft", "ranks": 2, "steps": 4}'     prints the reports as JSON

MLX connects a process only once, so each training on several ranks is a process of its own.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for directory in ("tests", "lib"):
    if str(ROOT / directory) not in sys.path:
        sys.path.insert(0, str(ROOT / directory))

from quiet_session import QuietSession  # noqa: E402

HERE = "127.0.0.1"


@dataclass(frozen=True)
class Task:
    """kill_after: this step the last of the other processes is killed. model: a directory."""

    home: str
    kind: str = "sft"
    ranks: int = 1
    steps: int = 4
    batch_size: int = 2
    gradient_accumulation: int = 2
    rows: int = 12
    tokens: int = 30
    rank: int = 4
    kill_after: int | None = None
    model: str = str(ROOT / "samples" / "language-model")


def in_a_process(task: Task) -> dict:
    """{"reports": [...], "error": the failure's dictionary or None, "kept": whether there is a checkpoint, "run",
    "processor_s": of all ranks from step 2 on} of train()."""
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(asdict(task))],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def train(task: Task) -> dict:
    """In this process, as rank 0, in the state directory of the task; a training that is already there continues."""
    import mlx.core as mx

    from fae_training.calls.errors import Failed
    from fae_training.distributed.alone import ALONE
    from fae_training.distributed.ranks import Machines
    from fae_training.environment import models
    from fae_training.fitting.fit import fit
    from fae_training.fitting.fit_settings import FitSettings
    from fae_training.language import adapters, fast_path, loading
    from fae_training.language.fast_settings import FastSettings
    from fae_training.lifecycle import runs
    from fae_training.lifecycle.kinds import KINDS
    from fae_training.store import state

    sys.argv[0] = str(ROOT / "scripts" / "train.py")  # the other processes are of the same script
    os.environ.pop("UV", None)  # and of this interpreter
    os.environ.pop("UV_RUN_RECURSION_DEPTH", None)
    place = state.Home(Path(task.home))
    settings = KINDS[task.kind].defaults | {"rank": task.rank, "guard": "none", "guard_weight": 0.0}
    found = runs.all_runs(place, task.kind)
    model_record = {"id": task.model, "directory": task.model, "why": "a test"}
    run = found[-1] if found else runs.create(place, task.kind, {})
    run.update(
        settings=settings,
        model=model_record,
        model_fingerprint=models.fingerprint(Path(task.model)),
        hosts=[HERE] * task.ranks,
    )

    model, _ = loading.load(task.model)
    adapters.add_lora(
        model, task.rank, settings["lora_scale"], 0.0, adapters.adapter_keys(model), seed=0
    )
    # Only what is measured once and kept differs between machines, and nothing of that is of interest here.
    fast, _ = fast_path.enable(model, FastSettings(), place.directory("cache"))
    batches, loss = material(task, model, settings, fast)
    fit_settings = FitSettings(
        task.steps,
        1e-3,
        task.gradient_accumulation,
        report_every=1,
        save_every=100,
        max_gradient_norm=1.0,
    )

    used: list[float] = []

    def after(step: int) -> None:
        if step in (1, task.steps):
            used.append(processor_seconds([os.getpid(), *(p.process.pid for p in others())]))
        if step == task.kill_after:
            os.killpg(others()[-1].process.pid, signal.SIGKILL)

    def others() -> list:
        return getattr(machines, "others", [])

    session, machines, error = Followed(after), ALONE, None
    if task.ranks > 1:
        machines = Machines(run, session)
        machines.start()
        machines.load(settings, fast)
    try:
        fit(model, fit_settings, loss, batches, None, run, session, machines)
    except Failed as failure:
        error = failure.as_dict()["error"]
    finally:
        machines.close()
    mx.clear_cache()
    kept = run.file("checkpoints", "latest.safetensors").exists()
    found = {"reports": session.reports, "error": error, "kept": kept, "run": run.id}
    return found | {"processor_s": used[-1] - used[0] if len(used) > 1 else None}


def processor_seconds(processes: list[int]) -> float:
    """What the processes have computed so far, on all cores together, to a hundredth of a second."""
    return sum(map(_processor_seconds, processes))


def _processor_seconds(process: int) -> float:
    if sys.platform == "linux":
        # Fields 14 and 15 of /proc/PID/stat, counted after the name (proc(5)).
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    output = subprocess.check_output(["ps", "-o", "time=", "-p", str(process)], text=True)
    parts = output.strip().replace("-", ":").split(":")
    return sum(float(part) * 60**place for place, part in enumerate(reversed(parts)))


def material(task: Task, model, settings: dict, fast):
    """(batches, loss) of random rows in a few groups that share their start."""
    from fae_training.language.batches import Batches
    from fae_training.language.rows import TokenRow
    from fae_training.language.supervised_loss import language_loss

    chooser = random.Random(1)

    def tokens(count: int) -> list[int]:
        return [chooser.randrange(10, 300) for _ in range(count)]

    shared = [tokens(task.tokens) for _ in range(3)]
    prompts = [shared[i % 3] + tokens(5) for i in range(task.rows)]
    size = task.batch_size

    def row(prompt: list[int], weight: float = 1.0) -> TokenRow:
        return TokenRow(prompt + tokens(chooser.randint(4, 20)), len(prompt), weight)

    if task.kind == "sft":
        rows = [row(prompt, 1.0 + i % 2) for i, prompt in enumerate(prompts)]
        batches = Batches(rows, size, 0, fast.shared_prefix, fast.by_length)
        return batches, lambda model, batch: language_loss(model, batch, fast)

    from fae_training.language import preference_reference
    from fae_training.language.objective import Objective
    from fae_training.language.preference_batches import Pair, PreferenceBatches, loss_function

    pairs = [
        Pair(row(prompt), row(prompt), 1.0 + i % 2, "shorter", str(i))
        for i, prompt in enumerate(prompts)
    ]
    preferences = PreferenceBatches(pairs, size, 0, fast)
    kept = Path(task.home) / "reference.json"
    preferences.reference = preference_reference.measure(
        model, preferences.epoch, kept, "test", fast
    )
    return preferences, loss_function(Objective.of(settings), fast)


class Followed(QuietSession):
    """A session that keeps what is reported of each step and calls `after` with its number."""

    def __init__(self, after: Callable[[int], None]):
        self.after, self.reports = after, []

    def report(self, values: dict) -> None:
        self.reports.append(values)
        self.after(values["step"])


if __name__ == "__main__":
    from fae_training.environment import mlx_on_linux

    mlx_on_linux.set_up()
    sys.stdout.flush()
    print(json.dumps(train(Task(**json.loads(sys.argv[1])))))
