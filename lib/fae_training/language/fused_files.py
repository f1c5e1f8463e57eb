"""The formats that a run can be written in besides its adapter: which are possible, the folders that
hold them, and fused.json with their details. Standard library only."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from fae_training.calls.errors import BadRequest, Failed, Missing, Refused, SkillError
from fae_training.language.adapter_files import read_config
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import ADAPTERS, Run
from fae_training.release.deployment import fingerprint
from fae_training.store.state import unwritable

FUSED, PEFT, FILE = "fused", "peft", "fused.json"
GGUF_FILE = "model-f16.gguf"
# The only model types that mlx_lm.fuse writes as GGUF.
GGUF_TYPES = ("llama", "mistral", "mixtral")
# Modules with the same name in mlx-lm and transformers in every model type that has them. Those of
# lfm2 or plamo differ.
PEFT_MODULES = {
    f"self_attn.{name}" for name in ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj")
}
PEFT_MODULES |= {
    f"linear_attn.{name}" for name in ("in_proj_qkv", "in_proj_z", "in_proj_qkvz", "out_proj")
}
PEFT_MODULES |= {
    f"{mlp}.{name}"
    for mlp in ("mlp", "mlp.shared_expert")
    for name in ("gate_proj", "up_proj", "down_proj", "gate_up_proj")
}


def why_no_gguf(model: Path) -> str | None:
    """The reason why mlx-lm cannot write this base model as GGUF, fused or not; None where it can.

    mlx-lm knows Llama's names and writes the vocabulary as SentencePiece. A byte-level vocabulary
    (Llama 3, Qwen, SmolLM) becomes a file that loads and answers nonsense.
    """
    config = json.loads((model / "config.json").read_text(encoding="utf-8-sig"))
    if config["model_type"] not in GGUF_TYPES:
        return f"mlx-lm writes GGUF only for {', '.join(GGUF_TYPES)} models, and this is a {config['model_type']} model"
    try:
        vocabulary = json.loads((model / "tokenizer.json").read_text(encoding="utf-8-sig"))["model"]
    except (OSError, ValueError, KeyError):
        return "mlx-lm writes GGUF only for models with a tokenizer.json, and this one has none that can be read"
    if vocabulary.get("type") != "Unigram" and not vocabulary.get("byte_fallback"):
        return (
            "mlx-lm writes every vocabulary as SentencePiece, and this model has a byte-level one"
        )
    return None


def why_no_peft(names: list[str]) -> str | None:
    """The reason why an adapter with these modules has no PEFT form; None where it has one. Names
    are as in adapted_modules."""
    unknown = sorted({n.split(".layers.")[-1].split(".", 1)[-1] for n in names} - PEFT_MODULES)
    if unknown:
        return f"it adapts {unknown[0]}, whose name in transformers is unknown"
    return None


@dataclass(frozen=True)
class Request:
    """What is to be written, and the fingerprint of the adapter that it is made from."""

    keep_bits: bool
    gguf: bool
    peft: bool
    fingerprint: str

    @property
    def folder(self) -> str:
        """The folder in the run's directory, and the key in fused.json."""
        return PEFT if self.peft else FUSED

    @property
    def flags(self) -> tuple[str, ...]:
        """The options for the worker that writes a fused model."""
        chosen = {"--keep-bits": self.keep_bits, "--gguf": self.gguf}
        return tuple(flag for flag, is_set in chosen.items() if is_set)


def request(run: Run, keep_bits: bool, gguf: bool, peft: bool) -> Request:
    """A request for a form of this run. Raises BadRequest for a contradiction, Refused if the form is not possible."""
    if peft and (gguf or keep_bits):
        raise BadRequest(
            "two_forms",
            "--peft writes only the adapter, so it cannot be combined with options for the model",
            "uv run scripts/fuse.py --peft",
        )
    if gguf and keep_bits:
        raise BadRequest(
            "gguf_has_16_bits",
            "mlx-lm writes GGUF only in 16 bits",
            "give only one of --gguf and --keep-bits",
        )
    adapted = read_config(run.file(ADAPTERS)).get("adapted_modules", [])
    if peft and (why := why_no_peft(adapted)):
        raise Refused(
            "no_peft",
            f"{run.id} cannot be converted to PEFT format: {why}",
            "uv run scripts/fuse.py",
        )
    if gguf and (why := why_no_gguf(base_model(run))):
        instead = "convert the adapter to PEFT format instead, from which llama.cpp makes GGUF"
        peft_form = f"uv run scripts/fuse.py --run {run.id} --peft"
        raise Refused("no_gguf", f"{why}; you can {instead}", peft_form)
    return Request(keep_bits, gguf, peft, fingerprint(run.file(ADAPTERS)))


def base_model(run: Run) -> Path:
    """The directory of the run's base model. Raises Missing if it is gone."""
    directory = Path(run.record.get("model", {}).get("directory", ""))
    if not (directory / "config.json").is_file():
        raise Missing(
            "no_model",
            f"the base model of {run.id} is no longer in {directory}",
            f"uv run scripts/{KINDS[run.kind].script} --fetch",
        )
    return directory


def stored_result(run: Run, request: Request) -> dict | None:
    """The result of an earlier call with the same request, if its folder still exists. A failure is raised once."""
    stored = (run.home.read(f"runs/{run.id}/{FILE}", {}) or {}).get(request.folder)
    if not stored or stored["asked"] != asdict(request):
        return None
    if "error" in stored:
        store_result(run, request, None)
        error = Failed(**stored["error"])
        error.exit_status = stored["exit_status"]
        raise error
    return stored if Path(stored["directory"]).is_dir() else None


def store_result(run: Run, request: Request, result: dict | None) -> None:
    """Record the result of `request` in fused.json, in place of the earlier one; None removes that."""
    known = run.home.read(f"runs/{run.id}/{FILE}", {}) or {}
    known.pop(request.folder, None)
    if result:
        known[request.folder] = result | {"asked": asdict(request)}
    run.home.write(f"runs/{run.id}/{FILE}", known)


def store_error(run: Run, request: Request, error: SkillError) -> None:
    """Record the failure of `request`, for the next call to report."""
    store_result(run, request, error.as_dict() | {"exit_status": error.exit_status})


@contextlib.contextmanager
def replaced_folder(run: Run, target: Path) -> Iterator[Path]:
    """A path for a new folder, which replaces `target` if the block succeeds and is removed if it fails."""
    for left_behind in run.directory.glob(".fuse-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=".fuse-", dir=run.directory))
    try:
        yield work / "new"
        if target.exists():
            target.rename(work / "old")
        (work / "new").rename(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
