"""Chooses the model to train, locates it on this machine, and checks that it is usable. Standard library only."""

import ast
import atexit
import codecs
import difflib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from fae_training.app import fae_app, fae_versions
from fae_training.calls.calling import Call
from fae_training.calls.error_words import reason
from fae_training.calls.errors import BadRequest, Failed, Missing, command_line
from fae_training.environment import installation
from fae_training.lifecycle.preflight import Model
from fae_training.patterns import lazy_pattern

# The model map: name, model, and the least memory for which it is chosen (GiB).
MODEL_MAP = {
    "tiny": ("mlx-community/Qwen3.5-2B-4bit", 0),
    "small": ("mlx-community/Qwen3.5-4B-4bit", 16),
    "medium": ("Brooooooklyn/Qwen3.5-9B-unsloth-mlx", 32),
    "large": ("mlx-community/Qwen3.5-35B-A3B-4bit", 48),
}
# The fingerprint reads half a megabyte of each weight file.
BLOCKS, BLOCK_BYTES = 8, 65536
# Possible files of a tokenizer and of its chat template.
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "*.tiktoken")
TEMPLATES = (
    "chat_template.jinja",
    "chat_template.json",
    "chat_template.py",
    "additional_chat_templates",
)


def choose(name: str, script: str = "train.py") -> tuple[str, str]:
    """(model id or directory, why) for auto, a name in the map or one of Fae's, an id, or a directory.

    auto is the model that Fae runs, or without Fae the one in the map for this machine's memory. Raises BadRequest, which
    suggests a similar name and how to give it to `script`.
    """
    memory = fae_app.memory_bytes() // fae_app.GIB
    if name in MODEL_MAP:
        return MODEL_MAP[name][0], f"{name!r} in the list of models"
    if preset := fae_versions.model_of_preset(name):
        return preset, f"Fae's own name {name}"
    if name != "auto":
        if (named := folder_or_id(name)) is None:
            own = (fae_versions.TINY[0], *fae_versions.PRESETS)
            near = difflib.get_close_matches(_plain(name), ("auto", *MODEL_MAP, *own), 1)
            raise BadRequest(
                "unknown_model",
                f"there is no model {name!r}{f'; did you mean {near[0]!r}?' if near else ''}; expected auto, "
                f"{', '.join(MODEL_MAP)}, one of Fae's names ({', '.join(own)}), an id such as "
                f"{MODEL_MAP['small'][0]}, the address of its page, or a directory",
                f"uv run scripts/{script} --model {near[0] if near else 'auto'}",
            )
        return named, "as asked"
    if expected := fae_versions.expected_model(memory):
        return expected
    fitting = [model for model, least in MODEL_MAP.values() if memory >= least]
    return fitting[
        -1
    ], f"the largest that fits into {fae_app.memory_bytes() / fae_app.GIB:.0f} GB of memory"


