"""Candidate and current classifier on the same held-out sounds: the benchmark that the gate and the proposal read."""

import time

import numpy as np

from fae_training.classifiers import measures, model_files, runtime, streams
from fae_training.classifiers.classes import (
    CLASSIFIERS,
    ONE_SECOND,
    ONE_WORD,
    TWO_SECONDS,
    ClassifierKind,
)
from fae_training.classifiers.features import CHUNK_SAMPLES
from fae_training.deployment import current_run
from fae_training.kinds import KINDS
from fae_training.runs import Run

CHUNKS_TIMED = 300
EXAMPLES_SHOWN = 5
# held_out.npz has WINDOWS and a length in frames.
WINDOWS = "windows_"


def score(run: Run, session) -> dict:
    """The benchmark of a run. The base is no classifier at all: it knows the commonest class and hears no trigger."""
    ear = CLASSIFIERS[run.kind]
    kept = np.load(run.file("held_out.npz"))
    deployed = current_run(run.home, KINDS[run.kind].slot)
    models = {"candidate": runtime.load(run.file("adapters"))}
    if deployed:
        models["current"] = runtime.load(deployed.file("adapters"))
    # As long as the run's own ear heard them: another version of this code may have had other windows.
    lengths = sorted(int(n.removeprefix(WINDOWS)) for n in kept.files if n.startswith(WINDOWS))
    frames = lengths[-1]
    labels, names = kept[f"labels_{frames}"], kept[f"names_{frames}"]
    session.log(f"{len(labels)} held-out windows")
    session.check()
    seen = {
        who: {n: model.probabilities(kept[f"{WINDOWS}{n}"].astype(np.float32)) for n in lengths}
        for who, model in models.items()
    }
    seen["base"] = {length: _commonest(kept[f"labels_{length}"], ear) for length in lengths}
    seen.setdefault("current", seen["base"])
    tables = {
        who: {
            f: measures.confusion(kept[f"labels_{f}"], p.argmax(axis=1), len(ear.classes))
            for f, p in by.items()
        }
        for who, by in seen.items()
    }
    found = []
    for length in lengths:
        right = {
            who: (by[length].argmax(axis=1) == kept[f"labels_{length}"]).astype(float)
            for who, by in seen.items()
        }
        what = f"{_seconds(length)} of sound"
        found.append(
            _measure(
                f"accuracy_{length}_frames",
                f"how often {what} is put in the right class",
                "share",
                "higher",
                "no_worse",
                {who: float(r.mean()) for who, r in right.items()},
                right,
            )
        )
        values = {who: measures.macro_f1(by[length]) for who, by in tables.items()}
        found.append(
            _measure(
                f"macro_f1_{length}_frames",
                f"the same, each class counting alike (macro-F1), on {what}",
                "F1",
                "higher",
                "no_worse",
                values,
            )
        )
    sure = {who: measures.calibration_error(by[frames], labels) for who, by in seen.items()}
    found.append(
        _measure(
            "calibration_error",
            "how far its certainty is from its hit rate",
            "share",
            "lower",
            "report",
            sure,
        )
    )
    on_streams = {}
    if ear.triggers:
        session.log("listening to streams")
        session.check()
        on_streams = _on_streams(models, kept)
        found += _stream_measures(on_streams, ear)
    candidate = models["candidate"]
    cost = cost_of_a_chunk(candidate)
    return {
        "held_out": {"count": len(labels), "what": "recordings"},
        "measures": found,
        "examples": _examples(ear, names, labels, seen, frames),
        "notes": _notes(run, ear, tables["candidate"][frames], on_streams, cost),
        "confusion": {
            "classes": list(ear.classes),
            **{str(f): t.tolist() for f, t in tables["candidate"].items()},
        },
        "roc_area": {
            name: measures.area_under_roc(
                (labels == n).astype(int), seen["candidate"][frames][:, n]
            )
            for n, name in enumerate(ear.classes)
        },
        "streams": on_streams.get("candidate", {}),
        "milliseconds_a_chunk": cost,
        "parameters": candidate.parameters,
        "current_run": deployed.id if deployed else None,
    }


def _commonest(labels: np.ndarray, ear: ClassifierKind) -> np.ndarray:
    share = np.bincount(labels, minlength=len(ear.classes)) / max(len(labels), 1)
    return np.tile(share.astype(np.float32), (len(labels), 1))


def _seconds(frames: int) -> str:
    return {ONE_WORD: "1.2 seconds", ONE_SECOND: "one second", TWO_SECONDS: "two seconds"}[frames]


