"""The person's words without any training: stt/vocabulary.json, for context biasing and for text replacement.

A name may need no fine-tune at all. The same corrections that train a recogniser make a list of terms, what each was
heard as, and how often; `evaluate` says whether the list alone would do.
"""

import re

from fae_training.speech.misheard import composed, current_records, terms_of, whole_word
from fae_training.state import Home, now

FILE = "stt/vocabulary.json"


def terms(records: list[dict], names: list[str] = ()) -> list[dict]:
    """[{"term", "sounds_like": [heard, ...], "count"}], the most corrected first.

    `names` are known from elsewhere (profile, entities): they come with count 0. Spellings that differ in case alone
    are one term, spelled as it was meant most recently.
    """
    found: dict[str, dict] = {}
    for record in records:
        if record["heard"] == record["meant"]:
            continue
        for heard, meant in terms_of(record["heard"], record["meant"]):
            entry = found.setdefault(meant.lower(), {"sounds_like": [], "count": 0})
            entry["term"] = meant
            entry["count"] += 1
            if heard and heard not in entry["sounds_like"]:
                entry["sounds_like"].append(heard)
    for name in map(composed, names):
        found.setdefault(name.lower(), {"term": name, "sounds_like": [], "count": 0})
    ordered = sorted(found.values(), key=lambda entry: (-entry["count"], entry["term"]))
    return [{name: entry[name] for name in ("term", "sounds_like", "count")} for entry in ordered]


def refresh(home: Home, names: list[str] = ()) -> list[dict]:
    """Writes stt/vocabulary.json anew from the corrections, with `names` and the names that it had; returns its terms."""
    kept = [e["term"] for e in (home.read(FILE, {}) or {}).get("terms", []) if not e["count"]]
    entries = terms(current_records(home), [*names, *kept])
    home.directory("stt")
    home.write(FILE, {"made_at": now(), "terms": entries})
    return entries


def replaced(text: str, entries: list[dict]) -> str:
    """`text` with every misheard form replaced by its term, whole words only, whatever their case."""
    for entry in entries:
        for heard in entry["sounds_like"]:
            text = whole_word([heard], re.I).sub(lambda _, term=entry["term"]: term, text)
    return text


def biasing(entries: list[dict]) -> list[str]:
    """The terms as Qwen3-ASR takes them in its system prompt (hotwords of mlx-audio's generate)."""
    return [entry["term"] for entry in entries]
