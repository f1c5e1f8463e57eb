"""Which value holds, and where it came from: flag > parameter > config.json > preset > default."""

import difflib
from argparse import ArgumentTypeError
from dataclasses import dataclass

from fae_training.calling import Call
from fae_training.errors import BadRequest
from fae_training.kinds import KINDS
from fae_training.ranges import RANGES

# What config.json may hold besides a part for each kind, and what it means when it is absent.
HOUSE_RULES = {
    # Runs that Fae starts by itself are at least so far apart; a person is never held up.
    "min_days_between_runs": 7.0,
    # "wait" pauses a run while the Mac is on battery; "train" goes on.
    "on_battery": "wait",
}


@dataclass(frozen=True)
class Settings:
    """Resolved values and, for each, its source."""

    values: dict
    sources: dict

    def __getitem__(self, name: str):
        return self.values[name]


def resolve(call: Call, kind: str, presets: dict[str, dict], defaults: dict) -> Settings:
    """The settings of one run. `defaults` names every setting there is, "preset" among them.

    Raises BadRequest for an unknown preset or for a name in config.json that nothing reads.
    """
    own = _from_config(call, kind, defaults)
    given = vars(call.arguments)
    values, sources = dict(defaults), {name: "default" for name in defaults}
    preset = given.get("preset") or own.get("preset") or defaults["preset"]
    if preset not in presets:
        raise BadRequest(
            "unknown_preset",
            f"there is no preset {preset!r}; the presets are {', '.join(presets)}",
            f"uv run scripts/{KINDS[kind].script} --preset {next(iter(presets))}",
        )
    layers = (
        (presets[preset], lambda name: f"preset {preset}"),
        (own, lambda name: "config.json"),
        ({n: given[n] for n in defaults if given.get(n) is not None}, call.sources.get),
    )
    for layer, source in layers:
        for name, value in layer.items():
            values[name], sources[name] = value, source(name)
    return Settings(values, sources)


def house_rule(call: Call, name: str):
    """A rule for all kinds from config.json, or its default. Raises BadRequest as `resolve` does."""
    return _config(call).get(name, HOUSE_RULES[name])


def _config(call: Call) -> dict:
    config = call.home.read("config.json", {}) or {}
    _refuse_unknown(config, {*HOUSE_RULES, *KINDS, "schema"}, "config.json")
    rules = {name: value for name, value in config.items() if name in HOUSE_RULES}
    return config | _checked(rules, HOUSE_RULES, "config.json")


def _from_config(call: Call, kind: str, defaults: dict) -> dict:
    own, where = _config(call).get(kind, {}), f"the part {kind!r} of config.json"
    if not isinstance(own, dict):
        raise BadRequest(
            "bad_setting", f"{where} is {own!r}, expected an object", f'"{kind}": {{}}'
        )
    _refuse_unknown(own, set(defaults), where)
    return _checked(own, defaults, where)


def _checked(part: dict, defaults: dict, where: str) -> dict:
    """`part` with each number as its range reads it, as it does for a flag; another value is of its default's type.

    A text is no number here, as it is nowhere else in JSON.
    """
    checked = {}
    for name, value in part.items():
        default = defaults[name]
        expected = RANGES.get(name, f"something like {default!r}")
        try:
            if name in RANGES and not isinstance(value, str):
                checked[name] = RANGES[name](value)
            elif name not in RANGES and (default is None or type(value) is type(default)):
                checked[name] = value
            else:
                raise ArgumentTypeError
        except ArgumentTypeError:
            raise BadRequest(
                "bad_setting",
                f"{where} has {name} = {value!r}, expected {expected}",
                f"the default is {default!r}",
            ) from None
    return checked


def _refuse_unknown(part: dict, known: set[str], where: str) -> None:
    for name in part:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise BadRequest(
                "unknown_setting",
                f"{where} has {name!r}, which nothing reads"
                + (f"; did you mean {close[0]!r}?" if close else ""),
                f"the settings are: {', '.join(sorted(known - {'schema'}))}",
            )
