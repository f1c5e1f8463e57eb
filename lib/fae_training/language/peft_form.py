"""An adapter as PEFT keeps it (adapter_model.safetensors, adapter_config.json), which later Fae's converter to GGUF reads.

PEFT adds (lora_alpha / r) B A to a weight W [out, in], with A [r, in] and B [out, r]; mlx-lm computes
x W' + scale (x a) b with a [in, r] and b [r, out]. So A = a', B = b', lora_alpha = scale r, and no number is changed.
"""

import re
from pathlib import Path

import mlx.core as mx

from fae_training.fitting.arrays import load_arrays
from fae_training.language.adapter_files import read_config
from fae_training.store import state


def write(adapter: Path, target: Path) -> None:
    """Write the adapter in `adapter` to `target`, a new folder, in PEFT's form.
    fused_files.why_no_peft says where it cannot."""
    config = read_config(adapter)
    lora = config["lora_parameters"]
    arrays, _ = load_arrays(adapter / "adapters.safetensors")
    target.mkdir(parents=True)
    renamed = {}
    for name, array in arrays.items():
        module, _, leaf = name.rpartition(".")
        letter = {"lora_a": "A", "lora_b": "B"}[leaf]
        renamed[f"base_model.model.{in_transformers(module)}.lora_{letter}.weight"] = mx.contiguous(
            array.T
        )
    mx.save_safetensors(str(target / "adapter_model.safetensors"), renamed, {"format": "pt"})
    modules = sorted({re.sub(r".*\.layers\.\d+\.", "", name.rpartition(".")[0]) for name in arrays})
    layers = sorted({int(n) for name in arrays for n in re.findall(r"\.layers\.(\d+)\.", name)})
    peft_config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": config.get("base_model"),
        "r": lora["rank"],
        "lora_alpha": lora["scale"] * lora["rank"],
        "lora_dropout": lora.get("dropout", 0.0),
        "target_modules": modules,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    if layers[0] > 0:  # only the last layers
        peft_config |= {"layers_to_transform": layers, "layers_pattern": "layers"}
    state.write_json(target / "adapter_config.json", peft_config)


def in_transformers(module: str) -> str:
    """A module's name in transformers: model.language_model.layers.0... for mlx-lm's
    language_model.model.layers.0..."""
    return re.sub(r"^language_model\.model\.", "model.language_model.", module)
