"""What the two train scripts of the ears ask before a run begins. Standard library only."""

from fae_training.calling import Call, Parser
from fae_training.classifiers.classes import CLASSIFIERS, ClassifierKind
from fae_training.classifiers.recordings import directory, scan
from fae_training.errors import BadRequest, Missing, command_line
from fae_training.ranges import RANGES
from fae_training.speech.synthesis import find_synthesiser

DEFAULTS = {
    "seed": 0,
    "gradient_accumulation": 1,
    "warmup_ratio": 0.06,
    "schedule": "cosine",
    "weight_decay": 0.01,
    "max_gradient_norm": 1.0,
    "label_smoothing": 0.02,
    "dropout": 0.2,
    "patience": 8,
    "held_out_share": 0.15,
    "synthesise": "auto",
}
SYNTHESISE = ("auto", "never")


def defaults(kind: str, preset: dict) -> dict:
    """Every setting of that kind with its default."""
    ear = CLASSIFIERS[kind]
    own = {f"{name}_phrases": ", ".join(said) for name, said in ear.phrases.items()}
    if ear.triggers:
        own["false_alarms_per_hour"] = 1.0
    return DEFAULTS | preset | own | {"preset": "light"}


def add_options(parser: Parser, kind: str) -> None:
    parser.add_argument(
        "--synthesise",
        choices=SYNTHESISE,
        help="auto: say or espeak-ng speak what too few recordings are of; never: recordings alone",
    )
    for name in CLASSIFIERS[kind].phrases:
        parser.add_argument(
            f"--{name}-phrases",
            metavar="WORDS",
            help=f"what is synthesised as {name}, with commas between",
        )
    if CLASSIFIERS[kind].triggers:
        parser.add_argument(
            "--false-alarms-per-hour",
            type=RANGES["false_alarms_per_hour"],
            metavar="X",
            help="the rate that thresholds are chosen for (default 1)",
        )


def phrases_of(settings: dict, ear: ClassifierKind) -> dict[str, list[str]]:
    """The phrases of each trigger as a list. Raises BadRequest where there is none."""
    found = {}
    for name in ear.phrases:
        found[name] = [p.strip() for p in settings[f"{name}_phrases"].split(",") if p.strip()]
        if not found[name]:
            raise BadRequest(
                "no_phrases",
                f"--{name}-phrases names no phrase",
                "uv run "
                + command_line(
                    f"scripts/{ear.script}", f"--{name}-phrases", ", ".join(ear.phrases[name][:2])
                ),
            )
    return found


def facts(call: Call, settings, kind: str) -> dict:
    """For run.json: how many samples there are. Raises BadRequest (unknown class) and Missing (a class with nothing)."""
    ear = CLASSIFIERS[kind]
    phrases_of(settings.values, ear)
    found = scan(call.home, ear)
    counts = {name: len(paths) for name, paths in found.files.items()}
    lent = {name: sum(c == name for c, _ in found.borrowed) for name in ear.classes}
    can_speak = settings["synthesise"] == "auto" and find_synthesiser() is not None
    notes = list(found.notes)
    for name in ear.classes:
        if counts[name] + lent[name]:
            continue
        spoken = name in ear.triggers or name == "speech"
        if spoken and not can_speak:
            why = (
                "synthesising is turned off"
                if settings["synthesise"] != "auto"
                else "neither say nor espeak-ng is on this machine to speak some"
            )
            raise Missing(
                "no_samples",
                f"{directory(call.home, kind) / name} has no samples, and {why}; 20 recordings are a beginning, 200 are good",
                f"uv run scripts/add_samples.py --kind {kind} --class {name} --speaker me --files RECORDINGS...",
            )
        how = "spoken by a synthesiser" if spoken else "generated"
        notes.append(f"there is no recording of {name}: all of it is {how}")
    own = ", ".join(f"{count} of {name}" for name, count in counts.items() if count)
    return {
        "samples": counts,
        "data_fingerprint": found.fingerprint,
        "learned_from": f"your recordings ({own})" if own else "synthesised sounds alone",
        "notes": notes,
    }
