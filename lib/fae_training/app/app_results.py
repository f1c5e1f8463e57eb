"""Publish deployed results in the app, where the installed version of Fae reads them, and withdraw them.

    language          $S/models/personal/<run>/: used once training.personal_adapter_path is set to it
    keyword, speech_verifier    $S/models/<name>/: read when Fae starts
    speech            no Fae loads a trained recogniser; the words go to personal_lexicon.json, read when Fae starts

$S is Fae's own directory (fae_app). app.json in the state directory records what was written where and what it
replaced, so that it can be undone exactly. Standard library only; docs/fae.md has the table of versions.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from fae_training.app import app_files, app_words, fae_app, fae_versions
from fae_training.app.app_files import AGAIN
from fae_training.app.app_use import (
    CLASSIFIER_FOLDERS,
    FILE,
    OFF,
    adapter_in_app,
    classifier_folder,
    holds_files,
)
from fae_training.app.fae_versions import FaeApp
from fae_training.calls.errors import SkillError
from fae_training.classifiers.classes import FAE_FORM
from fae_training.judgement.benchmark import Benchmark
from fae_training.language.adapter_files import is_routed, read_config
from fae_training.lifecycle import learned
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.release.deployment import deployments, fingerprint
from fae_training.store import locks
from fae_training.store.state import Home

KEY = "training.personal_adapter_path"

# The state of a result in the app: what has to happen before it is used, or why it cannot be.
SET_KEY, RESTART, CLOSE_FAE = "set_key", "restart", "close_fae"
NOT_USED, NOTHING_TO_DO = "not_used", "nothing_to_do"


@dataclass(frozen=True)
class InApp:
    """The state of a result in the app: one of the words above, and a sentence.

    `step`: the tool call that Fae's agent still has to make. The paths are absolute.
    """

    use: str
    says: str
    adapter_path: str | None = None
    previous_adapter_path: str | None = None
    step: dict | None = None

    def as_answer(self) -> dict:
        """The fields of an answer: {"app": {...}, "adapter_path", "previous_adapter_path"}."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        paths = {name: fields.pop(name, None) for name in ("adapter_path", "previous_adapter_path")}
        return {"app": fields} | paths


def publish(home: Home, run: Run) -> InApp:
    """Put a deployed run where the app reads it; idempotent. Raises SkillError on failure, with nothing changed.

    The answer says so if this version of Fae does not use such a result, or if the version in use is not known.
    """
    if why := learned.why_not(run):
        back = f"uv run scripts/rollback.py --kind {run.kind}"
        return _not_used(run, f"{why}, so it is not put into Fae. Roll it back: {back}")
    try:
        app = fae_versions.the_app()
    except SkillError as error:
        if error.code == "no_fae_app":
            text = f"It is ready, but Fae was not found on this machine ({error.message})."
            return _not_used(run, f"{text} Once Fae is installed, {AGAIN} puts it there.")
        text = f"It is not in Fae yet: {error.message}. To put it there: {error.hint}"
        return _not_used(run, text)
    if not fae_app.directory().is_dir():
        return _not_used(run, f"Fae has not been started yet: there is no {fae_app.directory()}")
    slot = KINDS[run.kind].slot
    with _record(home) as record:
        if slot == "language":
            return _publish_adapter(record, app, run)
        if slot == "speech":
            return _publish_words(record, app, home, run)
        return _publish_classifier(record, app, run, slot)


def after_yes(run: Run) -> str:
    """What happens in Fae once the person approves the run, for its proposal. Changes nothing."""
    slot = KINDS[run.kind].slot
    try:
        app = fae_versions.the_app()
        if slot == "language":
            why, use = why_not_loaded(app, run), "Fae uses the update from its next answer on."
        elif slot == "speech":
            why = None if app.is_later else f"This version of Fae ({app.version}) has no word list."
            use = "Fae adds the words to its word list, and uses them from its next start; no Fae loads the recogniser itself."
        else:
            why, use = _why_not_read(app, slot), "Fae uses the update from its next start."
    except SkillError as error:
        if error.code == "no_fae_app":
            return "The update is kept ready: Fae was not found on this machine, and uses it once it is installed."
        return f"The update is kept ready, but Fae does not use it yet: {error.message}."
    return f"The update is kept ready, but Fae does not use it yet. {why}" if why else use


def settle(home: Home, verified: list[Run]) -> dict[str, InApp]:
    """Finish pending work: publish the verified runs and remove words no longer deployed. Returns {slot: state in the app}."""
    found = {KINDS[run.kind].slot: publish(home, run) for run in verified}
    kept = home.read(FILE, {}) or {}
    if "speech" not in found and (kept.get("words") or kept.get("words_proposed")):
        with _record(home) as record:
            found["speech"] = _withdraw_words(record, None)
    return found


