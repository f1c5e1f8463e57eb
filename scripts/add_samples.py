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
"""Add recordings to train the audio classifiers on. It copies existing files and folders and records nothing itself.

    uv run scripts/add_samples.py --class wake --speaker me --files hey-fae-1.wav hey-fae-2.wav
    uv run scripts/add_samples.py --kind speech_verifier --class music --files ~/Music/some-album
    uv run scripts/add_samples.py --files recordings/          with recordings/wake, recordings/noise ...
    uv run scripts/add_samples.py --class noise --to-judge --files kitchen-monday.wav kitchen-tuesday.wav
    uv run scripts/add_samples.py --missed-wakes               the calls that Fae did not hear and saved
    uv run scripts/add_samples.py --table clips.csv            columns file, class, speaker (or group), recording

Classes of keyword (the default kind): interrupt, wake, speech, silence, noise; of speech_verifier: speech, music, noise.
Files may have any length, sample rate and number of channels: WAV, FLAC, OGG, MP3 and AIFF, and with afconvert or ffmpeg
also .m4a and videos. Name the speaker: with several speakers, some are held out, which is the only way to measure
performance on new people. --to-judge is for hours of ordinary sound without a wake or interrupt word, on which false
alarms are counted and nothing is trained. Writes <kind>/samples/<class>/<speaker>--<name>.wav.
Exit status: 0 done, 2 unknown class, 3 no consent (audio), 4 no such file, or no usable one.
"""

from dataclasses import replace
from pathlib import Path

from fae_training.app import fae_app
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest, Missing, command_line
from fae_training.classifiers import imports
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.imports import Sample
from fae_training.classifiers.recordings import TO_JUDGE
from fae_training.lifecycle import runs
from fae_training.store import consent

PROBLEMS_SHOWN = 8


def main(call: Call) -> Result:
    arguments = call.arguments
    kind = arguments.kind or "keyword"
    if arguments.missed_wakes:
        take_missed_wakes(call)
    if bool(arguments.files) == bool(arguments.table):
        raise BadRequest(
            "nothing_given",
            "give either --files or --table",
            "uv run scripts/add_samples.py --class wake --speaker me --files RECORDINGS...",
        )
    if arguments.table:
        samples = imports.from_table(arguments.table, kind)
    else:
        samples = imports.from_paths(
            arguments.files, kind, getattr(arguments, "class"), arguments.speaker
        )
    if arguments.to_judge:
        samples = [_to_judge(sample, kind) for sample in samples]
    if not samples:
        raise Missing(
            "no_sounds",
            f"{', '.join(map(str, arguments.files))} contains no sound file ({', '.join(imports.SUFFIXES)})",
            command_line("ls", arguments.files[0]),
        )
    consent.require(call.home, "audio")

    from fae_training.classifiers import sound_files

    added, problems = sound_files.keep(call.home, kind, samples, bool(arguments.dry_run))
    unusable = [problem for problem in problems if sound_files.ALREADY_ADDED not in problem]
    if unusable and not any(added.values()):
        known = len(problems) - len(unusable)
        raise Missing(
            "nothing_usable",
            f"{len(unusable)} of {counted(len(samples), 'file')} cannot be used: {'; '.join(unusable[:3])}"
            + (f"; {known} had been added before" if known else ""),
            what_to_give(unusable),
        )
    return answer(call, kind, added, problems)


def what_to_give(unusable: list[str]) -> str:
    from fae_training.speech import clips

    if all(clips.NO_CONVERTER in problem for problem in unusable):
        return f"{clips.INSTALL_CONVERTER}, then run the same command again"
    return "give WAV, FLAC, OGG, MP3 or AIFF files with sound in them"


def _to_judge(sample: Sample, kind: str) -> Sample:
    if sample.class_name in CLASSIFIERS[kind].triggers:
        raise BadRequest(
            "not_ordinary",
            f"{sample.path} is of {sample.class_name}, but the sounds for counting false alarms must not contain such a word",
            f"uv run scripts/add_samples.py --kind {kind} --class speech --to-judge --files RECORDINGS...",
        )
    return replace(sample, source=TO_JUDGE)


def take_missed_wakes(call: Call) -> None:
    """Set --files to the missed calls that later versions of Fae save. Raises Missing if there are none."""
    consent.require(call.home, "audio")
    directory = fae_app.directory() / "wake_training" / "missed"
    clips = sorted(directory.glob("*.wav"))
    if not clips:
        raise Missing(
            "no_missed_wakes",
            f"Fae has saved no missed calls in {directory}",
            "tell Fae when it did not hear you call",
        )
    call.arguments.files, call.arguments.kind = clips, "keyword"
    setattr(call.arguments, "class", "wake")
    call.arguments.speaker = call.arguments.speaker or "owner"


def answer(call: Call, kind: str, added: dict, problems: list[str]) -> Result:
    from fae_training.classifiers import sound_files

    planned = bool(call.arguments.dry_run)
    lines = [f"{'Would add' if planned else 'Added'} to {kind}:"]
    lines += [f"  {count} of {name}" for name, count in added.items() if count]
    if not any(added.values()):
        what = counted(len(problems), "recording")
        lines = [f"Nothing has changed: {what} had been added before."]
        if others := [p for p in problems if sound_files.AS_ANOTHER in p]:
            lines += [f"  {p}" for p in others[:PROBLEMS_SHOWN]]
            lines.append("To change a class or a speaker, delete that file and add it again.")
    if problems and any(added.values()):
        lines += [f"Left out ({len(problems)}):", *(f"  {p}" for p in problems[:PROBLEMS_SHOWN])]
    data = {"status": "planned" if planned else "added", "kind": kind, "added": added}
    data |= {"left_out": len(problems), "problems": problems[:PROBLEMS_SHOWN]}
    if not planned:
        data["next"] = next_call(call, kind, added)
    return Result(data, "\n".join(lines))


def next_call(call: Call, kind: str, added: dict) -> str:
    """The training, unless nothing was added since one."""
    if not any(added.values()) and runs.all_runs(call.home, kind):
        return f"check_status.py --kind {kind}"
    return f"{CLASSIFIERS[kind].script} --preset light"


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument(
        "--kind", choices=list(CLASSIFIERS), help="keyword (default) or speech_verifier"
    )
    parser.add_argument(
        "--class",
        metavar="CLASS",
        help="the class of the files; without it, each folder must contain folders named after classes",
    )
    parser.add_argument("--speaker", metavar="WHO", help="the speaker")
    parser.add_argument(
        "--files", nargs="+", type=Path, metavar="PATH", help="sound files, or folders of them"
    )
    parser.add_argument(
        "--missed-wakes",
        action="store_true",
        help="the calls that did not wake Fae and that it saved (the two seconds before the key was pressed); only if the "
        "person wants this",
    )
    parser.add_argument(
        "--to-judge",
        action="store_true",
        help="ordinary sound without a wake or interrupt word, used only to count false alarms",
    )
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="a CSV file that lists the recordings"
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
