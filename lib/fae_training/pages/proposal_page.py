"""proposal.md and proposal.html, both made of a proposal.Proposal and its approval code, which stands nowhere else."""

import html
import re
from pathlib import Path

from fae_training.calls.counting import counted
from fae_training.judgement import plain_words
from fae_training.judgement.benchmark import GOAL, MODELS, Example
from fae_training.judgement.gate import Comparison
from fae_training.lifecycle.progress import duration
from fae_training.pages import charts, html_page
from fae_training.pages.html_page import chart, definitions, items, paragraph, section, table
from fae_training.release.proposal import Bar, Bars, Curve, Proposal, spoken


def as_markdown(proposal: Proposal, code: str) -> str:
    """The proposal for a terminal or an editor. Without `code`, "", it says where the code stands."""
    lines = [f"# {proposal.title}", ""]
    other = proposal.alternative
    if other and other.as_good:
        lines += [other.sentence, f"({other.figures})", ""]
    lines += [proposal.verdict, "", _origin(proposal), ""]
    lines += ["## What it learned from", "", *_learned(proposal), ""]
    if proposal.learned.topics:
        lines += [f"Words that came up: {', '.join(_topics(proposal))}", ""]
    lines += ["## How it did", "", proposal.judged_on, ""]
    for one in plain_words.reported(proposal.decision):
        words = plain_words.of_comparison(one)
        lines += [f"- {words.sentence}", f"  ({words.figures})"]
    lines += [f"- {text}" for text in proposal.figures]
    lines += ["", "## Before and after", "", _compared(proposal), ""]
    for example in proposal.examples:
        lines += [f"**{_line(example.prompt)}**", ""]
        lines += [f"- {label}: {_line(text)}" for label, text in _answers(example)] + [""]
    lines += ["## What it costs", "", *[f"- {name}: {value}" for name, value in _costs(proposal)]]
    if notes := _notes(proposal):
        lines += ["", "## Good to know", "", *[f"- {note}" for note in notes]]
    lines += ["", "## Your choice", ""]
    lines += [f"- **{name}**: {text}" for name, text in _choices(proposal)]
    if code:
        lines += [
            "",
            f"The approval code is **{code}**: tell it to Fae, or `{_deploy(proposal, code)}`",
        ]
    return "\n".join([*lines, ""])


def as_html(proposal: Proposal, code: str, cache: Path) -> str:
    """The proposal as a page. `cache` is where matplotlib may keep its list of fonts."""
    e = html.escape
    other, before = proposal.alternative, ""
    if other and other.as_good:
        before = (
            f'<p class="verdict">{e(other.sentence)}<br><small>{e(other.figures)}</small></p>\n'
        )
    opening = f'{before}<p class="verdict">{e(proposal.verdict)}</p>\n<p class="small">{e(_origin(proposal))} <a href="#choice">To your choice</a></p>'
    content = [
        section("how", "How it did", paragraph(proposal.judged_on), *_how(proposal, cache)),
        section(
            "answers",
            "Before and after",
            paragraph(_compared(proposal)),
            *map(_example, proposal.examples),
        ),
        section(
            "learned", "What it learned from", *map(paragraph, _learned(proposal)), _tags(proposal)
        ),
        _training(proposal, cache),
        section("costs", "What it costs", definitions(_costs(proposal))),
    ]
    if notes := _notes(proposal):
        content.append(section("notes", "Good to know", items(notes)))
    content.append(section("choice", "Your choice", _choice(proposal, code)))
    closing = paragraph("This page is a file on this machine. It loads nothing and sends nothing.")
    return html_page.page(proposal.title, opening, "\n".join(content), closing)


def _origin(proposal: Proposal) -> str:
    # A model that was given as a directory is called by its name.
    model = proposal.model or ""
    name = Path(model).name if Path(model).is_absolute() else model
    of = f" of {name}" if name else ""
    return f"{proposal.date}, {proposal.run}. It would replace {_replaced(proposal)}{of}."


def _replaced(proposal: Proposal) -> str:
    return f"your last update, {proposal.replaces}" if proposal.replaces else "the original model"


def _learned(proposal: Proposal) -> list[str]:
    """Sentences on the data."""
    learned, found = proposal.learned, []
    if learned.summary:
        found.append(f"It learned from {learned.summary}. None of it left your machine.")
    if learned.trained_on:
        held = (
            f"; {learned.held_out:,} {'was' if learned.held_out == 1 else 'were'} held out for validation and testing"
            if learned.held_out
            else ""
        )
        found.append(f"That made {counted(learned.trained_on, 'training example')}{held}.")
    if learned.left_out:
        found.append(
            f"{counted(learned.left_out, 'turn was', 'turns were')} left out, such as repetitions, secrets, and what others said."
        )
    return found or ["There is no record of what the run learned from."]


