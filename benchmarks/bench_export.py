# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Speed and memory of export_data with many episodes, and precision and recall of corrections.

    python benchmarks/bench_export.py                        100,000 and 1,000,000 episodes (some minutes, 3 GB of disk)
    python benchmarks/bench_export.py --episodes 20000 100000
    python benchmarks/bench_export.py --only corrections     precision and recall on tests/data/corrections.jsonl

Each export runs in its own process; its peak memory is the system's count (ru_maxrss). Uses only the
standard library. Prints a table, or one object with --json.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "samples")]
CORPUS = ROOT / "tests" / "data" / "corrections.jsonl"


def measure_export(episodes: int, directory: Path) -> dict:
    """Export a database with this many episodes: seconds, episodes per second, peak memory, sizes."""
    from fae_training.store import consent
    from fae_training.store.state import Home
    from make_large_database import make_large_database

    database = make_large_database(directory / "fae", episodes)
    home = directory / "home"
    consent.change(Home(home), ["conversations"], [])
    command = [
        sys.executable,
        str(ROOT / "scripts/export_data.py"),
        "--db",
        str(database),
        "--json",
    ]
    environment = os.environ | {"FAE_TRAINING_HOME": str(home), "PYTHONPATH": str(ROOT / "lib")}
    began = time.monotonic()
    child = os.posix_spawn(
        command[0],
        command,
        environment,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - began
    if status:
        raise SystemExit(f"export_data ended with status {os.waitstatus_to_exitcode(status)}")
    meta = json.loads((home / "data/sft/meta.json").read_text())
    # ru_maxrss is in bytes on macOS and in KiB on Linux (getrusage(2)).
    unit = 1 if sys.platform == "darwin" else 1024
    processor = usage.ru_utime + usage.ru_stime
    return {
        "episodes": episodes,
        "database_mb": round(database.stat().st_size / 1e6),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "episodes_per_processor_second": round(episodes / processor),
        "peak_memory_mb": round(usage.ru_maxrss * unit / 1e6, 1),
        "rows": sum(meta["rows"].values()),
        "left_out": sum(meta["excluded"].values()),
    }


def measure_corrections(part: str) -> dict:
    """Precision and recall of the verdicts on the labelled turns of one part; the kind must be right too."""
    from fae_training.conversations import verdicts

    found, right, wanted = Counter(), Counter(), Counter()
    turns = 0
    for line in CORPUS.open(encoding="utf-8"):
        row = json.loads(line)
        if row["part"] != part:
            continue
        turns += 1
        kind = verdicts.classify(
            row["user"], row["before"]["user"], row["before"]["reply"], row["silence"]
        )
        wanted[row["label"]] += 1
        found[kind or "none"] += 1
        right[row["label"]] += (kind or "none") == row["label"]
    kinds = [kind for kind in verdicts.KINDS if wanted[kind]]
    hits = sum(right[kind] for kind in kinds)
    return {
        "part": part,
        "turns": turns,
        "corrections": turns - wanted["none"],
        "precision": round(hits / (turns - found["none"]), 3),
        "recall": round(hits / (turns - wanted["none"]), 3),
        "recall_by_kind": {kind: f"{right[kind]}/{wanted[kind]}" for kind in kinds},
    }


def table(rows: list[dict]) -> str:
    names = [name for name in rows[0] if name != "recall_by_kind"]
    cells = [
        names,
        *(
            [f"{row[n]:,}" if isinstance(row[n], int) else str(row[n]) for n in names]
            for row in rows
        ),
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    return "\n".join(
        "  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in cells
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--only", choices=["export", "corrections"])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    measured: dict[str, list[dict]] = {}
    if given.only != "corrections":
        measured["export"] = []
        for episodes in given.episodes:
            with tempfile.TemporaryDirectory() as directory:
                measured["export"].append(measure_export(episodes, Path(directory)))
    if given.only != "export":
        measured["corrections"] = [
            measure_corrections(part) for part in ("development", "held_back")
        ]
    if given.json:
        print(json.dumps(measured))
    else:
        print("\n\n".join(table(rows) for rows in measured.values()))


if __name__ == "__main__":
    main()
