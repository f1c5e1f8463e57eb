"""The scripts as tools of the Model Context Protocol, generated from their own parsers. Standard library only."""

import argparse
import json
from typing import Any

from fae_training.calls.options import Option
from fae_training.calls.values import Range
from fae_training.calls.verbs import INTERNAL, Verb
from fae_training.lifecycle import processes, runs
from fae_training.lifecycle.progress import latest_report, stage_of
from fae_training.store.state import Home

# Options that the server sets itself; a tool's answer is always one JSON object.
NOT_OFFERED = ("home", "json", "stdin", "detach", *INTERNAL)


def input_schema(verb: Verb) -> dict[str, Any]:
    """The JSON Schema of a script's parameters."""
    helps = {action.dest: action.help for action in verb.parser._actions}
    offered = {
        name: _property(option) | ({"description": helps[name]} if helps[name] else {})
        for name, option in verb.parser.options.items()
        if name not in NOT_OFFERED and helps[name] != argparse.SUPPRESS
    }
    return {"type": "object", "properties": offered, "additionalProperties": False}


def _property(option: Option) -> dict[str, Any]:
    if not option.has_value:
        return {"type": "boolean"}
    item = _item(option)
    if option.has_many_values:
        counts = {"minItems": option.nargs, "maxItems": option.nargs}
        return {"type": "array", "items": item} | (counts if isinstance(option.nargs, int) else {})
    if option.nargs == "?" and option.flags:
        return {"anyOf": [{"type": "boolean"}, item]}
    return item


def _item(option: Option) -> dict[str, Any]:
    if option.choices is not None:
        return {"type": "string", "enum": [str(choice) for choice in option.choices]}
    if isinstance(option.type, Range):
        wanted = option.type
        low = "exclusiveMinimum" if wanted.open_below else "minimum"
        high = "exclusiveMaximum" if wanted.open_above else "maximum"
        kind = "integer" if wanted.whole else "number"
        return {"type": kind, low: wanted.least, high: wanted.most}
    named = "integer" if option.type is int else "number" if option.type is float else "string"
    return {"type": named}


def call(home: Home, verb: Verb, parameters: dict[str, Any]) -> dict[str, Any]:
    """A script's JSON answer, which may be an error. Raises Failed if it gave none."""
    answer, _ = processes.answer_of(
        verb.path.name, json.dumps(parameters), "--home", str(home.path)
    )
    return answer


def progress(home: Home, parameters: dict[str, Any]) -> tuple[float, float | None, str] | None:
    """(steps done, total steps, message) for the run named by these check_status parameters; None when it has ended.

    Counted in steps, so that it only increases. Raises as runs.find does.
    """
    run = runs.find(home, parameters.get("run") or "latest", parameters.get("kind"))
    status = run.status()
    if status not in runs.ACTIVE:
        return None
    report = latest_report(run)
    stage, done, total = stage_of(run, status)
    message = f"{run.id}: {stage}" + (f" {done:,}/{total:,}" if total else "")
    if report.get("loss") is not None:
        message += f", loss {report['loss']:.3f}"
    return report.get("step", 0), run.settings.get("steps"), message
