# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training", "phonenumbers>=9", "python-stdnum>=2"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""How many requests to forget and secrets the forms and the learned scans find in rounds from which nothing was learned.

    uv run benchmarks/bench_scans.py
    uv run benchmarks/bench_scans.py --write docs/data.md

The rounds are the held-back ones of tools/learn_scans.py. Also counts what is taken of everyday talk, and of messages
of real people if ../shared/conversations is there. Takes seconds.
"""

import argparse
import json
import runpy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import page
from fae_training.conversations import secrets
from fae_training.conversations.forget_requests import forget_request
from fae_training.conversations.linear_scan import scan

ROOT = Path(__file__).resolve().parent.parent
LEARN = runpy.run_path(str(ROOT / "tools" / "learn_scans.py"))
DIALOGUES = ROOT.parent / "shared" / "conversations" / "dialogues.jsonl"
# How a text is found.
FORM, LIKELY, POSSIBLE = 3, 2, 1
# How the authors of a round were asked to write. The rounds in ONCE were scored once, by the weights that are here.
MANNERS = {
    "forget_requests": {
        31: "plain", 32: "plain, unusual speakers", 35: "plain", 13: "any way", 36: "any way",
        37: "plain, some among other sentences", 38: "any way, half among other sentences",
    },
    "secrets": {16: "plain", 7: "any way", 17: "any way", 18: "any way"},
}  # fmt: skip
ONCE = {"forget_requests": (37, 38), "secrets": (18,)}
BY_FORM: dict[str, Callable[[str], bool]] = {
    "forget_requests": lambda text: forget_request(text) is not None,
    "secrets": lambda text: bool(secrets.find(text)),
}


@dataclass(frozen=True)
class Counts:
    """How many of some texts are found in a way or a surer one."""

    of: int
    form: int
    likely: int
    possible: int


def counted(name: str, texts: list[str]) -> Counts:
    ways = Counter(found(name, text) for text in texts)
    at_least = [sum(ways[way] for way in range(least, FORM + 1)) for least in (FORM, LIKELY, POSSIBLE)]  # fmt: skip
    return Counts(len(texts), *at_least)


def found(name: str, text: str) -> int:
    """How `text` is found by the forms and the scan called `name`; 0 if it is not."""
    if BY_FORM[name](text):
        return FORM
    possible = scan(name).found_in(text)
    return 0 if not possible else LIKELY if possible[0].is_likely else POSSIBLE


def rounds(name: str) -> tuple[list[str], Counts, Counts]:
    """The lines of a table, and the counts of all rounds: of what is of the kind, and of look-alikes."""
    asked = name == "forget_requests"
    levels = ["asked", "left out"] if asked else ["left out"]
    head = [name.replace("forget_", ""), "of", "forms", *levels, "look-alikes", *levels]
    sentences, rows = LEARN["corpora"]()[name], []
    texts: dict[bool, list[str]] = {True: [], False: []}
    for number, manner in MANNERS[name].items():
        of_round = [s for s in sentences if s.round == number]
        kinds = {kind: [s.text for s in of_round if s.is_of_kind is kind] for kind in texts}
        mine, others = (counted(name, kinds[kind]) for kind in (True, False))
        for kind, some in kinds.items():
            texts[kind] += some
        once = ", scored once" if number in ONCE[name] else ""
        shown = [(c.likely, c.possible) if asked else (c.possible,) for c in (mine, others)]
        numbers = [mine.of, mine.form, *shown[0], others.of, *shown[1]]
        rows.append([f"round {number}, {manner}{once}", *map(str, numbers)])
    return page.table(head, rows), counted(name, texts[True]), counted(name, texts[False])


def section() -> str:
    requests, mine, others = rounds("forget_requests")
    told, secret, _ = rounds("secrets")
    said = [json.loads(line)["text"] for line in (LEARN["DATA"] / "everyday.jsonl").open(encoding="utf-8")]  # fmt: skip
    apart = [text for text in said if LEARN["held_back"](text)]
    asked, left_out = counted("forget_requests", apart), counted("secrets", apart)
    lines = [
        *requests,
        "",
        *told,
        "",
        f"So of {mine.of:,} requests {mine.likely / mine.of:.2f} are asked about or recognised (precision among requests and look-alikes "
        f"{mine.likely / (mine.likely + others.likely):.2f}) and {mine.possible / mine.of:.2f} are not learned, and of {secret.of} secrets "
        f"{secret.possible / secret.of:.2f}. Of {len(apart):,} lines of everyday talk from which nothing was learned, {asked.likely} are asked about and "
        f"{asked.possible} left out as possible requests, and {left_out.possible} as possible secrets.",
    ]
    if DIALOGUES.exists():
        dialogues = [
            [m["content"] for m in json.loads(line)["messages"] if m["role"] == "user"]
            for line in DIALOGUES.open(encoding="utf-8")
        ]
        messages = [text for dialogue in dialogues for text in dialogue]
        asked, left_out = counted("forget_requests", messages), counted("secrets", messages)
        in_dialogues = sum(any(found("forget_requests", text) >= LIKELY for text in d) for d in dialogues)  # fmt: skip
        lines[-1] += (
            f" Of {len(messages):,} messages that people wrote in {len(dialogues)} dialogues, most of them to book something, "
            f"{asked.likely} are asked about (in {in_dialogues} dialogues), {asked.possible} left out as possible requests, and "
            f"{left_out.possible} as possible secrets."
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, metavar="PAGE")
    given = parser.parse_args()
    text = section()
    if given.write:
        page.write_section(given.write, "bench-scans", "Scans", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
