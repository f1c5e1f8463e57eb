"""The charts of the HTML pages, drawn by matplotlib and returned as inline SVG.

Text stays text and colours come from html_page.STYLE, so that charts work with screen readers, in dark mode and in
print. The same values give the same bytes. matplotlib is imported only when drawing, as that takes a second.
"""

import contextlib
import hashlib
import html
import io
import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fae_training.judgement.gate import BETTER, KEPT, Comparison
from fae_training.release.proposal import Bars, Curve, Point

# Placeholders for the page's colours; matplotlib passes them through.
COLOURS = {
    "ink": "#010101",
    "muted": "#020202",
    "line": "#030303",
    "original": "#040404",
    "now": "#050505",
    "new": "#060606",
    "worse": "#070707",
    "paper": "#080808",
}
# In points (1/72 inch): legible on a phone that draws the chart 320 pixels wide.
WIDTH, TEXT, SMALL_TEXT, ROW = 264, 9, 8, 15
# Gap between measures, in rows.
GAP = 0.6
TITLE_LETTERS = 42
SPARK_WIDTH, SPARK_HEIGHT = 130, 34
POINTS_PER_INCH = 72
# Width of one of several curves.
PANEL_WIDTH = 130
# Limit of a drawn change, in hundredths.
FURTHEST = 100


@dataclass(frozen=True)
class Scored:
    """One run in the history of a slot."""

    number: int
    score: float
    previous: float | None
    deployed: bool


def bars(measures: Sequence[Bars], about: str, cache: Path) -> str:
    """The score of each model on each measure, from 0 to 100, with 95 % intervals."""
    rows = [_models(measure) for measure in measures]
    height = sum(
        _title_lines(measure.title) + len(row) + GAP
        for measure, row in zip(measures, rows, strict=True)
    )
    with _figure(height, about, cache) as (axes, drawn):
        y = 0.0
        for measure, models in zip(measures, rows, strict=True):
            y = _title(axes, measure.title, y)
            for label, colour, bar in models:
                value, low, high = 100 * bar.score, 100 * bar.low, 100 * bar.high
                axes.barh(y, value, 0.72, color=COLOURS[colour])
                # Outlined in the background colour, as the line crosses the bar.
                for line, width in (("paper", 2.8), ("ink", 1)):
                    axes.plot([low, high], [y, y], color=COLOURS[line], linewidth=width)
                    for end in (low, high):
                        ends = [y - 0.18, y + 0.18]
                        axes.plot([end, end], ends, color=COLOURS[line], linewidth=width)
                _label(axes, label, y)
                axes.text(103, y, f"{value:.0f}", va="center", fontsize=SMALL_TEXT)
                y += 1
            y += GAP
        _rows(axes, y, (0, 112), "score, 0 to 100; more is better")
        axes.set_xticks([0, 25, 50, 75, 100])
    return drawn()


def gains(comparisons: Sequence[Comparison], about: str, cache: Path) -> str:
    """The gain on each measure with its bounds, the line of no change, and the largest allowed loss."""
    titles = list(dict.fromkeys(one.title for one in comparisons))
    height = (
        sum(_title_lines(title) for title in titles) + 1.35 * len(comparisons) + GAP * len(titles)
    )
    drawn_to = [
        abs(100 * bound) for one in comparisons for bound in (one.low, one.high, -1.2 * one.margin)
    ]
    # A single unbounded loss would leave no room for the others.
    reach = min(max(5.0, *drawn_to), FURTHEST)
    with _figure(height, about, cache) as (axes, drawn):
        y = 0.0
        for title in titles:
            y = top = _title(axes, title, y)
            for one in (one for one in comparisons if one.title == title):
                colour = {BETTER: "new", KEPT: "now"}.get(one.outcome, "worse")
                low, value, high, limit = (
                    min(max(100 * gain, -FURTHEST), FURTHEST)
                    for gain in (one.low, one.gain, one.high, -one.margin)
                )
                axes.plot([low, high], [y, y], color=COLOURS[colour], linewidth=3)
                axes.plot(value, y, "D" if one.outcome == BETTER else "o", color=COLOURS[colour])
                axes.plot([limit] * 2, [y - 0.5, y + 0.5], color=COLOURS["worse"], linewidth=1.5)
                _label(axes, "vs now" if one.against == "current" else "vs original", y)
                y += 1.35
            axes.plot([0, 0], [top - 0.6, y - 0.75], color=COLOURS["ink"], linewidth=1, zorder=0)
            y += GAP
        _rows(
            axes,
            y,
            (-1.06 * reach, 1.06 * reach),
            "worse \N{LEFTWARDS ARROW} change \N{RIGHTWARDS ARROW} better",
        )
    return drawn()


