"""Run by a Python with torch, transformers and peft: logits of a model that mlx-lm wrote, without and with a PEFT adapter.

python tests/peft_in_torch.py MODEL ADAPTER OUT.npy '[1, 2, 3]'
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, Qwen3_5ForConditionalGeneration

NORMS = ("input_layernorm", "post_attention_layernorm", "model.norm", "q_norm", "k_norm")


def main() -> None:
    directory, adapter, out, tokens = sys.argv[1:]
    config = json.loads((Path(directory) / "config.json").read_text())
    config["vision_config"] = {
        "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 128,
        "num_position_embeddings": 16,
    }  # fmt: skip
    text = config["text_config"]
    text["layer_types"] = [
        "full_attention" if (n + 1) % text["full_attention_interval"] == 0 else "linear_attention"
        for n in range(text["num_hidden_layers"])
    ]
    config = AutoConfig.for_model(
        "qwen3_5", **{k: v for k, v in config.items() if k != "model_type"}
    )
    model = Qwen3_5ForConditionalGeneration(config).eval().float()
    # mlx-lm keeps the same numbers under other names, the convolution channels last, and norms with the 1 added.
    weights = {}
    for name, value in load_file(Path(directory) / "model.safetensors").items():
        name = name.replace("language_model.model.", "model.language_model.", 1)
        if "conv1d.weight" in name:
            value = value.movedim(2, 1)
        if any(f"{norm}.weight" in name for norm in NORMS) or name.endswith(
            "language_model.norm.weight"
        ):
            value = value - 1.0
        weights[name] = value
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected, unexpected
    assert all("visual" in name or "lm_head" in name for name in missing), missing
    model.tie_weights()
    given = torch.tensor([json.loads(tokens)])
    found = []
    with torch.no_grad():
        found.append(model(input_ids=given).logits[0].numpy())
        adapted = PeftModel.from_pretrained(model, adapter).eval()
        missing = [
            n for n, p in adapted.named_parameters() if "lora_B" in n and not p.abs().sum() > 0
        ]
        assert not missing, f"modules without their tensors: {missing}"
        found.append(adapted(input_ids=given).logits[0].numpy())
    np.save(out, np.stack(found))


if __name__ == "__main__":
    main()
