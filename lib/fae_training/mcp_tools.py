"""The scripts as tools of the Model Context Protocol, generated from their own parsers. Standard library only."""

import argparse
import json
import os
import subprocess
from typing import Any

from fae_training import processes, runs
from fae_training.errors import Failed
from fae_training.options import Option
from fae_training.progress import latest_report, stage_of
from fae_training.state import Home
from fae_training.values import Range
from fae_training.verbs import INTERNAL, Verb

# What the server decides itself; a tool's answer is always one JSON object.
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
    return {"type": {int: "integer", float: "number"}.get(option.type, "string")}


def call(home: Home, verb: Verb, parameters: dict[str, Any]) -> dict[str, Any]:
    """The answer of a script to a program, an error too. Raises Failed where it gave none."""
    kept = {n: v for n, v in os.environ.items() if n not in ("FAE_SKILL_NAME", "FAE_SKILL_TIMEOUT")}
    given = (json.dumps(parameters), "--home", str(home.path), "--json")
    done = subprocess.run(
        processes.command(verb.path.name, *given),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=kept,
    )
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failed(
            "no_answer",
            f"{verb.name} gave no answer: {done.stderr.strip()[-300:]}",
            "uv run scripts/doctor.py",
        ) from None


def progress(home: Home, parameters: dict[str, Any]) -> tuple[float, float | None, str] | None:
    """(done, of all, in words) of the run that these parameters of check_status name, None when it has ended.

    Of steps, so that it only grows. Raises as runs.find does.
    """
    run = runs.find(home, parameters.get("run") or "latest", parameters.get("kind"))
    status = run.status()
    if status not in runs.ACTIVE:
        return None
    report = latest_report(run)
    stage, done, total = stage_of(run, status)
    said = f"{run.id}: {stage}" + (f" {done:,}/{total:,}" if total else "")
    if report.get("loss") is not None:
        said += f", loss {report['loss']:.3f}"
    return report.get("step", 0), run.settings.get("steps"), said
