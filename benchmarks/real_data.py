"""Rows in the form of export_data.py and extract_corrections.py, from dialogues written by people.
Standard library only.

The dialogues are those of Schema-Guided Dialogue (Rastogi and others, 2020; CC BY-SA 4.0), the
requests those of Self-Instruct (Wang and others, 2023; Apache-2.0). Both are beside the checkout,
not in it.
"""

import json
import re
from pathlib import Path

from fae_training.judgement.parts import TRAIN, part_of
from fae_training.store import consent, state

SOURCE = Path(__file__).resolve().parent.parent.parent / "shared" / "conversations"
# Every answer is a row with everything before it as its prompt. With dialogues of any length such a
# row has 560 tokens on average, and the benchmark would take hours.
MOST_ANSWERS = 12
# The weight that extract_corrections.py gives to a correction in the person's own words.
CORRECTION_WEIGHT = 0.9
# The chosen answer has at most this share of the words of the rejected one.
SHORTER = 0.7
MOST_PROMPT_CHARACTERS = 1500
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def dialogues(shortest: int | None = None) -> list[dict]:
    """All dialogues, or this many of the shortest, in the file's order."""
    rows = list(state.read_jsonl(SOURCE / "dialogues.jsonl"))
    longest = sorted(len(json.dumps(row["messages"])) for row in rows)[(shortest or len(rows)) - 1]
    return [row for row in rows if len(json.dumps(row["messages"])) <= longest]


def instructions(count: int) -> list[dict]:
    """`count` requests, evenly spaced in the whole file: no training sees them."""
    rows = list(state.read_jsonl(SOURCE / "instructions.jsonl"))
    return rows[:: max(1, len(rows) // count)][:count]


def _answers(dialogue: dict) -> int:
    return sum(message["role"] == "assistant" for message in dialogue["messages"])


def write_home(home: Path, given: list[dict]) -> dict[str, dict[str, int]]:
    """A state directory with consent, data/sft and data/dpo. Returns, by kind, the rows of each side.

    A dialogue, its row and its corrections are on the side given by the project's own split.
    """
    place = state.Home(home)
    consent.change(place, ["conversations", "corrections"], [])
    counts = {}
    for kind, rows_of in (("sft", conversations), ("dpo", corrections)):
        sides: dict[str, list[dict]] = {"train": [], "valid": []}
        for dialogue in given:
            sides["train" if part_of(dialogue["id"]) == TRAIN else "valid"] += rows_of(dialogue)
        counts[kind] = {side: len(rows) for side, rows in sides.items()}
        for side, rows in sides.items():
            state.write_jsonl(place.file("data", kind, f"{side}.jsonl"), rows)
        summary = f"{counts[kind]['train']} rows of dialogues"
        state.write_json(place.file("data", kind, "meta.json"), {"kind": kind, "summary": summary})
    return counts


def conversations(dialogue: dict) -> list[dict]:
    """A dialogue as a row of data/sft: its messages, tool calls with results, and tools. None for a
    long one."""
    if _answers(dialogue) > MOST_ANSWERS:
        return []
    row = {"messages": dialogue["messages"], "tools": dialogue["tools"], "weight": 1.0}
    return [row | {"source": _source(dialogue)}]


def corrections(dialogue: dict) -> list[dict]:
    """The pairs of one dialogue, as if its person had said "shorter, please: just the main thing"
    wherever a rule can follow that: of an answer of two or more sentences its longest sentence
    is chosen, and the whole answer rejected.

    Longest, because the first is often "Sure." and the last "Anything else?". Answers that would
    hardly get shorter make no pair, nor do those after a long conversation, to save time.
    """
    pairs, messages = [], dialogue["messages"]
    for index, message in enumerate(messages):
        prompt = messages[:index]
        if message["role"] != "assistant" or message.get("tool_calls"):
            continue
        if len(json.dumps(prompt)) > MOST_PROMPT_CHARACTERS:
            break
        chosen = main_sentence(message["content"])
        if chosen is not None:
            pairs.append(
                {
                    "prompt": prompt,
                    "chosen": [{"role": "assistant", "content": chosen}],
                    "rejected": [{"role": "assistant", "content": message["content"]}],
                    "tools": dialogue["tools"],
                    "pattern": "shorter",
                    "weight": CORRECTION_WEIGHT,
                    "source": _source(dialogue),
                }
            )
    return pairs


def main_sentence(answer: str) -> str | None:
    """The sentence of an answer with the most words, None where it is nearly the whole answer."""
    sentences = _SENTENCE_END.split(answer.strip())
    longest = max(sentences, key=lambda sentence: len(sentence.split()))
    whole = len(answer.split())
    return longest if 0 < len(longest.split()) <= SHORTER * whole else None


def _source(dialogue: dict) -> dict:
    return {"ids": [dialogue["id"]], "session": dialogue["id"]}
