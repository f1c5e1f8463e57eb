"""The structure of a model that mlx-lm loaded: its layers, what precedes the output layer, and the
output layer.

Parts are found by structure and confirmed by numbers, never by the name of a class: mlx-lm has
several hundred architectures.
"""

import contextlib
import operator

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models import qwen3_5, qwen3_next
from mlx_lm.models.cache import KVCache, RotatingKVCache, make_prompt_cache

from fae_training.fitting.arrays import number
from fae_training.language.fast_settings import Output


def backbone(model):
    """The module that holds the layers and returns the hidden states after the last norm; None when
    there is none.

    In most models it is model.model, in those with a vision part model.language_model.model. A
    backbone is its own backbone.
    """
    layers = getattr(model, "layers", None)
    if not layers:
        return None
    found = [model]
    for module in found:
        values = list(module.values())
        if any(isinstance(v, list) and v and v[0] is layers[0] for v in values):
            return module
        found += [value for value in values if isinstance(value, nn.Module)]
    return None


def require_backbone(model):
    """As `backbone`, but raises ValueError where there is none, in which case only the model itself
    can be called."""
    found = backbone(model)
    if found is None:
        raise ValueError(f"{type(model).__name__} has no module that holds its layers")
    return found


def is_hybrid(model) -> bool:
    """Whether the layers are those of Qwen3.5 or Qwen3-Next, whose linear attention shared_prefix supports."""
    known = (qwen3_5.DecoderLayer, qwen3_next.Qwen3NextDecoderLayer)
    return all(isinstance(layer, known) for layer in model.layers)


def has_plain_caches(model) -> bool:
    """Whether keys and values are all that the layers keep of earlier tokens."""
    return all(type(cache) in (KVCache, RotatingKVCache) for cache in make_prompt_cache(model))


def logits_of(model, hidden):
    """The model's own logits [tokens, vocabulary] from hidden states [tokens, hidden], whatever
    follows its backbone."""
    with _answering(backbone(model), hidden[None]):
        return model(mx.zeros((1, hidden.shape[0]), mx.int32))[0]


@contextlib.contextmanager
def _answering(module, answer):
    """A context in which calling `module` returns `answer`. Python looks __call__ up in the class,
    so it is set there."""
    kind = type(module)
    call = kind.__call__
    kind.__call__ = lambda self, *a, **k: answer if self is module else call(self, *a, **k)
    try:
        yield
    finally:
        kind.__call__ = call


def output_by_structure(model) -> Output:
    """The output layer of most models: lm_head, or the embedding's own weights where they are tied."""
    inner = "language_model." if hasattr(model, "language_model") else ""
    head = getattr(model, "language_model", model)
    return Output(inner + ("lm_head" if "lm_head" in head else "model.embed_tokens"))


def find_output(model, hidden, tolerance: float) -> Output:
    """The Output that reproduces the model's own logits from `hidden` [n, hidden] to within `tolerance`.

    It tries every layer outside the backbone that has the vocabulary's size, combined with every
    number of the model whose name mentions logits as their scale, its inverse, or their softcap.
    """
    # Larger than real ones, so that a softcap bends them measurably.
    hidden = hidden * 4
    logits = logits_of(model, hidden)
    inside = {id(module) for layer in model.layers for module in layer.modules()}
    embeddings = nn.Embedding | nn.QuantizedEmbedding
    layers = [
        (name, module.as_linear if isinstance(module, embeddings) else module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.QuantizedLinear | embeddings)
        and id(module) not in inside
        and module.weight.shape[0] == logits.shape[-1]
    ]
    numbers = _logit_numbers(model)
    forms = [(1.0, None), *((n, None) for n in numbers), *((1 / n, None) for n in numbers)]
    forms += [(1.0, n) for n in numbers]
    best, found = tolerance, Output(None)
    for name, apply in layers:
        try:
            plain = apply(hidden).astype(mx.float32)
        except ValueError:  # the width differs
            continue
        for scale, softcap in forms:
            output = Output(name, scale, softcap)
            error = number(distance(_finished(plain, output), logits).max())
            if error < best:
                best, found = error, output
    return found


def _logit_numbers(model) -> list[float]:
    """Numbers of the model and its arguments that are named for logits: logit_scale,
    final_logit_softcapping ..."""
    holders = [model, getattr(model, "language_model", None)]
    holders += [getattr(holder, "args", None) for holder in holders]
    found = {
        float(value)
        for holder in holders
        for name, value in (getattr(holder, "__dict__", None) or {}).items()
        if "logit" in name and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return sorted(value for value in found if value > 0)


def _finished(logits, output: Output):
    logits = logits * output.scale
    if output.softcap is None:
        return logits
    return mx.tanh(logits / output.softcap) * output.softcap


def distance(value, reference):
    """||ours - theirs|| / ||theirs|| of each row [n]; infinite where there is a NaN."""
    value, reference = value.astype(mx.float32), reference.astype(mx.float32)
    wrong = mx.linalg.norm(value - reference, axis=-1) / mx.linalg.norm(reference, axis=-1)
    return mx.where(mx.isnan(wrong), mx.inf, wrong)


def module_called(model, name: str):
    return operator.attrgetter(name)(model)