def _topics(proposal: Proposal) -> list[str]:
    return [f"{topic.word} ({topic.count:,})" for topic in proposal.learned.topics]


def _tags(proposal: Proposal) -> str:
    if not proposal.learned.topics:
        return ""
    return paragraph("Words that came up, and how often:") + items(_topics(proposal), "tags")


def _compared(proposal: Proposal) -> str:
    """How many of the answers that were compared differ, and which are shown."""
    if not proposal.outputs:
        return "No answers were compared."
    differ = f"{proposal.outputs_changed:,} of the {counted(proposal.outputs, 'answer')} that were compared are different."
    if not proposal.examples:
        return f"{differ} None of them is stored as an example."
    if len(proposal.examples) < proposal.outputs_changed:
        return f"{differ} These are {len(proposal.examples)} of them."
    return differ


def _answers(example: Example) -> list[tuple[str, str]]:
    found = [("now", example.before), ("after", example.after)]
    return found + ([("actually said", example.wanted)] if example.wanted else [])


def _line(text: str) -> str:
    """What was said as text of Markdown: on one line, and without its marks."""
    return re.sub(r"([\\*_`<\[])", r"\\\1", " ".join(text.split())) or "(nothing)"


def _example(example: Example) -> str:
    answers = [(label, text.strip() or "(nothing)") for label, text in _answers(example)]
    return (
        f'<div class="panel"><h3>{html.escape(example.prompt)}</h3>\n{definitions(answers)}</div>'
    )


def _costs(proposal: Proposal) -> list[tuple[str, str]]:
    cost = proposal.cost
    found = [
        ("on disk", f"{_bytes(cost.adapter_bytes)}, in addition to the model that you already have")
    ]
    if cost.seconds is not None:
        found.append(("time", f"{duration(cost.seconds)} including all checks (already done)"))
    if cost.peak_memory_gb is not None:
        found.append(("memory", f"at most {_bytes(cost.peak_memory_gb * 1e9)} while it trained"))
    for figure in cost.figures:
        name, _, value = figure.partition(": ")
        found.append((name[:1].lower() + name[1:], value))
    return found


