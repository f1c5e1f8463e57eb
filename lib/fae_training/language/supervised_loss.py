"""The training loss and log-probabilities, computed only where a token is a target.

Qwen3.5's vocabulary has 248,320 entries, so the output layer is the most expensive one, and most
positions of a chat are prompt. The hidden states that predict a target are gathered first;
cross-entropy is in float32.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import mlx.core as mx

from fae_training.language import architecture
from fae_training.language.elementwise import exp
from fae_training.language.fast_settings import FastSettings, Output
from fae_training.language.shared_prefix import forward_levels

# Targets at a time, and a tile of their logits in bytes of float32. Small, because backends run
# ahead: about ten tiles exist at once. The fewest entries of the vocabulary in a tile.
ROWS = 1024
LOGITS_BYTES = 8 * 2**20
SMALLEST = 32
# Targets at a time where only the model itself can compute its output layer.
WHOLE_ROWS = 128


def language_loss(model, batch: dict, fast: FastSettings):
    """(sum of weight * -log p, sum of weights, {}) over the supervised tokens of a batch from `collate`."""
    log_p = token_log_probabilities(model, batch, fast)
    return -(log_p * batch["weights"]).sum(), batch["weights"].sum(), {}


def row_log_probabilities(model, batch: dict, fast: FastSettings, rows: int):
    """The summed log-probability of each row's supervised tokens [rows], float32; row weights do not count."""
    log_p = mx.where(batch["weights"] > 0, token_log_probabilities(model, batch, fast), 0.0)
    return mx.zeros((rows,)).at[batch["row"]].add(log_p)


def token_log_probabilities(model, batch: dict, fast: FastSettings):
    """log p of every supervised token given all tokens before it [supervised], float32; padding
    where weights are 0."""
    if fast.supervised_only:
        hidden = hidden_states(model, batch, fast)[batch["predictors"]]
        return log_probabilities(model, hidden, batch["targets"], fast.output)
    return _log_probabilities(
        _all_logits(model, batch, fast)[batch["predictors"]], batch["targets"]
    )


def likeliest_tokens(model, batch: dict, fast: FastSettings):
    """(the model's likeliest token at each supervised position, log p of the supervised token)."""
    predictors, targets = batch["predictors"], batch["targets"]
    if fast.supervised_only:
        states, logits_of = hidden_states(model, batch, fast)[predictors], output_layer(model)
    else:
        states, logits_of = _all_logits(model, batch, fast)[predictors], lambda logits: logits
    likeliest, log_p = [], []
    for start in range(0, targets.shape[0], WHOLE_ROWS):
        logits = logits_of(states[start : start + WHOLE_ROWS])
        likeliest.append(mx.argmax(logits, axis=-1))
        log_p.append(_log_probabilities(logits, targets[start : start + WHOLE_ROWS]))
        mx.eval(likeliest[-1], log_p[-1])
    return mx.concatenate(likeliest), mx.concatenate(log_p)


def _all_logits(model, batch: dict, fast: FastSettings):
    """[all tokens of all levels, vocabulary]"""
    if fast.gated_delta or fast.checkpoint_layers or "tokens_1" in batch:
        return output_layer(model)(hidden_states(model, batch, fast))
    logits = model(batch["tokens_0"])
    return logits.reshape(-1, logits.shape[-1])


def hidden_states(model, batch: dict, fast: FastSettings):
    """The input of the output layer, [all tokens of all levels, hidden]."""
    return forward_levels(model, batch, fast)


def output_layer(model):
    """The function from hidden states [n, hidden] to logits [n, vocabulary]."""
    return lambda hidden: architecture.logits_of(model, hidden)


