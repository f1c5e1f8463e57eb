"""The installed version of Fae, the results that it can load, and the model that it runs; read from its files.

Facts of v0.8.105 and of v0.8.183 and later; docs/fae.md has the table. Standard library only.
"""

import os
import plistlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fae_training.app import fae_app
from fae_training.calls.errors import Missing, Refused
from fae_training.store import state

# The newest version known not to load adapters, and the oldest known to load them.
LAST_WITHOUT_ADAPTERS = (0, 8, 105)
FIRST_WITH_ADAPTERS = (0, 8, 183)
IDENTIFIER = "com.saorsalabs.fae"
LOADED_MODEL = "fae.loaded_model_id"
# llm.voiceModelPreset: the names in any version. saorsa_1_1_tiny later became an alias of the 2B model.
QWEN_4B = "mlx-community/Qwen3.5-4B-4bit"
QWEN_9B = "Brooooooklyn/Qwen3.5-9B-unsloth-mlx"
QWEN_35B = "mlx-community/Qwen3.5-35B-A3B-4bit"
PRESETS = {
    "qwen3_5_2b": "mlx-community/Qwen3.5-2B-OptiQ-4bit",
    "qwen3_5_4b": QWEN_4B,
    "qwen3_5_9b": QWEN_9B,
    "qwen3_5_35b_a3b": QWEN_35B,
    "gemma_4_e2b": "google/gemma-4-E2B-it",
    "gemma_4_e4b": "google/gemma-4-E4B-it",
    "gemma_4_12b": "google/gemma-4-12B-it",
}
TINY = ("saorsa_1_1_tiny", "saorsa-1.1-tiny")
EARLY_TINY = "saorsa-labs/saorsa-1.1-tiny"
# The model that a version's "auto" loads, by least memory in GiB.
EARLY_TIERS = ((32, QWEN_35B), (16, QWEN_4B), (0, EARLY_TINY))
LATER_TIERS = ((16, QWEN_9B), (8, QWEN_4B), (0, PRESETS["qwen3_5_2b"]))


@dataclass(frozen=True)
class FaeApp:
    """One Fae.app. `adapters`: whether it loads MLX adapters, None for unknown versions.

    `daemon`: it ships fae-daemon, which answers with Gemma 4 by default and does not use MLX adapters.
    """

    bundle: Path
    version: str
    identifier: str
    executable: str

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])

    @property
    def is_later(self) -> bool:
        return self.numbers >= FIRST_WITH_ADAPTERS

    @property
    def adapters(self) -> bool | None:
        if self.is_later:
            return True
        return False if self.numbers <= LAST_WITHOUT_ADAPTERS else None

    @property
    def daemon(self) -> bool:
        return any((self.bundle / "Contents").glob("*/fae-daemon")) or any(
            (self.bundle / "Contents/Resources").rglob("fae-daemon")
        )

    @property
    def skills(self) -> Path | None:
        """The app's bundled copy of training-orchestrator, which its nightly loop runs."""
        found = (self.bundle / "Contents/Resources").rglob("Skills/training-orchestrator")
        return next(found, None)

    def bundled_model(self, name: str) -> Path | None:
        """Models/<name> inside the app, if it has weights."""
        found = (self.bundle / "Contents").rglob(f"Models/{name}/model.safetensors")
        return next((path.parent for path in found), None)

    def is_running(self) -> bool:
        program = self.bundle / "Contents/MacOS" / self.executable
        return str(program.resolve()) in _programs()


def is_running() -> bool:
    """Whether any of the installed apps runs; they share one directory."""
    return any(app.is_running() for app in installed())


def _programs() -> set[str]:
    """The executables of all visible processes."""
    if sys.platform == "linux":
        links = []
        for process in Path("/proc").glob("[0-9]*/exe"):
            try:
                links.append(os.readlink(process))
            except OSError:  # it ended, or belongs to another user
                continue
        return set(links)
    done = subprocess.run(["ps", "-axo", "comm="], capture_output=True, text=True)
    return {os.path.realpath(line.strip()) for line in done.stdout.splitlines()}


def installed() -> list[FaeApp]:
    """Every Fae.app: first the one that contains this script, then the others by version, newest first.

    Searches /Applications and the Applications folder of the user whose Library holds Fae's directory; with FAE_APP_DIR
    only the latter.
    """
    bundles = {path.resolve() for place in _places() for path in place.glob("*.app")}
    found = sorted(
        (app for path in bundles if (app := read(path))),
        key=lambda app: (app.numbers, str(app.bundle)),
        reverse=True,
    )
    here = Path(sys.argv[0]).resolve()
    own = [app for path in here.parents if path.suffix == ".app" and (app := read(path))]
    return own + [app for app in found if app not in own]


