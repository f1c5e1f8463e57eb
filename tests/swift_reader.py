"""mlx-swift-lm's LoRAContainer.from(directory:) by its rules, in numpy and mlx: what Fae makes of an adapter folder."""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn


class Adapted(nn.Module):
    """base(x) + scale * (x a b), with a [in, rank] and b [rank, out] zero until loaded."""

    def __init__(self, base: nn.Module, rank: int, scale: float):
        super().__init__()
        self.base, self.scale = base, scale
        self.lora_a, self.lora_b = mx.zeros((1, rank)), mx.zeros((rank, 1))

    def __call__(self, x):
        return self.base(x) + (self.scale * ((x @ self.lora_a) @ self.lora_b)).astype(x.dtype)


def load(model, directory: Path) -> int:
    """Put the adapter on a model, as the app does; how many modules have one. ValueError where the app would refuse."""
    if any(path.is_symlink() or not path.is_file() for path in directory.iterdir()):
        raise ValueError("a link or a folder")
    config = json.loads((directory / "adapter_config.json").read_text())
    if config["fine_tune_type"] not in ("lora", "dora"):
        raise ValueError(f"fine_tune_type {config['fine_tune_type']}")
    if config["num_layers"] < 1:
        raise ValueError("a negative suffix traps")
    lora, adapted = config["lora_parameters"], {}
    for number, layer in list(enumerate(model.layers))[-config["num_layers"] :]:
        for key in lora["keys"]:
            *path, name = key.split(".")
            parent = layer
            for part in path:
                parent = parent.get(part) if isinstance(parent, nn.Module) else None
            module = parent.get(name) if parent is not None else None
            if isinstance(module, nn.Linear | nn.QuantizedLinear):
                parent[name] = adapted[f"{number}.{key}"] = Adapted(module, lora["rank"], lora["scale"])  # fmt: skip
    # Where the layers lie in the model: language_model.model.layers for Qwen3.5 with its outer part.
    prefix = "language_model.model.layers." if "language_model" in model else "model.layers."
    for name, tensor in mx.load(str(directory / "adapters.safetensors")).items():
        place, _, leaf = name.removeprefix(prefix).rpartition(".")
        if not name.startswith(prefix) or place not in adapted or leaf not in ("lora_a", "lora_b"):
            raise ValueError(f"no module for {name}")
        adapted[place][leaf] = tensor
    return len(adapted)
