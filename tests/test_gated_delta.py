"""The chunkwise gated delta rule against mlx-lm's recurrence, and its way into mlx-lm's models."""

import math

import pytest

from tiny_qwen import (
    conversation,
    difference,
    loss_and_gradients,
    make_model,
    tokens,
    with_adapter,
)

NAMES = ("q", "k", "v", "log_g", "beta", "state")


def inputs(batch, length, key_heads, value_heads, key_width, value_width, kind="random", seed=0):
    """The six inputs of the rule, normalised as the models do, and what the outputs are weighed with."""
    import mlx.core as mx

    key = iter(mx.random.split(mx.random.key(seed), 9))

    def normal(*shape):
        return mx.random.normal(shape, key=next(key))

    q, k = (normal(batch, length, key_heads, key_width) for _ in range(2))
    if kind == "repeated keys":
        k = mx.broadcast_to(k[:, :1], k.shape)
    q, k = (x / mx.linalg.norm(x, axis=-1, keepdims=True) for x in (q, k))
    v = normal(batch, length, value_heads, value_width)
    gates = {
        "random": -mx.random.uniform(0, 0.3, (batch, length, value_heads), key=next(key)),
        "repeated keys": mx.full((batch, length, value_heads), -1e-4),
        "gates near 0": mx.full((batch, length, value_heads), -30.0),
        "gates near 1": mx.full((batch, length, value_heads), -1e-7),
        "gates of both kinds": mx.where(
            mx.random.uniform(shape=(batch, length, value_heads), key=next(key)) < 0.3, -50.0, -1e-6
        ),
    }
    beta = mx.sigmoid(normal(batch, length, value_heads) + (7 if kind == "repeated keys" else 0))
    state = normal(batch, value_heads, value_width, key_width)
    along = normal(batch, length, value_heads, value_width), normal(*state.shape)
    return (q, k, v, gates[kind], beta, state), along


def outputs_and_gradients(rule, given, along):
    import mlx.core as mx

    def total(*given):
        y, final = rule(*given)
        return (y.astype(mx.float32) * along[0]).sum() + (final * along[1]).sum(), y, final

    (_, y, final), gradients = mx.value_and_grad(total, argnums=list(range(6)))(*given)
    return {"y": y, "final": final} | dict(zip(NAMES, gradients, strict=True))


def stock(q, k, v, log_g, beta, state):
    import mlx.core as mx
    from mlx_lm.models.gated_delta import gated_delta_ops

    return gated_delta_ops(q, k, v, mx.exp(log_g), beta, state)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((1, 1, 1, 1, 8, 8), "random"),
        ((2, 63, 1, 3, 16, 8), "random"),
        ((2, 64, 2, 2, 8, 16), "random"),
        ((3, 65, 2, 4, 16, 16), "random"),
        ((2, 150, 2, 4, 32, 24), "random"),
        ((2, 130, 1, 2, 16, 16), "repeated keys"),
        ((2, 100, 1, 2, 16, 16), "gates near 0"),
        ((2, 140, 1, 2, 16, 16), "gates near 1"),
        ((2, 140, 2, 2, 16, 16), "gates of both kinds"),
    ],
)
def test_outputs_and_all_gradients_equal_the_recurrence(shape, kind):
    import mlx.core as mx

    from fae_training.language.gated_delta import chunkwise

    given, along = inputs(*shape, kind=kind)
    ours = outputs_and_gradients(chunkwise, given, along)
    theirs = outputs_and_gradients(stock, given, along)
    for name, expected in theirs.items():
        # A gate near 0 leaves its gradient at 1e-13: there the size of the inputs is the measure.
        scale = max(mx.abs(expected).max().item(), 1e-3)
        error = mx.abs(ours[name] - expected).max().item() / scale
        assert error < 1e-5, (name, error)


