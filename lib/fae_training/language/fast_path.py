"""Which of the fast parts are on, and putting them on for a model that mlx-lm loaded."""

from dataclasses import asdict, dataclass, field, fields, replace

from fae_training.language.architecture import Output


@dataclass(frozen=True)
class FastSettings:
    """The parts of the fast path, each of them to be switched off for diagnosis, and what was found of the model.

    gated_delta: linear attention in chunks. attention: attention block by block and gates that keep their inputs alone.
    supervised_only: output layer only where there is a target. shared_prefix: what rows share is computed once.
    by_length: rows of like length together. checkpoint_layers: keep only each layer's input and compute the rest
    again in the backward pass. output: the model's output layer, None where nobody looked.
    """

    gated_delta: bool = True
    attention: bool = True
    supervised_only: bool = True
    shared_prefix: bool = True
    by_length: bool = True
    checkpoint_layers: bool = False
    output: Output | None = field(default=None, compare=False)

    @classmethod
    def parts(cls) -> tuple[str, ...]:
        return tuple(part.name for part in fields(cls) if part.type is bool)

    @classmethod
    def off(cls) -> "FastSettings":
        """Everything as mlx-lm does it."""
        return cls(**dict.fromkeys(cls.parts(), False))

    def as_dict(self) -> dict:
        return asdict(self)


def enable(model, wanted: FastSettings, cache_directory=None) -> tuple[FastSettings, list[str]]:
    """Put the fast parts in place for this process; returns what is really on, and what to tell about the rest.

    Each part is first compared with mlx-lm's own computation, the gated delta rule once for each version (kept in
    cache_directory), the others on this model with a few tokens. A part that gives something else stays off.
    """
    from fae_training.language import architecture, verification

    inner = architecture.backbone(model)
    if inner is not None and architecture.is_hybrid(inner):
        settings, notes = _with_gated_delta(wanted, cache_directory)
    else:
        settings, notes = replace(wanted, gated_delta=False), []
    settings, more = verification.verified(model, settings)
    return settings, notes + more


def _with_gated_delta(settings: FastSettings, cache_directory) -> tuple[FastSettings, list[str]]:
    """The same for the gated delta rule alone. When mlx-lm's own is as fast, that one is used."""
    from fae_training.language import gated_delta_patch

    notes = []
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
