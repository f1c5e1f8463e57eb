"""Running sequences that branch off from one another through mlx-lm's own layers.

A layer asks its cache for three things: its position, all keys and values so far, and the mask.
With a cache that answers for the sequences of one level (layout.py), the layers of any model whose
only memory is keys and values compute a shared prefix once. Everything is differentiable.
"""

import contextlib
from collections.abc import Sequence

import mlx.core as mx
from mlx.utils import tree_map
from mlx_lm.models.base import create_attention_mask


class BranchCache:
    """Takes the place of mlx-lm's KVCache in one layer, for sequences that branch off from earlier levels.

    earlier: the (keys, values) of the same layer at each level before this one, [n, heads, width,
    size].
    """

    def __init__(self, branches: "Branches", earlier: list):
        self.branches, self.earlier = branches, earlier
        # The layer's own keys and values, set once it has passed them.
        self.own: Sequence[mx.array] = ()

    @property
    def offset(self):
        """The position of the first token of each sequence [n], or 0."""
        return self.branches.start

    def update_and_fetch(self, keys, values):
        self.own = keys, values
        for sequence, _, before in self.branches.ancestors:
            earlier_keys, earlier_values = self.earlier[before]
            keys = mx.concatenate([earlier_keys[sequence], keys], axis=2)
            values = mx.concatenate([earlier_values[sequence], values], axis=2)
        return keys, values

    def make_mask(self, length: int, return_array: bool = False, window_size: int | None = None):
        return self.branches.mask(length, return_array, window_size)


class Branches:
    """The sequences of one level: where they start, and which tokens of earlier levels they see."""

    def __init__(self, shapes, links, level: int):
        self.count, self.width = shapes[level]
        self.start = links[level][2] if level else 0
        self.ancestors = list(ancestors(links, level)) if level else []
        self.shapes, self.links = shapes, links
        self.masks: dict = {}

    def mask(self, length: int, return_array: bool = False, window: int | None = None):
        """As KVCache.make_mask; with ancestors [n, 1, width, keys], the keys of earlier levels
        before its own."""
        if not self.ancestors:
            return create_attention_mask(_Length(length), None, window, return_array)
        if window not in self.masks:
            self.masks[window] = self._make_mask(window)
        return self.masks[window]

    def _make_mask(self, window: int | None):
        assert isinstance(self.start, mx.array)  # of a level with ancestors
        own = mx.arange(self.width)
        parts = [mx.broadcast_to(own[:, None] >= own, (self.count, self.width, self.width))]
        positions = [mx.broadcast_to(own, (self.count, self.width)) + self.start[:, None]]
        for sequence, reached, before in self.ancestors:
            width = self.shapes[before][1]
            visible = mx.arange(width) < reached[:, None]
            start = self.links[before][2][sequence] if before else mx.zeros_like(reached)
            parts.insert(0, mx.broadcast_to(visible[:, None], (self.count, self.width, width)))
            positions.insert(0, mx.arange(width) + start[:, None])
        seen = mx.concatenate(parts, axis=-1)
        if window is not None:
            position = (own + self.start[:, None])[..., None]
            seen = seen & (position < mx.concatenate(positions, axis=-1)[:, None] + window)
        return seen[:, None]


class _Length:
    """An object with a level's length, which is all that create_attention_mask needs of the hidden states."""

    def __init__(self, length: int):
        self.shape = (1, length)


def ancestors(links, level):
    """(sequence, how many of its tokens are visible, level) of every ancestor level, the nearest first."""
    sequence, reached, _ = links[level]
    for before in reversed(range(level)):
        yield sequence, reached, before
        if before:
            parent, branch, _ = links[before]
            sequence, reached = parent[sequence], branch[sequence]


def forward(backbone, tokens: list, links: list, caches: int):
    """Hidden states [tokens of all levels, hidden] of the levels' tokens ([n, width] each), level by level.

    caches: the number of caches that the model expects, in most models one for each layer.
    """
    shapes = [level.shape for level in tokens]
    kept: list = [[] for _ in range(caches)]
    outputs = []
    for level, level_tokens in enumerate(tokens):
        branches = Branches(shapes, links, level)
        own = [BranchCache(branches, earlier) for earlier in kept]
        hidden = backbone(level_tokens, cache=own)
        for earlier, cache in zip(kept, own, strict=True):
            earlier.append(cache.own)
        outputs.append(hidden.reshape(-1, hidden.shape[-1]))
    return mx.concatenate(outputs)


@contextlib.contextmanager
def checkpointed(layers):
    """A context in which each layer keeps only its inputs and recomputes the rest in the backward pass."""
    kinds = {type(layer) for layer in layers}
    calls = {kind: kind.__call__ for kind in kinds}
    for kind in kinds:
        kind.__call__ = _checkpointing(calls[kind])
    try:
        yield
    finally:
        for kind, call in calls.items():
            kind.__call__ = call


def _checkpointing(call):
    def checkpointing(layer, *given, **named):
        arguments = dict(enumerate(given)) | named
        place = next((k for k, v in arguments.items() if isinstance(v, BranchCache)), None)
        cache: BranchCache | None = None
        if place is not None:
            # Gradients flow through arguments only, so the earlier keys and values must be
            # arguments.
            cache, arguments[place] = arguments[place], arguments[place].earlier

        def inner(parameters, arguments):
            layer.update(parameters)
            arguments = tree_map(_without_gradient, arguments)
            own = None
            if cache is not None and place is not None:
                own = BranchCache(cache.branches, arguments[place])
                arguments = arguments | {place: own}
            by_name = {name: arguments[name] for name in named}
            output = call(layer, *(arguments[i] for i in range(len(given))), **by_name)
            # Not the same arrays as the output may hold: of an array that is returned twice, one
            # gradient is lost.
            return output, None if own is None else [mx.contiguous(x) for x in own.own]

        output, own = mx.checkpoint(inner)(layer.trainable_parameters(), arguments)
        if cache is not None and own is not None:
            cache.own = own
        return output

    return checkpointing


def _without_gradient(argument):
    """An array of positions gets no gradient: mx.checkpoint asks for that of every argument, and on a GPU mx.fast.rope
    has none for its offset, which Gemma 4 hands from layer to layer."""
    whole = isinstance(argument, mx.array) and not mx.issubdtype(argument.dtype, mx.floating)
    return mx.stop_gradient(argument) if whole else argument
