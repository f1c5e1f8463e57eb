# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "numpy",
#   "scipy>=1.14",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Sort the sounds that listen.py saved: was the word said or not? The next training learns from the answers.

    uv run scripts/listen.py kitchen.wav --save-alarms kitchen-alarms
    uv run scripts/review.py kitchen-alarms
    uv run scripts/review.py missed-clips --trigger wake --speaker me
    uv run scripts/review.py kitchen-alarms --false "kitchen wake 12.24.wav"

Plays each sound (with afplay or aplay) and asks: y, it was said; n, it was not; Enter to skip it; q to stop. Without a
terminal, give the file names after --right and --false. False alarms become examples of their own class, with a higher
weight; missed words become examples of the word. Both are used only for training unless --may-judge is given.
Reads DIR/alarms.jsonl; a sound that is not listed there counts as a missed trigger. Writes DIR/reviewed.jsonl and
keyword/samples/<class>/false-alarms and missed.
To forget what came from a recording: uv run scripts/export_data.py --exclude id:kitchen
Exit status: 0 done, 2 bad request, 3 no consent (audio), 4 no such folder, or nothing in it to sort.
"""

import sys
from pathlib import Path

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest, Missing, command_line
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.store import consent

KIND = CLASSIFIERS["keyword"]
PROBLEMS_SHOWN = 5


def main(call: Call) -> Result:
    arguments = call.arguments
    folder = arguments.folder
    if folder is None:
        raise BadRequest("no_folder", "no folder was given", "uv run scripts/review.py DIR")
    consent.require(call.home, "audio")

    from fae_training.classifiers import reviews, sound_files

    sounds = reviews.all_in(folder, arguments.trigger or "wake")
    if not sounds:
        raise Missing("nothing_to_sort", f"{folder} contains no sounds", "uv run " + command_line("scripts/listen.py", "RECORDING", "--save-alarms", folder))  # fmt: skip
    answers = reviews.answers(folder)
    given = {file: reviews.RIGHT for file in arguments.right or []}
    given |= {file: reviews.FALSE for file in arguments.false or []}
    if unknown := sorted(given.keys() - {one.file for one in sounds}):
        raise BadRequest("no_such_sound", f"{folder} has no {unknown[0]}; it has {', '.join(one.file for one in sounds[:3])} ...", command_line("ls", folder))  # fmt: skip
    left = [one for one in sounds if one.file not in answers]
    if not given and left:
        if not sys.stdin.isatty():
            raise BadRequest("no_terminal", f"{counted(len(left), 'sound is', 'sounds are')} left to sort, but there is no terminal to ask at", "uv run " + command_line("scripts/review.py", folder, "--false", left[0].file))  # fmt: skip
        given = asked(folder, left)
    if not arguments.dry_run:
        for file, answer in given.items():
            reviews.answer(folder, file, answer)
    answers |= given
    samples = reviews.samples(folder, sounds, answers, arguments.speaker, bool(arguments.may_judge))
    added, problems = sound_files.keep(call.home, KIND.name, samples, bool(arguments.dry_run))
    new = [p for p in problems if sound_files.ALREADY_ADDED not in p]
    count = {
        word: sum(a == word for a in answers.values()) for word in (reviews.RIGHT, reviews.FALSE)
    }
    unsorted = sum(one.file not in answers for one in sounds)
    lines = [
        f"{count[reviews.FALSE]} false, {count[reviews.RIGHT]} right, {unsorted} not sorted yet.",
        f"{'Would add' if arguments.dry_run else 'Added'} {counted(sum(added.values()), 'sound')} to the training data.",
        *(f"  {problem}" for problem in new[:PROBLEMS_SHOWN]),
    ]
    data = {"status": "planned" if arguments.dry_run else "reviewed", **count, "left": unsorted}
    data |= {"added": added, "problems": new[:PROBLEMS_SHOWN]}
    if not arguments.dry_run:
        data["next"] = "train_keyword.py --preset light"
    return Result(data, "\n".join(lines))


def asked(folder: Path, sounds) -> dict[str, str]:
    """The person's answer to each sound, until they stop."""
    from fae_training.classifiers import reviews

    player = reviews.player()
    if player is None:
        print("Neither afplay nor aplay is installed: open each file in a player yourself.")
    words = {"y": reviews.RIGHT, "n": reviews.FALSE, "": reviews.SKIPPED}
    given: dict[str, str] = {}
    for number, one in enumerate(sounds, 1):
        if player:
            reviews.play(player, folder / one.file)
        what = "detected" if one.detected else "not detected"
        question = f"{number}/{len(sounds)}  {one.file} ({one.trigger} {what}): was it said? [y/n/Enter/q] "
        while (answer := input(question).strip().lower()) not in (*words, "q"):
            print("y: it was said; n: it was not; Enter: skip; q: stop")
        if answer == "q":
            break
        given[one.file] = words[answer]
    return given


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument(
        "folder", nargs="?", type=Path, help="the folder written by listen.py --save-alarms"
    )
    parser.add_argument("--right", nargs="+", metavar="FILE", help="sounds in which it was said")
    parser.add_argument("--false", nargs="+", metavar="FILE", help="sounds in which it was not")
    parser.add_argument(
        "--trigger",
        choices=KIND.triggers,
        help="trigger of sounds that are not in alarms.jsonl (default: wake)",
    )
    parser.add_argument("--speaker", metavar="WHO", help="who said the missed words")
    parser.add_argument(
        "--may-judge",
        action="store_true",
        help="split the sounds into training and test set like other recordings",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
