"""The answers of a train script's --dry-run and --show-rows."""

import os
from dataclasses import asdict
from typing import Any

from fae_training.calls.calling import Call, Result
from fae_training.lifecycle.kinds import Kind
from fae_training.lifecycle.preflight import Preflight, Preview
from fae_training.store.state import write_text


def planned(kind: Kind, found: Preflight, preview: Preview | None) -> Result:
    """Every setting with its source, the data and the model; tokens, time and memory where there is a preview."""
    values, sources = found.settings.values, found.settings.sources
    lines = [f"A run of {kind.script} would use:"]
    lines += [f"  {name} = {value}   ({sources[name]})" for name, value in values.items()]
    lines += [f"  data: {found.data.learned_from} ({found.data.fingerprint})"]
    lines.append(f"  rows: {', '.join(f'{side} {n}' for side, n in found.data.rows.items())}")
    if found.model:
        lines.append(f"  model: {found.model.id} ({found.model.why})")
    data = {"status": "planned"} | found.as_record()
    if preview:
        data |= {"tokens": asdict(preview.tokens), "minutes": preview.minutes}
        data |= {"minutes_by": preview.measured_by, "memory": preview.memory}
        from fae_training.pages import row_page

        lines += row_page.in_words(preview)
    lines += found.data.notes
    return Result(data, "\n".join(lines))


def shown(call: Call, kind: Kind, preview: Preview) -> Result:
    """Some rows as tokens, also written as a page unless it is a dry run."""
    from fae_training.pages import row_page

    data: dict[str, Any] = {"status": "shown", "tokens": asdict(preview.tokens), "page": None}
    data["rows"] = [
        {name: getattr(row, name) for name in ("title", "tokens", "trained", "cut")}
        for row in preview.shown
    ]
    in_colour = call.terminal and "NO_COLOR" not in os.environ
    lines = [row_page.as_text(preview.shown, in_colour), *row_page.in_words(preview)]
    if not call.arguments.dry_run:
        page = call.home.file("results", f"rows-{kind.name}.html")
        write_text(page, row_page.as_html(preview.shown))
        data["page"] = str(page)
        lines.append(f"As a page: {page}")
    data["next"] = call.without(kind.script.removesuffix(".py"), "show_rows", "dry_run")
    return Result(data, "\n".join(lines))
