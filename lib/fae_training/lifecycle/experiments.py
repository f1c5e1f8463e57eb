"""Experiments: train a grid of settings one run after the other, and compare the runs on the choose part.

experiments/<id>.json holds the grid and the run of each cell, so that a killed sweep can resume. Each run is an ordinary
run of the kind's own script. The best has the lowest value on the choose part. Every run then counts as a look at the
judge part, with the best one last, so the more is tried, the stronger its evidence must be (looks.py,
gate.error_of_look).
"""

import contextlib
import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from fae_training.calls import calling
from fae_training.calls.errors import BadRequest, Busy, Cancelled, Failed, Missing, SkillError
from fae_training.judgement import evaluation
from fae_training.judgement.evaluation import Evaluation
from fae_training.lifecycle import launch, processes, runs, settings
from fae_training.lifecycle.kinds import KINDS, Kind
from fae_training.lifecycle.runs import Run
from fae_training.store import locks, records
from fae_training.store.state import Home, now, read_json, write_json

DIRECTORY = "experiments"
MOST_CELLS = 100
# If these settings differ, the value used for choosing is measured on other rows or in other units.
NOT_COMPARABLE = (
    "model", "max_length", "loss", "beta", "label_smoothing", "guard", "guard_weight", "from",
)  # fmt: skip
SECONDS_BETWEEN_CHECKS = 0.3


@dataclass(frozen=True)
class Cell:
    """One combination, in the form of --set. `run` trains it, None before it starts; `error` if it could not start or failed."""

    settings: tuple[str, ...]
    run: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Experiment:
    """`arguments`: passed to every run in addition to its cell."""

    id: str
    kind: str
    made_at: str
    arguments: tuple[str, ...]
    cells: tuple[Cell, ...]

    def note(self, number: int) -> str:
        """The --note of the run of cell `number`, by which the run is found again."""
        settings = " ".join(self.cells[number].settings)
        return f"{self.id}, {number + 1} of {len(self.cells)}: {settings}"


@dataclass(frozen=True)
class Outcome:
    """The result of a cell: `value` is its run's lowest value on the choose part, `first` the one before the first step."""

    cell: Cell
    status: str
    value: float | None
    first: float | None
    validated: int | None


def plan(home: Home, kind: Kind, grid: Sequence[str], arguments: Sequence[str]) -> Experiment:
    """A new experiment over the product of `grid`, items KEY=VALUE,VALUE...; `keep` stores it.

    Raises BadRequest for an unknown setting or invalid value in the grid or `arguments`, and for a setting whose values
    cannot be compared on the choose part.
    """
    axes = [_axis(text, kind) for text in grid]
    keys = [key for key, _ in axes]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise BadRequest("set_twice", f"{twice[0]} is in the grid twice", _example(kind))
    product = itertools.product(*(values for _, values in axes))
    cells = tuple(
        Cell(tuple(f"{key}={value}" for key, value in zip(keys, each, strict=True)))
        for each in product
    )
    if len(cells) > MOST_CELLS:
        raise BadRequest(
            "too_many_runs",
            f"the grid has {len(cells)} combinations, expected at most {MOST_CELLS}",
            "try fewer values",
        )
    for cell in cells:
        given = ["--home", str(home.path), *arguments, *_as_flags(cell)]
        settings.resolve(calling.read_call(launch.build_parser("", kind), given, "person"), kind)
    name = f"sweep-{datetime.now():%Y%m%d-%H%M%S}"
    return Experiment(name, kind.name, now(), tuple(arguments), cells)


def _axis(text: str, kind: Kind) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    key, listed = key.strip().replace("-", "_"), [value.strip() for value in values.split(",")]
    if not equals or not all(listed):
        raise BadRequest("bad_grid", f"--grid {text!r}, expected KEY=VALUE,VALUE", _example(kind))
    if key in NOT_COMPARABLE:
        raise BadRequest(
            "not_comparable",
            f"runs with another {key} are not comparable by their value on the choose part: it is measured on different rows or in different units",
            "train them one by one, and compare the results of evaluate.py",
        )
    return key, list(dict.fromkeys(listed))


