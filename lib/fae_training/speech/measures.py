"""Measures of a recogniser: error rates, recall of the corrected words, and words inserted that
nobody said.

Error rates are jiwer's (Levenshtein distance over words or characters, summed over clips, over the
length of what was said), after one normaliser: NFKC, lower case, punctuation removed, spaces
collapsed (misheard.words_of).
"""

import jiwer

from fae_training.speech.misheard import occurrences, words_of


def normalised(text: str) -> str:
    return " ".join(words_of(text))


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """(errors, words said): substitutions + deletions + insertions in one clip. Nothing said: each
    word heard is one.
    """
    said, heard = normalised(said), normalised(heard)
    if not said:
        return len(heard.split()), 0
    found = jiwer.process_words(said, heard)
    return found.substitutions + found.deletions + found.insertions, len(said.split())


def character_errors(said: str, heard: str) -> tuple[int, int]:
    """(errors, characters said) in one clip, spaces counted."""
    said, heard = normalised(said), normalised(heard)
    if not said:
        return len(heard), 0
    found = jiwer.process_characters(said, heard)
    return found.substitutions + found.deletions + found.insertions, len(said)


def rate(pairs: list[tuple[int, int]]) -> float:
    """Errors over length, summed over clips; 0 where nothing was said and nothing heard."""
    errors, length = sum(e for e, _ in pairs), sum(n for _, n in pairs)
    return errors / length if length else float(errors > 0)


def terms_heard(terms: list[str], said: str, heard: str) -> tuple[int, int]:
    """(heard, said): occurrences of the terms that were said and were heard too, in one clip."""
    pairs = [(occurrences(term, said), occurrences(term, heard)) for term in terms]
    return sum(min(pair) for pair in pairs), sum(count for count, _ in pairs)


def false_insertions(terms: list[str], said: str, heard: str) -> int:
    """Occurrences of the terms in what was heard beyond those that were said."""
    return sum(max(0, occurrences(t, heard) - occurrences(t, said)) for t in terms)


def differences(said: str, heard: str) -> str:
    """`heard` word by word against what was said: the wrong words in brackets, "(said: ...)" after
    each.

    ("Call Marion now", "Call Marian now") -> "call [marian] (said: marion) now".
    """
    if not words_of(said):
        return f"[{normalised(heard)}] (said: nothing)" if words_of(heard) else ""
    found = jiwer.process_words(normalised(said), normalised(heard))
    references, hypotheses = found.references[0], found.hypotheses[0]
    parts = []
    for chunk in found.alignments[0]:
        there = " ".join(references[chunk.ref_start_idx : chunk.ref_end_idx])
        here = " ".join(hypotheses[chunk.hyp_start_idx : chunk.hyp_end_idx])
        parts.append(here if chunk.type == "equal" else f"[{here}] (said: {there or 'nothing'})")
    return " ".join(parts)


def benchmark(items: list[dict], terms: list[str], notes: list[str]) -> dict:
    """The benchmark of train_metrics.json, from clips {"kind", "origin", "said", "candidate",
    "current", "base"}.

    kind is "correction" (a term is said in it) or "rehearsal" (none is). What the three heard is
    text.
    """
    corrected = [item for item in items if item["kind"] == "correction"]
    rehearsed = [item for item in items if item["kind"] == "rehearsal"]
    recorded = sum(item["origin"] == "recorded" for item in corrected)
    measures = []
    if corrected:
        measures += [
            _measure(
                "term_recall",
                "your words, heard as you say them",
                "share of their occurrences",
                "higher",
                "no_worse",
                corrected,
                lambda said, heard: terms_heard(terms, said, heard),
            ),
            _measure(
                "corrections_wer",
                "wrong words in sentences with your words",
                "word error rate",
                "lower",
                "no_worse",
                corrected,
                word_errors,
            ),
            _measure(
                "corrections_cer",
                "wrong letters in sentences with your words",
                "character error rate",
                "lower",
                "report",
                corrected,
                character_errors,
            ),
        ]
    if rehearsed:
        measures += [
            _measure(
                "rehearsal_wer",
                "wrong words in everything else",
                "word error rate",
                "lower",
                "not_proven_worse",
                rehearsed,
                word_errors,
            ),
            _measure(
                "rehearsal_cer",
                "wrong letters in everything else",
                "character error rate",
                "lower",
                "report",
                rehearsed,
                character_errors,
            ),
            _measure(
                "false_insertions",
                "your words, heard where nobody said them",
                "words a clip",
                "lower",
                "not_proven_worse",
                rehearsed,
                lambda said, heard: (false_insertions(terms, said, heard), 1),
            ),
        ]
    kinds = f"clips with your words ({recorded} recorded, {len(corrected) - recorded} synthesised)"
    return {
        "held_out": {"count": len(corrected), "what": kinds},
        "measures": measures,
        "examples": examples(corrected),
        "notes": notes,
    }


def _measure(name, title, unit, better, gate, items, count) -> dict:
    """One measure for candidate, current and base; count(said, heard) -> (part, whole) of a clip."""
    found = {
        who: [count(item["said"], item[who]) for item in items]
        for who in ("candidate", "current", "base")
    }
    # The pairs of the bootstrap are scaled so that their mean is the rate over all clips together.
    mean = sum(whole for _, whole in found["current"]) / len(items) or 1.0
    return {
        "name": name,
        "title": title,
        "unit": unit,
        "better": better,
        "gate": gate,
        "tolerance": 0.0,
        **{who: rate(pairs) for who, pairs in found.items()},
        "per_item": {
            who: [part / mean for part, _ in found[who]] for who in ("candidate", "current")
        },
    }


def examples(items: list[dict], most: int = 5) -> list[dict]:
    """What was heard, what was meant and what is heard now: each sentence once, the repaired ones
    first.
    """
    distinct = {item["said"]: item for item in reversed(items)}.values()
    repaired = sorted(
        distinct,
        key=lambda item: (
            word_errors(item["said"], item["candidate"])[0]
            - word_errors(item["said"], item["current"])[0]
        ),
    )
    return [
        {
            "prompt": f"Said: {item['said']}",
            "before": differences(item["said"], item["current"]),
            "after": differences(item["said"], item["candidate"]),
            "wanted": item["said"],
        }
        for item in repaired[:most]
    ]
