"""Models of other architectures than Qwen3.5: loss and gradients are those of mlx-lm's own forward pass and cross-entropy."""

import random
from pathlib import Path

import pytest

from fae_training.calls.errors import Failed, Missing
from fae_training.language import adapters, fast_path, layer_patch
from fae_training.language.batches import collate
from fae_training.language.fast_settings import FastSettings
from fae_training.language.rows import TokenRow
from tiny_models import CONFIGS, make_model, save_model
from tiny_qwen import conversation, difference, loss_and_gradients, tokens, with_adapter

ROOT = Path(__file__).resolve().parent.parent

# Which parts of the fast path a model has to do without, and why.
OFF = {
    "gemma2": {
        "attention": "it has one of its own",
        "shared_prefix": "a different result at a branch",
    },
    "lfm2": {"shared_prefix": "keeps more than the keys and values of earlier tokens"},
}


@pytest.fixture(autouse=True)
def mlx_lms_own_layers():
    """No test leaves our attention in mlx-lm's modules."""
    yield
    layer_patch.remove()


def some_rows() -> list[TokenRow]:
    """Three levels: two conversations under one system prompt, and one row of another weight beside them."""
    chooser = random.Random(0)
    system = tokens(chooser, 50)
    rows = [
        *conversation(chooser, system + tokens(chooser, 40), 3),
        *conversation(chooser, system + tokens(chooser, 35), 2),
        TokenRow(system + tokens(chooser, 30), 60, weight=0.5),
    ]
    return rows


def plain_loss_and_gradients(model, rows):
    """The weighted mean of -log p over the targets, row by row, from the logits of the whole model."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    def total(model):
        losses = []
        for row in rows:
            logits = model(mx.array([row.tokens[:-1]]))[0].astype(mx.float32)
            wanted = mx.array(row.tokens[1:])
            losses.append(
                row.weight
                * nn.losses.cross_entropy(logits, wanted)[row.supervised_from - 1 :].sum()
            )
        return sum(losses)

    weight = sum(row.weight * (len(row.tokens) - row.supervised_from) for row in rows)
    loss, gradients = nn.value_and_grad(model, total)(model)
    mx.eval(loss, gradients)
    scaled = {name: value / weight for name, value in tree_flatten(gradients)}
    return loss.item() / weight, scaled


def ours(model, rows, fast):
    loss, gradients = loss_and_gradients(model, collate(rows, fast.shared_prefix), fast)
    weight = sum(row.weight * (len(row.tokens) - row.supervised_from) for row in rows)
    return loss, {name: value / weight for name, value in gradients.items()}


@pytest.mark.parametrize("name", CONFIGS)
def test_loss_and_gradients_are_those_of_the_plain_computation(name):
    from dataclasses import replace

    model, rows = with_adapter(make_model(name)), some_rows()
    expected, right = plain_loss_and_gradients(model, rows)
    fast, notes = fast_path.enable(model, FastSettings())
    off = OFF.get(name, {})
    assert fast == replace(FastSettings(gated_delta=False), **dict.fromkeys(off, False))
    if name == "minicpm":
        assert "its own kind of output layer" in notes.pop(0) and fast.output.name is None
    for note, reason in zip(notes, off.values(), strict=True):
        assert reason in note
    before = dict(layer_patch.calls)
    for settings in (fast, replace(fast, checkpoint_layers=True)):
        loss, gradients = ours(model, rows, settings)
        assert loss == pytest.approx(expected, rel=1e-5)
        assert difference(gradients, right) < 3e-5
    assert ("tokens_2" in collate(rows, fast.shared_prefix)) == fast.shared_prefix
    # Ours ran. Gemma2 has its own, with a softcap inside.
    assert (layer_patch.calls["attention"] > before["attention"]) == fast.attention
    off, _ = fast_path.enable(model, FastSettings.off())
    loss, gradients = ours(model, rows, off)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert difference(gradients, right) < 3e-5


def test_a_target_outside_the_output_layer_is_found_in_blocks(monkeypatch):
    """Where only the model knows its output layer: more targets than are looked at together."""
    from fae_training.language import supervised_loss

    monkeypatch.setattr(supervised_loss, "WHOLE_ROWS", 50)
    model, rows = with_adapter(make_model("minicpm")), some_rows()
    expected, right = plain_loss_and_gradients(model, rows)
    fast, _ = fast_path.enable(model, FastSettings())
    assert collate(rows)["targets"].shape[0] > 100
    loss, gradients = ours(model, rows, fast)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert difference(gradients, right) < 3e-5


@pytest.mark.parametrize("name", ["llama", "qwen3_moe", "gemma4_text", "phi3"])
def test_a_saved_adapter_gives_mlx_lm_the_logits_of_training(name, tmp_path):
    """Through mlx_lm.load, base and adapter from disk; the routed experts have one too."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm import load

    directory = save_model(name, tmp_path / "model")
    base, _ = load(str(directory))
    keys = adapters.adapter_keys(base, experts=True)
    assert any(map(adapters.is_routed, keys)) == (name == "qwen3_moe")
    assert not [key for key in keys if "embed" in key or "lm_head" in key or key == "mlp.gate"]
    model = with_adapter(base, experts=True)
    model.eval()
    adapters.save(
        tmp_path / "adapter",
        dict(tree_flatten(model.trainable_parameters())),
        4,
        2.0,
        0.0,
        keys,
        len(model.layers),
        "tiny",
    )
    ids = mx.array([[5, 9, 11, 200, 7]])
    theirs, _ = load(str(directory), adapter_path=str(tmp_path / "adapter"))
    assert mx.abs(theirs(ids) - model(ids)).max().item() == 0
    plain, _ = load(str(directory))
    assert mx.abs(plain(ids) - model(ids)).max().item() > 1e-3