def _example(kind: Kind) -> str:
    return f"uv run scripts/experiment.py sweep --kind {kind.name} --grid learning_rate=1e-5,3e-5"


def _as_flags(cell: Cell) -> list[str]:
    return [word for text in cell.settings for word in ("--set", text)]


def keep(home: Home, experiment: Experiment) -> None:
    write_json(home.file(DIRECTORY, f"{experiment.id}.json"), asdict(experiment))


def find(home: Home, name: str) -> Experiment:
    """The experiment with that id, or the newest for "latest". Raises Missing."""
    directory = home.file(DIRECTORY)
    known = sorted(path.stem for path in directory.glob("sweep-*.json"))
    if name == "latest" and known:
        name = known[-1]
    if name not in known:
        listed = f"{name!r}; the newest are: {', '.join(known[-3:])}" if known else "yet"
        raise Missing(
            "no_experiment",
            f"there is no experiment {listed}",
            "for example: uv run scripts/experiment.py sweep --grid learning_rate=1e-5,3e-5 --grid rank=8,32",
        )
    path = directory / f"{name}.json"
    return records.read(Experiment, read_json(path), str(path), f"remove {path}")


@contextlib.contextmanager
def sweeping(home: Home, name: str) -> Iterator[None]:
    """Hold the experiments' lock: one sweep at a time. Raises Busy."""
    home.directory(DIRECTORY)
    descriptor = locks.try_exclusive(home.file(DIRECTORY, "lock"))
    if descriptor is None:
        other = locks.holder(home.file(DIRECTORY, "lock"))
        raise Busy("busy", f"{other} is running, and only one sweep can run at a time", "uv run scripts/experiment.py show")  # fmt: skip
    try:
        locks.write_holder(descriptor, name)
        yield
    finally:
        os.close(descriptor)


def is_running(home: Home, name: str) -> bool:
    path = home.file(DIRECTORY, "lock")
    return path.exists() and locks.holder(path) == name


def sweep(home: Home, experiment: Experiment, watch: Callable[[Run, int], None]) -> Experiment:
    """Train every remaining cell, one after the other; call it under `sweeping`.

    watch(run, cell number) returns when the run has ended; if it raises KeyboardInterrupt the run is stopped first. Raises
    Cancelled if a run was cancelled or its process died, and passes on the train script's refusals.
    """
    for number, cell in enumerate(experiment.cells):
        if cell.error:
            continue
        run = _run_of(home, experiment, number)
        if run is None:
            run = _start(home, experiment, number)
        elif run.status() in ("cancelled", "interrupted"):
            _call(home, experiment, "--resume", run.id)
        experiment = _with(experiment, number, replace(cell, run=run.id))
        keep(home, experiment)
        watch(run, number)
        status = run.status()
        if status in ("cancelled", "interrupted"):
            raise Cancelled(f"uv run scripts/experiment.py sweep --resume {experiment.id}")
        if status != "completed":
            message = (run.record.get("error") or {}).get("message", status)
            experiment = _with(experiment, number, Cell(cell.settings, run.id, message))
            keep(home, experiment)
    return experiment


def _with(experiment: Experiment, number: int, cell: Cell) -> Experiment:
    cells = [*experiment.cells]
    cells[number] = cell
    return replace(experiment, cells=tuple(cells))


def _run_of(home: Home, experiment: Experiment, number: int) -> Run | None:
    """The run of a cell, even if the sweep was killed before it could record it."""
    if run_id := experiment.cells[number].run:
        return runs.find(home, run_id)
    note = experiment.note(number)
    noted = [run for run in runs.all_runs(home) if run.record.get("note") == note]
    return noted[-1] if noted else None


def _start(home: Home, experiment: Experiment, number: int) -> Run:
    flags = _as_flags(experiment.cells[number])
    answer = _call(
        home, experiment, "--note", experiment.note(number), *experiment.arguments, *flags
    )
    return Run(home, answer["run"])


