"""Each defect of mlx-tune 0.6.0 with Qwen3-ASR: on the stock package, and gone with ours. On the sample model."""

import json
from pathlib import Path

import mlx.core as mx
import numpy
import pytest
from mlx.utils import tree_flatten

from fae_training.calls.errors import Failed
from fae_training.speech import clips, mlx_tune_repairs, recogniser

stt = pytest.importorskip("mlx_tune.stt")
MODEL = Path(__file__).parents[1] / "samples" / "speech-model"
TARGETS = [*mlx_tune_repairs.ATTENTION, *mlx_tune_repairs.MLP]


@pytest.fixture(autouse=True)
def stock(monkeypatch):
    """mlx-tune as it was installed, whatever a test before repaired."""
    for owner, name in (
        (stt, "detect_stt_model_type"),
        (stt.STTModelWrapper, "_apply_lora_to_block"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))


@pytest.fixture(scope="module")
def named(tmp_path_factory) -> Path:
    """The sample model under a name by which the stock package knows its family."""
    link = tmp_path_factory.mktemp("models") / "qwen3-asr-sample"
    link.symlink_to(MODEL)
    return link


def sound(seconds: float = 1.5, pitch: float = 300):
    return (0.3 * numpy.sin(numpy.arange(int(seconds * 16000)) * pitch / 2500)).astype(
        numpy.float32
    )


def stock_model(directory: Path, rank: int = 4, **lora):
    model, processor = stt.FastSTTModel.from_pretrained(str(directory))
    stt.FastSTTModel.get_peft_model(model, r=rank, lora_alpha=2 * rank, **lora)
    return model, processor


def adapted(model) -> set[str]:
    names = (name for name, _ in tree_flatten(model.model._model.trainable_parameters()))
    return {name.split(".")[-2] for name in names}


def test_family_is_read_from_the_config_and_not_from_the_path(tmp_path):
    path = tmp_path / "asr"
    path.symlink_to(MODEL)
    wrong, _ = stt.FastSTTModel.from_pretrained(str(path))
    assert (wrong.profile.name, wrong.n_audio_layer, wrong.n_text_layer) == ("whisper", 0, 0)
    right = mlx_tune_repairs.load_model(path, 4, 2.0, 0)
    assert (right.profile.name, right.n_audio_layer, right.n_text_layer) == ("qwen3_asr", 3, 2)


def test_mlp_gets_the_lora_that_was_asked_for(named):
    model, _ = stock_model(named, target_modules=TARGETS, finetune_encoder=False)
    model._apply_lora()
    assert adapted(model) == set(mlx_tune_repairs.ATTENTION)
    repaired = mlx_tune_repairs.load_model(named, 4, 2.0, 0)
    assert adapted(repaired) == set(TARGETS)
    receipt = mlx_tune_repairs.receipt(repaired)
    assert (receipt["modules"], receipt["rank"], receipt["scale"]) == (14, 4, 2.0)
    names = [name for name, _ in tree_flatten(repaired.model._model.trainable_parameters())]
    assert not [name for name in names if "audio_tower" in name or "lora" not in name]


def test_seed_decides_the_adapter(named):
    def first_pair(model):
        return model.model._model.model.layers[0].self_attn.q_proj.lora_a

    stock_pairs = []
    for _ in range(2):
        model, _ = stock_model(named, random_state=5)
        model._apply_lora()
        stock_pairs.append(first_pair(model))
    assert not mx.array_equal(*stock_pairs)
    one, other, different = (
        first_pair(mlx_tune_repairs.load_model(named, 4, 2.0, seed)) for seed in (5, 5, 6)
    )
    assert mx.array_equal(one, other) and not mx.array_equal(one, different)