def loss_curve(curve: Curve, about: str, cache: Path) -> str:
    """Loss by step, with the chosen checkpoint marked."""
    with _figure(9, about, cache) as (axes, drawn):
        _lines(axes, curve, 1.4)
        lines = ((curve.training, "training", "original"), (curve.validation, "validation", "now"))
        ends = sorted(
            (points[-1].loss, points[-1].step, *name) for points, *name in lines if points
        )
        top = max(point.loss for point in (*curve.training, *curve.validation))
        placed = None
        for loss, step, name, colour in ends:
            # The labels at the ends of the curves, at least a line of text apart.
            placed = loss if placed is None else max(loss, placed + 0.13 * top)
            axes.annotate(
                name,
                (step, placed),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL_TEXT,
                color=COLOURS[colour],
                annotation_clip=False,
            )
        if curve.best_step is not None:
            axes.axvline(curve.best_step, color=COLOURS["new"], linewidth=1, linestyle=(0, (4, 3)))
            right = 2 * curve.best_step > ends[0][1]
            axes.annotate(
                f"chosen: step {curve.best_step:,}",
                (curve.best_step, 1.0),
                (-4 if right else 4, -3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="right" if right else "left",
                va="top",
                fontsize=SMALL_TEXT,
            )
        axes.set_ylim(0, 1.08 * top)
        axes.set_xlabel("step", fontsize=SMALL_TEXT)
        axes.set_ylabel("loss (less is better)", fontsize=SMALL_TEXT)
        axes.figure.subplots_adjust(left=0.13, right=0.8, top=0.97, bottom=0.24)
    return drawn()


def compared_curves(curves: Sequence[tuple[str, Curve]], about: str, cache: Path) -> str:
    """The loss curves of several runs side by side, each under its name, on the same scale."""
    top = max(point.loss for _, curve in curves for point in (*curve.training, *curve.validation))
    width = max(WIDTH, PANEL_WIDTH * len(curves))
    with _figure(8, about, cache, width) as (axes, drawn):
        figure = axes.figure
        figure.clear()
        panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
        for panel, (name, curve) in zip(panels, curves, strict=True):
            panel.patch.set_visible(False)
            _lines(panel, curve, 1.3)
            if curve.best_step is not None:
                panel.axvline(curve.best_step, color=COLOURS["new"], linewidth=1, dashes=(4, 3))
            panel.set_title(name, fontsize=SMALL_TEXT)
            panel.set_xlabel("step", fontsize=SMALL_TEXT)
            panel.set_ylim(0, 1.08 * top)
        panels[0].set_ylabel("loss", fontsize=SMALL_TEXT)
        left = 34 / width
        figure.subplots_adjust(left=left, right=0.98, top=0.88, bottom=0.26, wspace=0.12)
    return drawn()


def small_curve(curve: Curve, about: str, cache: Path) -> str:
    """A loss curve without axes, to be placed in a line of text."""
    with _figure(SPARK_HEIGHT / ROW, about, cache, SPARK_WIDTH) as (axes, drawn):
        _lines(axes, curve, 1.2)
        chosen = [point for point in curve.validation if point.step == curve.best_step]
        for point in chosen:
            axes.plot(point.step, point.loss, "o", color=COLOURS["new"], markersize=4)
        axes.axis("off")
        axes.figure.subplots_adjust(0.02, 0.08, 0.98, 0.92)
    return drawn()


def timeline(scored: Sequence[Scored], about: str, cache: Path) -> str:
    """The score of each run of a slot, oldest first, each drawn from the score of the model in use at the time."""
    with _figure(8, about, cache) as (axes, drawn):
        for one in scored:
            face = COLOURS["new"] if one.deployed else "none"
            edge = COLOURS["new" if one.deployed else "now"]
            if one.previous is not None:
                way = [100 * one.previous, 100 * one.score]
                axes.plot([one.number] * 2, way, color=edge, linewidth=1.2)
                axes.plot(one.number, way[0], "_", color=edge, markersize=9)
            axes.plot(
                one.number,
                100 * one.score,
                "o",
                markersize=6,
                markerfacecolor=face,
                markeredgecolor=edge,
            )
        numbers = [one.number for one in scored]
        axes.set_xlim(min(numbers) - 0.5, max(numbers) + 0.5)
        axes.set_xticks(numbers[:: -(-len(numbers) // 12)])
        axes.set_ylim(0, 105)
        axes.set_yticks([0, 25, 50, 75, 100])
        axes.grid(axis="y", color=COLOURS["line"], linewidth=0.6)
        axes.set_xlabel("number of the run", fontsize=SMALL_TEXT)
        axes.set_ylabel("score", fontsize=SMALL_TEXT)
        axes.figure.subplots_adjust(left=0.13, right=0.98, top=0.96, bottom=0.27)
    return drawn()


def _models(measure: Bars):
    """(label, colour, bar) of each model; the original is left out if it is in use now."""
    now = [("now", "now", measure.current)]
    if measure.current != measure.base:
        now = [("original", "original", measure.base), *now]
    return [*now, ("new", "new", measure.candidate)]


def _lines(axes, curve: Curve, width: float) -> None:
    for points, colour in ((curve.training, "original"), (curve.validation, "now")):
        _line(axes, points, COLOURS[colour], width)


def _line(axes, points: Sequence[Point], colour: str, width: float) -> None:
    axes.plot([p.step for p in points], [p.loss for p in points], color=colour, linewidth=width)


def _title_lines(title: str) -> float:
    return 1.1 * len(textwrap.wrap(title, TITLE_LETTERS))


def _title(axes, title: str, y: float) -> float:
    """The title above its rows, over the whole width. Returns where its first row is."""
    lines = _title_lines(title)
    axes.annotate(
        "\n".join(textwrap.wrap(title, TITLE_LETTERS)),
        (0, y + lines / 2 - 0.55),
        xycoords=("figure fraction", "data"),
        va="center",
        fontsize=TEXT,
        fontweight="bold",
    )
    return y + lines


def _label(axes, text: str, y: float) -> None:
    axes.annotate(
        text, (0, y), xycoords=("figure fraction", "data"), va="center", fontsize=SMALL_TEXT
    )


def _rows(axes, end: float, limits: tuple[float, float], label: str) -> None:
    """The axes of a chart of rows, downwards."""
    axes.set_ylim(end - 0.5, -0.6)
    axes.set_xlim(*limits)
    axes.set_yticks([])
    axes.set_xlabel(label, fontsize=SMALL_TEXT)
    axes.spines["left"].set_visible(False)
    height = axes.figure.get_figheight() * POINTS_PER_INCH
    axes.figure.subplots_adjust(left=0.19, right=0.985, top=1 - 2 / height, bottom=32 / height)


@contextlib.contextmanager
def _figure(rows: float, about: str, cache: Path, width: int = WIDTH) -> Iterator[tuple]:
    """(axes, drawn) of a new figure with `rows` rows; call drawn() after the with block to get its SVG."""
    # matplotlib's font cache, kept in the state directory.
    os.environ.setdefault("MPLCONFIGDIR", str(cache))
    import matplotlib
    from matplotlib.figure import Figure

    ink = COLOURS["ink"]
    settings = {
        name: ink
        for name in (
            "text.color",
            "axes.edgecolor",
            "axes.labelcolor",
            "xtick.color",
            "ytick.color",
        )
    }
    settings |= {
        "svg.fonttype": "none",
        "text.parse_math": False,
        "svg.hashsalt": "fae-training",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.labelsize": SMALL_TEXT,
        "ytick.labelsize": SMALL_TEXT,
        "axes.linewidth": 0.7,
    }
    height = rows * ROW + (32 if width >= WIDTH else 0)
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        kept = io.StringIO()
        yield axes, lambda: _for_page(kept.getvalue(), about)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(kept, format="svg", metadata=nothing)


def _for_page(svg: str, about: str) -> str:
    """The SVG as an inline element: with an aria-label, the page's colours, and ids that are unique on the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<metadata>.*?</metadata>|<!--.*?-->| xmlns(:\w+)?=\"[^\"]*\"| version=\"[^\"]*\"",
        "",
        svg,
        flags=re.S,
    )
    for name, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    mark = hashlib.sha256(about.encode()).hexdigest()[:6]
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>c{mark}-", svg)
    svg = re.sub(r"\n\s*", "\n", svg).strip()
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(about)}"', 1)
