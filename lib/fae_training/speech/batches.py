"""Encoded clips as rows, and rows as an endless, seeded stream of batches."""

from collections.abc import Callable

from fae_training.language.batches import ALL, Batches
from fae_training.speech import clips, recogniser
from fae_training.speech.material import Example
from fae_training.speech.recogniser import SpeechRow
from fae_training.store.state import Home

# A recording is how this person really sounds; a synthesised clip only replaces one.
WEIGHT_OF_A_RECORDING = 2.0


class SpeechBatches(Batches[SpeechRow]):
    """Batches of rows of similar length; language.batches explains how resuming is exact."""

    def __init__(self, rows: list[SpeechRow], batch_size: int, seed: int):
        super().__init__(rows, batch_size, seed, share_prefix=False)

    def batch_at(self, index: int, part: slice = ALL) -> dict:
        return recogniser.collate(self.rows_at(index)[part])


def rows_of(
    model,
    home: Home,
    examples: list[Example],
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> list[SpeechRow]:
    """The rows of `examples`, each clip encoded once.

    advance(clips done, total) is called after each clip and may raise to end the work.
    """
    rows = []
    for example in examples:
        sound = clips.read(home.file(example.audio)).samples
        weight = WEIGHT_OF_A_RECORDING if example.origin == "recorded" else 1.0
        features = recogniser.encode(model, sound)
        rows.append(recogniser.row(model, features, example.text, weight, example.audio))
        advance(len(rows), len(examples))
    return rows


def mean_loss(
    model,
    rows: list[SpeechRow],
    advance: Callable[[int, int], None] = lambda done, total: None,
    size: int = 8,
) -> float:
    """Nats per target, over all rows, with a higher weight for recordings. advance(rows done,
    total) may raise to end it."""
    ordered = sorted(rows, key=lambda row: len(row.tokens))
    total = weight = 0.0
    for start in range(0, len(ordered), size):
        losses, weights, _ = recogniser.loss(
            model, recogniser.collate(ordered[start : start + size])
        )
        total, weight = total + losses.item(), weight + weights.item()
        advance(min(start + size, len(ordered)), len(ordered))
    return total / max(weight, 1e-12)
