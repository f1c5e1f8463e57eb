"""Reading the files of a LoRA adapter without loading its tensors. Standard library only."""

import hashlib
from pathlib import Path

from fae_training.calls.errors import Missing
from fae_training.store import state

# mlx-lm's name for the module that holds the routed experts.
EXPERTS = ("switch_mlp", "switch_glu", "experts")


def read_config(directory: Path) -> dict:
    """adapter_config.json, as mlx-lm or this package wrote it. Raises Missing when it is not there."""
    config = state.read_json(directory / "adapter_config.json")
    if config is None:
        raise Missing(
            "no_adapter",
            f"{directory} has no adapter_config.json",
            "uv run scripts/check_status.py",
        )
    return config


def fingerprint_of(adapter: Path) -> str:
    """SHA-256 of an adapter's weights; `path` is its directory or the file itself. Raises Missing
    when there are none."""
    path = adapter / "adapters.safetensors" if adapter.is_dir() else adapter
    if not path.exists():
        raise Missing("no_adapter", f"{path} is not there", "uv run scripts/check_status.py")
    digest = hashlib.sha256()
    with path.open("rb") as weights:
        while block := weights.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_routed(name: str) -> bool:
    """Whether the module with this name, inside a layer, belongs to the routed experts."""
    return bool({*name.split(".")} & {*EXPERTS})
