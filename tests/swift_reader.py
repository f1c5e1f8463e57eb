"""mlx-swift-lm's LoRAContainer.from(directory:) reimplemented in numpy and mlx: how Fae reads an adapter folder."""

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
    lora, adapted = config["lora_parameters"], {}
    # What Swift's decoder takes: an Int is no Double and no Bool, a missing field is an error.
    for place, name, kinds in (
        (config, "num_layers", int),
        (lora, "rank", int),
        (lora, "scale", (int, float)),
        (lora, "dropout", (int, float)),
    ):
        value = place.get(name, 0.0 if name == "dropout" else None)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ValueError(f"{name} {value!r}")
    if config["num_layers"] < 1:
        raise ValueError("a negative suffix traps")
    if not 0 <= lora.get("dropout", 0.0) < 1:
        raise ValueError(f"dropout {lora['dropout']}")
    keys = lora.get("keys")
    for number, layer in list(enumerate(model.layers))[-config["num_layers"] :]:
        linear = [
            n for n, m in layer.named_modules() if isinstance(m, nn.Linear | nn.QuantizedLinear)
        ]
        for key in linear if keys is None else keys:
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
        module = adapted[place].base
        outputs, inputs = module.weight.shape
        inputs = inputs * 32 // module.bits if "scales" in module else inputs
        expected = (inputs, lora["rank"]) if leaf == "lora_a" else (lora["rank"], outputs)
        # Of another base: it fails when it is first used.
        if tensor.shape != expected:
            raise ValueError(f"{name} is {tensor.shape}, the module takes {expected}")
        adapted[place][leaf] = tensor
    return len(adapted)
