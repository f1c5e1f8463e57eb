"""The checks of the scripts that train the language model, before a run. Standard library only."""

from collections.abc import Callable

from fae_training.calls.calling import Call, Result
from fae_training.calls.error_words import reason
from fae_training.calls.errors import BadRequest, Missing, Refused
from fae_training.capabilities import prompts, suite
from fae_training.environment import models
from fae_training.language.fast_settings import FastSettings
from fae_training.lifecycle import settings
from fae_training.lifecycle.kinds import Kind
from fae_training.lifecycle.preflight import Model
from fae_training.lifecycle.settings import Settings
from fae_training.store.state import Home

PARTS = FastSettings.parts()


def fast_settings(text: str) -> FastSettings:
    """on: everything except layer checkpointing, which the memory plan decides; off: as mlx-lm does
    it; or a list of parts."""
    if text in ("on", "off"):
        return FastSettings() if text == "on" else FastSettings.off()
    chosen = [part.strip() for part in text.split(",")]
    if unknown := [part for part in chosen if part not in PARTS]:
        raise BadRequest(
            "unknown_part",
            f"there is no fast part {unknown[0]!r}; expected on, off or some of {', '.join(PARTS)}",
            "--fast on",
        )
    return FastSettings.off().with_parts(True, chosen)


def prompts_version(home: Home, chosen: Settings) -> str | None:
    """The version of the rehearsal prompts, None without rehearsal. Raises BadRequest for an
    invalid prompt of the user's own."""
    if not chosen.values.get(
        "rehearsal"
    ):  # a run that an earlier version started has no such setting
        return None
    return prompts.load(home, suite.chosen(home, chosen["suite"])).version


def find_model(call: Call, name: str, script: str) -> Model:
    """models.find for a language model."""
    return models.find(call, name, script, models.choose, models.check_language_model)


def fetch(
    call: Call, kind: Kind, choose: Callable[[str], tuple[str, str]] = models.choose
) -> Result:
    """Download the model that a run would train, from flags, config.json and preset. Raises Refused
    when Fae asks: only setup.py and a person do that.

    choose(setting) -> the model's name, and the reason for the choice.
    """
    if call.caller == "fae":
        raise Refused(
            "not_by_fae",
            "a model is downloaded by setup.py, or by a person at a terminal",
            "uv run scripts/setup.py",
        )
    model, why = choose(settings.resolve(call, kind)["model"])
    directory = models.locate(model)
    if call.arguments.dry_run and directory is None:
        return Result({"status": "planned", "model": model}, f"Would download {model} ({why}).")
    try:
        directory = directory or models.download(model)
    except Exception as error:
        raise Missing(
            "no_download",
            f"{model} ({why}) could not be downloaded: {reason(error)}",
            "check the network, then repeat the same command",
        ) from error
    return Result(
        {"status": "fetched", "model": model, "directory": str(directory)},
        f"{model} is in {directory}.",
    )