def withdraw_newest(home: Home, slot: str) -> InApp | None:
    """`withdraw` the run that a rollback of `slot` is about to undo; None where nothing is deployed.

    This comes before the rollback is recorded: if it raises, nothing has changed and the rollback can be repeated.
    """
    stack = deployments(home).get(slot, [])
    if not stack:
        return None
    now = Run(home, stack[-2].run) if len(stack) > 1 else None
    return withdraw(home, slot, Run(home, stack[-1].run), now)


def withdraw(home: Home, slot: str, was: Run, now: Run | None) -> InApp:
    """Undo `publish` of `was`; idempotent. `now` becomes active in the slot, None for the base model."""
    with _record(home) as record:
        if slot == "language":
            return _withdraw_adapter(record, was, now)
        if slot == "speech":
            return _withdraw_words(record, now)
        return _withdraw_classifier(record, was, now, slot)


@contextlib.contextmanager
def _record(home: Home) -> Iterator[dict]:
    """app.json, written back if the block succeeds; one script at a time."""
    with locks.exclusive(home.directory() / ".app.lock", os.O_RDWR | os.O_CREAT):
        record = home.read(FILE, {}) or {}
        before = json.dumps(record)
        yield record
        if json.dumps(record) != before:
            home.write(FILE, record)


def _not_used(run: Run, text: str) -> InApp:
    return InApp(NOT_USED, text, str(run.file("adapters")))


# Adapters of the language model


def step(path: str) -> dict:
    """The call of Fae's own tool that makes the running engine use the adapter in `path`."""
    params = {"action": "adjust_setting", "key": KEY, "value": path}
    return {"tool": "self_config", "params": params}


def _publish_adapter(record: dict, app: FaeApp, run: Run) -> InApp:
    if why := why_not_loaded(app, run):
        return _not_used(run, why)
    published_by_run = record.setdefault("adapters", {})
    before, published = adapter_in_app(), published_by_run.get(run.id)
    path = str(app_files.place(run.file("adapters"), _personal(), run.id))
    if published is None or published["path"] != path:
        published_paths = {entry["path"] for entry in published_by_run.values()}
        foreign = before.path if before and before.path not in published_paths else None
        published_by_run[run.id] = {
            "path": path,
            "before": foreign,
            "replaced": record.get("adapter"),
        }
    record["adapter"] = run.id
    previous = _previous(published_by_run, run.id)
    if before and before.path == path:
        return InApp(NOTHING_TO_DO, f"Fae uses {path}.", path, previous)
    text = (
        f"The adapter is in {path}. Fae uses it as soon as {KEY} is set to that folder, until it is closed; with "
        "training.adapter_auto_load_enabled on, after a restart too."
    )
    return InApp(SET_KEY, text, path, previous, step(path))


def _previous(published_by_run: dict, run_id: str) -> str | None:
    """The adapter path before this run: the run that it replaced, or the app's own setting."""
    entry = published_by_run[run_id]
    replaced = published_by_run.get(entry["replaced"])
    return replaced["path"] if replaced and entry["replaced"] != run_id else entry["before"]


def _personal() -> Path:
    return fae_app.directory() / "models" / "personal"


def why_not_loaded(app: FaeApp, run: Run) -> str | None:
    """Why this version of Fae cannot use the adapter of `run` (version, base model, files), or None."""
    first = ".".join(map(str, fae_versions.FIRST_WITH_ADAPTERS))
    if app.adapters is False:
        return f"This version of Fae ({app.version}) cannot load adapters. Update it to {first} or later to use this one."
    if app.adapters is None:
        return f"It is not known whether this version of Fae ({app.version}) loads adapters; {first} and later do."
    if app.daemon:
        return (
            f"This version of Fae ({app.version}) answers with Gemma 4 in fae-daemon, which loads only GGUF adapters; "
            f"this one is an MLX adapter for {run.record['model']['id']}."
        )
    base, loaded = run.record["model"]["id"], fae_versions.loaded_model()
    if loaded is None:
        return f"It is not known which model Fae has loaded. Start Fae once, then: {AGAIN}"
    if loaded != base:
        return f"It was trained on {base}, but Fae has loaded {loaded}, which it does not fit."
    return why_not_fitting(run.file("adapters"))


