"""The training loss and log-probabilities, computed only where a token is a target.

Qwen3.5's vocabulary has 248,320 entries, so the output layer is the most expensive one, and most positions of
a chat are prompt. The hidden states that predict a target are gathered first; cross-entropy is in float32.
"""

from fae_training.language.fast_path import FastSettings, text_model

# Rows of logits at a time, as bytes of float32. Small, since the backends run ahead: some ten of them live at once.
LOGITS_BYTES = 16 * 2**20
SMALLEST = 32


def language_loss(model, batch: dict, fast: FastSettings):
    """(sum of weight * -log p, sum of weights, {}) over the supervised tokens of a batch from `collate`."""
    log_p = token_log_probabilities(model, batch, fast)
    return -(log_p * batch["weights"]).sum(), batch["weights"].sum(), {}


def row_log_probabilities(model, batch: dict, fast: FastSettings, rows: int):
    """The summed log-probability of each row's supervised tokens [rows], float32; row weights do not count."""
    import mlx.core as mx

    log_p = mx.where(batch["weights"] > 0, token_log_probabilities(model, batch, fast), 0.0)
    return mx.zeros((rows,)).at[batch["row"]].add(log_p)


def token_log_probabilities(model, batch: dict, fast: FastSettings):
    """log p of every supervised token given all before it [supervised], float32; padding is where weights are 0."""
    hidden = hidden_states(model, batch, fast)
    if fast.supervised_only:
        return log_probabilities(model, hidden[batch["predictors"]], batch["targets"])
    return _log_probabilities(output_layer(model)(hidden)[batch["predictors"]], batch["targets"])


def hidden_states(model, batch: dict, fast: FastSettings):
    """What the output layer reads, [all tokens of all levels, hidden]."""
    from fae_training.language.shared_prefix import forward_levels

    return forward_levels(text_model(model), batch, fast)


def output_layer(model):
    """The function from hidden states to logits: the embedding's own weights where they are tied."""
    head = getattr(model, "language_model", model)
    if "lm_head" in head:
        return head.lm_head
    return head.model.embed_tokens.as_linear


def log_probabilities(model, hidden, targets):
    """log p of targets [n] from hidden states [n, hidden], in chunks of rows, with the gradient for hidden.

    log p of a token depends on its own hidden state alone, so its gradient is made along with it, while the
    logits are there, and no logits are kept for the backward pass. The output layer itself gets no gradient:
    raises ValueError when it is not frozen.
    """
    head = getattr(model, "language_model", model)
    frozen = head.lm_head if "lm_head" in head else head.model.embed_tokens
    if frozen.trainable_parameters():
        raise ValueError(
            "the output layer is trainable, but its loss gives it no gradient: freeze it"
        )
    if not model.training:
        return _in_chunks(output_layer(model), hidden, targets, False)[0]
    return _with_own_gradient(output_layer(model))(hidden, targets)


def _log_probabilities(logits, targets):
    import mlx.core as mx

    logits = logits.astype(mx.float32)
    chosen = mx.take_along_axis(logits, targets[..., None], axis=-1).squeeze(-1)
    return chosen - mx.logsumexp(logits, axis=-1)


def _in_chunks(head, hidden, targets, with_gradient: bool):
    """(log p [n], d log p / d hidden [n, hidden]); the second is None without with_gradient."""
    import mlx.core as mx

    vocabulary = head(mx.zeros((1, hidden.shape[-1]), hidden.dtype)).shape[-1]
    size = max(LOGITS_BYTES // (4 * vocabulary), SMALLEST)
    log_p, gradients = [], []
    for start in range(0, hidden.shape[0], size):
        part, wanted = hidden[start : start + size], targets[start : start + size]
        if log_p:
            # Without this all chunks' logits may be computed before the first one is let go.
            part = mx.depends([part], [log_p[-1], *gradients[-1:]])[0]
        if not with_gradient:
            log_p.append(_log_probabilities(head(part), wanted))
            continue
        logits = head(part)
        wide = logits.astype(mx.float32)
        p = mx.softmax(wide, axis=-1)
        # One pass of exp, the dearest part: the largest p is at least 1 / vocabulary, so its log is exact.
        total = mx.max(wide, axis=-1) - mx.log(mx.max(p, axis=-1))
        chosen = mx.take_along_axis(wide, wanted[:, None], axis=-1).squeeze(-1)
        log_p.append(chosen - total)
        d_logits = p.at[mx.arange(part.shape[0]), wanted].add(-1.0).astype(logits.dtype)
        gradients.append(-mx.vjp(head, [part], [d_logits])[1][0])
    return mx.concatenate(log_p), mx.concatenate(gradients) if with_gradient else None


def _with_own_gradient(head):
    import mlx.core as mx

    @mx.custom_function
    def both(hidden, targets):
        return _in_chunks(head, hidden, targets, True)

    @both.vjp
    def gradient(inputs, cotangents, outputs):
        hidden, targets = inputs
        d_hidden = cotangents[0][:, None] * outputs[1]
        return d_hidden.astype(hidden.dtype), mx.zeros_like(targets)

    return lambda hidden, targets: both(hidden, targets)[0]
