"""Atomic creation and replacement of folders inside the app's own directory. Standard library only."""

import contextlib
import errno
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fae_training.calls.error_words import reason
from fae_training.calls.errors import Failed, Missing, SkillError, command_line
from fae_training.release.deployment import fingerprint
from fae_training.store.state import sync_directory

# An incomplete folder; the app ignores hidden names.
WORK = ".training-orchestrator-"
AGAIN = "uv run scripts/deploy.py --check"
# The classes of each classifier of Fae's.
CLASSES = {"keyword": 5, "speech_verifier": 3}


def place(source: Path, directory: Path, name: str) -> Path:
    """Copy the files of `source` to `directory`/`name`: written to a hidden sibling, flushed, then renamed.

    An existing folder with the same content is used as it is; one with other content is left alone and the copy gets the
    next free name. Hidden files are skipped and links followed. Raises Missing if the app's directory cannot be written,
    Failed if the copy could not be completed; neither leaves anything behind.
    """
    mark = fingerprint(source)
    target, number = directory / name, 1
    while target.exists():
        if fingerprint(target) == mark:
            return target
        number += 1
        target = directory / f"{name}-{number}"
    with work_folder(directory) as work:
        copy(source, work)
        if fingerprint(work) != mark:
            raise Failed("copy_differs", f"{source} changed while it was copied", AGAIN)
        work.rename(target)
        sync_directory(directory)
    return target


def replace_folder(source: Path, target: Path, keep: Path | None) -> None:
    """Replace the folder `target` with the files of `source`. The old folder is moved to `keep`, or removed if that is None.

    The app reads such a folder when it starts. Raises as `place` does.
    """
    with work_folder(target.parent) as work:
        copy(source, work / "new")
        if target.exists():
            if keep is None:
                target.rename(work / "old")
            else:
                shutil.rmtree(keep, ignore_errors=True)
                target.rename(keep)
        (work / "new").rename(target)
        sync_directory(target.parent)


@contextlib.contextmanager
def work_folder(directory: Path) -> Iterator[Path]:
    """A hidden folder in `directory`, removed afterwards together with any left by killed processes."""
    work = None
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for left_behind in directory.glob(f"{WORK}*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=WORK, dir=directory))
        yield work
    except OSError as error:
        raise _unwritable(directory, error) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def copy(source: Path, target: Path) -> None:
    """Copy the regular files of `source` into the new folder `target`, flushed to disk."""
    target.mkdir(exist_ok=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            with path.open("rb") as data, (target / path.name).open("xb") as out:
                shutil.copyfileobj(data, out, 1 << 20)
                out.flush()
                os.fsync(out.fileno())
    sync_directory(target)


def _unwritable(directory: Path, error: OSError) -> SkillError:
    why = reason(error)
    if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
        return Missing(
            "app_not_writable",
            f"{directory} in Fae's own directory cannot be written: {why}; nothing was changed there",
            command_line("ls", "-ld", directory),
        )
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return Failed(
        "app_disk_full" if full else "app_write_failed",
        f"the copy into {directory} could not be completed: {why}; the partial copy was removed",
        command_line("df", "-h", directory) if full else AGAIN,
    )


def tensors(path: Path) -> dict[str, dict]:
    """{name: {"dtype", "shape", "data_offsets"}} of a safetensors file. Raises Failed if it is not one or is truncated.

    The format: 8 bytes, little-endian, the length of a JSON object that follows; then the data.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > path.stat().st_size:
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        ends = max(entry["data_offsets"][1] for entry in header.values())
        if 8 + length + ends != path.stat().st_size:
            raise ValueError("its length does not match its header")
    except (OSError, ValueError, KeyError, AttributeError, struct.error) as error:
        raise Failed(
            "not_safetensors",
            f"{path} is not a complete safetensors file: {reason(error)}",
            "uv run scripts/list_runs.py",
        ) from error
    return header


def without_effect(adapter: Path, work: Path) -> None:
    """Write a copy of `adapter` with every lora_b zero, so that it has no effect: output = base + scale x (x a) 0.

    Later versions of Fae refuse an empty path, so this restores the base model. All-zero bytes are 0.0 in every float type.
    """
    copy(adapter, work)
    weights = work / "adapters.safetensors"
    entries = tensors(weights)
    with weights.open("r+b") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        for name, entry in entries.items():
            if name.endswith("lora_b"):
                begin, end = entry["data_offsets"]
                file.seek(8 + length + begin)
                file.write(bytes(end - begin))
        file.flush()
        os.fsync(file.fileno())


def check_classifier(directory: Path, classes: int) -> None:
    """Raises Failed unless Fae's network can load these files: the tensors, their shapes, and config.json."""
    shapes = {"classifier.weight": [classes, 128], "classifier.bias": [classes]}
    for number, (inputs, outputs) in enumerate(((128, 64), (64, 128), (128, 128)), 1):
        shapes |= {f"conv{number}.weight": [outputs, 3, inputs], f"conv{number}.bias": [outputs]}
    found = {
        name: entry["shape"] if entry["dtype"] == "F32" else f"{entry['dtype']}, expected F32"
        for name, entry in tensors(directory / "model.safetensors").items()
    }
    wrong = sorted(n for n in {*found, *shapes} if found.get(n) != shapes.get(n))
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    needed = {"num_classes": classes, "input_features": 128, "sample_rate": 16000}
    needed |= {"n_mels": 128} if classes == CLASSES["keyword"] else {}
    wrong += [name for name, value in needed.items() if config.get(name) != value]
    if (
        not isinstance(config.get("target_frames"), int)
        or len(config.get("label_names", ())) != classes
    ):
        wrong.append("target_frames or label_names")
    if wrong:
        raise Failed(
            "not_loadable",
            f"Fae cannot load {directory}: {wrong[0]} is {found.get(wrong[0], config.get(wrong[0]))}, "
            f"expected {shapes.get(wrong[0], needed.get(wrong[0]))}",
            "uv run scripts/list_runs.py",
        )
