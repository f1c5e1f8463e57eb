"""The material to train speech-to-text on, before synthesis: terms and recordings. Standard library only.

It also defines the files that training_clips.py writes: data/stt/train.jsonl, valid.jsonl (the
parts choose and judge, see parts.py) and meta.json.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fae_training.calls.counting import counted
from fae_training.calls.errors import Missing
from fae_training.conversations import forgetting
from fae_training.judgement.parts import CHOOSE, JUDGE, TRAIN, HeldOut, divided, part_of
from fae_training.speech import misheard, vocabulary
from fae_training.speech.misheard import Correction, occurrences
from fae_training.speech.vocabulary import Term
from fae_training.store import consent, records
from fae_training.store.state import Home, read_json, read_jsonl

META_FILE = "data/stt/meta.json"
# Of a term with this many recordings one is in `choose`, even where the hash puts none there.
ENOUGH_TO_CHOOSE = 4


@dataclass(frozen=True)
class Example:
    """A clip and its transcript.

    kind is "correction" (the terms occur in it) or "rehearsal" (none does); origin "recorded" or
    "synthesised"; `part` is parts.TRAIN, CHOOSE or JUDGE, or "" for a held-out clip of an earlier
    version, which used all of them for both; `audio` is relative to the state directory, "" before
    synthesis.
    """

    text: str
    heard: str
    origin: str
    kind: str
    terms: tuple[str, ...]
    part: str
    audio: str = ""
    voice: str | None = None

    def as_row(self) -> dict:
        """The row for data/stt/train.jsonl or valid.jsonl."""
        source = {"kind": self.kind, "terms": list(self.terms)}
        row = {
            "audio": self.audio,
            "text": self.text,
            "heard": self.heard,
            "origin": self.origin,
            "source": source | ({"voice": self.voice} if self.voice else {}),
        }
        return row if self.part == TRAIN else row | {"part": self.part}


@dataclass(frozen=True)
class Made:
    """data/stt/meta.json: the result of training_clips.build. `train` and `valid` count the examples."""

    made_at: str
    fingerprint: str
    terms: tuple[str, ...]
    left_out: dict[str, int]
    notes: tuple[str, ...]
    train: dict[str, int]
    valid: dict[str, int]


@dataclass
class Material:
    """The material to learn from. `left_out` counts reasons, `notes` explain them to people."""

    terms: list[Term] = field(default_factory=list)
    recorded: list[Example] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def read_examples(place: Path, side: str) -> list[Example]:
    """The examples of stt/<side>.jsonl in `place`. Raises Failed, with file and line, for an invalid row."""
    path = place / "stt" / f"{side}.jsonl"
    examples = []
    for number, row in enumerate(read_jsonl(path), 1):
        source = row.get("source") if isinstance(row, dict) else None
        flat = {name: value for name, value in row.items() if name != "source"} if source else row
        if isinstance(source, dict):
            part = TRAIN if side == "train" else row.get("part", "")
            flat = flat | source | {"part": part}
        examples.append(records.read(Example, flat, f"line {number} of {path}"))
    return examples


def held_out(home: Home, place: Path) -> HeldOut[Example]:
    """The examples of stt/valid.jsonl in `place` whose sound still exists, by part."""
    examples = read_examples(place, "valid")
    return divided(
        [each for each in examples if home.file(each.audio).is_file()], lambda each: each.part
    )


def read_made(place: Path) -> Made:
    """stt/meta.json in `place`. Raises Missing where it does not exist."""
    path = place / "stt" / "meta.json"
    values = read_json(path)
    if values is None:
        raise Missing(
            "no_clips",
            f"{path} does not exist: the clips of this run were removed",
            "uv run scripts/train_stt.py --preset light",
        )
    values.pop("schema", None)
    return records.read(Made, values, str(path))


def fingerprint(home: Home) -> str:
    """A hash of everything that the data is made from: the corrections and the exclusions."""
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

    Reads no sound; a missing recording is reported and left out, and the rest is used. Raises
    Missing when no term is left.
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
            f"{counted(found.left_out['excluded'], 'correction names', 'corrections name')} something that exclusions.json excludes"
        )
    if found.left_out["other_script"]:
        found.notes.append(
            f"{counted(found.left_out['other_script'], 'correction')} in another script: in the vocabulary, but not "
            "trained on, because Fae listens in English"
        )
    if not found.terms:
        left_out = "; ".join(found.notes)
        reason = f" that can be trained on ({left_out})" if left_out else ""
        raise Missing(
            "no_corrections",
            f"there are no corrections of what Fae heard{reason}",
            "for example: uv run scripts/add_correction.py --heard Marian --meant Marion",
        )
    return found


def parts_of_recordings(corrections: list[Correction]) -> dict[str, str]:
    """The part of each recording, by its path, from all lines of corrections.jsonl, oldest first.

    A hash of the recording decides. Where that leaves a term without some part, the recording's
    number among the term's recordings decides: the first one judges, the second is trained on, and
    the fourth chooses when none before it does. A part depends only on the lines up to the
    recording's first one: more corrections, other meanings and exclusions move no recording.
    """
    parts: dict[str, str] = {}
    by_term: dict[str, list[str]] = {}
    for correction in corrections:
        audio = correction.audio
        if audio is None or audio in parts:
            continue
        terms = misheard.terms_of(correction.heard, correction.meant)
        # Recordings without a misheard term are all rehearsal.
        before = [by_term.setdefault(name.lower(), []) for _, name in terms or [("", "")]]
        if any(not known for known in before):
            part = JUDGE
        elif any(len(known) == 1 for known in before):
            part = TRAIN
        elif any(len(known) + 1 >= ENOUGH_TO_CHOOSE and CHOOSE not in known for known in before):
            part = CHOOSE
        else:
            part = part_of(audio)
        parts[audio] = part
        for known in before:
            known.append(part)
    return parts


def _recordings(home: Home, corrections: list[Correction], found: Material) -> list[Example]:
    """Examples of the recordings of `corrections`, each recording once, with its part."""
    allowed = consent.granted(home, "audio")
    parts = parts_of_recordings(misheard.all_corrections(home))
    examples, seen = [], set()
    for correction in corrections:
        audio = correction.audio
        if audio is None or audio in seen:
            continue
        seen.add(audio)
        spoken = sorted(
            entry.term for entry in found.terms if occurrences(entry.term, correction.meant)
        )
        if not allowed:
            found.left_out["no_audio_consent"] += 1
            continue
        if not home.file(audio).is_file():
            found.left_out["clip_missing"] += 1
            found.notes.append(
                f"the recording {audio} no longer exists; its words are still learned"
            )
            continue
        examples.append(
            Example(
                text=correction.meant,
                heard=correction.heard,
                origin="recorded",
                kind="correction" if spoken else "rehearsal",
                terms=tuple(spoken),
                part=parts[audio],
                audio=audio,
            )
        )
    if found.left_out["no_audio_consent"]:
        found.notes.append(
            f"{counted(found.left_out['no_audio_consent'], 'recording is', 'recordings are')} not used: "
            "the consent for audio was withdrawn"
        )
    return examples
