"""Heard and meant texts: the records in stt/corrections.jsonl.

A correction is about words ("Marian" -> "Marion") or about a whole sentence ("Call Marian." ->
"Call Marion."). From either, `terms_of` takes the misheard words. With a recording, `meant` is its
transcript. A recording that was heard correctly (heard equals meant) is kept too: the training must
not make it worse.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path

from fae_training.calls.errors import BadRequest, SkillError
from fae_training.store import consent, records
from fae_training.store.state import Home, now, read_jsonl

FILE = ("stt", "corrections.jsonl")
LONGEST_TEXT = 300  # characters; a longer text is not one utterance
LONGEST_TERM = 4  # words; a longer text is a rewording and not a name


@dataclass(frozen=True)
class Correction:
    """A line of stt/corrections.jsonl.

    `audio` is relative to the state directory. `replaces`: the earlier meaning of the same
    recording. `remarks`: findings of check() and clips.inspect() that do not prevent its use.
    """

    at: str
    heard: str
    meant: str
    origin: str
    say_as: str | None = None
    audio: str | None = None
    seconds: float | None = None
    replaces: str | None = None
    remarks: tuple[str, ...] = ()

    def as_row(self) -> dict:
        """The row of the file, without empty fields."""
        return {name: value for name, value in asdict(self).items() if value not in (None, ())}


# Signs that are spoken, or are part of a name, when they are in or after a word: AT&T, C++, C#, Ke$ha.
_SIGNS_IN_WORDS = "&@$!'"
_SIGNS_AFTER_WORDS = "+#"
# Joiners that shape letters of Persian and the scripts of India; words that differ only in these
# are the same.
_JOINERS = "\u200c\u200d"
# Characters around words in a sentence that never end the spelling of a name.
_AROUND = "\"'“”‘’«»„‚‹›()[]{}<>¿¡,;:!?…。，、！？：；·•*_~`|/\\–—-"


def words_of(text: str) -> list[str]:
    """The words of `text` in the form in which they are compared: lower case, composed Unicode, no punctuation.

    Marks belong to their letters (the vowel signs of Devanagari), and signs to the name that they
    are part of: C++ is not C. Hyphens, dots and spaces all separate words, because they sound the
    same.
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    kept: list[str] = []
    for place, letter in enumerate(text):
        if letter in _JOINERS:
            continue
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        inside = letter in _SIGNS_IN_WORDS and _is_word(before) and _is_word(after)
        behind = letter in _SIGNS_AFTER_WORDS and kept and kept[-1] != " " and not _is_word(after)
        kept.append(letter if _is_word(letter) or inside or behind else " ")
    return "".join(kept).split()


def _is_word(letter: str) -> bool:
    """Whether `letter` is a letter, a digit, or a mark on one."""
    return bool(letter) and unicodedata.category(letter)[0] in "LNM"


def occurrences(term: str, text: str) -> int:
    """The number of times that the words of `term` occur together in `text`, compared as words_of
    gives them."""
    wanted, words = words_of(term), words_of(text)
    return sum(words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1))


def terms_of(heard: str, meant: str) -> list[tuple[str, str]]:
    """The (heard, meant) pairs of words that differ, in their original spelling.

    ("Call Marian now.", "Call Marion now.") -> [("Marian", "Marion")]. A part that was missed
    altogether has an empty `heard`; a part of more than LONGEST_TERM words is left out. Capitals
    count where nothing else differs ("iphone", "iPhone"), except for the first letter of a
    sentence.
    """
    before, after = _spelled(heard), _spelled(meant)
    pairs = _differing(before, after, lambda word: word.lower())
    if not pairs and before and before != after:
        if len(after) > 1 and before[:1] != after[:1]:
            before[0] = before[0][:1].upper() + before[0][1:]
            after[0] = after[0][:1].upper() + after[0][1:]
        pairs = _differing(before, after, lambda word: word)
    return pairs


