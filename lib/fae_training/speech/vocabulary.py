"""A person's words without any training: stt/vocabulary.json, for context biasing and text replacement.

A name may need no fine-tuning at all. The corrections that train a recogniser also give a list of
terms, their misheard forms and their counts; evaluate.py says whether the list alone would be
enough.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fae_training.speech.misheard import FILE as CORRECTIONS
from fae_training.speech.misheard import (
    Correction,
    composed,
    current_corrections,
    occurrences,
    terms_of,
    whole_word,
)
from fae_training.store import consent, records
from fae_training.store.state import Home, now
from fae_training.store.transactions import changing

FILE = "stt/vocabulary.json"


@dataclass(frozen=True)
class Term:
    """A word to recognise, its misheard forms, and the number of its corrections (0: a known name).

    `say_as` is its pronunciation for a synthesiser, where that differs from its spelling.
    """

    term: str
    sounds_like: tuple[str, ...] = ()
    count: int = 0
    say_as: str | None = field(default=None, compare=False)

    def as_dict(self) -> dict:
        """The entry in vocabulary.json."""
        return {"term": self.term, "sounds_like": list(self.sounds_like), "count": self.count}


def terms(corrections: list[Correction], names: Iterable[str] = ()) -> list[Term]:
    """The terms of all corrections, the most corrected first.

    `names` are known from elsewhere (profile, entities). Spellings that differ only in case are one
    term, in its most recent spelling.
    """
    found: dict[str, Term] = {}
    for correction in corrections:
        if correction.heard == correction.meant:
            continue
        for heard, meant in terms_of(correction.heard, correction.meant):
            known = found.get(meant.lower(), Term(meant))
            also = (heard,) if heard and heard not in known.sounds_like else ()
            found[meant.lower()] = replace(
                known, term=meant, count=known.count + 1, sounds_like=known.sounds_like + also
            )
    for name in map(composed, names):
        found.setdefault(name.lower(), Term(name))
    ordered = sorted(found.values(), key=lambda entry: (-entry.count, entry.term))
    return [replace(entry, say_as=_said_as(entry.term, corrections)) for entry in ordered]


def _said_as(term: str, corrections: list[Correction]) -> str | None:
    """The pronunciation given by the newest correction with the term."""
    return next(
        (
            correction.say_as
            for correction in reversed(corrections)
            if correction.say_as and occurrences(term, correction.meant)
        ),
        None,
    )


def keep(home: Home, corrections: list[Correction], names: Iterable[str] = ()) -> list[Term]:
    """Add `corrections`, and rewrite stt/vocabulary.json from all of them, with `names` and its
    earlier names, in one step. Returns its terms. Raises Refused where the consent was withdrawn
    since they were checked."""
    with changing(home) as change:
        if corrections:
            consent.require(home, "corrections")
        before = (home.read(FILE, {}) or {}).get("terms", [])
        known = [records.read(Term, entry, f"a term in {home.file(FILE)}") for entry in before]
        kept = [entry.term for entry in known if not entry.count]
        entries = terms(current_corrections(home, corrections), [*names, *kept])
        change.append(home.file(*CORRECTIONS), *(each.as_row() for each in corrections))
        written = {"made_at": now(), "terms": [entry.as_dict() for entry in entries]}
        change.write(home.file(FILE), written)
    return entries


def replaced(text: str, entries: list[Term]) -> str:
    """`text` with every misheard form replaced by its term, whole words only, in any case."""
    for entry in entries:
        for heard in entry.sounds_like:
            text = whole_word([heard], re.I).sub(lambda _, term=entry.term: term, text)
    return text


def biasing(entries: list[Term]) -> list[str]:
    """The terms in the form that Qwen3-ASR takes in its system prompt (hotwords of mlx-audio's generate)."""
    return [entry.term for entry in entries]