def _plain(name: str) -> str:
    """As Fae spells names: Qwen3.5-2B is qwen3_5_2b."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


# The address of a model's web page; anything after the id (tree/main, ?library=mlx) is ignored.
_PAGE = lazy_pattern(
    r"(?:https?://|hf://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?([\w.-]+/[\w.-]+)(?:[/?#].*)?"
    r"|hf://([\w.-]+/[\w.-]+)",
    re.I,
)
_NO_MODELS = ("datasets", "spaces", "docs", "blog", "papers", "collections")


def folder_or_id(name: str) -> str | None:
    """`name` as an absolute path if it is a directory, or as a model id if it is one or the address of its page."""
    directory = Path(name).expanduser()
    if name and directory.is_dir():
        return str(directory.absolute())
    if page := _PAGE.fullmatch(name.strip()):
        named = page.group(1) or page.group(2)
        return None if named.split("/")[0].lower() in _NO_MODELS else named
    return name if "/" in name and "://" not in name else None


_WHAT_A_MODEL_HAS = (
    "A model's directory holds config.json, a tokenizer (such as tokenizer.json), a chat template, and weights as "
    "*.safetensors"
)


def _no_directory(model: str) -> str:
    if Path(model).expanduser().is_file():
        return "a file; expected the directory of a model"
    return "not on this machine: there is no such directory"


def find(
    call: Call,
    name: str,
    script: str,
    choose: Callable[[str, str], tuple[str, str]],
    check: Callable[[Path, str], object],
) -> Model:
    """The model named `name`, located on this machine and checked.

    choose(name, script) -> (model id or directory, why); check(directory, next_command) raises Missing if `script` cannot
    train the model there. A missing model is downloaded only if a person at a terminal agrees. Raises Missing.
    """
    model, why = choose(name, script)
    directory = locate(model)
    fetch = "uv run " + command_line(f"scripts/{script}", "--model", name, "--fetch")
    if directory is None and _person_agrees(call, model):
        directory = download(model)
    # Only a name that was typed can be misspelled, not one from the map or from Fae.
    near = near_models(model) if directory is None and model == name else []
    if directory is None and is_path(model):
        raise Missing(
            "no_model",
            f"{model} is {_no_directory(model)}{_near_it(near)}. {_WHAT_A_MODEL_HAS}",
            "uv run " + command_line(f"scripts/{script}", "--model", near[0] if near else "auto"),
        )
    why += _near_it(near)
    if directory is None:
        raise installation.why_no_model(call.home, model, why, fetch, call.caller == "fae")
    # What the person made or downloaded by hand cannot be fetched.
    is_own = Path(model).is_absolute()
    remedy = f". {_WHAT_A_MODEL_HAS}" if is_own else f", or fetch it again: {fetch}"
    check(directory, f"choose another --model{remedy}")
    return Model(model, str(directory), why, fingerprint(directory))


def _person_agrees(call: Call, model: str) -> bool:
    if not (call.terminal and sys.stdin.isatty()) or is_path(model):
        return False
    return input(f"{model} is not on this machine. Download it now? [y/N] ").strip().lower() == "y"


def _near_it(near: list[str]) -> str:
    return f"; similarly named models that are here: {', '.join(near)}" if near else ""


def is_path(model: str) -> bool:
    """Whether `model` can only be a directory: an id has exactly one slash, and its owner is not a directory here."""
    if model.startswith(("/", "~", ".")) or model.count("/") != 1:
        return True
    return Path(model).parent.is_dir()


def near_models(model: str) -> list[str]:
    """At most three similar names: ids in the caches, and models in the directory where it would be."""
    place = Path(model).expanduser().parent
    known = {
        found.name.removeprefix("models--").replace("--", "/", 1)
        for cache in _caches()
        for found in cache.glob("models--*--*")
    }
    # The directory and its siblings, in case the directory itself is misspelled.
    places = {place, *(p for p in _directories(place.parent) if not place.is_dir())}
    for directory in places:
        known |= {str(p) for p in _directories(directory) if (p / "config.json").is_file()}
    # Compare the last two parts of a path: a long common beginning would make any two paths similar.
    names = {_ending(name): name for name in sorted(known)}
    near = difflib.get_close_matches(_ending(model), names, 3, 0.75)
    return [names[name] for name in near]


def _ending(name: str) -> str:
    return "/".join(Path(name).parts[-2:]).lower()


def _directories(place: Path) -> list[Path]:
    try:
        return [p for p in place.iterdir() if p.is_dir()]
    except OSError:
        return []


def _caches() -> list[Path]:
    """The model caches of Hugging Face's libraries, in search order."""
    environment = os.environ
    caches = [
        environment.get("HF_HUB_CACHE"),
        environment.get("HF_HOME") and f"{environment['HF_HOME']}/hub",
        "~/.cache/huggingface/hub",
    ]
    return [Path(cache).expanduser() for cache in caches if cache]


def locate(model: str) -> Path | None:
    """The directory of `model`, searched where Fae searches; None if it is not on this machine."""
    directory = Path(model).expanduser()
    if directory.is_dir():
        return directory.absolute()
    if directory.is_absolute() or model.count("/") != 1:
        return None
    for cache in _caches():
        repository = cache / ("models--" + model.replace("/", "--"))
        try:
            revision = (repository / "refs" / "main").read_text().strip()
        except OSError:
            continue
        if (repository / "snapshots" / revision).is_dir():
            return repository / "snapshots" / revision
    legacy = Path("~/Library/Caches/models").expanduser() / model
    return legacy if legacy.is_dir() else None


def check_language_model(directory: Path, next_command: str) -> dict:
    """config.json of a model that mlx-lm supports, with weights, a tokenizer and a chat template. Raises Missing.

    Only checks that need no loading; whether the model accepts plain tokens is checked when it is loaded.
    """
    config = check(directory, None, next_command)
    if not _mlx_lm_has(config["model_type"]):
        raise Missing(
            "other_architecture",
            f"{directory} is a {config['model_type']!r} model, which the installed mlx-lm does not support",
            next_command,
        )
    if not any(any(directory.glob(name)) for name in TOKENIZERS):
        raise Missing(
            "no_tokenizer",
            f"{directory} has no tokenizer, expected one of {', '.join(TOKENIZERS)}",
            next_command,
        )
    if not _has_template(directory):
        raise Missing(
            "no_chat_template",
            f"{directory} has no chat template, so it is a base model that is not meant for conversations",
            "choose the instruct version with --model, or copy its chat_template.jinja into the directory",
        )
    return config


