"""results/history.html: every run, the runs built on it, and the periods in which it was in use."""

import html
from collections.abc import Sequence
from pathlib import Path

from fae_training.calls.counting import counted
from fae_training.judgement import plain_words
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.progress import duration
from fae_training.pages import charts, html_page
from fae_training.pages.html_page import chart, definitions, paragraph, section, table
from fae_training.release.history import Deployed, Entry
from fae_training.release.proposal import Curve, curve

# Loss curves are drawn for this many of the newest runs: each takes a few hundredths of a second and 10 KB.
MOST_CURVES = 60


def as_html(found: Sequence[Entry], in_use: dict[str, str | None], cache: Path) -> str:
    """The page. `in_use`: the run of each slot, None for the original model."""
    opening = paragraph(f"{_counted(len(found))}. Newest first.")
    parts = [section("now", "In use now", definitions(_in_use(found, in_use)))]
    if scores := _timelines(found, cache):
        parts.append(section("scores", "Scores over time", *scores))
    curves = {entry.number for entry in found[-MOST_CURVES:]}
    runs = [_run(entry, found, entry.number in curves, cache) for entry in reversed(found)]
    if runs:
        parts.append(section("runs", "Runs", *runs))
    closing = paragraph("This page is a file on this machine. It loads nothing and sends nothing.")
    return html_page.page("What Fae has learned so far", opening, "\n".join(parts), closing)


def _counted(count: int) -> str:
    return counted(count, "run") if count else "Nothing has been trained yet"


def _in_use(found: Sequence[Entry], in_use: dict[str, str | None]) -> list[tuple[str, str]]:
    """Each slot that has runs, with its title."""
    since = {entry.run.id: entry.deployed[-1].since for entry in found if entry.active}
    lines = []
    for slot, run in in_use.items():
        kinds = [kind for kind in KINDS.values() if kind.slot == slot]
        if run or any(entry.run.kind in [kind.name for kind in kinds] for entry in found):
            name = kinds[0].title.partition(" (")[0]
            text = (
                f"{run}, since {_time(since[run])}" if run in since else run or "the original model"
            )
            lines.append((name, text))
    return lines or [("everything", "the original models")]


def _timelines(found: Sequence[Entry], cache: Path) -> list[str]:
    """One chart for each slot in which a run has a score."""
    parts = []
    for slot in dict.fromkeys(kind.slot for kind in KINDS.values()):
        scored = [
            entry
            for entry in found
            if KINDS[entry.run.kind].slot == slot and entry.score is not None
        ]
        if not scored:
            continue
        title = KINDS[scored[0].run.kind].title.partition(" (")[0]
        points = [
            charts.Scored(entry.number, entry.score, entry.previous_score, bool(entry.deployed))
            for entry in scored
            if entry.score is not None
        ]
        rows = [
            (
                str(point.number),
                entry.run.id,
                "" if point.previous is None else f"{100 * point.previous:.0f}",
                f"{100 * point.score:.0f}",
                "yes" if point.deployed else "no",
            )
            for point, entry in zip(points, scored, strict=True)
        ]
        description = "; ".join(f"run {row[0]}: {row[3]}" for row in rows)
        drawn = charts.timeline(
            points, f"{title}: score of each run, from 0 to 100. {description}", cache
        )
        caption = (
            "Score of each run on its own held-out data, from 0 to 100; each line starts at the score of the model in use "
            "at the time. Filled: runs that were deployed."
        )
        figures = table(
            "Scores, from 0 to 100", ("number", "run", "before", "score", "deployed"), rows
        )
        parts.append(
            f"<h3>{html.escape(title[:1].upper() + title[1:])}</h3>\n{chart(drawn, caption, figures)}"
        )
    return parts


def _run(entry: Entry, found: Sequence[Entry], with_curve: bool, cache: Path) -> str:
    """One run, in a panel that other runs link to."""
    name = html.escape(entry.run.id)
    drawn = _small_curve(curve(entry.run), entry.run.id, cache) if with_curve else ""
    facts = [(label, html.escape(text)) for label, text in _facts(entry)]
    listed = {other.run.id for other in found}
    for label, other in (
        ("continues", entry.descends_from),
        ("compared with", _compared_with(entry)),
    ):
        if other:
            link = f'<a href="#{html.escape(other)}">{html.escape(other)}</a>'
            facts.insert(1, (label, link if other in listed else html.escape(other)))
    lines = "\n".join(f"<dt>{label}</dt><dd>{text}</dd>" for label, text in facts)
    return (
        f'<article class="panel" id="{name}" aria-labelledby="{name}-title">\n'
        f'<h3 id="{name}-title">{entry.number}. {name}{" (in use)" if entry.active else ""}</h3>\n'
        f"{drawn}\n<dl>\n{lines}\n</dl>\n</article>"
    )


def _compared_with(entry: Entry) -> str | None:
    benchmark = (entry.run.result() or {}).get("benchmark") or {}
    return benchmark.get("current_run")


def _facts(entry: Entry) -> list[tuple[str, str]]:
    run = entry.run
    settings = [f"preset {entry.preset}"] if entry.preset else []
    settings += [f"{name.replace('_', ' ')} {_short(value)}" for name, value in entry.chosen]
    made = f"{_time(run.record.get('created_at', ''))}, {entry.status}"
    if entry.seconds is not None:
        made += f", took {duration(entry.seconds)}"
    facts = [("made", made), ("settings", ", ".join(settings))]
    facts.append(("note", entry.note or ""))
    facts.append(("learned from", run.record.get("learned_from", "")))
    facts.append(("stopped and resumed", ", ".join(map(_time, entry.resumed))))
    if entry.verdict:
        score = "" if entry.score is None else f", score {100 * entry.score:.0f} of 100"
        if score and entry.previous_score is not None:
            score += f" ({100 * entry.previous_score:.0f} before)"
        facts.append(("verdict", plain_words.VERDICTS.get(entry.verdict, entry.verdict) + score))
        if entry.evaluation:
            sentences = [
                plain_words.of_comparison(one).sentence
                for one in plain_words.reported(entry.evaluation.decision)
            ]
            facts.append(
                (
                    "because",
                    " ".join((*sentences, *plain_words.other_reasons(entry.evaluation.decision))),
                )
            )
    if entry.rejected:
        facts.append(("you rejected it", entry.rejected))
    elif entry.proposed and not entry.deployed:
        facts.append(("proposed", "waiting for your answer"))
    facts.append(("in use", "; ".join(map(_period, entry.deployed))))
    return [(label, text) for label, text in facts if text]


def _small_curve(found: Curve, run: str, cache: Path) -> str:
    if not found.drawable:
        return ""
    points = found.validation or found.training
    about = f"Loss of {run}: from {points[0].loss:.3g} to {points[-1].loss:.3g}"
    return charts.small_curve(found, about, cache)


def _short(value: object) -> str:
    """A setting's value; only the last part of a path."""
    text = str(value)
    return Path(text).name if text.startswith("/") else text


def _time(text: str) -> str:
    """ISO 8601 as 2026-11-26 18:28."""
    return text[:16].replace("T", " ")


def _period(used: Deployed) -> str:
    if used.until is None:
        return f"since {_time(used.since)}"
    why = f" ({used.why_ended})" if used.why_ended else ""
    return f"{_time(used.since)} to {_time(used.until)}{why}"
