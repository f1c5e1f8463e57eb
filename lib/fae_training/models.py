"""Which model is trained, where it lies on this machine, and whether it can be used. Standard library only."""

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

from fae_training import fae_app, fae_versions, installation
from fae_training.calling import Call
from fae_training.errors import BadRequest, Failed, Missing, command_line
from fae_training.patterns import lazy_pattern
from fae_training.preflight import Model

# The model map: name, model, and the memory from which it is chosen (GiB).
MODEL_MAP = {
    "tiny": ("mlx-community/Qwen3.5-2B-4bit", 0),
    "small": ("mlx-community/Qwen3.5-4B-4bit", 16),
    "medium": ("Brooooooklyn/Qwen3.5-9B-unsloth-mlx", 32),
    "large": ("mlx-community/Qwen3.5-35B-A3B-4bit", 48),
}
# What the fingerprint reads of each file of weights: half a megabyte.
BLOCKS, BLOCK_BYTES = 8, 65536
# Where a tokenizer may be, and where its chat template.
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "*.tiktoken")
TEMPLATES = (
    "chat_template.jinja",
    "chat_template.json",
    "chat_template.py",
    "additional_chat_templates",
)


def choose(name: str, script: str = "train.py") -> tuple[str, str]:
    """(model id or directory, why) for auto, a name of the map or of Fae's own, an id, or a directory.

    auto is what Fae runs, where there is a Fae; else the map by this machine's memory. Raises BadRequest, with the name that
    may have been meant and how to give it to `script`.
    """
    memory = fae_app.memory_bytes() // fae_app.GIB
    if name in MODEL_MAP:
        return MODEL_MAP[name][0], f"{name} in the model map"
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
    return fitting[-1], f"the model map for {memory} GB of memory"


def _plain(name: str) -> str:
    """As Fae spells names: Qwen3.5-2B is qwen3_5_2b."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


# The page of a model, as a browser shows it; what comes after the id (tree/main, ?library=mlx) is of no matter.
_PAGE = lazy_pattern(
    r"(?:https?://|hf://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?([\w.-]+/[\w.-]+)(?:[/?#].*)?"
    r"|hf://([\w.-]+/[\w.-]+)",
    re.I,
)
_NO_MODELS = ("datasets", "spaces", "docs", "blog", "papers", "collections")


def folder_or_id(name: str) -> str | None:
    """The directory that `name` is, as an absolute path, or the id that it, or the address of its page, stands for."""
    directory = Path(name).expanduser()
    if name and directory.is_dir():
        return str(directory.absolute())
    if page := _PAGE.fullmatch(name.strip()):
        named = page.group(1) or page.group(2)
        return None if named.split("/")[0].lower() in _NO_MODELS else named
    return name if "/" in name and "://" not in name else None


def find(
    call: Call,
    name: str,
    script: str,
    choose: Callable[[str, str], tuple[str, str]],
    check: Callable[[Path, str], object],
) -> Model:
    """The model that `name` stands for, on this machine and checked.

    choose(name, script) -> (model id or directory, why); check(directory, next_command) raises Missing when what is there is not a
    model that `script` can train. A model that is not on this machine is fetched only when a person at a terminal says so.
    Raises Missing.
    """
    model, why = choose(name, script)
    directory = locate(model)
    fetch = "uv run " + command_line(f"scripts/{script}", "--model", name, "--fetch")
    if directory is None and _person_agrees(call, model):
        directory = download(model)
    # A model of the map or of Fae's own is fetched under its name; only what was typed can be mistyped.
    near = near_models(model) if directory is None and model == name else []
    if directory is None and is_path(model):
        raise Missing(
            "no_model",
            f"{model} is not on this machine: there is no such directory{_near_it(near)}. A model's directory holds "
            "config.json, a tokenizer (such as tokenizer.json), a chat template, and weights as *.safetensors",
            "uv run " + command_line(f"scripts/{script}", "--model", near[0] if near else "auto"),
        )
    why += _near_it(near)
    if directory is None:
        raise installation.why_no_model(call.home, model, why, fetch, call.caller == "fae")
    check(directory, f"choose another --model, or fetch it again: {fetch}")
    return Model(model, str(directory), why, fingerprint(directory))


def _person_agrees(call: Call, model: str) -> bool:
    if not (call.terminal and sys.stdin.isatty()) or is_path(model):
        return False
    return input(f"{model} is not on this machine. Download it now? [y/N] ").strip().lower() == "y"


def _near_it(near: list[str]) -> str:
    return f"; spelled nearly like it and here: {', '.join(near)}" if near else ""


def is_path(model: str) -> bool:
    """Whether it can only be meant as a directory here: an id has one slash, and its owner is no directory."""
    if model.startswith(("/", "~", ".")) or model.count("/") != 1:
        return True
    return Path(model).parent.is_dir()


def near_models(model: str) -> list[str]:
    """At most three names that are spelled nearly like it: ids in the caches, and models in the directory where it would be."""
    place = Path(model).expanduser().parent
    known = {
        found.name.removeprefix("models--").replace("--", "/", 1)
        for cache in _caches()
        for found in cache.glob("models--*--*")
    }
    # The directory, and one beside it, where the mistake is in the name of the directory itself.
    places = {place, *(p for p in _directories(place.parent) if not place.is_dir())}
    for directory in places:
        known |= {str(p) for p in _directories(directory) if (p / "config.json").is_file()}
    # By the last two names of a path: the long common beginning would make any two paths look alike.
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
    """Where Hugging Face's libraries keep models, in the order in which they are looked for."""
    environment = os.environ
    caches = [
        environment.get("HF_HUB_CACHE"),
        environment.get("HF_HOME") and f"{environment['HF_HOME']}/hub",
        "~/.cache/huggingface/hub",
    ]
    return [Path(cache).expanduser() for cache in caches if cache]


