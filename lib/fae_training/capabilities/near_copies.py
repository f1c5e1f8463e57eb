"""Finds which known text another text repeats: common word 3-grams, counted exactly because few
texts are known."""

from collections.abc import Iterable

from fae_training.conversations.text import normalised

# The Jaccard similarity from which two texts count as the same; and the share of a known text's
# 3-grams contained in a longer text.
ALIKE = 0.5
HELD = 0.8
# Shorter texts must match word for word, and the shortest ("hello there") are ignored: everybody says them.
FEWEST_WORDS = 7
FEWEST_WORDS_TO_THE_WORD = 4


class NearCopies:
    """Known texts by name."""

    def __init__(self, texts: Iterable[tuple[str, str]]):
        self._same: dict[str, str] = {}
        self._sizes: list[tuple[str, int]] = []
        self._holders: dict[tuple[str, ...], list[int]] = {}
        for name, text in texts:
            plain = normalised(text)
            if len(plain.split()) < FEWEST_WORDS_TO_THE_WORD:
                continue
            self._same.setdefault(plain, name)
            if len(plain.split()) < FEWEST_WORDS:
                continue
            grams = _grams(plain)
            for gram in grams:
                self._holders.setdefault(gram, []).append(len(self._sizes))
            self._sizes.append((name, len(grams)))

    def of(self, text: str) -> str | None:
        """The name of the most similar known text, if it is similar enough."""
        plain = normalised(text)
        if plain in self._same:
            return self._same[plain]
        grams = _grams(plain)
        shared: dict[int, int] = {}
        for gram in grams:
            for holder in self._holders.get(gram, ()):
                shared[holder] = shared.get(holder, 0) + 1
        best, name = 0.0, None
        for holder, count in shared.items():
            known, size = self._sizes[holder]
            alike = count / (len(grams) + size - count)
            held = count / size
            if (alike >= ALIKE or held >= HELD) and max(alike, held) > best:
                best, name = max(alike, held), known
        return name


def _grams(plain: str) -> set[tuple[str, ...]]:
    words = plain.split()
    return set(zip(words, words[1:], words[2:], strict=False))
