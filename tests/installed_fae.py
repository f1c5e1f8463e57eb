"""A Fae.app and its directories in a HOME, as real files that the skill reads and writes."""

import plistlib
import shutil
from pathlib import Path

from calls import ROOT

LATER, EARLY = "0.8.190", "0.8.105"


def make(person: Path, version: str = LATER, loaded: object = None, name: str = "Fae") -> Path:
    """~/Applications/<name>.app, Fae's directory and, with `loaded`, the id of the model in its user defaults."""
    bundle = person / "Applications" / f"{name}.app"
    (bundle / "Contents/MacOS").mkdir(parents=True)
    (bundle / "Contents/Resources").mkdir()
    info = {"CFBundleIdentifier": "com.saorsalabs.fae", "CFBundleExecutable": "FaeNativeApp"}
    info |= {"CFBundleShortVersionString": version} if version else {}
    (bundle / "Contents/Info.plist").write_bytes(plistlib.dumps(info, fmt=plistlib.FMT_BINARY))
    directory(person).mkdir(parents=True, exist_ok=True)
    if loaded:
        preferences = person / "Library/Preferences"
        preferences.mkdir(exist_ok=True)
        kept = plistlib.dumps({"fae.loaded_model_id": str(loaded)}, fmt=plistlib.FMT_BINARY)
        (preferences / "com.saorsalabs.fae.plist").write_bytes(kept)
    return bundle


def directory(person: Path) -> Path:
    return person / "Library" / "Application Support" / "fae"


def personal(person: Path) -> Path:
    return directory(person) / "models" / "personal"


def put_skill_into(bundle: Path) -> Path:
    """The skill as the app ships it; its scripts folder."""
    skill = bundle / "Contents/Resources/Fae_Fae.bundle/Skills/training-orchestrator"
    for part in ("scripts", "lib"):
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(ROOT / part, skill / part, ignore=ignored)
    return skill / "scripts"


def set_key(person: Path, path: object) -> None:
    """As a developer build of the app keeps training.personal_adapter_path."""
    (directory(person) / "config.toml").write_text(f'[training]\npersonalAdapterPath = "{path}"\n')
