"""What there is to learn to hear, before anything is spoken: terms and recordings. Standard library
only.

Also the forms in which training_clips.py leaves its examples: data/stt/train.jsonl and valid.jsonl,
and meta.json.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fae_training import consent, records
from fae_training.conversations import forgetting
from fae_training.errors import Missing
from fae_training.speech import misheard, vocabulary
from fae_training.speech.misheard import Correction, occurrences
from fae_training.speech.vocabulary import Term
from fae_training.state import Home, read_jsonl

META_FILE = "data/stt/meta.json"
# Every fourth recording of a term is held out, the first among them; it stays so when more come.
HELD_OUT_EACH = 4


@dataclass(frozen=True)
class Example:
    """A clip and what is said in it.

    kind is "correction" (the terms are said in it) or "rehearsal" (none is); origin "recorded" or
    "synthesised"; `audio` is relative to the state directory, "" before it was spoken.
    """

    text: str
    heard: str
    origin: str
    kind: str
    terms: tuple[str, ...]
    side: str
    audio: str = ""
    voice: str | None = None

    def as_row(self) -> dict:
        """As it stands in data/stt/<side>.jsonl."""
        source = {"kind": self.kind, "terms": list(self.terms)}
        return {
            "audio": self.audio,
            "text": self.text,
            "heard": self.heard,
            "origin": self.origin,
            "source": source | ({"voice": self.voice} if self.voice else {}),
        }


@dataclass(frozen=True)
class Made:
    """data/stt/meta.json: what training_clips.build made. `train` and `valid` count the examples."""

    made_at: str
    fingerprint: str
    terms: tuple[str, ...]
    left_out: dict[str, int]
    notes: tuple[str, ...]
    train: dict[str, int]
    valid: dict[str, int]


@dataclass
class Material:
    """What there is to learn. `left_out` counts reasons, `notes` name them for people."""

    terms: list[Term] = field(default_factory=list)
    recorded: list[Example] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def read_examples(place: Path, side: str) -> list[Example]:
    """The examples of stt/<side>.jsonl in `place`. Raises Failed, with file and line, for a row that is none."""
    path = place / "stt" / f"{side}.jsonl"
    examples = []
    for number, row in enumerate(read_jsonl(path), 1):
        source = row.get("source") if isinstance(row, dict) else None
        flat = {name: value for name, value in row.items() if name != "source"} if source else row
        flat = flat | source | {"side": side} if isinstance(source, dict) else flat
        examples.append(records.read(Example, flat, f"line {number} of {path}"))
    return examples


def read_made(home: Home) -> Made | None:
    """data/stt/meta.json, None before anything was made."""
    values = home.read(META_FILE)
    if values is None:
        return None
    values.pop("schema", None)
    return records.read(Made, values, str(home.file(META_FILE)))


def fingerprint(home: Home) -> str:
    """Of everything that the data is made from: the corrections, and what must stay out."""
    digest = hashlib.sha256()
    for name in (
        ("stt", "corrections.jsonl"),
        ("exclusions.json",),
        ("data", "sft", "train.jsonl"),
    ):
        path = home.file(*name)
        digest.update(path.read_bytes() if path.is_file() else b"none")
    return digest.hexdigest()[:16]


def collect(home: Home) -> Material:
    """The terms to learn and the recordings to learn from, of all corrections that may be used.

    Reads no sound; a recording that is gone is named and left out, the rest goes on. Raises Missing
    when no term is left.
    """
    found = Material()
    forgotten = forgetting.from_exclusions(forgetting.load(home))
    corrections = misheard.current_corrections(home)
    usable = []
    for correction in corrections:
        if forgotten.mentioned_in(f"{correction.heard} {correction.meant}"):
            found.left_out["excluded"] += 1
        elif "other_script" in correction.remarks:
            found.left_out["other_script"] += 1
        else:
            usable.append(correction)
    found.terms = [entry for entry in vocabulary.terms(usable) if entry.count]
    found.recorded = _recordings(home, usable, found)
    if found.left_out["excluded"]:
        found.notes.append(
            f"{found.left_out['excluded']} corrections name what exclusions.json keeps out"
        )
    if found.left_out["other_script"]:
        found.notes.append(
            f"{found.left_out['other_script']} corrections are in another script: Fae listens in "
            "English, so they stay in the vocabulary and are not trained"
        )
    if not found.terms:
        reason = (
            f" that can be trained on (left out: {dict(found.left_out)})" if corrections else ""
        )
        raise Missing(
            "no_corrections",
            f"there are no corrections of what Fae heard{reason}",
            "uv run scripts/add_correction.py --heard Marian --meant Marion",
        )
    return found


def _recordings(home: Home, corrections: list[Correction], found: Material) -> list[Example]:
    """Examples of the recordings of `corrections`, each recording once, with its side."""
    allowed = consent.granted(home, "audio")
    examples, seen, counts = [], set(), Counter()
    for correction in corrections:
        audio = correction.audio
        if audio is None or audio in seen:
            continue
        seen.add(audio)
        said = sorted(
            entry.term for entry in found.terms if occurrences(entry.term, correction.meant)
        )
        group = said[0] if said else ""
        # Counted whether or not it can be used: a recording that is lost moves no other to the
        # other side.
        side = "valid" if counts[group] % HELD_OUT_EACH == 0 else "train"
        counts[group] += 1
        if not allowed:
            found.left_out["no_audio_consent"] += 1
            continue
        if not home.file(audio).is_file():
            found.left_out["clip_missing"] += 1
            found.notes.append(f"the recording {audio} is gone; its words are still learned")
            continue
        examples.append(
            Example(
                text=correction.meant,
                heard=correction.heard,
                origin="recorded",
                kind="correction" if said else "rehearsal",
                terms=tuple(said),
                side=side,
                audio=audio,
            )
        )
    if found.left_out["no_audio_consent"]:
        found.notes.append(
            f"{found.left_out['no_audio_consent']} recordings are not used: "
            "the consent for audio was taken back"
        )
    return examples
