# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "numpy",
#   "scipy>=1.14",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Run a trained audio classifier on a recording, in chunks of 36 ms as Fae captures sound, and show what it detects when.

    uv run scripts/listen.py kitchen.wav
    uv run scripts/listen.py kitchen.wav --kind speech_verifier --plot
    uv run scripts/listen.py kitchen.wav --run keyword-20261122-0914-k3
    uv run scripts/listen.py kitchen.wav --save-alarms kitchen-alarms

Uses the deployed classifier of that kind, or else the newest completed run's. Also reports the time a chunk takes, and how
much streaming differs from computing the whole recording at once. Reads runs/<run>/adapters/; writes DIR if --save-alarms names one.
Exit status: 0 done, 2 the file cannot be used, 3 no consent (audio) to save alarms, 4 no such file or no trained classifier.
"""

from pathlib import Path

from fae_training.audio import SAMPLE_RATE
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest, Missing, command_line
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.lifecycle import runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.release import deployment
from fae_training.store import consent

EVENTS_SHOWN = 12


def main(call: Call) -> Result:
    arguments = call.arguments
    kind = arguments.kind or "keyword"
    if arguments.file is None:
        raise BadRequest("no_file", "no recording was given", "uv run scripts/listen.py FILE")
    if not arguments.file.is_file():
        raise Missing(
            "no_file",
            f"there is no file {arguments.file}",
            command_line("ls", arguments.file.parent),
        )
    run = trained(call, kind)

    from fae_training.classifiers import features, listening, reviews, runtime
    from fae_training.speech import clips

    samples = clips.read(arguments.file).samples
    seconds = len(samples) / SAMPLE_RATE
    classifier = runtime.load(run.file("adapters"))
    stream = listening.listen(classifier, samples)
    if not len(stream.times):
        needed = features.samples_for(classifier.window) / SAMPLE_RATE
        raise BadRequest(
            "too_short",
            f"{arguments.file} lasts {seconds:.2f} s; the classifier needs {needed:.2f} s for its first answer",
            "give a longer recording",
        )
    saved = None
    if arguments.save_alarms and classifier.spec["triggers"]:
        consent.require(call.home, "audio")
        name = arguments.file.stem
        saved = reviews.save(arguments.save_alarms, classifier, stream, samples, name, run.id)
    segments = listening.segments(stream, classifier.classes)
    lines = [f"{run.id} on {arguments.file}, {seconds:.1f} s"]
    if arguments.plot:
        lines.append(listening.drawing(stream, classifier.classes))
    else:
        lines += [f"{begin:7.2f} to {end:7.2f} s  {name}" for begin, end, name in segments]
    lines += [f"{at:7.2f} s  {name.upper()} ({p:.2f})" for at, name, p in stream.events]
    lines.append(
        f"A chunk of 36 ms takes {stream.milliseconds_a_chunk:.2f} ms; stream and whole recording differ by at most {stream.difference_to_batch:.0e}."
    )
    if saved is not None:
        lines.append(
            f"{counted(saved, 'new sound was', 'new sounds were')} saved in {arguments.save_alarms}: alarms and near misses."
        )
        lines.append("Next: uv run " + command_line("scripts/review.py", arguments.save_alarms))
    data = {
        "status": "heard",
        "run": run.id,
        "seconds": round(seconds, 2),
        "events": [
            {"at_s": a, "class": n, "probability": p} for a, n, p in stream.events[:EVENTS_SHOWN]
        ],
        "event_count": len(stream.events),
        "segments": [{"from_s": b, "to_s": e, "class": n} for b, e, n in segments],
        "milliseconds_a_chunk": round(stream.milliseconds_a_chunk, 3),
        "difference_to_batch": stream.difference_to_batch,
    }
    if saved is not None:
        data["saved"] = saved
    return Result(data, "\n".join(lines))


def trained(call: Call, kind: str) -> runs.Run:
    """The run given by --run, or else the deployed one, or else the newest completed one. Raises Missing."""
    if call.arguments.run:
        run = runs.find(call.home, call.arguments.run, kind)
    else:
        complete = [
            r for r in runs.all_runs(call.home, kind) if r.record.get("status") == "completed"
        ]
        run = deployment.current_run(call.home, KINDS[kind].slot) or (complete or [None])[-1]
    if run is None or not run.file("adapters", "model.json").is_file():
        raise Missing(
            "no_classifier",
            f"no {kind} classifier is trained in {call.home.path}",
            f"uv run scripts/{CLASSIFIERS[kind].script} --preset light",
        )
    return run


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="the recording, in any format")
    parser.add_argument(
        "--kind", choices=list(CLASSIFIERS), help="keyword (default) or speech_verifier"
    )
    parser.add_argument("--run", metavar="RUN", help="a run id, or 'latest'")
    parser.add_argument("--plot", action="store_true", help="plot the probabilities of each class")
    parser.add_argument(
        "--save-alarms",
        type=Path,
        metavar="DIR",
        help="save two seconds of each detection and near miss, for review.py",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
