"""Adapters: which modules they adapt, that mlx-lm loads them unchanged, and that one that does not fit is refused."""

import json

import pytest

from fae_training.calls.errors import Failed, Missing
from fae_training.language import adapters
from tiny_qwen import make_model, with_adapter


def trained(model) -> dict:
    from mlx.utils import tree_flatten

    return dict(tree_flatten(model.trainable_parameters()))


def saved(directory, model, rank=4):
    return adapters.save(
        directory, trained(model), rank, 2.0, 0.0, adapters.adapter_keys(model), 4, "tiny"
    )


def test_linear_attention_is_adapted_and_experts_only_when_asked():
    dense = adapters.adapter_keys(make_model())
    assert {"linear_attn.in_proj_qkv", "linear_attn.in_proj_z", "linear_attn.out_proj"} < set(dense)
    assert {"self_attn.q_proj", "mlp.down_proj"} < set(dense)
    mixture = make_model("moe")
    without, with_experts = (adapters.adapter_keys(mixture, experts) for experts in (False, True))
    assert "mlp.shared_expert.up_proj" in without
    assert not [key for key in without if "switch_mlp" in key]
    routed = {f"mlp.switch_mlp.{name}_proj" for name in ("gate", "up", "down")}
    assert set(with_experts) - set(without) == routed
    assert {name for name in with_experts if adapters.is_routed(name)} == routed
    assert "linear_attn.in_proj_qkvz" in adapters.adapter_keys(make_model("next"))


def test_a_new_adapter_changes_nothing_and_only_it_is_trainable():
    import mlx.core as mx

    model = make_model()
    before = model(mx.array([[1, 2, 3]]))
    adapters.add_lora(model, 4, 2.0, 0.0, adapters.adapter_keys(model), seed=1)
    assert mx.array_equal(before, model(mx.array([[1, 2, 3]])))
    names = trained(model)
    assert len(names) == 2 * (3 * 6 + 7)
    assert all(name.endswith(("lora_a", "lora_b")) for name in names)


def test_the_seed_decides_the_start():
    import mlx.core as mx

    def start(seed):
        model = make_model()
        adapters.add_lora(model, 4, 2.0, 0.0, adapters.adapter_keys(model), seed)
        return trained(model)

    one, same, other = start(1), start(1), start(2)
    assert all(mx.array_equal(one[name], same[name]) for name in one)
    assert any(not mx.array_equal(one[name], other[name]) for name in one)


def test_mlx_lm_loads_it_and_the_outputs_are_those_of_training(tmp_path):
    import mlx.core as mx
    from mlx_lm.tuner.utils import load_adapters

    model = with_adapter(make_model())
    fingerprint = saved(tmp_path, model)
    assert fingerprint == adapters.fingerprint_of(tmp_path) and len(fingerprint) == 64
    model.eval()
    tokens = mx.array([[5, 9, 11, 200, 7]])
    theirs = load_adapters(make_model(), str(tmp_path))
    theirs.eval()
    assert mx.abs(theirs(tokens) - model(tokens)).max().item() == 0
    assert mx.abs(make_model()(tokens) - model(tokens)).max().item() > 1e-3

    ours = make_model()
    config = adapters.load(ours, tmp_path)
    ours.eval()
    assert mx.abs(ours(tokens) - model(tokens)).max().item() == 0
    assert config["linear_attention_adapted"] is True and config["base_model"] == "tiny"
    assert "language_model.model.layers.0.linear_attn.in_proj_qkv" in config["adapted_modules"]


def test_only_an_adapter_is_saved_as_one(tmp_path):
    model = make_model()
    with pytest.raises(Failed, match="embed_tokens"):
        adapters.save(tmp_path, trained(model), 4, 2.0, 0.0, [], 4, "tiny")
    with pytest.raises(Failed, match="nothing at all"):
        adapters.save(tmp_path, {}, 4, 2.0, 0.0, [], 4, "tiny")
    assert list(tmp_path.iterdir()) == []


def test_nan_is_never_saved(tmp_path):
    import mlx.core as mx

    model = with_adapter(make_model())
    parameters = trained(model)
    name = sorted(parameters)[3]
    parameters[name] = parameters[name] * mx.array(float("nan"))
    with pytest.raises(Failed, match="NaN"):
        adapters.save(tmp_path, parameters, 4, 2.0, 0.0, [], 4, "tiny")
    assert not (tmp_path / "adapters.safetensors").exists()


def test_an_adapter_of_another_model_is_refused_by_name(tmp_path):
    saved(tmp_path, with_adapter(make_model()))
    with pytest.raises(Failed, match=r"does not fit.*tensors differ") as refusal:
        adapters.load(make_model(hidden_size=96), tmp_path)
    assert "tiny" in refusal.value.hint
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    config["lora_parameters"]["keys"] = ["self_attn.q_proj"]
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(Failed, match="tensors differ"):
        adapters.load(make_model(), tmp_path)


def test_a_missing_adapter_is_an_error_and_not_an_empty_one(tmp_path):
    with pytest.raises(Missing, match=r"adapter_config\.json"):
        adapters.load(make_model(), tmp_path)
    with pytest.raises(Missing, match=r"adapters\.safetensors"):
        adapters.fingerprint_of(tmp_path)
