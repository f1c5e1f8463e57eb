"""Which of the fast parts are on, and putting them on for a model that mlx-lm loaded."""

from dataclasses import asdict, dataclass, field, fields, replace

from fae_training.language.architecture import Output
from fae_training.language.gated_delta_rules import Report


@dataclass(frozen=True)
class FastSettings:
    """The parts of the fast path, each of them to be switched off for diagnosis, and what was found of the model.

    gated_delta: linear attention in chunks. attention: attention block by block and gates that keep their inputs alone.
    supervised_only: output layer only where there is a target. shared_prefix: what rows share is computed once.
    by_length: rows of like length together. checkpoint_layers: keep only each layer's input and compute the rest
    again in the backward pass. output: the model's output layer, rule: what was measured of the gated delta rule's
    implementations; None where nobody looked.
    """

    gated_delta: bool = True
    attention: bool = True
    supervised_only: bool = True
    shared_prefix: bool = True
    by_length: bool = True
    checkpoint_layers: bool = False
    output: Output | None = field(default=None, compare=False)
    rule: Report | None = field(default=None, compare=False)

    @classmethod
    def parts(cls) -> tuple[str, ...]:
        return tuple(part.name for part in fields(cls) if part.type is bool)

    @classmethod
    def off(cls) -> "FastSettings":
        """Everything as mlx-lm does it."""
        return cls(**dict.fromkeys(cls.parts(), False))

    def as_dict(self) -> dict:
        """For the receipt."""
        found = {"output": self.output and asdict(self.output)}
        found["rule"] = self.rule and self.rule.as_dict()
        return {part: getattr(self, part) for part in self.parts()} | found


def enable(model, wanted: FastSettings, cache_directory=None) -> tuple[FastSettings, list[str]]:
    """Put the fast parts in place for this process; returns what is really on, and what to tell about the rest.

    Each part is first compared with mlx-lm's own computation, the gated delta rule once for each version (kept in
    cache_directory), the others on this model with a few tokens. A part that gives something else stays off.
    """
    from fae_training.language import architecture, verification

    inner = architecture.backbone(model)
    if inner is not None and architecture.is_hybrid(inner):
        settings, notes = _with_gated_delta(inner, wanted, cache_directory)
    else:
        settings, notes = replace(wanted, gated_delta=False), []
    settings, more = verification.verified(model, settings)
    return settings, notes + more


def _with_gated_delta(
    inner, settings: FastSettings, cache_directory
) -> tuple[FastSettings, list[str]]:
    """The same for the gated delta rule alone, and which implementation of it is the fastest here."""
    from fae_training.language import gated_delta_patch, gated_delta_rules

    notes = []
    if not settings.gated_delta:
        gated_delta_patch.remove()
        if settings.shared_prefix:
            notes.append("shared prefixes are off: they need the chunkwise gated delta rule")
        return replace(settings, shared_prefix=False), notes
    report = gated_delta_rules.check(gated_delta_rules.Shapes.of(inner), cache_directory)
    if not report.right:
        gated_delta_patch.remove()
        return replace(settings, gated_delta=False, shared_prefix=False), [report.sentence()]
    if report.chosen != "chunkwise":
        notes.append(report.sentence())
    gated_delta_patch.install()
    return replace(settings, rule=report), notes
