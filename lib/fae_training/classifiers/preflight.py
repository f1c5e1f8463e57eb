"""The checks of train_keyword.py and train_speech_verifier.py before a run. Standard library only."""

from collections.abc import Mapping

from fae_training.calls.errors import BadRequest, Missing, command_line
from fae_training.classifiers.classes import CLASSIFIERS, ClassifierKind
from fae_training.classifiers.recordings import directory, scan
from fae_training.lifecycle.preflight import Data
from fae_training.lifecycle.settings import Settings
from fae_training.speech.synthesis import find_synthesiser
from fae_training.store.state import Home


def phrases_of(settings: Mapping, kind: ClassifierKind) -> dict[str, list[str]]:
    """The phrases of each trigger as a list. Raises BadRequest where one has none."""
    found = {}
    for name in kind.phrases:
        found[name] = [p.strip() for p in settings[f"{name}_phrases"].split(",") if p.strip()]
        if not found[name]:
            raise BadRequest(
                "no_phrases",
                f"--{name}-phrases contains no phrase",
                "uv run "
                + command_line(
                    f"scripts/{kind.script}", f"--{name}-phrases", ", ".join(kind.phrases[name][:2])
                ),
            )
    return found


def check(home: Home, settings: Settings, kind: str, only: Mapping[str, str] | None = None) -> Data:
    """Describe the number of samples; for a resumed run, only those in `only` (recordings.scan).

    Raises BadRequest (unknown class), Missing (a class without samples), Refused (a sample was
    removed or changed).
    """
    classifier = CLASSIFIERS[kind]
    phrases_of(settings.values, classifier)
    found = scan(home, classifier, only)
    counts = {name: len(paths) for name, paths in found.files.items()}
    borrowed = {name: sum(c == name for c, _ in found.borrowed) for name in classifier.classes}
    can_speak = settings["synthesise"] == "auto" and find_synthesiser() is not None
    notes = list(found.notes)
    for name in classifier.classes:
        if counts[name] + borrowed[name]:
            continue
        spoken = name in classifier.triggers or name == "speech"
        if spoken and not can_speak:
            why = (
                "synthesising is turned off"
                if settings["synthesise"] != "auto"
                else "neither say nor espeak-ng is installed to synthesise some"
            )
            raise Missing(
                "no_samples",
                f"{directory(home, kind) / name} has no samples, and {why}; start with 20 recordings, 200 are good",
                f"uv run scripts/add_samples.py --kind {kind} --class {name} --speaker me --files RECORDINGS...",
            )
        how = "spoken by a synthesiser" if spoken else "generated"
        notes.append(f"there is no recording of {name}: all of it is {how}")
    own = ", ".join(f"{count} of {name}" for name, count in counts.items() if count)
    learned_from = f"your recordings ({own})" if own else "synthesised sounds alone"
    return Data(found.fingerprint, learned_from, counts, tuple(notes), files=found.digests)
