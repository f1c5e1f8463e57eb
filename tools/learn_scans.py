# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training", "phonenumbers>=9", "python-stdnum>=2", "scikit-learn>=1.5"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Fit the weights of the learned scans to the labelled sentences in tests/data: lib/fae_training/conversations/weights.

    uv run tools/learn_scans.py                  write the weights
    uv run tools/learn_scans.py --rounds         for each round of sentences, what weights fitted to the earlier ones find

A logistic regression with an L2 penalty of 1, in which both labels weigh the same. Each scan also learns that
the other sentences of the corpora, and the questions of the capability suite, are not of its kind.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fae_training.conversations import secrets
from fae_training.conversations.linear_scan import features

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
WEIGHTS = ROOT / "lib" / "fae_training" / "conversations" / "weights"
# Features of fewer sentences are not learned, and weights nearer to 0 than this are left out.
LEAST_SENTENCES = 2
SMALLEST_WEIGHT = 0.02


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
            Sentence(row["text"], row["label"] == "secret", row.get("round", 1))
            for row in _rows(DATA / "secrets.jsonl")
            # What is told over two turns is left to the rules.
            if "text" in row
        ],
    }


def everyday() -> list[str]:
    """What people say to an assistant in the other corpora: none of it a secret, nor a request to forget."""
    files = [*sorted((ROOT / "lib/fae_training/capabilities").glob("*/*.jsonl")), DATA / "requests.jsonl", DATA / "corrections.jsonl"]  # fmt: skip
    said = {text for file in files for row in _rows(file) for text in _said(row)}
    return sorted(text for text in said if not secrets.find(text))


def learned_from(name: str) -> str:
    """A fingerprint of everything that the weights of a scan are made from."""
    what = [sorted((s.text, s.is_of_kind) for s in corpora()[name]), _negatives(name)]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _negatives(name: str) -> list[str]:
    others = (rows for other, rows in corpora().items() if other != name)
    # A password in a request to forget is a secret all the same.
    said = [
        s.text for rows in others for s in rows if not s.is_of_kind and not secrets.find(s.text)
    ]
    return sorted({*said, *everyday()})


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


def fitted(sentences: list[Sentence], negatives: list[str]) -> tuple[float, dict[str, float]]:
    """(intercept, weights) of the regression."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = CountVectorizer(
        analyzer=lambda text: sorted(features(text)), binary=True, min_df=LEAST_SENTENCES
    )
    counts = vectorizer.fit_transform([s.text for s in sentences] + negatives)
    labels = [s.is_of_kind for s in sentences] + [False] * len(negatives)
    model = LogisticRegression(class_weight="balanced", max_iter=5000, tol=1e-6).fit(counts, labels)
    pairs = zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
    weights = {str(name): round(float(w), 2) for name, w in pairs if abs(w) >= SMALLEST_WEIGHT}
    return round(float(model.intercept_[0]), 2), weights


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
        intercept, weights = fitted(sentences, _negatives(name))
        scan = {
            "learned_from": learned_from(name),
            "intercept": intercept,
            "weights": dict(sorted(weights.items())),
        }
        WEIGHTS.mkdir(exist_ok=True)
        text = json.dumps(scan, ensure_ascii=False, indent=0)
        (WEIGHTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(weights)} weights from {len(sentences)} sentences")


def measure(name: str, sentences: list[Sentence]) -> None:
    for last in sorted({s.round for s in sentences})[1:]:
        intercept, weights = fitted([s for s in sentences if s.round < last], _negatives(name))
        found = {True: [0, 0], False: [0, 0]}
        for s in sentences:
            if s.round == last:
                score = intercept + sum(weights.get(f, 0.0) for f in features(s.text))
                found[s.is_of_kind][0] += score > 0
                found[s.is_of_kind][1] += 1
        (hits, of), (taken, others) = found[True], found[False]
        print(f"{name}, round {last}: {hits} of {of} found, {taken} of {others} look-alikes taken")


if __name__ == "__main__":
    main()
