"""results/compared.html: several runs side by side, with their loss curves and differences."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fae_training.lifecycle.runs import Run
from fae_training.pages import charts, html_page
from fae_training.pages.html_page import chart, paragraph, section, table
from fae_training.release.proposal import curve


def as_html(
    runs: Sequence[Run],
    lines: Mapping[str, Sequence[str]],
    differing: Mapping[str, Sequence[str]],
    cache: Path,
) -> str:
    """The page. lines: {setting or result: its value for each run}; differing: those that differ."""
    ids = [run.id for run in runs]
    drawable = [(run.id, found) for run in runs if (found := curve(run)).drawable]
    parts = []
    if drawable:
        rows = [
            (
                name,
                *(
                    f"{points[0].loss:.4g} to {points[-1].loss:.4g}" if points else ""
                    for points in (found.training, found.validation)
                ),
                "" if found.best_step is None else f"{found.best_step:,}",
            )
            for name, found in drawable
        ]
        header = ("run", "training", "validation", "chosen step")
        description = "; ".join(f"{row[0]}: training {row[1]}, validation {row[2]}" for row in rows)
        drawn = charts.compared_curves(drawable, f"Loss by step of each run. {description}", cache)
        caption = (
            "Grey: training loss. Blue: validation loss. The dashed line marks the chosen step. "
            "All charts use the same scale."
        )
        parts.append(
            section("curves", "Loss", chart(drawn, caption, table("The losses", header, rows)))
        )
    for name, heading, rows in (
        ("differ", "Differences", differing),
        ("agree", "In common", {n: v for n, v in lines.items() if n not in differing}),
    ):
        if rows:
            found = table(heading, ("", *ids), [(what, *values) for what, values in rows.items()])
            parts.append(section(name, heading, found))
    closing = paragraph("This page is a file on this machine. It loads nothing and sends nothing.")
    return html_page.page(f"{len(runs)} runs compared", "", "\n".join(parts), closing)
