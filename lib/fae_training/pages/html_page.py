"""Common parts of the HTML pages: one file without scripts or external resources, for phones, dark mode and print."""

import html
from collections.abc import Sequence

# The contrast with the background is at least 4.5 to 1 for text and 3 to 1 for graphics (WCAG 2.2, 1.4.3, 1.4.11).
STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --panel: #f4f5f7; --ink: #1b1f24; --muted: #57606a; --line: #d0d7de;
  --original: #6e7781; --now: #2563b8; --new: #12805c; --worse: #c2410c; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --panel: #1d2228; --ink: #e6e9ed; --muted: #9aa4af; --line: #3a424c;
    --original: #87909b; --now: #6ea8f5; --new: #3fc296; --worse: #f98b57; } }
* { box-sizing: border-box; }
body { font: 1.05rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0; overflow-wrap: break-word; }
main, header, footer { max-width: 44rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; } footer { padding: 1rem 1rem 3rem; color: var(--muted); font-size: .85rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; } h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1.02rem; margin: 1.4rem 0 .4rem; } a { color: var(--now); }
.verdict { font-size: 1.15rem; border-left: .3rem solid var(--new); padding: .2rem 0 .2rem .9rem; margin: 1rem 0; }
small, .small { font-size: .85rem; color: var(--muted); } li small { display: block; } li { margin: .35rem 0; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; padding: .2rem 1rem .9rem; margin: 1rem 0; }
figure { margin: 1rem 0; } figcaption { font-size: .9rem; color: var(--muted); margin-bottom: .6rem; }
figure svg { display: block; width: 100%; height: auto; max-width: 28rem; overflow: visible; }
svg text { font-family: system-ui, sans-serif !important; }
table { border-collapse: collapse; font-size: .88rem; width: 100%; } caption { text-align: left; color: var(--muted); padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: normal; }
.wide { overflow-x: auto; }
details > summary { cursor: pointer; color: var(--muted); font-size: .9rem; }
dl { display: grid; grid-template-columns: fit-content(40%) minmax(0, 1fr); gap: .3rem .9rem; margin: 0; } dt { color: var(--muted); } dd { margin: 0; }
blockquote { margin: .2rem 0 .6rem; font-weight: 600; } code { overflow-wrap: anywhere; font-size: .9em; }
.code { display: inline-block; font: 600 1.7rem ui-monospace, monospace; letter-spacing: .12em; border: 2px solid var(--ink); border-radius: .5rem; padding: .35rem .9rem; margin: .2rem 0; }
ul.tags { list-style: none; display: flex; flex-wrap: wrap; gap: .35rem; padding: 0; } ul.tags li { background: var(--panel); border: 1px solid var(--line); border-radius: 1rem; padding: 0 .65rem; margin: 0; font-size: .9rem; }
@media (max-width: 30rem) { dl { grid-template-columns: minmax(0, 1fr); gap: 0; } dd { margin-bottom: .5rem; } }
@media print { body { font-size: 10.5pt; } main, header, footer { max-width: none; padding: 0; } .panel, figure, li, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; } details > summary { display: none; } details::details-content { content-visibility: visible; display: block; } figure svg { max-width: 11cm; } }
"""


def page(title: str, opening: str, content: str, closing: str) -> str:
    """The whole file. `title` is text; the others are HTML, for the header, main and footer."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{html.escape(title)}</h1>\n{opening}\n</header>\n<main>\n{content}\n</main>\n"
        f"<footer>\n{closing}\n</footer>\n</body>\n</html>\n"
    )


def section(name: str, heading: str, *parts: str) -> str:
    """A section with a heading; `name` is its id."""
    text = "\n".join(part for part in parts if part)
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{html.escape(heading)}</h2>\n{text}\n</section>'


def chart(svg: str, caption: str, table: str) -> str:
    """A chart with its caption, and the same data as a table."""
    return (
        f"<figure>\n<figcaption>{html.escape(caption)}</figcaption>\n{svg}\n</figure>\n"
        f"<details>\n<summary>The same as a table</summary>\n{table}\n</details>"
    )


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts; the first column is the row header."""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in header)
    body = "\n".join(
        f'<tr><th scope="row">{html.escape(first)}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{html.escape(caption)}">\n'
        f"<table>\n<caption>{html.escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def items(texts: Sequence[str], kind: str = "") -> str:
    """A list of texts; "" if there are none."""
    if not texts:
        return ""
    lines = "\n".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f"<ul{f' class={kind!r}' if kind else ''}>\n{lines}\n</ul>"


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def definitions(pairs: Sequence[tuple[str, str]]) -> str:
    """A definition list of (name, text) pairs."""
    lines = [f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in pairs]
    return "<dl>\n" + "\n".join(lines) + "\n</dl>"
