"""The three parts of the data: training, validation and test set.

train   80 %: trained on
choose  10 %: validation set; for checkpoint selection, early stopping, calibration and thresholds
judge   10 %: test set; measured once, at the end, and used for nothing else

The part depends only on a stable hash of the id of an item's group (a conversation, a term, a speaker). So an item stays
in its part whatever is added, removed or exported later, and everything derived from a group is in the same part.
data/<kind>/valid.jsonl holds choose and judge, marked by "part".
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

TRAIN, CHOOSE, JUDGE = "train", "choose", "judge"
HELD_OUT_PERCENT = 20
JUDGE_PERCENT = 10

Item = TypeVar("Item")


def part_of(group: str) -> str:
    """The part of the group with this id."""
    place = place_of(group)
    return JUDGE if place < JUDGE_PERCENT else CHOOSE if place < HELD_OUT_PERCENT else TRAIN


def place_of(group: str) -> int:
    """The place of a group's hash, from 0 to 99. The lowest places are held out."""
    return _hash("held out? " + group) % 100


def part_of_held_out(group: str) -> str:
    """CHOOSE or JUDGE, for a group that is already held out."""
    part = part_of(group)
    return part if part != TRAIN else (CHOOSE, JUDGE)[_hash("judged? " + group) % 2]


def group_of(source: dict, content: object) -> str:
    """The id of a row's group: its conversation, else its first record, else its own content."""
    if source.get("session"):
        return str(source["session"])
    if ids := source.get("ids"):
        return str(ids[0])
    return json.dumps(content, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True)
class HeldOut(Generic[Item]):
    """`apart`: choose and judge are disjoint. If there is too little for both, each contains all held-out items."""

    choose: list[Item]
    judge: list[Item]
    apart: bool


def divided(items: Iterable[Item], part: Callable[[Item], str]) -> HeldOut[Item]:
    """Divide held-out items by their part."""
    items = list(items)
    choose = [item for item in items if part(item) == CHOOSE]
    judge = [item for item in items if part(item) == JUDGE]
    if choose and judge:
        return HeldOut(choose, judge, True)
    return HeldOut(items, items, False)


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
