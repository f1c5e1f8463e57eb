"""A fused model behaves like its base with the adapter, whatever the base's precision, and so does the PEFT format."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm import load

import calls
import prepared
import tiny_models
from calls import LANGUAGE_MODEL
from fae_training.environment import models
from fae_training.judgement import evaluation
from fae_training.language import adapters, peft_form
from fae_training.lifecycle import runs
from fae_training.release import deployment
from fae_training.store import state


@pytest.fixture
def run(finished_home) -> runs.Run:
    return runs.find(state.Home(finished_home))


def fuse(run: runs.Run, *given, **called) -> calls.Answer:
    """As a person calls it, but with the answer for programs: it stays until it is done."""
    return calls.script("fuse", "--run", run.id, *given, home=run.home.path, **called)


def result_of(run: runs.Run, *given) -> dict:
    """The answer to a program when the work is done."""
    assert calls.answer("fuse", "--run", run.id, *given, home=run.home.path)["status"] == "started"
    return repeated(run, *given).json


def repeated(run: runs.Run, *given, **called) -> calls.Answer:
    """The same call again, once it is over."""
    calls.wait_until(lambda: not run.is_alive())
    return calls.script("fuse", "--run", run.id, *given, "--json", home=run.home.path, **called)


def logits(directory: Path, adapter: Path | None = None) -> np.ndarray:
    model, tokenizer = load(str(directory), adapter_path=adapter and str(adapter))
    tokens = mx.array([tokenizer.encode("Hello there, how are you?")])
    return np.array(model(tokens).astype(mx.float32))


def test_without_a_run_the_active_one_is_fused_else_the_newest_that_passed_else_none(home):
    place = prepared.allowed(home)
    judged, worse = prepared.judged(place, 1), prepared.finished(place, 2)

    def planned() -> calls.Answer:
        return calls.script("fuse", "--dry-run", "--peft", "--json", home=home)

    found = prepared.measured(2, -0.3, fingerprint=deployment.fingerprint(worse.file("adapters")))
    assert evaluation.make(worse, found).verdict == "fail"
    assert planned().json["run"] == judged.id, "the newest did not pass"
    shutil.rmtree(judged.directory)
    refused = planned()
    assert (refused.status, refused.json["error"]["code"]) == (3, "none_passed")
    assert f"the newest, {worse.id}, is not recommended" in refused.json["error"]["message"]
    assert calls.script("fuse", "--dry-run", "--peft", "--run", worse.id, home=home).status == 0
    active = prepared.deployed(place, 3)
    prepared.judged(place, 4)
    assert planned().json["run"] == active.id


def quantised_base(run: runs.Run, directory: Path) -> Path:
    """The run's base model in 4 bits, and the run as one that was made for it; few rows, for this is slow without a GPU."""
    from mlx_lm.utils import quantize_model, save_config, save_model

    shutil.copytree(LANGUAGE_MODEL, directory)
    model, _ = load(str(LANGUAGE_MODEL))
    config = json.loads((LANGUAGE_MODEL / "config.json").read_text())
    model, config = quantize_model(model, config, 64, 4)
    save_model(directory, model)
    save_config(config, directory / "config.json")
    rows = run.file("data", "sft", "valid.jsonl")
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:4]))
    record = run.record["model"] | {"directory": str(directory)}
    run.update(model=record, model_fingerprint=models.fingerprint(directory))
    return directory


def test_the_fused_model_answers_like_base_and_adapter_and_the_three_losses_are_reported(run):
    found = result_of(run)
    assert found["status"] == "fused" and found["precision"] == "float32"
    parity = found["parity"]
    assert parity["rows"] >= 4
    assert parity["fused"] == pytest.approx(parity["unfused"], abs=1e-4)
    assert parity["reloaded"] == parity["fused"]
    directory = Path(found["directory"])
    ours, apart = logits(directory), logits(LANGUAGE_MODEL, run.file("adapters"))
    np.testing.assert_allclose(ours, apart, atol=2e-4)
    assert np.abs(ours - logits(LANGUAGE_MODEL)).max() > 0.1
    for name in ("tokenizer.json", "chat_template.jinja"):
        assert (directory / name).read_bytes() == (LANGUAGE_MODEL / name).read_bytes()
    assert not list(run.directory.glob(".fuse-*"))
    person = fuse(run)
    assert re.search(
        r"base with adapter \d\.\d{4}, fused \d\.\d{4}, read back from disk \d\.\d{4}", person.out
    )