def log_probabilities(model, hidden, targets, output: Output | None = None):
    """log p of targets [n] from hidden states [n, hidden], with the gradient for hidden.

    output: the model's output layer as fast_path.enable found it; None means lm_head or the tied
    embedding.

    The vocabulary is processed in tiles, with a running maximum and sum as in a streamed softmax,
    so the full logits never exist at once. log p of a token depends on its own hidden state alone,
    so its gradient is computed along with it and no logits are kept for the backward pass. The
    output layer itself gets no gradient: raises ValueError when it is not frozen.
    """
    output = output or architecture.output_by_structure(model)
    if output.name is None:
        return _through_the_model(model, hidden, targets)
    frozen = architecture.module_called(model, output.name)
    if frozen.trainable_parameters():
        raise ValueError(
            "the output layer is trainable, but its loss gives it no gradient: freeze it"
        )
    if output.scale != 1:
        hidden = hidden * output.scale
    if output.softcap is not None:
        frozen = _Capped(frozen, output.softcap)
    if not model.training:
        return _in_blocks(frozen, hidden, targets, False)[0]
    return _with_own_gradient(frozen)(hidden, targets)


def _through_the_model(model, hidden, targets):
    """As log_probabilities, from whole logits of a few targets at a time, which the backward pass
    recomputes."""

    def block(start):
        wanted = targets[start : start + WHOLE_ROWS]
        return mx.checkpoint(lambda part: _log_probabilities(output_layer(model)(part), wanted))

    starts = range(0, hidden.shape[0], WHOLE_ROWS)
    return mx.concatenate([block(start)(hidden[start : start + WHOLE_ROWS]) for start in starts])


def _log_probabilities(logits, targets):
    logits = logits.astype(mx.float32)
    chosen = mx.take_along_axis(logits, targets[..., None], axis=-1).squeeze(-1)
    return chosen - mx.logsumexp(logits, axis=-1)


def _in_blocks(head, hidden, targets, with_gradient: bool):
    """(log p [n], d log p / d hidden [n, hidden]); the second is None without with_gradient."""
    log_p: list[mx.array] = []
    gradients: list[mx.array] = []
    for start in range(0, hidden.shape[0], ROWS):
        part, wanted = hidden[start : start + ROWS], targets[start : start + ROWS]
        if log_p:
            # Without this all blocks may be computed before the first one's logits are freed.
            part = mx.depends([part], [log_p[-1], *gradients[-1:]])[0]
        of_part, gradient = _over_the_vocabulary(head, part, wanted, with_gradient)
        log_p.append(of_part)
        if gradient is not None:
            gradients.append(gradient)
    return mx.concatenate(log_p), mx.concatenate(gradients) if with_gradient else None


class _RunningSums(NamedTuple):
    """The state carried from tile to tile, all float32.

    chosen: the logit of the target. Of all others: total, the sum of e^(z - largest); largest, the
    largest logit z [n, 1] each; weighed, the sum of their W times e^(z - largest) [n, hidden], None
    without gradient.
    """

    chosen: mx.array
    total: mx.array
    largest: mx.array
    weighed: mx.array | None


def _over_the_vocabulary(head, hidden, targets, with_gradient: bool):
    """As _in_blocks, for few enough targets that one tile of logits holds all of them.

    With z_t the logit of the target and r the log of the sum of e^z over all others, log p = -log(1
    + e^(r - z_t)), and d log p / d hidden = (1 - p) (W_t - the others' W weighted by their e^z /
    e^r). This separation avoids cancellation where p is near 1, whatever the type of the weights.
    """
    vocabulary = head.weight.shape[0]
    width = tile_width(hidden.shape[0])
    so_far: _RunningSums | None = None
    for start in range(0, vocabulary, width):
        tile = _entries(head, slice(start, start + width))
        if so_far is not None:
            hidden = mx.depends(
                [hidden], [x for x in (so_far.total, so_far.weighed) if x is not None]
            )[0]
        logits = tile.logits(hidden).astype(mx.float32)
        position = targets[:, None] - start
        inside = (position >= 0) & (position < logits.shape[1])
        position = mx.clip(position, 0, logits.shape[1] - 1)
        target_logits = mx.take_along_axis(logits, position, axis=-1)
        slopes = tile.slopes(logits)
        logits = mx.put_along_axis(
            logits, position, mx.where(inside, -mx.inf, target_logits), axis=-1
        )
        top = mx.max(logits, axis=-1, keepdims=True)
        if so_far is not None:
            top = mx.maximum(top, so_far.largest)
        e = exp(logits - top)
        sums = mx.sum(e, axis=-1, keepdims=True)
        share = (e if slopes is None else e * slopes).astype(hidden.dtype)
        rows = tile.mixed(share).astype(mx.float32) if with_gradient else None
        if so_far is not None:
            fade = mx.exp(so_far.largest - top)
            target_logits, sums = (
                mx.where(inside, target_logits, so_far.chosen),
                so_far.total * fade + sums,
            )
            if rows is not None and so_far.weighed is not None:
                rows = so_far.weighed * fade + rows
        so_far = _RunningSums(target_logits, sums, top, rows)
    assert so_far is not None  # a vocabulary has entries
    beyond = so_far.largest + mx.log(so_far.total) - so_far.chosen
    log_p = -mx.logaddexp(beyond, 0.0).squeeze(-1)
    if so_far.weighed is None:
        return log_p, None
    entries = _entries(head, targets)
    own, slopes = entries.rows().astype(mx.float32), entries.slopes(so_far.chosen)
    if slopes is not None:
        own = own * slopes
    return log_p, mx.sigmoid(beyond) * (own - so_far.weighed / so_far.total)


