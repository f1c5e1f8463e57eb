"""Checks on a few tokens, before training, that the fast parts compute the same as the loaded model.

A model in 16 bits is compared in float32, on its first layers: all of its layers in 16 bits let rounding
grow until two right computations differ by a tenth, and by more at a token where they are close to a tie.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

from fae_training.calls.errors import Failed
from fae_training.fitting.arrays import number
from fae_training.language import architecture, layer_patch
from fae_training.language.architecture import distance
from fae_training.language.shared_prefix import forward_levels

# Two rows that share their first tokens, the second of which ends before the shared part does.
SHARED, OWN, EARLIER = 8, 6, 5
# The allowed relative difference from the model's own results: of hidden states in float32, where a wrong mask
# or position changes them by 0.01 and more, and of logits in 16 bits.
LARGEST, LARGEST_16_BITS = 1e-4, 5e-2
# At most so many layers of a model in 16 bits are compared.
MOST_LAYERS = 12


def verified(model, settings) -> tuple:
    """(the FastSettings with the parts that are correct for this model, sentences about the others).

    Raises Failed when the model cannot be run on tokens at all.
    """
    training = model.training
    model.eval()
    try:
        return _verified(model, settings)
    finally:
        model.train(training)


def _verified(model, settings):
    layer_patch.remove()
    tokens = mx.random.randint(3, 60, (2, SHARED + OWN), key=mx.random.key(0))
    tokens[1, :EARLIER] = tokens[0, :EARLIER]
    kind, notes = type(model).__module__.removeprefix("mlx_lm.models."), []
    try:
        logits = model(tokens)
        mx.eval(logits)
    except Exception as problem:
        raise Failed(
            "not_a_text_model",
            f"the {kind} model gives no logits for plain tokens: {type(problem).__name__}: {problem}",
            "choose a text model: --model small",
        ) from problem
    in_float32 = logits.dtype == mx.float32
    inner = architecture.backbone(model)
    rows = None if inner is None else _rows(_attempt(lambda: inner(tokens)))
    whole = logits.reshape(-1, logits.shape[-1])
    tolerance = LARGEST if in_float32 else LARGEST_16_BITS
    if (
        inner is None
        or rows is None
        or not _close(_attempt(lambda: architecture.logits_of(model, rows)), whole, tolerance)
    ):
        notes.append(
            f"a {kind} model computes its logits in its own way: mlx-lm computes everything, at every token"
        )
        off = {"supervised_only": False, "shared_prefix": False, "checkpoint_layers": False}
        return replace(settings, attention=False, **off), notes
    if settings.supervised_only:
        output = architecture.find_output(model, rows, tolerance)
        settings = replace(settings, output=output)
        if output.name is None:
            notes.append(
                f"a {kind} model has its own kind of output layer: its logits are computed in full"
            )
    with contextlib.nullcontext() if in_float32 else _first_layers_in_float32(inner):
        settings, more = _verified_layers(model, kind, inner, tokens, settings)
    return settings, notes + more


def _verified_layers(model, kind: str, inner, tokens, settings):
    """(the settings with the parts that give the layers' own hidden states, sentences about the others)."""
    notes = []
    hidden = _attempt(lambda: inner(tokens))
    if hidden is None:
        off = {"attention": False, "gated_delta": False, "shared_prefix": False}
        notes.append(f"a {kind} model uses mlx-lm's layers: they could not be compared")
        return replace(settings, **off), notes
    rows = _rows(hidden)
    if settings.attention:
        layer_patch.install()
        ran = layer_patch.calls["attention"]
        right = _close(_attempt(lambda: inner(tokens)), hidden, LARGEST)
        if not right or layer_patch.calls["attention"] == ran:
            layer_patch.remove()
            settings = replace(settings, attention=False)
            why = "it has one of its own" if right else "ours gave a different result"
            notes.append(f"a {kind} model uses mlx-lm's attention and gates: {why}")
    if settings.gated_delta:
        found = _attempt(lambda: forward_levels(model, {"tokens_0": tokens}, settings))
        if not _close(found, rows, LARGEST):
            settings = replace(settings, gated_delta=False, shared_prefix=False)
            notes.append(f"a {kind} model uses mlx-lm's layers: ours gave a different result")
    if settings.shared_prefix:
        if not architecture.is_hybrid(inner) and not architecture.has_plain_caches(model):
            settings = replace(settings, shared_prefix=False)
            notes.append(
                f"shared prefixes are off: a {kind} model keeps more than the keys and values of earlier tokens"
            )
        elif not _branches_hold(model, tokens, hidden, settings):
            settings = replace(settings, shared_prefix=False)
            notes.append(
                f"shared prefixes are off: the layers of a {kind} model gave a different result at a branch"
            )
    return settings, notes


def _branches_hold(model, tokens, hidden, settings) -> bool:
    """Whether a branch after the first row's whole shared part and one inside it give the rows' own
    hidden states."""
    width = SHARED + OWN - EARLIER
    rests = [tokens[0, SHARED:], tokens[1, EARLIER:]]
    rests = [mx.pad(rest, (0, width - rest.shape[0])) for rest in rests]
    at = mx.array([SHARED, EARLIER])
    batch = {
        "tokens_0": tokens[:1, :SHARED],
        "tokens_1": mx.stack(rests),
        "parent_1": mx.array([0, 0]),
        "branch_1": at,
        "start_1": at,
    }
    found = _attempt(lambda: forward_levels(model, batch, settings))
    if found is None:
        return False
    own = found[SHARED:].reshape(2, width, -1)
    shared = mx.concatenate([found[:SHARED], own[0, :OWN], own[1]])
    separate = mx.concatenate([hidden[0], hidden[1, EARLIER:]])
    return _close(shared, separate, LARGEST)


@contextlib.contextmanager
def _first_layers_in_float32(inner) -> Iterator[None]:
    """Within this block the model has only its first layers, one of each kind at least, with weights in float32."""
    layers = next(
        v for v in inner.values() if isinstance(v, list) and v and v[0] is inner.layers[0]
    )
    every, kinds = list(layers), [_kind(layer) for layer in layers]
    count = 1 + max(kinds.index(kind) for kind in kinds)
    first = every[: min(count, MOST_LAYERS)]
    weights = [layer.parameters() for layer in first]
    layers[:] = first
    try:
        for layer, own in zip(first, weights, strict=True):
            layer.update(tree_map(_in_float32, own))
        yield
    finally:
        layers[:] = every
        for layer, own in zip(first, weights, strict=True):
            layer.update(own)
        mx.clear_cache()


def _kind(layer: nn.Module) -> list:
    """Equal for layers of the same structure: their modules, with the switches and names that these have."""
    return [
        (
            name,
            type(module).__name__,
            {n: v for n, v in vars(module).items() if isinstance(v, bool | str)},
        )
        for name, module in layer.named_modules()
    ]


def _in_float32(array):
    """Experts [experts, outputs, inputs] stay as they are, since they are large and run by mlx-lm in both computations."""
    experts = array.ndim == 3 and array.shape[2] > 1
    return (
        array
        if experts or not mx.issubdtype(array.dtype, mx.floating)
        else array.astype(mx.float32)
    )


def _rows(hidden):
    """[batch, tokens, width] as [batch x tokens, width]; None stays None."""
    return None if hidden is None else hidden.reshape(-1, hidden.shape[-1])


def _attempt(compute):
    """The array that compute() returns; None where this model cannot be called like this."""
    try:
        found = compute()
        mx.eval(found)
    except Exception:
        return None
    return found if isinstance(found, mx.array) else None


def _close(values, expected, tolerance: float) -> bool:
    """Whether the relative difference is within the tolerance at every token."""
    if values is None or values.shape != expected.shape:
        return False
    return number(distance(_rows(values), _rows(expected)).max()) <= tolerance
