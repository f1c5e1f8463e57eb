"""Rows as tokens, for a terminal and as a page, marked as context, trained or cut."""

import html
from collections.abc import Sequence

from fae_training.calls.counting import counted
from fae_training.lifecycle.preflight import CONTEXT, CUT, TRAINED, Piece, Preview, ShownRow
from fae_training.lifecycle.progress import duration
from fae_training.pages import html_page
from fae_training.pages.html_page import paragraph, section

# In a terminal, this many characters are shown at each end of a piece that is not an answer.
SHOWN = 300
COLOURS = {CONTEXT: "2", TRAINED: "32", CUT: "9;31"}
MARKS = {TRAINED: ("[trained: ", "]"), CUT: ("[cut: ", "]")}
STYLE = """<style>.tokens { white-space: pre-wrap; font: .85rem/1.7 ui-monospace, monospace; }
.tokens span { border-bottom: 1px solid var(--line); margin-right: 1px; } .context { color: var(--muted); }
.trained { color: var(--new); font-weight: 600; } .cut { color: var(--worse); text-decoration: line-through; }</style>"""


def in_words(preview: Preview) -> list[str]:
    """Token counts, time and memory, one line each."""
    tokens, planned = preview.tokens, preview.memory
    about = "" if tokens.exact else "about "
    lines = [
        f"  tokens: {about}{tokens.tokens:,} in {counted(tokens.rows, 'row')}, {tokens.trained:,} of them trained; "
        f"{tokens.cut:,} cut off; the longest row has {tokens.longest:,}"
    ]
    if preview.minutes is None:
        lines.append(f"  time: unknown: {preview.measured_by}")
    else:
        lines.append(f"  time: about {duration(60 * preview.minutes)}, {preview.measured_by}")
    if planned.get("peak_memory_gb") is None:
        lines.append(f"  memory: {planned['note']}")
    else:
        checkpointed = ", recomputing layers to save memory" if planned["checkpoint_layers"] else ""  # fmt: skip
        lines.append(
            f"  memory: {planned['peak_memory_gb']} GB of {planned['limit_gb']} GB, {counted(planned['batch_size'], 'row')} "
            f"at a time, {counted(planned['gradient_accumulation'], 'time')} per step{checkpointed}"
        )
    return lines


def as_text(rows: Sequence[ShownRow], in_colour: bool) -> str:
    parts = []
    for row in rows:
        parts.append(_title(row))
        parts.append("".join(_coloured(piece, in_colour) for piece in row.pieces))
    return "\n".join(parts)


def _title(row: ShownRow) -> str:
    return f"── {row.title}: {counted(row.tokens, 'token')}, {row.trained:,} trained, {row.cut:,} cut off"


def _coloured(piece: Piece, in_colour: bool) -> str:
    text = "".join(piece.tokens)
    if piece.kind != TRAINED and len(text) > 2 * SHOWN:
        text = f"{text[:SHOWN]} ... {text[-SHOWN:]}"
    # Control characters in a conversation must not reach the terminal.
    text = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    if in_colour:
        return f"\033[{COLOURS[piece.kind]}m{text}\033[0m"
    before, after = MARKS.get(piece.kind, ("", ""))
    return f"{before}{text}{after}"


def as_html(rows: Sequence[ShownRow]) -> str:
    """The page, with a border between tokens."""
    parts = [
        section(
            f"row-{number}",
            _title(row).removeprefix("── "),
            f'<div class="tokens">{"".join(map(_spans, row.pieces))}</div>',
        )
        for number, row in enumerate(rows, 1)
    ]
    opening = STYLE + paragraph(
        "Grey is context, green is trained on, and struck through was cut off."
    )
    closing = paragraph("This page is a file on this machine. It loads nothing and sends nothing.")
    return html_page.page("Rows as the model sees them", opening, "\n".join(parts), closing)


def _spans(piece: Piece) -> str:
    tokens = "".join(f"<span>{html.escape(token)}</span>" for token in piece.tokens)
    return f'<span class="{piece.kind}">{tokens}</span>'
