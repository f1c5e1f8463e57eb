"""Corrections that newer versions of Fae recorded: in memory records, and in the files of the training bridge.

memory_records    tags ["correction", "nameError"|"mishearing"|...], a sentence in text
training/data/dpo_pairs.jsonl          {"prompt", "chosen", "rejected", "metadata": {"reason", "source_episode_id", ...}}
training/data/stt_corrections.jsonl    the heard and the meant text; its keys are documented nowhere

The sentences name the right word, and the wrong one only where the person said it. A pair is rebuilt
from its two episodes instead of its texts, because episodes are filtered and can be forgotten.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fae_training.calls.errors import SkillError
from fae_training.conversations.dialogue import Conversation, Turn
from fae_training.conversations.text import STOPWORDS
from fae_training.corrections.spoken import SpokenCorrection
from fae_training.judgement.parts import TRAIN
from fae_training.patterns import lazy_pattern
from fae_training.rows.row_forms import PreferencePair
from fae_training.rows.training_rows import values

PAIRS, HEARD = "dpo_pairs.jsonl", "stt_corrections.jsonl"
# Weaker evidence than the person's own words: the bridge takes the next answer, whatever the question.
WEIGHT = 0.6
# The request stayed the same; after "no, I meant" it did not.
SAME_REQUEST = ("explicit_rephrase", "silent_abandonment_retry")
_NAME = lazy_pattern(
    r"User corrected a name: their name is (?P<meant>[^,]{2,60}?)(?:, not (?P<heard>.{2,60}?))?\."
)
_HEARD_KEYS = ("heard", "original", "transcript", "wrong", "hypothesis")
_MEANT_KEYS = ("meant", "corrected", "corrected_transcript", "text", "reference")


@dataclass(frozen=True)
class Noted:
    """Misheard words, and names whose wrong form is not known."""

    heard: tuple[SpokenCorrection, ...] = ()
    names: tuple[str, ...] = ()


def in_records(texts: Iterable[str]) -> Noted:
    """The words in the sentences of correction records; sentences without one are skipped."""
    misheard, names = [], []
    for text in texts:
        found = _NAME.match(text)
        if not found or found["meant"].lower() in STOPWORDS:
            continue
        meant, wrong = found["meant"].strip(), (found["heard"] or "").strip()
        if wrong and wrong.lower() != meant.lower():
            misheard.append(SpokenCorrection(wrong, meant, "noted"))
        elif not wrong:
            names.append(meant)
    return Noted(tuple(dict.fromkeys(misheard)), tuple(dict.fromkeys(names)))


def bridge_directory(database: Path) -> Path:
    """training/data beside a database of Fae's."""
    return database.parent / "training" / "data"


def heard_by_the_bridge(directory: Path) -> tuple[SpokenCorrection, ...]:
    """The rows of stt_corrections.jsonl with both a heard and a meant text."""
    found = []
    for row in _rows(directory / HEARD):
        heard, meant = (_first(row, keys) for keys in (_HEARD_KEYS, _MEANT_KEYS))
        if heard and meant and heard != meant:
            found.append(SpokenCorrection(heard, meant, "noted"))
    return tuple(dict.fromkeys(found))


def _first(row: dict, keys: tuple[str, ...]) -> str:
    texts = [row[key].strip() for key in keys if isinstance(row.get(key), str)]
    return next(filter(None, texts), "")


def _rows(path: Path) -> Iterator[dict]:
    """The objects in a file of the app's; none where it does not exist or cannot be read."""
    if not path.is_file():
        return
    try:
        yield from (value for _, value in values(path) if isinstance(value, dict))
    except SkillError:
        return


class BridgePairs:
    """The pairs of dpo_pairs.jsonl, rebuilt from the episodes that they name."""

    def __init__(self, directory: Path, system_prompt: str | None):
        self.system_prompt = system_prompt
        self.wanted = []
        for row in _rows(directory / PAIRS):
            metadata = row.get("metadata")
            if not isinstance(metadata, dict) or metadata.get("reason") not in SAME_REQUEST:
                continue
            ids = [metadata.get(f"{name}_episode_id") for name in ("source", "correction")]
            if all(isinstance(each, str) for each in ids):
                self.wanted.append((*ids, metadata["reason"]))
        self._named = {each for pair in self.wanted for each in pair[:2]}
        self._turns: dict[str, tuple[Conversation, Turn]] = {}

    def add_conversation(self, conversation: Conversation) -> None:
        """Every conversation that may be learned from, one after the other."""
        for turn in conversation.turns:
            if turn.episode in self._named:
                self._turns[turn.episode] = conversation, turn

    def pairs(self, mined: Iterable[PreferencePair]) -> Iterator[tuple[bool, PreferencePair]]:
        """(held out, pair) for the pairs whose two episodes may be learned from and that were not
        found otherwise."""
        known = {(pair.chosen["content"], pair.rejected["content"]) for pair in mined}
        for source, correction, reason in self.wanted:
            if source not in self._turns or correction not in self._turns:
                continue
            (conversation, wrong), (other, right) = self._turns[source], self._turns[correction]
            if conversation.part != other.part or wrong.reply == right.reply:
                continue
            if (right.reply, wrong.reply) in known:
                continue
            known.add((right.reply, wrong.reply))
            prompt = [{"role": "user", "content": wrong.user}]
            if self.system_prompt:
                prompt.insert(0, {"role": "system", "content": self.system_prompt})
            held_out = conversation.part != TRAIN
            yield (
                held_out,
                PreferencePair(
                    prompt,
                    {"role": "assistant", "content": right.reply},
                    {"role": "assistant", "content": wrong.reply},
                    pattern=f"noted_{reason}",
                    weight=WEIGHT,
                    source={"ids": [source, correction], "session": conversation.session},
                    part=conversation.part if held_out else None,
                ),
            )
