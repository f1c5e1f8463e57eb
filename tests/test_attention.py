"""Attention by blocks against MLX's own: outputs and gradients, causal and masked, grouped heads, many blocks."""

import pytest

from fae_training.language import attention

NAMES = ("y", "q", "k", "v")


def inputs(batch=2, heads=4, key_heads=2, length=150, keys=150, width=16, dtype="float32"):
    import mlx.core as mx

    key = iter(mx.random.split(mx.random.key(0), 4))
    shapes = [(heads, length), (key_heads, keys), (key_heads, keys), (heads, length)]
    return [
        mx.random.normal((batch, h, n, width), key=next(key)).astype(getattr(mx, dtype))
        for h, n in shapes
    ]


def outputs_and_gradients(function, q, k, v, along):
    import mlx.core as mx

    (y,), gradients = mx.vjp(function, [q, k, v], [along])
    return dict(zip(NAMES, (y, *gradients), strict=True))


def ours_and_mlxs(q, k, v, along, mask=None):
    import mlx.core as mx

    ours = outputs_and_gradients(
        lambda q, k, v: attention.attend(q, k, v, 0.25, mask), q, k, v, along
    )
    wide = [x.astype(mx.float32) for x in (q, k, v, along)]
    how = "causal" if mask is None else mask
    theirs = outputs_and_gradients(
        lambda q, k, v: mx.fast.scaled_dot_product_attention(q, k, v, scale=0.25, mask=how), *wide
    )
    return ours, theirs


def worst(ours, theirs) -> float:
    import mlx.core as mx

    errors = [
        (mx.abs(ours[name].astype(mx.float32) - right).max() / mx.abs(right).max()).item()
        for name, right in theirs.items()
    ]
    assert all(error == error for error in errors)
    return max(errors)


@pytest.mark.parametrize("size", [1, 2**23])
@pytest.mark.parametrize(("heads", "key_heads"), [(4, 2), (3, 3), (4, 1)])
def test_causal_attention_and_its_gradients_are_mlxs_in_one_block_and_in_three(
    heads, key_heads, size, monkeypatch
):
    monkeypatch.setattr(attention, "SCORES_BYTES", size)
    assert -(-150 // attention.block_of(2 * heads, 150)) == (3 if size == 1 else 1)
    assert worst(*ours_and_mlxs(*inputs(heads=heads, key_heads=key_heads))) < 1e-5


@pytest.mark.parametrize("size", [1, 2**23])
def test_a_mask_for_each_sequence_is_respected(size, monkeypatch):
    """As a level that branches off: some keys of what came before, then its own up to here."""
    import mlx.core as mx

    monkeypatch.setattr(attention, "SCORES_BYTES", size)
    before = mx.arange(60) < mx.array([13, 60])[:, None]
    mask = mx.concatenate(
        [
            mx.broadcast_to(before[:, None], (2, 90, 60)),
            mx.broadcast_to(mx.tril(mx.ones((90, 90), mx.bool_)), (2, 90, 90)),
        ],
        axis=-1,
    )[:, None]
    given = inputs(length=90)
    ours, theirs = ours_and_mlxs(*given, mask)
    assert worst(ours, theirs) < 1e-5
    # Keys 13 to 59 are hidden from every query of the first sequence.
    assert mx.abs(ours["k"][0, :, 13:60]).max().item() == 0


def test_scores_too_large_for_an_exponential_do_not_overflow():
    q, k, v, along = inputs()
    assert worst(*ours_and_mlxs(40 * q, 40 * k, v, along)) < 1e-4


def test_bfloat16_stays_within_its_rounding():
    import mlx.core as mx

    ours, theirs = ours_and_mlxs(*inputs(dtype="bfloat16"))
    assert all(value.dtype == mx.bfloat16 for value in ours.values())
    for name, right in theirs.items():
        error = mx.linalg.norm(ours[name].astype(mx.float32) - right) / mx.linalg.norm(right)
        assert error.item() < 2**-6, name


@pytest.mark.usefixtures("compiling")
@pytest.mark.parametrize("compiled", [False, True])
def test_no_scores_are_kept_for_the_backward_pass(compiled):
    """Six layers of eight heads and 1,024 tokens have 201 MB of scores; kept for the gradient they are all there at once."""
    import mlx.core as mx

    q, k, v, _ = inputs(1, 8, 4, 1024, 1024)

    def six(q):
        for _ in range(6):
            q = attention.attend(q, k, v, 0.25)
        return q.sum()

    gradient = mx.compile(mx.grad(six)) if compiled else mx.grad(six)
    mx.eval(q, k, v, gradient(q))
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    mx.eval(gradient(q))
    assert mx.get_peak_memory() - before < 120e6


@pytest.mark.parametrize(
    "dtype, tokens, width, fused",
    [
        ("bfloat16", 256, 64, True),
        ("float16", 128, 128, True),
        ("float32", 256, 64, False),
        ("bfloat16", 250, 64, False),
        ("bfloat16", 256, 256, False),
    ],
)
def test_on_cuda_mx_fast_is_used_only_if_its_gradient_is_fused(
    monkeypatch, dtype, tokens, width, fused
):
    """Measured on an H100 (docs/log.md): otherwise it keeps the scores of every layer."""
    import mlx.core as mx

    q = mx.zeros((1, 1, tokens, width), getattr(mx, dtype))
    assert not attention._fused_with_gradient(q), "not on this backend"
    monkeypatch.setattr(mx.cuda, "is_available", lambda: True)
    monkeypatch.setattr(mx, "default_device", lambda: mx.gpu)
    assert attention._fused_with_gradient(q) == fused