def test_heads_in_groups_give_the_same(monkeypatch):
    import mlx.core as mx

    from fae_training.language import gated_delta

    given, along = inputs(2, 100, 4, 8, 16, 16)
    together = outputs_and_gradients(gated_delta.chunkwise, given, along)
    monkeypatch.setattr(gated_delta, "WORKING_BYTES", 2 * 100 * 8 * 16 * 4 * 20)
    assert gated_delta.head_groups(given[2].size, 4) == 4
    apart = outputs_and_gradients(gated_delta.chunkwise, given, along)
    for name, expected in together.items():
        assert mx.abs(apart[name] - expected).max().item() < 1e-5, name

    def branched(*given):
        chunks = gated_delta.chunkwise_with_chunks(*given)[2]
        return gated_delta.state_at(chunks, given[1], given[3], mx.array([1]), mx.array([70]))

    in_groups = branched(*given)
    monkeypatch.undo()
    assert mx.abs(in_groups - branched(*given)).max().item() < 1e-6


def test_the_inverse_holds_where_a_power_series_would_overflow():
    import mlx.core as mx

    from fae_training.language.gated_delta import CHUNK, inverse_of_unit_lower

    repeated = mx.tril(mx.ones((1, CHUNK, CHUNK)), -1)
    product = inverse_of_unit_lower(repeated) @ (mx.eye(CHUNK) + repeated)
    assert mx.abs(product - mx.eye(CHUNK)).max().item() < 1e-6


def test_bfloat16_inputs_lose_no_more_than_their_own_rounding():
    """bfloat16 has 8 bits, so a rounding is at most 2^-9. The gradient of y arrives rounded and that of q, k and v is
    rounded once more, 2^-8 in all; the inside is float32 and adds nothing that shows."""
    import mlx.core as mx

    from fae_training.language.gated_delta import chunkwise

    given, along = inputs(2, 200, 2, 4, 32, 32)
    short = [x.astype(mx.bfloat16) for x in given[:3]] + [*given[3:]]
    exact = [x.astype(mx.float32) for x in short]
    ours = outputs_and_gradients(chunkwise, short, along)
    expected = outputs_and_gradients(stock, exact, along)
    assert ours["y"].dtype == ours["q"].dtype == mx.bfloat16 and ours["final"].dtype == mx.float32
    for name, value in expected.items():
        error = mx.linalg.norm(ours[name].astype(mx.float32) - value) / mx.linalg.norm(value)
        assert error.item() < (2**-9 if name == "y" else 2**-8), name


def test_a_padded_tail_changes_neither_the_state_nor_what_comes_before():
    import mlx.core as mx

    from fae_training.language.gated_delta import chunkwise

    (q, k, v, log_g, beta, state), _ = inputs(2, 100, 1, 2, 16, 16)
    real = (mx.arange(100) < mx.array([70, 33])[:, None])[..., None]
    y, final = chunkwise(q, k, v, mx.where(real, log_g, 0), mx.where(real, beta, 0), state)
    for row, length in enumerate((70, 33)):
        alone = [x[row : row + 1, :length] for x in (q, k, v, log_g, beta)]
        y_alone, final_alone = chunkwise(*alone, state[row : row + 1])
        assert mx.abs(y[row, :length] - y_alone[0]).max().item() < 1e-5
        assert mx.abs(final[row] - final_alone[0]).max().item() < 1e-5


@pytest.mark.parametrize("position", [0, 1, 37, 64, 65, 128, 150])
def test_the_state_at_any_token_is_that_of_a_sequence_that_ends_there(position):
    import mlx.core as mx

    from fae_training.language import gated_delta

    given, along = inputs(2, 150, 2, 4, 16, 16)
    positions = mx.array([position, 150 - position])

    def branched(*given):
        _, _, chunks = gated_delta.chunkwise_with_chunks(*given)
        state = gated_delta.state_at(chunks, given[1], given[3], mx.array([0, 1]), positions)
        return (state * along[1]).sum(), state

    def ended(*given):
        states = []
        for row, length in enumerate(positions.tolist()):
            parts = [x[row : row + 1, :length] for x in given[:5]]
            start = given[5][row : row + 1]
            states.append(stock(*parts, start)[1] if length else start)
        state = mx.concatenate(states)
        return (state * along[1]).sum(), state

    (_, ours), ours_gradients = mx.value_and_grad(branched, argnums=list(range(6)))(*given)
    (_, theirs), their_gradients = mx.value_and_grad(ended, argnums=list(range(6)))(*given)
    assert mx.abs(ours - theirs).max().item() < 1e-5
    for name, a, b in zip(NAMES, ours_gradients, their_gradients, strict=True):
        assert mx.abs(a - b).max().item() < 1e-5 * max(mx.abs(b).max().item(), 1.0), name


