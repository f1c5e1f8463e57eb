# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "numpy",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Record what Fae misheard and what was meant, with a sound clip if there is one.

    uv run scripts/add_correction.py --heard Marian --meant Marion
    uv run scripts/add_correction.py --heard "Call Marian." --meant "Call Marion." --clip call.wav
    uv run scripts/add_correction.py --file corrections.jsonl

With a clip, --meant is everything that is said in it. If --heard equals --meant, the clip was heard correctly and is used
to check that this stays so. Lines of --file are {"heard", "meant", "clip"?, "say_as"?}, with clips relative to the file.
Clips may be from 0.3 to 30 s long, in any format that soundfile reads (WAV, FLAC, OGG, MP3, AIFF); they are stored as
16 kHz mono. Writes stt/corrections.jsonl, stt/clips/ and stt/vocabulary.json.
Exit status: 2 correction without words, or unusable clip; 3 no consent (corrections; audio for clips); 4 no such file.
"""

from pathlib import Path

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.error_words import reason
from fae_training.calls.errors import BadRequest, Missing, command_line
from fae_training.corrections import spoken
from fae_training.speech import misheard, vocabulary
from fae_training.speech.misheard import Correction
from fae_training.store import state

NEXT = "train_stt.py --preset light"


def main(call: Call) -> Result:
    arguments = call.arguments
    if arguments.file:
        return add_file(call, arguments.file)
    if arguments.meant is None:
        raise BadRequest(
            "nothing_given",
            "neither --meant nor --file was given",
            "uv run scripts/add_correction.py --heard HEARD --meant MEANT",
        )
    heard, meant = arguments.heard or "", arguments.meant
    # "It's Siobhan, not Shivon" as it was said; what a clip says is spelled out in full.
    if arguments.clip is None and (said := spoken.find(meant, heard)):
        heard, meant = said.heard, said.meant
    correction = misheard.checked(
        call.home,
        heard,
        meant,
        arguments.clip,
        call.caller,
        say_as=arguments.say_as,
        keep=not arguments.dry_run,
    )
    if arguments.dry_run:
        words = misheard.terms_of(correction.heard, correction.meant)
        data = {"status": "planned", "words": words, "remarks": list(correction.remarks)}
        data |= {"replaces": correction.replaces} if correction.replaces else {}
        return Result(
            data,
            f"Would keep: {in_words(correction)}{remarks_in_words(correction)}.",
        )
    entries = vocabulary.keep(call.home, [correction])
    words = [meant for _, meant in misheard.terms_of(correction.heard, correction.meant)]
    data = {
        "status": "kept",
        "words": words,
        "recorded": correction.audio is not None,
        "vocabulary": len(entries),
    }
    data |= {n: v for n, v in correction.as_row().items() if n in ("remarks", "replaces")}
    return Result(
        data | {"next": NEXT},
        f"Kept: {in_words(correction)}{remarks_in_words(correction)}.\n"
        f"{counted(len(entries), 'word')} in {call.home.file(vocabulary.FILE)}",
    )


def add_file(call: Call, path: Path) -> Result:
    """Add every line of a JSONL file. Unusable lines are reported and the others added."""
    try:
        # Not splitlines(), which also splits at Unicode line separators inside JSON strings.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise Missing(
            "no_file", f"there is no file {path}", command_line("ls", "-l", path.parent)
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(
            "bad_file", f"{path} cannot be read as text: {reason(error)}", "use JSON lines in UTF-8"
        ) from error
    rows = [parsed(line) for line in lines if line.strip()]
    kept, problems = misheard.checked_many(
        call.home, rows, call.caller, path.parent, keep=not call.arguments.dry_run
    )
    if rows and not kept:
        raise BadRequest(
            "nothing_kept",
            f"none of {counted(len(rows), 'line')} of {path} could be kept; the first: {problems[0]['message']}",
            f"correct {path}",
        )
    entries = [] if call.arguments.dry_run else vocabulary.keep(call.home, kept)
    recorded = sum(correction.audio is not None for correction in kept)
    data = {
        "status": "planned" if call.arguments.dry_run else "kept",
        "kept": len(kept),
        "recorded": recorded,
        "problems": problems,
        "vocabulary": len(entries),
    }
    if not call.arguments.dry_run:
        data["next"] = NEXT
    listed = "\n".join(f"  line {p['row']}: {p['message']}" for p in problems)
    text = f"Kept {len(kept)} of {len(rows)} corrections, {recorded} with a recording."
    return Result(data, f"{text}\n{listed}".rstrip())


def parsed(line: str):
    """A line parsed as JSON, or unchanged if invalid, which checked_many reports."""
    try:
        return state.parsed(line)
    except ValueError:
        return line


def in_words(correction: Correction) -> str:
    heard, meant = correction.heard, correction.meant
    return f"heard {heard!r}, meant {meant!r}" if heard != meant else f"heard correctly: {meant!r}"


def remarks_in_words(correction: Correction) -> str:
    sentences = {
        "other_script": "Fae listens in English, so this is used for the vocabulary and not for training",
        "only_capitals": "only the capitals differ: this spelling is learned, but accuracy is measured without capitals",
        "no_word_differs": "only punctuation or the capital of a sentence differs, so there is no word to learn",
        "reworded": "more than a few words differ, so no single word is learned",
        "clipped": "the recording is distorted (too loud)",
    }
    text = "".join(f"; {sentences[remark]}" for remark in correction.remarks)
    if correction.replaces:
        text += f"; this replaces an earlier correction of the same recording (to {correction.replaces!r})"
    return text


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument("--heard", metavar="TEXT", help="what Fae heard (optional)")
    parser.add_argument("--meant", metavar="TEXT", help="what was said")
    parser.add_argument("--clip", type=Path, metavar="FILE", help="a recording of it")
    parser.add_argument(
        "--say-as",
        metavar="TEXT",
        help="a phonetic spelling, for a word that is not pronounced as it is spelled",
    )
    parser.add_argument("--file", type=Path, metavar="JSONL", help="many corrections at once")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
