"""The proposal: what was learned, what got better or worse, and how to say yes or go back, in plain words."""

import html
from dataclasses import dataclass
from datetime import date

from fae_training.benchmark import Benchmark, Example
from fae_training.evaluation import Evaluation
from fae_training.gate import Decision
from fae_training.kinds import KINDS
from fae_training.runs import Run

ADVICE = "I recommend the switch: it is better at what it was trained for, and nothing that was measured got worse."
SHOWN = 5


@dataclass(frozen=True)
class Proposal:
    """What proposal.json holds and what the texts are made of; `replaces` is a run or the base model."""

    run: str
    kind: str
    title: str
    date: str
    learned_from: str
    model: str | None
    replaces: str
    advice: str
    decision: Decision
    figures: tuple[str, ...]
    examples: tuple[Example, ...]
    notes: tuple[str, ...]
    fingerprint: str | None


def build(run: Run, judged: Evaluation, measured: Benchmark, current: dict | None) -> Proposal:
    """The proposal of a run that passed."""
    return Proposal(
        run=run.id,
        kind=run.kind,
        title=f"An update for your {KINDS[run.kind].title}",
        date=date.today().isoformat(),
        learned_from=run.record.get("learned_from", ""),
        model=(run.record.get("model") or {}).get("id"),
        replaces=current["run"] if current else "the base model",
        advice=ADVICE,
        decision=judged.decision,
        figures=judged.figures,
        examples=measured.examples[:SHOWN],
        notes=(*measured.notes, *run.record.get("notes", [])),
        fingerprint=judged.fingerprint,
    )


def as_markdown(proposal: Proposal, code: str) -> str:
    lines = [
        f"# {proposal.title}",
        "",
        f"{proposal.date}, {proposal.run}. It would replace {proposal.replaces}.",
        "",
    ]
    if proposal.learned_from:
        lines += [
            f"It learned from {proposal.learned_from}. Nothing of this left your machine.",
            "",
        ]
    lines += ["## How it did on what it never saw", ""]
    lines += [f"- {line}" for line in (*proposal.decision.reasons, *proposal.figures)]
    lines += ["", proposal.advice, ""]
    if proposal.examples:
        lines += ["## Before and after", ""]
        for example in proposal.examples:
            lines += [
                f"**{example.prompt}**",
                "",
                f"- now: {example.before}",
                f"- after: {example.after}",
            ]
            lines += [f"- what was said then: {example.wanted}"] if example.wanted else []
            lines += [""]
    if proposal.notes:
        lines += ["## Good to know", "", *[f"- {note}" for note in proposal.notes], ""]
    lines += [
        "## Your choice",
        "",
        f"To switch, tell Fae the approval code **{code}**, or: `{_deploy(proposal, code)}`",
    ]
    lines += [
        'To leave everything as it is, do nothing. To go back later: "undo the last learning update", or `uv run scripts/rollback.py`',
        "",
    ]
    return "\n".join(lines)


def _deploy(proposal: Proposal, code: str) -> str:
    return f"uv run scripts/deploy.py --run {proposal.run} --code {code}"


def as_html(proposal: Proposal, code: str) -> str:
    """One page without any outside resource; readable on a phone and in the dark."""
    e = html.escape
    lines = (*proposal.decision.reasons, *proposal.figures)
    results = "".join(f"<li>{e(line)}</li>" for line in lines)
    examples = "".join(
        f"<section><h3>{e(x.prompt)}</h3><dl><dt>now</dt><dd>{e(x.before)}</dd><dt>after</dt><dd>{e(x.after)}</dd>"
        + (f"<dt>said then</dt><dd>{e(x.wanted)}</dd>" if x.wanted else "")
        + "</dl></section>"
        for x in proposal.examples
    )
    notes = "".join(f"<li>{e(note)}</li>" for note in proposal.notes)
    examples = f"<h2>Before and after</h2>{examples}" if examples else ""
    notes = f"<h2>Good to know</h2><ul>{notes}</ul>" if notes else ""
    learned = proposal.learned_from
    learned = (
        f"<p>It learned from {e(learned)}. Nothing of this left your machine.</p>"
        if learned
        else ""
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{e(proposal.title)}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.05rem/1.55 system-ui, sans-serif; max-width: 44rem; margin: 2.5rem auto; padding: 0 1.2rem; }}
h1 {{ font-size: 1.6rem; }} h2 {{ font-size: 1.15rem; margin-top: 2.2rem; }} h3 {{ font-size: 1rem; margin: 1.4rem 0 .4rem; }}
dl {{ display: grid; grid-template-columns: 6rem 1fr; gap: .3rem .8rem; margin: 0; }} dt {{ opacity: .65; }} dd {{ margin: 0; }}
.code {{ font: 600 1.6rem ui-monospace, monospace; letter-spacing: .12em; padding: .6rem 1rem; border: 2px solid; border-radius: .5rem; display: inline-block; }}
small {{ opacity: .7; }} code {{ overflow-wrap: anywhere; }}
</style>
<h1>{e(proposal.title)}</h1>
<p><small>{e(proposal.date)}, {e(proposal.run)}. It would replace {e(proposal.replaces)}.</small></p>
{learned}
<h2>How it did on what it never saw</h2>
<ul>{results}</ul>
<p>{e(proposal.advice)}</p>
{examples}
{notes}
<h2>Your choice</h2>
<p>To switch, tell Fae this approval code:</p><p class="code">{e(code)}</p>
<p>or type <code>{e(_deploy(proposal, code))}</code></p>
<p>To leave everything as it is, do nothing. To go back later: “undo the last learning update”, or <code>uv run scripts/rollback.py</code></p>
</html>
"""
