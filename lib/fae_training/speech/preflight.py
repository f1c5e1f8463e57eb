"""What train_stt.py asks before a run begins. Standard library only."""

from fae_training import fae_app, models
from fae_training.calling import Call, Parser
from fae_training.errors import BadRequest, Missing, command_line
from fae_training.ranges import RANGES
from fae_training.speech import material
from fae_training.speech.synthesis import find_synthesiser

MODEL_TYPES = ("qwen3_asr",)
# Fae's own rule (FaeConfig.recommendedSTTModel): the larger recogniser from 16 GB of memory.
TIERS = (
    (16, "mlx-community/Qwen3-ASR-1.7B-4bit"),
    (0, "mlx-community/Qwen3-ASR-0.6B-4bit"),
)
DEFAULTS = {
    "model": "auto",
    "seed": 0,
    "lora_scale": 2.0,
    "warmup_ratio": 0.1,
    "schedule": "cosine",
    "weight_decay": 0.01,
    "max_gradient_norm": 1.0,
}


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="auto (what Fae runs), an id such as " + TIERS[0][1] + ", or a directory",
    )
    parser.add_argument("--rank", type=RANGES["rank"], metavar="N", help="rank of the adapter")
    parser.add_argument(
        "--clips-per-term",
        type=RANGES["clips_per_term"],
        metavar="N",
        help="clips to synthesise of a word that has few recordings",
    )
    parser.add_argument(
        "--fetch", action="store_true", help="download the model when it is not here, and end"
    )


def choose(name: str) -> tuple[str, str]:
    """(model id or directory, why): for auto what Fae's config.toml names, else by this machine's
    memory.
    """
    if name != "auto":
        if (named := models.folder_or_id(name)) is None:
            raise BadRequest(
                "unknown_model",
                f"there is no model {name!r}; expected auto, {TIERS[0][1]}, {TIERS[1][1]}, the "
                "address of its page, or a directory",
                "uv run scripts/train_stt.py --model auto",
            )
        return named, "as asked"
    if named := fae_app.config().get("stt", {}).get("modelId"):
        return str(named), "Fae's config.toml names it"
    memory = fae_app.memory_bytes() // fae_app.GIB
    model = next(model for least, model in TIERS if memory >= least)
    return model, f"Fae's choice for {memory} GB of memory"


def facts(call: Call, settings) -> dict:
    """For run.json: what is there to learn, and the model. Raises Missing: no corrections, no
    model, nothing to hear.
    """
    found = material.collect(call.home)
    if not found.recorded and find_synthesiser() is None:
        raise Missing(
            "nothing_to_hear",
            f"{len(found.terms)} words are to be learned, with no recording, and neither say nor "
            "espeak-ng is here",
            "brew install espeak-ng, or record the words: uv run scripts/add_correction.py --help",
        )
    words = ", ".join(entry.term for entry in found.terms[:5])
    more = f" and {len(found.terms) - 5} more" if len(found.terms) > 5 else ""
    made = {
        "terms": len(found.terms),
        "recordings": len(found.recorded),
        "data_fingerprint": material.fingerprint(call.home),
        "learned_from": f"your corrections of {words}{more}, with {len(found.recorded)} recordings",
        "notes": found.notes,
    }
    return made | _model_facts(settings["model"])


def _model_facts(name: str) -> dict:
    model, why = choose(name)
    directory = models.locate(model)
    fetch = "uv run " + command_line("scripts/train_stt.py", "--model", name, "--fetch")
    if directory is None:
        raise Missing("no_model", f"{model} ({why}) is not on this machine", fetch)
    models.check(directory, MODEL_TYPES, f"choose another --model, or fetch it again: {fetch}")
    there = {"id": model, "directory": str(directory), "why": why}
    return {"model": there, "model_fingerprint": models.fingerprint(directory)}