def test_a_base_of_four_bits_is_dequantised_first_so_that_nothing_learned_is_rounded_away(
    run, tmp_path
):
    base = quantised_base(run, tmp_path / "four")
    found = result_of(run)
    assert found["precision"] == "float32"
    config = json.loads(Path(found["directory"], "config.json").read_text())
    assert "quantization" not in config and "quantization_config" not in config
    apart, ours = logits(base, run.file("adapters")), logits(Path(found["directory"]))
    np.testing.assert_allclose(ours, apart, atol=1e-3)
    assert np.abs(apart - logits(base)).max() > 0.1
    assert found["parity"]["fused"] == pytest.approx(found["parity"]["unfused"], abs=1e-4)

    again = result_of(run, "--keep-bits")
    assert again["precision"] == "4 bits"
    assert again["size_mb"] < 0.5 * found["size_mb"]
    model, _ = load(again["directory"])
    assert any(isinstance(module, nn.QuantizedLinear) for _, module in model.named_modules())


def test_a_fused_model_that_behaves_differently_is_not_kept(run):
    """Simulates an error in fusing: the scale is lost."""
    broken = """
import sys
from mlx_lm.tuner.lora import LoRALinear
whole = LoRALinear.fuse
def fuse(self, dequantize=False):
    self.scale = 0.0
    return whole(self, dequantize)
LoRALinear.fuse = fuse
sys.argv = sys.argv[1:]
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"))
"""
    command = [
        sys.executable,
        "-c",
        broken,
        calls.SCRIPTS / "fuse.py",
        "--home",
        run.home.path,
        "--run",
        run.id,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 6
    assert re.search(
        r"the loss is \d\.\d+ fused and \d\.\d+ with a separate adapter", done.stderr
    ), done.stderr
    assert not run.file("fused").exists() and not list(run.directory.glob(".fuse-*"))


def test_an_incompletely_saved_model_is_never_visible(run):
    program = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2**20,) * 2); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"  # fmt: skip
    command = [
        sys.executable,
        "-c",
        program,
        calls.SCRIPTS / "fuse.py",
        "--home",
        run.home.path,
        "--run",
        run.id,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (4, 6) and "Traceback" not in done.stderr, done.stderr
    assert not run.file("fused").exists() and not list(run.directory.glob(".fuse-*"))


def test_gguf_is_refused_if_mlx_lm_cannot_write_it_and_the_possible_format_is_named(run):
    got = fuse(run, "--gguf", "--json")
    assert got.status == 3
    error = got.json["error"]
    assert error["code"] == "no_gguf" and "this is a qwen3_5 model" in error["message"]
    assert got.json["next"] == {"script": "fuse", "params": {"run": run.id, "peft": True}}
    assert not run.file("fused").exists()


def sentencepiece_like(directory: Path) -> None:
    """A tokenizer.json with a vocabulary of the kind that GGUF's "llama" is: pieces with ▁ and bytes to fall back on."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b"]
    vocabulary = {word: number for number, word in enumerate(words)}
    special = [
        {"id": n, "content": words[n], "special": True, "single_word": False, "lstrip": False}
        | {"rstrip": False, "normalized": False}
        for n in range(3)
    ]
    tokenizer = {
        "version": "1.0", "added_tokens": special, "normalizer": None, "pre_tokenizer": None,
        "post_processor": None, "decoder": None, "truncation": None, "padding": None,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": [], "byte_fallback": True, "unk_token": "<unk>"},
    }  # fmt: skip
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer))
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (directory / "tokenizer_config.json").write_text(json.dumps(named | kind))
    template = "{% for m in messages %}a{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}a{% endif %}"
    (directory / "chat_template.jinja").write_text(template)
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"eos_token_id": 2}))


@pytest.fixture
def llama(home, tmp_path) -> runs.Run:
    """A run of a Llama, with an adapter that was not trained but is not nothing."""
    base = tiny_models.save_model("llama", tmp_path / "llama")
    place = state.Home(home)
    model = {"id": "llama", "directory": str(base), "why": "as asked"}
    made = runs.create(place, "sft", {"settings": {"max_length": 512}, "model": model})
    loaded, _ = load(str(base))
    adapters.add_lora(loaded, 4, 2.0, 0.0, adapters.adapter_keys(loaded), 1, layers=2)
    arrays = {
        name: array if name.endswith("lora_a") else 0.3 * mx.random.normal(array.shape)
        for name, array in tree_flatten(loaded.trainable_parameters())
    }
    keys = adapters.adapter_keys(loaded)
    adapters.save(state.make_directory(made.file("adapters")), arrays, 4, 2.0, 0.0, keys, 2, "llama")  # fmt: skip
    from fae_training.store import consent

    consent.change(place, ["conversations"], [])
    made.update(status="completed", model_fingerprint=models.fingerprint(base))
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"a b {n}"},
                {"role": "assistant", "content": "b a"},
            ]
        }
        for n in range(9)
    ]
    state.write_jsonl(state.make_directory(made.file("data", "sft")) / "valid.jsonl", rows)
    return made


def test_a_byte_level_vocabulary_is_not_written_as_one_of_sentencepiece(llama):
    error = fuse(llama, "--gguf", "--json").json["error"]
    assert "byte-level" in error["message"]


def test_gguf_of_a_llama_holds_the_fused_weights(llama, tmp_path):
    base = Path(llama.record["model"]["directory"])
    sentencepiece_like(base)
    llama.update(model_fingerprint=models.fingerprint(base))
    found = result_of(llama, "--gguf")
    assert found["status"] == "fused", found
    written = mx.load(found["gguf"])
    model, _ = load(found["directory"])
    weights = dict(tree_flatten(model.parameters()))
    down = "model.layers.2.mlp.down_proj.weight"
    assert mx.allclose(written["blk.2.ffn_down.weight"], weights[down], atol=1e-3)
    apart, _ = load(str(base))
    assert not mx.allclose(weights[down], dict(tree_flatten(apart.parameters()))[down], atol=1e-3)
    heads = tiny_models.COMMON["num_attention_heads"]
    query = weights["model.layers.0.self_attn.q_proj.weight"]
    # llama.cpp rotates pairs of neighbours: the two halves of each head are interleaved.
    paired = query.reshape(heads, 2, -1, query.shape[1]).swapaxes(1, 2).reshape(query.shape)
    assert mx.allclose(written["blk.0.attn_q.weight"], paired, atol=1e-3)


# PEFT's form


def by_peft_s_formula(directory: Path, name: str, weight: np.ndarray) -> np.ndarray:
    """W + (lora_alpha / r) B A of a module that transformers calls `name`; W where PEFT finds no pair for it."""
    config = json.loads((directory / "adapter_config.json").read_text())
    assert any(name.endswith(f".{target}") for target in config["target_modules"])
    arrays = mx.load(str(directory / "adapter_model.safetensors"))
    a, b = (np.array(arrays[f"base_model.model.{name}.lora_{x}.weight"]) for x in "AB")
    assert a.shape == (config["r"], weight.shape[1]) and b.shape == (weight.shape[0], config["r"])
    return weight + config["lora_alpha"] / config["r"] * (b @ a)


def test_peft_s_formula_on_the_files_gives_the_fused_weights(run):
    answer = calls.answer("fuse", "--run", run.id, "--peft", home=run.home.path)
    fused_ = Path(result_of(run)["directory"])
    after = mx.load(str(fused_ / "model.safetensors"))
    before = mx.load(str(LANGUAGE_MODEL / "model.safetensors"))
    modules = json.loads((run.file("adapters") / "adapter_config.json").read_text())["adapted_modules"]  # fmt: skip
    assert len(modules) == 25
    for module in modules:
        ours = by_peft_s_formula(
            Path(answer["directory"]),
            peft_form.in_transformers(module),
            np.array(before[f"{module}.weight"]),
        )
        np.testing.assert_allclose(ours, np.array(after[f"{module}.weight"]), atol=1e-6)


def test_layers_that_have_no_adapter_are_left_alone_by_peft_too(llama):
    directory = Path(
        calls.answer("fuse", "--run", llama.id, "--peft", home=llama.home.path)["directory"]
    )
    config = json.loads((directory / "adapter_config.json").read_text())
    assert config["layers_to_transform"] == [1, 2] and config["layers_pattern"] == "layers"
    assert config["lora_alpha"] == 8.0 and config["r"] == 4


def test_an_adapter_of_experts_has_no_peft_format(run):
    config = run.file("adapters", "adapter_config.json")
    found = json.loads(config.read_text())
    found["adapted_modules"].append("language_model.model.layers.0.mlp.switch_mlp.up_proj")
    config.write_text(json.dumps(found))
    error = fuse(run, "--peft", "--json").json["error"]
    assert error["code"] == "no_peft" and "mlp.switch_mlp.up_proj" in error["message"]


@pytest.mark.skipif(
    "FAE_TORCH_PYTHON" not in os.environ,
    reason="FAE_TORCH_PYTHON names no Python with torch, transformers and peft",
)
def test_peft_itself_in_torch_answers_as_mlx_lm_does(run, tmp_path):
    directory = calls.answer("fuse", "--run", run.id, "--peft", home=run.home.path)["directory"]
    out = tmp_path / "logits.npy"
    program = Path(__file__).with_name("peft_in_torch.py")
    _, tokenizer = load(str(LANGUAGE_MODEL))
    tokens = tokenizer.encode("Hello there, how are you?")
    command = [os.environ["FAE_TORCH_PYTHON"], program, LANGUAGE_MODEL, directory, out]
    subprocess.run([*command, json.dumps(tokens)], check=True)
    theirs = np.load(out)
    np.testing.assert_allclose(theirs[0], logits(LANGUAGE_MODEL)[0], atol=1e-3)
    np.testing.assert_allclose(theirs[1], logits(LANGUAGE_MODEL, run.file("adapters"))[0], atol=1e-3)  # fmt: skip


# Who may ask, and what is asked for


def test_fae_gets_an_answer_at_once_and_repeating_the_call_gives_the_result(run):
    first = calls.script(
        "fuse", "--run", run.id, home=run.home.path, FAE_SKILL_NAME="training-orchestrator"
    ).json
    assert first["status"] == "started"
    assert first["next"] == {"script": "fuse", "params": {"run": run.id}}
    found = repeated(run, FAE_SKILL_NAME="training-orchestrator").json
    assert found["status"] == "fused" and len(json.dumps(found)) < 2000


def test_a_failure_in_the_background_is_reported_once_and_can_be_tried_again(run):
    shutil.rmtree(run.file("data"))
    shutil.rmtree(run.home.file("data"))
    assert calls.answer("fuse", "--run", run.id, home=run.home.path)["status"] == "started"
    got = repeated(run)
    assert got.status == 4 and got.json["error"]["code"] == "no_rows"
    assert "fused" not in run.home.read(f"runs/{run.id}/fused.json"), "the next call begins anew"


def test_without_consent_nothing_is_fused(run):
    calls.answer("setup", "--revoke", "conversations", home=run.home.path)
    assert fuse(run, "--json").json["error"]["code"] == "no_consent"
