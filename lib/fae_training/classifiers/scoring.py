"""The benchmark of a classifier: the candidate and the current one on the same held-out windows and streams."""

import time

import numpy as np

from fae_training.classifiers import measures, model_files, runtime, streams, validation
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


def score(run: Run, session) -> dict:
    """The benchmark of a run. The baseline is no classifier: it gives the class shares and detects no trigger."""
    kind = CLASSIFIERS[run.kind]
    # Windows are as long as those that the run was trained on, which another version of this code may have changed.
    windows, held_streams = validation.load(run.file("held_out.npz"))
    deployed = current_run(run.home, KINDS[run.kind].slot)
    models = {"candidate": runtime.load(run.file("adapters"))}
    if deployed:
        models["current"] = runtime.load(deployed.file("adapters"))
    frames = max(windows)
    labels, names = windows[frames].labels, windows[frames].names
    session.log(f"{len(labels)} held-out windows")
    session.check()
    seen = {
        who: {n: model.probabilities(held.log_mel) for n, held in windows.items()}
        for who, model in models.items()
    }
    seen["base"] = {n: _class_shares(held.labels, kind) for n, held in windows.items()}
    seen.setdefault("current", seen["base"])
    tables = {
        who: {
            f: measures.confusion(windows[f].labels, p.argmax(axis=1), len(kind.classes))
            for f, p in by.items()
        }
        for who, by in seen.items()
    }
    found = []
    for length, held in windows.items():
        right = {
            who: (by[length].argmax(axis=1) == held.labels).astype(float)
            for who, by in seen.items()
        }
        what = f"{_seconds(length)} of sound"
        found.append(
            _measure(
                f"accuracy_{length}_frames",
                f"accuracy on {what}",
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
                f"macro-F1 on {what}: every class counts the same",
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
            "expected calibration error: how far its confidence is from its accuracy",
            "share",
            "lower",
            "report",
            sure,
        )
    )
    on_streams = {}
    if kind.triggers:
        session.log("listening to streams")
        session.check()
        on_streams = _on_streams(models, held_streams)
        found += _stream_measures(on_streams, kind)
    candidate = models["candidate"]
    cost = cost_of_a_chunk(candidate)
    return {
        "held_out": {"count": len(labels), "what": "recordings"},
        "measures": found,
        "examples": _examples(kind, names, labels, seen, frames),
        "notes": _notes(run, kind, tables["candidate"][frames], on_streams, cost),
        "confusion": {
            "classes": list(kind.classes),
            **{str(f): t.tolist() for f, t in tables["candidate"].items()},
        },
        "roc_area": {
            name: measures.area_under_roc(
                (labels == n).astype(int), seen["candidate"][frames][:, n]
            )
            for n, name in enumerate(kind.classes)
        },
        "streams": on_streams.get("candidate", {}),
        "milliseconds_a_chunk": cost,
        "parameters": candidate.parameters,
        "current_run": deployed.id if deployed else None,
    }


def _class_shares(labels: np.ndarray, kind: ClassifierKind) -> np.ndarray:
    share = np.bincount(labels, minlength=len(kind.classes)) / max(len(labels), 1)
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


def _on_streams(models: dict, held: dict[str, streams.StreamOfSound]) -> dict:
    quiet, spoken = held["measure_quiet"], held["measure_spoken"]
    return {
        who: streams.measure(model, quiet, spoken, model.spec["triggers"])
        for who, model in models.items()
    }


def _stream_measures(found: dict, kind: ClassifierKind) -> list[dict]:
    """The gate compares false reject rates at the same rate of false alarms, so that neither gains by its own threshold."""
    made = []
    # Without a classifier no trigger is ever detected.
    none = {"false_reject_rate_at": {"1.0": 1.0}, "false_alarms_per_hour": 0.0, "recall": 0.0}
    for name in kind.triggers:
        by = {who: found.get(who, {}).get(name, none) for who in ("candidate", "current", "base")}
        if by["candidate"]["false_reject_rate_at"]["1.0"] is None:
            continue
        rejected = {who: m["false_reject_rate_at"]["1.0"] for who, m in by.items()}
        made.append(
            _measure(
                f"{name}_missed",
                f"{name}: false reject rate at one false alarm per hour",
                "share",
                "lower",
                "no_worse",
                rejected,
            )
        )
        recall = {who: m["recall"] for who, m in by.items()}
        made.append(
            _measure(
                f"{name}_recall",
                f"{name}: recall at its operating threshold",
                "share",
                "higher",
                "report",
                recall,
            )
        )
        false = {who: m["false_alarms_per_hour"] for who, m in by.items()}
        made.append(
            _measure(
                f"{name}_false_alarms",
                f"{name}: false alarms per hour at its operating threshold",
                "per hour",
                "lower",
                "report",
                false,
            )
        )
    return made


def cost_of_a_chunk(model) -> float:
    """Median milliseconds that one 36 ms chunk takes on this machine, features included."""
    stream = runtime.Stream(model)
    chunks = np.random.default_rng(0).standard_normal((CHUNKS_TIMED, CHUNK_SAMPLES)) * 0.1
    times = []
    for chunk in chunks.astype(np.float32):
        began = time.perf_counter()
        stream.push(chunk)
        times.append(time.perf_counter() - began)
    return float(np.median(times[CHUNKS_TIMED // 3 :]) * 1000)


def _examples(kind: ClassifierKind, names, labels, seen: dict, frames: int) -> list[dict]:
    """Recordings on which candidate and current disagree, those that only the candidate gets right first."""
    new, old = (seen[who][frames].argmax(axis=1) for who in ("candidate", "current"))
    order = sorted(np.flatnonzero(new != old), key=lambda n: new[n] != labels[n])
    return [
        {
            "prompt": f"recording {names[n]}",
            "before": kind.classes[old[n]],
            "after": kind.classes[new[n]],
            "wanted": kind.classes[labels[n]],
        }
        for n in order[:EXAMPLES_SHOWN]
    ]


def _notes(
    run: Run, kind: ClassifierKind, table: np.ndarray, on_streams: dict, cost: float
) -> list[str]:
    notes = list((run.result() or {}).get("notes", []))
    off = table.astype(float).copy()
    np.fill_diagonal(off, 0)
    if off.max() > 0:
        true, taken = np.unravel_index(off.argmax(), off.shape)
        notes.append(
            f"The most frequent error: {kind.classes[true]} taken for {kind.classes[taken]}, {int(off[true, taken])} of {int(table[true].sum())} times."
        )
    for name, m in on_streams.get("candidate", {}).items():
        if m["recall"] is None:
            continue
        delay = (
            "" if m["latency_ms"] is None else f", {m['latency_ms']:.0f} ms after the word began"
        )
        notes.append(
            f"{name}: {m['recall']:.0%} of {m['spoken']} detected{delay}, {m['false_alarms_per_hour']:.1f} false alarms per hour."
        )
    return [*notes, f"One chunk of 36 ms takes {cost:.2f} ms."]


def verify(run: Run, session) -> dict:
    """Whether the saved classifier passes its self-test in this fresh process, and gives different sounds different classes."""
    found = model_files.self_test(run.file("adapters"))
    loads = found["largest_difference"] < 1e-4
    return {"loads": loads, "changes_output": found["distinct"] > 0.01, **found}