def _differing(before: list[str], after: list[str], compared) -> list[tuple[str, str]]:
    matcher = SequenceMatcher(
        None,
        [compared(word) for word in before],
        [compared(word) for word in after],
        autojunk=False,
    )
    pairs = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind in ("replace", "insert") and d - c <= LONGEST_TERM and b - a <= LONGEST_TERM:
            pairs.append((" ".join(before[a:b]), " ".join(after[c:d])))
    return pairs


def _spelled(text: str) -> list[str]:
    """The words of `text` as written, without the punctuation of the sentence around them."""
    words, joined = [], ""
    for part in composed(text).replace("’", "'").split():
        word = part.strip(_AROUND)
        # "U.S.A." keeps its last dot and ".NET" its first; a sentence's full stop is removed.
        if word.endswith(".") and not re.fullmatch(r"(?:[^\W\d_]\.){2,}", word):
            word = word.rstrip("." + _AROUND)
        if word.startswith(".") and not re.match(r"\.[^\W_]", word):
            word = word.lstrip("." + _AROUND)
        if words and not words_of(word) and _is_sign(word):
            joined = word
        elif words_of(word) and joined:  # "AT & T" and "I ♥ NY" are one name each
            words[-1], joined = f"{words[-1]} {joined} {word}", ""
        elif words_of(word):
            words.append(word)
    return words


def _is_sign(word: str) -> bool:
    """Whether `word` is a sign that is part of a name rather than punctuation: &, +, ♥, ×."""
    return 0 < len(word) <= 2 and (word == "&" or unicodedata.category(word[:1])[0] == "S")


def whole_word(terms: list[str], flags: int = 0) -> re.Pattern:
    """Any of `terms` as one group, where no letter, digit or mark stands beside it. `\\b` would not
    end C++, and would end a word before the vowel sign of its last letter.
    """
    marks = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0980-\u0983\u09bc-\u09cd\u0b82\u0bbe-\u0bcd\u0e31-\u0e3a\u0e47-\u0e4e"
    spelled = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))
    return re.compile(rf"(?<![\w{marks}])({spelled})(?![\w{marks}+#])", flags)


def composed(text: str) -> str:
    """`text` with one sequence of code points for equal appearance (NFC), so that a name typed on
    two machines is one name."""
    return unicodedata.normalize("NFC", text)


def script_of(text: str) -> str:
    """The writing system of most letters of `text` in Unicode's names (LATIN, CYRILLIC, CJK, ...);
    "" without letters."""
    counts: dict[str, int] = {}
    for letter in text:
        if letter.isalpha():
            script = unicodedata.name(letter, "UNKNOWN").split()[0]
            counts[script] = counts.get(script, 0) + 1
    return max(counts, key=counts.__getitem__) if counts else ""


def check(heard: str, meant: str, has_clip: bool) -> list[str]:
    """Remarks on a correction that can be used. Raises BadRequest for one that cannot."""
    if not words_of(meant):
        raise BadRequest(
            "empty_correction",
            f"the meant text is {meant!r}, which contains no word",
            "give --meant 'Marion'",
        )
    for name, text in (("heard", heard), ("meant", meant)):
        if len(text) > LONGEST_TEXT:
            raise BadRequest(
                "too_much_text",
                f"{name} has {len(text)} characters, but one utterance has at most {LONGEST_TEXT}",
                "give the sentence that was misheard",
            )
    if _tidy(heard) == _tidy(meant) and not has_clip:
        raise BadRequest(
            "nothing_to_correct",
            f"heard and meant are both {meant!r}",
            "give the text that was heard wrongly, or a clip of a sentence that was heard correctly",
        )
    remarks = []
    if any(
        script_of(text) not in ("", "LATIN")
        for text in (meant, *(t for _, t in terms_of(heard, meant)))
    ):
        # Fae asks its recogniser for English, which it answers in Latin letters.
        remarks.append("other_script")
    if heard and _tidy(heard) != _tidy(meant):
        pairs = terms_of(heard, meant)
        if not pairs:
            remarks.append("no_word_differs" if words_of(heard) == words_of(meant) else "reworded")
        elif all(one.lower() == other.lower() for one, other in pairs):
            remarks.append("only_capitals")
    return remarks


