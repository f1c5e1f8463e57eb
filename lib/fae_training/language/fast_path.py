"""Which of the fast parts are on, and putting them on for a model that mlx-lm loaded."""

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class FastSettings:
    """The parts of the fast path, each of them to be switched off for diagnosis.

    gated_delta: linear attention in chunks. supervised_only: output layer only where there is a target.
    shared_prefix: what rows share is computed once. by_length: rows of like length together.
    checkpoint_layers: keep only each layer's input and compute the rest again in the backward pass.
    """

    gated_delta: bool = True
    supervised_only: bool = True
    shared_prefix: bool = True
    by_length: bool = True
    checkpoint_layers: bool = False

    @classmethod
    def off(cls) -> "FastSettings":
        """Everything as mlx-lm does it."""
        return cls(False, False, False, False, False)

    def as_dict(self) -> dict:
        return asdict(self)


def text_model(model):
    """The module that holds embed_tokens, layers and norm: model.language_model.model, or model.model."""
    return model.language_model.model if hasattr(model, "language_model") else model.model


def is_hybrid(model) -> bool:
    """Whether the layers are Qwen3.5's or Qwen3-Next's, which the tree of shared prefixes knows."""
    from mlx_lm.models import qwen3_5, qwen3_next

    known = (qwen3_5.DecoderLayer, qwen3_next.Qwen3NextDecoderLayer)
    return all(isinstance(layer, known) for layer in text_model(model).layers)


def enable(model, wanted: FastSettings, cache_directory=None) -> tuple[FastSettings, list[str]]:
    """Put the fast parts in place for this process; returns what is really on, and what to tell about the rest.

    Before the chunkwise rule is used, its gradients are compared with mlx-lm's own (once for each version, kept
    in cache_directory); if they differ it stays off, and with it the shared prefixes, which are built on it. When
    mlx-lm's own is as fast, that one is used.
    """
    from fae_training.language import gated_delta_patch

    notes = []
    settings = wanted
    if not is_hybrid(model):
        if settings.gated_delta or settings.shared_prefix:
            notes.append(
                f"{type(model).__module__} has no linear-attention layers that this version knows: "
                "shared prefixes are off"
            )
        settings = replace(settings, gated_delta=False, shared_prefix=False)
    if not settings.gated_delta:
        gated_delta_patch.remove()
        if settings.shared_prefix:
            notes.append("shared prefixes are off: they need the chunkwise gated delta rule")
        return replace(settings, shared_prefix=False), notes
    report = gated_delta_patch.check(cache_directory)
    if not report.right:
        notes.append(report.sentence())
        gated_delta_patch.remove()
        return replace(settings, gated_delta=False, shared_prefix=False), notes
    if not report.worth_it:
        # What is shared still goes through the chunkwise rule, which alone knows the state at a branch.
        notes.append(report.sentence())
        gated_delta_patch.remove()
        return replace(settings, gated_delta=False), notes
    gated_delta_patch.install()
    return settings, notes
