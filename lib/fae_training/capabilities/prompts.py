"""The prompts for rehearsal: the bundled ones in rehearsal/, and a person's own in rehearsal/ of
the state directory.

Fine-tuning on conversations without tools makes a model forget its tools. So a share of the
training uses these prompts with the model's answers from before the training
(language/rehearsed.py). They have the fields of suite.py's items except check: no answer is judged,
because the model's own is kept whatever it is.
"""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from fae_training.capabilities import suite
from fae_training.capabilities.task import Item
from fae_training.store.state import Home

BUNDLED = Path(__file__).with_name("rehearsal")


@dataclass(frozen=True)
class Prompts:
    """Prompts in order of use: a person's own first, then one of each category before a second of any.

    version changes with anything that an answer depends on. judged: the ids of prompts that nearly
    repeat items by which the run is judged; they are left out.
    """

    items: tuple[Item, ...]
    version: str
    judged: tuple[str, ...]


def load(home: Home, judging: suite.Suite) -> Prompts:
    """The prompts that a run judged by the suite `judging` may rehearse.

    Raises BadRequest with file and line of an invalid prompt of the person's own.
    """
    bundled = {item.id for item in suite.read_items([BUNDLED], judged=False)}
    items = suite.read_items([BUNDLED, home.file("rehearsal")], judged=False)
    judged = tuple(item.id for item in items if _is_judged(item, judging))
    kept = [item for item in items if item.id not in judged]
    ordered = [
        *_in_turn([item for item in kept if item.id not in bundled]),
        *_in_turn([item for item in kept if item.id in bundled]),
    ]
    return Prompts(tuple(ordered), suite.of_items(ordered).version, judged)


def _is_judged(item: Item, judging: suite.Suite) -> bool:
    return any(
        judging.near_copy(message["content"])
        for message in item.messages
        if message["role"] == "user"
    )


def _in_turn(items: list[Item]) -> list[Item]:
    categories: dict[str, list[Item]] = {}
    for item in items:
        categories.setdefault(item.category, []).append(item)
    rounds = zip_longest(*categories.values())
    return [item for each in rounds for item in each if item is not None]
