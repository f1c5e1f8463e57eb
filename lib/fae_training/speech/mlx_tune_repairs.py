"""Fixes for the defects of mlx-tune 0.6.0 with Qwen3-ASR, each with a name.

Used from mlx-tune: FastSTTModel, for the model and its LoRA. The defects of that version, each shown
by tests/test_speech_repairs.py on the stock package and fixed here:

    family      the model's family is guessed from its path alone: a directory /models/asr is silently loaded as Whisper,
                with no encoder and no decoder layers
    mlp         gate_proj, up_proj and down_proj are accepted and silently ignored
    seed        random_state is stored and never used: two runs start from different adapters
    saving      the adapter is written in place, NaN included, with a config that mlx-lm cannot read
    prompt      the collator trains [sound][transcript] but transcribe uses the chat prompt, so training
                makes the transcripts worse (recogniser.row has the prompt of Fae's runtime)
    first_token the label of the transcript's first token is omitted (recogniser.collate has all)
    batch       only the first row's sound of a batch is used (recogniser.collate uses each row's)
    compile     the trainer crashes at its first step: mx.compile over an encoder that calls numpy (recogniser.loss
                starts from the encoder's output, which is computed once for each clip)
    settings    schedule, warm-up, seed, weight decay, language and longest clip are accepted and ignored (fit.fit
                reads them, clips.inspect measures)
"""

import json
from pathlib import Path

import mlx.core as mx
from mlx_lm.tuner.lora import LoRALinear
from mlx_tune import stt
from mlx_tune.stt import FastSTTModel

from fae_training.environment.models import loadable
from fae_training.language import adapters

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")


def load_model(directory: Path, rank: int, scale: float, seed: int):
    """mlx-tune's model with LoRA on every linear layer of the decoder; nothing else is trainable.

    The encoder stays frozen: its output already represents the sound of a name, and this way it
    runs once per clip.
    """
    repair_family(stt)
    repair_mlp(stt)
    model, _ = FastSTTModel.from_pretrained(loadable(directory))
    FastSTTModel.get_peft_model(
        model,
        r=rank,
        lora_alpha=rank * scale,
        target_modules=[*ATTENTION, *MLP],
        finetune_encoder=False,
        random_state=seed,
    )
    mx.random.seed(seed)
    model._apply_lora()
    return model


def save(model, directory: Path, parameters: dict, base: str) -> str:
    """saving: atomically, only finite adapter weights, in the form that mlx_lm and adapters.load
    read; returns their fingerprint."""
    lora = model.lora_config
    return adapters.save(
        directory,
        parameters,
        lora["r"],
        lora["lora_alpha"] / lora["r"],
        lora["lora_dropout"],
        [f"self_attn.{name}" for name in ATTENTION] + [f"mlp.{name}" for name in MLP],
        model.n_text_layer,
        base,
    )


def repair_family(stt) -> None:
    """family: decided by model_type in config.json, where the directory has one."""
    guess = stt.detect_stt_model_type

    def detect(model_name: str, config: dict | None = None):
        path = Path(model_name, "config.json")
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8-sig")).get("model_type")
            if found in stt.STT_PROFILES:
                return found
        return guess(model_name, config)

    stt.detect_stt_model_type = detect


def repair_mlp(stt) -> None:
    """mlp: LoRA is also added to a decoder block's mlp, where its layers are requested."""
    attention_only = stt.STTModelWrapper._apply_lora_to_block

    def with_mlp(self, block, target_modules, r, scale, dropout, has_cross_attn=False):
        replaced = attention_only(self, block, target_modules, r, scale, dropout, has_cross_attn)
        for name in target_modules:
            linear = getattr(getattr(block, "mlp", None), name, None)
            if linear is not None and stt._is_linear_like(linear):
                setattr(block.mlp, name, stt._create_lora_linear(linear, r, scale, dropout))
                replaced += 1
        return replaced

    stt.STTModelWrapper._apply_lora_to_block = with_mlp


def receipt(model) -> dict:
    """The modules that really have LoRA, counted in the model itself."""
    adapted = [
        name
        for name, module in model.model._model.named_modules()
        if isinstance(module, LoRALinear)
    ]
    return {
        "modules": len(adapted),
        "kinds": sorted({name.rsplit(".", 1)[-1] for name in adapted}),
        "rank": model.lora_config["r"],
        "scale": model.lora_config["lora_alpha"] / model.lora_config["r"],
    }
