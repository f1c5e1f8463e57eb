"""What was heard and what was meant: the records in stt/corrections.jsonl.

A correction is about words ("Marian" -> "Marion") or about a whole sentence ("Call Marian." -> "Call Marion.").
From either, `terms_of` takes the words that were misheard. With a recording, `meant` is what is said in it.
A recording that was heard rightly (heard equal to meant) is kept too: it is what must not be unlearned.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from pathlib import Path

from fae_training import consent
from fae_training.errors import BadRequest, SkillError
from fae_training.state import Home, append_jsonl, now, read_jsonl

FILE = ("stt", "corrections.jsonl")
LONGEST_TEXT = 300  # characters; more is not one utterance
LONGEST_TERM = 4  # words; more is a rewording and not a name


def words_of(text: str) -> list[str]:
    """The words of `text` as they are compared: lower case, composed Unicode, apostrophes kept, punctuation gone."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text)


def terms_of(heard: str, meant: str) -> list[tuple[str, str]]:
    """The (heard, meant) pairs of words that differ, spelled as they were given.

    ("Call Marian now.", "Call Marion now.") -> [("Marian", "Marion")]. A part that was missed altogether has an empty
    `heard`; a part of more than LONGEST_TERM words is left out.
    """
    before, after = _spelled(heard), _spelled(meant)
    matcher = SequenceMatcher(
        None, [w.lower() for w in before], [w.lower() for w in after], autojunk=False
    )
    pairs = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind in ("replace", "insert") and d - c <= LONGEST_TERM and b - a <= LONGEST_TERM:
            pairs.append((" ".join(before[a:b]), " ".join(after[c:d])))
    return pairs


def _spelled(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).replace("’", "'")
    return re.findall(r"[^\W_]+(?:['\-][^\W_]+)*", text)


def script_of(text: str) -> str:
    """The writing system of most letters of `text` in Unicode's words (LATIN, CYRILLIC, CJK, ...); "" without letters."""
    counts: dict[str, int] = {}
    for letter in text:
        if letter.isalpha():
            script = unicodedata.name(letter, "UNKNOWN").split()[0]
            counts[script] = counts.get(script, 0) + 1
    return max(counts, key=counts.get) if counts else ""


def check(heard: str, meant: str, has_clip: bool) -> list[str]:
    """Remarks on a correction that is kept all the same. Raises BadRequest for one that says nothing."""
    if not words_of(meant):
        raise BadRequest(
            "empty_correction",
            f"what was meant is {meant!r}, which holds no word",
            "give --meant 'Marion'",
        )
    for name, text in (("heard", heard), ("meant", meant)):
        if len(text) > LONGEST_TEXT:
            raise BadRequest(
                "too_much_text",
                f"{name} has {len(text)} characters, at most {LONGEST_TEXT} make one utterance",
                "give the sentence that was misheard",
            )
    if heard.strip() == meant.strip() and not has_clip:
        raise BadRequest(
            "nothing_to_correct",
            f"heard and meant are both {meant!r}",
            "give what was heard wrongly, or a clip of a sentence that was heard rightly",
        )
    remarks = []
    if script_of(meant) not in ("", "LATIN"):
        # Fae asks its recogniser for English, whose answers are in Latin letters.
        remarks.append("other_script")
    return remarks


def add(
    home: Home,
    heard: str,
    meant: str,
    clip: Path | None = None,
    origin: str = "person",
    say_as: str | None = None,
    keep: bool = True,
) -> dict:
    """Keeps one correction, with its recording where there is one; returns the record with its `remarks`.

    `say_as` is how the word sounds, for the synthesiser. With keep=False everything is checked and nothing written.

    Raises Refused without the consent ("corrections"; with a clip "audio" too), BadRequest and Missing for a
    correction or a clip that is of no use. Nothing is kept then.
    """
    from fae_training.speech import clips

    consent.require(home, "corrections")
    if clip is not None:
        consent.require(home, "audio")
    heard, meant = _tidy(heard), _tidy(meant)
    remarks = check(heard, meant, clip is not None)
    record = {"at": now(), "heard": heard, "meant": meant, "origin": origin}
    if say_as:
        record["say_as"] = say_as
    if clip is not None:
        recording = clips.read(clip)
        if not recording.usable:
            raise clips.explain(recording, clip)
        remarks += recording.problems
        audio = clips.keep(home, recording.samples) if keep else str(clip)
        record |= {"audio": audio, "seconds": round(recording.seconds, 2)}
    if remarks:
        record["remarks"] = remarks
    if keep:
        append_jsonl(home.file(*FILE), record)
    return record


def add_many(
    home: Home, rows: list[dict], origin: str, base: Path, keep: bool = True
) -> tuple[list[dict], list[dict]]:
    """Adds rows {"heard", "meant", "clip"?, "say_as"?}, clip paths relative to `base`.

    Returns (records, problems): what is wrong with one row is named with its number and the others go on.
    """
    records, problems = [], []
    for number, row in enumerate(rows, 1):
        try:
            if not isinstance(row, dict) or not isinstance(row.get("meant"), str):
                raise BadRequest(
                    "bad_row",
                    f'{row!r:.60} is not {{"heard": "...", "meant": "...", "clip": "..."}}',
                    "see add_correction.py --help",
                )
            clip = base / row["clip"] if row.get("clip") else None
            heard, say_as = str(row.get("heard") or ""), row.get("say_as")
            records.append(add(home, heard, row["meant"], clip, origin, say_as, keep))
        except SkillError as problem:
            if problem.exit_status == 3:  # no consent: true of every row
                raise
            problems.append({"row": number, "code": problem.code, "message": problem.message})
    return records, problems


def _tidy(text: str) -> str:
    return " ".join(text.split())


def all_records(home: Home) -> list[dict]:
    """Every correction, oldest first."""
    return read_jsonl(home.file(*FILE))