def checked(
    home: Home,
    heard: str,
    meant: str,
    clip: Path | None = None,
    origin: str = "person",
    say_as: str | None = None,
    keep: bool = True,
) -> Correction:
    """A correction that can be stored (by vocabulary.keep); its recording is stored here unless keep is False.

    `say_as` is how the word sounds, for the synthesiser.

    Raises Refused without the consent ("corrections"; with a clip also "audio"), BadRequest and
    Missing for a correction or a clip that cannot be used. Nothing is stored then.
    """
    consent.require(home, "corrections")
    if clip is not None:
        consent.require(home, "audio")
    heard, meant = _tidy(heard), _tidy(meant)
    remarks = check(heard, meant, clip is not None)
    audio = seconds = replaces = None
    if clip is not None:
        # numpy and soundfile, which scripts that only store text do not have
        from fae_training.speech import clips

        recording = clips.read(clip)
        if not recording.usable:
            raise clips.explain(recording, clip)
        remarks += recording.problems
        audio = clips.keep(home, recording.samples) if keep else clips.name_of(recording.samples)
        seconds = round(recording.seconds, 2)
        earlier = [known.meant for known in all_corrections(home) if known.audio == audio]
        replaces = earlier[-1] if earlier and earlier[-1] != meant else None
    return Correction(
        now(), heard, meant, origin, say_as or None, audio, seconds, replaces, tuple(remarks)
    )


def checked_many(
    home: Home, rows: Sequence[object], origin: str, base: Path, keep: bool = True
) -> tuple[list[Correction], list[dict]]:
    """As `checked`, for rows {"heard", "meant", "clip"?, "say_as"?}, with clip paths relative to `base`.

    Returns (corrections, problems): the problem of a row is reported with its number, and the other
    rows are used.
    """
    kept, problems = [], []
    for number, row in enumerate(rows, 1):
        try:
            if not isinstance(row, dict) or not isinstance(row.get("meant"), str):
                raise BadRequest(
                    "bad_row",
                    f'{row!r:.60} is not {{"heard": "...", "meant": "...", "clip": "..."}}',
                    "see add_correction.py --help",
                )
            for name in ("heard", "clip", "say_as"):
                if not isinstance(row.get(name) or "", str):
                    raise BadRequest(
                        "bad_row",
                        f"{name} is {row[name]!r:.60}, expected a text",
                        "see add_correction.py --help",
                    )
            clip = base / row["clip"] if row.get("clip") else None
            heard, say_as = str(row.get("heard") or ""), row.get("say_as")
            kept.append(checked(home, heard, row["meant"], clip, origin, say_as, keep))
        except SkillError as problem:
            if problem.exit_status == 3:  # no consent: applies to every row
                raise
            problems.append({"row": number, "code": problem.code, "message": problem.message})
    return kept, problems


def _tidy(text: str) -> str:
    return " ".join(composed(text).split())


def all_corrections(home: Home) -> list[Correction]:
    """Every correction, oldest first. Raises Failed for an invalid line."""
    path = home.file(*FILE)
    return [
        records.read(Correction, row, f"line {number} of {path}")
        for number, row in enumerate(read_jsonl(path), 1)
    ]


def current_corrections(home: Home, more: Iterable[Correction] = ()) -> list[Correction]:
    """The corrections in force, oldest first, with `more` that are about to be stored: where a
    recording was given another meaning, the newest one."""
    known = [*all_corrections(home), *more]
    newest = {each.audio: each.meant for each in known if each.audio}
    return [each for each in known if not each.audio or each.meant == newest[each.audio]]
