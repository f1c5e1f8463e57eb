"""Scores a run of the language model: the results of candidate, current and base on the same held-out items.

There is one copy of the base model, to which the saved adapters are added and removed again. The
measurements are probes, each of which measures one model at a time and then reports on all three.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import mlx.core as mx

from fae_training.fitting.arrays import number
from fae_training.judgement.benchmark import MODELS, Benchmark, Example, Figure, Measure
from fae_training.language import adapters, loading
from fae_training.language.fast_path import enable
from fae_training.language.fast_settings import FastSettings
from fae_training.language.rows import encode_prompt
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.results import Verification
from fae_training.lifecycle.runs import Run
from fae_training.release.deployment import current_run, fingerprint

Found = TypeVar("Found")
# Answers that a proposal can show; those that changed come first.
SHOWN = 5


@dataclass(frozen=True)
class Subject:
    """The model that is measured, in evaluation mode. `adapter`: the fingerprint of its adapter,
    None for none."""

    model: Any
    fast: FastSettings
    adapter: str | None


@dataclass(frozen=True)
class PerModel(Generic[Found]):
    """A measurement of each of the three models."""

    candidate: Found
    current: Found
    base: Found


@dataclass(frozen=True)
class Cost:
    """The cost of a model: size of its adapter's file, seconds to add it, and peak memory while
    measuring. The base model has no adapter: 0."""

    adapter_mb: float
    load_s: float
    peak_gb: float


@dataclass(frozen=True)
class ProbeReport:
    """A probe's report on the three models. outputs: how many were compared; changed: how many of them differ.

    suite: the version of the capability suite, for its probe. details: as in Benchmark.
    """

    measures: tuple[Measure, ...] = ()
    figures: tuple[Figure, ...] = ()
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()
    outputs: int = 0
    changed: int = 0
    suite: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Probe(Protocol):
    """`stage`: the stage of the run that its time is counted under. `items`: the number of items per
    model. `apart`: see parts.HeldOut; True where the items are not the person's data."""

    @property
    def stage(self) -> str: ...

    @property
    def items(self) -> int: ...

    @property
    def apart(self) -> bool: ...

    def measure(self, subject: Subject, finished: Callable[[int], None]) -> Any:
        """Measure one model; finished(count) is called after every few items and may raise."""

    def report(self, found: PerModel) -> ProbeReport: ...


def score(
    run: Run, session, probes: Callable[..., Sequence[Probe]], loaded: tuple | None
) -> Benchmark:
    """Measure base, current and candidate on one copy of the base model, as a session's stage.

    probes(tokenizer) creates the probes. loaded: (model, tokenizer) after training; their adapter
    is removed and read again from disk. The deployed run counts as current where it has the same
    base model; otherwise the base model does.
    """
    deployed, notes = current_run(run.home, KINDS[run.kind].slot), []
    if deployed and deployed.record.get("model_fingerprint") != run.record.get("model_fingerprint"):
        notes.append(
            f"{deployed.id} was trained on another base model; this run was compared with the base model instead"
        )
        compared = None
    else:
        compared = deployed
    if loaded:
        model, tokenizer = loaded
        adapters.remove_lora(model)
    else:
        model, tokenizer = loading.load(run.record["model"]["directory"])
        loading.read_weights(model, lambda read, total: session.check())
    model.freeze()  # required by the loss at the output layer
    model.eval()
    fast, _ = enable(model, FastSettings(), run.home.directory("cache"))
    made = probes(tokenizer)
    done, total = 0, sum(probe.items for probe in made) * (3 if compared else 2)
    started = time.monotonic()

    def finished(count: int) -> None:
        nonlocal done
        done += count
        session.advance(done, total)

    def seconds_left() -> float | None:
        return (time.monotonic() - started) / done * (total - done) if done else None

    def results(probe: Probe, subject: Subject):
        with session.stage(probe.stage, total, seconds_left, done):
            return probe.measure(subject, finished)

    def measured(trained: Run | None) -> tuple[list, Cost]:
        """The probes' results for the model with a run's adapter, or for the base model, and the cost."""
        mx.reset_peak_memory()
        began, directory = time.monotonic(), None
        if trained:
            directory = trained.file("adapters")
            adapters.load(model, directory)
            mx.eval(model.parameters())
        load_s = time.monotonic() - began if trained else 0.0
        model.eval()
        subject = Subject(model, fast, fingerprint(directory) if directory else None)
        found = [results(probe, subject) for probe in made]
        if trained:
            adapters.remove_lora(model)
        size = (directory / "adapters.safetensors").stat().st_size if directory else 0
        return found, Cost(size / 1e6, load_s, mx.get_peak_memory() / 1e9)

    base, cost_of_base = measured(None)
    current, cost_of_current = measured(compared) if compared else (base, cost_of_base)
    candidate, cost_of_candidate = measured(run)
    told = [
        probe.report(PerModel(*found))
        for probe, *found in zip(made, candidate, current, base, strict=True)
    ]
    examples = [example for one in told for example in one.examples]
    examples.sort(key=lambda example: example.before == example.after)
    return Benchmark(
        measures=tuple(measure for one in told for measure in one.measures),
        judged_apart=all(probe.apart for probe in made),
        outputs=sum(one.outputs for one in told),
        outputs_changed=sum(one.changed for one in told),
        current_run=deployed.id if deployed else None,
        figures=(
            *(figure for one in told for figure in one.figures),
            *cost_figures(PerModel(cost_of_candidate, cost_of_current, cost_of_base)),
        ),
        examples=tuple(examples[:SHOWN]),
        notes=(*notes, *(note for one in told for note in one.notes)),
        suite=next((one.suite for one in told if one.suite), None),
        details={name: value for one in told for name, value in one.details.items()},
    )


def cost_figures(costs: PerModel[Cost]) -> list[Figure]:
    return [
        Figure.of(
            name,
            title,
            unit,
            {who: round(getattr(getattr(costs, who), name), digits) for who in MODELS},
            is_cost=True,
        )
        for name, title, unit, digits in (
            ("adapter_mb", "Size of the adapter", "MB", 2),
            ("load_s", "Loading it", "seconds", 3),
            ("peak_gb", "Peak memory while measuring", "GB", 3),
        )
    ]


def compared_texts(
    prompts: Sequence[str], wanted: Sequence[str], before: Sequence[str], after: Sequence[str]
) -> ProbeReport:
    """Two models' answers to the same prompts, as examples."""
    examples = tuple(
        Example(prompt, old, new, really)
        for prompt, really, old, new in zip(prompts, wanted, before, after, strict=True)
    )
    changed = sum(example.before != example.after for example in examples)
    return ProbeReport(examples=examples, outputs=len(examples), changed=changed)


def verify(run: Run, session) -> Verification:
    """Check that the saved adapter loads in a fresh process and changes the model's answers."""
    model, tokenizer = loading.load(run.record["model"]["directory"])
    tokens = mx.array([encode_prompt(tokenizer, [{"role": "user", "content": "Hello"}])])
    model.eval()
    before = model(tokens).astype(mx.float32)
    mx.eval(before)
    adapters.load(model, run.file("adapters"))
    model.eval()
    difference = number(mx.abs(model(tokens).astype(mx.float32) - before).max())
    return Verification(loads=True, changes_output=difference > 0, largest_change=difference)
