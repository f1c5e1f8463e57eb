"""Sections of docs/benchmarks.md: each benchmark writes the text between its own markers. Also the
machine's description."""

import os
import platform
from pathlib import Path


def write_section(path: Path, name: str, heading: str, text: str) -> None:
    """Put `text` between the markers of `name` in a Markdown file, leaving other sections unchanged.

    Where the file has no such markers yet, they are appended under `heading`.
    """
    begin, end = f"<!-- {name}: written by `make {name}` -->", f"<!-- end of {name} -->"
    page = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    if begin not in page:
        page = page.rstrip() + f"\n\n## {heading}\n\n{begin}\n{end}\n"
    before, rest = page.split(begin, 1)
    after = rest.split(end, 1)[1]
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table: the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def machine(versions: dict[str, str]) -> str:
    """The conditions of the figures, in words; `versions` as in a run's receipt
    (fae_training.lifecycle.results.versions)."""
    packages = [f"{n} {versions[n]}" for n in ("mlx", "mlx-lm", "mlx-tune") if n in versions]
    products = versions.get("matrix products")
    return ", ".join(
        [
            f"{platform.system()} {platform.machine()}",
            f"{os.cpu_count()} cores",
            *packages,
            *([f"matrix products by {products}"] if products else []),
        ]
    )