def _places() -> list[Path]:
    own = [_library().parent / "Applications"]
    return own if os.environ.get("FAE_APP_DIR") else [Path("/Applications"), *own]


def read(bundle: Path) -> FaeApp | None:
    """The app in `bundle`, None if it is not Fae."""
    info = _property_list(bundle / "Contents/Info.plist")
    identifier = str(info.get("CFBundleIdentifier", ""))
    if not identifier.startswith(IDENTIFIER):
        return None
    version, program = info.get("CFBundleShortVersionString"), info.get("CFBundleExecutable")
    return FaeApp(bundle, str(version or ""), identifier, str(program or bundle.stem))


def the_app() -> FaeApp:
    """The Fae that uses deployed results. Raises Missing if there is none, Refused if several versions are installed."""
    found = installed()
    if not found:
        raise Missing(
            "no_fae_app",
            f"there is no Fae.app in {' or '.join(map(str, _places()))}"
            + (
                ", where the app of FAE_APP_DIR is expected"
                if os.environ.get("FAE_APP_DIR")
                else ""
            ),
            "install Fae, then: uv run scripts/deploy.py --check",
        )
    if Path(sys.argv[0]).resolve().is_relative_to(found[0].bundle):
        return found[0]
    if len({app.version for app in found}) > 1:
        several = ", ".join(f"{app.version or 'unknown'} in {app.bundle}" for app in found)
        raise Refused(
            "several_fae_apps",
            f"several versions of Fae are installed, and which one you use is not known: {several}",
            "remove those that you do not use, then: uv run scripts/deploy.py --check",
        )
    if not found[0].numbers:
        raise Missing(
            "unknown_fae_version",
            f"{found[0].bundle} does not say which version it is (it has no CFBundleShortVersionString)",
            "reinstall Fae, then: uv run scripts/deploy.py --check",
        )
    return found[0]


def _property_list(path: Path) -> dict:
    """The dictionary in a .plist file; {} where there is none or it cannot be read."""
    try:
        found = plistlib.loads(state.read_bytes(path))
    except (
        Exception
    ):  # plistlib does not say what it raises for a damaged file; it is of many types
        return {}
    return found if isinstance(found, dict) else {}


def _library() -> Path:
    """The Library folder that Fae's directory is in: ~/Library."""
    return fae_app.directory().absolute().parents[1]


def preference(name: str) -> object:
    """A value from Fae's user defaults, or None."""
    developer = "-dev" if fae_app.directory().name == "fae-dev" else ""
    identifiers = {app.identifier for app in installed()} or {IDENTIFIER}
    for identifier in sorted(identifiers):
        path = _library() / "Preferences" / f"{identifier.removesuffix('-dev')}{developer}.plist"
        found = _property_list(path).get(name)
        if found is not None:
            return found
    return None


def loaded_model() -> str | None:
    """The id of the language model that Fae last loaded."""
    found = preference(LOADED_MODEL)
    return found if isinstance(found, str) and found else None


def model_of_preset(name: str) -> str | None:
    """The model of one of Fae's preset names (llm.voiceModelPreset) in the installed version, or None."""
    if name in TINY:
        apps = installed()
        return PRESETS["qwen3_5_2b"] if apps and apps[0].is_later else EARLY_TINY
    return PRESETS.get(name)


def expected_model(memory_gb: int) -> tuple[str, str] | None:
    """(the model that Fae loads, why), None if there is no sign of Fae. Raises Refused for an unknown preset.

    The model that it last loaded comes first, then its preset, then the version's default for this amount of memory.
    """
    if named := loaded_model():
        return named, "Fae has loaded it"
    apps, config = installed(), fae_app.config()
    if not apps and not config:
        return None
    preset = str(config.get("llm", {}).get("voiceModelPreset", "auto"))
    if preset != "auto":
        if (named := model_of_preset(preset)) is None:
            raise Refused(
                "unknown_preset",
                f"Fae's preset {preset!r} is unknown, so Fae's model cannot be determined; known presets are "
                f"{', '.join((*TINY[:1], *PRESETS))}",
                "name the model: uv run scripts/train.py --model ID",
            )
        return named, f"Fae runs {preset}"
    later = bool(apps) and apps[0].is_later
    tiers = LATER_TIERS if later else EARLY_TIERS
    model = next(model for least, model in tiers if memory_gb >= least)
    which = f"Fae {apps[0].version}'s" if apps else "Fae's"
    return model, f"{which} choice for {fae_app.memory_bytes() / fae_app.GIB:.0f} GB of memory"
