"""What begins to learn something of which there is no run yet: the person's consent, then the data, then the training."""

import shlex

from fae_training.calls.errors import SkillError
from fae_training.lifecycle.kinds import DEFAULT_PRESET, KINDS
from fae_training.store import consent
from fae_training.store.state import Home

# Where the material of a kind lies; the classifiers also learn without any.
_MATERIAL = {
    "sft": ("data", "sft", "train.jsonl"),
    "dpo": ("data", "dpo", "train.jsonl"),
    "stt": ("stt", "corrections.jsonl"),
}
# How a person gives it where the call that collects it needs more than was allowed.
_BY_HAND = {"stt": "add_correction.py --heard HEARD --meant MEANT"}


def of(home: Home, kind: str | None = None) -> str:
    """The next call, after scripts/, on the way to a first run of `kind`; None: of the first kind that the person allowed."""
    allowed = [name for name, one in KINDS.items() if not consent.missing(home, one.consents)]
    chosen = KINDS[kind or next(iter(allowed or KINDS))]
    if chosen.name not in allowed:
        return consent.command(consent.missing(home, chosen.consents))
    if (parts := _MATERIAL.get(chosen.name)) and not home.file(*parts).is_file():
        lacking = consent.missing(home, needed(chosen.material))
        return chosen.material if not lacking else _BY_HAND[chosen.name]
    return f"{chosen.script} --preset {DEFAULT_PRESET}"


def permitted(home: Home, call: str) -> str:
    """`call`, after scripts/; in its place the consent that it needs and lacks, which only the person gives."""
    lacking = consent.missing(home, needed(call))
    return consent.command(lacking) if lacking else call


def with_question(home: Home, call: str) -> tuple[str, dict[str, str]]:
    """permitted(), and if that is the person's consent "say", how Fae asks for it, and perhaps "reminder", for a terminal."""
    try:
        call = permitted(home, call)
        if not consent.is_given_by(call):
            return call, {}
        sources = [word for word in shlex.split(call) if word in consent.SOURCES]
        return call, {
            "say": consent.question(home, sources),
            "reminder": consent.reminder(home, sources),
        }
    except SkillError:  # a damaged consent.json is reported by the scripts that need it
        return call, {}


def needed(call: str) -> tuple[str, ...]:
    """The consents without which a call, after scripts/, is refused; forgetting needs none."""
    script, *words = shlex.split(call)
    if "--reject" in words or "--check" in words:
        return ()
    if script in ("fuse.py", "propose.py", "deploy.py") or "--rescore" in words:
        run = words[words.index("--run") + 1] if "--run" in words[:-1] else ""
        kind = KINDS.get(run.rsplit("-", 3)[0])
        return kind.consents if kind else ()
    if "--forget" in words:
        return ()
    return next(
        (
            kind.consents
            for kind in KINDS.values()
            if script in (kind.script, kind.material.split()[0])
        ),
        (),
    )
