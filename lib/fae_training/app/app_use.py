"""Which deployed results the app actually uses. Reads only; app_results puts them there."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from fae_training.app import fae_app
from fae_training.app.app_files import AGAIN
from fae_training.release.deployment import current, fingerprint
from fae_training.store.state import Home

# Written by app_results: what was put where, and what it replaced.
FILE = "app.json"
# Suffix of the folder with an adapter that has no effect.
OFF = "-off"
CLASSIFIER_FOLDERS = {"keyword": "keyword-classifier", "speech_verifier": "speech-verifier"}


@dataclass(frozen=True)
class AdapterInApp:
    """The adapter folder that the app uses (None: the base model), and where that was read."""

    path: str | None
    where: str


def adapter_in_app() -> AdapterInApp | None:
    """Which adapter the app uses, None where that cannot be read.

    Developer builds keep the key in config.toml; a nightly loop keeps its own deploys in improvement.db. Whether a
    release keeps the key anywhere is not known.
    """
    training = fae_app.config().get("training", {})
    if isinstance(training, dict) and "personalAdapterPath" in training:
        return AdapterInApp(str(training["personalAdapterPath"] or "") or None, "config.toml")
    database = fae_app.directory() / "improvement.db"
    if not database.is_file():
        return None
    import sqlite3

    try:
        opened = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=2)
        with contextlib.closing(opened):
            found = opened.execute("SELECT current_adapter_path FROM improvement_state").fetchone()
    except sqlite3.Error:
        return None
    # An empty field says nothing: the key, which this database does not know, takes precedence.
    return AdapterInApp(found[0], "improvement.db") if found and found[0] else None


def classifier_folder(name: str) -> Path:
    """The folder in which the app looks for it; fae-dev uses the folders of "fae" too."""
    directory = fae_app.directory()
    own = directory.with_name("fae") if directory.name == "fae-dev" else directory
    return own / "models" / name


def holds_files(directory: Path) -> bool:
    return directory.is_dir() and any(path.is_file() for path in directory.iterdir())


def in_use(home: Home) -> dict[str, str]:
    """{slot: a sentence} where the app uses something other than the approved model. {} if all is well or unknown."""
    record, found = home.read(FILE, {}) or {}, {}
    published, uses = record.get("adapters", {}), adapter_in_app()
    active = current(home, "language")
    approved = published.get(active.run, {}).get("path") if active else None
    if uses and uses.path and uses.path != approved and not uses.path.endswith(OFF):
        found["language"] = (
            f"Fae uses {uses.path} by its {uses.where}; it should use {approved or 'its base model'}"
        )
    elif uses and not uses.path and approved:
        found["language"] = f"Fae uses its base model by its {uses.where}; it should use {approved}"
    if approved and not Path(approved).is_dir():
        found["language"] = f"Fae should use {approved}, which is gone; {AGAIN} puts it back"
    if current(home, "speech") and (waiting := record.get("words_proposed")):
        found["speech"] = (
            f"{', '.join(list(waiting)[:5])} {'waits' if len(waiting) == 1 else 'wait'} to be added to Fae's word list; "
            f"quit Fae, then: {AGAIN}"
        )
    for slot, folder in CLASSIFIER_FOLDERS.items():
        target = classifier_folder(folder)
        entry = record.get(slot, {}).get("fingerprint")
        present = fingerprint(target) if holds_files(target) else None
        if entry and present != entry:
            found[slot] = (
                f"{target} {'was changed' if present else 'is gone'}; {AGAIN} puts it back"
            )
    return found