def _call(home: Home, experiment: Experiment, *arguments: str) -> dict:
    """The answer of the kind's script, after waiting for any other run that holds the lock. Raises Failed with its error."""
    script = KINDS[experiment.kind].script
    given = ("--home", str(home.path), "--detach", *arguments)
    while True:
        answer, exit_status = processes.answer_of(script, *given)
        if answer["status"] != "error":
            return answer
        error = answer["error"]
        if error["code"] != "busy":
            failure = Failed(error["code"], error["message"], error["hint"])
            failure.exit_status = exit_status
            raise failure
        time.sleep(SECONDS_BETWEEN_CHECKS)


def wait_for(run: Run) -> None:
    """Wait until the run has ended and released the lock."""
    while run.status() in runs.ACTIVE or run.is_alive():
        time.sleep(SECONDS_BETWEEN_CHECKS)


def outcomes(home: Home, experiment: Experiment) -> list[Outcome]:
    """The result of each cell so far, in grid order."""
    found = []
    for number, cell in enumerate(experiment.cells):
        run = _run_of(home, experiment, number)
        result = (run.result() if run else None) or {}
        status = "failed" if cell.error else run.status() if run else "waiting"
        rows = (result.get("applied") or {}).get("rows") or {}
        done = status == "completed"
        found.append(
            Outcome(
                replace(cell, run=run.id if run else None),
                status,
                result.get("best_value") if done else None,
                result.get("first_value"),
                rows.get("validated"),
            )
        )
    return found


def best(found: Sequence[Outcome]) -> Outcome | None:
    """The outcome with the lowest value on the choose part; the first of equal ones."""
    valued = [(one.value, at) for at, one in enumerate(found) if one.value is not None]
    return found[min(valued)[1]] if valued else None


def remarks(home: Home, found: Sequence[Outcome]) -> list[str]:
    """Why the values of some cells may not be comparable."""
    sentences = []
    if len({one.validated for one in found if one.value is not None}) > 1:
        sentences.append(
            "the runs were validated on different numbers of rows, because their length limits differ, so the values are less comparable"
        )
    done = [runs.find(home, one.cell.run) for one in found if one.cell.run]
    if len({run.record.get("data_fingerprint") for run in done}) > 1:
        sentences.append("the data changed during the sweep, so the values are not comparable")
    return sentences


def judge(home: Home, found: Sequence[Outcome]) -> Evaluation | None:
    """Evaluate every run, so that each counts as a look at the judge part, with the best one last. Returns its evaluation."""
    chosen = best(found)
    if chosen is None:
        return None
    others = [one for one in found if one.value is not None and one is not chosen]
    judged = None
    for one in (*others, chosen):
        judged = None
        with contextlib.suppress(
            SkillError
        ):  # the run changed since, so it is no longer a candidate
            judged = evaluation.make(runs.find(home, str(one.cell.run)))
    return judged


def why_stopped(home: Home, experiment: Experiment) -> str | None:
    """The message of the error with which the detached process ended, from its log; None if it has none."""
    log = home.file(DIRECTORY, f"{experiment.id}.log")
    last = log.read_text("utf-8", "replace").strip().rpartition("\n")[2] if log.is_file() else ""
    with contextlib.suppress(ValueError, LookupError, TypeError):
        return str(json.loads(last)["error"]["message"])
    return None


def start(home: Home, experiment: Experiment) -> int:
    """Start a detached process that sweeps. Returns its process id."""
    processes.lift_limits()
    kept = {n: v for n, v in os.environ.items() if n not in ("FAE_SKILL_NAME", "FAE_SKILL_TIMEOUT")}
    with home.file(DIRECTORY, f"{experiment.id}.log").open("ab") as log:
        os.chmod(log.fileno(), 0o600)
        process = subprocess.Popen(
            processes.command(
                "experiment.py", "sweep", "--home", str(home.path), "--json", "--resume", experiment.id, "--worker"
            ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.path,
            env=kept,
            start_new_session=True,
        )  # fmt: skip
    return process.pid