def test_saving_refuses_nan_and_writes_what_can_be_loaded(named, tmp_path):
    model, _ = stock_model(named, target_modules=TARGETS)
    model._apply_lora()
    layer = model.model._model.model.layers[0].self_attn.q_proj
    layer.lora_b = mx.full(layer.lora_b.shape, mx.nan)
    model.save_pretrained(str(tmp_path / "stock"))
    kept = mx.load(str(tmp_path / "stock" / "adapters.safetensors"))
    assert any(mx.isnan(array).any().item() for array in kept.values())
    assert (
        "keys"
        not in json.loads((tmp_path / "stock" / "adapter_config.json").read_text())[
            "lora_parameters"
        ]
    )

    repaired = mlx_tune_repairs.load_model(named, 4, 2.0, 0)
    inner = repaired.model._model
    good = {
        name: mx.random.normal(value.shape) * 0.05
        for name, value in tree_flatten(inner.trainable_parameters())
    }
    with pytest.raises(Failed, match="NaN"):
        mlx_tune_repairs.save(
            repaired, tmp_path / "ours", good | {next(iter(good)): mx.array([mx.nan])}, "base"
        )
    assert not (tmp_path / "ours" / "adapters.safetensors").exists()
    inner.load_weights(list(good.items()), strict=False)
    mlx_tune_repairs.save(repaired, tmp_path / "ours", good, "base")
    loaded = recogniser.load(MODEL, tmp_path / "ours")
    batch = recogniser.collate(
        [recogniser.row(inner, recogniser.encode(inner, sound()), "Call Marion.")]
    )
    assert mx.array_equal(
        recogniser.hidden_states(inner, batch), recogniser.hidden_states(loaded, batch)
    )


def collated(named, *samples) -> tuple[dict, object]:
    model, processor = stock_model(named)
    return stt.STTDataCollator(model, processor)(list(samples)), model.model._model


def test_prompt_is_the_one_that_is_asked_with(named):
    theirs, model = collated(named, {"audio": sound(), "text": "Call Marion."})
    ids = theirs["input_ids"][0].tolist()
    assert (
        ids[0] == 151676 != model.config.audio_token_id
    )  # no chat prompt, and no token of this model
    row = recogniser.row(model, recogniser.encode(model, sound()), "Call Marion.")
    asked = numpy.array(model._build_prompt(row.features.shape[0], "English")).reshape(-1).tolist()
    assert row.tokens[: row.supervised_from] == asked


def test_first_token_of_the_transcript_is_learned(named):
    theirs, model = collated(named, {"audio": sound(), "text": "Call Marion."})
    transcript = model._tokenizer.encode("Call Marion.", add_special_tokens=False)
    labels = [label for label in theirs["labels"][0].tolist() if label != -100]
    assert labels[0] == transcript[1]
    row = recogniser.row(model, recogniser.encode(model, sound()), "Call Marion.")
    targets = recogniser.collate([row])["targets"][0].tolist()
    assert targets[: len(transcript)] == transcript


def test_batch_keeps_the_sound_of_every_row(named):
    samples = [{"audio": sound(pitch=p), "text": "Call Marion."} for p in (200, 900)]
    theirs, model = collated(named, *samples)
    assert theirs["input_ids"].shape[0] == 2 and theirs["input_features"].shape[0] == 1
    rows = [recogniser.row(model, recogniser.encode(model, s["audio"]), s["text"]) for s in samples]
    features = recogniser.collate(rows)["features"]
    assert features.shape[0] == 2 and mx.abs(features[0] - features[1]).max().item() > 0.01


@pytest.mark.usefixtures("compiling")
def test_compile_of_the_stock_trainer_fails_at_its_first_step_and_ours_does_not(named, tmp_path):
    model, processor = stock_model(named)
    samples = [{"audio": sound(), "text": "Call Marion."}] * 2
    settings = stt.STTSFTConfig(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=1,
    )
    trainer = stt.STTSFTTrainer(
        model=model,
        processor=processor,
        train_dataset=samples,
        args=settings,
        data_collator=stt.STTDataCollator(model, processor),
    )
    with pytest.raises(ValueError, match=r"eval.*during function transformations"):
        trainer.train()
    ours = recogniser.load(MODEL)
    row = recogniser.row(ours, recogniser.encode(ours, sound()), "Call Marion.")
    batch = recogniser.collate([row])
    compiled = mx.compile(lambda batch: recogniser.loss(ours, batch)[0])(batch)
    assert compiled.item() == pytest.approx(recogniser.loss(ours, batch)[0].item(), rel=1e-4)


def test_settings_that_the_stock_package_ignores_are_read(named):
    model, processor = stock_model(named)
    short, long = (
        stt.STTDataCollator(model, processor, max_audio_length=1.0)(
            [{"audio": sound(s), "text": "a"}]
        )
        for s in (1.0, 3.0)
    )
    assert long["input_features"].shape[-1] == 3 * short["input_features"].shape[-1]
    assert clips.inspect(sound(31.0)) == ["too_long"]
