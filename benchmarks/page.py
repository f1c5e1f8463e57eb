"""docs/benchmarks.md: each benchmark writes the section between its own markers. And what is said of the machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def write_section(path: Path, name: str, heading: str, text: str) -> None:
    """Put `text` between the markers of `name` in a Markdown file; what other benchmarks wrote stays.

    Where the markers are not in the file yet they come at its end, under `heading`.
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


def machine() -> dict[str, str]:
    """What a figure depends on, of this machine and this environment."""
    found = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "blas": Path(os.environ.get("LD_PRELOAD", "").split(":")[0]).name or "the one in MLX",
    }
    for package in ("mlx", "mlx-lm", "mlx-tune"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine_text(facts: dict[str, str]) -> str:
    packages = [f"{name} {facts[name]}" for name in ("mlx", "mlx-lm", "mlx-tune") if name in facts]
    blas = f"BLAS: {facts['blas']}"
    return ", ".join([facts["system"], f"{facts['cores']} cores", *packages, blas])
