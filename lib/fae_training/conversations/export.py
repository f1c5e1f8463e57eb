"""Turns conversations into training rows and writes data/sft/."""

import contextlib
import hashlib
import json
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from fae_training.calls.counting import counted
from fae_training.conversations import feedback
from fae_training.conversations.dialogue import Conversation, Dialogue, Turn
from fae_training.conversations.filters import LONGEST_TURN
from fae_training.conversations.text import STOPWORDS, fingerprint, shortened, words
from fae_training.judgement.parts import HELD_OUT_PERCENT, TRAIN
from fae_training.store.state import Home, now, temporary_file
from fae_training.store.transactions import changing

SAMPLES = 5
_YEAR_10000 = 253_402_300_800  # unix seconds
TOPICS = 12
# Words counted at a time; beyond this, rare ones are dropped to bound memory.
_MOST_WORDS = 20000


def unix_seconds(text: str) -> int:
    """--since: unix seconds or ISO 8601, as unix seconds; "" means from the start. A date without a
    time zone is in this machine's zone."""
    if not text.strip():
        return 0
    with contextlib.suppress(ValueError, OverflowError):
        if 0 <= (seconds := float(text)) < _YEAR_10000:
            return int(seconds)
    try:
        return int(datetime.fromisoformat(text.strip().replace("Z", "+00:00")).timestamp())
    except (ValueError, OverflowError):
        raise ArgumentTypeError(
            f"{text} is not a time: expected unix seconds or a date such as 2026-11-01 or "
            "2026-11-01T09:30:00Z"
        ) from None


def pieces(conversation: Conversation) -> Iterator[list[Turn]]:
    """A conversation as rows: runs of turns without a gap, none longer than the maximum length of a turn."""
    for stretch in conversation.stretches():
        piece: list[Turn] = []
        length = 0
        for turn in stretch:
            size = len(turn.user) + len(turn.reply)
            if piece and length + size > LONGEST_TURN:
                yield piece
                piece, length = [], 0
            piece.append(turn)
            length += size
        yield piece


def sft_row(
    conversation: Conversation, turns: list[Turn], system_prompt: str | None
) -> dict | None:
    """One supervised row; None where it has no answer to train on.

    An answer that the person called wrong stays as context for the better one, with the weight 0
    that means "not a target" in chat fine-tuning files.
    """
    right = [turn for turn in turns if turn.verdict != "wrong"]
    if not right:
        return None
    messages = [{"role": "system", "content": system_prompt}] if system_prompt else []
    for turn in turns:
        answer = {"role": "assistant", "content": turn.reply}
        messages += [
            {"role": "user", "content": turn.user},
            answer if turn.verdict != "wrong" else answer | {"weight": 0},
        ]
    return {
        "messages": messages,
        "weight": round(sum(turn.score for turn in right) / len(right), 3),
        "source": {"ids": [turn.episode for turn in turns], "session": conversation.session},
    }