def test_a_softcap_is_detected_even_with_small_logits_and_a_16_bit_type():
    """In bfloat16, whose rounding is as large as what a softcap of 30 takes off from such logits."""
    model = with_adapter(make_model("gemma4_text", "bfloat16", final_logit_softcapping=30.0))
    fast, _ = fast_path.enable(model, FastSettings())
    assert fast.output.softcap == 30.0


def test_checkpointed_layers_need_no_gradient_of_positions(monkeypatch):
    """On a GPU mx.fast.rope refuses one for its offset; on a CPU the scatter added here does."""
    import mlx.core as mx

    rope = mx.fast.rope

    def as_on_a_gpu(x, dims, **given):
        place = mx.array(given["offset"]).reshape(-1) % 100
        nothing = 0 * mx.zeros((100,), x.dtype).at[place].add(x.reshape(-1)[0])
        return rope(x + nothing.sum(), dims, **given)

    model, rows = with_adapter(make_model("gemma4_text")), some_rows()
    fast, _ = fast_path.enable(model, FastSettings(checkpoint_layers=True))
    expected, gradients = ours(model, rows, fast)
    monkeypatch.setattr(mx.fast, "rope", as_on_a_gpu)
    loss, again = ours(model, rows, fast)
    assert loss == expected and difference(again, gradients) < 1e-6