@pytest.mark.parametrize("kind", ["dense", "moe", "next"])
def test_it_runs_inside_mlx_lms_models_and_gives_their_gradients(kind):
    import random

    from fae_training.language import gated_delta_patch
    from fae_training.language.batches import collate
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.rows import TokenRow

    model = with_adapter(make_model(kind))
    chooser = random.Random(1)
    batch = collate([TokenRow(tokens(chooser, n), 5) for n in (40, 75)], share_prefix=False)
    gated_delta_patch.remove()
    before = gated_delta_patch.calls()
    expected_loss, expected = loss_and_gradients(model, batch, FastSettings.off())
    assert gated_delta_patch.calls() == before

    modules = gated_delta_patch.install()
    assert {"mlx_lm.models.qwen3_5", "mlx_lm.models.qwen3_next"} <= set(modules)
    loss, gradients = loss_and_gradients(model, batch, FastSettings.off())
    assert gated_delta_patch.calls()["chunkwise"] == before["chunkwise"] + 3
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    assert difference(gradients, expected) < 1e-5
    # Our own layers, in one level and with everything on.
    loss, gradients = loss_and_gradients(model, batch, FastSettings())
    assert gated_delta_patch.calls()["chunkwise"] == before["chunkwise"] + 6
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    assert difference(gradients, expected) < 1e-5


def test_a_masked_token_in_mlx_lms_layer_is_as_if_it_were_not_there():
    import mlx.core as mx

    from fae_training.language import gated_delta_patch

    gated_delta_patch.install()
    layer = make_model().layers[0].linear_attn
    layer.train()
    x = mx.random.normal((1, 50, 64))
    mask = mx.arange(50)[None] < 30
    masked = layer(x, mask=mask)[:, :30]
    assert mx.abs(masked - layer(x[:, :30])).max().item() < 1e-5