def locate(model: str) -> Path | None:
    """The directory that holds `model`, looked for where Fae looks; None when it is not on this machine."""
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
    """config.json of a model that mlx-lm has a module for, with weights, a tokenizer and a chat template. Raises Missing.

    What can be told without loading anything; whether the model answers plain tokens is seen when it is loaded.
    """
    config = check(directory, None, next_command)
    if not _mlx_lm_has(config["model_type"]):
        raise Missing(
            "other_architecture",
            f"{directory} is a {config['model_type']!r} model, and mlx-lm as installed has no text model of that type",
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
            f"{directory} has no chat template, so it is a base model that was not made for conversations",
            "choose its instruct version with --model, or put that version's chat_template.jinja in the directory",
        )
    return config


def loadable(directory: str | Path) -> str:
    """`directory`, or a copy of it made of links, until this process ends, where its JSON files begin with byte order marks.

    The libraries that load models take such files for damaged ones.
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
    """Whether mlx-lm has a module for this type, seen from its files: importing it would take seconds."""
    found = importlib.util.find_spec("mlx_lm")
    if (
        found is None or not found.submodule_search_locations
    ):  # not installed on this kind of machine; the worker will say so
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
    """config.json of a model of one of these types, None for any. Raises Missing: no config, no weights, another type."""
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise Missing(
            "no_model_config", f"{directory} has no readable config.json: {error}", next_command
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
    # A download that broke off leaves links to nothing, and shards that only the index knows.
    there = {p.name for p in directory.glob("*.safetensors") if p.exists() and p.stat().st_size}
    absent = sorted(_shards(directory) - there)
    if absent or not there:
        raise Missing(
            "no_weights",
            f"{directory} has no {absent[0]}, one of {len(absent)} files of weights that are not there"
            if absent
            else f"{directory} has no weights (*.safetensors), expected at least one file",
            next_command,
        )
    return config


def _shards(directory: Path) -> set[str]:
    """The files of weights that the index lists, none where there is no index."""
    try:
        index = json.loads(
            (directory / "model.safetensors.index.json").read_text(encoding="utf-8-sig")
        )
    except (OSError, ValueError):
        return set()
    return set(index.get("weight_map", {}).values())


def fingerprint(directory: Path) -> str:
    """Which model this is, without reading gigabytes: its config, its tokenizer, and blocks from all over its weights.

    The size alone would not tell a model from the same one after it was trained on.
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
    """Raises Failed when the base model of a run is no longer the one that the run was made for.

    An adapter fits one base model only; scored or deployed on another one its figures would mean nothing.
    """
    if "model_fingerprint" not in record:
        return
    directory = Path(record["model"]["directory"])
    found = fingerprint(directory) if directory.is_dir() else "missing"
    if found != record["model_fingerprint"]:
        raise Failed(
            "model_changed",
            f"the model in {directory} has fingerprint {found}, the run was made for {record['model_fingerprint']}",
            "train again, or put the model back that the run was made for",
        )


def download(model: str) -> Path:
    """Fetch `model` into the Hugging Face cache, the only thing in this project that uses the network."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            model, allow_patterns=["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
        )
    )
