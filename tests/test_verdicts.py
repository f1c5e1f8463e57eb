"""Which utterances are a verdict on the previous answer, and which verdict."""

import ast
import json
import re
from pathlib import Path

import pytest

import fae_training
from fae_training.conversations import verdicts
from fae_training.conversations.text import without_wake_word, words
from fae_training.conversations.verdict_cues import CUES

CORPUS = Path(__file__).parent / "data" / "corrections.jsonl"
LONG = (
    "Owls hunt by ear. Their face gathers sound like a dish, one ear sits higher than the other, and so they "
    "know from where a mouse rustles, even under snow and in the dark."
)


def plain(text: str) -> str:
    return " ".join(words(text))


@pytest.mark.parametrize(
    ("kind", "cue"),
    [pytest.param(kind, cue, id=cue.example) for kind, cues in CUES.items() for cue in cues],
)
def test_the_example_of_a_cue_matches_it_and_has_its_verdict(kind, cue):
    """That no earlier kind takes the example is part of it: the kinds are tried in their order."""
    said = without_wake_word(cue.example)
    clauses = [plain(said), *map(plain, re.split(r"[,.;:!?]", said))]
    assert any(re.search(cue.pattern, clause) for clause in clauses)
    assert verdicts.classify(cue.example, "How do owls hunt?", LONG, 5) == kind


def test_conversations_are_read_without_knowing_what_is_learned_from_them():
    """conversations imports neither corrections nor speech, and corrections not speech, inside functions either."""
    package = Path(fae_training.__file__).parent
    for part, others in {
        "conversations": ("corrections", "speech"),
        "corrections": ("speech",),
    }.items():
        for path in (package / part).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [
                    alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")
                ]
                module = getattr(node, "module", "") or ""
                imported = [f"{module}.{name}" if module else name for name in names]
                for other in others:
                    assert not any(f"fae_training.{other}" in name for name in imported), path


@pytest.mark.parametrize("part", ["development", "held_back"])
def test_precision_and_recall_on_labelled_turns(part):
    rows = [row for row in map(json.loads, CORPUS.open(encoding="utf-8")) if row["part"] == part]
    hits = found = wanted = 0
    for row in rows:
        kind = verdicts.classify(
            row["user"], row["before"]["user"], row["before"]["reply"], row["silence"]
        )
        label = None if row["label"] == "none" else row["label"]
        hits += kind == label is not None
        found += kind is not None
        wanted += label is not None
    assert len(rows) >= 80 and wanted >= 40 and len(rows) - wanted >= 35
    assert hits / found >= 0.95
    assert hits / wanted >= 0.85


def test_the_corpus_has_three_hundred_turns_of_every_kind():
    rows = [json.loads(line) for line in CORPUS.open(encoding="utf-8")]
    assert len(rows) >= 300
    assert {row["label"] for row in rows} == {*verdicts.KINDS, "none"}
    texts = [(row["user"], row["before"]["user"]) for row in rows]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("No, thanks.", "I can tell you more if you like."),
        ("Actually, what is the record?", LONG),
        ("Shorter days in winter make me sad.", LONG),
        ("She said it was too long.", LONG),
        ("Too long.", "Yes."),  # one word cannot be
        ("No.", "Shall I go on?"),  # an answer to Fae's question
        ("I meant to call Ana.", LONG),
    ],
)
def test_look_alikes_are_not_verdicts(said, reply):
    assert verdicts.classify(said, "How do owls hunt?", reply, 5) is None


def test_an_answer_that_closes_with_anything_else_can_still_be_too_long():
    assert (
        verdicts.classify("Too long.", "How do owls hunt?", LONG + " Anything else?", 5)
        == "shorter"
    )
