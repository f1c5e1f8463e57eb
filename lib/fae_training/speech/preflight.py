"""The checks of train_stt.py before a run. Standard library only."""

from pathlib import Path

from fae_training.app import fae_app, fae_versions
from fae_training.calls.calling import Call
from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest, Missing, Refused
from fae_training.environment import models
from fae_training.lifecycle import provenance
from fae_training.lifecycle.preflight import Data, Model
from fae_training.lifecycle.runs import Run
from fae_training.speech import material
from fae_training.speech.synthesis import find_synthesiser
from fae_training.store.state import Home

MODEL_TYPES = ("qwen3_asr",)
# The model that Fae v0.8.105 loads on every machine (SttConfig.modelId), and newer versions from 16
# GB of memory.
FAE_MODEL = "mlx-community/Qwen3-ASR-1.7B-4bit"
SMALL_MODEL = "mlx-community/Qwen3-ASR-0.6B-4bit"
LATER_TIERS = ((16, FAE_MODEL), (0, SMALL_MODEL))


def choose(name: str, script: str = "train_stt.py") -> tuple[str, str]:
    """(model id or directory, reason): for auto the one named in Fae's config.toml, otherwise the
    one that its version loads."""
    if name != "auto":
        if (named := models.folder_or_id(name)) is None:
            raise BadRequest(
                "unknown_model",
                f"there is no model {name!r}; expected auto, {FAE_MODEL}, {SMALL_MODEL}, the "
                "address of its page, or a directory",
                f"uv run scripts/{script} --model auto",
            )
        return named, "as asked"
    if named := fae_app.config().get("stt", {}).get("modelId"):
        return str(named), "Fae's config.toml names it"
    apps = fae_versions.installed()
    if not apps or not apps[0].is_later:
        return FAE_MODEL, "Fae loads it on every machine"
    memory = fae_app.memory_bytes() // fae_app.GIB
    model = next(model for least, model in LATER_TIERS if memory >= least)
    return model, f"Fae {apps[0].version}'s choice for {memory} GB of memory"


def check(home: Home) -> Data:
    """Describe the material to learn from. Raises Missing where there are no corrections, or no audio."""
    found = material.collect(home)
    if not found.recorded and find_synthesiser() is None:
        raise Missing(
            "nothing_to_hear",
            f"{counted(len(found.terms), 'word is', 'words are')} to be learned, but there are no recordings, and neither say nor "
            "espeak-ng is installed",
            "brew install espeak-ng, or record the words: uv run scripts/add_correction.py --help",
        )
    words = ", ".join(entry.term for entry in found.terms[:5])
    more = f" and {len(found.terms) - 5} more" if len(found.terms) > 5 else ""
    return Data(
        material.fingerprint(home),
        f"your corrections of {words}{more}, with {counted(len(found.recorded), 'recording')}",
        {"terms": len(found.terms), "recordings": len(found.recorded)},
        tuple(found.notes),
    )


def check_own(run: Run) -> Data:
    """The clips that a resumed run made for itself. Raises Refused where one of them no longer
    exists: their names are hashes of their content, so an existing one is unchanged."""
    place = provenance.rows_of(run)
    examples = [each for side in ("train", "valid") for each in material.read_examples(place, side)]
    gone = sorted({each.audio for each in examples if not run.home.file(each.audio).is_file()})
    if gone:
        raise Refused(
            "recordings_changed",
            f"{counted(len(gone), 'clip')} that {run.id} learns from {'is' if len(gone) == 1 else 'are'} gone: {', '.join(gone[:3])}",
            "start a new run: uv run scripts/train_stt.py --preset light",
        )
    return Data(
        run.record["data_fingerprint"],
        run.record.get("learned_from", ""),
        run.record.get("rows", {}),
    )


def find_model(call: Call, name: str) -> Model:
    """models.find for a speech recogniser."""
    return models.find(call, name, "train_stt.py", choose, _check)


def _check(directory: Path, next_command: str) -> None:
    models.check(directory, MODEL_TYPES, next_command)