def why_not_fitting(adapter: Path) -> str | None:
    """Why mlx-swift-lm's loader would reject an adapter, by its own rules, or None."""
    config, names = read_config(adapter), app_files.tensors(adapter / "adapters.safetensors")
    lora = config.get("lora_parameters", {})
    if not isinstance(config.get("num_layers"), int) or config["num_layers"] < 1:
        return f"Its adapter_config.json says num_layers {config.get('num_layers')!r}; Fae needs a positive number."
    if config.get("fine_tune_type") not in ("lora", "dora"):
        return f"Its adapter_config.json says fine_tune_type {config.get('fine_tune_type')!r}, expected lora."
    if not isinstance(lora.get("rank"), int) or not isinstance(lora.get("scale"), int | float):
        return "Its adapter_config.json has no rank or no scale."
    if routed := [name for name in names if is_routed(name)]:
        return f"It adapts routed experts ({len(routed)} tensors), which Fae cannot load: train without --experts."
    if other := [name for name in names if not name.endswith((".lora_a", ".lora_b"))]:
        return f"It contains {other[0]}, which is not an adapter's tensor."
    return None


def _withdraw_adapter(record: dict, was: Run, now: Run | None) -> InApp:
    published_by_run = record.get("adapters", {})
    entry = published_by_run.get(was.id)
    if record.get("adapter") == was.id:
        record["adapter"] = None
    if entry is None:
        return InApp(
            NOTHING_TO_DO, f"{was.id} had not been put into Fae, so nothing changes there."
        )
    path, in_app = entry["path"], adapter_in_app()
    if in_app and in_app.path != path:
        uses = in_app.path or "its base model"
        text = f"Fae uses {uses} by its {in_app.where}, not {path}. That has changed since, so it is left as it is."
        return InApp(NOTHING_TO_DO, text, in_app.path, path)
    if now:
        back = str(app_files.place(now.file("adapters"), _personal(), now.id))
        published_by_run.setdefault(now.id, {"path": back, "before": None, "replaced": None})
        record["adapter"] = now.id
    else:
        back = entry["before"]
    if back is None or not Path(back).is_dir():
        back = str(_base_again(was.file("adapters"), was.id))
    text = f"Fae goes back once {KEY} is set to {back}. {path} stays on disk."
    return InApp(SET_KEY, text, back, path, step(back))


def _base_again(adapter: Path, name: str) -> Path:
    """A folder with an adapter that has no effect, since later versions of Fae refuse an empty path."""
    with tempfile.TemporaryDirectory() as work:
        app_files.without_effect(adapter, Path(work, "neutral"))
        return app_files.place(Path(work, "neutral"), _personal(), f"{name}{OFF}")


# Classifiers


def _publish_classifier(record: dict, app: FaeApp, run: Run, slot: str) -> InApp:
    folder = CLASSIFIER_FOLDERS[slot]
    if why := _why_not_read(app, slot):
        return _not_used(run, why)
    source, target = run.file("adapters", FAE_FORM), classifier_folder(folder)
    entry = record.get(slot, {})
    if not source.is_dir():
        lacking = f"{run.id} has no model in the format that Fae loads ({source})."
        before = entry.get("run", "the one that was there before")
        remains = f" Fae continues to use {before} in {target}." if holds_files(target) else ""
        return _not_used(run, lacking + remains)
    app_files.check_classifier(source, app_files.CLASSES[slot])
    mark = fingerprint(source)
    found = fingerprint(target) if holds_files(target) else None
    kept = target.with_name(f".{folder}-before")
    if found != mark:
        foreign = found is not None and found != entry.get("fingerprint")
        app_files.replace_folder(source, target, kept if foreign else None)
    # Looked up on disk: the process may have been killed between the move and this record.
    before = str(kept) if kept.is_dir() else None
    record[slot] = {"run": run.id, "fingerprint": mark, "kept": before}
    text = f"The classifier is in {target}. Fae uses it from its next start."
    return InApp(RESTART, text, str(target))


def _why_not_read(app: FaeApp, slot: str) -> str | None:
    """Why this version of Fae does not load a classifier from its folder, or None."""
    if not app.is_later:
        return f"This version of Fae ({app.version}) does not load a classifier."
    if slot == "speech_verifier" and (own := app.bundled_model(CLASSIFIER_FOLDERS[slot])):
        return f"This version of Fae ({app.version}) uses its bundled classifier, {own}."
    return None


