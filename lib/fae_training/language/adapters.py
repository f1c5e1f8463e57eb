"""LoRA adapters (Hu et al., arXiv 2106.09685): choosing the modules, adding, saving and loading."""

import re
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten
from mlx_lm.models.switch_layers import QuantizedSwitchLinear, SwitchLinear
from mlx_lm.tuner.lora import LoRALinear, LoRASwitchLinear
from mlx_lm.tuner.utils import linear_to_lora_layers

from fae_training.calls.errors import Failed, Missing
from fae_training.fitting.arrays import flattened, load_arrays, save_arrays
from fae_training.language.adapter_files import fingerprint_of, is_routed, read_config
from fae_training.store import state

# Routers and per-head gates carry no content of their own, so they are not adapted.
GATES = ("gate", "router", "shared_expert_gate", "in_proj_a", "in_proj_b", "in_proj_ba")


def adapter_keys(model, experts: bool = False) -> list[str]:
    """The names, within a layer, of the modules to adapt, sorted: every linear module except
    routers and per-head gates.

    These are the attention of every kind, the MLP and, in a mixture of experts, the shared expert.
    Embeddings and the output layer are outside the layers. Routed experts are adapted only on
    request: each sees few tokens of a person's data, and together they are most of the model.
    Raises Missing when there is nothing to adapt.
    """
    stacked, linear = SwitchLinear | QuantizedSwitchLinear, nn.Linear | nn.QuantizedLinear
    found = set()
    for layer in getattr(model, "layers", ()):
        modules = dict(layer.named_modules())
        for name, module in modules.items():
            # In a model that already has adapters, the linear module is inside its adapter.
            outer = name.removesuffix(".linear")
            name = outer if isinstance(modules.get(outer), LoRALinear | LoRASwitchLinear) else name
            routed = isinstance(module, stacked) or is_routed(name)
            if isinstance(module, stacked | linear) and (experts or not routed):
                found.add(name)
    found = {name for name in found if not {*name.split(".")} & {*GATES}}
    if not found:
        raise Missing(
            "nothing_to_adapt",
            f"a {type(model).__module__.rsplit('.', 1)[-1]} model has no linear layers that an adapter could be added to",
            "choose another --model",
        )
    return sorted(found)


def add_lora(
    model, rank: int, scale: float, dropout: float, keys: list[str], seed: int, layers: int = -1
) -> None:
    """Freeze the model and add a trainable low-rank pair to the modules `keys` of its last `layers`
    layers (-1: all).

    B starts at zero, so the model's outputs do not change until it is trained. The seed determines
    A.
    """
    mx.random.seed(seed)
    model.freeze()
    count = len(model.layers) if layers < 0 else layers
    linear_to_lora_layers(model, count, _parameters(rank, scale, dropout, keys))


def _parameters(rank, scale, dropout, keys) -> dict:
    return {"rank": rank, "scale": scale, "dropout": dropout, "keys": sorted(keys)}


def save(
    directory: Path,
    parameters: dict,
    rank: int,
    scale: float,
    dropout: float,
    keys: list[str],
    layers: int,
    base: str,
) -> str:
    """Write adapters.safetensors and adapter_config.json for mlx_lm.load(adapter_path=...); returns
    the fingerprint.

    The weights are renamed into place last, so an adapters.safetensors that exists is complete.
    parameters: name -> array, the trained ones only. base: the name of the base model. The config
    also lists the adapted modules, because a runtime without support for linear attention must not
    load them. Raises Failed when a parameter is not finite or is not an adapter's.
    """
    foreign = [name for name in parameters if name.rsplit(".", 1)[-1] not in ("lora_a", "lora_b")]
    if foreign or not parameters:
        raise Failed(
            "not_an_adapter",
            f"expected only lora_a and lora_b, found {foreign[:3] or 'nothing at all'}; nothing was saved",
            "train again from the base model: uv run scripts/train.py",
        )
    unfinished = directory / ".adapters.unfinished.safetensors"
    save_arrays(unfinished, parameters)
    fingerprint = fingerprint_of(unfinished)
    state.write_json(
        directory / "adapter_config.json",
        {
            "fine_tune_type": "lora",
            "num_layers": layers,
            "lora_parameters": _parameters(rank, scale, dropout, keys),
            "base_model": base,
            "adapted_modules": sorted({re.sub(r"\.lora_[ab]$", "", name) for name in parameters}),
            "linear_attention_adapted": any(".linear_attn." in name for name in parameters),
            "fingerprint": fingerprint,
        },
    )
    unfinished.replace(directory / "adapters.safetensors")
    state.sync_directory(directory)
    return fingerprint


def load(model, directory: Path, seed: int = 0) -> dict:
    """Add the adapter in `directory` to a base model, trainable, with everything else frozen;
    returns its config.

    Raises Missing when there is none, and Failed when it does not fit this model: an adapter whose
    names match nothing would otherwise load without any effect.
    """
    config = read_config(directory)
    lora = config["lora_parameters"]
    add_lora(
        model,
        lora["rank"],
        lora["scale"],
        lora["dropout"],
        lora["keys"],
        seed,
        config["num_layers"],
    )
    load_weights(model, directory)
    return config


def remove_lora(model) -> None:
    """Restore the original layers of a model with LoRA, as they were before `add_lora`."""
    adapted = [
        (name, module.linear)
        for name, module in model.named_modules()
        if isinstance(module, LoRALinear | LoRASwitchLinear)
    ]
    model.update_modules(tree_unflatten(adapted))


def load_weights(model, directory: Path) -> None:
    """Load the adapter in `directory` into a model that already has LoRA. Raises Failed unless
    every weight fits."""
    parameters, _ = load_arrays(directory / "adapters.safetensors")
    shapes = {name: value.shape for name, value in flattened(model.trainable_parameters()).items()}
    given = {name: value.shape for name, value in parameters.items()}
    wrong = sorted(name for name in {*shapes, *given} if shapes.get(name) != given.get(name))
    if wrong:
        name = wrong[0]
        raise Failed(
            "adapter_mismatch",
            f"the adapter in {directory} does not fit this model: {len(wrong)} tensors differ, first {name}: "
            f"the model has {shapes.get(name)}, the adapter {given.get(name)}",
            f"use the base model that it was trained on: {read_config(directory).get('base_model', 'unknown')}",
        )
    model.load_weights(list(parameters.items()), strict=False)
