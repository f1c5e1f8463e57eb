"""What begins to learn something of which there is no run yet: the person's consent, then the data, then the training."""

from fae_training.lifecycle.kinds import DEFAULT_PRESET, KINDS
from fae_training.store import consent
from fae_training.store.state import Home

# Where the material of a kind lies; the classifiers also learn without any.
_MATERIAL = {
    "sft": ("data", "sft", "train.jsonl"),
    "dpo": ("data", "dpo", "train.jsonl"),
    "stt": ("stt", "corrections.jsonl"),
}


def of(home: Home, kind: str | None = None) -> str:
    """The next call, after scripts/, on the way to a first run of `kind`; None: of the first kind that the person allowed."""
    allowed = [name for name, one in KINDS.items() if consent.granted(home, one.consent)]
    chosen = KINDS[kind or next(iter(allowed or KINDS))]
    if chosen.name not in allowed:
        return f"setup.py --consent {chosen.consent}"
    if (parts := _MATERIAL.get(chosen.name)) and not home.file(*parts).is_file():
        return chosen.material
    return f"{chosen.script} --preset {DEFAULT_PRESET}"