def tile_width(rows: int) -> int:
    """The number of vocabulary entries in a tile for this many targets."""
    return max(LOGITS_BYTES // (4 * min(rows, ROWS)), SMALLEST)


@dataclass
class _Capped:
    """An output layer whose logits z become softcap tanh(z / softcap)."""

    layer: Any
    softcap: float

    @property
    def weight(self) -> mx.array:
        return self.layer.weight


@dataclass
class _Entries:
    """Some rows of an output layer or a tied embedding. scales, biases and how (group size, bits,
    mode): for a quantised one."""

    weight: mx.array
    scales: mx.array | None = None
    biases: mx.array | None = None
    bias: mx.array | None = None
    how: dict = field(default_factory=dict)
    softcap: float | None = None

    def logits(self, hidden):
        if self.scales is None:
            logits = hidden @ self.weight.T
        else:
            logits = mx.quantized_matmul(
                hidden, self.weight, self.scales, self.biases, transpose=True, **self.how
            )
        if self.bias is not None:
            logits = logits + self.bias
        if self.softcap is None:
            return logits
        return self.softcap * mx.tanh(logits.astype(mx.float32) / self.softcap)

    def slopes(self, logits):
        """d logits / d (W h) at these logits; None where it is 1."""
        return None if self.softcap is None else 1 - (logits / self.softcap) ** 2

    def mixed(self, share):
        """share [n, entries] times the entries' weights: [n, hidden]."""
        if self.scales is None:
            return share @ self.weight
        return mx.quantized_matmul(
            share, self.weight, self.scales, self.biases, transpose=False, **self.how
        )

    def rows(self):
        if self.scales is None:
            return self.weight
        return mx.dequantize(self.weight, self.scales, self.biases, **self.how)


def _entries(layer, index) -> _Entries:
    softcap = None
    if isinstance(layer, _Capped):
        layer, softcap = layer.layer, layer.softcap
    names = ("weight", "scales", "biases", "bias")
    parts = {name: layer[name][index] for name in names if layer.get(name) is not None}
    how = {}
    if "scales" in parts:
        how = {"group_size": layer.group_size, "bits": layer.bits, "mode": layer.mode}
    return _Entries(**parts, how=how, softcap=softcap)


def _with_own_gradient(head) -> Callable[..., mx.array]:
    @mx.custom_function
    def both(hidden, targets):
        return _in_blocks(head, hidden, targets, True)

    @both.vjp
    def gradient(inputs, cotangents, outputs):
        hidden, targets = inputs
        d_hidden = cotangents[0][:, None] * outputs[1]
        return d_hidden.astype(hidden.dtype), mx.zeros_like(targets)

    computed: Callable[..., Any] = both
    return lambda hidden, targets: computed(hidden, targets)[0]