@dataclass
class Summary:
    """The findings of an export, the same for a dry run."""

    rows: Counter[str] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)
    conversations: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[int, dict]] = field(default_factory=list)
    weights: Counter[str] = field(default_factory=Counter)
    feedback: int = 0

    def count(self, conversation: Conversation, turns: list[Turn], row: dict) -> str:
        side = "train" if conversation.part == TRAIN else "valid"
        self.rows[side] += 1
        self.turns[side] += len(turns)
        self.weights[
            "low" if row["weight"] < 0.4 else "high" if row["weight"] > 0.7 else "middle"
        ] += 1
        for turn in turns:
            self.words.update({w for w in words(turn.user) if len(w) > 3 and w not in STOPWORDS})
        if len(self.words) > _MOST_WORDS:
            self.words = Counter(dict(self.words.most_common(_MOST_WORDS // 2)))
        # The same five in any order: those whose ids hash lowest.
        self.samples.append((fingerprint(row["source"]["ids"][0]), row))
        self.samples = sorted(self.samples, key=lambda sample: sample[0])[:SAMPLES]
        return side

    def topics(self) -> list[tuple[str, int]]:
        return [(word, n) for word, n in self.words.most_common(TOPICS) if n > 1]

    def shown(self) -> list[dict]:
        """The sample rows, short enough to be read aloud."""
        return [
            {
                "user": shortened(row["messages"][-2]["content"], 80),
                "assistant": shortened(row["messages"][-1]["content"], 120),
                "weight": row["weight"],
            }
            for _, row in self.samples
        ]


def rows(
    found: Dialogue, system_prompt: str | None, summary: Summary
) -> Iterator[tuple[str, dict]]:
    """("train" or "valid", row) of everything that may be learned from, counted in `summary`."""
    found.leave_out_duplicates()
    received = feedback.read(found.database.directory)
    for conversation in found.conversations():
        used = False
        summary.feedback += feedback.apply(conversation.turns, received)
        for turns in pieces(conversation):
            row = sft_row(conversation, turns, system_prompt)
            if row is None:
                found.excluded["called_wrong"] += len(turns)
                continue
            if conversation.part != TRAIN:
                row["part"] = conversation.part
            used = True
            yield summary.count(conversation, turns, row), row
        summary.conversations += used
    summary.excluded = found.excluded


def count(labelled_rows: Iterable[tuple[str, dict]]) -> Counter[str]:
    """Count the rows of each side; a dry run does this instead of writing."""
    return Counter(side for side, _ in labelled_rows)


def meta(found: Dialogue, prompt: str | None, summary: Summary, since: int | None) -> dict:
    """The contents of meta.json for an export."""
    speakers = found.speakers
    warnings = [note for note in (speakers.warning, found.database.warning) if note]
    if prompt is None:
        warnings.append(
            f"there is no soul.md in {found.database.directory}, so the rows have no system prompt"
        )
    if not summary.rows["valid"]:
        warnings.append(
            "nothing is held out yet: the random split put no conversation on that side; more will "
            "come"
        )
    used = summary.turns["train"] + summary.turns["valid"]
    return {
        "kind": "sft",
        "summary": f"{counted(used, 'turn')} of {counted(summary.conversations, 'conversation')}",
        "episodes": found.read,
        "conversations": summary.conversations,
        "turns": {side: summary.turns[side] for side in ("train", "valid")},
        "rows": {side: summary.rows[side] for side in ("train", "valid")},
        "excluded": dict(summary.excluded.most_common()),
        "weights": {name: summary.weights[name] for name in ("low", "middle", "high")},
        "feedback": summary.feedback,
        "topics": summary.topics(),
        "held_out": f"{HELD_OUT_PERCENT}% by a hash of the conversation's id, half of it to choose by and half to judge by",
        "system_prompt": None
        if prompt is None
        else {"from": "soul.md", "sha256": hashlib.sha256(prompt.encode()).hexdigest()},
        "database_schema": found.database.schema_version,
        "owner_is_enrolled": speakers.owner_is_enrolled,
        "since": since,
        "newest_episode": found.newest,
        "warnings": warnings,
    }


def write(
    home: Home,
    kind: str,
    labelled_rows: Iterable[tuple[str, dict]],
    meta: Callable[[], dict],
    check: Callable[[], None],
) -> dict:
    """Write train.jsonl, valid.jsonl and meta.json of data/<kind>/ in one change: all of it or nothing.

    `meta` is called after the last row, when it is known, and `check` at the moment of the change; an exception
    of either leaves the old files in place. Returns the contents of meta.json, with the fingerprint of the data from
    provenance.facts.
    """
    directory = home.directory("data", kind)
    with contextlib.ExitStack() as open_files:
        paths = {
            side: open_files.enter_context(temporary_file(directory / f"{side}.jsonl"))
            for side in ("train", "valid")
        }
        with (
            paths["train"].open("w", encoding="utf-8") as train,
            paths["valid"].open("w", encoding="utf-8") as valid,
        ):
            files = {"train": train, "valid": valid}
            for side, row in labelled_rows:
                files[side].write(json.dumps(row, ensure_ascii=False) + "\n")
        facts = meta()
        digest = hashlib.sha256()
        for side in ("train", "valid"):
            with paths[side].open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        facts |= {"data_fingerprint": digest.hexdigest()[:16], "made_at": now()}
        with changing(home) as change:
            check()
            for side, path in paths.items():
                change.take(directory / f"{side}.jsonl", path)
            change.write(directory / "meta.json", facts)
    return facts