def test_all_rules_are_measured_at_the_models_shapes_and_kept_for_these_versions(tmp_path):
    from fae_training.language import gated_delta_check
    from fae_training.language.gated_delta_report import Shapes

    model = make_model()
    shapes = Shapes.of(model.language_model.model)
    assert shapes == Shapes(2, 4, 32, 32, "float32")
    report = gated_delta_check.check(shapes, tmp_path)
    assert [m.rule for m in report.measured] == ["chunkwise", "mx.fast", "mlx-lm"]
    assert all(m.error < 1e-5 and m.error_here < 1e-5 for m in report.measured)
    assert report.right and report.layers_error < 1e-5
    # mlx-lm keeps a state for each token, chunkwise one for each chunk.
    chunkwise, _, stock = report.measured
    assert stock.peak_bytes > 1.5 * chunkwise.peak_bytes > 0
    (kept,) = tmp_path.glob("gated-delta-*.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert gated_delta_check.check(shapes, tmp_path) == report
    kept.write_text(kept.read_text().replace(f'"layers_error": {report.layers_error}', '"layers_error": 0.5'))  # fmt: skip
    assert gated_delta_check.check(shapes, tmp_path).layers_error == 0.5
    other = Shapes(2, 4, 32, 32, "bfloat16")
    assert gated_delta_check.check(other, tmp_path).right
    assert len(list(tmp_path.glob("gated-delta-*.json"))) == 2


def report_of(chunkwise, mx_fast, dtype="float32"):
    """A Report of which each measurement is (error, seconds, megabytes)."""
    from fae_training.language.gated_delta_report import Measurement, Report, Shapes

    def one(rule, measured):
        error, seconds, megabytes = measured
        return Measurement(rule, error, error, seconds, megabytes * 10**6)

    measured = one("chunkwise", chunkwise), one("mx.fast", mx_fast), one("mlx-lm", (0.0, 9.0, 500))
    return Report(Shapes(2, 4, 32, 32, dtype), 1e-7, measured)


@pytest.mark.parametrize(
    ("mx_fast", "chosen"),
    [
        ((1e-7, 0.5, 100), "mx.fast"),
        ((1e-7, 0.5, 109), "mx.fast"),
        ((1e-7, 1.5, 20), "chunkwise"),  # slower
        ((1e-7, 0.5, 300), "chunkwise"),  # not the memory that is planned for
        ((1e-3, 0.5, 50), "chunkwise"),  # wrong
        ((float("inf"), float("inf"), 0), "chunkwise"),  # not made for these shapes
    ],
)
def test_the_fastest_rule_that_is_right_and_as_lean_runs(mx_fast, chosen):
    report = report_of((1e-7, 1.0, 100), mx_fast)
    assert report.right and report.chosen == chosen
    assert f"{chosen} runs" in report.sentence()
    if chosen == "mx.fast":
        assert "chunkwise 2.0 times its time" in report.sentence()


def test_another_rule_computes_what_nothing_branches_off_from(monkeypatch):
    """Losses and gradients stay, and what is shared still goes through the chunkwise rule."""
    import random

    from fae_training.language import fast_path, gated_delta, gated_delta_check, gated_delta_rules
    from fae_training.language.batches import collate
    from fae_training.language.fast_settings import FastSettings

    model = with_adapter(make_model())
    chooser = random.Random(3)
    rows = conversation(chooser, tokens(chooser, 70), 3)
    ran = []
    real = gated_delta_rules.rule
    monkeypatch.setattr(
        gated_delta_rules,
        "rule",
        lambda name: lambda *given: (ran.append(name), real(name)(*given))[1],
    )
    measured = report_of((1e-7, 1.0, 100), (1e-7, 0.5, 100))
    monkeypatch.setattr(gated_delta_check, "measure", lambda shapes: measured)
    fast, notes = fast_path.enable(model, FastSettings())
    assert fast.rule.chosen == "mx.fast" and "mx.fast runs" in notes[0]
    assert fast.gated_delta and fast.shared_prefix
    for share in (False, True):
        batch = collate(rows, share)
        expected, right = loss_and_gradients(model, batch, FastSettings())
        ran.clear()
        before = gated_delta.calls
        loss, gradients = loss_and_gradients(model, batch, fast)
        assert ran == ["mx.fast"] * 3
        assert gated_delta.calls - before == (3 if share else 0)
        assert loss == pytest.approx(expected, rel=1e-6)
        assert difference(gradients, right) < 1e-5


def test_a_wrong_rule_is_found_said_aloud_and_switched_off_with_what_is_built_on_it(monkeypatch):
    from fae_training.language import fast_path, gated_delta
    from fae_training.language.fast_settings import FastSettings

    right = gated_delta.chunkwise

    def wrong_for_the_second_row(q, k, v, log_g, beta, state=None):
        import mlx.core as mx

        return right(q, k, v, log_g, mx.concatenate([beta[:1], beta[1:] * 0.999]), state)

    monkeypatch.setattr(gated_delta, "chunkwise", wrong_for_the_second_row)
    settings, notes = fast_path.enable(make_model(), FastSettings())
    assert not settings.gated_delta and not settings.shared_prefix and settings.supervised_only
    assert "differs from mlx-lm's" in notes[0] and "correct but slow" in notes[0]


def test_long_rows_in_bfloat16_have_no_nan():
    import random

    import mlx.core as mx
    from mlx.utils import tree_map

    from fae_training.language import gated_delta_patch
    from fae_training.language.batches import collate
    from fae_training.language.fast_settings import FastSettings

    model = make_model()
    model.update(
        tree_map(lambda x: x if x.ndim == 1 else x.astype(mx.bfloat16), model.parameters())
    )
    model = with_adapter(model)
    gated_delta_patch.install()
    from fae_training.language.rows import TokenRow

    chooser = random.Random(2)
    repeated = tokens(chooser, 10) * 103
    rows = [TokenRow(tokens(chooser, 1025), 600), TokenRow(repeated[:1025], 600)]
    loss, gradients = loss_and_gradients(model, collate(rows), FastSettings())
    assert math.isfinite(loss) and 4 < loss < 8
    assert all(mx.isfinite(value).all().item() for value in gradients.values())
