"""Links to our exports, under the names that Fae's own trainers read, in the folder that its nightly loop names.

There is only one copy of the data, so forgetting removes it there too. Files that are not ours are left alone.
"""

from pathlib import Path

from fae_training.calls.error_words import reason
from fae_training.calls.errors import Missing, command_line
from fae_training.store.state import Home

# {link name: (kind, our file)}: later Fae's names, then those of v0.8.105. dpo_pairs.jsonl is the app's own.
NAMES = {
    "sft_export.jsonl": ("sft", "train.jsonl"),
    "train.jsonl": ("sft", "train.jsonl"),
    "valid.jsonl": ("sft", "valid.jsonl"),
    "sft_train.jsonl": ("sft", "train.jsonl"),
    "sft_val.jsonl": ("sft", "valid.jsonl"),
    "meta.json": ("sft", "meta.json"),
    "dpo_train.jsonl": ("dpo", "train.jsonl"),
    "dpo_val.jsonl": ("dpo", "valid.jsonl"),
}


def link(home: Home, kind: str, directory: Path) -> list[str]:
    """Create the links of `kind` in `directory`. Returns the names left alone because they are someone else's files.
    Raises Missing."""
    left = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, (of, file) in NAMES.items():
            target, place = home.file("data", of, file), directory / name
            if of != kind or (place.is_symlink() and place.readlink() == target):
                continue
            if place.is_symlink() and place.readlink().name == file:
                place.unlink()  # of another state directory
            elif place.exists() or place.is_symlink():
                left.append(name)
                continue
            place.symlink_to(target)
    except OSError as error:
        raise Missing(
            "output_dir_not_writable",
            f"{directory} cannot be written: {reason(error)}; the export itself is in {home.file('data', kind)}",
            command_line("ls", "-ld", directory),
        ) from error
    return left
