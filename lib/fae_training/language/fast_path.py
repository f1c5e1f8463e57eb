"""Enables the fast path for a model that mlx-lm loaded: those parts of it that give the same results."""

from dataclasses import replace

from fae_training.language import architecture, gated_delta_check, gated_delta_patch, verification
from fae_training.language.fast_settings import FastSettings
from fae_training.language.gated_delta_report import Shapes


def enable(model, wanted: FastSettings, cache_directory=None) -> tuple[FastSettings, list[str]]:
    """Enable the fast parts in this process; returns the parts that are on, and sentences about the others.

    Each part is first compared with mlx-lm's own computation: the gated delta rule once for each
    version (kept in cache_directory), the others on this model with a few tokens. A part with
    different results stays off.
    """
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
    """The settings with the gated delta rule on or off, and the fastest implementation of it on this device."""
    notes = []
    if not settings.gated_delta:
        gated_delta_patch.remove()
        if settings.shared_prefix:
            notes.append("shared prefixes are off: they need the chunkwise gated delta rule")
        return replace(settings, shared_prefix=False), notes
    report = gated_delta_check.check(Shapes.of(inner), cache_directory)
    if not report.right:
        gated_delta_patch.remove()
        return replace(settings, gated_delta=False, shared_prefix=False), [report.sentence()]
    if report.chosen != "chunkwise":
        notes.append(report.sentence())
    gated_delta_patch.install()
    return replace(settings, rule=report), notes