def test_rounding_in_16_bits_switches_no_part_off():
    """All four layers of this trained model in bfloat16 differ from mlx-lm's by 0.11 at a quarter of the tokens, in float32 by 1e-5."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm import load

    model, _ = load(str(ROOT / "samples" / "language-model"))
    model.set_dtype(mx.bfloat16)
    before = tree_flatten(model.parameters())
    fast, notes = fast_path.enable(model, FastSettings())
    assert fast.gated_delta and fast.attention and fast.shared_prefix and not notes
    for (name, value), (same, after) in zip(before, tree_flatten(model.parameters()), strict=True):
        assert name == same and value.dtype == after.dtype and mx.array_equal(value, after)


def test_a_small_error_of_a_part_is_found_in_16_bits_too(monkeypatch):
    """One percent is below what bfloat16 rounds away over the whole model."""
    right = layer_patch.attend
    monkeypatch.setattr(layer_patch, "attend", lambda q, k, v, scale, mask: 1.01 * right(q, k, v, scale, mask))  # fmt: skip
    fast, notes = fast_path.enable(make_model("llama", "bfloat16"), FastSettings())
    assert not fast.attention and "a different result" in notes[0]


def test_a_part_with_a_different_result_is_switched_off_and_named(monkeypatch):
    import tiny_qwen
    from fae_training.language import branches, elementwise, gated_delta_report, shared_prefix

    model = make_model("llama")
    right = layer_patch.attend
    monkeypatch.setattr(layer_patch, "attend", lambda q, k, v, scale, mask: 1.01 * right(q, k, v, scale, mask))  # fmt: skip
    fast, notes = fast_path.enable(model, FastSettings())
    assert (fast.attention, fast.shared_prefix) == (False, True)
    assert "llama" in notes[0] and "a different result" in notes[0]
    monkeypatch.undo()

    hybrid = tiny_qwen.make_model()
    monkeypatch.setattr(shared_prefix, "opened", lambda gate, x: 1.01 * elementwise.opened(gate, x))
    monkeypatch.setattr(gated_delta_report.Report, "right", True)
    fast, notes = fast_path.enable(hybrid, FastSettings())
    assert (fast.gated_delta, fast.shared_prefix, fast.attention) == (False, False, True)
    assert "a qwen3_5 model uses mlx-lm's layers" in notes[0]
    monkeypatch.undo()

    ancestors = branches.ancestors
    monkeypatch.setattr(
        branches,
        "ancestors",
        lambda links, level: ((s, reached + 1, at) for s, reached, at in ancestors(links, level)),
    )
    fast, notes = fast_path.enable(model, FastSettings())
    assert (fast.attention, fast.shared_prefix) == (True, False)
    assert "at a branch" in notes[0]
    monkeypatch.undo()

    monkeypatch.setattr(type(model), "__call__", lambda self, ids: self.model.norm(self.model(ids)) @ self.model.embed_tokens.weight.T)  # fmt: skip
    fast, notes = fast_path.enable(model, FastSettings())
    assert fast.output.name is None and fast.shared_prefix
    monkeypatch.undo()

    embed = type(model.model.embed_tokens).__call__
    monkeypatch.setattr(type(model), "__call__", lambda self, ids: self.model.embed_tokens.as_linear(self.model(ids) + embed(self.model.embed_tokens, ids)))  # fmt: skip
    fast, notes = fast_path.enable(model, FastSettings())
    assert fast == FastSettings(False, False, False, False, True, False)
    assert "in its own way" in notes[0]
    rows = some_rows()
    expected, right_gradients = plain_loss_and_gradients(with_adapter(model), rows)
    loss, gradients = ours(model, rows, fast)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert difference(gradients, right_gradients) < 3e-5


def test_a_model_that_gives_no_logits_for_tokens_is_refused(monkeypatch):
    model = make_model("llama")

    def wants_pictures(self, ids):
        raise TypeError("pixel_values are missing")

    monkeypatch.setattr(type(model), "__call__", wants_pictures)
    with pytest.raises(Failed, match="no logits for plain tokens: TypeError: pixel_values"):
        fast_path.enable(model, FastSettings())


def test_layers_without_anything_linear_have_nothing_to_adapt():
    import mlx.nn as nn

    model = nn.Module()
    model.layers = [nn.RMSNorm(8)]
    with pytest.raises(Missing, match="no linear layers that an adapter could be added to"):
        adapters.adapter_keys(model)


def test_a_model_that_mlx_lm_cannot_load_is_reported_with_mlx_lms_error(tmp_path):
    from fae_training.language import mlx_tune_repairs

    directory = save_model("llama", tmp_path)
    config = (directory / "config.json").read_text()
    (directory / "config.json").write_text(config.replace('"hidden_size": 64', '"hidden_size": 32'))
    with pytest.raises(Failed, match=r"mlx-lm cannot load .*ValueError: Expected shape") as raised:
        mlx_tune_repairs.load_model(directory, 4, 2.0, False, 0)
    assert "another --model" in raised.value.hint and "Tips" not in raised.value.message
