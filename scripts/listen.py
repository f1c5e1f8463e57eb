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
"""Play a recording to a trained ear in chunks of 36 ms, as Fae captures sound, and see what it hears when.

    uv run scripts/listen.py kitchen.wav
    uv run scripts/listen.py kitchen.wav --kind speech_verifier --plot
    uv run scripts/listen.py kitchen.wav --run keyword-20261122-0914-k3

The ear is the active one of its kind, else that of the newest completed run. Also says what a chunk costs and how far the
stream is from the whole recording at once. Reads runs/<run>/adapters/; writes nothing.
Exit status: 0 done, 2 the file cannot be used, 4 no such file or no trained ear.
"""

from pathlib import Path

from fae_training import calling, deployment, runs
from fae_training.calling import Call, Result
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.errors import BadRequest, Missing, command_line
from fae_training.kinds import KINDS

EVENTS_TOLD = 12


def main(call: Call) -> Result:
    arguments = call.arguments
    kind = arguments.kind or "keyword"
    if arguments.file is None:
        raise BadRequest("no_file", "no recording was named", "uv run scripts/listen.py FILE")
    if not arguments.file.is_file():
        raise Missing(
            "no_file",
            f"there is no file {arguments.file}",
            command_line("ls", arguments.file.parent),
        )
    run = trained(call, kind)

    from fae_training.classifiers import listening, runtime
    from fae_training.speech.clips import read

    samples = read(arguments.file).samples
    classifier = runtime.load(run.file("adapters"))
    heard = listening.listen(classifier, samples)
    if not len(heard.times):
        raise BadRequest(
            "too_short",
            f"{arguments.file} lasts {len(samples) / 16_000:.2f} s; the first answer comes after {classifier.window * 0.012 + 0.06:.1f} s",
            "give a longer recording",
        )
    told = listening.segments(heard, classifier.classes)
    lines = [f"{run.id} on {arguments.file}, {len(samples) / 16_000:.1f} s"]
    if arguments.plot:
        lines.append(listening.drawing(heard, classifier.classes))
    else:
        lines += [f"{begin:7.2f} to {end:7.2f} s  {name}" for begin, end, name in told]
    lines += [f"{at:7.2f} s  {name.upper()} ({p:.2f})" for at, name, p in heard.events]
    lines.append(
        f"A chunk of 36 ms takes {heard.milliseconds_a_chunk:.2f} ms; the stream is within {heard.difference_to_batch:.0e} of the whole at once."
    )
    data = {
        "status": "heard",
        "run": run.id,
        "seconds": round(len(samples) / 16_000, 2),
        "events": [
            {"at_s": a, "class": n, "probability": p} for a, n, p in heard.events[:EVENTS_TOLD]
        ],
        "event_count": len(heard.events),
        "segments": [{"from_s": b, "to_s": e, "class": n} for b, e, n in told],
        "milliseconds_a_chunk": round(heard.milliseconds_a_chunk, 3),
        "difference_to_batch": heard.difference_to_batch,
    }
    return Result(data, "\n".join(lines))


def trained(call: Call, kind: str) -> runs.Run:
    """The run that was named, else the active one, else the newest that is complete. Raises Missing."""
    if call.arguments.run:
        run = runs.find(call.home, call.arguments.run, kind)
    else:
        complete = [
            r for r in runs.all_runs(call.home, kind) if r.record.get("status") == "completed"
        ]
        run = deployment.current_run(call.home, KINDS[kind].slot) or (complete or [None])[-1]
    if run is None or not run.file("adapters", "model.json").is_file():
        raise Missing(
            "no_ear",
            f"no {kind} ear is trained in {call.home.path}",
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
    parser.add_argument("--plot", action="store_true", help="draw the probabilities")
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
