"""Model directories with a real Qwen3.5's dimensions and random weights, written layer by layer."""

import json
import math
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "tests" / "data" / "model_configs"
# Any tokenizer that fits into the vocabulary: the words of the rows do not matter here.
TOKENIZER = ROOT / "samples" / "language-model"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def config_of(name: str, layers: int | None = None) -> dict:
    """config.json of Qwen3.5-`name`, not quantised, in float32; `layers`: only this many of the first layers.

    Where fewer remain than the usual three of linear attention and one of full attention, the last
    one has full attention.
    """
    config = json.loads((CONFIGS / f"Qwen3.5-{name}.json").read_text(encoding="utf-8"))
    config.pop("quantization", None)
    text = config["text_config"]
    text["num_hidden_layers"] = layers or text["num_hidden_layers"]
    text["full_attention_interval"] = min(
        text["full_attention_interval"], text["num_hidden_layers"]
    )
    text["dtype"] = config["dtype"] = "float32"
    return config


def write_model(directory: Path, config: dict, seed: int = 0) -> int:
    """Write the model of `config` with random weights in float32; returns the bytes of its weights.

    Each layer is a file, and only one layer's weights are in memory at a time.
    """
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.utils import _get_classes

    mx.random.seed(seed)
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    model_class, arguments_class = _get_classes(config)
    # Only the vectors of this model are ever computed; it gives the names and shapes of the weights.
    parts: dict[str, list] = {}
    for name, value in tree_flatten(model_class(arguments_class.from_dict(config)).parameters()):
        _, layers, after = name.partition("layers.")
        part = f"layer-{after.split('.')[0]}" if layers else "outside"
        parts.setdefault(part, []).append((name, value))
    index, written = {}, 0
    for part, members in parts.items():
        arrays = {name: _random(value) for name, value in members}
        file = f"model-{part}.safetensors"
        mx.save_safetensors(str(unfinished / file), arrays, {"format": "mlx"})
        index |= dict.fromkeys(arrays, file)
        written += sum(array.nbytes for array in arrays.values())
        del arrays
        members.clear()
        mx.clear_cache()
    (unfinished / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": written}, "weight_map": index})
    )
    (unfinished / "config.json").write_text(json.dumps(config, indent=1))
    for file in TOKENIZER_FILES:
        shutil.copy(TOKENIZER / file, unfinished / file)
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.rename(directory)
    return written


def _random(value):
    """Matrices small enough to keep activations near 1; vectors (norms, gates) as the layer
    initialises them."""
    import mlx.core as mx

    if value.ndim < 2:
        return value.astype(mx.float32)
    return mx.random.normal(value.shape, scale=1 / math.sqrt(value.shape[-1]))
