"""What must hold before a run is resumed, or continued with more steps: same settings, same inputs, nothing excluded since."""

from pathlib import Path

from fae_training.calls.calling import Call
from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest, Refused
from fae_training.lifecycle import provenance, purge, settings
from fae_training.lifecycle.kinds import DEFAULT_PRESET, KINDS, Kind
from fae_training.lifecycle.preflight import Preflight
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.settings import Settings
from fae_training.store.state import Home


def own_settings(run: Run, kind: Kind) -> Settings:
    """The original settings of a run. Raises Refused for a run of a version with other settings."""
    if missing := [name for name in kind.defaults if name not in run.settings]:
        raise Refused(
            "other_version",
            f"{run.id} was started by another version, which did not have {', '.join(missing)}, so it cannot be resumed",
            kind.command(f"--preset {run.settings.get('preset') or DEFAULT_PRESET}"),
        )
    settings.check_recorded(run, kind)
    return Settings(run.settings, run.record.get("sources", {}))


def require_no_settings(call: Call, run: Run, *others: str) -> None:
    """Raises BadRequest for settings given with a run to resume, which has its own; `others` are allowed."""
    own = ("resume", "detach", "home", "json", "stdin", "force", "dry_run", *others)
    if extra := [name for name in call.sources if name not in own]:
        raise BadRequest(
            "settings_with_resume",
            f"{', '.join(extra)} cannot be changed: {run.id} resumes with its own settings",
            KINDS[run.kind].command(f"--resume {run.id}"),
        )


def require_same_inputs(run: Run, found: Preflight) -> None:
    """Raises Refused if the inputs of a run changed since it began."""
    for name, what, value in (
        ("data_fingerprint", "rows", found.data.fingerprint),
        ("model_fingerprint", "files of the model", found.model and found.model.fingerprint),
        ("prompts_fingerprint", "prompts that are rehearsed", found.prompts),
    ):
        if value != (before := run.record.get(name)):
            raise Refused(
                "changed_since",
                f"the {what} have changed since {run.id} began, so this would be a different training "
                f"(fingerprint {before}, now {value})",
                KINDS[run.kind].command(f"--preset {run.settings['preset']}"),
            )


def require_not_excluded(run: Run) -> None:
    """Raises Refused if the run's own rows mention what was excluded after it began."""
    if topics := _excluded_in(run.home, provenance.rows_of(run) / run.kind):
        raise Refused(
            "excluded_since",
            f"{run.id} learns from rows that mention what you excluded since: {topics}",
            f"train from its settings on the new rows: {KINDS[run.kind].command(f'--like {run.id}')}",
        )


def require_nothing_excluded(home: Home, kind: Kind) -> None:
    """Raises Refused if the rows for a new run mention what was excluded after they were exported, or what was put there by
    other means.
    """
    if topics := _excluded_in(home, home.file("data", kind.name)):
        raise Refused(
            "excluded_since",
            f"rows in data/{kind.name} mention what you excluded: {topics}",
            f"uv run scripts/{kind.material}",
        )


def _excluded_in(home: Home, place: Path) -> str:
    found = purge.excluded(home, place).items()
    return ", ".join(f"{topic!r} ({counted(rows, 'row')})" for topic, rows in found)