def of_both_forms(run: Run, measured: Benchmark) -> list[str]:
    """For a classifier's proposal: which of its two forms this version of Fae will use, and how good each is. [] for others."""
    slot = KINDS[run.kind].slot
    if slot not in CLASSIFIER_FOLDERS:
        return []
    values = {one.name: one.candidate for one in measured.figures}
    if "fae_macro_f1" not in values or not run.file("adapters", FAE_FORM).is_dir():
        return [
            "It was not exported to the format that Fae loads, so Fae cannot use it. Train it again with this version."
        ]
    good = (
        f"on held-out segments the form in Fae's own network has macro-F1 {values['fae_macro_f1']:.2f}, "
        f"the classifier that it was distilled from {values['segments_macro_f1']:.2f}"
    )
    try:
        app = fae_versions.the_app()
    except SkillError as error:
        return [f"Which of its two forms Fae uses is not known: {error.message}; {good}."]
    if why := _why_not_read(app, slot):
        return [f"{why} So it uses neither form; {good}."]
    unsure = ", if that version still reads it, which is not known" if app.daemon else ""
    return [
        f"This version of Fae ({app.version}) uses the form in Fae's own network, from its next start{unsure}; {good}. Fae takes the most "
        "likely class without a threshold, so the target rate of false alarms does not hold in the app."
    ]


def _withdraw_classifier(record: dict, was: Run, now: Run | None, slot: str) -> InApp:
    entry = record.get(slot)
    if entry is None or entry["run"] != was.id:
        return InApp(
            NOTHING_TO_DO, f"{was.id} had not been put into Fae, so nothing changes there."
        )
    target = classifier_folder(CLASSIFIER_FOLDERS[slot])
    if not holds_files(target) or fingerprint(target) != entry["fingerprint"]:
        record.pop(slot)
        return InApp(NOTHING_TO_DO, f"{target} has changed since, so it is left as it is.")
    if now and now.file("adapters", FAE_FORM).is_dir():
        app_files.replace_folder(now.file("adapters", FAE_FORM), target, None)
        record[slot] = entry | {"run": now.id, "fingerprint": fingerprint(target)}
    else:
        with app_files.work_folder(target.parent) as work:
            target.rename(work / "old")
            if entry["kept"] and Path(entry["kept"]).is_dir():
                Path(entry["kept"]).rename(target)
        record.pop(slot)
    text = f"{target} has been restored. Fae uses it from its next start."
    return InApp(RESTART, text, str(target) if target.exists() else None)


# Words


def _publish_words(record: dict, app: FaeApp, home: Home, run: Run) -> InApp:
    recogniser = "No Fae loads a trained recogniser"
    if not app.is_later:
        return _not_used(run, f"{recogniser}, and this version ({app.version}) has no word list.")
    words = app_words.known(home)
    if not words:
        text = f"{recogniser}, and there are no misheard words to put into its word list."
        return _not_used(run, text)
    listed = ", ".join(list(words)[:5]) + (f" and {len(words) - 5} more" if len(words) > 5 else "")
    if fae_versions.is_running() or (added := app_words.add(words)) is None:
        return _propose_words(record, words, f"{recogniser}; {listed}", str(run.file("adapters")))
    _note_added(record, added)
    app_words.drop_proposal()
    text = f"{recogniser}; {app_words.path()} has {listed}. Fae uses them from its next start."
    return InApp(RESTART, text, str(run.file("adapters")))


def _propose_words(record: dict, words: dict, listed: str, adapter: str) -> InApp:
    """While Fae runs, it would overwrite its list with its own: the list with our words is written beside it."""
    added = app_words.propose(words)
    if not added:
        _note_added(record, {})
        return InApp(NOTHING_TO_DO, f"{listed}: Fae's word list has them already.", adapter)
    record["words_proposed"] = added
    text = (
        f"{listed} can be added to its word list only while Fae is closed. The list with them is in {app_words.proposal()}. "
        f"Quit Fae, then: {AGAIN}"
    )
    return InApp(CLOSE_FAE, text, adapter)


def _note_added(record: dict, added: dict[str, list[str]]) -> None:
    """Record which words in Fae's list are ours; those of a proposal are there too, by the person's own hand or in `added`."""
    ours = record.setdefault("words", {})
    for new in (record.pop("words_proposed", {}), added):
        for word, heard in new.items():
            known = ours.get(word, [])
            ours[word] = [*known, *(one for one in heard if one not in known)]


def _withdraw_words(record: dict, now: Run | None) -> InApp:
    if now is None and record.pop("words_proposed", None):
        app_words.drop_proposal()
    if now is not None or not record.get("words"):
        return InApp(NOTHING_TO_DO, "Fae's word list stays as it is.")
    if fae_versions.is_running() or not app_words.take_out(record["words"]):
        text = f"Words can be removed from Fae's word list only while Fae is closed. Quit Fae, then: {AGAIN}"
        return InApp(CLOSE_FAE, text)
    record.pop("words")
    return InApp(
        RESTART,
        f"The words of this skill were removed from {app_words.path()}. Fae stops using them at its next start.",
    )