def _measure(name, title, unit, better, gate, values: dict, per_item: dict | None = None) -> dict:
    made = {
        "name": name,
        "title": title,
        "unit": unit,
        "better": better,
        "gate": gate,
        "tolerance": 0.0,
    }
    made |= {who: values[who] for who in ("candidate", "current", "base")}
    if per_item and len(per_item["candidate"]):
        made["per_item"] = {
            who: list(map(float, per_item[who])) for who in ("candidate", "current")
        }
    return made


def _on_streams(models: dict, kept) -> dict:
    quiet, spoken = (
        streams.StreamOfSound(
            kept[f"stream_measure_{name}"].astype(np.float32),
            [(e[0], int(e[1]), int(e[2])) for e in kept[f"events_measure_{name}"]],
        )
        for name in ("quiet", "spoken")
    )
    return {
        who: streams.measure(model, quiet, spoken, model.spec["triggers"])
        for who, model in models.items()
    }


def _stream_measures(found: dict, ear: ClassifierKind) -> list[dict]:
    """Misses are gated at the same rate of false alarms for both, so neither gains by the threshold it happens to have."""
    made = []
    deaf = {"missed_at": {"1.0": 1.0}, "false_alarms_an_hour": 0.0, "recall": 0.0}
    for name in ear.triggers:
        by = {who: found.get(who, {}).get(name, deaf) for who in ("candidate", "current", "base")}
        if by["candidate"]["missed_at"]["1.0"] is None:
            continue
        missed = {who: m["missed_at"]["1.0"] for who, m in by.items()}
        made.append(
            _measure(
                f"{name}_missed",
                f"{name} missed at one false alarm an hour",
                "share",
                "lower",
                "no_worse",
                missed,
            )
        )
        recall = {who: m["recall"] for who, m in by.items()}
        made.append(
            _measure(
                f"{name}_recall",
                f"{name} heard at its own threshold",
                "share",
                "higher",
                "report",
                recall,
            )
        )
        false = {who: m["false_alarms_an_hour"] for who, m in by.items()}
        made.append(
            _measure(
                f"{name}_false_alarms",
                f"false {name} an hour at its own threshold",
                "an hour",
                "lower",
                "report",
                false,
            )
        )
    return made


def cost_of_a_chunk(model) -> float:
    """Median milliseconds for one 36 ms chunk on this machine, features included."""
    stream = runtime.Stream(model)
    chunks = np.random.default_rng(0).standard_normal((CHUNKS_TIMED, CHUNK_SAMPLES)) * 0.1
    times = []
    for chunk in chunks.astype(np.float32):
        began = time.perf_counter()
        stream.push(chunk)
        times.append(time.perf_counter() - began)
    return float(np.median(times[CHUNKS_TIMED // 3 :]) * 1000)


def _examples(ear: ClassifierKind, names, labels, seen: dict, frames: int) -> list[dict]:
    """Recordings on which the two disagree, the candidate's new successes first."""
    new, old = (seen[who][frames].argmax(axis=1) for who in ("candidate", "current"))
    order = sorted(np.flatnonzero(new != old), key=lambda n: new[n] != labels[n])
    return [
        {
            "prompt": f"recording {names[n]}",
            "before": ear.classes[old[n]],
            "after": ear.classes[new[n]],
            "wanted": ear.classes[labels[n]],
        }
        for n in order[:EXAMPLES_SHOWN]
    ]


def _notes(
    run: Run, ear: ClassifierKind, table: np.ndarray, on_streams: dict, cost: float
) -> list[str]:
    notes = list((run.result() or {}).get("notes", []))
    off = table.astype(float).copy()
    np.fill_diagonal(off, 0)
    if off.max() > 0:
        true, taken = np.unravel_index(off.argmax(), off.shape)
        notes.append(
            f"Most often {ear.classes[true]} is taken for {ear.classes[taken]}: {int(off[true, taken])} of {int(table[true].sum())}."
        )
    for name, m in on_streams.get("candidate", {}).items():
        if m["recall"] is None:
            continue
        delay = "" if m["latency_ms"] is None else f", {m['latency_ms']:.0f} ms after it began"
        notes.append(
            f"{name}: {m['recall']:.0%} of {m['spoken']} heard{delay}, {m['false_alarms_an_hour']:.1f} false an hour."
        )
    return [*notes, f"One chunk of 36 ms takes {cost:.2f} ms."]


def verify(run: Run, session) -> dict:
    """Whether what is saved computes its own self-test vectors in a fresh process, and tells sounds apart."""
    found = model_files.self_test(run.file("adapters"))
    loads = found["largest_difference"] < 1e-4
    return {"loads": loads, "changes_output": found["distinct"] > 0.01, **found}
