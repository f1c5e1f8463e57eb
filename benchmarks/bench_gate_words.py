# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "jiwer>=4",
#   "numpy",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Error rates of the gate for a speech recogniser that learned a few words, simulated with its own functions.

    uv run benchmarks/bench_gate_words.py
    uv run benchmarks/bench_gate_words.py --rounds 1000
    uv run benchmarks/bench_gate_words.py --write docs/speech.md

With few words (measures.FEWEST_TERMS) each clip is a unit, and clips of a word are correlated: the word is easy
or hard, and so are recordings of one minute. Every candidate is the best of five checkpoints on its
choose part. Only the goal is simulated; the guards could only refuse more.
"""

import argparse
import functools
from pathlib import Path

import numpy as np

import page
from fae_training.judgement import gate, intervals
from fae_training.judgement.benchmark import Benchmark
from fae_training.judgement.parts import JUDGE
from fae_training.speech import measures
from fae_training.speech.material import Example
from fae_training.speech.measures import Heard

# (words, judge clips of each): the clips of training_clips.py for one to four words; the fewest recordings that are
# judged (measures.FEWEST_CLIPS); more words.
SIZES = ((1, 24), (2, 12), (4, 6), (1, 20), (2, 10), (5, 6), (8, 6), (11, 6), (12, 6), (20, 6))
TERMS = [f"Name{number}" for number in range(20)]
CHECKPOINTS, LOOKS, CHOOSING = 5, 10, 4
# Standard deviations, on the scale of logits: of the difficulty of words, of sessions, and of the
# effect of a useless training on each word.
WORDS, SESSIONS, MOVED = 1.5, 1.0, 1.0
QUANTILES = np.quantile(np.random.default_rng(0).normal(0, SESSIONS, 10_000), np.linspace(0.005, 0.995, 100))  # fmt: skip


def recognised(rng, easy: np.ndarray, count: int, session: int) -> np.ndarray:
    """[models, words, count] whether each of the words' clips is recognised; `easy`: [models,
    words]. Clips of a session are correlated."""
    sessions = -(-count // session)
    shape = (*easy.shape, sessions)
    latent = easy[:, :, None] + rng.normal(0, SESSIONS, (1, easy.shape[1], sessions))
    return np.repeat(latent + rng.logistic(0, 1, shape) > 0, session, axis=-1)[:, :, :count]


def recall(easy: np.ndarray) -> np.ndarray:
    """[words] -> the true share of all clips of each word that are recognised."""
    return (1 / (1 + np.exp(-(easy[:, None] + QUANTILES)))).mean(axis=1)


def recommended(candidate: np.ndarray, current: np.ndarray, look: int) -> bool:
    """[words, clips] each: the verdict of the gate on the goal alone."""
    clips = []
    for term, new, old in zip(TERMS, candidate, current, strict=False):
        for number, (after, before) in enumerate(zip(new, old, strict=True)):
            example = Example(f"Call {term}.", "", "recorded", "correction", (term,), JUDGE, f"{term}-{number}")  # fmt: skip
            new_text, old_text = (
                f"Call {term}." if right else "Call Mary." for right in (after, before)
            )
            clips.append(Heard(example, new_text, old_text, old_text))
    goal = measures.term_recall(clips, TERMS[: len(candidate)])
    return gate.decide(Benchmark((goal,), True, 1, 1, None), look).verdict == gate.PASS


def rates(rng, words: int, clips: int, session: int, moved: float, rounds: int) -> dict[str, float]:
    """Shares of rounds: recommended at the first look, at any look, and although these very words
    are recognised no better."""
    found = {"first": 0, "any": 0, "untrue": 0}
    for _ in range(rounds):
        easy = rng.normal(0, WORDS, words)
        current = (
            recognised(rng, easy[None], CHOOSING, session),
            recognised(rng, easy[None], clips, session),
        )
        passed = []
        for look in range(1, LOOKS + 1):
            changed = easy + rng.normal(0, moved, (CHECKPOINTS, words))
            best = recognised(rng, changed, CHOOSING, session).mean(axis=(1, 2)).argmax()
            after = recognised(rng, changed[best][None], clips, session)[0]
            if recommended(after, current[1][0], look):
                passed.append((look, (recall(changed[best]) - recall(easy)).mean()))
        found["first"] += any(look == 1 for look, _ in passed)
        found["any"] += bool(passed)
        found["untrue"] += any(effect <= 0 for _, effect in passed)
    return {name: count / rounds for name, count in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=60, metavar="N", help="default: 60")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page to write into")
    arguments = parser.parse_args()
    intervals.t_quantile = functools.cache(intervals.t_quantile)  # always the same few
    rng = np.random.default_rng(20261126)
    rows = []
    for words, clips in SIZES:
        row = [f"{words} x {clips}"]
        for session, moved in ((1, 0.0), (3, 0.0)):
            found = rates(rng, words, clips, session, moved, arguments.rounds)
            row.append(f"{found['first']:.1%} / {found['any']:.1%}")
        found = rates(rng, words, clips, 1, MOVED, arguments.rounds)
        row += [f"{found['untrue']:.1%}", f"{found['first']:.1%} / {found['any']:.1%}"]
        print(row, flush=True)
        rows.append(row)
    head = [
        "words x clips", "clips independent", "three clips alike",
        "words move at random: recommended, and these words no better", "recommended at all",
    ]  # fmt: skip
    text = "\n".join(page.table(head, rows))
    print(text)
    if arguments.write:
        page.write_section(arguments.write, "bench-gate-words", "How often the gate is wrong about few words", text)  # fmt: skip


if __name__ == "__main__":
    main()
