"""Measures of a recogniser: error rates, recall of the corrected words, and falsely inserted words.

Error rates are jiwer's (Levenshtein distance over words or characters, summed over clips, divided
by the reference length), after one normalisation: NFKC, lower case, punctuation removed, spaces
collapsed (misheard.words_of).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import jiwer

from fae_training.calls.counting import counted
from fae_training.judgement.benchmark import (
    DIFFERENCE,
    FEWEST_UNITS,
    GOAL,
    GUARD,
    MODELS,
    PASSED,
    Example,
    Figure,
    Measure,
    of_each,
)
from fae_training.speech import material
from fae_training.speech.misheard import occurrences, words_of

# With at least this many terms, the terms are the units that are counted, otherwise their clips.
# With fewer terms the bounds of a mean (intervals.py) exclude no change for hardly any training:
# twelve terms that all went from never to always heard have a lower bound of 0.26, nine one below 0.
FEWEST_TERMS = 12
# Clips of a word that were recorded together sound alike. From so many on the gate's intervals notice (intervals.of_mean,
# means of neighbours); below, 5 to 20 % of trainings without effect would be recommended when three clips each are alike.
FEWEST_CLIPS = 20
# The largest loss of recall that is tolerated, and the smallest gain that a person notices, as shares.
RECALL_MARGIN = LEAST_RECALL = 0.05
# The tolerated rise of the word error rate: in sentences without the terms (after an honest
# training the sample model hears every seventh to tenth differently, as often better as worse; 120
# clips distinguish that from a loss of 3 % but not of 2 %), and in sentences with them, where
# recognising the terms is a gain, one garbled clip weighs heavily in the bounds, and only the loss
# of the sentence around the term must be noticed.
ERROR_MARGIN, ERROR_MARGIN_WITH_TERMS = 0.03, 0.10
# The tolerated rise in the share of sentences in which a term is heard that was not said. Each is a
# wrong word too, but in a long sentence the error rate hardly shows this typical damage. It is this
# wide because with 60 sentences without any the bounds are already 5 to 6 % at the fifth look.
INSERTION_MARGIN = 0.10


def normalised(text: str) -> str:
    return " ".join(words_of(text))


def word_errors(reference: str, transcript: str) -> tuple[int, int]:
    """(errors, words said): substitutions + deletions + insertions in one clip. With an empty
    reference every word heard is an error."""
    reference, transcript = normalised(reference), normalised(transcript)
    if not reference:
        return len(transcript.split()), 0
    found = jiwer.process_words(reference, transcript)
    return found.substitutions + found.deletions + found.insertions, len(reference.split())


def character_errors(reference: str, transcript: str) -> tuple[int, int]:
    """(errors, characters said) in one clip, spaces counted."""
    reference, transcript = normalised(reference), normalised(transcript)
    if not reference:
        return len(transcript), 0
    found = jiwer.process_characters(reference, transcript)
    return found.substitutions + found.deletions + found.insertions, len(reference)


def rate(pairs: list[tuple[int, int]]) -> float:
    """Errors over length, summed over clips; 0 where nothing was said or heard."""
    errors, length = sum(e for e, _ in pairs), sum(n for _, n in pairs)
    return errors / length if length else float(errors > 0)


def terms_heard(terms: list[str], reference: str, transcript: str) -> tuple[int, int]:
    """(heard, said): occurrences of the terms in one clip that were recognised, and that were said."""
    pairs = [(occurrences(term, reference), occurrences(term, transcript)) for term in terms]
    return sum(min(pair) for pair in pairs), sum(count for count, _ in pairs)


def false_insertions(terms: Sequence[str], reference: str, transcript: str) -> int:
    """Occurrences of the terms in the transcript beyond those that were said."""
    return sum(max(0, occurrences(t, transcript) - occurrences(t, reference)) for t in terms)


def differences(reference: str, transcript: str) -> str:
    """The words of `transcript` compared with the reference: wrong words in brackets, followed by "(said: ...)".

    ("Call Marion now", "Call Marian now") -> "call [marian] (said: marion) now".
    """
    if not words_of(reference):
        return f"[{normalised(transcript)}] (said: nothing)" if words_of(transcript) else ""
    found = jiwer.process_words(normalised(reference), normalised(transcript))
    references, hypotheses = found.references[0], found.hypotheses[0]
    parts = []
    for chunk in found.alignments[0]:
        reference_words = " ".join(references[chunk.ref_start_idx : chunk.ref_end_idx])
        heard_words = " ".join(hypotheses[chunk.hyp_start_idx : chunk.hyp_end_idx])
        parts.append(
            heard_words
            if chunk.type == "equal"
            else f"[{heard_words}] (said: {reference_words or 'nothing'})"
        )
    return " ".join(parts)


@dataclass(frozen=True)
class Heard:
    """A clip of the judge part and its transcript by each of the three models."""

    example: material.Example
    candidate: str
    current: str
    base: str

    @property
    def reference(self) -> str:
        return self.example.text


def with_terms(clips: Sequence[Heard]) -> list[Heard]:
    """The clips in which a term is said."""
    return [clip for clip in clips if clip.example.kind == "correction"]


def without_terms(clips: Sequence[Heard]) -> list[Heard]:
    """The rehearsal clips: recordings in the order in which they were made, then synthesised ones
    ordered by their hash. Neighbours are assumed to be similar (intervals.of_mean), and
    sentences of one kind are synthesised one after the other."""
    found = [clip for clip in clips if clip.example.kind == "rehearsal"]
    recorded = [clip for clip in found if clip.example.origin == "recorded"]
    synthesised = [clip for clip in found if clip.example.origin != "recorded"]
    return recorded + sorted(synthesised, key=lambda clip: clip.example.audio)


def judged_terms(clips: Sequence[Heard], terms: Sequence[str]) -> list[str]:
    """Those of `terms` that occur in some clip."""
    corrected = with_terms(clips)
    return [term for term in terms if any(occurrences(term, clip.reference) for clip in corrected)]


def measures(clips: Sequence[Heard], terms: Sequence[str]) -> tuple[Measure, ...]:
    """The measures by which a run is judged: the terms are recognised, and everything else as well as before.

    Every guard is always present: one without clips counts as too little evidence, not as passed.
    """
    corrected, rehearsed = with_terms(clips), without_terms(clips)
    return (
        term_recall(clips, judged_terms(clips, terms)),
        _of_clips(
            corrected,
            "corrections_word_error_rate",
            "Sentences with your words",
            "sentences",
            lambda reference, transcript: rate([word_errors(reference, transcript)]),
            ERROR_MARGIN_WITH_TERMS,
        ),
        _of_clips(
            rehearsed,
            "rehearsal_word_error_rate",
            "Recognising everything else",
            "other sentences",
            lambda reference, transcript: rate([word_errors(reference, transcript)]),
        ),
        replace(
            _of_clips(
                rehearsed,
                "false_insertions",
                "Your words inserted where nobody said them",
                "other sentences",
                lambda reference, transcript: float(
                    false_insertions(terms, reference, transcript) > 0
                ),
            ),
            value_unit="share of sentences",
            compare=PASSED,
            margin=INSERTION_MARGIN,
        ),
    )


def term_recall(clips: Sequence[Heard], terms: Sequence[str]) -> Measure:
    """The goal: for each term the share of its clips in which it is heard.

    With fewer than FEWEST_TERMS terms each clip of a term is a unit instead, 0 or 1, of which there must be
    FEWEST_CLIPS. Gains are then about these terms and not about terms in general; docs/speech.md says how often that is
    wrong.
    """
    corrected = with_terms(clips)
    by_term = {term: [c for c in corrected if occurrences(term, c.reference)] for term in terms}
    if len(terms) >= FEWEST_TERMS:
        unit, fewest = "words", FEWEST_UNITS
        units = [(term, term, own) for term, own in by_term.items()]
    else:
        unit, fewest = "clips of your words", FEWEST_CLIPS
        units = [
            (f"{term} {clip.example.audio}", term, [clip])
            for term, own in by_term.items()
            for clip in own
        ]

    def shares(who: str) -> tuple[float, ...]:
        return tuple(
            fmean(_is_heard(term, clip.reference, getattr(clip, who)) for clip in own)
            for _, term, own in units
        )

    return Measure(
        name="term_recall",
        title="Recognising your words",
        unit=unit,
        fewest=fewest,
        value_unit="share recognised",
        better="higher",
        role=GOAL,
        compare=DIFFERENCE,
        margin=RECALL_MARGIN,
        least=LEAST_RECALL,
        items=tuple(name for name, _, _ in units),
        **of_each(shares),
    )


def _is_heard(term: str, reference: str, transcript: str) -> float:
    return float(occurrences(term, transcript) >= occurrences(term, reference))


def _of_clips(
    clips: list[Heard],
    name: str,
    title: str,
    unit: str,
    value: Callable[[str, str], float],
    margin: float = ERROR_MARGIN,
) -> Measure:
    """A guard with one value for each clip, value(said, heard), lower is better."""
    return Measure(
        name=name,
        title=title,
        unit=unit,
        value_unit="word error rate",
        better="lower",
        role=GUARD,
        compare=DIFFERENCE,
        margin=margin,
        least=0.0,
        items=tuple(clip.example.audio for clip in clips),
        **of_each(lambda who: [value(clip.reference, getattr(clip, who)) for clip in clips]),
    )


def figures(clips: Sequence[Heard]) -> tuple[Figure, ...]:
    """Error rates over all clips together."""
    return tuple(
        Figure.of(
            name,
            title,
            unit,
            {
                who: rate([count(clip.reference, getattr(clip, who)) for clip in clips])
                for who in MODELS
            },
        )
        for name, title, unit, count in (
            ("word_error_rate", "Wrong words in all clips", "word error rate", word_errors),
            (
                "character_error_rate",
                "Wrong letters in all clips",
                "character error rate",
                character_errors,
            ),
        )
    )


def about_few_terms(clips: Sequence[Heard], terms: Sequence[str]) -> list[str]:
    """A note for the case that each clip is counted by itself."""
    judged = judged_terms(clips, terms)
    if not 0 < len(judged) < FEWEST_TERMS:
        return []
    count = f"only {counted(len(judged), 'word was', 'words were')}"
    return [
        f"{count} judged ({', '.join(judged)}), so each clip counts by itself: this shows how these "
        f"words are recognised, but not how well others would be learned (at least {FEWEST_TERMS} are needed for that)"
    ]


def examples(clips: Sequence[Heard], most: int = 5) -> tuple[Example, ...]:
    """The transcripts before and after, with the meant text: each sentence once, the repaired ones first."""
    distinct = {clip.reference: clip for clip in reversed(with_terms(clips))}.values()
    repaired = sorted(
        distinct,
        key=lambda clip: (
            word_errors(clip.reference, clip.candidate)[0]
            - word_errors(clip.reference, clip.current)[0]
        ),
    )
    return tuple(
        Example(
            prompt=f"Said: {clip.reference}",
            before=differences(clip.reference, clip.current),
            after=differences(clip.reference, clip.candidate),
            wanted=clip.reference,
        )
        for clip in repaired[:most]
    )
