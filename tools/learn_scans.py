# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training", "phonenumbers>=9", "python-stdnum>=2", "scikit-learn>=1.5", "scipy>=1.14"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Fit the weights of the learned scans to the labelled sentences in tests/data: lib/fae_training/conversations/weights.

    uv run tools/learn_scans.py                  write the weights
    uv run tools/learn_scans.py --rounds         for each round of sentences, what weights fitted to the earlier ones find

A logistic regression with an L2 penalty, in which both labels weigh the same. Each scan also learns that
the other sentences of the corpora, and the questions of the capability suite, are not of its kind.
"""

import argparse
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fae_training.conversations import secrets
from fae_training.conversations.forget_requests import forget_request
from fae_training.conversations.linear_scan import (
    Scan,
    features,
    letter_groups,
    parts,
    words_of,
)

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
WEIGHTS = ROOT / "lib" / "fae_training" / "conversations" / "weights"
# The rounds of each corpus from which nothing is ever learned: the tests measure on them.
HELD_BACK = {"forget_requests": (13, 31, 32, 35, 36, 37, 38), "secrets": (7, 16, 17, 18)}
# scikit-learn's C, the inverse of the penalty.
INVERSE_PENALTY = 0.3
# Words, and groups of letters, of fewer sentences are not learned.
LEAST_SENTENCES, LEAST_SENTENCES_OF_LETTERS = 2, 3
# How much a line of everyday talk counts: there are few of them beside what is said all day.
EVERYDAY_COUNTS = 3.0
# The shares of what is said every day that may be likely, and possibly, of a kind. A likely request is asked about; a turn that
# is left out is hardly missed among the others, and what is learned by mistake cannot be taken back.
LIKELY, POSSIBLE = 0.012, 0.03
FOLDS = 4


@dataclass(frozen=True)
class Sentence:
    """A labelled text. round: in which round of its corpus it was written."""

    text: str
    is_of_kind: bool
    round: int


def corpora() -> dict[str, list[Sentence]]:
    """The labelled sentences of each scan."""
    return {
        "forget_requests": [
            Sentence(row["text"], row["forget"] is not None, row.get("round", 1))
            for row in _rows(DATA / "forget_requests.jsonl")
        ],
        "secrets": [
            # A middle dot parts the keys, so that no scanner of repositories takes them for real.
            Sentence(row["text"].replace("·", ""), row["label"] == "secret", row.get("round", 1))
            for row in _rows(DATA / "secrets.jsonl")
            # What is told over two turns is left to the rules.
            if "text" in row
        ],
    }


def everyday() -> list[str]:
    """What people say to an assistant in the other corpora: none of it a secret, nor a request to forget."""
    files = [
        *sorted((ROOT / "lib/fae_training/capabilities").glob("*/*.jsonl")),
        DATA / "requests.jsonl",
        DATA / "corrections.jsonl",
    ]
    said = {text for file in files for row in _rows(file) for text in _said(row)} | ordinary()
    return sorted(text for text in said if not secrets.find(text))


def ordinary() -> set[str]:
    """The lines of everyday.jsonl from which is learned: all kinds of talk in four languages, written for this."""
    lines = {row["text"] for row in _rows(DATA / "everyday.jsonl")}
    return {text for text in lines if not held_back(text)}


def held_back(text: str) -> bool:
    """Whether a line of everyday.jsonl is one of the third from which nothing is learned."""
    return hashlib.sha256(text.encode()).digest()[0] % 3 == 0


def learned_from(name: str) -> str:
    """A fingerprint of everything that the weights of a scan are made from."""
    what = [sorted((s.text, s.is_of_kind) for s in sentences_of(name)), negatives_of(name)]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def sentences_of(name: str) -> list[Sentence]:
    """The sentences that a scan learns from."""
    return [s for s in corpora()[name] if s.round not in HELD_BACK[name]]


def negatives_of(name: str) -> list[str]:
    """Texts that are not of a scan's kind; a password in a request to forget is a secret all the same."""
    others = {s.text for other in corpora() if other != name for s in sentences_of(other)}
    return sorted({text for text in others if not _found_by_the_rules(name, text)} | {*everyday()})


def _found_by_the_rules(name: str, text: str) -> bool:
    return (
        forget_request(text) is not None if name == "forget_requests" else bool(secrets.find(text))
    )


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _said(value: object) -> Iterator[str]:
    """The texts of the person in a row, whatever its form."""
    if isinstance(value, list):
        for each in value:
            yield from _said(each)
    if isinstance(value, dict):
        if value.get("role") == "user" and isinstance(value.get("content"), str):
            yield value["content"]
        for key, each in value.items():
            if key in ("prompt", "question", "user", "request", "said", "text") and isinstance(
                each, str
            ):
                yield each
            else:
                yield from _said(each)