def _bytes(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def _notes(proposal: Proposal) -> list[str]:
    notes = list(proposal.notes)
    if (other := proposal.alternative) and not other.as_good:
        notes.insert(0, f"{other.sentence} ({other.loss_figures})")
    if earlier := proposal.rejected_before:
        notes.insert(
            0,
            f"You rejected {'this update' if earlier.run == proposal.run else f'an earlier one, {earlier.run},'} "
            f"{earlier.in_words}",
        )
    return notes


def _choices(proposal: Proposal) -> list[tuple[str, str]]:
    """What yes, no and undo do."""
    return [
        (
            "Yes",
            f"{proposal.after_yes} It is tested at once; if it does not load, it is rolled back automatically.",
        ),
        (
            "No",
            "Everything stays as it is. Say why, if you like: the reason is kept with the update, and it is proposed again only when you ask for it.",
        ),
        (
            "Undo",
            f"After a yes, say \N{LEFT DOUBLE QUOTATION MARK}undo the last learning update\N{RIGHT DOUBLE QUOTATION MARK} at any time, or type uv run scripts/rollback.py. Fae goes back to {_replaced(proposal)}, which stays on this machine. Nothing is deleted.",
        ),
    ]


def _deploy(proposal: Proposal, code: str) -> str:
    return f"uv run scripts/deploy.py --run {proposal.run} --code {code}"


def _choice(proposal: Proposal, code: str) -> str:
    return (
        f'<div class="panel">\n<p>{html.escape(spoken(proposal))}</p>\n{definitions(_choices(proposal))}\n'
        f'<p>To say yes, tell Fae this approval code:<br><strong class="code">{html.escape(code)}</strong></p>\n'
        f'<p class="small">or type <code>{html.escape(_deploy(proposal, code))}</code></p>\n</div>'
    )


def _how(proposal: Proposal, cache: Path) -> list[str]:
    """The sentences, then the charts: what the training is for, apart from what it must not lose."""
    comparisons = plain_words.reported(proposal.decision)
    texts = [plain_words.of_comparison(one) for one in comparisons]
    lines = [
        f"<li>{html.escape(one.sentence)}<small>{html.escape(one.figures)}</small></li>"
        for one in texts
    ]
    lines += [f"<li>{html.escape(text)}</li>" for text in proposal.figures]
    parts = ["<ul>\n" + "\n".join(lines) + "\n</ul>"]
    for is_goal, heading in ((True, "What it was trained for"), (False, "What it must not lose")):
        measures = [one for one in proposal.bars if (one.role == GOAL) == is_goal]
        compared = [one for one in _drawn(proposal) if (one.role == GOAL) == is_goal]
        if measures:
            parts.append(f"<h3>{heading}</h3>")
            parts.append(_bars_chart(measures, heading, cache))
            parts.append(_gains_chart(compared, heading, cache))
    return parts


def _drawn(proposal: Proposal) -> list[Comparison]:
    """The comparisons with the current model, and those with the original model where that is another one."""
    return [
        one
        for one in proposal.decision.comparisons
        if one.against == "current" or proposal.replaces is not None
    ]


def _bars_chart(measures: list[Bars], heading: str, cache: Path) -> str:
    rows = [
        (
            measure.title,
            *[_bar(getattr(measure, who)) for who in MODELS[::-1]],
            f"{measure.count:,} {measure.unit}",
        )
        for measure in measures
    ]
    figures = table(
        "Scores from 0 to 100, in brackets their 95 % confidence intervals",
        ("ability", "original", "now", "new", "measured on"),
        rows,
    )
    about = f"{heading}: scores of the new version, of the current one and of the original model."
    description = "; ".join(f"{row[0]}: now {row[2]}, new {row[3]}" for row in rows)
    caption = "The score of each version, from 0 to 100. The thin lines show how far a score may be off by chance."
    return chart(charts.bars(measures, f"{about} {description}", cache), caption, figures)


def _bar(bar: Bar) -> str:
    return f"{100 * bar.score:.0f} ({100 * bar.low:.0f} to {100 * bar.high:.0f})"


def _gains_chart(compared: list[Comparison], heading: str, cache: Path) -> str:
    rows = [
        (
            one.title,
            "now" if one.against == "current" else "the original",
            f"{plain_words.of_gain(one.gain)} {plain_words.gain_unit(one.compare)}",
            f"{plain_words.of_gain(one.low)} to {plain_words.of_gain(one.high)}",
            plain_words.of_gain(one.margin).lstrip("+"),
            one.outcome.replace("_", " "),
        )
        for one in compared
    ]
    header = ("ability", "compared with", "change", "confidence interval", "margin", "outcome")
    figures = table("The change, conversation by conversation or item by item", header, rows)
    description = "; ".join(
        f"{row[0]}, compared with {row[1]}: {row[2]}, confidence interval {row[3]}, {row[5]}"
        for row in rows
    )
    caption = (
        "The verdict rests on the change. The thick line shows the changes that are plausible, chance included. The update is "
        "better where the whole line is to the right of zero, and as good as before where the whole line is to the right of "
        "the short mark, which is the largest loss that counts as none."
    )
    drawn = charts.gains(compared, f"{heading}: the change on each ability. {description}", cache)
    return chart(drawn, caption, figures)


def _training(proposal: Proposal, cache: Path) -> str:
    """The loss curve; "" for a run that reported too little to draw one."""
    curve = proposal.curve
    if not curve.drawable:
        return ""
    chosen = (
        f" The version of step {curve.best_step:,} is proposed."
        if curve.best_step is not None
        else ""
    )
    caption = f"How wrong its predictions were during training (the loss): on the training data, and on validation data.{chosen}"
    drawn = charts.loss_curve(curve, _curve_in_words(curve), cache)
    return section("training", "How it learned", chart(drawn, caption, _curve_table(curve)))


def _curve_in_words(curve: Curve) -> str:
    texts = [
        f"{name} from {points[0].loss:.3g} to {points[-1].loss:.3g}"
        for points, name in ((curve.training, "training"), (curve.validation, "validation"))
        if points
    ]
    return f"Loss by step: {'; '.join(texts)}. Chosen: step {curve.best_step}."


def _curve_table(curve: Curve) -> str:
    """Every validation, with the training loss that was reported last before it."""
    rows = []
    for point in curve.validation or curve.training:
        before = [one.loss for one in curve.training if one.step <= point.step]
        held = f"{point.loss:.4g}" if curve.validation else ""
        mark = "chosen" if point.step == curve.best_step else ""
        rows.append((f"{point.step:,}", f"{before[-1]:.4g}" if before else "", held, mark))
    return table("The loss at each validation", ("step", "training", "validation", ""), rows)