def loadable(directory: str | Path) -> str:
    """`directory`, or, if its JSON files begin with byte order marks, a temporary copy of links without them.

    The libraries that load models reject such files.
    """
    marked = [p for p in Path(directory).glob("*.json") if _begins_with_mark(p)]
    if not marked:
        return str(directory)
    copy = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for path in Path(directory).iterdir():
        if path in marked:
            (copy / path.name).write_bytes(path.read_bytes().removeprefix(codecs.BOM_UTF8))
        else:
            (copy / path.name).symlink_to(path.absolute())
    return str(copy)


def _begins_with_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == codecs.BOM_UTF8


def _has_template(directory: Path) -> bool:
    if any((directory / name).exists() for name in TEMPLATES):
        return True
    try:
        config = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return bool(config.get("chat_template") or config.get("chat_template_type"))


def _mlx_lm_has(model_type: str) -> bool:
    """Whether mlx-lm has a module for this type, looked up in its files: importing it would take seconds."""
    found = importlib.util.find_spec("mlx_lm")
    if (
        found is None or not found.submodule_search_locations
    ):  # not installed on this platform; the worker will report it
        return True
    package = Path(found.submodule_search_locations[0])
    if f"{model_type}.py" in os.listdir(package / "models"):
        return True
    for statement in ast.parse((package / "utils.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "MODEL_REMAPPING"
            for target in statement.targets
        ):
            return model_type in ast.literal_eval(statement.value)
    return False


def check(directory: Path, model_types: tuple[str, ...] | None, next_command: str) -> dict:
    """config.json of a model of one of these types (None: any). Raises Missing for no config, no weights or another type."""
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise Missing(
            "no_model_config",
            f"{directory} has no readable config.json: {reason(error)}",
            next_command,
        ) from error
    found = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(found, str) or (model_types and found not in model_types):
        expected = (
            f"one of {', '.join(model_types)}" if model_types else "a model_type in config.json"
        )
        raise Missing(
            "other_architecture",
            f"{directory} is a {found!r} model, expected {expected}",
            next_command,
        )
    # An interrupted download leaves dangling links, and shards that exist only in the index.
    present = {p.name for p in directory.glob("*.safetensors") if p.exists() and p.stat().st_size}
    absent = sorted(_shards(directory) - present)
    if absent or not present:
        raise Missing(
            "no_weights",
            f"{directory} has no {absent[0]}, one of {len(absent)} missing weight files"
            if absent
            else f"{directory} has no weights (*.safetensors), expected at least one file",
            next_command,
        )
    return config


def _shards(directory: Path) -> set[str]:
    """The weight files listed in the index, empty if there is no index."""
    try:
        index = json.loads(
            (directory / "model.safetensors.index.json").read_text(encoding="utf-8-sig")
        )
    except (OSError, ValueError):
        return set()
    return set(index.get("weight_map", {}).values())


def fingerprint(directory: Path) -> str:
    """A model's fingerprint without reading gigabytes: its config, its tokenizer, and sampled blocks of its weights.

    Size alone would not distinguish a model from a fine-tuned version of it.
    """
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.suffix == ".safetensors":
            size = path.stat().st_size
            digest.update(f"{path.name} {size}\n".encode())
            with path.open("rb") as weights:
                for block in range(BLOCKS):
                    weights.seek(size * block // BLOCKS)
                    digest.update(weights.read(BLOCK_BYTES))
        elif path.name in (
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
        ):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def check_unchanged(record: dict) -> None:
    """Raises Failed if the base model of a run has changed.

    An adapter fits one base model only; figures measured with another would be meaningless.
    """
    if "model_fingerprint" not in record:
        return
    directory = Path(record["model"]["directory"])
    found = fingerprint(directory) if directory.is_dir() else "missing"
    if found != record["model_fingerprint"]:
        raise Failed(
            "model_changed",
            f"the model in {directory} has fingerprint {found}, but the run was made for {record['model_fingerprint']}",
            "train again, or restore the model that the run was made for",
        )


def download(model: str) -> Path:
    """Download `model` into the Hugging Face cache; nothing else in this project uses the network."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            model, allow_patterns=["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
        )
    )