def fitted(sentences: list[Sentence], negatives: list[str]) -> Scan:
    """The regression, still without its threshold."""
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    said_every_day, texts, labels, counted = ordinary(), [], [], []
    for sentence in sentences:
        # Which part of a text is of the kind is not known, but no part of a look-alike is.
        for part in [sentence.text] if sentence.is_of_kind else _parts(sentence.text):
            texts.append(words_of(part))
            labels.append(sentence.is_of_kind)
            counted.append(1.0)
    for text in negatives:
        for part in _parts(text):
            texts.append(words_of(part))
            labels.append(False)
            counted.append(EVERYDAY_COUNTS if text in said_every_day else 1.0)
    vectorizers = [
        CountVectorizer(analyzer=lambda words: sorted(features(words)), min_df=LEAST_SENTENCES),
        CountVectorizer(
            analyzer=lambda words: [group for word in sorted({*words}) for group in letter_groups(word)],
            min_df=LEAST_SENTENCES_OF_LETTERS,
        ),
    ]  # fmt: skip
    counts = sparse.hstack([vectorizer.fit_transform(texts) for vectorizer in vectorizers])
    model = LogisticRegression(
        C=INVERSE_PENALTY, class_weight="balanced", max_iter=5000, tol=1e-5
    ).fit(counts.tocsr(), labels, counted)
    learned = [round(float(weight), 2) for weight in model.coef_[0]]
    weights, letters = ({}, {})
    for vectorizer, into in zip(vectorizers, (weights, letters), strict=True):
        names = vectorizer.get_feature_names_out()
        into.update((str(n), w) for n, w in zip(names, learned, strict=False) if w)
        learned = learned[len(names) :]
    return Scan("", 0.0, 0.0, round(float(model.intercept_[0]), 2), weights, letters)


def _parts(text: str) -> list[str]:
    return sorted({text, *(part.text for part in parts(text))})


def thresholds(name: str, sentences: list[Sentence]) -> tuple[float, float]:
    """(likely, possible): the scores that the allowed shares of the ordinary lines exceed, each line scored by weights that were fitted without it."""
    negatives, lines, scores = negatives_of(name), ordinary(), []
    for fold in range(FOLDS):
        apart = {
            text for text in lines if hashlib.sha256(text.encode()).digest()[1] % FOLDS == fold
        }
        scan = fitted(sentences, [text for text in negatives if text not in apart])
        scores += map(scan.highest, apart)
    scores.sort()
    likely, possible = (
        round(scores[-1 - int(share * len(scores))], 2) for share in (LIKELY, POSSIBLE)
    )
    return likely, possible


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", action="store_true", help="measure, and write nothing")
    arguments = parser.parse_args()
    for name, sentences in corpora().items():
        if arguments.rounds:
            measure(name, sentences)
            continue
        sentences = sentences_of(name)
        likely, possible = thresholds(name, sentences)
        scan = replace(
            fitted(sentences, negatives_of(name)),
            learned_from=learned_from(name),
            likely=likely,
            possible=possible,
        )
        WEIGHTS.mkdir(exist_ok=True)
        text = json.dumps(asdict(scan), ensure_ascii=False, indent=0)
        (WEIGHTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(scan.weights)} weights from {len(sentences)} sentences")


def measure(name: str, sentences: list[Sentence]) -> None:
    """Prints for each round what the forms find, and what they and a scan fitted to the earlier rounds find."""
    for last in sorted({s.round for s in sentences})[1:]:
        earlier = [s for s in sentences if s.round < last and s.round not in HELD_BACK[name]]
        scan, of_round = (
            fitted(earlier, negatives_of(name)),
            [s for s in sentences if s.round == last],
        )
        likely, possible = thresholds(name, earlier)
        of = Counter(s.is_of_kind for s in of_round)
        print(f"{name}, round {last}: {of[True]} of the kind, {of[False]} look-alikes;", end=" ")
        for level, least in (("forms", math.inf), ("likely", likely), ("possible", possible)):
            found = Counter(
                s.is_of_kind
                for s in of_round
                if scan.highest(s.text) > least or _found_by_the_rules(name, s.text)
            )
            print(
                f"{level} {found[True]}, {found[False]} taken",
                end="\n" if least == possible else "; ",
            )


if __name__ == "__main__":
    main()
